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
#include "vhost_user/message.h"

#define VHOST_USER_QUEUES_MAX 16
/* Registers, and as much configuration as vhost-user carries. */
#define VHOST_USER_BAR_BYTES (0x100 + VHOST_USER_CONFIG_MAX)

/**
 * struct vhost_user_queue - A queue, as its registers say.
 * @number: Its entries.
 * @ready: The driver has set it up.
 * @running: The peer was told.
 * @desc: Device address of its descriptors.
 * @avail: Of what the driver makes available.
 * @used: Of what the device has used.
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
 * struct vhost_user_registers - What the driver wrote; zero bytes after a reset.
 * @status: Of the device.
 * @device_select: Which half of the device's features is read.
 * @driver_select: Which half of the driver's is written.
 * @driver_features: What the driver wants.
 * @queue_select: Which queue is meant.
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

/**
 * struct vhost_user_mapping - Memory that the peer has, or may still have.
 * @address: Its device address.
 * @bytes: Its size.
 * @va: Where it is.
 * @fd: The file that it is; -1 when it is none any more.
 * @waiting: It is nobody's, and kept until a fence.
 */
struct vhost_user_mapping {
	uint64_t address;
	size_t bytes;
	void *va;
	int fd;
	bool waiting;
};

/* The keys of its name. */
struct vhost_user_keys {
	uint64_t id;
	uint64_t timeout_ms;
	uint64_t table;
};

/**
 * struct vhost_user - A device.
 * @backend: For the library.
 * @keys: As the name has them. Never change.
 * @path: Where to connect; NULL if there is @source. Never changes.
 * @source: The caller's descriptor, another of the same; -1. Never changes.
 * @listens: @source is where the peer connects, or else the connection. Never changes.
 * @fd: The connection, or, when that is lost, another of @hung_up, so that who polls it
 *	hears of it. The number never changes.
 * @hung_up: A socket at whose other end is nobody. Never changes.
 * @ignored_fd: What the peer wakes up while nobody listens: libvhost-user hangs up where it
 *	has nothing. Never changes.
 * @kick_fds: What wakes the peer up for a queue; -1 until it is first used.
 * @lock: Guards what follows, and the conversation: what is asked is answered before
 *	anything else is.
 * @closed: The device is closed.
 * @connected: @fd is the connection.
 * @features: Of the device, those of vhost-user among them.
 * @protocol: Protocol features that both have.
 * @queue_count: How many queues there are.
 * @has_slots: It takes one region at a time, not whole tables. Never changes.
 * @capacity: How many @mappings there is room for. Never changes.
 * @slots: How many regions the peer takes, at most @capacity.
 * @used: How many it has.
 * @mappings: They.
 * @call_fd: What the peer wakes us up with; -1 for nobody.
 * @registers: As the driver left them.
 */
struct vhost_user {
	struct backend backend;
	struct vhost_user_keys keys;
	char *path;
	int source;
	bool listens;
	int fd;
	int hung_up;
	int ignored_fd;
	atomic_int kick_fds[VHOST_USER_QUEUES_MAX];
	struct lock lock;
	bool closed;
	bool connected;
	uint64_t features;
	uint64_t protocol;
	unsigned int queue_count;
	bool has_slots;
	size_t capacity;
	size_t slots;
	size_t used;
	struct vhost_user_mapping *mappings;
	int call_fd;
	struct vhost_user_registers registers;
};

static inline struct vhost_user *vhost_user_of(struct backend *backend)
{
	return (struct vhost_user *)backend;
}

#endif
