/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The device addresses that a device may use: those that its backend translates, under its mask, and
 * not those of a device beside it. The callers of all but addresses_add() have beside_lock().
 */
#ifndef ADDRESSES_H
#define ADDRESSES_H

#include "device/device.h"

/**
 * addresses_part() - Find the part of a range that belongs to a device.
 * @dev: The device.
 * @from: NULL for the first part; otherwise what the last call returned.
 * @first: The first address of the range. Set to that of the part.
 * @last: The last address of the range. Set to that of the part.
 *
 * Return: what finds the next part; NULL if there is none.
 */
const struct beside_range *addresses_part(const struct coherent_device *dev,
					  const struct beside_range *from, uint64_t *first,
					  uint64_t *last);

/**
 * addresses_add() - Add a range to the limits of a device.
 * @limits: The limits. If they have no room for one more range, the smallest one is left out.
 * @first: The first address, behind the other ranges.
 * @last: The last address.
 */
void addresses_add(struct coherent_limits *limits, uint64_t first, uint64_t last);

/**
 * addresses_limits() - Tell which addresses a device may use.
 * @dev: The device.
 * @mask: The mask.
 * @limits: The limits of its backend. @mask and the ranges are set.
 */
void addresses_limits(const struct coherent_device *dev, uint64_t mask,
		      struct coherent_limits *limits);

/**
 * addresses_open() - Make the address space of a device.
 * @dev: The device.
 * @mask: The mask.
 * @space: Filled in.
 *
 * Return: 0; -EIO (no address is usable), -ENOMEM.
 */
int addresses_open(const struct coherent_device *dev, uint64_t mask, struct iova_space *space);

/**
 * addresses_clip() - Find the part of a range that a device can use.
 * @limits: The limits of the backend.
 * @i: The number of the range.
 * @mask: The mask.
 * @first: Set to the first address.
 * @last: Set to the last address.
 *
 * Return: false if the part cannot hold a page and its guard.
 */
bool addresses_clip(const struct coherent_limits *limits, unsigned int i, uint64_t mask,
		    uint64_t *first, uint64_t *last);

#endif
