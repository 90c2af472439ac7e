// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests open devices with models of their own.
 */
#include <sys/eventfd.h>
#include <unistd.h>

#include "sim_test.h"

static void model_gets_its_callbacks(void **state)
{
	struct coherent_irq *irqs[3], *again;
	struct counter counter = { .opened = 0 };
	struct coherent_bar *bars[2];
	struct coherent_device *dev;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom,step", .model = &counter_model,
				       .model_arg = &counter));
	assert_int_equal(counter.opened, 1);
	assert_int_equal(counter.mask, UINT64_MAX >> 24);
	assert_ok(coherent_bar_open(&bars[0], dev, 0));
	assert_err(coherent_bar_open(&bars[1], dev, 1), -ENODEV);
	assert_ok(coherent_bar_open(&bars[1], dev, 2));
	assert_int_equal(coherent_bar_read64(bars[1], 16), UINT64_C(0x1122334455667788) + 24);
	assert_int_equal(coherent_bar_read32(bars[1], 4), 0x55667788 + 8);
	assert_int_equal(coherent_bar_read16(bars[1], 2), 0x7788 + 4);
	assert_int_equal(coherent_bar_read8(bars[1], 1), 0x88 + 2);
	assert_ok(coherent_sim_step(dev, 5));
	assert_int_equal(coherent_bar_read32(bars[0], 0), 5);
	/* Each step adds a millisecond to the time. */
	assert_int_equal(counter.now, 4 * MS);
	coherent_bar_write8(bars[0], 1, 0xfe);
	assert_int_equal(counter.last_write, 0xfe);

	for (unsigned int i = 0; i < 3; i++)
		assert_ok(coherent_irq_open(&irqs[i], dev, i));
	assert_err(coherent_irq_open(&again, dev, 3), -ENODEV);
	assert_err(coherent_irq_open(&again, dev, 1), -EBUSY);
	coherent_bar_write32(bars[0], 16, 1);
	coherent_bar_write32(bars[0], 16, 7);
	assert_err(coherent_irq_wait(irqs[0], 0), -ETIMEDOUT);
	assert_ok(coherent_irq_wait(irqs[1], 0));
	assert_err(coherent_irq_wait(irqs[1], 0), -ETIMEDOUT);
	coherent_irq_close(irqs[1]);
	coherent_bar_write32(bars[0], 16, 1);
	assert_ok(coherent_irq_open(&irqs[1], dev, 1));
	assert_err(coherent_irq_wait(irqs[1], 0), -ETIMEDOUT);

	assert_ok(coherent_device_reset(dev));
	assert_int_equal(counter.resets, 1);
	for (unsigned int i = 0; i < 3; i++)
		coherent_irq_close(irqs[i]);
	coherent_bar_close(bars[0]);
	coherent_bar_close(bars[1]);
	coherent_device_close(dev);
	assert_int_equal(counter.closed, 1);
}

static void interrupt_without_a_listener_is_dropped(void **state)
{
	struct counter counter = { .opened = 0 };
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	int fds[2];
	uint64_t count;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom,step", .model = &counter_model,
				       .model_arg = &counter));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_ok(coherent_irq_open(&irq, dev, 1));
	coherent_irq_close(irq);
	/* These eventfds now have the numbers of the closed descriptors. */
	for (size_t i = 0; i < 2; i++)
		fds[i] = eventfd(0, EFD_NONBLOCK);
	coherent_bar_write32(bar, 16, 1);
	coherent_bar_write32(bar, 16, 1 << 20);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(read(fds[i], &count, sizeof(count)), -1);
		close(fds[i]);
	}
	coherent_bar_close(bar);
	coherent_device_close(dev);
}

static void model_may_have_32_vectors(void **state)
{
	const struct coherent_sim_model model = { .name = "many",
						  .mask = UINT32_MAX,
						  .vectors = 32 };
	struct coherent_device *dev;
	struct coherent_irq *irq;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom", .model = &model));
	assert_ok(coherent_irq_open(&irq, dev, 31));
	coherent_irq_close(irq);
	coherent_device_close(dev);
}

static void mistake_of_a_model_is_explained(void **state)
{
	static const struct {
		struct coherent_sim_model model;
		const char *report;
	} cases[] = {
		{ { .mask = UINT32_MAX }, "its .model has no .name" },
		{ { .name = "a" }, "the .mask of its .model is 0; set it with coherent_mask()" },
		{ { .name = "a", .mask = 0xffff00ff }, "is not from coherent_mask()" },
		{ { .name = "a", .mask = UINT32_MAX, .vectors = 33 }, "more than 32 .vectors" },
	};
	struct coherent_device *dev;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct log log = LOG_EMPTY;

		assert_err(coherent_device_open(&dev, "sim:custom", .model = &cases[i].model,
						.report = log_report, .report_arg = &log),
			   -EINVAL);
		assert_null(dev);
		if (!log_has(&log, cases[i].report))
			fail_msg("\"%s\" is not in: %s", cases[i].report, log.text);
	}
	/* The key gives a model the mask that it does not have. */
	assert_ok(coherent_device_open(&dev, "sim:custom,mask=33", .model = &cases[1].model));
	coherent_device_close(dev);
}

static void complain(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
		     unsigned int width, uint64_t value)
{
	(void)arg;
	(void)bar;
	(void)offset;
	(void)width;
	(void)value;
	coherent_sim_report(sim, COHERENT_ERROR, "the driver is wrong");
}

static void reports_name_the_model(void **state)
{
	const struct coherent_sim_model model = {
		.name = "grumpy",
		.mask = UINT32_MAX,
		.bar_size = { 16 },
		.reg_write = complain,
	};
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct log log = LOG_EMPTY;
	struct coherent_device *dev;
	struct coherent_bar *bar;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom,step", .model = &model,
				       .report = log_report, .report_arg = &log));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	coherent_bar_write32(bar, 0, 1);
	assert_true(log_has(&log, "error: sim:custom,step (grumpy): the driver is wrong\n"));
	coherent_bar_write32(bar, 16, 1);
	assert_true(log_has(&log, "warning: sim:custom,step (grumpy): write of 4 bytes"));
	assert_ok(coherent_box_zeroed(&box, dev, 1));
	coherent_bar_close(bar);
	coherent_device_close(dev);
	assert_true(log_has(&log, "warning: sim:custom,step (grumpy): a box of 4096 bytes"));
	coherent_box_free(&box);
}

static void threaded_model_has_a_clock(void **state)
{
	struct counter counter = { .opened = 0 };
	struct coherent_device *dev;
	struct coherent_bar *bar;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom", .model = &counter_model,
				       .model_arg = &counter));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	while (coherent_bar_read32(bar, 0) < 3)
		;
	coherent_bar_close(bar);
	coherent_device_close(dev);
	assert_true(counter.now > 0);
}

static void model_without_callbacks_is_a_device(void **state)
{
	const struct coherent_sim_model model = {
		.name = "rock",
		.mask = UINT32_MAX,
		.bar_size = { 16 },
	};
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct coherent_bar *bar;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom", .model = &model));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_int_equal(coherent_bar_read64(bar, 0), UINT64_MAX);
	coherent_bar_write64(bar, 0, 1);
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_ok(coherent_device_reset(dev));
	assert_err(coherent_sim_step(dev, 1), -EINVAL);
	coherent_free(&mem);
	coherent_bar_close(bar);
	coherent_device_close(dev);
}

static void threaded_model_runs_by_itself(void **state)
{
	struct counter counter = { .opened = 0 };
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct coherent_bar *bar;
	uint8_t byte;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom", .model = &counter_model,
				       .model_arg = &counter));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	/* The model runs although the driver writes no register. */
	for (unsigned int i = 0; coherent_bar_read32(bar, 0) < 3; i++)
		assert_true(i < 100000000);
	assert_ok(coherent_zeroed(&mem, dev, 16));
	counter.target = coherent_addr(&mem).raw;
	coherent_bar_write32(bar, 8, 16);
	assert_ok(coherent_poll(&mem, 15, &byte, byte == 0x5a, LONG));
	coherent_free(&mem);
	coherent_bar_close(bar);
	coherent_device_close(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(model_gets_its_callbacks),
		cmocka_unit_test(interrupt_without_a_listener_is_dropped),
		cmocka_unit_test(model_may_have_32_vectors),
		cmocka_unit_test(mistake_of_a_model_is_explained),
		cmocka_unit_test(reports_name_the_model),
		cmocka_unit_test(threaded_model_has_a_clock),
		cmocka_unit_test(model_without_callbacks_is_a_device),
		cmocka_unit_test(threaded_model_runs_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
