// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The link of the example mirror: a TCP connection. The nodes tell each other over it where the log
 * is and how far the follower is. No part of the log goes over it.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mirror.h"

static int find(const char *address, const char *port, int flags, struct addrinfo **found)
{
	const struct addrinfo wanted = { .ai_family = AF_INET,
					 .ai_socktype = SOCK_STREAM,
					 .ai_flags = flags | AI_NUMERICSERV };
	int err = getaddrinfo(address, port, &wanted, found);

	if (!err)
		return 0;
	fprintf(stderr, "mirror: %s, port %s: %s\n", address, port, gai_strerror(err));
	return -EADDRNOTAVAIL;
}

static int say_port(int listener)
{
	struct sockaddr_in name;
	socklen_t length = sizeof(name);

	if (getsockname(listener, (struct sockaddr *)&name, &length))
		return -errno;
	if (printf("mirror: waits at port %u\n", ntohs(name.sin_port)) < 0 || fflush(stdout))
		return -errno;
	return 0;
}

static int wait_for_follower(int listener, const struct addrinfo *found, int *link)
{
	const int on = 1;
	int err = setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));

	if (err || bind(listener, found->ai_addr, found->ai_addrlen) || listen(listener, 1))
		return -errno;
	err = say_port(listener);
	if (err)
		return err;
	*link = accept(listener, NULL, NULL);
	return *link < 0 ? -errno : 0;
}

int link_accept(int *link, const char *address, const char *port)
{
	struct addrinfo *found;
	int err = find(address, port, AI_PASSIVE, &found);
	int listener;

	if (err)
		return err;
	listener = socket(AF_INET, SOCK_STREAM, 0);
	err = listener < 0 ? -errno : wait_for_follower(listener, found, link);
	if (listener >= 0)
		close(listener);
	freeaddrinfo(found);
	return err;
}

int link_connect(int *link, const char *address, const char *port)
{
	struct addrinfo *found;
	int err = find(address, port, 0, &found);

	if (err)
		return err;
	*link = socket(AF_INET, SOCK_STREAM, 0);
	if (*link < 0 || connect(*link, found->ai_addr, found->ai_addrlen))
		err = -errno;
	freeaddrinfo(found);
	return err;
}

int link_send(int link, const void *data, size_t bytes)
{
	const ssize_t sent = send(link, data, bytes, MSG_NOSIGNAL);

	/* A message is far smaller than the buffer of a socket, so a part of it means an error. */
	return sent < 0 ? -errno : (size_t)sent == bytes ? 0 : -EPIPE;
}

int link_receive(int link, void *data, size_t bytes)
{
	const ssize_t received = recv(link, data, bytes, MSG_WAITALL);

	return received < 0 ? -errno : (size_t)received == bytes ? 0 : -EPIPE;
}

int link_tell(int link, enum mirror_message message)
{
	const uint8_t byte = (uint8_t)message;

	return link_send(link, &byte, 1);
}

int link_pause(int link)
{
	struct pollfd fd = { .fd = link, .events = POLLIN };

	return poll(&fd, 1, 1) > 0 ? -EPIPE : 0;
}
