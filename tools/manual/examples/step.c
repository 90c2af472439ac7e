/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A test lets the device run for ten milliseconds of its own time. */
#include <coherent.h>
#include <coherent/sim.h>

int main(void)
{
	COHERENT_DEVICE_AUTO(dev);

	if (coherent_device_open(&dev, "sim:edu,step"))
		return 1;
	return !!coherent_sim_step(dev, 10);
}
