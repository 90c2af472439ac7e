/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Devices that share an address space, because one was opened beside another (.beside). Each address
 * belongs to one of them, so that their objects never collide. A device that was opened by itself has
 * all addresses, until another one takes some of them.
 *
 * The first device of a space is its root. It has the lock, and it stays in memory as long as a
 * device of its space.
 */
#ifndef BESIDE_H
#define BESIDE_H

#include <bsd/sys/queue.h>
#include <coherent.h>

#include "base/lock.h"

/**
 * struct beside_range - Addresses that belong to a device.
 * @link: In the list of the device.
 * @first: The first address.
 * @last: The last address.
 */
struct beside_range {
	TAILQ_ENTRY(beside_range) link;
	uint64_t first;
	uint64_t last;
};

/**
 * struct beside - The part of a device in its address space.
 * @root: The first device of the space, which may be this one. Never changes.
 * @lock: Only that of the root is used. It guards the rest, in all devices of the space.
 * @members: Only that of the root is used. It has the open devices of the space.
 * @link: In @members.
 * @is_member: The device is there.
 * @is_whole: All addresses belong to the device. Otherwise those of @ranges do.
 * @ranges: Ascending. Ranges that touch are one.
 */
struct beside {
	struct coherent_device *root;
	struct lock lock;
	LIST_HEAD(, coherent_device) members;
	LIST_ENTRY(coherent_device) link;
	bool is_member;
	bool is_whole;
	TAILQ_HEAD(beside_ranges, beside_range) ranges;
};

/**
 * beside_init() - Begin the address space of a device that is alone.
 * @dev: The device.
 */
void beside_init(struct coherent_device *dev);

/**
 * beside_begin() - Let a device use the address space of another one.
 * @dev: A device after beside_init(), before its backend is open. It has no addresses yet.
 * @with: The other device.
 *
 * Return: 0; with a report -ENODEV (@with is closed, or of the parent process).
 */
int beside_begin(struct coherent_device *dev, struct coherent_device *with);

/**
 * beside_join() - Let other devices take addresses of a device from here on.
 * @dev: An open device.
 */
void beside_join(struct coherent_device *dev);

/**
 * beside_leave() - Leave the addresses of a device to another one of its space.
 * @dev: A device that is disconnected.
 */
void beside_leave(struct coherent_device *dev);

/**
 * beside_close() - Leave the address space.
 * @dev: The device, which is about to be freed.
 */
void beside_close(struct coherent_device *dev);

/**
 * beside_lock() - Keep the addresses of the devices of a space from changing.
 * @dev: A device of the space.
 */
void beside_lock(const struct coherent_device *dev);

/**
 * beside_unlock() - End what beside_lock() began.
 * @dev: The device.
 */
void beside_unlock(const struct coherent_device *dev);

/**
 * beside_take_locked() - Take addresses from another device of the space, if that gives more.
 * @dev: A device without objects. The caller has beside_lock().
 * @mask: The addresses must be under this.
 *
 * A device that is alone has all addresses, and the call does nothing. Another device gives up half
 * of its largest gap. If no other device has more, the addresses stay as they are.
 *
 * Return: 0; -ENOMEM.
 */
int beside_take_locked(struct coherent_device *dev, uint64_t mask);

/**
 * beside_each() - Call a function for each part of a range that belongs to a device.
 * @dev: The device.
 * @first: The first address of the range.
 * @last: The last address of the range.
 * @fn: The function. It gets the backend of @dev, and returns 0 or a negative number.
 *
 * Return: the first negative number that a call returned; 0 otherwise.
 */
int beside_each(struct coherent_device *dev, uint64_t first, uint64_t last,
		int (*fn)(struct backend *backend, uint64_t first, uint64_t last));

/**
 * beside_find() - Find an open device of the space.
 * @dev: A device of the space.
 * @fn: Called with the backend of each device until it returns something but -ENOENT.
 * @arg: Its last argument.
 *
 * Return: what @fn returned; -ENOENT if it found nothing.
 */
int beside_find(struct coherent_device *dev, int (*fn)(struct backend *other, const void *arg),
		const void *arg);

/**
 * beside_check() - Make sure that a backend can share the address space of another device.
 * @dev: The device that is about to be opened.
 * @with: The other device, or NULL.
 * @ops: The backend of @dev.
 *
 * Return: 0; with a report -EINVAL (@with has another backend).
 */
int beside_check(const struct coherent_device *dev, const struct coherent_device *with,
		 const struct backend_ops *ops);

#endif
