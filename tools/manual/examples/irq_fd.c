/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A loop of poll(2) also waits for the device. */
#include <coherent.h>
#include <coherent/bar.h>
#include <poll.h>

int example(struct coherent_device *dev)
{
	struct pollfd entry = { .events = POLLIN };
	COHERENT_IRQ_AUTO(irq);
	int err;

	err = coherent_irq_open(&irq, dev, 0);
	if (err)
		return err;
	entry.fd = coherent_irq_fd(irq);
	/* Ten milliseconds. A loop has more entries and waits longer. */
	return poll(&entry, 1, 10) < 0 ? -1 : 0;
}
