// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Threads are cancelled while they use the library. The library then has no lock taken and counts no
 * waiter that is gone. Otherwise the main thread would wait here for ever.
 *
 * Only the main thread may use assertions.
 */
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "test.h"

#define TURNS 20

static struct coherent_device *dev;
static struct coherent_irq *irq;
static atomic_bool begun;

static void *wait_for_interrupt(void *arg)
{
	(void)arg;
	begun = true;
	return (void *)(intptr_t)coherent_irq_wait(irq, UINT64_MAX);
}

static void *make_mems(void *arg)
{
	COHERENT(uint32_t) mem = COHERENT_EMPTY;

	begun = true;
	while (!coherent_zeroed(&mem, dev, 1)) {
		coherent_free(&mem);
		pthread_testcancel();
	}
	return arg;
}

static pthread_t start_and_cancel(void *(*fn)(void *), useconds_t delay_us)
{
	pthread_t thread;

	begun = false;
	assert_int_equal(pthread_create(&thread, NULL, fn, NULL), 0);
	while (!begun)
		usleep(100);
	usleep(delay_us);
	assert_int_equal(pthread_cancel(thread), 0);
	return thread;
}

static void cancelled_wait_ends_with_its_interrupt(void **state)
{
	pthread_t thread;
	void *result;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_ok(coherent_irq_open(&irq, dev, 0));
	thread = start_and_cancel(wait_for_interrupt, 20000);
	coherent_irq_close(irq);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_true(result == PTHREAD_CANCELED || (intptr_t)result == -ENODEV);
	coherent_device_close(dev);
}

/* The device writes to a ledger, so each call that makes a mem also writes to a file. */
static void cancelled_thread_leaves_no_lock(void **state)
{
	char path[SCRATCH_MAX];
	pthread_t thread;
	void *result;

	(void)state;
	close(mkstemp(scratch(path, "test-cancel-XXXXXX")));
	assert_ok(coherent_device_open(&dev, "sim:edu", .ledger = path));
	for (useconds_t turn = 0; turn < TURNS; turn++) {
		COHERENT_AUTO(uint32_t, mem);

		thread = start_and_cancel(make_mems, turn * 137);
		assert_int_equal(pthread_join(thread, &result), 0);
		assert_ptr_equal(result, PTHREAD_CANCELED);
		assert_ok(coherent_zeroed(&mem, dev, 1));
	}
	coherent_device_close(dev);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cancelled_wait_ends_with_its_interrupt),
		cmocka_unit_test(cancelled_thread_leaves_no_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
