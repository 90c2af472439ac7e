/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Pools, as coherent.c and device.c see them.
 *
 * A chunk is some pages of a mem, which the device reaches, and as many private ones, of the
 * same layout. A slot stands for a place in both.
 */
#ifndef POOL_H
#define POOL_H

#include <coherent/pool.h>

#include "object.h"

/**
 * struct chunk - Some pages of a pool.
 * @base: What object.h knows of a chunk. Must be first.
 * @pool: The pool. Never changes, as the next six.
 * @alive: Its device's.
 * @boxes: Private pages.
 * @mems: Exposed ones.
 * @slot_bytes: As in the pool.
 * @count: How many slots there are.
 * @free: Those that neither somebody has nor a cache: their numbers.
 * @free_count: How many of those there are. By the pool's lock, as what @free points to.
 * @mem: The exposed pages as an object.
 * @pages: The private ones.
 * @link: Of the pool's chunks.
 * @slots: All of them, by offset.
 */
struct chunk {
	struct chunk_base base;
	struct coherent_slots *pool;
	const struct alive *alive;
	char *boxes;
	char *mems;
	size_t slot_bytes;
	uint32_t count;
	uint32_t free_count;
	uint16_t *free;
	struct coherent_mem mem;
	struct iova_range pages;
	TAILQ_ENTRY(chunk) link;
	struct slot slots[];
};

_Static_assert(!offsetof(struct chunk, base), "object.h finds the base by the chunk");

static inline struct slot *slot_of(struct coherent_object *object)
{
	return (struct slot *)object;
}

/**
 * pool_slot_at() - Whose a byte of a chunk is.
 * @chunk: The chunk.
 * @offset: Of the byte.
 *
 * Return: the slot; NULL between slots.
 */
const struct slot *pool_slot_at(const struct chunk *chunk, uint64_t offset);

/* What others read while its owner changes it. */
static inline enum coherent_state slot_state(const struct slot *slot)
{
	return __atomic_load_n(&slot->state, __ATOMIC_RELAXED);
}

static inline const char *slot_site(const struct slot *slot)
{
	return __atomic_load_n(&slot->site, __ATOMIC_RELAXED);
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
