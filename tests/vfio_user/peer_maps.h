/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The files that a peer of vfio-user has mapped. A transfer that finds its memory here needs no message.
 */
#ifndef VFIO_USER_TEST_PEER_MAPS_H
#define VFIO_USER_TEST_PEER_MAPS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "../../src/vfio_user/message.h"

#define PEER_MAPS 64

struct peer_map {
	uint64_t address;
	uint64_t bytes;
	uint32_t flags;
	int fd;
	char *va;
};

/**
 * struct peer_maps - The mappings.
 * @lock: Guards @maps.
 * @count: Their number, which other threads may read.
 * @maps: The mappings.
 */
struct peer_maps {
	pthread_mutex_t lock;
	atomic_uint count;
	struct peer_map maps[PEER_MAPS];
};

/* Map the file of a DMA_MAP, and take its descriptor. Returns an errno. */
int peer_maps_add(struct peer_maps *maps, const struct vfio_user_dma_map *map, int fd);

/* Unmap the file of a DMA_UNMAP. Returns an errno. */
int peer_maps_remove(struct peer_maps *maps, const struct vfio_user_dma_unmap *unmap);

/* Unmap all. */
void peer_maps_clear(struct peer_maps *maps);

/* Copy between a buffer and mapped memory. Returns false if no mapping has all of it. */
bool peer_maps_copy(struct peer_maps *maps, uint64_t address, char *buffer, uint64_t bytes,
		    bool is_write);

/* Map the file of the first mapping once more, as a transfer in flight has it. */
char *peer_maps_keep(struct peer_maps *maps);

#endif
