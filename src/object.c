// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Records of objects, and how their addresses and pages come to an end.
 *
 * INVARIANT: pages go back to the pool only when no device can reach them, and
 * addresses only when nothing in flight can name them. A failed unmap ends
 * both for good: the record is leaked.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "object.h"
#include "sys.h"

#define BLOCK_RECORDS 32
/* Of what is recycled: more than that is rather another size's. */
#define RECYCLED_BYTES_MAX ((size_t)8 << 20)

struct record_block {
	struct record_block *next;
	struct coherent_object records[BLOCK_RECORDS];
};

static uint8_t shift_of(uint64_t power_of_two)
{
	return power_of_two ? (uint8_t)__builtin_ctzll(power_of_two) : 0;
}

/* --- Records --- */

void object_start(struct coherent_device *dev)
{
	STAILQ_INIT(&dev->waiting);
	STAILQ_INIT(&dev->free_records);
	for (unsigned int i = 0; i < PAGES_CLASSES; i++)
		STAILQ_INIT(&dev->recycled[i]);
}

static void record_put_locked(struct coherent_device *dev, struct coherent_object *object)
	NEEDS_LOCK(dev->lock)
{
	object_seq_write_begin(object);
	object->state = COHERENT_STATE_NONE;
	object_seq_write_end(object);
	STAILQ_INSERT_HEAD(&dev->free_records, &object->address, retired);
}

/* Without the lock in between. */
static int more_records_locked(struct coherent_device *dev) NEEDS_LOCK(dev->lock)
{
	struct record_block *block;

	lock_drop(&dev->lock);
	block = calloc(1, sizeof(*block));
	lock_take(&dev->lock);
	if (!block)
		return -ENOMEM;
	block->next = dev->record_blocks;
	dev->record_blocks = block;
	for (unsigned int i = 0; i < BLOCK_RECORDS; i++)
		record_put_locked(dev, &block->records[i]);
	return 0;
}

static struct coherent_object *record_get_locked(struct coherent_device *dev) NEEDS_LOCK(dev->lock)
{
	struct iova_range *range;

	while (STAILQ_EMPTY(&dev->free_records))
		if (more_records_locked(dev))
			return NULL;
	range = STAILQ_FIRST(&dev->free_records);
	STAILQ_REMOVE_HEAD(&dev->free_records, retired);
	return object_of(range);
}

/* --- Counts --- */

static void raise_max(uint64_t *max, uint64_t value)
{
	if (*max < value)
		*max = value;
}

static void count_box_locked(struct coherent_device *dev, uint64_t bytes) NEEDS_LOCK(dev->lock)
{
	struct coherent_stats *stats = &dev->stats;

	stats->allocated++;
	raise_max(&stats->objects_max, ++stats->objects);
	raise_max(&stats->bytes_max, stats->bytes += bytes);
}

static void count_end_locked(struct coherent_device *dev, const struct coherent_object *object)
	NEEDS_LOCK(dev->lock)
{
	dev->stats.objects--;
	dev->stats.bytes -= object_bytes(object);
}

void object_become_mem(struct coherent_object *object, enum coherent_permission permission)
{
	struct coherent_device *dev = object->dev;

	lock_take(&dev->lock);
	object->permission = (uint8_t)permission;
	object->state = COHERENT_STATE_MEM;
	raise_max(&dev->stats.mems_max, ++dev->stats.mems);
	lock_drop(&dev->lock);
}

/* --- Recycled boxes --- */

/* Looked at without the lock by those who would find nothing. */
static void count_recycled_locked(struct coherent_device *dev, size_t more) NEEDS_LOCK(dev->lock)
{
	__atomic_store_n(&dev->recycled_bytes, dev->recycled_bytes + more, __ATOMIC_RELAXED);
}

struct coherent_object *object_reuse(struct coherent_device *dev, const struct iova_want *want,
				     const char *site)
{
	const int class = pages_class(want->bytes, dev->pages.page_bytes);
	struct iova_range *range = NULL;

	if (class < 0 || want->align > dev->pages.page_bytes || want->boundary ||
	    !__atomic_load_n(&dev->recycled_bytes, __ATOMIC_RELAXED))
		return NULL;
	lock_take(&dev->lock);
	range = STAILQ_FIRST(&dev->recycled[class]);
	if (range) {
		STAILQ_REMOVE_HEAD(&dev->recycled[class], retired);
		count_recycled_locked(dev, -want->bytes);
		dev->stats.reused++;
		count_box_locked(dev, want->bytes);
		object_seq_write_begin(object_of(range));
		object_of(range)->site = site;
		object_of(range)->state = COHERENT_STATE_BOX;
		object_seq_write_end(object_of(range));
	}
	lock_drop(&dev->lock);
	return range ? object_of(range) : NULL;
}

static bool keep_locked(struct coherent_device *dev, struct coherent_object *object, int class)
	NEEDS_LOCK(dev->lock)
{
	const size_t bytes = object_bytes(object);

	/* The close has forgotten them all. */
	if (device_usable(dev) || bytes > RECYCLED_BYTES_MAX - dev->recycled_bytes)
		return false;
	object->state = COHERENT_STATE_NONE;
	STAILQ_INSERT_HEAD(&dev->recycled[class], &object->address, retired);
	count_recycled_locked(dev, bytes);
	count_end_locked(dev, object);
	return true;
}

void object_recycle(struct coherent_object *object)
{
	struct coherent_device *dev = object->dev;
	const uint64_t page = dev->pages.page_bytes;
	const int class = pages_class(object_bytes(object), page);
	bool is_kept = false;

	if (class >= 0 && object->align_shift == shift_of(page) && !object->boundary_shift) {
		lock_take(&dev->lock);
		is_kept = keep_locked(dev, object, class);
		lock_drop(&dev->lock);
	}
	if (is_kept)
		return;
	object_put_pages(object);
	object_destroy(object);
}

/* One of them, if there is one: whoever needs its address gets it. */
static bool forget_one_locked(struct coherent_device *dev) NEEDS_LOCK(dev->lock)
{
	for (unsigned int i = 0; i < PAGES_CLASSES; i++) {
		struct iova_range *range = STAILQ_FIRST(&dev->recycled[i]);

		if (!range)
			continue;
		STAILQ_REMOVE_HEAD(&dev->recycled[i], retired);
		count_recycled_locked(dev, -object_bytes(object_of(range)));
		object_put_pages(object_of(range));
		iova_release(&dev->space, range);
		record_put_locked(dev, object_of(range));
		/* Not the last: the device is open. */
		ref_put(&dev->ref);
		return true;
	}
	return false;
}

static bool evict_one_locked(struct coherent_device *dev) NEEDS_LOCK(dev->lock)
{
	struct iova_range *evicted = iova_evict(&dev->space);

	if (evicted)
		record_put_locked(dev, object_of(evicted));
	return evicted;
}

bool object_purge_boxes(struct coherent_device *dev)
{
	bool found = false;

	lock_take(&dev->lock);
	while (forget_one_locked(dev))
		found = true;
	lock_drop(&dev->lock);
	return found;
}

void object_purge_locked(struct coherent_device *dev)
{
	while (forget_one_locked(dev) || evict_one_locked(dev))
		;
}

/* --- Birth and end --- */

/* What is recycled gives way before there is no address left, then quarantine. */
static int reserve_locked(struct coherent_device *dev, const struct iova_want *want,
			  struct iova_range *range) NEEDS_LOCK(dev->lock)
{
	int err;

	while ((err = iova_reserve(&dev->space, want, range)) == -ENOSPC)
		if (!forget_one_locked(dev) && !evict_one_locked(dev))
			return err;
	return 0;
}

static int begin_locked(struct coherent_device *dev, struct coherent_object *object,
			const struct iova_want *want, const char *site) NEEDS_LOCK(dev->lock)
{
	int err;

	object_seq_write_begin(object);
	*object = (struct coherent_object){
		.seq = object->seq,
		.dev = dev,
		.site = site,
		.align_shift = shift_of(want->align),
		.boundary_shift = shift_of(want->boundary),
	};
	err = reserve_locked(dev, want, &object->address);
	object->state = err ? COHERENT_STATE_NONE : COHERENT_STATE_BOX;
	object_seq_write_end(object);
	return err;
}

int object_new(struct coherent_device *dev, const struct iova_want *want, const char *site,
	       struct coherent_object **out)
{
	struct coherent_object *object;
	int err = -ENOMEM;

	lock_take(&dev->lock);
	object = record_get_locked(dev);
	if (object) {
		err = begin_locked(dev, object, want, site);
		if (err)
			record_put_locked(dev, object);
		else
			count_box_locked(dev, want->bytes);
	}
	lock_drop(&dev->lock);
	if (err)
		return err;
	ref_hold(&dev->ref);
	*out = object;
	return 0;
}

static void release_locked(struct coherent_device *dev, struct coherent_object *object)
	NEEDS_LOCK(dev->lock)
{
	count_end_locked(dev, object);
	iova_release(&dev->space, &object->address);
	record_put_locked(dev, object);
}

void object_destroy(struct coherent_object *object)
{
	struct coherent_device *dev = object->dev;

	lock_take(&dev->lock);
	dev->stats.mems -= object->state == COHERENT_STATE_MEM;
	release_locked(dev, object);
	lock_drop(&dev->lock);
	ref_put(&dev->ref);
}

static void retire_locked(struct coherent_device *dev, struct coherent_object *object)
	NEEDS_LOCK(dev->lock)
{
	struct iova_range *expired;

	iova_retire(&dev->space, &object->address);
	count_end_locked(dev, object);
	while ((expired = iova_expired(&dev->space)))
		record_put_locked(dev, object_of(expired));
}

void object_retire(struct coherent_object *object, enum coherent_state state)
{
	struct coherent_device *dev = object->dev;

	lock_take(&dev->lock);
	dev->stats.mems--;
	object->state = state;
	object->since_ns = sys_now_ns();
	retire_locked(dev, object);
	lock_drop(&dev->lock);
	ref_put(&dev->ref);
}

void object_defer(struct coherent_object *object, enum coherent_state state)
{
	struct coherent_device *dev = object->dev;

	lock_take(&dev->lock);
	dev->stats.mems--;
	object->state = state;
	object->since_ns = sys_now_ns();
	STAILQ_INSERT_TAIL(&dev->waiting, &object->address, retired);
	lock_drop(&dev->lock);
	ref_put(&dev->ref);
}

void object_leak(struct coherent_object *object)
{
	struct coherent_device *dev = object->dev;
	const uint64_t address = object->address.first;
	const size_t bytes = object_bytes(object);

	lock_take(&dev->lock);
	object->leaked = true;
	lock_drop(&dev->lock);
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: could not unmap; the device may still reach %zu bytes at 0x%" PRIx64
	       " allocated at %s, they are leaked",
	       dev->name, bytes, address, object->site);
	ref_put(&dev->ref);
}

void object_release_waiting(struct coherent_device *dev, struct waiting *waiting)
{
	struct iova_range *range, *next;

	for (range = STAILQ_FIRST(waiting); range; range = next) {
		next = STAILQ_NEXT(range, retired);
		object_put_pages(object_of(range));
		lock_take(&dev->lock);
		if (dev->backend->addresses_linger)
			retire_locked(dev, object_of(range));
		else
			release_locked(dev, object_of(range));
		lock_drop(&dev->lock);
	}
}

/* Leaked, and the backend is disconnected by now. */
static void release_leaked(struct coherent_device *dev)
{
	struct iova_range *range;
	uint64_t address = 0;

	while ((range = iova_from(&dev->space, address))) {
		address = range->last;
		if (range->hole && address == UINT64_MAX)
			break;
		if (range->hole)
			continue;
		object_put_pages(object_of(range));
		iova_release(&dev->space, range);
	}
}

void object_release_rest(struct coherent_device *dev)
{
	struct record_block *block;

	object_release_waiting(dev, &dev->waiting);
	lock_take(&dev->lock);
	object_purge_locked(dev);
	lock_drop(&dev->lock);
	release_leaked(dev);
	while ((block = dev->record_blocks)) {
		dev->record_blocks = block->next;
		free(block);
	}
}

void object_set_chunk(struct coherent_object *object, struct chunk *chunk)
{
	lock_take(&object->dev->lock);
	object->chunk = chunk;
	lock_drop(&object->dev->lock);
}

void object_set_va(struct coherent_object *object, void *va)
{
	object_seq_write_begin(object);
	object->elsewhere = va == pages_va(&object->pages) ? 0 : (uintptr_t)va;
	object_seq_write_end(object);
	page_owner_set(&object->dev->owners, va, object_bytes(object), object);
}

int object_memory(struct coherent_device *dev, size_t bytes, struct iova_range *range)
{
	int err = pages_get(&dev->pages, bytes, range);

	return err == -ENOMEM && object_purge_boxes(dev) ? pages_get(&dev->pages, bytes, range) :
							   err;
}

int object_get_pages(struct coherent_object *object)
{
	struct backend *backend = object->dev->backend;
	const size_t bytes = object_bytes(object);
	int err = 0;

	object_seq_write_begin(object);
	if (!backend->ops->memory) {
		err = object_memory(object->dev, bytes, &object->pages);
	} else {
		object->pages.first =
			(uintptr_t)backend->ops->memory(backend, object->address.first);
		object->pages.last = object->pages.first + bytes - 1;
	}
	object_seq_write_end(object);
	if (!err)
		object_set_va(object, pages_va(&object->pages));
	return err;
}

void object_put_pages(struct coherent_object *object)
{
	if (!object->dev->backend->ops->memory)
		pages_put(&object->dev->pages, &object->pages);
}

struct iova_want object_want(const struct coherent_object *object)
{
	return (struct iova_want){
		.bytes = object_bytes(object),
		.align = UINT64_C(1) << object->align_shift,
		.boundary = object->boundary_shift ? UINT64_C(1) << object->boundary_shift : 0,
	};
}

int object_map(const struct coherent_object *object, enum coherent_permission permission)
{
	struct backend *backend = object->dev->backend;
	const struct backend_mapping mapping = {
		.address = object->address.first,
		.va = pages_va(&object->pages),
		.bytes = object_bytes(object),
		.permission = permission,
	};

	return backend->ops->map(backend, &mapping);
}

int object_unmap(const struct coherent_object *object, bool idle)
{
	struct backend *backend = object->dev->backend;
	const struct backend_mapping mapping = {
		.address = object->address.first,
		.va = pages_va(&object->pages),
		.bytes = object_bytes(object),
		.permission = object->permission,
	};

	return backend->ops->unmap(backend, &mapping, idle);
}
