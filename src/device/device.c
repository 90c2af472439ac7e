// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The calls on a device as a whole: open, close, mask, limits, counters, fence and reset.
 *
 * A device is freed in two steps. The close disconnects the backend, so that the device reaches
 * nothing any more. The last reference frees the rest: mems that the driver still has must stay
 * readable until it frees them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sized.h"
#include "device/addresses.h"
#include "device/device.h"
#include "device/hardened.h"
#include "device/lookup.h"
#include "device/result.h"
#include "memory/object_memory.h"
#include "memory/object_store.h"
#include "memory/pool_slots.h"
#include "memory/refuse.h"
#include "memory/watch.h"

#define SET_MASK "coherent_device_set_mask()"

static void destroy(struct ref *ref)
{
	struct coherent_device *dev =
		(struct coherent_device *)((char *)ref - offsetof(struct coherent_device, ref));

	if (dev->store.pages.guard)
		hardened_end(dev);
	/* The pages may be the backend's own (memory_at), so it is closed in between. */
	object_store_release(&dev->store);
	if (dev->backend)
		dev->backend->ops->close(dev->backend);
	object_store_close(&dev->store);
	watch_close(&dev->store);
	irq_list_close(&dev->irqs);
	beside_close(dev);
	alive_close(dev->alive);
	free(dev->name);
	free(dev);
}

/* --- Addresses --- */

static void get_limits(struct coherent_device *dev, struct coherent_limits *limits)
{
	beside_lock(dev);
	addresses_limits(dev, object_store_mask(&dev->store), limits);
	beside_unlock(dev);
}

/*
 * Readers of the segment may look at any time. The caller holds the lock of beside_lock(), so that they
 * see the last mask of two threads.
 */
static void describe_locked(struct coherent_device *dev)
{
	struct coherent_limits limits;

	addresses_limits(dev, object_store_mask(&dev->store), &limits);
	segment_describe(&dev->store.segment, &limits, dev->backend->level, dev->store.space.guard);
}

static int change_space_locked(struct coherent_device *dev, uint64_t mask)
{
	struct iova_space space;
	int err = beside_take_locked(dev, mask);

	/* The new space is complete before the old one goes, so a failure changes nothing. */
	if (!err)
		err = addresses_open(dev, mask, &space);
	if (err)
		return err;
	err = object_store_set_space(&dev->store, &space, mask);
	if (err)
		iova_close(&space);
	return err;
}

static int use_mask(struct coherent_device *dev, uint64_t mask)
{
	bool is_alone;
	int err;

	beside_lock(dev);
	is_alone = dev->beside.is_whole;
	err = change_space_locked(dev, mask);
	if (!err)
		describe_locked(dev);
	beside_unlock(dev);
	if (err == -EIO)
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: no address range is under mask 0x%" PRIx64 "%s", dev->name, mask,
		       is_alone ? "" :
				  "; the devices beside it have the others, so set the masks "
				  "before memory is allocated");
	return err;
}

int coherent_device_set_mask(struct coherent_device *dev, uint64_t mask)
{
	int err;

	if (!dev)
		return -ENODEV;
	/* A DMA mask has no holes, as in the kernel: it is a power of two less one. */
	if (!mask || mask & (mask + 1))
		return refuse(&dev->store, -EINVAL, SET_MASK,
			      "0x%" PRIx64 " is not a mask of the lowest bits; coherent_mask() "
			      "makes one",
			      mask);
	err = device_usable(dev);
	if (err)
		return err;
	/* A call checks state before resources. The store checks again as it changes the mask. */
	err = object_store_is_used(&dev->store) ? -EBUSY : use_mask(dev, mask);
	if (err == -EBUSY)
		(void)refuse(&dev->store, err, SET_MASK,
			     "objects exist, or freed addresses are still held back; set the mask "
			     "before the first allocation");
	return err;
}

int coherent_base_device_limits(struct coherent_device *dev, struct coherent_limits *limits,
				size_t size)
{
	static const struct result_kind kind = {
		"coherent_device_limits()",
		"coherent_limits",
		sizeof(*limits),
	};
	struct coherent_limits found;
	int err = result_begin(dev, &kind, limits, size);

	if (!err)
		get_limits(dev, &found);
	return result_end(err, &kind, limits, size, &found);
}

int coherent_base_device_stats(struct coherent_device *dev, struct coherent_stats *stats,
			       size_t size)
{
	static const struct result_kind kind = {
		"coherent_device_stats()",
		"coherent_stats",
		sizeof(*stats),
	};
	struct coherent_stats found = { .objects = 0 };
	int err = result_begin(dev, &kind, stats, size);

	if (!err)
		object_store_stats(&dev->store, &found);
	return result_end(err, &kind, stats, size, &found);
}

/* --- Open --- */

static unsigned int wants_of(const struct coherent_open_options *options, bool is_hardened)
{
	const struct reporter to = { options->report, options->report_arg };
	const unsigned int nodes = options->nodes ? PAGES_NODES : 0;

	if (!is_hardened)
		return (options->gigapages ? PAGES_GIGA : 0) |
		       (options->hugepages ? PAGES_HUGE : 0) | nodes;
	if (options->gigapages || options->hugepages)
		report(&to, COHERENT_WARNING,
		       "%s: a hardened device has no hugepages, so ordinary pages serve",
		       options->name);
	return nodes;
}

static int new_device(const struct coherent_open_options *options, struct coherent_device **out)
{
	struct coherent_device *dev = calloc(1, sizeof(*dev));
	const bool is_hardened = hardened_is_wanted(options);
	int err;

	if (!dev)
		return -ENOMEM;
	dev->reporter = (struct reporter){ options->report, options->report_arg };
	ref_init(&dev->ref, destroy);
	beside_init(dev);
	dev->name = strdup(options->name);
	err = dev->name ? alive_open(&dev->alive) : -ENOMEM;
	if (err)
		goto free_device;
	dev->store.alive = dev->alive;
	dev->store.give_way = slots_give_way;
	dev->store.device = &dev->ref;
	dev->store.reporter = &dev->reporter;
	dev->store.name = dev->name;
	err = watch_open(&dev->store, options, is_hardened);
	if (err)
		goto close_alive;
	err = object_store_open(&dev->store, wants_of(options, is_hardened), options->nodes,
				is_hardened);
	if (err)
		goto close_watch;
	if (is_hardened)
		hardened_begin(dev);
	irq_list_open(&dev->irqs);
	*out = dev;
	return 0;

close_watch:
	watch_close(&dev->store);
close_alive:
	alive_close(dev->alive);
free_device:
	free(dev->name);
	free(dev);
	return err;
}

static int check_level(struct coherent_device *dev, const struct coherent_open_options *options)
{
	const enum coherent_level least = options->level ? options->level : COHERENT_HIDDEN;

	if (dev->backend->level >= least)
		return 0;
	return refuse_level(&dev->store, "coherent_device_open()", least);
}

static int open_backend(struct coherent_device *dev, const struct name *name,
			const struct coherent_open_options *options)
{
	int err = options->beside ? beside_begin(dev, options->beside) : 0;

	if (!err)
		err = backend_open(dev, name, options);
	dev->store.backend = dev->backend;
	if (!err)
		err = check_level(dev, options);
	if (err)
		return err;
	return use_mask(dev, dev->backend->limits.mask);
}

static int open_device(struct coherent_device **dev, const struct coherent_open_options *options)
{
	const struct reporter to = { options->report, options->report_arg };
	struct coherent_device *opened = NULL;
	struct name name;
	int err;

	if ((unsigned int)options->level > COHERENT_IOMMU) {
		report(&to, COHERENT_ERROR,
		       "device name \"%s\": .level = %d is not of enum coherent_level",
		       options->name ? options->name : "", (int)options->level);
		return -EINVAL;
	}
	err = name_open(&name, options->name, &to);
	if (!err)
		err = new_device(options, &opened);
	if (err)
		goto close_name;
	err = open_backend(opened, &name, options);
	/* It is a device from here on, so the last reference frees it like any other. */
	if (err) {
		if (opened->backend)
			opened->backend->ops->disconnect(opened->backend);
		ref_put(&opened->ref);
		goto close_name;
	}
	alive_set_open(opened->alive);
	beside_join(opened);
	watch_begin(&opened->store);
	*dev = opened;

close_name:
	name_close(&name);
	return err;
}

/* Reports that the options do not have a size that the library accepts. */
static int refuse_size(const struct coherent_open_options *options, int err)
{
	const struct reporter to = { options->report, options->report_arg };
	char reason[SIZED_REASON_BYTES];

	report(&to, COHERENT_ERROR, "coherent_device_open(): %s",
	       sized_explain(reason, err, "coherent_open_options", options->struct_size,
			     sizeof(*options)));
	return err;
}

int coherent_base_device_open(struct coherent_device **dev,
			      const struct coherent_open_options *options)
{
	struct coherent_open_options known;
	int err;

	*dev = NULL;
	err = sized_read(&known, sizeof(known), options, options->struct_size,
			 SIZED_TO(struct coherent_open_options, name));
	if (!err)
		return open_device(dev, &known);
	if (!sized_has(options->struct_size, SIZED_TO(struct coherent_open_options, report_arg)))
		return err;
	return refuse_size(options, err);
}

/* --- Close --- */

void coherent_device_close(struct coherent_device *dev)
{
	struct unread_faults unread = { .count = 0 };
	struct iova_list waiting;

	if (!dev || device_forked(dev))
		return;
	if (backend_refuses(dev->backend, "coherent_device_close()"))
		return;
	/* A second close finds the device closed already. */
	if (!alive_end(dev->alive))
		return;
	/*
	 * A backend in another process can tell its faults only before the disconnect. A model may
	 * fault while it closes.
	 */
	lookup_take_unread(dev, &unread);
	/* The device stops first, so that a thread that wakes finds it gone. */
	dev->backend->ops->disconnect(dev->backend);
	beside_leave(dev);
	irq_list_wake(&dev->irqs);
	lookup_take_unread(dev, &unread);
	lookup_report_unread(dev, &unread);
	/* The device reaches nothing any more, so objects that wait for a fence end now. */
	object_fence_begin(&dev->store, &waiting);
	object_fence_end(&dev->store, &waiting, 0);
	/* Kept boxes hold references, and the driver does not know them. */
	object_purge_boxes(&dev->store);
	lookup_report_live(&dev->store);
	segment_end(&dev->store.segment);
	watch_end(&dev->store);
	ref_put(&dev->ref);
}

void coherent_base_device_cleanup(struct coherent_device **dev)
{
	coherent_device_close(*dev);
}

/* --- Fence and reset --- */

static int fence(struct coherent_device *dev, int (*op)(struct backend *backend), const char *call)
{
	struct iova_list waiting;
	int err = device_usable(dev);

	if (!err && backend_refuses(dev->backend, call))
		err = -EBUSY;
	if (err)
		return err;
	/* A .release may close the device. */
	ref_hold(&dev->ref);
	watch_fence_begin(&dev->store);
	/* An object that is freed during the fence waits for the next one. */
	object_fence_begin(&dev->store, &waiting);
	err = op(dev->backend);
	object_fence_end(&dev->store, &waiting, err);
	watch_fence(&dev->store, err);
	ref_put(&dev->ref);
	return err;
}

int coherent_device_fence(struct coherent_device *dev)
{
	return dev ? fence(dev, dev->backend->ops->fence, "coherent_device_fence()") : -ENODEV;
}

int coherent_device_reset(struct coherent_device *dev)
{
	return dev ? fence(dev, dev->backend->ops->reset, "coherent_device_reset()") : -ENODEV;
}

enum coherent_level coherent_device_level(const struct coherent_device *dev)
{
	return device_usable(dev) ? 0 : dev->backend->level;
}
