/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pages: coherent_open_options, coherent_report_stderr, coherent_device_close */
/* The program opens a device, and prints what it is. */
#include <coherent.h>
#include <stdio.h>

int main(void)
{
	struct coherent_limits limits;
	struct coherent_device *dev;
	int err;

	err = coherent_device_open(&dev, "sim:edu",
				   .level = COHERENT_PEER,
				   .report = coherent_report_stderr);
	if (!err)
		err = coherent_device_set_mask(dev, coherent_mask(28));
	if (!err)
		err = coherent_device_limits(dev, &limits);
	if (!err)
		printf("level %d, %u vectors, BAR 0 of %llu bytes\n",
		       (int)coherent_device_level(dev), limits.vectors,
		       (unsigned long long)limits.bar_bytes[0]);
	coherent_device_close(dev);
	return !!err;
}
