// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This driver uses QEMU's edu device through the kernel's DMA API, without this library. It shows
 * for modules what edu_vfio.c shows for programs. It needs strict unmapping. It prints TAP to the
 * log.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/module.h>
#include <linux/pci.h>

/* The address of edu's buffer, and the size of a transfer. */
#define BUFFER 0x40000
#define BYTES 2048

/* The kernel hands out addresses from the top of the 28-bit mask, far above this one. */
#define NEVER_MAPPED 0x5000000

enum { DMA_SRC = 0x80, DMA_DST = 0x88, DMA_COUNT = 0x90, DMA_CMD = 0x98 };
enum { RUN = 1, TO_MEMORY = 2 };

struct edu {
	struct device *dev;
	void __iomem *bar;
	unsigned int tests;
};

static void report_test(struct edu *edu, bool good, const char *what)
{
	pr_info("%s %u - %s\n", good ? "ok" : "not ok", ++edu->tests, what);
}

/* A transfer of QEMU's edu takes 100 ms. */
static void transfer(struct edu *edu, u64 from, u64 to, u64 command)
{
	writeq(from, edu->bar + DMA_SRC);
	writeq(to, edu->bar + DMA_DST);
	writeq(BYTES, edu->bar + DMA_COUNT);
	writeq(command | RUN, edu->bar + DMA_CMD);
	while (readq(edu->bar + DMA_CMD) & RUN)
		msleep(20);
}

static void try_coherent(struct edu *edu)
{
	dma_addr_t address;
	u8 *memory = dma_alloc_coherent(edu->dev, 2 * PAGE_SIZE, &address, GFP_KERNEL);
	size_t i;

	report_test(edu, memory, "memory is allocated");
	if (!memory)
		return;
	for (i = 0; i < BYTES; i++)
		memory[i] = (u8)(i * 7 + 3);
	transfer(edu, address, BUFFER, 0);
	transfer(edu, BUFFER, address + PAGE_SIZE, TO_MEMORY);
	report_test(edu, !memcmp(memory, memory + PAGE_SIZE, BYTES),
		    "a permitted DMA goes through, both ways");
	dma_free_coherent(edu->dev, 2 * PAGE_SIZE, memory, address);
}

static void try_page(struct edu *edu, struct page *page)
{
	u8 *bytes = page_address(page);
	dma_addr_t address;

	memset(bytes, 0x55, PAGE_SIZE);
	address = dma_map_page(edu->dev, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
	if (dma_mapping_error(edu->dev, address)) {
		report_test(edu, false, "a page is mapped");
		return;
	}
	pr_info("# blocked: %pad\n", &address);
	transfer(edu, BUFFER, address, TO_MEMORY);
	report_test(edu, !memchr_inv(bytes, 0x55, PAGE_SIZE),
		    "a write to a page to read changes nothing");
	dma_unmap_page(edu->dev, address, PAGE_SIZE, DMA_TO_DEVICE);
	transfer(edu, BUFFER, address, TO_MEMORY);
	report_test(edu, !memchr_inv(bytes, 0x55, PAGE_SIZE),
		    "a write to it unmapped changes nothing");
}

static int edu_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	struct edu edu = { .dev = &pci->dev };
	struct page *page;
	int err = pcim_enable_device(pci);

	edu.bar = err ? NULL : pcim_iomap(pci, 0, 0);
	if (!edu.bar || dma_set_mask_and_coherent(&pci->dev, DMA_BIT_MASK(28)))
		return -ENODEV;
	pci_set_master(pci);
	report_test(&edu, readl(edu.bar) == 0x010000ed, "it is the edu device");
	try_coherent(&edu);
	pr_info("# blocked: %#x\n", NEVER_MAPPED);
	transfer(&edu, BUFFER, NEVER_MAPPED, TO_MEMORY);
	page = alloc_page(GFP_KERNEL);
	if (page) {
		try_page(&edu, page);
		__free_page(page);
	}
	pr_info("1..%u\n", edu.tests);
	return 0;
}

static void edu_remove(struct pci_dev *pci)
{
	pci_clear_master(pci);
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{},
};
MODULE_DEVICE_TABLE(pci, edu_ids);

static struct pci_driver edu_driver = {
	.name = KBUILD_MODNAME,
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
};
module_pci_driver(edu_driver);

MODULE_DESCRIPTION("DMA that a kernel permits and blocks, on QEMU's edu device");
MODULE_LICENSE("Dual MIT/GPL");
