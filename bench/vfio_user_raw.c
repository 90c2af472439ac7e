// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "vfio_user_raw.h"

_Static_assert(sizeof(struct raw_message) == RAW_BYTES, "the parts of a message have no gaps");

static int send_rest(int fd, struct iovec *parts, size_t count)
{
	while (count) {
		const struct msghdr message = { .msg_iov = parts, .msg_iovlen = count };
		ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		for (; count && (size_t)n >= parts->iov_len; parts++, count--)
			n -= (ssize_t)parts->iov_len;
		if (count) {
			parts->iov_base = (char *)parts->iov_base + n;
			parts->iov_len -= (size_t)n;
		}
	}
	return 0;
}

int raw_send_with(int fd, struct raw_message *message, size_t bytes, const void *data, size_t more)
{
	struct iovec parts[] = { { message, sizeof(message->header) + bytes },
				 { (void *)(uintptr_t)data, more } };

	message->header.bytes = (uint32_t)(sizeof(message->header) + bytes + more);
	return send_rest(fd, parts, more ? 2 : 1);
}

int raw_send(int fd, struct raw_message *message, size_t bytes)
{
	return raw_send_with(fd, message, bytes, NULL, 0);
}

int raw_send_fd(int fd, struct raw_message *message, size_t bytes, int passed)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct iovec part = { message, sizeof(message->header) + bytes };
	const struct msghdr all = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	message->header.bytes = (uint32_t)part.iov_len;
	memcpy(CMSG_DATA(&control.header), &passed, sizeof(passed));
	return sendmsg(fd, &all, MSG_NOSIGNAL) == (ssize_t)part.iov_len ? 0 : -EPIPE;
}

/* Receives the rest of a message of which so many bytes are there. */
static int receive_rest(int fd, struct raw_message *message, ssize_t filled)
{
	size_t done = (size_t)filled;

	while (filled > 0 && (done < sizeof(message->header) || done < message->header.bytes)) {
		filled = recv(fd, (char *)message + done, sizeof(*message) - done, 0);
		done += (size_t)(filled > 0 ? filled : 0);
	}
	if (filled <= 0)
		return filled ? -errno : -EPIPE;
	return done == message->header.bytes ? 0 : -EPROTO;
}

int raw_receive(int fd, struct raw_message *message)
{
	return receive_rest(fd, message, recv(fd, message, sizeof(*message), 0));
}

int raw_receive_fd(int fd, struct raw_message *message, int *passed)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = { message, sizeof(*message) };
	struct msghdr all = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	const ssize_t n = recvmsg(fd, &all, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *first = n > 0 ? CMSG_FIRSTHDR(&all) : NULL;

	if (!first)
		return -EPROTO;
	memcpy(passed, CMSG_DATA(first), sizeof(*passed));
	return receive_rest(fd, message, n);
}

int raw_call(int fd, struct raw_message *message, enum vfio_user_command command, size_t bytes)
{
	int err;

	message->header.command = (uint16_t)command;
	message->header.id++;
	message->header.flags = 0;
	err = raw_send(fd, message, bytes);
	if (!err)
		err = raw_receive(fd, message);
	if (!err && message->header.flags != VFIO_USER_FLAG_REPLY)
		err = -EPROTO;
	return err;
}
