/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Records of objects, and the store of a device that holds them. A record is what the library
 * keeps of a box, a mem or a handle. The state of an object changes in object.c only, that of a
 * slot of a pool in pool.c only.
 */
#ifndef OBJECT_H
#define OBJECT_H

#include <coherent.h>

#include "backend.h"
#include "base/alive.h"
#include "base/lock.h"
#include "base/ref.h"
#include "base/report.h"
#include "memory/iova.h"
#include "memory/page_owner.h"
#include "memory/pages.h"
#include "memory/recycle.h"
#include "memory/segment.h"
#include "memory/site.h"
#include "memory/spare.h"

struct adoption;
struct chunk;
struct coherent_slots;
struct object_block;
struct shared;
struct twin;
struct watch;

/**
 * struct object_store - The objects of a device, with their addresses and pages.
 * @alive: Whether the device is open. Never changes, as the next five.
 * @give_way: slots_give_way(). The files about whole objects know no pools.
 * @device: The references to the device; each object holds one.
 * @reporter: The receiver of reports.
 * @name: The name of the device, for reports.
 * @backend: It maps memory for the device. Set before the first object.
 * @watch: The watch of the device; NULL if nobody watches it. Never changes after the open.
 * @owners: The owner of each page. Readers take no lock.
 * @segment: The memory of records, sites and chunks. Its functions take a lock of their own.
 * @sites: The sites of the objects and pools. Readers take no lock.
 * @lock: Guards the rest.
 * @mask: The DMA mask.
 * @pages: The private memory of objects.
 * @space: Device addresses, and the quarantine.
 * @stats: The counters. Its .objects are boxes and mems, and objects that wait for a fence. Its
 *	.mappings are only the boxes in place, and the further pieces of mems. Its .memory is only
 *	that of objects with a mapping of their own.
 * @waiting: Objects that keep pages and address until a fence.
 * @free_records: Records that no object uses.
 * @blocks: The memory of all records, freed with the device.
 * @pools: The pools of small objects.
 * @recycler: Freed boxes that are kept. Each has a reference to the device, which is open.
 * @spares: Addresses that have left the quarantine and are kept, with their records.
 * @lacks_mappings: A report has said that the kernel gives no mapping for the box of a reclaim.
 */
struct object_store {
	struct alive *alive;
	bool (*give_way)(struct object_store *store);
	struct ref *device;
	const struct reporter *reporter;
	const char *name;
	struct backend *backend;
	struct watch *watch;
	struct page_owners owners;
	struct segment segment;
	struct sites sites;
	struct lock lock;
	uint64_t mask;
	struct pages pages;
	struct iova_space space;
	struct coherent_stats stats;
	struct iova_list waiting;
	struct iova_list free_records;
	struct object_block *blocks;
	LIST_HEAD(, coherent_slots) pools;
	struct recycler recycler;
	struct spares spares;
	bool lacks_mappings;
};

/*
 * The first byte of a struct coherent_object tells its kind: a record as below, or a slot of a
 * pool, which has the same type for everybody but this file and pool.c. Other memory seldom begins
 * with these values, so that an object that was never initialised shows.
 */
enum object_kind { OBJECT_WHOLE = 0xb9, OBJECT_SLOT = 0x6d };

/**
 * struct coherent_object - The record of a box, a mem or a handle of whole pages.
 * @kind: OBJECT_WHOLE. Never changes.
 * @align_shift: The alignment of the allocation. Never changes.
 * @attrs: The attributes of the allocation. Never changes.
 * @in_place: The device reaches the memory also while it is a box.
 * @waits: The object waits for a fence. Until then the device may reach the memory. whole.c sets it
 *	before it tells the watch that the object ends.
 * @is_decoy: Its pages are empty. They stay mapped until a fence, for transfers in flight.
 * @is_twin: The record is that of a twin, also after it ended. Its pages belong to the mem.
 * @mask_bits: The bits of the mask of the allocation, 0 for none. Never changes.
 * @slack: How many bytes of the last page are behind the last element. Never changes while the
 *	state is BOX or MEM.
 * @seq: A sequence count: odd while @address, @pages, @site, @cpu_view or @state become those of
 *	another object. coherent_find_ptr() reads them without the lock, and reads this before
 *	and after.
 * @boundary_shift: The boundary of the allocation, 0 for none. Never changes.
 * @permission: The permission of a mem, or of a box in place.
 * @state: The state; COHERENT_STATE_NONE of a kept box, a kept address and a free record.
 * @leaked: The device may still reach the memory, so nothing of it is used again.
 * @has_address: The driver chose the address. A reclaim makes a record with another address.
 * @address: The reserved device addresses, which may be in quarantine or wait for a fence.
 * @pages: The memory. After reclaim or free it belongs to another object.
 * @store: The store. Never changes.
 * @site: File and line of the allocation, a copy in @sites of the store. Never changes.
 * @since_ns: The time of the reclaim or free, by the coarse clock.
 * @cpu_view: The address of the memory of a mem, of a box in place, or of a box whose device gets a
 *	copy, if that is not @pages; 0 otherwise.
 * @adoption: The memory of the driver, if the object adopted some; NULL otherwise. Written under
 *	the store's lock.
 * @chunk: The chunk of a pool whose exposed memory this is; NULL otherwise.
 * @shared: The memory that a mem has in common with its twins; NULL if it never had one.
 * @twin: The twin whose record this is, until it ends; NULL for other objects.
 *
 * @slack, @state, @since_ns, @leaked, @in_place and @chunk are written under the store's lock,
 * because faults read them. The thread that has the box or mem may use the rest without a lock. After
 * reclaim or free the record belongs to the store.
 */
struct coherent_object {
	unsigned char kind;
	uint8_t align_shift;
	uint8_t attrs;
	bool in_place;
	bool waits;
	bool is_twin;
	bool is_decoy;
	uint8_t mask_bits;
	uint32_t slack;
	uint32_t seq;
	uint8_t boundary_shift;
	uint8_t permission;
	uint8_t state;
	bool leaked;
	bool has_address;
	struct iova_range address;
	struct iova_range pages;
	struct object_store *store;
	const char *site;
	uint64_t since_ns;
	uintptr_t cpu_view;
	struct adoption *adoption;
	struct chunk *chunk;
	struct shared *shared;
	struct twin *twin;
};

/* A block fills four pages of the segment. */
#define OBJECT_BLOCK_BYTES SEGMENT_ROOM((size_t)16384)
#define OBJECT_BLOCK_RECORDS \
	((OBJECT_BLOCK_BYTES - 2 * sizeof(uint64_t)) / sizeof(struct coherent_object))

/**
 * struct object_block - Some records that are allocated together.
 * @next: The next block of the store.
 * @next_shared: The address of the next block of those in the segment.
 * @records: The records.
 */
struct object_block {
	struct object_block *next;
	uint64_t next_shared;
	struct coherent_object records[OBJECT_BLOCK_RECORDS];
};

/**
 * struct slot - The record of an object of a pool.
 * @kind: OBJECT_SLOT.
 * @state: The state; COHERENT_STATE_NONE of a free slot. Written by the owner, read by others.
 * @offset: The place in the chunk, in bytes. Never changes.
 * @chunk: The chunk. Never changes.
 * @site: File and line of the last allocation. The pointer of the caller, whose code may be
 *	unloaded, or a copy; object_site() tells.
 */
struct slot {
	unsigned char kind;
	unsigned char state;
	uint32_t offset;
	struct chunk *chunk;
	const char *site;
};

/**
 * struct chunk_base - The beginning of each chunk of a pool.
 * @store: The store of the device. Never changes.
 * @inverted_address: The device address of the exposed memory. Never changes.
 * @level: The level of its boxes. Never changes.
 */
struct chunk_base {
	struct object_store *store;
	uint64_t inverted_address;
	enum coherent_level level;
};

static inline bool object_is_slot(const struct coherent_object *object)
{
	return object->kind == OBJECT_SLOT;
}

static inline const struct chunk_base *object_chunk_base(const struct coherent_object *slot)
{
	return (const struct chunk_base *)((const struct slot *)slot)->chunk;
}

/**
 * object_store() - The store of an object of either kind.
 * @object: The object.
 */
static inline struct object_store *object_store(const struct coherent_object *object)
{
	return object_is_slot(object) ? object_chunk_base(object)->store : object->store;
}

/**
 * object_address() - The device address of an object of either kind.
 * @object: A mem; or a box, which has the address once it is exposed.
 */
static inline uint64_t object_address(const struct coherent_object *object)
{
	return object_is_slot(object) ? ~object_chunk_base(object)->inverted_address +
						((const struct slot *)object)->offset :
					object->address.first;
}

/**
 * object_level() - The level that an object of either kind has while it is a box.
 * @object: The object.
 */
static inline enum coherent_level object_level(const struct coherent_object *object)
{
	if (object_is_slot(object))
		return object_chunk_base(object)->level;
	return object->in_place ? COHERENT_HIDDEN : object->store->backend->level;
}

/**
 * object_site() - File and line of the allocation of an object of either kind.
 * @object: The object. Another thread may have a slot.
 */
static inline const char *object_site(const struct coherent_object *object)
{
	if (!object_is_slot(object))
		return object->site;
	return site_of_pointer(&object_store(object)->sites,
			       __atomic_load_n(&((const struct slot *)object)->site,
					       __ATOMIC_RELAXED));
}

static inline struct coherent_object *object_of(struct iova_range *address)
{
	return (struct coherent_object *)((char *)address -
					  offsetof(struct coherent_object, address));
}

/* ORDER: pairs with the acquire fence of the reader, between two looks at seq (seqlock.litmus). */
static inline void object_seq_write_begin(struct coherent_object *object)
{
	__atomic_store_n(&object->seq, object->seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void object_seq_write_end(struct coherent_object *object)
{
	__atomic_store_n(&object->seq, object->seq + 1, __ATOMIC_RELEASE);
}

/* The memory as the CPU finds it. */
static inline void *object_va(const struct coherent_object *object)
{
	return object->cpu_view ? (void *)object->cpu_view : pages_va(&object->pages);
}

/**
 * object_has_box() - Whether a box that is not of a pool is the one of its record.
 * @box: The box. If the driver never initialised it, it may name any memory that can be read.
 *
 * A copy of a box that has ended is not the one of its record, until another box gets the record.
 */
static inline bool object_has_box(const struct coherent_box *box)
{
	const struct coherent_object *object = box->object;

	return object && object->kind == OBJECT_WHOLE && object->state == COHERENT_STATE_BOX &&
	       !object->leaked && box->va == object_va(object);
}

/**
 * object_has_mem() - Whether a mem or a handle that is not of a pool is the one of its record.
 * @mem: The mem, as above.
 */
static inline bool object_has_mem(const struct coherent_mem *mem)
{
	const struct coherent_object *object = mem->object;

	return object && object->kind == OBJECT_WHOLE && object->state == COHERENT_STATE_MEM &&
	       !object->leaked && mem->inverted_address == ~object->address.first;
}

/**
 * object_unknown() - The error for a box or mem that is not the one of its record.
 * @object: The pointer in it, which may be garbage. The function does not follow it.
 *
 * A parent that ends an object during a fork may change the record before its child has a copy.
 *
 * Return: -ENODEV if the record is one of the parent process, otherwise -EINVAL.
 */
int object_unknown(const struct coherent_object *object);

/* Whole pages. */
static inline size_t object_bytes(const struct coherent_object *object)
{
	return object->address.last - object->address.first + 1 - object->store->space.guard;
}

/* The elements of the object, without the rest of its last page. */
static inline size_t object_element_bytes(const struct coherent_object *object)
{
	return object_bytes(object) - object->slack;
}

/* --- Allocation --- */

/**
 * object_reuse() - Take a kept box.
 * @store: The store.
 * @want: The wishes for its address.
 * @bytes: The bytes of its elements, which end in the last page.
 * @site: File and line of the allocation.
 *
 * Return: a record with an address and dirty pages; NULL if no kept box fits.
 */
struct coherent_object *object_reuse(struct object_store *store, const struct iova_want *want,
				     size_t bytes, const char *site);

/**
 * object_recycle() - End a box that was not exposed, or keep it for object_reuse().
 * @object: A box with pages. Invalid afterwards.
 */
void object_recycle(struct coherent_object *object);

/**
 * object_new() - Make the record of a box that has an address and dirty pages.
 * @store: The store. The record holds the device until it ends.
 * @want: The wishes for the address.
 * @bytes: The bytes of its elements, which end in the last page.
 * @site: File and line of the allocation.
 * @adoption: The memory of the driver that the box adopts; NULL for memory of the library.
 * @out: Set to the record.
 *
 * Return: 0; -ENOMEM, -ENOSPC; with @adoption as adoption_begin_locked().
 */
int object_new(struct object_store *store, const struct iova_want *want, size_t bytes,
	       const char *site, struct adoption *adoption, struct coherent_object **out);

/**
 * object_new_home() - Make the record of a box that has an address and no pages yet.
 * @old: The object whose contents the box will have. Its address is like that of the box.
 * @out: Set to the record. It gets the reference of @old to the device when @old ends.
 *
 * Return: as object_new().
 */
int object_new_home(const struct coherent_object *old, struct coherent_object **out);

/**
 * object_drop_home() - End a record that did not become the box of a reclaim.
 * @home: From object_new_home(). Its mem has not ended. Invalid afterwards.
 */
void object_drop_home(struct coherent_object *home);

/**
 * object_new_twin() - Make the record of a twin.
 * @mem: The mem.
 * @store: The store of another device.
 * @want: The wishes for the address.
 * @site: File and line of the call.
 * @out: Set to the record, which has the pages of @mem.
 *
 * Return: 0; -ENOMEM, -ENOSPC.
 */
int object_new_twin(const struct coherent_object *mem, struct object_store *store,
		    const struct iova_want *want, const char *site, struct coherent_object **out);

/**
 * object_set_chunk() - Set the chunk whose exposed memory a mem is.
 * @object: A mem.
 * @chunk: The chunk; NULL if the mem is an ordinary one again.
 */
void object_set_chunk(struct coherent_object *object, struct chunk *chunk);

/**
 * object_want() - What the address of an object was asked to be like.
 * @object: The object.
 */
static inline struct iova_want object_want(const struct coherent_object *object)
{
	return (struct iova_want){
		.bytes = object_bytes(object),
		.align = UINT64_C(1) << object->align_shift,
		.boundary = object->boundary_shift ? UINT64_C(1) << object->boundary_shift : 0,
		.mask = coherent_mask(object->mask_bits),
	};
}

/* --- States --- */

/**
 * object_map_as() - Record that the device can reach an object.
 * @object: A box or a mem that is mapped.
 * @state: The state from now on: that of a mem; or that of a box, which is in place.
 * @permission: The permission.
 */
void object_map_as(struct coherent_object *object, enum coherent_state state,
		   enum coherent_permission permission);

/**
 * object_destroy() - End a record and its pages.
 * @object: No device was told its address, or none can use it any more. Invalid afterwards.
 */
void object_destroy(struct coherent_object *object);

/**
 * object_retire() - End the pages of a mem, and put its record into quarantine.
 * @object: A mem or a box in place that is unmapped. The store's afterwards.
 *
 * No other object gets the address while it is in quarantine.
 */
void object_retire(struct coherent_object *object);

/**
 * object_hand_over() - Give the pages of a mem to another record, and put its own into quarantine.
 * @object: A mem that is unmapped. The store's afterwards.
 * @home: From object_new_home().
 */
void object_hand_over(struct coherent_object *object, struct coherent_object *home);

/**
 * object_move_adoption() - Give the memory of the driver to the record that a reclaim made.
 * @object: A mem that is unmapped and waits for a fence.
 * @home: From object_new_home().
 */
void object_move_adoption(struct coherent_object *object, struct coherent_object *home);

/**
 * object_defer() - Keep the pages and the address of a record until a fence.
 * @object: A mem or a box in place that is unmapped, with @waits set. The store's afterwards.
 * @state: COHERENT_STATE_RECLAIMED or COHERENT_STATE_FREED.
 */
void object_defer(struct coherent_object *object, enum coherent_state state);

/**
 * object_end_copy() - If adopted memory is a copy and has no .release, give it back now.
 * @object: A mem with adopted memory that the driver frees. It waits for a fence, or could not be
 *	unmapped. Its state stays.
 *
 * The driver may use or unmap its memory after the free, because nothing tells it to wait.
 */
void object_end_copy(struct coherent_object *object);

/**
 * object_leak() - Keep the pages and the address of a record as long as the device exists.
 * @object: A mem or a box in place that could not be unmapped. The store's afterwards.
 */
void object_leak(struct coherent_object *object);

/**
 * object_fence_begin() - Take the objects that wait for a fence, before the backend fences.
 * @store: The store.
 * @waiting: Filled in.
 */
void object_fence_begin(struct object_store *store, struct iova_list *waiting);

/**
 * object_fence_end() - Free the objects that waited for a fence, or let them wait on.
 * @store: The store.
 * @waiting: From object_fence_begin().
 * @err: The result of the backend's fence.
 */
void object_fence_end(struct object_store *store, struct iova_list *waiting, int err);

#endif
