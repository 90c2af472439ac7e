/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Which slots of a pool are whose.
 *
 * Each thread has a cache of free slots, which nobody else touches: taking and freeing is
 * without lock but where a cache is empty or full. Slots that no cache has are with their chunk,
 * so that it shows when one has nothing else.
 */
#ifndef POOL_SLOTS_H
#define POOL_SLOTS_H

#include "pool.h"
#include "thread_slot.h"

/* What a cache gets at a time and gives back at most, and how many it has at most. */
#define SLOTS_BATCH 32
#define SLOTS_CACHED_MAX (2 * SLOTS_BATCH)

/**
 * struct cache - Slots for one thread.
 * @count: How many are free.
 * @limit: How many at most; 0 where freed ones are kept back first.
 * @slots: They, the last in last.
 * @delayed_at: Where the oldest is that is kept back.
 * @delayed_count: How many are.
 * @delayed: They, a ring of as many as the pool keeps back.
 */
struct cache {
	unsigned int count;
	unsigned int limit;
	struct slot *slots[SLOTS_CACHED_MAX];
	unsigned int delayed_at;
	unsigned int delayed_count;
	struct slot *delayed[];
};

/**
 * struct coherent_slots - A pool, all of it.
 * @store: The objects of its device, which it holds. Never changes, as all until @lock.
 * @alive: The device's.
 * @site: File and line of its creation.
 * @slot_bytes: Of a slot: a multiple of SLOT_BYTES_MIN.
 * @block_bytes: What no slot crosses a multiple of.
 * @permission: What the device may do.
 * @delay: How many slots a cache keeps back.
 * @batch: What a cache gets at a time and gives back; it has at most twice as many.
 * @chunk_bytes_max: Of the largest chunks.
 * @shrinks: Chunks go while the pool is there: what was in them needs no fence.
 * @caches: By threads' numbers; each is its thread's.
 * @lock: Guards the rest.
 * @shared: The cache of threads without a number; what it has is by @lock.
 * @chunks: The chunks, those that have free slots first.
 * @bytes: Of all chunks.
 * @empty_chunks: How many have nothing but free slots.
 */
struct coherent_slots {
	struct object_store *store;
	const struct alive *alive;
	const char *site;
	size_t slot_bytes;
	size_t block_bytes;
	enum coherent_permission permission;
	unsigned int delay;
	unsigned int batch;
	size_t chunk_bytes_max;
	bool shrinks;
	struct cache *caches[THREAD_SLOTS];
	struct lock lock;
	struct cache *shared;
	TAILQ_HEAD(, chunk) chunks;
	size_t bytes;
	unsigned int empty_chunks;
};

/* The cache of a thread that has none: always empty, and full. */
extern struct cache slots_none;

/**
 * slots_open() - Make the lists of a pool.
 * @pool: All but the lists is filled in.
 *
 * Return: 0; -ENOMEM.
 */
int slots_open(struct coherent_slots *pool);

/**
 * slots_close() - Free all chunks and caches.
 * @pool: A pool of whose slots nobody has one.
 */
void slots_close(struct coherent_slots *pool);

/**
 * slots_take() - Take a slot, also where this thread's cache has none.
 * @pool: The pool.
 * @slot: Set to the slot.
 *
 * Return: 0; as coherent_base_zeroed().
 */
int slots_take(struct coherent_slots *pool, struct slot **slot);

/**
 * slots_put() - Give one back, also where this thread's cache is full or keeps some back.
 * @pool: The pool.
 * @slot: The slot.
 * @was_mem: The device was told of it.
 */
void slots_put(struct coherent_slots *pool, struct slot *slot, bool was_mem);

#endif
