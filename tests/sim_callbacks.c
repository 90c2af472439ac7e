// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * In these tests the model of a device uses its own device from a callback, as a driver would.
 * Without a refusal such a call waits for the callback that makes it, so the test never ends.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "test.h"

enum place { IN_READ, IN_WRITE, IN_TICK, IN_RESET, IN_CLOSE, PLACES };

struct registers {
	uint32_t first;
};

/**
 * struct culprit - The argument of the model.
 * @misuse: The call that a callback makes, once.
 * @place: The callback that makes it.
 * @writes: How many writes reached the model.
 * @err: The result of the call.
 * @armed: The next run of the callback makes the call.
 * @done: The call has returned.
 */
struct culprit {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	COHERENT_BAR_TYPE(struct registers) typed;
	struct coherent_irq *irq;
	COHERENT(uint32_t) mem;
	int (*misuse)(struct culprit *culprit);
	enum place place;
	unsigned int writes;
	int err;
	atomic_bool armed;
	atomic_bool done;
};

/* --- The model --- */

static void misbehave(struct culprit *culprit, enum place place)
{
	/* A model with a thread of its own runs before the test has opened everything. */
	if (!culprit->armed || place != culprit->place)
		return;
	culprit->armed = false;
	culprit->err = culprit->misuse(culprit);
	culprit->done = true;
}

static uint64_t culprit_read(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			     unsigned int width)
{
	(void)sim;
	(void)bar;
	(void)offset;
	(void)width;
	misbehave(arg, IN_READ);
	return 0x1234;
}

static void culprit_write(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			  unsigned int width, uint64_t value)
{
	(void)sim;
	(void)bar;
	(void)offset;
	(void)width;
	(void)value;
	((struct culprit *)arg)->writes++;
	misbehave(arg, IN_WRITE);
}

static void culprit_tick(struct coherent_sim *sim, void *arg)
{
	(void)sim;
	misbehave(arg, IN_TICK);
}

static void culprit_reset(struct coherent_sim *sim, void *arg)
{
	(void)sim;
	misbehave(arg, IN_RESET);
}

static void culprit_close(struct coherent_sim *sim, void *arg)
{
	(void)sim;
	misbehave(arg, IN_CLOSE);
}

static const struct coherent_sim_model culprit_model = {
	.name = "culprit",
	.mask = UINT32_MAX,
	.vectors = 2,
	.bar_size = { 64 },
	.close = culprit_close,
	.reg_read = culprit_read,
	.reg_write = culprit_write,
	.tick = culprit_tick,
	.reset = culprit_reset,
};

/* --- The calls. Each returns the result, or -EBUSY if a call without a result was refused. --- */

static int close_device(struct culprit *culprit)
{
	struct coherent_limits limits;

	coherent_device_close(culprit->dev);
	return coherent_device_limits(culprit->dev, &limits) ? -ENODEV : -EBUSY;
}

static int reset_device(struct culprit *culprit)
{
	return coherent_device_reset(culprit->dev);
}

static int fence_device(struct culprit *culprit)
{
	return coherent_device_fence(culprit->dev);
}

static int step_device(struct culprit *culprit)
{
	return coherent_sim_step(culprit->dev, 1);
}

static int read_register(struct culprit *culprit)
{
	return coherent_bar_read32(culprit->bar, 0) == UINT32_MAX ? -EBUSY : 0;
}

static int write_register(struct culprit *culprit)
{
	const unsigned int writes = culprit->writes;

	coherent_bar_write32(culprit->bar, 0, 1);
	return culprit->writes == writes ? -EBUSY : 0;
}

/* A register that reads as all ones would meet this condition. */
static int poll_register(struct culprit *culprit)
{
	return coherent_bar_poll32(culprit->bar, 0, UINT32_MAX, UINT32_MAX, UINT64_MAX);
}

static int poll_register_by_name(struct culprit *culprit)
{
	return coherent_bar_poll(&culprit->typed, .first, UINT32_MAX, UINT32_MAX, UINT64_MAX);
}

static int poll_field(struct culprit *culprit)
{
	uint32_t value;

	return coherent_poll(&culprit->mem, 0, &value, value == 1, UINT64_MAX);
}

static int open_irq(struct culprit *culprit)
{
	struct coherent_irq *irq;
	int err = coherent_irq_open(&irq, culprit->dev, 1);

	return irq ? 0 : err;
}

static int wait_for_irq(struct culprit *culprit)
{
	return coherent_irq_wait(culprit->irq, UINT64_MAX);
}

/* The driver waits for the interrupt later, which must still be open. */
static int close_irq(struct culprit *culprit)
{
	coherent_irq_close(culprit->irq);
	return -EBUSY;
}

static const struct {
	const char *name;
	int (*call)(struct culprit *culprit);
	bool needs_step;
} misuses[] = {
	{ "coherent_device_close()", close_device, false },
	{ "coherent_device_reset()", reset_device, false },
	{ "coherent_device_fence()", fence_device, false },
	{ "coherent_sim_step()", step_device, true },
	{ "coherent_bar_read*()", read_register, false },
	{ "coherent_bar_write*()", write_register, false },
	{ "coherent_bar_poll32()", poll_register, false },
	{ "coherent_bar_poll()", poll_register_by_name, false },
	{ "coherent_poll()", poll_field, false },
	{ "coherent_irq_open()", open_irq, false },
	{ "coherent_irq_wait()", wait_for_irq, false },
	{ "coherent_irq_close()", close_irq, false },
};

/* --- The tests --- */

static void open_culprit(struct culprit *culprit, const char *name, struct log *log)
{
	assert_ok(coherent_device_open(&culprit->dev, name, .model = &culprit_model,
				       .model_arg = culprit, .report = log_report,
				       .report_arg = log));
	assert_ok(coherent_bar_open(&culprit->bar, culprit->dev, 0));
	assert_ok(coherent_bar_open(&culprit->typed, culprit->dev, 0));
	assert_ok(coherent_irq_open(&culprit->irq, culprit->dev, 0));
	assert_ok(coherent_zeroed(&culprit->mem, culprit->dev, 1));
}

static void close_culprit(struct culprit *culprit)
{
	if (culprit->place == IN_CLOSE)
		coherent_device_close(culprit->dev);
	coherent_irq_close(culprit->irq);
	coherent_bar_close(culprit->bar);
	coherent_bar_close(&culprit->typed);
	coherent_free(&culprit->mem);
	if (culprit->place != IN_CLOSE)
		coherent_device_close(culprit->dev);
}

/* Makes the callback run that misbehaves. */
static void provoke(struct culprit *culprit, bool steps)
{
	culprit->done = false;
	culprit->armed = true;
	if (culprit->place == IN_READ)
		assert_int_equal(coherent_bar_read32(culprit->bar, 0), 0x1234);
	if (culprit->place == IN_WRITE)
		coherent_bar_write32(culprit->bar, 0, 1);
	if (culprit->place == IN_RESET)
		assert_ok(coherent_device_reset(culprit->dev));
	if (culprit->place == IN_TICK && steps)
		assert_ok(coherent_sim_step(culprit->dev, 1));
	while (culprit->place == IN_TICK && !culprit->done)
		assert_int_equal(coherent_bar_read32(culprit->bar, 0), 0x1234);
}

static void misuse_everywhere(const char *name, bool steps)
{
	char text[128];

	for (size_t i = 0; i < ARRAY_SIZE(misuses); i++) {
		for (enum place place = IN_READ; place < IN_CLOSE; place++) {
			struct culprit culprit = { .place = place, .misuse = misuses[i].call };
			struct log log = LOG_EMPTY;

			if (misuses[i].needs_step && !steps)
				continue;
			open_culprit(&culprit, name, &log);
			provoke(&culprit, steps);
			assert_true(culprit.done);
			assert_err(culprit.err, -EBUSY);
			snprintf(text, sizeof(text), "called %s on its own device",
				 misuses[i].name);
			if (!log_has(&log, text))
				fail_msg("\"%s\" is not in: %s", text, log.text);
			assert_int_equal(log.count, 1);
			/* The device works on. */
			assert_int_equal(coherent_bar_read32(culprit.bar, 0), 0x1234);
			assert_err(coherent_irq_wait(culprit.irq, 0), -ETIMEDOUT);
			assert_ok(coherent_device_reset(culprit.dev));
			close_culprit(&culprit);
			assert_int_equal(log.count, 1);
		}
	}
}

static void callback_cannot_wait_for_its_device(void **state)
{
	(void)state;
	misuse_everywhere("sim:custom,step", true);
	misuse_everywhere("sim:custom", false);
}

/* The device is closed when the callback close runs, so the calls fail in another way. */
static void callback_close_cannot_wait_for_its_device(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(misuses); i++) {
		struct culprit culprit = { .place = IN_CLOSE, .misuse = misuses[i].call };
		struct log log = LOG_EMPTY;

		open_culprit(&culprit, "sim:custom,step", &log);
		culprit.armed = true;
		close_culprit(&culprit);
		assert_true(culprit.done);
		assert_true(culprit.err == -EBUSY || culprit.err == -ENODEV);
	}
}

/* A model that makes the same mistake again and again does not fill a log. */
static void refused_call_is_reported_once(void **state)
{
	struct culprit culprit = { .place = IN_WRITE, .misuse = reset_device };
	struct log log = LOG_EMPTY;

	(void)state;
	open_culprit(&culprit, "sim:custom,step", &log);
	for (unsigned int i = 0; i < 3; i++) {
		provoke(&culprit, true);
		assert_err(culprit.err, -EBUSY);
	}
	assert_int_equal(log.count, 1);
	close_culprit(&culprit);
}

static int use_memory(struct culprit *culprit)
{
	COHERENT_AUTO(uint32_t, mem);
	struct coherent_fault fault;
	int err = coherent_zeroed(&mem, culprit->dev, 1);

	if (!err)
		err = coherent_write(&mem, 0, 1);
	return err ? err : coherent_device_next_fault(culprit->dev, &fault);
}

static void callback_can_use_memory(void **state)
{
	struct culprit culprit = { .misuse = use_memory };
	struct log log = LOG_EMPTY;

	(void)state;
	for (culprit.place = IN_READ; culprit.place < IN_CLOSE; culprit.place++) {
		open_culprit(&culprit, "sim:custom,step", &log);
		provoke(&culprit, true);
		assert_err(culprit.err, -EAGAIN);
		close_culprit(&culprit);
	}
	assert_int_equal(log.count, 0);
}

/* --- A close of the model beside another thread --- */

/**
 * struct closing - The argument of a model that interrupts while it closes.
 * @irq: The interrupt, which another thread closes meanwhile.
 * @closes: The callback close runs.
 * @closed: It has ended.
 * @was_closed: It had ended when the interrupt was closed.
 */
struct closing {
	struct coherent_irq *irq;
	atomic_bool closes;
	atomic_bool closed;
	bool was_closed;
};

static void interrupting_close(struct coherent_sim *sim, void *arg)
{
	struct closing *closing = arg;

	closing->closes = true;
	for (unsigned int i = 0; i < 2000; i++) {
		coherent_sim_irq(sim, 0);
		sched_yield();
	}
	closing->closed = true;
}

static void *close_irq_later(void *arg)
{
	struct closing *closing = arg;

	while (!closing->closes)
		sched_yield();
	coherent_irq_close(closing->irq);
	closing->was_closed = closing->closed;
	return NULL;
}

/* Otherwise the model could signal a descriptor that has another file by now. */
static void interrupt_stays_open_until_the_model_is_closed(void **state)
{
	const struct coherent_sim_model model = {
		.name = "interrupting",
		.mask = UINT32_MAX,
		.vectors = 1,
		.bar_size = { 16 },
		.close = interrupting_close,
	};
	struct closing closing = { .irq = NULL };
	struct coherent_device *dev;
	pthread_t closer;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom", .model = &model, .model_arg = &closing));
	assert_ok(coherent_irq_open(&closing.irq, dev, 0));
	assert_ok(pthread_create(&closer, NULL, close_irq_later, &closing));
	coherent_device_close(dev);
	assert_ok(pthread_join(closer, NULL));
	assert_true(closing.was_closed);
}

/* --- A report function that uses the device --- */

struct curious {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	unsigned int reports;
};

static void curious_report(void *arg, enum coherent_severity severity, const char *line)
{
	struct curious *curious = arg;

	(void)severity;
	(void)line;
	curious->reports++;
	if (coherent_bar_read32(curious->bar, 0) == 5 || !coherent_device_reset(curious->dev))
		curious->reports += 1000;
	coherent_device_close(curious->dev);
}

static void complaining_write(struct coherent_sim *sim, void *arg, unsigned int bar,
			      uint64_t offset, unsigned int width, uint64_t value)
{
	(void)arg;
	(void)bar;
	(void)offset;
	(void)width;
	(void)value;
	coherent_sim_report(sim, COHERENT_WARNING, "the driver wrote a register");
}

static void report_from_a_callback_cannot_wait_for_the_device(void **state)
{
	const struct coherent_sim_model model = {
		.name = "complaining",
		.mask = UINT32_MAX,
		.bar_size = { 16 },
		.reg_write = complaining_write,
	};
	struct curious curious = { .reports = 0 };
	struct coherent_device *dev;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom,step", .model = &model,
				       .report = curious_report, .report_arg = &curious));
	curious.dev = dev;
	assert_ok(coherent_bar_open(&curious.bar, dev, 0));
	coherent_bar_write32(curious.bar, 0, 1);
	/* The report of the model, and one for each of the three calls. */
	assert_int_equal(curious.reports, 4);
	coherent_bar_write32(curious.bar, 0, 1);
	assert_int_equal(curious.reports, 5);
	coherent_bar_close(curious.bar);
	coherent_device_close(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(callback_cannot_wait_for_its_device),
		cmocka_unit_test(callback_close_cannot_wait_for_its_device),
		cmocka_unit_test(refused_call_is_reported_once),
		cmocka_unit_test(callback_can_use_memory),
		cmocka_unit_test(interrupt_stays_open_until_the_model_is_closed),
		cmocka_unit_test(report_from_a_callback_cannot_wait_for_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
