// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Measures whole objects. A mem is allocated, exposed and freed, and its address is taken. A box is
 * allocated, filled by the CPU and freed. Each turn uses one object again, or a random one of many
 * live objects. The peers are the allocators of other libraries, which do not expose memory, and the
 * floor is a memset() of memory in use.
 *
 * "live large" uses objects of 64 MiB and compares with DPDK. Both need free hugepages.
 * "live count LIVE TURNS" only replaces objects of 4 KiB, so that a caller can count instructions and
 * cache misses. "live floor LIVE TURNS" only clears as many pages.
 */
#include <coherent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/base/size.h"
#include "../src/memory/iova_quarantine.h"
#include "bench.h"
#include "peer.h"

#define LIVE_MAX 100000
/* A round allocates at most this many bytes and this many objects. */
#define ROUND_BYTES ((size_t)4 << 20)
#define ROUND_MAX 1000

COHERENT_BOX_TYPE(byte_box, uint8_t);
COHERENT_TYPE(byte_mem, uint8_t);

/**
 * struct load - The argument of both sides.
 * @dev: The device.
 * @bytes: The size of an object.
 * @live: How many objects are live at a time. With 1, each turn uses the same object again.
 * @peer: The allocator that the library is compared with.
 * @mems: The mems of the library.
 * @boxes: The boxes of the library.
 * @theirs: The objects of the peer.
 */
struct load {
	struct coherent_device *dev;
	size_t bytes;
	size_t live;
	const struct peer *peer;
	union byte_mem *mems;
	union byte_box *boxes;
	void **theirs;
};

static uint64_t sum;

/* --- Objects of whole pages: each turn replaces a random one --- */

static int replace_ours(void *arg, unsigned int turns)
{
	struct load *load = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++) {
		union byte_mem *mem = &load->mems[bench_random(load->live)];

		coherent_free(mem);
		err = coherent_zeroed(mem, load->dev, load->bytes);
		sum += coherent_addr(mem).raw;
	}
	return err;
}

static int fill_ours(void *arg)
{
	struct load *load = arg;
	int err = 0;

	for (size_t i = 0; !err && i < load->live; i++)
		if (coherent_is_empty(&load->mems[i]))
			err = coherent_zeroed(&load->mems[i], load->dev, load->bytes);
	return err;
}

static void empty_ours(struct load *load)
{
	for (size_t i = 0; i < load->live; i++)
		coherent_free(&load->mems[i]);
}

static int replace_theirs(void *arg, unsigned int turns)
{
	struct load *load = arg;

	for (unsigned int i = 0; i < turns; i++) {
		void **memory = &load->theirs[bench_random(load->live)];

		if (*memory)
			load->peer->free(*memory);
		*memory = load->peer->zeroed(load->bytes);
		if (!*memory)
			return -1;
		bench_use(*memory);
	}
	return 0;
}

static int fill_theirs(void *arg)
{
	struct load *load = arg;

	for (size_t i = 0; i < load->live; i++)
		if (!load->theirs[i])
			load->theirs[i] = load->peer->zeroed(load->bytes);
	return 0;
}

static void empty_theirs(struct load *load)
{
	for (size_t i = 0; i < load->live; i++) {
		if (load->theirs[i])
			load->peer->free(load->theirs[i]);
		load->theirs[i] = NULL;
	}
}

/* --- Boxes that the CPU fills --- */

/* Writes a word of each cache line. */
static void touch(char *memory, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 64)
		*(volatile uint64_t *)(memory + i) = i;
}

static int replace_boxes(void *arg, unsigned int turns)
{
	struct load *load = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++) {
		union byte_box *box = &load->boxes[bench_random(load->live)];

		coherent_box_free(box);
		err = coherent_box_zeroed(box, load->dev, load->bytes);
		if (!err)
			touch((char *)coherent_box_ptr(box), load->bytes);
	}
	return err;
}

static void empty_boxes(struct load *load)
{
	for (size_t i = 0; i < load->live; i++)
		coherent_box_free(&load->boxes[i]);
}

/* --- The floor: memory in use. The more of it there is, the less fits into the caches of the CPU. --- */

static char *floor_memory;

static char *set_floor(const struct load *load)
{
	char *memory = floor_memory + bench_random(load->live) * load->bytes;

	memset(memory, 0, load->bytes);
	bench_use(memory);
	return memory;
}

static int set_floor_memory(void *arg, unsigned int turns)
{
	for (unsigned int i = 0; i < turns; i++)
		(void)set_floor(arg);
	return 0;
}

static int set_and_touch_floor_memory(void *arg, unsigned int turns)
{
	const struct load *load = arg;

	for (unsigned int i = 0; i < turns; i++)
		touch(set_floor(load), load->bytes);
	return 0;
}

static int make_floor(const struct load *load)
{
	floor_memory = aligned_alloc(4096, load->live * load->bytes);
	if (!floor_memory)
		return -1;
	memset(floor_memory, 1, load->live * load->bytes);
	return 0;
}

/* --- Cases --- */

static unsigned int turns_of(const struct load *load)
{
	const size_t turns = ROUND_BYTES / load->bytes;

	return turns > ROUND_MAX ? ROUND_MAX : turns ? (unsigned int)turns : 1;
}

static const char *name_of(const struct load *load, const char *what)
{
	static char name[96];

	if (load->live > 1)
		snprintf(name, sizeof(name), "%s, %zu bytes, one of %zu", what, load->bytes,
			 load->live);
	else
		snprintf(name, sizeof(name), "%s, %zu bytes, the last one again", what,
			 load->bytes);
	return name;
}

static int compare_with_peer(struct load *load, const struct peer *peer, double goal)
{
	int err;

	if (!peer)
		return 0;
	load->peer = peer;
	err = bench(&(struct bench_case){
		.name = name_of(load, "mem"),
		.peer = peer->name,
		.ours = { .run = replace_ours, .arg = load, .before = fill_ours },
		.theirs = { .run = replace_theirs, .arg = load, .before = fill_theirs },
		.turns = turns_of(load),
		.goal_ratio = goal,
	});
	empty_theirs(load);
	empty_ours(load);
	return err;
}

static int compare_with_floor(struct load *load, double goal)
{
	int err = make_floor(load);

	if (!err)
		err = bench(&(struct bench_case){
			.name = name_of(load, "mem"),
			.peer = "memset",
			.ours = { .run = replace_ours, .arg = load, .before = fill_ours },
			.theirs = { .run = set_floor_memory, .arg = load },
			.turns = turns_of(load),
			.goal_ratio = goal,
		});
	empty_ours(load);
	free(floor_memory);
	return err;
}

static int compare_boxes(struct load *load, double goal)
{
	int err = make_floor(load);

	if (!err)
		err = bench(&(struct bench_case){
			.name = name_of(load, "box that the CPU fills"),
			.peer = "memset + fill",
			.ours = { .run = replace_boxes, .arg = load },
			.theirs = { .run = set_and_touch_floor_memory, .arg = load },
			.turns = turns_of(load),
			.goal_ratio = goal,
		});
	empty_boxes(load);
	free(floor_memory);
	return err;
}

static int bench_page(struct load *load)
{
	int err;

	load->bytes = 4096;
	load->live = 1;
	err = compare_with_peer(load, peer_heap(), 1.2);
	if (!err)
		err = compare_with_peer(load, peer_pool(4096), 0);
	if (!err)
		err = compare_with_peer(load, peer_mimalloc(), 0);
	load->live = 1000;
	return err ? err : compare_with_peer(load, peer_pool(4096), 1.5);
}

static int bench_many(struct load *load)
{
	static const size_t live[] = { 100, 1000, 10000, LIVE_MAX };
	int err = 0;

	for (size_t i = 0; !err && i < ARRAY_SIZE(live); i++) {
		load->live = live[i];
		err = compare_with_floor(load, 0);
	}
	return err;
}

static int bench_sizes(struct load *load)
{
	int err = 0;

	load->live = 64;
	for (load->bytes = 1 << 16; !err && load->bytes <= 1 << 20; load->bytes *= 4) {
		err = compare_with_floor(load, 0.8);
		if (!err)
			err = compare_boxes(load, 1.05);
		if (!err)
			err = compare_with_peer(load, peer_heap(), 0);
	}
	return err;
}

static int open_device(struct load *load, bool hugepages)
{
	return coherent_device_open(&load->dev, "sim:edu,mask=48,step", .hugepages = hugepages,
				    .report = coherent_report_stderr);
}

/*
 * A device gives memory back while it is used, so later cases would pay for earlier ones. The new one
 * fills its quarantine, as each device has after a while.
 */
static int renew_device(struct load *load)
{
	int err;

	coherent_device_close(load->dev);
	err = open_device(load, false);
	load->bytes = 4096;
	load->live = 1;
	if (!err)
		err = replace_ours(load, 2 * IOVA_RETIRED_MAX);
	empty_ours(load);
	return err;
}

static int bench_all(struct load *load)
{
	int err = bench_page(load);

	if (!err)
		err = renew_device(load);
	if (!err)
		err = bench_many(load);
	if (!err)
		err = renew_device(load);
	return err ? err : bench_sizes(load);
}

static int bench_large(struct load *load)
{
	load->bytes = (size_t)64 << 20;
	load->live = 1;
	return compare_with_peer(load, peer_heap(), 1.0);
}

static int only_count(struct load *load, bool only_floor, const char *live, const char *turns)
{
	const unsigned int n = (unsigned int)strtoul(turns, NULL, 10);
	int err;

	load->bytes = 4096;
	load->live = strtoul(live, NULL, 10);
	err = load->live && load->live <= LIVE_MAX ? make_floor(load) : -1;
	if (!err && !only_floor)
		err = fill_ours(load);
	if (!err)
		err = only_floor ? set_floor_memory(load, n) : replace_ours(load, n);
	empty_ours(load);
	free(floor_memory);
	return err;
}

int main(int argc, char **argv)
{
	static struct load load;
	const bool only_floor = argc == 4 && !strcmp(argv[1], "floor");
	const bool counts = only_floor || (argc == 4 && !strcmp(argv[1], "count"));
	const bool large = argc == 2 && !strcmp(argv[1], "large");
	int err;

	if (argc > 1 && !counts && !large) {
		fputs("usage: live [large | count LIVE TURNS | floor LIVE TURNS]\n", stderr);
		return 2;
	}
	if (!counts && peer_open(argv[0], large))
		return 1;
	load.mems = calloc(LIVE_MAX, sizeof(*load.mems));
	load.boxes = calloc(LIVE_MAX, sizeof(*load.boxes));
	load.theirs = calloc(LIVE_MAX, sizeof(*load.theirs));
	err = open_device(&load, large);
	if (!err && load.mems && load.boxes && load.theirs)
		err = counts ? only_count(&load, only_floor, argv[2], argv[3]) :
		      large  ? bench_large(&load) :
			       bench_all(&load);
	coherent_device_close(load.dev);
	free(load.mems);
	free(load.boxes);
	free(load.theirs);
	bench_use(&sum);
	return !!err;
}
