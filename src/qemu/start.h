/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Starting QEMU: its command line comes from the name of the device, and its memory is a file of
 * this process.
 */
#ifndef QEMU_START_H
#define QEMU_START_H

#include "qemu/device.h"

/**
 * qemu_start() - Start QEMU with the model that a device name asks for.
 * @qemu: The device; its keys have the defaults. The function fills in keys, process, running,
 *	memory, log, ram, space and the descriptor of qtest. After an error some of them are
 *	filled in too; close the device then.
 * @name: The name of the device.
 * @args: The arguments that the driver adds, with NULL after the last one; NULL for none.
 *
 * Return: 0; -EINVAL (the name or @args, with a report), -EPERM (the program has raised rights, with a
 * report), or an error of qemu_explain_start().
 */
int qemu_start(struct qemu *qemu, const struct name *name, const char *const *args);

#endif
