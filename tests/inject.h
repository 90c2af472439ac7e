/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Allocations and system calls of the library, counted, and one of them failing.
 */
#ifndef INJECT_H
#define INJECT_H

#include "test.h"

/**
 * struct inject - What the wrapped functions count, and when they fail.
 * @left: Calls until one fails; 0 for never.
 * @failed: One has failed.
 * @no_populate: MADV_POPULATE_WRITE is as unknown as before Linux 5.14.
 * @hugepages: There are hugepages: pretend, with ordinary ones.
 * @blocks: Blocks of memory in use.
 * @bytes: Bytes mapped.
 * @fds: Descriptors open.
 * @huge_maps: Mappings of hugepages asked for.
 */
extern struct inject {
	unsigned int left;
	bool failed;
	bool no_populate;
	bool hugepages;
	long blocks;
	long bytes;
	long fds;
	unsigned int huge_maps;
} inject;

/* Whether this call is the one that fails. */
bool inject_fails(void);

/* Not counted: for tests. */
void *__real_calloc(size_t count, size_t size);
void __real_free(void *block);

#endif
