// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The memory of a chunk, and the places of its slots. Mapping and unmapping it takes long and
 * reports, so nobody holds the lock of the pool meanwhile.
 */
#include "base/size.h"
#include "base/sys.h"
#include "memory/harden.h"
#include "memory/object_memory.h"
#include "memory/pool_chunk.h"
#include "memory/whole.h"

const struct slot *chunk_slot_at(const struct chunk *chunk, uint64_t offset)
{
	const struct coherent_slots *pool = chunk->pool;
	const uint64_t in_block = offset % pool->block_bytes / pool->slot_bytes;
	const uint64_t i = offset / pool->block_bytes * pool->per_block + in_block;

	return in_block < pool->per_block && i < chunk->count ? &chunk->slots[i] : NULL;
}

static uint32_t slots_in(const struct coherent_slots *pool, size_t bytes)
{
	const size_t rest = bytes % pool->block_bytes / pool->slot_bytes;
	const size_t last = rest < pool->per_block ? rest : pool->per_block;

	return (uint32_t)(bytes / pool->block_bytes * pool->per_block + last);
}

size_t chunk_bytes(const struct coherent_slots *pool, size_t bytes)
{
	const size_t count = bytes / pool->slot_bytes;

	/* Both are powers of two, so the chunk has whole blocks. */
	if (bytes > pool->block_bytes)
		return bytes;
	return align_up((count ? count : 1) * pool->slot_bytes, sys_page_bytes());
}

static void fill_in_slots(struct chunk *chunk)
{
	const struct coherent_slots *pool = chunk->pool;
	const uint32_t per_block = (uint32_t)pool->per_block;

	for (uint32_t i = 0; i < chunk->count; i++) {
		chunk->slots[i].kind = OBJECT_SLOT;
		chunk->slots[i].offset = (uint32_t)(i / per_block * pool->block_bytes +
						    i % per_block * pool->slot_bytes);
		chunk->slots[i].chunk = chunk;
		/* The lowest slot is last, so that it is taken first. */
		chunk->free[i] = (uint16_t)(chunk->count - 1 - i);
	}
	chunk->free_count = chunk->count;
}

/* The exposed half of a chunk: zeros, which the device may see. */
static int new_mem(const struct coherent_slots *pool, size_t bytes, unsigned int attrs,
		   struct coherent_mem *mem)
{
	const struct alloc_request request = {
		.count = bytes,
		.size = 1,
		.attrs = attrs,
		.align = bytes > pool->boundary ? pool->boundary : 0,
		.boundary = bytes > pool->boundary ? 0 : pool->boundary,
		.site = pool->site,
		.is_allowed = true,
		.is_filled = true,
		.is_modest = attrs & COHERENT_ATTR_NO_WARN,
	};
	const struct expose_request exposure = { .permission = pool->usual.permission };
	struct coherent_box box = { .va = NULL };
	int err = whole_box_zeroed(&box, pool->store, &request);

	return err ? err : whole_expose(&box, mem, &exposure);
}

static void chunk_init(struct chunk *chunk, struct coherent_slots *pool, uint32_t count)
{
	chunk->base.inverted_address = chunk->mem.inverted_address;
	chunk->pool = pool;
	chunk->alive = pool->alive;
	chunk->base.level = pool->level;
	chunk->slot_bytes = pool->slot_bytes;
	chunk->mems = (char *)chunk->mem.va;
	chunk->boxes = pool->private_bytes ? pages_va(&chunk->pages) : chunk->mems;
	chunk->count = count;
	chunk->free = (uint16_t *)(chunk->slots + count);
	fill_in_slots(chunk);
}

static int get_private(struct chunk *chunk, unsigned int attrs)
{
	struct object_store *store = chunk->base.store;
	int err;

	if (!chunk->private_bytes)
		return 0;
	err = object_get_memory(store, chunk->bytes, &chunk->pages);
	if (err && !(attrs & COHERENT_ATTR_NO_WARN) && store->give_way(store))
		err = object_get_memory(store, chunk->bytes, &chunk->pages);
	return err;
}

static void put_private(struct chunk *chunk)
{
	if (chunk->private_bytes)
		object_put_memory(chunk->base.store, &chunk->pages);
}

int chunk_new(struct coherent_slots *pool, size_t bytes, unsigned int attrs, struct chunk **out)
{
	const uint32_t count = slots_in(pool, bytes);
	struct segment *segment = &pool->store->segment;
	struct chunk *chunk = segment_get(
		segment, sizeof(*chunk) + count * (sizeof(struct slot) + sizeof(uint16_t)));
	int err;

	if (!chunk)
		return -ENOMEM;
	chunk->base.store = pool->store;
	chunk->private_bytes = pool->private_bytes;
	chunk->bytes = bytes;
	err = get_private(chunk, attrs);
	if (err)
		goto free_chunk;
	err = new_mem(pool, bytes, attrs, &chunk->mem);
	if (err)
		goto put_pages;
	chunk_init(chunk, pool, count);
	object_set_chunk(chunk->mem.object, chunk);
	if (pool->private_bytes)
		page_owner_set(&pool->store->owners, chunk->boxes, bytes, chunk->mem.object);
	if (pool->private_bytes && pool->store->pages.guard)
		harden_chunk(chunk);
	*out = chunk;
	return 0;

put_pages:
	put_private(chunk);
free_chunk:
	segment_put(segment, chunk);
	return err;
}

/*
 * The driver has freed all objects of the chunk, and so promised that the device does not use
 * them. Where an unmap of idle memory is a fence, this uses that promise. Where any unmap is a fence,
 * the promise is not needed. Elsewhere the pages wait for a fence, like all that is freed.
 * The pool may have ended by now.
 */
void chunk_end(struct chunk *chunk)
{
	struct object_store *store = chunk->base.store;

	object_set_chunk(chunk->mem.object, NULL);
	if (store->backend->idle_is_fence)
		whole_free_idle(&chunk->mem);
	else
		whole_free(&chunk->mem);
	put_private(chunk);
	segment_put(&store->segment, chunk);
}
