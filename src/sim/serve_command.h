/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The device and the connection that a command of the client acts on, and its execution.
 */
#ifndef SIM_SERVE_COMMAND_H
#define SIM_SERVE_COMMAND_H

#include <bsd/sys/queue.h>

#include "sim/serve_config.h"
#include "sim/serve_dma.h"
#include "sim/serve_stop.h"

/**
 * struct served - A served device.
 * @dev: The device. Never changes.
 * @sim: The same. Never changes.
 * @reporter: The receiver of reports. Never changes.
 * @timeout_ns: How long an answer of the client may take. Never changes.
 * @doorbell: The context in which the kernel signals eventfds of clients; 0 for none. Never changes.
 * @hung_up: A socket whose other end is closed, which a context needs; -1 for
 *	none. Never changes.
 * @config: Its configuration space. Only the thread that executes commands uses it.
 * @stop: The end of the server.
 */
struct served {
	struct coherent_device *dev;
	struct coherent_sim *sim;
	struct reporter reporter;
	uint64_t timeout_ns;
	unsigned long doorbell;
	int hung_up;
	struct serve_config config;
	struct serve_stop stop;
};

struct serve_queued;

/**
 * struct serve_session - A connection.
 * @main: The socket of the commands.
 * @twin: The socket of the model's questions, if @has_twin.
 * @has_twin: The client has twin sockets. Never changes after the agreement, like the next one.
 * @data_max: How many bytes the client moves in one message.
 * @served: The served device.
 * @dma: The memory of the client.
 * @irq_fds: The eventfd of each vector; -1 for none. Only the thread of the call uses them.
 * @has_no_fds: A report has said that no descriptor is left. Only the thread of the call uses it.
 * @data: Where data of a region is put together. Only the thread of the call uses it.
 * @lock: Guards the fields below.
 * @queue: The commands that wait, if there is no twin socket.
 * @queued_bytes: Their size.
 * @queued_fds: How many descriptors came with them.
 * @lost: The connection is lost.
 */
struct serve_session {
	struct vfio_user_channel main;
	struct vfio_user_channel twin;
	bool has_twin;
	size_t data_max;
	struct served *served;
	struct serve_dma dma;
	int irq_fds[SIM_VECTORS_MAX];
	bool has_no_fds;
	uint8_t *data;
	struct lock lock;
	STAILQ_HEAD(, serve_queued) queue;
	size_t queued_bytes;
	size_t queued_fds;
	bool lost;
};

/**
 * serve_command_execute() - Execute a command and answer it.
 * @session: The connection.
 * @received: The command.
 *
 * Return: 0; a negative error ends the connection, -EPROTO after a malformed message.
 */
int serve_command_execute(struct serve_session *session, struct vfio_user_received *received);

/**
 * serve_command_connect() - Let a vector signal another descriptor.
 * @session: The connection.
 * @vector: The vector.
 * @fd: The descriptor, which the session closes later; -1 for none.
 */
void serve_command_connect(struct serve_session *session, uint32_t vector, int fd);

#endif
