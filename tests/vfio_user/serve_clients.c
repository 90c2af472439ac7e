// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A server outlives its clients, in whatever state they end. It leaves no descriptors behind. The library's own client drives a served device like any other.
 */
#include <coherent/bar.h>
#include <coherent/config.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"

#define WINDOW 0x10000
#define READ_WRITE (VFIO_USER_MAP_READ | VFIO_USER_MAP_WRITE)

static unsigned long connections = 1000;
static struct server server;

static int setup(void **state)
{
	(void)state;
	memset(&server, 0, sizeof(server));
	return 0;
}

/* --- Ends of clients --- */

static void say_nothing(struct client *client)
{
	client_connect(client, server.path);
}

static void stop_in_a_header(struct client *client)
{
	client_connect(client, server.path);
	assert_int_equal(write(client->fd, "\0\0", 2), 2);
}

static void stop_in_the_version(struct client *client)
{
	const struct vfio_user_header header = { 1, VFIO_USER_VERSION, 100, 0, 0 };

	client_connect(client, server.path);
	assert_int_equal(write(client->fd, &header, sizeof(header)), sizeof(header));
}

static void stop_after_the_version(struct client *client)
{
	client_open(client, server.path, true);
}

static void stop_in_a_command(struct client *client)
{
	const struct vfio_user_header header = { 1, VFIO_USER_REGION_WRITE, 1000, 0, 0 };

	client_open(client, server.path, true);
	assert_int_equal(write(client->fd, &header, sizeof(header)), sizeof(header));
}

static void stop_with_interrupts(struct client *client)
{
	const int fds[] = { eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC) };
	const uint32_t set[] = { 20, 1 << 2 | 1 << 5, 2, 0, 2 };

	client_open(client, server.path, false);
	assert_ok(client_ask_fds(client, VFIO_USER_DEVICE_SET_IRQS, set, sizeof(set), fds, 2));
	close(fds[0]);
	close(fds[1]);
}

static void begin_dma(struct client *client, bool with_twin, uint64_t command)
{
	struct {
		struct vfio_user_region head;
		uint64_t value;
	} message = { { MOVER_COMMAND, 0, 8 }, command };

	client_open(client, server.path, with_twin);
	assert_ok(client_map(client, WINDOW, MOVER_MAX, READ_WRITE));
	client_set_reg(client, MOVER_ADDRESS, WINDOW);
	client_set_reg(client, MOVER_BYTES, MOVER_MAX);
	assert_ok(client_send(client, VFIO_USER_REGION_WRITE, &message, sizeof(message), NULL, 0));
}

/* The model waits for an answer that does not come, or cannot send all of its question. */
static void stop_in_dma_of_a_command(struct client *client)
{
	begin_dma(client, false, MOVER_READ);
}

static void stop_in_dma_with_twin(struct client *client)
{
	begin_dma(client, true, MOVER_READ);
}

static void stop_in_dma_of_a_tick(struct client *client)
{
	begin_dma(client, false, MOVER_WRITE | MOVER_LATER);
}

static void stop_in_dma_of_a_tick_with_twin(struct client *client)
{
	begin_dma(client, true, MOVER_WRITE | MOVER_LATER);
}

/* The server cannot send its answers, because nobody reads them. */
static void stop_without_reading(struct client *client)
{
	const struct vfio_user_region head = { 0, 1, 4096 };

	client_open(client, server.path, true);
	for (unsigned int i = 0; i < 40; i++)
		assert_ok(client_send(client, VFIO_USER_REGION_READ, &head, sizeof(head), NULL, 0));
}

static void (*const ends[])(struct client *client) = {
	say_nothing,
	stop_in_a_header,
	stop_in_the_version,
	stop_after_the_version,
	stop_in_a_command,
	stop_with_interrupts,
	stop_in_dma_of_a_command,
	stop_in_dma_with_twin,
	stop_in_dma_of_a_tick,
	stop_in_dma_of_a_tick_with_twin,
	stop_without_reading,
};

static void server_outlives_each_client(void **state)
{
	(void)state;
	server_start(&server);
	for (unsigned int i = 0; i < 10 * ARRAY_SIZE(ends); i++) {
		struct client client;

		ends[i % ARRAY_SIZE(ends)](&client);
		client_close(&client);
		assert_serves(&server);
	}
	assert_ok(server_stop(&server));
}

static void server_stops_in_each_state(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(ends); i++) {
		struct client client;

		setup(state);
		server_start(&server);
		ends[i](&client);
		assert_ok(server_stop(&server));
		client_close(&client);
		assert_int_equal(access(server.path, F_OK), -1);
	}
}

/* A server that hangs up because of .stop_fd ends, also if .stop_fd is readable no more. */
static void pulse_ends_the_server(void **state)
{
	struct client client;
	eventfd_t value;

	(void)state;
	server_start(&server);
	client_open(&client, server.path, true);
	assert_ok(eventfd_write(server.stop, 1));
	assert_hung_up(&client);
	assert_ok(eventfd_read(server.stop, &value));
	assert_ok(pthread_join(server.thread, NULL));
	assert_ok(server.result);
	client_close(&client);
	close(server.stop);
}

/*
 * A twin socket that is open is not a connection, and the model must not wait for its answers: neither
 * in a tick nor in a command, and neither to send nor to receive.
 */
static void twin_alone_is_not_a_connection(void **state)
{
	static const uint64_t commands[] = { MOVER_WRITE | MOVER_LATER, MOVER_READ | MOVER_LATER,
					     MOVER_WRITE, MOVER_READ };
	struct client client;

	(void)state;
	server.options.timeout_ns = UINT64_MAX;
	server_start(&server);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		begin_dma(&client, true, commands[i]);
		close(client.fd);
		assert_serves(&server);
		close(client.twin);
	}
	assert_ok(server_stop(&server));
	assert_int_equal(server.reports.count, 0);
}

/* The queue of commands has a limit, in bytes and in descriptors. */
static void flood_ends_the_connection(void **state)
{
	static const char payload[65536] = "";
	const int fd = eventfd(0, EFD_CLOEXEC), fds[] = { fd, fd, fd, fd, fd, fd, fd, fd };
	struct client client;
	int err;

	(void)state;
	server_start(&server);
	for (size_t count = 0; count <= 8; count += 8) {
		err = 0;
		begin_dma(&client, false, MOVER_READ);
		/* A user may have only so many descriptors in sockets: unix(7), ETOOMANYREFS. */
		for (unsigned int i = 0; i < 100000 && (!err || err == -ETOOMANYREFS); i++)
			err = client_send(&client, VFIO_USER_DEVICE_SET_IRQS, payload,
					  count ? 20 : sizeof(payload), fds, count);
		assert_true(err == -EPIPE || err == -ECONNRESET);
		client_close(&client);
		assert_serves(&server);
		assert_true(log_has(&server.reports, "faster than"));
		log_clear(&server.reports);
	}
	close(fd);
	assert_ok(server_stop(&server));
}

static void silent_client_loses_its_place(void **state)
{
	struct client client;

	(void)state;
	server.options.timeout_ns = MS;
	server_start(&server);
	say_nothing(&client);
	assert_hung_up(&client);
	client_close(&client);
	assert_ok(server_stop(&server));
	assert_true(log_has(&server.reports, "did not answer in time"));
}

static void connections_leave_no_descriptor(void **state)
{
	unsigned int before = 0;

	(void)state;
	server_start(&server);
	for (unsigned long i = 0; i < connections; i++) {
		struct client client;

		ends[i % 7](&client);
		client_close(&client);
		/* When the next client is served, the server has closed what this one had. */
		if (i == 100 || i == connections - 1) {
			client_open(&client, server.path, false);
			assert_true(!before || before == open_files(getpid()));
			before = open_files(getpid());
			client_close(&client);
		}
	}
	assert_ok(server_stop(&server));
}

static void other_versions_are_refused(void **state)
{
	struct vfio_user_version version = { 1, 0 };
	struct client client;

	(void)state;
	server_start(&server);
	client_connect(&client, server.path);
	assert_int_equal(client_ask(&client, VFIO_USER_VERSION, &version, sizeof(version), NULL, 0),
			 EINVAL);
	assert_hung_up(&client);
	client_close(&client);
	client_connect(&client, server.path);
	assert_int_equal(client_ask(&client, VFIO_USER_DEVICE_RESET, NULL, 0, NULL, 0), -1);
	client_close(&client);
	assert_serves(&server);
	assert_ok(server_stop(&server));
	assert_true(log_has(&server.reports, "another version"));
}

static void one_socket_is_one_connection(void **state)
{
	struct client client = { .twin = -1 };
	int pair[2];

	(void)state;
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	server.options.socket_fd = pair[0];
	server_start(&server);
	client.fd = pair[1];
	assert_int_equal(client_ask(&client, VFIO_USER_DEVICE_RESET, NULL, 0, NULL, 0), -1);
	assert_ok(pthread_join(server.thread, NULL));
	assert_ok(server.result);
	client_close(&client);
	close(pair[0]);
	close(server.stop);
}

static void options_are_checked(void **state)
{
	static struct coherent_sim_model model = { .name = "bad", .mask = UINT64_MAX };
	/* Sockets that are not connected, or of another type. */
	const int alone = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int packets = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct log log = LOG_EMPTY;
	char path[SCRATCH_MAX];

	(void)state;
	server_path(path);
#define FAILS(name, path, ...)                                                              \
	assert_err(coherent_sim_serve(name, path, .report = log_report, .report_arg = &log, \
				      __VA_ARGS__),                                         \
		   -EINVAL)
	FAILS("sim:edu", NULL, .timeout_ns = 0);
	FAILS("vhost-user:/tmp/x", path, .timeout_ns = 0);
	assert_true(log_has(&log, "not the name of a sim: device"));
	FAILS((const char *)NULL, path, .timeout_ns = 0);
	FAILS("sim:edu", path, .listen_fd = 1);
	FAILS("sim:edu", NULL, .socket_fd = STDIN_FILENO + 1000);
	FAILS("sim:edu", NULL, .socket_fd = alone);
	assert_true(log_has(&log, "is not a socket that is connected"));
	FAILS("sim:edu", NULL, .socket_fd = packets);
	FAILS("sim:edu", path, .stop_fd = STDIN_FILENO + 1000);
	assert_true(log_has(&log, "is not an open descriptor"));
	FAILS("sim:edu", path, .stop_fd = -1);
	FAILS("sim:edu,step", path, .timeout_ns = 0);
	FAILS("sim:edu", path, .class_code = 1 << 24);
	FAILS("sim:custom", path, .timeout_ns = 0);
	model.bar_size[0] = UINT64_C(1) << 32;
	FAILS("sim:custom", path, .model = &model);
	assert_true(log_has(&log, "2 GiB"));
	for (unsigned int i = 0; i < 6; i++)
		model.bar_size[i] = 16;
	model.vectors = 1;
	FAILS("sim:custom", path, .model = &model);
	assert_true(log_has(&log, "MSI-X"));
	assert_err(coherent_sim_serve("sim:nothing", path), -ENODEV);
	close(alone);
	close(packets);
}

/* --- The library's own client --- */

static void wait_for_mover(struct coherent_bar *bar)
{
	while (coherent_bar_read64(bar, MOVER_STATUS) == MOVER_BUSY)
		usleep(100);
	assert_int_equal(coherent_bar_read64(bar, MOVER_STATUS), 0);
}

static void own_client_drives_the_device(void **state)
{
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	COHERENT(uint8_t) mem = { 0 };
	char name[100];

	(void)state;
	server.options.vendor = 0x1af4;
	server.options.device = 0x1234;
	server_start(&server);
	snprintf(name, sizeof(name), "vfio-user:%s", server.path);
	assert_ok(coherent_device_open(&dev, name, .report = coherent_report_stderr));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_ok(coherent_irq_open(&irq, dev, 1));
	assert_ok(coherent_zeroed(&mem, dev, 100000));
	memset(mover.buffer, 0x42, 100000);
	coherent_bar_write64(bar, MOVER_ADDRESS, coherent_addr(&mem).raw);
	coherent_bar_write64(bar, MOVER_BYTES, 100000);
	coherent_bar_write64(bar, MOVER_COMMAND, MOVER_WRITE | MOVER_LATER);
	assert_ok(coherent_irq_wait(irq, LONG));
	wait_for_mover(bar);
	memset(mover.buffer, 0, 100000);
	coherent_bar_write64(bar, MOVER_COMMAND, MOVER_READ);
	wait_for_mover(bar);
	assert_true(is_all(mover.buffer, 0x42, 100000));
	coherent_free(&mem);
	coherent_irq_close(irq);
	coherent_bar_close(bar);
	coherent_device_close(dev);
	assert_ok(server_stop(&server));
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(int argc, char **argv)
{
	const struct CMUnitTest many[] = {
		TEST(connections_leave_no_descriptor),
	};
	const struct CMUnitTest tests[] = {
		TEST(server_outlives_each_client),     TEST(server_stops_in_each_state),
		TEST(pulse_ends_the_server),	       TEST(twin_alone_is_not_a_connection),
		TEST(flood_ends_the_connection),       TEST(silent_client_loses_its_place),
		TEST(connections_leave_no_descriptor), TEST(other_versions_are_refused),
		TEST(one_socket_is_one_connection),    TEST(options_are_checked),
		TEST(own_client_drives_the_device),
	};

	if (argc < 2)
		return cmocka_run_group_tests(tests, NULL, NULL);
	connections = strtoul(argv[1], NULL, 10);
	return cmocka_run_group_tests(many, NULL, NULL);
}
