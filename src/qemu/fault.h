/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The refused accesses of a model. QEMU's IOMMU leaves them in a queue in shared memory. The library
 * looks there before each unmapping and names the objects, because the driver may free a mem before
 * it reads the fault. It does not look after each access to a register: QEMU adds an access in
 * pieces, and the library must not take the first pieces without the others.
 */
#ifndef QEMU_FAULT_H
#define QEMU_FAULT_H

#include "qemu/device.h"

/**
 * qemu_fault_note_locked() - Name the objects of the accesses that were refused until now.
 * @qemu: The device; its IOMMU is started, and a call has begun.
 */
void qemu_fault_note_locked(struct qemu *qemu) NEEDS_LOCK(qemu->lock);

/**
 * qemu_fault_next() - See next_fault of struct backend_ops.
 * @backend: The device.
 * @fault: Receives the fault.
 *
 * Return: 0; -EAGAIN (there is none), -ENODEV (there is none, and QEMU is gone).
 */
int qemu_fault_next(struct backend *backend, struct coherent_fault *fault);

#endif
