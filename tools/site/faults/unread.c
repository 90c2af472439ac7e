// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <coherent.h>
#include <coherent/bar.h>

/* The driver gives the device a wrong address, and looks at no fault. */
int main(void)
{
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_BAR_AUTO(bar);

	if (coherent_device_open(&dev, "sim:edu,step", .report = coherent_report_stderr) ||
	    coherent_bar_open(&bar, dev, 0))
		return 1;
	coherent_bar_write64(bar, 0x80, 0xbad000);	/* edu: copy from here */
	coherent_bar_write64(bar, 0x88, 0x40000);	/* to the device's buffer */
	coherent_bar_write64(bar, 0x90, 64);
	coherent_bar_write64(bar, 0x98, 1);		/* the doorbell */
	return coherent_bar_poll32(bar, 0x98, 1, 0, 1000000000) ? 1 : 0;
}
