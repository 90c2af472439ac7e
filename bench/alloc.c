// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What a zeroed box costs from allocation to free: of recycled pages, and fresh,
 * the first of a new device. Beside memset() of memory in use, which is the floor,
 * mmap() of populated pages, and a peer's allocator where it is installed.
 */
#include <coherent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"
#include "peer.h"

struct load {
	struct coherent_device *dev;
	size_t bytes;
	void *memory;
};

static int box_alloc_and_free(void *arg, unsigned int turns)
{
	const struct load *load = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++) {
		COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;

		err = coherent_box_zeroed(&box, load->dev, load->bytes);
		bench_use(coherent_box_ptr(&box));
		coherent_box_free(&box);
	}
	return err;
}

/* On a device of its own, which has no pages yet. */
static int box_fresh(void *arg, unsigned int turns)
{
	struct load load = *(const struct load *)arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++) {
		err = coherent_device_open(&load.dev, "sim:edu,mask=48,step");
		if (!err)
			err = box_alloc_and_free(&load, 1);
		coherent_device_close(load.dev);
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

static int map_and_unmap(void *arg, unsigned int turns)
{
	const struct load *load = arg;

	for (unsigned int i = 0; i < turns; i++) {
		void *memory = mmap(NULL, load->bytes, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		if (memory == MAP_FAILED)
			return -1;
		munmap(memory, load->bytes);
	}
	return 0;
}

static int peer_alloc_and_free(void *arg, unsigned int turns)
{
	const struct load *load = arg;

	for (unsigned int i = 0; i < turns; i++) {
		void *memory = peer_zeroed(load->bytes);

		if (!memory)
			return -1;
		bench_use(memory);
		peer_free(memory);
	}
	return 0;
}

static int compare_with(struct load *load, const char *what, int (*ours)(void *, unsigned int),
			const char *peer, int (*theirs)(void *, unsigned int), unsigned int turns,
			double goal)
{
	char name[64];

	snprintf(name, sizeof(name), "%s, %zu bytes", what, load->bytes);
	return bench(&(struct bench_case){
		.name = name,
		.peer = peer,
		.ours = { ours, load },
		.theirs = { theirs, load },
		.turns = turns,
		.goal_ratio = goal,
	});
}

static int run(struct load *load)
{
	const unsigned int turns = load->bytes < 1 << 20 ? 2000 : load->bytes < 1 << 24 ? 20 : 1;
	int err;

	err = compare_with(load, "box alloc + free", box_alloc_and_free, "memset", set_memory,
			   turns, load->bytes == 4096 ? 2 : 0);
	if (!err && peer_name())
		err = compare_with(load, "box alloc + free", box_alloc_and_free, peer_name(),
				   peer_alloc_and_free, turns, 0);
	if (!err)
		err = compare_with(load, "the same and a device open + close", box_fresh, "mmap",
				   map_and_unmap, turns > 50 ? 50 : turns, 0);
	return err;
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 64, 4096, 1 << 16, 1 << 21, 1 << 26 };
	struct load load = { .memory = aligned_alloc(4096, 1 << 26) };
	int err;

	(void)argc;
	if (!load.memory)
		return 1;
	if (peer_open(argv[0]))
		return 1;
	err = coherent_device_open(&load.dev, "sim:edu,mask=48,step",
				   .report = coherent_report_stderr);
	for (size_t i = 0; !err && i < sizeof(sizes) / sizeof(*sizes); i++) {
		load.bytes = sizes[i];
		err = run(&load);
	}
	coherent_device_close(load.dev);
	free(load.memory);
	return !!err;
}
