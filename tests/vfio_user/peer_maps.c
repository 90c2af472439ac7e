// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../test.h"
#include "peer_maps.h"

int peer_maps_add(struct peer_maps *maps, const struct vfio_user_dma_map *map, int fd)
{
	const int prot = PROT_READ | (map->flags & VFIO_USER_MAP_WRITE ? PROT_WRITE : 0);
	void *va;

	if (maps->count == PEER_MAPS)
		return ENOSPC;
	va = mmap(NULL, map->bytes, prot, MAP_SHARED, fd, (off_t)map->offset);
	if (va == MAP_FAILED)
		return errno;
	pthread_mutex_lock(&maps->lock);
	maps->maps[maps->count++] =
		(struct peer_map){ map->address, map->bytes, map->flags, fd, va };
	pthread_mutex_unlock(&maps->lock);
	return 0;
}

static void remove_locked(struct peer_maps *maps, unsigned int i)
{
	munmap(maps->maps[i].va, maps->maps[i].bytes);
	close(maps->maps[i].fd);
	maps->maps[i] = maps->maps[--maps->count];
}

int peer_maps_remove(struct peer_maps *maps, const struct vfio_user_dma_unmap *unmap)
{
	int err = ENOENT;

	pthread_mutex_lock(&maps->lock);
	for (unsigned int i = 0; err && i < maps->count; i++) {
		if (maps->maps[i].address != unmap->address || maps->maps[i].bytes != unmap->bytes)
			continue;
		remove_locked(maps, i);
		err = 0;
	}
	pthread_mutex_unlock(&maps->lock);
	return err;
}

void peer_maps_clear(struct peer_maps *maps)
{
	pthread_mutex_lock(&maps->lock);
	while (maps->count)
		remove_locked(maps, 0);
	pthread_mutex_unlock(&maps->lock);
}

static struct peer_map *find_locked(struct peer_maps *maps, uint64_t address, uint64_t bytes)
{
	for (unsigned int i = 0; i < maps->count; i++) {
		struct peer_map *map = &maps->maps[i];
		const uint64_t offset = address - map->address;

		if (offset < map->bytes && bytes <= map->bytes - offset)
			return map;
	}
	return NULL;
}

bool peer_maps_copy(struct peer_maps *maps, uint64_t address, char *buffer, uint64_t bytes,
		    bool is_write)
{
	struct peer_map *map;

	pthread_mutex_lock(&maps->lock);
	map = find_locked(maps, address, bytes);
	if (map && is_write && !(map->flags & VFIO_USER_MAP_WRITE))
		map = NULL;
	if (map && is_write)
		memcpy(map->va + (address - map->address), buffer, bytes);
	else if (map)
		memcpy(buffer, map->va + (address - map->address), bytes);
	pthread_mutex_unlock(&maps->lock);
	return map;
}

char *peer_maps_keep(struct peer_maps *maps)
{
	void *va;

	pthread_mutex_lock(&maps->lock);
	va = mmap(NULL, maps->maps[0].bytes, PROT_READ | PROT_WRITE, MAP_SHARED, maps->maps[0].fd,
		  0);
	pthread_mutex_unlock(&maps->lock);
	assert_true(va != MAP_FAILED);
	return va;
}
