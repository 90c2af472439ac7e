/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The registrations: which mems peers can reach, and the keys that they need for it.
 */
#ifndef FABRIC_MEMORY_H
#define FABRIC_MEMORY_H

#include "fabric/device.h"

int fabric_map(struct backend *backend, const struct backend_mapping *mapping);
int fabric_unmap(struct backend *backend, const struct backend_mapping *mapping, bool idle);

/**
 * fabric_find_locked() - Find the registration of a device address.
 * @fabric: The device.
 * @address: An address in a mem.
 *
 * Return: the registration; NULL if there is none.
 */
struct fabric_registration *fabric_find_locked(struct fabric *fabric, uint64_t address)
	NEEDS_LOCK(fabric->lock);

/**
 * fabric_forget_locked() - Close all registrations.
 * @fabric: The device.
 */
void fabric_forget_locked(struct fabric *fabric) NEEDS_LOCK(fabric->lock);

#endif
