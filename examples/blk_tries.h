/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef BLK_TRIES_H
#define BLK_TRIES_H

#include "blk.h"
#include "tries.h"

/**
 * blk_try_all() - Aim a disk at what it may and must not reach.
 * @blk: The disk, no slot of which is busy; its first sectors are lost.
 * @tries: Rows are added.
 * @why: Says why the last try was refused, "" if it was not.
 *
 * Return: 0, or why it could not be tried.
 */
int blk_try_all(struct blk *blk, struct tries *tries, const char *(*why)(void));

#endif
