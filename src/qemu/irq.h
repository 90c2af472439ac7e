/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The interrupts of a model. The model writes MSI-X and MSI to a part of QEMU's memory, the mailbox,
 * which has a word for each vector. An INTx is a line, whose state is in configuration space. The
 * thread of process.c polls the one or the other while the driver has a vector open.
 */
#ifndef QEMU_IRQ_H
#define QEMU_IRQ_H

#include "qemu/device.h"

/*
 * The device address of the mailbox is right below the addresses that x86 uses for interrupts. No
 * object gets an address in either.
 */
#define QEMU_IRQ_ADDRESS UINT64_C(0xfedf0000)
#define QEMU_IRQ_ADDRESS_LAST UINT64_C(0xfeefffff)

/**
 * qemu_irq_open_locked() - Let the model reach the mailbox, and make room for the eventfds.
 * @qemu: The device; its PCI function and its IOMMU are started.
 *
 * Return: 0; -ENOMEM, or as qemu_iommu_map().
 */
int qemu_irq_open_locked(struct qemu *qemu) NEEDS_LOCK(qemu->lock);

/**
 * qemu_irq_poll() - Signal the interrupts that came since the last call.
 * @arg: The device, a struct qemu. The caller does not hold its lock.
 */
void qemu_irq_poll(void *arg);

/**
 * qemu_irq_connect() - backend_ops.irq_connect.
 * @backend: The device.
 * @vector: The vector.
 * @fd: The eventfd to signal; -1 for none.
 */
int qemu_irq_connect(struct backend *backend, unsigned int vector, int fd);

/**
 * qemu_irq_rearm() - backend_ops.irq_rearm: an INTx that is still asserted is signalled again.
 * @backend: The device.
 * @vector: The vector.
 */
void qemu_irq_rearm(struct backend *backend, unsigned int vector);

#endif
