/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Finds the object at a pointer or a device address, and describes it: for coherent_find_ptr()
 * and coherent_find_addr(), for faults, and for the reports of a close.
 */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "device/device.h"

/**
 * lookup_fault() - Name the object that a refused access hit.
 * @dev: The device.
 * @fault: Address, bytes and access are set; the rest is filled in.
 *
 * Context: takes the store's lock; a backend may call it from under its own.
 */
void lookup_fault(struct coherent_device *dev, struct coherent_fault *fault);

/**
 * lookup_reach() - How far an access may go that stays in the elements of one object.
 * @dev: The device.
 * @address: The address where the access begins.
 *
 * Whether the device can reach the object is not asked, except for an object of a pool.
 *
 * Context: as lookup_fault().
 * Return: the number of bytes from @address to the end of the last element; 0 if @address is in no
 * element, or in an object of a pool that is not exposed.
 */
uint64_t lookup_reach(struct coherent_device *dev, uint64_t address);

/**
 * lookup_reach_fault() - Name the object that an access left, or ran into.
 * @dev: The device.
 * @fault: Address, bytes and access are set; the rest is filled in. The address is where
 *	lookup_reach() ended the access.
 *
 * Context: as lookup_fault().
 */
void lookup_reach_fault(struct coherent_device *dev, struct coherent_fault *fault);

/**
 * struct unread_faults - The faults of a device that the driver did not read.
 * @count: The number of faults, with those that the backend dropped.
 * @dropped: How many of them the backend dropped.
 * @more: The device may have had more, but the close stopped to read them.
 * @first: The text of the oldest fault that the backend still had.
 */
struct unread_faults {
	unsigned long count;
	unsigned long dropped;
	bool more;
	char first[sizeof(((struct coherent_fault *)NULL)->text)];
};

/**
 * lookup_take_unread() - Take all faults of a device that is about to close, or has just closed.
 * @dev: The device.
 * @unread: The call adds the faults to these.
 */
void lookup_take_unread(struct coherent_device *dev, struct unread_faults *unread);

/**
 * lookup_report_unread() - Report the faults that the driver did not read, if there are any.
 * @dev: The device.
 * @unread: The faults.
 */
void lookup_report_unread(const struct coherent_device *dev, const struct unread_faults *unread);

/**
 * lookup_report_live() - Report each box and mem that is not freed.
 * @store: The store of a device.
 */
void lookup_report_live(struct object_store *store);

#endif
