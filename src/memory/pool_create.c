// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The beginning and the end of a pool: the layout of its slots, and the objects that keep it from
 * being destroyed.
 */
#include <stdlib.h>

#include "base/size.h"
#include "base/sys.h"
#include "device/device.h"
#include "memory/options.h"
#include "memory/pool_slots.h"
#include "memory/refuse.h"
#include "memory/watch.h"

#define SLOT_BYTES_MIN 16
#define CACHE_LINE 64
/* Report at most this many objects that keep a pool from being destroyed. */
#define REPORTED_MAX 8

static size_t natural_align(size_t size)
{
	size_t align = SLOT_BYTES_MIN;

	if (size > sys_page_bytes())
		return sys_page_bytes();
	while (align < size && align < CACHE_LINE)
		align *= 2;
	return align;
}

/* Without .boundary a slot that fits into a page does not cross one. */
static size_t block_of(size_t size, uint64_t boundary)
{
	const size_t page = sys_page_bytes(), most = size > page ? SLOT_BYTES_MAX : page;

	return boundary && boundary < most ? (size_t)boundary : most;
}

/* Returns the bytes of a slot and sets the block that no slot crosses; 0 for a bad argument. */
static size_t layout(size_t size, const struct coherent_pool_options *options, size_t *block)
{
	size_t align = options->align ? options->align : natural_align(size), bytes;

	if ((unsigned int)options->permission > COHERENT_READ_ONLY ||
	    (unsigned int)options->level > COHERENT_IOMMU || !is_power_of_two(align) ||
	    align > sys_page_bytes() || (options->boundary && !is_power_of_two(options->boundary)))
		return 0;
	*block = block_of(size, options->boundary);
	if (align < SLOT_BYTES_MIN)
		align = SLOT_BYTES_MIN;
	bytes = size > SLOT_BYTES_MAX ? 0 : align_up(size, align);
	return bytes <= *block ? bytes : 0;
}

/* A slot of a hardened device is alone in its pages, and a page that nobody can access follows. */
static size_t hardened_block(size_t bytes)
{
	const size_t page = sys_page_bytes(), needed = align_up(bytes, page) + page;
	size_t block = page;

	while (block < needed && block < SLOT_BYTES_MAX)
		block *= 2;
	return block;
}

static void set_layout(struct coherent_slots *pool, size_t bytes, size_t block, bool in_place)
{
	const bool is_alone = pool->store->pages.guard && !in_place;

	pool->slot_bytes = bytes;
	pool->private_bytes = in_place ? 0 : bytes;
	pool->block_bytes = is_alone ? hardened_block(bytes) : block;
	pool->per_block = is_alone ? 1 : block / bytes;
}

/* Returns what keeps the device from a box of a pool. */
static enum coherent_level level_of(const struct object_store *store, bool in_place)
{
	const enum coherent_level level = store->backend->level;

	return in_place && level > COHERENT_HIDDEN ? COHERENT_HIDDEN : level;
}

static int check_level(struct object_store *store, const struct coherent_pool_options *options,
		       const char *site)
{
	if (options->level <= level_of(store, options->in_place))
		return 0;
	if (options->level > store->backend->level)
		return refuse_level(store, site, options->level);
	return refuse_in_place(store, site);
}

static const char *why_invalid(size_t size, const struct coherent_pool_options *options)
{
	if ((unsigned int)options->permission > COHERENT_READ_ONLY)
		return ".permission is not of enum coherent_permission";
	if ((unsigned int)options->level > COHERENT_IOMMU)
		return ".level is not a value of enum coherent_level";
	if (options->align && !is_power_of_two(options->align))
		return ".align is not a power of two";
	if (options->align > sys_page_bytes())
		return ".align is more than a page";
	if (options->boundary && !is_power_of_two(options->boundary))
		return ".boundary is not a power of two";
	if (!size)
		return "the size of an object is 0";
	if (size > SLOT_BYTES_MAX)
		return "an object is larger than 2 MiB; allocate such objects one by one, with "
		       "coherent_box_zeroed() or coherent_zeroed()";
	return "an object, rounded up to .align, does not fit between two multiples of .boundary";
}

static int refuse_layout(struct coherent_device *dev, size_t size,
			 const struct coherent_pool_options *options, const char *site)
{
	return refuse(dev ? &dev->store : NULL, -EINVAL, site,
		      "%s: objects of %zu bytes, .align = %zu, .boundary = %llu, .permission = %d",
		      why_invalid(size, options), size, options->align,
		      (unsigned long long)options->boundary, (int)options->permission);
}

/* Returns the store that gets a report about the size of the options. */
static struct object_store *store_for_size(const struct coherent_pool_options *options)
{
	const bool has_device = sized_has(options->struct_size, options_of_pool.least);

	return has_device && options->dev ? &options->dev->store : NULL;
}

static void add_to_store(struct coherent_slots *pool)
{
	lock_take(&pool->store->lock);
	LIST_INSERT_HEAD(&pool->store->pools, pool, link);
	lock_drop(&pool->store->lock);
}

static void remove_from_store(struct coherent_slots *pool)
{
	lock_take(&pool->store->lock);
	LIST_REMOVE(pool, link);
	lock_drop(&pool->store->lock);
}

int coherent_base_pool_create(struct coherent_pool *base, size_t size,
			      const struct coherent_pool_options *options, const char *site)
{
	struct coherent_pool_options copy;
	struct coherent_slots *pool;
	size_t block, bytes;
	int err;

	options = options_known(options, &copy, &options_of_pool, store_for_size(options), site,
				&err);
	if (err)
		return err;
	bytes = layout(size, options, &block);
	if (!bytes)
		return refuse_layout(options->dev, size, options, site);
	if (base->va)
		return refuse_pool(options->dev ? &options->dev->store : NULL, site, base->va);
	err = device_usable(options->dev);
	if (!err)
		err = check_level(&options->dev->store, options, site);
	if (err)
		return err;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->store = &options->dev->store;
	pool->alive = watch_alive(pool->store);
	pool->site = site_copy(&pool->store->sites, site);
	set_layout(pool, bytes, block, options->in_place);
	pool->level = level_of(pool->store, options->in_place);
	pool->element_bytes = size;
	pool->boundary = size > sys_page_bytes() && options->boundary ? pool->block_bytes : 0;
	pool->usual.options_bytes = sizeof(struct coherent_expose_options);
	pool->usual.permission = options->permission;
	pool->delay = options->delay;
	err = slots_open(pool);
	if (err) {
		free(pool);
		return err;
	}
	ref_hold(pool->store->device);
	add_to_store(pool);
	base->va = pool;
	return 0;
}

static void report_slot(const struct coherent_slots *pool, const struct slot *slot)
{
	report(pool->store->reporter, COHERENT_WARNING,
	       "%s: a %s of %zu bytes of the pool created at %s, allocated at %s, is not freed",
	       pool->store->name, slot->state == COHERENT_STATE_BOX ? "box" : "mem",
	       pool->slot_bytes, pool->site, slot_site(slot));
}

/* Counts the objects in use, and reports the first ones. */
static size_t report_live(const struct coherent_slots *pool)
{
	const struct chunk *chunk;
	size_t live = 0;

	TAILQ_FOREACH(chunk, &pool->chunks, link)
		for (uint32_t i = 0; i < chunk->count; i++)
			if (chunk->slots[i].state && live++ < REPORTED_MAX)
				report_slot(pool, &chunk->slots[i]);
	if (live > REPORTED_MAX)
		report(pool->store->reporter, COHERENT_WARNING, "%s: and %zu more",
		       pool->store->name, live - REPORTED_MAX);
	return live;
}

int coherent_base_pool_destroy(struct coherent_pool *base)
{
	struct coherent_slots *pool = base->va;

	if (!pool)
		return 0;
	if (!alive_is_ours(pool->store->alive))
		return -ENODEV;
	/* Then no other thread looks for unused chunks of the pool. */
	remove_from_store(pool);
	if (report_live(pool)) {
		add_to_store(pool);
		return -EBUSY;
	}
	slots_close(pool);
	ref_put(pool->store->device);
	free(pool);
	base->va = NULL;
	return 0;
}

void coherent_base_pool_cleanup(void *pool)
{
	/* A failure is reported by the call. */
	(void)!coherent_base_pool_destroy(pool);
}
