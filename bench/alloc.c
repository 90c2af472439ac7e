// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Measures the time of a zeroed box.
 *
 * Recycled: allocation and free of pages that were a box before. The peers are memset() of memory
 * in use, which is the least possible work, and the heap of DPDK if it is installed.
 *
 * Fresh: only the allocation, of memory that the process never had. The peer is mmap(), which is
 * the least possible work. DPDK does not have this case: it allocates its heap at the start and
 * zeroes memory when it frees it.
 */
#include <coherent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../src/base/size.h"
#include "bench.h"
#include "peer.h"

/* At most this many fresh boxes, with this many bytes in all, are live at a time. */
#define FRESH_MAX 256
#define FRESH_BYTES ((size_t)128 << 20)

COHERENT_BOX_TYPE(byte_box, uint8_t);

/**
 * struct allocations - The argument of both sides.
 * @dev: A device that has pages to recycle.
 * @bytes: The size of an allocation.
 * @memory: Memory in use, as large as the largest allocation.
 * @new_dev: A device that does not have pages to recycle.
 * @boxes: The boxes of @new_dev.
 * @mapped: The memory from mmap().
 */
struct allocations {
	struct coherent_device *dev;
	size_t bytes;
	void *memory;
	struct coherent_device *new_dev;
	union byte_box boxes[FRESH_MAX];
	void *mapped[FRESH_MAX];
};

/* --- Recycled --- */

static int box_alloc_and_free(void *arg, unsigned int turns)
{
	const struct allocations *allocations = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++) {
		union byte_box box = COHERENT_EMPTY;

		err = coherent_box_zeroed(&box, allocations->dev, allocations->bytes);
		bench_use(coherent_box_ptr(&box));
		coherent_box_free(&box);
	}
	return err;
}

static int set_memory(void *arg, unsigned int turns)
{
	const struct allocations *allocations = arg;

	for (unsigned int i = 0; i < turns; i++) {
		memset(allocations->memory, 0, allocations->bytes);
		bench_use(allocations->memory);
	}
	return 0;
}

static void *map_pages(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static int peer_alloc_and_free(void *arg, unsigned int turns)
{
	const struct allocations *allocations = arg;

	for (unsigned int i = 0; i < turns; i++) {
		void *memory = peer_heap()->zeroed(allocations->bytes);

		if (!memory)
			return -1;
		bench_use(memory);
		peer_heap()->free(memory);
	}
	return 0;
}

/* --- Fresh --- */

static int open_new_device(void *arg)
{
	struct allocations *allocations = arg;

	return coherent_device_open(&allocations->new_dev, "sim:edu,mask=48,step");
}

static int box_alloc(void *arg, unsigned int turns)
{
	struct allocations *allocations = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++)
		err = coherent_box_zeroed(&allocations->boxes[i], allocations->new_dev,
					  allocations->bytes);
	return err;
}

static void free_boxes(void *arg)
{
	struct allocations *allocations = arg;

	for (unsigned int i = 0; i < FRESH_MAX; i++)
		coherent_box_free(&allocations->boxes[i]);
	coherent_device_close(allocations->new_dev);
	allocations->new_dev = NULL;
}

static int map_fresh(void *arg, unsigned int turns)
{
	struct allocations *allocations = arg;

	for (unsigned int i = 0; i < turns; i++) {
		allocations->mapped[i] = map_pages(allocations->bytes);
		if (!allocations->mapped[i])
			return -1;
	}
	return 0;
}

static void unmap_fresh(void *arg)
{
	struct allocations *allocations = arg;

	for (unsigned int i = 0; i < FRESH_MAX; i++) {
		if (allocations->mapped[i])
			munmap(allocations->mapped[i], allocations->bytes);
		allocations->mapped[i] = NULL;
	}
}

/* --- Cases --- */

static int compare_with(const char *what, struct bench_side ours, const char *peer,
			struct bench_side theirs, unsigned int turns, double goal)
{
	const struct allocations *allocations = ours.arg;
	char name[64];

	snprintf(name, sizeof(name), "%s, %zu bytes", what, allocations->bytes);
	return bench(&(struct bench_case){
		.name = name,
		.peer = peer,
		.ours = ours,
		.theirs = theirs,
		.turns = turns,
		.goal_ratio = goal,
	});
}

static int bench_recycled(struct allocations *allocations)
{
	const unsigned int turns = allocations->bytes < 1 << 20 ? 2000 :
				   allocations->bytes < 1 << 24 ? 20 :
								  1;
	const struct bench_side ours = { .run = box_alloc_and_free, .arg = allocations };
	const struct bench_side floor = { .run = set_memory, .arg = allocations };
	const struct bench_side peer = { .run = peer_alloc_and_free, .arg = allocations };
	const char *what = "box alloc + free";
	int err;

	err = compare_with(what, ours, "memset", floor, turns, allocations->bytes == 4096 ? 2 : 0);
	if (!err && peer_heap())
		err = compare_with(what, ours, peer_heap()->name, peer, turns,
				   allocations->bytes == 4096 ? 0.6 : 0);
	return err;
}

static int bench_fresh(struct allocations *allocations)
{
	const size_t most = FRESH_BYTES / allocations->bytes;
	const unsigned int turns = most < FRESH_MAX ? (unsigned int)most : FRESH_MAX;
	const struct bench_side ours = { box_alloc, allocations, open_new_device, free_boxes };
	const struct bench_side kernel = { map_fresh, allocations, NULL, unmap_fresh };

	return compare_with("fresh box alloc", ours, "mmap", kernel, turns, 0);
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 64, 4096, 1 << 16, 1 << 21, 1 << 26 };
	static struct allocations allocations;
	int err;

	(void)argc;
	allocations.memory = aligned_alloc(4096, 1 << 26);
	if (!allocations.memory)
		return 1;
	if (peer_open(argv[0], false))
		return 1;
	err = coherent_device_open(&allocations.dev, "sim:edu,mask=48,step",
				   .report = coherent_report_stderr);
	for (size_t i = 0; !err && i < ARRAY_SIZE(sizes); i++) {
		allocations.bytes = sizes[i];
		err = bench_recycled(&allocations);
		if (!err)
			err = bench_fresh(&allocations);
	}
	coherent_device_close(allocations.dev);
	free(allocations.memory);
	return !!err;
}
