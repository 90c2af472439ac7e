// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This file drives a disk of QEMU's storage daemon over vhost-user, with the driver of examples/.
 * The disk reads slowly, so that transfers are in flight for as long as a test needs. Meanwhile
 * the daemon has taken the requests and holds pointers to their memory.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <unistd.h>

#include "../../examples/blk.h"
#include "../../examples/qsd.h"
#include "peer.h"

#define IMAGE_BYTES (4 << 20)
#define DEPTH 32
/* The disk does this many reads a second. It does not slow down the first six. */
#define READS_A_SECOND 60
/* The driver queues this many reads to its own memory before the armed reads. */
#define READS_BEFORE 16
/* From this sector on the image is zero. */
#define ZERO_SECTOR 4096

/**
 * struct disk - A daemon, its disk, and a driver.
 * @qsd: The daemon.
 * @image: The path of the disk.
 * @blk: The driver.
 */
struct disk {
	struct qsd qsd;
	char image[SCRATCH_MAX];
	struct blk blk;
};

static uint64_t sector_of(enum place place)
{
	return place == PLACE_DIRT ? 1024 : 0;
}

static void begin_disk(struct world *world)
{
	struct disk *disk = calloc(1, sizeof(*disk));
	uint8_t dirt[PAGE];
	int fd;

	assert_non_null(disk);
	world->state = disk;
	fd = mkstemp(scratch(disk->image, "test-promises-XXXXXX"));
	assert_true(fd >= 0);
	assert_ok(ftruncate(fd, IMAGE_BYTES));
	memset(dirt, DIRT, sizeof(dirt));
	for (size_t at = 0; at < world->burst; at += PAGE)
		assert_int_equal(pwrite(fd, dirt, PAGE,
					(off_t)(sector_of(PLACE_DIRT) * BLK_SECTOR + at)),
				 PAGE);
	close(fd);
	assert_ok(qsd_start(&disk->qsd, disk->image, READS_A_SECOND, -1));
	snprintf(world->opened, sizeof(world->opened), "vhost-user:%s", disk->qsd.path);
}

static void end_disk(struct world *world)
{
	struct disk *disk = world->state;

	if (!disk)
		return;
	qsd_end(&disk->qsd);
	unlink(disk->image);
	free(disk);
	world->state = NULL;
}

static void start_disk(struct world *world)
{
	struct disk *disk = world->state;

	assert_ok(blk_open(&disk->blk, world->dev, DEPTH));
}

static void stop_disk(struct world *world)
{
	struct disk *disk = world->state;

	blk_close(&disk->blk);
}

static int transfer(struct disk *disk, bool load, enum place place, uint64_t address, size_t bytes)
{
	blk_start_at(&disk->blk, 0, load, sector_of(place), (coherent_addr_t){ address }, bytes);
	return blk_wait(&disk->blk, 0);
}

static int disk_load(struct world *world, enum place place, uint64_t from, size_t bytes)
{
	return transfer(world->state, true, place, from, bytes);
}

static int disk_store(struct world *world, enum place place, uint64_t to, size_t bytes)
{
	return transfer(world->state, false, place, to, bytes);
}

static void disk_arm(struct world *world, uint64_t to, size_t bytes)
{
	struct disk *disk = world->state;
	unsigned int slot;
	uint16_t used;

	for (slot = 0; slot < READS_BEFORE; slot++)
		blk_start(&disk->blk, slot, false, ZERO_SECTOR, PAGE);
	for (size_t at = 0; at < bytes; at += PAGE, slot++) {
		assert_true(slot < DEPTH);
		blk_start_at(&disk->blk, slot, false, sector_of(PLACE_DIRT),
			     (coherent_addr_t){ to + at }, PAGE);
	}
	blk_kick(&disk->blk);
	/*
	 * The daemon takes all requests before it answers one, and it answers them in order. So it
	 * has taken the armed reads when it answers the first read.
	 */
	assert_ok(coherent_poll(&disk->blk.rings, 0, .used.index, &used, used != disk->blk.seen,
				LONG));
}

/* Returns whether the daemon has not done all of the armed reads yet. */
static bool disk_is_armed(struct world *world)
{
	struct disk *disk = world->state;
	uint16_t used = 0;

	assert_ok(coherent_read(&disk->blk.rings, 0, .used.index, &used));
	return used != disk->blk.told;
}

static int disk_fire(struct world *world)
{
	struct disk *disk = world->state;
	int err = 0;

	for (unsigned int slot = 0; slot < DEPTH; slot++) {
		const int result = blk_wait(&disk->blk, slot);

		err = err ? err : result;
	}
	return err;
}

static pid_t disk_pid(struct world *world)
{
	return ((struct disk *)world->state)->qsd.pid;
}

const struct world_ops virtio_blk_ops = {
	.missing = storage_daemon_missing,
	.begin = begin_disk,
	.end = end_disk,
	.start = start_disk,
	.stop = stop_disk,
	.load = disk_load,
	.store = disk_store,
	.arm = disk_arm,
	.fire = disk_fire,
	.is_armed = disk_is_armed,
	.first_byte = 'v',
	.mark_at = VIRTIO_MMIO_STATUS,
	.mark = VIRTIO_CONFIG_S_ACKNOWLEDGE,
	.marked = VIRTIO_CONFIG_S_ACKNOWLEDGE,
	.pid = disk_pid,
};
