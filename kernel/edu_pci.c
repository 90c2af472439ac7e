// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The driver of examples/edu.c, unchanged, as a PCI driver for QEMU's edu device. When
 * the kernel binds it, it sends a pattern through the device and back. The packets that
 * it loaded stay exposed until it is unbound. Root can read them in debugfs, and map them through
 * a character device.
 */
#include <linux/module.h>
#include <linux/pci.h>

#include <coherent/debugfs.h>

#include "edu.h"
#include "edu_char.h"

#define BYTES (5 * EDU_PACKET_BYTES + 100)

struct edu_pci {
	struct edu edu;
	union edu_packets packets;
	struct dentry *file;
	struct edu_char *char_file;
};

static int echo(struct edu_pci *driver, u8 *data, u8 *back)
{
	size_t i;
	int err;

	for (i = 0; i < BYTES; i++)
		data[i] = (u8)(i * 7 + i / 256);
	err = edu_load(&driver->edu, data, BYTES, &driver->packets);
	if (!err)
		err = edu_echo(&driver->edu, &driver->packets, back, BYTES);
	return !err && memcmp(data, back, BYTES) ? -EBADMSG : err;
}

static int echo_and_tell(struct edu_pci *driver)
{
	struct device *dev = driver->edu.dev;
	u8 *data = kmalloc(2 * BYTES, GFP_KERNEL);
	int err = data ? echo(driver, data, data + BYTES) : -ENOMEM;

	kfree(data);
	if (err)
		dev_err(dev, "%d bytes did not come back: %d\n", BYTES, err);
	else
		dev_info(dev, "%d bytes through the device and back, level %d\n", BYTES,
			 coherent_device_level(dev));
	return err;
}

static int edu_pci_start(struct edu_pci *driver)
{
	int err = coherent_bar_open(&driver->edu.bar, driver->edu.dev, 0);

	if (err)
		return err;
	err = edu_probe(&driver->edu);
	if (!err)
		err = echo_and_tell(driver);
	coherent_bar_close(&driver->edu.bar);
	/* From here on devres frees the packets, after remove(). */
	if (!err)
		err = coherent_manage(&driver->packets);
	/* A transfer may be in flight. */
	if (err)
		pci_clear_master(to_pci_dev(driver->edu.dev));
	coherent_free(&driver->edu.echo);
	if (err)
		coherent_free(&driver->packets);
	return err;
}

static int edu_pci_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	struct edu_pci *driver = devm_kzalloc(&pci->dev, sizeof(*driver), GFP_KERNEL);
	int err;

	if (!driver)
		return -ENOMEM;
	driver->edu.dev = &pci->dev;
	err = pcim_enable_device(pci);
	if (err)
		return err;
	pci_set_master(pci);
	err = edu_pci_start(driver);
	if (err)
		return err;
	driver->char_file = edu_char_open(&pci->dev, &driver->packets);
	if (IS_ERR(driver->char_file)) {
		pci_clear_master(pci);
		return PTR_ERR(driver->char_file);
	}
	driver->file = coherent_debugfs_create(KBUILD_MODNAME, NULL, &driver->packets);
	pci_set_drvdata(pci, driver);
	return 0;
}

/*
 * The device stops first. Then devres frees the packets, and the processes that map them get zeros.
 */
static void edu_pci_remove(struct pci_dev *pci)
{
	struct edu_pci *driver = pci_get_drvdata(pci);

	debugfs_remove(driver->file);
	edu_char_close(driver->char_file);
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
