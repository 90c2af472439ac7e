/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A peer of vhost-user in a process of its own. It does what the test tells it, right or wrong.
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "../../src/vhost_user/message.h"
#include "../scratch.h"

enum misdeed {
	NOTHING,
	HANG_UP, /* Hangs up instead of answering. */
	HANG_UP_AFTER, /* Answers and hangs up at once. */
	SILENCE, /* Does not answer, and says that the time is up. */
	LATE, /* The same, but answers after the library has given up. */
	GARBAGE,
	HALF, /* Sends half of the answer, then hangs up. */
	ANOTHER_REQUEST,
	NOT_A_REPLY, /* Sends an answer without the flag of a reply. */
	TOO_LONG,
	TOO_SHORT,
	TWICE,
	ANOTHER_VERSION,
	EXTRA_FDS, /* Sends descriptors with the answer. If the kernel refuses that, it hangs up. */
	REFUSAL,
	MISDEEDS
};

/* The descriptors that the peer shares with the library. */
enum peer_fd { PEER_SOCKET, PEER_KICK, PEER_CALL, PEER_MEMORY };

/**
 * struct peer_script - The peer's behaviour and what it saw. Both processes share it.
 * @features: The features of the device.
 * @protocol: The protocol features.
 * @queues: The number of queues.
 * @slots: The number of regions of memory that the peer can have.
 * @misdeed: The way in which the peer misbehaves.
 * @request: The request at which it does so.
 * @bytes: The size of the payload of an answer that is too long.
 * @nth: Which request of that kind, from 1 on; 0 for each.
 * @meddles: The peer tries to shorten all memory that it gets and punches holes into it. It
 *	writes to the memory after it was told to forget it.
 * @shortened: The peer could shorten memory.
 * @attack: If it is not NULL, the peer calls it with each descriptor that it gets, and then does
 *	what the message asks for. The peer is a copy of the test's process, so it has the function.
 * @time_is_up: The timeout of the library ends. In the tests no time passes before that.
 * @kicked: An eventfd that the peer got was signalled already.
 * @connections: The number of connections that the peer accepted.
 * @seen: How often each request came.
 * @last: The last message of each request.
 * @fds: The number of descriptors that came with that message.
 */
struct peer_script {
	uint64_t features;
	uint64_t protocol;
	uint64_t queues;
	uint64_t slots;
	enum misdeed misdeed;
	enum vhost_user_request request;
	uint32_t bytes;
	unsigned int nth;
	bool meddles;
	bool shortened;
	void (*attack)(int fd, enum peer_fd kind);
	bool time_is_up;
	bool kicked;
	unsigned int connections;
	unsigned int seen[64];
	struct vhost_user_message last[64];
	unsigned int fds[64];
};

/**
 * struct peer - The process of the peer.
 * @script: Its script. The test may change it while the peer runs.
 * @pid: The process.
 * @path: The path of its socket.
 */
struct peer {
	struct peer_script *script;
	pid_t pid;
	char path[SCRATCH_MAX + 8];
};

#define PEER_FEATURES (UINT64_C(1) << 32 | VHOST_USER_F_PROTOCOL_FEATURES | 1 << 9 | 1 << 6)
#define PEER_PROTOCOL                                                 \
	(VHOST_USER_PROTOCOL_F_MQ | VHOST_USER_PROTOCOL_F_REPLY_ACK | \
	 VHOST_USER_PROTOCOL_F_CONFIG | VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS)

/* Starts a peer without misdeeds. Its configuration space has 60 bytes and 1000 sectors. */
void peer_start(struct peer *peer);

/* Starts such a peer on a connected socket, without a path. */
void peer_start_at(struct peer *peer, int connection);

/* Ends the process. */
void peer_end(struct peer *peer);

#endif
