// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "world.h"

enum { DMA_SRC = 0x80, DMA_DST = 0x88, DMA_COUNT = 0x90, DMA_CMD = 0x98 };
enum { CMD_RUN = 1, CMD_TO_MEMORY = 2 };

/* Armed transfers fire late enough for a reclaim in between. */
const struct world worlds[] = {
	{
		.label = "sim",
		.name = "sim:edu,step",
		.level = COHERENT_IOMMU,
		.names_faults = true,
		.steps = true,
	},
	{
		.label = "sim, threaded",
		.name = "sim:edu,delay=20",
		.level = COHERENT_IOMMU,
		.names_faults = true,
	},
	{
		.label = "sim, lazy",
		.name = "sim:edu,step,lazy",
		.level = COHERENT_IOMMU,
		.needs_idle = true,
		.names_faults = true,
		.steps = true,
	},
};

const size_t world_count = ARRAY_SIZE(worlds);

struct world *world_open(const struct world *template, const char *keys)
{
	struct world *world = malloc(sizeof(*world));
	char name[128];

	assert_non_null(world);
	*world = *template;
	world->log = (struct log)LOG_EMPTY;
	snprintf(name, sizeof(name), "%s%s", template->name, keys);
	assert_ok(coherent_device_open(&world->dev, name, .report = log_report,
				       .report_arg = &world->log));
	assert_ok(coherent_bar_open(&world->bar, world->dev, 0));
	return world;
}

void world_close(struct world *world)
{
	coherent_bar_close(world->bar);
	coherent_device_close(world->dev);
	assert_false(log_has(&world->log, "not freed"));
	free(world);
}

bool world_reaches_addr(struct world *world, coherent_addr_t address, void *buffer, size_t bytes,
			enum coherent_access access)
{
	return !coherent_sim_try_addr(world->dev, address, buffer, bytes, access);
}

static void arm(struct world *world, uint64_t src, uint64_t dst, size_t bytes, uint32_t cmd)
{
	coherent_bar_write64(world->bar, DMA_SRC, src);
	coherent_bar_write64(world->bar, DMA_DST, dst);
	coherent_bar_write64(world->bar, DMA_COUNT, bytes);
	coherent_bar_write64(world->bar, DMA_CMD, cmd | CMD_RUN);
}

void world_arm_write(struct world *world, coherent_addr_t to, size_t bytes)
{
	arm(world, EDU_BUFFER, to.raw, bytes, CMD_TO_MEMORY);
}

void world_fire(struct world *world)
{
	if (world->steps)
		assert_ok(coherent_sim_step(world->dev, 1));
	assert_ok(coherent_bar_poll32(world->bar, DMA_CMD, CMD_RUN, 0, LONG));
}

void world_device_reads(struct world *world, coherent_addr_t from, size_t bytes)
{
	arm(world, from.raw, EDU_BUFFER, bytes, 0);
	world_fire(world);
}

void world_device_writes(struct world *world, coherent_addr_t to, size_t bytes)
{
	world_arm_write(world, to, bytes);
	world_fire(world);
}
