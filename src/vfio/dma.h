/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Whether a PCI device may use DMA: its bus mastering, its fence and its reset.
 */
#ifndef VFIO_DMA_H
#define VFIO_DMA_H

#include "vfio/pci.h"

/**
 * vfio_dma_set_master() - Turn the bus mastering of a device on or off.
 * @pci: The device, with its descriptor. Its registers can be accessed afterwards.
 * @on: Whether the device may use DMA.
 *
 * Return: 0, or the error of the kernel.
 */
int vfio_dma_set_master(struct vfio_pci *pci, bool on);

/**
 * vfio_dma_allow_locked() - Let a device use DMA, now that it has a reason.
 * @pci: The device.
 *
 * A device whose last owner left commands in flight stays quiet until then, so that its driver can
 * stop it first.
 *
 * Return: 0; -ENODEV after a disconnect, or the error of the kernel.
 */
int vfio_dma_allow_locked(struct vfio_pci *pci) NEEDS_LOCK(pci->lock);

/**
 * vfio_dma_map_locked() - Let a device use DMA, and map memory for it.
 * @pci: The device.
 * @iommu: The descriptor that maps.
 * @request: The ioctl that maps.
 * @arg: Its argument.
 *
 * The device becomes bus master first, so that a failure leaves no mapping to undo. A command of
 * its last owner then only faults. If the kernel does not map the memory, the device is bus master
 * afterwards only if it was before.
 *
 * Return: 0; -ENODEV after a disconnect, or the error of the kernel.
 */
int vfio_dma_map_locked(struct vfio_pci *pci, int iommu, unsigned long request, void *arg)
	NEEDS_LOCK(pci->lock);

/* These are functions of struct backend_ops. The backend is a struct vfio_pci. */
int vfio_dma_reset(struct backend *backend);
int vfio_dma_fence(struct backend *backend);

#endif
