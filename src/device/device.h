/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * An open device. It lives until it is closed and nothing refers to it: objects, pools, BARs and
 * interrupts each hold a reference.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <coherent.h>

#include "backend.h"
#include "base/alive.h"
#include "base/ref.h"
#include "base/report.h"
#include "device/beside.h"
#include "device/irq.h"
#include "memory/object.h"

/**
 * struct coherent_device - An open device.
 * @alive: Whether it is open. Never changes, as the next three.
 * @reporter: The receiver of reports.
 * @name: The name, as given; for sim:custom also the name of the model. For reports.
 * @backend: The way to the device.
 * @ref: One reference for being open, and one for each object, pool, BAR and interrupt.
 * @beside: Which addresses it has, if others share its address space.
 * @store: Its objects.
 * @irqs: Its interrupts.
 * @hardened: In the list of hardened.c, if the device is hardened.
 */
struct coherent_device {
	struct alive *alive;
	struct reporter reporter;
	char *name;
	struct backend *backend;
	struct ref ref;
	struct beside beside;
	struct object_store store;
	struct irq_list irqs;
	LIST_ENTRY(coherent_device) hardened;
};

/**
 * device_usable() - Whether a device is open, and in this process.
 * @dev: The device, or NULL.
 *
 * Return: 0; -ENODEV.
 */
static inline int device_usable(const struct coherent_device *dev)
{
	return dev && alive_is_open(dev->alive) ? 0 : -ENODEV;
}

/**
 * device_forked() - Whether this is a child of the process that opened a device.
 * @dev: The device.
 */
static inline bool device_forked(const struct coherent_device *dev)
{
	return !alive_is_ours(dev->alive);
}

/**
 * device_of() - The device of an object.
 * @object: A whole object or a slot of a pool.
 */
static inline struct coherent_device *device_of(const struct coherent_object *object)
{
	return (struct coherent_device *)((char *)object_store(object) -
					  offsetof(struct coherent_device, store));
}

#endif
