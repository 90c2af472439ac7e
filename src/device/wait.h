/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The pause of a poll loop.
 */
#ifndef WAIT_H
#define WAIT_H

#include <coherent.h>

/**
 * wait_more() - Pause between two tests of a poll loop.
 * @wait: From coherent_base_wait_begin().
 * @dev: The device that the caller polls.
 *
 * Return: 0 (test again); -ETIMEDOUT, -ENODEV, -EBUSY (a callback of the device waits).
 */
int wait_more(struct coherent_wait *wait, const struct coherent_device *dev);

#endif
