/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Two buffers of the program are one range for the device. */
#include <coherent.h>

static uint8_t head[4096] __attribute__((aligned(4096)));
static uint8_t body[8192] __attribute__((aligned(4096)));

int example(struct coherent_device *dev)
{
	const struct iovec pieces[] = {
		{ head, sizeof(head) },
		{ body, sizeof(body) },
	};
	COHERENT_HANDLE_AUTO(handle);
	int err;

	err = coherent_handle_adopt(&handle, dev, pieces, 2,
				    .permission = COHERENT_READ_ONLY);
	if (!err && coherent_handle_size(&handle) != 12288)
		err = -1;
	return err;
}
