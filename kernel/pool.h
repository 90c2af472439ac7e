/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Pools in the kernel: their options, their growth and their end. slots.h has what happens to an
 * object of a pool after that. coherent.c includes this file.
 *
 * A pool grows by a chunk of one page, and keeps its chunks until it is destroyed. So a free needs
 * nothing of the DMA API, and works in any context.
 */
#ifndef COHERENT_KERNEL_POOL_BODIES_H
#define COHERENT_KERNEL_POOL_BODIES_H

#include <coherent/pool.h>
#include <linux/align.h>
#include <linux/overflow.h>

#include "allocate.h"
#include "slots.h"

#define COHERENT_SLOT_BYTES_MIN 16
#define COHERENT_CACHE_LINE 64
/* A report names at most this many objects that keep a pool from being destroyed. */
#define COHERENT_REPORTED_MAX 8

/* --- Chunks --- */

static u32 coherent_slots_in_block(const struct coherent_slots *pool)
{
	return pool->block_bytes / pool->slot_bytes;
}

/* The page that the device reaches. It holds zeros. */
static int coherent_chunk_expose(struct coherent_chunk *chunk, gfp_t gfp)
{
	const struct coherent_slots *pool = chunk->pool;
	struct coherent_alloc_request request = {
		.count = PAGE_SIZE,
		.size = 1,
		.gfp = gfp,
		.level = pool->level,
		.permission = pool->permission,
		.site = pool->site,
	};
	const struct coherent_expose_request exposure = { .permission = pool->permission };
	struct coherent_box box = { .va = NULL };
	int err = coherent_box_new(&box, pool->dev, &request);

	return err ? err : coherent_expose_box(&box, &chunk->mem, &exposure);
}

static void coherent_chunk_init(struct coherent_chunk *chunk)
{
	const struct coherent_slots *pool = chunk->pool;
	const u32 per_block = coherent_slots_in_block(pool);
	u32 i;

	chunk->slot_bytes = pool->slot_bytes;
	chunk->permission = pool->permission;
	chunk->first.va = chunk->mem.va;
	chunk->first.dev = pool->dev;
	chunk->first.bytes = pool->element_bytes;
	chunk->first.address = chunk->mem.object.address;
	chunk->first.level = chunk->mem.object.level | COHERENT_POOLED;
	for (i = 0; i < chunk->count; i++) {
		chunk->slots[i].chunk = chunk;
		chunk->slots[i].offset =
			i / per_block * pool->block_bytes + i % per_block * pool->slot_bytes;
		/* The lowest slot is the first one out. */
		if (i + 1 < chunk->count)
			chunk->slots[i].node.next = &chunk->slots[i + 1].node;
	}
}

static struct coherent_chunk *coherent_chunk_new(struct coherent_slots *pool, gfp_t gfp, int *err)
{
	const u32 count = PAGE_SIZE / pool->block_bytes * coherent_slots_in_block(pool);
	struct coherent_chunk *chunk = kzalloc(struct_size(chunk, slots, count), gfp);

	*err = -ENOMEM;
	if (!chunk)
		return NULL;
	chunk->pool = pool;
	chunk->count = count;
	chunk->boxes = alloc_pages_exact(PAGE_SIZE, gfp | __GFP_ZERO);
	if (!chunk->boxes)
		goto free_chunk;
	*err = coherent_chunk_expose(chunk, gfp);
	if (*err)
		goto free_boxes;
	coherent_chunk_init(chunk);
	return chunk;

free_boxes:
	free_pages_exact(chunk->boxes, PAGE_SIZE);
free_chunk:
	kfree(chunk);
	return NULL;
}

/* The device can no longer reach the page, or it is leaked with a warning. */
static void coherent_chunk_end(struct coherent_chunk *chunk)
{
	coherent_base_free(&chunk->mem);
	free_pages_exact(chunk->boxes, PAGE_SIZE);
	kfree(chunk);
}

/* Adds a chunk. Its first slot is the caller's, so that no other thread can be faster. */
static struct coherent_pool_slot *coherent_slots_grow(struct coherent_slots *pool, gfp_t gfp,
						      int *err)
{
	struct coherent_chunk *chunk = coherent_chunk_new(pool, gfp, err);
	unsigned long flags;

	if (!chunk)
		return NULL;
	spin_lock_irqsave(&pool->lock, flags);
	chunk->next = pool->chunks;
	pool->chunks = chunk;
	if (chunk->count > 1) {
		chunk->slots[chunk->count - 1].node.next = pool->fresh;
		pool->fresh = &chunk->slots[1].node;
	}
	spin_unlock_irqrestore(&pool->lock, flags);
	return &chunk->slots[0];
}

/* --- Boxes --- */

static noinline int coherent_clear_many(char *va, u32 bytes)
{
	memset(va, 0, bytes);
	return 0;
}

/* The box has its site already. */
static __always_inline int coherent_pooled_become_box(struct coherent_pool_slot *slot,
						      struct coherent_box *box)
{
	const struct coherent_chunk *chunk = slot->chunk;
	const struct coherent_object *first = &chunk->first;
	const u32 offset = slot->offset, bytes = chunk->slot_bytes;
	char *va = chunk->boxes + offset;

	slot->site = box->object.site;
	slot->state = COHERENT_POOLED_BOX;
	box->va = va;
	box->count = 1;
	box->object.va = first->va + offset;
	box->object.dev = first->dev;
	box->object.bytes = first->bytes;
	box->object.address = first->address + offset;
	box->object.slot = slot;
	box->object.attrs = 0;
	box->object.level = first->level;
	box->object.direction = DMA_BIDIRECTIONAL;
	box->object.align_bits = 0;
	box->object.boundary_bits = 0;
	box->object.mapped = false;
	box->object.managed = false;
	if (unlikely(bytes > COHERENT_FEW_BYTES))
		return coherent_clear_many(va, bytes);
	coherent_clear_few(va, bytes);
	return 0;
}

static noinline int coherent_pool_take_slow(struct coherent_slots *pool, struct coherent_box *box,
					    gfp_t gfp, const char *site)
{
	struct coherent_pool_slot *slot;
	int err;

	if (!pool)
		return coherent_refuse(-EINVAL, site,
				       "the pool is empty; call coherent_pool_create() first");
	if (!coherent_gfp_is_valid(gfp))
		return coherent_refuse(-EINVAL, site, coherent_zone_in_gfp);
	if (!coherent_box_is_empty(box))
		return coherent_refuse(-EBUSY, site, coherent_box_in_use);
	if (!coherent_is_bound(pool->dev))
		return -ENODEV;
	slot = coherent_slots_grow(pool, gfp ? gfp : pool->gfp, &err);
	box->object.site = site;
	return slot ? coherent_pooled_become_box(slot, box) : err;
}

int __weak coherent_pool_take(struct coherent_pool *base, struct coherent_box *box, gfp_t gfp,
			      const char *site)
{
	struct coherent_slots *pool = base->va;
	struct coherent_pool_slot *slot;

	if (!pool || !coherent_box_is_empty(box) || !coherent_gfp_is_valid(gfp) ||
	    !coherent_is_bound(pool->dev))
		return coherent_pool_take_slow(pool, box, gfp, site);
	/* might_sleep() without giving way: the growth does that if it has to. */
	if (gfpflags_allow_blocking(gfp ? gfp : pool->gfp))
		__might_sleep(__FILE__, __LINE__);
	/* This is stored early, so that it is in no register across the calls that lock. */
	box->object.site = site;
	slot = coherent_slots_pop(pool);
	return slot ? coherent_pooled_become_box(slot, box) :
		      coherent_pool_take_slow(pool, box, gfp, box->object.site);
}

/* --- Pools --- */

static size_t coherent_natural_align(size_t size)
{
	size_t align = COHERENT_SLOT_BYTES_MIN;

	while (align < size && align < COHERENT_CACHE_LINE)
		align *= 2;
	return align;
}

/* Sets the sizes of a pool. Returns why there is no such pool, or NULL. */
static const char *coherent_pool_layout(struct coherent_slots *pool, size_t size,
					const struct coherent_pool_options *options)
{
	const size_t align = options->align ? options->align : coherent_natural_align(size);

	if (!is_power_of_2(align))
		return ".align is not a power of two";
	if (align > PAGE_SIZE)
		return ".align is more than a page";
	if (options->boundary && !is_power_of_2(options->boundary))
		return ".boundary is not a power of two";
	if (!size)
		return "the size of an object is 0";
	if (size > PAGE_SIZE)
		return "an object is larger than a page; allocate such objects without a pool";
	pool->element_bytes = size;
	pool->slot_bytes = ALIGN(size, max_t(size_t, align, COHERENT_SLOT_BYTES_MIN));
	pool->block_bytes = min_not_zero(options->boundary, (u64)PAGE_SIZE);
	return pool->slot_bytes > pool->block_bytes ?
		       "an object, rounded up to .align, does not fit between two multiples of .boundary" :
		       NULL;
}

/* Checks a pool as if its first page were allocated now. Sets the level of all its pages. */
static int coherent_pool_check(struct coherent_slots *pool, size_t size,
			       const struct coherent_pool_options *options,
			       const struct coherent_pool *base, const char *site)
{
	struct coherent_alloc_request request = {
		.count = PAGE_SIZE,
		.size = 1,
		.gfp = options->gfp,
		.level = options->level,
		.permission = options->permission,
		.site = site,
	};
	const char *why = coherent_why_invalid(&request);

	if (!why)
		why = coherent_pool_layout(pool, size, options);
	if (why)
		return coherent_refuse(-EINVAL, site, why);
	if (base->va)
		return coherent_refuse(-EBUSY, site,
				       "the pool is not empty, or was never initialised");
	if (options->in_place)
		return coherent_refuse(
			-EOPNOTSUPP, site,
			"a pool of the kernel has no .in_place: its boxes are private");
	if (!request.level)
		request.level = coherent_queue_level(options->dev);
	pool->level = request.level ? request.level : COHERENT_HIDDEN;
	return coherent_check_device(options->dev, &request, PAGE_SIZE);
}

int __weak coherent_base_pool_create(struct coherent_pool *base, size_t size,
				     const struct coherent_pool_options *options, const char *site)
{
	struct coherent_slots new = {
		.dev = options->dev,
		.site = site,
		.delay = options->delay,
		.gfp = options->gfp ? options->gfp : GFP_KERNEL,
		.permission = options->permission,
	};
	struct coherent_slots *pool;
	int err = coherent_pool_check(&new, size, options, base, site);

	if (err)
		return err;
	pool = kzalloc(sizeof(*pool), new.gfp);
	if (!pool)
		return -ENOMEM;
	*pool = new;
	spin_lock_init(&pool->lock);
	get_device(pool->dev);
	base->va = pool;
	return 0;
}

/* Counts the objects in use, and logs the first ones. */
static size_t coherent_pool_live(const struct coherent_slots *pool)
{
	const struct coherent_pool_slot *slot;
	const struct coherent_chunk *chunk;
	size_t live = 0;

	for (chunk = pool->chunks; chunk; chunk = chunk->next) {
		for (slot = chunk->slots; slot < chunk->slots + chunk->count; slot++) {
			if (slot->state == COHERENT_POOLED_FREE || live++ >= COHERENT_REPORTED_MAX)
				continue;
			pr_err_ratelimited(
				"coherent: a %s of %zu bytes of the pool created at %s, allocated at %s, is not freed\n",
				slot->state == COHERENT_POOLED_BOX ? "box" : "mem",
				pool->element_bytes, pool->site, slot->site);
		}
	}
	if (live > COHERENT_REPORTED_MAX)
		pr_err_ratelimited("coherent: and %zu more\n", live - COHERENT_REPORTED_MAX);
	return live;
}

int __weak coherent_base_pool_destroy(struct coherent_pool *base)
{
	struct coherent_slots *pool = base->va;
	struct coherent_chunk *chunk;

	might_sleep();
	if (!pool)
		return 0;
	if (coherent_pool_live(pool))
		return -EBUSY;
	while (pool->chunks) {
		chunk = pool->chunks;
		pool->chunks = chunk->next;
		coherent_chunk_end(chunk);
	}
	put_device(pool->dev);
	kfree(pool);
	base->va = NULL;
	return 0;
}

void __weak coherent_base_pool_cleanup(void *pool)
{
	/* The call logs a failure. */
	if (coherent_base_pool_destroy(pool))
		return;
}

#endif
