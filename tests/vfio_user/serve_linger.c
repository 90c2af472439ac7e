// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A client sends descriptors whose close waits for years, wherever it can. The server goes on, and it
 * stops when it has to.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/base/sys_socket.h"
#include "../lingering.h"
#include "client.h"

#define WINDOW 0x10000
#define READ_WRITE (VFIO_USER_MAP_READ | VFIO_USER_MAP_WRITE)

static struct server server;

#define CONNECT_VECTOR                       \
	{                                    \
		20, 1 << 2 | 1 << 5, 2, 0, 1 \
	}

static void linger_in_the_version(struct client *client)
{
	const struct vfio_user_header header = { 1, VFIO_USER_VERSION, 20, 0, 0 };
	const int fd = lingering_socket();

	client_connect(client, server.path);
	send_away(client->fd, &fd, 1, 0);
	(void)!write(client->fd, (const char *)&header + 1, sizeof(header) - 1);
}

static void linger_as_interrupts(struct client *client)
{
	static const uint32_t set[] = CONNECT_VECTOR;
	const int fds[] = { lingering_socket(), socket_with_lingering(SOCK_STREAM) };

	client_open(client, server.path, false);
	for (size_t i = 0; i < 2; i++) {
		assert_ok(client_send(client, VFIO_USER_DEVICE_SET_IRQS, set, sizeof(set), &fds[i],
				      1));
		close(fds[i]);
	}
}

static void linger_as_memory(struct client *client)
{
	const struct vfio_user_dma_map map = { sizeof(map), READ_WRITE, 0, WINDOW, 4096 };
	const int fd = lingering_socket();

	client_open(client, server.path, true);
	assert_ok(client_ask_fds(client, VFIO_USER_DMA_MAP, &map, sizeof(map), &fd, 1));
	close(fd);
}

/* The server ends the connection before it receives the descriptor. */
static void linger_in_the_queue(struct client *client)
{
	static const uint32_t set[] = CONNECT_VECTOR;
	const struct vfio_user_header bad = { 1, VFIO_USER_DEVICE_SET_IRQS, 0, 0, 0 };
	const int fd = lingering_socket();

	client_open(client, server.path, true);
	assert_int_equal(write(client->fd, &bad, sizeof(bad)), sizeof(bad));
	/* If the server has hung up already, this process has the last descriptor. */
	if (client_send(client, VFIO_USER_DEVICE_SET_IRQS, set, sizeof(set), &fd, 1))
		sys_close_foreign(fd);
	else
		close(fd);
}

static void linger_in_the_twin(struct client *client)
{
	const int fd = lingering_socket();

	client_open(client, server.path, true);
	send_away(client->twin, &fd, 1, 0);
}

static void linger_out_of_band(struct client *client)
{
	const int fd = lingering_socket();

	client_open(client, server.path, false);
	send_away(client->fd, &fd, 1, MSG_OOB);
}

static void (*const attacks[])(struct client *client) = {
	linger_in_the_version, linger_as_interrupts, linger_as_memory,
	linger_in_the_queue,   linger_in_the_twin,   linger_out_of_band,
};

static void server_outlives_each_attack(void **state)
{
	(void)state;
	memset(&server, 0, sizeof(server));
	server_start(&server);
	for (size_t i = 0; i < ARRAY_SIZE(attacks); i++) {
		struct client client;

		attacks[i](&client);
		client_close(&client);
		client_open(&client, server.path, true);
		client_close(&client);
	}
	assert_ok(server_stop(&server));
}

static void server_stops_after_each_attack(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(attacks); i++) {
		struct client client;

		memset(&server, 0, sizeof(server));
		server_start(&server);
		attacks[i](&client);
		assert_ok(server_stop(&server));
		client_close(&client);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_outlives_each_attack),
		cmocka_unit_test(server_stops_after_each_attack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
