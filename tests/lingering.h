/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Descriptors whose close waits for years, for tests of what a hostile process sends.
 */
#ifndef LINGERING_H
#define LINGERING_H

#include <stddef.h>

/* Returns a TCP socket with SO_LINGER and with data that its other end does not read. */
int lingering_socket(void);

/* Sends a byte and descriptors, and closes the descriptors. */
void send_away(int socket, const int *fds, size_t count, int flags);

/* Returns a UNIX socket of a type that has such a socket in its queue. */
int socket_with_lingering(int type);

#endif
