/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The memory of a vfio-user device with the key files: the peer gets exposed memory as files.
 */
#ifndef VFIO_USER_FILES_H
#define VFIO_USER_FILES_H

#include "vfio_user/device.h"

/* How the peer gets and loses memory. The backend is a struct vfio_user. */
extern const struct peer_memory_ops vfio_user_files_ops;

/**
 * vfio_user_files_connect_locked() - Give all that is exposed to a peer that has just connected.
 * @user: The device, connected.
 *
 * Return: 0; -EOPNOTSUPP (the peer takes too few regions), -EIO (it refused one), -ENOMEM, -ENODEV,
 * -ETIMEDOUT. A report says what was wrong.
 */
int vfio_user_files_connect_locked(struct vfio_user *user) NEEDS_LOCK(user->lock);

/* These are functions of struct backend_ops. The backend is a struct vfio_user. */
int vfio_user_files_map(struct backend *backend, const struct backend_mapping *mapping);
void vfio_user_files_explain(struct backend *backend, size_t bytes, int err);
int vfio_user_files_unmap(struct backend *backend, const struct backend_mapping *mapping,
			  bool idle);
int vfio_user_files_fence(struct backend *backend);
int vfio_user_files_reset(struct backend *backend);

#endif
