/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The messages of vhost-user for the memory that a peer has.
 */
#ifndef VHOST_USER_MEMORY_H
#define VHOST_USER_MEMORY_H

#include "vhost_user/device.h"

/* How the peer gets and loses memory. The backend is a struct vhost_user. */
extern const struct peer_memory_ops vhost_user_memory_ops;

/**
 * vhost_user_memory_reconnect_locked() - Connect again, so that nothing is in flight any more.
 * @vhost: The device. Its registers are reset. Exposed memory stays exposed.
 *
 * Return: as vhost_user_peer_connect_locked(); -EOPNOTSUPP also if the caller made the connection.
 */
int vhost_user_memory_reconnect_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock);

/* These are functions of struct backend_ops. */
int vhost_user_memory_map(struct backend *backend, const struct backend_mapping *mapping);
int vhost_user_memory_unmap(struct backend *backend, const struct backend_mapping *mapping,
			    bool idle);
int vhost_user_memory_fence(struct backend *backend);

#endif
