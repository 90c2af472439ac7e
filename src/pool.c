// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Small objects in exposed pages: which slots are whose, and copies between private memory and
 * the device's.
 *
 * Each thread has a cache of free slots, which nobody else touches: taking and freeing is
 * without lock but where a cache is empty or full. Slots that no cache has are with their chunk,
 * so that it shows when one has nothing else.
 *
 * INVARIANT: unless it is a mem, the place of a slot in exposed memory holds zeros, or what the
 * device wrote there.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"
#include "sys.h"
#include "thread.h"

#define SLOT_BYTES_MIN 16
#define CACHE_LINE 64
#define CHUNK_BYTES_MAX ((size_t)64 << 10)
/* What a cache gets at a time and gives back, and how many it has at most. */
#define BATCH 32
#define CACHE_MAX (2 * BATCH)
/* Of objects that keep a pool from being destroyed, so many are reported. */
#define REPORTED_MAX 8
#define unlikely(condition) __builtin_expect(!!(condition), 0)

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
	struct slot *slots[CACHE_MAX];
	unsigned int delayed_at;
	unsigned int delayed_count;
	struct slot *delayed[];
};

/* Of a thread that has none: always empty, and full. */
static struct cache none;

/**
 * struct coherent_slots - A pool, all of it.
 * @dev: Its device, held. Never changes, as all until @lock.
 * @alive: The device's.
 * @where: File and line of its creation.
 * @slot_bytes: Of a slot: a multiple of SLOT_BYTES_MIN.
 * @block_bytes: What no slot crosses a multiple of.
 * @may: What the device may do.
 * @delay: How many slots a cache keeps back.
 * @caches: By threads' numbers; each is its thread's.
 * @lock: Guards the rest.
 * @shared: The cache of threads without a number; what it has is by @lock.
 * @chunks: The chunks, those that have free slots first.
 * @bytes: Of all chunks.
 * @empty_chunks: How many have nothing but free slots.
 */
struct coherent_slots {
	struct coherent_device *dev;
	const struct alive *alive;
	const char *where;
	size_t slot_bytes;
	size_t block_bytes;
	enum coherent_may may;
	unsigned int delay;
	struct cache *caches[THREADS_MAX];
	struct lock lock;
	struct cache *shared;
	TAILQ_HEAD(, chunk) chunks;
	size_t bytes;
	unsigned int empty_chunks;
};

/* --- Memory --- */

typedef long long piece __attribute__((vector_size(16), may_alias));

/*
 * Of a multiple of 16 bytes, which for some hundred is less than the C library takes to find
 * out how best to do it. The compiler is kept from making calls of them.
 */
static inline void clear(char *to, size_t bytes)
{
	ptrdiff_t left = (ptrdiff_t)bytes - 64;

	for (; left >= 0; left -= 64, to += 64) {
		for (size_t i = 0; i < 4; i++)
			((piece *)to)[i] = (piece){ 0 };
		__asm__("" : "+r"(to), "+r"(left));
	}
	for (; left != -64; left -= 16, to += 16) {
		*(piece *)to = (piece){ 0 };
		__asm__("" : "+r"(to), "+r"(left));
	}
}

static inline void copy(char *to, const char *from, size_t bytes)
{
	ptrdiff_t left = (ptrdiff_t)bytes - 64;

	for (; left >= 0; left -= 64, to += 64, from += 64) {
		const piece *source = (const piece *)from;
		const piece a = source[0], b = source[1], c = source[2], d = source[3];

		((piece *)to)[0] = a;
		((piece *)to)[1] = b;
		((piece *)to)[2] = c;
		((piece *)to)[3] = d;
		__asm__("" : "+r"(to), "+r"(left));
	}
	for (; left != -64; left -= 16, to += 16, from += 16) {
		*(piece *)to = *(const piece *)from;
		__asm__("" : "+r"(to), "+r"(left));
	}
}

static inline char *box_of(const struct slot *slot)
{
	return slot->chunk->boxes + slot->offset;
}

static inline char *mem_of(const struct slot *slot)
{
	return slot->chunk->mems + slot->offset;
}

struct coherent_device *pool_device(const struct slot *slot)
{
	return slot->chunk->pool->dev;
}

uint64_t pool_address(const struct slot *slot)
{
	return ~slot->chunk->inverted_address + slot->offset;
}

const struct slot *pool_slot_at(const struct chunk *chunk, uint64_t offset)
{
	const struct coherent_slots *pool = chunk->pool;
	const uint64_t per_block = pool->block_bytes / pool->slot_bytes;
	const uint64_t i = offset % pool->block_bytes / pool->slot_bytes;

	if (i >= per_block)
		return NULL;
	return &chunk->slots[offset / pool->block_bytes * per_block + i];
}

/* --- Chunks --- */

static uint32_t slots_in(const struct coherent_slots *pool, size_t bytes)
{
	return (uint32_t)(bytes / pool->block_bytes * (pool->block_bytes / pool->slot_bytes));
}

static void fill_in_slots(struct chunk *chunk)
{
	const struct coherent_slots *pool = chunk->pool;
	const uint32_t per_block = (uint32_t)(pool->block_bytes / pool->slot_bytes);

	for (uint32_t i = 0; i < chunk->count; i++) {
		chunk->slots[i].kind = OBJECT_SLOT;
		chunk->slots[i].offset = (uint32_t)(i / per_block * pool->block_bytes +
						    i % per_block * pool->slot_bytes);
		chunk->slots[i].chunk = chunk;
		/* The lowest is taken first. */
		chunk->free[i] = (uint16_t)(chunk->count - 1 - i);
	}
	chunk->free_count = chunk->count;
}

static int chunk_new(struct coherent_slots *pool, size_t bytes, struct chunk **out)
{
	const struct coherent_mem_options options = { .count = bytes, .may = pool->may };
	const uint32_t count = slots_in(pool, bytes);
	struct chunk *chunk =
		calloc(1, sizeof(*chunk) + count * (sizeof(struct slot) + sizeof(uint16_t)));
	int err;

	if (!chunk)
		return -ENOMEM;
	err = pages_get(&pool->dev->pages, bytes, &chunk->pages);
	if (err)
		goto free_chunk;
	err = coherent_base_zeroed(&chunk->mem, pool->dev, 1, &options, pool->where);
	if (err)
		goto put_pages;
	chunk->pool = pool;
	chunk->alive = pool->alive;
	chunk->slot_bytes = pool->slot_bytes;
	chunk->boxes = pages_va(&chunk->pages);
	chunk->mems = (char *)chunk->mem.va;
	chunk->inverted_address = chunk->mem.inverted_address;
	chunk->count = count;
	chunk->free = (uint16_t *)(chunk->slots + count);
	fill_in_slots(chunk);
	object_set_chunk(chunk->mem.object, chunk);
	found_set(&pool->dev->found, chunk->boxes, bytes, chunk->mem.object);
	*out = chunk;
	return 0;

put_pages:
	pages_put(&pool->dev->pages, &chunk->pages);
free_chunk:
	free(chunk);
	return err;
}

/* Freeing its objects was the driver's word that the device is done with them. */
static void chunk_end(struct chunk *chunk)
{
	struct pages *pages = &chunk->pool->dev->pages;
	struct coherent_box box = { .va = NULL };
	const struct coherent_reclaim_options options = { .box = &box, .idle = true };

	object_set_chunk(chunk->mem.object, NULL);
	if (coherent_base_reclaim(&chunk->mem, &options))
		coherent_base_free(&chunk->mem);
	coherent_base_box_free(&box);
	pages_put(pages, &chunk->pages);
	free(chunk);
}

/* --- Slots that no cache has --- */

/* Some of one chunk; none if there are none left. */
static void take_locked(struct coherent_slots *pool, struct cache *cache) NEEDS_LOCK(pool->lock)
{
	struct chunk *chunk = TAILQ_FIRST(&pool->chunks);

	if (!chunk || !chunk->free_count)
		return;
	pool->empty_chunks -= chunk->free_count == chunk->count;
	/* The first is on top. */
	for (cache->count = 0; cache->count < BATCH && chunk->free_count; cache->count++)
		cache->slots[cache->count] = &chunk->slots[chunk->free[--chunk->free_count]];
	for (unsigned int i = 0; i < cache->count / 2; i++) {
		struct slot *slot = cache->slots[i];

		cache->slots[i] = cache->slots[cache->count - 1 - i];
		cache->slots[cache->count - 1 - i] = slot;
	}
	if (chunk->free_count)
		return;
	TAILQ_REMOVE(&pool->chunks, chunk, link);
	TAILQ_INSERT_TAIL(&pool->chunks, chunk, link);
}

/* One back to its chunk: which that is if nobody needs it any more, to be ended without lock. */
static struct chunk *put_locked(struct coherent_slots *pool, const struct slot *slot)
	NEEDS_LOCK(pool->lock)
{
	struct chunk *chunk = slot->chunk;

	if (!chunk->free_count) {
		TAILQ_REMOVE(&pool->chunks, chunk, link);
		TAILQ_INSERT_HEAD(&pool->chunks, chunk, link);
	}
	chunk->free[chunk->free_count++] = (uint16_t)(slot - chunk->slots);
	if (chunk->free_count < chunk->count)
		return NULL;
	/* One stays, for who takes and frees around a border. */
	if (!pool->empty_chunks++)
		return NULL;
	pool->empty_chunks--;
	pool->bytes -= pages_bytes(&chunk->pages);
	TAILQ_REMOVE(&pool->chunks, chunk, link);
	return chunk;
}

/* Some of a cache that is full: those that were freed first. */
static void give_back_locked(struct coherent_slots *pool, struct cache *cache,
			     struct chunk *unused[BATCH]) NEEDS_LOCK(pool->lock)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < BATCH; i++) {
		struct chunk *chunk = put_locked(pool, cache->slots[i]);

		if (chunk)
			unused[count++] = chunk;
	}
	cache->count -= BATCH;
	memmove(cache->slots, cache->slots + BATCH, cache->count * sizeof(*cache->slots));
}

static size_t chunk_bytes_locked(const struct coherent_slots *pool) NEEDS_LOCK(pool->lock)
{
	const size_t page = sys_page_bytes();

	return pool->bytes < page	     ? page :
	       pool->bytes > CHUNK_BYTES_MAX ? CHUNK_BYTES_MAX :
					       pool->bytes;
}

/* Without the lock: mapping takes long, and reports. */
static int grow(struct coherent_slots *pool)
{
	struct chunk *chunk;
	size_t bytes;
	int err;

	lock_take(&pool->lock);
	bytes = chunk_bytes_locked(pool);
	lock_drop(&pool->lock);
	err = chunk_new(pool, bytes, &chunk);
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

static struct cache *new_cache(const struct coherent_slots *pool)
{
	struct cache *cache = calloc(1, sizeof(*cache) + pool->delay * sizeof(struct slot *));

	if (cache)
		cache->limit = pool->delay ? 0 : CACHE_MAX;
	return cache;
}

/* This thread's; &none if it has none. */
static struct cache *own_cache(struct coherent_slots *pool)
{
	unsigned int number = thread_index();
	struct cache *cache;

	if (!number)
		number = thread_take_number();
	if (!number || pool->caches[number] != &none)
		return pool->caches[number];
	cache = new_cache(pool);
	if (cache)
		pool->caches[number] = cache;
	return pool->caches[number];
}

/* In; what was kept back long enough comes out. */
static struct slot *keep_back(struct cache *cache, struct slot *slot, unsigned int most)
{
	struct slot *oldest = cache->delayed[cache->delayed_at];

	if (cache->delayed_count < most) {
		cache->delayed[cache->delayed_count++] = slot;
		return NULL;
	}
	cache->delayed[cache->delayed_at] = slot;
	cache->delayed_at = (cache->delayed_at + 1) % most;
	return oldest;
}

static struct slot *take_shared(struct coherent_slots *pool)
{
	struct cache *cache = pool->shared;
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

static int take(struct coherent_slots *pool, struct slot **slot)
{
	struct cache *cache = own_cache(pool);
	int err = 0;

	while (!err) {
		*slot = cache == &none ? take_shared(pool) : take_own(pool, cache);
		if (*slot)
			return 0;
		err = grow(pool);
	}
	return err;
}

/* Whether the cache is full now. */
static bool put_in(const struct coherent_slots *pool, struct cache *cache, struct slot *slot)
{
	if (pool->delay)
		slot = keep_back(cache, slot, pool->delay);
	if (slot)
		cache->slots[cache->count++] = slot;
	return cache->count == CACHE_MAX;
}

static void put(struct coherent_slots *pool, struct slot *slot)
{
	struct chunk *unused[BATCH] = { NULL };
	struct cache *cache = own_cache(pool);

	if (cache != &none && !put_in(pool, cache, slot))
		return;
	lock_take(&pool->lock);
	if (cache != &none)
		give_back_locked(pool, cache, unused);
	else if (put_in(pool, pool->shared, slot))
		give_back_locked(pool, pool->shared, unused);
	lock_drop(&pool->lock);
	for (unsigned int i = 0; i < BATCH && unused[i]; i++)
		chunk_end(unused[i]);
}

/* --- Objects --- */

static inline void set_state(struct slot *slot, enum coherent_state state)
{
	__atomic_store_n(&slot->state, (unsigned char)state, __ATOMIC_RELAXED);
}

static inline struct coherent_object *as_object(struct slot *slot)
{
	return (struct coherent_object *)slot;
}

static inline bool is_open(const struct alive *alive)
{
	return atomic_load_explicit(&alive->open, memory_order_acquire);
}

static inline void make_box(const struct coherent_slots *pool, struct slot *slot,
			    struct coherent_box *box, const char *where)
{
	char *va = box_of(slot);

	__atomic_store_n(&slot->where, where, __ATOMIC_RELAXED);
	set_state(slot, COHERENT_STATE_BOX);
	*box = (struct coherent_box){ va, 1, as_object(slot) };
	clear(va, pool->slot_bytes);
}

static __attribute__((noinline)) int box_slowly(const struct coherent_pool *base,
						struct coherent_box *box, const char *where)
{
	struct slot *slot;
	int err;

	if (!base->va)
		return -EINVAL;
	if (box->va)
		return -EBUSY;
	err = device_usable(base->va->dev);
	if (!err)
		err = take(base->va, &slot);
	if (!err)
		make_box(base->va, slot, box, where);
	return err;
}

/* Short ways first, which call nothing; what they are not for goes the long way. */
int coherent_base_pool_box(struct coherent_pool *base, struct coherent_box *box, const char *where)
{
	const struct coherent_slots *pool = base->va;
	struct cache *cache;

	if (unlikely(!pool || box->va || !is_open(pool->alive)))
		return box_slowly(base, box, where);
	cache = pool->caches[thread_index()];
	if (unlikely(!cache->count))
		return box_slowly(base, box, where);
	make_box(pool, cache->slots[--cache->count], box, where);
	return 0;
}

static __attribute__((noinline)) void put_slowly(struct slot *slot)
{
	put(slot->chunk->pool, slot);
}

static inline void put_fast(struct coherent_slots *pool, struct slot *slot)
{
	struct cache *cache = pool->caches[thread_index()];

	set_state(slot, COHERENT_STATE_NONE);
	/* The last place is for who gives some back then. */
	if (unlikely(cache->count + 1 >= cache->limit))
		put_slowly(slot);
	else
		cache->slots[cache->count++] = slot;
}

static inline bool is_ours(const struct chunk *chunk)
{
	return atomic_load_explicit(&chunk->alive->ours, memory_order_relaxed);
}

void pool_free_box(struct coherent_box *box)
{
	struct slot *slot = slot_of(box->object);

	*box = (struct coherent_box){ .va = NULL };
	if (is_ours(slot->chunk))
		put_fast(slot->chunk->pool, slot);
}

void pool_free(struct coherent_mem *mem)
{
	struct slot *slot = slot_of(mem->object);
	const struct chunk *chunk = slot->chunk;
	struct coherent_slots *pool = chunk->pool;
	char *va = (char *)mem->va;

	*mem = (struct coherent_mem){ .va = NULL };
	if (unlikely(!is_ours(chunk)))
		return;
	clear(va, chunk->slot_bytes);
	put_fast(pool, slot);
}

static inline void make_mem(struct slot *slot, const char *from, struct coherent_mem *mem)
{
	const struct chunk *chunk = slot->chunk;
	const uint32_t offset = slot->offset;
	char *va = chunk->mems + offset;

	*mem = (struct coherent_mem){
		.va = va,
		.count = 1,
		.inverted_address = chunk->inverted_address - offset,
		.object = as_object(slot),
	};
	set_state(slot, COHERENT_STATE_MEM);
	copy(va, from, chunk->slot_bytes);
	/* ORDER: pairs with the device's first access. */
	coherent_wmb();
}

static int check_expose(const struct slot *slot, const struct coherent_expose_options *options)
{
	const struct coherent_slots *pool = slot->chunk->pool;
	const struct coherent_mem *mem = options->mem;
	int err;

	if (options->may != pool->may)
		return -EINVAL;
	if (mem->object)
		return -EBUSY;
	err = device_usable(pool->dev);
	if (err || !options->seal)
		return err;
	err = options->seal(box_of(slot), 1, (coherent_addr_t){ pool_address(slot) },
			    options->seal_arg);
	return err > 0 ? -EINVAL : err;
}

static __attribute__((noinline)) int expose_slowly(struct coherent_box *box,
						   const struct coherent_expose_options *options)
{
	struct coherent_box taken = *box;
	int err;

	*box = (struct coherent_box){ .va = NULL };
	err = check_expose(slot_of(taken.object), options);
	if (err)
		pool_free_box(&taken);
	else
		make_mem(slot_of(taken.object), taken.va, options->mem);
	return err;
}

int pool_expose(struct coherent_box *box, const struct coherent_expose_options *options)
{
	struct slot *slot = slot_of(box->object);
	const struct coherent_slots *pool = slot->chunk->pool;
	struct coherent_mem *mem = options->mem;
	const char *va = box->va;

	if (unlikely(options->seal || options->may != pool->may || mem->object ||
		     !is_open(pool->alive)))
		return expose_slowly(box, options);
	*box = (struct coherent_box){ .va = NULL };
	make_mem(slot, va, mem);
	return 0;
}

int pool_reclaim(struct coherent_mem *mem, const struct coherent_reclaim_options *options)
{
	struct slot *slot = slot_of(mem->object);
	const struct coherent_slots *pool = slot->chunk->pool;
	struct coherent_box *box = options->box;

	if (unlikely(!is_open(pool->alive)))
		return -ENODEV;
	if (!options->idle)
		return -EBUSY;
	/* ORDER: pairs with the device's last write. */
	coherent_rmb();
	copy(box_of(slot), mem_of(slot), pool->slot_bytes);
	clear(mem_of(slot), pool->slot_bytes);
	set_state(slot, COHERENT_STATE_BOX);
	*box = (struct coherent_box){ box_of(slot), 1, as_object(slot) };
	*mem = (struct coherent_mem){ .va = NULL };
	return 0;
}

/* --- Pools --- */

static bool is_power_of_two(uint64_t x)
{
	return x && !(x & (x - 1));
}

static size_t natural_align(size_t size)
{
	size_t align = SLOT_BYTES_MIN;

	while (align < size && align < CACHE_LINE)
		align *= 2;
	return align;
}

/* What a slot takes, and does not cross; 0 if that cannot be. */
static size_t layout(size_t size, const struct coherent_pool_options *options, size_t *block)
{
	const size_t page = sys_page_bytes();
	size_t align = options->align ? options->align : natural_align(size), bytes;

	if ((unsigned int)options->may > COHERENT_MAY_READ || !is_power_of_two(align) ||
	    align > page || (options->boundary && !is_power_of_two(options->boundary)))
		return 0;
	*block = options->boundary && options->boundary < page ? options->boundary : page;
	if (align < SLOT_BYTES_MIN)
		align = SLOT_BYTES_MIN;
	bytes = size > page ? 0 : (size + align - 1) & -align;
	return bytes <= *block ? bytes : 0;
}

int coherent_base_pool_create(struct coherent_pool *base, size_t size,
			      const struct coherent_pool_options *options, const char *where)
{
	size_t block, bytes = layout(size, options, &block);
	struct coherent_slots *pool;
	int err;

	if (!bytes)
		return -EINVAL;
	if (base->va)
		return -EBUSY;
	err = device_usable(options->dev);
	if (err)
		return err;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->dev = options->dev;
	pool->alive = pool->dev->alive;
	for (unsigned int i = 0; i < THREADS_MAX; i++)
		pool->caches[i] = &none;
	pool->where = where;
	pool->slot_bytes = bytes;
	pool->block_bytes = block;
	pool->may = options->may;
	pool->delay = options->delay;
	pool->shared = new_cache(pool);
	if (!pool->shared) {
		free(pool);
		return -ENOMEM;
	}
	lock_init(&pool->lock);
	TAILQ_INIT(&pool->chunks);
	device_hold(pool->dev);
	base->va = pool;
	return 0;
}

static void report_slot(const struct coherent_slots *pool, const struct slot *slot)
{
	report(&pool->dev->reporter, COHERENT_WARNING,
	       "%s: a %s of %zu bytes of the pool created at %s, allocated at %s, is not freed",
	       pool->dev->name, slot->state == COHERENT_STATE_BOX ? "box" : "mem", pool->slot_bytes,
	       pool->where, slot->where);
}

/* How many objects there are; the first are reported. */
static size_t report_live(const struct coherent_slots *pool)
{
	const struct chunk *chunk;
	size_t live = 0;

	TAILQ_FOREACH(chunk, &pool->chunks, link)
	for (uint32_t i = 0; i < chunk->count; i++)
		if (chunk->slots[i].state && live++ < REPORTED_MAX)
			report_slot(pool, &chunk->slots[i]);
	if (live > REPORTED_MAX)
		report(&pool->dev->reporter, COHERENT_WARNING, "%s: and %zu more", pool->dev->name,
		       live - REPORTED_MAX);
	return live;
}

int coherent_base_pool_destroy(struct coherent_pool *base)
{
	struct coherent_slots *pool = base->va;
	struct chunk *chunk;

	if (!pool)
		return 0;
	if (device_forked(pool->dev))
		return -ENODEV;
	if (report_live(pool))
		return -EBUSY;
	while ((chunk = TAILQ_FIRST(&pool->chunks))) {
		TAILQ_REMOVE(&pool->chunks, chunk, link);
		chunk_end(chunk);
	}
	for (unsigned int i = 0; i < THREADS_MAX; i++)
		if (pool->caches[i] != &none)
			free(pool->caches[i]);
	free(pool->shared);
	lock_destroy(&pool->lock);
	device_put(pool->dev);
	free(pool);
	base->va = NULL;
	return 0;
}
