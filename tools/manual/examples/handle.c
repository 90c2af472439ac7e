/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The firmware of the device wants memory of its own. */
#include <coherent.h>

int example(struct coherent_device *dev)
{
	struct coherent_handle scratch = COHERENT_EMPTY;
	int err;

	err = coherent_handle_zeroed(&scratch, dev, 65536, .align = 65536);
	if (!err && coherent_handle_addr(&scratch).raw % 65536)
		err = -1;
	coherent_handle_free(&scratch);
	return err;
}
