/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Finds the object at a pointer or a device address, and describes it: for coherent_find_ptr()
 * and coherent_find_addr(), for faults, and for the report of a close.
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
 * lookup_report_live() - Report each box and mem that is not freed.
 * @store: The store of a device.
 */
void lookup_report_live(struct object_store *store);

#endif
