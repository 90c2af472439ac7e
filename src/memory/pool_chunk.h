/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The chunks of a pool: their memory, and the places of their slots.
 */
#ifndef POOL_CHUNK_H
#define POOL_CHUNK_H

#include "memory/pool_slots.h"

/**
 * chunk_slot_at() - The slot at a place in a chunk.
 * @chunk: The chunk.
 * @offset: The offset of a byte.
 *
 * Return: the slot; NULL if the byte is behind the last slot of a block.
 */
const struct slot *chunk_slot_at(const struct chunk *chunk, uint64_t offset);

/**
 * chunk_bytes() - The size of a chunk that has no room that is of no use.
 * @pool: The pool.
 * @bytes: About how large the chunk is to be: a power of two, at least a page.
 *
 * Return: at most @bytes, or the size of a chunk of one slot if that is more.
 */
size_t chunk_bytes(const struct coherent_slots *pool, size_t bytes);

/**
 * chunk_new() - Make a chunk that the device reaches and that has no object.
 * @pool: The pool, whose lock the caller does not hold.
 * @bytes: Its size, from chunk_bytes().
 * @attrs: COHERENT_ATTR_NO_WARN for a try that may fail. It takes no address out of quarantine.
 * @out: Set to the chunk.
 *
 * Return: 0; as coherent_base_zeroed().
 */
int chunk_new(struct coherent_slots *pool, size_t bytes, unsigned int attrs, struct chunk **out);

/**
 * chunk_end() - End a chunk.
 * @chunk: A chunk without objects, which is in no list. Invalid afterwards.
 */
void chunk_end(struct chunk *chunk);

#endif
