/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The driver computes where the device finds the second half of a mem. */
#include <coherent.h>

int example(struct coherent_device *dev)
{
	COHERENT_AUTO(uint32_t, mem);
	coherent_addr_t half;
	int err;

	err = coherent_zeroed(&mem, dev, 1024, .mask = coherent_mask(28));
	if (!err)
		err = coherent_addr_at(&mem, coherent_count(&mem) / 2, &half);
	if (!err && half.raw != coherent_addr(&mem).raw +
				coherent_size(&mem) / 2)
		err = -1;
	return err;
}
