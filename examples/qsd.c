// SPDX-License-Identifier: GPL-2.0-only OR MIT
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2() */
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qsd.h"

#define PROGRAM "qemu-storage-daemon"
/* Room for a path with each character doubled, and the words around it. */
#define OPTION_BYTES 8300

/* Appends a path. A comma ends a value of a QEMU option, so a comma in it is doubled. */
static void put_path(char *to, size_t size, const char *path)
{
	size_t n = strlen(to);

	for (; *path && n + 3 < size; path++) {
		to[n++] = *path;
		if (*path == ',')
			to[n++] = ',';
	}
	to[n] = '\0';
}

static void describe_file(char *to, size_t size, const char *image)
{
	if (!image) {
		snprintf(to, size, "driver=null-co,node-name=file,size=67108864,read-zeroes=on");
		return;
	}
	snprintf(to, size, "driver=file,node-name=file,filename=");
	put_path(to, size, image);
}

/* Runs in the child: replaces it by the daemon, which inherits the listening socket. */
static void become_daemon(pid_t parent, const char *image, unsigned int reads, int log, int fd,
			  int error_pipe)
{
	static const char raw[] = "driver=raw,node-name=disk,file=file";
	static const char slow[] = "driver=throttle,node-name=disk,throttle-group=slow,file=file";
	static char file[OPTION_BYTES];
	char export[128], group[64];

	describe_file(file, sizeof(file), image);
	snprintf(group, sizeof(group), "throttle-group,id=slow,x-iops-read=%u", reads);
	snprintf(export, sizeof(export),
		 "type=vhost-user-blk,id=disk,node-name=disk,writable=on,addr.type=fd,addr.str=%d",
		 fd);
	/* The kernel ends the daemon if this program is killed. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(125);
	fcntl(fd, F_SETFD, 0);
	if (log >= 0)
		dup2(log, STDERR_FILENO);
	execlp(PROGRAM, PROGRAM, "--object", group, "--blockdev", file, "--blockdev",
	       reads ? slow : raw, "--export", export, (char *)NULL);
	if (write(error_pipe, &errno, sizeof(errno)) < 0)
		_exit(126);
	_exit(127);
}

static int listen_at(struct qsd *qsd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *folder = getenv("TMPDIR");
	int fd, err;

	if (!folder || !*folder ||
	    strlen(folder) + sizeof("/qsd-XXXXXX/socket") > sizeof(qsd->path))
		folder = "/tmp";
	snprintf(qsd->directory, sizeof(qsd->directory), "%s/qsd-XXXXXX", folder);
	if (!mkdtemp(qsd->directory)) {
		qsd->directory[0] = '\0';
		return -errno;
	}
	snprintf(qsd->path, sizeof(qsd->path), "%s/socket", qsd->directory);
	strcpy(address.sun_path, qsd->path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!bind(fd, (void *)&address, sizeof(address)) && !listen(fd, 1))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/*
 * The child reports a failed exec through a pipe. A successful exec closes the pipe, so the parent
 * reads no error.
 */
static int fork_daemon(struct qsd *qsd, const char *image, unsigned int reads, int log, int fd)
{
	const pid_t parent = getpid();
	int error = 0, error_pipe[2];

	if (pipe2(error_pipe, O_CLOEXEC))
		return -errno;
	qsd->pid = fork();
	if (!qsd->pid)
		become_daemon(parent, image, reads, log, fd, error_pipe[1]);
	close(error_pipe[1]);
	if (qsd->pid < 0 || read(error_pipe[0], &error, sizeof(error)) < 0)
		error = errno;
	close(error_pipe[0]);
	return -error;
}

int qsd_start(struct qsd *qsd, const char *image, unsigned int reads, int log)
{
	int fd, err;

	*qsd = (struct qsd){ .pid = 0 };
	fd = listen_at(qsd);
	if (fd < 0)
		return fd;
	err = fork_daemon(qsd, image, reads, log, fd);
	/* Only the daemon may hold the socket, so that a client notices when the daemon ends. */
	close(fd);
	return err;
}

void qsd_end(struct qsd *qsd)
{
	if (qsd->pid > 0) {
		kill(qsd->pid, SIGTERM);
		waitpid(qsd->pid, NULL, 0);
	}
	if (qsd->path[0])
		unlink(qsd->path);
	if (qsd->directory[0])
		rmdir(qsd->directory);
	*qsd = (struct qsd){ .pid = 0 };
}
