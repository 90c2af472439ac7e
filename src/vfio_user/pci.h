/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The registers, the configuration space, the interrupts and the reset of a vfio-user device.
 */
#ifndef VFIO_USER_PCI_H
#define VFIO_USER_PCI_H

#include "vfio_user/device.h"

/**
 * vfio_user_pci_open_locked() - Ask the peer for its regions and interrupts, and allow DMA.
 * @user: The device, connected. If the device is open already, the peer must have the same ones.
 *
 * Return: 0; -EOPNOTSUPP (not a PCI device, or another one than before), -ENOMEM, and the errors of
 * vfio_user_peer_ask_locked(). A report says what was wrong.
 */
int vfio_user_pci_open_locked(struct vfio_user *user) NEEDS_LOCK(user->lock);

/**
 * vfio_user_pci_reset_locked() - Reset the device in the connection that there is.
 * @user: The device, which is not closed.
 *
 * Return: as struct backend_ops says for reset. If the peer is lost, the call does not connect again.
 */
int vfio_user_pci_reset_locked(struct vfio_user *user) NEEDS_LOCK(user->lock);

/**
 * vfio_user_pci_reconnect_locked() - Connect again to a peer that is lost, and reset the device.
 * @user: The device, which is not closed and has no connection.
 * @must_reset: Fail if the device has no reset.
 *
 * Return: as struct backend_ops says for reset. After a failure the device has no connection.
 */
int vfio_user_pci_reconnect_locked(struct vfio_user *user, bool must_reset) NEEDS_LOCK(user->lock);

/* These are functions of struct backend_ops. The backend is a struct vfio_user. */
uint64_t vfio_user_pci_read(struct backend *backend, unsigned int bar, uint64_t offset,
			    unsigned int width);
void vfio_user_pci_write(struct backend *backend, unsigned int bar, uint64_t offset,
			 unsigned int width, uint64_t value);
int vfio_user_pci_config(struct backend *backend, struct backend_config *access);
int vfio_user_pci_irq_connect(struct backend *backend, unsigned int vector, int fd);
void vfio_user_pci_irq_rearm(struct backend *backend, unsigned int vector);
int vfio_user_pci_fence(struct backend *backend);
int vfio_user_pci_reset(struct backend *backend);

#endif
