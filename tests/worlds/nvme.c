// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This file drives QEMU's NVMe controller with the driver of examples/. A command succeeds even if
 * the IOMMU refuses its transfer. To arm a transfer, the driver writes a command but not the
 * doorbell.
 */
#include <unistd.h>

#include "../../examples/nvme.h"
#include "peer.h"

enum { OPCODE_WRITE = 1, OPCODE_READ = 2, NSID = 1, SLOT = 0 };

/* The sizes of queue entries. They do not enable the controller. */
enum { REG_CC = 0x14, CC_ENTRIES = 0x460000 };

#define IMAGE_BYTES (4 << 20)

/**
 * struct controller - A controller, its disk, and a driver.
 * @image: The path of the disk. Without it, QEMU's disk does not keep what is written.
 * @nvme: The driver.
 * @is_open: The driver runs.
 */
struct controller {
	char image[SCRATCH_MAX];
	struct nvme nvme;
	bool is_open;
};

static struct nvme *nvme_of(struct world *world)
{
	return &((struct controller *)world->state)->nvme;
}

/* Returns the first block of a place. */
static uint32_t block_of(enum place place)
{
	return place == PLACE_DIRT ? 1024 : 0;
}

/*
 * Writes a command for any address. nvme_start() uses only memory of the driver. The memory must
 * not cross a page.
 */
static void put_command(struct nvme *nvme, uint32_t opcode, enum place place, uint64_t address,
			size_t bytes)
{
	const uint32_t at = nvme->io.tail++;

	coherent_ring_put(&nvme->io.sq, at, .dw0, opcode | (uint32_t)SLOT << 16);
	coherent_ring_put(&nvme->io.sq, at, .nsid, NSID);
	coherent_ring_put(&nvme->io.sq, at, .prp1, address);
	coherent_ring_put(&nvme->io.sq, at, .prp2, 0);
	coherent_ring_put(&nvme->io.sq, at, .dw10_15[0], block_of(place));
	coherent_ring_put(&nvme->io.sq, at, .dw10_15[1], 0);
	coherent_ring_put(&nvme->io.sq, at, .dw10_15[2], (uint32_t)(bytes / nvme->block_bytes) - 1);
	nvme->busy |= UINT64_C(1) << SLOT;
	nvme->failed &= ~(UINT64_C(1) << SLOT);
}

static int nvme_fire(struct world *world)
{
	struct nvme *nvme = nvme_of(world);

	coherent_bar_write32(nvme->bar, nvme->io.doorbell, nvme->io.tail & (nvme->io.depth - 1));
	return nvme_wait(nvme, SLOT);
}

static int nvme_load(struct world *world, enum place place, uint64_t from, size_t bytes)
{
	put_command(nvme_of(world), OPCODE_WRITE, place, from, bytes);
	return nvme_fire(world);
}

static int nvme_store(struct world *world, enum place place, uint64_t to, size_t bytes)
{
	put_command(nvme_of(world), OPCODE_READ, place, to, bytes);
	return nvme_fire(world);
}

static void nvme_arm(struct world *world, uint64_t to, size_t bytes)
{
	put_command(nvme_of(world), OPCODE_READ, PLACE_DIRT, to, bytes);
}

static void begin_nvme(struct world *world)
{
	struct controller *controller = calloc(1, sizeof(*controller));
	int fd;

	assert_non_null(controller);
	world->state = controller;
	fd = mkstemp(scratch(controller->image, "test-promises-XXXXXX"));
	assert_true(fd >= 0);
	assert_ok(ftruncate(fd, IMAGE_BYTES));
	close(fd);
	snprintf(world->opened, sizeof(world->opened), "%s,image=%s", world->name,
		 controller->image);
}

static void end_nvme(struct world *world)
{
	struct controller *controller = world->state;

	if (!controller)
		return;
	unlink(controller->image);
	free(controller);
	world->state = NULL;
}

static void start_nvme(struct world *world)
{
	struct controller *controller = world->state;
	struct nvme *nvme = &controller->nvme;
	uint8_t dirt[PAGE];

	assert_ok(nvme_open(nvme, world->dev, 4));
	controller->is_open = true;
	assert_int_equal(nvme->block_bytes, PROBE);
	memset(dirt, DIRT, sizeof(dirt));
	assert_ok(nvme_fill(nvme, SLOT, dirt, sizeof(dirt)));
	nvme_start(nvme, SLOT, true, block_of(PLACE_DIRT), PAGE / PROBE);
	assert_ok(nvme_wait(nvme, SLOT));
}

static void stop_nvme(struct world *world)
{
	struct controller *controller = world->state;

	if (controller->is_open)
		nvme_close(&controller->nvme);
	controller->is_open = false;
}

const struct world_ops nvme_ops = {
	.missing = qemu_missing,
	.begin = begin_nvme,
	.end = end_nvme,
	.start = start_nvme,
	.stop = stop_nvme,
	.load = nvme_load,
	.store = nvme_store,
	.arm = nvme_arm,
	.fire = nvme_fire,
	/* The controller takes queues of 2048 entries. */
	.first_byte = 0xff,
	.mark_at = REG_CC,
	.mark = CC_ENTRIES,
	.marked = CC_ENTRIES,
	.pid = qemu_pid,
};
