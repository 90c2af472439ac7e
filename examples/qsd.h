/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * QEMU's storage daemon as a device in another process, which is started and ended here.
 */
#ifndef QSD_H
#define QSD_H

#include <stddef.h>
#include <sys/types.h>

/**
 * struct qsd - A daemon with a vhost-user-blk disk.
 * @pid: It; 0 for none.
 * @directory: Where its socket is, in TMPDIR, or in /tmp if that is not set or long.
 * @path: The socket.
 */
struct qsd {
	pid_t pid;
	char directory[64];
	char path[80];
};

/**
 * qsd_start() - Start one.
 * @qsd: Filled in; end it with qsd_end(), also on failure.
 * @image: A raw image that is the disk; NULL for a disk of 64 MiB that reads as zeros and
 *	forgets what is written.
 * @reads: How many reads a second it does, 0 for as many as it can.
 * @log: A descriptor that it writes its messages to; -1 for standard error.
 *
 * Whoever connects to the socket waits until it is ready; if it ends, because of its image
 * for instance, it hangs up.
 *
 * Return: 0; -ENOENT (it is not installed), or what else failed.
 */
int qsd_start(struct qsd *qsd, const char *image, unsigned int reads, int log);

/**
 * qsd_end() - End it.
 * @qsd: From qsd_start().
 */
void qsd_end(struct qsd *qsd);

#endif
