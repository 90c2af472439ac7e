/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What type1.c opens in place of itself where no IOMMU confines a device.
 */
#ifndef VFIO_NOIOMMU_H
#define VFIO_NOIOMMU_H

#include "vfio/pci.h"

extern const struct backend_ops backend_noiommu;

/**
 * vfio_noiommu_has_device() - Whether the kernel has a device in no-IOMMU mode.
 * @bdf: Its address.
 */
bool vfio_noiommu_has_device(const char *bdf);

/* As backend_ops.open; -EOPNOTSUPP unless .level is COHERENT_NONE. */
int vfio_noiommu_open(struct backend **backend, struct coherent_device *dev,
		      const struct name *name, const struct coherent_open_options *options);

#endif
