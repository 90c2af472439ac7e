/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Starts and ends QEMU's storage daemon (qsd). The daemon is a process with a vhost-user-blk disk.
 */
#ifndef QSD_H
#define QSD_H

#include <stddef.h>
#include <sys/types.h>

/**
 * struct qsd - A daemon.
 * @pid: Its process; 0 if there is none.
 * @directory: The folder of its socket. It is in $TMPDIR, or in /tmp if TMPDIR is not set or is
 *	too long for the path of a socket.
 * @path: The path of its socket.
 */
struct qsd {
	pid_t pid;
	char directory[72];
	char path[80];
};

/**
 * qsd_start() - Start a daemon.
 * @qsd: Receives the daemon. End it with qsd_end(), also on failure.
 * @image: The raw image of the disk. NULL stands for a disk of 64 MiB that reads as zeros and
 *	discards what is written.
 * @reads: The most reads per second; 0 for no limit.
 * @log: The file descriptor for the messages of the daemon; -1 for standard error.
 *
 * A client may connect to the socket at once. It waits until the daemon is ready. If the daemon
 * ends, for instance because of a bad image, the client sees that the connection is closed.
 *
 * Return: 0; -ENOENT (the daemon is not installed), or -errno of the system call that failed.
 */
int qsd_start(struct qsd *qsd, const char *image, unsigned int reads, int log);

/**
 * qsd_end() - End the daemon and remove its socket.
 * @qsd: From qsd_start().
 */
void qsd_end(struct qsd *qsd);

#endif
