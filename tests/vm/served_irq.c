// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This driver gets the interrupts of an edu device that has MSI-X, as a served one has. It prints TAP
 * to the log.
 */
#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/module.h>
#include <linux/pci.h>

#define BUFFER 0x40000
#define BYTES 2048

enum { IRQ_STATUS = 0x24, IRQ_RAISE = 0x60, IRQ_ACK = 0x64 };
enum { DMA_SRC = 0x80, DMA_DST = 0x88, DMA_COUNT = 0x90, DMA_CMD = 0x98 };
enum { RUN = 1, TO_MEMORY = 2, INTERRUPT = 4, DMA_DONE = 0x100 };

struct served {
	struct device *dev;
	void __iomem *bar;
	struct completion done;
	u32 status;
	unsigned int tests;
};

static void report_test(struct served *served, bool good, const char *what)
{
	pr_info("%s %u - %s\n", good ? "ok" : "not ok", ++served->tests, what);
}

static irqreturn_t handle(int irq, void *arg)
{
	struct served *served = arg;

	served->status = readl(served->bar + IRQ_STATUS);
	writel(served->status, served->bar + IRQ_ACK);
	complete(&served->done);
	return IRQ_HANDLED;
}

/* Returns whether an interrupt comes with this status. */
static bool is_interrupted(struct served *served, u32 status)
{
	return wait_for_completion_timeout(&served->done, 60 * HZ) && served->status == status;
}

static bool transfer(struct served *served, u64 from, u64 to, u64 command)
{
	writeq(from, served->bar + DMA_SRC);
	writeq(to, served->bar + DMA_DST);
	writeq(BYTES, served->bar + DMA_COUNT);
	writeq(command | RUN | INTERRUPT, served->bar + DMA_CMD);
	return is_interrupted(served, DMA_DONE);
}

static void try_interrupts(struct served *served)
{
	bool good = true;
	u32 i;

	for (i = 1; i <= 100; i++) {
		writel(i, served->bar + IRQ_RAISE);
		good &= is_interrupted(served, i);
	}
	report_test(served, good, "each of 100 interrupts comes");
}

static void try_dma(struct served *served)
{
	dma_addr_t address;
	u8 *memory = dma_alloc_coherent(served->dev, 2 * PAGE_SIZE, &address, GFP_KERNEL);
	size_t i;

	if (!memory)
		return;
	for (i = 0; i < BYTES; i++)
		memory[i] = (u8)(i * 7 + 3);
	report_test(served, transfer(served, address, BUFFER, 0),
		    "a transfer interrupts at its end");
	report_test(served, transfer(served, BUFFER, address + PAGE_SIZE, TO_MEMORY),
		    "so does one to memory");
	report_test(served, !memcmp(memory, memory + PAGE_SIZE, BYTES), "the bytes come back");
	dma_free_coherent(served->dev, 2 * PAGE_SIZE, memory, address);
}

static int served_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	struct served *served = devm_kzalloc(&pci->dev, sizeof(*served), GFP_KERNEL);
	int err;

	if (!served)
		return -ENOMEM;
	served->dev = &pci->dev;
	init_completion(&served->done);
	err = pcim_enable_device(pci);
	if (!err)
		err = dma_set_mask_and_coherent(&pci->dev, DMA_BIT_MASK(28));
	if (err)
		return err;
	served->bar = pcim_iomap(pci, 0, 0);
	if (!served->bar)
		return -ENOMEM;
	pci_set_master(pci);
	pr_info("1..5\n");
	report_test(served, pci_alloc_irq_vectors(pci, 1, 1, PCI_IRQ_MSIX) == 1,
		    "the device has MSI-X");
	err = request_irq(pci_irq_vector(pci, 0), handle, 0, KBUILD_MODNAME, served);
	if (err)
		return err;
	try_interrupts(served);
	try_dma(served);
	free_irq(pci_irq_vector(pci, 0), served);
	pci_free_irq_vectors(pci);
	pci_clear_master(pci);
	return 0;
}

static void served_remove(struct pci_dev *pci)
{
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{},
};

static struct pci_driver served_driver = {
	.name = KBUILD_MODNAME,
	.id_table = ids,
	.probe = served_probe,
	.remove = served_remove,
};
module_pci_driver(served_driver);

MODULE_DESCRIPTION("a test of the interrupts of a served device");
MODULE_LICENSE("Dual MIT/GPL");
