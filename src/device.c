// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Devices: open, close, mask, limits, counts, fence, reset.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"
#include "sys.h"

struct pollfd device_lost(const struct coherent_device *dev)
{
	const struct backend *backend = dev->backend;

	return backend->ops->lost ? backend->ops->lost(backend) : (struct pollfd){ .fd = -1 };
}

bool device_is_lost(const struct coherent_device *dev)
{
	struct backend *backend = dev->backend;

	return backend->ops->is_lost && backend->ops->is_lost(backend);
}

uint64_t device_mask(struct coherent_device *dev)
{
	uint64_t mask;

	lock_take(&dev->lock);
	mask = dev->mask;
	lock_drop(&dev->lock);
	return mask;
}

static void destroy(struct ref *ref)
{
	struct coherent_device *dev =
		(struct coherent_device *)((char *)ref - offsetof(struct coherent_device, ref));

	object_release_rest(dev);
	if (dev->backend)
		dev->backend->ops->close(dev->backend);
	iova_close(&dev->space);
	pages_close(&dev->pages);
	page_owner_close(&dev->owners);
	lock_destroy(&dev->lock);
	alive_close(dev->alive);
	free(dev->name);
	free(dev);
}

/* --- Addresses --- */

/*
 * The part of a range under a mask, if it can hold a page and its guard; the
 * last page of all is never used.
 */
static bool clip(const struct coherent_limits *limits, unsigned int i, uint64_t mask,
		 uint64_t *first, uint64_t *last)
{
	const uint64_t page = limits->page_bytes;
	uint64_t end = limits->ranges[i].last < mask ? limits->ranges[i].last : mask;

	if (end > -page - 1)
		end = -page - 1;
	*first = limits->ranges[i].first ? limits->ranges[i].first : page;
	if (end < page - 1)
		return false;
	*last = ((end + 1) & -page) - 1;
	if (*first >= *last)
		return false;
	return *last - *first > page;
}

static int open_space(const struct coherent_limits *limits, uint64_t mask, struct iova_space *space)
{
	uint64_t first, last;
	int err;

	err = iova_open(space, limits->page_bytes, limits->page_bytes);
	for (unsigned int i = 0; !err && i < limits->range_count; i++)
		if (clip(limits, i, mask, &first, &last))
			err = iova_allow(space, first, last);
	if (!err && !space->usable)
		err = -EIO;
	if (err)
		iova_close(space);
	return err;
}

/* Those that must not become others'. */
static bool has_addresses_locked(const struct coherent_device *dev) NEEDS_LOCK(dev->lock)
{
	return dev->stats.objects || (dev->backend->addresses_linger && dev->space.retired_count);
}

/* The lock is taken because the device may be faulting already. */
static int use_mask(struct coherent_device *dev, uint64_t mask)
{
	struct iova_space space, unused;
	int err;

	err = open_space(&dev->limits, mask, &space);
	if (err == -EIO)
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: no address range is under mask 0x%" PRIx64, dev->name, mask);
	if (err)
		return err;

	space.keeps_bytes = dev->backend->addresses_linger;
	unused = space;
	lock_take(&dev->lock);
	if (has_addresses_locked(dev)) {
		err = -EBUSY;
	} else {
		object_purge_locked(dev);
		unused = dev->space;
		dev->space = space;
		STAILQ_INIT(&dev->space.retired);
		dev->mask = mask;
	}
	lock_drop(&dev->lock);
	iova_close(&unused);
	return err;
}

int coherent_device_set_mask(struct coherent_device *dev, uint64_t mask)
{
	int err = device_usable(dev);
	bool busy;

	if (err)
		return err;
	if (mask & (mask + 1))
		return -EINVAL;
	/* State before resources; use_mask() looks again as it changes the mask. */
	lock_take(&dev->lock);
	busy = has_addresses_locked(dev);
	lock_drop(&dev->lock);
	return busy ? -EBUSY : use_mask(dev, mask);
}

int coherent_device_limits(struct coherent_device *dev, struct coherent_limits *limits)
{
	int err = device_usable(dev);
	uint64_t first, last;

	*limits = (struct coherent_limits){ .mask = 0 };
	if (err)
		return err;
	*limits = dev->limits;
	limits->mask = device_mask(dev);
	limits->range_count = 0;
	memset(limits->ranges, 0, sizeof(limits->ranges));
	for (unsigned int i = 0; i < dev->limits.range_count; i++) {
		if (!clip(&dev->limits, i, limits->mask, &first, &last))
			continue;
		limits->ranges[limits->range_count].first = first;
		limits->ranges[limits->range_count++].last = last;
	}
	return 0;
}

int coherent_device_stats(struct coherent_device *dev, struct coherent_stats *stats)
{
	struct iova_range *range;
	int err = device_usable(dev);

	*stats = (struct coherent_stats){ .objects = 0 };
	if (err)
		return err;
	lock_take(&dev->lock);
	*stats = dev->stats;
	stats->quarantined = dev->space.retired_count;
	stats->quarantined_bytes = dev->space.retired_bytes;
	STAILQ_FOREACH(range, &dev->waiting, retired)
		stats->waiting++;
	lock_drop(&dev->lock);
	pages_count(&dev->pages, &stats->memory, &stats->reused);
	return 0;
}

/* --- Open --- */

static unsigned int wants_of(const struct coherent_open_options *options)
{
	return (options->gigapages ? PAGES_GIGA : 0) | (options->hugepages ? PAGES_HUGE : 0) |
	       (options->nodes ? PAGES_NODES : 0);
}

static int new_device(const struct coherent_open_options *options, struct coherent_device **out)
{
	struct coherent_device *dev = calloc(1, sizeof(*dev));
	int err;

	if (!dev)
		return -ENOMEM;
	dev->reporter = (struct reporter){ options->report, options->report_arg };
	ref_init(&dev->ref, destroy);
	object_start(dev);
	LIST_INIT(&dev->irqs);
	dev->name = strdup(options->name);
	err = dev->name ? alive_open(&dev->alive) : -ENOMEM;
	if (err)
		goto free_device;
	err = pages_open(&dev->pages, &dev->owners, wants_of(options), options->nodes);
	if (err)
		goto close_alive;
	lock_init(&dev->lock);
	*out = dev;
	return 0;

close_alive:
	alive_close(dev->alive);
free_device:
	free(dev->name);
	free(dev);
	return err;
}

static int check_level(const struct coherent_device *dev,
		       const struct coherent_open_options *options)
{
	const enum coherent_level least = options->level ? options->level : COHERENT_HIDDEN;

	if (dev->backend->level >= least)
		return 0;
	report(&dev->reporter, COHERENT_ERROR, "%s: its level is less than asked for", dev->name);
	return -EOPNOTSUPP;
}

static int start(struct coherent_device *dev, const struct name *name,
		 const struct coherent_open_options *options)
{
	int err = backend_open(dev, name, options);

	if (!err)
		err = check_level(dev, options);
	if (err)
		return err;
	dev->backend->ops->limits(dev->backend, &dev->limits);
	return use_mask(dev, dev->limits.mask);
}

int coherent_base_device_open(struct coherent_device **dev,
			      const struct coherent_open_options *options)
{
	const struct reporter to = { options->report, options->report_arg };
	struct coherent_device *opened = NULL;
	struct name name;
	int err;

	*dev = NULL;
	if ((unsigned int)options->level > COHERENT_IOMMU)
		return -EINVAL;
	err = name_open(&name, options->name, &to);
	if (!err)
		err = new_device(options, &opened);
	if (err)
		goto close_name;
	err = start(opened, &name, options);
	if (err) {
		if (opened->backend)
			opened->backend->ops->disconnect(opened->backend);
		ref_put(&opened->ref);
		goto close_name;
	}
	alive_set_open(opened->alive);
	*dev = opened;

close_name:
	name_close(&name);
	return err;
}

/* --- Close --- */

/* The next box or mem from an address on, as a line. */
static bool left_open_locked(struct coherent_device *dev, uint64_t *address, char *line,
			     size_t size) NEEDS_LOCK(dev->lock)
{
	struct iova_range *range;

	while ((range = iova_from(&dev->space, *address))) {
		const struct coherent_object *object = object_of(range);

		*address = range->first + 1;
		if (range->hole || object->leaked || object->state == COHERENT_STATE_NONE ||
		    object->state > COHERENT_STATE_MEM)
			continue;
		if (object->chunk)
			snprintf(line, size, "%s: %zu bytes of the pool created at %s are left",
				 dev->name, object_bytes(object), object->site);
		else
			snprintf(line, size, "%s: a %s of %zu bytes allocated at %s is not freed",
				 dev->name, object->state == COHERENT_STATE_BOX ? "box" : "mem",
				 object_bytes(object), object->site);
		return true;
	}
	return false;
}

static void report_left_open(struct coherent_device *dev)
{
	uint64_t address = 0;
	char line[256];
	bool more;

	/* One at a time: reports are not made under the lock. */
	do {
		lock_take(&dev->lock);
		more = left_open_locked(dev, &address, line, sizeof(line));
		lock_drop(&dev->lock);
		if (more)
			report(&dev->reporter, COHERENT_WARNING, "%s", line);
	} while (more);
}

void coherent_device_close(struct coherent_device *dev)
{
	if (!dev || device_forked(dev))
		return;
	if (!alive_end(dev->alive))
		return;
	dev->backend->ops->disconnect(dev->backend);
	irq_wake_all(dev);
	object_purge_boxes(dev);
	report_left_open(dev);
	ref_put(&dev->ref);
}

void coherent_base_device_cleanup(struct coherent_device **dev)
{
	coherent_device_close(*dev);
}

/* --- Fence and reset --- */

static int fence(struct coherent_device *dev, int (*op)(struct backend *backend))
{
	struct waiting waiting = STAILQ_HEAD_INITIALIZER(waiting);
	int err = device_usable(dev);

	if (err)
		return err;
	lock_take(&dev->lock);
	STAILQ_CONCAT(&waiting, &dev->waiting);
	lock_drop(&dev->lock);
	err = op(dev->backend);
	if (err) {
		lock_take(&dev->lock);
		STAILQ_CONCAT(&dev->waiting, &waiting);
		lock_drop(&dev->lock);
		return err;
	}
	object_release_waiting(dev, &waiting);
	return 0;
}

int coherent_device_fence(struct coherent_device *dev)
{
	return dev ? fence(dev, dev->backend->ops->fence) : -ENODEV;
}

int coherent_device_reset(struct coherent_device *dev)
{
	return dev ? fence(dev, dev->backend->ops->reset) : -ENODEV;
}

enum coherent_level coherent_device_level(const struct coherent_device *dev)
{
	return device_usable(dev) ? 0 : dev->backend->level;
}
