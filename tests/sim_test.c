// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "sim_test.h"

static int counter_open(struct coherent_sim *sim, void *arg)
{
	struct counter *counter = arg;

	counter->opened++;
	counter->mask = coherent_sim_mask(sim);
	return 0;
}

static void counter_close(struct coherent_sim *sim, void *arg)
{
	(void)sim;
	((struct counter *)arg)->closed++;
}

static uint64_t counter_read(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			     unsigned int width)
{
	struct counter *counter = arg;

	(void)sim;
	return bar == 2 ? UINT64_C(0x1122334455667788) + offset + width : counter->ticks;
}

/*
 * Register 8 takes a number of bytes; the next tick writes that many bytes of 0x5a to .target.
 * Register 16 takes the number of a vector, which it raises.
 */
static void counter_write(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			  unsigned int width, uint64_t value)
{
	struct counter *counter = arg;

	(void)bar;
	(void)width;
	counter->last_write = value;
	if (offset == 8)
		counter->bytes = (size_t)value;
	if (offset == 16)
		coherent_sim_irq(sim, (unsigned int)value);
}

static void counter_tick(struct coherent_sim *sim, void *arg)
{
	struct counter *counter = arg;
	uint8_t bytes[256];

	counter->ticks++;
	counter->now = coherent_sim_now(sim);
	if (!counter->bytes)
		return;
	memset(bytes, 0x5a, sizeof(bytes));
	counter->result = coherent_sim_dma_write(sim, counter->target, bytes, counter->bytes);
	counter->bytes = 0;
}

static void counter_reset(struct coherent_sim *sim, void *arg)
{
	(void)sim;
	((struct counter *)arg)->resets++;
}

const struct coherent_sim_model counter_model = {
	.name = "counter",
	.mask = UINT64_MAX >> 24,
	.vectors = 3,
	.bar_size = { 64, 0, 32 },
	.open = counter_open,
	.close = counter_close,
	.reg_read = counter_read,
	.reg_write = counter_write,
	.tick = counter_tick,
	.reset = counter_reset,
};
