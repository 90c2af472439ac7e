/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A pool of memory on a system that pretends to have some memory of each kind. The linker puts the
 * functions of pages_test.c between the library and libc (--wrap).
 */
#ifndef PAGES_TEST_H
#define PAGES_TEST_H

#include "../src/memory/pages.h"
#include "test.h"

#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)

/**
 * struct pages_most - The largest mapping of each kind that the system gives.
 * @ordinary: The bytes of ordinary pages.
 * @huge: The bytes of hugepages of 2 MiB.
 * @giga: The bytes of hugepages of 1 GiB.
 * @node: The bytes of memory of a node.
 * @keeps: It unmaps nothing, because the process has too many mappings.
 */
struct pages_most {
	size_t ordinary;
	size_t huge;
	size_t giga;
	size_t node;
	bool keeps;
};

/**
 * struct pages_seen - The calls of the library.
 * @bytes: The size of the last mapping that the library got.
 * @shift: The size of its hugepages, 0 for ordinary pages.
 * @bound: It was bound to a node.
 * @huge_maps: How often the library asked for hugepages.
 * @unmapped: The size of the last mapping that it gave back.
 * @unmapped_at: The address of that.
 */
struct pages_seen {
	size_t bytes;
	unsigned int shift;
	bool bound;
	unsigned int huge_maps;
	size_t unmapped;
	uintptr_t unmapped_at;
};

extern struct pages_most most;
extern struct pages_seen seen;
extern struct pages pages;
extern struct lock lock;
/* The memory that the test has. */
extern struct iova_range ranges[64];
extern size_t count;

/* Forgets what was seen. There is any amount of ordinary memory, also of the node, and no other. */
void set_up_system(void);

/* Opens the pool on such a system. */
void open_pages(unsigned int wants);

void close_pages(void);

/* Calls pages_get(). */
int get(size_t bytes, struct iova_range *range);

/* Takes memory, the next of the ranges. Returns its address. */
uintptr_t place_of(size_t bytes);

#endif
