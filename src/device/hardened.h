/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The hardened devices of the program: which ones are, and what the program did wrong if it gets a
 * SIGSEGV in their memory.
 */
#ifndef HARDENED_H
#define HARDENED_H

#include "device/device.h"

/**
 * hardened_is_wanted() - Whether a device is to be hardened.
 * @options: The options of coherent_device_open().
 *
 * A value of COHERENT_HARDEN that is not known is reported, and hardens the device.
 */
bool hardened_is_wanted(const struct coherent_open_options *options);

/* Returns how many devices are hardened now. */
unsigned int hardened_count(void);

/**
 * hardened_find() - Find the hardened device whose memory has a byte.
 * @at: A byte of a mem. The driver has the mem meanwhile, so the device stays.
 *
 * Return: the device; NULL if there is none, or if it may only read the byte.
 */
struct coherent_device *hardened_find(const void *at);

/**
 * hardened_begin() - Explain faults in the memory of a device from now on.
 * @dev: The device, whose store is open.
 */
void hardened_begin(struct coherent_device *dev);

/**
 * hardened_end() - Do not explain such faults any more.
 * @dev: The device, whose store is still open.
 */
void hardened_end(struct coherent_device *dev);

#endif
