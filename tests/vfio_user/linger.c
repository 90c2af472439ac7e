// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A peer sends descriptors whose close waits for years, wherever it can. The driver does not wait for
 * them. If a call waits, a signal ends the test.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/base/sys_socket.h"
#include "../lingering.h"
#include "vfio_user_test.h"

/* A call that waits for longer hangs. */
#define SECONDS 200

static void version_may_bring_one(void **state)
{
	(void)state;
	peer = peer_new();
	peer->no_twin = true;
	peer->extra = lingering_socket();
	peer_start(peer);
	open_peer();
	assert_int_equal(coherent_bar_read32(bar, PEER_ID), PEER_MAGIC);
}

static void version_may_bring_one_beside_the_twin(void **state)
{
	(void)state;
	peer = peer_new();
	peer->extra = socket_with_lingering(SOCK_STREAM);
	peer_start(peer);
	assert_err(try_peer(), -EIO);
	assert_true(log_has(&reports, "the peer sent a malformed message (VERSION)"));
}

/* The library does not get as far as the descriptor. It empties the connection before it gives up. */
static void connection_may_have_one_in_its_queue(void **state)
{
	static const struct vfio_user_header bad = { 0, VFIO_USER_VERSION, 0, 1, 0 };
	const int fd = lingering_socket();
	int pair[2];

	(void)state;
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	assert_int_equal(write(pair[1], &bad, sizeof(bad)), sizeof(bad));
	send_away(pair[1], &fd, 1, 0);
	assert_err(coherent_device_open(&dev, "vfio-user:", .socket_fd = pair[0]), -EIO);
	close(pair[0]);
	close(pair[1]);
}

/* A socket keeps its options for all who share it, so the peer can allow descriptors again. */
static void allow_descriptors_again(int fd)
{
	static const int options[] = { SYS_SO_PASSRIGHTS, SO_PASSCRED };
	const int on = 1;

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		/* Older kernels allow descriptors, and do not know the first option. */
		(void)setsockopt(fd, SOL_SOCKET, options[i], &on, sizeof(on));
}

static void twin_may_bring_some(void **state)
{
	const int fds[] = { lingering_socket(), socket_with_lingering(SOCK_DGRAM) };

	(void)state;
	peer = peer_new();
	peer->keeps_twin = true;
	peer_start(peer);
	open_peer();
	allow_descriptors_again(peer->library_twin);
	send_away(peer->twin, fds, 2, 0);
	assert_int_equal(coherent_bar_read32(bar, PEER_ID), PEER_MAGIC);
	coherent_bar_close(bar);
	bar = NULL;
	coherent_device_close(dev);
	dev = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(version_may_bring_one, stop_peer),
		cmocka_unit_test_teardown(version_may_bring_one_beside_the_twin, stop_peer),
		cmocka_unit_test_teardown(connection_may_have_one_in_its_queue, stop_peer),
		cmocka_unit_test_teardown(twin_may_bring_some, stop_peer),
	};

	alarm(SECONDS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
