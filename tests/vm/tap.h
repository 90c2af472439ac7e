/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* TAP for a program in the VM, and what tests of mmap() share. The C library is linked statically. */
#ifndef VM_TAP_H
#define VM_TAP_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE 4096

static unsigned int tap_count;
static bool tap_failed;

static inline void check(bool good, const char *what)
{
	printf("%s %u - %s\n", good ? "ok" : "not ok", ++tap_count, what);
	tap_failed |= !good;
}

/* Returns the exit status. */
static inline int tap_end(void)
{
	printf("1..%u\n", tap_count);
	return tap_failed;
}

/* Ends the program, so that the tests that would follow are missing. */
static inline void *give_up(const char *what)
{
	perror(what);
	exit(1);
	return NULL;
}

static inline volatile unsigned char *map_shared(int fd, size_t first_page, size_t pages)
{
	void *got = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 (off_t)first_page * PAGE);

	return got == MAP_FAILED ? give_up("mmap") : got;
}

/* Returns the errno of a mapping that must fail; 0 if it does not. */
static inline int map_error(int fd, size_t first_page, size_t pages, int prot, int flags)
{
	void *got = mmap(NULL, pages * PAGE, prot, flags, fd, (off_t)(first_page * PAGE));

	return got == MAP_FAILED ? errno : 0;
}

static inline bool is_all(volatile const unsigned char *at, unsigned char byte, size_t bytes)
{
	while (bytes && *at == byte) {
		at++;
		bytes--;
	}
	return !bytes;
}

#endif
