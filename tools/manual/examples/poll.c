/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The driver waits at most a second for the device. */
#include <coherent.h>

#define BUSY 1

struct status {
	coherent_le32 state;
};

int example(struct coherent_device *dev)
{
	COHERENT_AUTO(struct status, mem);
	uint32_t state;
	int err;

	err = coherent_zeroed(&mem, dev, 1);
	if (!err)
		err = coherent_poll(&mem, 0, .state, &state, state != BUSY,
				    1000000000);
	return err;
}
