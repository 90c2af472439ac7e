/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A call of the driver that asks QEMU for something: its time limit, and its errors. The caller
 * holds the lock of struct qemu.
 */
#ifndef QEMU_CALL_H
#define QEMU_CALL_H

#include "qemu/device.h"

/**
 * qemu_call_begin_locked() - Begin a call. Its exchanges with QEMU share one time limit.
 * @qemu: The device.
 *
 * Return: 0; -ENODEV (the device is closed, or QEMU is gone).
 */
int qemu_call_begin_locked(struct qemu *qemu) NEEDS_LOCK(qemu->lock);

/**
 * qemu_call_result_locked() - Turn an error of qtest.h or iommu.h into one of the library.
 * @qemu: The device. It is lost if the error says that QEMU breaks the protocol or is gone.
 * @err: The error, or 0.
 *
 * Return: @err, or as qemu_call_lose_locked().
 */
int qemu_call_result_locked(struct qemu *qemu, int err) NEEDS_LOCK(qemu->lock);

/**
 * qemu_call_lose_locked() - Give up a QEMU that breaks the protocol or is gone, with a report.
 * @qemu: The device. The function kills QEMU, so that a thread that polls for its end wakes up.
 * @err: -ETIMEDOUT, -EPROTO, -EIO (the IOMMU did not unmap) or -EPIPE.
 *
 * Return: -ETIMEDOUT, -EIO or -ENODEV.
 */
int qemu_call_lose_locked(struct qemu *qemu, int err) NEEDS_LOCK(qemu->lock);

#endif
