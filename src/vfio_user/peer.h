/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The conversation with a vfio-user peer. The lock of struct vfio_user is held throughout.
 */
#ifndef VFIO_USER_PEER_H
#define VFIO_USER_PEER_H

#include "base/sys.h"
#include "vfio_user/device.h"

/* The first address that the peer may ask for. A null pointer of a driver is not in the window. */
static inline uint64_t vfio_user_window_first(void)
{
	return sys_page_bytes();
}

/**
 * vfio_user_peer_connect_locked() - Connect, agree on a version, and announce the window, if there is one.
 * @user: The device, without a connection.
 *
 * Return: 0; the errors of peer_socket_connect(); -EOPNOTSUPP (another version, or the peer asks for
 * no transfers), -EIO, -ENODEV, -ETIMEDOUT, -ENOMEM. A report says what was wrong.
 */
int vfio_user_peer_connect_locked(struct vfio_user *user) NEEDS_LOCK(user->lock);

/**
 * vfio_user_peer_hang_up_locked() - End the connection, if there is one.
 * @user: The device.
 */
void vfio_user_peer_hang_up_locked(struct vfio_user *user) NEEDS_LOCK(user->lock);

/**
 * vfio_user_peer_wake() - Let a thread that waits for an answer fail, and let no other begin.
 * @user: The device, which is being closed.
 */
void vfio_user_peer_wake(struct vfio_user *user);

/**
 * vfio_user_peer_is_there_locked() - Whether the peer is still connected.
 * @user: The device.
 *
 * If the peer has hung up since the last message, the call reports that and ends the connection.
 */
bool vfio_user_peer_is_there_locked(struct vfio_user *user) NEEDS_LOCK(user->lock);

/**
 * vfio_user_peer_ask_locked() - Send a command and wait for its reply.
 * @user: The device.
 * @call: The command. Its reply is filled in.
 * @min: The smallest payload of a reply without an error.
 *
 * Return: 0; -EREMOTEIO (a reply with an error, which is in @call), -ENODEV, -EIO (a malformed
 * reply), -ETIMEDOUT. After the last three there is a report, and no connection.
 */
int vfio_user_peer_ask_locked(struct vfio_user *user, struct vfio_user_call *call, size_t min)
	NEEDS_LOCK(user->lock);

/**
 * vfio_user_peer_refused_locked() - Report that the peer refused a command.
 * @user: The device.
 * @call: The command with its reply.
 *
 * Return: -EIO.
 */
int vfio_user_peer_refused_locked(const struct vfio_user *user, const struct vfio_user_call *call);

#endif
