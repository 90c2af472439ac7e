/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The memory of records. Records live as long as the device. So a reader without a lock may look at
 * a record that has become another object's, and the record's seq tells it.
 */
#ifndef RECORD_H
#define RECORD_H

#include "memory/object.h"

/**
 * record_take_locked() - Take a record that no object uses.
 * @store: The store. Its lock is dropped while the record is allocated.
 *
 * Return: the record, whose state is COHERENT_STATE_NONE; NULL if there is no memory.
 */
struct coherent_object *record_take_locked(struct object_store *store) NEEDS_LOCK(store->lock);

/**
 * record_put_locked() - Give back a record that no object uses any more.
 * @store: The store.
 * @object: The record. Its state becomes COHERENT_STATE_NONE.
 */
void record_put_locked(struct object_store *store, struct coherent_object *object)
	NEEDS_LOCK(store->lock);

/**
 * record_free_all() - Free the memory of all records.
 * @store: The store of a device that nothing refers to any more.
 */
void record_free_all(struct object_store *store);

#endif
