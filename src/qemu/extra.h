/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The arguments that a driver adds to the command line of QEMU: what the model needs besides itself.
 */
#ifndef QEMU_EXTRA_H
#define QEMU_EXTRA_H

#include "base/name.h"
#include "base/report.h"

/**
 * qemu_extra_check() - Check the arguments that a driver adds.
 * @args: The arguments, with NULL after the last one. NULL for none.
 * @whole: The name of the device, for the report.
 * @to: The receiver of a report of the argument that is refused.
 *
 * The arguments are pairs of an option and its value. Refused are options that would change the
 * machine that start.c describes, devices that do so, and what makes QEMU print help and end.
 *
 * Return: 0; -EINVAL.
 */
int qemu_extra_check(const char *const *args, const char *whole, const struct reporter *to);

/**
 * qemu_extra_count() - Count the arguments that a driver adds.
 * @args: The arguments. NULL for none.
 */
size_t qemu_extra_count(const char *const *args);

/**
 * qemu_extra_is_first() - Whether QEMU must create something before the device.
 * @option: The option.
 * @value: The value of the option.
 * @name: The name of the device.
 *
 * QEMU creates devices in the order of its command line, and a disk needs the controller that it is
 * attached to. So another device comes after the device, unless the device's name mentions its ID.
 */
bool qemu_extra_is_first(const char *option, const char *value, const struct name *name);

#endif
