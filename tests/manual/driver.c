// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Runs an example of the manual that has no main() on a simulated device. */
#include <coherent.h>
#include <stdio.h>

int example(struct coherent_device *dev);

int main(void)
{
	struct coherent_device *dev;
	int err;

	err = coherent_device_open(&dev, "sim:edu", .report = coherent_report_stderr);
	if (!err)
		err = example(dev);
	coherent_device_close(dev);
	if (err)
		printf("the example returns %d\n", err);
	return !!err;
}
