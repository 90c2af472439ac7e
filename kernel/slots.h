/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The slots of pools in the kernel. A chunk has a page that the device reaches, and a page of private
 * memory. A slot is a place in both: a box has the private one, a mem and a loan have both. pool.h
 * makes pools and chunks.
 *
 * INVARIANT: no memory that a device reaches holds a pointer or another thing that the library needs.
 * INVARIANT: the exposed place of a slot holds zeros, or what the device wrote there, unless the slot
 * is a mem or a loan. The device can read that place all the time.
 * INVARIANT: a slot is in at most one place: in use, in a free list, or in the delay list.
 *
 * A free takes no lock, unless the pool has a .delay: it adds the slot to the list of freed slots. The
 * thread that takes a slot holds the lock. So no other thread takes from the lists meanwhile.
 */
#ifndef COHERENT_SLOTS_H
#define COHERENT_SLOTS_H

#include <coherent/pool.h>
#include <linux/llist.h>
#include <linux/printk.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/types.h>

enum coherent_pooled_state {
	COHERENT_POOLED_FREE,
	COHERENT_POOLED_BOX,
	COHERENT_POOLED_SHARED,
};

/*
 * @node: in a free list or the delay list. @site: where the box was taken, while a slot is in use.
 * @offset and @chunk never change. Only the owner of the slot changes the rest.
 */
struct coherent_pool_slot {
	union {
		struct llist_node node;
		const char *site;
	};
	struct coherent_chunk *chunk;
	u32 offset;
	u8 state;
};

/*
 * @boxes: the private page. @first: the record of a box at the offset 0, of which only the members
 * that all boxes need are set.
 * @mem: the page that the device reaches. Nothing of a chunk changes.
 */
struct coherent_chunk {
	struct coherent_slots *pool;
	char *boxes;
	u32 slot_bytes;
	enum coherent_permission permission;
	struct coherent_object first;
	struct coherent_mem mem;
	struct coherent_chunk *next;
	unsigned int count;
	struct coherent_pool_slot slots[];
};

/*
 * @block_bytes: no slot crosses a multiple of this. @delay: how many freed mems wait in the delay
 * list, which begins with the one that was freed first. @freed: the slots that were freed last. Any
 * thread adds to it. @lock guards what is after it. @used: freed slots that were in @freed when it was
 * emptied. @fresh: slots that nobody has used. The pool takes them last, so that it uses few cache
 * lines.
 */
struct coherent_slots {
	struct device *dev;
	const char *site;
	size_t element_bytes;
	u32 slot_bytes;
	u32 block_bytes;
	u32 delay;
	gfp_t gfp;
	enum coherent_level level;
	enum coherent_permission permission;
	struct llist_head freed;
	spinlock_t lock;
	struct llist_node *used;
	struct llist_node *fresh;
	struct coherent_chunk *chunks;
	struct llist_node *delayed_first;
	struct llist_node *delayed_last;
	u32 delayed_count;
};

static bool coherent_is_pooled(const struct coherent_object *object)
{
	return object->level & COHERENT_POOLED;
}

static void *coherent_pooled_box_va(const struct coherent_pool_slot *slot)
{
	return slot->chunk->boxes + slot->offset;
}

/* SHARED: the device may access the slot during the copy. No order within an object is promised. */
static void *coherent_pooled_shared_va(const struct coherent_pool_slot *slot)
{
	return (char COHERENT_FORCE *)slot->chunk->mem.va + slot->offset;
}

static __always_inline void coherent_clear_16(u64 *to)
{
	WRITE_ONCE(to[0], 0);
	WRITE_ONCE(to[1], 0);
}

#define COHERENT_FEW_BYTES 128

/*
 * The size is a multiple of 16. For few bytes, a call of memset() takes longer than the stores. They
 * are volatile, so that the compiler does not make a call of them.
 */
static __always_inline void coherent_clear_few(void *va, u32 bytes)
{
	u64 *to = va;

	for (; bytes >= 64; bytes -= 64, to += 8) {
		coherent_clear_16(to);
		coherent_clear_16(to + 2);
		coherent_clear_16(to + 4);
		coherent_clear_16(to + 6);
		OPTIMIZER_HIDE_VAR(to);
	}
	for (; bytes; bytes -= 16, to += 2) {
		coherent_clear_16(to);
		OPTIMIZER_HIDE_VAR(to);
	}
}

/* --- Free slots --- */

/* Takes a slot that nobody has used, if there is one. The caller holds the lock. */
static struct llist_node *coherent_slots_pop_fresh(struct coherent_slots *pool)
{
	struct llist_node *first = pool->fresh;

	if (first) {
		pool->fresh = first->next;
		first->next = NULL;
	}
	return first;
}

static __always_inline struct coherent_pool_slot *coherent_slots_pop(struct coherent_slots *pool)
{
	struct llist_node *first;
	unsigned long flags;

	spin_lock_irqsave(&pool->lock, flags);
	first = pool->used;
	if (!first)
		first = llist_del_all(&pool->freed);
	if (unlikely(!first))
		first = coherent_slots_pop_fresh(pool);
	pool->used = first ? first->next : NULL;
	spin_unlock_irqrestore(&pool->lock, flags);
	return first ? llist_entry(first, struct coherent_pool_slot, node) : NULL;
}

/* Delays a slot. The slot that was delayed long enough becomes free. */
static noinline void coherent_slots_delay(struct coherent_slots *pool, struct llist_node *node)
{
	struct llist_node *first = NULL;
	unsigned long flags;

	node->next = NULL;
	spin_lock_irqsave(&pool->lock, flags);
	if (pool->delayed_count)
		pool->delayed_last->next = node;
	else
		pool->delayed_first = node;
	pool->delayed_last = node;
	if (pool->delayed_count < pool->delay) {
		pool->delayed_count++;
	} else {
		first = pool->delayed_first;
		pool->delayed_first = first->next;
	}
	spin_unlock_irqrestore(&pool->lock, flags);
	if (first)
		llist_add(first, &pool->freed);
}

/*
 * A copy of an object that ended must not give the slot of another object back. The library notices
 * it until the slot is an object of the same kind again.
 */
static noinline void coherent_pooled_report_stale(const struct coherent_object *object)
{
	pr_err_ratelimited(
		"coherent: %s: a copy of an object of a pool is used after its end: ignored\n",
		object->site);
}

static __always_inline bool coherent_pooled_is_live(const struct coherent_object *object)
{
	BUILD_BUG_ON(COHERENT_POOLED_SHARED - COHERENT_POOLED_BOX != 1);
	return object->slot->state == COHERENT_POOLED_BOX + object->mapped;
}

static noinline void coherent_pooled_free_slow(struct coherent_object *object)
{
	struct coherent_pool_slot *slot = object->slot;

	if (!coherent_pooled_is_live(object)) {
		coherent_pooled_report_stale(object);
		return;
	}
	slot->state = COHERENT_POOLED_FREE;
	memset(coherent_pooled_shared_va(slot), 0, slot->chunk->slot_bytes);
	if (slot->chunk->pool->delay && object->mapped)
		coherent_slots_delay(slot->chunk->pool, &slot->node);
	else
		llist_add(&slot->node, &slot->chunk->pool->freed);
}

/*
 * The driver promises that the device is done with the slot. This works in any context. The device may
 * have written to the place of a box too.
 */
static noinline void coherent_pooled_free(struct coherent_object *object)
{
	struct coherent_pool_slot *slot = object->slot;
	struct coherent_chunk *chunk = slot->chunk;
	struct coherent_slots *pool = chunk->pool;

	if (!coherent_pooled_is_live(object) || chunk->slot_bytes > COHERENT_FEW_BYTES ||
	    pool->delay) {
		coherent_pooled_free_slow(object);
		return;
	}
	slot->state = COHERENT_POOLED_FREE;
	coherent_clear_few(coherent_pooled_shared_va(slot), chunk->slot_bytes);
	llist_add(&slot->node, &pool->freed);
}

/* --- Copies --- */

/* The device gets the contents of a box. */
static void coherent_pooled_share(struct coherent_object *object)
{
	struct coherent_pool_slot *slot = object->slot;

	memcpy(coherent_pooled_shared_va(slot), coherent_pooled_box_va(slot),
	       slot->chunk->slot_bytes);
	/* ORDER: pairs with the device's first access (expose.litmus). */
	dma_wmb();
	slot->state = COHERENT_POOLED_SHARED;
	object->mapped = true;
}

/* The driver gets the contents of the slot. */
static void coherent_pooled_fetch(struct coherent_object *object)
{
	struct coherent_pool_slot *slot = object->slot;

	/* ORDER: pairs with the device's last write (reclaim.litmus). */
	dma_rmb();
	memcpy(coherent_pooled_box_va(slot), coherent_pooled_shared_va(slot),
	       slot->chunk->slot_bytes);
}

/* The slot becomes a box, whose contents the caller has fetched if it wants them. */
static void coherent_pooled_take_back(struct coherent_object *object)
{
	memset(coherent_pooled_shared_va(object->slot), 0, object->slot->chunk->slot_bytes);
	object->slot->state = COHERENT_POOLED_BOX;
	object->mapped = false;
}

#endif
