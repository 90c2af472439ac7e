/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A function fills each element of a box. */
#include <coherent.h>

static int fill(uint64_t *element, void *arg)
{
	*element = *(const uint64_t *)arg;
	return 0;
}

int example(struct coherent_device *dev)
{
	COHERENT_BOX_AUTO(uint64_t, box);
	uint64_t value = 7;
	int err;

	err = coherent_box_zeroed(&box, dev, 16);
	for (size_t i = 0; !err && i < coherent_box_count(&box); i++)
		err = coherent_box_init_at(&box, i, fill, &value);
	return err;
}
