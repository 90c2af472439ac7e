// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The peer does something wrong, or the library runs out of memory or descriptors. The library
 * returns an error, leaves nothing behind and keeps the contents of memory.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vhost_test.h"

/* There are more mems than a table holds, and the connection is lost. */
static void mems_can_be_reclaimed_without_a_connection(void **state)
{
	COHERENT(uint8_t) mems[20] = { COHERENT_EMPTY };
	struct fixture *fixture = open_fixture("");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		assert_ok(coherent_zeroed(&mems[i], fixture->dev, 1));
	peer.script->request = VHOST_USER_GET_FEATURES;
	peer.script->nth = 0;
	peer.script->misdeed = HANG_UP;
	assert_err(coherent_device_reset(fixture->dev), -ENODEV);
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++) {
		COHERENT_BOX_AUTO(uint8_t, box);

		assert_ok(coherent_reclaim(&mems[i], &box, .idle = true));
	}
	peer.script->misdeed = NOTHING;
	assert_ok(coherent_device_reset(fixture->dev));
	close_fixture(fixture);
}

static uint64_t objects_that_wait(const struct fixture *fixture)
{
	struct coherent_stats stats;

	assert_ok(coherent_device_stats(fixture->dev, &stats));
	assert_int_equal(stats.mems, 1);
	return stats.waiting;
}

/* The library replaces the pages of a freed box in place. Without memory for others, the box waits. */
static void freed_box_in_place_waits_only_without_memory(void **state)
{
	struct fixture *fixture = open_fixture("");

	(void)state;
	for (unsigned int turn = 0; turn < 2; turn++) {
		assert_ok(coherent_box_zeroed(&fixture->box, fixture->dev, 1 << 20,
					      .in_place = true));
		inject.failed = false;
		inject.left = turn;
		coherent_box_free(&fixture->box);
		inject.left = 0;
		assert_int_equal(inject.failed, turn);
		assert_int_equal(objects_that_wait(fixture), turn);
	}
	assert_ok(coherent_device_fence(fixture->dev));
	assert_int_equal(objects_that_wait(fixture), 0);
	close_fixture(fixture);
}

static void silent_peer_is_a_timeout(void **state)
{
	struct fixture *fixture = open_fixture("");

	(void)state;
	/* The library sends this request behind each message. */
	peer.script->request = VHOST_USER_GET_FEATURES;
	peer.script->nth = 0;
	peer.script->misdeed = SILENCE;
	assert_err(coherent_zeroed(&fixture->mem, fixture->dev, 1), -ETIMEDOUT);
	assert_true(log_has(&fixture->log, "the peer did not answer in time (ADD_MEM_REG)\n"));
	close_fixture(fixture);
}

static void *expose_to_silent_peer(void *arg)
{
	struct fixture *fixture = arg;

	return (void *)(intptr_t)coherent_zeroed(&fixture->mem, fixture->dev, 1);
}

/* No time passes, so only the close can end the wait for an answer. */
static void close_ends_the_wait_for_an_answer(void **state)
{
	static const bool never;
	struct fixture *fixture = open_fixture("");
	const volatile unsigned int *seen = &peer.script->seen[VHOST_USER_GET_FEATURES];
	const unsigned int before = *seen;
	pthread_t thread;
	void *err;

	(void)state;
	inject.time_is_up = &never;
	/* The library sends this request behind each message. */
	peer.script->request = VHOST_USER_GET_FEATURES;
	peer.script->nth = 0;
	peer.script->misdeed = SILENCE;
	assert_ok(pthread_create(&thread, NULL, expose_to_silent_peer, fixture));
	while (*seen == before)
		usleep(1000);
	coherent_device_close(fixture->dev);
	fixture->dev = NULL;
	assert_ok(pthread_join(thread, &err));
	assert_int_equal((intptr_t)err, -ENODEV);
	close_fixture(fixture);
}

/* A reset waits here for its connection until a close has shut the old one down. */
static _Atomic enum { CONNECTS, MUST_WAIT, WAITS } connecting;

struct peer_socket;
int __real_peer_socket_connect(const struct peer_socket *socket);
int __wrap_peer_socket_connect(const struct peer_socket *socket);
int __wrap_peer_socket_connect(const struct peer_socket *socket)
{
	if (connecting == MUST_WAIT)
		connecting = WAITS;
	while (connecting == WAITS)
		usleep(1000);
	return __real_peer_socket_connect(socket);
}

void __real_sys_shutdown(int fd);
void __wrap_sys_shutdown(int fd);
void __wrap_sys_shutdown(int fd)
{
	__real_sys_shutdown(fd);
	if (connecting == WAITS)
		connecting = CONNECTS;
}

static void *reset(void *arg)
{
	struct fixture *fixture = arg;

	return (void *)(intptr_t)coherent_device_reset(fixture->dev);
}

/* The close finds only the old connection, and still no message goes over the new one. */
static void close_ends_a_reset_that_connects(void **state)
{
	struct fixture *fixture = open_fixture("");
	const unsigned int seen = peer.script->seen[VHOST_USER_GET_FEATURES];
	pthread_t thread;
	void *err;

	(void)state;
	connecting = MUST_WAIT;
	assert_ok(pthread_create(&thread, NULL, reset, fixture));
	while (connecting != WAITS)
		usleep(1000);
	coherent_device_close(fixture->dev);
	fixture->dev = NULL;
	assert_ok(pthread_join(thread, &err));
	assert_int_equal((intptr_t)err, -ENODEV);
	assert_int_equal(peer.script->seen[VHOST_USER_GET_FEATURES], seen);
	close_fixture(fixture);
}

/* After a refusal the library does not know which memory the peer has. */
static void refused_removal_ends_the_connection(void **state)
{
	struct fixture *fixture = open_fixture("");

	(void)state;
	assert_ok(coherent_zeroed(&fixture->mem, fixture->dev, PAGE));
	peer.script->request = VHOST_USER_REM_MEM_REG;
	peer.script->misdeed = REFUSAL;
	assert_ok(coherent_reclaim(&fixture->mem, &fixture->box, .idle = true));
	peer.script->misdeed = NOTHING;
	assert_err(coherent_zeroed(&fixture->mem, fixture->dev, 1), -ENODEV);
	assert_ok(coherent_device_reset(fixture->dev));
	assert_ok(coherent_zeroed(&fixture->mem, fixture->dev, 1));
	close_fixture(fixture);
}

/* A reset must not seem to succeed if the peer lacks a part of the memory. */
static void refusal_after_a_reset_ends_the_connection(void **state)
{
	struct fixture *fixture = open_fixture("");

	(void)state;
	assert_ok(start_virtio(fixture));
	peer.script->request = VHOST_USER_ADD_MEM_REG;
	peer.script->misdeed = REFUSAL;
	coherent_bar_write32(fixture->bar, STATUS, 0);
	assert_int_equal(coherent_bar_read32(fixture->bar, STATUS), UINT32_MAX);
	assert_err(coherent_device_reset(fixture->dev), -EIO);
	assert_err(coherent_zeroed(&fixture->mem, fixture->dev, 1), -ENODEV);
	peer.script->misdeed = NOTHING;
	assert_ok(coherent_device_reset(fixture->dev));
	assert_ok(start_virtio(fixture));
	close_fixture(fixture);
}

/* The backlog of the socket is full. The library notices only that time passes. */
static void full_backlog_is_a_timeout(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listening = socket(AF_UNIX, SOCK_STREAM, 0), others[3];
	struct fixture *fixture = new_fixture();
	char name[256];

	(void)state;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s.full", peer.path);
	assert_ok(bind(listening, (void *)&address, sizeof(address)));
	assert_ok(listen(listening, 0));
	for (size_t i = 0; i < 3; i++) {
		others[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(others[i], (void *)&address, sizeof(address));
	}
	snprintf(name, sizeof(name), "vhost-user:%s,timeout=50", address.sun_path);
	assert_err(coherent_device_open(&fixture->dev, name, .report = log_report,
					.report_arg = &fixture->log),
		   -ETIMEDOUT);
	assert_true(log_has(&fixture->log, "within 50 ms"));
	for (size_t i = 0; i < 3; i++)
		close(others[i]);
	close(listening);
	unlink(address.sun_path);
	close_fixture(fixture);
}

static const enum vhost_user_request all_requests[] = {
	VHOST_USER_GET_FEATURES,      VHOST_USER_GET_PROTOCOL_FEATURES,
	VHOST_USER_SET_FEATURES,      VHOST_USER_SET_PROTOCOL_FEATURES,
	VHOST_USER_SET_OWNER,	      VHOST_USER_GET_QUEUE_NUM,
	VHOST_USER_SET_VRING_NUM,     VHOST_USER_SET_VRING_BASE,
	VHOST_USER_SET_VRING_ADDR,    VHOST_USER_SET_VRING_CALL,
	VHOST_USER_SET_VRING_KICK,    VHOST_USER_SET_VRING_ENABLE,
	VHOST_USER_GET_CONFIG,	      VHOST_USER_SET_CONFIG,
	VHOST_USER_ADD_MEM_REG,	      VHOST_USER_REM_MEM_REG,
	VHOST_USER_GET_MAX_MEM_SLOTS,
};

static bool is_get(enum vhost_user_request request)
{
	return request == VHOST_USER_GET_FEATURES || request == VHOST_USER_GET_PROTOCOL_FEATURES ||
	       request == VHOST_USER_GET_QUEUE_NUM || request == VHOST_USER_GET_MAX_MEM_SLOTS ||
	       request == VHOST_USER_GET_CONFIG;
}

/* Returns whether the driver must get an error. */
static bool must_fail(enum vhost_user_request request, enum misdeed misdeed)
{
	if (misdeed == EXTRA_FDS && !kernel_refuses_descriptors())
		return false;
	if (misdeed == REFUSAL)
		return !is_get(request) && request != VHOST_USER_SET_OWNER &&
		       request != VHOST_USER_SET_CONFIG && request != VHOST_USER_REM_MEM_REG &&
		       request != VHOST_USER_SET_PROTOCOL_FEATURES;
	/* The peer does not acknowledge messages before this one. */
	if (request == VHOST_USER_SET_PROTOCOL_FEATURES)
		return misdeed == HANG_UP || misdeed == HANG_UP_AFTER;
	return true;
}

static bool is_peer_error(int err)
{
	return err == -EIO || err == -ENODEV || err == -ETIMEDOUT;
}

static void check_misdeed(enum vhost_user_request request, enum misdeed misdeed)
{
	const struct inject before = inject;
	struct fixture *fixture = new_fixture();
	uint8_t byte = 7;
	int err;

	memset(peer.script->seen, 0, sizeof(peer.script->seen));
	peer.script->nth = 1;
	peer.script->request = request;
	peer.script->misdeed = misdeed;
	err = use_fixture(fixture, "");
	peer.script->misdeed = NOTHING;
	peer.script->time_is_up = false;
	if (must_fail(request, misdeed) ? !is_peer_error(err) : err && !is_peer_error(err))
		fail_msg("request %d, misdeed %d: %d", request, misdeed, err);
	/* The contents of memory survive the misdeed, and a reset connects again. */
	if (!coherent_is_empty(&fixture->mem)) {
		assert_ok(coherent_read(&fixture->mem, PAGE, &byte));
		assert_true(byte == 7);
	}
	if (!coherent_is_empty(&fixture->box))
		assert_int_equal(coherent_box_ptr(&fixture->box)[PAGE], 7);
	if (fixture->dev)
		assert_ok(coherent_device_reset(fixture->dev));
	close_fixture(fixture);
	nothing_is_left(&before);
}

static void wrong_answers_are_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all_requests); i++)
		for (enum misdeed misdeed = HANG_UP; misdeed < MISDEEDS; misdeed++)
			check_misdeed(all_requests[i], misdeed);
}

/*
 * The library does not read more than it has room for, and does not wait for more than was sent.
 * The first size is one more than the answer has; the others are more than the library has room for.
 */
static void too_long_answer_is_malformed(void **state)
{
	static const uint32_t sizes[] = { 9, sizeof(struct vhost_user_message) + 1,
					  2 * sizeof(struct vhost_user_message), 4000 };
	static const struct {
		enum vhost_user_request request;
		const char *says;
	} answers[] = {
		{ VHOST_USER_GET_FEATURES, "the peer sent a malformed reply (GET_FEATURES)" },
		{ VHOST_USER_SET_VRING_NUM, "the peer sent a malformed reply (SET_VRING_NUM)" },
		{ VHOST_USER_ADD_MEM_REG, "the peer sent a malformed reply (ADD_MEM_REG)" },
	};

	(void)state;
	peer.script->misdeed = TOO_LONG;
	peer.script->nth = 0;
	for (size_t i = 0; i < ARRAY_SIZE(sizes) * ARRAY_SIZE(answers); i++) {
		struct fixture *fixture = new_fixture();

		peer.script->bytes = sizes[i / ARRAY_SIZE(answers)];
		peer.script->request = answers[i % ARRAY_SIZE(answers)].request;
		assert_err(use_fixture(fixture, ""), -EIO);
		assert_true(log_has(&fixture->log, answers[i % ARRAY_SIZE(answers)].says));
		close_fixture(fixture);
	}
}

/* The peer acknowledges a message, but hangs up at once. */
static void lost_connection_is_an_error_at_once(void **state)
{
	struct fixture *fixture = new_fixture();
	COHERENT(uint8_t) mem = COHERENT_EMPTY;

	(void)state;
	assert_ok(use_fixture(fixture, ""));
	peer.script->misdeed = HANG_UP_AFTER;
	peer.script->request = VHOST_USER_ADD_MEM_REG;
	peer.script->nth = 0;
	assert_err(coherent_zeroed(&mem, fixture->dev, 1), -ENODEV);
	assert_true(coherent_is_empty(&mem));
	assert_true(log_has(&fixture->log, "the peer hung up (ADD_MEM_REG)"));
	assert_err(coherent_irq_wait(fixture->irq, UINT64_MAX), -ENODEV);
	peer.script->misdeed = NOTHING;
	assert_ok(coherent_device_reset(fixture->dev));
	assert_ok(coherent_zeroed(&mem, fixture->dev, 1));
	coherent_free(&mem);
	close_fixture(fixture);
}

/* The peer keeps its old mapping, but its writes there reach no other object. */
static void meddling_peer_reaches_no_other_memory(void **state)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY, other = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct fixture *fixture = new_fixture();
	uint8_t byte;

	(void)state;
	peer.script->meddles = true;
	assert_ok(open_keys(fixture, ""));
	assert_ok(coherent_box_zeroed(&box, fixture->dev, 2 * PAGE));
	assert_ok(coherent_box_zeroed(&other, fixture->dev, 2 * PAGE));
	memset(coherent_box_ptr(&box), 1, 2 * PAGE);
	memset(coherent_box_ptr(&other), 2, 2 * PAGE);
	assert_ok(coherent_expose(&box, &mem));
	assert_false(peer.script->shortened);
	/* The hole that the peer punched reads as zero and can be written again. */
	assert_ok(coherent_read(&mem, 2 * PAGE - 1, &byte));
	assert_int_equal(byte, 0);
	assert_ok(coherent_write(&mem, 0, 3));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_int_equal(peer.script->seen[VHOST_USER_REM_MEM_REG], 1);
	assert_int_equal(coherent_box_ptr(&box)[0], 3);
	for (size_t i = 1; i < 2 * PAGE; i++)
		assert_int_equal(coherent_box_ptr(&box)[i], 0);
	for (size_t i = 0; i < 2 * PAGE; i++)
		assert_int_equal(coherent_box_ptr(&other)[i], 2);
	coherent_box_free(&box);
	coherent_box_free(&other);
	close_fixture(fixture);
}

/* --- Each call of the library fails in turn --- */

static bool is_expected(int err)
{
	return err == -ENOMEM || err == -ENOSPC || is_peer_error(err);
}

static void no_failure_leaks(void **state)
{
	unsigned int nth;

	(void)state;
	for (nth = 1;; nth++) {
		const struct inject before = inject;
		struct fixture *fixture = new_fixture();
		int err;

		inject.failed = false;
		inject.left = nth;
		err = use_fixture(fixture, "");
		inject.left = 0;
		if (inject.failed ? err && !is_expected(err) : err)
			fail_msg("call %u: %d", nth, err);
		close_fixture(fixture);
		nothing_is_left(&before);
		if (!inject.failed)
			break;
		assert_true(nth < 1000);
	}
	print_message("# %u calls failed in turn\n", nth - 1);
	assert_true(nth > 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PEER(mems_can_be_reclaimed_without_a_connection),
		WITH_PEER(freed_box_in_place_waits_only_without_memory),
		WITH_PEER(silent_peer_is_a_timeout),
		WITH_PEER(close_ends_the_wait_for_an_answer),
		WITH_PEER(close_ends_a_reset_that_connects),
		WITH_PEER(refused_removal_ends_the_connection),
		WITH_PEER(refusal_after_a_reset_ends_the_connection),
		WITH_PEER(full_backlog_is_a_timeout),
		WITH_PEER(wrong_answers_are_errors),
		WITH_PEER(too_long_answer_is_malformed),
		WITH_PEER(lost_connection_is_an_error_at_once),
		WITH_PEER(meddling_peer_reaches_no_other_memory),
		WITH_PEER(no_failure_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
