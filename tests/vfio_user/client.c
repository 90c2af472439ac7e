// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "client.h"

struct mover mover;

/* --- The model --- */

static void move(struct coherent_sim *sim, uint64_t command)
{
	const uint64_t address = mover.regs[MOVER_ADDRESS / 8];
	const size_t bytes = mover.regs[MOVER_BYTES / 8];
	int err;

	err = command & MOVER_READ ? coherent_sim_dma_read(sim, address, mover.buffer, bytes) :
				     coherent_sim_dma_write(sim, address, mover.buffer, bytes);
	mover.regs[MOVER_STATUS / 8] = (uint64_t)-err;
	coherent_sim_irq(sim, 1);
}

static uint64_t mover_read(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			   unsigned int width)
{
	const uint64_t value = bar ? UINT64_C(0x5a5a5a5a5a5a5a5a) :
				     mover.regs[offset / 8] >> 8 * (offset % 8);

	(void)sim;
	(void)arg;
	return value & (width == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * width) - 1);
}

static void mover_write(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			unsigned int width, uint64_t value)
{
	(void)arg;
	(void)bar;
	memcpy((char *)mover.regs + offset, &value, width);
	if (offset != MOVER_COMMAND)
		return;
	mover.regs[MOVER_STATUS / 8] = MOVER_BUSY;
	if (!(value & MOVER_LATER))
		move(sim, value);
}

static void mover_tick(struct coherent_sim *sim, void *arg)
{
	const uint64_t command = mover.regs[MOVER_COMMAND / 8];

	(void)arg;
	if (!(command & MOVER_LATER))
		return;
	mover.regs[MOVER_COMMAND / 8] = 0;
	move(sim, command);
}

static void mover_reset(struct coherent_sim *sim, void *arg)
{
	const uint64_t resets = mover.regs[MOVER_RESETS / 8] + 1;

	(void)sim;
	(void)arg;
	memset(mover.regs, 0, sizeof(mover.regs));
	mover.regs[MOVER_RESETS / 8] = resets;
}

const struct coherent_sim_model mover_model = {
	.name = "mover",
	.mask = UINT64_MAX,
	.vectors = 3,
	.bar_size = { MOVER_BAR, 0, 100 },
	.reg_read = mover_read,
	.reg_write = mover_write,
	.tick = mover_tick,
	.reset = mover_reset,
};

/* --- The server --- */

static void *serve(void *arg)
{
	struct server *server = arg;

	server->result = coherent_base_sim_serve(
		server->options.listen_fd || server->options.socket_fd ? NULL : server->path,
		&server->options);
	return NULL;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(address.sun_path, path);
	if (!connect(fd, (const void *)&address, sizeof(address)))
		return fd;
	close(fd);
	return -1;
}

char *server_path(char path[SCRATCH_MAX])
{
	static unsigned int count;
	char name[48];

	snprintf(name, sizeof(name), "coherent-serve.%d.%u", (int)getpid(), count++);
	return scratch(path, name);
}

void server_start(struct server *server)
{
	int fd = -1;

	memset(&mover, 0, sizeof(mover));
	server_path(server->path);
	server->stop = eventfd(0, EFD_CLOEXEC);
	pthread_mutex_init(&server->reports.mutex, NULL);
	server->options.struct_size = sizeof(server->options);
	server->options.model_size = sizeof(mover_model);
	if (!server->options.name) {
		server->options.name = "sim:custom";
		server->options.model = &mover_model;
	}
	server->options.stop_fd = server->stop;
	server->options.report = log_report;
	server->options.report_arg = &server->reports;
	assert_ok(pthread_create(&server->thread, NULL, serve, server));
	if (server->options.listen_fd || server->options.socket_fd)
		return;
	while ((fd = connect_to(server->path)) < 0)
		usleep(1000);
	close(fd);
}

int server_stop(struct server *server)
{
	assert_ok(eventfd_write(server->stop, 1));
	assert_ok(pthread_join(server->thread, NULL));
	close(server->stop);
	return server->result;
}

/* --- The client --- */

void client_connect(struct client *client, const char *path)
{
	*client = (struct client){ .fd = connect_to(path), .twin = -1 };
	assert_true(client->fd >= 0);
}

static void agree(struct client *client, bool with_twin)
{
	struct {
		struct vfio_user_version version;
		char json[200];
	} answer = { .json = "" };
	char payload[200] = "\0\0\1\0{\"capabilities\":{\"max_msg_fds\":8";
	struct vfio_user_header header;
	struct vfio_user_fds fds = { .count = 0 };

	strcat(payload + 4, with_twin ? ",\"twin_socket\":{\"supported\":true}}}" : "}}");
	assert_ok(client_send(client, VFIO_USER_VERSION, payload, 4 + strlen(payload + 4) + 1, NULL,
			      0));
	assert_ok(vfio_user_message_receive(client->fd, &header, &answer, sizeof(answer), &fds,
					    sys_deadline_ns(LONG)));
	assert_int_equal(header.flags, VFIO_USER_FLAG_REPLY);
	assert_int_equal(answer.version.major, 0);
	assert_int_equal(vfio_user_has_twin(answer.json), with_twin);
	assert_int_equal(fds.count, with_twin);
	assert_int_equal(vfio_user_find_number(answer.json, "max_data_xfer_size", 0),
			 VFIO_USER_DATA_MAX);
	client->twin = with_twin ? fds.fds[0] : -1;
}

void client_open(struct client *client, const char *path, bool with_twin)
{
	client_connect(client, path);
	agree(client, with_twin);
}

void client_close(struct client *client)
{
	close(client->fd);
	if (client->twin >= 0)
		close(client->twin);
}

int client_send(struct client *client, uint16_t command, const void *payload, size_t bytes,
		const int *fds, size_t count)
{
	struct vfio_user_header header = { .id = ++client->id, .command = command };
	const struct iovec part = { (void *)(uintptr_t)payload, bytes };

	return vfio_user_message_send(client->fd, &header, &part, 1, fds, count,
				      sys_deadline_ns(LONG));
}

int client_receive(int fd, struct vfio_user_header *header, void *payload, size_t max)
{
	return vfio_user_message_receive(fd, header, payload, max, NULL, sys_deadline_ns(LONG));
}

static int take_answer(struct client *client, uint16_t command, void *answer, size_t max)
{
	struct vfio_user_header header;
	int err = client_receive(client->fd, &header, answer, max);

	if (err)
		return -1;
	assert_int_equal(header.command, command);
	assert_int_equal(header.id, client->id);
	assert_true(header.flags & VFIO_USER_FLAG_REPLY);
	if (!(header.flags & VFIO_USER_FLAG_ERROR))
		return 0;
	/* An error is the header alone. */
	assert_int_equal(header.bytes, sizeof(header));
	return (int)header.error;
}

int client_ask(struct client *client, uint16_t command, const void *payload, size_t bytes,
	       void *answer, size_t max)
{
	if (client_send(client, command, payload, bytes, NULL, 0))
		return -1;
	return take_answer(client, command, answer, max);
}

int client_ask_fds(struct client *client, uint16_t command, const void *payload, size_t bytes,
		   const int *fds, size_t count)
{
	char answer[64];

	if (client_send(client, command, payload, bytes, fds, count))
		return -1;
	return take_answer(client, command, answer, sizeof(answer));
}

int client_read(struct client *client, uint32_t region, uint64_t offset, void *to, uint32_t bytes)
{
	const struct vfio_user_region head = { offset, region, bytes };
	char *answer = malloc(sizeof(head) + bytes);
	int err = client_ask(client, VFIO_USER_REGION_READ, &head, sizeof(head), answer,
			     sizeof(head) + bytes);

	if (!err) {
		assert_memory_equal(answer, &head, sizeof(head));
		memcpy(to, answer + sizeof(head), bytes);
	}
	free(answer);
	return err;
}

int client_write(struct client *client, uint32_t region, uint64_t offset, const void *from,
		 uint32_t bytes)
{
	const struct vfio_user_region head = { offset, region, bytes };
	char *message = malloc(sizeof(head) + bytes), answer[sizeof(head)];
	int err;

	memcpy(message, &head, sizeof(head));
	memcpy(message + sizeof(head), from, bytes);
	err = client_ask(client, VFIO_USER_REGION_WRITE, message, sizeof(head) + bytes, answer,
			 sizeof(answer));
	if (!err)
		assert_memory_equal(answer, &head, sizeof(head));
	free(message);
	return err;
}

uint64_t client_reg(struct client *client, uint64_t offset)
{
	uint64_t value;

	assert_ok(client_read(client, 0, offset, &value, sizeof(value)));
	return value;
}

void client_set_reg(struct client *client, uint64_t offset, uint64_t value)
{
	assert_ok(client_write(client, 0, offset, &value, sizeof(value)));
}

int client_map(struct client *client, uint64_t address, uint64_t bytes, uint32_t flags)
{
	const struct vfio_user_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.address = address,
		.bytes = bytes,
	};

	return client_ask(client, VFIO_USER_DMA_MAP, &map, sizeof(map), NULL, 0);
}

void assert_hung_up(struct client *client)
{
	char byte;
	ssize_t n;

	while ((n = recv(client->fd, &byte, 1, 0)) > 0)
		;
	assert_true(!n || errno == ECONNRESET);
}

void assert_serves(const struct server *server)
{
	struct client client;

	client_open(&client, server->path, true);
	assert_int_equal(client_reg(&client, MOVER_ADDRESS), 0);
	client_close(&client);
}
