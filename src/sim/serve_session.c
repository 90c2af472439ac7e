// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Serves one connection to a simulated device.
 *
 * A client with a twin socket gets the questions of the model there. The thread of the call then
 * reads commands and executes them, and another one waits for the end of the client. Without a twin
 * socket the answers to the model come between the commands. So a thread reads them all and puts
 * commands in a queue, and the thread of the call executes those: an answer arrives also while a
 * command waits for the model.
 */
#include <stdlib.h>

#include "base/sys_process.h"
#include "base/sys_socket.h"
#include "device/device.h"
#include "sim/serve_session.h"
#include "sim/serve_version.h"
#include "sim/serve_watch.h"

/* A client may send so much before it waits for an answer. */
#define QUEUE_BYTES_MAX (4u << 20)
#define QUEUE_FDS_MAX 64

/**
 * struct serve_queued - A command that waits.
 * @link: The next one.
 * @received: The command. Its payload is behind this struct.
 */
struct serve_queued {
	STAILQ_ENTRY(serve_queued) link;
	struct vfio_user_received received;
	char payload[];
};

/* --- The queue --- */

static int put_in_queue_locked(struct serve_session *session,
			       const struct vfio_user_received *received) NEEDS_LOCK(session->lock)
{
	const size_t bytes = sizeof(struct serve_queued) + received->bytes;
	struct serve_queued *queued;

	if (session->queued_bytes + bytes > QUEUE_BYTES_MAX ||
	    session->queued_fds + received->fds.count > QUEUE_FDS_MAX)
		return -ENOBUFS;
	queued = malloc(bytes);
	if (!queued)
		return -ENOMEM;
	queued->received = *received;
	queued->received.payload = queued->payload;
	memcpy(queued->payload, received->payload, received->bytes);
	STAILQ_INSERT_TAIL(&session->queue, queued, link);
	session->queued_bytes += bytes;
	session->queued_fds += received->fds.count;
	lock_wake(&session->lock);
	return 0;
}

static int put_in_queue(struct vfio_user_channel *channel, struct vfio_user_received *received)
{
	struct serve_session *session = channel->arg;
	int err;

	lock_take(&session->lock);
	err = put_in_queue_locked(session, received);
	lock_drop(&session->lock);
	/* The queue has the descriptors now. */
	if (!err)
		received->fds.count = 0;
	return err;
}

/* Waits for a command. Returns NULL if the connection is lost. */
static struct serve_queued *take_from_queue(struct serve_session *session, bool also_if_lost)
{
	struct serve_queued *queued = NULL;

	lock_take(&session->lock);
	while (STAILQ_EMPTY(&session->queue) && !session->lost)
		lock_wait(&session->lock, UINT64_MAX);
	if (!session->lost || also_if_lost)
		queued = STAILQ_FIRST(&session->queue);
	if (queued) {
		STAILQ_REMOVE_HEAD(&session->queue, link);
		session->queued_bytes -= sizeof(*queued) + queued->received.bytes;
		session->queued_fds -= queued->received.fds.count;
	}
	lock_drop(&session->lock);
	return queued;
}

static void drop(struct serve_queued *queued)
{
	vfio_user_fds_close(&queued->received.fds);
	free(queued);
}

static int run_queue(struct serve_session *session)
{
	struct serve_queued *queued;
	pthread_t thread;
	int cause, err;

	session->main.has_thread = true;
	err = sys_thread_start(&thread, vfio_user_channel_run, &session->main);
	if (err)
		return err;
	while (!err && (queued = take_from_queue(session, false))) {
		err = serve_command_execute(session, &queued->received);
		drop(queued);
	}
	vfio_user_channel_end(&session->main);
	sys_thread_join(thread);
	while ((queued = take_from_queue(session, true)))
		drop(queued);
	/* If the connection is lost first, an answer to a command fails for that reason. */
	cause = vfio_user_channel_error(&session->main);
	return cause ? cause : err;
}

/* --- The channels --- */

static int execute_at_once(struct vfio_user_channel *channel, struct vfio_user_received *received)
{
	return serve_command_execute(channel->arg, received);
}

static void lost(struct vfio_user_channel *channel)
{
	struct serve_session *session = channel->arg;

	lock_take(&session->lock);
	session->lost = true;
	lock_wake(&session->lock);
	lock_drop(&session->lock);
}

static const struct vfio_user_owner queue_owner = {
	.command = put_in_queue,
	.lost = lost,
	.takes_fds = true,
};
static const struct vfio_user_owner main_owner = {
	.command = execute_at_once,
	.lost = lost,
	.takes_fds = true,
};
/* The client sends only answers on it. */
static const struct vfio_user_owner twin_owner = { .command = NULL };

static int run(struct serve_session *session)
{
	if (!session->has_twin)
		return run_queue(session);
	session->main.has_thread = true;
	(void)vfio_user_channel_run(&session->main);
	return vfio_user_channel_error(&session->main);
}

/* --- A session --- */

/* The device of no client: the model reaches nothing. */
static int refuse_all(struct sim_bus *bus, uint64_t address, void *buffer, size_t bytes,
		      enum coherent_access access)
{
	(void)bus;
	(void)address;
	(void)buffer;
	(void)bytes;
	(void)access;
	return -EIO;
}

static struct sim_bus no_bus = { .dma = refuse_all };

struct coherent_sim *serve_session_prepare(struct coherent_device *dev)
{
	return sim_set_bus(dev, &no_bus);
}

static int run_connected(struct serve_session *session)
{
	struct served *served = session->served;
	struct backend *backend = &served->sim->backend;
	int err;

	serve_dma_open(&session->dma, served->dev,
		       session->has_twin ? &session->twin : &session->main, &session->main,
		       session->data_max);
	(void)sim_set_bus(served->dev, &session->dma.bus);
	err = run(session);
	/* The questions may have failed first. */
	if (session->has_twin && vfio_user_channel_error(&session->twin))
		err = vfio_user_channel_error(&session->twin);
	/* A model that waits for an answer goes on, and so does the call below. */
	vfio_user_channel_end(&session->main);
	if (session->has_twin)
		vfio_user_channel_end(&session->twin);
	(void)sim_set_bus(served->dev, &no_bus);
	for (uint32_t i = 0; i < SIM_VECTORS_MAX; i++)
		if (session->irq_fds[i] >= 0)
			serve_command_connect(session, i, -1);
	/* The next client must not find what this one did. */
	serve_config_reset(&served->config);
	(void)backend->ops->reset(backend);
	serve_dma_close(&session->dma);
	return err;
}

static void end_twin(void *arg)
{
	struct serve_session *session = arg;

	vfio_user_channel_end(&session->twin);
}

/*
 * The thread that reads commands waits at the twin socket while the model asks the client. A client
 * that hangs up may leave that socket open, so another thread watches the main socket.
 */
static int run_with_twin(struct serve_session *session, int twin)
{
	struct served *served = session->served;
	struct serve_watch watch = {
		.fd = session->main.fd,
		.events = POLLRDHUP,
		.seen = end_twin,
		.arg = session,
	};
	int err = vfio_user_channel_open(&session->twin, &twin_owner, session, twin,
					 served->timeout_ns);

	if (err)
		return err;
	serve_stop_note(&served->stop, 1, twin);
	err = serve_watch_open(&watch);
	if (!err) {
		err = run_connected(session);
		serve_watch_close(&watch);
	}
	serve_stop_note(&served->stop, 1, -1);
	vfio_user_channel_close(&session->twin);
	return err;
}

/* Takes both sockets. */
static int run_channels(struct serve_session *session, int fd, int twin)
{
	struct served *served = session->served;
	int err;

	/* If the channel cannot be opened, it closes the socket. */
	serve_stop_note(&served->stop, 0, -1);
	session->has_twin = twin >= 0;
	err = vfio_user_channel_open(&session->main, session->has_twin ? &main_owner : &queue_owner,
				     session, fd, served->timeout_ns);
	if (err) {
		if (session->has_twin)
			sys_close_foreign(twin);
		return err;
	}
	serve_stop_note(&served->stop, 0, fd);
	err = session->has_twin ? run_with_twin(session, twin) : run_connected(session);
	/* The connection may never have run. The owner of .socket_fd would keep it. */
	vfio_user_channel_end(&session->main);
	serve_stop_note(&served->stop, 0, -1);
	vfio_user_channel_close(&session->main);
	return err;
}

static int agree_and_run(struct serve_session *session, int fd)
{
	struct serve_agreed agreed;
	int err = serve_version_agree(fd, session->served->timeout_ns, &agreed);

	session->data_max = agreed.data_max;
	if (!err)
		return run_channels(session, fd, agreed.twin);
	serve_stop_note(&session->served->stop, 0, -1);
	/* The owner of .socket_fd has another descriptor, which would keep the connection. */
	sys_shutdown(fd);
	sys_close_foreign(fd);
	return err;
}

static void report_end(const struct served *served, int err)
{
	const char *what = NULL;

	if (err == -EPROTO)
		what = "it sent a malformed message";
	else if (err == -EOPNOTSUPP)
		what = "it speaks another version of vfio-user";
	else if (err == -ETIMEDOUT)
		what = "it did not answer in time";
	else if (err == -ENOBUFS)
		what = "it sends commands faster than the model takes them";
	else if (err == -EAGAIN)
		what = "no thread can be started; raise ulimit -u";
	else if (err == -ENOMEM || err == -EMFILE || err == -ENFILE)
		what = "the process has too little memory, or no descriptor, for it";
	/* Others mean that the client hung up. */
	if (what)
		report(&served->reporter, COHERENT_WARNING,
		       "%s: the server ended the connection of a client: %s", served->dev->name,
		       what);
}

int serve_session(struct served *served, int fd)
{
	struct serve_session *session = calloc(1, sizeof(*session));
	void *data = NULL;
	int err = session ? sys_map_guarded(VFIO_USER_DATA_MAX, &data) : -ENOMEM;

	if (!err) {
		session->data = data;
		session->served = served;
		STAILQ_INIT(&session->queue);
		lock_init(&session->lock);
		for (unsigned int i = 0; i < SIM_VECTORS_MAX; i++)
			session->irq_fds[i] = -1;
		serve_stop_note(&served->stop, 0, fd);
		err = agree_and_run(session, fd);
		lock_destroy(&session->lock);
	} else {
		sys_close_foreign(fd);
	}
	report_end(served, err);
	sys_unmap_guarded(data, VFIO_USER_DATA_MAX);
	free(session);
	return err;
}
