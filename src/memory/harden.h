/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A hardened device (COHERENT_HARDEN) does this when an object changes its state. Memory that a driver
 * may not access any more faults, and guard.h says which object had it. The callers have seen that
 * store->pages.guard is not NULL, and do not hold the lock of the store.
 *
 * Where a slot of a pool has a private place, that place has pages of its own.
 */
#ifndef HARDEN_H
#define HARDEN_H

#include "memory/guard.h"
#include "memory/pool.h"

/**
 * harden_box() - Begin to look which bytes of a new box the driver writes.
 * @object: A box of whole pages that the driver fills.
 */
void harden_box(const struct coherent_object *object);

/**
 * harden_expose() - Move a box away from the pointers that the driver has, before it is exposed.
 * @object: The box.
 *
 * Valgrind and MemorySanitizer tell which bytes were not written. A report says how many there are.
 *
 * Return: 0; -ENOMEM.
 */
int harden_expose(struct coherent_object *object);

/**
 * harden_free() - Note that an object ends, before its memory goes.
 * @object: A box or a mem of whole pages.
 */
void harden_free(const struct coherent_object *object);

/**
 * harden_chunk() - Close the private places of all slots of a new chunk.
 * @chunk: The chunk.
 */
void harden_chunk(const struct chunk *chunk);

/**
 * harden_open_slot() - Let the driver access the private place of a slot.
 * @slot: A slot that is about to become a box.
 *
 * Return: 0; -ENOMEM, if the process has too many mappings.
 */
int harden_open_slot(const struct slot *slot);

/**
 * harden_slot_box() - As harden_box(), for a box of a pool.
 * @slot: The slot. Its private place was cleared.
 */
void harden_slot_box(const struct slot *slot);

/**
 * harden_slot_expose() - Look which bytes were written, before the slot is exposed.
 * @slot: The slot.
 */
void harden_slot_expose(const struct slot *slot);

/**
 * harden_close_slot() - Keep the driver from the private place of a slot.
 * @slot: A slot that was a box.
 * @end: The reason.
 */
void harden_close_slot(const struct slot *slot, enum guard_end end);

#endif
