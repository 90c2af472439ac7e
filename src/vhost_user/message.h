/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * vhost-user's messages, as a front end sends them. Layouts and numbers are those of
 * QEMU's docs/interop/vhost-user.rst; no header of the system has them.
 *
 * A peer is trusted with nothing: whatever is not the answer to what was asked ends the
 * connection.
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

/* Of GET_FEATURES, beside those of virtio: there are protocol features; a log of writes. */
#define VHOST_USER_F_PROTOCOL_FEATURES (UINT64_C(1) << 30)
#define VHOST_USER_F_LOG_ALL (UINT64_C(1) << 26)
/* Of GET_PROTOCOL_FEATURES. */
#define VHOST_USER_PROTOCOL_F_MQ (UINT64_C(1) << 0)
#define VHOST_USER_PROTOCOL_F_REPLY_ACK (UINT64_C(1) << 3)
#define VHOST_USER_PROTOCOL_F_CONFIG (UINT64_C(1) << 9)
#define VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS (UINT64_C(1) << 15)
/**
 * struct vhost_user_region - Memory.
 * @address: Where the device finds it.
 * @bytes: Its size.
 * @user_address: Where rings are said to be that are in it.
 * @offset: In its file.
 */
struct vhost_user_region {
	uint64_t address;
	uint64_t bytes;
	uint64_t user_address;
	uint64_t offset;
};

/**
 * struct vhost_user_message - A message, as it is sent.
 * @request: Which.
 * @flags: A version, and what is below.
 * @bytes: Of what follows.
 * @u64: Most answers, features, and a queue's number.
 * @state: A queue and a number.
 * @rings: Where the rings of a queue are.
 * @region: Of ADD_MEM_REG and REM_MEM_REG.
 * @table: Of SET_MEM_TABLE.
 * @config: Part of the configuration space.
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
 * @messages: Their flags are filled in, but for VHOST_USER_FLAG_NEED_REPLY.
 * @message_count: 1 or 2.
 * @fds: Descriptors that go with the first.
 * @count: How many.
 * @deadline_ns: When to give up.
 *
 * Return: 0; -ETIMEDOUT, -EPIPE or the like if the peer is gone.
 */
int vhost_user_message_send(int fd, struct vhost_user_message *messages, size_t message_count,
			    const int *fds, size_t count, uint64_t deadline_ns);

/**
 * struct vhost_user_answers - What was received and not looked at yet.
 * @fd: The connection.
 * @deadline_ns: When to give up.
 * @bytes: How much there is.
 * @buffer: It.
 */
struct vhost_user_answers {
	int fd;
	uint64_t deadline_ns;
	size_t bytes;
	char buffer[2 * sizeof(struct vhost_user_message)];
};

/**
 * vhost_user_message_receive() - Receive the answer to a request.
 * @answers: Zero bytes but for fd and deadline_ns, for all answers to what was sent at a
 *	time.
 * @request: Which was sent.
 * @message: The answer.
 * @min: Least size of its payload.
 * @max: Greatest.
 *
 * Return: 0; -ETIMEDOUT, -EPIPE or the like if the peer is gone, -EPROTO if this is no
 * answer to the request.
 */
int vhost_user_message_receive(struct vhost_user_answers *answers, enum vhost_user_request request,
			       struct vhost_user_message *message, size_t min, size_t max);

#endif
