// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "peer_blkio.h"

#define BYTES 4096
#define SPAN 8192

/* The layouts of blkio(3). */
struct blkio_mem_region {
	void *addr;
	size_t len;
	uint64_t iova;
	int64_t fd_offset;
	int fd;
	uint32_t flags;
};

struct blkio_completion {
	void *user_data;
	const char *error_msg;
	int ret;
	uint8_t reserved[12];
};

struct peer_blkio {
	void *library;
	void *blkio;
	void *queue;
	unsigned int depth;
	struct blkio_mem_region memory;
	void (*read)(void *queue, uint64_t start, void *buffer, size_t bytes, void *user_data,
		     uint32_t flags);
	int (*do_io)(void *queue, struct blkio_completion *completions, int min, int max,
		     struct timespec *timeout);
	void (*destroy)(void **blkio);
};

static void *symbol(const struct peer_blkio *disk, const char *name)
{
	void *at = dlsym(disk->library, name);

	if (!at) {
		fprintf(stderr, "bench: libblkio does not have %s()\n", name);
		exit(1);
	}
	return at;
}

static int open_disk(struct peer_blkio *disk, const char *socket)
{
	int (*create)(const char *driver, void **blkio) = symbol(disk, "blkio_create");
	int (*set_str)(void *blkio, const char *name, const char *value) =
		symbol(disk, "blkio_set_str");
	int (*connect)(void *blkio) = symbol(disk, "blkio_connect");
	int (*begin)(void *blkio) = symbol(disk, "blkio_start");
	int (*alloc)(void *blkio, struct blkio_mem_region *region, size_t bytes) =
		symbol(disk, "blkio_alloc_mem_region");
	int (*map)(void *blkio, const struct blkio_mem_region *region) =
		symbol(disk, "blkio_map_mem_region");
	void *(*get_queue)(void *blkio, int index) = symbol(disk, "blkio_get_queue");
	int err = create("virtio-blk-vhost-user", &disk->blkio);

	if (!err)
		err = set_str(disk->blkio, "path", socket);
	if (!err)
		err = connect(disk->blkio);
	if (!err)
		err = begin(disk->blkio);
	if (!err)
		err = alloc(disk->blkio, &disk->memory, disk->depth * BYTES);
	if (!err)
		err = map(disk->blkio, &disk->memory);
	if (!err)
		disk->queue = get_queue(disk->blkio, 0);
	return err;
}

struct peer_blkio *peer_blkio_open(const char *library, const char *socket, unsigned int depth)
{
	struct peer_blkio *disk = calloc(1, sizeof(*disk));
	int err;

	if (!disk)
		return NULL;
	disk->depth = depth;
	disk->library = dlopen(library, RTLD_NOW);
	if (!disk->library) {
		fprintf(stderr, "bench: %s\n", dlerror());
		free(disk);
		return NULL;
	}
	disk->read = symbol(disk, "blkioq_read");
	disk->do_io = symbol(disk, "blkioq_do_io");
	disk->destroy = symbol(disk, "blkio_destroy");
	err = open_disk(disk, socket);
	if (!err)
		return disk;
	fprintf(stderr, "bench: libblkio cannot open %s: %s\n", socket, strerror(-err));
	peer_blkio_close(disk);
	return NULL;
}

int peer_blkio_read(struct peer_blkio *disk, unsigned int turns)
{
	struct blkio_completion done[32];
	unsigned int started = 0, finished = 0;

	for (; started < turns && started < disk->depth; started++)
		disk->read(disk->queue, started * BYTES % (SPAN * BYTES),
			   (char *)disk->memory.addr + started * BYTES, BYTES,
			   (void *)(uintptr_t)started, 0);
	while (finished < turns) {
		int n = disk->do_io(disk->queue, done, 1, 32, NULL);

		if (n < 0)
			return n;
		for (int i = 0; i < n; i++) {
			const uintptr_t slot = (uintptr_t)done[i].user_data;

			if (done[i].ret)
				return -EIO;
			if (started < turns)
				disk->read(disk->queue, started++ % SPAN * BYTES,
					   (char *)disk->memory.addr + slot * BYTES, BYTES,
					   (void *)slot, 0);
		}
		finished += (unsigned int)n;
	}
	return 0;
}

void peer_blkio_close(struct peer_blkio *disk)
{
	if (disk->blkio)
		disk->destroy(&disk->blkio);
	/* The library stays loaded, because a Rust library cannot be unloaded. */
	free(disk);
}
