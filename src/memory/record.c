// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Records are allocated in blocks. A record that no object uses is in the list @free_records of its
 * store.
 */
#include <errno.h>

#include "memory/record.h"

static void keep_locked(struct object_store *store, struct coherent_object *object)
	NEEDS_LOCK(store->lock)
{
	STAILQ_INSERT_HEAD(&store->free_records, &object->address, retired);
}

void record_put_locked(struct object_store *store, struct coherent_object *object)
{
	object_seq_write_begin(object);
	object->state = COHERENT_STATE_NONE;
	object_seq_write_end(object);
	keep_locked(store, object);
}

static void add_block_locked(struct object_store *store, struct object_block *block)
	NEEDS_LOCK(store->lock)
{
	block->next = store->blocks;
	store->blocks = block;
	if (segment_has(&store->segment, block))
		segment_add_block(&store->segment, block, &block->next_shared);
}

/* Drops the lock while it allocates. */
static int more_records_locked(struct object_store *store) NEEDS_LOCK(store->lock)
{
	struct object_block *block;

	lock_drop(&store->lock);
	block = segment_get(&store->segment, sizeof(*block));
	lock_take(&store->lock);
	if (!block)
		return -ENOMEM;
	add_block_locked(store, block);
	/* The thread that allocated may find its records taken by others, so the caller looks again. */
	for (unsigned int i = 0; i < OBJECT_BLOCK_RECORDS; i++)
		keep_locked(store, &block->records[i]);
	return 0;
}

struct coherent_object *record_take_locked(struct object_store *store)
{
	struct iova_range *range;

	/* The last record freed comes first, because it is in the cache. */
	while (STAILQ_EMPTY(&store->free_records))
		if (more_records_locked(store))
			return NULL;
	range = STAILQ_FIRST(&store->free_records);
	STAILQ_REMOVE_HEAD(&store->free_records, retired);
	return object_of(range);
}

void record_free_all(struct object_store *store)
{
	struct object_block *block;

	while ((block = store->blocks)) {
		store->blocks = block->next;
		segment_put(&store->segment, block);
	}
}
