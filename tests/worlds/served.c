// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This file starts another process that serves a simulated edu by vfio-user. The driver is that of
 * edu.c. The process gets no memory and asks for each transfer, or it gets exposed memory as files.
 */
#include <coherent/serve.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "served.h"

/* The process that serves, and its socket. There is one at a time. */
static pid_t server = -1;
static struct sockaddr_un address = { .sun_family = AF_UNIX };

/* A process that is killed leaves its socket, so the name has its number. */
static int listen_at_path(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char name[32];

	assert_true(fd >= 0);
	snprintf(name, sizeof(name), "test-promises-%d.sock", (int)getpid());
	scratch(address.sun_path, name);
	(void)unlink(address.sun_path);
	assert_ok(bind(fd, (const struct sockaddr *)&address, sizeof(address)));
	assert_ok(listen(fd, 1));
	return fd;
}

static void serve(int fd, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	_exit(coherent_sim_serve("sim:edu,delay=20,mask=40", NULL, .listen_fd = fd,
				 .report = coherent_report_stderr) ?
		      1 :
		      0);
}

void served_begin(struct world *world)
{
	const pid_t parent = getpid();
	int fd = listen_at_path();

	server = fork();
	assert_true(server >= 0);
	if (!server)
		serve(fd, parent);
	close(fd);
	snprintf(world->opened, sizeof(world->opened), "vfio-user:%s%s", address.sun_path,
		 world->gets_no_memory ? "" : ",files");
}

void served_end(struct world *world)
{
	(void)world;
	if (server < 0)
		return;
	assert_ok(kill(server, SIGKILL));
	assert_int_equal(waitpid(server, NULL, 0), server);
	server = -1;
	assert_ok(unlink(address.sun_path));
}

pid_t served_pid(struct world *world)
{
	(void)world;
	return server;
}
