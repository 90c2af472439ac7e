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
	coherent_addr_t old;
	uint32_t word = 1;

	if (coherent_device_open(&dev, "sim:edu") || coherent_box_zeroed(&box, dev, 64) ||
	    coherent_expose(&box, &mem))
		return 1;
	old = coherent_addr(&mem);	/* the device keeps the address */
	if (coherent_reclaim(&mem, &box, .idle = true))
		return 1;
	if (!coherent_sim_try_addr(dev, old, &word, sizeof(word), COHERENT_ACCESS_WRITE))
		return 1;
	if (coherent_device_next_fault(dev, &fault))
		return 1;
	puts(fault.text);
	return 0;
}
