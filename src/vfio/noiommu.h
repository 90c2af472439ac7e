/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The no-IOMMU mode of VFIO. type1.c opens this backend in place of its own if the kernel has the
 * device in this mode.
 */
#ifndef VFIO_NOIOMMU_H
#define VFIO_NOIOMMU_H

#include "vfio/pci.h"

extern const struct backend_ops backend_noiommu;

/**
 * vfio_noiommu_has_device() - Whether the kernel has a device in no-IOMMU mode.
 * @name: The name of the device, whose target may be malformed.
 */
bool vfio_noiommu_has_device(const struct name *name);

/* This is a function of struct backend_ops; -EOPNOTSUPP unless .level is COHERENT_NONE. */
int vfio_noiommu_open(struct backend **backend, struct coherent_device *dev,
		      const struct name *name, const struct coherent_open_options *options);

#endif
