/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Code that keeps the rules by itself gets a pointer. */
#include <coherent.h>

int example(struct coherent_device *dev)
{
	COHERENT_AUTO(uint32_t, flags);
	volatile uint32_t *raw;
	int err;

	err = coherent_zeroed(&flags, dev, 2);
	if (err)
		return err;
	raw = coherent_unsafe_ptr(&flags);
	raw[0] = 7;		/* the data */
	coherent_wmb();		/* the device sees it before the flag */
	raw[1] = 1;
	coherent_mb();		/* the flag is written before this read */
	if (raw[1] != 1)
		return -1;
	coherent_rmb();		/* the flag is read before the data */
	return raw[0] == 7 ? 0 : -1;
}
