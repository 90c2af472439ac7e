// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* This C++ program is built outside of the tree, with the installed library. */
#include <coherent.h>
#include <coherent/bar.h>

int main()
{
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_BAR_AUTO(bar);
	COHERENT_HANDLE_AUTO(handle);
	coherent_open_options options = {};

	options.report = coherent_report_stderr;
	if (coherent_device_open(&dev, "sim:edu", options))
		return 1;
	if (coherent_bar_open(&bar, dev, 0))
		return 2;
	if (coherent_handle_zeroed(&handle, dev, 4096))
		return 3;
	return (coherent_bar_read32(bar, 0) & 0xff) == 0xed ? 0 : 4;
}
