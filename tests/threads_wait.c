// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * In these tests threads wait for an interrupt, a register or a field until something wakes
 * them.
 *
 * Only the main thread may use assertions. Other threads report a failure by their result.
 */
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "test.h"

struct waiter {
	struct coherent_irq *irq;
	struct coherent_bar *bar;
	COHERENT(uint32_t) * mem;
	atomic_int tid;
	atomic_bool done;
	int err;
};

/* Returns when the thread of a waiter sleeps or is done. It sleeps only in the wait. */
static void wait_until_asleep(struct waiter *waiter)
{
	char path[64], line[128], state = 'R';
	FILE *stat;

	while (!waiter->tid)
		usleep(100);
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", waiter->tid);
	while (state != 'S' && !waiter->done) {
		usleep(100);
		stat = fopen(path, "r");
		if (!stat)
			continue;
		if (fgets(line, sizeof(line), stat))
			state = strrchr(line, ')')[2];
		fclose(stat);
	}
}

static void *wait_for_irq(void *arg)
{
	struct waiter *waiter = arg;

	waiter->tid = gettid();
	waiter->err = coherent_irq_wait(waiter->irq, UINT64_MAX);
	waiter->done = true;
	return NULL;
}

static void *wait_for_register(void *arg)
{
	struct waiter *waiter = arg;

	waiter->tid = gettid();
	waiter->err = coherent_bar_poll32(waiter->bar, 0, 1, 0, LONG);
	return NULL;
}

static void *wait_for_field(void *arg)
{
	struct waiter *waiter = arg;
	uint32_t value;

	waiter->tid = gettid();
	waiter->err = coherent_poll(waiter->mem, 0, &value, value == 1, LONG);
	return NULL;
}

static void close_wakes_all_waiters(void **state)
{
	void *(*const waits[])(void *) = { wait_for_irq, wait_for_irq, wait_for_register,
					   wait_for_field };
	COHERENT(uint32_t) mem = COHERENT_EMPTY;
	struct waiter waiters[ARRAY_SIZE(waits)];
	pthread_t threads[ARRAY_SIZE(waits)];
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_ok(coherent_irq_open(&irq, dev, 0));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		waiters[i] = (struct waiter){ .irq = irq, .bar = bar, .mem = (void *)&mem };
		assert_ok(pthread_create(&threads[i], NULL, waits[i], &waiters[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++)
		wait_until_asleep(&waiters[i]);
	coherent_device_close(dev);
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		pthread_join(threads[i], NULL);
		assert_err(waiters[i].err, -ENODEV);
	}
	coherent_irq_close(irq);
	coherent_bar_close(bar);
	coherent_free(&mem);
}

static void irq_close_wakes_its_waiters(void **state)
{
	struct waiter waiters[3];
	struct coherent_device *dev;
	struct coherent_irq *irq;
	pthread_t threads[3];

	(void)state;
	for (unsigned int turn = 0; turn < 20; turn++) {
		assert_ok(coherent_device_open(&dev, "sim:edu"));
		assert_ok(coherent_irq_open(&irq, dev, 0));
		for (size_t i = 0; i < 3; i++) {
			waiters[i] = (struct waiter){ .irq = irq };
			assert_ok(pthread_create(&threads[i], NULL, wait_for_irq, &waiters[i]));
		}
		for (size_t i = 0; i < 3; i++)
			wait_until_asleep(&waiters[i]);
		coherent_irq_close(irq);
		for (size_t i = 0; i < 3; i++) {
			pthread_join(threads[i], NULL);
			assert_err(waiters[i].err, -ENODEV);
		}
		coherent_device_close(dev);
	}
}

static atomic_bool handling, release_handler;

/* Keeps its thread inside the call that the signal interrupted. */
static void hold_thread(int signal)
{
	(void)signal;
	handling = true;
	while (!release_handler)
		;
}

static void *close_irq(void *arg)
{
	struct waiter *waiter = arg;

	waiter->tid = gettid();
	coherent_irq_close(waiter->irq);
	waiter->done = true;
	return NULL;
}

/* The memory of the interrupt must not end while a thread is still inside the wait. */
static void irq_close_returns_after_its_waiters(void **state)
{
	const struct sigaction action = { .sa_handler = hold_thread };
	struct waiter waiter, closer;
	struct coherent_device *dev;
	struct coherent_irq *irq;
	struct sigaction before;
	pthread_t threads[2];
	bool is_early;

	(void)state;
	handling = release_handler = false;
	assert_ok(sigaction(SIGUSR1, &action, &before));
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_ok(coherent_irq_open(&irq, dev, 0));
	waiter = closer = (struct waiter){ .irq = irq };
	assert_ok(pthread_create(&threads[0], NULL, wait_for_irq, &waiter));
	wait_until_asleep(&waiter);
	assert_ok(pthread_kill(threads[0], SIGUSR1));
	while (!handling)
		usleep(100);
	assert_ok(pthread_create(&threads[1], NULL, close_irq, &closer));
	/* The closing thread may first sleep for a moment until the device gives up a lock. */
	for (unsigned int look = 0; look < 50; look++)
		wait_until_asleep(&closer);
	is_early = closer.done;
	release_handler = true;
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	assert_false(is_early);
	assert_err(waiter.err, -ENODEV);
	coherent_device_close(dev);
	assert_ok(sigaction(SIGUSR1, &before, NULL));
}

static void one_interrupt_wakes_one_waiter(void **state)
{
	struct waiter waiters[2];
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	pthread_t threads[2];
	unsigned int woken = 0;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_ok(coherent_irq_open(&irq, dev, 0));
	assert_true(coherent_irq_fd(irq) >= 0);
	for (size_t i = 0; i < 2; i++) {
		waiters[i] = (struct waiter){ .irq = irq };
		assert_ok(pthread_create(&threads[i], NULL, wait_for_irq, &waiters[i]));
	}
	for (size_t i = 0; i < 2; i++)
		wait_until_asleep(&waiters[i]);
	coherent_bar_write32(bar, 0x60, 1);
	while (!waiters[0].done && !waiters[1].done)
		usleep(100);
	coherent_irq_close(irq);
	for (size_t i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		woken += !waiters[i].err;
		/* The other thread waited until the close. */
		if (waiters[i].err)
			assert_err(waiters[i].err, -ENODEV);
	}
	assert_int_equal(woken, 1);
	coherent_bar_close(bar);
	coherent_device_close(dev);
}

static void ignore_signal(int signal)
{
	(void)signal;
}

static void signals_do_not_end_a_wait(void **state)
{
	const struct sigaction action = { .sa_handler = ignore_signal };
	struct sigaction before;
	struct waiter waiter;
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	pthread_t thread;

	(void)state;
	assert_ok(sigaction(SIGUSR1, &action, &before));
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_ok(coherent_irq_open(&irq, dev, 0));
	waiter = (struct waiter){ .irq = irq };
	assert_ok(pthread_create(&thread, NULL, wait_for_irq, &waiter));
	for (unsigned int i = 0; i < 20; i++) {
		wait_until_asleep(&waiter);
		assert_ok(pthread_kill(thread, SIGUSR1));
		usleep(200);
	}
	assert_false(waiter.done);
	coherent_bar_write32(bar, 0x60, 1);
	pthread_join(thread, NULL);
	assert_ok(waiter.err);
	coherent_irq_close(irq);
	coherent_bar_close(bar);
	coherent_device_close(dev);
	assert_ok(sigaction(SIGUSR1, &before, NULL));
}

/* The model raises interrupts all the time, but a register write must still get through. */
static void busy_tick(struct coherent_sim *sim, void *arg)
{
	(void)arg;
	coherent_sim_irq(sim, 0);
}

static void driver_can_write_registers_of_a_busy_model(void **state)
{
	const struct coherent_sim_model model = {
		.name = "busy",
		.mask = UINT32_MAX,
		.vectors = 1,
		.bar_size = { 16 },
		.tick = busy_tick,
	};
	struct coherent_device *dev;
	struct coherent_bar *bar;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom", .model = &model));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	for (unsigned int i = 0; i < 2000; i++)
		coherent_bar_write32(bar, 0, i);
	coherent_bar_close(bar);
	coherent_device_close(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(close_wakes_all_waiters),
		cmocka_unit_test(irq_close_wakes_its_waiters),
		cmocka_unit_test(irq_close_returns_after_its_waiters),
		cmocka_unit_test(one_interrupt_wakes_one_waiter),
		cmocka_unit_test(signals_do_not_end_a_wait),
		cmocka_unit_test(driver_can_write_registers_of_a_busy_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
