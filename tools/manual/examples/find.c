/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The driver finds the object at a pointer or a device address. */
#include <coherent.h>
#include <coherent/sim.h>

int example(struct coherent_device *dev)
{
	COHERENT_AUTO(uint32_t, mem);
	struct coherent_info info;
	coherent_addr_t address;
	uint32_t value = 7;
	int err;

	err = coherent_zeroed(&mem, dev, 16);
	if (err)
		return err;
	address = coherent_addr(&mem);
	err = coherent_sim_try_addr(dev, address, &value, 4,
				    COHERENT_ACCESS_WRITE);
	if (!err)
		err = coherent_find_addr(dev, address.raw, &info);
	if (!err)
		err = coherent_find_ptr(
			dev, (const void *)coherent_unsafe_ptr(&mem), &info);
	return err ? err : info.state == COHERENT_STATE_MEM ? 0 : -1;
}
