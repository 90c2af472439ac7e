/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Registers and interrupts of a device, as far as a driver of coherent memory
 * needs them.
 *
 * ORDER: the device sees all earlier writes to mems before a write to a register.
 * After a register read or an interrupt wait, reads of mems see what the device
 * wrote before (doorbell.litmus and completion.litmus of tests/proofs).
 */
#ifndef COHERENT_BAR_H
#define COHERENT_BAR_H

#include <coherent.h>
#include <coherent/detail/value.h>

struct coherent_bar;
struct coherent_irq;

/**
 * coherent_bar_open() - Open a BAR, a window of registers.
 * @bar: Set to the BAR, or to NULL on failure. Close it with coherent_bar_close().
 * @dev: The device.
 * @index: The number of the BAR, from 0.
 *
 * Context: may sleep.
 * Return: 0; -ENODEV (there is no such device or no such BAR), -ENOMEM, -EIO.
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_bar_open(struct coherent_bar **bar, struct coherent_device *dev, unsigned int index);

/**
 * coherent_bar_close() - Close a BAR.
 * @bar: The BAR. NULL is allowed and does nothing.
 *
 * Context: may sleep.
 */
COHERENT_BASE void coherent_bar_close(struct coherent_bar *bar);

/**
 * coherent_bar_read8() - Read a register of 8 bits.
 * @bar: The BAR.
 * @offset: The offset of the register in bytes.
 *
 * The library reports the first read of a BAR that is past its end or misaligned. In the
 * kernel it makes no report.
 *
 * Context: any.
 * Return: the value in the CPU's byte order; all ones past the end of the BAR, if
 * @offset is misaligned, or if the device is gone.
 */
COHERENT_BASE uint8_t coherent_bar_read8(struct coherent_bar *bar, uint64_t offset);

/**
 * coherent_bar_read16() - Read a register of 16 bits.
 * @bar: The BAR.
 * @offset: The offset of the register in bytes, a multiple of 2.
 *
 * Context: any.
 * Return: as coherent_bar_read8().
 */
COHERENT_BASE uint16_t coherent_bar_read16(struct coherent_bar *bar, uint64_t offset);

/**
 * coherent_bar_read32() - Read a register of 32 bits.
 * @bar: The BAR.
 * @offset: The offset of the register in bytes, a multiple of 4.
 *
 * Context: any.
 * Return: as coherent_bar_read8().
 */
COHERENT_BASE uint32_t coherent_bar_read32(struct coherent_bar *bar, uint64_t offset);

/**
 * coherent_bar_read64() - Read a register of 64 bits.
 * @bar: The BAR.
 * @offset: The offset of the register in bytes, a multiple of 8.
 *
 * Context: any.
 * Return: as coherent_bar_read8().
 */
COHERENT_BASE uint64_t coherent_bar_read64(struct coherent_bar *bar, uint64_t offset);

/**
 * coherent_bar_write8() - Write a register of 8 bits.
 * @bar: The BAR.
 * @offset: The offset of the register in bytes.
 * @value: The value in the CPU's byte order.
 *
 * The library drops a write that is past the end of the BAR, is misaligned, or goes to
 * a device that is gone. It reports the first dropped write of a BAR. A @value that has
 * more bits than the register does not compile.
 *
 * Context: any.
 */
COHERENT_BASE void coherent_bar_write8(struct coherent_bar *bar, uint64_t offset, uint8_t value);

/**
 * coherent_bar_write16() - Write a register of 16 bits.
 * @bar: The BAR.
 * @offset: The offset of the register in bytes, a multiple of 2.
 * @value: The value in the CPU's byte order.
 *
 * The library drops the same writes as coherent_bar_write8() does.
 *
 * Context: any.
 */
COHERENT_BASE void coherent_bar_write16(struct coherent_bar *bar, uint64_t offset, uint16_t value);

/**
 * coherent_bar_write32() - Write a register of 32 bits.
 * @bar: The BAR.
 * @offset: The offset of the register in bytes, a multiple of 4.
 * @value: The value in the CPU's byte order.
 *
 * The library drops the same writes as coherent_bar_write8() does.
 *
 * Context: any.
 */
COHERENT_BASE void coherent_bar_write32(struct coherent_bar *bar, uint64_t offset, uint32_t value);

/**
 * coherent_bar_write64() - Write a register of 64 bits.
 * @bar: The BAR.
 * @offset: The offset of the register in bytes, a multiple of 8.
 * @value: The value in the CPU's byte order.
 *
 * The library drops the same writes as coherent_bar_write8() does.
 *
 * Context: any.
 */
COHERENT_BASE void coherent_bar_write64(struct coherent_bar *bar, uint64_t offset, uint64_t value);

/**
 * coherent_bar_poll32() - Read a register until some bits have a value.
 * @bar: The BAR.
 * @offset: The offset of the register in bytes, a multiple of 4.
 * @mask: The bits to compare.
 * @want: The value that these bits must have.
 * @timeout_ns: How long to wait from now on. The call reads once more after that.
 *
 * A simulated device with the key "step" runs between two reads, as in coherent_poll().
 *
 * Context: may sleep.
 * Return: 0; -ETIMEDOUT, -ENODEV (the device is closed or gone), -EINVAL (@bar is NULL,
 * or there is no register at @offset), -EBUSY (a callback of the device's own model waits).
 * In the kernel: -EINTR (a wait without a timeout, and the task is killed).
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_bar_poll32(struct coherent_bar *bar, uint64_t offset, uint32_t mask, uint32_t want,
			uint64_t timeout_ns);

/**
 * coherent_irq_open() - Listen to an interrupt vector.
 * @irq: Set to the interrupt, or to NULL on failure. Close it with coherent_irq_close().
 * @dev: The device.
 * @vector: The number of the vector, from 0.
 *
 * An MSI is a write of the device to memory. So a device of vfio:, iommufd: or pci: is
 * bus master from here on, also if nothing is exposed yet; an INTx does not need that.
 * coherent_device_limits() tells how many vectors a device has. In userspace each open
 * vector takes two file descriptors.
 *
 * Context: may sleep.
 * Return: 0; -ENODEV (there is no such device or no such vector), -EBUSY (somebody
 * listens to it already, or a callback of the device's own model called it), -ENOMEM,
 * -ENOSPC (no file descriptor is left, or the kernel has fewer vectors), -EIO.
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_irq_open(struct coherent_irq **irq, struct coherent_device *dev, unsigned int vector);

/**
 * coherent_irq_close() - Stop listening to an interrupt vector.
 * @irq: The interrupt. NULL is allowed and does nothing.
 *
 * Threads that wait for the interrupt return with -ENODEV. No thread waits any more when
 * this call returns.
 *
 * Context: may sleep.
 */
COHERENT_BASE void coherent_irq_close(struct coherent_irq *irq);

/**
 * coherent_irq_wait() - Wait for an interrupt.
 * @irq: The interrupt.
 * @timeout_ns: How long to wait from now on; UINT64_MAX for ever.
 *
 * An interrupt that came before the call ends the wait. Several interrupts may count as
 * one. A simulated device with the key "step" runs during the wait, as in coherent_poll().
 *
 * Context: may sleep.
 * Return: 0; -ETIMEDOUT, -ENODEV (@irq is closed, or the device is closed or gone),
 * -EINVAL (@irq is NULL), -EBUSY (a callback of the device's own model waits).
 * In the kernel: -EINTR (a wait without a timeout, and the task is killed).
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_irq_wait(struct coherent_irq *irq, uint64_t timeout_ns);

/**
 * coherent_irq_fd() - Return the file descriptor of an interrupt, for poll() and epoll.
 * @irq: The interrupt.
 *
 * The descriptor becomes readable when an interrupt comes. Consume the interrupt with
 * coherent_irq_wait(irq, 0). For an INTx, that call makes the descriptor readable again
 * if the device still asserts the line. So the descriptor may become readable once more
 * without a cause, if the driver serviced the device in between.
 *
 * Context: any.
 * Return: an eventfd that the library owns; -EINVAL (@irq is NULL). In the kernel:
 * -EOPNOTSUPP.
 */
COHERENT_BASE int coherent_irq_fd(const struct coherent_irq *irq);

/**
 * coherent_base_bar_cleanup() - Call coherent_bar_close() at the end of a scope.
 * @bar: The variable.
 */
COHERENT_BASE void coherent_base_bar_cleanup(struct coherent_bar **bar);

/**
 * coherent_base_irq_cleanup() - Call coherent_irq_close() at the end of a scope.
 * @irq: The variable.
 */
COHERENT_BASE void coherent_base_irq_cleanup(struct coherent_irq **irq);

/**
 * COHERENT_BAR_AUTO() - Declare a BAR that is closed at the end of its scope.
 * @name: The variable. It is initialised as NULL.
 */
#define COHERENT_BAR_AUTO(name)						\
	struct coherent_bar *name __attribute__((cleanup(coherent_base_bar_cleanup))) = NULL

/**
 * COHERENT_IRQ_AUTO() - Declare an interrupt that is closed at the end of its scope.
 * @name: The variable. It is initialised as NULL.
 */
#define COHERENT_IRQ_AUTO(name)						\
	struct coherent_irq *name __attribute__((cleanup(coherent_base_irq_cleanup))) = NULL

#ifdef __KERNEL__
#include <coherent/detail/kernel_bar.h>
#endif

/* With these macros an ignored result does not compile; coherent.h names the exception. */
#ifndef COHERENT_LIBRARY
#define coherent_bar_open(bar, dev, index) COHERENT_RESULT(, coherent_bar_open(bar, dev, index))
#define coherent_bar_poll32(bar, offset, mask, want, timeout_ns)	\
	COHERENT_RESULT(COHERENT_NEEDS_FIT(uint32_t, mask, "the register") \
		COHERENT_NEEDS_FIT(uint32_t, want, "the register"),	\
		coherent_bar_poll32(bar, offset, mask, want, timeout_ns))
#define coherent_irq_open(irq, dev, vector) COHERENT_RESULT(, coherent_irq_open(irq, dev, vector))
#define coherent_irq_wait(irq, timeout_ns) COHERENT_RESULT(, coherent_irq_wait(irq, timeout_ns))
/* With these macros a value that has more bits than the register does not compile. */
#define coherent_bar_write8(bar, offset, value)				\
	COHERENT_VALUE(COHERENT_NEEDS_FIT(uint8_t, value, "the register"), \
		coherent_bar_write8(bar, offset, value))
#define coherent_bar_write16(bar, offset, value)			\
	COHERENT_VALUE(COHERENT_NEEDS_FIT(uint16_t, value, "the register"), \
		coherent_bar_write16(bar, offset, value))
#define coherent_bar_write32(bar, offset, value)			\
	COHERENT_VALUE(COHERENT_NEEDS_FIT(uint32_t, value, "the register"), \
		coherent_bar_write32(bar, offset, value))
#endif

#endif
