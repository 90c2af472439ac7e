// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Chunks come and go under the pool's lock. pool_chunk.c maps and unmaps them without it.
 *
 * INVARIANT: a slot is in exactly one place: in use, in one cache, or in its chunk's free list.
 */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/sys.h"
#include "memory/pool_chunk.h"

/*
 * Chunks grow with the pool. A chunk has at most this many bytes, or this many slots if that is
 * more, so that the cost of a chunk is shared by many slots.
 */
#define CHUNK_BYTES ((size_t)64 << 10)
#define CHUNK_SLOTS 128
/* A cache holds at most this many bytes, because no other thread can use them. */
#define CACHE_BYTES ((size_t)64 << 10)
/* The caches of all numbers. */
#define CACHES_BYTES ((size_t)THREAD_SLOTS * THREAD_SLOT_BYTES)

/* --- Slots that are in no cache --- */

static void reverse(struct slot **slots, unsigned int count)
{
	for (unsigned int i = 0; i < count / 2; i++) {
		struct slot *slot = slots[i];

		slots[i] = slots[count - 1 - i];
		slots[count - 1 - i] = slot;
	}
}

static bool chunk_is_unused(const struct chunk *chunk)
{
	return chunk->free_count == chunk->count;
}

/* Fills an empty cache from one chunk. The cache stays empty if no chunk has a free slot. */
static void take_locked(struct coherent_slots *pool, struct cache *cache) NEEDS_LOCK(pool->lock)
{
	struct chunk *chunk = TAILQ_FIRST(&pool->chunks);

	if (!chunk || !chunk->free_count)
		return;
	if (chunk_is_unused(chunk))
		pool->empty_chunks--;
	for (cache->count = 0; cache->count < pool->batch && chunk->free_count; cache->count++)
		cache->slots[cache->count] = &chunk->slots[chunk->free[--chunk->free_count]];
	/* The last slot of a cache is the first one out, so the lowest slot goes there. */
	reverse(cache->slots, cache->count);
	if (chunk->free_count)
		return;
	TAILQ_REMOVE(&pool->chunks, chunk, link);
	TAILQ_INSERT_TAIL(&pool->chunks, chunk, link);
}

/*
 * Returns a slot to its chunk. Returns the chunk if it is surplus: the caller ends it after
 * dropping the lock. One unused chunk stays, for a driver that allocates and frees at the border.
 */
static struct chunk *put_locked(struct coherent_slots *pool, const struct slot *slot)
	NEEDS_LOCK(pool->lock)
{
	struct chunk *chunk = slot->chunk;

	if (!chunk->free_count) {
		TAILQ_REMOVE(&pool->chunks, chunk, link);
		TAILQ_INSERT_HEAD(&pool->chunks, chunk, link);
	}
	chunk->free[chunk->free_count++] = (uint16_t)(slot - chunk->slots);
	if (!chunk_is_unused(chunk))
		return NULL;
	if (!pool->shrinks || !pool->empty_chunks) {
		pool->empty_chunks++;
		return NULL;
	}
	pool->bytes -= chunk->bytes;
	TAILQ_REMOVE(&pool->chunks, chunk, link);
	return chunk;
}

/* Returns the slots of a full cache that were freed first. */
static void give_back_locked(struct coherent_slots *pool, struct cache *cache,
			     struct chunk *surplus[SLOTS_BATCH]) NEEDS_LOCK(pool->lock)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < pool->batch; i++) {
		struct chunk *chunk = put_locked(pool, cache->slots[i]);

		if (chunk)
			surplus[count++] = chunk;
	}
	cache->count -= pool->batch;
	memmove(cache->slots, cache->slots + pool->batch, cache->count * sizeof(*cache->slots));
}

static size_t chunk_bytes_locked(const struct coherent_slots *pool) NEEDS_LOCK(pool->lock)
{
	const size_t page = sys_page_bytes();

	return pool->bytes < page		   ? page :
	       pool->bytes > pool->chunk_bytes_max ? pool->chunk_bytes_max :
						     pool->bytes;
}

static int grow(struct coherent_slots *pool)
{
	struct chunk *chunk;
	size_t bytes;
	int err;

	/* A pool that grows allocates once, however many sizes it tries. */
	err = backend_allocate(pool->store->backend);
	if (err)
		return err;
	lock_take(&pool->lock);
	bytes = chunk_bytes_locked(pool);
	lock_drop(&pool->lock);
	/* Where there is no memory or address for a large chunk, there may be for one page. */
	err = bytes > sys_page_bytes() ? chunk_new(pool, bytes, COHERENT_ATTR_NO_WARN, &chunk) :
					 -ENOMEM;
	if (err == -ENOSPC || err == -ENOMEM) {
		bytes = sys_page_bytes();
		err = chunk_new(pool, bytes, 0, &chunk);
	}
	if (err)
		return err;
	lock_take(&pool->lock);
	TAILQ_INSERT_HEAD(&pool->chunks, chunk, link);
	pool->bytes += bytes;
	pool->empty_chunks++;
	lock_drop(&pool->lock);
	return 0;
}

/* --- Caches --- */

/* Prepares a cache for its first slot. Where slots are delayed, it needs memory for them. */
static int cache_init(struct coherent_slots *pool, struct cache *cache)
{
	struct delayed *ring;

	if (!pool->delay) {
		cache->limit = 2 * pool->batch;
		return 0;
	}
	ring = calloc(1, sizeof(*ring) + pool->delay * sizeof(struct slot *));
	if (!ring)
		return -ENOMEM;
	cache->delayed = ring;
	lock_take(&pool->lock);
	ring->next = pool->rings;
	pool->rings = ring;
	lock_drop(&pool->lock);
	return 0;
}

/* Returns the cache of this thread; the shared one if it has no number, or no memory for one. */
static struct cache *own_cache(struct coherent_slots *pool)
{
	struct cache *cache;

	if (!thread_slot() && !thread_slot_take())
		return &pool->shared;
	cache = slots_cache(pool);
	if (!cache->limit && !cache->delayed && cache_init(pool, cache))
		return &pool->shared;
	return cache;
}

/* Delays a slot. Returns the slot that has been delayed long enough, or NULL. */
static struct slot *delay_slot(struct cache *cache, struct slot *slot, unsigned int delay)
{
	struct slot **ring = cache->delayed->slots;
	struct slot *oldest = ring[cache->delayed_at];

	if (cache->delayed_count < delay) {
		ring[cache->delayed_count++] = slot;
		return NULL;
	}
	ring[cache->delayed_at] = slot;
	cache->delayed_at = (cache->delayed_at + 1) % delay;
	return oldest;
}

static bool cache_is_full(const struct coherent_slots *pool, const struct cache *cache)
{
	return cache->count == 2 * pool->batch;
}

static struct slot *take_shared(struct coherent_slots *pool)
{
	struct cache *cache = &pool->shared;
	struct slot *slot = NULL;

	lock_take(&pool->lock);
	if (!cache->count)
		take_locked(pool, cache);
	if (cache->count)
		slot = cache->slots[--cache->count];
	lock_drop(&pool->lock);
	return slot;
}

static struct slot *take_own(struct coherent_slots *pool, struct cache *cache)
{
	if (!cache->count) {
		lock_take(&pool->lock);
		take_locked(pool, cache);
		lock_drop(&pool->lock);
	}
	return cache->count ? cache->slots[--cache->count] : NULL;
}

int slots_take(struct coherent_slots *pool, struct slot **slot)
{
	struct cache *cache = own_cache(pool);
	int err = 0;

	while (!err) {
		*slot = cache == &pool->shared ? take_shared(pool) : take_own(pool, cache);
		if (*slot)
			return 0;
		err = grow(pool);
	}
	return err;
}

static void cache_put(const struct coherent_slots *pool, struct cache *cache, struct slot *slot,
		      bool was_mem)
{
	if (pool->delay && was_mem)
		slot = delay_slot(cache, slot, pool->delay);
	if (slot)
		cache->slots[cache->count++] = slot;
}

void slots_put(struct coherent_slots *pool, struct slot *slot, bool was_mem)
{
	struct chunk *surplus[SLOTS_BATCH] = { NULL };
	struct cache *cache = own_cache(pool);

	if (cache != &pool->shared) {
		cache_put(pool, cache, slot, was_mem);
		if (!cache_is_full(pool, cache))
			return;
	}
	lock_take(&pool->lock);
	if (cache == &pool->shared)
		cache_put(pool, cache, slot, was_mem);
	if (cache_is_full(pool, cache))
		give_back_locked(pool, cache, surplus);
	lock_drop(&pool->lock);
	for (unsigned int i = 0; i < SLOTS_BATCH && surplus[i]; i++)
		chunk_end(surplus[i]);
}

/* --- The pool --- */

static int map_caches(struct coherent_slots *pool)
{
	void *caches;
	int err = sys_map(CACHES_BYTES, MAP_NORESERVE, &caches);

	if (err)
		return -ENOMEM;
	/* A hugepage would give memory to places that no thread uses. A kernel may not have any. */
	err = sys_advise(caches, CACHES_BYTES, MADV_NOHUGEPAGE);
	if (err && err != -EINVAL) {
		sys_unmap(caches, CACHES_BYTES);
		return -ENOMEM;
	}
	pool->caches = caches;
	return 0;
}

int slots_open(struct coherent_slots *pool)
{
	const size_t page = sys_page_bytes();
	const size_t large = align_up(CHUNK_SLOTS * pool->slot_bytes, page);
	int err;

	pool->chunk_bytes_max = large > CHUNK_BYTES ? large : CHUNK_BYTES;
	pool->batch = (unsigned int)(CACHE_BYTES / pool->slot_bytes / 2);
	if (pool->batch > SLOTS_BATCH)
		pool->batch = SLOTS_BATCH;
	/* A slot may be as large as a page, which is 64 KiB on some CPUs. */
	if (!pool->batch)
		pool->batch = 1;
	pool->shrinks = pool->store->backend->limits.unmap_is_fence ||
			pool->store->backend->idle_is_fence;
	lock_init(&pool->lock);
	TAILQ_INIT(&pool->chunks);
	err = cache_init(pool, &pool->shared);
	if (!err)
		err = map_caches(pool);
	if (err) {
		free(pool->shared.delayed);
		lock_destroy(&pool->lock);
	}
	return err;
}

void slots_close(struct coherent_slots *pool)
{
	struct delayed *ring;
	struct chunk *chunk;

	while ((chunk = TAILQ_FIRST(&pool->chunks))) {
		TAILQ_REMOVE(&pool->chunks, chunk, link);
		chunk_end(chunk);
	}
	while ((ring = pool->rings)) {
		pool->rings = ring->next;
		free(ring);
	}
	sys_unmap(pool->caches, CACHES_BYTES);
	lock_destroy(&pool->lock);
}
