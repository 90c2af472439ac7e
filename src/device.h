/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * An open device.
 *
 * It lives until it is closed and nothing refers to it: objects, BARs and
 * interrupts each hold a reference.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <coherent.h>
#include <sys/queue.h>

#include "alive.h"
#include "backend.h"
#include "iova.h"
#include "lock.h"
#include "pages.h"
#include "ref.h"
#include "report.h"

/* Objects, by their addresses. */
STAILQ_HEAD(waiting, iova_range);

/**
 * struct coherent_device - An open device.
 * @alive: On a page of its own.
 * @reporter: Where reports go. Never changes.
 * @name: As given. Never changes.
 * @backend: What it is reached through. Never changes.
 * @limits: Its limits, but for the mask and what it does to ranges. Never changes.
 * @pages: The memory of its objects.
 * @owners: Whose memory is.
 * @ref: One reference for being open, one for each object, BAR, interrupt and pool.
 * @lock: Guards what follows.
 * @mask: The DMA mask.
 * @space: Device addresses.
 * @stats: What is counted; its .objects are boxes and mems, and what waits.
 * @waiting: What waits for a fence.
 * @record_blocks: Memory of records, which is given back when the device is freed.
 * @free_records: Those that nobody has.
 * @recycled: Boxes that were freed without being exposed, by classes of pages.h: they have
 *	pages, an address, and a reference to the device, which is open.
 * @recycled_bytes: Of all of those; atomic.
 * @irqs: The interrupts, to wake their waiters.
 */
struct coherent_device {
	struct alive *alive;
	struct reporter reporter;
	char *name;
	struct backend *backend;
	struct coherent_limits limits;
	struct pages pages;
	struct page_owners owners;
	struct ref ref;
	struct lock lock;
	uint64_t mask;
	struct iova_space space;
	struct coherent_stats stats;
	struct waiting waiting;
	struct record_block *record_blocks;
	struct waiting free_records;
	struct waiting recycled[PAGES_CLASSES];
	size_t recycled_bytes;
	LIST_HEAD(, coherent_irq) irqs;
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
 * device_lost() - What to poll beside what is waited for.
 * @dev: The device.
 */
struct pollfd device_lost(const struct coherent_device *dev);

/**
 * device_is_lost() - Whether the device is lost, asked after that.
 * @dev: The device.
 */
bool device_is_lost(const struct coherent_device *dev);

/**
 * device_mask() - The DMA mask.
 * @dev: The device.
 */
uint64_t device_mask(struct coherent_device *dev);

/**
 * device_name_fault() - Say what a refused access hit.
 * @dev: The device.
 * @fault: Address, bytes and access are given, the rest is filled in.
 */
void device_name_fault(struct coherent_device *dev, struct coherent_fault *fault);

/* irq.c: every waiter wakes with -ENODEV. */
void irq_wake_all(struct coherent_device *dev);

#endif
