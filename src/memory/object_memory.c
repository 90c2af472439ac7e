// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Where the pages and the addresses of objects come from. Kept boxes, kept addresses and the
 * quarantine give way for them.
 */
#include <errno.h>
#include <string.h>

#include "memory/adoption.h"
#include "memory/iova_quarantine.h"
#include "memory/object_memory.h"
#include "memory/record.h"

/*
 * In a space of this size, addresses may be aligned to hugepages. The guards then take half of the
 * addresses, but VFIO's 65,535 mappings of 2 MiB are used up before.
 */
#define WIDE_SPACE (UINT64_C(1) << 38)

/* --- Things that give way --- */

/* Free one kept box, to release its address and its pages. */
static bool purge_box_locked(struct object_store *store) NEEDS_LOCK(store->lock)
{
	struct iova_range *box = recycler_evict(&store->recycler, store->space.guard);

	if (!box)
		return false;
	object_put_pages_locked(store, object_of(box));
	iova_release(&store->space, box);
	record_put_locked(store, object_of(box));
	/* This is not the last reference: the device is open, or its close is under way. */
	ref_put(store->device);
	return true;
}

void object_release_address_locked(struct object_store *store, struct coherent_object *object)
{
	iova_release(&store->space, &object->address);
	record_put_locked(store, object);
}

static bool evict_spare_locked(struct object_store *store) NEEDS_LOCK(store->lock)
{
	struct iova_range *spare = spares_evict(&store->spares);

	if (spare)
		object_release_address_locked(store, object_of(spare));
	return spare;
}

static bool evict_retired_locked(struct object_store *store, uint64_t last) NEEDS_LOCK(store->lock)
{
	struct iova_range *evicted = iova_evict(&store->space, last);

	if (evicted)
		record_put_locked(store, object_of(evicted));
	return evicted;
}

/*
 * Spare addresses cost nothing to give up, kept boxes cost pages, and the quarantine protects. So only
 * those of its ranges give way that begin up to @last.
 */
static bool give_way_locked(struct object_store *store, uint64_t last) NEEDS_LOCK(store->lock)
{
	return evict_spare_locked(store) || purge_box_locked(store) ||
	       evict_retired_locked(store, last);
}

bool object_purge_boxes_locked(struct object_store *store)
{
	bool purged = false;

	while (purge_box_locked(store))
		purged = true;
	return purged;
}

void object_purge_boxes(struct object_store *store)
{
	lock_take(&store->lock);
	(void)object_purge_boxes_locked(store);
	lock_drop(&store->lock);
}

void object_purge_locked(struct object_store *store)
{
	while (give_way_locked(store, UINT64_MAX))
		;
}

/* --- Pages --- */

void object_set_va(struct coherent_object *object, void *va)
{
	object_seq_write_begin(object);
	object->cpu_view = va == pages_va(&object->pages) ? 0 : (uintptr_t)va;
	object_seq_write_end(object);
	page_owner_set(&object->store->owners, va, object_bytes(object), object);
}

static int get_memory_locked(struct object_store *store, size_t bytes, struct iova_range *range)
	NEEDS_LOCK(store->lock)
{
	int err = pages_get(&store->pages, &store->lock, bytes, range);

	/* Kept boxes have pages that serve this request after they are freed. */
	if (err == -ENOMEM && object_purge_boxes_locked(store))
		err = pages_get(&store->pages, &store->lock, bytes, range);
	return err;
}

int object_get_memory(struct object_store *store, size_t bytes, struct iova_range *range)
{
	int err;

	lock_take(&store->lock);
	err = get_memory_locked(store, bytes, range);
	lock_drop(&store->lock);
	return err;
}

void object_put_memory(struct object_store *store, struct iova_range *range)
{
	lock_take(&store->lock);
	pages_put(&store->pages, range);
	lock_drop(&store->lock);
}

int object_get_pages_locked(struct object_store *store, struct coherent_object *object)
{
	struct backend *backend = store->backend;
	const size_t bytes = object_bytes(object);

	/*
	 * New memory may take long, without the lock. A reader meanwhile finds the old or the new
	 * address, so the sequence count stays even: a thread that waits for it may have the lock.
	 */
	if (!backend->ops->memory_at)
		return get_memory_locked(store, bytes, &object->pages);
	object_seq_write_begin(object);
	object->pages.first = (uintptr_t)backend->ops->memory_at(backend, object->address.first);
	object->pages.last = object->pages.first + bytes - 1;
	object_seq_write_end(object);
	return 0;
}

int object_get_pages(struct coherent_object *object)
{
	struct object_store *store = object->store;
	int err;

	lock_take(&store->lock);
	err = object_get_pages_locked(store, object);
	lock_drop(&store->lock);
	if (!err)
		object_set_va(object, pages_va(&object->pages));
	return err;
}

static int move_pages_locked(struct object_store *store, struct coherent_object *object)
	NEEDS_LOCK(store->lock)
{
	const size_t bytes = object_bytes(object);
	struct iova_range pages;
	int err = get_memory_locked(store, bytes, &pages);

	if (err)
		return err;
	memcpy(pages_va(&pages), pages_va(&object->pages), bytes);
	pages_put(&store->pages, &object->pages);
	object_seq_write_begin(object);
	pages_move(&store->pages, &pages, &object->pages);
	object_seq_write_end(object);
	return 0;
}

int object_move_pages(struct coherent_object *object)
{
	struct object_store *store = object->store;
	int err;

	/* The backend has the memory, and decides where it is. */
	if (store->backend->ops->memory_at)
		return 0;
	lock_take(&store->lock);
	err = move_pages_locked(store, object);
	lock_drop(&store->lock);
	if (!err)
		object_set_va(object, pages_va(&object->pages));
	return err;
}

static int get_bare(struct coherent_object *home)
{
	struct object_store *store = home->store;
	bool has_reported;
	int err;

	lock_take(&store->lock);
	err = pages_get_bare(&store->pages, &store->lock, object_bytes(home), &home->pages);
	/* If the reclaim fails, the place is unmapped, as that of a decoy. */
	home->is_decoy = !err;
	has_reported = store->lacks_mappings;
	store->lacks_mappings |= err == -ENOMEM;
	lock_drop(&store->lock);
	if (!err)
		object_set_va(home, pages_va(&home->pages));
	if (err == -ENOMEM && !has_reported)
		report(store->reporter, COHERENT_WARNING,
		       "%s: the kernel gives no mapping for the box of a reclaim, so reclaims copy; "
		       "raise vm.max_map_count",
		       store->name);
	return err;
}

/* The pool may still have pages when the kernel gives no place any more. */
int object_get_home(struct coherent_object *home)
{
	const bool is_moved = home->store->backend->leaves_decoys &&
			      object_bytes(home) >= PAGES_MOVE_BYTES;

	return is_moved && !get_bare(home) ? 0 : object_get_pages(home);
}

void object_leave_pages(struct coherent_object *object, struct coherent_object *home)
{
	void *const to = home ? pages_va(&home->pages) : NULL;
	const bool is_empty = pages_leave(pages_va(&object->pages), to, object_bytes(object));

	/* The guard of a hardened device fills pages itself before it uses them again. */
	object->is_decoy = is_empty && !object->store->pages.guard;
	if (home)
		home->is_decoy = false;
}

void object_fill_decoy(struct coherent_object *object)
{
	const struct object_store *store = object->store;
	const bool is_large = object_bytes(object) >= PAGES_MOVE_BYTES;

	/* The kernel gives a large place back faster than it fills it. */
	if (!object->is_decoy || (is_large && !store->pages.wants))
		return;
	/* A closed device gives its pages to no object any more, so they stay empty. */
	object->is_decoy =
		alive_is_open(store->alive) &&
		pages_fill(pages_va(&object->pages), object_bytes(object), store->pages.nodes);
}

void object_put_pages_locked(struct object_store *store, struct coherent_object *object)
{
	if (object->is_decoy)
		pages_drop(&store->pages, &object->pages);
	else if (object->pages.first && !store->backend->ops->memory_at && !object->is_twin &&
		 !adoption_is_in_place(object))
		pages_put(&store->pages, &object->pages);
	object->adoption = NULL;
}

/* --- Addresses --- */

const struct coherent_object *object_in_the_way_locked(struct object_store *store,
						       const struct iova_want *want)
{
	const uint64_t last = want->address + want->bytes + store->space.guard - 1;
	struct iova_range *range = iova_overlap(&store->space, want->address, last);

	for (; range && range->first <= last; range = iova_from(&store->space, range->first + 1))
		if (!range->hole && object_of(range)->state != COHERENT_STATE_NONE)
			return object_of(range);
	return NULL;
}

/* Nothing gives way for an address that stays taken whatever gives way. */
static int reserve_at_locked(struct object_store *store, const struct iova_want *want,
			     struct iova_range *range) NEEDS_LOCK(store->lock)
{
	int err;

	while ((err = iova_reserve(&store->space, want, range)) == -EBUSY)
		if (object_in_the_way_locked(store, want) ||
		    !(evict_spare_locked(store) || purge_box_locked(store)))
			break;
	return err;
}

/* Returns the last address where a range can be in the way. A guard may be above the mask. */
static uint64_t last_in_the_way(const struct object_store *store, const struct iova_want *want)
{
	uint64_t last;

	if (!want->mask || __builtin_add_overflow(want->mask, store->space.guard, &last))
		return UINT64_MAX;
	return last;
}

int object_reserve_locked(struct object_store *store, const struct iova_want *want,
			  struct iova_range *range)
{
	const uint64_t last = last_in_the_way(store, want);
	struct iova_want better = *want;
	int err;

	if (want->address)
		return reserve_at_locked(store, want, range);
	/* The better alignment only saves time, so no kept box and no address gives way for it. */
	better.align = pages_align(&store->pages, want->bytes);
	if (better.align > want->align && store->space.usable >= WIDE_SPACE &&
	    !iova_reserve(&store->space, &better, range))
		return 0;
	while ((err = iova_reserve(&store->space, want, range)) == -ENOSPC)
		if (!(want->is_modest ? evict_spare_locked(store) : give_way_locked(store, last)))
			break;
	return err;
}

static bool is_chunk_in_the_way(struct object_store *store, const struct iova_want *want)
{
	const struct coherent_object *object;
	bool is_chunk;

	lock_take(&store->lock);
	object = object_in_the_way_locked(store, want);
	is_chunk = object && object->chunk;
	lock_drop(&store->lock);
	return is_chunk;
}

bool object_pools_give_way(struct object_store *store, const struct iova_want *want, int err)
{
	const bool is_taken = err == -EBUSY && want->address;

	if (!object_is_used_up(err) && !(is_taken && is_chunk_in_the_way(store, want)))
		return false;
	return store->give_way(store);
}
