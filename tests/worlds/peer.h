/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Processes that have a device: whether their programs are installed, and what they have of
 * our memory.
 */
#ifndef PEER_H
#define PEER_H

#include "worlds.h"

/* For struct world_ops. */
const char *qemu_missing(void);
const char *storage_daemon_missing(void);
pid_t qemu_pid(struct world *world);

/* Whether a process has mapped a file of ours in which 16 bytes are somewhere. */
bool peer_has(pid_t pid, const char secret[16]);

/* Whether memory of this process is in a file of ours, which a peer may have. */
bool is_in_our_file(const void *memory);

#endif
