// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Lookups take the store's lock, except for the first step of coherent_find_ptr(): it reads the
 * owner of a page and its record without a lock, so that a lookup costs a few loads.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "device/lookup.h"
#include "device/result.h"
#include "memory/pool_chunk.h"
#include "memory/watch.h"

/* A device that still runs may make faults as fast as they are read, so the close stops here. */
#define UNREAD_MAX 4096

/* --- Pointers and addresses --- */

/* Describes the slot that has a byte of a chunk. */
static int describe_slot(const struct chunk *chunk, uint64_t offset, struct coherent_info *info)
{
	const struct slot *slot = chunk_slot_at(chunk, offset);
	const enum coherent_state state = slot ? slot_state(slot) : COHERENT_STATE_NONE;

	if (state == COHERENT_STATE_NONE)
		return -ERANGE;
	*info = (struct coherent_info){
		.state = state,
		.address = object_address((const struct coherent_object *)slot),
		.bytes = chunk->slot_bytes,
		.offset = offset - slot->offset,
		.where = slot_site(slot),
	};
	return 0;
}

/* Returns the offset of memory in a chunk, or the size of the chunk if it is not there. */
static uint64_t offset_in(const struct chunk *chunk, uintptr_t at)
{
	const size_t bytes = chunk->bytes;

	if (at - (uintptr_t)chunk->boxes < bytes)
		return at - (uintptr_t)chunk->boxes;
	return at - (uintptr_t)chunk->mems < bytes ? at - (uintptr_t)chunk->mems : bytes;
}

static int find_in_chunk(struct object_store *store, const struct coherent_object *object,
			 uintptr_t at, struct coherent_info *info)
{
	int err = -ERANGE;

	*info = (struct coherent_info){ .where = NULL };
	lock_take(&store->lock);
	if (object->chunk && offset_in(object->chunk, at) < object->chunk->bytes)
		err = describe_slot(object->chunk, offset_in(object->chunk, at), info);
	lock_drop(&store->lock);
	return err;
}

/*
 * Reads a record without the lock. Returns false if it changed meanwhile: the entry that led here
 * may be old, and the record may have become another object's.
 *
 * ThreadSanitizer does not know sequence counts. The writers use plain stores, so it would report
 * the loads here, although a torn result is dropped.
 */
__attribute__((no_sanitize("thread"))) static bool
read_record(const struct object_store *store, const struct coherent_object *object, uintptr_t at,
	    struct coherent_info *info, bool *is_chunk)
{
	const uint32_t seq = __atomic_load_n(&object->seq, __ATOMIC_ACQUIRE);
	const uintptr_t first = object->cpu_view ? object->cpu_view : object->pages.first;

	*info = (struct coherent_info){
		.state = object->state,
		.address = object->address.first,
		.bytes = object->address.last - object->address.first + 1 - store->space.guard,
		.offset = at - first,
		.where = object->site,
	};
	*is_chunk = object->chunk;
	/* ORDER: pairs with the release fence of object_seq_write_begin() (seqlock.litmus). */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return !(seq & 1) && __atomic_load_n(&object->seq, __ATOMIC_RELAXED) == seq;
}

static int find_ptr(struct coherent_device *dev, const void *ptr, struct coherent_info *info)
{
	const struct coherent_object *object;
	bool is_chunk;
	int err = device_usable(dev);

	*info = (struct coherent_info){ .where = NULL };
	if (err)
		return err;
	object = page_owner_get(&dev->store.owners, ptr);
	if (!object)
		return -ERANGE;
	if (read_record(&dev->store, object, (uintptr_t)ptr, info, &is_chunk)) {
		if (is_chunk)
			return find_in_chunk(&dev->store, object, (uintptr_t)ptr, info);
		/* While the contents of a mem are elsewhere, pointers into its box match no object. */
		if ((info->state == COHERENT_STATE_BOX || info->state == COHERENT_STATE_MEM) &&
		    info->offset < info->bytes)
			return 0;
	}
	*info = (struct coherent_info){ .where = NULL };
	return -ERANGE;
}

int coherent_base_find_ptr(struct coherent_device *dev, const void *ptr, struct coherent_info *info,
			   size_t size)
{
	static const struct result_kind kind = {
		"coherent_find_ptr()",
		"coherent_info",
		sizeof(*info),
	};
	struct coherent_info found;
	int err;

	/* Callbacks use this lookup, so it copies nothing if that is not needed. */
	if (size == sizeof(*info))
		return find_ptr(dev, ptr, info);
	err = result_begin(dev, &kind, info, size);
	if (!err)
		err = find_ptr(dev, ptr, &found);
	return result_end(err, &kind, info, size, &found);
}

static int find_addr(struct coherent_device *dev, uint64_t address, struct coherent_info *info)
{
	const struct coherent_object *object;
	struct iova_range *range;
	int err = 0;

	lock_take(&dev->store.lock);
	range = iova_find(&dev->store.space, address);
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
	lock_drop(&dev->store.lock);
	return err;
}

int coherent_base_find_addr(struct coherent_device *dev, uint64_t address,
			    struct coherent_info *info, size_t size)
{
	static const struct result_kind kind = {
		"coherent_find_addr()",
		"coherent_info",
		sizeof(*info),
	};
	struct coherent_info found;
	int err = result_begin(dev, &kind, info, size);

	if (!err)
		err = find_addr(dev, address, &found);
	return result_end(err, &kind, info, size, &found);
}

/* --- Faults --- */

static int take_fault(struct coherent_device *dev, struct coherent_fault *fault)
{
	struct backend *backend = dev->backend;

	return backend->ops->next_fault ? backend->ops->next_fault(backend, fault) : -EAGAIN;
}

int coherent_base_device_next_fault(struct coherent_device *dev, struct coherent_fault *fault,
				    size_t size)
{
	static const struct result_kind kind = {
		"coherent_device_next_fault()",
		"coherent_fault",
		sizeof(*fault),
	};
	struct coherent_fault found = { .address = 0 };
	int err = result_begin(dev, &kind, fault, size);

	if (!err)
		err = take_fault(dev, &found);
	return result_end(err, &kind, fault, size, &found);
}

/*
 * Memory that the device may reach was unmapped: another thread ends the object or the device, or the
 * device is unplugged.
 */
static const char *refusal(const struct coherent_object *object, const struct coherent_fault *fault)
{
	return object->permission == COHERENT_READ_ONLY && fault->access != COHERENT_ACCESS_READ ?
		       "read-only" :
		       "unmapped for a reclaim, a free, a close or an unplug";
}

static void describe(const struct coherent_object *object, const struct coherent_fault *fault,
		     char *text, size_t size)
{
	const uint64_t ms = (sys_now_coarse_ns() - object->since_ns) / SYS_NS_PER_MS;
	const char *verb = object->state == COHERENT_STATE_FREED ? "freed" : "reclaimed";

	if (fault->state == COHERENT_STATE_NONE)
		snprintf(text, size, "no object, byte %" PRIu64 " past the end of one",
			 fault->address - object->address.first - object_bytes(object) + 1);
	else if (object->state == COHERENT_STATE_BOX && !object->in_place)
		snprintf(text, size, "box, not exposed yet");
	else if (object->state != COHERENT_STATE_BOX && object->state != COHERENT_STATE_MEM)
		snprintf(text, size, "%s %" PRIu64 " ms ago", verb, ms);
	else
		snprintf(text, size, "%s", refusal(object, fault));
}

static const char *made(const struct coherent_object *object)
{
	return object->is_twin ? "shared" : "allocated";
}

/* The owner may free the slot meanwhile. The place of its allocation is still true. */
static void set_fault_slot(struct coherent_fault *fault, const struct slot *slot,
			   enum coherent_state state)
{
	fault->state = state;
	fault->object_address = object_address((const struct coherent_object *)slot);
	fault->object_bytes = slot->chunk->slot_bytes;
	fault->where = slot_site(slot);
}

static void name_slot(const struct coherent_object *object, struct coherent_fault *fault,
		      char *text, size_t size)
{
	const struct chunk *chunk = object->chunk;
	const struct slot *slot = chunk_slot_at(chunk, fault->address - object->address.first);
	const enum coherent_state state = slot ? slot_state(slot) : COHERENT_STATE_NONE;

	if (state == COHERENT_STATE_NONE) {
		snprintf(text, size, "a free part of the pool created at %s", object->site);
		return;
	}
	set_fault_slot(fault, slot, state);
	snprintf(text, size, "%s (%zu bytes allocated at %s)", refusal(object, fault),
		 chunk->slot_bytes, fault->where);
}

static void set_fault_object(struct coherent_fault *fault, const struct coherent_object *object)
{
	fault->state = object->state;
	fault->object_address = object->address.first;
	fault->object_bytes = object_bytes(object);
	fault->where = object->site;
}

/* Returns the site of the object that was hit, or NULL. */
static const char *name_fault_locked(struct object_store *store, struct coherent_fault *fault,
				     char *text, size_t size) NEEDS_LOCK(store->lock)
{
	struct iova_range *range = iova_find(&store->space, fault->address);
	struct coherent_object *object = range ? object_of(range) : NULL;
	size_t used;

	snprintf(text, size, "no object");
	if (!object || fault->address > range->last || object->state == COHERENT_STATE_NONE)
		return NULL;
	if (object->chunk && fault->address - range->first < object_bytes(object)) {
		name_slot(object, fault, text, size);
		return fault->where ? fault->where : object->site;
	}
	if (fault->address - range->first < object_bytes(object))
		set_fault_object(fault, object);
	describe(object, fault, text, size);
	used = strlen(text);
	snprintf(text + used, size - used, " (%zu bytes %s at %s)", object_bytes(object),
		 made(object), object->site);
	return object->site;
}

static void set_fault_text(struct coherent_fault *fault, const char *text)
{
	static const char *const access[] = { "read", "write", "access" };

	snprintf(fault->text, sizeof(fault->text),
		 "device %s of %zu bytes at 0x%" PRIx64 " refused: %s", access[fault->access],
		 fault->bytes, fault->address, text);
}

void lookup_fault(struct coherent_device *dev, struct coherent_fault *fault)
{
	char text[160];

	lock_take(&dev->store.lock);
	site_count_fault(&dev->store.sites,
			 name_fault_locked(&dev->store, fault, text, sizeof(text)));
	lock_drop(&dev->store.lock);
	set_fault_text(fault, text);
	watch_fault(&dev->store, fault);
}

/* --- The ends of elements --- */

static uint64_t bytes_before(uint64_t offset, uint64_t end)
{
	return offset < end ? end - offset : 0;
}

static uint64_t reach_in_chunk(const struct chunk *chunk, uint64_t offset)
{
	const struct slot *slot = chunk_slot_at(chunk, offset);

	if (!slot || slot_state(slot) != COHERENT_STATE_MEM)
		return 0;
	return bytes_before(offset, slot->offset + chunk->pool->element_bytes);
}

/* Returns the object whose pages have an address, or NULL. */
static const struct coherent_object *object_at_locked(struct object_store *store, uint64_t address)
	NEEDS_LOCK(store->lock)
{
	struct iova_range *range = iova_find(&store->space, address);
	const struct coherent_object *object = range ? object_of(range) : NULL;

	if (!object || object->state == COHERENT_STATE_NONE ||
	    address - range->first >= object_bytes(object))
		return NULL;
	return object;
}

uint64_t lookup_reach(struct coherent_device *dev, uint64_t address)
{
	const struct coherent_object *object;
	uint64_t reach = 0;

	lock_take(&dev->store.lock);
	object = object_at_locked(&dev->store, address);
	if (object && object->chunk)
		reach = reach_in_chunk(object->chunk, address - object->address.first);
	else if (object && object->state != COHERENT_STATE_BOX)
		reach = bytes_before(address - object->address.first, object_element_bytes(object));
	lock_drop(&dev->store.lock);
	return reach;
}

static void name_slot_of_reach(const struct coherent_object *object, struct coherent_fault *fault,
			       char *text, size_t size)
{
	const struct chunk *chunk = object->chunk;
	const uint64_t at = fault->address - object->address.first;
	const size_t bytes = chunk->pool->element_bytes;
	const struct slot *slot = chunk_slot_at(chunk, at);
	const enum coherent_state state = slot ? slot_state(slot) : COHERENT_STATE_NONE;

	if (state == COHERENT_STATE_NONE) {
		snprintf(text, size, "a free part of the pool created at %s", object->site);
	} else if (at - slot->offset >= bytes) {
		snprintf(text, size,
			 "no object, byte %" PRIu64 " past the end of one of a pool (%zu bytes "
			 "allocated at %s)",
			 at - slot->offset - bytes + 1, bytes, slot_site(slot));
	} else {
		set_fault_slot(fault, slot, state);
		snprintf(text, size, "%s (%zu bytes allocated at %s)",
			 state == COHERENT_STATE_BOX ? "box of a pool, not exposed yet" :
						       "the next object of the pool",
			 bytes, fault->where);
	}
}

/* The device has gone too far, or the memory is a box in place. */
static void name_object_of_reach(const struct coherent_object *object, struct coherent_fault *fault,
				 char *text, size_t size)
{
	const size_t bytes = object_element_bytes(object);

	if (object->state != COHERENT_STATE_BOX) {
		snprintf(text, size,
			 "no object, byte %" PRIu64
			 " past the last element of one (%zu bytes %s at %s)",
			 fault->address - object->address.first - bytes + 1, bytes, made(object),
			 object->site);
		return;
	}
	set_fault_object(fault, object);
	snprintf(text, size, "box in place, not exposed yet (%zu bytes allocated at %s)",
		 object_bytes(object), object->site);
}

void lookup_reach_fault(struct coherent_device *dev, struct coherent_fault *fault)
{
	const struct coherent_object *object;
	char text[160] = "no object";

	lock_take(&dev->store.lock);
	object = object_at_locked(&dev->store, fault->address);
	if (object && object->chunk)
		name_slot_of_reach(object, fault, text, sizeof(text));
	else if (object)
		name_object_of_reach(object, fault, text, sizeof(text));
	site_count_fault(&dev->store.sites, object ? object->site : NULL);
	lock_drop(&dev->store.lock);
	set_fault_text(fault, text);
	watch_fault(&dev->store, fault);
}

/* --- The reports of a close --- */

void lookup_take_unread(struct coherent_device *dev, struct unread_faults *unread)
{
	struct coherent_fault fault;

	for (unsigned int i = 0; i < UNREAD_MAX; i++) {
		if (take_fault(dev, &fault))
			return;
		if (!unread->count)
			memcpy(unread->first, fault.text, sizeof(unread->first));
		unread->count += 1 + fault.lost;
		unread->dropped += fault.lost;
	}
	unread->more = true;
}

void lookup_report_unread(const struct coherent_device *dev, const struct unread_faults *unread)
{
	const char *least = unread->more ? "at least " : "";

	if (unread->dropped)
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: %s%lu faults were never read, and the %lu oldest of them were dropped; "
		       "the next one: %s",
		       dev->name, least, unread->count, unread->dropped, unread->first);
	else if (unread->count > 1)
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: %s%lu faults were never read; the first: %s", dev->name, least,
		       unread->count, unread->first);
	else if (unread->count)
		report(&dev->reporter, COHERENT_ERROR, "%s: 1 fault was never read: %s", dev->name,
		       unread->first);
}

static const char *kind_of(const struct coherent_object *object)
{
	if (object->is_twin)
		return "twin";
	return object->state == COHERENT_STATE_BOX ? "box" : "mem";
}

/* Writes a line about the next box or mem from an address on. */
static bool describe_live_locked(struct object_store *store, uint64_t *address, char *line,
				 size_t size) NEEDS_LOCK(store->lock)
{
	struct iova_range *range;

	while ((range = iova_from(&store->space, *address))) {
		const struct coherent_object *object = object_of(range);

		*address = range->first + 1;
		if (range->hole || object->leaked || object->state == COHERENT_STATE_NONE ||
		    object->state > COHERENT_STATE_MEM)
			continue;
		if (object->chunk)
			snprintf(line, size, "%s: %zu bytes of the pool created at %s are left",
				 store->name, object_bytes(object), object->site);
		else
			snprintf(line, size, "%s: a %s of %zu bytes %s at %s is not freed",
				 store->name, kind_of(object), object_bytes(object), made(object),
				 object->site);
		return true;
	}
	return false;
}

void lookup_report_live(struct object_store *store)
{
	uint64_t address = 0;
	char line[256];
	bool more;

	/* Reports are not made under the lock, so one object is described at a time. */
	do {
		lock_take(&store->lock);
		more = describe_live_locked(store, &address, line, sizeof(line));
		lock_drop(&store->lock);
		if (more)
			report(store->reporter, COHERENT_WARNING, "%s", line);
	} while (more);
}
