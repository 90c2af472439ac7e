/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The simulator: devices in this process, behind a software IOMMU.
 *
 * A device model is a table of callbacks. A model reaches memory only through
 * coherent_sim_dma_read() and coherent_sim_dma_write(). They translate and check
 * every access by page, as an IOMMU does; the key "exact" makes them stricter. They
 * refuse an access if a page is not mapped or its permission does not allow the access.
 * coherent_device_next_fault() then returns a fault that names the object.
 *
 * Callbacks of one device never run at the same time, so a model needs no locks.
 * Register callbacks run in the driver's thread. tick() runs in a thread of the
 * simulator: after each register write, every millisecond, and at once again while it
 * writes memory or raises interrupts. With the key "step" there is no such thread, and
 * tick() runs only in coherent_sim_step() and in the calls that wait: coherent_poll(),
 * coherent_bar_poll32() and coherent_irq_wait().
 *
 * With "step" a wait lets the device tick once between two tests, and nothing sleeps. The
 * clock is coherent_sim_now(), which a tick advances by a millisecond. Timeouts count in it
 * and end after the same tick in every run: a timeout is rounded up to whole ticks, and a
 * timeout of 0 lets no time pass. A condition that holds at once takes no time either. A
 * wait with UINT64_MAX ends when the device answers or is closed; after 60 s of the
 * device's time a report says that it still waits. Threads that wait at the same time each
 * let time pass for all. So a test repeats exactly only if one thread at a time waits or
 * steps. A thread that sleeps elsewhere lets no time pass, for instance in poll()
 * for coherent_irq_fd(): it needs a thread that calls coherent_sim_step().
 *
 * A callback must not wait for its own device, because the device waits for the callback.
 * So in a callback the calls that do are refused, and a report names the first of each
 * kind: registers of the device read as all ones and drop writes, coherent_device_close()
 * and coherent_irq_close() do nothing, and coherent_device_reset(),
 * coherent_device_fence(), coherent_sim_step(), coherent_irq_open() and the calls that
 * wait return -EBUSY. This holds also for a report function that runs in a callback.
 *
 * These keys may follow the name of every sim: device:
 *	mask=N		The device has N address bits, not those of the model.
 *	step		The device runs only while a thread waits or in
 *			coherent_sim_step(), in virtual time, as said above.
 *	seed=N		The start value of all random choices below; the default is 1.
 *	delay=N		A tick comes N ticks (ms) after a register write. If a seed is
 *			given, it comes after up to N ticks.
 *	torn		A DMA write arrives in two parts, in either order, split at a
 *			multiple of 8 bytes. The second part arrives with the next DMA
 *			or tick. It arrives earlier if the driver reads a register or
 *			uses the configuration space, or if the device interrupts: those
 *			do not pass a write (PCI Express Base Specification 5.0, 2.4.1).
 *			So the key finds drivers that read memory before the device
 *			said that it is done.
 *	late		The device uses an address again that it used before the memory
 *			was reclaimed or freed. It writes 8 bytes there four times, in
 *			ticks chosen at random. The IOMMU refuses the writes, so they
 *			harm nothing: each is a fault that names the object, and the
 *			test shows that the memory was out of reach. Read the faults,
 *			or the close of the device counts them. With "lazy" the writes
 *			reach old pages, which the library gives to no object yet.
 *	lazy		Unmapping is not a fence: the device can reach unmapped memory
 *			until coherent_device_fence(), as with a deferred IOTLB flush.
 *	exact		An access is refused although its page is mapped, if it goes
 *			past the last element of its object, or from one object of a
 *			pool to the next, or to an object of a pool that is free or a
 *			box, or to a box in place. A real IOMMU knows only pages, so a
 *			device can do all of this. The key finds drivers and models
 *			that count wrong. Memory of a device that was opened beside
 *			this one (.beside) is refused, too.
 *	maps=N		At most N objects can be exposed at a time; then expose returns
 *			-ENOSPC.
 *	fail-map=N	The Nth mapping fails with -EIO.
 *	fail-unmap=N	The Nth unmapping fails with -EIO.
 *	fail-alloc=N	The Nth allocation of a box or mem fails with -ENOMEM. A pool
 *			allocates when it needs more pages.
 *	fail-bar=N	The Nth coherent_bar_open() fails with -EIO.
 *	fail-irq=N	The Nth coherent_irq_open() fails with -EIO.
 *	unplug=N	The device is gone after the Nth access to a register. From
 *			then on registers read as all ones and drop writes, no memory
 *			is reachable, coherent_expose(), coherent_reclaim(),
 *			coherent_irq_open(), coherent_device_fence(),
 *			coherent_device_reset() and the calls that wait return
 *			-ENODEV, and threads that wait wake. Objects of a pool and in
 *			place can still be exposed and reclaimed, because that does not
 *			ask the device. Boxes and mems can be used and freed.
 *	stuck=N		From the Nth write to a register on, the device answers
 *			registers but does not work, as tick() is not called, until
 *			it is reset.
 *	drop-irq=N	The Nth interrupt that the driver listens to is lost.
 *	extra-irq=N	At the Nth write to a register the device interrupts without a
 *			cause, at a vector chosen at random.
 *	drop-write=N	The Nth DMA write of the model is lost, and the model does not
 *			learn of it.
 *	repeat-write=N	The Nth DMA write arrives again with the next tick. At most one
 *			write repeats in a tick.
 *
 * If a seed is given, the last four happen again and again: the key hits each interrupt,
 * register write or DMA write with a chance of one in N. All of these keys count calls of
 * the driver or the model and not time, so they happen at the same moment in each run. A
 * loop over N that ends when nothing fails any more tests each error path of a driver.
 */
#ifndef COHERENT_SIM_H
#define COHERENT_SIM_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent.h>
#include <coherent/detail/sim_model.h>

struct coherent_sim;

COHERENT_C_BEGIN

/* --- For models --- */

/**
 * coherent_sim_dma_read() - Read memory as the device.
 * @sim: The simulated device.
 * @address: The device address.
 * @to: The destination.
 * @bytes: The number of bytes.
 *
 * The device reads each line of 64 bytes as a whole, as on a coherent bus. It reads the
 * lines in ascending order.
 *
 * Context: a callback of the model.
 * Return: 0; -EIO (the whole access is refused: nothing was read, and there is a fault).
 */
COHERENT_MUST_CHECK int coherent_sim_dma_read(struct coherent_sim *sim, uint64_t address, void *to,
					      size_t bytes);

/**
 * coherent_sim_dma_write() - Write memory as the device.
 * @sim: The simulated device.
 * @address: The device address.
 * @from: The bytes.
 * @bytes: The number of bytes.
 *
 * The device writes in ascending order, each aligned word as a whole. The write happens
 * before any later write.
 *
 * Context: a callback of the model.
 * Return: 0; -EIO (the whole access is refused: nothing was written, and there is a
 * fault).
 */
COHERENT_MUST_CHECK int coherent_sim_dma_write(struct coherent_sim *sim, uint64_t address,
					       const void *from, size_t bytes);

/**
 * coherent_sim_irq() - Raise an interrupt.
 * @sim: The simulated device.
 * @vector: The vector. If the driver does not listen to it, the interrupt is dropped.
 *
 * Context: a callback of the model.
 */
void coherent_sim_irq(struct coherent_sim *sim, unsigned int vector);

/**
 * coherent_sim_mask() - Return the DMA mask of the device.
 * @sim: The simulated device.
 *
 * Context: a callback of the model.
 * Return: the mask of the model, or that of the key "mask".
 */
uint64_t coherent_sim_mask(const struct coherent_sim *sim);

/**
 * coherent_sim_now() - Read the clock of the device.
 * @sim: The simulated device.
 *
 * Context: a callback of the model.
 * Return: a time in ns. With the key "step" it begins at 0 and a tick is a millisecond,
 * otherwise this is a monotonic clock.
 */
uint64_t coherent_sim_now(const struct coherent_sim *sim);

/**
 * coherent_sim_report() - Make a report about a mistake of the driver.
 * @sim: The simulated device.
 * @severity: How bad it is.
 * @text: One line. The library puts the name of the device before it.
 *
 * Use this where the behaviour of a real device would be undefined.
 *
 * Context: a callback of the model.
 */
void coherent_sim_report(struct coherent_sim *sim, enum coherent_severity severity,
			 const char *text);

/* --- For tests --- */

/**
 * coherent_sim_step() - Let a device with the key "step" run.
 * @dev: The device.
 * @ticks: The number of ticks. A tick is a millisecond of coherent_sim_now().
 *
 * Calls that wait let the device run too, so a test needs this only to let time pass while
 * the driver does not wait. Time also passes for a device that the key "unplug" removed.
 *
 * Context: not a callback of a model.
 * Return: 0; -EBUSY (a callback of @dev called it), -EINVAL (@dev does not have the key
 * "step"), -EOPNOTSUPP (@dev is not a sim: device), -ENODEV (also if another thread closes
 * @dev meanwhile).
 */
COHERENT_MUST_CHECK int coherent_sim_step(struct coherent_device *dev, unsigned int ticks);

/**
 * coherent_sim_try_addr() - Let a device access an address.
 * @dev: The device.
 * @address: The device address.
 * @buffer: Where a read puts the bytes, or what a write writes.
 * @bytes: The number of bytes.
 * @access: COHERENT_ACCESS_READ or COHERENT_ACCESS_WRITE.
 *
 * Context: not a callback of a model.
 * Return: 0 (the IOMMU allowed it); -EIO (it was refused, and there is a fault), -EINVAL
 * (@access), -EOPNOTSUPP (@dev is not a sim: device), -ENODEV.
 */
COHERENT_MUST_CHECK int coherent_sim_try_addr(struct coherent_device *dev, coherent_addr_t address,
					      void *buffer, size_t bytes,
					      enum coherent_access access);

/**
 * coherent_base_sim_try() - coherent_sim_try() after the checks of types.
 * @dev: The device.
 * @object: The object that the device accesses; NULL for an empty object.
 * @offset: The offset from the start of @object in bytes.
 * @buffer: Where a read puts the bytes, or what a write writes.
 * @bytes: The number of bytes.
 * @access: COHERENT_ACCESS_READ or COHERENT_ACCESS_WRITE.
 *
 * Return: as coherent_sim_try().
 */
COHERENT_MUST_CHECK
int coherent_base_sim_try(struct coherent_device *dev, const struct coherent_object *object,
			  size_t offset, void *buffer, size_t bytes, enum coherent_access access);

/**
 * coherent_sim_try() - Let a device access a box or a mem.
 * @dev: The device. If @target belongs to another device, @dev uses the address of @target
 *	in its own memory.
 * @target: A box or a mem.
 * @offset: The offset from the start of the object in bytes. It may be past the end.
 * @buffer: Where a read puts the bytes, or what a write writes.
 * @bytes: The number of bytes.
 * @access: COHERENT_ACCESS_READ or COHERENT_ACCESS_WRITE.
 *
 * The driver cannot know the address of a box. This call knows it, and keeps it secret.
 *
 * Context: not a callback of a model.
 * Return: as coherent_sim_try_addr(); also -EINVAL (@target is empty).
 */
#define coherent_sim_try(dev, target, offset, buffer, bytes, access)	\
	COHERENT_AGAIN(COHERENT_SIM_TRY)				\
	COHERENT_SIM_TRY(COHERENT_UNIQUE(x), dev, target, offset, buffer, bytes, access)
#define COHERENT_SIM_TRY(x, dev, target, offset, buffer, bytes, access)	\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) dev COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) target COHERENT_LET_END(x, 2) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (dev) COHERENT_VALUE_END(x, 1)	\
		COHERENT_VALUE_OF(x, 2) (target) COHERENT_VALUE_END(x, 2) \
		_Static_assert(COHERENT_FIT_DEVICE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 2, COHERENT_IS_RIGHT_DEVICE(x, 1))); \
		_Static_assert(COHERENT_FIT_ONCE(x, 2, COHERENT_IS_RIGHT_DEVICE(x, 1))); \
		_Static_assert(COHERENT_FIT_KIND(x, 2, COHERENT_IS_ARG(x, 2, box) || COHERENT_IS_MEM_OR_TWIN(x, 2), COHERENT_IS_RIGHT_DEVICE(x, 1), "a device tries a box, a mem or a twin")); \
		COHERENT_STRICT COHERENT_ERR(x, COHERENT_HEARD(base_sim_try)(COHERENT_DEVICE(x, 1), \
			COHERENT_RECORD_OF(x, 2), (offset), (buffer), (bytes), (access))) COHERENT_STRICT_END \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL
/* The record of a box or a mem. */
#define COHERENT_RECORD_OF(x, n)					\
	(COHERENT_IS_ARG(x, n, box) ? COHERENT_CONST_BASE_FOR(x, n, box)->object : \
				      COHERENT_CONST_BASE_FOR(x, n, mem)->object)

/*
 * --- sim:edu ---
 *
 * The device of QEMU's docs/specs/edu.rst: a factorial, an interrupt, and DMA to and from a
 * buffer of 4096 bytes at 0x40000. A transfer takes 1 to 4095 bytes and must end before
 * 0x40fff, because QEMU 7.2 aborts on any other one. Here such a transfer never ends, and a
 * report tells its size and place. If the IOMMU refuses a transfer it ends as any other: a
 * read delivers zeros. The mask is 28 bits; addresses lose the bits above it.
 */

/*
 * --- sim:ring ---
 *
 * This device reads descriptors from a ring, adds up, fills or copies memory, and writes
 * completions. enum coherent_sim_ring_reg has its registers, and struct coherent_sim_ring_desc
 * its descriptors.
 */

/**
 * enum coherent_sim_ring_reg - Registers of sim:ring, in BAR 0.
 * @COHERENT_SIM_RING_ID: 32 bits. It reads as 0x676e6972, "ring".
 * @COHERENT_SIM_RING_ENTRIES: 32 bits: the number of descriptors in the ring, a power of
 *	two, at most 65536. There are as many completions.
 * @COHERENT_SIM_RING_DESCS: 64 bits: the device address of the descriptors.
 * @COHERENT_SIM_RING_COMPLETIONS: 64 bits: the device address of the completions.
 * @COHERENT_SIM_RING_RUN: 32 bits: 1 starts the device at descriptor 0, 0 stops it. It
 *	reads as 1 while the device runs and 0 while it is stopped. It reads as 2 after an
 *	error of the device's own DMA (a descriptor or completion was refused, or the setup
 *	is bad) until the driver stops the device.
 * @COHERENT_SIM_RING_TAIL: 32 bits, the doorbell: how many descriptors the driver filled
 *	since the start. The number does not wrap with the ring.
 * @COHERENT_SIM_RING_HEAD: 32 bits: how many descriptors the device completed since the
 *	start.
 * @COHERENT_SIM_RING_BAR_BYTES: The size of the BAR.
 *
 * The device raises interrupt vector 0 after each batch of completions.
 */
enum coherent_sim_ring_reg {
	COHERENT_SIM_RING_ID = 0x00,
	COHERENT_SIM_RING_ENTRIES = 0x04,
	COHERENT_SIM_RING_DESCS = 0x08,
	COHERENT_SIM_RING_COMPLETIONS = 0x10,
	COHERENT_SIM_RING_RUN = 0x18,
	COHERENT_SIM_RING_TAIL = 0x1c,
	COHERENT_SIM_RING_HEAD = 0x20,
	COHERENT_SIM_RING_BAR_BYTES = 0x1000,
} COHERENT_32_BITS;

/**
 * enum coherent_sim_ring_op - The operation of a descriptor.
 * @COHERENT_SIM_RING_SUM: Read @len bytes at @src and add them up.
 * @COHERENT_SIM_RING_FILL: Set @len bytes at @dst to the lowest byte of @cookie.
 * @COHERENT_SIM_RING_COPY: Copy @len bytes from @src to @dst and add them up.
 */
enum coherent_sim_ring_op {
	COHERENT_SIM_RING_SUM = 1,
	COHERENT_SIM_RING_FILL,
	COHERENT_SIM_RING_COPY,
} COHERENT_32_BITS;

/**
 * struct coherent_sim_ring_desc - A descriptor of sim:ring.
 * @src: The device address of the source.
 * @dst: The device address of the destination.
 * @len: The number of bytes, at most 65536.
 * @op: A value of enum coherent_sim_ring_op.
 * @cookie: Any number. The device copies it into the completion.
 * @reserved: 0.
 */
struct coherent_sim_ring_desc {
	coherent_le64 src;
	coherent_le64 dst;
	coherent_le32 len;
	coherent_le16 op;
	coherent_le16 cookie;
	coherent_le64 reserved;
};

/**
 * struct coherent_sim_ring_completion - A completion of sim:ring.
 * @sum: The sum of the bytes that the device read.
 * @cookie: The cookie of the descriptor.
 * @status: 0, EIO (the IOMMU refused an access) or EINVAL (op or len is wrong).
 * @reserved: 0.
 * @seq: 1 for the first descriptor since the start, 2 for the next, and so on. The device
 *	writes it last, so the driver must read it first, with acquire.
 */
struct coherent_sim_ring_completion {
	coherent_le32 sum;
	coherent_le16 cookie;
	coherent_le16 status;
	coherent_le32 reserved;
	coherent_le32 seq;
};

COHERENT_C_END

/* With these macros an ignored result does not compile. */
#if !defined(COHERENT_LIBRARY) && !defined(__cplusplus)
#define coherent_sim_dma_read(sim, address, to, bytes)			\
	COHERENT_RESULT(, coherent_sim_dma_read(sim, address, to, bytes))
#define coherent_sim_dma_write(sim, address, from, bytes)		\
	COHERENT_RESULT(, coherent_sim_dma_write(sim, address, from, bytes))
#define coherent_sim_step(dev, ticks) COHERENT_RESULT(, coherent_sim_step(dev, ticks))
#define coherent_sim_try_addr(dev, address, buffer, bytes, access)	\
	COHERENT_RESULT(, coherent_sim_try_addr(dev, address, buffer, bytes, access))
#endif

#include <coherent/detail/c_only.h>

#endif
