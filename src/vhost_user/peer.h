/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The conversation with a vhost-user peer. The lock of struct vhost_user is held throughout.
 */
#ifndef VHOST_USER_PEER_H
#define VHOST_USER_PEER_H

#include "vhost_user/device.h"
#include "vhost_user/message.h"

/**
 * vhost_user_peer_connect_locked() - Connect, and negotiate features with the peer.
 * @vhost: The device, without a connection.
 *
 * Return: 0; -ENODEV, -EACCES, -EPERM, -EINVAL (the path is not a socket), -EOPNOTSUPP (the peer
 * lacks a feature that is needed), -EIO, -ETIMEDOUT, -ENOSPC, -ENOMEM.
 */
int vhost_user_peer_connect_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock);

/**
 * vhost_user_peer_hang_up_locked() - End the connection, if there is one.
 * @vhost: The device.
 */
void vhost_user_peer_hang_up_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock);

/**
 * vhost_user_peer_wake() - Let a thread that waits for an answer fail, and let no other begin.
 * @vhost: The device, which is being closed.
 */
void vhost_user_peer_wake(struct vhost_user *vhost);

/**
 * vhost_user_peer_is_there_locked() - Whether the peer is still connected.
 * @vhost: The device.
 *
 * If the peer has hung up since the last message, the call reports that and ends the connection.
 */
bool vhost_user_peer_is_there_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock);

/**
 * vhost_user_peer_set_locked() - Send a message that the peer only acknowledges.
 * @vhost: The device.
 * @message: The message.
 * @fds: Descriptors that go with it.
 * @count: The number of descriptors.
 * @checked: Do not rely on the acknowledgement: also ask for the features, and wait for that answer.
 *
 * Return: 0; -EIO (the peer refused, or its reply is malformed), -ENODEV, -ETIMEDOUT.
 */
int vhost_user_peer_set_locked(struct vhost_user *vhost, const struct vhost_user_message *message,
			       const int *fds, size_t count, bool checked) NEEDS_LOCK(vhost->lock);

/**
 * vhost_user_peer_send_locked() - Send a message, and do other work before its answers are read.
 * @vhost: The device. It must be connected.
 * @message: The message.
 * @fds: Descriptors that go with it.
 * @count: The number of descriptors.
 * @checked: As for vhost_user_peer_set_locked().
 * @answers: Filled in. The caller gives it to vhost_user_peer_answer_locked(), also after an error,
 *	before it sends another message.
 *
 * Return: 0; a negative error.
 */
int vhost_user_peer_send_locked(struct vhost_user *vhost, const struct vhost_user_message *message,
				const int *fds, size_t count, bool checked,
				struct vhost_user_answers *answers) NEEDS_LOCK(vhost->lock);

/**
 * vhost_user_peer_answer_locked() - Read the answers to a message.
 * @vhost: The device.
 * @request: The request of the message.
 * @checked: As for vhost_user_peer_send_locked().
 * @answers: From that call.
 * @err: The result of that call.
 *
 * Return: as vhost_user_peer_set_locked().
 */
int vhost_user_peer_answer_locked(struct vhost_user *vhost, enum vhost_user_request request,
				  bool checked, struct vhost_user_answers *answers, int err)
	NEEDS_LOCK(vhost->lock);

/**
 * vhost_user_peer_get_config_locked() - Read the start of the configuration space.
 * @vhost: The device.
 * @config: Set to the configuration.
 * @bytes: How many bytes to read.
 *
 * Return: as vhost_user_peer_set_locked(); -EOPNOTSUPP (the peer cannot send its configuration).
 */
int vhost_user_peer_get_config_locked(struct vhost_user *vhost, uint8_t *config, uint32_t bytes)
	NEEDS_LOCK(vhost->lock);

/**
 * vhost_user_peer_set_call_locked() - Tell the peer which eventfd signals interrupts of a queue.
 * @vhost: The device. The eventfd is its @call_fd, or its @ignored_fd if that is -1.
 * @queue: The queue.
 *
 * Return: as vhost_user_peer_set_locked().
 */
int vhost_user_peer_set_call_locked(struct vhost_user *vhost, uint32_t queue)
	NEEDS_LOCK(vhost->lock);

#endif
