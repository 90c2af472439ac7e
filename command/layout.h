/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The device addresses of objects as runs of cells. A run is a part of the address space in which
 * objects are close to each other. A cell is some pages of a run, and shows what is there.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#include "records.h"

/**
 * struct layout_part - An object, or the memory of a pool.
 * @first: Its first address.
 * @end: The address behind its last one.
 * @reachable: How many bytes of it the device can reach.
 * @kind: The kind of the object.
 * @site: The address of its site, for records_site().
 */
struct layout_part {
	uint64_t first;
	uint64_t end;
	uint64_t reachable;
	enum records_kind kind;
	uint64_t site;
};

/**
 * struct layout_run - A run.
 * @first: Its first address.
 * @end: The address behind its last one.
 * @part: The number of its first part.
 * @count: The number of its parts.
 * @objects: How many of these are objects.
 */
struct layout_run {
	uint64_t first;
	uint64_t end;
	size_t part;
	size_t count;
	size_t objects;
};

/**
 * struct layout - The objects of a device by address.
 * @parts: The objects and the memory of pools.
 * @count: The number of @parts.
 * @room: How many have memory.
 * @objects: How many of them are objects.
 * @runs: The runs.
 * @run_count: The number of @runs.
 * @unread: How many records changed while they were read.
 * @failed: Memory was missing.
 */
struct layout {
	struct layout_part *parts;
	size_t count;
	size_t room;
	size_t objects;
	struct layout_run *runs;
	size_t run_count;
	uint64_t unread;
	bool failed;
};

/* Reads the objects of a device. Returns false if memory was missing. Free it with layout_free(). */
bool layout_read(struct layout *layout, struct records *records);

void layout_free(struct layout *layout);

/* Returns the size of a cell, so that a run has at most @max cells. It is a power of two of pages. */
uint64_t layout_cell_bytes(const struct layout_run *run, uint64_t page, size_t max);

/*
 * Sets the cells of a run. If a cell has objects of several kinds, the highest kind counts. Returns how
 * many cells there are, at most @max.
 */
size_t layout_cells(const struct layout *layout, const struct layout_run *run, uint64_t cell_bytes,
		    enum records_kind *cells, size_t max);

#endif
