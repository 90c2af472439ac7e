/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * libblkio 1.5 as a peer. Debian 12 does not have it, so tools/bench unpacks the package of
 * Debian 13 and this file loads the library by its path.
 */
#ifndef PEER_BLKIO_H
#define PEER_BLKIO_H

struct peer_blkio;

/**
 * peer_blkio_open() - Open a vhost-user disk.
 * @library: The path of libblkio.so.
 * @socket: The path of the socket of the disk.
 * @depth: How many requests are in flight at a time.
 *
 * Return: the disk; NULL, after a line on standard error, if it does not open.
 */
struct peer_blkio *peer_blkio_open(const char *library, const char *socket, unsigned int depth);

/* Reads 4 KiB @turns times, with as many requests in flight as opened for. Returns 0 or -errno. */
int peer_blkio_read(struct peer_blkio *disk, unsigned int turns);

void peer_blkio_close(struct peer_blkio *disk);

#endif
