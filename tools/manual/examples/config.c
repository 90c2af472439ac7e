/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The driver checks what it opened, and finds a capability. */
#include <coherent.h>
#include <coherent/config.h>
#include <errno.h>
#include <linux/pci_regs.h>

int example(struct coherent_device *dev)
{
	struct coherent_ids ids;
	unsigned int at = 0;
	uint16_t command;
	int err;

	err = coherent_config_ids(dev, &ids);
	if (!err && (ids.vendor != 0x1234 || ids.device != 0x11e8))
		err = -ENODEV;
	if (!err)
		err = coherent_config_read16(dev, PCI_COMMAND, &command);
	if (!err && coherent_config_find(dev, PCI_CAP_ID_MSI, &at))
		at = 0;			/* the device has none */
	return err;
}
