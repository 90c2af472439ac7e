/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Registers and interrupts of a device, as far as a driver of coherent memory
 * needs them.
 *
 * A driver gives a register by its offset, as in coherent_bar_read32(bar, 0x10), or by
 * its name. For names, it describes the registers by a struct, and opens the BAR into a
 * variable of COHERENT_BAR_TYPE(): coherent_bar_get(&bar, .status). The compiler then
 * knows the offset and the width. The instructions are the same.
 *
 * ORDER: the device sees all earlier writes to mems before a write to a register.
 * After a register read or an interrupt wait, reads of mems see what the device
 * wrote before (doorbell.litmus and completion.litmus of tests/proofs).
 */
#ifndef COHERENT_BAR_H
#define COHERENT_BAR_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent.h>
#include <coherent/detail/value.h>

struct coherent_bar;
struct coherent_irq;

COHERENT_C_BEGIN

/**
 * coherent_bar_open() - Open a BAR, a window of registers.
 * @bar: Set to the BAR, or to NULL on failure. Close it with coherent_bar_close(). It may
 *	also be a variable of COHERENT_BAR_TYPE(), which is empty on failure.
 * @dev: The device.
 * @index: The number of the BAR, from 0.
 *
 * The call overwrites whatever @bar held.
 *
 * Context: may sleep.
 * Return: 0; -ENODEV (there is no such device or no such BAR), -ENOMEM, -EIO, -ERANGE (the
 * struct of the registers is larger than the BAR). In the kernel: -EOPNOTSUPP (the BAR has I/O
 * ports).
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_bar_open(struct coherent_bar **bar, struct coherent_device *dev, unsigned int index);

/**
 * coherent_base_bar_open() - See coherent_bar_open().
 * @bar: Set to the BAR, or to NULL on failure.
 * @dev: The device.
 * @index: The number of the BAR.
 * @bytes: The size that the BAR must have at least.
 *
 * Return: as coherent_bar_open().
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_base_bar_open(struct coherent_bar **bar, struct coherent_device *dev,
			   unsigned int index, size_t bytes);

/**
 * coherent_bar_close() - Close a BAR.
 * @bar: The BAR. NULL is allowed and does nothing. For a BAR with a type, the address of the
 *	variable: it is empty afterwards, and nothing happens if it was empty.
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
COHERENT_BASE_INLINE uint8_t coherent_bar_read8(struct coherent_bar *bar, uint64_t offset);

/**
 * coherent_bar_read16() - Read a register of 16 bits.
 * @bar: The BAR.
 * @offset: The offset of the register in bytes, a multiple of 2.
 *
 * Context: any.
 * Return: as coherent_bar_read8().
 */
COHERENT_BASE_INLINE uint16_t coherent_bar_read16(struct coherent_bar *bar, uint64_t offset);

/**
 * coherent_bar_read32() - Read a register of 32 bits.
 * @bar: The BAR.
 * @offset: The offset of the register in bytes, a multiple of 4.
 *
 * Context: any.
 * Return: as coherent_bar_read8().
 */
COHERENT_BASE_INLINE uint32_t coherent_bar_read32(struct coherent_bar *bar, uint64_t offset);

/**
 * coherent_bar_read64() - Read a register of 64 bits.
 * @bar: The BAR.
 * @offset: The offset of the register in bytes, a multiple of 8.
 *
 * Context: any.
 * Return: as coherent_bar_read8().
 */
COHERENT_BASE_INLINE uint64_t coherent_bar_read64(struct coherent_bar *bar, uint64_t offset);

/**
 * coherent_bar_write8() - Write a register of 8 bits.
 * @bar: The BAR.
 * @offset: The offset of the register in bytes.
 * @value: The value in the CPU's byte order.
 *
 * The library drops a write that is past the end of the BAR, is misaligned, or goes to
 * a device that is closed or gone. It reports the first dropped write of a BAR. In userspace
 * it does not report a write to a device that is gone. A @value that has more bits than the
 * register does not compile.
 *
 * Context: any.
 */
COHERENT_BASE_INLINE void coherent_bar_write8(struct coherent_bar *bar, uint64_t offset, uint8_t value);

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
COHERENT_BASE_INLINE void coherent_bar_write16(struct coherent_bar *bar, uint64_t offset, uint16_t value);

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
COHERENT_BASE_INLINE void coherent_bar_write32(struct coherent_bar *bar, uint64_t offset, uint32_t value);

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
COHERENT_BASE_INLINE void coherent_bar_write64(struct coherent_bar *bar, uint64_t offset, uint64_t value);

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
 * coherent_base_bar_poll() - See coherent_bar_poll() and coherent_bar_poll32().
 * @bar: The BAR.
 * @offset: The offset of the register in bytes, a multiple of @width.
 * @width: The width of the register in bytes: 1, 2 or 4.
 * @mask: The bits to compare.
 * @want: The value that these bits must have.
 * @timeout_ns: How long to wait from now on.
 *
 * Context: as coherent_bar_poll32().
 * Return: as coherent_bar_poll32(); also -EINVAL if @width is another number.
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_base_bar_poll(struct coherent_bar *bar, uint64_t offset, unsigned int width,
			   uint32_t mask, uint32_t want, uint64_t timeout_ns);

/**
 * coherent_bar_copy_in() - Copy memory to a BAR.
 * @bar: The BAR.
 * @offset: The offset of the first byte in the BAR.
 * @from: The bytes: plain memory, not a mem. NULL is allowed if @bytes is 0.
 * @bytes: How many bytes.
 *
 * The copy consists of aligned accesses of up to 8 bytes, with ascending offsets. So it
 * begins with accesses of 1, 2 and 4 bytes until the offset is a multiple of 8, and ends
 * with accesses of 4, 2 and 1. An access is at most 4 bytes wide in a BAR of I/O ports, in
 * a BAR of vhost-user:, and in one that the kernel does not map for the process. A device
 * whose registers have another width needs a loop of coherent_bar_write32() or the like.
 *
 * The device sees all earlier writes to mems before the first access. In the kernel the call
 * makes no reports.
 *
 * Context: any.
 * Return: 0; -EINVAL (@bar is NULL, or @from is), -ERANGE (past the end; nothing is copied),
 * -ENODEV (the device is closed or gone; a part may have been copied), -EBUSY (a callback
 * of the device's own model calls), -EIO.
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_bar_copy_in(struct coherent_bar *bar, uint64_t offset, const void *from, size_t bytes);

/**
 * coherent_bar_copy_out() - Copy from a BAR to memory.
 * @bar: The BAR.
 * @offset: The offset of the first byte in the BAR.
 * @to: The place for the bytes: plain memory, not a mem. NULL is allowed if @bytes is 0.
 * @bytes: How many bytes.
 *
 * The accesses are those of coherent_bar_copy_in(). Reads of mems after the call see what
 * the device wrote before it answered.
 *
 * Context: any.
 * Return: as coherent_bar_copy_in(). After -ENODEV and -EIO the bytes at @to may have any
 * value.
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_bar_copy_out(struct coherent_bar *bar, uint64_t offset, void *to, size_t bytes);

/**
 * coherent_bar_write512() - Write 64 bytes to a BAR by one store.
 * @bar: The BAR.
 * @offset: The offset in the BAR, a multiple of 64.
 * @line: The 64 bytes: plain memory, at any address.
 *
 * The device gets all bytes in one write, as the portal of a work queue needs it. This is
 * MOVDIR64B of x86-64. The device sees all earlier writes to mems before it. It works on
 * vfio:, iommufd: and pci:, in a BAR that the kernel maps for the process, and in the kernel.
 * There is no replacement in pieces, because a device would act on the first piece.
 *
 * Context: any.
 * Return: 0; -EINVAL (@bar or @line is NULL, @offset is not a multiple of 64), -ERANGE (past
 * the end), -ENODEV, -EBUSY (a callback of the device's own model calls), -EOPNOTSUPP (this
 * CPU has no such store, or the BAR is not memory of this process).
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_bar_write512(struct coherent_bar *bar, uint64_t offset, const void *line);

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
 * -ENOSPC (no file descriptor is left, or the kernel has fewer vectors), -EIO, in userspace
 * -ETIMEDOUT (the process of the device did not answer, and the device is lost).
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
 * An INTx of a vfio-user: device is unmasked by a message. The call waits for the answer of the
 * peer, also past @timeout_ns, for at most the time that the key timeout of the device name gives.
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
 * coherent_irq_wait(irq, 0). If the device still asserts the line of an INTx after that call, the
 * descriptor becomes readable again. So a driver that services the device after the call may find
 * the descriptor readable once more without a cause.
 *
 * The descriptor does not become readable when the device is closed or gone. So a driver that
 * sleeps in poll() gives it a timeout. After that, coherent_irq_wait(irq, 0) returns -ENODEV if no
 * interrupt can come.
 *
 * Context: any.
 * Return: an eventfd that the library owns; -EINVAL (@irq is NULL), -ENODEV (a forked child). In
 * the kernel: -EOPNOTSUPP.
 */
COHERENT_BASE int coherent_irq_fd(const struct coherent_irq *irq);

/**
 * coherent_base_bar_cleanup() - Close the BAR in a variable, and empty the variable.
 * @bar: The variable, with or without a type.
 */
COHERENT_BASE void coherent_base_bar_cleanup(void *bar);

/**
 * coherent_base_irq_cleanup() - Call coherent_irq_close() at the end of a scope.
 * @irq: The variable.
 */
COHERENT_BASE void coherent_base_irq_cleanup(struct coherent_irq **irq);

COHERENT_C_END

/**
 * COHERENT_BAR_AUTO() - Declare a BAR that is closed at the end of its scope.
 * @...: The variable, which is initialised as NULL. For a BAR with a type, the type of the
 *	registers and the variable, which is initialised as empty.
 */
#define COHERENT_BAR_AUTO(...)						\
	COHERENT_3RD(__VA_ARGS__, COHERENT_BAR_AUTO_TYPED, COHERENT_BAR_AUTO_PLAIN, )(__VA_ARGS__)
#define COHERENT_BAR_AUTO_PLAIN(name)					\
	struct coherent_bar *name __attribute__((cleanup(coherent_base_bar_cleanup))) = NULL
#define COHERENT_BAR_AUTO_TYPED(T, name)				\
	COHERENT_BAR_TYPE(T) name					\
		__attribute__((cleanup(coherent_base_bar_cleanup))) = COHERENT_EMPTY

/**
 * COHERENT_IRQ_AUTO() - Declare an interrupt that is closed at the end of its scope.
 * @name: The variable. It is initialised as NULL.
 */
#define COHERENT_IRQ_AUTO(name)						\
	struct coherent_irq *name __attribute__((cleanup(coherent_base_irq_cleanup))) = NULL

#ifdef __KERNEL__
#include <coherent/detail/kernel_bar.h>
#endif

/* --- Registers with names --- */

/**
 * COHERENT_BAR_TYPE() - Declare a BAR whose registers have names.
 * @...: The type of the registers: a struct with a field for each register, at its offset.
 *	Before it, a name that the type gets, to pass it to functions: union @name.
 *
 * A field of the struct that is const is a register that the driver only reads. A plain
 * integer is a little-endian register, as for coherent_bar_read32(). Registers of
 * coherent_be32 and its like are converted.
 *
 * For instance:
 *
 *	struct nic_registers {
 *		const uint32_t status;
 *		uint32_t control;
 *		uint64_t ring;
 *	};
 *	COHERENT_BAR_TYPE(struct nic_registers) bar;
 *
 *	err = coherent_bar_open(&bar, dev, 0);
 *	if (err)
 *		return err;
 *	coherent_bar_put(&bar, .ring, coherent_addr(&mem).raw);
 *	status = coherent_bar_get(&bar, .status);
 *	coherent_bar_close(&bar);
 */
#define COHERENT_BAR_TYPE(...)						\
	COHERENT_3RD(__VA_ARGS__, COHERENT_BAR_NAMED, COHERENT_BAR_UNNAMED, )(__VA_ARGS__)
#define COHERENT_BAR_NAMED(name, T) union name COHERENT_BODY(registers, registers, T)
#define COHERENT_BAR_UNNAMED(T) union COHERENT_BODY(registers, registers, T)

#include <coherent/detail/registers.h>

/**
 * coherent_bar_get() - Read a register by its name.
 * @bar: A BAR with a type.
 * @field: The register with its dot, such as .status or .queues[2].head. An index is a
 *	constant. For a variable index use coherent_bar_get_item().
 *
 * This is coherent_bar_read8(), coherent_bar_read16(), coherent_bar_read32() or
 * coherent_bar_read64(), according to the width of the field.
 *
 * Context: any.
 * Return: the value in the CPU's byte order; all ones if @bar is empty or the device is gone.
 */
#define coherent_bar_get(bar, field)					\
	COHERENT_VALUE(COHERENT_NEEDS_REGISTER(bar, field),		\
		COHERENT_FROM_WORD(bar, field,				\
			coherent_registers_load((bar)->base.va, COHERENT_REGISTER(bar, field))))

/**
 * coherent_bar_put() - Write a register by its name.
 * @bar: A BAR with a type.
 * @field: The register with its dot, as for coherent_bar_get(). It is not const.
 * @value: The value in the CPU's byte order. It fits as for coherent_write().
 *
 * This is coherent_bar_write8(), coherent_bar_write16(), coherent_bar_write32() or
 * coherent_bar_write64(), according to the width of the field. The order is the same: the
 * device sees all earlier writes to mems before the write to the register.
 *
 * Context: any.
 */
#define coherent_bar_put(bar, field, value)				\
	COHERENT_VALUE(COHERENT_NEEDS_REGISTER(bar, field) COHERENT_NEEDS_MUTABLE(bar) \
		COHERENT_NEEDS_VALUE(bar, field, value),		\
		coherent_registers_store((bar)->base.va, COHERENT_REGISTER(bar, field), \
					 COHERENT_TO_WORD(bar, field, value)))

/**
 * coherent_bar_get_item() - Read a register in an array.
 * @bar: A BAR with a type.
 * @field: The array field with its dot, such as .ports. Leave it out if the type of the
 *	registers itself is an array.
 * @...: The index of the element, which may be a variable. If the elements are structs, the
 *	field of the element with its dot follows.
 *
 * This is coherent_bar_get() of one element. The call checks the index. It refuses a read past the
 * end of the array as if it were past the end of the BAR. The report then names the last
 * aligned offset, such as 0xfffffffffffffffc.
 *
 * For instance:
 *
 *	status = coherent_bar_get_item(&bar, .ports, i, .status);
 *	head = coherent_bar_get_item(&bar, .heads, i);
 *
 * Context: any.
 * Return: as coherent_bar_get(); all ones if there is no element of this index.
 */
#define coherent_bar_get_item(bar, field, ...)				\
	COHERENT_3RD(__VA_ARGS__, COHERENT_BAR_GET_ITEM, COHERENT_BAR_GET_WHOLE_ITEM, ) \
		(bar, field, __VA_ARGS__)
#define COHERENT_BAR_GET_WHOLE_ITEM(bar, field, i) COHERENT_BAR_GET_ITEM(bar, field, i, )
#define COHERENT_BAR_GET_ITEM(bar, field, i, part)			\
	COHERENT_VALUE(COHERENT_NEEDS_REGISTER_ITEM(bar, field, i, part), \
		COHERENT_FROM_WORD(bar, field[0] part,			\
			coherent_registers_load((bar)->base.va,		\
				COHERENT_REGISTER_ITEM(bar, field, i, part))))

/**
 * coherent_bar_put_item() - Write a register in an array.
 * @bar: A BAR with a type.
 * @field: The array field with its dot, as for coherent_bar_get_item().
 * @i: The index of the element, which may be a variable.
 * @...: The value, as for coherent_bar_put(). If the elements are structs, the field of the
 *	element with its dot, then the value.
 *
 * This is coherent_bar_put() of one element. The call checks the index. It drops and reports a
 * write past the end of the array as if it were past the end of the BAR.
 *
 * For instance:
 *
 *	coherent_bar_put_item(&bar, .ports, i, .control, 1);
 *	coherent_bar_put_item(&bar, .tails, i, tail);
 *
 * Context: any.
 */
#define coherent_bar_put_item(bar, field, i, ...)			\
	COHERENT_3RD(__VA_ARGS__, COHERENT_BAR_PUT_ITEM, COHERENT_BAR_PUT_WHOLE_ITEM, ) \
		(bar, field, i, __VA_ARGS__)
#define COHERENT_BAR_PUT_WHOLE_ITEM(bar, field, i, value)		\
	COHERENT_BAR_PUT_ITEM(bar, field, i, , value)
#define COHERENT_BAR_PUT_ITEM(bar, field, i, part, value)		\
	COHERENT_VALUE(COHERENT_NEEDS_REGISTER_ITEM(bar, field, i, part) \
		COHERENT_NEEDS_MUTABLE(bar)				\
		COHERENT_NEEDS_VALUE(bar, field[0] part, value),	\
		coherent_registers_store((bar)->base.va,		\
			COHERENT_REGISTER_ITEM(bar, field, i, part),	\
			COHERENT_TO_WORD(bar, field[0] part, value)))

/**
 * coherent_bar_poll() - Read a register by its name until some bits have a value.
 * @bar: A BAR with a type.
 * @field: The register with its dot, as for coherent_bar_get(). It has at most 32
 *	bits.
 * @mask: The bits to compare.
 * @want: The value that these bits must have.
 * @timeout_ns: How long to wait from now on. The call reads once more after that.
 *
 * Context: may sleep.
 * Return: as coherent_bar_poll32().
 */
#define coherent_bar_poll(bar, field, mask, want, timeout_ns)		\
	COHERENT_RESULT(COHERENT_NEEDS_REGISTER(bar, field)		\
		COHERENT_REQUIRE(sizeof(COHERENT_FIELD(bar, field)) <= 4, \
			"a register that is polled has at most 32 bits"); \
		COHERENT_NEEDS_FIT(COHERENT_VALUE_TYPE(bar, field), mask, "the register") \
		COHERENT_NEEDS_FIT(COHERENT_VALUE_TYPE(bar, field), want, "the register"), \
		coherent_registers_poll((bar)->base.va, COHERENT_REGISTER(bar, field), \
					(mask), (want), (timeout_ns)))

/**
 * coherent_bar_untyped() - Return a BAR with a type as one without.
 * @bar: A BAR with a type.
 *
 * Use this for registers that the compiler does not know, for instance where the driver
 * computes the offset: coherent_bar_write32(coherent_bar_untyped(&bar), offset, value). Do
 * not close what it returns.
 *
 * Context: any.
 * Return: the BAR; NULL if @bar is empty.
 */
#define coherent_bar_untyped(bar)					\
	COHERENT_VALUE(COHERENT_NEEDS_BAR(bar), (struct coherent_bar *)((bar)->base.va))

/* With these macros an ignored result does not compile. */
#if !defined(COHERENT_LIBRARY) && !defined(__cplusplus)
#define coherent_bar_open(bar, dev, index)				\
	COHERENT_RESULT(COHERENT_BAR_CHECKS(bar, struct coherent_bar **), \
		coherent_base_bar_open(coherent_bar_variable(bar), (dev), (index), \
				       COHERENT_BAR_BYTES(bar)))
#define coherent_bar_close(bar)						\
	COHERENT_NOTHING(COHERENT_BAR_CHECKS(bar, struct coherent_bar *), \
		COHERENT_BAR_CLOSE(bar))
#define coherent_bar_poll32(bar, offset, mask, want, timeout_ns)	\
	COHERENT_RESULT(COHERENT_NEEDS_PLAIN_BAR(bar)			\
		COHERENT_NEEDS_FIT(uint32_t, mask, "the register")	\
		COHERENT_NEEDS_FIT(uint32_t, want, "the register"),	\
		coherent_bar_poll32(bar, offset, mask, want, timeout_ns))
#define coherent_bar_copy_in(bar, offset, from, bytes)			\
	COHERENT_RESULT(COHERENT_NEEDS_PLAIN_BAR(bar) COHERENT_NEEDS_PLAIN_MEMORY(from), \
		coherent_bar_copy_in(bar, offset, from, bytes))
#define coherent_bar_copy_out(bar, offset, to, bytes)			\
	COHERENT_RESULT(COHERENT_NEEDS_PLAIN_BAR(bar) COHERENT_NEEDS_PLAIN_MEMORY(to), \
		coherent_bar_copy_out(bar, offset, to, bytes))
#define coherent_bar_write512(bar, offset, line)			\
	COHERENT_RESULT(COHERENT_NEEDS_PLAIN_BAR(bar) COHERENT_NEEDS_PLAIN_MEMORY(line), \
		coherent_bar_write512(bar, offset, line))
#define coherent_irq_open(irq, dev, vector) COHERENT_RESULT(, coherent_irq_open(irq, dev, vector))
#define coherent_irq_wait(irq, timeout_ns) COHERENT_RESULT(, coherent_irq_wait(irq, timeout_ns))
/* These macros refuse a BAR with a type, and a value that has more bits than the register. */
#define coherent_bar_read8(bar, offset)				\
	COHERENT_AGAIN(COHERENT_BAR_READ) COHERENT_ONLY(COHERENT_BAR_READ)(8, bar, offset)
#define coherent_bar_read16(bar, offset)				\
	COHERENT_AGAIN(COHERENT_BAR_READ) COHERENT_ONLY(COHERENT_BAR_READ)(16, bar, offset)
#define coherent_bar_read32(bar, offset)				\
	COHERENT_AGAIN(COHERENT_BAR_READ) COHERENT_ONLY(COHERENT_BAR_READ)(32, bar, offset)
#define coherent_bar_read64(bar, offset)				\
	COHERENT_AGAIN(COHERENT_BAR_READ) COHERENT_ONLY(COHERENT_BAR_READ)(64, bar, offset)
#define coherent_bar_write8(bar, offset, value)			\
	COHERENT_AGAIN(COHERENT_BAR_WRITE) COHERENT_ONLY(COHERENT_BAR_WRITE)(8, bar, offset, value)
#define coherent_bar_write16(bar, offset, value)			\
	COHERENT_AGAIN(COHERENT_BAR_WRITE) COHERENT_ONLY(COHERENT_BAR_WRITE)(16, bar, offset, value)
#define coherent_bar_write32(bar, offset, value)			\
	COHERENT_AGAIN(COHERENT_BAR_WRITE) COHERENT_ONLY(COHERENT_BAR_WRITE)(32, bar, offset, value)
/* In clang this is one macro, so that an error inside the value is short too. */
#ifdef __clang__
#define coherent_bar_write64(bar, offset, value)			\
	__extension__({ _Static_assert(!COHERENT_BAD_PLAIN_BAR(bar)); __auto_type coherent_number = (value); \
		_Static_assert(!COHERENT_BAD_64_BITS); \
		(coherent_bar_write64)(COHERENT_PLAIN_BAR(bar), (offset), (uint64_t)COHERENT_NUMBER_OF(coherent_number)); })
#else
#define coherent_bar_write64(bar, offset, value)			\
	COHERENT_AGAIN(COHERENT_BAR_WRITE64) COHERENT_ONLY(COHERENT_BAR_WRITE64)(bar, offset, value)
#endif
#endif

#include <coherent/detail/c_only.h>

#endif
