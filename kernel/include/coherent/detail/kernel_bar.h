/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * coherent/bar.h in the Linux kernel, for PCI devices: their BARs, and the MSI or MSI-X
 * vectors that the driver got from pci_alloc_irq_vectors(). Opening an interrupt that has
 * another handler returns -EBUSY. The driver must close both before remove() returns. A
 * wait without a timeout returns -EINTR when its task is killed.
 *
 * ORDER: readl() and writel() have the order towards DMA that coherent/bar.h promises
 * (memory-barriers.txt, "KERNEL I/O BARRIER EFFECTS"; doorbell.litmus, completion.litmus).
 */
#ifndef COHERENT_KERNEL_BAR_H
#define COHERENT_KERNEL_BAR_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/io.h>
#include <linux/pci.h>
#include <linux/wait.h>

struct coherent_bar {
	struct device *dev;
	void __iomem *registers;
	u64 bytes;
	unsigned int index;
	atomic_t reported;
};

struct coherent_irq {
	struct device *dev;
	int number;
	bool closed;
	atomic_t pending;
	atomic_t waiters;
	wait_queue_head_t queue;
};

/* --- BARs --- */

static inline bool coherent_bar_has(const struct coherent_bar *bar, u64 offset, unsigned int width)
{
	return offset < bar->bytes && width <= bar->bytes - offset && !(offset & (width - 1));
}

static inline bool coherent_bar_reads(const struct coherent_bar *bar, u64 offset,
				      unsigned int width)
{
	return bar && coherent_is_bound(bar->dev) && coherent_bar_has(bar, offset, width);
}

/* Reports the first write of a BAR that is not possible. */
void coherent_base_bar_drop(struct coherent_bar *bar, u64 offset, unsigned int width);

static inline bool coherent_bar_writes(struct coherent_bar *bar, u64 offset, unsigned int width)
{
	if (!bar || coherent_bar_reads(bar, offset, width))
		return bar;
	coherent_base_bar_drop(bar, offset, width);
	return false;
}

static inline u8 coherent_bar_read8(struct coherent_bar *bar, u64 offset)
{
	return coherent_bar_reads(bar, offset, 1) ? readb(bar->registers + offset) : U8_MAX;
}

static inline u16 coherent_bar_read16(struct coherent_bar *bar, u64 offset)
{
	return coherent_bar_reads(bar, offset, 2) ? readw(bar->registers + offset) : U16_MAX;
}

static inline u32 coherent_bar_read32(struct coherent_bar *bar, u64 offset)
{
	return coherent_bar_reads(bar, offset, 4) ? readl(bar->registers + offset) : U32_MAX;
}

static inline u64 coherent_bar_read64(struct coherent_bar *bar, u64 offset)
{
	return coherent_bar_reads(bar, offset, 8) ? readq(bar->registers + offset) : U64_MAX;
}

static inline void coherent_bar_write8(struct coherent_bar *bar, u64 offset, u8 value)
{
	if (coherent_bar_writes(bar, offset, 1))
		writeb(value, bar->registers + offset);
}

static inline void coherent_bar_write16(struct coherent_bar *bar, u64 offset, u16 value)
{
	if (coherent_bar_writes(bar, offset, 2))
		writew(value, bar->registers + offset);
}

static inline void coherent_bar_write32(struct coherent_bar *bar, u64 offset, u32 value)
{
	if (coherent_bar_writes(bar, offset, 4))
		writel(value, bar->registers + offset);
}

static inline void coherent_bar_write64(struct coherent_bar *bar, u64 offset, u64 value)
{
	if (coherent_bar_writes(bar, offset, 8))
		writeq(value, bar->registers + offset);
}

#endif
