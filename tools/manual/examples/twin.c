/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The variable of a twin may be part of a struct. */
#include <coherent/share.h>

struct link {
	COHERENT_TWIN(uint8_t) twin;
};

int example(struct coherent_device *dev)
{
	COHERENT_DEVICE_AUTO(other);
	COHERENT_AUTO(uint8_t, mem);
	struct link link = { .twin = COHERENT_EMPTY };
	int err;

	err = coherent_device_open(&other, "sim:edu");
	if (!err)
		err = coherent_zeroed(&mem, dev, 4096);
	if (!err)
		err = coherent_share(&mem, other, &link.twin);
	coherent_free(&link.twin);
	return err;
}
