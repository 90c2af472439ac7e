// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* This program is built outside of the tree, with the installed library. */
#include <coherent.h>
#include <coherent/sim.h>

int main(void)
{
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_AUTO(uint32_t, mem);
	uint32_t seen = 0;

	if (coherent_device_open(&dev, "sim:edu", .report = coherent_report_stderr))
		return 1;
	if (coherent_zeroed(&mem, dev, 16))
		return 2;
	if (coherent_write(&mem, 3, 42))
		return 3;
	if (coherent_sim_try(dev, &mem, 12, &seen, sizeof(seen), COHERENT_ACCESS_READ))
		return 4;
	return seen == 42 ? 0 : 5;
}
