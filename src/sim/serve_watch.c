// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Sees the end of a client that has twin sockets. The thread that reads commands also executes them. In
 * a command the model may ask the client, and then the thread waits at the twin socket, which a client
 * that hangs up may leave open.
 */
#include "base/sys_process.h"
#include "sim/serve_watch.h"

static void *wait_for_end(void *arg)
{
	struct serve_watch *watch = arg;
	struct pollfd fds[] = { { .fd = watch->fd, .events = POLLRDHUP },
				{ .fd = watch->done_fd, .events = POLLIN } };

	(void)sys_wait_readable(fds, 2, UINT64_MAX);
	if (fds[0].revents)
		vfio_user_channel_end(watch->twin);
	return NULL;
}

int serve_watch_open(struct serve_watch *watch, int fd, struct vfio_user_channel *twin)
{
	int err;

	*watch = (struct serve_watch){ .fd = fd, .twin = twin };
	err = sys_eventfd(&watch->done_fd);
	if (err)
		return err;
	err = sys_thread_start(&watch->thread, wait_for_end, watch);
	if (!err)
		return 0;
	sys_close(watch->done_fd);
	/* pthread_create() returns EAGAIN for a lack of memory and at a limit of threads. */
	return -ENOMEM;
}

void serve_watch_close(struct serve_watch *watch)
{
	sys_eventfd_signal(watch->done_fd);
	sys_thread_join(watch->thread);
	sys_close(watch->done_fd);
}
