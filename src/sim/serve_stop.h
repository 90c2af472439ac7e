/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The end of a server: a thread waits for a descriptor, and then shuts down the server's sockets.
 */
#ifndef SIM_SERVE_STOP_H
#define SIM_SERVE_STOP_H

#include "base/lock.h"
#include "sim/serve_watch.h"

/**
 * struct serve_stop - The end of a server.
 * @stop_fd: It ends the server when it is readable; 0 for none. Never changes.
 * @watch: The thread that waits for it, if there is one.
 * @lock: Guards the fields below.
 * @fds: The sockets of the connection, and of its twin; -1 for none.
 * @stopping: @stop_fd was readable.
 */
struct serve_stop {
	int stop_fd;
	struct serve_watch watch;
	struct lock lock;
	int fds[2];
	bool stopping;
};

/**
 * serve_stop_open() - Begin to wait for a descriptor.
 * @stop: Set to the thing that ends the server.
 * @stop_fd: The descriptor; 0 for none.
 *
 * Return: as serve_watch_open().
 */
int serve_stop_open(struct serve_stop *stop, int stop_fd);

/**
 * serve_stop_close() - Wait no longer.
 * @stop: The end of the server.
 */
void serve_stop_close(struct serve_stop *stop);

/**
 * serve_stop_note() - Let the end of the server shut down a socket.
 * @stop: The end of the server.
 * @index: 0 for the connection, 1 for its twin.
 * @fd: The socket; -1 before it is closed.
 */
void serve_stop_note(struct serve_stop *stop, unsigned int index, int fd);

/**
 * serve_stop_is_near() - Whether the server has to end.
 * @stop: The end of the server.
 */
bool serve_stop_is_near(struct serve_stop *stop);

#endif
