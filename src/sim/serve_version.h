/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The first message of a client of a served device, and its answer.
 */
#ifndef SIM_SERVE_VERSION_H
#define SIM_SERVE_VERSION_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct serve_agreed - What the client has.
 * @data_max: How many bytes it moves in one message.
 * @twin: This side of the twin sockets; -1 if the client has none.
 */
struct serve_agreed {
	size_t data_max;
	int twin;
};

/**
 * serve_version_agree() - Receive VERSION and answer it.
 * @fd: The connection.
 * @timeout_ns: How long the client may take.
 * @agreed: Set to what the client has. The caller closes @twin.
 *
 * Return: 0; -ENODATA (the client hung up without a message), -EPROTO, -EOPNOTSUPP (another
 * version), -ETIMEDOUT, -EPIPE, -EMFILE, -ENFILE, -ENOMEM.
 */
int serve_version_agree(int fd, uint64_t timeout_ns, struct serve_agreed *agreed);

#endif
