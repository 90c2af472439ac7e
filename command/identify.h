/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Tells what an open device is. A read of a register may have an effect on an unknown device, so the
 * registers of a PCI device are read only if its IDs say what it is.
 */
#ifndef IDENTIFY_H
#define IDENTIFY_H

#include <coherent/device.h>
#include <stddef.h>

enum identity {
	IDENTITY_UNKNOWN,
	IDENTITY_EDU,
	IDENTITY_NVME,
	IDENTITY_VIRTIO_BLK,
	IDENTITY_FABRIC,
};

/**
 * identify() - Tell what a device is.
 * @dev: The device.
 * @name: Its name.
 * @text: Set to its IDs and what they mean; "" if nothing is known.
 * @size: The size of @text.
 *
 * Return: the kind of device, if selftest has a driver for it.
 */
enum identity identify(struct coherent_device *dev, const char *name, char *text, size_t size);

#endif
