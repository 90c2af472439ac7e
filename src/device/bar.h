/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * An open BAR, which bar.c opens and bar_copy.c copies.
 */
#ifndef DEVICE_BAR_H
#define DEVICE_BAR_H

#include <coherent/bar.h>
#include <stdatomic.h>

#include "device/device.h"

/**
 * struct coherent_bar - An open BAR.
 * @dev: The device, which it holds.
 * @index: The number of the BAR.
 * @bytes: Its size.
 * @read_reported: A bad read was reported, so that a loop does not report again and again.
 * @write_reported: The same for a bad write.
 */
struct coherent_bar {
	struct coherent_device *dev;
	unsigned int index;
	uint64_t bytes;
	atomic_bool read_reported;
	atomic_bool write_reported;
};

#endif
