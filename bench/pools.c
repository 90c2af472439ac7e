// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Measures objects of pools, in the patterns of pools.h, beside DPDK's pools. Also measures a pair of
 * expose and reclaim, a thread that comes after many others, and the memory of a pool.
 *
 * "pools memory 64 1000000" only measures the memory and the mappings of a million slots of 64 bytes.
 * "pools count 64 batch peer TURNS" only does one side of a case, so that a caller can count instructions.
 */
#include <coherent.h>
#include <coherent/pool.h>
#include <coherent/pool_many.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/base/size.h"
#include "bench.h"
#include "peer.h"
#include "pools.h"

#define BYTES 64
#include "pools_sides.h"
#define BYTES 256
#include "pools_sides.h"
#define BYTES 4096
#include "pools_sides.h"

/* A round takes some 0.2 ms. */
#define TURNS 8192
#define LAST_THREAD 65

/* The default of dma_entry_limit of vfio_iommu_type1. */
#define VFIO_MAPPINGS_MAX 65535

static struct coherent_device *dev;

static const unsigned int bytes_of[POOLS_SIZES] = { 64, 256, 4096 };

static const struct pools_side *ours(enum pools_size size, enum pools_way way,
				     enum pools_pattern pattern)
{
	return size == POOLS_64	 ? &sides_64[way][pattern] :
	       size == POOLS_256 ? &sides_256[way][pattern] :
				   &sides_4096[way][pattern];
}

/* --- Patterns --- */

static void shuffle(struct pools_load *load, size_t live)
{
	load->live = live;
	load->next = 0;
	for (size_t i = 0; i < live; i++) {
		const size_t k = bench_random(i + 1);

		load->order[i] = load->order[k];
		load->order[k] = (uint32_t)i;
	}
}

struct pools_case {
	enum pools_size size;
	enum pools_pattern pattern;
	size_t live;
	const char *name;
	double goals[POOLS_WAYS];
};

static const char *const ways[POOLS_WAYS] = { "", ", from a value", ", in place" };

static int begin(const struct pools_side *side, struct pools_load *load)
{
	return side && side->begin ? side->begin(load) : 0;
}

static void end(const struct pools_side *side, struct pools_load *load)
{
	if (side && side->end)
		side->end(load);
}

static int compare(struct pools_load *load, const struct pools_case *what, enum pools_way way)
{
	const struct pools_side *our = ours(what->size, way, what->pattern);
	const struct pools_side *their = pools_dpdk(what->size, what->pattern);
	char name[96];
	int err;

	snprintf(name, sizeof(name), "object of a pool, %u bytes, %s%s", bytes_of[what->size],
		 what->name, ways[way]);
	shuffle(load, what->live);
	err = begin(our, load);
	if (!err)
		err = begin(their, load);
	if (!err)
		err = bench(&(struct bench_case){
			.name = name,
			.peer = what->pattern == POOLS_BATCH_OF_32 ? "rte_mempool bulk + memset" :
								     "rte_mempool + memset",
			.ours = { our->run, load, NULL, NULL },
			.theirs = { their ? their->run : NULL, load, NULL, NULL },
			.turns = what->size == POOLS_4096 ? TURNS / 8 : TURNS,
			.goal_ratio = what->goals[way],
		});
	end(our, load);
	end(their, load);
	return err;
}

/* find_case() finds the first case of a size and a pattern. */
static const struct pools_case cases[] = {
	{ POOLS_64, POOLS_AGAIN, 1, "the last one again", { 1.5, 1.2, 1.1 } },
	{ POOLS_64, POOLS_CHURN, 10000, "one of 10,000", { 2 } },
	{ POOLS_64, POOLS_BURST, 256, "256, freed in random order", { 2 } },
	{ POOLS_64, POOLS_BURST, 1024, "1,024, freed in random order", { 0 } },
	{ POOLS_64, POOLS_BATCH_OF_32, 32, "32 at a time", { 2, 0, 1.2 } },
	{ POOLS_256, POOLS_AGAIN, 1, "the last one again", { 0 } },
	{ POOLS_256, POOLS_CHURN, 10000, "one of 10,000", { 0 } },
	{ POOLS_256, POOLS_BATCH_OF_32, 32, "32 at a time", { 0 } },
	{ POOLS_4096, POOLS_AGAIN, 1, "the last one again", { 1.5, 0, 1.05 } },
	{ POOLS_4096, POOLS_CHURN, 1000, "one of 1,000", { 1.5, 0, 1.05 } },
};

static int bench_patterns(struct pools_load *load)
{
	int err = 0;

	/* A driver makes only small objects on its stack. */
	for (size_t i = 0; !err && i < ARRAY_SIZE(cases); i++)
		for (enum pools_way way = 0; !err && way < POOLS_WAYS; way++)
			if (way != POOLS_VALUE || cases[i].size == POOLS_64)
				err = compare(load, &cases[i], way);
	return err;
}

/* --- Expose and reclaim --- */

static int expose_and_reclaim(void *arg, unsigned int turns)
{
	union box_256 box = COHERENT_EMPTY;
	union mem_256 mem = COHERENT_EMPTY;
	int err = coherent_pool_box(&pools_256[0], &box);

	(void)arg;
	for (unsigned int i = 0; !err && i < turns; i++) {
		err = coherent_expose(&box, &mem);
		if (!err)
			err = coherent_reclaim(&mem, &box, .idle = true);
	}
	coherent_free(&mem);
	coherent_box_free(&box);
	return err;
}

/* The bytes go to the device's memory and back, and the device's memory is cleared. */
static int copy_twice_and_clear(void *arg, unsigned int turns)
{
	static struct object_256 own, shared;
	/* gcc would make slower code of the constant size. */
	size_t bytes = sizeof(own);

	(void)arg;
	bench_hide(&bytes);
	for (unsigned int i = 0; i < turns; i++) {
		memcpy(&shared, &own, bytes);
		bench_use(&shared);
		memcpy(&own, &shared, bytes);
		bench_use(&own);
		memset(&shared, 0, bytes);
		bench_use(&shared);
	}
	return 0;
}

/* --- Threads --- */

/* A thread that does turns when the main thread says so. */
struct worker {
	pthread_t thread;
	sem_t go;
	sem_t done;
	bool ends;
	unsigned int turns;
	int err;
};

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct pools_load load = { .live = 1 };

	while (!sem_wait(&worker->go) && !worker->ends) {
		worker->err = again_box_64(&load, worker->turns);
		sem_post(&worker->done);
	}
	return NULL;
}

/* Both sides of a case are this, so that the switch of threads costs both the same. */
static int let_work(void *arg, unsigned int turns)
{
	struct worker *worker = arg;

	worker->turns = turns;
	sem_post(&worker->go);
	sem_wait(&worker->done);
	return worker->err;
}

static void end_worker(struct worker *worker)
{
	worker->ends = true;
	sem_post(&worker->go);
	pthread_join(worker->thread, NULL);
}

static int start_worker(struct worker *worker)
{
	sem_init(&worker->go, 0, 0);
	sem_init(&worker->done, 0, 0);
	worker->ends = false;
	if (pthread_create(&worker->thread, NULL, work, worker))
		return -EAGAIN;
	worker->err = let_work(worker, 100);
	if (worker->err)
		end_worker(worker);
	return worker->err;
}

/* The main thread has used the pool before, so it is the first thread and workers[0] is the second. */
static int bench_threads(void)
{
	static struct worker workers[LAST_THREAD];
	size_t count = 0;
	int err = 0;

	while (!err && count < ARRAY_SIZE(workers) - 1) {
		err = start_worker(&workers[count]);
		count += !err;
	}
	if (!err)
		err = bench(&(struct bench_case){
			.name = "object of a pool, 64 bytes, the 65th thread",
			.peer = "the second thread",
			.ours = { let_work, &workers[LAST_THREAD - 2], NULL, NULL },
			.theirs = { let_work, &workers[0], NULL, NULL },
			.turns = 8 * TURNS,
			.waits = true,
			.goal_ratio = 1.05,
		});
	while (count)
		end_worker(&workers[--count]);
	return err;
}

/* --- Memory --- */

#define MEMORY(n)                                                                      \
	static int memory_##n(struct pools_load *load, size_t count)                   \
	{                                                                              \
		union mem_##n *mems = calloc(count, sizeof(*mems));                    \
		long before;                                                           \
		int err = mems ? 0 : -ENOMEM;                                          \
		size_t i;                                                              \
                                                                                       \
		/* Touch the array first, so that its pages do not count. */           \
		if (mems)                                                              \
			memset(mems, 0, count * sizeof(*mems));                        \
		before = bench_process_memory();                                       \
		for (i = 0; !err && i < count; i++)                                    \
			err = start_##n(load, POOLS_BOX, &mems[i]);                    \
		if (!err)                                                              \
			err = print_memory(n, count, bench_process_memory() - before); \
		while (i--)                                                            \
			coherent_free(&mems[i]);                                       \
		free(mems);                                                            \
		return err;                                                            \
	}

static int print_memory(unsigned int bytes, size_t count, long taken)
{
	struct coherent_stats stats;
	char name[96];
	int err;

	snprintf(name, sizeof(name), "all memory of a slot, %u bytes, %zu live", bytes, count);
	bench_figure(name, "bytes", (double)taken / (double)count, 0);
	err = coherent_device_stats(dev, &stats);
	snprintf(name, sizeof(name), "mappings of a pool, %u bytes, %zu live", bytes, count);
	if (!err)
		bench_figure(name, "maps", (double)stats.mappings, VFIO_MAPPINGS_MAX);
	return err;
}

MEMORY(64)
MEMORY(256)
MEMORY(4096)

/* The device is new, so that it has no memory that was freed. */
static int bench_memory(struct pools_load *load, const char *bytes, const char *live)
{
	const size_t count = strtoul(live, NULL, 10);

	if (!strcmp(bytes, "64"))
		return memory_64(load, count);
	return strcmp(bytes, "256") ? memory_4096(load, count) : memory_256(load, count);
}

static int bench_all(struct pools_load *load)
{
	int err = bench_patterns(load);

	if (!err)
		err = bench(&(struct bench_case){
			.name = "expose + reclaim, of a pool, 256 bytes",
			.peer = "two memcpy and a memset",
			.ours = { expose_and_reclaim, NULL, NULL, NULL },
			.theirs = { copy_twice_and_clear, NULL, NULL, NULL },
			.turns = TURNS,
			.goal_ratio = 1.5,
		});
	if (!err)
		err = bench_threads();
	return err;
}

/* --- Counts of instructions --- */

static const struct pools_case *find_case(const char *bytes, const char *pattern)
{
	static const char *const names[POOLS_PATTERNS] = { "again", "churn", "burst", "batch" };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (bytes_of[cases[i].size] == strtoul(bytes, NULL, 10) &&
		    !strcmp(names[cases[i].pattern], pattern))
			return &cases[i];
	return NULL;
}

/* Returns POOLS_WAYS for the peer, and more for a name that is unknown. */
static unsigned int find_way(const char *name)
{
	static const char *const names[] = { "box", "value", "in-place", "peer" };
	unsigned int way = 0;

	while (way < ARRAY_SIZE(names) && strcmp(names[way], name))
		way++;
	return way;
}

/* Without DPDK the side of the peer does nothing. */
static int only_count(struct pools_load *load, char **args)
{
	const struct pools_case *what = find_case(args[2], args[3]);
	const unsigned int way = find_way(args[4]);
	const bool is_peer = way == POOLS_WAYS;
	const struct pools_side *side;
	int err = is_peer && peer_open(args[0], false) ? -1 : 0;

	if (err)
		return err;
	side = is_peer ? pools_dpdk(what->size, what->pattern) :
			 ours(what->size, way, what->pattern);
	if (!side)
		return 0;
	shuffle(load, what->live);
	err = begin(side, load);
	if (!err)
		err = side->run(load, (unsigned int)strtoul(args[5], NULL, 10));
	end(side, load);
	return err;
}

/* --- The program --- */

static bool is_valid(int argc, char **argv)
{
	switch (argc) {
	case 1:
		return true;
	case 4:
		return !strcmp(argv[1], "memory") && find_case(argv[2], "again") &&
		       strtoul(argv[3], NULL, 10);
	case 6:
		return !strcmp(argv[1], "count") && find_case(argv[2], argv[3]) &&
		       find_way(argv[4]) <= POOLS_WAYS;
	}
	return false;
}

static int run(struct pools_load *load, int argc, char **argv)
{
	if (argc == 1)
		return peer_open(argv[0], false) ? -1 : bench_all(load);
	return argc == 4 ? bench_memory(load, argv[2], argv[3]) : only_count(load, argv);
}

int main(int argc, char **argv)
{
	static struct pools_load load;
	int err;

	if (!is_valid(argc, argv)) {
		fputs("usage: pools [memory 64|256|4096 LIVE | count 64|256|4096 again|churn|burst|batch "
		      "box|value|in-place|peer TURNS]\n",
		      stderr);
		return 2;
	}
	err = coherent_device_open(&dev, "sim:edu,mask=48,step", .report = coherent_report_stderr);
	if (!err)
		err = create_64(dev);
	if (!err)
		err = create_256(dev);
	if (!err)
		err = create_4096(dev);
	if (!err)
		err = run(&load, argc, argv);
	if (!err)
		err = destroy_64();
	if (!err)
		err = destroy_256();
	if (!err)
		err = destroy_4096();
	coherent_device_close(dev);
	bench_use(&load.sum);
	return !!err;
}
