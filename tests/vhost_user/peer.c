// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peer.h"

#define CONFIG_BYTES 60
#define REGIONS_MAX 64

/* Memory that the library gave to the peer. */
struct region {
	uint64_t address;
	uint64_t bytes;
	char *va;
};

static struct peer_script *script;
static struct region regions[REGIONS_MAX];

/* --- Messages --- */

static bool receive_all(int fd, void *to, size_t bytes)
{
	return !bytes || recv(fd, to, bytes, MSG_WAITALL) == (ssize_t)bytes;
}

/* Returns the number of descriptors that came with a message; -1 at the end of the connection. */
static int receive(int fd, struct vhost_user_message *message, int fds[8])
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(8 * sizeof(int))];
	} control;
	struct iovec part = { message, VHOST_USER_HEADER_BYTES };
	struct msghdr all = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	const struct cmsghdr *header;
	int count = 0;

	if (recvmsg(fd, &all, MSG_WAITALL | MSG_CMSG_CLOEXEC) != (ssize_t)VHOST_USER_HEADER_BYTES)
		return -1;
	header = CMSG_FIRSTHDR(&all);
	if (header) {
		count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(header), (size_t)count * sizeof(int));
	}
	if (!receive_all(fd, (char *)message + VHOST_USER_HEADER_BYTES, message->bytes))
		return -1;
	return count;
}

static void send_bytes(int fd, const void *from, size_t bytes)
{
	if (send(fd, from, bytes, MSG_NOSIGNAL) < 0)
		return;
}

static bool send_with_fds(int fd, struct vhost_user_message *message)
{
	int fds[2] = { STDIN_FILENO, STDIN_FILENO };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(fds))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(fds)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct iovec part = { message, VHOST_USER_HEADER_BYTES + message->bytes };
	const struct msghdr all = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	return sendmsg(fd, &all, MSG_NOSIGNAL) >= 0;
}

/* Sends all that it announces. */
static void send_too_long(int fd, struct vhost_user_message *message)
{
	char sent[4096] = "";

	message->bytes = script->bytes;
	memcpy(sent, message, VHOST_USER_HEADER_BYTES);
	send_bytes(fd, sent, VHOST_USER_HEADER_BYTES + message->bytes);
}

/* Sends an answer. Returns whether the connection goes on. */
static bool answer(int fd, struct vhost_user_message *message, enum misdeed misdeed)
{
	const size_t bytes = VHOST_USER_HEADER_BYTES + message->bytes;
	struct pollfd hung_up = { .fd = fd, .events = POLLRDHUP };
	char garbage[64];

	message->flags = VHOST_USER_FLAG_VERSION | VHOST_USER_FLAG_REPLY;
	switch (misdeed) {
	case SILENCE:
		script->time_is_up = true;
		return true;
	case HANG_UP:
		return false;
	case LATE:
		script->time_is_up = true;
		poll(&hung_up, 1, -1);
		break;
	case GARBAGE:
		memset(garbage, 0x5c, sizeof(garbage));
		send_bytes(fd, garbage, sizeof(garbage));
		return true;
	case HALF:
		send_bytes(fd, message, bytes / 2);
		return false;
	case ANOTHER_REQUEST:
		message->request++;
		break;
	case NOT_A_REPLY:
		message->flags = VHOST_USER_FLAG_VERSION;
		break;
	case ANOTHER_VERSION:
		message->flags |= 2;
		break;
	case TOO_LONG:
		send_too_long(fd, message);
		return true;
	case TOO_SHORT:
		message->bytes = 4;
		send_bytes(fd, message, VHOST_USER_HEADER_BYTES + 4);
		return true;
	case TWICE:
		send_bytes(fd, message, bytes);
		break;
	case EXTRA_FDS:
		return send_with_fds(fd, message);
	default:
		break;
	}
	send_bytes(fd, message, bytes);
	return misdeed != HANG_UP_AFTER;
}

/* --- Memory --- */

static void add_region(const struct vhost_user_region *region, int fd)
{
	struct region *at = regions;

	while (at->bytes)
		at++;
	at->address = region->address;
	at->bytes = region->bytes;
	at->va = mmap(NULL, region->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at->va == MAP_FAILED)
		_exit(3);
	if (!script->meddles)
		return;
	if (!ftruncate(fd, 0) || !ftruncate(fd, (off_t)(2 * region->bytes)))
		script->shortened = true;
	if (!fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) || errno != EPERM)
		script->shortened = true;
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)region->bytes))
		_exit(4);
}

static void remove_region(const struct vhost_user_region *region)
{
	for (struct region *at = regions; at < regions + REGIONS_MAX; at++) {
		if (!at->bytes || at->address != region->address)
			continue;
		if (script->meddles)
			memset(at->va, 0xee, at->bytes);
		at->bytes = 0;
	}
}

static void set_table(const struct vhost_user_message *message, const int *fds)
{
	memset(regions, 0, sizeof(regions));
	for (uint32_t i = 0; i < message->table.count; i++) {
		const struct vhost_user_region region = message->table.regions[i];

		add_region(&region, fds[i]);
	}
}

/* --- The conversation --- */

static bool answer_number(struct vhost_user_message *message, uint64_t value)
{
	message->u64 = value;
	message->bytes = sizeof(message->u64);
	return true;
}

static bool answer_config(struct vhost_user_message *message)
{
	if (message->config.bytes > CONFIG_BYTES) {
		message->bytes = 0;
		return true;
	}
	memset(message->config.data, 0, message->config.bytes);
	message->config.data[0] = 1000 & 0xff;
	if (message->config.bytes > 1)
		message->config.data[1] = 1000 >> 8;
	return true;
}

static void attack(int fd, enum peer_fd kind)
{
	if (script->attack)
		script->attack(fd, kind);
}

static void look_at_eventfd(int fd, enum peer_fd kind)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	script->kicked |= poll(&poll_fd, 1, 0) == 1;
	attack(fd, kind);
}

/* Does what a message asks for. Returns whether the peer must answer it. */
static bool serve(struct vhost_user_message *message, const int *fds, bool refuse)
{
	const bool ack = message->flags & VHOST_USER_FLAG_NEED_REPLY;
	struct vhost_user_region region;

	switch (message->request) {
	case VHOST_USER_GET_FEATURES:
		return answer_number(message, script->features);
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		return answer_number(message, script->protocol);
	case VHOST_USER_GET_QUEUE_NUM:
		return answer_number(message, script->queues);
	case VHOST_USER_GET_MAX_MEM_SLOTS:
		return answer_number(message, script->slots);
	case VHOST_USER_GET_CONFIG:
		return answer_config(message);
	case VHOST_USER_ADD_MEM_REG:
		memcpy(&region, (char *)message + VHOST_USER_HEADER_BYTES + 8, sizeof(region));
		add_region(&region, fds[0]);
		attack(fds[0], PEER_MEMORY);
		break;
	case VHOST_USER_REM_MEM_REG:
		memcpy(&region, (char *)message + VHOST_USER_HEADER_BYTES + 8, sizeof(region));
		remove_region(&region);
		break;
	case VHOST_USER_SET_MEM_TABLE:
		set_table(message, fds);
		break;
	case VHOST_USER_SET_VRING_KICK:
		look_at_eventfd(fds[0], PEER_KICK);
		break;
	case VHOST_USER_SET_VRING_CALL:
		look_at_eventfd(fds[0], PEER_CALL);
		break;
	}
	return ack && answer_number(message, refuse);
}

static bool is_wrong_here(uint32_t request)
{
	return script->misdeed && request == script->request &&
	       (!script->nth || script->seen[request] == script->nth);
}

static void converse(int fd)
{
	struct vhost_user_message message;
	bool goes_on = true;
	int fds[8], count;

	memset(regions, 0, sizeof(regions));
	attack(fd, PEER_SOCKET);
	while (goes_on && (count = receive(fd, &message, fds)) >= 0) {
		const uint32_t request = message.request;
		enum misdeed misdeed = NOTHING;

		script->last[request % 64] = message;
		script->fds[request % 64] = (unsigned int)count;
		script->seen[request % 64]++;
		if (is_wrong_here(request % 64))
			misdeed = script->misdeed;
		if (serve(&message, fds, misdeed == REFUSAL))
			goes_on = answer(fd, &message, misdeed);
		else if (misdeed == HANG_UP || misdeed == HANG_UP_AFTER)
			goes_on = false;
		while (count-- > 0)
			close(fds[count]);
	}
	close(fd);
}

/* --- The process --- */

static void fork_peer(struct peer *peer, int listening, int connection)
{
	peer->script = mmap(NULL, sizeof(*peer->script), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (peer->script == MAP_FAILED)
		abort();
	*peer->script = (struct peer_script){
		.features = PEER_FEATURES,
		.protocol = PEER_PROTOCOL,
		.queues = 1,
		.slots = 32,
		.bytes = 2 * sizeof(struct vhost_user_message),
	};
	peer->pid = fork();
	if (peer->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	script = peer->script;
	if (connection >= 0)
		converse(connection);
	for (;;) {
		int fd = listening >= 0 ? accept4(listening, NULL, NULL, SOCK_CLOEXEC) : -1;

		if (fd < 0)
			_exit(0);
		script->connections++;
		converse(fd);
	}
}

void peer_start(struct peer *peer)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!mkdtemp(scratch(peer->path, "test-peer-XXXXXX")))
		abort();
	strcat(peer->path, "/socket");
	strcpy(address.sun_path, peer->path);
	if (fd < 0 || bind(fd, (void *)&address, sizeof(address)) || listen(fd, 4))
		abort();
	fork_peer(peer, fd, -1);
	close(fd);
}

void peer_start_at(struct peer *peer, int connection)
{
	peer->path[0] = '\0';
	fork_peer(peer, -1, connection);
	close(connection);
}

void peer_end(struct peer *peer)
{
	kill(peer->pid, SIGKILL);
	waitpid(peer->pid, NULL, 0);
	munmap(peer->script, sizeof(*peer->script));
	if (!peer->path[0])
		return;
	unlink(peer->path);
	*strrchr(peer->path, '/') = '\0';
	rmdir(peer->path);
}
