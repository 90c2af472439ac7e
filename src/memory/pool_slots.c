// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Chunks come and go under the pool's lock. pool_chunk.c maps and unmaps them without it.
 *
 * INVARIANT: a slot is in exactly one place: in use, in one cache, in the depot, or in its chunk's
 * free list.
 */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/sys.h"
#include "memory/mapping.h"
#include "memory/pool_chunk.h"

/*
 * Chunks grow with the pool: a new one doubles a small pool, and is a quarter of a large one. So a
 * pool of a million objects needs few mappings, and wastes little.
 */
#define CHUNK_BYTES ((size_t)64 << 10)
#define CHUNK_SHARE 4
/* A slot of a chunk has a number of 16 bits. */
#define CHUNK_SLOTS ((size_t)UINT16_MAX + 1)
/* Unused chunks stay if together they have this share of what the pool needed lately. */
#define UNUSED_SHARE 8
/*
 * A cache holds at most this many bytes, because no other thread can use them. So does the depot,
 * because their chunks cannot end.
 */
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

/* Moves an unused chunk to the front of those in use. Returns NULL if there is none. */
static struct chunk *use_chunk_locked(struct coherent_slots *pool) NEEDS_LOCK(pool->lock)
{
	struct chunk *chunk = TAILQ_FIRST(&pool->unused);

	if (!chunk)
		return NULL;
	TAILQ_REMOVE(&pool->unused, chunk, link);
	TAILQ_INSERT_HEAD(&pool->chunks, chunk, link);
	pool->unused_bytes -= chunk->bytes;
	if (pool->unused_min > pool->unused_bytes)
		pool->unused_min = pool->unused_bytes;
	if (pool->used_max < pool->bytes - pool->unused_bytes)
		pool->used_max = pool->bytes - pool->unused_bytes;
	return chunk;
}

/* Fills an empty cache from one chunk. The cache stays empty if no chunk has a free slot. */
static void take_from_chunk_locked(struct coherent_slots *pool, struct cache *cache)
	NEEDS_LOCK(pool->lock)
{
	struct chunk *chunk = TAILQ_FIRST(&pool->chunks);

	if (!chunk || !chunk->free_count)
		chunk = use_chunk_locked(pool);
	if (!chunk)
		return;
	for (cache->count = 0; cache->count < pool->batch && chunk->free_count; cache->count++)
		cache->slots[cache->count] = &chunk->slots[chunk->free[--chunk->free_count]];
	/* The last slot of a cache is the first one out, so the lowest slot goes there. */
	reverse(cache->slots, cache->count);
	if (chunk->free_count)
		return;
	TAILQ_REMOVE(&pool->chunks, chunk, link);
	TAILQ_INSERT_TAIL(&pool->chunks, chunk, link);
}

static void put_locked(struct coherent_slots *pool, const struct slot *slot) NEEDS_LOCK(pool->lock)
{
	struct chunk *chunk = slot->chunk;

	if (!chunk->free_count) {
		TAILQ_REMOVE(&pool->chunks, chunk, link);
		TAILQ_INSERT_HEAD(&pool->chunks, chunk, link);
	}
	chunk->free[chunk->free_count++] = (uint16_t)(slot - chunk->slots);
	if (chunk->free_count < chunk->count)
		return;
	TAILQ_REMOVE(&pool->chunks, chunk, link);
	TAILQ_INSERT_HEAD(&pool->unused, chunk, link);
	pool->unused_bytes += chunk->bytes;
}

static void put_batch_locked(struct coherent_slots *pool, struct slot *const *batch)
	NEEDS_LOCK(pool->lock)
{
	for (unsigned int i = 0; i < pool->batch; i++)
		put_locked(pool, batch[i]);
}

/* Returns a batch of the depot. Returns false if there was none. */
static bool put_from_depot_locked(struct coherent_slots *pool) NEEDS_LOCK(pool->lock)
{
	if (!pool->depot_count)
		return false;
	put_batch_locked(pool, pool->depot[--pool->depot_count]);
	return true;
}

static void take_locked(struct coherent_slots *pool, struct cache *cache) NEEDS_LOCK(pool->lock)
{
	pool->is_shrinking = false;
	if (!pool->depot_count) {
		take_from_chunk_locked(pool, cache);
		return;
	}
	memcpy(cache->slots, pool->depot[--pool->depot_count], pool->batch * sizeof(*cache->slots));
	cache->count = pool->batch;
}

/*
 * Returns the slots of a full cache that were freed first. If nobody takes what the depot has, the
 * pool shrinks. Then all slots go to their chunks, until somebody takes one, so that unused chunks
 * show. The depot gives up one batch at a time, because other threads wait for the lock.
 */
static void give_back_locked(struct coherent_slots *pool, struct cache *cache)
	NEEDS_LOCK(pool->lock)
{
	if (pool->depot_count == pool->depot_max)
		pool->is_shrinking = true;
	if (pool->is_shrinking) {
		put_batch_locked(pool, cache->slots);
		put_from_depot_locked(pool);
	} else {
		memcpy(pool->depot[pool->depot_count++], cache->slots,
		       pool->batch * sizeof(*cache->slots));
	}
	cache->count -= pool->batch;
	memmove(cache->slots, cache->slots + pool->batch, cache->count * sizeof(*cache->slots));
}

/* --- Chunks --- */

/* Takes the unused chunk that was not used for the longest time. The caller ends it. */
static void drop_locked(struct coherent_slots *pool, struct chunk_list *surplus)
	NEEDS_LOCK(pool->lock)
{
	struct chunk *chunk = TAILQ_LAST(&pool->unused, chunk_list);

	TAILQ_REMOVE(&pool->unused, chunk, link);
	TAILQ_INSERT_TAIL(surplus, chunk, link);
	pool->bytes -= chunk->bytes;
	pool->unused_bytes -= chunk->bytes;
}

/* Drops what was unused all the time since the last look. The next burst may need the rest. */
static void look_locked(struct coherent_slots *pool, uint64_t now_ns, struct chunk_list *surplus)
	NEEDS_LOCK(pool->lock)
{
	size_t least;

	if (now_ns < pool->looked_ns || now_ns - pool->looked_ns < PAGES_TRIM_NS)
		return;
	while (put_from_depot_locked(pool))
		;
	least = pool->unused_bytes - pool->unused_min;
	pool->again_bytes -= pool->again_bytes < pool->unused_min ? pool->again_bytes :
								    pool->unused_min;
	while (pool->unused_bytes > least &&
	       pool->unused_bytes - TAILQ_LAST(&pool->unused, chunk_list)->bytes >= least)
		drop_locked(pool, surplus);
	if (pool->again_bytes < pool->unused_bytes)
		pool->again_bytes = pool->unused_bytes;
	pool->unused_min = pool->unused_bytes;
	pool->used_max = pool->bytes - pool->unused_bytes;
	pool->looked_ns = now_ns;
}

/*
 * Drops unused chunks. One stays, for a driver that allocates and frees at the border. So does a share
 * of what was needed lately, and what was needed again after it was dropped, for a driver that
 * allocates in bursts.
 */
static void shrink_locked(struct coherent_slots *pool, uint64_t now_ns, struct chunk_list *surplus)
	NEEDS_LOCK(pool->lock)
{
	if (!pool->shrinks)
		return;
	look_locked(pool, now_ns, surplus);
	while (pool->unused_bytes > pool->used_max / UNUSED_SHARE + pool->again_bytes &&
	       TAILQ_FIRST(&pool->unused) != TAILQ_LAST(&pool->unused, chunk_list))
		drop_locked(pool, surplus);
	if (pool->unused_min > pool->unused_bytes)
		pool->unused_min = pool->unused_bytes;
}

static void end_chunks(struct chunk_list *chunks)
{
	struct chunk *chunk;

	while ((chunk = TAILQ_FIRST(chunks))) {
		TAILQ_REMOVE(chunks, chunk, link);
		chunk_end(chunk);
	}
}

static void drop_unused_locked(struct coherent_slots *pool, struct chunk_list *surplus)
	NEEDS_LOCK(pool->lock)
{
	while (put_from_depot_locked(pool))
		;
	/* The store is locked. A lookup must not find the pool, which may end before the chunk. */
	while (!TAILQ_EMPTY(&pool->unused)) {
		TAILQ_LAST(&pool->unused, chunk_list)->mem.object->chunk = NULL;
		drop_locked(pool, surplus);
	}
	pool->unused_min = 0;
}

bool slots_give_way(struct object_store *store)
{
	struct chunk_list surplus = TAILQ_HEAD_INITIALIZER(surplus);
	struct coherent_slots *pool;
	bool is_any;

	lock_take(&store->lock);
	LIST_FOREACH(pool, &store->pools, link) {
		lock_take(&pool->lock);
		if (pool->shrinks)
			drop_unused_locked(pool, &surplus);
		lock_drop(&pool->lock);
	}
	lock_drop(&store->lock);
	is_any = !TAILQ_EMPTY(&surplus);
	end_chunks(&surplus);
	return is_any;
}

/* Returns a power of two, at least a page. */
static size_t usual_bytes_locked(const struct coherent_slots *pool) NEEDS_LOCK(pool->lock)
{
	const size_t page = sys_page_bytes();
	size_t most = pool->bytes < CHUNK_BYTES ? pool->bytes : CHUNK_BYTES, bytes = page;

	if (most < pool->bytes / CHUNK_SHARE)
		most = pool->bytes / CHUNK_SHARE;
	while (bytes <= most / 2 && bytes < pool->chunk_bytes_max)
		bytes *= 2;
	return bytes;
}

/* The chunk was allocated without warnings, but the pool does not try a smaller one. */
static void warn_of_chunk(const struct coherent_slots *pool, size_t bytes, int err)
{
	/* These have their reports, or need none. */
	if (err != -ENODEV && err != -EBUSY && err != -EOPNOTSUPP)
		mapping_report_failed(pool->store, bytes, pool->site, err);
}

/* Where there is no memory or address for a large chunk, there may be for a smaller one. */
static int new_chunk(struct coherent_slots *pool, size_t usual, struct chunk **chunk)
{
	const size_t least = chunk_bytes(pool, sys_page_bytes());
	int err = -ENOMEM;

	for (; chunk_bytes(pool, usual) > least; usual /= 2) {
		const size_t bytes = chunk_bytes(pool, usual);

		err = chunk_new(pool, bytes, COHERENT_ATTR_NO_WARN, chunk);
		if (!err)
			return 0;
		if (err != -ENOSPC && err != -ENOMEM) {
			warn_of_chunk(pool, bytes, err);
			return err;
		}
	}
	return chunk_new(pool, least, 0, chunk);
}

static int grow(struct coherent_slots *pool)
{
	struct chunk *chunk;
	size_t usual;
	int err;

	/* A pool that grows allocates once, however many sizes it tries. */
	err = backend_allocate(pool->store->backend);
	if (err)
		return err;
	lock_take(&pool->lock);
	usual = usual_bytes_locked(pool);
	lock_drop(&pool->lock);
	err = new_chunk(pool, usual, &chunk);
	if (err)
		return err;
	lock_take(&pool->lock);
	TAILQ_INSERT_HEAD(&pool->unused, chunk, link);
	pool->bytes += chunk->bytes;
	pool->unused_bytes += chunk->bytes;
	/* The pool has been as large before. */
	if (pool->bytes <= pool->used_max)
		pool->again_bytes += chunk->bytes;
	lock_drop(&pool->lock);
	return 0;
}

/* --- Caches --- */

/* Prepares a cache for its first slot. Where slots are delayed, it needs memory for them. */
static int cache_init(struct coherent_slots *pool, struct cache *cache)
{
	struct delayed *ring;

	if (!pool->delay) {
		cache->limit = pool->cache_full;
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
	return cache->count == pool->cache_full;
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
	struct chunk_list surplus = TAILQ_HEAD_INITIALIZER(surplus);
	struct cache *cache = own_cache(pool);

	if (cache != &pool->shared) {
		cache_put(pool, cache, slot, was_mem);
		if (!cache_is_full(pool, cache))
			return;
	}
	lock_take(&pool->lock);
	if (cache == &pool->shared)
		cache_put(pool, cache, slot, was_mem);
	if (cache_is_full(pool, cache)) {
		give_back_locked(pool, cache);
		shrink_locked(pool, sys_now_coarse_ns(), &surplus);
	}
	lock_drop(&pool->lock);
	end_chunks(&surplus);
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

static void set_sizes(struct coherent_slots *pool)
{
	const size_t most = CHUNK_SLOTS * pool->slot_bytes;

	pool->chunk_bytes_max = most < SLOT_BYTES_MAX ? most : SLOT_BYTES_MAX;
	pool->batch = (unsigned int)(CACHE_BYTES / pool->slot_bytes / 2);
	if (pool->batch > SLOTS_BATCH)
		pool->batch = SLOTS_BATCH;
	if (!pool->batch)
		pool->batch = 1;
	/* A slot that is larger than a cache may be goes straight to its chunk. */
	pool->cache_full = pool->slot_bytes > CACHE_BYTES ? 1 : 2 * pool->batch;
	pool->depot_max = (unsigned int)(CACHE_BYTES / pool->slot_bytes / pool->batch);
	if (pool->depot_max > DEPOT_BATCHES)
		pool->depot_max = DEPOT_BATCHES;
}

int slots_open(struct coherent_slots *pool)
{
	int err;

	set_sizes(pool);
	pool->shrinks = pool->store->backend->limits.unmap_is_fence ||
			pool->store->backend->idle_is_fence;
	lock_init(&pool->lock);
	TAILQ_INIT(&pool->chunks);
	TAILQ_INIT(&pool->unused);
	pool->looked_ns = sys_now_coarse_ns();
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

	end_chunks(&pool->chunks);
	end_chunks(&pool->unused);
	while ((ring = pool->rings)) {
		pool->rings = ring->next;
		free(ring);
	}
	sys_unmap(pool->caches, CACHES_BYTES);
	lock_destroy(&pool->lock);
}
