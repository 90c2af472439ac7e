/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The driver lets sim:ring add up 16 bytes. */
#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/sim.h>

int main(void)
{
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_BAR_AUTO(bar);
	COHERENT_AUTO(struct coherent_sim_ring_desc, descs);
	COHERENT_AUTO(struct coherent_sim_ring_completion, done);
	COHERENT_AUTO(uint8_t, data);
	uint32_t seq;

	if (coherent_device_open(&dev, "sim:ring") ||
	    coherent_bar_open(&bar, dev, 0) ||
	    coherent_zeroed(&descs, dev, 4) ||
	    coherent_zeroed(&done, dev, 4) ||
	    coherent_zeroed(&data, dev, 16) ||
	    coherent_write(&descs, 0, .src, coherent_addr(&data).raw) ||
	    coherent_write(&descs, 0, .len, 16) ||
	    coherent_write(&descs, 0, .op, COHERENT_SIM_RING_SUM))
		return 1;
	coherent_bar_write32(bar, COHERENT_SIM_RING_ENTRIES, 4);
	coherent_bar_write64(bar, COHERENT_SIM_RING_DESCS,
			     coherent_addr(&descs).raw);
	coherent_bar_write64(bar, COHERENT_SIM_RING_COMPLETIONS,
			     coherent_addr(&done).raw);
	coherent_bar_write32(bar, COHERENT_SIM_RING_RUN, 1);
	coherent_bar_write32(bar, COHERENT_SIM_RING_TAIL, 1);
	return !!coherent_poll(&done, 0, .seq, &seq, seq == 1, 1000000000);
}
