// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Sends and receives the messages of vhost-user on a socket, and checks that answers are well
 * formed. peer.c knows what the messages mean.
 *
 * Two answers may arrive together, so struct vhost_user_answers keeps the rest. Only one thread at a
 * time uses a connection.
 */
#include <errno.h>
#include <string.h>

#include "base/sys_socket.h"
#include "vhost_user/message.h"

int vhost_user_message_send(int fd, struct vhost_user_message *messages, size_t message_count,
			    const int *fds, size_t count, uint64_t deadline_ns)
{
	struct iovec parts[2];

	for (size_t i = 0; i < message_count; i++) {
		messages[i].flags = (messages[i].flags & VHOST_USER_FLAG_NEED_REPLY) |
				    VHOST_USER_FLAG_VERSION;
		parts[i].iov_base = &messages[i];
		parts[i].iov_len = VHOST_USER_HEADER_BYTES + messages[i].bytes;
	}
	return sys_send(fd, parts, message_count, fds, count, deadline_ns);
}

/* This may receive a part of the next answer too. */
static int receive_until(struct vhost_user_answers *answers, size_t bytes)
{
	while (answers->bytes < bytes) {
		ssize_t n = sys_receive(answers->fd, answers->buffer + answers->bytes,
					sizeof(answers->buffer) - answers->bytes,
					answers->deadline_ns);

		if (n < 0)
			return (int)n;
		answers->bytes += (size_t)n;
	}
	return 0;
}

int vhost_user_message_receive(struct vhost_user_answers *answers, enum vhost_user_request request,
			       struct vhost_user_message *message, size_t min, size_t max)
{
	const uint32_t mask = VHOST_USER_FLAG_VERSION_MASK | VHOST_USER_FLAG_REPLY;
	size_t bytes = VHOST_USER_HEADER_BYTES;
	int err = receive_until(answers, bytes);

	if (err)
		return err;
	memcpy(message, answers->buffer, bytes);
	if (message->request != request || message->bytes < min || message->bytes > max ||
	    (message->flags & mask) != (VHOST_USER_FLAG_VERSION | VHOST_USER_FLAG_REPLY))
		return -EPROTO;
	bytes += message->bytes;
	err = receive_until(answers, bytes);
	if (err)
		return err;
	memcpy(message, answers->buffer, bytes);
	answers->bytes -= bytes;
	memmove(answers->buffer, answers->buffer + bytes, answers->bytes);
	return 0;
}
