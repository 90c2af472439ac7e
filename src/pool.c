// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Small objects in exposed pages: copies between private memory and the device's. Which slots
 * are whose is pool_slots.c's business.
 *
 * INVARIANT: unless it is a mem, the place of a slot in exposed memory holds zeros, or what the
 * device wrote there.
 */
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "pool_slots.h"
#include "sys.h"

#define SLOT_BYTES_MIN 16
#define CACHE_LINE 64
/* Of objects that keep a pool from being destroyed, so many are reported. */
#define REPORTED_MAX 8
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* --- Memory --- */

typedef long long piece __attribute__((vector_size(16), may_alias));

/*
 * SHARED: the device may read what shares a page with a mem, as it may all of it. These copies are
 * of whatever width is fast; ThreadSanitizer is given some that it knows to be meant.
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

/* Of more than that the C library knows how best to do it; for less, it takes long to find out. */
#define FEW_BYTES 128

/* These end what calls them, so that the short way saves no registers; all return 0. */
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

/* Of a multiple of 16 bytes. The compiler is kept from making calls of loops. */
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

/* ORDER: pairs with the first access of whoever gets @to. */
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

static inline char *box_of(const struct slot *slot)
{
	return slot->chunk->boxes + slot->offset;
}

static inline char *mem_of(const struct slot *slot)
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

static inline int make_box(const struct coherent_slots *pool, struct slot *slot,
			   struct coherent_box *box, const char *site)
{
	char *va = box_of(slot);

	__atomic_store_n(&slot->site, site, __ATOMIC_RELAXED);
	set_state(slot, COHERENT_STATE_BOX);
	*box = (struct coherent_box){ va, 1, as_object(slot) };
	return clear(va, pool->slot_bytes);
}

static __attribute__((noinline)) int box_slowly(const struct coherent_pool *base,
						struct coherent_box *box, const char *site)
{
	struct slot *slot;
	int err;

	if (!base->va)
		return -EINVAL;
	if (box->va)
		return -EBUSY;
	err = alive_is_open(base->va->alive) ? 0 : -ENODEV;
	if (!err)
		err = slots_take(base->va, &slot);
	return err ? err : make_box(base->va, slot, box, site);
}

/* Short ways first, which call nothing; what they are not for goes the long way. */
int coherent_base_pool_box(struct coherent_pool *base, struct coherent_box *box, const char *site)
{
	const struct coherent_slots *pool = base->va;
	struct cache *cache;

	if (unlikely(!pool || box->va || !alive_is_open(pool->alive)))
		return box_slowly(base, box, site);
	cache = pool->caches[thread_slot()];
	if (unlikely(!cache->count))
		return box_slowly(base, box, site);
	return make_box(pool, cache->slots[--cache->count], box, site);
}

/* The last place of a cache is for who gives some back then. */
static inline bool has_room(const struct cache *cache)
{
	return cache->count + 1 < cache->limit;
}

static __attribute__((noinline)) void free_box_slowly(struct slot *slot)
{
	if (!alive_is_ours(slot->chunk->alive))
		return;
	set_state(slot, COHERENT_STATE_NONE);
	slots_put(slot->chunk->pool, slot, false);
}

void pool_free_box(struct coherent_box *box)
{
	struct slot *slot = slot_of(box->object);
	struct cache *cache = slot->chunk->pool->caches[thread_slot()];

	*box = (struct coherent_box){ .va = NULL };
	if (unlikely(!alive_is_ours(slot->chunk->alive) || !has_room(cache))) {
		free_box_slowly(slot);
		return;
	}
	set_state(slot, COHERENT_STATE_NONE);
	cache->slots[cache->count++] = slot;
}

/* Cleared before it may become another thread's. */
static __attribute__((noinline)) void free_slowly(struct slot *slot)
{
	if (!alive_is_ours(slot->chunk->alive))
		return;
	(void)clear(mem_of(slot), slot->chunk->slot_bytes);
	set_state(slot, COHERENT_STATE_NONE);
	slots_put(slot->chunk->pool, slot, true);
}

void pool_free(struct coherent_mem *mem)
{
	struct slot *slot = slot_of(mem->object);
	const struct chunk *chunk = slot->chunk;
	struct cache *cache = chunk->pool->caches[thread_slot()];
	char *va = (char *)mem->va;

	*mem = (struct coherent_mem){ .va = NULL };
	if (unlikely(!alive_is_ours(chunk->alive) || !has_room(cache))) {
		free_slowly(slot);
		return;
	}
	set_state(slot, COHERENT_STATE_NONE);
	cache->slots[cache->count++] = slot;
	(void)clear(va, chunk->slot_bytes);
}

static inline int make_mem(struct slot *slot, const char *from, struct coherent_mem *mem)
{
	const struct chunk *chunk = slot->chunk;
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

	if (options->permission != pool->permission)
		return -EINVAL;
	if (mem->object)
		return -EBUSY;
	err = alive_is_open(pool->alive) ? 0 : -ENODEV;
	if (err || !options->seal)
		return err;
	err = options->seal(box_of(slot), 1, (coherent_addr_t){ object_address(as_object(slot)) },
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
	if (!err)
		return make_mem(slot_of(taken.object), taken.va, options->mem);
	pool_free_box(&taken);
	return err;
}

int pool_expose(struct coherent_box *box, const struct coherent_expose_options *options)
{
	struct slot *slot = slot_of(box->object);
	const struct coherent_slots *pool = slot->chunk->pool;
	struct coherent_mem *mem = options->mem;
	const char *va = box->va;

	if (unlikely(options->seal || options->permission != pool->permission || mem->object ||
		     !alive_is_open(pool->alive)))
		return expose_slowly(box, options);
	*box = (struct coherent_box){ .va = NULL };
	return make_mem(slot, va, mem);
}

int pool_reclaim(struct coherent_mem *mem, const struct coherent_reclaim_options *options)
{
	struct slot *slot = slot_of(mem->object);
	const struct coherent_slots *pool = slot->chunk->pool;
	struct coherent_box *box = options->box;

	if (unlikely(!alive_is_open(pool->alive)))
		return -ENODEV;
	if (!options->idle)
		return -EBUSY;
	/* ORDER: pairs with the device's last write. */
	coherent_rmb();
	(void)copy(box_of(slot), mem_of(slot), pool->slot_bytes);
	(void)clear(mem_of(slot), pool->slot_bytes);
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

	if ((unsigned int)options->permission > COHERENT_READ_ONLY || !is_power_of_two(align) ||
	    align > page || (options->boundary && !is_power_of_two(options->boundary)))
		return 0;
	*block = options->boundary && options->boundary < page ? options->boundary : page;
	if (align < SLOT_BYTES_MIN)
		align = SLOT_BYTES_MIN;
	bytes = size > page ? 0 : (size + align - 1) & -align;
	return bytes <= *block ? bytes : 0;
}

int coherent_base_pool_create(struct coherent_pool *base, size_t size,
			      const struct coherent_pool_options *options, const char *site)
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
	pool->store = &options->dev->store;
	pool->alive = options->dev->alive;
	pool->site = site;
	pool->slot_bytes = bytes;
	pool->block_bytes = block;
	pool->permission = options->permission;
	pool->delay = options->delay;
	err = slots_open(pool);
	if (err) {
		free(pool);
		return err;
	}
	ref_hold(pool->store->device);
	base->va = pool;
	return 0;
}

static void report_slot(const struct coherent_slots *pool, const struct slot *slot)
{
	report(pool->store->reporter, COHERENT_WARNING,
	       "%s: a %s of %zu bytes of the pool created at %s, allocated at %s, is not freed",
	       pool->store->name, slot->state == COHERENT_STATE_BOX ? "box" : "mem",
	       pool->slot_bytes, pool->site, slot->site);
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
	slots_close(pool);
	ref_put(pool->store->device);
	free(pool);
	base->va = NULL;
	return 0;
}

void coherent_base_pool_cleanup(void *pool)
{
	/* What it would say is reported. */
	(void)!coherent_base_pool_destroy(pool);
}
