// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Each allocation and each system call of the library fails in turn while a driver uses a device of
 * vfio-user, loses it and connects again. The peer is another process, so its calls do not fail.
 */
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../inject.h"
#include "vfio_user_test.h"

/* An open needs fewer descriptors than this. */
#define NEEDED_MAX 32

/* --- The peer --- */

/* This end of the socket by which the test tells the other process what to do. */
static int order;
static pid_t child;
static char path[64];

/* Keys for the name of the device. */
static const char *keys;

/* A byte means that the peer hangs up. */
static void obey(int fd)
{
	char byte;

	peer = peer_new();
	peer_start(peer);
	if (send(fd, peer->path, sizeof(peer->path), 0) != sizeof(peer->path))
		return;
	while (recv(fd, &byte, 1, 0) == 1) {
		peer_hang_up(peer);
		if (send(fd, &byte, 1, 0) != 1)
			break;
	}
	peer_end(peer);
}

static int start_far_peer(void **state)
{
	int pair[2];

	(void)state;
	assert_ok(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	child = fork();
	assert_true(child >= 0);
	close(pair[child ? 1 : 0]);
	if (!child) {
		obey(pair[1]);
		_exit(0);
	}
	order = pair[0];
	assert_int_equal(recv(order, path, sizeof(path), 0), sizeof(path));
	return 0;
}

static int end_far_peer(void **state)
{
	(void)state;
	inject.left = 0;
	inject.thread = NULL;
	close(order);
	assert_int_equal(waitpid(child, NULL, 0), child);
	return 0;
}

static void hang_up(void)
{
	char byte = 0;

	assert_int_equal(write(order, &byte, 1), 1);
	assert_int_equal(read(order, &byte, 1), 1);
}

/* --- The driver --- */

/**
 * struct use - What the driver has.
 * @bar: The registers.
 * @irq: An interrupt.
 * @mem: A mem.
 * @box: A box.
 */
struct use {
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	union byte_mem mem;
	union byte_box box;
};

static int open_far_peer(void)
{
	char name[128];

	reports = (struct log)LOG_EMPTY;
	snprintf(name, sizeof(name), "vfio-user:%s%s", path, keys);
	return coherent_device_open(&dev, name, .report = log_report, .report_arg = &reports);
}

static int transfer_far(struct use *use)
{
	coherent_bar_write64(use->bar, PEER_ADDRESS, coherent_addr(&use->mem).raw);
	coherent_bar_write64(use->bar, PEER_COUNT, 8);
	coherent_bar_write64(use->bar, PEER_COMMAND, PEER_READ);
	return coherent_bar_read64(use->bar, PEER_STATUS) ? -EIO : 0;
}

static int run_driver(struct use *use)
{
	int err = open_far_peer();

	if (!err)
		err = coherent_bar_open(&use->bar, dev, 0);
	if (!err)
		err = coherent_irq_open(&use->irq, dev, 1);
	if (!err)
		err = coherent_zeroed(&use->mem, dev, 4096);
	if (!err)
		err = coherent_write(&use->mem, 0, 7);
	if (!err)
		err = transfer_far(use);
	if (!err)
		err = coherent_reclaim(&use->mem, &use->box, .idle = true);
	if (!err)
		err = coherent_expose(&use->box, &use->mem);
	if (!err)
		err = coherent_device_reset(dev);
	if (err)
		return err;
	hang_up();
	err = coherent_device_reset(dev);
	return err ? err : transfer_far(use);
}

/* Memory stays valid over a failure, and a reset connects again. */
static void check_and_close(struct use *use)
{
	uint8_t byte = 7;

	if (!coherent_is_empty(&use->mem))
		assert_ok(coherent_read(&use->mem, 0, &byte));
	if (dev)
		assert_ok(coherent_device_reset(dev));
	if (use->bar && !coherent_is_empty(&use->mem))
		assert_ok(transfer_far(use));
	coherent_free(&use->mem);
	coherent_box_free(&use->box);
	coherent_irq_close(use->irq);
	coherent_bar_close(use->bar);
	coherent_device_close(dev);
	dev = NULL;
}

/* A socket that breaks is a lost peer. Nothing else is. */
static bool is_expected(int err)
{
	const bool is_broken = inject.err == EPIPE || inject.err == ECONNRESET ||
			       inject.err == ECONNREFUSED;

	return is_broken ? err == -ENODEV || err == -EIO : err == -ENOMEM || err == -ENOSPC;
}

static void fail_each_call(void)
{
	const pthread_t self = pthread_self();
	unsigned int nth, tolerated = 0, lacks_thread = 0;

	inject.thread = &self;
	for (nth = 1;; nth++) {
		const struct inject before = inject;
		const unsigned int fds = open_files(getpid());
		struct use use = { .bar = NULL };
		int err;

		inject.failed = false;
		inject.left = nth;
		err = run_driver(&use);
		inject.left = 0;
		if (!inject.failed ? err : err && !is_expected(err))
			fail_msg("call %u fails with %d, and the driver gets %d: %s", nth,
				 inject.err, err, reports.text);
		tolerated += inject.failed && !err;
		lacks_thread += log_has(&reports, "no thread can be started; raise ulimit -u");
		check_and_close(&use);
		assert_int_equal(inject.blocks, before.blocks);
		assert_int_equal(inject.bytes, before.bytes);
		assert_int_equal(open_files(getpid()), fds);
		if (!inject.failed)
			break;
		assert_true(nth < 1000);
	}
	print_message("# %u calls failed in turn, %u of them made no difference\n", nth - 1,
		      tolerated);
	assert_true(nth > 80);
	assert_true(lacks_thread);
}

static void each_failure_leaves_nothing(void **state)
{
	(void)state;
	keys = "";
	fail_each_call();
}

static void each_failure_with_files_leaves_nothing(void **state)
{
	(void)state;
	keys = ",files";
	fail_each_call();
}

/* --- A process without descriptors --- */

/* Opens the device while at most so many more descriptors may be open. */
static int open_with_few(unsigned int more)
{
	struct rlimit usual, few;
	const int lowest = dup(0);
	int err;

	assert_true(lowest >= 0);
	close(lowest);
	assert_ok(getrlimit(RLIMIT_NOFILE, &usual));
	few = (struct rlimit){ .rlim_cur = (rlim_t)lowest + more, .rlim_max = usual.rlim_max };
	assert_ok(setrlimit(RLIMIT_NOFILE, &few));
	err = open_far_peer();
	assert_ok(setrlimit(RLIMIT_NOFILE, &usual));
	return err;
}

static void open_without_descriptors_says_so(void **state)
{
	const unsigned int fds = open_files(getpid());
	unsigned int more = 0;

	(void)state;
	keys = "";
	while (open_with_few(more)) {
		assert_int_equal(open_with_few(more), -ENOSPC);
		if (!log_has(&reports, "no descriptor is left") ||
		    !log_has(&reports, "raise ulimit -n"))
			fail_msg("%u: the reports are: %s", more, reports.text);
		assert_int_equal(open_files(getpid()), fds);
		more++;
		assert_true(more < NEEDED_MAX);
	}
	assert_false(log_has(&reports, "twin socket"));
	coherent_device_close(dev);
	dev = NULL;
	assert_true(more > 4);
}

/* Only a device with files needs what the filter refuses. */
static void filter_of_system_calls_is_explained(void **state)
{
	(void)state;
	inject.refused = SYS_memfd_create;
	keys = ",files";
	assert_err(open_far_peer(), -ENODEV);
	assert_true(
		log_has(&reports, "its memory is files, and the system refuses memfd_create()"));
	keys = "";
	assert_ok(open_far_peer());
	inject.refused = 0;
	coherent_device_close(dev);
	dev = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_failure_leaves_nothing, start_far_peer,
						end_far_peer),
		cmocka_unit_test_setup_teardown(each_failure_with_files_leaves_nothing,
						start_far_peer, end_far_peer),
		cmocka_unit_test_setup_teardown(open_without_descriptors_says_so, start_far_peer,
						end_far_peer),
		cmocka_unit_test_setup_teardown(filter_of_system_calls_is_explained, start_far_peer,
						end_far_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
