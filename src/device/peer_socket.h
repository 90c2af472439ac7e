/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The UNIX socket of a device in another process: a path, or a descriptor of the driver.
 */
#ifndef PEER_SOCKET_H
#define PEER_SOCKET_H

#include <coherent.h>

#include "base/name.h"

/* How long a peer may take, if the key "timeout" does not say it. */
#define PEER_TIMEOUT_MS 10000

/**
 * struct peer_socket - Where the connection to a peer comes from. Never changes after the open.
 * @dev: The device.
 * @path: The socket to connect to; NULL if there is @source.
 * @source: A copy of the caller's descriptor; -1 if there is @path.
 * @listens: The peer connects to @source. Otherwise @source is the connection.
 * @timeout_ms: How long a connection may take.
 */
struct peer_socket {
	struct coherent_device *dev;
	char *path;
	int source;
	bool listens;
	uint64_t timeout_ms;
};

/**
 * peer_socket_open() - Read which socket a driver means.
 * @socket: Set to it. The caller ends it with peer_socket_close(), also after a failure.
 * @dev: The device.
 * @name: Its name.
 * @options: The options of coherent_device_open().
 *
 * Return: 0; -EINVAL, -ENOMEM, -ENOSPC. A report says what was wrong.
 */
int peer_socket_open(struct peer_socket *socket, struct coherent_device *dev,
		     const struct name *name, const struct coherent_open_options *options);

/**
 * peer_socket_close() - Free what peer_socket_open() took.
 * @socket: The socket.
 */
void peer_socket_close(struct peer_socket *socket);

/**
 * peer_socket_connect() - Get a connection to the peer.
 * @socket: The socket.
 *
 * Return: a descriptor; -ENODEV, -EACCES, -EPERM, -EINVAL (the path is not a socket), -ETIMEDOUT,
 * -ENOSPC. A report says what was wrong.
 */
int peer_socket_connect(const struct peer_socket *socket);

/**
 * peer_socket_check_again() - Ask whether there can be another connection.
 * @socket: The socket.
 *
 * Return: 0; -EOPNOTSUPP (the driver handed over the only one, as a report says).
 */
int peer_socket_check_again(const struct peer_socket *socket);

/**
 * peer_socket_remedy() - Say how the driver gets the device back after the peer was lost.
 * @socket: The socket.
 *
 * Return: the end of a report.
 */
const char *peer_socket_remedy(const struct peer_socket *socket);

/**
 * peer_socket_report() - Report why there is no connection.
 * @socket: The socket.
 * @err: The error of the system call.
 *
 * Return: the error for the caller of the library.
 */
int peer_socket_report(const struct peer_socket *socket, int err);

#endif
