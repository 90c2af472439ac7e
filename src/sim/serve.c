// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * coherent_sim_serve(): opens a simulated device, listens, and serves one connection after another.
 */
#include <coherent/serve.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/sized.h"
#include "base/sys_doorbell.h"
#include "base/sys_file.h"
#include "base/sys_socket.h"
#include "device/device.h"
#include "sim/serve_session.h"

#define CALL "coherent_sim_serve()"
#define TIMEOUT_NS (10 * SYS_NS_PER_S)

/* --- Connections --- */

/* Waits for a client. -ECANCELED: .stop_fd is readable. */
static int next_connection(struct served *served, int listener)
{
	/* The descriptor may have been readable only for a moment. */
	while (!serve_stop_is_near(&served->stop)) {
		struct pollfd fds[] = { { .fd = listener, .events = POLLIN },
					{ .fd = served->stop.stop_fd ? served->stop.stop_fd : -1,
					  .events = POLLIN } };
		int fd, err = sys_wait_readable(fds, 2, UINT64_MAX);

		if (err)
			return err;
		if (fds[1].revents || serve_stop_is_near(&served->stop))
			return -ECANCELED;
		fd = sys_accept(listener, 0);
		/* The client may have gone again. */
		if (fd != -ETIMEDOUT && fd != -ECONNABORTED)
			return fd;
	}
	return -ECANCELED;
}

static int serve_connections(struct served *served, int listener, uint32_t connections)
{
	for (uint32_t i = 0; !connections || i < connections;) {
		int fd = next_connection(served, listener);

		if (fd == -ECANCELED)
			return 0;
		if (fd < 0)
			return fd;
		/* A client sends eventfds. */
		sys_allow_descriptors(fd);
		/* Another server connects only to see whether a process listens at the path. */
		if (serve_session(served, fd) != -ENODATA)
			i++;
	}
	return 0;
}

static int serve_socket(struct served *served, int from)
{
	int fd = sys_dup(from);

	if (fd < 0)
		return fd;
	sys_allow_descriptors(fd);
	(void)serve_session(served, fd);
	return 0;
}

static const char *remedy_for(int err)
{
	switch (err) {
	case -EADDRINUSE:
		return "; a server runs there";
	case -ENOTSOCK:
		return "; the file is not a socket, so give another path";
	case -ENAMETOOLONG:
		return "; give a shorter path";
	default:
		return "";
	}
}

/* Reports why there is no socket. Returns the error of the call. */
static int report_socket(const struct served *served, const char *path, int err)
{
	if (err == -EMFILE || err == -ENFILE)
		err = -ENOSPC;
	report(&served->reporter, COHERENT_ERROR, "%s: cannot listen at %s: %s%s",
	       served->dev->name, path, strerror(-err), remedy_for(err));
	return err == -ENOTSOCK ? -EINVAL : err;
}

static int serve_at(struct served *served, const char *path,
		    const struct coherent_serve_options *options)
{
	struct sys_named_socket named;
	int err, listener;

	if (options->socket_fd)
		return serve_socket(served, options->socket_fd);
	if (options->listen_fd)
		return serve_connections(served, options->listen_fd, options->connections);
	listener = sys_listen(path, &named);
	if (listener < 0)
		return report_socket(served, path, listener);
	err = serve_connections(served, listener, options->connections);
	sys_remove_socket(&named);
	sys_close_foreign(listener);
	return err;
}

/* --- The device --- */

/* A model with configuration space has its own IDs. */
static uint32_t ask_model(struct coherent_sim *sim, unsigned int offset, uint32_t otherwise)
{
	struct backend_config access = { .offset = offset, .width = 4 };

	return sim->backend.ops->config(&sim->backend, &access) ? otherwise : access.value;
}

static struct serve_ids choose_ids(struct coherent_sim *sim,
				   const struct coherent_serve_options *options)
{
	const uint32_t ids = ask_model(sim, PCI_VENDOR_ID, 0x00011234);
	const uint32_t class_code = ask_model(sim, PCI_CLASS_REVISION, 0x00ff0000);
	struct serve_ids chosen = {
		.vendor = options->vendor ? options->vendor : (uint16_t)ids,
		.device = options->device ? options->device : (uint16_t)(ids >> 16),
		.class_code = options->class_code ? options->class_code : class_code >> 8,
		.revision = options->revision ? options->revision : (uint8_t)class_code,
	};
	const uint32_t card = ask_model(sim, PCI_SUBSYSTEM_VENDOR_ID,
					chosen.vendor | (uint32_t)chosen.device << 16);

	chosen.subsystem_vendor = (uint16_t)card;
	chosen.subsystem = (uint16_t)(card >> 16);
	return chosen;
}

/* poll(2): a descriptor that is not open is ready, so the server would end at once. */
static bool is_open(int fd)
{
	struct pollfd fds = { .fd = fd, .events = POLLIN };

	(void)sys_wait_readable(&fds, 1, 0);
	return fd >= 0 && !(fds.revents & POLLNVAL);
}

static int check_descriptors(const struct reporter *to,
			     const struct coherent_serve_options *options)
{
	const int fd = options->socket_fd ? options->socket_fd : options->listen_fd;

	if (fd && !sys_is_stream(fd, options->listen_fd)) {
		report(to, COHERENT_ERROR, CALL ": descriptor %d is not a socket that %s", fd,
		       options->listen_fd ? "listens" : "is connected");
		return -EINVAL;
	}
	if (options->stop_fd && !is_open(options->stop_fd)) {
		report(to, COHERENT_ERROR, CALL ": .stop_fd = %d is not an open descriptor",
		       options->stop_fd);
		return -EINVAL;
	}
	return 0;
}

static int check_options(const char *path, const struct coherent_serve_options *options)
{
	const struct reporter to = { options->report, options->report_arg };
	const int ways = !!path + !!options->socket_fd + !!options->listen_fd;

	/* The open of another device could do something to it. */
	if (!options->name || strncmp(options->name, "sim:", 4)) {
		report(&to, COHERENT_ERROR, CALL ": \"%s\" is not the name of a sim: device",
		       options->name ? options->name : "");
		return -EINVAL;
	}
	if (ways != 1) {
		report(&to, COHERENT_ERROR,
		       CALL ": give exactly one of a path, .socket_fd and .listen_fd, where 0 is "
			    "not a descriptor");
		return -EINVAL;
	}
	if (options->class_code >> 24) {
		report(&to, COHERENT_ERROR, CALL ": .class_code 0x%x has more than 24 bits",
		       options->class_code);
		return -EINVAL;
	}
	return check_descriptors(&to, options);
}

static int open_device(struct served *served, const struct coherent_serve_options *options)
{
	const struct coherent_open_options open = {
		.struct_size = sizeof(open),
		.name = options->name,
		.report = options->report,
		.report_arg = options->report_arg,
		.model = options->model,
		.model_arg = options->model_arg,
		.model_size = options->model_size,
	};
	struct serve_ids ids;
	const char *mistake;
	int err = coherent_base_device_open(&served->dev, &open);

	if (err)
		return err;
	served->sim = serve_session_prepare(served->dev);
	if (!served->sim) {
		mistake = "only a sim: device without the key \"step\" can be served";
	} else {
		ids = choose_ids(served->sim, options);
		mistake = serve_config_open(&served->config, served->sim, &ids);
	}
	if (served->config.hides_capabilities)
		report(&served->reporter, COHERENT_WARNING,
		       "%s: a capability of the model is before 0x%x, so clients find no capability "
		       "of the model; place all of them from there on",
		       served->dev->name, SERVE_MODEL_OFFSET);
	if (!mistake)
		return 0;
	report(&served->reporter, COHERENT_ERROR, "%s: %s", served->dev->name, mistake);
	coherent_device_close(served->dev);
	return -EINVAL;
}

/*
 * Lets the kernel signal the eventfds of clients. If it refuses a context for good, the model writes to
 * them instead.
 */
static int open_doorbell(struct served *served)
{
	int err;

	if (!served->sim->model->vectors)
		return 0;
	err = sys_hung_up(&served->hung_up);
	if (err)
		return err;
	err = sys_doorbell_open(&served->doorbell);
	if (err == -EAGAIN || err == -ENOMEM) {
		report(&served->reporter, COHERENT_ERROR,
		       "%s: the kernel has no asynchronous I/O left for interrupts; raise sysctl "
		       "fs.aio-max-nr",
		       served->dev->name);
		return -ENOSPC;
	}
	if (err)
		report(&served->reporter, COHERENT_WARNING,
		       "%s: io_setup() fails (%s), so a hostile client can make an interrupt wait; "
		       "allow this system call",
		       served->dev->name, strerror(-err));
	sim_set_doorbell(served->sim, served->doorbell, served->hung_up);
	return 0;
}

/* The device is closed, so the model does not interrupt any more. */
static void close_doorbell(struct served *served)
{
	if (served->doorbell)
		sys_doorbell_close(served->doorbell);
	if (served->hung_up >= 0)
		sys_close(served->hung_up);
}

static int open_stop(struct served *served, int stop_fd)
{
	int err = serve_stop_open(&served->stop, stop_fd);

	if (err != -EAGAIN)
		return err;
	report(&served->reporter, COHERENT_ERROR, "%s: no thread can be started; raise ulimit -u",
	       served->dev->name);
	return -ENOMEM;
}

static int serve_in(struct served *served, const char *path,
		    const struct coherent_serve_options *options)
{
	int err = open_device(served, options);

	if (err)
		return err;
	err = open_doorbell(served);
	if (!err)
		err = open_stop(served, options->stop_fd);
	if (!err) {
		err = serve_at(served, path, options);
		serve_stop_close(&served->stop);
	}
	coherent_device_close(served->dev);
	close_doorbell(served);
	return err == -EMFILE || err == -ENFILE ? -ENOSPC : err;
}

static int serve_device(const char *path, const struct coherent_serve_options *options)
{
	/* The stack of the thread may be too small for it. */
	struct served *served = calloc(1, sizeof(*served));
	int err;

	if (!served)
		return -ENOMEM;
	served->reporter = (struct reporter){ options->report, options->report_arg };
	served->timeout_ns = options->timeout_ns ? options->timeout_ns : TIMEOUT_NS;
	served->hung_up = -1;
	err = serve_in(served, path, options);
	free(served);
	return err;
}

int coherent_base_sim_serve(const char *path, const struct coherent_serve_options *options)
{
	const struct reporter to = { options->report, options->report_arg };
	struct coherent_serve_options known;
	char reason[SIZED_REASON_BYTES];
	int err = sized_read(&known, sizeof(known), options, options->struct_size,
			     SIZED_TO(struct coherent_serve_options, timeout_ns));

	if (!err)
		err = check_options(path, &known);
	else if (sized_has(options->struct_size,
			   SIZED_TO(struct coherent_serve_options, report_arg)))
		report(&to, COHERENT_ERROR, CALL ": %s",
		       sized_explain(reason, err, "coherent_serve_options", options->struct_size,
				     sizeof(known)));
	return err ? err : serve_device(path, &known);
}
