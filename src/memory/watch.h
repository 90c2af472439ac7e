/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Tells the callback .trace, the trace file, the ledger, and tracers that attach to the probes what
 * happens to a device and its objects.
 *
 * A hardened device is watched too, because its objects end here as well.
 *
 * A device that nobody watches has no struct watch. Then a call here is a load, a branch and the nop
 * of a probe. Accessors and fast paths of pools make no call: a pool of a watched device takes its
 * slow path all the time (watch_alive()), and its registers are read and written through functions
 * that tell of it.
 *
 * No caller holds the store lock, as for report().
 */
#ifndef WATCH_H
#define WATCH_H

#include <coherent/trace.h>

#include "memory/object.h"

/**
 * watch_open() - Begin to watch a device, if somebody wants that.
 * @store: The store of the device. Its reporter and name are set.
 * @options: The options of coherent_device_open().
 * @is_hardened: The device is hardened.
 *
 * Return: 0; -ENOMEM.
 */
int watch_open(struct object_store *store, const struct coherent_open_options *options,
	       bool is_hardened);

/**
 * watch_begin() - Tell that a device was opened.
 * @store: The store. Its backend is open, and its registers are watched from here on.
 */
void watch_begin(struct object_store *store);

/**
 * watch_end() - Tell that a device was closed.
 * @store: The store. Its objects can still be freed.
 */
void watch_end(struct object_store *store);

/**
 * watch_close() - Free what watch_open() made.
 * @store: The store. It has no objects any more.
 */
void watch_close(struct object_store *store);

/**
 * watch_alive() - The flags that the fast paths of a pool look at.
 * @store: The store.
 *
 * Return: those of the device. If it is watched, flags that are false, so that each call takes the slow
 * path. A slow path asks store->alive.
 */
const struct alive *watch_alive(const struct object_store *store);

/**
 * watch_object() - Tell that an object of either kind changed its state.
 * @object: The object of a watched device. The caller owns it.
 * @kind: COHERENT_EVENT_BOX, _EXPOSE or _FREE.
 * @before: The state before.
 * @after: The state after.
 */
void watch_object(const struct coherent_object *object, enum coherent_event_kind kind,
		  enum coherent_state before, enum coherent_state after);

/**
 * watch_move() - Tell that a mem of either kind became a box.
 * @mem: The mem of a watched device. The caller still owns it.
 * @box: The record that the box has; @mem itself for an object that keeps its record.
 */
void watch_move(const struct coherent_object *mem, const struct coherent_object *box);

/**
 * watch_map() - Tell that a device is about to reach an object of whole pages.
 * @object: The object of a watched device. If the device is hardened, the object gets other pages.
 * @permission: The permission.
 *
 * The ledger has it before the device can, so that no kill comes in between.
 *
 * Return: 0; -ENOMEM, and nothing was told.
 */
int watch_map(struct coherent_object *object, enum coherent_permission permission);

/**
 * watch_map_failed() - Tell that a device does not reach an object, after watch_map().
 * @object: The object.
 */
void watch_map_failed(const struct coherent_object *object);

/**
 * watch_interrupt() - Tell that an interrupt was taken.
 * @store: The store of a watched device.
 * @vector: The vector.
 */
void watch_interrupt(struct object_store *store, unsigned int vector);

/* The functions below are called for each device, and have the probes. Objects are of whole pages. */

/**
 * watch_box() - Tell that a box was allocated.
 * @object: The box.
 * @is_filled: The library fills the box itself.
 */
void watch_box(const struct coherent_object *object, bool is_filled);

/**
 * watch_expose() - Tell that a box became a mem.
 * @object: The mem.
 */
void watch_expose(const struct coherent_object *object);

/**
 * watch_reclaim() - Tell that a mem became a box.
 * @mem: The mem. The caller still owns it.
 * @box: The record that the box has.
 */
void watch_reclaim(const struct coherent_object *mem, const struct coherent_object *box);

/**
 * watch_free() - Tell that a box or a mem ended.
 * @object: It. The caller still owns it.
 * @after: COHERENT_STATE_FREED; COHERENT_STATE_MEM if it could not be unmapped.
 */
void watch_free(const struct coherent_object *object, enum coherent_state after);

/**
 * watch_fault() - Tell that an access was refused.
 * @store: The store.
 * @fault: The access.
 */
void watch_fault(struct object_store *store, const struct coherent_fault *fault);

/**
 * watch_fence_begin() - A fence or a reset is about to begin.
 * @store: The store.
 */
void watch_fence_begin(struct object_store *store);

/**
 * watch_fence() - Tell that a fence or a reset ended.
 * @store: The store.
 * @err: Its result.
 */
void watch_fence(struct object_store *store, int err);

#endif
