/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The registers of a PCI device that is bound to vfio-pci.
 */
#ifndef VFIO_BAR_H
#define VFIO_BAR_H

#include "vfio/pci.h"

/* These are functions of struct backend_ops. The backend is a struct vfio_pci. */
uint64_t vfio_bar_read(struct backend *backend, unsigned int index, uint64_t offset,
		       unsigned int width);
void vfio_bar_write(struct backend *backend, unsigned int index, uint64_t offset,
		    unsigned int width, uint64_t value);
int vfio_bar_copy(struct backend *backend, const struct backend_copy *copy);
int vfio_bar_write_line(struct backend *backend, unsigned int index, uint64_t offset,
			const void *line);

#endif
