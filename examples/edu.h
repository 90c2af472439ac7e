/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A driver for QEMU's edu device, which copies between memory and a buffer of
 * its own. For the same source in userspace and in the kernel.
 */
#ifndef EDU_H
#define EDU_H

#include <coherent.h>
#include <coherent/bar.h>

#define EDU_PACKET_BYTES 2040

/* What the device carries: at most 2048 bytes at a time. */
struct edu_packet {
	coherent_le32 len;
	coherent_le32 sum;
	uint8_t bytes[EDU_PACKET_BYTES];
};

COHERENT_TYPE(edu_packets, struct edu_packet);

/**
 * struct edu - An edu device.
 * @dev: What memory is exposed to.
 * @bar: Its registers.
 */
struct edu {
	struct coherent_device *dev;
	struct coherent_bar *bar;
};

/**
 * edu_probe() - Make sure that it is an edu, and say what it can address.
 * @edu: The device.
 *
 * Return: 0; -ENODEV (it is something else), or as coherent_device_set_mask().
 */
int edu_probe(struct edu *edu);

/**
 * edu_read() - Let the device read memory into its buffer.
 * @edu: The device.
 * @from: Device address.
 * @bytes: At most 2048.
 *
 * Return: 0; -ETIMEDOUT. The device does not say whether it could.
 */
int edu_read(struct edu *edu, coherent_addr_t from, uint32_t bytes);

/**
 * edu_write() - Let the device write its buffer to memory.
 * @edu: The device.
 * @to: Device address.
 * @bytes: At most 2048.
 *
 * Return: 0; -ETIMEDOUT. The device does not say whether it could.
 */
int edu_write(struct edu *edu, coherent_addr_t to, uint32_t bytes);

/**
 * edu_load() - Put data into packets and expose them, read-only where there is an IOMMU.
 * @edu: The device.
 * @data: The data.
 * @bytes: How much, at least 1.
 * @packets: The packets; empty, and on failure.
 *
 * Return: 0; as coherent_box_zeroed() and coherent_expose().
 */
int edu_load(struct edu *edu, const uint8_t *data, size_t bytes, union edu_packets *packets);

/**
 * edu_echo() - Send packets through the device.
 * @edu: The device.
 * @packets: From edu_load().
 * @back: Receives the data as it came back.
 * @size: Room in @back.
 *
 * Return: 0; -ETIMEDOUT, -EIO (it came back damaged), -ERANGE (no room), or as
 * coherent_zeroed().
 */
int edu_echo(struct edu *edu, union edu_packets *packets, uint8_t *back, size_t size);

#endif
