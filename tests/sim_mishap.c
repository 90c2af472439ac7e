// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests let devices be unplugged, get stuck, and lose or repeat interrupts and writes, with
 * the keys for that. sim_fail.c tests keys that make calls fail, and sim.c the older keys.
 */
#include <stdatomic.h>
#include <unistd.h>

#include "sim_test.h"

/* sim_test.c has the model: register 8 writes to .target, register 16 raises a vector. */
enum { REG_WRITE = 8, REG_RAISE = 16 };

struct fixture {
	struct counter counter;
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	COHERENT(uint8_t) mem;
	struct log log;
};

static void open_fixture(struct fixture *fixture, const char *name)
{
	memset(fixture, 0, sizeof(*fixture));
	fixture->log = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(&fixture->dev, name, .model = &counter_model,
				       .model_arg = &fixture->counter, .report = log_report,
				       .report_arg = &fixture->log));
	assert_ok(coherent_bar_open(&fixture->bar, fixture->dev, 0));
	assert_ok(coherent_irq_open(&fixture->irq, fixture->dev, 0));
	assert_ok(coherent_zeroed(&fixture->mem, fixture->dev, 256));
	fixture->counter.target = coherent_addr(&fixture->mem).raw;
}

static void close_fixture(struct fixture *fixture)
{
	coherent_irq_close(fixture->irq);
	coherent_bar_close(fixture->bar);
	coherent_free(&fixture->mem);
	coherent_device_close(fixture->dev);
}

static void clear_mem(struct fixture *fixture)
{
	for (size_t i = 0; i < 16; i++)
		assert_ok(coherent_write(&fixture->mem, i, 0));
}

/* Lets the device run one step. Returns whether it wrote 16 bytes to the mem, and clears them. */
static bool step_writes(struct fixture *fixture)
{
	bool wrote;

	assert_ok(coherent_sim_step(fixture->dev, 1));
	wrote = is_all((const void *)coherent_unsafe_ptr(&fixture->mem), 0x5a, 16);
	clear_mem(fixture);
	return wrote;
}

/* Makes the device write 16 bytes to the mem in the next step. Returns whether it did. */
static bool device_writes(struct fixture *fixture)
{
	coherent_bar_write32(fixture->bar, REG_WRITE, 16);
	return step_writes(fixture);
}

/* --- Surprise removal --- */

/* All that a driver can call on a device that is gone. */
static void check_gone(struct fixture *fixture)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) other = COHERENT_EMPTY;
	const unsigned int ticks = fixture->counter.ticks;
	const uint64_t last_write = fixture->counter.last_write;
	struct coherent_irq *irq;
	uint8_t byte;

	assert_int_equal(coherent_bar_read8(fixture->bar, 0), UINT8_MAX);
	assert_int_equal(coherent_bar_read64(fixture->bar, 0), UINT64_MAX);
	coherent_bar_write32(fixture->bar, REG_WRITE, 77);
	assert_int_equal(fixture->counter.last_write, last_write);
	assert_err(coherent_bar_poll32(fixture->bar, 0, 1, 0, UINT64_MAX), -ENODEV);
	/* All ones are not an answer. */
	assert_err(coherent_bar_poll32(fixture->bar, 0, 1, 1, UINT64_MAX), -ENODEV);
	assert_err(coherent_poll(&fixture->mem, 0, &byte, byte == 99, UINT64_MAX), -ENODEV);
	assert_err(coherent_irq_wait(fixture->irq, UINT64_MAX), -ENODEV);
	assert_err(coherent_irq_open(&irq, fixture->dev, 1), -ENODEV);
	assert_err(coherent_device_reset(fixture->dev), -ENODEV);
	assert_err(coherent_device_fence(fixture->dev), -ENODEV);
	assert_int_equal(fixture->counter.resets, 0);
	assert_err(coherent_sim_try(fixture->dev, &fixture->mem, 0, &byte, 1, COHERENT_ACCESS_READ),
		   -EIO);
	assert_fault(fixture->dev, COHERENT_STATE_MEM);
	assert_ok(coherent_box_zeroed(&box, fixture->dev, 1));
	assert_err(coherent_expose(&box, &other), -ENODEV);
	assert_err(coherent_reclaim(&fixture->mem, &box), -ENODEV);
	assert_err(coherent_reclaim(&fixture->mem, &box, .idle = true), -ENODEV);
	/* The memory stays. */
	assert_ok(coherent_write(&fixture->mem, 5, 42));
	assert_ok(coherent_read(&fixture->mem, 5, &byte));
	assert_int_equal(byte, 42);
	assert_int_equal(fixture->counter.ticks, ticks);
	assert_int_equal(fixture->counter.closed, 0);
}

static void unplugged_device_is_gone(void **state)
{
	static const char *const names[] = { "sim:custom,step,unplug=3", "sim:custom,unplug=3",
					     "sim:custom,step,lazy,torn,late,unplug=3" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct fixture fixture;

		open_fixture(&fixture, names[i]);
		(void)coherent_bar_read32(fixture.bar, 0);
		coherent_bar_write32(fixture.bar, 0, 7);
		assert_int_equal(fixture.log.count, 0);
		/* The third access still reaches the device. */
		coherent_bar_write32(fixture.bar, 0, 8);
		assert_int_equal(fixture.counter.last_write, 8);
		assert_true(log_has(&fixture.log, "the key unplug=3 unplugs the device now"));
		check_gone(&fixture);
		close_fixture(&fixture);
		assert_int_equal(fixture.counter.closed, 1);
		assert_int_equal(fixture.log.count, 1);
	}
}

/* A report function may use the device, which would hang if the library held a lock. */
static void use_device(void *arg, enum coherent_severity severity, const char *line)
{
	struct fixture *fixture = arg;

	(void)severity;
	fixture->counter.last_write = coherent_bar_read32(fixture->bar, 0);
	assert_err(coherent_device_reset(fixture->dev), -ENODEV);
	log_report(&fixture->log, COHERENT_WARNING, line);
}

static void report_of_the_unplug_may_use_the_device(void **state)
{
	struct fixture fixture = { .log = LOG_EMPTY };

	(void)state;
	assert_ok(coherent_device_open(&fixture.dev, "sim:custom,step,unplug=2",
				       .model = &counter_model, .model_arg = &fixture.counter,
				       .report = use_device, .report_arg = &fixture));
	assert_ok(coherent_bar_open(&fixture.bar, fixture.dev, 0));
	(void)coherent_bar_read32(fixture.bar, 0);
	coherent_bar_write32(fixture.bar, 0, 1);
	/* There is no report of a call that a callback may not make. */
	assert_int_equal(fixture.log.count, 1);
	assert_true(log_has(&fixture.log, "the key unplug=2 unplugs the device now"));
	assert_int_equal(fixture.counter.last_write, UINT32_MAX);
	coherent_bar_close(fixture.bar);
	coherent_device_close(fixture.dev);
}

static void unplugged_device_does_not_write(void **state)
{
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, "sim:custom,step,unplug=2");
	assert_true(device_writes(&fixture));
	assert_false(device_writes(&fixture));
	close_fixture(&fixture);
}

/* A test may unplug a device at each of its accesses in turn. */
static void driver_survives_at_each_access(void **state)
{
	char name[64];
	int err = -ENODEV;

	(void)state;
	for (unsigned int n = 1; err; n++) {
		struct fixture fixture;
		uint8_t byte;

		snprintf(name, sizeof(name), "sim:custom,step,unplug=%u", n);
		open_fixture(&fixture, name);
		for (unsigned int i = 0; i < 3; i++) {
			coherent_bar_write32(fixture.bar, REG_WRITE, i + 1);
			err = coherent_poll(&fixture.mem, i, &byte, byte == 0x5a, LONG);
			if (err)
				break;
		}
		assert_int_equal(err, n <= 3 ? -ENODEV : 0);
		close_fixture(&fixture);
		assert_true(n < 10);
	}
}

struct waiter {
	struct fixture *fixture;
	atomic_bool started;
	unsigned int kind;
	int err;
};

static void *run_waiter(void *arg)
{
	struct waiter *waiter = arg;
	uint8_t byte;

	waiter->started = true;
	if (waiter->kind == 0)
		waiter->err = coherent_irq_wait(waiter->fixture->irq, UINT64_MAX);
	else
		waiter->err = coherent_poll(&waiter->fixture->mem, 9, &byte, byte == 1, UINT64_MAX);
	return NULL;
}

static void unplugging_wakes_all_threads(void **state)
{
	static const char *const names[] = { "sim:custom,step,unplug=1", "sim:custom,unplug=1" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct waiter waiters[4];
		struct fixture fixture;
		pthread_t threads[4];

		open_fixture(&fixture, names[i]);
		for (unsigned int k = 0; k < 4; k++) {
			waiters[k] = (struct waiter){ .fixture = &fixture, .kind = k % 2 };
			assert_ok(pthread_create(&threads[k], NULL, run_waiter, &waiters[k]));
		}
		for (unsigned int k = 0; k < 4; k++)
			while (!waiters[k].started)
				usleep(100);
		coherent_bar_write32(fixture.bar, 0, 1);
		for (unsigned int k = 0; k < 4; k++) {
			pthread_join(threads[k], NULL);
			assert_err(waiters[k].err, -ENODEV);
		}
		close_fixture(&fixture);
	}
}

/* --- A stuck device --- */

static void stuck_device_answers_but_does_not_work(void **state)
{
	struct fixture fixture;
	unsigned int ticks;
	uint8_t byte;

	(void)state;
	open_fixture(&fixture, "sim:custom,step,stuck=2");
	assert_true(device_writes(&fixture));
	ticks = fixture.counter.ticks;
	assert_false(device_writes(&fixture));
	assert_false(device_writes(&fixture));
	assert_err(coherent_poll(&fixture.mem, 0, &byte, byte == 0x5a, 1000 * MS), -ETIMEDOUT);
	assert_int_equal(coherent_bar_read32(fixture.bar, 0), ticks);
	coherent_bar_write32(fixture.bar, 0, 0x77);
	assert_int_equal(fixture.counter.last_write, 0x77);
	/* A reset makes it work again, for good. */
	assert_ok(coherent_device_reset(fixture.dev));
	for (unsigned int i = 0; i < 10; i++)
		assert_true(device_writes(&fixture));
	close_fixture(&fixture);
}

static void stuck_device_with_a_thread_does_not_work(void **state)
{
	struct fixture fixture;
	struct coherent_fault fault;
	unsigned int ticks;
	uint8_t byte;

	(void)state;
	open_fixture(&fixture, "sim:custom,late,stuck=2");
	coherent_bar_write32(fixture.bar, REG_WRITE, 16);
	assert_ok(coherent_poll(&fixture.mem, 0, &byte, byte == 0x5a, UINT64_MAX));
	coherent_bar_write32(fixture.bar, 0, 1);
	ticks = coherent_bar_read32(fixture.bar, 0);
	/* The thread of the model still lives: it makes the late writes, each in a tick of its own. */
	coherent_free(&fixture.mem);
	for (unsigned int i = 0; i < 4; i++)
		while (coherent_device_next_fault(fixture.dev, &fault) == -EAGAIN)
			usleep(100);
	assert_int_equal(coherent_bar_read32(fixture.bar, 0), ticks);
	assert_ok(coherent_device_reset(fixture.dev));
	while (coherent_bar_read32(fixture.bar, 0) == ticks)
		;
	close_fixture(&fixture);
}

/* --- Interrupts --- */

static void nth_interrupt_is_lost(void **state)
{
	struct coherent_irq *other;
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, "sim:custom,step,drop-irq=3");
	assert_ok(coherent_irq_open(&other, fixture.dev, 1));
	for (unsigned int i = 1; i <= 6; i++) {
		/* An interrupt without a listener does not count. */
		coherent_bar_write32(fixture.bar, REG_RAISE, 2);
		coherent_bar_write32(fixture.bar, REG_RAISE, i % 2);
		assert_err(coherent_irq_wait(i % 2 ? other : fixture.irq, 0),
			   i == 3 ? -ETIMEDOUT : 0);
	}
	coherent_irq_close(other);
	close_fixture(&fixture);
}

/* Notes for each of 64 events whether it went wrong. Returns how many did. */
static unsigned int note(struct fixture *fixture, const char *name, char seen[65],
			 bool (*goes_wrong)(struct fixture *fixture))
{
	unsigned int count = 0;

	open_fixture(fixture, name);
	for (size_t i = 0; i < 64; i++) {
		const bool wrong = goes_wrong(fixture);

		seen[i] = wrong ? '1' : '0';
		count += wrong;
	}
	seen[64] = '\0';
	close_fixture(fixture);
	return count;
}

static bool loses_irq(struct fixture *fixture)
{
	coherent_bar_write32(fixture->bar, REG_RAISE, 0);
	return coherent_irq_wait(fixture->irq, 0);
}

/* The device may choose any of its three vectors. */
static bool interrupts_without_a_cause(struct fixture *fixture)
{
	struct coherent_irq *irqs[3] = { fixture->irq };
	unsigned int came = 0;

	for (unsigned int i = 1; i < 3; i++)
		assert_ok(coherent_irq_open(&irqs[i], fixture->dev, i));
	coherent_bar_write32(fixture->bar, 0, 0);
	for (unsigned int i = 0; i < 3; i++)
		came += !coherent_irq_wait(irqs[i], 0);
	for (unsigned int i = 1; i < 3; i++)
		coherent_irq_close(irqs[i]);
	assert_true(came <= 1);
	return came;
}

static bool loses_write(struct fixture *fixture)
{
	return !device_writes(fixture);
}

static bool repeats_write(struct fixture *fixture)
{
	assert_true(device_writes(fixture));
	return step_writes(fixture);
}

static const struct {
	const char *key;
	bool (*goes_wrong)(struct fixture *fixture);
} chances[] = {
	{ "drop-irq", loses_irq },
	{ "extra-irq", interrupts_without_a_cause },
	{ "drop-write", loses_write },
	{ "repeat-write", repeats_write },
};

static void key_without_a_seed_means_one_event(void **state)
{
	struct fixture fixture;
	char name[96], seen[65];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(chances); i++) {
		unsigned int count;

		snprintf(name, sizeof(name), "sim:custom,step,%s=7", chances[i].key);
		count = note(&fixture, name, seen, chances[i].goes_wrong);
		assert_int_equal(count, 1);
		assert_int_equal(seen[6], '1');
	}
}

static void key_with_a_seed_means_one_event_in_so_many(void **state)
{
	static const char *const seeds[] = { "5", "5", "6" };
	struct fixture fixture;
	char name[96], seen[3][65];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(chances); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(seeds); k++) {
			unsigned int count;

			snprintf(name, sizeof(name), "sim:custom,step,seed=%s,%s=4", seeds[k],
				 chances[i].key);
			count = note(&fixture, name, seen[k], chances[i].goes_wrong);
			assert_true(count > 0 && count < 40);
		}
		assert_string_equal(seen[0], seen[1]);
		assert_string_not_equal(seen[0], seen[2]);
		/* A chance of one in one is certain. */
		snprintf(name, sizeof(name), "sim:custom,step,seed=5,%s=1", chances[i].key);
		assert_int_equal(note(&fixture, name, seen[0], chances[i].goes_wrong), 64);
	}
}

static void extra_interrupts_come_at_each_vector(void **state)
{
	struct coherent_irq *irqs[3];
	struct fixture fixture;
	unsigned int counts[3] = { 0 };

	(void)state;
	open_fixture(&fixture, "sim:custom,step,seed=3,extra-irq=1");
	irqs[0] = fixture.irq;
	for (unsigned int i = 1; i < 3; i++)
		assert_ok(coherent_irq_open(&irqs[i], fixture.dev, i));
	for (unsigned int i = 0; i < 60; i++) {
		unsigned int came = 0;

		coherent_bar_write32(fixture.bar, 0, 0);
		for (unsigned int k = 0; k < 3; k++) {
			const bool one = !coherent_irq_wait(irqs[k], 0);

			counts[k] += one;
			came += one;
		}
		assert_int_equal(came, 1);
	}
	for (unsigned int i = 0; i < 3; i++)
		assert_true(counts[i] > 5);
	for (unsigned int i = 1; i < 3; i++)
		coherent_irq_close(irqs[i]);
	close_fixture(&fixture);
}

static void device_without_vectors_has_no_extra_interrupts(void **state)
{
	const struct coherent_sim_model model = { .name = "silent",
						  .mask = UINT32_MAX,
						  .bar_size = { 16 } };
	struct coherent_device *dev;
	struct coherent_bar *bar;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom,step,extra-irq=1", .model = &model));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	coherent_bar_write32(bar, 0, 1);
	coherent_bar_close(bar);
	coherent_device_close(dev);
}

/* --- Writes --- */

/* The IOMMU checks the second arrival of a write too. */
static void repeated_write_is_refused_after_a_free(void **state)
{
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, "sim:custom,step,repeat-write=1");
	assert_true(device_writes(&fixture));
	assert_no_fault(fixture.dev);
	coherent_free(&fixture.mem);
	assert_ok(coherent_sim_step(fixture.dev, 1));
	assert_fault(fixture.dev, COHERENT_STATE_FREED);
	assert_ok(coherent_sim_step(fixture.dev, 10));
	assert_no_fault(fixture.dev);
	close_fixture(&fixture);
}

static void fence_ends_a_repeated_write(void **state)
{
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, "sim:custom,step,repeat-write=1");
	assert_true(device_writes(&fixture));
	assert_ok(coherent_device_fence(fixture.dev));
	clear_mem(&fixture);
	assert_ok(coherent_sim_step(fixture.dev, 10));
	assert_true(is_all((const void *)coherent_unsafe_ptr(&fixture.mem), 0, 16));
	close_fixture(&fixture);
}

/* A write of a register makes the device write twice. */
static void pair_write(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
		       unsigned int width, uint64_t value)
{
	(void)arg;
	(void)bar;
	(void)offset;
	(void)width;
	assert_ok(coherent_sim_dma_write(sim, value, "1", 1));
	assert_ok(coherent_sim_dma_write(sim, value, "2", 1));
}

static void one_write_repeats_in_a_tick(void **state)
{
	const struct coherent_sim_model model = {
		.name = "pair", .mask = UINT32_MAX, .bar_size = { 16 }, .reg_write = pair_write
	};
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct coherent_bar *bar;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom,step,seed=1,repeat-write=1",
				       .model = &model));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	coherent_bar_write64(bar, 0, coherent_addr(&mem).raw);
	assert_int_equal(*coherent_unsafe_ptr(&mem), '2');
	assert_ok(coherent_sim_step(dev, 2));
	assert_int_equal(*coherent_unsafe_ptr(&mem), '1');
	coherent_free(&mem);
	coherent_bar_close(bar);
	coherent_device_close(dev);
}

/* The model learns of a refusal, and a refused write is not one of the N. */
static void refused_write_does_not_count(void **state)
{
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, "sim:custom,step,drop-write=1");
	fixture.counter.target = 0x77000;
	coherent_bar_write32(fixture.bar, REG_WRITE, 16);
	assert_ok(coherent_sim_step(fixture.dev, 1));
	assert_err(fixture.counter.result, -EIO);
	assert_fault(fixture.dev, COHERENT_STATE_NONE);
	fixture.counter.target = coherent_addr(&fixture.mem).raw;
	assert_false(device_writes(&fixture));
	assert_ok(fixture.counter.result);
	assert_true(device_writes(&fixture));
	close_fixture(&fixture);
}

/* A late model that reads byte by byte makes four faults, and not four for each byte. */
static void late_device_uses_one_address_of_a_mem(void **state)
{
	struct fixture fixture;
	unsigned int faults = 0;
	struct coherent_fault fault;

	(void)state;
	open_fixture(&fixture, "sim:custom,step,late");
	for (unsigned int i = 0; i < 20; i++) {
		fixture.counter.target = coherent_addr(&fixture.mem).raw + 3 + i;
		coherent_bar_write32(fixture.bar, REG_WRITE, 1);
		assert_ok(coherent_sim_step(fixture.dev, 1));
	}
	coherent_free(&fixture.mem);
	assert_ok(coherent_sim_step(fixture.dev, 100));
	while (!coherent_device_next_fault(fixture.dev, &fault)) {
		assert_int_equal(fault.state, COHERENT_STATE_FREED);
		assert_int_equal(fault.address % 8, 0);
		assert_int_equal(fault.bytes, 8);
		faults++;
	}
	assert_int_equal(faults, 4);
	close_fixture(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unplugged_device_is_gone),
		cmocka_unit_test(report_of_the_unplug_may_use_the_device),
		cmocka_unit_test(unplugged_device_does_not_write),
		cmocka_unit_test(driver_survives_at_each_access),
		cmocka_unit_test(unplugging_wakes_all_threads),
		cmocka_unit_test(stuck_device_answers_but_does_not_work),
		cmocka_unit_test(stuck_device_with_a_thread_does_not_work),
		cmocka_unit_test(nth_interrupt_is_lost),
		cmocka_unit_test(key_without_a_seed_means_one_event),
		cmocka_unit_test(key_with_a_seed_means_one_event_in_so_many),
		cmocka_unit_test(extra_interrupts_come_at_each_vector),
		cmocka_unit_test(device_without_vectors_has_no_extra_interrupts),
		cmocka_unit_test(repeated_write_is_refused_after_a_free),
		cmocka_unit_test(fence_ends_a_repeated_write),
		cmocka_unit_test(one_write_repeats_in_a_tick),
		cmocka_unit_test(refused_write_does_not_count),
		cmocka_unit_test(late_device_uses_one_address_of_a_mem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
