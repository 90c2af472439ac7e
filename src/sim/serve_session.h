/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A connection to a served device.
 */
#ifndef SIM_SERVE_SESSION_H
#define SIM_SERVE_SESSION_H

#include "sim/serve_command.h"

/**
 * serve_session_prepare() - Take a device away from the memory of this process.
 * @dev: The device.
 *
 * Return: the device; NULL if it cannot be served.
 */
struct coherent_sim *serve_session_prepare(struct coherent_device *dev);

/**
 * serve_session() - Serve a connection until it ends.
 * @served: The served device.
 * @fd: The connection, which the call closes.
 *
 * A report tells why a connection ended that the client did not close.
 *
 * Return: -ENODATA if the client hung up without a message; another value otherwise.
 */
int serve_session(struct served *served, int fd);

#endif
