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
 * struct slot - What is known of an object of a pool; a coherent_object to everybody else.
 * @kind: OBJECT_SLOT.
 * @state: Box or mem; COHERENT_STATE_NONE of one that nobody has.
 * @offset: Of the place in its chunk, in bytes. Never changes, as @chunk.
 * @chunk: The chunk.
 * @site: File and line of the last allocation.
 */
struct slot {
	unsigned char kind;
	unsigned char state;
	uint32_t offset;
	struct chunk *chunk;
	const char *site;
};

/**
 * struct chunk - Some pages of a pool.
 * @pool: The pool. Never changes, as the next seven.
 * @alive: Its device's.
 * @boxes: Private pages.
 * @mems: Exposed ones.
 * @inverted_address: Of those.
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
	struct coherent_slots *pool;
	const struct alive *alive;
	char *boxes;
	char *mems;
	uint64_t inverted_address;
	size_t slot_bytes;
	uint32_t count;
	uint32_t free_count;
	uint16_t *free;
	struct coherent_mem mem;
	struct iova_range pages;
	TAILQ_ENTRY(chunk) link;
	struct slot slots[];
};

static inline bool object_is_slot(const struct coherent_object *object)
{
	return object->kind == OBJECT_SLOT;
}

static inline struct slot *slot_of(struct coherent_object *object)
{
	return (struct slot *)object;
}

/**
 * pool_device() - The device of a slot.
 * @slot: The slot.
 */
struct coherent_device *pool_device(const struct slot *slot);

/**
 * pool_address() - The device address of a slot.
 * @slot: The slot.
 */
uint64_t pool_address(const struct slot *slot);

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

/* The device of any object, and the address that it has, or would have as a mem. */
static inline struct coherent_device *object_device(const struct coherent_object *object)
{
	return object_is_slot(object) ? pool_device((const struct slot *)object) : object->dev;
}

static inline uint64_t object_address(const struct coherent_object *object)
{
	return object_is_slot(object) ? pool_address((const struct slot *)object) :
					object->address.first;
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
