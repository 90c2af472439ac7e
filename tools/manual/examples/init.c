/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A function fills the memory before the device can reach it. */
#include <coherent.h>

static int fill(uint32_t *elements, size_t count, void *arg)
{
	for (size_t i = 0; i < count; i++)
		elements[i] = *(const uint32_t *)arg;
	return 0;
}

int example(struct coherent_device *dev)
{
	COHERENT_AUTO(uint32_t, mem);
	uint32_t value = 7;

	return coherent_init(&mem, dev, 64, fill, &value, .align = 4096);
}
