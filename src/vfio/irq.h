/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The interrupts of a PCI device.
 */
#ifndef VFIO_IRQ_H
#define VFIO_IRQ_H

#include "vfio/pci.h"

/**
 * vfio_irq_open() - Find the best kind of interrupts that a device has.
 * @pci: The device, with its descriptor. No vector is connected yet.
 *
 * Return: 0; -ENOMEM, or the error of the kernel.
 */
int vfio_irq_open(struct vfio_pci *pci);

/**
 * vfio_irq_close() - Free what vfio_irq_open() took.
 * @pci: The device, also after a failure of vfio_irq_open(), or without that call.
 */
void vfio_irq_close(struct vfio_pci *pci);

/**
 * vfio_irq_release_locked() - Disconnect all vectors.
 * @pci: The device.
 */
void vfio_irq_release_locked(struct vfio_pci *pci) NEEDS_LOCK(pci->lock);

/* These are functions of struct backend_ops. The backend is a struct vfio_pci. */
int vfio_irq_connect(struct backend *backend, unsigned int vector, int fd);
void vfio_irq_rearm(struct backend *backend, unsigned int vector);

/*
 * The functions of struct backend_ops that all VFIO backends share. There is no next_fault, because
 * the kernel writes faults only to its log.
 */
#define VFIO_PCI_OPS                                                                   \
	.reset = vfio_dma_reset, .config = vfio_pci_config, .reg_read = vfio_bar_read, \
	.reg_write = vfio_bar_write, .reg_copy = vfio_bar_copy,                        \
	.reg_write_line = vfio_bar_write_line, .irq_connect = vfio_irq_connect,        \
	.irq_rearm = vfio_irq_rearm, .lost_fd = vfio_request_lost_fd,                  \
	.is_lost = vfio_request_is_pending

#endif
