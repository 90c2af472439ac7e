/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The program brings a device: it adds up words of memory. */
#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/sim.h>

struct adder {
	uint64_t address;
	uint64_t done_ns;
	uint32_t sum;
};

static uint64_t adder_read(struct coherent_sim *sim, void *arg,
			   unsigned int bar, uint64_t offset,
			   unsigned int width)
{
	struct adder *adder = arg;

	(void)sim;
	(void)bar;
	(void)width;
	return offset == 8 ? adder->sum : ~0ull;
}

static void adder_write(struct coherent_sim *sim, void *arg,
			unsigned int bar, uint64_t offset,
			unsigned int width, uint64_t value)
{
	struct adder *adder = arg;

	(void)bar;
	(void)width;
	if (offset || value & ~coherent_sim_mask(sim))
		coherent_sim_report(sim, COHERENT_WARNING, "a bad write");
	else
		adder->address = value;
}

static void adder_tick(struct coherent_sim *sim, void *arg)
{
	struct adder *adder = arg;
	uint32_t words[4];

	if (!adder->address ||
	    coherent_sim_dma_read(sim, adder->address, words, 16))
		return;
	adder->sum = words[0] + words[1] + words[2] + words[3];
	if (!coherent_sim_dma_write(sim, adder->address, &adder->sum, 4))
		coherent_sim_irq(sim, 0);
	adder->address = 0;
	adder->done_ns = coherent_sim_now(sim);
}

static const struct coherent_sim_model model = {
	.name = "adder", .mask = ~0ull, .vectors = 1, .bar_size = { 16 },
	.reg_read = adder_read, .reg_write = adder_write,
	.tick = adder_tick,
};

int main(void)
{
	static const uint32_t words[4] = { 1, 2, 3, 4 };
	struct adder adder = { 0 };
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_BAR_AUTO(bar);
	COHERENT_AUTO(uint32_t, mem);

	if (coherent_device_open(&dev, "sim:custom,step", .model = &model,
				 .model_arg = &adder) ||
	    coherent_bar_open(&bar, dev, 0) ||
	    coherent_from(&mem, dev, words, 4))
		return 1;
	coherent_bar_write64(bar, 0, coherent_addr(&mem).raw);
	if (coherent_sim_step(dev, 2))
		return 1;
	return coherent_bar_read32(bar, 8) == 10 ? 0 : 1;
}
