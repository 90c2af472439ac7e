/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The end of a client that has twin sockets.
 */
#ifndef SIM_SERVE_WATCH_H
#define SIM_SERVE_WATCH_H

#include <pthread.h>

#include "vfio_user/channel.h"

/**
 * struct serve_watch - A thread that sees the end of a client. Nothing changes while it runs.
 * @fd: The socket of the commands.
 * @twin: The channel of the questions.
 * @done_fd: It is readable when the session ends.
 * @thread: The thread.
 */
struct serve_watch {
	int fd;
	struct vfio_user_channel *twin;
	int done_fd;
	pthread_t thread;
};

/**
 * serve_watch_open() - End the channel of the questions when the client hangs up.
 * @watch: Set to the thread.
 * @fd: The socket of the commands.
 * @twin: The channel of the questions.
 *
 * Return: 0; -ENOMEM, -EMFILE, -ENFILE.
 */
int serve_watch_open(struct serve_watch *watch, int fd, struct vfio_user_channel *twin);

/**
 * serve_watch_close() - End the thread. Both sockets are still open.
 * @watch: The thread.
 */
void serve_watch_close(struct serve_watch *watch);

#endif
