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

#endif
