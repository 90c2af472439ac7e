/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A device of vfio-user in a process of its own, for the bench. It has a register, and it transfers as
 * often as it is told.
 */
#ifndef BENCH_VFIO_USER_DEVICE_H
#define BENCH_VFIO_USER_DEVICE_H

#include <sys/types.h>

/* The registers of BAR 0, with 32 or 64 bits. */
enum {
	DEVICE_SCRATCH = 0x00, /* Keeps the value. */
	DEVICE_ADDRESS = 0x08, /* The device address of a transfer. */
	DEVICE_BYTES = 0x10, /* Its size. */
	DEVICE_TURNS = 0x18, /* How often to make it. */
	DEVICE_START = 0x20, /* Starts the transfers. The value says which, and how. */
	DEVICE_BAR_BYTES = 0x1000,
};

/* The values of DEVICE_START. */
enum {
	DEVICE_READS = 1, /* The write of the register is answered after the transfers. */
	DEVICE_WRITES = 2, /* The same. */
	DEVICE_WRITES_ON =
		3, /* It is answered at once; then the device writes until it is refused. */
};

/**
 * struct vfio_user_peer - A process that is a device.
 * @pid: The process.
 * @socket: A connection to it.
 */
struct vfio_user_peer {
	pid_t pid;
	int socket;
};

/* Starts a device. Returns 0 or -errno. */
int vfio_user_peer_start(struct vfio_user_peer *peer);

/* Ends a device. The caller has closed what the device was used with. */
void vfio_user_peer_end(struct vfio_user_peer *peer);

#endif
