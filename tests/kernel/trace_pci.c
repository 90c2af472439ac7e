// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This driver makes the steps of tests/trace in the kernel, at COHERENT_IOMMU. It logs a
 * line for each step.
 */
#include <linux/module.h>
#include <linux/pci.h>

#include "../trace/trace.h"

static void log_step(unsigned int step, const char *what, unsigned int slot, long long result)
{
	pr_info("trace: %u %s %u: %lld\n", step, what, slot, result);
}

/* Unmapping is a fence at this level, so that nothing is left to do. */
static int fence(struct coherent_device *dev)
{
	return 0;
}

static int trace_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	struct edu edu = { .dev = &pci->dev };
	int err = pcim_enable_device(pci);

	if (err)
		return err;
	pci_set_master(pci);
	err = coherent_bar_open(&edu.bar, edu.dev, 0);
	if (err)
		return err;
	err = edu_probe(&edu);
	if (!err)
		trace(&edu, COHERENT_IOMMU, fence, log_step);
	coherent_bar_close(&edu.bar);
	pci_clear_master(pci);
	pr_info("trace: end %d\n", err);
	return err;
}

static const struct pci_device_id trace_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{},
};
MODULE_DEVICE_TABLE(pci, trace_ids);

static struct pci_driver trace_driver = {
	.name = KBUILD_MODNAME,
	.id_table = trace_ids,
	.probe = trace_probe,
};
module_pci_driver(trace_driver);

MODULE_DESCRIPTION("libcoherent's trace, on QEMU's edu device");
MODULE_LICENSE("Dual MIT/GPL");
