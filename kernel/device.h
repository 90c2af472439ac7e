/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The functions by which a driver asks and tells the library about a device in the kernel. */
#ifndef COHERENT_KERNEL_DEVICE_H
#define COHERENT_KERNEL_DEVICE_H

#include <coherent.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>

#include "allocate.h"
#include "place.h"

enum coherent_level __weak coherent_device_level(struct device *dev)
{
	const char *why;

	if (!coherent_is_bound(dev))
		return 0;
	why = coherent_why_hidden(dev);
	if (why == coherent_narrow_mask)
		dev_warn_once(dev, "coherent: level COHERENT_HIDDEN: %s\n", why);
	return why ? COHERENT_HIDDEN : COHERENT_IOMMU;
}

/* Returns 0 if the mask of a device may change to this one. */
static int coherent_check_mask(const struct device *dev, u64 mask)
{
	if (!coherent_is_bound(dev))
		return -ENODEV;
	if (!mask || mask & (mask + 1))
		return coherent_refuse(-EINVAL, dev_name(dev),
				       "the mask is 0 or has a hole; use coherent_mask()");
	return 0;
}

int __weak(coherent_device_set_mask)(struct device *dev, u64 mask)
{
	int err = coherent_check_mask(dev, mask);

	if (err)
		return err;
	return dma_set_mask_and_coherent(dev, mask) ? -EIO : 0;
}

int __weak(coherent_device_set_coherent_mask)(struct device *dev, u64 mask)
{
	int err = coherent_check_mask(dev, mask);

	if (err)
		return err;
	return dma_set_coherent_mask(dev, mask) ? -EIO : 0;
}

int __weak(coherent_device_set_streaming_mask)(struct device *dev, u64 mask)
{
	int err = coherent_check_mask(dev, mask);

	if (err)
		return err;
	return dma_set_mask(dev, mask) ? -EIO : 0;
}

static void coherent_queue_set_level(struct coherent_queue *queue, u32 level)
{
	queue->level = level;
	if (level && coherent_unit.ready == queue->dev)
		WRITE_ONCE(coherent_unit.ready, NULL);
}

static void coherent_queue_set_max_segment(struct coherent_queue *queue, u32 bytes)
{
	queue->max_segment = bytes;
	WRITE_ONCE(coherent_unit.has_segments, true);
	dma_set_max_seg_size(queue->dev, bytes);
}

/* Changes the queue of a device under the lock. The queue ends with the binding. */
static int coherent_queue_change(struct device *dev,
				 void (*change)(struct coherent_queue *queue, u32 value), u32 value)
{
	struct coherent_queue *queue;
	unsigned long flags;
	int err;

	err = coherent_queue_make(dev, GFP_KERNEL);
	if (err)
		return err;
	spin_lock_irqsave(&coherent_unit.lock, flags);
	queue = coherent_queue_find(dev);
	if (queue)
		change(queue, value);
	spin_unlock_irqrestore(&coherent_unit.lock, flags);
	return queue ? 0 : -ENODEV;
}

int __weak(coherent_device_set_level)(struct device *dev, enum coherent_level level)
{
	const char *why;

	if (!coherent_is_bound(dev))
		return -ENODEV;
	if (level < COHERENT_NONE || level > COHERENT_IOMMU)
		return coherent_refuse(-EINVAL, dev_name(dev),
				       "the level is not an enum coherent_level");
	if (level <= COHERENT_HIDDEN)
		return coherent_queue_change(dev, coherent_queue_set_level, 0);
	why = coherent_why_hidden(dev);
	if (why)
		return coherent_refuse(-EOPNOTSUPP, dev_name(dev), why);
	return coherent_queue_change(dev, coherent_queue_set_level, COHERENT_IOMMU);
}

/* Newer kernels warn of a device without dma_parms, and do not return an error. */
int __weak(coherent_device_set_max_segment)(struct device *dev, u64 bytes)
{
	if (!coherent_is_bound(dev))
		return -ENODEV;
	if (!bytes || bytes > U32_MAX)
		return coherent_refuse(-EINVAL, dev_name(dev),
				       "the maximum segment is 0 or more than 32 bits");
	if (!dev->dma_parms)
		return coherent_refuse(-EIO, dev_name(dev),
				       "the bus of the device keeps no maximum segment");
	return coherent_queue_change(dev, coherent_queue_set_max_segment, bytes);
}

#endif
