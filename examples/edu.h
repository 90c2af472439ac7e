/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A driver for QEMU's edu device. The device copies bytes between memory and a buffer inside it.
 * The same source works in userspace and in the kernel.
 */
#ifndef EDU_H
#define EDU_H

#include <coherent.h>
#include <coherent/bar.h>

#define EDU_PACKET_BYTES 2040

/* One transfer. The device copies at most 2048 bytes at a time. */
struct edu_packet {
	coherent_le32 len;
	coherent_le32 sum;
	uint8_t bytes[EDU_PACKET_BYTES];
};

COHERENT_TYPE(edu_packets, struct edu_packet);

/* The registers, from docs/specs/edu.rst in QEMU. The last one also has a width of 64 bits. */
struct edu_registers {
	const uint32_t id;
	uint32_t liveness;
	uint32_t others[30];
	uint64_t dma_src;
	uint64_t dma_dst;
	uint64_t dma_count;
	uint32_t dma_command;
};

COHERENT_BAR_TYPE(edu_bar, struct edu_registers);

/**
 * struct edu - An edu device.
 * @dev: The device that memory is exposed to. The caller opens and closes it.
 * @bar: The registers of the device. The caller opens and closes them.
 * @echo: Receives what the device sends back. edu_echo() allocates it, and the caller frees it. In
 *	the kernel a transfer can still be in flight if edu_echo() failed: stop the device first.
 */
struct edu {
	struct coherent_device *dev;
	union edu_bar bar;
	union edu_packets echo;
};

/**
 * edu_probe() - Check that the device is an edu, and set its DMA mask.
 * @edu: The device.
 *
 * Return: 0; -ENODEV (another device), or an error of coherent_device_set_mask().
 */
int edu_probe(struct edu *edu);

/**
 * edu_read() - Let the device read memory into its buffer.
 * @edu: The device.
 * @from: The device address of the memory.
 * @bytes: At most 2048.
 *
 * The device does not report whether an IOMMU refused its access.
 *
 * Return: 0; -ETIMEDOUT (the device did not finish).
 */
int edu_read(struct edu *edu, coherent_addr_t from, uint32_t bytes);

/**
 * edu_write() - Let the device write its buffer to memory.
 * @edu: The device.
 * @to: The device address of the memory.
 * @bytes: At most 2048.
 *
 * The device does not report whether an IOMMU refused its access.
 *
 * Return: 0; -ETIMEDOUT (the device did not finish).
 */
int edu_write(struct edu *edu, coherent_addr_t to, uint32_t bytes);

/**
 * edu_load() - Put data into packets and expose the packets to the device.
 * @edu: The device.
 * @data: The data.
 * @bytes: The number of bytes in @data, at least 1.
 * @packets: Receives the packets. The caller passes an empty mem; it stays empty on failure.
 *	Free it with coherent_free().
 *
 * The device may only read the packets if there is an IOMMU that enforces this.
 *
 * Return: 0, or an error of coherent_box_zeroed() or coherent_expose().
 */
int edu_load(struct edu *edu, const uint8_t *data, size_t bytes, union edu_packets *packets);

/**
 * edu_echo() - Send packets through the device and take the data that comes back.
 * @edu: The device.
 * @packets: From edu_load().
 * @back: Receives the data that came back.
 * @size: The size of @back in bytes.
 *
 * The caller then frees the echo of @edu.
 *
 * Return: 0; -ETIMEDOUT (the device did not finish), -EIO (the data came back damaged), -ERANGE
 * (@back is too small), or an error of coherent_zeroed().
 */
int edu_echo(struct edu *edu, union edu_packets *packets, uint8_t *back, size_t size);

#endif
