// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <coherent.h>
#include <coherent/sim.h>
#include <stdio.h>

int main(void)
{
	struct coherent_fault fault;
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_BOX_AUTO(uint32_t, box);
	COHERENT_AUTO(uint32_t, mem);
	uint32_t word = 1;

	if (coherent_device_open(&dev, "sim:edu") || coherent_box_zeroed(&box, dev, 1024) ||
	    coherent_expose(&box, &mem))
		return 1;
	if (!coherent_sim_try(dev, &mem, 4096, &word, sizeof(word), COHERENT_ACCESS_WRITE))
		return 1;
	if (coherent_device_next_fault(dev, &fault))
		return 1;
	puts(fault.text);
	return 0;
}
