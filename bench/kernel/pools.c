// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Measures what a small object costs: take it, fill it, tell its address, and free it. One side is
 * dma_pool. Its driver fills the memory that the device reaches. Another side is dma_pool whose driver
 * fills memory of its own and copies it, so that the device sees only complete objects, as with the
 * library.
 */
#include <linux/dmapool.h>
#include <linux/sort.h>
#include <linux/timex.h>

#include <coherent/pool.h>

#include "bench.h"

#define ROUNDS 301

struct small {
	u64 words[8];
};

struct medium {
	u64 words[32];
};

COHERENT_POOL_TYPE(smalls, struct small);
COHERENT_POOL_TYPE(mediums, struct medium);

static struct dma_pool *raw_pool;
static union smalls smalls;
static union mediums mediums;
static u64 own[32];
/* Where the device would get the address. */
static u64 told;

static __always_inline void fill(u64 *words, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		words[i] = i + 1;
}

static __always_inline int run_raw(size_t count, bool copies)
{
	dma_addr_t address;
	u64 *memory = dma_pool_zalloc(raw_pool, GFP_KERNEL, &address);

	if (!memory)
		return -ENOMEM;
	if (copies) {
		fill(own, count);
		barrier();
		memcpy(memory, own, count * sizeof(*own));
		dma_wmb();
	} else {
		fill(memory, count);
	}
	WRITE_ONCE(told, address);
	dma_pool_free(raw_pool, memory, address);
	return 0;
}

#define RUN_OURS(T, pool)                                                         \
	do {                                                                      \
		COHERENT_BOX(T) box = COHERENT_EMPTY;                             \
		COHERENT(T) mem = COHERENT_EMPTY;                                 \
		int err = coherent_pool_box(pool, &box);                          \
		if (err)                                                          \
			return err;                                               \
		fill(coherent_box_ptr(&box)->words, ARRAY_SIZE(((T *)0)->words)); \
		err = coherent_expose(&box, &mem);                                \
		if (err)                                                          \
			return err;                                               \
		WRITE_ONCE(told, coherent_addr(&mem).raw);                        \
		coherent_free(&mem);                                              \
		return 0;                                                         \
	} while (0)

static noinline int raw_small(void)
{
	return run_raw(8, false);
}

static noinline int copied_small(void)
{
	return run_raw(8, true);
}

static noinline int our_small(void)
{
	RUN_OURS(struct small, &smalls);
}

static noinline int raw_medium(void)
{
	return run_raw(32, false);
}

static noinline int copied_medium(void)
{
	return run_raw(32, true);
}

static noinline int our_medium(void)
{
	RUN_OURS(struct medium, &mediums);
}

static const struct {
	const char *name;
	size_t bytes;
	int (*run)(void);
} sides[] = {
	{ "dma_pool", 64, raw_small },
	{ "dma_pool and memcpy", 64, copied_small },
	{ "pool", 64, our_small },
	{ "dma_pool", 256, raw_medium },
	{ "dma_pool and memcpy", 256, copied_medium },
	{ "pool", 256, our_medium },
};

static int compare(const void *left, const void *right)
{
	const u32 a = *(const u32 *)left, b = *(const u32 *)right;

	return a < b ? -1 : a > b;
}

static int run_side(size_t which)
{
	static u32 ticks[ROUNDS];
	int i, err = 0;
	u64 start;

	for (i = 0; !err && i < ROUNDS; i++) {
		start = get_cycles();
		err = sides[which].run();
		ticks[i] = get_cycles() - start;
	}
	sort(ticks, ROUNDS, sizeof(*ticks), compare, NULL);
	if (!err)
		pr_info("bench: {\"object\": %zu, \"side\": \"%s\", \"ticks\": %u}\n",
			sides[which].bytes, sides[which].name, ticks[ROUNDS / 2]);
	return err;
}

static int run_sides(struct device *dev, size_t bytes)
{
	size_t i;
	int err = 0;

	raw_pool = dma_pool_create("bench", dev, bytes, 64, 0);
	if (!raw_pool)
		return -ENOMEM;
	for (i = 0; !err && i < ARRAY_SIZE(sides); i++)
		if (sides[i].bytes == bytes)
			err = run_side(i);
	dma_pool_destroy(raw_pool);
	return err;
}

int bench_pools(struct device *dev)
{
	int ended, err = coherent_pool_create(&smalls, dev);

	if (!err)
		err = coherent_pool_create(&mediums, dev);
	if (!err)
		err = run_sides(dev, sizeof(struct small));
	if (!err)
		err = run_sides(dev, sizeof(struct medium));
	ended = coherent_pool_destroy(&smalls);
	if (!err)
		err = ended;
	ended = coherent_pool_destroy(&mediums);
	return err ? err : ended;
}
