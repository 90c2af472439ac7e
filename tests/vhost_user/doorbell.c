// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check that each notification of a queue reaches the eventfd that the peer has, also if
 * a filter of system calls does not let the kernel signal it. They also check that no read of an
 * eventfd waits.
 */
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../../src/base/sys_doorbell.h"
#include "../../src/base/sys_socket.h"
#include "../../src/vhost_user/device.h"
#include "vhost_test.h"

/* The kernel keeps the ends of fewer reads than this, on a machine with up to 1000 CPUs. */
#define RINGS 10000

/* Returns how often the eventfd of queue 0 was signalled, and resets it. */
static uint64_t take_kicks(struct fixture *fixture)
{
	uint64_t count = 0;

	if (read(vhost_user_of(fixture->dev->backend)->kick_fds[0], &count, sizeof(count)) < 0)
		assert_int_equal(errno, EAGAIN);
	return count;
}

/* Notifies queue 0 many times while a filter refuses a system call. Each time has to count. */
static void refuse_while_notifying(struct fixture *fixture, long refused)
{
	take_kicks(fixture);
	inject.refused = refused;
	for (unsigned int i = 0; i < RINGS; i++)
		coherent_bar_write32(fixture->bar, NOTIFY, 0);
	inject.refused = 0;
	assert_int_equal(take_kicks(fixture), RINGS);
}

static void refused_context_is_reported(void **state)
{
	struct fixture *fixture = open_fixture("");

	(void)state;
	inject.refused = SYS_io_setup;
	assert_ok(start_virtio(fixture));
	assert_int_equal(take_kicks(fixture), 1);
	refuse_while_notifying(fixture, SYS_io_setup);
	assert_true(log_has(&fixture->log, "io_setup() fails (Operation not permitted), so a "
					   "hostile peer can make a notification wait"));
	assert_int_equal(fixture->log.count, 1);
	close_fixture(fixture);
}

/* While other processes have all contexts, each queue asks for one again. */
static void lack_of_contexts_is_reported(void **state)
{
	struct fixture *fixture = open_fixture("");

	(void)state;
	for (unsigned int turn = 0; turn < 2; turn++) {
		log_clear(&fixture->log);
		/* The call that fails is io_setup(). */
		inject.left = 1;
		set_queue(fixture, 0, 2 * PAGE);
		assert_int_equal(inject.left, 0);
		assert_int_equal(coherent_bar_read32(fixture->bar, READY), 0);
		assert_true(log_has(&fixture->log, "no asynchronous I/O left for a queue; raise "
						   "sysctl fs.aio-max-nr"));
		assert_int_equal(fixture->log.count, 1);
	}
	assert_ok(start_virtio(fixture));
	assert_int_equal(take_kicks(fixture), 1);
	close_fixture(fixture);
}

static void refused_signal_is_written_instead(void **state)
{
	static const long refused[] = { SYS_io_submit, SYS_io_getevents };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct fixture *fixture = open_fixture("");

		assert_ok(start_virtio(fixture));
		/* Some kernels and emulators do not have asynchronous I/O. */
		if (!vhost_user_of(fixture->dev->backend)->doorbell)
			skip();
		assert_int_equal(fixture->log.count, 0);
		refuse_while_notifying(fixture, refused[i]);
		refuse_while_notifying(fixture, refused[i]);
		assert_true(log_has(&fixture->log, "refuses to signal an eventfd (Operation not "
						   "permitted), so a hostile peer can make"));
		assert_int_equal(fixture->log.count, 1);
		/* The filter is gone. */
		refuse_while_notifying(fixture, 0);
		assert_int_equal(fixture->log.count, 1);
		close_fixture(fixture);
	}
}

/* The kernel has no room for as many ends of reads, so the library has to make some. */
static void each_ring_is_counted(void **state)
{
	unsigned long context = 0;
	uint64_t count;
	int own, fd;

	(void)state;
	assert_ok(sys_eventfd(&fd));
	assert_ok(sys_hung_up(&own));
	/* Some kernels and emulators do not have asynchronous I/O. */
	if (sys_doorbell_open(&context))
		skip();
	for (unsigned int i = 0; i < RINGS; i++)
		assert_ok(sys_doorbell_ring(context, own, fd));
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, RINGS);
	sys_doorbell_close(context);
	close(own);
	close(fd);
}

static void ring_without_a_context_is_counted(void **state)
{
	uint64_t count;
	int fd;

	(void)state;
	assert_ok(sys_eventfd(&fd));
	for (unsigned int i = 0; i < RINGS; i++)
		assert_ok(sys_doorbell_ring(0, -1, fd));
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, RINGS);
	close(fd);
}

/* Linux before 5.10 does not know RWF_NOWAIT on an eventfd. */
static bool kernel_reads_at_once(int fd)
{
	uint64_t count;
	const struct iovec part = { &count, sizeof(count) };

	sys_eventfd_signal(fd);
	return preadv2(fd, &part, 1, -1, RWF_NOWAIT) == sizeof(count);
}

/* A take that waits fails the test by its timeout. */
static void take_never_waits(void **state)
{
	int fd;

	(void)state;
	assert_ok(sys_eventfd(&fd));
	assert_ok(fcntl(fd, F_SETFL, 0));
	if (!kernel_reads_at_once(fd))
		skip();
	assert_err(sys_eventfd_take(fd), -EAGAIN);
	sys_eventfd_signal(fd);
	sys_eventfd_signal(fd);
	assert_ok(sys_eventfd_take(fd));
	assert_err(sys_eventfd_take(fd), -EAGAIN);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PEER(refused_context_is_reported),
		WITH_PEER(lack_of_contexts_is_reported),
		WITH_PEER(refused_signal_is_written_instead),
		cmocka_unit_test(each_ring_is_counted),
		cmocka_unit_test(ring_without_a_context_is_counted),
		cmocka_unit_test(take_never_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
