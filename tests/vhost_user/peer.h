/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A peer of vhost-user that does as it is told, right or wrong, in a process of its own.
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "../../src/vhost_user/message.h"

enum misdeed {
	NOTHING,
	HANG_UP, /* instead of an answer */
	HANG_UP_AFTER, /* right behind it */
	SILENCE,
	LATE, /* after whoever asked has given up */
	GARBAGE,
	HALF, /* of the answer, then hang up */
	ANOTHER_REQUEST,
	NO_ANSWER, /* the flag that says that it is one is missing */
	TOO_LONG,
	TOO_SHORT,
	TWICE,
	ANOTHER_VERSION,
	EXTRA_FDS,
	REFUSAL,
	MISDEEDS
};

/**
 * struct peer_script - What it is like and what it saw; both processes have it.
 * @features: Of the device.
 * @protocol: Protocol features.
 * @queues: How many.
 * @slots: How many regions of memory.
 * @misdeed: What it does wrong.
 * @request: At which request.
 * @nth: At the how manieth, from 1 on; 0 for each.
 * @meddles: It tries to shorten and does punch holes into all memory that it gets, and
 *	writes to it once it was told to forget it.
 * @shortened: It could.
 * @blocks: It makes the eventfds that it gets ones that wait.
 * @kicked: One that it got was signalled already.
 * @connections: That it accepted.
 * @seen: How often each request came.
 * @last: The last of each.
 * @fds: How many descriptors came with that.
 */
struct peer_script {
	uint64_t features;
	uint64_t protocol;
	uint64_t queues;
	uint64_t slots;
	enum misdeed misdeed;
	enum vhost_user_request request;
	unsigned int nth;
	bool meddles;
	bool shortened;
	bool blocks;
	bool kicked;
	unsigned int connections;
	unsigned int seen[64];
	struct vhost_user_message last[64];
	unsigned int fds[64];
};

/**
 * struct peer - The process.
 * @script: May be changed while it runs.
 * @pid: It.
 * @path: Its socket.
 */
struct peer {
	struct peer_script *script;
	pid_t pid;
	char path[64];
};

#define PEER_FEATURES (UINT64_C(1) << 32 | VHOST_USER_F_PROTOCOL_FEATURES | 1 << 9 | 1 << 6)
#define PEER_PROTOCOL                                                 \
	(VHOST_USER_PROTOCOL_F_MQ | VHOST_USER_PROTOCOL_F_REPLY_ACK | \
	 VHOST_USER_PROTOCOL_F_CONFIG | VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS)

/* Starts one that does all right. Its configuration space is 60 bytes, of 1000 sectors. */
void peer_start(struct peer *peer);

/* The same, of what is connected already; @path is not used. */
void peer_start_at(struct peer *peer, int connection);

/* Ends it. */
void peer_end(struct peer *peer);

#endif
