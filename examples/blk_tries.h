/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef BLK_TRIES_H
#define BLK_TRIES_H

#include "blk.h"
#include "tries.h"

/**
 * blk_try_all() - Aim a disk at memory that it may reach and at memory that it must not reach.
 * @blk: The disk. No slot is busy. Its first sectors are overwritten.
 * @tries: The function adds one row for each try.
 * @reason: Returns why the last try was refused, or "".
 *
 * Return: 0, or the error that ended the tries.
 */
int blk_try_all(struct blk *blk, struct tries *tries, const char *(*reason)(void));

#endif
