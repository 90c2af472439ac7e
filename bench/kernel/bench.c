// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Measures the time to allocate, expose, write and free memory in the kernel, and compares it with
 * calls of the DMA API by hand (raw) in the same boot. Each round runs all sides. raw runs twice;
 * the difference of the two is noise. The module prints a JSON object in a line for each side, and
 * tools/bench kernel makes the table.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>
#include <asm/msr.h>

#include <coherent.h>

static bool counts;
module_param(counts, bool, 0444);
MODULE_PARM_DESC(counts,
		 "count instructions: QEMU needs -icount shift=0, so that the TSC counts them");

static unsigned int rounds = 4000;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "how many times each side runs, for each size");

/* An element has the size of a page, so that both sizes use the same type. */
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

/* A driver that has nothing to fill in makes a mem in one step. */
static int run_one_step(struct device *dev, size_t pages)
{
	COHERENT(struct page_bytes) mem = COHERENT_EMPTY;
	int err = coherent_zeroed(&mem, dev, pages);

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
	{ "raw", run_raw },	  { "HIDDEN", run_hidden }, { "one step", run_one_step },
	{ "raw again", run_raw }, { "IOMMU", run_iommu },
};

static u64 now(void)
{
	return counts ? rdtsc_ordered() : ktime_get_ns();
}

static int compare(const void *left, const void *right)
{
	const u32 a = *(const u32 *)left, b = *(const u32 *)right;

	return a < b ? -1 : a > b;
}

static void print_side(const char *name, size_t pages, u32 *times)
{
	sort(times, rounds, sizeof(*times), compare, NULL);
	pr_info("bench: {\"side\": \"%s\", \"bytes\": %zu, \"median\": %u, \"min\": %u}\n", name,
		pages * PAGE_SIZE, times[rounds / 2], times[0]);
}

/* Each round begins with another side. */
static int run_round(struct device *dev, size_t pages, unsigned int count, unsigned int round,
		     u32 *times)
{
	unsigned int i, which;
	int err = 0;
	u64 start;

	for (i = 0; !err && i < count; i++) {
		which = (round + i) % count;
		start = now();
		err = sides[which].run(dev, pages);
		times[which * rounds + round] = now() - start;
	}
	cond_resched();
	return err;
}

static int bench_size(struct device *dev, size_t pages, u32 *times)
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
		print_side(sides[i].name, pages, times + i * rounds);
	return err;
}

static int bench_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	u32 *times = vmalloc(array3_size(ARRAY_SIZE(sides), rounds, sizeof(*times)));
	int err = times && rounds ? pcim_enable_device(pci) : -ENOMEM;

	if (!err)
		err = coherent_device_set_mask(&pci->dev, coherent_mask(28));
	if (!err)
		err = bench_size(&pci->dev, 1, times);
	if (!err)
		err = bench_size(&pci->dev, 16, times);
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
