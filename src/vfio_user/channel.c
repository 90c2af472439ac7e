// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Receives the messages of one socket of a vfio-user connection, and gives each to whom it is for.
 */
#include <errno.h>
#include <string.h>

#include "base/sys.h"
#include "base/sys_socket.h"
#include "vfio_user/channel.h"

/* A message of the largest size fits. */
#define BUFFER_BYTES (sizeof(struct vfio_user_header) + VFIO_USER_PAYLOAD_MAX)

static void unmap_buffers(struct vfio_user_channel *channel)
{
	sys_unmap_guarded(channel->answer, VFIO_USER_PAYLOAD_MAX);
	sys_unmap_guarded(channel->buffer, BUFFER_BYTES);
}

/* The kernel gives pages to the parts that are used, so a channel takes little memory. */
static int map_buffers(struct vfio_user_channel *channel)
{
	void *buffer, *answer;
	int err = sys_map_guarded(BUFFER_BYTES, &buffer);

	if (err)
		return err;
	channel->buffer = buffer;
	err = sys_map_guarded(VFIO_USER_PAYLOAD_MAX, &answer);
	if (err)
		return err;
	channel->answer = answer;
	return 0;
}

int vfio_user_channel_open(struct vfio_user_channel *channel, const struct vfio_user_owner *owner,
			   void *arg, int fd, uint64_t timeout_ns)
{
	int err = sys_let_receive_wait(fd, timeout_ns);

	*channel = (struct vfio_user_channel){
		.owner = owner, .arg = arg, .fd = fd, .timeout_ns = timeout_ns
	};
	if (!err)
		err = map_buffers(channel);
	if (err) {
		unmap_buffers(channel);
		sys_close_foreign(fd);
		return err;
	}
	lock_init(&channel->calls);
	lock_init(&channel->sends);
	lock_init(&channel->lock);
	return 0;
}

void vfio_user_channel_close(struct vfio_user_channel *channel)
{
	sys_close_foreign(channel->fd);
	lock_destroy(&channel->lock);
	lock_destroy(&channel->sends);
	lock_destroy(&channel->calls);
	unmap_buffers(channel);
}

/* --- Receive --- */

static int fill(struct vfio_user_channel *channel, size_t bytes, uint64_t deadline_ns)
{
	while (channel->filled < bytes) {
		char *to = channel->buffer + channel->filled;
		const size_t left = BUFFER_BYTES - channel->filled;
		/* A peer that sends a byte at a time must not move the deadline. */
		const bool at_once = !channel->filled || deadline_ns == UINT64_MAX;
		ssize_t n = at_once ? sys_receive_at_once(channel->fd, to, left, deadline_ns) :
				      sys_receive(channel->fd, to, left, deadline_ns);

		if (n < 0)
			return (int)n;
		channel->filled += (size_t)n;
	}
	return 0;
}

/* Receives a message to the start of the buffer. The next one may be behind it already. */
static int receive_buffered(struct vfio_user_channel *channel, struct vfio_user_header *header,
			    uint64_t deadline_ns)
{
	int err = fill(channel, sizeof(*header), deadline_ns);

	if (err)
		return err;
	memcpy(header, channel->buffer, sizeof(*header));
	if (header->bytes < sizeof(*header) || header->bytes > BUFFER_BYTES)
		return -EPROTO;
	return fill(channel, header->bytes, deadline_ns);
}

/* The message at the start of the buffer is not needed any more. */
static void drop_message(struct vfio_user_channel *channel, size_t bytes)
{
	channel->filled -= bytes;
	memmove(channel->buffer, channel->buffer + bytes, channel->filled);
}

/* A descriptor belongs to the message that it comes with, so nothing behind that is received. */
static int receive_with_fds(struct vfio_user_channel *channel, struct vfio_user_header *header,
			    struct vfio_user_fds *fds)
{
	int err = vfio_user_message_receive(channel->fd, header, channel->buffer + sizeof(*header),
					    VFIO_USER_PAYLOAD_MAX, fds, UINT64_MAX);

	channel->filled = err ? 0 : header->bytes;
	return err;
}

/* A reply that nobody waits for, or of another size, breaks the protocol. */
static int take_reply(struct vfio_user_channel *channel, const struct vfio_user_header *header,
		      const void *payload, size_t bytes)
{
	struct vfio_user_call *call;
	int err = -EPROTO;

	lock_take(&channel->lock);
	call = channel->call;
	if (call && !channel->answered && header->id == channel->id &&
	    header->command == call->command && bytes <= call->answer_max) {
		if (bytes)
			memcpy(call->answer, payload, bytes);
		call->answer_bytes = bytes;
		call->error = header->flags & VFIO_USER_FLAG_ERROR ? header->error : 0;
		/* A failure without a number is one all the same. */
		if (header->flags & VFIO_USER_FLAG_ERROR && !call->error)
			call->error = EIO;
		channel->answered = true;
		lock_wake(&channel->lock);
		err = 0;
	}
	lock_drop(&channel->lock);
	return err;
}

static int handle(struct vfio_user_channel *channel, struct vfio_user_received *received)
{
	const uint32_t type = received->header.flags & VFIO_USER_FLAG_TYPE;

	if (type == VFIO_USER_FLAG_REPLY)
		return take_reply(channel, &received->header, received->payload, received->bytes);
	return type ? -EPROTO : channel->owner->command(channel, received);
}

static int receive_one(struct vfio_user_channel *channel)
{
	struct vfio_user_received received = { .payload =
						       channel->buffer + sizeof(received.header) };
	struct vfio_user_header *header = &received.header;
	int err = channel->owner->takes_fds ? receive_with_fds(channel, header, &received.fds) :
					      receive_buffered(channel, header, UINT64_MAX);

	if (!err) {
		received.bytes = header->bytes - sizeof(*header);
		err = handle(channel, &received);
	}
	vfio_user_fds_close(&received.fds);
	if (!err)
		drop_message(channel, header->bytes);
	return err;
}

static void end_with(struct vfio_user_channel *channel, int err)
{
	lock_take(&channel->lock);
	if (!channel->closing)
		channel->err = err;
	channel->closing = true;
	lock_wake(&channel->lock);
	lock_drop(&channel->lock);
	/* This also wakes the thread of the channel. */
	sys_shutdown(channel->fd);
}

int vfio_user_channel_error(struct vfio_user_channel *channel)
{
	int err;

	lock_take(&channel->lock);
	err = channel->err;
	lock_drop(&channel->lock);
	return err;
}

void *vfio_user_channel_run(void *arg)
{
	struct vfio_user_channel *channel = arg;
	int err;

	do
		err = receive_one(channel);
	while (!err);
	end_with(channel, err);
	channel->owner->lost(channel);
	return NULL;
}

void vfio_user_channel_end(struct vfio_user_channel *channel)
{
	end_with(channel, 0);
}

/* --- Send --- */

static int send_message(struct vfio_user_channel *channel, struct vfio_user_header *header,
			const struct iovec *parts, size_t part_count, const int *fds, size_t count)
{
	int err;

	lock_take(&channel->sends);
	err = vfio_user_message_send(channel->fd, header, parts, part_count, fds, count,
				     sys_deadline_ns(channel->timeout_ns));
	lock_drop(&channel->sends);
	return err;
}

char *vfio_user_channel_place(const struct vfio_user_channel *channel,
			      const struct vfio_user_received *received)
{
	/*
	 * Behind the command, the answer uses fewer pages than in a place of its own. In a VM the first
	 * access to a page after a switch of processes takes up to 2 us. But the next command may be there.
	 */
	if (channel->filled > received->header.bytes)
		return channel->answer;
	return (char *)received->payload + sizeof(struct vfio_user_dma);
}

int vfio_user_channel_reply(struct vfio_user_channel *channel,
			    const struct vfio_user_header *header, uint32_t error,
			    const struct iovec *parts, size_t part_count)
{
	struct vfio_user_header reply = {
		.id = header->id,
		.command = header->command,
		.flags = VFIO_USER_FLAG_REPLY | (error ? VFIO_USER_FLAG_ERROR : 0),
		.error = error,
	};

	if (header->flags & VFIO_USER_FLAG_NO_REPLY)
		return 0;
	/* libvfio-user takes a payload behind an error for the next message. */
	return send_message(channel, &reply, parts, error ? 0 : part_count, NULL, 0);
}

static int begin_call(struct vfio_user_channel *channel, struct vfio_user_call *call,
		      struct vfio_user_header *header)
{
	int err = 0;

	lock_take(&channel->lock);
	if (channel->closing) {
		err = -ENODEV;
	} else {
		*header = (struct vfio_user_header){ .id = ++channel->id,
						     .command = (uint16_t)call->command };
		channel->call = call;
		channel->answered = false;
	}
	lock_drop(&channel->lock);
	return err;
}

/*
 * No thread reads this socket, so the caller does. The peer may send nothing behind the answer: it
 * would be a command, or a second answer.
 */
static int read_answer(struct vfio_user_channel *channel, uint64_t deadline_ns)
{
	struct vfio_user_header header;
	int err = receive_buffered(channel, &header, deadline_ns);

	if (!err && ((header.flags & VFIO_USER_FLAG_TYPE) != VFIO_USER_FLAG_REPLY ||
		     channel->filled != header.bytes))
		err = -EPROTO;
	if (err)
		return err;
	channel->filled = 0;
	return take_reply(channel, &header, channel->buffer + sizeof(header),
			  header.bytes - sizeof(header));
}

static int wait_for_answer(struct vfio_user_channel *channel, int err)
{
	const uint64_t deadline_ns = sys_deadline_ns(channel->timeout_ns);

	if (!err && !channel->has_thread)
		err = read_answer(channel, deadline_ns);
	lock_take(&channel->lock);
	while (!err && !channel->answered) {
		if (channel->closing)
			err = channel->err == -EPROTO ? -EPROTO : -ENODEV;
		else if (sys_now_ns() >= deadline_ns)
			err = -ETIMEDOUT;
		else
			lock_wait(&channel->lock, deadline_ns);
	}
	/* From here on the thread of the channel does not touch the call. */
	channel->call = NULL;
	lock_drop(&channel->lock);
	return err;
}

int vfio_user_channel_call(struct vfio_user_channel *channel, struct vfio_user_call *call)
{
	struct vfio_user_header header;
	int err;

	lock_take(&channel->calls);
	err = begin_call(channel, call, &header);
	if (!err) {
		err = send_message(channel, &header, call->parts, call->part_count, call->fds,
				   call->fd_count);
		err = wait_for_answer(channel, err);
		/* A reply that comes late must not be taken for another. */
		if (err)
			end_with(channel, err);
	}
	lock_drop(&channel->calls);
	return err == -EPIPE || err == -ECONNRESET ? -ENODEV : err;
}
