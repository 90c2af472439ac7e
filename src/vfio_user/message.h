/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The messages of vfio-user on a socket. QEMU's docs/interop/vfio-user.rst defines the protocol.
 *
 * Both processes run on one host, so numbers have its byte order. The structures that describe
 * devices, regions and interrupts are those of linux/vfio.h.
 */
#ifndef VFIO_USER_MESSAGE_H
#define VFIO_USER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define VFIO_USER_MAJOR 0
#define VFIO_USER_MINOR 1
/* A message carries at most this many descriptors. */
#define VFIO_USER_FDS_MAX 8
/* A DMA or an access to a region moves at most this many bytes. It is the default of the protocol. */
#define VFIO_USER_DATA_MAX (1u << 20)
/* The payload of a message: an address, a count and data. */
#define VFIO_USER_PAYLOAD_MAX (sizeof(struct vfio_user_dma) + VFIO_USER_DATA_MAX)

enum vfio_user_command {
	VFIO_USER_VERSION = 1,
	VFIO_USER_DMA_MAP,
	VFIO_USER_DMA_UNMAP,
	VFIO_USER_DEVICE_GET_INFO,
	VFIO_USER_DEVICE_GET_REGION_INFO,
	VFIO_USER_DEVICE_GET_REGION_IO_FDS,
	VFIO_USER_DEVICE_GET_IRQ_INFO,
	VFIO_USER_DEVICE_SET_IRQS,
	VFIO_USER_REGION_READ,
	VFIO_USER_REGION_WRITE,
	VFIO_USER_DMA_READ,
	VFIO_USER_DMA_WRITE,
	VFIO_USER_DEVICE_RESET,
};

#define VFIO_USER_FLAG_TYPE 0xfu
#define VFIO_USER_FLAG_REPLY 0x1u
#define VFIO_USER_FLAG_NO_REPLY 0x10u
#define VFIO_USER_FLAG_ERROR 0x20u

/**
 * struct vfio_user_header - The start of a message.
 * @id: A number that the reply repeats.
 * @command: enum vfio_user_command.
 * @bytes: The size of the message with this header.
 * @flags: VFIO_USER_FLAG_...
 * @error: The errno of a reply with VFIO_USER_FLAG_ERROR.
 */
struct vfio_user_header {
	uint16_t id;
	uint16_t command;
	uint32_t bytes;
	uint32_t flags;
	uint32_t error;
};

/**
 * struct vfio_user_version - The start of VERSION and its reply. JSON follows, as a string.
 * @major: The version.
 * @minor: The minor version, which only adds.
 */
struct vfio_user_version {
	uint16_t major;
	uint16_t minor;
};

/* DMA_MAP: the device may read, and write. */
#define VFIO_USER_MAP_READ 1u
#define VFIO_USER_MAP_WRITE 2u

/**
 * struct vfio_user_dma_map - DMA_MAP. Without a descriptor the device asks for each transfer.
 * @argsz: The size of this structure.
 * @flags: VFIO_USER_MAP_...
 * @offset: The offset in the file.
 * @address: The device address.
 * @bytes: The size of the range.
 */
struct vfio_user_dma_map {
	uint32_t argsz;
	uint32_t flags;
	uint64_t offset;
	uint64_t address;
	uint64_t bytes;
};

/**
 * struct vfio_user_dma_unmap - DMA_UNMAP.
 * @argsz: The size of this structure.
 * @flags: 0.
 * @address: The device address.
 * @bytes: The size of the range.
 */
struct vfio_user_dma_unmap {
	uint32_t argsz;
	uint32_t flags;
	uint64_t address;
	uint64_t bytes;
};

/**
 * struct vfio_user_region - The start of REGION_READ, REGION_WRITE and their replies.
 * @offset: The offset in the region.
 * @region: The number of the region, as in linux/vfio.h.
 * @bytes: The size of the data that follows, or that is asked for.
 */
struct vfio_user_region {
	uint64_t offset;
	uint32_t region;
	uint32_t bytes;
};

/**
 * struct vfio_user_dma - The start of DMA_READ, DMA_WRITE and their replies.
 * @address: The device address.
 * @bytes: The size of the data that follows, or that is asked for.
 */
struct vfio_user_dma {
	uint64_t address;
	uint64_t bytes;
};

/**
 * struct vfio_user_device_info - DEVICE_GET_INFO and its reply.
 * @argsz: The size of this structure.
 * @flags: VFIO_DEVICE_FLAGS_... of linux/vfio.h.
 * @regions: The number of regions.
 * @irqs: The number of kinds of interrupts.
 */
struct vfio_user_device_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t regions;
	uint32_t irqs;
};

/**
 * vfio_user_message_send() - Send a message.
 * @fd: The socket.
 * @header: The header. The call sets its size.
 * @parts: The payload, in at most 3 parts.
 * @part_count: Their number.
 * @fds: Descriptors that go with it.
 * @count: Their number, at most VFIO_USER_FDS_MAX.
 * @deadline_ns: The end of the time.
 *
 * Return: 0; -ETIMEDOUT, -EPIPE, or another error of the socket.
 */
int vfio_user_message_send(int fd, struct vfio_user_header *header, const struct iovec *parts,
			   size_t part_count, const int *fds, size_t count, uint64_t deadline_ns);

/**
 * struct vfio_user_fds - Descriptors that came with a message.
 * @fds: The descriptors.
 * @count: Their number.
 */
struct vfio_user_fds {
	int fds[VFIO_USER_FDS_MAX];
	size_t count;
};

/**
 * vfio_user_message_receive() - Receive a message.
 * @fd: The socket.
 * @header: Set to the header.
 * @payload: Set to the payload.
 * @max: The size of @payload.
 * @fds: Set to the descriptors, which the caller closes, also after a failure; NULL: the call
 *	closes them.
 * @deadline_ns: The end of the time.
 *
 * Return: 0; -ETIMEDOUT, -EPIPE, -EPROTO (the size is impossible), or another error of the socket.
 */
int vfio_user_message_receive(int fd, struct vfio_user_header *header, void *payload, size_t max,
			      struct vfio_user_fds *fds, uint64_t deadline_ns);

/**
 * vfio_user_fds_close() - Close descriptors that came with a message.
 * @fds: The descriptors. Afterwards there are none.
 */
void vfio_user_fds_close(struct vfio_user_fds *fds);

/* The text of vfio_user_capabilities() is at most so long. */
#define VFIO_USER_CAPABILITIES_MAX 160

/**
 * vfio_user_capabilities() - Write the capabilities of this library for a VERSION message.
 * @json: Set to the text.
 * @twin: More members, which are about twin sockets; or "".
 *
 * Return: the size of the text with its end.
 */
size_t vfio_user_capabilities(char json[VFIO_USER_CAPABILITIES_MAX], const char *twin);

/**
 * vfio_user_find_number() - Find a number in the capabilities of a VERSION message.
 * @json: The text.
 * @key: The name of the number.
 * @value: The value if the text does not have it.
 *
 * Return: the number.
 */
uint64_t vfio_user_find_number(const char *json, const char *key, uint64_t value);

/**
 * vfio_user_has_twin() - Whether a VERSION message says that the sender has twin sockets.
 * @json: The text.
 */
bool vfio_user_has_twin(const char *json);

#endif
