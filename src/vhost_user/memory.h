/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The memory that a vhost-user peer has, or may still have after it was freed.
 */
#ifndef VHOST_USER_MEMORY_H
#define VHOST_USER_MEMORY_H

#include "vhost_user/device.h"

/**
 * vhost_user_memory_has_locked() - Whether the peer has the memory at an address.
 * @vhost: The device.
 * @address: The first device address.
 * @bytes: The size.
 */
bool vhost_user_memory_has_locked(const struct vhost_user *vhost, uint64_t address, uint64_t bytes)
	NEEDS_LOCK(vhost->lock);

/**
 * vhost_user_memory_reconnect_locked() - Connect again, so that nothing is in flight any more.
 * @vhost: The device. Its registers are reset. Exposed memory stays exposed.
 *
 * Return: as vhost_user_peer_connect_locked(); -EOPNOTSUPP also if the caller made the connection.
 */
int vhost_user_memory_reconnect_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock);

/**
 * vhost_user_memory_release_locked() - Stop using all memory that the peer has.
 * @vhost: The device; it is being closed.
 *
 * Memory that cannot be made private, for lack of memory, stays with the peer and leaks.
 */
void vhost_user_memory_release_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock);

/**
 * vhost_user_memory_forget_locked() - Close the files of all mappings that are left.
 * @vhost: The device.
 */
void vhost_user_memory_forget_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock);

/* These are functions of struct backend_ops. */
int vhost_user_memory_map(struct backend *backend, const struct backend_mapping *mapping);
int vhost_user_memory_unmap(struct backend *backend, const struct backend_mapping *mapping,
			    bool idle);
int vhost_user_memory_fence(struct backend *backend);

#endif
