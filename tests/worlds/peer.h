/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A process may run the device of a world. These functions tell whether its program is installed,
 * and which memory it shares with this process.
 */
#ifndef PEER_H
#define PEER_H

#include "worlds.h"

/* Members of struct world_ops. */
const char *qemu_missing(void);
const char *storage_daemon_missing(void);
pid_t qemu_pid(struct world *world);

/* Returns whether a process has mapped or opened a file of the library that contains the 16 bytes. */
bool peer_has(pid_t pid, const char secret[16]);

/* Returns whether memory of this process is in a file of the library, which a peer may have. */
bool is_in_shared_file(const void *memory);

#endif
