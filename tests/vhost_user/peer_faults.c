// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A peer that does something wrong, and a library that runs out of memory or descriptors: each is
 * an error, nothing is left, and memory is as it was.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vhost_test.h"

/* An eventfd is one for both sides, and so is whether it waits. */
static void eventfds_that_wait_do_not_make_us_wait(void **state)
{
	struct job *job;

	(void)state;
	peer.script->blocks = true;
	job = open_job("");
	assert_ok(coherent_irq_open(&job->irq, job->dev, 0));
	assert_ok(set_up(job));
	assert_err(coherent_irq_wait(job->irq, MS), -ETIMEDOUT);
	coherent_bar_write32(job->bar, STATUS, 0);
	assert_ok(set_up(job));
	assert_err(coherent_irq_wait(job->irq, 0), -ETIMEDOUT);
	end_job(job);
}

/* With more mems than a table holds, and nobody to tell. */
static void lost_peer_is_told_nothing(void **state)
{
	COHERENT(uint8_t) mems[20] = { COHERENT_EMPTY };
	struct job *job = open_job(",timeout=100");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		assert_ok(coherent_zeroed(&mems[i], job->dev, 1));
	peer.script->request = VHOST_USER_GET_FEATURES;
	peer.script->nth = 0;
	peer.script->misdeed = HANG_UP;
	assert_err(coherent_device_reset(job->dev), -ENODEV);
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++) {
		COHERENT_BOX_AUTO(uint8_t, box);

		assert_ok(coherent_reclaim(&mems[i], &box, .idle = true));
	}
	peer.script->misdeed = NOTHING;
	assert_ok(coherent_device_reset(job->dev));
	end_job(job);
}

static void silence_is_a_timeout(void **state)
{
	struct job *job = open_job(",timeout=50");

	(void)state;
	/* The one behind it. */
	peer.script->request = VHOST_USER_GET_FEATURES;
	peer.script->nth = 0;
	peer.script->misdeed = SILENCE;
	assert_err(coherent_zeroed(&job->mem, job->dev, 1), -ETIMEDOUT);
	assert_true(log_has(&job->log, "the peer did not answer in time (ADD_MEM_REG)\n"));
	end_job(job);
}

/* Refused, what it has is not known any more. */
static void refused_removal_ends_the_connection(void **state)
{
	struct job *job = open_job("");

	(void)state;
	assert_ok(coherent_zeroed(&job->mem, job->dev, PAGE));
	peer.script->request = VHOST_USER_REM_MEM_REG;
	peer.script->misdeed = REFUSAL;
	assert_ok(coherent_reclaim(&job->mem, &job->box, .idle = true));
	peer.script->misdeed = NOTHING;
	assert_err(coherent_zeroed(&job->mem, job->dev, 1), -ENODEV);
	assert_ok(coherent_device_reset(job->dev));
	assert_ok(coherent_zeroed(&job->mem, job->dev, 1));
	end_job(job);
}

/* Nobody accepts: there is no other sign of it than time. */
static void backlog_is_waited_for(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listening = socket(AF_UNIX, SOCK_STREAM, 0), others[3];
	struct job *job = new_job();
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
	assert_err(coherent_device_open(&job->dev, name, .report = log_report,
					.report_arg = &job->log),
		   -ETIMEDOUT);
	assert_true(log_has(&job->log, "within 50 ms"));
	for (size_t i = 0; i < 3; i++)
		close(others[i]);
	close(listening);
	unlink(address.sun_path);
	end_job(job);
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

/* Whether a driver cannot but notice. */
static bool must_fail(enum vhost_user_request request, enum misdeed misdeed)
{
	if (misdeed == EXTRA_FDS)
		return false;
	if (misdeed == REFUSAL)
		return !is_get(request) && request != VHOST_USER_SET_OWNER &&
		       request != VHOST_USER_SET_CONFIG && request != VHOST_USER_REM_MEM_REG &&
		       request != VHOST_USER_SET_PROTOCOL_FEATURES;
	/* Without acknowledgements yet. */
	if (request == VHOST_USER_SET_PROTOCOL_FEATURES)
		return misdeed == HANG_UP || misdeed == HANG_UP_AFTER;
	return true;
}

static bool is_an_answer(int err)
{
	return err == -EIO || err == -ENODEV || err == -ETIMEDOUT;
}

static void wrong_once(enum vhost_user_request request, enum misdeed misdeed)
{
	const struct inject before = inject;
	struct job *job = new_job();
	uint8_t byte = 7;
	int err;

	memset(peer.script->seen, 0, sizeof(peer.script->seen));
	peer.script->nth = 1;
	peer.script->request = request;
	peer.script->misdeed = misdeed;
	err = run_job(job, ",timeout=100");
	peer.script->misdeed = NOTHING;
	if (must_fail(request, misdeed) ? !is_an_answer(err) : err && !is_an_answer(err))
		fail_msg("request %d, misdeed %d: %d", request, misdeed, err);
	/* What was there is there, whatever is made of the connection, which can be remade. */
	if (!coherent_is_empty(&job->mem)) {
		assert_ok(coherent_read(&job->mem, PAGE, &byte));
		assert_true(byte == 7);
	}
	if (!coherent_is_empty(&job->box))
		assert_int_equal(coherent_box_ptr(&job->box)[PAGE], 7);
	if (job->dev)
		assert_ok(coherent_device_reset(job->dev));
	end_job(job);
	nothing_is_left(&before);
}

static void wrong_answers_are_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all_requests); i++)
		for (enum misdeed misdeed = HANG_UP; misdeed < MISDEEDS; misdeed++)
			wrong_once(all_requests[i], misdeed);
}

/* Its acknowledgement is a lie: it hangs up at once. */
static void lost_connection_is_an_error_at_once(void **state)
{
	struct job *job = new_job();
	COHERENT(uint8_t) mem = COHERENT_EMPTY;

	(void)state;
	assert_ok(run_job(job, ""));
	peer.script->misdeed = HANG_UP_AFTER;
	peer.script->request = VHOST_USER_ADD_MEM_REG;
	peer.script->nth = 0;
	assert_err(coherent_zeroed(&mem, job->dev, 1), -ENODEV);
	assert_true(coherent_is_empty(&mem));
	assert_true(log_has(&job->log, "the peer hung up (ADD_MEM_REG)"));
	assert_err(coherent_irq_wait(job->irq, UINT64_MAX), -ENODEV);
	peer.script->misdeed = NOTHING;
	assert_ok(coherent_device_reset(job->dev));
	assert_ok(coherent_zeroed(&mem, job->dev, 1));
	coherent_free(&mem);
	end_job(job);
}

/* The peer keeps its mapping; what it does there then is nobody's business. */
static void meddling_with_memory_reaches_nothing_else(void **state)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY, other = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct job *job = new_job();
	uint8_t byte;

	(void)state;
	peer.script->meddles = true;
	assert_ok(open_keys(job, ""));
	assert_ok(coherent_box_zeroed(&box, job->dev, 2 * PAGE));
	assert_ok(coherent_box_zeroed(&other, job->dev, 2 * PAGE));
	memset(coherent_box_ptr(&box), 1, 2 * PAGE);
	memset(coherent_box_ptr(&other), 2, 2 * PAGE);
	assert_ok(coherent_expose(&box, &mem));
	assert_false(peer.script->shortened);
	/* The hole that it made reads as zero, and is memory again. */
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
	end_job(job);
}

/* --- Each call failed in turn --- */

static bool is_expected(int err)
{
	return err == -ENOMEM || err == -ENOSPC || is_an_answer(err);
}

static void no_failure_leaks(void **state)
{
	unsigned int nth;

	(void)state;
	for (nth = 1;; nth++) {
		const struct inject before = inject;
		struct job *job = new_job();
		int err;

		inject.failed = false;
		inject.left = nth;
		err = run_job(job, ",timeout=1000");
		inject.left = 0;
		if (inject.failed ? err && !is_expected(err) : err)
			fail_msg("call %u: %d", nth, err);
		end_job(job);
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
		WITH_PEER(eventfds_that_wait_do_not_make_us_wait),
		WITH_PEER(lost_peer_is_told_nothing),
		WITH_PEER(silence_is_a_timeout),
		WITH_PEER(refused_removal_ends_the_connection),
		WITH_PEER(backlog_is_waited_for),
		WITH_PEER(wrong_answers_are_errors),
		WITH_PEER(lost_connection_is_an_error_at_once),
		WITH_PEER(meddling_with_memory_reaches_nothing_else),
		WITH_PEER(no_failure_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
