// SPDX-License-Identifier: GPL-2.0-only OR MIT
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

static void shut_down(void *arg)
{
	struct serve_stop *stop = arg;

	lock_take(&stop->lock);
	stop->stopping = true;
	for (size_t i = 0; i < 2; i++)
		if (stop->fds[i] >= 0)
			sys_shutdown(stop->fds[i]);
	lock_drop(&stop->lock);
}

int serve_stop_open(struct serve_stop *stop, int stop_fd)
{
	int err;

	*stop = (struct serve_stop){
		.stop_fd = stop_fd,
		.fds = { -1, -1 },
		.watch = { .fd = stop_fd, .events = POLLIN, .seen = shut_down, .arg = stop },
	};
	lock_init(&stop->lock);
	err = stop_fd ? serve_watch_open(&stop->watch) : 0;
	if (err)
		lock_destroy(&stop->lock);
	return err;
}

void serve_stop_close(struct serve_stop *stop)
{
	if (stop->stop_fd)
		serve_watch_close(&stop->watch);
	lock_destroy(&stop->lock);
}
