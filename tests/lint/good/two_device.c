// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The other half of a driver of two source files. */
#include "two.h"

int two_open(struct two *two, const char *name)
{
	int err = coherent_device_open(&two->dev, name);

	if (err)
		return err;
	err = coherent_bar_open(&two->bar, two->dev, 0);
	if (err) {
		coherent_device_close(two->dev);
		return err;
	}
	if (coherent_zeroed(&two->done, two->dev, 1) ||
	    coherent_handle_zeroed(&two->scratch, two->dev, 65536)) {
		two_close(two);
		return -ENOMEM;
	}
	coherent_bar_write64(two->bar, 0x40, coherent_handle_addr(&two->scratch).raw);
	return 0;
}

int two_box(struct two *two, uint32_t len, union desc_box *box)
{
	struct desc *desc;
	int err = coherent_box_zeroed(box, two->dev, 1);

	if (err)
		return err;
	desc = coherent_box_ptr(box);
	desc->len = len;
	desc->addr = coherent_addr(&two->done).raw;
	return 0;
}

int two_transfer(struct two *two, uint32_t len)
{
	union desc_box box = COHERENT_EMPTY;
	union desc_mem command = COHERENT_EMPTY;
	int err, end;

	err = two_box(two, len, &box);
	if (err)
		return err;
	err = coherent_expose(&box, &command);
	if (err)
		return err;
	coherent_bar_write64(two->bar, 0, coherent_addr(&command).raw);
	err = coherent_bar_poll32(two->bar, 8, 1, 0, 1000000);
	end = coherent_device_fence(two->dev);
	coherent_free(&command);
	return err ? err : end;
}

int two_reset(struct two *two)
{
	coherent_bar_write32(two->bar, 0x10, 1);
	return coherent_device_reset(two->dev);
}

void two_close(struct two *two)
{
	coherent_handle_free(&two->scratch);
	coherent_free(&two->done);
	coherent_bar_close(two->bar);
	coherent_device_close(two->dev);
}
