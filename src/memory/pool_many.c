// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Calls that take several boxes or mems of a pool. They look for the cache of the thread once, and
 * do all or nothing.
 */
#include <coherent/pool_many.h>

#include "memory/pool_phase.h"
#include "memory/refuse.h"

#define BOXES "coherent_pool_boxes()"
#define EXPOSE "coherent_pool_expose()"
#define FROM_ALL "coherent_pool_from_all()"

/* --- Checks --- */

/*
 * The order of the checks is that of the calls for one object: arguments, then outputs, then whether
 * the device is open. An empty pool knows no device that a report could go to.
 */
static int check_count(const struct coherent_slots *pool, size_t count, const char *at)
{
	if (!pool)
		return -EINVAL;
	return count ? 0 :
		       refuse(pool->store, -EINVAL, at,
			      "the count is 0, but there is at least one");
}

static int check_open(const struct coherent_slots *pool)
{
	return alive_is_open(pool->alive) ? 0 : -ENODEV;
}

static int check_boxes(const struct coherent_slots *pool, const struct coherent_box *boxes,
		       size_t count)
{
	int err = check_count(pool, count, BOXES);

	if (err)
		return err;
	for (size_t i = 0; i < count; i++)
		if (unlikely(boxes[i].va))
			return refuse_box(pool->store, BOXES, &boxes[i]);
	return check_open(pool);
}

static int check_mems(const struct coherent_slots *pool, const struct coherent_mem *mems,
		      size_t count, const char *at)
{
	for (size_t i = 0; i < count; i++)
		if (unlikely(mems[i].object))
			return refuse_mem(pool->store, at, &mems[i]);
	return check_open(pool);
}

static bool is_of(const struct coherent_slots *pool, const struct coherent_object *object)
{
	return object && object_is_slot(object) &&
	       ((const struct slot *)object)->chunk->pool == pool;
}

static int check_expose(const struct coherent_slots *pool, const struct coherent_box *boxes,
			const struct coherent_mem *mems, size_t count)
{
	int err = check_count(pool, count, EXPOSE);

	if (err)
		return err;
	for (size_t i = 0; i < count; i++)
		if (unlikely(!is_of(pool, boxes[i].object)))
			return refuse(pool->store, -EINVAL, EXPOSE,
				      "box %zu is empty, or not of the pool created at %s", i,
				      pool->site);
	return check_mems(pool, mems, count, EXPOSE);
}

/* --- A watched device --- */

/* The checks of a pool that is watched end with -ENODEV, as if its device were closed. */
static bool is_watched(const struct coherent_slots *pool)
{
	return pool->alive != pool->store->alive;
}

/* Each of these does what the call does, object by object, on the slow paths. */
static __attribute__((noinline)) int
boxes_slow(struct coherent_pool *base, struct coherent_box *boxes, size_t count, const char *site)
{
	size_t done = 0;
	int err = 0;

	while (!err && done < count) {
		err = coherent_base_pool_box(base, &boxes[done], site);
		done += !err;
	}
	if (err)
		coherent_base_pool_box_free(base, boxes, done);
	return err;
}

static void free_each(struct coherent_mem *mems, size_t count)
{
	while (count)
		coherent_base_free(&mems[--count]);
}

static __attribute__((noinline)) int mems_slow(struct coherent_pool *base,
					       struct coherent_mem *mems, size_t count, size_t size,
					       const char *site)
{
	size_t done = 0;
	int err = 0;

	while (!err && done < count) {
		err = coherent_base_pool_mem(base, &mems[done], size, site);
		done += !err;
	}
	if (err)
		free_each(mems, done);
	return err;
}

static __attribute__((noinline)) int expose_slow(struct coherent_pool *base,
						 struct coherent_box *boxes,
						 struct coherent_mem *mems, size_t count)
{
	struct coherent_expose_options options = {
		COHERENT_SIZED(coherent_expose_options),
		.permission = base->va->usual.permission,
	};
	size_t done = 0;
	int err = 0;

	while (!err && done < count) {
		options.mem = &mems[done];
		err = coherent_base_expose(&boxes[done], &options);
		done += !err;
	}
	/* Another thread closed the device. */
	if (err) {
		coherent_base_pool_box_free(base, boxes, count);
		free_each(mems, done);
	}
	return err;
}

/* --- Loops over slots that the thread has in its cache --- */

/* Commands of many devices have this size. Their loops have no loop inside. */
#define USUAL_BYTES 64

static inline __attribute__((always_inline)) void make_boxes(struct slot **top,
							     struct coherent_box *boxes,
							     size_t count, const char *site,
							     size_t bytes)
{
	for (size_t i = 0; i < count; i++) {
		struct slot *slot = *--top;

		slot_make_box(slot, &boxes[i], site);
		slot_clear_constant(boxes[i].va, bytes);
	}
}

static inline __attribute__((always_inline)) void
expose_boxes(struct coherent_box *boxes, struct coherent_mem *mems, size_t count, size_t bytes)
{
	for (size_t i = 0; i < count; i++) {
		struct slot *slot = slot_of(boxes[i].object);
		const char *from = boxes[i].va;

		boxes[i] = (struct coherent_box){ .va = NULL };
		slot_copy_constant(slot_make_mem(slot, slot->chunk, &mems[i]), from, bytes);
	}
}

/*
 * Frees mems from the last one on, so that the cache gives them out in their order. Stops at one
 * that is not of the pool. Returns how many are left.
 */
static inline __attribute__((always_inline)) size_t free_mems(const struct coherent_slots *pool,
							      struct cache *cache,
							      struct coherent_mem *mems,
							      size_t count, size_t bytes)
{
	struct slot **top = cache->slots + cache->count, **const end = cache->slots + cache->limit;

	while (count && top + 1 < end) {
		struct slot *slot = slot_of(mems[count - 1].object);
		char *va = (char *)mems[count - 1].va;

		if (unlikely(!is_of(pool, mems[count - 1].object)))
			break;
		mems[--count] = (struct coherent_mem){ .va = NULL };
		slot_set_state(slot, COHERENT_STATE_NONE);
		*top++ = slot;
		slot_clear_constant(va, bytes);
	}
	/* Threads without a cache share one that is empty, and that nobody writes to. */
	if (top != cache->slots + cache->count)
		cache->count = (unsigned int)(top - cache->slots);
	return count;
}

/* --- Begin --- */

static unsigned int take_from(struct cache *cache, size_t count, struct slot ***top)
{
	const unsigned int taken = count < cache->count ? (unsigned int)count : cache->count;

	*top = cache->slots + cache->count;
	if (taken)
		cache->count -= taken;
	return taken;
}

/* The fast path keeps the pointer of a site only, and a copy tells what it means. */
static const char *copy_site(struct coherent_slots *pool, const char *site)
{
	return site_copy_and_remember(&pool->store->sites, site);
}

int coherent_base_pool_boxes(struct coherent_pool *base, struct coherent_box *boxes, size_t count,
			     const char *site)
{
	struct coherent_slots *pool = base->va;
	int err = check_boxes(pool, boxes, count);
	struct slot **top, *slot;
	size_t done = 0;

	while (!err) {
		const unsigned int n = take_from(slots_cache(pool), count - done, &top);

		if (pool->private_bytes == USUAL_BYTES)
			make_boxes(top, boxes + done, n, site, USUAL_BYTES);
		else
			make_boxes(top, boxes + done, n, site, pool->private_bytes);
		done += n;
		if (done == count)
			return 0;
		err = slots_take(pool, &slot);
		if (!err)
			(void)slot_become_box(pool, slot, &boxes[done++], copy_site(pool, site));
	}
	if (err == -ENODEV && is_watched(pool))
		return boxes_slow(base, boxes, count, site);
	coherent_base_pool_box_free(base, boxes, done);
	return err;
}

/* No device was told the addresses of these mems, and nothing is in them. */
static void give_back(struct coherent_mem *mems, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct slot *slot = slot_of(mems[i].object);

		mems[i] = (struct coherent_mem){ .va = NULL };
		slot_set_state(slot, COHERENT_STATE_NONE);
		slots_put(slot->chunk->pool, slot, false);
	}
}

static void make_mem(struct slot *slot, struct coherent_mem *mem, const char *site)
{
	slot_set_site(slot, site);
	(void)slot_make_mem(slot, slot->chunk, mem);
}

static int check_values(const struct coherent_slots *pool, const struct coherent_mem *mems,
			size_t count, size_t size)
{
	int err = check_count(pool, count, FROM_ALL);

	if (!err && size != pool->element_bytes)
		return refuse(pool->store, -EINVAL, FROM_ALL,
			      "the values are NULL, or do not have the size of an object of the "
			      "pool created at %s",
			      pool->site);
	return err ? err : check_mems(pool, mems, count, FROM_ALL);
}

int coherent_base_pool_mems(struct coherent_pool *base, struct coherent_mem *mems, size_t count,
			    size_t size, const char *site)
{
	struct coherent_slots *pool = base->va;
	int err = check_values(pool, mems, count, size);
	struct slot **top, *slot;
	size_t done = 0;

	while (!err) {
		unsigned int n = take_from(slots_cache(pool), count - done, &top);

		for (; n; n--)
			make_mem(*--top, &mems[done++], site);
		if (done == count)
			return 0;
		err = slots_take(pool, &slot);
		if (!err)
			make_mem(slot, &mems[done++], copy_site(pool, site));
	}
	if (err == -ENODEV && is_watched(pool))
		return mems_slow(base, mems, count, size, site);
	give_back(mems, done);
	return err;
}

int coherent_base_pool_expose(struct coherent_pool *base, struct coherent_box *boxes,
			      struct coherent_mem *mems, size_t count)
{
	int err = check_expose(base->va, boxes, mems, count);

	if (err == -ENODEV && is_watched(base->va))
		return expose_slow(base, boxes, mems, count);
	if (err)
		coherent_base_pool_box_free(base, boxes, count);
	else if (base->va->private_bytes == USUAL_BYTES)
		expose_boxes(boxes, mems, count, USUAL_BYTES);
	else
		expose_boxes(boxes, mems, count, base->va->private_bytes);
	/* ORDER: pairs with the first access of the device (expose.litmus). */
	coherent_wmb();
	return err;
}

/* --- End --- */

void coherent_base_pool_box_free(struct coherent_pool *base, struct coherent_box *boxes,
				 size_t count)
{
	(void)base;
	while (count)
		coherent_base_box_free(&boxes[--count]);
}

/* Empty mems, and those that are not of the pool, end as they do one by one. */
void coherent_base_pool_free(struct coherent_pool *base, struct coherent_mem *mems, size_t count)
{
	const struct coherent_slots *pool = base->va;
	const bool is_ours = pool && alive_is_ours(pool->alive);

	while (count) {
		if (is_ours && pool->slot_bytes == USUAL_BYTES)
			count = free_mems(pool, slots_cache(pool), mems, count, USUAL_BYTES);
		else if (is_ours)
			count = free_mems(pool, slots_cache(pool), mems, count, pool->slot_bytes);
		if (count)
			coherent_base_free(&mems[--count]);
	}
}
