/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Memory of the driver that an object has adopted. It goes from record to record with the contents
 * of a box: a reclaim moves it. The record that has it last gives it back.
 *
 * In place, the object has no other memory. A copy has memory of the library as well, which the
 * device reaches; while the object is a box, the CPU finds the driver's memory.
 *
 * INVARIANT: the memory is given back once, after the object left its last state, and without a
 * lock. So the callback of the driver may adopt it again.
 */
#ifndef ADOPTION_H
#define ADOPTION_H

#include <sys/uio.h>

#include "base/sys_maps.h"
#include "memory/object.h"

/**
 * struct adoption - Memory of the driver. Only @begun changes after adoption_begin_locked().
 * @memory: The memory, for the callback. It begins at a page.
 * @bytes: The size of its elements.
 * @page_bytes: Its size in whole pages.
 * @is_scattered: It is in pieces. So the CPU has no pointer to all of it, and the library none.
 * @is_copy: The device gets a copy.
 * @release: It gets the memory back, or NULL.
 * @release_arg: The last argument of @release.
 * @count: How many pieces it has; 1 if it is not scattered.
 * @begun: How many of them the object has by now.
 * @is_refused: Set by adoption_begin_locked() if somebody has one of the pages.
 * @in_the_way: Set by adoption_begin_locked() to the site of the object that has one of the pages.
 * @in_the_way_address: The device address of that object.
 * @remedy: How the driver ends that object.
 * @driver_keeps: The call that adopts pieces has not succeeded, so the driver does not get them back.
 * @pieces: The pieces, in whole pages, in the order of device addresses.
 */
struct adoption {
	void *memory;
	size_t bytes;
	size_t page_bytes;
	bool is_scattered;
	bool is_copy;
	void (*release)(void *memory, void *release_arg);
	void *release_arg;
	size_t count;
	size_t begun;
	bool is_refused;
	const char *in_the_way;
	uint64_t in_the_way_address;
	const char *remedy;
	bool driver_keeps;
	struct iovec pieces[];
};

/**
 * adoption_can_be_in_place() - Whether a device can use memory of the driver where it is.
 * @backend: The backend of the device.
 *
 * Where unmapping is not a fence, the device may reach the memory after a reclaim.
 */
static inline bool adoption_can_be_in_place(const struct backend *backend)
{
	return backend_uses_pages_in_place(backend) && backend->limits.unmap_is_fence;
}

/**
 * adoption_is_in_place() - Whether the only memory of an object is that of the driver.
 * @object: The object.
 */
static inline bool adoption_is_in_place(const struct coherent_object *object)
{
	return object->adoption && !object->adoption->is_copy;
}

/**
 * adoption_is_copy() - Whether the device gets a copy of the driver's memory.
 * @object: The object.
 */
static inline bool adoption_is_copy(const struct coherent_object *object)
{
	return object->adoption && object->adoption->is_copy;
}

/**
 * adoption_extra_mappings() - How many mappings an object has beyond the first, while it is a mem.
 * @object: The object.
 */
static inline size_t adoption_extra_mappings(const struct coherent_object *object)
{
	return object->adoption ? object->adoption->count - 1 : 0;
}

/**
 * adoption_new() - Describe memory that an object will adopt.
 * @pieces: The pieces.
 * @count: How many there are.
 * @bytes: The size of the elements.
 * @page: The size of a page. The last page of a piece belongs to it as a whole.
 *
 * Return: the memory, which has no callback; NULL without memory.
 */
struct adoption *adoption_new(const struct iovec *pieces, size_t count, size_t bytes, size_t page);

/**
 * adoption_is_mapped() - Whether the kernel can pin all memory, as far as the process can tell.
 * @adoption: The memory.
 * @problem: Set to the first part that it cannot pin.
 */
bool adoption_is_mapped(const struct adoption *adoption, struct sys_maps_problem *problem);

/**
 * adoption_owner_locked() - Find an object that has one of some pages.
 * @store: The store.
 * @piece: The pages.
 *
 * Return: an object that is a box or a mem, waits for a fence, or is leaked; NULL if there is none.
 */
const struct coherent_object *adoption_owner_locked(struct object_store *store,
						    const struct iovec *piece)
	NEEDS_LOCK(store->lock);

/**
 * adoption_refuse() - Report why memory of the driver cannot be given to a device.
 * @store: The store.
 * @at: The call.
 * @adoption: The memory.
 *
 * Return: -EINVAL.
 */
int adoption_refuse(struct object_store *store, const char *at, const struct adoption *adoption);

/**
 * adoption_begin_locked() - Give a new box the memory of the driver.
 * @store: The store of the box.
 * @object: The box. It has the memory of the library if it needs one.
 * @adoption: The memory.
 *
 * Return: 0; -EBUSY (an object has one of the pages, or the library); -EINVAL (two pieces have a page
 * in common); -ENOMEM.
 */
int adoption_begin_locked(struct object_store *store, struct coherent_object *object,
			  struct adoption *adoption) NEEDS_LOCK(store->lock);

/**
 * adoption_prepare() - Get the memory of a box ready to be mapped for the device.
 * @object: A box that has adopted memory.
 * @permission: The permission of the device.
 *
 * Return: 0; -EFAULT (the memory cannot be written), -ENOMEM.
 */
int adoption_prepare(const struct coherent_object *object, enum coherent_permission permission);

/**
 * adoption_move_locked() - Give the memory of the driver to the record that a reclaim made.
 * @store: The store.
 * @old: The mem that is reclaimed.
 * @home: The record of the box.
 */
void adoption_move_locked(struct object_store *store, struct coherent_object *old,
			  struct coherent_object *home) NEEDS_LOCK(store->lock);

/**
 * adoption_come_home() - Let the CPU find the memory of the driver in a reclaimed box.
 * @home: A box that has adopted memory.
 */
void adoption_come_home(struct coherent_object *home);

/**
 * adoption_take() - Take the memory of the driver from an object that ends.
 * @object: The object, which no device can reach any more. The caller ends it next.
 *
 * Everything that the device wrote is in the driver's memory afterwards.
 *
 * Return: what adoption_end() takes; NULL if the object adopted nothing.
 */
struct adoption *adoption_take(const struct coherent_object *object);

/**
 * adoption_end() - Give memory back to the driver.
 * @adoption: From adoption_take(), or NULL. Freed.
 */
void adoption_end(struct adoption *adoption);

#endif
