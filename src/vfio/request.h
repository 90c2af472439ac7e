/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The kernel's requests to get a PCI device back.
 */
#ifndef VFIO_REQUEST_H
#define VFIO_REQUEST_H

#include <poll.h>

#include "vfio/pci.h"

/**
 * vfio_request_listen() - Let the kernel signal when it wants the device back.
 * @pci: The device, with its descriptor.
 *
 * A kernel that cannot signal this waits until the program closes the device.
 */
void vfio_request_listen(struct vfio_pci *pci);

/**
 * vfio_request_is_pending() - Whether the kernel wants the device back.
 * @backend: The backend, which is a struct vfio_pci. This is a function of struct backend_ops.
 *
 * The kernel waits until the program closes the device. From the request on each change of a state
 * fails with -ENODEV, so that the driver gets to its close.
 */
bool vfio_request_is_pending(struct backend *backend);

/* This is a function of struct backend_ops. The backend is a struct vfio_pci. */
struct pollfd vfio_request_lost_fd(const struct backend *backend);

#endif
