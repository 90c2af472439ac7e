// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Another process sends descriptors whose close waits for years, or nothing. The calls that receive or
 * close them return. If one waits, a signal ends the test.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../src/base/sys.h"
#include "../src/base/sys_socket.h"
#include "lingering.h"
#include "test.h"

/* Linux 6.5 has it. */
#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
/* A call that waits for longer hangs. */
#define SECONDS 200

static unsigned int before;

static int setup(void **state)
{
	(void)state;
	/* The other end of a lingering socket stays open. */
	before = open_files(getpid());
	return 0;
}

static void assert_only_other_ends(unsigned int count)
{
	assert_int_equal(open_files(getpid()), before + count);
}

static void tcp_socket_does_not_linger(void **state)
{
	(void)state;
	sys_close_foreign(lingering_socket());
	assert_only_other_ends(1);
}

static void queue_of_a_unix_socket_does_not_linger(void **state)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		sys_close_foreign(socket_with_lingering(types[i]));
	assert_only_other_ends(ARRAY_SIZE(types));
}

static void queue_with_an_empty_message_does_not_linger(void **state)
{
	static const int types[] = { SOCK_DGRAM, SOCK_SEQPACKET };
	int pair[2], fd;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		fd = lingering_socket();
		assert_ok(socketpair(AF_UNIX, types[i] | SOCK_CLOEXEC, 0, pair));
		assert_int_equal(send(pair[1], "", 0, 0), 0);
		send_away(pair[1], &fd, 1, 0);
		close(pair[1]);
		sys_close_foreign(pair[0]);
	}
	assert_only_other_ends(ARRAY_SIZE(types));
}

static void queues_in_a_queue_do_not_linger(void **state)
{
	int pair[2], fds[2];

	(void)state;
	fds[0] = socket_with_lingering(SOCK_STREAM);
	fds[1] = lingering_socket();
	for (unsigned int i = 0; i < 100; i++) {
		assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
		assert_int_equal(write(pair[1], "bytes", 5), 5);
		send_away(pair[1], fds, 1 + !i, 0);
		close(pair[1]);
		fds[0] = pair[0];
	}
	sys_close_foreign(fds[0]);
	assert_only_other_ends(2);
}

/* A connection that no process accepted has a queue too. */
static void queue_of_a_listener_does_not_linger(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int fd = lingering_socket();
	socklen_t size = sizeof(address);

	(void)state;
	/* unix(7): the kernel chooses an abstract address. */
	assert_ok(bind(listener, (void *)&address, sizeof(sa_family_t)));
	assert_ok(getsockname(listener, (void *)&address, &size));
	assert_ok(listen(listener, 1));
	assert_ok(connect(connection, (void *)&address, size));
	send_away(connection, &fd, 1, 0);
	close(connection);
	sys_close_foreign(listener);
	assert_only_other_ends(1);
}

/* The kernel closes the descriptors of a message that a call has no room for. */
static void receive_without_room_does_not_linger(void **state)
{
	int pair[2], fds[10];
	char byte;

	(void)state;
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	for (unsigned int i = 0; i < 3; i++) {
		int taken[SYS_SEND_FDS_MAX];
		size_t count = i ? 0 : ARRAY_SIZE(taken);

		for (size_t k = 0; k < ARRAY_SIZE(fds); k++)
			fds[k] = lingering_socket();
		send_away(pair[1], fds, ARRAY_SIZE(fds), 0);
		assert_int_equal(i == 2 ? sys_receive_at_once(pair[0], &byte, 1, UINT64_MAX) :
					  sys_receive_fds(pair[0], &byte, 1, taken, &count,
							  UINT64_MAX),
				 1);
		assert_int_equal(count, i ? 0 : ARRAY_SIZE(taken));
		for (size_t k = 0; k < count; k++)
			sys_close_foreign(taken[k]);
	}
	close(pair[0]);
	close(pair[1]);
	assert_only_other_ends(3 * ARRAY_SIZE(fds));
}

/* The kernel skips a byte that is out of band, and closes what came with it. */
static void out_of_band_does_not_linger(void **state)
{
	int pair[2];
	char byte;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		const int fd = lingering_socket();

		if (i)
			assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
		else
			assert_ok(sys_socketpair(pair));
		send_away(pair[1], &fd, 1, MSG_OOB);
		assert_int_equal(write(pair[1], "x", 1), 1);
		if (!i)
			assert_int_equal(sys_receive(pair[0], &byte, 1, UINT64_MAX), 1);
		sys_close_foreign(pair[0]);
		close(pair[1]);
	}
	assert_only_other_ends(2);
}

/* socket(7): a timeout of 0 us would mean none. */
static void shortest_timeout_ends(void **state)
{
	int pair[2];
	char byte;

	(void)state;
	assert_ok(sys_socketpair(pair));
	for (uint64_t timeout_ns = 0; timeout_ns <= 1; timeout_ns++) {
		assert_ok(sys_let_receive_wait(pair[0], timeout_ns));
		assert_err((int)sys_receive_at_once(pair[0], &byte, 1, 0), -ETIMEDOUT);
	}
	close(pair[0]);
	close(pair[1]);
}

/* The process that shares the socket has set every option that adds control data. */
static void other_control_data_leaves_nothing(void **state)
{
	static const int options[] = { SO_PASSCRED, SO_PASSSEC, SO_PASSPIDFD };
	int pair[2], fds[16], taken[16];
	const int on = 1;
	char byte;

	(void)state;
	assert_ok(sys_socketpair(pair));
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		/* An older kernel, or one without a security module, does not know all. */
		(void)setsockopt(pair[0], SOL_SOCKET, options[i], &on, sizeof(on));
	for (size_t room = 0; room <= 16; room += 8) {
		size_t count = room;

		for (size_t i = 0; i < 16; i++)
			fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		send_away(pair[1], fds, 16, 0);
		assert_int_equal(sys_receive_fds(pair[0], &byte, 1, taken, &count, UINT64_MAX), 1);
		assert_int_equal(count, room);
		while (count)
			sys_close(taken[--count]);
	}
	close(pair[0]);
	close(pair[1]);
	assert_only_other_ends(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(tcp_socket_does_not_linger, setup),
		cmocka_unit_test_setup(queue_of_a_unix_socket_does_not_linger, setup),
		cmocka_unit_test_setup(queue_with_an_empty_message_does_not_linger, setup),
		cmocka_unit_test_setup(queues_in_a_queue_do_not_linger, setup),
		cmocka_unit_test_setup(queue_of_a_listener_does_not_linger, setup),
		cmocka_unit_test_setup(receive_without_room_does_not_linger, setup),
		cmocka_unit_test_setup(out_of_band_does_not_linger, setup),
		cmocka_unit_test_setup(other_control_data_leaves_nothing, setup),
		cmocka_unit_test(shortest_timeout_ends),
	};

	alarm(SECONDS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
