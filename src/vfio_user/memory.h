/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The memory that a vfio-user peer may reach, and its requests.
 */
#ifndef VFIO_USER_MEMORY_H
#define VFIO_USER_MEMORY_H

#include "vfio_user/device.h"

/**
 * vfio_user_memory_serve() - Answer a request of the peer.
 * @user: The device.
 * @channel: The channel that it came on.
 * @received: The request.
 *
 * Return: 0, also if the access was refused; -EPROTO (not a request of this protocol).
 */
int vfio_user_memory_serve(struct vfio_user *user, struct vfio_user_channel *channel,
			   const struct vfio_user_received *received);

/* These are functions of struct backend_ops. The backend is a struct vfio_user. */
int vfio_user_memory_map(struct backend *backend, const struct backend_mapping *mapping);
int vfio_user_memory_unmap(struct backend *backend, const struct backend_mapping *mapping,
			   bool idle);
int vfio_user_memory_next_fault(struct backend *backend, struct coherent_fault *fault);

#endif
