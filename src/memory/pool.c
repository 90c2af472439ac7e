// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Boxes and mems of pools: copies between private memory and memory that the device reaches.
 * pool_slots.c decides which thread has which slot.
 *
 * INVARIANT: the exposed place of a slot holds zeros, or what the device wrote there, unless the
 * slot is a mem. The device can read that place all the time.
 */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/sys.h"
#include "device/device.h"
#include "memory/options.h"
#include "memory/pool_slots.h"
#include "memory/refuse.h"

#define SLOT_BYTES_MIN 16
#define CACHE_LINE 64
/* Report at most this many objects that keep a pool from being destroyed. */
#define REPORTED_MAX 8
#define EXPOSE "coherent_expose()"
#define RECLAIM "coherent_reclaim()"
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* --- Memory --- */

typedef long long piece __attribute__((vector_size(16), may_alias));

/*
 * SHARED: the device may read an exposed page at any time. These copies use the widest stores,
 * because no order within an object is promised before it is a mem. ThreadSanitizer gets copies
 * by relaxed atomics, which it accepts.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#endif

#ifdef THREAD_SANITIZER

static int clear(char *to, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 8)
		__atomic_store_n((uint64_t *)(to + i), 0, __ATOMIC_RELAXED);
	return 0;
}

static int copy(char *to, const char *from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 8)
		__atomic_store_n((uint64_t *)(to + i),
				 __atomic_load_n((const uint64_t *)(from + i), __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
	coherent_wmb();
	return 0;
}

#else

/*
 * Above this size memcpy() and memset() win. Below, the loops here do: with the C library an object
 * of 64 bytes takes 195 instructions instead of 185, and a fifth more time (make bench).
 */
#define FEW_BYTES 128

/* The callers end with these, so that the fast path saves no registers. All return 0. */
static __attribute__((noinline)) int clear_many(char *to, size_t bytes)
{
	memset(to, 0, bytes);
	return 0;
}

static __attribute__((noinline)) int copy_many(char *to, const char *from, size_t bytes)
{
	memcpy(to, from, bytes);
	coherent_wmb();
	return 0;
}

/* The size is a multiple of 16. The asm keeps the compiler from calling memset() for the loops. */
static inline int clear(char *to, size_t bytes)
{
	ptrdiff_t left = (ptrdiff_t)bytes - 64;

	if (unlikely(bytes > FEW_BYTES))
		return clear_many(to, bytes);
	for (; left >= 0; left -= 64, to += 64) {
		for (size_t i = 0; i < 4; i++)
			((piece *)to)[i] = (piece){ 0 };
		__asm__("" : "+r"(to), "+r"(left));
	}
	for (; left != -64; left -= 16, to += 16) {
		*(piece *)to = (piece){ 0 };
		__asm__("" : "+r"(to), "+r"(left));
	}
	return 0;
}

/* ORDER: pairs with the first access of the device, or of the next owner of @to (expose.litmus). */
static inline int copy(char *to, const char *from, size_t bytes)
{
	ptrdiff_t left = (ptrdiff_t)bytes - 64;

	if (unlikely(bytes > FEW_BYTES))
		return copy_many(to, from, bytes);
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
	coherent_wmb();
	return 0;
}

#endif

static inline char *slot_box_va(const struct slot *slot)
{
	return slot->chunk->boxes + slot->offset;
}

static inline char *slot_mem_va(const struct slot *slot)
{
	return slot->chunk->mems + slot->offset;
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

static inline int slot_become_box(const struct coherent_slots *pool, struct slot *slot,
				  struct coherent_box *box, const char *site)
{
	char *va = slot_box_va(slot);

	__atomic_store_n(&slot->site, site, __ATOMIC_RELAXED);
	set_state(slot, COHERENT_STATE_BOX);
	*box = (struct coherent_box){ va, 1, as_object(slot) };
	return clear(va, pool->slot_bytes);
}

static __attribute__((noinline)) int pool_box_slow(const struct coherent_pool *base,
						   struct coherent_box *box, const char *site)
{
	struct slot *slot;
	int err;

	/* An empty pool knows no device that a report could go to. */
	if (!base->va)
		return -EINVAL;
	if (box->va)
		return refuse_box(base->va->store, site, box);
	err = alive_is_open(base->va->alive) ? 0 : -ENODEV;
	if (!err)
		err = slots_take(base->va, &slot);
	if (err)
		return err;
	/* The fast path keeps the pointer only, and this copy tells what it means. */
	return slot_become_box(base->va, slot, box,
			       site_copy_and_remember(&slot->chunk->base.store->sites, site));
}

/* The fast path calls nothing and takes no lock. Everything else goes to the slow path. */
int coherent_base_pool_box(struct coherent_pool *base, struct coherent_box *box, const char *site)
{
	const struct coherent_slots *pool = base->va;
	struct cache *cache;

	if (unlikely(!pool || box->va || !alive_is_open(pool->alive)))
		return pool_box_slow(base, box, site);
	cache = slots_cache(pool);
	if (unlikely(!cache->count))
		return pool_box_slow(base, box, site);
	return slot_become_box(pool, cache->slots[--cache->count], box, site);
}

/* One place is left to the slow path, which may put a slot in before it gives some back. */
static inline bool has_room(const struct cache *cache)
{
	return cache->count + 1 < cache->limit;
}

static __attribute__((noinline)) void free_box_slow(struct slot *slot)
{
	if (!alive_is_ours(slot->chunk->alive))
		return;
	set_state(slot, COHERENT_STATE_NONE);
	slots_put(slot->chunk->pool, slot, false);
}

void pool_free_box(struct coherent_box *box)
{
	struct slot *slot = slot_of(box->object);
	struct cache *cache = slots_cache(slot->chunk->pool);

	*box = (struct coherent_box){ .va = NULL };
	if (unlikely(!alive_is_ours(slot->chunk->alive) || !has_room(cache))) {
		free_box_slow(slot);
		return;
	}
	set_state(slot, COHERENT_STATE_NONE);
	cache->slots[cache->count++] = slot;
}

/* Clears the slot before another thread may get it. */
static __attribute__((noinline)) void free_slow(struct slot *slot)
{
	if (!alive_is_ours(slot->chunk->alive))
		return;
	(void)clear(slot_mem_va(slot), slot->chunk->slot_bytes);
	set_state(slot, COHERENT_STATE_NONE);
	slots_put(slot->chunk->pool, slot, true);
}

void pool_free(struct coherent_mem *mem)
{
	struct slot *slot = slot_of(mem->object);
	const struct chunk *chunk = slot->chunk;
	struct cache *cache = slots_cache(chunk->pool);
	char *va = (char *)mem->va;

	*mem = (struct coherent_mem){ .va = NULL };
	if (unlikely(!alive_is_ours(chunk->alive) || !has_room(cache))) {
		free_slow(slot);
		return;
	}
	set_state(slot, COHERENT_STATE_NONE);
	cache->slots[cache->count++] = slot;
	(void)clear(va, chunk->slot_bytes);
}

/* The caller gives the chunk, because it has read it already. */
static inline int slot_become_mem(struct slot *slot, const struct chunk *chunk, const char *from,
				  struct coherent_mem *mem)
{
	const uint32_t offset = slot->offset;
	char *va = chunk->mems + offset;

	*mem = (struct coherent_mem){
		.va = va,
		.count = 1,
		.inverted_address = chunk->base.inverted_address - offset,
		.object = as_object(slot),
	};
	set_state(slot, COHERENT_STATE_MEM);
	return copy(va, from, chunk->slot_bytes);
}

static int check_expose(struct slot *slot, const struct coherent_expose_options *options)
{
	const struct coherent_slots *pool = slot->chunk->pool;
	const struct coherent_mem *mem = options->mem;
	int err;

	if (options->permission != pool->usual.permission)
		return refuse(pool->store, -EINVAL, EXPOSE,
			      ".permission is not that of the pool created at %s; the box was "
			      "allocated at %s",
			      pool->site, slot_site(slot));
	if (mem->object)
		return refuse_mem(pool->store, EXPOSE, mem);
	err = alive_is_open(pool->alive) ? 0 : -ENODEV;
	if (err || !options->seal)
		return err;
	err = options->seal(slot_box_va(slot), 1,
			    (coherent_addr_t){ object_address(as_object(slot)) },
			    options->seal_arg);
	/* To find the site of a slot takes longer than an exposure. */
	return err > 0 ? refuse_result(pool->store, slot_site(slot), ".seal", err) : err;
}

static __attribute__((noinline)) int expose_slow(struct coherent_box *box,
						 const struct coherent_expose_options *options)
{
	const struct chunk *chunk = slot_of(box->object)->chunk;
	struct coherent_expose_options copy;
	struct coherent_box taken = *box;
	int err;

	*box = (struct coherent_box){ .va = NULL };
	options =
		options_known(options, &copy, &options_of_expose, chunk->pool->store, EXPOSE, &err);
	if (!err)
		err = check_expose(slot_of(taken.object), options);
	if (!err)
		return slot_become_mem(slot_of(taken.object), chunk, taken.va, options->mem);
	pool_free_box(&taken);
	return err;
}

_Static_assert(!offsetof(struct coherent_expose_options, struct_size) &&
		       offsetof(struct coherent_expose_options, permission) == 4,
	       "one access reads both");

int pool_expose(struct coherent_box *box, const struct coherent_expose_options *options)
{
	struct slot *slot = slot_of(box->object);
	const struct chunk *chunk = slot->chunk;
	const struct coherent_slots *pool = chunk->pool;
	struct coherent_mem *mem = options->mem;
	const char *va = box->va;

	if (unlikely(memcmp(options, &pool->usual, sizeof(pool->usual)) || options->seal ||
		     mem->object || !alive_is_open(pool->alive)))
		return expose_slow(box, options);
	*box = (struct coherent_box){ .va = NULL };
	return slot_become_mem(slot, chunk, va, mem);
}

enum coherent_permission pool_permission(struct coherent_object *slot)
{
	return slot_of(slot)->chunk->pool->usual.permission;
}

static __attribute__((noinline)) int refuse_reclaim(const struct slot *slot)
{
	return refuse(slot->chunk->pool->store, -EBUSY, RECLAIM,
		      "the mem allocated at %s is in a pool, so the device can reach it until its "
		      "commands end; then give .idle = true",
		      slot_site(slot));
}

int pool_reclaim(struct coherent_mem *mem, const struct coherent_reclaim_options *options)
{
	struct slot *slot = slot_of(mem->object);
	const struct coherent_slots *pool = slot->chunk->pool;
	struct coherent_box *box = options->box;

	if (unlikely(!alive_is_open(pool->alive)))
		return -ENODEV;
	if (!options->idle)
		return refuse_reclaim(slot);
	/* ORDER: pairs with the device's last write (reclaim.litmus). */
	coherent_rmb();
	(void)copy(slot_box_va(slot), slot_mem_va(slot), pool->slot_bytes);
	(void)clear(slot_mem_va(slot), pool->slot_bytes);
	set_state(slot, COHERENT_STATE_BOX);
	*box = (struct coherent_box){ slot_box_va(slot), 1, as_object(slot) };
	*mem = (struct coherent_mem){ .va = NULL };
	return 0;
}

/* --- Pools --- */

static size_t natural_align(size_t size)
{
	size_t align = SLOT_BYTES_MIN;

	while (align < size && align < CACHE_LINE)
		align *= 2;
	return align;
}

/* Returns the bytes of a slot and sets the block that no slot crosses; 0 for a bad argument. */
static size_t layout(size_t size, const struct coherent_pool_options *options, size_t *block)
{
	const size_t page = sys_page_bytes();
	size_t align = options->align ? options->align : natural_align(size), bytes;

	if ((unsigned int)options->permission > COHERENT_READ_ONLY || !is_power_of_two(align) ||
	    align > page || (options->boundary && !is_power_of_two(options->boundary)))
		return 0;
	*block = options->boundary && options->boundary < page ? options->boundary : page;
	if (align < SLOT_BYTES_MIN)
		align = SLOT_BYTES_MIN;
	bytes = size > page ? 0 : align_up(size, align);
	return bytes <= *block ? bytes : 0;
}

static const char *why_invalid(size_t size, const struct coherent_pool_options *options)
{
	const size_t page = sys_page_bytes();

	if ((unsigned int)options->permission > COHERENT_READ_ONLY)
		return ".permission is not of enum coherent_permission";
	if (options->align && !is_power_of_two(options->align))
		return ".align is not a power of two";
	if (options->align > page)
		return ".align is more than a page";
	if (options->boundary && !is_power_of_two(options->boundary))
		return ".boundary is not a power of two";
	if (!size)
		return "the size of an object is 0";
	if (size > page)
		return "an object is larger than a page; allocate such objects without a pool";
	return "an object, rounded up to .align, does not fit between two multiples of .boundary";
}

static int refuse_layout(struct coherent_device *dev, size_t size,
			 const struct coherent_pool_options *options, const char *site)
{
	return refuse(dev ? &dev->store : NULL, -EINVAL, site,
		      "%s: objects of %zu bytes, .align = %zu, .boundary = %llu, .permission = %d",
		      why_invalid(size, options), size, options->align,
		      (unsigned long long)options->boundary, (int)options->permission);
}

/* Returns the store that gets a report about the size of the options. */
static struct object_store *store_for_size(const struct coherent_pool_options *options)
{
	const bool has_device = sized_has(options->struct_size, options_of_pool.least);

	return has_device && options->dev ? &options->dev->store : NULL;
}

int coherent_base_pool_create(struct coherent_pool *base, size_t size,
			      const struct coherent_pool_options *options, const char *site)
{
	struct coherent_pool_options copy;
	struct coherent_slots *pool;
	size_t block, bytes;
	int err;

	options = options_known(options, &copy, &options_of_pool, store_for_size(options), site,
				&err);
	if (err)
		return err;
	bytes = layout(size, options, &block);
	if (!bytes)
		return refuse_layout(options->dev, size, options, site);
	if (base->va)
		return refuse_pool(options->dev ? &options->dev->store : NULL, site, base->va);
	err = device_usable(options->dev);
	if (err)
		return err;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->store = &options->dev->store;
	pool->alive = options->dev->alive;
	pool->site = site_copy(&pool->store->sites, site);
	pool->slot_bytes = bytes;
	pool->element_bytes = size;
	pool->block_bytes = block;
	pool->usual.options_bytes = sizeof(struct coherent_expose_options);
	pool->usual.permission = options->permission;
	pool->delay = options->delay;
	err = slots_open(pool);
	if (err) {
		free(pool);
		return err;
	}
	ref_hold(pool->store->device);
	lock_take(&pool->store->lock);
	LIST_INSERT_HEAD(&pool->store->pools, pool, link);
	lock_drop(&pool->store->lock);
	base->va = pool;
	return 0;
}

static void report_slot(const struct coherent_slots *pool, const struct slot *slot)
{
	report(pool->store->reporter, COHERENT_WARNING,
	       "%s: a %s of %zu bytes of the pool created at %s, allocated at %s, is not freed",
	       pool->store->name, slot->state == COHERENT_STATE_BOX ? "box" : "mem",
	       pool->slot_bytes, pool->site, slot_site(slot));
}

/* Counts the objects in use, and reports the first ones. */
static size_t report_live(const struct coherent_slots *pool)
{
	const struct chunk *chunk;
	size_t live = 0;

	TAILQ_FOREACH(chunk, &pool->chunks, link)
		for (uint32_t i = 0; i < chunk->count; i++)
			if (chunk->slots[i].state && live++ < REPORTED_MAX)
				report_slot(pool, &chunk->slots[i]);
	if (live > REPORTED_MAX)
		report(pool->store->reporter, COHERENT_WARNING, "%s: and %zu more",
		       pool->store->name, live - REPORTED_MAX);
	return live;
}

int coherent_base_pool_destroy(struct coherent_pool *base)
{
	struct coherent_slots *pool = base->va;

	if (!pool)
		return 0;
	if (!alive_is_ours(pool->alive))
		return -ENODEV;
	if (report_live(pool))
		return -EBUSY;
	lock_take(&pool->store->lock);
	LIST_REMOVE(pool, link);
	lock_drop(&pool->store->lock);
	slots_close(pool);
	ref_put(pool->store->device);
	free(pool);
	base->va = NULL;
	return 0;
}

void coherent_base_pool_cleanup(void *pool)
{
	/* A failure is reported by the call. */
	(void)!coherent_base_pool_destroy(pool);
}
