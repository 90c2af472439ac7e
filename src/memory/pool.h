/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Pools of small objects. A chunk is some exposed pages and as many private pages of the same
 * layout. A slot of the chunk is a place in both: its box is in the private pages, and its mem is
 * in the exposed ones. Exposing copies from the first to the second. If boxes are in place, there are
 * no private pages, and both are the same place.
 */
#ifndef POOL_H
#define POOL_H

#include <coherent/pool.h>

#include "memory/object.h"

/**
 * struct chunk - Some pages of a pool.
 * @base: The part that object.h knows. Must be first.
 * @pool: The pool. Never changes, as the next eight.
 * @alive: The flags that the fast paths look at.
 * @boxes: The private pages; the exposed ones if boxes are in place.
 * @mems: The exposed pages.
 * @slot_bytes: The size of a slot.
 * @private_bytes: The size of the private place of a slot; 0 if boxes are in place.
 * @bytes: The size of the chunk.
 * @count: The number of slots.
 * @free: The numbers of the slots that are neither in a cache nor in use. The lock of the pool
 *	guards the array and @free_count.
 * @free_count: How many these are.
 * @mem: The exposed pages as an object.
 * @pages: The private pages as a range. There is none if boxes are in place.
 * @link: In a list of the pool.
 * @slots: All slots, by offset.
 */
struct chunk {
	struct chunk_base base;
	struct coherent_slots *pool;
	const struct alive *alive;
	char *boxes;
	char *mems;
	size_t slot_bytes;
	size_t private_bytes;
	size_t bytes;
	uint32_t count;
	uint32_t free_count;
	uint16_t *free;
	struct coherent_mem mem;
	struct iova_range pages;
	TAILQ_ENTRY(chunk) link;
	struct slot slots[];
};

TAILQ_HEAD(chunk_list, chunk);

_Static_assert(!offsetof(struct chunk, base), "object.h finds the base by the chunk");

static inline struct slot *slot_of(struct coherent_object *object)
{
	return (struct slot *)object;
}

/* Other threads call these two while the owner of a slot changes its fields. */
static inline enum coherent_state slot_state(const struct slot *slot)
{
	return __atomic_load_n(&slot->state, __ATOMIC_RELAXED);
}

static inline const char *slot_site(const struct slot *slot)
{
	return object_site((const struct coherent_object *)slot);
}

/**
 * pool_expose() - coherent_base_expose() of a box of a pool.
 * @box: The box.
 * @options: The mem and what else was asked for.
 */
int pool_expose(struct coherent_box *box, const struct coherent_expose_options *options);

/**
 * pool_reclaim() - coherent_base_reclaim() of a mem of a pool, into an empty box.
 * @mem: The mem.
 * @options: The box and what else was said.
 */
int pool_reclaim(struct coherent_mem *mem, const struct coherent_reclaim_options *options);

/**
 * pool_permission() - The permission of the device on the mems of a pool.
 * @slot: An object of the pool.
 */
enum coherent_permission pool_permission(struct coherent_object *slot);

/**
 * pool_free_box() - coherent_base_box_free() of a box of a pool.
 * @box: The box.
 */
void pool_free_box(struct coherent_box *box);

/**
 * pool_free() - coherent_base_free() of a mem of a pool.
 * @mem: The mem.
 */
void pool_free(struct coherent_mem *mem);

#endif
