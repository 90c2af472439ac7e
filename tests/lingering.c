// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lingering.h"
#include "test.h"

int lingering_socket(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	const struct linger linger = { 1, INT32_MAX };
	const int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static const char data[65536];
	socklen_t size = sizeof(address);

	assert_ok(bind(listening, (void *)&address, size));
	assert_ok(listen(listening, 1));
	assert_ok(getsockname(listening, (void *)&address, &size));
	assert_ok(connect(fd, (void *)&address, size));
	/* The other end stays open until the program ends. */
	assert_true(accept4(listening, NULL, NULL, SOCK_CLOEXEC) >= 0);
	close(listening);
	while (send(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	assert_ok(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	return fd;
}

void send_away(int socket, const int *fds, size_t count, int flags)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(16 * sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(count * sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct iovec part = { (char[]){ 0 }, 1 };
	const struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	ssize_t n;

	memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	/* The other end may refuse descriptors for a moment. */
	while ((n = sendmsg(socket, &message, flags | MSG_NOSIGNAL)) < 0 && errno == EPERM)
		usleep(1000);
	assert_int_equal(n, 1);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

int socket_with_lingering(int type)
{
	const int fd = lingering_socket();
	int pair[2];

	assert_ok(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair));
	send_away(pair[1], &fd, 1, 0);
	close(pair[1]);
	return pair[0];
}
