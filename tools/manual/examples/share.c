/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A second device reads what the first one writes. */
#include <coherent/share.h>

int main(void)
{
	COHERENT_DEVICE_AUTO(disk);
	COHERENT_DEVICE_AUTO(card);
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_TWIN_AUTO(uint8_t, twin);
	int err;

	err = coherent_device_open(&disk, "sim:edu");
	if (!err)
		err = coherent_device_open(&card, "sim:edu");
	if (!err)
		err = coherent_zeroed(&mem, disk, 4096);
	if (!err)
		err = coherent_share(&mem, card, &twin,
				     .permission = COHERENT_READ_ONLY);
	return !!err;
}
