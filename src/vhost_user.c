// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>

#include "sys.h"
#include "vhost_user.h"

int vhost_user_send(int fd, struct vhost_user_message *message, const int *fds, size_t count,
		    uint64_t deadline_ns)
{
	message->flags = (message->flags & VHOST_USER_FLAG_NEED_REPLY) | VHOST_USER_FLAG_VERSION;
	return sys_send(fd, message, VHOST_USER_HEADER_BYTES + message->bytes, fds, count,
			deadline_ns);
}

int vhost_user_receive(int fd, enum vhost_user_request request, struct vhost_user_message *message,
		       size_t min, size_t max, uint64_t deadline_ns)
{
	const uint32_t mask = VHOST_USER_FLAG_VERSION_MASK | VHOST_USER_FLAG_REPLY;
	int err = sys_receive(fd, message, VHOST_USER_HEADER_BYTES, deadline_ns);

	if (err)
		return err;
	if (message->request != request || message->bytes < min || message->bytes > max ||
	    (message->flags & mask) != (VHOST_USER_FLAG_VERSION | VHOST_USER_FLAG_REPLY))
		return -EPROTO;
	return sys_receive(fd, (char *)message + VHOST_USER_HEADER_BYTES, message->bytes,
			   deadline_ns);
}
