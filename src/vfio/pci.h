/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A PCI device that is bound to vfio-pci or a variant of it. find.h finds the device. Once there is
 * a descriptor of it, bar.h has its registers, dma.h its bus mastering and reset, and irq.h its
 * interrupts. type1.c, iommufd.c and noiommu.c map its memory.
 */
#ifndef VFIO_PCI_H
#define VFIO_PCI_H

#include <stdatomic.h>

#include "backend.h"
#include "base/lock.h"
#include "device/device.h"
#include "vfio/find.h"

#define VFIO_PCI_BARS 6

/**
 * struct vfio_pci_bar - A BAR.
 * @bytes: The size; 0 if the device does not have this BAR.
 * @offset: The offset of the BAR in the descriptor of the device.
 * @va: The address of the mapping; NULL if the BAR is reached through the descriptor.
 */
struct vfio_pci_bar {
	uint64_t bytes;
	uint64_t offset;
	char *va;
};

/**
 * struct vfio_pci - A PCI device. It is the first member of the struct of each backend.
 * @backend: The part that the core knows.
 * @bdf: The PCI address. Never changes.
 * @fd: The descriptor of the device; -1 after it is disconnected, or if no device was adopted.
 * @adopted: The caller opened the IOMMU and the device. Never changes.
 * @first: The first address that the library may use. Never changes.
 * @last: The last address that the library may use. Never changes.
 * @given: Its ranges are the addresses that are given to the device. Never changes.
 * @has_device: There is a device. It is false if only an address space was adopted. Never changes.
 * @can_reset: The device has a reset of its own. Never changes.
 * @config: The offset of the configuration space in @fd. Never changes, as the next.
 * @config_bytes: Its size.
 * @bars: The BARs. No @va changes, but a disconnect puts other memory there.
 * @irq_index: INTx, MSI or MSI-X, whichever is the best that the device has. Never changes.
 * @vectors: The number of interrupt vectors of that kind. Never changes.
 * @connected: The device is not disconnected yet.
 * @lock: Guards what follows up to @irq_count.
 * @is_master: The library has made the device bus master, or its caller decides whether it is.
 * @irq_fds: The eventfd of each vector; -1 for a vector that is not connected.
 * @irq_set: Room for a call that sets all vectors.
 * @adds_irqs: The kernel can enable a vector while others are enabled.
 * @irqs_used: The number of vectors that are connected.
 * @irq_count: The number of vectors that the kernel had when the first one was connected.
 * @request_fd: The kernel signals this eventfd when it wants the device back, for example when the
 *	device is unplugged or unbound. It is never read. -1 if the kernel cannot signal this.
 *	Never changes.
 */
struct vfio_pci {
	struct backend backend;
	char bdf[VFIO_FIND_BDF_BYTES];
	int fd;
	bool adopted;
	uint64_t first;
	uint64_t last;
	struct coherent_limits given;
	bool has_device;
	bool can_reset;
	uint64_t config;
	uint64_t config_bytes;
	struct vfio_pci_bar bars[VFIO_PCI_BARS];
	unsigned int irq_index;
	unsigned int vectors;
	atomic_bool connected;
	struct lock lock;
	bool is_master;
	int32_t *irq_fds;
	struct vfio_irq_set *irq_set;
	bool adds_irqs;
	unsigned int irqs_used;
	unsigned int irq_count;
	int request_fd;
};

/**
 * vfio_pci_of() - The PCI device of a backend.
 * @backend: The backend of a VFIO device.
 */
static inline struct vfio_pci *vfio_pci_of(struct backend *backend)
{
	return (struct vfio_pci *)backend;
}

/**
 * vfio_pci_adopt() - Take over an address space that the caller has opened.
 * @pci: Zero bytes except for backend. The call fills in what vfio_pci_open() does not.
 * @name: The name of the device.
 * @options: The window in it is used.
 * @iommu: The container or iommufd of the caller.
 * @copy: Set to a copy of that descriptor, or to a negative number. The caller closes it, also
 *	after a failure.
 *
 * Return: 0; -EINVAL (the name, the window or the descriptor is wrong), -ENOSPC (no descriptor is
 * left).
 */
int vfio_pci_adopt(struct vfio_pci *pci, const struct name *name,
		   const struct coherent_open_options *options, int iommu, int *copy);

/**
 * vfio_pci_adopt_device() - Use the device that the caller has opened, if there is one.
 * @pci: The device, after vfio_pci_adopt().
 * @fd: The descriptor of the caller; 0 for none.
 *
 * Return: 0; -EINVAL (not a PCI device of VFIO), -ENOSPC (no descriptor is left), -EIO (also if
 * the IOMMU does not translate any page of the window), -ENODEV, -ENOMEM.
 */
int vfio_pci_adopt_device(struct vfio_pci *pci, int fd);

/**
 * vfio_pci_allow() - Tell which addresses the IOMMU translates.
 * @pci: The device. All ranges are told before it is used.
 * @first: The first address. It is above all ranges that were told before.
 * @last: The last address.
 *
 * The library uses the whole pages of the range, and of those only the part inside the window of an
 * adopted address space. If there are more ranges than struct coherent_limits has room for, the
 * smallest ones are dropped.
 */
void vfio_pci_allow(struct vfio_pci *pci, uint64_t first, uint64_t last);

/**
 * vfio_pci_check_beside() - Make sure that a device takes no addresses from those that share its space.
 * @pci: The device, after vfio_pci_allow().
 * @with: A device of the space.
 *
 * Return: 0; with a report -EOPNOTSUPP.
 */
int vfio_pci_check_beside(const struct vfio_pci *pci, const struct coherent_device *with);

/**
 * vfio_pci_report_page_size() - Report that the pages of the IOMMU are larger than the CPU's.
 * @dev: The device.
 *
 * Return: -EIO.
 */
int vfio_pci_report_page_size(const struct coherent_device *dev);

/**
 * vfio_pci_map_result() - Turn the kernel's error into the result of a backend's map().
 * @err: The result of the kernel.
 *
 * Return: 0; -ENOMEM, -ENOSPC, -ENODEV, -EFAULT, -EIO.
 */
int vfio_pci_map_result(int err);

/**
 * vfio_pci_explain() - Report why the kernel could not pin memory.
 * @backend: The device.
 * @bytes: The size of the memory.
 * @err: The result of vfio_pci_map_result(). The call reports only -ENOMEM.
 */
void vfio_pci_explain(struct backend *backend, size_t bytes, int err);

/**
 * vfio_pci_unmap_result() - Turn the kernel's answer into the result of a backend's unmap().
 * @mapping: The memory that was to be unmapped.
 * @err: The result of the kernel.
 * @unmapped: The bytes that the kernel says it unmapped.
 *
 * Return: 0; -ENODEV, -EIO (also if the kernel unmapped less or more, which it calls a success).
 */
static inline int vfio_pci_unmap_result(const struct backend_mapping *mapping, int err,
					uint64_t unmapped)
{
	if (err)
		return err == -ENODEV ? err : -EIO;
	return unmapped == mapping->bytes ? 0 : -EIO;
}

/**
 * vfio_pci_report_unmap_all() - Report if the remaining memory could not be unmapped at the close.
 * @dev: The device.
 * @err: The result of the kernel; 0 reports nothing.
 */
void vfio_pci_report_unmap_all(const struct coherent_device *dev, int err);

/**
 * vfio_pci_open() - Use a device.
 * @pci: Zero bytes except for backend, bdf and is_master, or from vfio_pci_adopt(). The call fills
 *	it in.
 * @fd: The descriptor of the device. On success it belongs to @pci.
 *
 * A device that was not adopted is bus master from here on if @pci says so. Otherwise it becomes
 * bus master when its first object is exposed, or its first MSI is connected.
 *
 * Return: 0; -EIO, -ENODEV, -ENOMEM.
 */
int vfio_pci_open(struct vfio_pci *pci, int fd);

/**
 * vfio_pci_disconnect() - Stop the device and close its descriptor.
 * @pci: The device.
 */
void vfio_pci_disconnect(struct vfio_pci *pci);

/**
 * vfio_pci_close() - Free what vfio_pci_open() took.
 * @pci: The device, disconnected.
 */
void vfio_pci_close(struct vfio_pci *pci);

/**
 * vfio_pci_is_connected() - Whether a device is not disconnected yet.
 * @pci: The device.
 */
static inline bool vfio_pci_is_connected(const struct vfio_pci *pci)
{
	/* The compiler must not move the load before the read of a register. */
	atomic_signal_fence(memory_order_seq_cst);
	return atomic_load_explicit(&pci->connected, memory_order_acquire);
}

/**
 * vfio_pci_limits() - Fill in the limits that all VFIO devices share.
 * @pci: The device.
 * @limits: Filled in, with any number of mappings, and without a fence in the unmap.
 */
void vfio_pci_limits(const struct vfio_pci *pci, struct coherent_limits *limits);

/* This is a function of struct backend_ops. The backend is a struct vfio_pci. */
int vfio_pci_config(struct backend *backend, struct backend_config *access);

#endif
