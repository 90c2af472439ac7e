// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests wait for a device that runs step by step. The waits let it run, and its clock counts
 * their timeouts. No result here depends on real time.
 */
#include <limits.h>
#include <sched.h>
#include <stdatomic.h>

#include "test.h"

enum { REG_NOW = 0x00, REG_READY = 0x08, REG_AFTER = 0x10, REG_TARGET = 0x18 };

/**
 * struct timer - The argument of the model: a timer that answers in every way when it ends.
 * @ends_at: The time of the end in ns.
 * @runs: The timer has not ended.
 * @target: The address that it writes 1 to.
 * @ready: The register that it sets to 1.
 */
struct timer {
	uint64_t ends_at;
	bool runs;
	uint64_t target;
	uint32_t ready;
};

static uint64_t timer_read(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			   unsigned int width)
{
	const struct timer *timer = arg;

	(void)bar;
	(void)width;
	return offset == REG_NOW ? coherent_sim_now(sim) : timer->ready;
}

static void timer_write(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			unsigned int width, uint64_t value)
{
	struct timer *timer = arg;

	(void)bar;
	(void)width;
	if (offset == REG_TARGET)
		timer->target = value;
	if (offset != REG_AFTER)
		return;
	timer->ready = 0;
	timer->runs = true;
	timer->ends_at = coherent_sim_now(sim) + value;
}

static atomic_bool has_ticked;

static void timer_tick(struct coherent_sim *sim, void *arg)
{
	struct timer *timer = arg;
	const uint32_t one = 1;

	has_ticked = true;
	if (!timer->runs || coherent_sim_now(sim) < timer->ends_at)
		return;
	timer->runs = false;
	timer->ready = 1;
	if (timer->target)
		assert_ok(coherent_sim_dma_write(sim, timer->target, &one, sizeof(one)));
	coherent_sim_irq(sim, 0);
}

static const struct coherent_sim_model timer_model = {
	.name = "timer",
	.mask = UINT32_MAX,
	.vectors = 1,
	.bar_size = { 64 },
	.reg_read = timer_read,
	.reg_write = timer_write,
	.tick = timer_tick,
};

struct fixture {
	struct timer timer;
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	COHERENT(uint32_t) mem;
	struct log log;
};

static void open_timer(struct fixture *fixture, const char *name)
{
	memset(fixture, 0, sizeof(*fixture));
	fixture->log = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(&fixture->dev, name, .model = &timer_model,
				       .model_arg = &fixture->timer, .report = log_report,
				       .report_arg = &fixture->log));
	assert_ok(coherent_bar_open(&fixture->bar, fixture->dev, 0));
	assert_ok(coherent_irq_open(&fixture->irq, fixture->dev, 0));
	assert_ok(coherent_zeroed(&fixture->mem, fixture->dev, 1));
}

static void close_timer(struct fixture *fixture)
{
	coherent_irq_close(fixture->irq);
	coherent_bar_close(fixture->bar);
	coherent_free(&fixture->mem);
	coherent_device_close(fixture->dev);
}

static uint64_t now(struct fixture *fixture)
{
	return coherent_bar_read64(fixture->bar, REG_NOW);
}

/* --- The three waits --- */

static int wait_for_field(struct fixture *fixture, uint64_t timeout_ns)
{
	uint32_t value;

	return coherent_poll(&fixture->mem, 0, &value, value == 1, timeout_ns);
}

static int wait_for_register(struct fixture *fixture, uint64_t timeout_ns)
{
	return coherent_bar_poll32(fixture->bar, REG_READY, 1, 1, timeout_ns);
}

static int wait_for_irq(struct fixture *fixture, uint64_t timeout_ns)
{
	return coherent_irq_wait(fixture->irq, timeout_ns);
}

static int (*const waits[])(struct fixture *, uint64_t) = { wait_for_field, wait_for_register,
							    wait_for_irq };

/* Starts the timer, with its answers as they were. */
static void start(struct fixture *fixture, uint64_t after_ns)
{
	assert_ok(coherent_write(&fixture->mem, 0, 0));
	(void)!coherent_irq_wait(fixture->irq, 0);
	coherent_bar_write64(fixture->bar, REG_TARGET, coherent_addr(&fixture->mem).raw);
	coherent_bar_write64(fixture->bar, REG_AFTER, after_ns);
}

static void wait_lets_the_device_run_until_it_answers(void **state)
{
	static const uint64_t afters[] = { 0, 1 * MS, 7 * MS, 100000 * MS };
	struct fixture fixture;

	(void)state;
	open_timer(&fixture, "sim:custom,step");
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(afters); k++) {
			const uint64_t begin = now(&fixture);

			start(&fixture, afters[k]);
			assert_ok(waits[i](&fixture, 2 * afters[k] + MS));
			/* The tick in which the timer ended has passed too. */
			assert_int_equal(now(&fixture), begin + afters[k] + MS);
		}
	}
	close_timer(&fixture);
}

static void timeout_is_exact(void **state)
{
	static const struct {
		uint64_t timeout_ns;
		uint64_t ticks;
	} cases[] = {
		{ 0, 0 },      { 1, 1 },      { MS - 1, 1 },	   { MS, 1 },
		{ MS + 1, 2 }, { 5 * MS, 5 }, { 1000 * MS, 1000 },
	};
	struct fixture fixture;

	(void)state;
	open_timer(&fixture, "sim:custom,step");
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		start(&fixture, LONG);
		for (size_t k = 0; k < ARRAY_SIZE(cases); k++) {
			const uint64_t begin = now(&fixture);

			assert_err(waits[i](&fixture, cases[k].timeout_ns), -ETIMEDOUT);
			assert_int_equal(now(&fixture), begin + cases[k].ticks * MS);
		}
		/* The device answers in the last tick of the timeout, or one tick later. */
		start(&fixture, 9 * MS);
		assert_ok(waits[i](&fixture, 10 * MS));
		start(&fixture, 10 * MS);
		assert_err(waits[i](&fixture, 10 * MS), -ETIMEDOUT);
		assert_ok(waits[i](&fixture, 1 * MS));
	}
	close_timer(&fixture);
}

/* The clock of the device is not at 0 when a wait begins. */
static void later_timeout_is_exact_too(void **state)
{
	struct fixture fixture;

	(void)state;
	open_timer(&fixture, "sim:custom,step");
	assert_ok(coherent_sim_step(fixture.dev, 100));
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		assert_err(waits[i](&fixture, 50 * MS), -ETIMEDOUT);
		assert_int_equal(now(&fixture), (150 + 50 * i) * MS);
	}
	assert_err(wait_for_field(&fixture, 3 * MS), -ETIMEDOUT);
	close_timer(&fixture);
}

static void condition_that_holds_takes_no_time(void **state)
{
	struct fixture fixture;

	(void)state;
	open_timer(&fixture, "sim:custom,step");
	start(&fixture, 0);
	assert_ok(coherent_sim_step(fixture.dev, 1));
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++)
		assert_ok(waits[i](&fixture, UINT64_MAX));
	assert_int_equal(now(&fixture), 1 * MS);
	close_timer(&fixture);
}

static void same_seed_gives_the_same_times(void **state)
{
	uint64_t seen[3][30];
	unsigned int differ = 0;

	(void)state;
	for (unsigned int turn = 0; turn < 3; turn++) {
		struct fixture fixture;

		open_timer(&fixture, turn == 2 ? "sim:custom,step,delay=100,seed=8" :
						 "sim:custom,step,delay=100,seed=7");
		for (size_t i = 0; i < ARRAY_SIZE(seen[0]); i++) {
			start(&fixture, 0);
			assert_ok(waits[i % 3](&fixture, UINT64_MAX));
			seen[turn][i] = now(&fixture);
		}
		close_timer(&fixture);
	}
	assert_memory_equal(seen[0], seen[1], sizeof(seen[0]));
	for (size_t i = 0; i < ARRAY_SIZE(seen[0]); i++)
		differ += seen[0][i] != seen[2][i];
	assert_true(differ > 20);
}

/* --- Threads --- */

struct waiter {
	struct fixture *fixture;
	int (*wait)(struct fixture *fixture, uint64_t timeout_ns);
	uint64_t timeout_ns;
	int err;
};

static void *run_waiter(void *arg)
{
	struct waiter *waiter = arg;

	waiter->err = waiter->wait(waiter->fixture, waiter->timeout_ns);
	return NULL;
}

/* Each thread lets time pass for the others too, and each gets its answer. */
static void threads_wait_at_the_same_time(void **state)
{
	struct waiter waiters[ARRAY_SIZE(waits)];
	pthread_t threads[ARRAY_SIZE(waits)];
	struct fixture fixture;

	(void)state;
	for (unsigned int turn = 0; turn < 20; turn++) {
		open_timer(&fixture, "sim:custom,step");
		start(&fixture, 300 * MS);
		for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
			waiters[i] = (struct waiter){ &fixture, waits[i], UINT64_MAX, 1 };
			assert_ok(pthread_create(&threads[i], NULL, run_waiter, &waiters[i]));
		}
		for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
			pthread_join(threads[i], NULL);
			assert_ok(waiters[i].err);
		}
		assert_true(now(&fixture) > 300 * MS);
		assert_err(waits[turn % 3](&fixture, 0), turn % 3 == 2 ? -ETIMEDOUT : 0);
		close_timer(&fixture);
	}
}

/* A time that a thread lets pass counts for the timeout of another thread. */
static void timeout_ends_while_another_thread_steps(void **state)
{
	struct fixture fixture;
	struct waiter waiter;
	pthread_t thread;

	(void)state;
	open_timer(&fixture, "sim:custom,step");
	waiter = (struct waiter){ &fixture, wait_for_irq, 500 * MS, 1 };
	assert_ok(pthread_create(&thread, NULL, run_waiter, &waiter));
	for (unsigned int i = 0; i < 500; i++)
		assert_ok(coherent_sim_step(fixture.dev, 1));
	pthread_join(thread, NULL);
	assert_err(waiter.err, -ETIMEDOUT);
	assert_true(now(&fixture) >= 500 * MS);
	close_timer(&fixture);
}

static void close_ends_a_wait_without_a_timeout(void **state)
{
	static const char report[] = "a thread that waits without a timeout has let 60 s of the "
				     "device's time pass and goes on";
	struct fixture fixture;
	struct waiter waiter;
	pthread_t thread;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		open_timer(&fixture, "sim:custom,step");
		waiter = (struct waiter){ &fixture, waits[i], UINT64_MAX, 1 };
		assert_ok(pthread_create(&thread, NULL, run_waiter, &waiter));
		/* The device never answers, and a report says so. */
		while (!log_has(&fixture.log, report))
			assert_int_equal(coherent_bar_read32(fixture.bar, REG_READY), 0);
		coherent_device_close(fixture.dev);
		pthread_join(thread, NULL);
		assert_err(waiter.err, -ENODEV);
		assert_int_equal(fixture.log.count, 2);
		assert_true(log_has(&fixture.log, "not freed"));
		coherent_irq_close(fixture.irq);
		coherent_bar_close(fixture.bar);
		coherent_free(&fixture.mem);
	}
}

static void closed_interrupt_ends_a_wait(void **state)
{
	struct fixture fixture;
	struct waiter waiter;
	pthread_t thread;

	(void)state;
	open_timer(&fixture, "sim:custom,step");
	waiter = (struct waiter){ &fixture, wait_for_irq, UINT64_MAX, 1 };
	assert_ok(pthread_create(&thread, NULL, run_waiter, &waiter));
	while (now(&fixture) < 50 * MS)
		;
	coherent_irq_close(fixture.irq);
	pthread_join(thread, NULL);
	assert_err(waiter.err, -ENODEV);
	fixture.irq = NULL;
	close_timer(&fixture);
}

static void *step_for_long(void *arg)
{
	return (void *)(intptr_t)coherent_sim_step(arg, UINT_MAX);
}

static void close_ends_the_steps_of_another_thread(void **state)
{
	struct coherent_device *dev;
	struct timer timer = { 0 };
	pthread_t thread;
	void *result;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom,step", .model = &timer_model,
				       .model_arg = &timer));
	has_ticked = false;
	assert_int_equal(pthread_create(&thread, NULL, step_for_long, dev), 0);
	while (!has_ticked)
		sched_yield();
	coherent_device_close(dev);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_int_equal((intptr_t)result, -ENODEV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wait_lets_the_device_run_until_it_answers),
		cmocka_unit_test(timeout_is_exact),
		cmocka_unit_test(later_timeout_is_exact_too),
		cmocka_unit_test(condition_that_holds_takes_no_time),
		cmocka_unit_test(same_seed_gives_the_same_times),
		cmocka_unit_test(threads_wait_at_the_same_time),
		cmocka_unit_test(timeout_ends_while_another_thread_steps),
		cmocka_unit_test(close_ends_a_wait_without_a_timeout),
		cmocka_unit_test(closed_interrupt_ends_a_wait),
		cmocka_unit_test(close_ends_the_steps_of_another_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
