/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The driver checks an index once, and then uses the slot. */
#include <coherent.h>

struct desc {
	coherent_le32 len;
	coherent_le32 owner;
};

int example(struct coherent_device *dev)
{
	COHERENT_AUTO(struct desc, mem);
	COHERENT_SLOT(struct desc) slot;
	int err;

	err = coherent_zeroed(&mem, dev, 8);
	if (!err)
		err = coherent_slot(&mem, 3, &slot);
	if (err)
		return err;
	coherent_slot_put(&slot, .len, 512);
	coherent_slot_put_release(&slot, .owner, 1);
	if (coherent_slot_get_acquire(&slot, .owner) != 1)
		return -1;
	return coherent_slot_get(&slot, .len) == 512 ? 0 : -1;
}
