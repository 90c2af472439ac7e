/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* After the fence the device does not reach memory that was freed before. */
#include <coherent.h>

int example(struct coherent_device *dev)
{
	COHERENT_AUTO(uint8_t, mem);
	struct coherent_stats stats;
	int err;

	err = coherent_zeroed(&mem, dev, 4096);
	coherent_free(&mem);
	if (!err)
		err = coherent_device_fence(dev);
	if (!err)
		err = coherent_device_reset(dev);
	if (!err)
		err = coherent_device_stats(dev, &stats);
	return err ? err : stats.waiting ? -1 : 0;
}
