/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Patterns in which a driver uses small objects. Each side of a case is one of these loops, for
 * objects of one size. The object is zeroed, the driver writes four words of it, and takes its
 * device address.
 */
#ifndef POOLS_H
#define POOLS_H

#include <stddef.h>
#include <stdint.h>

#define POOLS_INLINE static inline __attribute__((always_inline))
#define POOLS_BATCH 32
#define POOLS_MOST 16384

/* The sizes that have sides. */
enum pools_size {
	POOLS_64,
	POOLS_256,
	POOLS_4096,
	POOLS_SIZES,
};

/**
 * enum pools_way - How the library makes a mem.
 * @POOLS_BOX: It takes a box and exposes it.
 * @POOLS_VALUE: It makes the mem from a value, which the driver filled on its stack.
 * @POOLS_IN_PLACE: It takes a box of a pool that has its boxes in place, and exposes it.
 * @POOLS_WAYS: The number of ways.
 */
enum pools_way {
	POOLS_BOX,
	POOLS_VALUE,
	POOLS_IN_PLACE,
	POOLS_WAYS,
};

/**
 * enum pools_pattern - What a loop does in a turn.
 * @POOLS_AGAIN: Allocates an object and frees it.
 * @POOLS_CHURN: Frees one of the live objects, at random, and allocates another one.
 * @POOLS_BURST: Allocates an object. When as many as @live are allocated, frees all in random order.
 * @POOLS_BATCH_OF_32: Allocates 32 objects by one call, and frees them by one call.
 * @POOLS_PATTERNS: The number of patterns.
 */
enum pools_pattern {
	POOLS_AGAIN,
	POOLS_CHURN,
	POOLS_BURST,
	POOLS_BATCH_OF_32,
	POOLS_PATTERNS,
};

/**
 * struct pools_load - The argument of all sides.
 * @live: How many objects are live at a time, at most POOLS_MOST.
 * @order: The numbers below @live, each once, in random order.
 * @next: The next number of @order that a churn uses.
 * @sum: The sum of all addresses, so that the compiler keeps them.
 */
struct pools_load {
	size_t live;
	uint32_t order[POOLS_MOST];
	size_t next;
	uint64_t sum;
};

/**
 * struct pools_side - A side that works on a pool of its own.
 * @run: Does turns of a pattern. The argument is a struct pools_load.
 * @begin: Allocates the live objects of a churn; NULL for the other patterns.
 * @end: Frees them.
 */
struct pools_side {
	int (*run)(void *load, unsigned int turns);
	int (*begin)(struct pools_load *load);
	void (*end)(struct pools_load *load);
};

/* Returns the next number of the order. */
static inline size_t pools_next(struct pools_load *load)
{
	if (load->next >= load->live)
		load->next = 0;
	return load->order[load->next++];
}

/* Writes into a command what a driver does. */
static inline void pools_fill(uint32_t *words, uint32_t value)
{
	words[0] = value;
	words[1] = value + 1;
	words[2] = value + 2;
	words[3] = value + 3;
}

/*
 * Makes DPDK's pool of a size and returns the side of a pattern, NULL if DPDK is not installed. The
 * functions of DPDK are inline in the loop, and the size is known to the compiler, as in a driver.
 * A thread may work only on one size at a time.
 */
const struct pools_side *pools_dpdk(enum pools_size size, enum pools_pattern pattern);

#endif
