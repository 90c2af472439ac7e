// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The conversation with a vhost-user peer: the connection, the negotiation of features, questions
 * and answers.
 *
 * INVARIANT: all answers to a message are read before the next message is sent. The library hangs
 * up on a peer that breaks the protocol or is late, because it could otherwise take an old answer
 * for a new one. The lock of struct vhost_user is held throughout.
 */
#include <linux/virtio_config.h>
#include <string.h>

#include "base/sys.h"
#include "base/sys_socket.h"
#include "vhost_user/peer.h"

/* A peer that takes only whole tables has this many slots. */
#define SLOTS_OF_A_TABLE VHOST_USER_REGIONS_MAX
/* A peer that cannot tell the number of its queues has one pair. */
#define QUEUES_UNKNOWN 2
/* The library reads only answers, so it leaves out features by which a peer asks questions. */
#define PROTOCOL_FEATURES                                             \
	(VHOST_USER_PROTOCOL_F_MQ | VHOST_USER_PROTOCOL_F_REPLY_ACK | \
	 VHOST_USER_PROTOCOL_F_CONFIG | VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS)

static const char *const requests[] = {
	[VHOST_USER_GET_FEATURES] = "GET_FEATURES",
	[VHOST_USER_SET_FEATURES] = "SET_FEATURES",
	[VHOST_USER_SET_OWNER] = "SET_OWNER",
	[VHOST_USER_SET_MEM_TABLE] = "SET_MEM_TABLE",
	[VHOST_USER_SET_VRING_NUM] = "SET_VRING_NUM",
	[VHOST_USER_SET_VRING_ADDR] = "SET_VRING_ADDR",
	[VHOST_USER_SET_VRING_BASE] = "SET_VRING_BASE",
	[VHOST_USER_SET_VRING_KICK] = "SET_VRING_KICK",
	[VHOST_USER_SET_VRING_CALL] = "SET_VRING_CALL",
	[VHOST_USER_GET_PROTOCOL_FEATURES] = "GET_PROTOCOL_FEATURES",
	[VHOST_USER_SET_PROTOCOL_FEATURES] = "SET_PROTOCOL_FEATURES",
	[VHOST_USER_GET_QUEUE_NUM] = "GET_QUEUE_NUM",
	[VHOST_USER_SET_VRING_ENABLE] = "SET_VRING_ENABLE",
	[VHOST_USER_GET_CONFIG] = "GET_CONFIG",
	[VHOST_USER_SET_CONFIG] = "SET_CONFIG",
	[VHOST_USER_GET_MAX_MEM_SLOTS] = "GET_MAX_MEM_SLOTS",
	[VHOST_USER_ADD_MEM_REG] = "ADD_MEM_REG",
	[VHOST_USER_REM_MEM_REG] = "REM_MEM_REG",
};

/* --- The conversation --- */

static uint64_t deadline_of(const struct vhost_user *vhost)
{
	return sys_deadline_ns(vhost->keys.timeout_ms * SYS_NS_PER_MS);
}

/*
 * The shutdown ends the connection even if a forked child has the descriptor. The queue of the socket
 * may have descriptors of the peer, from before the library refused them.
 */
void vhost_user_peer_hang_up_locked(struct vhost_user *vhost)
{
	if (!vhost->connected)
		return;
	vhost->connected = false;
	sys_empty_socket(vhost->fd);
	sys_become(vhost->fd, vhost->hung_up);
}

/* A thread that waits for an answer holds the other lock. The number of @fd never changes. */
void vhost_user_peer_wake(struct vhost_user *vhost)
{
	lock_take(&vhost->wake);
	atomic_store_explicit(&vhost->closed, true, memory_order_relaxed);
	sys_shutdown(vhost->fd);
	lock_drop(&vhost->wake);
}

/*
 * Hang up after an error, so that no late message of the peer can be taken for an answer to another
 * question. Returns the error for the caller of the library.
 */
static int lose_peer_locked(struct vhost_user *vhost, const char *when, int err)
	NEEDS_LOCK(vhost->lock)
{
	const struct coherent_device *dev = vhost->backend.dev;
	const char *why = "the peer hung up", *hint = "", *remedy = "";

	if (err == -ETIMEDOUT) {
		why = "the peer did not answer in time";
	} else if (err == -EPROTO) {
		why = "the peer sent a malformed reply";
	} else if (vhost->registers.status & VIRTIO_CONFIG_S_DRIVER_OK) {
		hint = ": a peer hangs up on an address that is not exposed, and when its process "
		       "ends";
		remedy = peer_socket_remedy(&vhost->socket);
	}
	/* A close ends the connection itself. */
	if (!vhost_user_is_closed(vhost))
		report(&dev->reporter, COHERENT_ERROR, "%s: %s (%s)%s%s", dev->name, why, when,
		       hint, remedy);
	vhost_user_peer_hang_up_locked(vhost);
	if (err == -EPROTO)
		return -EIO;
	return err == -ETIMEDOUT ? err : -ENODEV;
}

bool vhost_user_peer_is_there_locked(struct vhost_user *vhost)
{
	if (!vhost->connected)
		return false;
	/* The deadline is past, so this looks at the socket and does not wait. */
	if (sys_wait_socket(vhost->fd, POLLRDHUP, 0))
		return true;
	lose_peer_locked(vhost, "between two messages", -EPIPE);
	return false;
}

/* This sends both messages before an answer is read, which saves a second round trip. */
int vhost_user_peer_send_locked(struct vhost_user *vhost, const struct vhost_user_message *message,
				const int *fds, size_t count, bool checked,
				struct vhost_user_answers *answers)
{
	const bool acked = vhost->protocol & VHOST_USER_PROTOCOL_F_REPLY_ACK;
	struct vhost_user_message both[2];

	*answers =
		(struct vhost_user_answers){ .fd = vhost->fd, .deadline_ns = deadline_of(vhost) };
	both[0] = *message;
	/* vhost-user.rst allows this flag only if both sides have REPLY_ACK. */
	both[0].flags = acked ? VHOST_USER_FLAG_NEED_REPLY : 0;
	/*
	 * libvhost-user acknowledges a message before it acts on it, and hangs up if that fails.
	 * Its answer to the second message shows that it did not fail.
	 */
	both[1] = (struct vhost_user_message){ .request = VHOST_USER_GET_FEATURES };
	return vhost_user_message_send(vhost->fd, both, checked ? 2 : 1, fds, count,
				       answers->deadline_ns);
}

static int read_answers_locked(struct vhost_user *vhost, enum vhost_user_request request,
			       bool checked, struct vhost_user_answers *answers, bool *refused)
	NEEDS_LOCK(vhost->lock)
{
	struct vhost_user_message answer = { .u64 = 0 };
	int err = 0;

	if (vhost->protocol & VHOST_USER_PROTOCOL_F_REPLY_ACK) {
		err = vhost_user_message_receive(answers, request, &answer, 8, 8);
		/* vhost-user.rst: an acknowledgement other than 0 is a failure. */
		*refused = !err && answer.u64;
	}
	if (!err && checked)
		err = vhost_user_message_receive(answers, VHOST_USER_GET_FEATURES, &answer, 8, 8);
	return !err && answers->bytes ? -EPROTO : err;
}

int vhost_user_peer_answer_locked(struct vhost_user *vhost, enum vhost_user_request request,
				  bool checked, struct vhost_user_answers *answers, int err)
{
	const struct coherent_device *dev = vhost->backend.dev;
	bool refused = false;

	if (!err)
		err = read_answers_locked(vhost, request, checked, answers, &refused);
	if (err)
		return lose_peer_locked(vhost, requests[request], err);
	if (!refused)
		return 0;
	/* A refusal is an answer too, so the conversation goes on. */
	report(&dev->reporter, COHERENT_ERROR, "%s: the peer refused %s", dev->name,
	       requests[request]);
	return -EIO;
}

int vhost_user_peer_set_locked(struct vhost_user *vhost, const struct vhost_user_message *message,
			       const int *fds, size_t count, bool checked)
{
	struct vhost_user_answers answers;
	int err;

	if (!vhost->connected)
		return -ENODEV;
	err = vhost_user_peer_send_locked(vhost, message, fds, count, checked, &answers);
	return vhost_user_peer_answer_locked(vhost, message->request, checked, &answers, err);
}

static int report_missing(const struct vhost_user *vhost, const char *feature)
{
	const struct coherent_device *dev = vhost->backend.dev;

	report(&dev->reporter, COHERENT_ERROR, "%s: the peer lacks %s", dev->name, feature);
	return -EOPNOTSUPP;
}

/* The answer takes the place of the question in @message. */
static int ask_locked(struct vhost_user *vhost, struct vhost_user_message *message, size_t min,
		      size_t max) NEEDS_LOCK(vhost->lock)
{
	struct vhost_user_answers answers = { .fd = vhost->fd, .deadline_ns = deadline_of(vhost) };
	const enum vhost_user_request request = message->request;
	int err = vhost_user_message_send(vhost->fd, message, 1, NULL, 0, answers.deadline_ns);

	if (!err)
		err = vhost_user_message_receive(&answers, request, message, min, max);
	/*
	 * vhost-user.rst: the payload of an answer to GET_CONFIG has the size that was asked for,
	 * or is empty after an error.
	 */
	if (!err && (answers.bytes || (message->bytes != min && message->bytes != max)))
		err = -EPROTO;
	return err ? lose_peer_locked(vhost, requests[request], err) : 0;
}

static int get_u64_locked(struct vhost_user *vhost, enum vhost_user_request request,
			  uint64_t *value) NEEDS_LOCK(vhost->lock)
{
	struct vhost_user_message message = { .request = request };
	int err = ask_locked(vhost, &message, 8, 8);

	if (!err)
		*value = message.u64;
	return err;
}

static int set_u64_locked(struct vhost_user *vhost, enum vhost_user_request request, uint64_t value)
	NEEDS_LOCK(vhost->lock)
{
	struct vhost_user_message message = {
		.request = request,
		.bytes = sizeof(message.u64),
		.u64 = value,
	};

	return vhost_user_peer_set_locked(vhost, &message, NULL, 0, false);
}

int vhost_user_peer_get_config_locked(struct vhost_user *vhost, uint8_t *config, uint32_t bytes)
{
	const uint32_t all = (uint32_t)offsetof(struct vhost_user_message, config.data) -
			     (uint32_t)VHOST_USER_HEADER_BYTES + bytes;
	struct vhost_user_message message = {
		.request = VHOST_USER_GET_CONFIG,
		.bytes = all,
		.config = { .bytes = bytes },
	};
	int err;

	if (!(vhost->protocol & VHOST_USER_PROTOCOL_F_CONFIG))
		return report_missing(
			vhost, "VHOST_USER_PROTOCOL_F_CONFIG, so its configuration reads as ones");
	/* A peer with less configuration than that sends an empty answer. */
	err = ask_locked(vhost, &message, 0, all);
	if (!err && !message.bytes)
		err = -EIO;
	if (!err)
		memcpy(config, message.config.data, bytes);
	return err;
}

int vhost_user_peer_set_call_locked(struct vhost_user *vhost, uint32_t queue)
{
	const int fd = vhost->call_fd < 0 ? vhost->ignored_fd : vhost->call_fd;
	struct vhost_user_message message = {
		.request = VHOST_USER_SET_VRING_CALL,
		.bytes = sizeof(message.u64),
		.u64 = queue,
	};

	return vhost_user_peer_set_locked(vhost, &message, &fd, 1, false);
}

/* --- The connection --- */

static int open_connection_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock)
{
	int fd = vhost_user_is_closed(vhost) ? -ENODEV : peer_socket_connect(&vhost->socket);

	if (fd < 0)
		return fd;
	sys_refuse_descriptors(fd);
	lock_take(&vhost->wake);
	sys_become(vhost->fd, fd);
	/* The close has shut down what @fd was before, so the first message must fail. */
	if (vhost_user_is_closed(vhost))
		sys_shutdown(vhost->fd);
	lock_drop(&vhost->wake);
	sys_close(fd);
	vhost->connected = true;
	return 0;
}

static int read_features_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock)
{
	int err;

	vhost->protocol = 0;
	err = get_u64_locked(vhost, VHOST_USER_GET_FEATURES, &vhost->features);
	if (err)
		return err;
	if (!(vhost->features & UINT64_C(1) << VIRTIO_F_VERSION_1))
		return report_missing(vhost, "VIRTIO_F_VERSION_1");
	if (!(vhost->features & VHOST_USER_F_PROTOCOL_FEATURES))
		return report_missing(vhost, "VHOST_USER_F_PROTOCOL_FEATURES");
	return get_u64_locked(vhost, VHOST_USER_GET_PROTOCOL_FEATURES, &vhost->protocol);
}

static int negotiate_protocol_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock)
{
	uint64_t both;
	int err = read_features_locked(vhost);

	both = vhost->protocol & PROTOCOL_FEATURES;
	/*
	 * Until the peer has this message, none may ask for an acknowledgement, so the features
	 * count only afterwards.
	 */
	vhost->protocol = 0;
	if (vhost->keys.table)
		both &= ~VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS;
	if (!err)
		err = set_u64_locked(vhost, VHOST_USER_SET_PROTOCOL_FEATURES, both);
	if (err)
		return err;
	vhost->protocol = both;
	return vhost_user_peer_set_locked(
		vhost, &(struct vhost_user_message){ .request = VHOST_USER_SET_OWNER }, NULL, 0,
		false);
}

static int report_none(const struct vhost_user *vhost, const char *of)
{
	const struct coherent_device *dev = vhost->backend.dev;

	report(&dev->reporter, COHERENT_ERROR, "%s: the peer offers 0 %s", dev->name, of);
	return -EOPNOTSUPP;
}

static int read_sizes_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock)
{
	const bool has_slots = vhost->protocol & VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS;
	uint64_t queues = QUEUES_UNKNOWN, slots = SLOTS_OF_A_TABLE;
	int err = 0;

	if (vhost->protocol & VHOST_USER_PROTOCOL_F_MQ)
		err = get_u64_locked(vhost, VHOST_USER_GET_QUEUE_NUM, &queues);
	if (!err && has_slots)
		err = get_u64_locked(vhost, VHOST_USER_GET_MAX_MEM_SLOTS, &slots);
	if (!err && !queues)
		return report_none(vhost, "queues, and a device needs one");
	if (!err && !slots)
		return report_none(vhost, "memory slots; add the key table to the name, which "
					  "sends whole tables instead");
	if (err)
		return err;
	if (!vhost->memory.regions)
		vhost->has_slots = has_slots;
	/* The library does not trust these numbers: a peer may say UINT64_MAX. */
	vhost->queue_count = queues < VHOST_USER_QUEUES_MAX ? (unsigned int)queues :
							      VHOST_USER_QUEUES_MAX;
	err = peer_memory_connect_locked(&vhost->memory, slots);
	if (err == -ENOSPC || (!err && has_slots != vhost->has_slots))
		return report_missing(vhost, "the memory slots that it had");
	return err;
}

int vhost_user_peer_connect_locked(struct vhost_user *vhost)
{
	int err = open_connection_locked(vhost);

	if (!err)
		err = negotiate_protocol_locked(vhost);
	if (!err)
		err = read_sizes_locked(vhost);
	if (err)
		vhost_user_peer_hang_up_locked(vhost);
	return err;
}
