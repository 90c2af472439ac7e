// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Measures the whole life of a zeroed object: the program allocates it, exposes it, takes its
 * address and frees it. It uses either one object again and again, or a random one of many live
 * objects. The peers are the allocators of other libraries, which do not expose memory.
 *
 * "live large" uses objects of 64 MiB and compares with DPDK. Both need free hugepages.
 * "live count 64|256|4096 TURNS" only does the work, so that a caller can count instructions.
 */
#include <coherent.h>
#include <coherent/pool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/base/size.h"
#include "bench.h"
#include "peer.h"

#define LIVE_MAX 100000
/* A round allocates at most this many bytes and this many objects. */
#define ROUND_BYTES ((size_t)64 << 20)
#define ROUND_MAX 20000

struct b64 {
	uint8_t bytes[64];
};

struct b256 {
	uint8_t bytes[256];
};

COHERENT_POOL_TYPE(pool64, struct b64);
COHERENT_BOX_TYPE(box64, struct b64);
COHERENT_TYPE(mem64, struct b64);
COHERENT_POOL_TYPE(pool256, struct b256);
COHERENT_BOX_TYPE(box256, struct b256);
COHERENT_TYPE(mem256, struct b256);
COHERENT_TYPE(byte_mem, uint8_t);

/**
 * struct load - The argument of both sides.
 * @dev: The device.
 * @small: The pool of objects of 64 bytes.
 * @large: The pool of objects of 256 bytes.
 * @bytes: The size of an object.
 * @live: How many objects are live at a time. With 1, each turn uses the same object again.
 * @peer: The allocator that the library is compared with.
 * @mems: The objects of the library.
 * @theirs: The objects of the peer.
 */
struct load {
	struct coherent_device *dev;
	union pool64 small;
	union pool256 large;
	size_t bytes;
	size_t live;
	const struct peer *peer;
	union byte_mem *mems;
	void **theirs;
};

static uint64_t sum;

/* --- Objects of a pool --- */

static int pool64_life(void *arg, unsigned int turns)
{
	struct load *load = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++) {
		union box64 box = COHERENT_EMPTY;
		union mem64 mem = COHERENT_EMPTY;

		err = coherent_pool_box(&load->small, &box);
		if (!err)
			err = coherent_expose(&box, &mem);
		sum += coherent_addr(&mem).raw;
		coherent_free(&mem);
	}
	return err;
}

static int pool256_life(void *arg, unsigned int turns)
{
	struct load *load = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++) {
		union box256 box = COHERENT_EMPTY;
		union mem256 mem = COHERENT_EMPTY;

		err = coherent_pool_box(&load->large, &box);
		if (!err)
			err = coherent_expose(&box, &mem);
		sum += coherent_addr(&mem).raw;
		coherent_free(&mem);
	}
	return err;
}

/* --- Expose and reclaim of an object of a pool --- */

static int pool64_expose(void *arg, unsigned int turns)
{
	struct load *load = arg;
	union box64 box = COHERENT_EMPTY;
	union mem64 mem = COHERENT_EMPTY;
	int err = coherent_pool_box(&load->small, &box);

	for (unsigned int i = 0; !err && i < turns; i++) {
		err = coherent_expose(&box, &mem);
		if (!err)
			err = coherent_reclaim(&mem, &box, .idle = true);
	}
	coherent_free(&mem);
	coherent_box_free(&box);
	return err;
}

static int pool256_expose(void *arg, unsigned int turns)
{
	struct load *load = arg;
	union box256 box = COHERENT_EMPTY;
	union mem256 mem = COHERENT_EMPTY;
	int err = coherent_pool_box(&load->large, &box);

	for (unsigned int i = 0; !err && i < turns; i++) {
		err = coherent_expose(&box, &mem);
		if (!err)
			err = coherent_reclaim(&mem, &box, .idle = true);
	}
	coherent_free(&mem);
	coherent_box_free(&box);
	return err;
}

static int copy_memory(void *arg, unsigned int turns)
{
	const struct load *load = arg;
	static char from[4096], to[4096];

	for (unsigned int i = 0; i < turns; i++) {
		memcpy(to, from, load->bytes);
		bench_use(to);
	}
	return 0;
}

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

/* --- Cases --- */

static unsigned int turns_of(const struct load *load)
{
	const size_t turns = ROUND_BYTES / load->bytes;

	return turns > ROUND_MAX ? ROUND_MAX : turns ? (unsigned int)turns : 1;
}

static int compare(struct load *load, const char *what, int (*run)(void *, unsigned int),
		   int (*before)(void *), const struct peer *peer, double goal)
{
	char name[96];
	int err;

	load->peer = peer;
	if (load->live > 1)
		snprintf(name, sizeof(name), "%s, %zu bytes, %zu live", what, load->bytes,
			 load->live);
	else
		snprintf(name, sizeof(name), "%s, %zu bytes", what, load->bytes);
	err = bench(&(struct bench_case){
		.name = name,
		.peer = peer ? peer->name : NULL,
		.ours = { .run = run, .arg = load, .before = before },
		.theirs = { .run = peer ? replace_theirs : NULL,
			    .arg = load,
			    .before = fill_theirs },
		.turns = turns_of(load) / (peer == peer_heap() && load->live > 100 ? 40 : 1) + 1,
		.goal_ratio = goal,
	});
	if (peer)
		empty_theirs(load);
	return err;
}

static int bench_pools(struct load *load)
{
	static const char what[] = "object of a pool";
	int err;

	load->live = 1;
	load->bytes = 64;
	err = compare(load, what, pool64_life, NULL, peer_heap(), 0.20);
	if (!err)
		err = compare(load, what, pool64_life, NULL, peer_pool(64), 1.0);
	if (!err)
		err = compare(load, what, pool64_life, NULL, peer_mimalloc(), 0);
	load->bytes = 256;
	if (!err)
		err = compare(load, what, pool256_life, NULL, peer_heap(), 0);
	if (!err)
		err = compare(load, what, pool256_life, NULL, peer_pool(256), 0);
	if (!err)
		err = compare(load, what, pool256_life, NULL, peer_mimalloc(), 0);
	return err;
}

static int bench_copies(struct load *load)
{
	static const struct {
		size_t bytes;
		const char *name;
		int (*run)(void *arg, unsigned int turns);
	} cases[] = {
		{ 64, "expose + reclaim, of a pool, 64 bytes", pool64_expose },
		{ 256, "expose + reclaim, of a pool, 256 bytes", pool256_expose },
	};
	int err = 0;

	for (size_t i = 0; !err && i < ARRAY_SIZE(cases); i++) {
		load->bytes = cases[i].bytes;
		err = bench(&(struct bench_case){
			.name = cases[i].name,
			.peer = "memcpy",
			.ours = { .run = cases[i].run, .arg = load },
			.theirs = { .run = copy_memory, .arg = load },
			.turns = ROUND_MAX,
			.goal_ratio = 3,
		});
	}
	return err;
}

static int bench_pages(struct load *load)
{
	static const struct {
		size_t bytes;
		size_t live;
		double goal;
	} cases[] = {
		{ 4096, 1, 1.2 },      { 4096, 1000, 0.02 },  { 1 << 16, 64, 0.65 },
		{ 1 << 18, 64, 0.65 }, { 1 << 20, 64, 0.65 }, { 1 << 21, 64, 0.65 },
	};
	int err = 0;

	for (size_t i = 0; !err && i < ARRAY_SIZE(cases); i++) {
		load->bytes = cases[i].bytes;
		load->live = cases[i].live;
		err = compare(load, "exposed memory", replace_ours, fill_ours, peer_heap(),
			      cases[i].goal);
		if (!err && load->bytes == 4096)
			err = compare(load, "exposed memory", replace_ours, fill_ours,
				      peer_mimalloc(), 0);
		if (!err && load->bytes == 4096 && load->live == 1)
			err = compare(load, "exposed memory", replace_ours, fill_ours, peer_zone(),
				      0);
		empty_ours(load);
	}
	return err;
}

/* Memory in use. The more of it there is, the less of it fits into the caches of the CPU. */
static char *floor_memory;

static int set_floor_memory(void *arg, unsigned int turns)
{
	const struct load *load = arg;

	for (unsigned int i = 0; i < turns; i++) {
		char *page = floor_memory + bench_random(load->live) * load->bytes;

		memset(page, 0, load->bytes);
		bench_use(page);
	}
	return 0;
}

static int compare_with_floor(struct load *load)
{
	char name[96];

	snprintf(name, sizeof(name), "exposed memory, %zu bytes, %zu live", load->bytes,
		 load->live);
	return bench(&(struct bench_case){
		.name = name,
		.peer = "memset of one of as many",
		.ours = { .run = replace_ours, .arg = load, .before = fill_ours },
		.theirs = { .run = set_floor_memory, .arg = load },
		.turns = turns_of(load),
	});
}

static int bench_many(struct load *load)
{
	static const size_t live[] = { 100, 1000, 10000, 100000 };
	int err = 0;

	load->bytes = 4096;
	floor_memory = aligned_alloc(4096, LIVE_MAX * load->bytes);
	if (!floor_memory)
		return -1;
	memset(floor_memory, 1, LIVE_MAX * load->bytes);
	for (size_t i = 0; !err && i < ARRAY_SIZE(live); i++) {
		load->live = live[i];
		err = compare_with_floor(load);
		empty_ours(load);
	}
	free(floor_memory);
	return err;
}

static int bench_large(struct load *load)
{
	int err;

	load->bytes = (size_t)64 << 20;
	load->live = 1;
	err = compare(load, "exposed memory, hugepages", replace_ours, fill_ours, peer_heap(),
		      0.25);
	empty_ours(load);
	return err;
}

static int bench_all(struct load *load)
{
	int err = bench_pools(load);

	if (!err)
		err = bench_copies(load);
	if (!err)
		err = bench_pages(load);
	return err ? err : bench_many(load);
}

static int only_count(struct load *load, const char *size, const char *turns)
{
	const unsigned int n = (unsigned int)strtoul(turns, NULL, 10);

	load->bytes = 4096;
	load->live = 1;
	if (!strcmp(size, "4096")) {
		int err = replace_ours(load, n);

		empty_ours(load);
		return err;
	}
	return strcmp(size, "64") ? pool256_life(load, n) : pool64_life(load, n);
}

int main(int argc, char **argv)
{
	static struct load load;
	const bool counts = argc == 4 && !strcmp(argv[1], "count");
	const bool large = argc == 2 && !strcmp(argv[1], "large");
	int err;

	if (argc > 1 && !counts && !large) {
		fputs("usage: live [large | count 64|256|4096 TURNS]\n", stderr);
		return 2;
	}
	if (!counts && peer_open(argv[0], large))
		return 1;
	load.mems = calloc(LIVE_MAX, sizeof(*load.mems));
	load.theirs = calloc(LIVE_MAX, sizeof(*load.theirs));
	err = coherent_device_open(&load.dev, "sim:edu,mask=48,step", .hugepages = large,
				   .report = coherent_report_stderr);
	if (!err)
		err = coherent_pool_create(&load.small, load.dev);
	if (!err)
		err = coherent_pool_create(&load.large, load.dev);
	if (!err && load.mems && load.theirs)
		err = counts ? only_count(&load, argv[2], argv[3]) :
		      large  ? bench_large(&load) :
			       bench_all(&load);
	if (!err)
		err = coherent_pool_destroy(&load.small);
	if (!err)
		err = coherent_pool_destroy(&load.large);
	coherent_device_close(load.dev);
	free(load.mems);
	free(load.theirs);
	bench_use(&sum);
	return !!err;
}
