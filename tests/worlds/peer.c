// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This file looks into the memory of a process that runs a device. The library names all files
 * that it shares with such a process "memfd:coherent".
 */
#include <fcntl.h>
#include <unistd.h>

#include "peer.h"

/* The search reads memory in pieces of this size. No secret crosses a page. */
#define PIECE ((size_t)1 << 20)

const char *qemu_missing(void)
{
	return system("qemu-system-x86_64 --version >/dev/null 2>&1") ?
		       "there is no qemu-system-x86_64" :
		       NULL;
}

const char *storage_daemon_missing(void)
{
	return system("qemu-storage-daemon --version >/dev/null 2>&1") ?
		       "there is no qemu-storage-daemon" :
		       NULL;
}

pid_t qemu_pid(struct world *world)
{
	(void)world;
	return child_process("qemu-system");
}

static bool range_has(int memory, unsigned long first, unsigned long last, const char secret[16])
{
	char *piece = malloc(PIECE);
	bool has = false;

	assert_non_null(piece);
	for (; !has && first < last; first += PIECE) {
		const size_t bytes = last - first < PIECE ? last - first : PIECE;
		const ssize_t got = pread(memory, piece, bytes, (off_t)first);

		has = got > 0 && memmem(piece, (size_t)got, secret, 16);
	}
	free(piece);
	return has;
}

static FILE *open_maps(pid_t pid)
{
	char path[64];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "r");
	assert_non_null(maps);
	return maps;
}

/* Finds the next mapping of a file of the library. Returns false if there is none. */
static bool next_shared_mapping(FILE *maps, unsigned long *first, unsigned long *last)
{
	char line[512];

	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "memfd:coherent") && sscanf(line, "%lx-%lx", first, last) == 2)
			return true;
	return false;
}

bool peer_has(pid_t pid, const char secret[16])
{
	FILE *maps = open_maps(pid);
	unsigned long first, last;
	bool has = false;
	char path[64];
	int memory;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	memory = open(path, O_RDONLY);
	assert_true(memory >= 0);
	while (!has && next_shared_mapping(maps, &first, &last))
		has = range_has(memory, first, last, secret);
	fclose(maps);
	close(memory);
	return has;
}

bool is_in_shared_file(const void *memory)
{
	FILE *maps = open_maps(getpid());
	unsigned long first, last;
	bool is_in = false;

	while (!is_in && next_shared_mapping(maps, &first, &last))
		is_in = (uintptr_t)memory >= first && (uintptr_t)memory < last;
	fclose(maps);
	return is_in;
}
