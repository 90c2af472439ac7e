// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This program maps the packets of the module coherent_edu, and unbinds the driver while they are
 * mapped. It goes on to run: it reads zeros, and what it writes goes to nobody. It prints TAP.
 * Its argument is the name of the device.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

/* The driver has packets of 2048 bytes, 8 of them a header, for so many bytes. */
#define BYTES 10300
#define IN_PACKET 2040
#define PAGES 3
#define DRIVER "/sys/bus/pci/drivers/coherent_edu/"

static void tell_driver(const char *file, const char *device)
{
	int fd = open(file, O_WRONLY);

	if (fd < 0 || write(fd, device, strlen(device)) < 0)
		give_up(file);
	close(fd);
}

static bool has_pattern(volatile const unsigned char *packets)
{
	size_t i;

	for (i = 0; i < BYTES; i++)
		if (packets[i / IN_PACKET * 2048 + 8 + i % IN_PACKET] != (uint8_t)(i * 7 + i / 256))
			return false;
	return true;
}

/* --- A thread that writes all the time --- */

static struct {
	volatile unsigned char *page;
	unsigned long turns;
	bool ends;
} writer;

static void *write_all_the_time(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&writer.ends, __ATOMIC_RELAXED)) {
		writer.page[100]++;
		__atomic_fetch_add(&writer.turns, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void wait_for_writes(void)
{
	const unsigned long before = __atomic_load_n(&writer.turns, __ATOMIC_ACQUIRE);

	while (__atomic_load_n(&writer.turns, __ATOMIC_ACQUIRE) < before + 1000)
		sched_yield();
}

/* --- A child --- */

/* Returns the exit status of a child. It looks at the packets, and again when the pipe is closed. */
static int child_reads(int seen, int go, volatile const unsigned char *packets)
{
	char byte = 0;

	if (!has_pattern(packets) || write(seen, &byte, 1) != 1)
		return 1;
	if (read(go, &byte, 1) != 0)
		return 2;
	return is_all(packets, 0, PAGES * PAGE) ? 0 : 3;
}

static int status_of(pid_t child)
{
	int status;

	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- The tests --- */

static void refuse_bad_mappings(int fd, const char *path)
{
	int read_only = open(path, O_RDONLY);
	void *got;

	check(map_error(fd, 0, PAGES + 1, PROT_READ, MAP_SHARED) == ERANGE,
	      "a mapping past the end is refused");
	check(map_error(fd, PAGES, 1, PROT_READ, MAP_SHARED) == ERANGE,
	      "so is one that begins at the end");
	check(map_error(fd, SIZE_MAX / PAGE / 2, 1, PROT_READ, MAP_SHARED) == ERANGE,
	      "so is one that begins at the largest offset");
	check(map_error(fd, 0, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE) == EINVAL,
	      "so is a private one");
	got = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, read_only, 0);
	check(got != MAP_FAILED && mprotect(got, PAGE, PROT_READ | PROT_WRITE) && errno == EACCES,
	      "a file that is open for reading gives a mapping for reading");
	munmap(got, PAGE);
	close(read_only);
}

static void unbind_while_mapped(int fd, const char *device)
{
	volatile unsigned char *packets = map_shared(fd, 0, PAGES), *late, *part, *moved;
	int go[2], seen[2];
	pthread_t thread;
	pid_t child;
	char byte;

	late = map_shared(fd, 0, PAGES);
	part = map_shared(fd, 1, 1);
	writer.page = map_shared(fd, 2, 1);
	moved = map_shared(fd, 0, PAGES);
	check(has_pattern(packets), "the process sees the packets of the driver");
	packets[PAGE + 5] ^= 0xff;
	check(part[5] == packets[PAGE + 5], "a write through one mapping is seen through another");
	packets[PAGE + 5] ^= 0xff;
	if (pipe(go) || pipe(seen))
		give_up("pipe");
	fflush(stdout);
	child = fork();
	if (!child) {
		close(go[1]);
		_exit(child_reads(seen[1], go[0], packets));
	}
	close(seen[1]);
	/* Nobody writes to the packets before the child has looked. */
	check(read(seen[0], &byte, 1) == 1, "a child sees the packets too");
	check(moved[PAGE] == packets[PAGE], "a third mapping has the same bytes");
	munmap((void *)(uintptr_t)(packets + PAGE), PAGE);
	moved = mremap((void *)(uintptr_t)moved, PAGES * PAGE, PAGES * PAGE,
		       MREMAP_MAYMOVE | MREMAP_FIXED, (void *)0x600000000000);
	if (moved == MAP_FAILED || pthread_create(&thread, NULL, write_all_the_time, NULL))
		give_up("mremap");
	wait_for_writes();
	tell_driver(DRIVER "unbind", device);
	check(is_all(packets, 0, PAGE) && is_all(packets + 2 * PAGE, 0, PAGE),
	      "after the unbind the process reads zeros");
	check(is_all(late, 0, PAGES * PAGE), "so it does where it had never read");
	check(is_all(part, 0, PAGE), "so it does in a mapping of one page");
	check(is_all(moved, 0, PAGES * PAGE), "so it does in a mapping that was moved");
	close(go[1]);
	check(status_of(child) == 0, "so does a child");
	packets[3] = 1;
	check(packets[3] == 1 && !late[3], "what it writes stays in its mapping");
	wait_for_writes();
	__atomic_store_n(&writer.ends, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	check(true, "a thread that wrote all the time goes on");
	check(map_error(fd, 0, 1, PROT_READ, MAP_SHARED) == ENODEV,
	      "the file that is still open maps nothing more");
}

int main(int argc, char **argv)
{
	volatile unsigned char *packets;
	char path[100];
	int fd, old;

	if (argc != 2)
		return 2;
	snprintf(path, sizeof(path), "/dev/coherent_edu-%s", argv[1]);
	old = open(path, O_RDWR);
	if (old < 0)
		give_up(path);
	refuse_bad_mappings(old, path);
	unbind_while_mapped(old, argv[1]);
	check(access(path, F_OK) && errno == ENOENT, "the file is gone");
	tell_driver(DRIVER "bind", argv[1]);
	fd = open(path, O_RDWR);
	packets = map_shared(fd, 0, PAGES);
	check(has_pattern(packets), "after a bind a new file maps the new packets");
	check(map_error(old, 0, 1, PROT_READ, MAP_SHARED) == ENODEV, "and the old one does not");
	return tap_end();
}
