/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * BARs and interrupts of PCI devices in the kernel. coherent/detail/kernel_bar.h has what is
 * inline, and the structs.
 */
#ifndef COHERENT_KERNEL_BAR_BODY_H
#define COHERENT_KERNEL_BAR_BODY_H

#include <coherent/bar.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/slab.h>

#include "allocate.h"
#include "wait.h"

/* --- BARs --- */

int __weak coherent_base_bar_open(struct coherent_bar **bar, struct device *dev, unsigned int index,
				  size_t bytes)
{
	void __iomem *registers;
	struct pci_dev *pci;

	*bar = NULL;
	if (!coherent_is_bound(dev) || !dev_is_pci(dev) || index >= PCI_STD_NUM_BARS)
		return -ENODEV;
	pci = to_pci_dev(dev);
	if (pci_resource_flags(pci, index) & IORESOURCE_IO)
		return coherent_refuse(-EOPNOTSUPP, dev_name(dev),
				       "the BAR has I/O ports, not memory: use inl() and outl()");
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

int __weak(coherent_bar_open)(struct coherent_bar **bar, struct device *dev, unsigned int index)
{
	return coherent_base_bar_open(bar, dev, index, 0);
}

void __weak(coherent_bar_close)(struct coherent_bar *bar)
{
	if (!bar)
		return;
	pci_iounmap(to_pci_dev(bar->dev), bar->registers);
	put_device(bar->dev);
	kfree(bar);
}

/* A BAR with a type begins with the pointer, as does the variable of one without. */
void __weak coherent_base_bar_cleanup(void *bar)
{
	struct coherent_bar **variable = bar;

	coherent_bar_close(*variable);
	*variable = NULL;
}

void __weak coherent_base_bar_drop(struct coherent_bar *bar, u64 offset, unsigned int width)
{
	if (!atomic_xchg(&bar->reported, 1))
		dev_warn(bar->dev, "write of %u bytes at %#llx of BAR %u dropped\n", width, offset,
			 bar->index);
}

static bool coherent_bar_copies(const struct coherent_bar *bar, u64 offset, size_t bytes, int *err)
{
	if (offset > bar->bytes || bytes > bar->bytes - offset)
		*err = -ERANGE;
	else
		*err = coherent_is_bound(bar->dev) ? 0 : -ENODEV;
	return !*err && bytes;
}

/* The width of the next access: as wide as is aligned. */
static unsigned int coherent_bar_width(u64 offset, size_t bytes)
{
	unsigned int width = sizeof(u64);

	while (width > bytes || (offset & (width - 1)))
		width /= 2;
	return width;
}

/* A BAR has the bytes of a register in little-endian order. */
static void coherent_bar_store(void __iomem *at, const void *from, unsigned int width)
{
	__le64 word = 0;
	u64 value;

	memcpy(&word, from, width);
	value = le64_to_cpu(word);
	switch (width) {
	case 1:
		writeb((u8)value, at);
		break;
	case 2:
		writew((u16)value, at);
		break;
	case 4:
		writel((u32)value, at);
		break;
	default:
		writeq(value, at);
		break;
	}
}

static void coherent_bar_load(const void __iomem *at, void *to, unsigned int width)
{
	__le64 word;

	switch (width) {
	case 1:
		word = cpu_to_le64(readb(at));
		break;
	case 2:
		word = cpu_to_le64(readw(at));
		break;
	case 4:
		word = cpu_to_le64(readl(at));
		break;
	default:
		word = cpu_to_le64(readq(at));
		break;
	}
	memcpy(to, &word, width);
}

int __weak(coherent_bar_copy_in)(struct coherent_bar *bar, u64 offset, const void *from,
				 size_t bytes)
{
	unsigned int width;
	int err;

	if (!bar || (!from && bytes))
		return -EINVAL;
	if (!coherent_bar_copies(bar, offset, bytes, &err))
		return err;
	for (; bytes; offset += width, from += width, bytes -= width) {
		width = coherent_bar_width(offset, bytes);
		coherent_bar_store(bar->registers + offset, from, width);
	}
	return 0;
}

int __weak(coherent_bar_copy_out)(struct coherent_bar *bar, u64 offset, void *to, size_t bytes)
{
	unsigned int width;
	int err;

	if (!bar || (!to && bytes))
		return -EINVAL;
	if (!coherent_bar_copies(bar, offset, bytes, &err))
		return err;
	for (; bytes; offset += width, to += width, bytes -= width) {
		width = coherent_bar_width(offset, bytes);
		coherent_bar_load(bar->registers + offset, to, width);
	}
	return 0;
}

/*
 * The kernel's movdir64b() has another type of pointer in each version. The assemblers that it
 * supports do not all know the instruction, which stores 64 bytes from (%rdx) to (%rax).
 */
#ifdef CONFIG_X86_64
static bool coherent_bar_has_line(void)
{
	return boot_cpu_has(X86_FEATURE_MOVDIR64B);
}

static void coherent_bar_store_line(void __iomem *at, const void *line)
{
	/* ORDER: the store does not wait for earlier ones by itself (doorbell.litmus). */
	wmb();
	asm volatile(".byte 0x66, 0x0f, 0x38, 0xf8, 0x02" : : "a"(at), "d"(line) : "memory");
}
#else
static bool coherent_bar_has_line(void)
{
	return false;
}

static void coherent_bar_store_line(void __iomem *at, const void *line)
{
}
#endif

int __weak(coherent_bar_write512)(struct coherent_bar *bar, u64 offset, const void *line)
{
	int err;

	if (!bar || !line || offset % 64)
		return -EINVAL;
	if (!coherent_bar_copies(bar, offset, 64, &err))
		return err;
	if (!coherent_bar_has_line())
		return -EOPNOTSUPP;
	coherent_bar_store_line(bar->registers + offset, line);
	return 0;
}

static u32 coherent_bar_read(struct coherent_bar *bar, u64 offset, unsigned int width)
{
	switch (width) {
	case 1:
		return coherent_bar_read8(bar, offset);
	case 2:
		return coherent_bar_read16(bar, offset);
	default:
		return coherent_bar_read32(bar, offset);
	}
}

int __weak coherent_base_bar_poll(struct coherent_bar *bar, u64 offset, unsigned int width,
				  u32 mask, u32 want, u64 timeout_ns)
{
	struct coherent_wait wait;
	int err;

	if (!bar || !is_power_of_2(width) || width > 4 || !coherent_bar_has(bar, offset, width))
		return -EINVAL;
	coherent_base_wait_begin(&wait, timeout_ns);
	err = coherent_is_bound(bar->dev) ? 0 : -ENODEV;
	while (!err && (coherent_bar_read(bar, offset, width) & mask) != want)
		err = coherent_wait_more(&wait, bar->dev);
	return err;
}

int __weak(coherent_bar_poll32)(struct coherent_bar *bar, u64 offset, u32 mask, u32 want,
				u64 timeout_ns)
{
	return coherent_base_bar_poll(bar, offset, 4, mask, want, timeout_ns);
}

/* --- Interrupts --- */

static irqreturn_t coherent_irq_handle(int number, void *arg)
{
	struct coherent_irq *irq = arg;

	/* ORDER: pairs with the exchange in coherent_irq_ends_wait() (irq_pending.litmus). */
	atomic_set_release(&irq->pending, 1);
	wake_up_all(&irq->queue);
	return IRQ_HANDLED;
}

int __weak(coherent_irq_open)(struct coherent_irq **irq, struct device *dev, unsigned int vector)
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

void __weak(coherent_irq_close)(struct coherent_irq *irq)
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

void __weak coherent_base_irq_cleanup(struct coherent_irq **irq)
{
	coherent_irq_close(*irq);
}

static bool coherent_irq_ends_wait(struct coherent_irq *irq)
{
	/*
	 * ORDER: pairs with the release in the handler, and with the device's DMA before it
	 * (irq_pending.litmus).
	 */
	return READ_ONCE(irq->closed) || atomic_xchg(&irq->pending, 0);
}

static long coherent_irq_jiffies(u64 timeout_ns)
{
	const u64 jiffies = nsecs_to_jiffies64(timeout_ns) + !!timeout_ns;

	return min_t(u64, jiffies, MAX_SCHEDULE_TIMEOUT - 1);
}

/* All interrupts before the wait ends count as one. */
int __weak(coherent_irq_wait)(struct coherent_irq *irq, u64 timeout_ns)
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
int __weak(coherent_irq_fd)(const struct coherent_irq *irq)
{
	return irq ? -EOPNOTSUPP : -EINVAL;
}

#endif
