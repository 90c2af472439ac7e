/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Code that keeps the rules by itself gets a pointer. */
#include <coherent.h>

int example(struct coherent_device *dev)
{
	COHERENT_AUTO(uint32_t, flags);
	volatile uint32_t *raw;
	int err;

	err = coherent_zeroed(&flags, dev, 4);
	if (err)
		return err;
	raw = coherent_unsafe_ptr(&flags);
	raw[0] = 7;		/* the data */
	coherent_wmb();		/* the device sees it before the flag */
	raw[1] = 1;
	coherent_mb();		/* the flag is written before this read */
	if (!raw[2])
		return 0;	/* the device has not answered yet */
	coherent_rmb();		/* the answer is read before its data */
	return (int)raw[3];
}
