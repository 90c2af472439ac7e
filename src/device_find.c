// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Whose a pointer, a device address, or a fault is.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pool.h"
#include "sys.h"

/* --- What belongs to whom --- */

/* Of a byte of a chunk: its slot's. */
static int describe_slot(const struct chunk *chunk, uint64_t offset, struct coherent_info *info)
{
	const struct slot *slot = pool_slot_at(chunk, offset);
	const enum coherent_state state = slot ? slot_state(slot) : COHERENT_STATE_NONE;

	if (state == COHERENT_STATE_NONE)
		return -ERANGE;
	*info = (struct coherent_info){
		.state = state,
		.address = pool_address(slot),
		.bytes = chunk->slot_bytes,
		.offset = offset - slot->offset,
		.where = slot_site(slot),
	};
	return 0;
}

/* Where in a chunk memory is; its size if it is not there. */
static uint64_t offset_in(const struct chunk *chunk, uintptr_t at)
{
	const size_t bytes = pages_bytes(&chunk->pages);

	if (at - (uintptr_t)chunk->boxes < bytes)
		return at - (uintptr_t)chunk->boxes;
	return at - (uintptr_t)chunk->mems < bytes ? at - (uintptr_t)chunk->mems : bytes;
}

static int find_in_chunk(struct coherent_device *dev, const struct coherent_object *object,
			 uintptr_t at, struct coherent_info *info)
{
	int err = -ERANGE;

	*info = (struct coherent_info){ .where = NULL };
	lock_take(&dev->lock);
	if (object->chunk && offset_in(object->chunk, at) < pages_bytes(&object->chunk->pages))
		err = describe_slot(object->chunk, offset_in(object->chunk, at), info);
	lock_drop(&dev->lock);
	return err;
}

/*
 * What a record says of memory, if that is all of one object: the entry that led here may be an
 * old one, and the record another's by now. ThreadSanitizer is not told: it knows no such lock.
 */
__attribute__((no_sanitize("thread"))) static bool
read_record(const struct coherent_device *dev, const struct coherent_object *object, uintptr_t at,
	    struct coherent_info *info, bool *is_chunk)
{
	const uint32_t seq = __atomic_load_n(&object->seq, __ATOMIC_ACQUIRE);
	const uintptr_t first = object->elsewhere ? object->elsewhere : object->pages.first;

	*info = (struct coherent_info){
		.state = object->state,
		.address = object->address.first,
		.bytes = object->address.last - object->address.first + 1 - dev->space.guard,
		.offset = at - first,
		.where = object->site,
	};
	*is_chunk = object->chunk;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return !(seq & 1) && __atomic_load_n(&object->seq, __ATOMIC_RELAXED) == seq;
}

int coherent_find_ptr(struct coherent_device *dev, const void *ptr, struct coherent_info *info)
{
	const struct coherent_object *object;
	bool is_chunk;
	int err = device_usable(dev);

	*info = (struct coherent_info){ .where = NULL };
	if (err)
		return err;
	object = page_owner_get(&dev->owners, ptr);
	if (!object)
		return -ERANGE;
	if (read_record(dev, object, (uintptr_t)ptr, info, &is_chunk)) {
		if (is_chunk)
			return find_in_chunk(dev, object, (uintptr_t)ptr, info);
		/* The box of a mem that is elsewhere is nobody's meanwhile. */
		if ((info->state == COHERENT_STATE_BOX || info->state == COHERENT_STATE_MEM) &&
		    info->offset < info->bytes)
			return 0;
	}
	*info = (struct coherent_info){ .where = NULL };
	return -ERANGE;
}

int coherent_find_addr(struct coherent_device *dev, uint64_t address, struct coherent_info *info)
{
	const struct coherent_object *object;
	struct iova_range *range;
	int err = device_usable(dev);

	*info = (struct coherent_info){ .where = NULL };
	if (err)
		return err;
	lock_take(&dev->lock);
	range = iova_find(&dev->space, address);
	object = range ? object_of(range) : NULL;
	if (!object || object->state == COHERENT_STATE_NONE ||
	    address - range->first >= object_bytes(object))
		err = -ERANGE;
	else if (object->chunk)
		err = describe_slot(object->chunk, address - range->first, info);
	else
		*info = (struct coherent_info){
			.state = object->state,
			.address = range->first,
			.bytes = object_bytes(object),
			.offset = address - range->first,
			.where = object->site,
		};
	lock_drop(&dev->lock);
	return err;
}

/* --- Faults --- */

int coherent_device_next_fault(struct coherent_device *dev, struct coherent_fault *fault)
{
	int err = device_usable(dev);

	*fault = (struct coherent_fault){ .address = 0 };
	return err ? err : dev->backend->ops->next_fault(dev->backend, fault);
}

static void describe(const struct coherent_object *object, const struct coherent_fault *fault,
		     char *text, size_t size)
{
	const uint64_t ms = (sys_now_ns() - object->since_ns) / SYS_NS_PER_MS;
	const char *verb = object->state == COHERENT_STATE_FREED ? "freed" : "reclaimed";

	if (fault->state == COHERENT_STATE_NONE)
		snprintf(text, size, "no object, byte %" PRIu64 " past the end of one",
			 fault->address - object->address.first - object_bytes(object) + 1);
	else if (object->state == COHERENT_STATE_BOX)
		snprintf(text, size, "box, not exposed yet");
	else if (object->state == COHERENT_STATE_MEM)
		snprintf(text, size, "read-only");
	else
		snprintf(text, size, "%s %" PRIu64 " ms ago", verb, ms);
}

/* Whoever has it may free it meanwhile: where it was allocated is true all the same. */
static void name_slot(const struct coherent_object *object, struct coherent_fault *fault,
		      char *text, size_t size)
{
	const struct chunk *chunk = object->chunk;
	const struct slot *slot = pool_slot_at(chunk, fault->address - object->address.first);
	const enum coherent_state state = slot ? slot_state(slot) : COHERENT_STATE_NONE;

	if (state == COHERENT_STATE_NONE) {
		snprintf(text, size, "a free part of the pool created at %s", object->site);
		return;
	}
	fault->state = state;
	fault->object_address = pool_address(slot);
	fault->object_bytes = chunk->slot_bytes;
	fault->where = slot_site(slot);
	snprintf(text, size, "read-only (%zu bytes allocated at %s)", chunk->slot_bytes,
		 fault->where);
}

static void name_fault_locked(struct coherent_device *dev, struct coherent_fault *fault, char *text,
			      size_t size) NEEDS_LOCK(dev->lock)
{
	struct iova_range *range = iova_find(&dev->space, fault->address);
	struct coherent_object *object = range ? object_of(range) : NULL;
	size_t used;

	snprintf(text, size, "no object");
	if (!object || fault->address > range->last || object->state == COHERENT_STATE_NONE)
		return;
	if (object->chunk && fault->address - range->first < object_bytes(object)) {
		name_slot(object, fault, text, size);
		return;
	}
	if (fault->address - range->first < object_bytes(object)) {
		fault->state = object->state;
		fault->object_address = range->first;
		fault->object_bytes = object_bytes(object);
		fault->where = object->site;
	}
	describe(object, fault, text, size);
	used = strlen(text);
	snprintf(text + used, size - used, " (%zu bytes allocated at %s)", object_bytes(object),
		 object->site);
}

void device_name_fault(struct coherent_device *dev, struct coherent_fault *fault)
{
	static const char *const access[] = { "read", "write", "access" };
	char text[160];

	lock_take(&dev->lock);
	name_fault_locked(dev, fault, text, sizeof(text));
	lock_drop(&dev->lock);
	snprintf(fault->text, sizeof(fault->text),
		 "device %s of %zu bytes at 0x%" PRIx64 " refused: %s", access[fault->access],
		 fault->bytes, fault->address, text);
}
