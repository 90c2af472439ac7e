/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Which thread has which slot of a pool.
 *
 * Each thread has a cache of free slots that no other thread touches. So allocating and freeing
 * take no lock, except when a cache is empty or full. Then some slots move between the cache and
 * the depot of the pool in one step, for threads that free what others allocated. A slot that is
 * neither in a cache nor in the depot is in the free list of its chunk, so that an unused chunk
 * shows.
 */
#ifndef POOL_SLOTS_H
#define POOL_SLOTS_H

#include "memory/pool.h"
#include "memory/thread_slot.h"

/* The size of the largest slots, and of the largest chunks. */
#define SLOT_BYTES_MAX ((size_t)2 << 20)
/* How many slots a cache takes from the chunks at a time, and how many it holds at most. */
#define SLOTS_BATCH 32
#define SLOTS_CACHED_MAX (2 * SLOTS_BATCH)
/* How many batches a depot holds at most. */
#define DEPOT_BATCHES 16

/**
 * struct delayed - The delayed slots of a cache.
 * @next: The next struct of the pool.
 * @slots: The slots, a ring with as many places as the pool delays.
 */
struct delayed {
	struct delayed *next;
	struct slot *slots[];
};

/**
 * struct cache - The free slots of one thread. Zero bytes are an empty cache without room.
 * @count: How many there are.
 * @limit: How many the fast path may hold. It is 0 where freed slots are delayed first, and before
 *	the first slow path of the thread, so that freeing takes the slow path.
 * @slots: The slots. The last one in is the first one out.
 * @delayed_at: The index of the oldest delayed slot.
 * @delayed_count: How many slots are delayed.
 * @delayed: The delayed slots; NULL before the first one.
 */
struct cache {
	unsigned int count;
	unsigned int limit;
	struct slot *slots[SLOTS_CACHED_MAX];
	unsigned int delayed_at;
	unsigned int delayed_count;
	struct delayed *delayed;
};

_Static_assert(sizeof(struct cache) <= THREAD_SLOT_BYTES, "a cache fits into its place");

/**
 * struct coherent_slots - A pool.
 * @store: The objects of its device, which the pool holds. Never changes, as all until @lock.
 * @alive: Whether the device is open; false also if the device is watched, so that each call takes
 *	the slow path. Only fast paths look at it.
 * @site: File and line of the creation, a copy in the sites of the store.
 * @slot_bytes: The size of a slot: a multiple of SLOT_BYTES_MIN.
 * @private_bytes: How much of a slot is copied when it changes its phase, and cleared when it becomes
 *	a box: @slot_bytes, or 0 if boxes are in place.
 * @level: The level of its boxes.
 * @block_bytes: No slot crosses a multiple of this in its chunk.
 * @per_block: How many slots are between two multiples: as many as fit, but only one if the device is
 *	hardened, so that its private place has pages of its own.
 * @boundary: A chunk that is larger is aligned to this, and a smaller one does not cross a multiple
 *	of it. 0 where slots fit into a page, or may cross any address.
 * @usual: The first bytes of the options of an expose that takes the fast path: their size in this
 *	library, and the permission of each mem.
 * @delay: How many freed slots a cache delays.
 * @batch: How many slots a cache takes and gives back at a time.
 * @cache_full: A cache with so many slots gives some back.
 * @depot_max: How many batches the depot holds.
 * @chunk_bytes_max: The size of the largest chunks.
 * @shrinks: Unused chunks are freed while the pool exists, because their memory needs no fence.
 * @caches: The caches by thread_slot(). Only the thread touches its own. A place for each number
 *	is mapped, and the kernel gives memory for those that are used. Number 0 has none.
 * @lock: Guards the rest.
 * @shared: The cache of the threads that have no number.
 * @rings: The delayed slots of all caches.
 * @chunks: The chunks that have a slot in use, in a cache or in the depot. Those with free slots come first.
 * @unused: The other chunks, the one that was used last first.
 * @bytes: The size of all chunks.
 * @unused_bytes: The size of @unused.
 * @unused_min: The minimum of @unused_bytes since @looked_ns.
 * @used_max: The maximum of the size of @chunks since @looked_ns.
 * @again_bytes: The size of the chunks that the pool made although it had ended as many.
 * @looked_ns: When the pool last looked for chunks that nobody needs, by the coarse clock.
 * @element_bytes: The size of an element, which is at most @slot_bytes. Never changes.
 * @link: In the list of pools of the store, whose lock guards it.
 * @depot_count: How many batches are in the depot.
 * @depot: Free slots, @batch at a time. The last batch in is the first one out.
 * @is_shrinking: The depot was full, and no slot was taken since. Slots go to their chunks.
 */
struct coherent_slots {
	struct object_store *store;
	const struct alive *alive;
	const char *site;
	size_t slot_bytes;
	size_t private_bytes;
	enum coherent_level level;
	size_t block_bytes;
	size_t per_block;
	size_t boundary;
	struct {
		uint32_t options_bytes;
		enum coherent_permission permission;
	} usual;
	unsigned int delay;
	unsigned int batch;
	unsigned int cache_full;
	unsigned int depot_max;
	size_t chunk_bytes_max;
	bool shrinks;
	struct cache *caches;
	struct lock lock;
	struct cache shared;
	struct delayed *rings;
	struct chunk_list chunks;
	struct chunk_list unused;
	size_t bytes;
	size_t unused_bytes;
	size_t unused_min;
	size_t used_max;
	size_t again_bytes;
	uint64_t looked_ns;
	size_t element_bytes;
	LIST_ENTRY(coherent_slots) link;
	unsigned int depot_count;
	bool is_shrinking;
	struct slot *depot[DEPOT_BATCHES][SLOTS_BATCH];
};

/* One place is left to the slow path, which may put a slot in before it gives some back. */
static inline bool cache_has_room(const struct cache *cache)
{
	return cache->count + 1 < cache->limit;
}

/**
 * slots_cache() - The cache of this thread.
 * @pool: The pool.
 *
 * Return: the cache; one that is empty and has no room if the thread has no number yet, or got none.
 */
static inline struct cache *slots_cache(const struct coherent_slots *pool)
{
	return (struct cache *)((char *)pool->caches + thread_slot_offset);
}

/**
 * slots_open() - Prepare the caches and the list of chunks.
 * @pool: A pool whose other fields are set.
 *
 * Return: 0; -ENOMEM.
 */
int slots_open(struct coherent_slots *pool);

/**
 * slots_close() - Free all chunks and caches.
 * @pool: A pool without objects.
 */
void slots_close(struct coherent_slots *pool);

/**
 * slots_give_way() - End the unused chunks of all pools, because a call needs what they have.
 * @store: The store of an open device.
 *
 * Return: false if there was none.
 */
bool slots_give_way(struct object_store *store);

/**
 * slots_take() - Take a slot, also when the cache of this thread is empty.
 * @pool: The pool.
 * @slot: Set to the slot.
 *
 * Return: 0; as coherent_base_zeroed().
 */
int slots_take(struct coherent_slots *pool, struct slot **slot);

/**
 * slots_put() - Give a slot back, also when the cache of this thread has no room.
 * @pool: The pool.
 * @slot: The slot.
 * @was_mem: The device was told its address, so the pool's delay applies.
 */
void slots_put(struct coherent_slots *pool, struct slot *slot, bool was_mem);

#endif
