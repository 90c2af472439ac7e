/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The structs that calls on a device fill in. The program may be older or newer than the library, so
 * its struct may be smaller or larger than the library's (base/sized.h).
 */
#ifndef RESULT_H
#define RESULT_H

#include "base/sized.h"
#include "device/device.h"

/**
 * struct result_kind - A struct that a call fills in.
 * @call: The name of the call, for a report.
 * @name: The name of the struct.
 * @bytes: Its size in this library.
 */
struct result_kind {
	const char *call;
	const char *name;
	size_t bytes;
};

/**
 * result_begin() - Clear the struct of the program and check that the device is open.
 * @dev: The device, or NULL.
 * @kind: The kind of the struct.
 * @result: The struct of the program.
 * @size: Its size, as the program says.
 *
 * Return: 0; -EINVAL (@size, with a report, and nothing was cleared), -ENODEV.
 */
int result_begin(struct coherent_device *dev, const struct result_kind *kind, void *result,
		 size_t size);

/**
 * result_end() - Copy what a call found to the program.
 * @err: The error of the call.
 * @kind: The kind of the struct.
 * @result: The struct of the program, which result_begin() cleared.
 * @size: Its size.
 * @found: The struct of the library.
 *
 * Return: @err. If it is not 0, the call copies nothing.
 */
int result_end(int err, const struct result_kind *kind, void *result, size_t size,
	       const void *found);

#endif
