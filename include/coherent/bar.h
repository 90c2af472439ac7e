/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Registers and interrupts, as far as a driver of coherent memory needs them.
 *
 * ORDER: a write to a register is made after all earlier writes to mems; reads
 * of mems after a register read, and after an interrupt wait, see what the
 * device wrote before.
 */
#ifndef COHERENT_BAR_H
#define COHERENT_BAR_H

#include <coherent.h>

struct coherent_bar;
struct coherent_irq;

/**
 * coherent_bar_open() - Open a BAR, a window of registers.
 * @bar: Set to the BAR, to NULL on failure. Close with coherent_bar_close().
 * @dev: The device.
 * @index: Which BAR, from 0.
 *
 * Context: may sleep.
 * Return: 0; -ENODEV (no such device, no such BAR), -ENOMEM, -EIO.
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_bar_open(struct coherent_bar **bar, struct coherent_device *dev, unsigned int index);

/**
 * coherent_bar_close() - Close a BAR.
 * @bar: The BAR; NULL is harmless.
 *
 * Context: may sleep.
 */
COHERENT_BASE void coherent_bar_close(struct coherent_bar *bar);

/**
 * coherent_bar_read8() - Read a register of 8 bits.
 * @bar: The BAR.
 * @offset: In bytes.
 *
 * Context: any.
 * Return: the value in the CPU's byte order; all ones past the end of the BAR or
 * if the device is gone.
 */
COHERENT_BASE uint8_t coherent_bar_read8(struct coherent_bar *bar, uint64_t offset);

/**
 * coherent_bar_read16() - Read a register of 16 bits.
 * @bar: The BAR.
 * @offset: In bytes, a multiple of 2.
 *
 * Context: any.
 * Return: as coherent_bar_read8().
 */
COHERENT_BASE uint16_t coherent_bar_read16(struct coherent_bar *bar, uint64_t offset);

/**
 * coherent_bar_read32() - Read a register of 32 bits.
 * @bar: The BAR.
 * @offset: In bytes, a multiple of 4.
 *
 * Context: any.
 * Return: as coherent_bar_read8().
 */
COHERENT_BASE uint32_t coherent_bar_read32(struct coherent_bar *bar, uint64_t offset);

/**
 * coherent_bar_read64() - Read a register of 64 bits.
 * @bar: The BAR.
 * @offset: In bytes, a multiple of 8.
 *
 * Context: any.
 * Return: as coherent_bar_read8().
 */
COHERENT_BASE uint64_t coherent_bar_read64(struct coherent_bar *bar, uint64_t offset);

/**
 * coherent_bar_write8() - Write a register of 8 bits.
 * @bar: The BAR.
 * @offset: In bytes.
 * @value: In the CPU's byte order.
 *
 * Past the end of the BAR, misaligned, or to a device that is gone it is
 * dropped, and the first such write of a BAR is reported.
 *
 * Context: any.
 */
COHERENT_BASE void coherent_bar_write8(struct coherent_bar *bar, uint64_t offset, uint8_t value);

/**
 * coherent_bar_write16() - Write a register of 16 bits.
 * @bar: The BAR.
 * @offset: In bytes, a multiple of 2.
 * @value: In the CPU's byte order.
 *
 * As coherent_bar_write8().
 *
 * Context: any.
 */
COHERENT_BASE void coherent_bar_write16(struct coherent_bar *bar, uint64_t offset, uint16_t value);

/**
 * coherent_bar_write32() - Write a register of 32 bits.
 * @bar: The BAR.
 * @offset: In bytes, a multiple of 4.
 * @value: In the CPU's byte order.
 *
 * As coherent_bar_write8().
 *
 * Context: any.
 */
COHERENT_BASE void coherent_bar_write32(struct coherent_bar *bar, uint64_t offset, uint32_t value);

/**
 * coherent_bar_write64() - Write a register of 64 bits.
 * @bar: The BAR.
 * @offset: In bytes, a multiple of 8.
 * @value: In the CPU's byte order.
 *
 * As coherent_bar_write8().
 *
 * Context: any.
 */
COHERENT_BASE void coherent_bar_write64(struct coherent_bar *bar, uint64_t offset, uint64_t value);

/**
 * coherent_bar_poll32() - Read a register until some bits are as wanted.
 * @bar: The BAR.
 * @offset: In bytes, a multiple of 4.
 * @mask: The bits to look at.
 * @want: Their value.
 * @timeout_ns: From now on. One more test follows when it is up.
 *
 * Context: may sleep.
 * Return: 0; -ETIMEDOUT, -ENODEV (closed or gone), -EINVAL (@bar is NULL, no
 * register at @offset).
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_bar_poll32(struct coherent_bar *bar, uint64_t offset, uint32_t mask, uint32_t want,
			uint64_t timeout_ns);

/**
 * coherent_irq_open() - Listen to an interrupt vector.
 * @irq: Set to the interrupt, to NULL on failure. Close with coherent_irq_close().
 * @dev: The device.
 * @vector: Which, from 0.
 *
 * Context: may sleep.
 * Return: 0; -ENODEV (no such device, no such vector), -EBUSY (somebody listens
 * already), -ENOMEM, -ENOSPC (no descriptors left, or the kernel has fewer vectors),
 * -EIO.
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_irq_open(struct coherent_irq **irq, struct coherent_device *dev, unsigned int vector);

/**
 * coherent_irq_close() - Listen no more.
 * @irq: The interrupt; NULL is harmless. Threads that wait for it wake with
 *	-ENODEV, and are gone when this returns.
 *
 * Context: may sleep.
 */
COHERENT_BASE void coherent_irq_close(struct coherent_irq *irq);

/**
 * coherent_irq_wait() - Wait for an interrupt.
 * @irq: The interrupt.
 * @timeout_ns: From now on; UINT64_MAX for ever.
 *
 * Interrupts that came before the call count; several may be one.
 *
 * Context: may sleep.
 * Return: 0; -ETIMEDOUT, -ENODEV (closed or gone), -EINVAL (@irq is NULL).
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_irq_wait(struct coherent_irq *irq, uint64_t timeout_ns);

/**
 * coherent_irq_fd() - The interrupt as a descriptor, for poll() and epoll.
 * @irq: The interrupt.
 *
 * Readable when an interrupt came. Consume it with coherent_irq_wait(irq, 0). Of an
 * INTx it is readable once more if the device still asserts it then, for nothing if
 * it was serviced in between.
 *
 * Context: any.
 * Return: an eventfd, which stays the library's; -EINVAL (@irq is NULL).
 */
COHERENT_BASE int coherent_irq_fd(const struct coherent_irq *irq);

/**
 * coherent_base_bar_cleanup() - coherent_bar_close() at the end of a scope.
 * @bar: The variable.
 */
COHERENT_BASE void coherent_base_bar_cleanup(struct coherent_bar **bar);

/**
 * coherent_base_irq_cleanup() - coherent_irq_close() at the end of a scope.
 * @irq: The variable.
 */
COHERENT_BASE void coherent_base_irq_cleanup(struct coherent_irq **irq);

/**
 * COHERENT_BAR_AUTO() - Declare a BAR that is closed at the end of its scope.
 * @name: The variable, initialised as NULL.
 */
#define COHERENT_BAR_AUTO(name)						\
	struct coherent_bar *name __attribute__((cleanup(coherent_base_bar_cleanup))) = NULL

/**
 * COHERENT_IRQ_AUTO() - Declare an interrupt that is closed at the end of its scope.
 * @name: The variable, initialised as NULL.
 */
#define COHERENT_IRQ_AUTO(name)						\
	struct coherent_irq *name __attribute__((cleanup(coherent_base_irq_cleanup))) = NULL

#ifdef __KERNEL__
#include <coherent/detail/kernel_bar.h>
#endif

/* Ignoring one of these is an error, as with the macros. */
#ifndef COHERENT_LIBRARY
#define coherent_bar_open(bar, dev, index) COHERENT_RESULT(, coherent_bar_open(bar, dev, index))
#define coherent_bar_poll32(bar, offset, mask, want, timeout_ns)	\
	COHERENT_RESULT(, coherent_bar_poll32(bar, offset, mask, want, timeout_ns))
#define coherent_irq_open(irq, dev, vector) COHERENT_RESULT(, coherent_irq_open(irq, dev, vector))
#define coherent_irq_wait(irq, timeout_ns) COHERENT_RESULT(, coherent_irq_wait(irq, timeout_ns))
#endif

#endif
