/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Whether a device is open, and whether this process opened it. Both flags are on a page of
 * their own, which the kernel clears in a forked child (MADV_WIPEONFORK). So a child learns that
 * it is one without a system call.
 */
#ifndef ALIVE_H
#define ALIVE_H

#include <stdatomic.h>
#include <stdbool.h>

/**
 * struct alive - The flags of a device.
 * @ours: This process opened the device.
 * @open: The device is open.
 */
struct alive {
	atomic_bool ours;
	atomic_bool open;
};

/**
 * alive_open() - Make the page of a device that is not open yet.
 * @alive: Set to the flags. Free them with alive_close().
 *
 * Return: 0; -ENOMEM, or -EINVAL on a kernel before 4.14.
 */
int alive_open(struct alive **alive);

/**
 * alive_close() - Free the page.
 * @alive: The flags.
 */
void alive_close(struct alive *alive);

/**
 * alive_is_open() - Whether the device is open, and this process opened it.
 * @alive: The flags.
 */
static inline bool alive_is_open(const struct alive *alive)
{
	return atomic_load_explicit(&alive->open, memory_order_acquire);
}

/**
 * alive_is_ours() - Whether this process opened the device, and is not a forked child.
 * @alive: The flags.
 */
static inline bool alive_is_ours(const struct alive *alive)
{
	return atomic_load_explicit(&alive->ours, memory_order_relaxed);
}

/**
 * alive_set_open() - Say that the device is open.
 * @alive: The flags.
 */
static inline void alive_set_open(struct alive *alive)
{
	atomic_store_explicit(&alive->open, true, memory_order_release);
}

/**
 * alive_end() - Say that the device is closed.
 * @alive: The flags.
 *
 * Return: whether it was open; of several callers one gets true.
 */
static inline bool alive_end(struct alive *alive)
{
	return atomic_exchange_explicit(&alive->open, false, memory_order_acq_rel);
}

#endif
