/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A loop of poll(2) also waits for the device. */
#include <coherent.h>
#include <coherent/bar.h>
#include <poll.h>

int example(struct coherent_device *dev)
{
	COHERENT_IRQ_AUTO(irq);
	int err;

	err = coherent_irq_open(&irq, dev, 0);
	if (err)
		return err;
	struct pollfd entry = { coherent_irq_fd(irq), POLLIN, 0 };

	return poll(&entry, 1, 0) < 0 ? -1 : 0;
}
