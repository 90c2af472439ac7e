// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The conversation with a vfio-user peer: the connection, the version, questions and answers.
 *
 * With one socket for both directions, some peers take a question that comes at the wrong moment for
 * the answer to their own. So the library asks for twin sockets: the questions of the peer come on the
 * second one, where a thread answers them.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/sys.h"
#include "base/sys_process.h"
#include "base/sys_socket.h"
#include "vfio_user/memory.h"
#include "vfio_user/peer.h"

/* The smallest window that a device with addresses of 32 bits can use. */
#define WINDOW_LAST_MIN UINT64_C(0xffffffff)
#define VERSION_BYTES_MAX 4096
/* vfio-user.rst: a peer that does not say max_dma_maps takes so many. */
#define REGIONS_DEFAULT 65535

static const char *const commands[] = {
	[VFIO_USER_VERSION] = "VERSION",
	[VFIO_USER_DMA_MAP] = "DMA_MAP",
	[VFIO_USER_DMA_UNMAP] = "DMA_UNMAP",
	[VFIO_USER_DEVICE_GET_INFO] = "DEVICE_GET_INFO",
	[VFIO_USER_DEVICE_GET_REGION_INFO] = "DEVICE_GET_REGION_INFO",
	[VFIO_USER_DEVICE_GET_IRQ_INFO] = "DEVICE_GET_IRQ_INFO",
	[VFIO_USER_DEVICE_SET_IRQS] = "DEVICE_SET_IRQS",
	[VFIO_USER_REGION_READ] = "REGION_READ",
	[VFIO_USER_REGION_WRITE] = "REGION_WRITE",
	[VFIO_USER_DEVICE_RESET] = "DEVICE_RESET",
};

/* --- The end of a connection --- */

static void free_connection(struct vfio_user_connection *connection)
{
	vfio_user_channel_end(&connection->main);
	if (connection->has_twin)
		vfio_user_channel_end(&connection->twin);
	sys_thread_join(connection->thread);
	if (connection->has_twin)
		vfio_user_channel_close(&connection->twin);
	vfio_user_channel_close(&connection->main);
	free(connection);
}

void vfio_user_peer_hang_up_locked(struct vfio_user *user)
{
	struct vfio_user_connection *connection;

	lock_take(&user->wake);
	connection = user->connection;
	user->connection = NULL;
	lock_drop(&user->wake);
	if (!connection)
		return;
	sys_become(user->fd, user->hung_up);
	free_connection(connection);
}

void vfio_user_peer_wake(struct vfio_user *user)
{
	lock_take(&user->wake);
	atomic_store_explicit(&user->closed, true, memory_order_relaxed);
	if (user->connection)
		vfio_user_channel_end(&user->connection->main);
	lock_drop(&user->wake);
}

static const char *reason_of(int err)
{
	if (err == -ETIMEDOUT)
		return "the peer did not answer in time";
	return err == -EPROTO ? "the peer sent a malformed message" : "the peer hung up";
}

/* Returns the error for the caller of the library. */
static int error_of(int err)
{
	if (err == -EPROTO)
		return -EIO;
	return err == -ETIMEDOUT ? err : -ENODEV;
}

static int lose_peer_locked(struct vfio_user *user, const char *when, int err)
	NEEDS_LOCK(user->lock)
{
	const struct coherent_device *dev = user->backend.dev;

	/* A close ends the connection itself. */
	if (!vfio_user_is_closed(user))
		report(&dev->reporter, COHERENT_ERROR, "%s: %s (%s)%s", dev->name, reason_of(err),
		       when, user->is_open ? peer_socket_remedy(&user->socket) : "");
	vfio_user_peer_hang_up_locked(user);
	return error_of(err);
}

bool vfio_user_peer_is_there_locked(struct vfio_user *user)
{
	int err;

	if (!user->connection)
		return false;
	/* The deadline is past, so this looks at the socket and does not wait. */
	if (sys_wait_socket(user->fd, POLLRDHUP, 0))
		return true;
	err = vfio_user_channel_error(user->connection->has_twin ? &user->connection->twin :
								   &user->connection->main);
	lose_peer_locked(user, "between two messages", err);
	return false;
}

/* --- Questions --- */

int vfio_user_peer_ask_locked(struct vfio_user *user, struct vfio_user_call *call, size_t min)
{
	int err = -ENODEV;

	if (!user->connection)
		return -ENODEV;
	err = vfio_user_channel_call(&user->connection->main, call);
	if (!err && !call->error && call->answer_bytes < min)
		err = -EPROTO;
	if (err)
		return lose_peer_locked(user, commands[call->command], err);
	return call->error ? -EREMOTEIO : 0;
}

int vfio_user_peer_refused_locked(const struct vfio_user *user, const struct vfio_user_call *call)
{
	const struct coherent_device *dev = user->backend.dev;

	report(&dev->reporter, COHERENT_ERROR, "%s: the peer refused %s: %s", dev->name,
	       commands[call->command], strerror((int)call->error));
	return -EIO;
}

/* --- The peer's questions --- */

static int serve(struct vfio_user_channel *channel, struct vfio_user_received *received)
{
	const struct vfio_user_connection *connection = channel->arg;

	return vfio_user_memory_serve(connection->user, channel, received);
}

/* A peer that lost one of its sockets is lost. */
static void lose_both(struct vfio_user_channel *channel)
{
	struct vfio_user_connection *connection = channel->arg;

	vfio_user_channel_end(&connection->main);
}

static const struct vfio_user_owner owner = { .command = serve, .lost = lose_both };

/* --- The version --- */

/**
 * struct agreed - The peer's answer to VERSION.
 * @refusal: The errno with which it refused; 0: it did not.
 * @version: Its version.
 * @json: Its capabilities.
 */
struct agreed {
	uint32_t refusal;
	struct vfio_user_version version;
	char json[VERSION_BYTES_MAX];
};

static int send_version(int fd, uint64_t deadline_ns)
{
	struct vfio_user_header header = { .id = 0, .command = VFIO_USER_VERSION };
	struct vfio_user_version version = { VFIO_USER_MAJOR, VFIO_USER_MINOR };
	char json[VFIO_USER_CAPABILITIES_MAX];
	const struct iovec parts[] = {
		{ &version, sizeof(version) },
		{ json, vfio_user_capabilities(json, ",\"twin_socket\":{\"supported\":true}") }
	};

	return vfio_user_message_send(fd, &header, parts, 2, NULL, 0, deadline_ns);
}

static int receive_version(int fd, struct agreed *agreed, struct vfio_user_fds *fds,
			   uint64_t deadline_ns)
{
	struct vfio_user_header header;
	/* The last byte stays 0, so the text has an end. */
	const size_t most = sizeof(*agreed) - offsetof(struct agreed, version) - 1;
	int err = vfio_user_message_receive(fd, &header, &agreed->version, most, fds, deadline_ns);

	if (err)
		return err;
	if (header.command != VFIO_USER_VERSION || header.id ||
	    (header.flags & VFIO_USER_FLAG_TYPE) != VFIO_USER_FLAG_REPLY)
		return -EPROTO;
	if (header.flags & VFIO_USER_FLAG_ERROR) {
		agreed->refusal = header.error ? header.error : EINVAL;
		return -EOPNOTSUPP;
	}
	return header.bytes < sizeof(header) + sizeof(agreed->version) ? -EPROTO : 0;
}

static int report_version(const struct vfio_user *user, const struct agreed *agreed, int err)
{
	const struct coherent_device *dev = user->backend.dev;

	if (err == -EMFILE || err == -ENFILE)
		return peer_socket_report(&user->socket, err);
	if (err == -EOPNOTSUPP && agreed->refusal)
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the peer refused VERSION: %s; does it speak %u.%u of vfio-user?",
		       dev->name, strerror((int)agreed->refusal), VFIO_USER_MAJOR, VFIO_USER_MINOR);
	else if (err == -EOPNOTSUPP)
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the peer speaks version %u.%u of vfio-user, and the library %u.%u",
		       dev->name, agreed->version.major, agreed->version.minor, VFIO_USER_MAJOR,
		       VFIO_USER_MINOR);
	else
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: %s (VERSION); does its process serve vfio-user%s?", dev->name,
		       reason_of(err),
		       err == -ETIMEDOUT ? ", or is it busy with another client" : "");
	return err == -EOPNOTSUPP ? err : error_of(err);
}

/*
 * The descriptor is negative if there was no room for it. A close of the device waits for the thread
 * that reads the twin. So the twin must be a socket whose shutdown wakes that thread.
 */
static int take_twin(struct vfio_user_fds *fds, const char *json, int *twin)
{
	/* vfio-user.rst: the client must abort if the number of the descriptor is not there. */
	if (fds->count != 1 || vfio_user_find_number(json, "fd_index", UINT64_MAX))
		return -EPROTO;
	if (fds->fds[0] < 0)
		return fds->fds[0];
	if (!sys_is_unix_stream(fds->fds[0]))
		return -EPROTO;
	*twin = fds->fds[0];
	fds->count = 0;
	return 0;
}

/* Agrees on the version, and keeps the answer in @agreed. Sets @twin if the peer has a twin socket. */
static int agree_in(const struct vfio_user *user, int fd, struct agreed *agreed, int *twin)
{
	const uint64_t deadline_ns = sys_deadline_ns(user->keys.timeout_ms * SYS_NS_PER_MS);
	struct vfio_user_fds fds = { .count = 0 };
	int err;

	/* The answer brings the twin socket. */
	sys_allow_descriptors(fd);
	err = send_version(fd, deadline_ns);
	if (!err)
		err = receive_version(fd, agreed, &fds, deadline_ns);
	if (!err && agreed->version.major != VFIO_USER_MAJOR)
		err = -EOPNOTSUPP;
	/* The peer sends its requests there, so one socket would not be enough. */
	if (!err && vfio_user_has_twin(agreed->json))
		err = take_twin(&fds, agreed->json, twin);
	vfio_user_fds_close(&fds);
	return err ? report_version(user, agreed, err) : 0;
}

/*
 * Returns the twin socket, or -1 if the peer has none, in @twin, and the number of regions that the
 * peer takes in @regions.
 */
static int agree(const struct vfio_user *user, int fd, int *twin, uint64_t *regions)
{
	/* The stack of the driver's thread may be too small for the answer. */
	struct agreed *agreed = calloc(1, sizeof(*agreed));
	int err;

	*twin = -1;
	if (!agreed)
		return -ENOMEM;
	err = agree_in(user, fd, agreed, twin);
	*regions = vfio_user_find_number(agreed->json, "max_dma_maps", REGIONS_DEFAULT);
	free(agreed);
	return err;
}

/* --- The beginning of a connection --- */

/* The sockets are closed after an error. */
static int open_channels(struct vfio_user_connection *connection, int fd, int twin)
{
	const uint64_t timeout_ns = connection->user->keys.timeout_ms * SYS_NS_PER_MS;
	int err = vfio_user_channel_open(&connection->main, &owner, connection, fd, timeout_ns);

	connection->has_twin = !err && twin >= 0;
	if (connection->has_twin)
		err = vfio_user_channel_open(&connection->twin, &owner, connection, twin,
					     timeout_ns);
	else if (twin >= 0)
		sys_close_foreign(twin);
	if (err && connection->has_twin)
		vfio_user_channel_close(&connection->main);
	return err;
}

static int start_thread(struct vfio_user_connection *connection)
{
	const struct coherent_device *dev = connection->user->backend.dev;
	struct vfio_user_channel *channel = connection->has_twin ? &connection->twin :
								   &connection->main;
	int err;

	channel->has_thread = true;
	err = sys_thread_start(&connection->thread, vfio_user_channel_run, channel);
	if (!err)
		return 0;
	if (connection->has_twin)
		vfio_user_channel_close(&connection->twin);
	vfio_user_channel_close(&connection->main);
	report(&dev->reporter, COHERENT_ERROR, "%s: no thread can be started; raise ulimit -u",
	       dev->name);
	return -ENOMEM;
}

static int start_connection_locked(struct vfio_user *user, int fd, int twin) NEEDS_LOCK(user->lock)
{
	struct vfio_user_connection *connection = calloc(1, sizeof(*connection));
	int err;

	if (!connection) {
		sys_close_foreign(fd);
		if (twin >= 0)
			sys_close_foreign(twin);
		return -ENOMEM;
	}
	connection->user = user;
	err = open_channels(connection, fd, twin);
	if (!err)
		err = start_thread(connection);
	if (err) {
		free(connection);
		return err;
	}
	sys_become(user->fd, connection->main.fd);
	lock_take(&user->wake);
	user->connection = connection;
	if (vfio_user_is_closed(user))
		vfio_user_channel_end(&connection->main);
	lock_drop(&user->wake);
	return 0;
}

/* --- The window --- */

/*
 * The window has no file, so the peer asks for each transfer. It covers all addresses that objects
 * may get, so no object needs a message.
 */
static int try_window_locked(struct vfio_user *user, uint64_t last, struct vfio_user_call *call)
	NEEDS_LOCK(user->lock)
{
	struct vfio_user_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_USER_MAP_READ | VFIO_USER_MAP_WRITE,
		.address = vfio_user_window_first(),
		.bytes = last + 1 - vfio_user_window_first(),
	};

	*call = (struct vfio_user_call){
		.command = VFIO_USER_DMA_MAP,
		.parts = { { &map, sizeof(map) } },
		.part_count = 1,
	};
	return vfio_user_peer_ask_locked(user, call, 0);
}

/* A peer that connects later must take the window of the first one, where objects are. */
static int announce_window_locked(struct vfio_user *user) NEEDS_LOCK(user->lock)
{
	const struct coherent_device *dev = user->backend.dev;
	struct vfio_user_call call;
	int err = try_window_locked(user, user->window_last, &call);

	if (err == -EREMOTEIO && !user->is_open) {
		user->window_last = WINDOW_LAST_MIN;
		err = try_window_locked(user, user->window_last, &call);
	}
	if (err != -EREMOTEIO)
		return err;
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: the peer takes no memory without a file (DMA_MAP: %s), so it cannot ask for "
	       "each transfer",
	       dev->name, strerror((int)call.error));
	return -EOPNOTSUPP;
}

static void warn_of_one_socket(const struct vfio_user *user)
{
	const struct coherent_device *dev = user->backend.dev;

	if (!user->is_open)
		report(&dev->reporter, COHERENT_WARNING,
		       "%s: the peer has no twin socket; if it takes a command that comes during "
		       "a DMA for the answer to its request, the connection ends",
		       dev->name);
}

int vfio_user_peer_connect_locked(struct vfio_user *user)
{
	int twin, err, fd = peer_socket_connect(&user->socket);

	if (fd < 0)
		return fd;
	err = agree(user, fd, &twin, &user->regions);
	if (err) {
		sys_close_foreign(fd);
		return err;
	}
	if (twin < 0)
		warn_of_one_socket(user);
	else
		sys_refuse_descriptors(twin);
	sys_refuse_descriptors(fd);
	err = start_connection_locked(user, fd, twin);
	if (!err && !user->keys.files)
		err = announce_window_locked(user);
	if (err)
		vfio_user_peer_hang_up_locked(user);
	return err;
}
