/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pages: coherent_irq_open, COHERENT_BAR_AUTO */
/* The driver waits for an interrupt. This device is an edu. */
#include <coherent.h>
#include <coherent/bar.h>

int example(struct coherent_device *dev)
{
	COHERENT_BAR_AUTO(bar);
	struct coherent_irq *irq;
	int err;

	err = coherent_bar_open(&bar, dev, 0);
	if (!err)
		err = coherent_irq_open(&irq, dev, 0);
	if (err)
		return err;
	coherent_bar_write32(bar, 0x60, 1);		/* raise it */
	err = coherent_irq_wait(irq, 1000000000);
	coherent_bar_write32(bar, 0x64, 1);		/* acknowledge it */
	coherent_irq_close(irq);
	return err;
}
