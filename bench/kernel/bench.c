// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Measures what it costs to allocate, fill, expose, write, read and free memory in the kernel. The
 * sides run in the same boot, and each round runs all of them: calls of the DMA API by hand (raw),
 * the library, and Rust's CoherentBox if the module is built with it. raw runs twice; the difference
 * of the two is noise. The module prints a JSON object in a line for each side, and tools/bench
 * kernel makes the table.
 *
 * A tick is a step of the CPU's counter. In a VM of QEMU with -icount shift=0, x86 counts one tick for
 * each instruction, and arm64 counts one for each 16.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sort.h>
#include <linux/timex.h>
#include <linux/vmalloc.h>

#include <coherent.h>

#include "bench.h"

#define WARM_UP 100

static unsigned int rounds = 4000;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "how many times each side runs, for each size");

static unsigned int mask_bits = 28;
module_param(mask_bits, uint, 0444);
MODULE_PARM_DESC(mask_bits, "how many bits of an address the device drives");

/* The cost of each round of a side. */
struct samples {
	u32 *ns;
	u32 *ticks;
};

static int compare(const void *left, const void *right)
{
	const u32 a = *(const u32 *)left, b = *(const u32 *)right;

	return a < b ? -1 : a > b;
}

static void print_side(const char *name, size_t bytes, bool fill, struct samples *samples)
{
	sort(samples->ns, rounds, sizeof(*samples->ns), compare, NULL);
	sort(samples->ticks, rounds, sizeof(*samples->ticks), compare, NULL);
	pr_info("bench: {\"side\": \"%s\", \"bytes\": %zu, \"filled\": \"%s\", \"median_ns\": %u, \"min_ns\": %u, \"ticks\": %u}\n",
		name, bytes, fill ? "all" : "one word", samples->ns[rounds / 2], samples->ns[0],
		samples->ticks[rounds / 2]);
}

static int run_side(const struct side *side, struct device *dev, size_t bytes, bool fill, u32 *ns,
		    u32 *ticks)
{
	u64 start_ns = ktime_get_ns();
	u64 start = get_cycles();
	int err = side->run(dev, bytes / sizeof(u64), fill);

	*ticks = get_cycles() - start;
	*ns = ktime_get_ns() - start_ns;
	return err;
}

/* Each round begins with another side. */
static int run_round(struct device *dev, size_t bytes, bool fill, unsigned int count,
		     unsigned int round, struct samples *samples)
{
	unsigned int i, which;
	int err = 0;

	for (i = 0; !err && i < count; i++) {
		which = (round + i) % count;
		err = run_side(&bench_sides[which], dev, bytes, fill, &samples[which].ns[round],
			       &samples[which].ticks[round]);
	}
	cond_resched();
	return err;
}

static int bench_size(struct device *dev, size_t bytes, bool fill, struct samples *samples)
{
	const bool enforced = coherent_device_level(dev) == COHERENT_IOMMU;
	const unsigned int count = SIDE_COUNT - !enforced;
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < WARM_UP; i++)
		err = run_round(dev, bytes, fill, count, 0, samples);
	for (i = 0; !err && i < rounds; i++)
		err = run_round(dev, bytes, fill, count, i, samples);
	for (i = 0; !err && i < count; i++)
		print_side(bench_sides[i].name, bytes, fill, &samples[i]);
	return err;
}

static int bench_sizes(struct device *dev)
{
	u32 *memory = vmalloc(array3_size(2 * SIDE_COUNT, rounds, sizeof(*memory)));
	struct samples samples[SIDE_COUNT];
	int i, err = memory && rounds ? 0 : -ENOMEM;

	for (i = 0; i < SIDE_COUNT; i++) {
		samples[i].ns = memory + 2 * i * rounds;
		samples[i].ticks = samples[i].ns + rounds;
	}
	for (i = 0; !err && i < 4; i++)
		err = bench_size(dev, i / 2 ? 65536 : 4096, i % 2, samples);
	vfree(memory);
	return err;
}

static int bench_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	int err = pcim_enable_device(pci);

	if (!err)
		err = coherent_device_set_mask(&pci->dev, DMA_BIT_MASK(mask_bits));
	if (!err)
		err = bench_sizes(&pci->dev);
	if (!err)
		err = bench_accessors_c(&pci->dev);
	if (!err)
		err = bench_accessors_rust(&pci->dev);
	if (!err)
		err = bench_pools(&pci->dev);
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
