/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A plug-in that allocates from a device of the program that loads it, and the places where it did.
 */
#ifndef TEST_UNLOAD_H
#define TEST_UNLOAD_H

#include <coherent.h>
#include <coherent/pool.h>

COHERENT_BOX_TYPE(unload_box, uint32_t);
COHERENT_TYPE(unload_mem, uint32_t);
COHERENT_POOL_TYPE(unload_pool, uint32_t);

#define UNLOAD_SLOTS 3

/**
 * struct unload - The objects that the plug-in leaves, and the lines that allocated them.
 * @dev: The device of the program.
 * @pool: A pool of the program.
 * @own: A pool of the plug-in.
 * @box: A box.
 * @mem: A read-only mem.
 * @leaked: A mem.
 * @slots: Boxes of @own.
 * @other: A box of @pool.
 * @freed: The address of a mem that the plug-in has freed.
 * @reclaimed: The address of a mem that the plug-in has reclaimed and freed.
 * @box_line: The line that allocated @box. The others are named in the same way.
 */
struct unload {
	struct coherent_device *dev;
	union unload_pool pool;
	union unload_pool own;
	union unload_box box;
	union unload_mem mem;
	union unload_mem leaked;
	union unload_box slots[UNLOAD_SLOTS];
	union unload_box other;
	uint64_t freed;
	uint64_t reclaimed;
	unsigned int box_line;
	unsigned int mem_line;
	unsigned int leaked_line;
	unsigned int own_line;
	unsigned int slots_line;
	unsigned int other_line;
	unsigned int freed_line;
	unsigned int reclaimed_line;
};

/* The plug-in allocates. Returns 0 or the error of the library. */
int unload_allocate(struct unload *unload);

#endif
