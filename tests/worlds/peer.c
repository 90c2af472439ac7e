// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This file looks into the memory of a process that runs a device. The library names all files
 * that it shares with such a process "memfd:coherent".
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
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

static bool is_zero(const char *piece, size_t bytes)
{
	return !piece[0] && !memcmp(piece, piece + 1, bytes - 1);
}

/* Most pieces are zero, and memmem() is slow. */
static bool range_has(int memory, off_t first, off_t last, const char secret[16])
{
	char *piece = malloc(PIECE);
	bool has = false;

	assert_non_null(piece);
	for (; !has && first < last; first += PIECE) {
		const size_t bytes = last - first < (off_t)PIECE ? (size_t)(last - first) : PIECE;
		const ssize_t got = pread(memory, piece, bytes, first);

		has = got > 0 && !is_zero(piece, (size_t)got) &&
		      memmem(piece, (size_t)got, secret, 16);
	}
	free(piece);
	return has;
}

/* A hole of a file holds no secret, and a file may be as large as an address window. */
static bool file_has(int fd, const char secret[16])
{
	off_t first = 0, last = 0;
	bool has = false;

	while (!has && (first = lseek(fd, last, SEEK_DATA)) >= 0) {
		last = lseek(fd, first, SEEK_HOLE);
		assert_true(last > first);
		has = range_has(fd, first, last, secret);
	}
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

/**
 * struct mapping - A mapping of a file of the library.
 * @first: The first address.
 * @last: The first address behind it.
 * @major: The major number of the file system.
 * @minor: The minor number of the file system.
 * @file: The number of the file in it.
 */
struct mapping {
	unsigned long first;
	unsigned long last;
	unsigned int major;
	unsigned int minor;
	unsigned long file;
};

/* Finds the next mapping of a file of the library. Returns false if there is none. */
static bool next_shared_mapping(FILE *maps, struct mapping *mapping)
{
	char line[512];

	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "memfd:coherent") &&
		    sscanf(line, "%lx-%lx %*s %*s %x:%x %lu", &mapping->first, &mapping->last,
			   &mapping->major, &mapping->minor, &mapping->file) == 5)
			return true;
	return false;
}

/* Opens a file of the library that a process has open. Returns -1 if it is another file. */
static int open_shared_file(pid_t pid, const char *number)
{
	char path[300], file[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid, number);
	n = readlink(path, file, sizeof(file) - 1);
	file[n > 0 ? n : 0] = 0;
	return strstr(file, "memfd:coherent") ? open(path, O_RDONLY) : -1;
}

static DIR *open_folder(pid_t pid)
{
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	assert_non_null(dir);
	return dir;
}

/* Opens the next file of the library that a process has open. Returns -1 if there is none. */
static int next_open_file(DIR *dir, pid_t pid)
{
	const struct dirent *entry;
	int fd = -1;

	while (fd < 0 && (entry = readdir(dir)))
		fd = open_shared_file(pid, entry->d_name);
	return fd;
}

/* A process may read a file that it has not mapped. */
static bool open_files_have(pid_t pid, const char secret[16])
{
	DIR *dir = open_folder(pid);
	bool has = false;
	int fd;

	while (!has && (fd = next_open_file(dir, pid)) >= 0) {
		has = file_has(fd, secret);
		close(fd);
	}
	closedir(dir);
	return has;
}

static bool is_open(pid_t pid, const struct mapping *mapping)
{
	DIR *dir = open_folder(pid);
	bool is_found = false;
	struct stat status;
	int fd;

	while (!is_found && (fd = next_open_file(dir, pid)) >= 0) {
		is_found = !fstat(fd, &status) && status.st_ino == mapping->file &&
			   status.st_dev == makedev(mapping->major, mapping->minor);
		close(fd);
	}
	closedir(dir);
	return is_found;
}

/* A read of a mapping would fill the holes of its file, so open files are read as files. */
bool peer_has(pid_t pid, const char secret[16])
{
	FILE *maps = open_maps(pid);
	struct mapping mapping;
	bool has = false;
	char path[64];
	int memory;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	memory = open(path, O_RDONLY);
	assert_true(memory >= 0);
	while (!has && next_shared_mapping(maps, &mapping))
		has = !is_open(pid, &mapping) &&
		      range_has(memory, (off_t)mapping.first, (off_t)mapping.last, secret);
	fclose(maps);
	close(memory);
	return has || open_files_have(pid, secret);
}

bool is_in_shared_file(const void *memory)
{
	FILE *maps = open_maps(getpid());
	struct mapping mapping;
	bool is_in = false;

	while (!is_in && next_shared_mapping(maps, &mapping))
		is_in = (uintptr_t)memory >= mapping.first && (uintptr_t)memory < mapping.last;
	fclose(maps);
	return is_in;
}

bool world_gives_memory(const struct world *world)
{
	return world->ops->pid && !world->gets_no_memory;
}

bool world_peer_may_have(struct world *world, const void *memory)
{
	return world->ops->pid && is_in_shared_file(memory);
}

bool world_peer_has(struct world *world, const char secret[16])
{
	return world->ops->pid && peer_has(world->ops->pid(world), secret);
}
