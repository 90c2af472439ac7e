/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* An element has an array, and the index is a variable. */
#include <coherent.h>

struct counters {
	coherent_le32 value[16];
	coherent_le32 ready[16];
};

int example(struct coherent_device *dev)
{
	COHERENT_AUTO(struct counters, mem);
	uint32_t value, ready, cpu = 5;
	int err;

	err = coherent_zeroed(&mem, dev, 1);
	if (!err)
		err = coherent_write_item(&mem, 0, .value, cpu, 7);
	if (!err)
		err = coherent_write_item_release(&mem, 0, .ready, cpu, 1);
	if (!err)
		err = coherent_read_item_acquire(&mem, 0, .ready, cpu, &ready);
	if (!err)
		err = coherent_read_item(&mem, 0, .value, cpu, &value);
	return err ? err : value == 7 * ready ? 0 : -1;
}
