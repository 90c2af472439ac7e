/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The simulator: devices in this process, behind a software IOMMU.
 *
 * A device model is a table of callbacks. It reaches memory only through
 * coherent_sim_dma_read() and coherent_sim_dma_write(), which translate and
 * check every access by page as an IOMMU does, and refuse what is not mapped or
 * not permitted. A refused access leaves a fault that names what was hit:
 * coherent_device_next_fault().
 *
 * Callbacks of one device never run at the same time, so a model needs no
 * locks. Register callbacks run in the driver's thread. tick() runs in a thread
 * of the simulator: after each register write, again at once while it writes to
 * memory or interrupts, and every millisecond. With the key "step" there is no
 * thread, and tick() runs in coherent_sim_step() only.
 *
 * Keys of every sim: device, after its name:
 *	mask=N		it has N address bits instead of the model's
 *	step		it runs in coherent_sim_step() only
 *	seed=N		start of all that is random below; 1
 *	delay=N		a tick is due N ticks (ms) after a register write, or up
 *			to N if there is a seed
 *	torn		a DMA write arrives in two parts, either one first, split
 *			at a multiple of 8 bytes; the second part arrives with the
 *			next DMA or tick
 *	late		it uses an address again that it used before the memory
 *			was reclaimed or freed
 *	lazy		unmapping is no fence: what was mapped can be reached until
 *			coherent_device_fence(), as with a deferred IOTLB flush
 *	maps=N		at most N objects are exposed at a time, then -ENOSPC
 *	fail-map=N	the Nth mapping fails, -EIO
 *	fail-unmap=N	the Nth unmapping fails, -EIO
 */
#ifndef COHERENT_SIM_H
#define COHERENT_SIM_H

#include <coherent.h>

struct coherent_sim;

/**
 * struct coherent_sim_model - A device model.
 * @name: For reports.
 * @mask: Its DMA mask, from coherent_mask().
 * @vectors: How many interrupt vectors it has, at most 32.
 * @bar_size: Bytes of each BAR; 0 where there is none.
 * @open: The device was opened; 0, or -errno to fail the open. May be NULL, as
 *	all callbacks.
 * @close: The device is closed; called if @open succeeded.
 * @reg_read: The driver reads @width bytes at @offset; without it all ones.
 * @reg_write: The driver writes.
 * @tick: Time passes: do work.
 * @reset: Forget everything.
 *
 * For coherent_device_open() of "sim:custom", with the options .model, .model_arg.
 * The table and the argument must outlive the device.
 */
struct coherent_sim_model {
	const char *name;
	uint64_t mask;
	unsigned int vectors;
	uint64_t bar_size[6];
	int (*open)(struct coherent_sim *sim, void *arg);
	void (*close)(struct coherent_sim *sim, void *arg);
	uint64_t (*reg_read)(struct coherent_sim *sim, void *arg, unsigned int bar,
			     uint64_t offset, unsigned int width);
	void (*reg_write)(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			  unsigned int width, uint64_t value);
	void (*tick)(struct coherent_sim *sim, void *arg);
	void (*reset)(struct coherent_sim *sim, void *arg);
};

/* --- For models --- */

/**
 * coherent_sim_dma_read() - The device reads memory.
 * @sim: The simulated device.
 * @address: The device address.
 * @to: Where the bytes go.
 * @bytes: How many.
 *
 * A 64-byte line is read as a whole, as a coherent bus does it; lines are read in
 * ascending order.
 *
 * Context: a callback of the model.
 * Return: 0; -EIO (refused as a whole: nothing was read, and there is a fault).
 */
COHERENT_MUST_CHECK int coherent_sim_dma_read(struct coherent_sim *sim, uint64_t address, void *to,
					      size_t bytes);

/**
 * coherent_sim_dma_write() - The device writes memory.
 * @sim: The simulated device.
 * @address: The device address.
 * @from: The bytes.
 * @bytes: How many.
 *
 * In ascending order, aligned words as a whole, and before any later write.
 *
 * Context: a callback of the model.
 * Return: 0; -EIO (refused as a whole: nothing was written, and there is a fault).
 */
COHERENT_MUST_CHECK int coherent_sim_dma_write(struct coherent_sim *sim, uint64_t address,
					       const void *from, size_t bytes);

/**
 * coherent_sim_irq() - The device interrupts.
 * @sim: The simulated device.
 * @vector: Which vector. One that nobody listens to is dropped.
 *
 * Context: a callback of the model.
 */
void coherent_sim_irq(struct coherent_sim *sim, unsigned int vector);

/**
 * coherent_sim_mask() - The DMA mask of the device: the model's, or the key "mask".
 * @sim: The simulated device.
 *
 * Context: a callback of the model.
 * Return: the mask.
 */
uint64_t coherent_sim_mask(const struct coherent_sim *sim);

/**
 * coherent_sim_now() - The device's clock.
 * @sim: The simulated device.
 *
 * Context: a callback of the model.
 * Return: ns; with the key "step", a millisecond a tick, else a monotonic clock.
 */
uint64_t coherent_sim_now(const struct coherent_sim *sim);

/**
 * coherent_sim_report() - Tell the driver's author something.
 * @sim: The simulated device.
 * @severity: How bad it is.
 * @text: One line; the device's name is put in front.
 *
 * For what a real device would answer with undefined behaviour.
 *
 * Context: a callback of the model.
 */
void coherent_sim_report(struct coherent_sim *sim, enum coherent_severity severity,
			 const char *text);

/* --- For tests --- */

/**
 * coherent_sim_step() - Let a device opened with the key "step" run.
 * @dev: The device.
 * @ticks: How many ticks.
 *
 * Context: not a callback of a model.
 * Return: 0; -EINVAL (no key "step"), -EOPNOTSUPP (not a sim: device), -ENODEV.
 */
COHERENT_MUST_CHECK int coherent_sim_step(struct coherent_device *dev, unsigned int ticks);

/**
 * coherent_sim_try_addr() - Let a device try an address.
 * @dev: The device that tries.
 * @address: The device address.
 * @buffer: What it read, or writes.
 * @bytes: How many.
 * @access: What it tries.
 *
 * Context: not a callback of a model.
 * Return: 0 (it got through), -EIO (refused, and there is a fault), -EINVAL
 * (@access), -EOPNOTSUPP (not a sim: device), -ENODEV.
 */
COHERENT_MUST_CHECK int coherent_sim_try_addr(struct coherent_device *dev, coherent_addr_t address,
					      void *buffer, size_t bytes,
					      enum coherent_access access);

/**
 * coherent_base_sim_try() - coherent_sim_try() once its types are checked.
 * @dev: The device that tries.
 * @object: What it tries; NULL for an empty object.
 * @offset: In bytes from the start of @object.
 * @buffer: What it read, or writes.
 * @bytes: How many.
 * @access: What it tries.
 *
 * Return: as coherent_sim_try().
 */
COHERENT_MUST_CHECK
int coherent_base_sim_try(struct coherent_device *dev, const struct coherent_object *object,
			  size_t offset, void *buffer, size_t bytes, enum coherent_access access);

/**
 * coherent_sim_try() - Let a device try an object, boxes included.
 * @dev: The device that tries. Of another device than the target's it finds
 *	what that device has at the same address.
 * @target: A box or a mem.
 * @offset: In bytes from the start of the object; may pass its end.
 * @buffer: What it read, or writes.
 * @bytes: How many.
 * @access: What it tries.
 *
 * Knows the address of a box, which the driver cannot, and does not tell it.
 *
 * Context: not a callback of a model.
 * Return: as coherent_sim_try_addr(); -EINVAL (@target is empty).
 */
#define coherent_sim_try(dev, target, offset, buffer, bytes, access)	\
	COHERENT_RESULT(COHERENT_REQUIRE(COHERENT_IS_KIND(target, box) || \
					 COHERENT_IS_KIND(target, mem),	\
					 "a device tries a box or a mem"); , \
		coherent_base_sim_try((dev), (&(target)->base)->object,	\
				      (offset), (buffer), (bytes), (access)))

/* --- sim:ring --- */

/**
 * enum coherent_sim_ring_reg - Registers of sim:ring, in BAR 0.
 * @COHERENT_SIM_RING_ID: 32 bits, reads as 0x676e6972, "ring".
 * @COHERENT_SIM_RING_ENTRIES: 32 bits: descriptors in the ring, a power of two of
 *	at most 65536; as many completions.
 * @COHERENT_SIM_RING_DESCS: 64 bits: device address of the descriptors.
 * @COHERENT_SIM_RING_COMPLETIONS: 64 bits: device address of the completions.
 * @COHERENT_SIM_RING_RUN: 32 bits: 1 starts from descriptor 0, 0 stops; reads as
 *	what the device does, 2 after an error of its own DMA (descriptor or
 *	completion refused, bad setup) until it is stopped.
 * @COHERENT_SIM_RING_TAIL: 32 bits, doorbell: descriptors filled since the start;
 *	does not wrap with the ring.
 * @COHERENT_SIM_RING_HEAD: 32 bits: descriptors completed since the start.
 * @COHERENT_SIM_RING_BAR_BYTES: Size of the BAR.
 *
 * An interrupt, vector 0, follows each batch of completions.
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
};

/**
 * enum coherent_sim_ring_op - What a descriptor asks for.
 * @COHERENT_SIM_RING_SUM: Read @len bytes at @src and add them up.
 * @COHERENT_SIM_RING_FILL: Write @len bytes at @dst, each the lowest byte of @cookie.
 * @COHERENT_SIM_RING_COPY: Copy @len bytes from @src to @dst and add them up.
 */
enum coherent_sim_ring_op {
	COHERENT_SIM_RING_SUM = 1,
	COHERENT_SIM_RING_FILL,
	COHERENT_SIM_RING_COPY,
};

/**
 * struct coherent_sim_ring_desc - A descriptor of sim:ring.
 * @src: Device address.
 * @dst: Device address.
 * @len: Bytes, at most 65536.
 * @op: enum coherent_sim_ring_op.
 * @cookie: Comes back in the completion.
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
 * @sum: Of the bytes that were read.
 * @cookie: Of the descriptor.
 * @status: 0, EIO (refused by the IOMMU) or EINVAL (op, len).
 * @reserved: 0.
 * @seq: 1 for the first descriptor since the start, and so on; written last, so
 *	read it first, with acquire.
 */
struct coherent_sim_ring_completion {
	coherent_le32 sum;
	coherent_le16 cookie;
	coherent_le16 status;
	coherent_le32 reserved;
	coherent_le32 seq;
};

/* Ignoring one of these is an error, as with the macros. */
#ifndef COHERENT_LIBRARY
#define coherent_sim_dma_read(sim, address, to, bytes)			\
	COHERENT_RESULT(, coherent_sim_dma_read(sim, address, to, bytes))
#define coherent_sim_dma_write(sim, address, from, bytes)		\
	COHERENT_RESULT(, coherent_sim_dma_write(sim, address, from, bytes))
#define coherent_sim_step(dev, ticks) COHERENT_RESULT(, coherent_sim_step(dev, ticks))
#define coherent_sim_try_addr(dev, address, buffer, bytes, access)	\
	COHERENT_RESULT(, coherent_sim_try_addr(dev, address, buffer, bytes, access))
#endif

#endif
