// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The patterns of pools.h on a pool of DPDK, which has a cache for each thread. */
#include <rte_mempool.h>
#include <string.h>

#include "../src/base/size.h"
#include "bench.h"
#include "pools.h"

#define OBJECTS (2 * POOLS_MOST - 1)
#define CACHE 256

static struct rte_mempool *pool;
static void *objects[POOLS_MOST];

/* The size is a constant wherever this is inlined. */
POOLS_INLINE void start(struct pools_load *load, void *object, size_t bytes)
{
	/* Above this, the C library is faster than what gcc makes of a constant size. */
	if (bytes > 128)
		bench_hide(&bytes);
	memset(object, 0, bytes);
	pools_fill(object, (uint32_t)load->sum);
	load->sum += rte_mempool_virt2iova(object);
	bench_use(object);
}

POOLS_INLINE int again(struct pools_load *load, size_t bytes, unsigned int turns)
{
	for (unsigned int i = 0; i < turns; i++) {
		void *object;

		if (rte_mempool_get(pool, &object))
			return -1;
		start(load, object, bytes);
		rte_mempool_put(pool, object);
	}
	return 0;
}

POOLS_INLINE int churn(struct pools_load *load, size_t bytes, unsigned int turns)
{
	for (unsigned int i = 0; i < turns; i++) {
		void **object = &objects[pools_next(load)];

		rte_mempool_put(pool, *object);
		if (rte_mempool_get(pool, object))
			return -1;
		start(load, *object, bytes);
	}
	return 0;
}

POOLS_INLINE int burst(struct pools_load *load, size_t bytes, unsigned int turns)
{
	for (unsigned int done = 0; done < turns; done += load->live) {
		for (size_t i = 0; i < load->live; i++) {
			if (rte_mempool_get(pool, &objects[i]))
				return -1;
			start(load, objects[i], bytes);
		}
		for (size_t i = 0; i < load->live; i++)
			rte_mempool_put(pool, objects[load->order[i]]);
	}
	return 0;
}

POOLS_INLINE int batch(struct pools_load *load, size_t bytes, unsigned int turns)
{
	for (unsigned int done = 0; done < turns; done += POOLS_BATCH) {
		if (rte_mempool_get_bulk(pool, objects, POOLS_BATCH))
			return -1;
		for (size_t i = 0; i < POOLS_BATCH; i++)
			start(load, objects[i], bytes);
		rte_mempool_put_bulk(pool, objects, POOLS_BATCH);
	}
	return 0;
}

static int allocate_live(struct pools_load *load)
{
	return rte_mempool_get_bulk(pool, objects, (unsigned int)load->live);
}

static void free_live(struct pools_load *load)
{
	rte_mempool_put_bulk(pool, objects, (unsigned int)load->live);
}

#define RUN(pattern, bytes)                                         \
	static int pattern##_##bytes(void *arg, unsigned int turns) \
	{                                                           \
		return pattern(arg, bytes, turns);                  \
	}

#define PATTERNS(bytes)   \
	RUN(again, bytes) \
	RUN(churn, bytes) \
	RUN(burst, bytes) \
	RUN(batch, bytes)

PATTERNS(64)
PATTERNS(256)
PATTERNS(4096)

#define SIDES(bytes)                                                                        \
	{                                                                                   \
		{ again_##bytes, NULL, NULL }, { churn_##bytes, allocate_live, free_live }, \
			{ burst_##bytes, NULL, NULL }, { batch_##bytes, NULL, NULL },       \
	}

const struct pools_side *pools_dpdk(enum pools_size size, enum pools_pattern pattern)
{
	static const struct pools_side sides[POOLS_SIZES][POOLS_PATTERNS] = { SIDES(64), SIDES(256),
									      SIDES(4096) };
	static const unsigned int bytes[POOLS_SIZES] = { 64, 256, 4096 };
	static enum pools_size current;

	if (pool && current != size) {
		rte_mempool_free(pool);
		pool = NULL;
	}
	if (!pool)
		pool = rte_mempool_create("pools", OBJECTS, bytes[size], CACHE, 0, NULL, NULL, NULL,
					  NULL, SOCKET_ID_ANY, 0);
	current = size;
	return pool ? &sides[size][pattern] : NULL;
}
