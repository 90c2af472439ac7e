// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "typed_test.h"

struct coherent_device *dev;

int open_device(void **state)
{
	(void)state;
	return coherent_device_open(&dev, "sim:edu,mask=48,step");
}

int close_device(void **state)
{
	(void)state;
	coherent_device_close(dev);
	return 0;
}
