/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Tells the callback .trace and the trace file what happens to a device and its objects.
 *
 * A device that nobody watches has no struct watch. Then each call here is a load and a branch. Accessors and fast paths of pools make no call: a pool of a watched device takes its
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
 *
 * Return: 0; -ENOMEM.
 */
int watch_open(struct object_store *store, const struct coherent_open_options *options);

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

/* The functions below are called for a watched device only. */

/**
 * watch_object() - Tell that an object of either kind changed its state.
 * @object: The object. The caller owns it.
 * @kind: COHERENT_EVENT_BOX, _EXPOSE or _FREE.
 * @before: The state before.
 * @after: The state after.
 */
void watch_object(const struct coherent_object *object, enum coherent_event_kind kind,
		  enum coherent_state before, enum coherent_state after);

/**
 * watch_move() - Tell that a mem of either kind became a box.
 * @mem: The mem. The caller still owns it.
 * @box: The record that the box has; @mem itself for an object that keeps its record.
 */
void watch_move(const struct coherent_object *mem, const struct coherent_object *box);

/**
 * watch_access() - Tell that an access was refused.
 * @store: The store.
 * @fault: The access.
 */
void watch_access(struct object_store *store, const struct coherent_fault *fault);

/**
 * watch_call() - Tell of a fence, or of an interrupt.
 * @store: The store.
 * @kind: COHERENT_EVENT_FENCE or _INTERRUPT.
 * @value: The result of the fence, or the vector.
 */
void watch_call(struct object_store *store, enum coherent_event_kind kind, int value);

/* --- One call at each change --- */

static inline void watch_box(const struct coherent_object *object)
{
	if (__builtin_expect(!!object->store->watch, 0))
		watch_object(object, COHERENT_EVENT_BOX, COHERENT_STATE_NONE, COHERENT_STATE_BOX);
}

static inline void watch_expose(const struct coherent_object *object)
{
	if (__builtin_expect(!!object->store->watch, 0))
		watch_object(object, COHERENT_EVENT_EXPOSE, COHERENT_STATE_BOX, COHERENT_STATE_MEM);
}

static inline void watch_reclaim(const struct coherent_object *mem,
				 const struct coherent_object *box)
{
	if (__builtin_expect(!!mem->store->watch, 0))
		watch_move(mem, box);
}

/* @after is COHERENT_STATE_MEM if the memory could not be unmapped. */
static inline void watch_free(const struct coherent_object *object, enum coherent_state after)
{
	if (__builtin_expect(!!object->store->watch, 0))
		watch_object(object, COHERENT_EVENT_FREE, (enum coherent_state)object->state,
			     after);
}

static inline void watch_fault(struct object_store *store, const struct coherent_fault *fault)
{
	if (__builtin_expect(!!store->watch, 0))
		watch_access(store, fault);
}

static inline void watch_fence(struct object_store *store, int err)
{
	if (__builtin_expect(!!store->watch, 0))
		watch_call(store, COHERENT_EVENT_FENCE, err);
}

static inline void watch_interrupt(struct object_store *store, unsigned int vector)
{
	if (__builtin_expect(!!store->watch, 0))
		watch_call(store, COHERENT_EVENT_INTERRUPT, (int)vector);
}

#endif
