// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <coherent.h>
#include <stdlib.h>

/* The driver closes the device and frees neither the box nor the mem. */
int main(void)
{
	COHERENT_BOX(uint32_t) box = COHERENT_EMPTY;
	COHERENT_BOX(uint64_t) other = COHERENT_EMPTY;
	COHERENT(uint64_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;

	if (coherent_device_open(&dev, "sim:edu", .report = coherent_report_stderr) ||
	    coherent_box_zeroed(&box, dev, 64) || coherent_box_zeroed(&other, dev, 8) ||
	    coherent_expose(&other, &mem))
		return 1;
	coherent_device_close(dev);
	return 0;
}
