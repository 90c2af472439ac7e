// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Boxes and mems of pools. pool_phase.h copies between private memory and memory that the device
 * reaches, and pool_slots.c decides which thread has which slot.
 */
#include <string.h>

#include "base/size.h"
#include "device/device.h"
#include "memory/harden.h"
#include "memory/options.h"
#include "memory/pool_phase.h"
#include "memory/refuse.h"
#include "memory/watch.h"

#define EXPOSE "coherent_expose()"
#define FROM "coherent_pool_from()"
#define RECLAIM "coherent_reclaim()"

/* Only slow paths call this, because a pool of a watched device has no others. */
static void watch_slot(struct slot *slot, enum coherent_event_kind kind, enum coherent_state before,
		       enum coherent_state after)
{
	if (slot->chunk->base.store->watch)
		watch_object(slot_object(slot), kind, before, after);
}

/* Lets the driver access a slot that becomes a box. On failure the slot goes back. */
static int open_slot(struct slot *slot)
{
	int err = slot->chunk->base.store->pages.guard ? harden_open_slot(slot) : 0;

	if (err)
		slots_put(slot->chunk->pool, slot, false);
	return err;
}

static void close_slot(const struct slot *slot, enum guard_end end)
{
	if (slot->chunk->base.store->pages.guard)
		harden_close_slot(slot, end);
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
	err = alive_is_open(base->va->store->alive) ? 0 : -ENODEV;
	if (!err)
		err = slots_take(base->va, &slot);
	if (!err)
		err = open_slot(slot);
	if (err)
		return err;
	/* The fast path keeps the pointer only, and this copy tells what it means. */
	(void)slot_become_box(base->va, slot, box,
			      site_copy_and_remember(&slot->chunk->base.store->sites, site));
	if (base->va->store->pages.guard)
		harden_slot_box(slot);
	watch_slot(slot, COHERENT_EVENT_BOX, COHERENT_STATE_NONE, COHERENT_STATE_BOX);
	return 0;
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

/* --- Mems in one step --- */

static int check_from(struct coherent_slots *pool, const struct coherent_mem *mem, size_t size)
{
	if (!size)
		return refuse(pool->store, -EINVAL, FROM, "the value to copy from is NULL");
	if (size != pool->element_bytes)
		return refuse(
			pool->store, -EINVAL, FROM,
			"the value has %zu bytes, but an object of the pool created at %s has %zu",
			size, pool->site, pool->element_bytes);
	if (mem->object)
		return refuse_mem(pool->store, FROM, mem);
	return alive_is_open(pool->store->alive) ? 0 : -ENODEV;
}

static __attribute__((noinline)) int pool_mem_slow(const struct coherent_pool *base,
						   struct coherent_mem *mem, size_t size,
						   const char *site)
{
	struct slot *slot;
	int err;

	/* An empty pool knows no device that a report could go to. */
	if (!base->va)
		return -EINVAL;
	err = check_from(base->va, mem, size);
	if (!err)
		err = slots_take(base->va, &slot);
	if (err)
		return err;
	/* The fast path keeps the pointer only, and this copy tells what it means. */
	slot_set_site(slot, site_copy_and_remember(&slot->chunk->base.store->sites, site));
	(void)slot_make_mem(slot, slot->chunk, mem);
	watch_slot(slot, COHERENT_EVENT_BOX, COHERENT_STATE_NONE, COHERENT_STATE_BOX);
	watch_slot(slot, COHERENT_EVENT_EXPOSE, COHERENT_STATE_BOX, COHERENT_STATE_MEM);
	return 0;
}

/* As coherent_base_pool_box(): the fast path calls nothing and takes no lock. */
int coherent_base_pool_mem(struct coherent_pool *base, struct coherent_mem *mem, size_t size,
			   const char *site)
{
	const struct coherent_slots *pool = base->va;
	struct cache *cache;
	struct slot *slot;

	if (unlikely(!pool || mem->object || size != pool->element_bytes ||
		     !alive_is_open(pool->alive)))
		return pool_mem_slow(base, mem, size, site);
	cache = slots_cache(pool);
	if (unlikely(!cache->count))
		return pool_mem_slow(base, mem, size, site);
	slot = cache->slots[--cache->count];
	slot_set_site(slot, site);
	(void)slot_make_mem(slot, slot->chunk, mem);
	return 0;
}

/* --- Free --- */

/* Clears a box that is in place before another thread may get the slot. */
static __attribute__((noinline)) void free_box_slow(struct slot *slot)
{
	if (!alive_is_ours(slot->chunk->base.store->alive))
		return;
	if (!slot->chunk->private_bytes)
		(void)slot_clear(slot_mem_va(slot), slot->chunk->slot_bytes);
	close_slot(slot, GUARD_FREED);
	watch_slot(slot, COHERENT_EVENT_FREE, COHERENT_STATE_BOX, COHERENT_STATE_FREED);
	slot_set_state(slot, COHERENT_STATE_NONE);
	slots_put(slot->chunk->pool, slot, false);
}

void pool_free_box(struct coherent_box *box)
{
	struct slot *slot = slot_of(box->object);
	struct cache *cache = slots_cache(slot->chunk->pool);

	*box = (struct coherent_box){ .va = NULL };
	if (unlikely(!alive_is_ours(slot->chunk->alive) || !cache_has_room(cache) ||
		     !slot->chunk->private_bytes)) {
		free_box_slow(slot);
		return;
	}
	slot_set_state(slot, COHERENT_STATE_NONE);
	cache->slots[cache->count++] = slot;
}

/* Clears the slot before another thread may get it. */
static __attribute__((noinline)) void free_slow(struct slot *slot)
{
	if (!alive_is_ours(slot->chunk->base.store->alive))
		return;
	(void)slot_clear(slot_mem_va(slot), slot->chunk->slot_bytes);
	watch_slot(slot, COHERENT_EVENT_FREE, COHERENT_STATE_MEM, COHERENT_STATE_FREED);
	slot_set_state(slot, COHERENT_STATE_NONE);
	slots_put(slot->chunk->pool, slot, true);
}

void pool_free(struct coherent_mem *mem)
{
	struct slot *slot = slot_of(mem->object);
	const struct chunk *chunk = slot->chunk;
	struct cache *cache = slots_cache(chunk->pool);
	char *va = (char *)mem->va;

	*mem = (struct coherent_mem){ .va = NULL };
	if (unlikely(!alive_is_ours(chunk->alive) || !cache_has_room(cache))) {
		free_slow(slot);
		return;
	}
	slot_set_state(slot, COHERENT_STATE_NONE);
	cache->slots[cache->count++] = slot;
	(void)slot_clear(va, chunk->slot_bytes);
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
	err = alive_is_open(pool->store->alive) ? 0 : -ENODEV;
	if (err || !options->seal)
		return err;
	err = options->seal(slot_box_va(slot), 1,
			    (coherent_addr_t){ object_address(slot_object(slot)) },
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
	if (err) {
		pool_free_box(&taken);
		return err;
	}
	if (chunk->base.store->pages.guard)
		harden_slot_expose(slot_of(taken.object));
	(void)slot_become_mem(slot_of(taken.object), chunk, taken.va, options->mem);
	close_slot(slot_of(taken.object), GUARD_EXPOSED);
	watch_slot(slot_of(taken.object), COHERENT_EVENT_EXPOSE, COHERENT_STATE_BOX,
		   COHERENT_STATE_MEM);
	return 0;
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
	return refuse_in_flight(slot->chunk->pool->store, RECLAIM, slot_site(slot), "in a pool");
}

/* The caller has read the slot and the pool of the mem already. */
static inline __attribute__((always_inline)) int take_back(struct coherent_mem *mem,
							   struct coherent_box *box,
							   struct slot *slot,
							   const struct coherent_slots *pool)
{
	/* ORDER: pairs with the device's last write (reclaim.litmus). */
	coherent_rmb();
	(void)slot_copy(slot_box_va(slot), slot_mem_va(slot), pool->private_bytes);
	(void)slot_clear(slot_mem_va(slot), pool->private_bytes);
	slot_set_state(slot, COHERENT_STATE_BOX);
	*box = (struct coherent_box){ slot_box_va(slot), 1, slot_object(slot) };
	*mem = (struct coherent_mem){ .va = NULL };
	return 0;
}

/* The device is closed or watched. */
static __attribute__((noinline)) int reclaim_slow(struct coherent_mem *mem,
						  const struct coherent_reclaim_options *options)
{
	struct slot *slot = slot_of(mem->object);
	const struct coherent_slots *pool = slot->chunk->pool;

	if (!alive_is_open(pool->store->alive))
		return -ENODEV;
	if (!options->idle)
		return refuse_reclaim(slot);
	if (pool->store->pages.guard) {
		const int err = harden_open_slot(slot);

		if (err)
			return err;
	}
	(void)take_back(mem, options->box, slot, pool);
	watch_move(slot_object(slot), slot_object(slot));
	return 0;
}

int pool_reclaim(struct coherent_mem *mem, const struct coherent_reclaim_options *options)
{
	struct slot *slot = slot_of(mem->object);
	const struct coherent_slots *pool = slot->chunk->pool;

	if (unlikely(!alive_is_open(pool->alive)))
		return reclaim_slow(mem, options);
	if (!options->idle)
		return refuse_reclaim(slot);
	return take_back(mem, options->box, slot, pool);
}
