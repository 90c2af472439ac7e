/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The conversation with a vhost-user peer. The lock of struct vhost_user is held throughout.
 */
#ifndef VHOST_USER_PEER_H
#define VHOST_USER_PEER_H

#include "vhost_user/device.h"
#include "vhost_user/message.h"

/**
 * vhost_user_peer_connect_locked() - Connect, and agree on how to talk.
 * @vhost: The device, without a connection.
 *
 * Return: 0; -ENODEV, -EACCES, -EPERM, -EINVAL (no socket), -EOPNOTSUPP (it lacks what is
 * needed), -EIO, -ETIMEDOUT, -ENOSPC, -ENOMEM.
 */
int vhost_user_peer_connect_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock);

/**
 * vhost_user_peer_hang_up_locked() - End the connection, if there is one.
 * @vhost: The device.
 */
void vhost_user_peer_hang_up_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock);

/**
 * vhost_user_peer_report_no_connection() - Say why there is none.
 * @vhost: The device.
 * @err: What the system answered.
 *
 * Return: what the library answers.
 */
int vhost_user_peer_report_no_connection(const struct vhost_user *vhost, int err);

/**
 * vhost_user_peer_is_there_locked() - Whether the peer is, as far as one can see.
 * @vhost: The device.
 */
bool vhost_user_peer_is_there_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock);

/**
 * vhost_user_peer_set_locked() - Send a message that has no answer but an acknowledgement.
 * @vhost: The device.
 * @message: The message.
 * @fds: Descriptors that go with it.
 * @count: How many.
 * @checked: Acknowledgements are not to be believed: ask for something else too.
 *
 * Return: 0; -EIO (refused, or an answer that is none), -ENODEV, -ETIMEDOUT.
 */
int vhost_user_peer_set_locked(struct vhost_user *vhost, const struct vhost_user_message *message,
			       const int *fds, size_t count, bool checked) NEEDS_LOCK(vhost->lock);

/**
 * vhost_user_peer_get_config_locked() - Read the start of the configuration space.
 * @vhost: The device.
 * @config: Filled in.
 * @bytes: How much of it.
 *
 * Return: as vhost_user_peer_set_locked(); -EOPNOTSUPP (it has none).
 */
int vhost_user_peer_get_config_locked(struct vhost_user *vhost, uint8_t *config, uint32_t bytes)
	NEEDS_LOCK(vhost->lock);

/**
 * vhost_user_peer_set_call_locked() - Tell the peer whom to wake up.
 * @vhost: The device, with its call_fd.
 * @queue: A queue.
 *
 * Return: as vhost_user_peer_set_locked().
 */
int vhost_user_peer_set_call_locked(struct vhost_user *vhost, uint32_t queue)
	NEEDS_LOCK(vhost->lock);

#endif
