// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A driver that copies from one device to another through one buffer. */
#include "../driver.h"

static int start(struct driver *driver, coherent_addr_t address)
{
	coherent_bar_write64(driver->bar, 0, address.raw);
	return coherent_irq_wait(driver->irq, 1000000000);
}

int copy_between(struct driver *from, struct driver *to)
{
	COHERENT_TWIN_AUTO(struct desc, twin);
	union desc_mem mem = COHERENT_EMPTY;
	union desc_box box = COHERENT_EMPTY;
	int err;

	err = coherent_zeroed(&mem, from->dev, ENTRIES);
	if (!err)
		err = coherent_share(&mem, to->dev, &twin, .permission = COHERENT_READ_ONLY);
	if (!err)
		err = start(from, coherent_addr(&mem));
	if (!err)
		err = start(to, coherent_addr(&twin));
	coherent_free(&twin);
	if (!err)
		err = coherent_reclaim(&mem, &box);
	coherent_free(&mem);
	coherent_box_free(&box);
	return err;
}
