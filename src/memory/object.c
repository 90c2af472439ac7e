// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The records of a device's objects: their states, and the end of their addresses and pages.
 *
 * INVARIANT: pages go back to the pool only when no device can reach them, and addresses only
 * when nothing in flight can name them. A failed unmap ends both for good: the record is leaked.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/sys.h"
#include "memory/object.h"
#include "memory/record.h"

/*
 * In a space of this size, addresses may be aligned to hugepages. The guards then take half of the
 * addresses, but VFIO's 65,535 mappings of 2 MiB are used up before.
 */
#define WIDE_SPACE (UINT64_C(1) << 38)

static uint8_t shift_of(uint64_t power_of_two)
{
	return power_of_two ? (uint8_t)__builtin_ctzll(power_of_two) : 0;
}

/* --- Records --- */

static void record_put_locked(struct object_store *store, struct coherent_object *object)
	NEEDS_LOCK(store->lock)
{
	object_seq_write_begin(object);
	object->state = COHERENT_STATE_NONE;
	object_seq_write_end(object);
	record_keep_locked(store, object);
}

/* --- Counters --- */

static void raise_max(uint64_t *max, uint64_t value)
{
	if (*max < value)
		*max = value;
}

static void count_box_locked(struct object_store *store, uint64_t bytes) NEEDS_LOCK(store->lock)
{
	struct coherent_stats *stats = &store->stats;

	stats->allocated++;
	raise_max(&stats->objects_max, ++stats->objects);
	raise_max(&stats->bytes_max, stats->bytes += bytes);
}

static void count_end_locked(struct object_store *store, const struct coherent_object *object)
	NEEDS_LOCK(store->lock)
{
	store->stats.objects--;
	store->stats.bytes -= object_bytes(object);
}

/* --- Kept boxes, and addresses in quarantine --- */

struct coherent_object *object_reuse(struct object_store *store, const struct iova_want *want,
				     size_t bytes, const char *site)
{
	struct coherent_object *object = NULL;
	struct iova_range *box;

	/* Most calls that find nothing end here, without taking the lock. */
	if (!recycler_fits(&store->recycler, want))
		return NULL;
	lock_take(&store->lock);
	box = recycler_take(&store->recycler, want->bytes);
	if (box) {
		object = object_of(box);
		store->stats.reused++;
		count_box_locked(store, want->bytes);
		/* A lookup of the old box must not see it with the new site. */
		object_seq_write_begin(object);
		object->site = site;
		object->slack = (uint32_t)(want->bytes - bytes);
		object->state = COHERENT_STATE_BOX;
		object_seq_write_end(object);
	}
	lock_drop(&store->lock);
	return object;
}

/* Only plain requests look for kept boxes and addresses, so only those of plain requests are kept. */
static bool is_plain(const struct coherent_object *object)
{
	return !object->boundary_shift &&
	       object->align_shift == shift_of(object->store->pages.page_bytes);
}

static bool keep_box_locked(struct object_store *store, struct coherent_object *object)
	NEEDS_LOCK(store->lock)
{
	/* The close of the device has purged the kept boxes, so none may follow. */
	if (!alive_is_open(store->alive) ||
	    !recycler_keep(&store->recycler, &object->address, object_bytes(object)))
		return false;
	object->state = COHERENT_STATE_NONE;
	count_end_locked(store, object);
	return true;
}

void object_recycle(struct coherent_object *object)
{
	struct object_store *store = object->store;
	bool is_kept = false;

	if (recycler_keeps(&store->recycler, object_bytes(object)) && is_plain(object)) {
		lock_take(&store->lock);
		is_kept = keep_box_locked(store, object);
		lock_drop(&store->lock);
	}
	if (!is_kept)
		object_destroy(object);
}

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

static void release_address_locked(struct object_store *store, struct coherent_object *object)
	NEEDS_LOCK(store->lock)
{
	iova_release(&store->space, &object->address);
	record_put_locked(store, object);
}

static bool evict_spare_locked(struct object_store *store) NEEDS_LOCK(store->lock)
{
	struct iova_range *spare = spares_evict(&store->spares);

	if (spare)
		release_address_locked(store, object_of(spare));
	return spare;
}

static bool evict_retired_locked(struct object_store *store) NEEDS_LOCK(store->lock)
{
	struct iova_range *evicted = iova_evict(&store->space);

	if (evicted)
		record_put_locked(store, object_of(evicted));
	return evicted;
}

/* Spare addresses cost nothing to give up, kept boxes cost pages, and the quarantine protects. */
static bool give_way_locked(struct object_store *store) NEEDS_LOCK(store->lock)
{
	return evict_spare_locked(store) || purge_box_locked(store) || evict_retired_locked(store);
}

/* Ends the quarantine of an address. It is kept for the next object of its size. */
static void end_quarantine_locked(struct object_store *store, struct coherent_object *object)
	NEEDS_LOCK(store->lock)
{
	if (is_plain(object) && spares_keep(&store->spares, &object->address, object_bytes(object)))
		object->state = COHERENT_STATE_NONE;
	else
		release_address_locked(store, object);
}

static bool purge_boxes_locked(struct object_store *store) NEEDS_LOCK(store->lock)
{
	bool purged = false;

	while (purge_box_locked(store))
		purged = true;
	return purged;
}

void object_purge_boxes(struct object_store *store)
{
	lock_take(&store->lock);
	(void)purge_boxes_locked(store);
	lock_drop(&store->lock);
}

void object_purge_locked(struct object_store *store)
{
	while (give_way_locked(store))
		;
}

/* --- Memory --- */

void object_set_chunk(struct coherent_object *object, struct chunk *chunk)
{
	lock_take(&object->store->lock);
	object->chunk = chunk;
	lock_drop(&object->store->lock);
}

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
	if (err == -ENOMEM && purge_boxes_locked(store))
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

static int get_pages_locked(struct object_store *store, struct coherent_object *object)
	NEEDS_LOCK(store->lock)
{
	struct backend *backend = store->backend;
	const size_t bytes = object_bytes(object);
	int err = 0;

	object_seq_write_begin(object);
	if (!backend->ops->memory_at) {
		err = get_memory_locked(store, bytes, &object->pages);
	} else {
		object->pages.first =
			(uintptr_t)backend->ops->memory_at(backend, object->address.first);
		object->pages.last = object->pages.first + bytes - 1;
	}
	object_seq_write_end(object);
	return err;
}

int object_get_pages(struct coherent_object *object)
{
	struct object_store *store = object->store;
	int err;

	lock_take(&store->lock);
	err = get_pages_locked(store, object);
	lock_drop(&store->lock);
	if (!err)
		object_set_va(object, pages_va(&object->pages));
	return err;
}

void object_put_pages_locked(struct object_store *store, struct coherent_object *object)
{
	if (object->pages.first && !store->backend->ops->memory_at)
		pages_put(&store->pages, &object->pages);
}

/* Gives memory back that nobody needed for some seconds: first kept boxes, then free pages. */
static void trim_locked(struct object_store *store, uint64_t now_ns) NEEDS_LOCK(store->lock)
{
	if (!pages_trim_is_due(&store->pages, now_ns) ||
	    !pages_trim(&store->pages, &store->lock, now_ns))
		return;
	if (!store->recycler.is_used)
		(void)purge_boxes_locked(store);
	store->recycler.is_used = false;
}

/* --- Begin and end of a record --- */

static int reserve_locked(struct object_store *store, const struct iova_want *want,
			  struct iova_range *range) NEEDS_LOCK(store->lock)
{
	struct iova_want better = *want;
	int err;

	/* The better alignment only saves time, so no kept box and no address gives way for it. */
	better.align = pages_align(&store->pages, want->bytes);
	if (better.align > want->align && store->space.usable >= WIDE_SPACE &&
	    !iova_reserve(&store->space, &better, range))
		return 0;
	while ((err = iova_reserve(&store->space, want, range)) == -ENOSPC)
		if (!(want->is_modest ? evict_spare_locked(store) : give_way_locked(store)))
			return err;
	return 0;
}

/* Takes a record without an address, and reserves one. */
static int new_record_locked(struct object_store *store, const struct iova_want *want,
			     struct coherent_object **out) NEEDS_LOCK(store->lock)
{
	struct coherent_object *object = record_take_locked(store);
	int err;

	if (!object)
		return -ENOMEM;
	object_seq_write_begin(object);
	err = reserve_locked(store, want, &object->address);
	object_seq_write_end(object);
	if (err)
		record_put_locked(store, object);
	*out = object;
	return err;
}

static int get_record_locked(struct object_store *store, const struct iova_want *want,
			     struct coherent_object **out) NEEDS_LOCK(store->lock)
{
	struct iova_range *spare = spares_take(&store->spares, want);

	if (!spare)
		return new_record_locked(store, want, out);
	*out = object_of(spare);
	return 0;
}

/* Makes a record that has an address that of a new box. Only the address and the count stay. */
static void fill_in_locked(struct object_store *store, struct coherent_object *object,
			   const struct iova_want *want, size_t bytes, const char *site)
	NEEDS_LOCK(store->lock)
{
	object_seq_write_begin(object);
	/* A store of the whole struct would clear the count, which tells readers of the change. */
	object->kind = OBJECT_WHOLE;
	object->align_shift = shift_of(want->align);
	object->attrs = 0;
	object->slack = (uint32_t)(want->bytes - bytes);
	object->boundary_shift = shift_of(want->boundary);
	object->permission = 0;
	object->state = COHERENT_STATE_BOX;
	object->leaked = false;
	object->in_place = false;
	object->pages = (struct iova_range){ .first = 0 };
	object->store = store;
	object->site = site;
	object->since_ns = 0;
	object->cpu_view = 0;
	object->chunk = NULL;
	object_seq_write_end(object);
}

static int begin_locked(struct object_store *store, const struct iova_want *want, size_t bytes,
			const char *site, struct coherent_object **out) NEEDS_LOCK(store->lock)
{
	int err = get_record_locked(store, want, out);

	if (err)
		return err;
	fill_in_locked(store, *out, want, bytes, site);
	count_box_locked(store, want->bytes);
	return 0;
}

static void release_locked(struct object_store *store, struct coherent_object *object)
	NEEDS_LOCK(store->lock)
{
	object_put_pages_locked(store, object);
	count_end_locked(store, object);
	release_address_locked(store, object);
}

/* Takes the pages of a record that has begun. New ones may take long, without the lock. */
static int fill_record_locked(struct object_store *store, struct coherent_object *object)
	NEEDS_LOCK(store->lock)
{
	int err;

	/* The caller has the device open, so the reference count is above zero. */
	ref_hold(store->device);
	err = get_pages_locked(store, object);
	if (err)
		release_locked(store, object);
	return err;
}

int object_new(struct object_store *store, const struct iova_want *want, size_t bytes,
	       const char *site, struct coherent_object **out)
{
	bool has_begun;
	int err;

	lock_take(&store->lock);
	err = begin_locked(store, want, bytes, site, out);
	has_begun = !err;
	if (has_begun)
		err = fill_record_locked(store, *out);
	lock_drop(&store->lock);
	if (!err)
		object_set_va(*out, pages_va(&(*out)->pages));
	else if (has_begun)
		ref_put(store->device);
	return err;
}

int object_new_home(const struct coherent_object *old, struct coherent_object **out)
{
	const struct iova_want want = object_want(old);
	struct object_store *store = old->store;
	int err;

	lock_take(&store->lock);
	err = begin_locked(store, &want, object_element_bytes(old), old->site, out);
	lock_drop(&store->lock);
	if (err)
		return err;
	ref_hold(store->device);
	(*out)->attrs = old->attrs;
	return 0;
}

static void retire_locked(struct object_store *store, struct coherent_object *object)
	NEEDS_LOCK(store->lock)
{
	struct iova_range *expired;

	iova_retire(&store->space, &object->address);
	count_end_locked(store, object);
	while ((expired = iova_expired(&store->space)))
		end_quarantine_locked(store, object_of(expired));
}

/* Counts an object that leaves its state. */
static void count_leave_locked(struct object_store *store, const struct coherent_object *object)
	NEEDS_LOCK(store->lock)
{
	store->stats.mems -= object->state == COHERENT_STATE_MEM;
	store->stats.mappings -= object->state == COHERENT_STATE_BOX && object->in_place;
}

void object_destroy(struct coherent_object *object)
{
	struct object_store *store = object->store;

	/* A box whose expose failed and a mem whose device is gone both end here. */
	lock_take(&store->lock);
	count_leave_locked(store, object);
	release_locked(store, object);
	trim_locked(store, sys_now_coarse_ns());
	lock_drop(&store->lock);
	ref_put(store->device);
}

/* --- States --- */

void object_map_as(struct coherent_object *object, enum coherent_state state,
		   enum coherent_permission permission)
{
	struct object_store *store = object->store;

	lock_take(&store->lock);
	count_leave_locked(store, object);
	store->stats.mems += state == COHERENT_STATE_MEM;
	store->stats.mappings += state == COHERENT_STATE_BOX;
	raise_max(&store->stats.mems_max, store->stats.mems);
	object->in_place |= state == COHERENT_STATE_BOX;
	object->permission = (uint8_t)permission;
	object->state = (uint8_t)state;
	lock_drop(&store->lock);
}

static void end_mem_locked(struct object_store *store, struct coherent_object *object,
			   enum coherent_state state) NEEDS_LOCK(store->lock)
{
	count_leave_locked(store, object);
	object->state = state;
	object->since_ns = sys_now_coarse_ns();
}

void object_retire(struct coherent_object *object)
{
	struct object_store *store = object->store;

	lock_take(&store->lock);
	object_put_pages_locked(store, object);
	end_mem_locked(store, object, COHERENT_STATE_FREED);
	retire_locked(store, object);
	trim_locked(store, object->since_ns);
	lock_drop(&store->lock);
	ref_put(store->device);
}

void object_hand_over(struct coherent_object *object, struct coherent_object *home)
{
	struct object_store *store = object->store;

	/* A lookup finds one of both all the time, so the new record is complete before. */
	object_seq_write_begin(home);
	home->pages.first = object->pages.first;
	home->pages.last = object->pages.last;
	object_seq_write_end(home);
	object_set_va(home, pages_va(&home->pages));
	lock_take(&store->lock);
	pages_move(&store->pages, &object->pages, &home->pages);
	end_mem_locked(store, object, COHERENT_STATE_RECLAIMED);
	retire_locked(store, object);
	trim_locked(store, object->since_ns);
	lock_drop(&store->lock);
	ref_put(store->device);
}

void object_defer(struct coherent_object *object, enum coherent_state state)
{
	struct object_store *store = object->store;

	lock_take(&store->lock);
	end_mem_locked(store, object, state);
	STAILQ_INSERT_TAIL(&store->waiting, &object->address, retired);
	store->stats.waiting++;
	lock_drop(&store->lock);
	ref_put(store->device);
}

void object_leak(struct coherent_object *object)
{
	struct object_store *store = object->store;

	/* The state stays, so that a fault still names the object that the device hits. */
	lock_take(&store->lock);
	object->leaked = true;
	lock_drop(&store->lock);
	report(store->reporter, COHERENT_ERROR,
	       "%s: %zu bytes at 0x%" PRIx64
	       " allocated at %s are leaked, because they could not be "
	       "unmapped and the device may still reach them",
	       store->name, object_bytes(object), object->address.first, object->site);
	ref_put(store->device);
}

/* --- Fences --- */

void object_fence_begin(struct object_store *store, struct iova_list *waiting)
{
	STAILQ_INIT(waiting);
	lock_take(&store->lock);
	STAILQ_CONCAT(waiting, &store->waiting);
	lock_drop(&store->lock);
}

static void end_waiting_locked(struct object_store *store, struct coherent_object *object)
	NEEDS_LOCK(store->lock)
{
	store->stats.waiting--;
	object->waits = false;
	if (!store->backend->addresses_linger) {
		release_locked(store, object);
		return;
	}
	object_put_pages_locked(store, object);
	retire_locked(store, object);
}

static void release_waiting(struct object_store *store, struct iova_list *waiting)
{
	struct iova_range *range, *next;

	for (range = STAILQ_FIRST(waiting); range; range = next) {
		next = STAILQ_NEXT(range, retired);
		lock_take(&store->lock);
		end_waiting_locked(store, object_of(range));
		lock_drop(&store->lock);
	}
}

void object_fence_end(struct object_store *store, struct iova_list *waiting, int err)
{
	if (!err) {
		release_waiting(store, waiting);
		return;
	}
	/* The failed fence may have ended nothing, so the objects wait for the next one. */
	lock_take(&store->lock);
	STAILQ_CONCAT(&store->waiting, waiting);
	lock_drop(&store->lock);
}
