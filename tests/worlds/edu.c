// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This file drives an edu device: a simulated one in this process or in another, one in a QEMU that
 * the library starts, or one behind the IOMMU of a kernel. edu copies between memory and its buffer. It does not report
 * whether it reached the memory.
 */
#include <unistd.h>

#include "peer.h"
#include "served.h"

enum { LIVENESS = 0x04 };
enum { DMA_SRC = 0x80, DMA_DST = 0x88, DMA_COUNT = 0x90, DMA_CMD = 0x98 };
enum { RUN = 1, TO_MEMORY = 2, BUFFER = 0x40000, DIRT_BYTES = 2048 };

static struct coherent_bar *bar_of(struct world *world)
{
	struct coherent_bar *bar = world->state;

	if (!bar) {
		assert_ok(coherent_bar_open(&bar, world->dev, 0));
		world->state = bar;
	}
	return bar;
}

static void start_transfer(struct world *world, uint64_t from, uint64_t to, size_t bytes,
			   uint64_t command)
{
	struct coherent_bar *bar = bar_of(world);

	coherent_bar_write64(bar, DMA_SRC, from);
	coherent_bar_write64(bar, DMA_DST, to);
	coherent_bar_write64(bar, DMA_COUNT, bytes);
	coherent_bar_write64(bar, DMA_CMD, command | RUN);
}

static int edu_fire(struct world *world)
{
	if (world->steps)
		assert_ok(coherent_sim_step(world->dev, 1));
	return coherent_bar_poll32(bar_of(world), DMA_CMD, RUN, 0, LONG);
}

/*
 * edu's buffer has 4096 bytes, but a transfer cannot use the last one. Each place has 2048. QEMU's edu
 * begins a transfer after 100 ms, which is most of the time that its tests take: they make 181.
 */
static uint64_t buffer_at(enum place place)
{
	return place == PLACE_DIRT ? BUFFER : BUFFER + DIRT_BYTES;
}

static int edu_load(struct world *world, enum place place, uint64_t from, size_t bytes)
{
	start_transfer(world, from, buffer_at(place), bytes, 0);
	return edu_fire(world);
}

static int edu_store(struct world *world, enum place place, uint64_t to, size_t bytes)
{
	start_transfer(world, buffer_at(place), to, bytes, TO_MEMORY);
	return edu_fire(world);
}

static void edu_arm(struct world *world, uint64_t to, size_t bytes)
{
	start_transfer(world, buffer_at(PLACE_DIRT), to, bytes, TO_MEMORY);
}

static bool edu_is_armed(struct world *world)
{
	return coherent_bar_read32(bar_of(world), DMA_CMD) & RUN;
}

static void edu_start(struct world *world)
{
	COHERENT_AUTO(uint8_t, dirt);

	assert_ok(coherent_zeroed(&dirt, world->dev, DIRT_BYTES));
	for (size_t i = 0; i < DIRT_BYTES; i++)
		assert_ok(coherent_write(&dirt, i, DIRT));
	assert_ok(edu_load(world, PLACE_DIRT, coherent_addr(&dirt).raw, DIRT_BYTES));
}

static void edu_stop(struct world *world)
{
	coherent_bar_close(world->state);
	world->state = NULL;
}

/* The register inverts what is written to it. */
#define EDU                                                                             \
	.start = edu_start, .stop = edu_stop, .load = edu_load, .store = edu_store,     \
	.arm = edu_arm, .fire = edu_fire, .is_armed = edu_is_armed, .first_byte = 0xed, \
	.mark_at = LIVENESS, .mark = 0x4711, .marked = ~UINT32_C(0x4711)

const struct world_ops edu_ops = { EDU };
const struct world_ops qemu_edu_ops = { EDU, .missing = qemu_missing, .pid = qemu_pid };
const struct world_ops served_edu_ops = {
	EDU,
	.begin = served_begin,
	.end = served_end,
	.pid = served_pid,
};
