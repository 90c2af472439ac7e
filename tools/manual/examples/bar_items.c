/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The driver uses an array of registers. This device is an edu. */
#include <coherent.h>
#include <coherent/bar.h>

/* The ends of a copy are its source and its destination. */
struct edu_registers {
	uint32_t others[32];
	struct {
		uint64_t address;
	} ends[2];
};
COHERENT_BAR_TYPE(edu_bar, struct edu_registers);

int example(struct coherent_device *dev)
{
	COHERENT_BAR_AUTO(struct edu_registers, bar);
	int err;

	err = coherent_bar_open(&bar, dev, 0);
	if (err)
		return err;
	for (unsigned int i = 0; i < 2; i++) {
		coherent_bar_put_item(&bar, .ends, i, .address, 4096 + i);
		if (coherent_bar_get_item(&bar, .ends, i, .address) != 4096 + i)
			err = -1;
	}
	return err;
}
