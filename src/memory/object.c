// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The records of a device's objects: their states, and the end of their addresses and pages.
 * object_memory.c gets both.
 *
 * INVARIANT: pages go back to the pool only when no device can reach them, and addresses only
 * when nothing in flight can name them. A failed unmap ends both for good: the record is leaked.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/sys.h"
#include "memory/adoption.h"
#include "memory/iova_quarantine.h"
#include "memory/object_memory.h"
#include "memory/record.h"
#include "memory/twin.h"

static uint8_t shift_of(uint64_t power_of_two)
{
	return power_of_two ? (uint8_t)__builtin_ctzll(power_of_two) : 0;
}

static uint8_t bits_of(uint64_t mask)
{
	return mask ? (uint8_t)(64 - __builtin_clzll(mask)) : 0;
}

/* --- Counters --- */

static void raise_max(uint64_t *max, uint64_t value)
{
	if (*max < value)
		*max = value;
}

static void raise_maxima_locked(struct object_store *store) NEEDS_LOCK(store->lock)
{
	raise_max(&store->stats.objects_max, store->stats.objects);
	raise_max(&store->stats.bytes_max, store->stats.bytes);
}

/* The record that a reclaim makes counts when the old one ends, or waits for a fence beside it. */
static void count_record_locked(struct object_store *store, uint64_t bytes) NEEDS_LOCK(store->lock)
{
	store->stats.objects++;
	store->stats.bytes += bytes;
}

static void count_box_locked(struct object_store *store, uint64_t bytes) NEEDS_LOCK(store->lock)
{
	store->stats.allocated++;
	count_record_locked(store, bytes);
	raise_maxima_locked(store);
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
		object->has_address = false;
		object->state = COHERENT_STATE_BOX;
		object_seq_write_end(object);
	}
	lock_drop(&store->lock);
	return object;
}

/* Only plain requests look for kept boxes and addresses, so only those of plain requests are kept. */
static bool is_plain(const struct coherent_object *object)
{
	return !object->boundary_shift && !object->mask_bits &&
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

	if (recycler_keeps(&store->recycler, object_bytes(object)) && is_plain(object) &&
	    !object->adoption) {
		lock_take(&store->lock);
		is_kept = keep_box_locked(store, object);
		lock_drop(&store->lock);
	}
	if (!is_kept)
		object_destroy(object);
}

/* Ends the quarantine of an address. It is kept for the next object of its size. */
static void end_quarantine_locked(struct object_store *store, struct coherent_object *object)
	NEEDS_LOCK(store->lock)
{
	if (is_plain(object) && spares_keep(&store->spares, &object->address, object_bytes(object)))
		object->state = COHERENT_STATE_NONE;
	else
		object_release_address_locked(store, object);
}

/* --- Begin and end of a record --- */

/* Gives memory back that nobody needed for some seconds: first kept boxes, then free pages. */
static void trim_locked(struct object_store *store, uint64_t now_ns) NEEDS_LOCK(store->lock)
{
	if (!pages_trim_is_due(&store->pages, now_ns) ||
	    !pages_trim(&store->pages, &store->lock, now_ns))
		return;
	if (!store->recycler.is_used)
		(void)object_purge_boxes_locked(store);
	store->recycler.is_used = false;
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
	err = object_reserve_locked(store, want, &object->address);
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
	object->mask_bits = bits_of(want->mask);
	object->slack = (uint32_t)(want->bytes - bytes);
	object->boundary_shift = shift_of(want->boundary);
	object->permission = 0;
	object->state = COHERENT_STATE_BOX;
	object->leaked = false;
	object->has_address = want->address;
	object->in_place = false;
	object->pages = (struct iova_range){ .first = 0 };
	object->store = store;
	object->site = site;
	object->since_ns = 0;
	object->cpu_view = 0;
	object->adoption = NULL;
	object->chunk = NULL;
	object->shared = NULL;
	object->twin = NULL;
	object->is_twin = false;
	object->is_decoy = false;
	object_seq_write_end(object);
}

static int begin_locked(struct object_store *store, const struct iova_want *want, size_t bytes,
			const char *site, struct coherent_object **out) NEEDS_LOCK(store->lock)
{
	int err = get_record_locked(store, want, out);

	if (err)
		return err;
	fill_in_locked(store, *out, want, bytes, site);
	return 0;
}

static void release_locked(struct object_store *store, struct coherent_object *object)
	NEEDS_LOCK(store->lock)
{
	object_put_pages_locked(store, object);
	count_end_locked(store, object);
	object_release_address_locked(store, object);
}

/* Takes the pages of a record that has begun. New ones may take long, without the lock. */
static int fill_record_locked(struct object_store *store, struct coherent_object *object,
			      struct adoption *adoption) NEEDS_LOCK(store->lock)
{
	int err = 0;

	/* The caller has the device open, so the reference count is above zero. */
	ref_hold(store->device);
	if (!adoption || adoption->is_copy)
		err = object_get_pages_locked(store, object);
	if (!err && adoption)
		err = adoption_begin_locked(store, object, adoption);
	if (err)
		release_locked(store, object);
	return err;
}

int object_new(struct object_store *store, const struct iova_want *want, size_t bytes,
	       const char *site, struct adoption *adoption, struct coherent_object **out)
{
	bool has_begun;
	int err;

	lock_take(&store->lock);
	err = begin_locked(store, want, bytes, site, out);
	has_begun = !err;
	if (has_begun) {
		count_box_locked(store, want->bytes);
		err = fill_record_locked(store, *out, adoption);
	}
	lock_drop(&store->lock);
	if (!err && !adoption)
		object_set_va(*out, pages_va(&(*out)->pages));
	else if (err && has_begun)
		ref_put(store->device);
	return err;
}

int object_unknown(const struct coherent_object *object)
{
	return segment_is_of_parent(object) ? -ENODEV : -EINVAL;
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
	(*out)->attrs = old->attrs;
	return 0;
}

/* The record was not counted, and has no reference. */
void object_drop_home(struct coherent_object *home)
{
	struct object_store *store = home->store;

	lock_take(&store->lock);
	object_put_pages_locked(store, home);
	object_release_address_locked(store, home);
	lock_drop(&store->lock);
}

/* The pages are the mem's. Its store may not be locked here, but the caller has the mem. */
static int borrow_pages_locked(struct object_store *store, struct coherent_object *object,
			       const struct coherent_object *mem) NEEDS_LOCK(store->lock)
{
	int err = page_owner_reserve(&store->owners, pages_va(&mem->pages), object_bytes(mem));

	ref_hold(store->device);
	object->is_twin = true;
	if (err) {
		release_locked(store, object);
		return err;
	}
	object_seq_write_begin(object);
	object->pages.first = mem->pages.first;
	object->pages.last = mem->pages.last;
	object_seq_write_end(object);
	return 0;
}

int object_new_twin(const struct coherent_object *mem, struct object_store *store,
		    const struct iova_want *want, const char *site, struct coherent_object **out)
{
	bool has_begun;
	int err;

	lock_take(&store->lock);
	err = begin_locked(store, want, object_element_bytes(mem), site, out);
	has_begun = !err;
	if (has_begun) {
		count_box_locked(store, want->bytes);
		err = borrow_pages_locked(store, *out, mem);
	}
	lock_drop(&store->lock);
	if (err && has_begun)
		ref_put(store->device);
	return err;
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

/* --- Memory that others have, too --- */

/**
 * struct leaving - What is left to end after the record of an object, without a lock.
 * @adoption: The memory of the driver, or NULL.
 * @twin: The twin, or NULL.
 */
struct leaving {
	struct adoption *adoption;
	struct twin *twin;
};

/* Few objects have adopted memory or are shared, so the others make no call. */
static struct leaving begin_leaving(struct coherent_object *object)
{
	struct leaving leaving = { .adoption = NULL };

	if (object->shared || object->twin)
		leaving.twin = twin_leave(object);
	/* The twins may have the memory of the driver now. */
	if (object->adoption)
		leaving.adoption = adoption_take(object);
	return leaving;
}

static void end_leaving(const struct leaving *leaving)
{
	if (leaving->adoption)
		adoption_end(leaving->adoption);
	if (leaving->twin)
		twin_end(leaving->twin);
}

/* Counts an object that leaves its state. */
static void count_leave_locked(struct object_store *store, const struct coherent_object *object)
	NEEDS_LOCK(store->lock)
{
	store->stats.mems -= object->state == COHERENT_STATE_MEM;
	if (object->state == COHERENT_STATE_MEM)
		store->stats.mappings -= adoption_extra_mappings(object);
	store->stats.mappings -= object->state == COHERENT_STATE_BOX && object->in_place;
}

/* Counts a box in place that could not be unmapped as a mem. Its state stays. */
static void count_leak_locked(struct object_store *store, const struct coherent_object *object)
	NEEDS_LOCK(store->lock)
{
	const bool is_box = object->state == COHERENT_STATE_BOX;

	store->stats.mems += is_box;
	store->stats.mappings -= is_box;
	raise_max(&store->stats.mems_max, store->stats.mems);
}

void object_destroy(struct coherent_object *object)
{
	const struct leaving leaving = begin_leaving(object);
	struct object_store *store = object->store;

	/* A box whose expose failed and a mem whose device is gone both end here. */
	lock_take(&store->lock);
	count_leave_locked(store, object);
	release_locked(store, object);
	trim_locked(store, sys_now_coarse_ns());
	lock_drop(&store->lock);
	end_leaving(&leaving);
	ref_put(store->device);
}

/* --- States --- */

void object_set_chunk(struct coherent_object *object, struct chunk *chunk)
{
	lock_take(&object->store->lock);
	object->chunk = chunk;
	lock_drop(&object->store->lock);
}

void object_map_as(struct coherent_object *object, enum coherent_state state,
		   enum coherent_permission permission)
{
	struct object_store *store = object->store;

	lock_take(&store->lock);
	count_leave_locked(store, object);
	store->stats.mems += state == COHERENT_STATE_MEM;
	if (state == COHERENT_STATE_MEM)
		store->stats.mappings += adoption_extra_mappings(object);
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
	const struct leaving leaving = begin_leaving(object);
	struct object_store *store = object->store;

	lock_take(&store->lock);
	end_mem_locked(store, object, COHERENT_STATE_FREED);
	object_put_pages_locked(store, object);
	retire_locked(store, object);
	trim_locked(store, object->since_ns);
	lock_drop(&store->lock);
	end_leaving(&leaving);
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
	if (!adoption_is_in_place(object))
		pages_move(&store->pages, &object->pages, &home->pages);
	adoption_move_locked(store, object, home);
	count_record_locked(store, object_bytes(home));
	end_mem_locked(store, object, COHERENT_STATE_RECLAIMED);
	retire_locked(store, object);
	trim_locked(store, object->since_ns);
	lock_drop(&store->lock);
}

void object_move_adoption(struct coherent_object *object, struct coherent_object *home)
{
	struct object_store *store = object->store;

	lock_take(&store->lock);
	adoption_move_locked(store, object, home);
	lock_drop(&store->lock);
}

void object_defer(struct coherent_object *object, enum coherent_state state)
{
	struct object_store *store = object->store;

	twin_set_busy(object, "it waits for coherent_device_fence() of that device");
	lock_take(&store->lock);
	if (state == COHERENT_STATE_RECLAIMED)
		count_record_locked(store, object_bytes(object));
	end_mem_locked(store, object, state);
	STAILQ_INSERT_TAIL(&store->waiting, &object->address, retired);
	store->stats.waiting++;
	raise_maxima_locked(store);
	lock_drop(&store->lock);
	/* The box of a reclaim has the reference now. */
	if (state != COHERENT_STATE_RECLAIMED)
		ref_put(store->device);
}

void object_end_copy(struct coherent_object *object)
{
	struct adoption *adoption = object->adoption;

	if (!adoption->is_copy || adoption->release)
		return;
	/* Until a fence or the close, the contents are where the CPU finds them. */
	coherent_bytes_out(object_va(object), adoption->memory, adoption->bytes, __ATOMIC_RELAXED);
	lock_take(&object->store->lock);
	object->adoption = NULL;
	lock_drop(&object->store->lock);
	adoption_end(adoption);
}

void object_leak(struct coherent_object *object)
{
	struct object_store *store = object->store;

	twin_set_busy(object, "it could not be unmapped; close that device");
	/* The state stays, so that a fault still names the object that the device hits. */
	lock_take(&store->lock);
	object->leaked = true;
	count_leak_locked(store, object);
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
		const struct leaving leaving = begin_leaving(object_of(range));

		object_fill_decoy(object_of(range));
		next = STAILQ_NEXT(range, retired);
		lock_take(&store->lock);
		end_waiting_locked(store, object_of(range));
		lock_drop(&store->lock);
		end_leaving(&leaving);
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
