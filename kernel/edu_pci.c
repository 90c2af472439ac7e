// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The driver of examples/edu.c, unchanged, as a PCI driver for QEMU's edu device. As
 * it is bound it sends a pattern through the device and back; what it loaded stays
 * exposed until it is unbound.
 */
#include <linux/module.h>
#include <linux/pci.h>

#include "edu.h"

#define BYTES (5 * EDU_PACKET_BYTES + 100)

static void echo(struct edu *edu, union edu_packets *packets)
{
	u8 *data = kmalloc(2 * BYTES, GFP_KERNEL);
	int err = data ? 0 : -ENOMEM;
	size_t i;

	for (i = 0; !err && i < BYTES; i++)
		data[i] = (u8)(i * 7 + i / 256);
	if (!err)
		err = edu_load(edu, data, BYTES, packets);
	if (!err)
		err = edu_echo(edu, packets, data + BYTES, BYTES);
	if (!err && memcmp(data, data + BYTES, BYTES))
		err = -EBADMSG;
	if (err)
		dev_err(edu->dev, "%d bytes did not come back: %d\n", BYTES, err);
	else
		dev_info(edu->dev, "%d bytes through the device and back, level %d\n", BYTES,
			 coherent_device_level(edu->dev));
	kfree(data);
}

static int edu_pci_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	struct edu edu = { .dev = &pci->dev };
	union edu_packets packets = COHERENT_EMPTY;
	int err;

	err = pcim_enable_device(pci);
	if (err)
		return err;
	pci_set_master(pci);
	err = coherent_bar_open(&edu.bar, &pci->dev, 0);
	if (err)
		return err;
	err = edu_probe(&edu);
	if (!err) {
		echo(&edu, &packets);
		err = coherent_is_empty(&packets) ? -EIO : coherent_manage(&packets);
	}
	if (err)
		coherent_free(&packets);
	coherent_bar_close(edu.bar);
	return err;
}

/* The device stops first; only then are the packets freed. */
static void edu_pci_remove(struct pci_dev *pci)
{
	pci_clear_master(pci);
}

static const struct pci_device_id edu_pci_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{},
};
MODULE_DEVICE_TABLE(pci, edu_pci_ids);

static struct pci_driver edu_pci_driver = {
	.name = KBUILD_MODNAME,
	.id_table = edu_pci_ids,
	.probe = edu_pci_probe,
	.remove = edu_pci_remove,
};
module_pci_driver(edu_pci_driver);

MODULE_DESCRIPTION("libcoherent's edu example, on QEMU's edu device");
MODULE_LICENSE("Dual MIT/GPL");
