// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests make calls of a driver fail with the keys for that, and give devices bad keys.
 */
#include <coherent/pool.h>

#include "test.h"

COHERENT_BOX_TYPE(number_box, uint64_t);

static void nth_allocation_fails(void **state)
{
	COHERENT(uint8_t) mems[4] = { COHERENT_EMPTY };
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct log log = LOG_EMPTY;
	struct coherent_device *dev;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step,fail-alloc=3", .report = log_report,
				       .report_arg = &log));
	assert_ok(coherent_zeroed(&mems[0], dev, 1));
	/* A box that is used again is an allocation too. */
	assert_ok(coherent_box_zeroed(&box, dev, 1));
	coherent_box_free(&box);
	assert_err(coherent_box_zeroed(&box, dev, 1), -ENOMEM);
	assert_true(coherent_is_empty(&box));
	assert_true(log_has(&log, "the key fail-alloc=3 makes this call fail"));
	assert_true(log_has(&log, "no memory is left for 1 bytes; the call is at "));
	for (size_t i = 1; i < 4; i++)
		assert_ok(coherent_zeroed(&mems[i], dev, 1));
	for (size_t i = 0; i < 4; i++)
		coherent_free(&mems[i]);
	coherent_device_close(dev);
}

static void nth_allocation_of_a_pool_or_reclaim_fails(void **state)
{
	COHERENT_POOL(uint64_t) pool = COHERENT_EMPTY;
	COHERENT_BOX(uint64_t) box = COHERENT_EMPTY;
	COHERENT(uint64_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;
	uint64_t value;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step,fail-alloc=1"));
	assert_ok(coherent_pool_create(&pool, dev));
	assert_err(coherent_pool_box(&pool, &box), -ENOMEM);
	assert_ok(coherent_pool_box(&pool, &box));
	coherent_box_free(&box);
	assert_ok(coherent_pool_destroy(&pool));
	coherent_device_close(dev);

	/* Here a reclaim needs other pages. The mem stays if there are none. */
	assert_ok(coherent_device_open(&dev, "sim:edu,step,lazy,fail-alloc=2"));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_ok(coherent_write(&mem, 0, 6));
	assert_err(coherent_reclaim(&mem, &box, .idle = true), -ENOMEM);
	assert_ok(coherent_read(&mem, 0, &value));
	assert_int_equal(value, 6);
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_int_equal(coherent_box_ptr(&box)[0], 6);
	coherent_box_free(&box);
	coherent_device_close(dev);
}

/* A driver whose pool grows several times. Returns the first error of an allocation. */
static int fill_a_pool(struct coherent_device *dev)
{
	COHERENT_POOL(uint64_t) pool = COHERENT_EMPTY;
	COHERENT(uint8_t) last = COHERENT_EMPTY;
	static union number_box boxes[2000];
	int err = coherent_pool_create(&pool, dev);

	for (size_t i = 0; !err && i < ARRAY_SIZE(boxes); i++)
		err = coherent_pool_box(&pool, &boxes[i]);
	if (!err)
		err = coherent_zeroed(&last, dev, 1);
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++)
		coherent_box_free(&boxes[i]);
	coherent_free(&last);
	assert_ok(coherent_pool_destroy(&pool));
	return err;
}

/* The loop of sim.h: it ends when nothing fails any more. */
static void loop_over_allocations_misses_none(void **state)
{
	unsigned int failed = 0, reported;
	struct coherent_device *dev;
	char name[64];
	int err;

	(void)state;
	do {
		struct log log = LOG_EMPTY;

		snprintf(name, sizeof(name), "sim:edu,step,fail-alloc=%u", failed + 1);
		assert_ok(
			coherent_device_open(&dev, name, .report = log_report, .report_arg = &log));
		err = fill_a_pool(dev);
		reported = log_has(&log, "makes this call fail");
		/* A failure that the key makes is never hidden from the driver. */
		assert_err(err, reported ? -ENOMEM : 0);
		failed += reported;
		coherent_device_close(dev);
	} while (reported);
	/* The pool grows by a page, a page, two pages, and so on. The mem is the last one. */
	assert_in_range(failed, 4, 9);
}

static void nth_bar_or_irq_does_not_open(void **state)
{
	struct log log = LOG_EMPTY;
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step,fail-bar=2,fail-irq=2",
				       .report = log_report, .report_arg = &log));
	for (unsigned int i = 1; i < 5; i++) {
		assert_err(coherent_bar_open(&bar, dev, 0), i == 2 ? -EIO : 0);
		assert_int_equal(bar == NULL, i == 2);
		coherent_bar_close(bar);
		assert_err(coherent_irq_open(&irq, dev, 0), i == 2 ? -EIO : 0);
		assert_int_equal(irq == NULL, i == 2);
		coherent_irq_close(irq);
		if (i > 1)
			continue;
		/* A BAR or a vector that does not exist is not one of the N. */
		assert_err(coherent_bar_open(&bar, dev, 5), -ENODEV);
		assert_err(coherent_irq_open(&irq, dev, 5), -ENODEV);
		assert_int_equal(log.count, 2);
	}
	assert_int_equal(log.count, 4);
	assert_true(log_has(&log, "warning: sim:edu,step,fail-bar=2,fail-irq=2: the key fail-bar=2 "
				  "makes this call fail"));
	assert_true(log_has(&log, "the key fail-irq=2 makes this call fail"));
	coherent_device_close(dev);
}

/* --- Bad keys --- */

static void bad_key_is_refused_with_the_list(void **state)
{
	static const struct {
		const char *name;
		const char *report;
	} cases[] = {
		{ "sim:edu,unplugged=3", "there is no key \"unplugged\", only: mask=, step, " },
		{ "sim:edu,unplugged=3", "exact, " },
		{ "sim:edu,unplugged=3", "drop-write=, repeat-write=" },
		{ "sim:edu,unplug", "key \"unplug\" takes a number from 1" },
		{ "sim:edu,stuck=0", "key \"stuck\" takes a number from 1" },
		{ "sim:edu,drop-irq=-1", "key \"drop-irq\" takes a number from 1" },
		{ "sim:edu,extra-irq=x", "key \"extra-irq\" takes a number from 1" },
		{ "sim:edu,drop-write=1.5", "key \"drop-write\" takes a number from 1" },
		{ "sim:edu,repeat-write=07", "key \"repeat-write\" takes a number from 1" },
		{ "sim:edu,fail-alloc=", "a value is missing" },
		{ "sim:edu,fail-bar=0x", "key \"fail-bar\" takes a number from 1" },
		{ "sim:edu,fail-irq=99999999999999999999",
		  "key \"fail-irq\" takes a number from 1" },
		{ "sim:edu,exact=1", "key \"exact\" takes no value" },
		{ "sim:edu,unplug=1,unplug=2", "key \"unplug\" is given twice" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_open_fails(cases[i].name, -EINVAL, cases[i].report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nth_allocation_fails),
		cmocka_unit_test(nth_allocation_of_a_pool_or_reclaim_fails),
		cmocka_unit_test(loop_over_allocations_misses_none),
		cmocka_unit_test(nth_bar_or_irq_does_not_open),
		cmocka_unit_test(bad_key_is_refused_with_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
