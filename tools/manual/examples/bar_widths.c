/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A register has 8, 16, 32 or 64 bits, and a buffer takes copies. */
#include <coherent.h>
#include <coherent/bar.h>

static uint64_t read_reg(struct coherent_sim *sim, void *arg,
			 unsigned int bar, uint64_t offset,
			 unsigned int width)
{
	(void)sim;
	(void)arg;
	(void)bar;
	(void)width;
	return offset;
}

static const struct coherent_sim_model model = {
	.name = "offsets", .mask = ~0ull, .bar_size = { 4096 },
	.reg_read = read_reg,
};

int main(void)
{
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_BAR_AUTO(bar);
	uint8_t bytes[64] = { 0 };

	if (coherent_device_open(&dev, "sim:custom", .model = &model) ||
	    coherent_bar_open(&bar, dev, 0))
		return 1;
	coherent_bar_write8(bar, 1, 7);
	coherent_bar_write16(bar, 2, 7);
	coherent_bar_write64(bar, 8, 7);
	if (coherent_bar_read8(bar, 1) != 1 ||
	    coherent_bar_read16(bar, 2) != 2 ||
	    coherent_bar_read64(bar, 8) != 8)
		return 1;
	if (coherent_bar_copy_in(bar, 1024, bytes, 64) ||
	    coherent_bar_copy_out(bar, 1024, bytes, 64))
		return 1;
	/* Only memory of a card takes 64 bytes in one store. */
	return coherent_bar_write512(bar, 1024, bytes) ? 0 : 1;
}
