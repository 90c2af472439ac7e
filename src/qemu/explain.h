/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Reports that say why QEMU does not do what the library asked for.
 */
#ifndef QEMU_EXPLAIN_H
#define QEMU_EXPLAIN_H

#include "device/device.h"

/**
 * qemu_explain_start() - Report why QEMU cannot be started.
 * @dev: The device, which receives the report.
 * @err: The error of starting QEMU, or 0.
 *
 * Return: 0 if @err is 0; -ENODEV (QEMU is not installed or cannot be run), -ENOSPC (no descriptor
 * is left), -ENOMEM.
 */
int qemu_explain_start(const struct coherent_device *dev, int err);

/**
 * qemu_explain() - Report why a device cannot be opened.
 * @dev: The device, which receives the report.
 * @log: The file that QEMU wrote its messages to.
 * @pidfd: The process; -1 if it was never known.
 * @err: The error of qemu_pci_start() or qemu_iommu_start(). The caller kills QEMU afterwards.
 *
 * Return: @err, or an error that is more exact: -ENODEV (QEMU does not have the model or the
 * device, is too old, or cannot be run), -EINVAL (QEMU says why), -ENOSPC (no descriptor is left,
 * or the BARs of the model are too large), -ENOMEM, -EIO (a malformed reply), -ETIMEDOUT.
 */
int qemu_explain(const struct coherent_device *dev, int log, int pidfd, int err);

/**
 * qemu_explain_loss() - Report that the QEMU of an open device is gone, how it ended, and what it wrote.
 * @dev: The device, which receives the report.
 * @log: The file that QEMU wrote its messages to.
 * @pidfd: The process. The function waits up to a second for its end.
 */
void qemu_explain_loss(const struct coherent_device *dev, int log, int pidfd);

#endif
