/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A virtio device in another process, by vhost-user. peer.c talks to it, memory.c has the memory
 * that it is given, and mmio.c has its registers, which are those of virtio-mmio.
 */
#ifndef VHOST_USER_DEVICE_H
#define VHOST_USER_DEVICE_H

#include <stdatomic.h>

#include "backend.h"
#include "base/lock.h"
#include "device/device.h"
#include "device/peer_memory.h"
#include "device/peer_socket.h"
#include "vhost_user/message.h"

#define VHOST_USER_QUEUES_MAX 16
/* The BAR has the registers, and as much configuration as a message of vhost-user carries. */
#define VHOST_USER_BAR_BYTES (0x100 + VHOST_USER_CONFIG_MAX)

/**
 * struct vhost_user_queue - A queue, as the driver set its registers.
 * @number: The number of entries.
 * @ready: The driver has set the queue up.
 * @running: The peer knows of the queue.
 * @desc: The device address of the descriptors.
 * @avail: The device address of the ring in which the driver makes buffers available.
 * @used: The device address of the ring in which the device returns buffers.
 */
struct vhost_user_queue {
	uint32_t number;
	bool ready;
	bool running;
	uint64_t desc;
	uint64_t avail;
	uint64_t used;
};

/**
 * struct vhost_user_registers - The values that the driver wrote; zero bytes after a reset.
 * @status: The status of the device.
 * @device_select: Which half of the device's features the driver reads.
 * @driver_select: Which half of its own features the driver writes.
 * @driver_features: The features that the driver wants.
 * @queue_select: The queue whose registers the driver accesses.
 * @queues: The queues.
 */
struct vhost_user_registers {
	uint32_t status;
	uint32_t device_select;
	uint32_t driver_select;
	uint64_t driver_features;
	uint32_t queue_select;
	struct vhost_user_queue queues[VHOST_USER_QUEUES_MAX];
};

/* The values of the keys in the name. The members have the names of the keys. */
struct vhost_user_keys {
	uint64_t id;
	uint64_t timeout_ms;
	uint64_t table;
};

/**
 * struct vhost_user - A virtio device in another process.
 * @backend: The part that the core knows.
 * @keys: The values of the keys in the name. Never change.
 * @socket: Where the connection comes from. Never changes.
 * @fd: The connection. After that is lost it is a copy of @hung_up, so that a thread that polls @fd
 *	wakes up. The number never changes.
 * @hung_up: A socket whose other end is closed. Never changes.
 * @ignored_fd: The eventfd that the peer signals while no interrupt is connected. It is needed
 *	because libvhost-user hangs up if it has none. Never changes.
 * @kick_fds: The eventfd that wakes the peer up for each queue; -1 until the queue is first used.
 * @doorbell: The context in which the kernel signals @kick_fds; 0 if there is none. Set before the
 *	first of @kick_fds, and never changes then.
 * @doorbell_refused: The kernel has refused to signal one of @kick_fds, and the library reported it.
 * @lock: Guards what follows, and the conversation: a thread holds it from a question to its answer.
 * @connected: @fd is the connection.
 * @features: The features of the device, with those of vhost-user.
 * @protocol: The protocol features that both sides have.
 * @queue_count: The number of queues.
 * @doorbell_tried: @doorbell has its value.
 * @has_slots: The peer takes one region at a time, not whole tables. Never changes.
 * @memory: The memory that the peer has, and whether the device is closed.
 * @call_fd: The eventfd that the peer signals for an interrupt; -1 if none is connected.
 * @registers: The registers, as the driver left them.
 * @wake: A close, which must not wait for an answer, shuts @fd down under it, and a new connection takes
 *	the place of @fd. Taken inside @lock.
 * @closed: The device is closed. Set under @wake, so that no connection begins afterwards. Read also
 *	without it.
 */
struct vhost_user {
	struct backend backend;
	struct vhost_user_keys keys;
	struct peer_socket socket;
	int fd;
	int hung_up;
	int ignored_fd;
	atomic_int kick_fds[VHOST_USER_QUEUES_MAX];
	unsigned long doorbell;
	atomic_bool doorbell_refused;
	struct lock lock;
	bool connected;
	uint64_t features;
	uint64_t protocol;
	unsigned int queue_count;
	bool doorbell_tried;
	bool has_slots;
	struct peer_memory memory;
	int call_fd;
	struct vhost_user_registers registers;
	struct lock wake;
	atomic_bool closed;
};

static inline struct vhost_user *vhost_user_of(struct backend *backend)
{
	return (struct vhost_user *)backend;
}

static inline bool vhost_user_is_closed(struct vhost_user *vhost)
{
	return atomic_load_explicit(&vhost->closed, memory_order_relaxed);
}

#endif
