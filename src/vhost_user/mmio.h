/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The registers of virtio-mmio. Both functions are functions of struct backend_ops.
 */
#ifndef VHOST_USER_MMIO_H
#define VHOST_USER_MMIO_H

#include "vhost_user/device.h"

uint64_t vhost_user_mmio_read(struct backend *backend, unsigned int bar, uint64_t offset,
			      unsigned int width);
void vhost_user_mmio_write(struct backend *backend, unsigned int bar, uint64_t offset,
			   unsigned int width, uint64_t value);

#endif
