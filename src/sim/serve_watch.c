// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "base/sys_process.h"
#include "sim/serve_watch.h"

static void *wait_for_event(void *arg)
{
	struct serve_watch *watch = arg;
	struct pollfd fds[] = { { .fd = watch->fd, .events = watch->events },
				{ .fd = watch->done_fd, .events = POLLIN } };

	(void)sys_wait_readable(fds, 2, UINT64_MAX);
	if (fds[0].revents)
		watch->seen(watch->arg);
	return NULL;
}

int serve_watch_open(struct serve_watch *watch)
{
	int err = sys_eventfd(&watch->done_fd);

	if (err)
		return err;
	err = sys_thread_start(&watch->thread, wait_for_event, watch);
	if (!err)
		return 0;
	sys_close(watch->done_fd);
	return err;
}

void serve_watch_close(struct serve_watch *watch)
{
	sys_eventfd_signal(watch->done_fd);
	sys_thread_join(watch->thread);
	sys_close(watch->done_fd);
}
