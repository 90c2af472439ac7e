/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A thread that waits for a descriptor. The thread of a server blocks in calls of the system, and
 * does not see other descriptors there.
 */
#ifndef SIM_SERVE_WATCH_H
#define SIM_SERVE_WATCH_H

#include <pthread.h>

/**
 * struct serve_watch - A thread that waits for a descriptor. Nothing changes while it runs.
 * @fd: The descriptor.
 * @events: The thread waits for these events of poll(), an error or a hangup.
 * @seen: The thread calls it once, after the first event.
 * @arg: The argument of @seen.
 * @done_fd: It is readable when the thread has to end.
 * @thread: The thread.
 */
struct serve_watch {
	int fd;
	short events;
	void (*seen)(void *arg);
	void *arg;
	int done_fd;
	pthread_t thread;
};

/**
 * serve_watch_open() - Start a thread that waits for a descriptor.
 * @watch: The thread. The caller has set @fd, @events, @seen and @arg.
 *
 * Return: 0; -ENOMEM, -EMFILE, -ENFILE; -EAGAIN (no thread can be started).
 */
int serve_watch_open(struct serve_watch *watch);

/**
 * serve_watch_close() - End the thread. The descriptor is still open.
 * @watch: The thread. It does not call @seen after this call returned.
 */
void serve_watch_close(struct serve_watch *watch);

#endif
