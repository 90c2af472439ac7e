// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Ends a server. Its thread blocks in calls of the system, where it does not see .stop_fd. So another
 * thread does, and shuts down the sockets.
 */
#include "base/sys_process.h"
#include "base/sys_socket.h"
#include "sim/serve_stop.h"

void serve_stop_note(struct serve_stop *stop, unsigned int index, int fd)
{
	lock_take(&stop->lock);
	stop->fds[index] = fd;
	if (stop->stopping && fd >= 0)
		sys_shutdown(fd);
	lock_drop(&stop->lock);
}

bool serve_stop_is_near(struct serve_stop *stop)
{
	bool stopping;

	lock_take(&stop->lock);
	stopping = stop->stopping;
	lock_drop(&stop->lock);
	return stopping;
}

static void *watch(void *arg)
{
	struct serve_stop *stop = arg;
	struct pollfd fds[] = { { .fd = stop->stop_fd, .events = POLLIN },
				{ .fd = stop->done_fd, .events = POLLIN } };

	(void)sys_wait_readable(fds, 2, UINT64_MAX);
	lock_take(&stop->lock);
	stop->stopping = true;
	for (size_t i = 0; i < 2; i++)
		if (stop->fds[i] >= 0)
			sys_shutdown(stop->fds[i]);
	lock_drop(&stop->lock);
	return NULL;
}

static int start_thread(struct serve_stop *stop)
{
	int err = sys_eventfd(&stop->done_fd);

	if (err)
		return err;
	err = sys_thread_start(&stop->thread, watch, stop);
	if (!err)
		return 0;
	sys_close(stop->done_fd);
	/* pthread_create() returns EAGAIN for a lack of memory and at a limit of threads. */
	return -ENOMEM;
}

int serve_stop_open(struct serve_stop *stop, int stop_fd)
{
	int err;

	*stop = (struct serve_stop){ .stop_fd = stop_fd, .fds = { -1, -1 } };
	lock_init(&stop->lock);
	err = stop_fd ? start_thread(stop) : 0;
	if (err)
		lock_destroy(&stop->lock);
	return err;
}

void serve_stop_close(struct serve_stop *stop)
{
	if (stop->stop_fd) {
		sys_eventfd_signal(stop->done_fd);
		sys_thread_join(stop->thread);
		sys_close(stop->done_fd);
	}
	lock_destroy(&stop->lock);
}
