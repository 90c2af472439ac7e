// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What it costs to allocate, expose, touch and free in the kernel, beside the DMA API by
 * hand in the same boot, round by round. raw is there twice: what it differs from itself
 * is noise. Prints a JSON object a line for each side; tools/bench kernel makes the table.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>

#include <coherent.h>

static unsigned int rounds = 4000;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "so often each side, for each size");

/* Elements of a page, so that both sizes are made of the same type. */
struct page_bytes {
	u32 first;
	u8 rest[PAGE_SIZE - 4];
};

static int run_raw(struct device *dev, size_t pages)
{
	const size_t bytes = pages * PAGE_SIZE;
	dma_addr_t address;
	u32 *memory = dma_alloc_attrs(dev, bytes, &address, GFP_KERNEL | __GFP_ZERO, 0);

	if (!memory)
		return -ENOMEM;
	WRITE_ONCE(memory[0], (u32)address);
	dma_free_attrs(dev, bytes, memory, address, 0);
	return 0;
}

static int run_ours(struct device *dev, size_t pages, enum coherent_level level)
{
	COHERENT_BOX(struct page_bytes) box = COHERENT_EMPTY;
	COHERENT(struct page_bytes) mem = COHERENT_EMPTY;
	int err;

	err = coherent_box_zeroed(&box, dev, pages, .level = level);
	if (!err)
		err = coherent_expose(&box, &mem);
	if (!err)
		err = coherent_write(&mem, 0, .first, (u32)coherent_addr(&mem).raw);
	coherent_free(&mem);
	return err;
}

static int run_hidden(struct device *dev, size_t pages)
{
	return run_ours(dev, pages, COHERENT_HIDDEN);
}

static int run_iommu(struct device *dev, size_t pages)
{
	return run_ours(dev, pages, COHERENT_IOMMU);
}

static const struct side {
	const char *name;
	int (*run)(struct device *dev, size_t pages);
} sides[] = {
	{ "raw", run_raw },
	{ "HIDDEN", run_hidden },
	{ "raw again", run_raw },
	{ "IOMMU", run_iommu },
};

static int compare(const void *left, const void *right)
{
	const u32 a = *(const u32 *)left, b = *(const u32 *)right;

	return a < b ? -1 : a > b;
}

static void tell(const char *name, size_t pages, u32 *times)
{
	sort(times, rounds, sizeof(*times), compare, NULL);
	pr_info("bench: {\"side\": \"%s\", \"bytes\": %zu, \"median_ns\": %u, \"min_ns\": %u}\n",
		name, pages * PAGE_SIZE, times[rounds / 2], times[0]);
}

/* The sides take turns at going first. */
static int run_round(struct device *dev, size_t pages, unsigned int count, unsigned int round,
		     u32 *times)
{
	unsigned int i, which;
	int err = 0;
	u64 start;

	for (i = 0; !err && i < count; i++) {
		which = (round + i) % count;
		start = ktime_get_ns();
		err = sides[which].run(dev, pages);
		times[which * rounds + round] = ktime_get_ns() - start;
	}
	cond_resched();
	return err;
}

static int bench(struct device *dev, size_t pages, u32 *times)
{
	const bool enforced = coherent_device_level(dev) == COHERENT_IOMMU;
	const unsigned int count = ARRAY_SIZE(sides) - !enforced;
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < 100; i++)
		err = run_round(dev, pages, count, 0, times);
	for (i = 0; !err && i < rounds; i++)
		err = run_round(dev, pages, count, i, times);
	for (i = 0; !err && i < count; i++)
		tell(sides[i].name, pages, times + i * rounds);
	return err;
}

static int bench_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	u32 *times = vmalloc(array3_size(ARRAY_SIZE(sides), rounds, sizeof(*times)));
	int err = times && rounds ? pcim_enable_device(pci) : -ENOMEM;

	if (!err)
		err = coherent_device_set_mask(&pci->dev, coherent_mask(28));
	if (!err)
		err = bench(&pci->dev, 1, times);
	if (!err)
		err = bench(&pci->dev, 16, times);
	vfree(times);
	pr_info("1..1\n");
	pr_info("%sok 1 - all sides ran\n", err ? "not " : "");
	return err;
}

static const struct pci_device_id bench_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{},
};

static struct pci_driver bench_driver = {
	.name = KBUILD_MODNAME,
	.id_table = bench_ids,
	.probe = bench_probe,
};
module_pci_driver(bench_driver);

MODULE_DESCRIPTION("libcoherent's bench");
MODULE_LICENSE("Dual MIT/GPL");
