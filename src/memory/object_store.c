// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The begin and the end of a store, and what belongs to it as a whole: the mask and the counters.
 */
#include <errno.h>

#include "memory/adoption.h"
#include "memory/object_memory.h"
#include "memory/object_store.h"
#include "memory/pool.h"
#include "memory/record.h"
#include "memory/twin.h"

#define RECORD(field) offsetof(struct coherent_object, field)

/* A reader of the segment finds the records by these. */
static const uint32_t segment_fields[SEGMENT_FIELDS] = {
	[SEGMENT_BLOCK_NEXT] = offsetof(struct object_block, next_shared),
	[SEGMENT_BLOCK_RECORDS] = offsetof(struct object_block, records),
	[SEGMENT_BLOCK_COUNT] = OBJECT_BLOCK_RECORDS,
	[SEGMENT_RECORD_BYTES] = sizeof(struct coherent_object),
	[SEGMENT_RECORD_SEQ] = RECORD(seq),
	[SEGMENT_RECORD_STATE] = RECORD(state),
	[SEGMENT_RECORD_PERMISSION] = RECORD(permission),
	[SEGMENT_RECORD_LEAKED] = RECORD(leaked),
	[SEGMENT_RECORD_IN_PLACE] = RECORD(in_place),
	[SEGMENT_RECORD_WAITS] = RECORD(waits),
	[SEGMENT_RECORD_FIRST] = RECORD(address.first),
	[SEGMENT_RECORD_LAST] = RECORD(address.last),
	[SEGMENT_RECORD_SITE] = RECORD(site),
	[SEGMENT_RECORD_CHUNK] = RECORD(chunk),
	[SEGMENT_CHUNK_COUNT] = offsetof(struct chunk, count),
	[SEGMENT_CHUNK_SLOT_BYTES] = offsetof(struct chunk, slot_bytes),
	[SEGMENT_CHUNK_PRIVATE] = offsetof(struct chunk, private_bytes),
	[SEGMENT_CHUNK_SLOTS] = offsetof(struct chunk, slots),
	[SEGMENT_SLOT_BYTES] = sizeof(struct slot),
	[SEGMENT_SLOT_STATE] = offsetof(struct slot, state),
	[SEGMENT_SLOT_OFFSET] = offsetof(struct slot, offset),
	[SEGMENT_SLOT_SITE] = offsetof(struct slot, site),
	[SEGMENT_SITE_FAULTS] = offsetof(struct site, text) - offsetof(struct site, faults),
	[SEGMENT_RECORD_TWIN] = RECORD(is_twin),
};

int object_store_open(struct object_store *store, unsigned int wants, uint64_t nodes,
		      bool is_hardened)
{
	int err = pages_open(&store->pages, &store->owners, wants, nodes);

	if (err)
		return err;
	err = is_hardened ? pages_harden(&store->pages) : 0;
	if (err) {
		pages_close(&store->pages);
		return err;
	}
	segment_open(&store->segment, store->name, segment_fields);
	sites_open(&store->sites, &store->segment);
	lock_init(&store->lock);
	STAILQ_INIT(&store->waiting);
	STAILQ_INIT(&store->free_records);
	LIST_INIT(&store->pools);
	recycler_init(&store->recycler, store->pages.page_bytes, !is_hardened);
	spares_init(&store->spares, store->pages.page_bytes);
	return 0;
}

/* No lock is held while the driver gets its memory back. */
static void release_leaked_object_locked(struct object_store *store, struct coherent_object *object)
	NEEDS_LOCK(store->lock)
{
	struct adoption *adoption;
	struct twin *twin;

	lock_drop(&store->lock);
	twin = twin_leave(object);
	lock_take(&store->lock);
	adoption = adoption_take(object);
	object_put_pages_locked(store, object);
	iova_release(&store->space, &object->address);
	lock_drop(&store->lock);
	adoption_end(adoption);
	twin_end(twin);
	lock_take(&store->lock);
}

/* The backend is disconnected by now, so that the device cannot reach leaked pages any more. */
static void release_leaked_locked(struct object_store *store) NEEDS_LOCK(store->lock)
{
	struct iova_range *range;
	uint64_t address = 0;

	while ((range = iova_from(&store->space, address))) {
		address = range->last;
		if (range->hole && address == UINT64_MAX)
			break;
		if (range->hole)
			continue;
		release_leaked_object_locked(store, object_of(range));
	}
}

void object_store_release(struct object_store *store)
{
	struct iova_list waiting;

	object_fence_begin(store, &waiting);
	object_fence_end(store, &waiting, 0);
	lock_take(&store->lock);
	object_purge_locked(store);
	release_leaked_locked(store);
	lock_drop(&store->lock);
	record_free_all(store);
}

void object_store_stay_mapped(struct object_store *store)
{
	lock_take(&store->lock);
	pages_stay_mapped(&store->pages);
	lock_drop(&store->lock);
}

void object_store_close(struct object_store *store)
{
	iova_close(&store->space);
	pages_close(&store->pages);
	page_owner_close(&store->owners);
	sites_close(&store->sites);
	segment_close(&store->segment);
	lock_destroy(&store->lock);
}

void object_store_stats(struct object_store *store, struct coherent_stats *stats)
{
	lock_take(&store->lock);
	*stats = store->stats;
	/* The store counts boxes in place. An object that waits for a fence may be mapped until then. */
	stats->mappings += stats->mems + stats->waiting;
	stats->quarantined = store->space.retired_count;
	stats->quarantined_bytes = store->space.retired_bytes;
	pages_count(&store->pages, &stats->memory, &stats->reused);
	lock_drop(&store->lock);
}

uint64_t object_store_mask(struct object_store *store)
{
	uint64_t mask;

	lock_take(&store->lock);
	mask = store->mask;
	lock_drop(&store->lock);
	return mask;
}

static bool is_used_locked(const struct object_store *store) NEEDS_LOCK(store->lock)
{
	return store->stats.objects ||
	       (store->backend->addresses_linger && store->space.retired_count);
}

bool object_store_is_used(struct object_store *store)
{
	bool is_used;

	lock_take(&store->lock);
	is_used = is_used_locked(store);
	lock_drop(&store->lock);
	return is_used;
}

/* Takes the lock, because the device may be faulting already. */
int object_store_set_space(struct object_store *store, struct iova_space *space, uint64_t mask)
{
	struct iova_space old;

	lock_take(&store->lock);
	if (is_used_locked(store)) {
		lock_drop(&store->lock);
		return -EBUSY;
	}
	/* Kept boxes, kept addresses and quarantined records have addresses of the old space. */
	object_purge_locked(store);
	old = store->space;
	store->space = *space;
	store->space.keeps_bytes = store->backend->addresses_linger;
	/* The copy of a list head still points into the struct that was copied. */
	STAILQ_INIT(&store->space.retired);
	store->mask = mask;
	lock_drop(&store->lock);
	iova_close(&old);
	return 0;
}

/* --- Addresses of a space that several devices share --- */

uint64_t object_store_gap(struct object_store *store, uint64_t first, uint64_t last)
{
	uint64_t bytes;

	lock_take(&store->lock);
	bytes = iova_gap_with_held(&store->space, &first, last);
	lock_drop(&store->lock);
	return bytes;
}

static int cede_locked(struct object_store *store, uint64_t *first, uint64_t *last)
	NEEDS_LOCK(store->lock)
{
	const uint64_t bytes = iova_gap_with_held(&store->space, first, *last);
	const uint64_t half = bytes / 2 & -store->space.granule;

	if (!half)
		return -ENOMEM;
	*last = *first + bytes - 1;
	*first = *last - half + 1;
	return iova_forbid(&store->space, *first, *last);
}

int object_store_cede(struct object_store *store, uint64_t *first, uint64_t *last)
{
	int err;

	lock_take(&store->lock);
	err = cede_locked(store, first, last);
	lock_drop(&store->lock);
	return err;
}

void object_store_allow(struct object_store *store, uint64_t first, uint64_t last)
{
	lock_take(&store->lock);
	(void)iova_allow(&store->space, first, last);
	lock_drop(&store->lock);
}
