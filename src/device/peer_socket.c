// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Finds the socket of a device in another process, and connects to it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/sys.h"
#include "base/sys_process.h"
#include "base/sys_socket.h"
#include "device/device.h"
#include "device/peer_socket.h"

int peer_socket_report(const struct peer_socket *socket, int err)
{
	const struct coherent_device *dev = socket->dev;
	struct stat file = { .st_mode = 0 };
	const bool is_there = socket->path && !sys_stat(socket->path, &file);

	if (err == -EMFILE || err == -ENFILE) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: no descriptor is left for the connection; raise ulimit -n", dev->name);
		return -ENOSPC;
	}
	/*
	 * unix(7): for a file of another kind connect() returns ECONNREFUSED, as for a peer that
	 * does not run. So the kind is looked at before the error.
	 */
	if (is_there && !S_ISSOCK(file.st_mode)) {
		report(&dev->reporter, COHERENT_ERROR, "%s: %s is not a socket", dev->name,
		       socket->path);
		return -EINVAL;
	}
	if (err == -EACCES || err == -EPERM) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: user %u may not use %s%s: run both processes as one user, or hand over "
		       "a connected socket as .socket_fd",
		       dev->name, (unsigned int)sys_user(), socket->path,
		       is_there && file.st_uid != sys_user() ? ", which another user owns" : "");
		return err;
	}
	if (err == -ETIMEDOUT) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the peer neither accepted nor connected within %" PRIu64 " ms",
		       dev->name, socket->timeout_ms);
		return -ETIMEDOUT;
	}
	if (err == -ENAMETOOLONG) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the path of the socket is too long; give a shorter one", dev->name);
		return -EINVAL;
	}
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: the peer cannot be reached: %s; is its process running?", dev->name,
	       strerror(-err));
	return -ENODEV;
}

static int adopt_socket(struct peer_socket *socket, const struct coherent_open_options *options)
{
	const struct coherent_device *dev = socket->dev;
	const int fd = options->listen_fd ? options->listen_fd : options->socket_fd;

	socket->listens = options->listen_fd;
	if (!sys_is_stream(fd, socket->listens)) {
		report(&dev->reporter, COHERENT_ERROR, "%s: descriptor %d is not a socket that %s",
		       dev->name, fd, socket->listens ? "listens" : "is connected");
		return -EINVAL;
	}
	/* The caller may close its descriptor while the device is open. */
	socket->source = sys_dup(fd);
	return socket->source < 0 ? peer_socket_report(socket, socket->source) : 0;
}

int peer_socket_open(struct peer_socket *socket, struct coherent_device *dev,
		     const struct name *name, const struct coherent_open_options *options)
{
	const int fds = !!options->socket_fd + !!options->listen_fd;

	*socket = (struct peer_socket){ .dev = dev, .source = -1, .timeout_ms = PEER_TIMEOUT_MS };
	if (fds + !!*name->target != 1) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the name or an option must say which socket to use; give exactly one of "
		       "%s:/path, .socket_fd and .listen_fd, where 0 is not a descriptor",
		       name->whole, name->scheme);
		return -EINVAL;
	}
	if (fds)
		return adopt_socket(socket, options);
	socket->path = strdup(name->target);
	return socket->path ? 0 : -ENOMEM;
}

void peer_socket_close(struct peer_socket *socket)
{
	if (socket->source >= 0)
		sys_close(socket->source);
	free(socket->path);
}

int peer_socket_connect(const struct peer_socket *socket)
{
	const uint64_t deadline_ns = sys_deadline_ns(socket->timeout_ms * SYS_NS_PER_MS);
	int fd;

	if (socket->path)
		fd = sys_connect(socket->path, deadline_ns);
	else if (socket->listens)
		fd = sys_accept(socket->source, deadline_ns);
	else
		fd = sys_dup(socket->source);
	return fd < 0 ? peer_socket_report(socket, fd) : fd;
}

static bool is_lasting(const struct peer_socket *socket)
{
	return socket->path || socket->listens;
}

const char *peer_socket_remedy(const struct peer_socket *socket)
{
	return is_lasting(socket) ? "; coherent_device_reset() connects again" :
				    "; open the device again, with a new connection";
}

int peer_socket_check_again(const struct peer_socket *socket)
{
	if (is_lasting(socket))
		return 0;
	report(&socket->dev->reporter, COHERENT_ERROR,
	       "%s: the library cannot make a connection from .socket_fd again; open the device by "
	       "path, or with .listen_fd",
	       socket->dev->name);
	return -EOPNOTSUPP;
}
