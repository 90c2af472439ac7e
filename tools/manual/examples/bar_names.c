/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The driver uses registers by name. This device is an edu. */
#include <coherent.h>
#include <coherent/bar.h>

struct edu_registers {
	const uint32_t id;
	uint32_t check;
	uint32_t factorial;
	uint32_t reserved[5];
	uint32_t status;
};
COHERENT_BAR_TYPE(edu_bar, struct edu_registers);

int example(struct coherent_device *dev)
{
	COHERENT_BAR_AUTO(struct edu_registers, bar);
	int err;

	err = coherent_bar_open(&bar, dev, 0);
	if (err)
		return err;
	coherent_bar_put(&bar, .factorial, 5);
	err = coherent_bar_poll(&bar, .status, 1, 0, 1000000000);
	if (!err && coherent_bar_get(&bar, .factorial) != 120)
		err = -1;
	if (!err && coherent_bar_read32(coherent_bar_untyped(&bar), 8) != 120)
		err = -1;
	return err;
}
