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
#include <linux/interrupt.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/io.h>
#include <linux/jiffies.h>
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

static inline int coherent_base_bar_open(struct coherent_bar **bar, struct device *dev,
					 unsigned int index, size_t bytes)
{
	void __iomem *registers;
	struct pci_dev *pci;

	*bar = NULL;
	if (!coherent_is_bound(dev) || !dev_is_pci(dev) || index >= PCI_STD_NUM_BARS)
		return -ENODEV;
	pci = to_pci_dev(dev);
	if (!(pci_resource_flags(pci, index) & IORESOURCE_MEM))
		return -ENODEV;
	if (bytes > pci_resource_len(pci, index))
		return coherent_refuse(-ERANGE, dev_name(dev),
				       "the struct of the registers is larger than the BAR");
	*bar = kzalloc(sizeof(**bar), GFP_KERNEL);
	if (!*bar)
		return -ENOMEM;
	registers = pci_iomap(pci, index, 0);
	if (!registers) {
		kfree(*bar);
		*bar = NULL;
		return -EIO;
	}
	(*bar)->dev = get_device(dev);
	(*bar)->registers = registers;
	(*bar)->bytes = pci_resource_len(pci, index);
	(*bar)->index = index;
	return 0;
}

static inline int coherent_bar_open(struct coherent_bar **bar, struct device *dev,
				    unsigned int index)
{
	return coherent_base_bar_open(bar, dev, index, 0);
}

static inline void coherent_bar_close(struct coherent_bar *bar)
{
	if (!bar)
		return;
	pci_iounmap(to_pci_dev(bar->dev), bar->registers);
	put_device(bar->dev);
	kfree(bar);
}

/* A BAR with a type begins with the pointer, as does the variable of one without. */
static inline void coherent_base_bar_cleanup(void *bar)
{
	struct coherent_bar **variable = bar;

	coherent_bar_close(*variable);
	*variable = NULL;
}

static inline bool coherent_bar_has(const struct coherent_bar *bar, u64 offset, unsigned int width)
{
	return offset < bar->bytes && width <= bar->bytes - offset && !(offset & (width - 1));
}

static inline bool coherent_bar_reads(const struct coherent_bar *bar, u64 offset,
				      unsigned int width)
{
	return bar && coherent_is_bound(bar->dev) && coherent_bar_has(bar, offset, width);
}

/* Drop a write that is not possible, and report the first one. */
static inline bool coherent_bar_writes(struct coherent_bar *bar, u64 offset, unsigned int width)
{
	if (!bar || coherent_bar_reads(bar, offset, width))
		return bar;
	if (!atomic_xchg(&bar->reported, 1))
		dev_warn(bar->dev, "write of %u bytes at %#llx of BAR %u dropped\n", width, offset,
			 bar->index);
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

static inline int coherent_bar_poll32(struct coherent_bar *bar, u64 offset, u32 mask, u32 want,
				      u64 timeout_ns)
{
	struct coherent_wait wait;
	int err;

	if (!bar || !coherent_bar_has(bar, offset, 4))
		return -EINVAL;
	coherent_base_wait_begin(&wait, timeout_ns);
	err = coherent_is_bound(bar->dev) ? 0 : -ENODEV;
	while (!err && (coherent_bar_read32(bar, offset) & mask) != want)
		err = coherent_wait_more(&wait, bar->dev);
	return err;
}

/* --- Interrupts --- */

static inline irqreturn_t coherent_irq_handle(int number, void *arg)
{
	struct coherent_irq *irq = arg;

	/* ORDER: pairs with the exchange in coherent_irq_ends_wait() (irq_pending.litmus). */
	atomic_set_release(&irq->pending, 1);
	wake_up_all(&irq->queue);
	return IRQ_HANDLED;
}

static inline int coherent_irq_open(struct coherent_irq **irq, struct device *dev,
				    unsigned int vector)
{
	struct coherent_irq *opened;
	struct pci_dev *pci;
	int number, err;

	*irq = NULL;
	if (!coherent_is_bound(dev) || !dev_is_pci(dev))
		return -ENODEV;
	pci = to_pci_dev(dev);
	/* A handler would have to silence an INTx at the device, but only the waiting thread can. */
	number = pci_dev_msi_enabled(pci) ? pci_irq_vector(pci, vector) : -ENODEV;
	if (number < 0)
		return -ENODEV;
	opened = kzalloc(sizeof(*opened), GFP_KERNEL);
	if (!opened)
		return -ENOMEM;
	opened->dev = get_device(dev);
	opened->number = number;
	init_waitqueue_head(&opened->queue);
	err = request_irq(number, coherent_irq_handle, 0, dev_name(dev), opened);
	if (err) {
		put_device(dev);
		kfree(opened);
		return err == -EBUSY || err == -ENOMEM ? err : -EIO;
	}
	*irq = opened;
	return 0;
}

static inline void coherent_irq_close(struct coherent_irq *irq)
{
	if (!irq)
		return;
	free_irq(irq->number, irq);
	WRITE_ONCE(irq->closed, true);
	wake_up_all(&irq->queue);
	while (atomic_read(&irq->waiters))
		usleep_range(20, 100);
	put_device(irq->dev);
	kfree(irq);
}

static inline void coherent_base_irq_cleanup(struct coherent_irq **irq)
{
	coherent_irq_close(*irq);
}

static inline bool coherent_irq_ends_wait(struct coherent_irq *irq)
{
	/*
	 * ORDER: pairs with the release in the handler, and with the device's DMA before it
	 * (irq_pending.litmus).
	 */
	return READ_ONCE(irq->closed) || atomic_xchg(&irq->pending, 0);
}

static inline long coherent_irq_jiffies(u64 timeout_ns)
{
	const u64 jiffies = nsecs_to_jiffies64(timeout_ns) + !!timeout_ns;

	return min_t(u64, jiffies, MAX_SCHEDULE_TIMEOUT - 1);
}

/* All interrupts before the wait ends count as one. */
static inline int coherent_irq_wait(struct coherent_irq *irq, u64 timeout_ns)
{
	int err = 0, killed = 0;
	long left = 1;

	if (!irq)
		return -EINVAL;
	if (!coherent_is_bound(irq->dev))
		return -ENODEV;
	atomic_inc(&irq->waiters);
	/* The kernel reports neither of these waits as a hung task. */
	if (timeout_ns == U64_MAX)
		killed = wait_event_killable(irq->queue, coherent_irq_ends_wait(irq));
	else
		left = wait_event_idle_timeout(irq->queue, coherent_irq_ends_wait(irq),
					       coherent_irq_jiffies(timeout_ns));
	if (READ_ONCE(irq->closed))
		err = -ENODEV;
	else if (killed)
		err = -EINTR;
	else if (!left)
		err = -ETIMEDOUT;
	/* ORDER: pairs with the device's DMA before the interrupt (completion.litmus). */
	dma_rmb();
	atomic_dec_return_release(&irq->waiters);
	return err;
}

/* The kernel has no file descriptors for interrupts. */
static inline int coherent_irq_fd(const struct coherent_irq *irq)
{
	return irq ? -EOPNOTSUPP : -EINVAL;
}

#endif
