/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The driver uses registers by offset. This device is an edu. */
#include <coherent.h>
#include <coherent/bar.h>

int example(struct coherent_device *dev)
{
	struct coherent_bar *bar;
	uint32_t result;
	int err;

	err = coherent_bar_open(&bar, dev, 0);
	if (err)
		return err;
	coherent_bar_write32(bar, 0x08, 5);		/* 5! */
	err = coherent_bar_poll32(bar, 0x20, 1, 0, 1000000000);
	result = coherent_bar_read32(bar, 0x08);
	coherent_bar_close(bar);
	return err ? err : result == 120 ? 0 : -1;
}
