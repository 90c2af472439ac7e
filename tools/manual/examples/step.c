/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The device computes a factorial while the test lets its time pass. */
#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/sim.h>

#define FACTORIAL 0x08

int main(void)
{
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_BAR_AUTO(bar);

	if (coherent_device_open(&dev, "sim:edu,step") ||
	    coherent_bar_open(&bar, dev, 0))
		return 1;
	coherent_bar_write32(bar, FACTORIAL, 5);
	if (coherent_sim_step(dev, 1))
		return 1;
	return coherent_bar_read32(bar, FACTORIAL) == 120 ? 0 : 1;
}
