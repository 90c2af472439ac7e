/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The calls on the store of a device as a whole.
 */
#ifndef OBJECT_STORE_H
#define OBJECT_STORE_H

#include "memory/object.h"

/**
 * object_store_open() - Prepare an empty store.
 * @store: The store; alive, give_way, device, reporter and name are set.
 * @wants: PAGES_GIGA and the like, or'ed.
 * @nodes: NUMA nodes, a bit each.
 * @is_hardened: Guard the memory (guard.h).
 *
 * Return: 0; -ENOMEM.
 */
int object_store_open(struct object_store *store, unsigned int wants, uint64_t nodes,
		      bool is_hardened);

/**
 * object_store_release() - Free all records that no handle refers to, and what is leaked.
 * @store: The store of a device that is about to be freed; its backend still exists.
 */
void object_store_release(struct object_store *store);

/**
 * object_store_stay_mapped() - Keep the addresses of the memory when the device is gone.
 * @store: The store of a device that is being closed, and that may access its memory afterwards.
 *
 * The memory goes back to the system with the last object. The addresses never do.
 */
void object_store_stay_mapped(struct object_store *store);

/**
 * object_store_close() - Free the store.
 * @store: A store after object_store_release(), or without objects.
 */
void object_store_close(struct object_store *store);

/**
 * object_store_mask() - The DMA mask.
 * @store: The store.
 */
uint64_t object_store_mask(struct object_store *store);

/**
 * object_store_is_used() - Whether addresses are in use that must not become another object's.
 * @store: The store.
 */
bool object_store_is_used(struct object_store *store);

/**
 * object_store_set_space() - Give the store other device addresses.
 * @store: The store.
 * @space: The addresses. The store takes them; if it fails the caller keeps them.
 * @mask: The mask that they obey.
 *
 * Return: 0; -EBUSY as object_store_is_used().
 */
int object_store_set_space(struct object_store *store, struct iova_space *space, uint64_t mask);

/**
 * object_store_gap() - Tell how many addresses in a row are free.
 * @store: The store.
 * @first: The first address to look at.
 * @last: The last one.
 *
 * Return: the size of the largest gap.
 */
uint64_t object_store_gap(struct object_store *store, uint64_t first, uint64_t last);

/**
 * object_store_cede() - Give up the upper half of the largest gap.
 * @store: The store. It does not use these addresses from now on.
 * @first: The first address to look at. Set to that of the upper half.
 * @last: The last one. Set to that of the upper half.
 *
 * Return: 0; -ENOMEM (also if nothing is free any more).
 */
int object_store_cede(struct object_store *store, uint64_t *first, uint64_t *last);

/**
 * object_store_allow() - Let a store use addresses.
 * @store: The store. Without memory for this, it does not use them.
 * @first: The first address.
 * @last: The last one. None of them was allowed before.
 */
void object_store_allow(struct object_store *store, uint64_t first, uint64_t last);

/**
 * object_store_stats() - Read the counters.
 * @store: The store.
 * @stats: Filled in.
 */
void object_store_stats(struct object_store *store, struct coherent_stats *stats);

#endif
