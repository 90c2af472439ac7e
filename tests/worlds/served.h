/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Starts and ends a process that serves an edu by vfio-user.
 */
#ifndef SERVED_H
#define SERVED_H

#include "worlds.h"

/* Members of struct world_ops. */
void served_begin(struct world *world);
void served_end(struct world *world);
pid_t served_pid(struct world *world);

#endif
