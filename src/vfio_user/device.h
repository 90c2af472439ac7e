/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A PCI device in another process, by vfio-user. The process gets no memory: it asks for each
 * transfer, and memory.c answers. With the key files it gets exposed memory as files, by files.c.
 * peer.c has the connection, and pci.c registers and interrupts.
 */
#ifndef VFIO_USER_DEVICE_H
#define VFIO_USER_DEVICE_H

#include <linux/vfio.h>
#include <pthread.h>
#include <stdatomic.h>

#include "backend.h"
#include "base/lock.h"
#include "device/device.h"
#include "device/peer_memory.h"
#include "device/peer_socket.h"
#include "device/iommu_port.h"
#include "vfio_user/channel.h"

#define VFIO_USER_BARS 6
/* PCI Local Bus Specification 3.0, 6.8.2: a device has at most 2048 vectors. */
#define VFIO_USER_VECTORS_MAX 2048

/* The values of the keys in the name. The members have the names of the keys. */
struct vfio_user_keys {
	uint64_t timeout_ms;
	uint64_t files;
};

/**
 * struct vfio_user_connection - A connection to the peer.
 * @user: The device.
 * @main: The commands of this process.
 * @twin: The commands of the peer, if it has a twin socket.
 * @has_twin: It has one.
 * @thread: The thread of @twin, or else of @main.
 */
struct vfio_user_connection {
	struct vfio_user *user;
	struct vfio_user_channel main;
	struct vfio_user_channel twin;
	bool has_twin;
	pthread_t thread;
};

/**
 * struct vfio_user - A PCI device in another process.
 * @backend: The part that the core knows.
 * @keys: The values of the keys in the name. Never change.
 * @socket: Where the connection comes from. Never changes.
 * @port: The table of the memory that the peer may reach. It has a lock of its own, which is taken
 *	inside @lock.
 * @fd: Another descriptor of the connection, to poll. Without a connection it is a copy of @hung_up.
 *	The number never changes.
 * @hung_up: A socket whose other end is closed. Never changes.
 * @ignored_fd: The eventfd of vectors that are not connected any more. Never changes.
 * @window_last: The last address that the peer may ask for. Never changes after the open.
 * @bar_bytes: The sizes of the BARs. Never change after the open.
 * @config_bytes: The size of configuration space. Never changes after the open.
 * @irq_index: The kind of the interrupts, as in linux/vfio.h. Never changes after the open.
 * @vectors: The number of vectors. Never changes after the open.
 * @is_open: The fields above have their values.
 * @lock: A thread holds it from a question to its answer. Guards the fields below.
 * @irq_fds: The eventfd of each vector; -1 for none.
 * @regions: The number of regions that the peer says it takes.
 * @memory: The memory that the peer maps, with the key files. Otherwise it is empty.
 * @can_reset: The device has a reset.
 * @refusal: The errno with which the peer last refused a region.
 * @wake: Guards @connection for coherent_device_close(), which must not wait for an answer. It changes
 *	under both locks. Taken inside @lock.
 * @connection: The connection; NULL if it is lost.
 * @closed: The device is closed. Set under @wake, so that no connection begins afterwards. Read also
 *	without it.
 */
struct vfio_user {
	struct backend backend;
	struct vfio_user_keys keys;
	struct peer_socket socket;
	struct iommu_port port;
	int fd;
	int hung_up;
	int ignored_fd;
	uint64_t window_last;
	uint64_t bar_bytes[VFIO_USER_BARS];
	uint64_t config_bytes;
	uint32_t irq_index;
	unsigned int vectors;
	bool is_open;
	struct lock lock;
	int *irq_fds;
	uint64_t regions;
	struct peer_memory memory;
	bool can_reset;
	uint32_t refusal;
	struct lock wake;
	struct vfio_user_connection *connection;
	atomic_bool closed;
};

static inline struct vfio_user *vfio_user_of(struct backend *backend)
{
	return (struct vfio_user *)backend;
}

static inline bool vfio_user_is_closed(struct vfio_user *user)
{
	return atomic_load_explicit(&user->closed, memory_order_relaxed);
}

#endif
