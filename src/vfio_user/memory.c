// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The memory of a vfio-user device. The peer never gets it: it asks for each transfer. The table of
 * what it may reach is that of the software IOMMU. A transfer is checked and copied under the lock of
 * the table, so an unmap is a fence. A message is received and sent without the lock, so a slow peer
 * delays no unmap.
 */
#include "vfio_user/memory.h"

int vfio_user_memory_serve(struct vfio_user *user, struct vfio_user_channel *channel,
			   const struct vfio_user_received *received)
{
	const struct vfio_user_header *header = &received->header;
	struct vfio_user_dma *dma = received->payload;
	const bool is_write = header->command == VFIO_USER_DMA_WRITE;
	char *data = is_write ? (char *)(dma + 1) : vfio_user_channel_place(channel, received);
	struct iovec answer[2] = { { dma, sizeof(*dma) }, { data, 0 } };
	int err;

	if (!is_write && header->command != VFIO_USER_DMA_READ)
		return -EPROTO;
	if (received->bytes < sizeof(*dma) || dma->bytes > VFIO_USER_DATA_MAX ||
	    received->bytes - sizeof(*dma) != (is_write ? dma->bytes : 0))
		return -EPROTO;
	err = iommu_port_try(&user->port, dma->address, data, (size_t)dma->bytes,
			     is_write ? COHERENT_ACCESS_WRITE : COHERENT_ACCESS_READ);
	answer[1].iov_len = is_write ? 0 : (size_t)dma->bytes;
	return vfio_user_channel_reply(channel, header, err ? EFAULT : 0, answer, 2);
}

int vfio_user_memory_map(struct backend *backend, const struct backend_mapping *mapping)
{
	return iommu_port_map(&vfio_user_of(backend)->port, mapping);
}

int vfio_user_memory_unmap(struct backend *backend, const struct backend_mapping *mapping,
			   bool idle)
{
	(void)idle;
	return iommu_port_unmap(&vfio_user_of(backend)->port, mapping);
}

int vfio_user_memory_next_fault(struct backend *backend, struct coherent_fault *fault)
{
	return iommu_port_next_fault(&vfio_user_of(backend)->port, fault);
}
