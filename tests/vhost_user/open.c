// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests open vhost-user devices with good and bad names, sockets and levels.
 */
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../../src/base/sys_socket.h"
#include "../lingering.h"
#include "vhost_test.h"

/* Opens a device with one end of a pair of sockets. A peer has the other end. */
static struct coherent_device *open_with_socket(struct peer *other, int pair[2], struct log *log)
{
	struct coherent_device *dev;

	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	peer_start_at(other, pair[1]);
	assert_ok(coherent_device_open(&dev, "vhost-user:", .socket_fd = pair[0],
				       .report = log_report, .report_arg = log));
	return dev;
}

static void connected_socket_is_adopted(void **state)
{
	const struct inject before = inject;
	struct coherent_device *dev;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct log log = LOG_EMPTY;
	struct peer other;
	int pair[2];

	(void)state;
	dev = open_with_socket(&other, pair, &log);
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_err(coherent_device_fence(dev), -EOPNOTSUPP);
	assert_true(log_has(&log, "cannot make a connection from .socket_fd again"));
	/* The refused fence did not change the connection. */
	assert_int_equal(other.script->seen[VHOST_USER_ADD_MEM_REG], 1);
	coherent_free(&mem);
	assert_ok(coherent_zeroed(&mem, dev, 1));
	coherent_free(&mem);
	coherent_device_close(dev);
	assert_ok(fcntl(pair[0], F_GETFD) < 0 ? -1 : 0);
	close(pair[0]);
	peer_end(&other);
	inject.fds = before.fds;
	assert_int_equal(inject.blocks, before.blocks);
}

/* The report of a loss does not advise what the device refuses. */
static void lost_connection_of_a_socket_needs_another_device(void **state)
{
	struct coherent_device *dev;
	struct coherent_bar *bar;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct log log = LOG_EMPTY;
	struct peer other;
	int pair[2];

	(void)state;
	dev = open_with_socket(&other, pair, &log);
	assert_ok(coherent_bar_open(&bar, dev, 0));
	coherent_bar_write32(bar, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_DRIVER_OK);
	other.script->misdeed = HANG_UP_AFTER;
	other.script->request = VHOST_USER_ADD_MEM_REG;
	assert_err(coherent_zeroed(&mem, dev, 1), -ENODEV);
	assert_true(log_has(&log, "; open the device again, with a new connection"));
	assert_false(log_has(&log, "coherent_device_reset()"));
	coherent_bar_close(bar);
	coherent_device_close(dev);
	close(pair[0]);
	peer_end(&other);
}

/*
 * The peer has sent a long wrong answer before the open, and behind it a descriptor whose close waits for
 * years. The library empties the connection before it gives up. Otherwise the test hangs.
 */
static void queue_of_a_connection_does_not_linger(void **state)
{
	static const char bad[4096];
	const int fd = lingering_socket();
	struct coherent_device *dev;
	int pair[2];

	(void)state;
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	assert_int_equal(write(pair[1], bad, sizeof(bad)), sizeof(bad));
	send_away(pair[1], &fd, 1, 0);
	assert_err(coherent_device_open(&dev, "vhost-user:", .socket_fd = pair[0]), -EIO);
	close(pair[0]);
	close(pair[1]);
}

/* Opens a socket that listens at an address that the kernel chooses. */
static int open_listener(void)
{
	const struct sockaddr_un any = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_ok(bind(fd, (const void *)&any, sizeof(sa_family_t)));
	assert_ok(listen(fd, 4));
	return fd;
}

static int connect_to(int listening)
{
	struct sockaddr_un address;
	socklen_t size = sizeof(address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_ok(getsockname(listening, (void *)&address, &size));
	assert_ok(connect(fd, (void *)&address, size));
	return fd;
}

/* A kernel without the option has nothing to look at. */
static bool refuses_descriptors(int fd)
{
	int passes = 0;
	socklen_t size = sizeof(passes);

	return getsockopt(fd, SOL_SOCKET, SYS_SO_PASSRIGHTS, &passes, &size) || !passes;
}

static void listening_socket_is_adopted(void **state)
{
	struct coherent_device *dev;
	struct log log = LOG_EMPTY;
	struct peer other;
	int listening = open_listener();

	(void)state;
	assert_err(coherent_device_open(&dev, "vhost-user:,timeout=20", .listen_fd = listening,
					.report = log_report, .report_arg = &log),
		   -ETIMEDOUT);
	assert_true(log_has(&log, "neither accepted nor connected within 20 ms"));
	peer_start_at(&other, connect_to(listening));
	assert_ok(coherent_device_open(&dev, "vhost-user:", .listen_fd = listening));
	coherent_device_close(dev);
	peer_end(&other);
	/* The header says that these stay. */
	assert_true(fcntl(listening, F_GETFL) & O_NONBLOCK);
	assert_true(refuses_descriptors(listening));
	close(listening);
}

/* accept4() would wait for another connection, if the library did not prevent that. */
static void stolen_connection_is_a_timeout(void **state)
{
	int listening = open_listener(), connection = connect_to(listening);
	struct coherent_device *dev;
	struct log log = LOG_EMPTY;

	(void)state;
	inject.steals = true;
	assert_err(coherent_device_open(&dev, "vhost-user:,timeout=20", .listen_fd = listening,
					.report = log_report, .report_arg = &log),
		   -ETIMEDOUT);
	inject.steals = false;
	assert_true(log_has(&log, "neither accepted nor connected within 20 ms"));
	close(connection);
	close(listening);
}

/* ppoll() says that a socket is ready, and the call that follows finds nothing there. */
static void socket_that_only_seems_ready_is_a_timeout(void **state)
{
	static const char *const functions[] = { "accept4", "sendmsg", "recvmsg" };
	struct coherent_device *dev;
	struct peer other;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		int listening = open_listener();

		peer_start_at(&other, connect_to(listening));
		inject.waits = functions[i];
		assert_err(coherent_device_open(&dev, "vhost-user:,timeout=20",
						.listen_fd = listening),
			   -ETIMEDOUT);
		inject.waits = NULL;
		peer_end(&other);
		close(listening);
	}
}

static void a_failed_open_gives_the_reason(void **state)
{
	static const struct {
		const char *name;
		int err;
		const char *says;
	} cases[] = {
		{ "vhost-user:", -EINVAL, "exactly one of vhost-user:/path" },
		{ "vhost-user", -EINVAL, "exactly one of vhost-user:/path" },
		{ "vhost-user:/nothing/there", -ENODEV, "is its process running?" },
		{ "vhost-user:/dev/null", -EINVAL, "/dev/null is not a socket" },
		{ "vhost-user:/tmp", -EINVAL, "/tmp is not a socket" },
		{ "vhost-user:/nothing,depth=3", -EINVAL, "depth" },
		{ "vhost-user:/nothing,timeout=0", -EINVAL, "timeout" },
		{ "vhost-user:/nothing,id=0", -EINVAL, "id" },
		{ "vhost-user:/"
		  "12345678901234567890123456789012345678901234567890123456789012345678901234567890"
		  "1234567890123456789012345678901234567890",
		  -EINVAL, "too long; give a shorter one" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_open_fails(cases[i].name, cases[i].err, cases[i].says);
}

static void wrong_kinds_of_sockets_are_refused(void **state)
{
	struct coherent_device *dev;
	struct log log = LOG_EMPTY;
	int file = open("/dev/null", O_RDWR), pair[2];
	/* A socket that is not connected. */
	int alone = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	assert_err(coherent_device_open(&dev, "vhost-user:", .socket_fd = file,
					.report = log_report, .report_arg = &log),
		   -EINVAL);
	assert_true(log_has(&log, "is not a socket that is connected"));
	assert_err(coherent_device_open(&dev, "vhost-user:", .listen_fd = pair[0],
					.report = log_report, .report_arg = &log),
		   -EINVAL);
	assert_true(log_has(&log, "is not a socket that listens"));
	assert_err(coherent_device_open(&dev, "vhost-user:", .socket_fd = 1000), -EINVAL);
	assert_err(coherent_device_open(&dev, "vhost-user:", .socket_fd = alone), -EINVAL);
	assert_err(coherent_device_open(&dev, "vhost-user:/path", .socket_fd = pair[0]), -EINVAL);
	assert_err(coherent_device_open(&dev, "vhost-user:", .socket_fd = pair[0],
					.listen_fd = pair[1]),
		   -EINVAL);
	assert_err(coherent_device_open(&dev, "sim:edu", .socket_fd = pair[0], .report = log_report,
					.report_arg = &log),
		   -EINVAL);
	assert_true(log_has(&log, "does not take .socket_fd, which is for: vhost-user"));
	assert_err(coherent_device_open(&dev, "vhost-user:/path", .hugepages = true,
					.report = log_report, .report_arg = &log),
		   -EOPNOTSUPP);
	assert_true(log_has(&log, "because its memory is files"));
	assert_err(coherent_device_open(&dev, "vhost-user:/path", .level = COHERENT_IOMMU),
		   -ENODEV);
	close(file);
	close(alone);
	close(pair[0]);
	close(pair[1]);
}

/* The peer's socket belongs to another user. */
static void socket_of_another_user_is_explained(void **state)
{
	struct fixture *fixture = new_fixture();
	const uid_t user = geteuid();

	(void)state;
	assert_ok(chmod(peer.path, 0600));
	assert_ok(user ? chmod(peer.path, 0) : seteuid(65534));
	assert_err(open_keys(fixture, ""), -EACCES);
	assert_ok(user ? 0 : seteuid(user));
	assert_true(log_has(&fixture->log, "run both processes as one user"));
	close_fixture(fixture);
}

/* The kernel between two processes enforces less than COHERENT_IOMMU. */
static void level_of_vhost_user_is_peer(void **state)
{
	struct coherent_device *dev;
	struct log log = LOG_EMPTY;
	char name[96];

	(void)state;
	snprintf(name, sizeof(name), "vhost-user:%s", peer.path);
	assert_err(coherent_device_open(&dev, name, .level = COHERENT_IOMMU, .report = log_report,
					.report_arg = &log),
		   -EOPNOTSUPP);
	assert_true(log_has(&log, "gives COHERENT_PEER, but .level asks for COHERENT_IOMMU"));
	assert_ok(coherent_device_open(&dev, name, .level = COHERENT_PEER));
	assert_int_equal(coherent_device_level(dev), COHERENT_PEER);
	coherent_device_close(dev);
}

/* A container may have a filter that refuses what the memory of the device needs. */
static void filter_of_system_calls_is_explained(void **state)
{
	struct coherent_device *none;
	struct log log = LOG_EMPTY;

	(void)state;
	inject.refused = SYS_memfd_create;
	assert_err(coherent_device_open(&none, "vhost-user:/does/not/exist", .report = log_report,
					.report_arg = &log),
		   -ENODEV);
	inject.refused = 0;
	assert_int_equal(log.count, 1);
	assert_true(log_has(&log, "its memory is files, and the system refuses memfd_create()"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connected_socket_is_adopted),
		cmocka_unit_test(lost_connection_of_a_socket_needs_another_device),
		cmocka_unit_test(queue_of_a_connection_does_not_linger),
		cmocka_unit_test(listening_socket_is_adopted),
		cmocka_unit_test(stolen_connection_is_a_timeout),
		cmocka_unit_test(socket_that_only_seems_ready_is_a_timeout),
		cmocka_unit_test(a_failed_open_gives_the_reason),
		cmocka_unit_test(wrong_kinds_of_sockets_are_refused),
		cmocka_unit_test(filter_of_system_calls_is_explained),
		WITH_PEER(socket_of_another_user_is_explained),
		WITH_PEER(level_of_vhost_user_is_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
