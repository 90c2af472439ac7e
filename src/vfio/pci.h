/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A PCI device that vfio-pci, or a variant of it, is bound to. find.c finds it; once
 * there is a descriptor of it, pci.c has registers, bus mastering and reset, irq.c
 * interrupts. How its memory is mapped is the backends'.
 */
#ifndef VFIO_PCI_H
#define VFIO_PCI_H

#include <stdatomic.h>

#include "backend.h"
#include "base/lock.h"
#include "device/device.h"
#include "vfio/find.h"

#define VFIO_PCI_BARS 6
#define VFIO_PCI_VECTORS_MAX 64
/* As many as limits have. */
#define VFIO_PCI_RANGES_MAX 8

/**
 * struct vfio_pci_bar - A BAR.
 * @bytes: Its size, 0 if there is none.
 * @offset: Where it is in the device's descriptor.
 * @va: Where it is mapped; NULL if it is reached through the descriptor.
 */
struct vfio_pci_bar {
	uint64_t bytes;
	uint64_t offset;
	char *va;
};

/**
 * struct vfio_pci_range - Where the IOMMU translates.
 * @first: The first address.
 * @last: The last address.
 */
struct vfio_pci_range {
	uint64_t first;
	uint64_t last;
};

/**
 * struct vfio_pci - A device; embedded in those of the backends.
 * @backend: For the library.
 * @bdf: Its address. Never changes.
 * @fd: Its descriptor; -1 when it is disconnected, or was not adopted too.
 * @adopted: The IOMMU and the device are the caller's. Never changes.
 * @first: First of the addresses that are ours. Never changes.
 * @last: Last of them. Never changes.
 * @ranges: Which addresses it is given, ascending, and room for one more. Never changes.
 * @range_count: How many of them there are.
 * @has_device: There is a device; else its memory alone was adopted. Never changes.
 * @can_reset: It has a reset of its own. Never changes.
 * @config: Where its configuration space is in @fd. Never changes.
 * @bars: Its BARs. @va never changes, what is there does with @disconnect.
 * @irq_index: INTx, MSI or MSI-X, whichever is the best it has. Never changes.
 * @vectors: How many it has of them. Never changes.
 * @connected: Not disconnected.
 * @lock: Guards @fd, @irq_fds and @irq_count.
 * @irq_fds: What is signalled; -1 for nobody.
 * @irq_count: How many vectors the kernel had when the first of them was connected.
 * @request_fd: Signalled when the kernel wants the device back, as when it is unplugged
 *	or unbound, and never read; -1 where it cannot say so. Never changes.
 */
struct vfio_pci {
	struct backend backend;
	char bdf[VFIO_FIND_BDF_BYTES];
	int fd;
	bool adopted;
	uint64_t first;
	uint64_t last;
	struct vfio_pci_range ranges[VFIO_PCI_RANGES_MAX + 1];
	unsigned int range_count;
	bool has_device;
	bool can_reset;
	uint64_t config;
	struct vfio_pci_bar bars[VFIO_PCI_BARS];
	unsigned int irq_index;
	unsigned int vectors;
	atomic_bool connected;
	struct lock lock;
	int32_t irq_fds[VFIO_PCI_VECTORS_MAX];
	unsigned int irq_count;
	int request_fd;
};

/**
 * vfio_pci_adopt() - Take over what the caller has opened.
 * @pci: Zero bytes but for backend; filled in but for what vfio_pci_open() does.
 * @name: The device's name.
 * @options: Whose window and descriptors are used.
 * @iommu: The caller's container or iommufd.
 * @copy: Set to a descriptor of the same; the caller's to close, also on failure,
 *	where it may be negative.
 *
 * Return: 0; -EINVAL (name, window, descriptor), -ENOSPC (descriptors).
 */
int vfio_pci_adopt(struct vfio_pci *pci, const struct name *name,
		   const struct coherent_open_options *options, int iommu, int *copy);

/**
 * vfio_pci_adopt_device() - Use the device that the caller has opened, if any.
 * @pci: From vfio_pci_adopt().
 * @fd: The caller's; 0 for none.
 *
 * Return: 0; -EINVAL (not a PCI device of VFIO's), -ENOSPC, -EIO (or nothing of the
 * window is translated), -ENODEV.
 */
int vfio_pci_adopt_device(struct vfio_pci *pci, int fd);

/**
 * vfio_pci_allow() - Say where the IOMMU translates.
 * @pci: The device, to which all ranges are told before it is used.
 * @first: The first address, above all that were told before.
 * @last: The last address.
 *
 * Used are the whole pages in it, in the window where there is one. Of more ranges than
 * limits have, the largest are.
 */
void vfio_pci_allow(struct vfio_pci *pci, uint64_t first, uint64_t last);

/**
 * vfio_pci_report_page_size() - Report that pages of the CPU are less than the IOMMU's.
 * @dev: The device.
 *
 * Return: -EIO.
 */
int vfio_pci_report_page_size(const struct coherent_device *dev);

/**
 * vfio_pci_map_result() - What a backend's map() answers.
 * @dev: Told if the limit of pinned memory is too low.
 * @mapping: What was to be mapped.
 * @err: What the kernel answered.
 *
 * Return: 0; -ENOMEM, -ENOSPC, -ENODEV, -EIO.
 */
int vfio_pci_map_result(const struct coherent_device *dev, const struct backend_mapping *mapping,
			int err);

/**
 * vfio_pci_report_unmap_all() - Say so if what is left could not be unmapped at once.
 * @dev: The device.
 * @err: What the kernel answered.
 */
void vfio_pci_report_unmap_all(const struct coherent_device *dev, int err);

/**
 * vfio_pci_open() - Use a device.
 * @pci: Zero bytes but for backend and bdf; filled in.
 * @fd: Its descriptor, @pci's on success.
 *
 * It is bus master from here on.
 *
 * Return: 0; -EIO, -ENODEV.
 */
int vfio_pci_open(struct vfio_pci *pci, int fd);

/**
 * vfio_pci_disconnect() - Stop the device and let go of its descriptor.
 * @pci: The device.
 */
void vfio_pci_disconnect(struct vfio_pci *pci);

/**
 * vfio_pci_close() - Free what vfio_pci_open() took.
 * @pci: The device, disconnected.
 */
void vfio_pci_close(struct vfio_pci *pci);

/**
 * vfio_pci_limits() - Fill in ranges, BARs and vectors.
 * @pci: The device.
 * @limits: The rest stays.
 */
void vfio_pci_limits(const struct vfio_pci *pci, struct coherent_limits *limits);

/* As the ops of struct backend_ops, on a struct vfio_pci. */
int vfio_pci_reset(struct backend *backend);
int vfio_pci_fence(struct backend *backend);
int vfio_pci_next_fault(struct backend *backend, struct coherent_fault *fault);
uint64_t vfio_pci_reg_read(struct backend *backend, unsigned int bar, uint64_t offset,
			   unsigned int width);
void vfio_pci_reg_write(struct backend *backend, unsigned int bar, uint64_t offset,
			unsigned int width, uint64_t value);

#endif
