/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Records of objects: what the library keeps of each box, mem and handle.
 */
#ifndef OBJECT_H
#define OBJECT_H

#include "device.h"

struct chunk;

/*
 * What a coherent_object is, by its first byte: what follows here, or a slot of a pool, which is
 * seen by pool.h.
 */
enum object_kind { OBJECT_WHOLE, OBJECT_SLOT };

/**
 * struct coherent_object - What the library knows of a box, a mem or a handle.
 * @kind: OBJECT_WHOLE. Never changes.
 * @seq: Odd while @address, @pages, @site, @elsewhere or @state become another object's:
 *	who looks at it without the lock, coherent_find_ptr(), looks at this before and after.
 * @address: Reserved device addresses; or those in quarantine, or waiting for a
 *	fence.
 * @pages: Its memory; not its own any more after reclaim or free.
 * @dev: The device. Never changes.
 * @site: File and line of the allocation. Never changes.
 * @since_ns: When it was reclaimed or freed.
 * @attrs: As asked for. Never changes.
 * @align_shift: Of what was asked for. Never changes.
 * @boundary_shift: Of what was asked for, 0 for none. Never changes.
 * @permission: What the device may do, of a mem.
 * @state: What it is; COHERENT_STATE_NONE of a recycled box.
 * @leaked: The device may still reach it: nothing of it is used again.
 * @elsewhere: The memory of a mem, where that is not @pages; else 0.
 * @chunk: Whose it is, of a mem whose parts are objects of a pool.
 *
 * @state, @since_ns, @leaked and @chunk are written under the device's lock, because
 * faults read them. A handle is owned by whoever has the box or mem; once it is
 * reclaimed or freed the record is the device's.
 */
struct coherent_object {
	unsigned char kind;
	uint32_t seq;
	struct iova_range address;
	struct iova_range pages;
	struct coherent_device *dev;
	const char *site;
	uint64_t since_ns;
	uint16_t attrs;
	uint8_t align_shift;
	uint8_t boundary_shift;
	uint8_t permission;
	uint8_t state;
	bool leaked;
	uintptr_t elsewhere;
	struct chunk *chunk;
};

static inline struct coherent_object *object_of(struct iova_range *address)
{
	return (struct coherent_object *)((char *)address -
					  offsetof(struct coherent_object, address));
}

static inline void object_seq_write_begin(struct coherent_object *object)
{
	__atomic_store_n(&object->seq, object->seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void object_seq_write_end(struct coherent_object *object)
{
	__atomic_store_n(&object->seq, object->seq + 1, __ATOMIC_RELEASE);
}

/* Whole pages. */
static inline size_t object_bytes(const struct coherent_object *object)
{
	return object->address.last - object->address.first + 1 - object->dev->space.guard;
}

/**
 * object_start() - Prepare a device for records.
 * @dev: The device.
 */
void object_start(struct coherent_device *dev);

/**
 * object_reuse() - Take a recycled box of that size.
 * @dev: The device.
 * @want: What its address has to be like.
 * @site: File and line of the allocation.
 *
 * Return: A record with an address and dirty pages; NULL if there is none.
 */
struct coherent_object *object_reuse(struct coherent_device *dev, const struct iova_want *want,
				     const char *site);

/**
 * object_recycle() - End a record of a box that was not exposed, or keep it for object_reuse().
 * @object: With pages. Invalid afterwards.
 */
void object_recycle(struct coherent_object *object);

/**
 * object_purge_boxes() - Free what is recycled.
 * @dev: The device; nobody recycles any more once it is closed.
 *
 * Return: whether there was something.
 */
bool object_purge_boxes(struct coherent_device *dev);

/**
 * object_purge_locked() - Free what is recycled, and what is in quarantine.
 * @dev: The device.
 */
void object_purge_locked(struct coherent_device *dev) NEEDS_LOCK(dev->lock);

/**
 * object_new() - Make a record of a box that has an address and no pages yet.
 * @dev: The device; held until the record ends.
 * @want: What the address has to be like.
 * @site: File and line of the allocation.
 * @out: The record.
 *
 * Return: 0; -ENOMEM, -ENOSPC.
 */
int object_new(struct coherent_device *dev, const struct iova_want *want, const char *site,
	       struct coherent_object **out);

/**
 * object_set_chunk() - Say whose a mem is.
 * @object: A mem.
 * @chunk: The chunk; NULL for nobody's.
 */
void object_set_chunk(struct coherent_object *object, struct chunk *chunk);

/**
 * object_memory() - Take private memory, if need be of what is recycled.
 * @dev: The device.
 * @bytes: Whole pages.
 * @range: Filled in.
 *
 * Return: as pages_get().
 */
int object_memory(struct coherent_device *dev, size_t bytes, struct iova_range *range);

/**
 * object_get_pages() - Give an object memory, dirty.
 * @object: It has an address.
 *
 * Return: 0; -ENOMEM.
 */
int object_get_pages(struct coherent_object *object);

/**
 * object_set_va() - Say that an object's memory is somewhere.
 * @object: The object.
 * @va: Memory that dev->owners covers.
 */
void object_set_va(struct coherent_object *object, void *va);

/**
 * object_put_pages() - Take it away again.
 * @object: The object.
 */
void object_put_pages(struct coherent_object *object);

/**
 * object_want() - What the address of an object was asked to be like.
 * @object: The object.
 */
struct iova_want object_want(const struct coherent_object *object);

/**
 * object_destroy() - End a record whose address no device was told, or that no
 *	device can use any more.
 * @object: Without pages. Invalid afterwards.
 */
void object_destroy(struct coherent_object *object);

/**
 * object_retire() - Put a record into quarantine: nothing else gets its address.
 * @object: Unmapped, without pages. The device's afterwards.
 * @state: COHERENT_STATE_RECLAIMED or COHERENT_STATE_FREED.
 */
void object_retire(struct coherent_object *object, enum coherent_state state);

/**
 * object_defer() - Keep pages and address of a record until a fence.
 * @object: Unmapped. The device's afterwards.
 * @state: COHERENT_STATE_RECLAIMED or COHERENT_STATE_FREED.
 */
void object_defer(struct coherent_object *object, enum coherent_state state);

/**
 * object_leak() - Keep pages and address of a record as long as the device exists.
 * @object: Not unmapped. The device's afterwards.
 */
void object_leak(struct coherent_object *object);

/**
 * object_become_mem() - Say that the device can reach it.
 * @object: A box, mapped.
 * @permission: What the device may do.
 */
void object_become_mem(struct coherent_object *object, enum coherent_permission permission);

/**
 * object_map() - Let the device reach an object.
 * @object: A box.
 * @permission: What the device may do.
 *
 * Return: as backend_ops.map.
 */
int object_map(const struct coherent_object *object, enum coherent_permission permission);

/**
 * object_unmap() - End that.
 * @object: A mem.
 * @idle: The driver says that the device does not use it any more.
 *
 * Return: as backend_ops.unmap.
 */
int object_unmap(const struct coherent_object *object, bool idle);

/**
 * object_release_waiting() - What waited for a fence goes back to use.
 * @dev: The device.
 * @waiting: Taken from its list.
 */
void object_release_waiting(struct coherent_device *dev, struct waiting *waiting);

/**
 * object_release_rest() - Free the records that no handle refers to.
 * @dev: A device that is about to be freed.
 */
void object_release_rest(struct coherent_device *dev);

#endif
