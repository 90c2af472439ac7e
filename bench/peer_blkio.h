/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * libblkio 1.5 as a peer. Debian 12 does not have it: tools/bench remote unpacks that of
 * Debian 13, and it is loaded by its path.
 */
#ifndef PEER_BLKIO_H
#define PEER_BLKIO_H

struct peer_blkio;

/**
 * peer_blkio_open() - Start a disk by vhost-user.
 * @library: The path of libblkio.so.
 * @socket: Of the disk.
 * @depth: Requests at a time.
 *
 * Return: the disk; NULL if it cannot be had, which was said.
 */
struct peer_blkio *peer_blkio_open(const char *library, const char *socket, unsigned int depth);

/* Reads 4 KiB so many times, as many at a time as it was opened for; 0 or -errno. */
int peer_blkio_read(struct peer_blkio *disk, unsigned int turns);

void peer_blkio_close(struct peer_blkio *disk);

#endif
