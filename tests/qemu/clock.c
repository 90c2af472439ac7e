// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check that QEMU has a limited time for all that one call of the driver asks. The
 * clock of the library jumps ahead each time that the library looks at it. So each answer seems to
 * take a while, and the tests depend on no real time. The clock jumps only for the thread of the
 * test, because the library's own thread looks at it as often as it likes.
 */
#include <poll.h>
#include <time.h>

#include "edu.h"

/*
 * The library looks at the clock once or a few times for each answer, and 21 times in a reset. A reset
 * may take 10 s, so half of its looks use that time up. One answer alone uses far less.
 */
#define JUMP_NS (1000 * MS)

static __thread uint64_t jump_ns;
static uint64_t ahead_ns;

/* A loaded machine may have the answer when the library asks for it, although the time is up. */
int __real_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		 const sigset_t *mask)
{
	if (jump_ns && timeout && !timeout->tv_sec && !timeout->tv_nsec)
		return 0;
	return __real_ppoll(fds, count, timeout, mask);
}

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	const int result = __real_clock_gettime(clock, now);
	const uint64_t ahead = __atomic_add_fetch(&ahead_ns, jump_ns, __ATOMIC_RELAXED);
	const uint64_t ns = (uint64_t)now->tv_nsec + ahead;

	now->tv_sec += (time_t)(ns / (1000 * MS));
	now->tv_nsec = (long)(ns % (1000 * MS));
	return result;
}

static void slow_answers_do_not_prolong_an_open(void **state)
{
	struct log log = LOG_EMPTY;
	struct coherent_device *slow;

	(void)state;
	jump_ns = JUMP_NS;
	assert_err(coherent_device_open(&slow, "qemu:edu", .report = log_report,
					.report_arg = &log),
		   -ETIMEDOUT);
	jump_ns = 0;
	assert_null(slow);
	assert_true(log_has(&log, "QEMU was not ready after 30 s and was killed"));
	assert_int_equal(log.count, 1);
	assert_int_equal(qemu_process(), 0);
}

static void slow_answers_do_not_prolong_a_reset(void **state)
{
	int err;

	(void)state;
	jump_ns = JUMP_NS;
	err = coherent_device_reset(dev);
	jump_ns = 0;
	assert_err(err, -ETIMEDOUT);
	assert_true(log_has(&reports, "QEMU did not answer in time and was killed"));
	assert_err(coherent_device_reset(dev), -ENODEV);
}

/* The library's own thread may look at the clock meanwhile. */
static void let_an_hour_pass(void)
{
	__atomic_add_fetch(&ahead_ns, 3600 * 1000 * MS, __ATOMIC_RELAXED);
}

/* Time that passes between two calls is not QEMU's. */
static void each_call_has_its_own_time(void **state)
{
	(void)state;
	for (unsigned int turn = 0; turn < 3; turn++) {
		COHERENT_AUTO(uint8_t, mem);
		COHERENT_IRQ_AUTO(irq);

		let_an_hour_pass();
		assert_int_equal(coherent_bar_read32(bar, EDU_ID) & 0xff, 0xed);
		let_an_hour_pass();
		assert_ok(coherent_zeroed(&mem, dev, 1));
		let_an_hour_pass();
		assert_ok(coherent_irq_open(&irq, dev, 0));
		let_an_hour_pass();
		coherent_bar_write32(bar, EDU_LIVENESS, turn);
		let_an_hour_pass();
		coherent_free(&mem);
		let_an_hour_pass();
		assert_no_fault(dev);
		let_an_hour_pass();
		assert_ok(coherent_device_fence(dev));
	}
}

/* A command for each vector would take 2048 times as long as an answer. */
static void all_vectors_are_enabled_in_time(void **state)
{
	COHERENT_DEVICE_AUTO(rng);
	COHERENT_IRQ_AUTO(irq);

	(void)state;
	assert_ok(coherent_device_open(&rng, "qemu:virtio-rng-pci,vectors=2048"));
	jump_ns = 10 * MS;
	assert_ok(coherent_irq_open(&irq, rng, 2047));
	assert_ok(coherent_device_reset(rng));
	jump_ns = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slow_answers_do_not_prolong_an_open),
		ON_EDU(slow_answers_do_not_prolong_a_reset),
		ON_EDU(each_call_has_its_own_time),
		cmocka_unit_test(all_vectors_are_enabled_in_time),
	};

	return RUN_WITH_QEMU(tests);
}
