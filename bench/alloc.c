// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What a zeroed box costs. Recycled: from allocation to free, of pages that were a
 * box before; beside memset() of memory in use, which is the floor, mmap() of
 * populated pages and their end, and a peer's allocator where it is installed.
 * Fresh: allocation alone, of memory that the process never had; beside mmap(),
 * which is the floor. The peer has nothing fresh: it has its heap from the start,
 * and zeroes in its free.
 */
#include <coherent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../src/base/size.h"
#include "bench.h"
#include "peer.h"

/* Fresh ones live at a time take no more than that. */
#define FRESH_MAX 256
#define FRESH_BYTES ((size_t)128 << 20)

COHERENT_BOX_TYPE(byte_box, uint8_t);

/**
 * struct load - What a side works on.
 * @dev: A device that has pages.
 * @bytes: Of each allocation.
 * @memory: In use, as large as the largest of them.
 * @new_dev: A device that has none.
 * @boxes: On it.
 * @mapped: By mmap().
 */
struct load {
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
	const struct load *load = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++) {
		union byte_box box = COHERENT_EMPTY;

		err = coherent_box_zeroed(&box, load->dev, load->bytes);
		bench_use(coherent_box_ptr(&box));
		coherent_box_free(&box);
	}
	return err;
}

static int set_memory(void *arg, unsigned int turns)
{
	const struct load *load = arg;

	for (unsigned int i = 0; i < turns; i++) {
		memset(load->memory, 0, load->bytes);
		bench_use(load->memory);
	}
	return 0;
}

static void *map_pages(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static int map_and_unmap(void *arg, unsigned int turns)
{
	const struct load *load = arg;

	for (unsigned int i = 0; i < turns; i++) {
		void *memory = map_pages(load->bytes);

		if (!memory)
			return -1;
		munmap(memory, load->bytes);
	}
	return 0;
}

static int peer_alloc_and_free(void *arg, unsigned int turns)
{
	const struct load *load = arg;

	for (unsigned int i = 0; i < turns; i++) {
		void *memory = peer_heap()->zeroed(load->bytes);

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
	struct load *load = arg;

	return coherent_device_open(&load->new_dev, "sim:edu,mask=48,step");
}

static int box_alloc(void *arg, unsigned int turns)
{
	struct load *load = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++)
		err = coherent_box_zeroed(&load->boxes[i], load->new_dev, load->bytes);
	return err;
}

static void free_boxes(void *arg)
{
	struct load *load = arg;

	for (unsigned int i = 0; i < FRESH_MAX; i++)
		coherent_box_free(&load->boxes[i]);
	coherent_device_close(load->new_dev);
	load->new_dev = NULL;
}

static int map(void *arg, unsigned int turns)
{
	struct load *load = arg;

	for (unsigned int i = 0; i < turns; i++) {
		load->mapped[i] = map_pages(load->bytes);
		if (!load->mapped[i])
			return -1;
	}
	return 0;
}

static void unmap(void *arg)
{
	struct load *load = arg;

	for (unsigned int i = 0; i < FRESH_MAX; i++) {
		if (load->mapped[i])
			munmap(load->mapped[i], load->bytes);
		load->mapped[i] = NULL;
	}
}

/* --- Cases --- */

static int compare_with(const char *what, struct bench_side ours, const char *peer,
			struct bench_side theirs, unsigned int turns, double goal)
{
	const struct load *load = ours.arg;
	char name[64];

	snprintf(name, sizeof(name), "%s, %zu bytes", what, load->bytes);
	return bench(&(struct bench_case){
		.name = name,
		.peer = peer,
		.ours = ours,
		.theirs = theirs,
		.turns = turns,
		.goal_ratio = goal,
	});
}

static int run_recycled(struct load *load)
{
	const unsigned int turns = load->bytes < 1 << 20 ? 2000 : load->bytes < 1 << 24 ? 20 : 1;
	const struct bench_side ours = { .run = box_alloc_and_free, .arg = load };
	const struct bench_side floor = { .run = set_memory, .arg = load };
	const struct bench_side kernel = { .run = map_and_unmap, .arg = load };
	const struct bench_side peer = { .run = peer_alloc_and_free, .arg = load };
	const char *what = "box alloc + free";
	int err;

	err = compare_with(what, ours, "memset", floor, turns, load->bytes == 4096 ? 2 : 0);
	if (!err)
		err = compare_with(what, ours, "mmap", kernel, turns, 0);
	if (!err && peer_heap())
		err = compare_with(what, ours, peer_heap()->name, peer, turns,
				   load->bytes == 4096 ? 0.6 : 0);
	return err;
}

static int run_fresh(struct load *load)
{
	const size_t most = FRESH_BYTES / load->bytes;
	const unsigned int turns = most < FRESH_MAX ? (unsigned int)most : FRESH_MAX;
	const struct bench_side ours = { box_alloc, load, open_new_device, free_boxes };
	const struct bench_side kernel = { map, load, NULL, unmap };

	return compare_with("fresh box alloc", ours, "mmap", kernel, turns, 0);
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 64, 4096, 1 << 16, 1 << 21, 1 << 26 };
	static struct load load;
	int err;

	(void)argc;
	load.memory = aligned_alloc(4096, 1 << 26);
	if (!load.memory)
		return 1;
	if (peer_open(argv[0], false))
		return 1;
	err = coherent_device_open(&load.dev, "sim:edu,mask=48,step",
				   .report = coherent_report_stderr);
	for (size_t i = 0; !err && i < ARRAY_SIZE(sizes); i++) {
		load.bytes = sizes[i];
		err = run_recycled(&load);
		if (!err)
			err = run_fresh(&load);
	}
	coherent_device_close(load.dev);
	free(load.memory);
	return !!err;
}
