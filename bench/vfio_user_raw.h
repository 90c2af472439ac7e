/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Messages of vfio-user by hand, with the fewest system calls: one for a message that is sent, and one
 * for a message that is received, if it fits the buffer of the socket. There is no thread and no
 * timeout. The device of the bench and the side that the library is compared with use this.
 */
#ifndef BENCH_VFIO_USER_RAW_H
#define BENCH_VFIO_USER_RAW_H

#include "../src/vfio_user/message.h"

/* A message of the largest size. The payload begins behind the header. */
#define RAW_BYTES (sizeof(struct vfio_user_header) + VFIO_USER_PAYLOAD_MAX)

/**
 * struct raw_message - A message of the protocol and its data.
 * @header: The header.
 * @dma: The payload of a transfer.
 * @region: The payload of an access.
 * @data: The data behind either.
 * @payload: Another payload.
 */
struct raw_message {
	struct vfio_user_header header;
	union {
		struct {
			union {
				struct vfio_user_dma dma;
				struct vfio_user_region region;
			};
			char data[VFIO_USER_DATA_MAX];
		};
		char payload[VFIO_USER_PAYLOAD_MAX];
	};
};

/* Sends a message whose payload has so many bytes. Returns 0 or -errno. */
int raw_send(int fd, struct raw_message *message, size_t bytes);

/*
 * Sends a message in two parts: so many bytes of the message, then data that is somewhere else. Returns
 * 0 or -errno.
 */
int raw_send_with(int fd, struct raw_message *message, size_t bytes, const void *data, size_t more);

/* Sends a message with a descriptor. Returns 0 or -errno. */
int raw_send_fd(int fd, struct raw_message *message, size_t bytes, int passed);

/* Receives a message. Nothing may come behind it. Returns 0 or -errno. */
int raw_receive(int fd, struct raw_message *message);

/* Receives a message with a descriptor. Returns 0 or -errno. */
int raw_receive_fd(int fd, struct raw_message *message, int *passed);

/* Sends a command and receives its reply in its place. Returns 0 or -errno. */
int raw_call(int fd, struct raw_message *message, enum vfio_user_command command, size_t bytes);

#endif
