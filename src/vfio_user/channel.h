/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * One socket of a vfio-user connection, with commands and replies in both directions. The driver's
 * side and the device's side use it.
 *
 * A socket that carries commands of the peer has a thread, which runs vfio_user_channel_run() until
 * the connection is lost. It gives replies to the thread that waits for them, and commands to the
 * owner. So a command that comes while a thread waits for a reply is not taken for the reply. On the
 * other socket of a pair of twins there are only replies, and the thread that waits reads its own,
 * which saves a change of threads.
 *
 * The thread receives into its own memory, without a lock. So a peer that stops inside a message
 * delays nobody else.
 */
#ifndef VFIO_USER_CHANNEL_H
#define VFIO_USER_CHANNEL_H

#include <stdbool.h>

#include "base/lock.h"
#include "vfio_user/message.h"

struct vfio_user_channel;

/**
 * struct vfio_user_received - A command of the peer.
 * @header: Its header.
 * @payload: Its payload, which is valid until the function returns.
 * @bytes: The size of the payload.
 * @fds: The descriptors that came with it. The function takes those that it sets to -1.
 */
struct vfio_user_received {
	struct vfio_user_header header;
	void *payload;
	size_t bytes;
	struct vfio_user_fds fds;
};

/**
 * struct vfio_user_owner - What the owner of a channel does.
 * @command: Execute a command and answer it. An error ends the connection: -EPROTO for a command
 *	that breaks the protocol.
 * @lost: The connection is lost. Called once, in the thread of the channel, if there is one.
 * @takes_fds: The peer may send descriptors with its commands.
 */
struct vfio_user_owner {
	int (*command)(struct vfio_user_channel *channel, struct vfio_user_received *received);
	void (*lost)(struct vfio_user_channel *channel);
	bool takes_fds;
};

/**
 * struct vfio_user_call - A command and its reply.
 * @command: The command.
 * @parts: The payload.
 * @part_count: The number of its parts, at most 2.
 * @fds: Descriptors that go with it.
 * @fd_count: Their number.
 * @answer: Set to the payload of the reply; NULL if the protocol has none there.
 * @answer_max: The size of @answer. A longer payload breaks the protocol.
 * @answer_bytes: Set to the size of the payload of the reply.
 * @error: Set to the errno of the peer; 0 for none.
 */
struct vfio_user_call {
	enum vfio_user_command command;
	struct iovec parts[2];
	size_t part_count;
	const int *fds;
	size_t fd_count;
	void *answer;
	size_t answer_max;
	size_t answer_bytes;
	uint32_t error;
};

/**
 * struct vfio_user_channel - A socket of a connection.
 * @owner: The functions of its owner. Never changes.
 * @arg: The owner's own pointer. Never changes.
 * @fd: The socket. Never changes.
 * @timeout_ns: How long a reply may take. Never changes.
 * @has_thread: A thread runs vfio_user_channel_run(). Otherwise the peer may only send replies.
 *	Changes only before the first call.
 * @buffer: The place where the thread that reads receives messages. Only this thread uses it.
 * @filled: How many bytes of @buffer are received. Without descriptors, the thread receives as much as
 *	there is, which saves system calls.
 * @answer: A place for an answer of VFIO_USER_PAYLOAD_MAX bytes beside @buffer. It is for the owner.
 * @calls: A thread holds it from a command to its reply. Taken before the other two.
 * @sends: A thread holds it while it sends a message. It guards nothing else.
 * @lock: Guards the fields below.
 * @call: The call whose reply a thread waits for; NULL for none.
 * @id: The number of the last command.
 * @answered: The reply of @call is there.
 * @closing: The connection is lost, or the owner ends it.
 * @err: Why it is lost.
 */
struct vfio_user_channel {
	const struct vfio_user_owner *owner;
	void *arg;
	int fd;
	uint64_t timeout_ns;
	bool has_thread;
	char *buffer;
	size_t filled;
	char *answer;
	struct lock calls;
	struct lock sends;
	struct lock lock;
	struct vfio_user_call *call;
	uint16_t id;
	bool answered;
	bool closing;
	int err;
};

/**
 * vfio_user_channel_open() - Make a channel of a connected socket.
 * @channel: Set to the channel.
 * @owner: The functions of its owner.
 * @arg: A pointer for the owner, which finds it in the channel.
 * @fd: The socket, which vfio_user_channel_close() closes.
 * @timeout_ns: How long a reply may take.
 *
 * Return: 0; -ENOMEM, or another error of the socket (it is closed).
 */
int vfio_user_channel_open(struct vfio_user_channel *channel, const struct vfio_user_owner *owner,
			   void *arg, int fd, uint64_t timeout_ns);

/**
 * vfio_user_channel_close() - Free a channel. No thread may use it any more.
 * @channel: The channel.
 */
void vfio_user_channel_close(struct vfio_user_channel *channel);

/**
 * vfio_user_channel_run() - Receive messages until the connection is lost.
 * @arg: The channel. This is a function for sys_thread_start().
 *
 * Return: NULL.
 */
void *vfio_user_channel_run(void *arg);

/**
 * vfio_user_channel_call() - Send a command and wait for its reply.
 * @channel: The channel.
 * @call: The command. Its reply is filled in.
 *
 * Return: 0 (also for a reply with an error); -ENODEV (the connection is lost), -ETIMEDOUT (then it
 * is lost too), -EPROTO (the reply does not fit; then it is lost too).
 */
int vfio_user_channel_call(struct vfio_user_channel *channel, struct vfio_user_call *call);

/**
 * vfio_user_channel_place() - Find a place for the data of an answer.
 * @channel: The channel.
 * @received: The command that is executed.
 *
 * Return: room for VFIO_USER_DATA_MAX bytes, which is valid until the function of the owner returns.
 */
char *vfio_user_channel_place(const struct vfio_user_channel *channel,
			      const struct vfio_user_received *received);

/**
 * vfio_user_channel_reply() - Answer a command.
 * @channel: The channel.
 * @header: The header of the command.
 * @error: The errno of a failure; 0 for none. A failure has no payload.
 * @parts: The payload.
 * @part_count: The number of its parts, at most 2.
 *
 * Return: 0, also if the peer wants no reply; a negative error.
 */
int vfio_user_channel_reply(struct vfio_user_channel *channel,
			    const struct vfio_user_header *header, uint32_t error,
			    const struct iovec *parts, size_t part_count);

/**
 * vfio_user_channel_end() - End the connection. Threads that wait for it wake up.
 * @channel: The channel.
 */
void vfio_user_channel_end(struct vfio_user_channel *channel);

/**
 * vfio_user_channel_error() - Ask why a connection is lost.
 * @channel: The channel.
 *
 * Return: a negative error; 0 if it is not lost, or the owner ended it.
 */
int vfio_user_channel_error(struct vfio_user_channel *channel);

#endif
