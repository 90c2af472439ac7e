/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The memory of the client of a served device.
 */
#ifndef SIM_SERVE_DMA_H
#define SIM_SERVE_DMA_H

#include "sim/dma.h"
#include "vfio_user/channel.h"

/**
 * struct serve_range - Addresses that the client has announced.
 * @address: The first one.
 * @bytes: Their number, not 0.
 * @flags: VFIO_USER_MAP_...
 * @fd: The file that has their memory; -1 if the client did not send one.
 * @offset: The offset of @address in it.
 */
struct serve_range {
	uint64_t address;
	uint64_t bytes;
	uint32_t flags;
	int fd;
	uint64_t offset;
};

/**
 * struct serve_dma - The way to the memory of a client.
 * @bus: The part that the DMA engine of the model knows.
 * @dev: The served device. Never changes, like the next three.
 * @channel: Where questions go. Its buffer for answers is for reads.
 * @main: The channel that ends with the connection.
 * @data_max: How many bytes the client moves in one message.
 * @reported: A report told of an answer that does not fit. Only callbacks of the model use it.
 * @refused: A report told of memory that was not announced. Only callbacks of the model use it.
 * @lock: Guards the fields below.
 * @ranges: The announced addresses, in no order.
 * @count: The number of @ranges.
 * @room: How many fit.
 */
struct serve_dma {
	struct sim_bus bus;
	const struct coherent_device *dev;
	struct vfio_user_channel *channel;
	struct vfio_user_channel *main;
	size_t data_max;
	bool reported;
	bool refused;
	struct lock lock;
	struct serve_range *ranges;
	size_t count;
	size_t room;
};

/**
 * serve_dma_open() - Begin to reach the memory of a client.
 * @dma: Zero bytes. Set to the way there.
 * @dev: The served device.
 * @channel: Where questions go.
 * @main: The channel that ends with the connection.
 * @data_max: How many bytes the client moves in one message.
 */
void serve_dma_open(struct serve_dma *dma, const struct coherent_device *dev,
		    struct vfio_user_channel *channel, struct vfio_user_channel *main,
		    size_t data_max);

/**
 * serve_dma_close() - End it. The model uses it no more.
 * @dma: The way there.
 */
void serve_dma_close(struct serve_dma *dma);

/**
 * serve_dma_map() - Execute DMA_MAP.
 * @dma: The way to the memory.
 * @map: The command.
 * @fd: The file that came with it; -1 for none. The call takes it.
 *
 * Return: 0, or an errno for the client: EINVAL, EEXIST, ENOSPC, ENOMEM.
 */
uint32_t serve_dma_map(struct serve_dma *dma, const struct vfio_user_dma_map *map, int fd);

/**
 * serve_dma_unmap() - Execute DMA_UNMAP.
 * @dma: The way to the memory.
 * @unmap: The command.
 *
 * Return: 0, or an errno for the client: EINVAL, ENOENT.
 */
uint32_t serve_dma_unmap(struct serve_dma *dma, const struct vfio_user_dma_unmap *unmap);

#endif
