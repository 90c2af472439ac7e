/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The messages of vhost-user, as a front end sends them. The layouts and numbers are those of
 * QEMU's docs/interop/vhost-user.rst; no header of the system has them.
 *
 * The library does not trust a peer: a reply that does not fit the question ends the connection.
 */
#ifndef VHOST_USER_MESSAGE_H
#define VHOST_USER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VHOST_USER_REGIONS_MAX 8
#define VHOST_USER_CONFIG_MAX 256

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
};

/*
 * Features of GET_FEATURES beside those of virtio: the peer has protocol features, and it can log
 * its writes.
 */
#define VHOST_USER_F_PROTOCOL_FEATURES (UINT64_C(1) << 30)
#define VHOST_USER_F_LOG_ALL (UINT64_C(1) << 26)
/* Features of GET_PROTOCOL_FEATURES. */
#define VHOST_USER_PROTOCOL_F_MQ (UINT64_C(1) << 0)
#define VHOST_USER_PROTOCOL_F_REPLY_ACK (UINT64_C(1) << 3)
#define VHOST_USER_PROTOCOL_F_CONFIG (UINT64_C(1) << 9)
#define VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS (UINT64_C(1) << 15)

/**
 * struct vhost_user_region - A region of memory.
 * @address: The device address.
 * @bytes: The size.
 * @user_address: The address that SET_VRING_ADDR uses for rings in this region.
 * @offset: The offset in the file.
 */
struct vhost_user_region {
	uint64_t address;
	uint64_t bytes;
	uint64_t user_address;
	uint64_t offset;
};

/**
 * struct vhost_user_message - A message in the layout of the socket.
 * @request: The request, an enum vhost_user_request.
 * @flags: The version, and VHOST_USER_FLAG_*.
 * @bytes: The size of the payload that follows.
 * @u64: The payload of most answers and of features; the number of a queue.
 * @state: A queue and a number.
 * @rings: The addresses of the rings of a queue.
 * @region: The payload of ADD_MEM_REG and REM_MEM_REG.
 * @table: The payload of SET_MEM_TABLE.
 * @config: A part of the configuration space.
 */
struct vhost_user_message {
	uint32_t request;
	uint32_t flags;
	uint32_t bytes;
	union {
		uint64_t u64;
		struct {
			uint32_t queue;
			uint32_t number;
		} state;
		struct {
			uint32_t queue;
			uint32_t flags;
			uint64_t desc;
			uint64_t used;
			uint64_t avail;
			uint64_t log;
		} rings;
		struct {
			uint64_t padding;
			struct vhost_user_region region;
		} region;
		struct {
			uint32_t count;
			uint32_t padding;
			struct vhost_user_region regions[VHOST_USER_REGIONS_MAX];
		} table;
		struct {
			uint32_t offset;
			uint32_t bytes;
			uint32_t flags;
			uint8_t data[VHOST_USER_CONFIG_MAX];
		} config;
	};
} __attribute__((packed));

#define VHOST_USER_HEADER_BYTES offsetof(struct vhost_user_message, u64)
#define VHOST_USER_FLAG_VERSION 1u
#define VHOST_USER_FLAG_VERSION_MASK 3u
#define VHOST_USER_FLAG_REPLY (1u << 2)
#define VHOST_USER_FLAG_NEED_REPLY (1u << 3)

/**
 * vhost_user_message_send() - Send messages.
 * @fd: The connection.
 * @messages: The messages. The call fills in their flags; it keeps VHOST_USER_FLAG_NEED_REPLY.
 * @message_count: 1 or 2.
 * @fds: Descriptors that go with the first message.
 * @count: The number of descriptors.
 * @deadline_ns: The time at which the call gives up.
 *
 * Return: 0; -ETIMEDOUT; -EPIPE or a similar error if the peer is gone.
 */
int vhost_user_message_send(int fd, struct vhost_user_message *messages, size_t message_count,
			    const int *fds, size_t count, uint64_t deadline_ns);

/**
 * struct vhost_user_answers - Bytes that were received and not used yet.
 * @fd: The connection.
 * @deadline_ns: The time at which vhost_user_message_receive() gives up.
 * @bytes: The number of bytes in @buffer.
 * @buffer: The bytes.
 */
struct vhost_user_answers {
	int fd;
	uint64_t deadline_ns;
	size_t bytes;
	char buffer[2 * sizeof(struct vhost_user_message)];
};

/**
 * vhost_user_message_receive() - Receive the answer to a request.
 * @answers: Zero bytes except for fd and deadline_ns. The caller uses the same struct for all
 *	answers to messages that were sent together.
 * @request: The request that was sent.
 * @message: Set to the answer.
 * @min: The least size of the payload.
 * @max: The greatest size of the payload.
 *
 * Return: 0; -ETIMEDOUT; -EPIPE or a similar error if the peer is gone; -EPROTO if the reply is
 * malformed.
 */
int vhost_user_message_receive(struct vhost_user_answers *answers, enum vhost_user_request request,
			       struct vhost_user_message *message, size_t min, size_t max);

#endif
