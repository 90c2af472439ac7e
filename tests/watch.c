// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the events that the option .trace gets: which there are, in which order, and what
 * they say.
 */
#include <coherent/pool_many.h>
#include <coherent/share.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define EVENTS_MAX 256

/* The events so far. A threaded device adds some from its own thread. */
static struct coherent_event events[EVENTS_MAX];
static unsigned int event_count;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void keep_event(void *arg, const struct coherent_event *event)
{
	assert_ptr_equal(arg, events);
	assert_memory_equal(event->device, "sim:edu", strlen("sim:edu"));
	pthread_mutex_lock(&mutex);
	if (event_count < EVENTS_MAX)
		events[event_count++] = *event;
	pthread_mutex_unlock(&mutex);
}

static struct coherent_device *open_traced(const char *name)
{
	struct coherent_device *dev;

	event_count = 0;
	assert_ok(coherent_device_open(&dev, name, .trace = keep_event, .trace_arg = events));
	return dev;
}

/* Takes the oldest event, which must be of this kind. */
static struct coherent_event take(enum coherent_event_kind kind)
{
	const struct coherent_event event = events[0];

	assert_true(event_count > 0);
	memmove(events, events + 1, --event_count * sizeof(*events));
	assert_int_equal(event.kind, kind);
	assert_true(event.time_ns > 0);
	for (size_t i = 0; i < ARRAY_SIZE(event.reserved); i++)
		assert_int_equal(event.reserved[i], 0);
	return event;
}

static struct coherent_event take_change(enum coherent_event_kind kind, uint64_t object,
					 enum coherent_state before, enum coherent_state after)
{
	const struct coherent_event event = take(kind);

	assert_int_equal(event.object, object);
	assert_int_equal(event.before, before);
	assert_int_equal(event.after, after);
	return event;
}

/* Takes the event of an object that was a box for a moment only. */
static void take_end(uint64_t object, enum coherent_state before)
{
	(void)take_change(COHERENT_EVENT_FREE, object, before, COHERENT_STATE_FREED);
}

static void each_change_of_an_object_is_an_event(void **state)
{
	struct coherent_device *dev = open_traced("sim:edu");
	COHERENT_BOX(uint32_t) box = COHERENT_EMPTY;
	COHERENT(uint32_t) mem = COHERENT_EMPTY;
	struct coherent_event event;
	uint64_t address;

	(void)state;
	(void)take(COHERENT_EVENT_OPEN);
	assert_ok(coherent_box_zeroed(&box, dev, 2000));
	event = take_change(COHERENT_EVENT_BOX, 1, COHERENT_STATE_NONE, COHERENT_STATE_BOX);
	assert_int_equal(event.bytes, 2 * PAGE);
	assert_non_null(strstr(event.where, "watch.c:"));
	address = event.address;
	assert_ok(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY));
	event = take_change(COHERENT_EVENT_EXPOSE, 1, COHERENT_STATE_BOX, COHERENT_STATE_MEM);
	assert_int_equal(event.address, address);
	assert_int_equal(event.address, coherent_addr(&mem).raw);
	assert_int_equal(event.bytes, 2 * PAGE);
	assert_int_equal(event.permission, COHERENT_READ_ONLY);
	assert_non_null(strstr(event.where, "watch.c:"));
	assert_ok(coherent_reclaim(&mem, &box));
	event = take_change(COHERENT_EVENT_RECLAIM, 1, COHERENT_STATE_MEM, COHERENT_STATE_BOX);
	assert_int_equal(event.address, address);
	assert_ok(coherent_expose(&box, &mem));
	event = take_change(COHERENT_EVENT_EXPOSE, 1, COHERENT_STATE_BOX, COHERENT_STATE_MEM);
	assert_int_equal(event.address, coherent_addr(&mem).raw);
	assert_int_not_equal(event.address, address);
	coherent_free(&mem);
	take_end(1, COHERENT_STATE_MEM);
	assert_ok(coherent_box_zeroed(&box, dev, 1));
	(void)take_change(COHERENT_EVENT_BOX, 2, COHERENT_STATE_NONE, COHERENT_STATE_BOX);
	coherent_box_free(&box);
	take_end(2, COHERENT_STATE_BOX);
	coherent_device_close(dev);
	(void)take(COHERENT_EVENT_CLOSE);
	assert_int_equal(event_count, 0);
}

static void object_in_place_keeps_its_address_and_its_number(void **state)
{
	struct coherent_device *dev = open_traced("sim:edu");
	COHERENT_BOX(char) box = COHERENT_EMPTY;
	COHERENT(char) mem = COHERENT_EMPTY;
	uint64_t address;

	(void)state;
	(void)take(COHERENT_EVENT_OPEN);
	assert_ok(coherent_box_zeroed(&box, dev, 1, .in_place = true));
	address = take(COHERENT_EVENT_BOX).address;
	for (unsigned int i = 0; i < 2; i++) {
		assert_ok(coherent_expose(&box, &mem));
		assert_int_equal(take(COHERENT_EVENT_EXPOSE).address, address);
		assert_ok(coherent_reclaim(&mem, &box, .idle = true));
		(void)take_change(COHERENT_EVENT_RECLAIM, 1, COHERENT_STATE_MEM,
				  COHERENT_STATE_BOX);
	}
	coherent_box_free(&box);
	take_end(1, COHERENT_STATE_BOX);
	coherent_device_close(dev);
}

/* The device of the mem has no event. */
static void twin_is_an_object_with_a_number(void **state)
{
	struct coherent_device *dev = open_traced("sim:edu"), *other;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;

	(void)state;
	assert_ok(coherent_device_open(&other, "sim:edu"));
	(void)take(COHERENT_EVENT_OPEN);
	assert_ok(coherent_zeroed(&mem, other, 1));
	for (uint64_t i = 1; i <= 2; i++) {
		assert_ok(coherent_share(&mem, dev, &twin));
		(void)take_change(COHERENT_EVENT_EXPOSE, i, COHERENT_STATE_NONE,
				  COHERENT_STATE_MEM);
		coherent_free(&twin);
		take_end(i, COHERENT_STATE_MEM);
	}
	coherent_free(&mem);
	coherent_device_close(other);
	coherent_device_close(dev);
}

static void times_of_events_go_on(void **state)
{
	struct coherent_device *dev = open_traced("sim:edu");
	COHERENT(char) mem = COHERENT_EMPTY;
	uint64_t last_ns = 0;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		assert_ok(coherent_zeroed(&mem, dev, 1));
		coherent_free(&mem);
	}
	coherent_device_close(dev);
	assert_int_equal(event_count, 2 + 3 * 3);
	for (unsigned int i = 0; i < event_count; i++) {
		assert_true(events[i].time_ns >= last_ns);
		last_ns = events[i].time_ns;
	}
}

static void failed_exposure_frees_its_box(void **state)
{
	struct coherent_device *dev = open_traced("sim:edu");
	COHERENT_BOX(char) box = COHERENT_EMPTY;
	COHERENT(char) mem = COHERENT_EMPTY;

	(void)state;
	(void)take(COHERENT_EVENT_OPEN);
	assert_ok(coherent_box_zeroed(&box, dev, 1));
	(void)take(COHERENT_EVENT_BOX);
	assert_err(coherent_expose(&box, &mem, .seal = seal_fails, .seal_arg = &(uint64_t){ 0 }),
		   -ECANCELED);
	take_end(1, COHERENT_STATE_BOX);
	coherent_device_close(dev);
	(void)take(COHERENT_EVENT_CLOSE);
}

static void mem_that_cannot_be_unmapped_stays_a_mem(void **state)
{
	struct coherent_device *dev;
	COHERENT(char) mem = COHERENT_EMPTY;
	struct coherent_event event;

	(void)state;
	event_count = 0;
	assert_ok(coherent_device_open(&dev, "sim:edu,fail-unmap=1", .trace = keep_event,
				       .trace_arg = events));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	coherent_free(&mem);
	event = events[event_count - 1];
	assert_int_equal(event.kind, COHERENT_EVENT_FREE);
	assert_int_equal(event.before, COHERENT_STATE_MEM);
	assert_int_equal(event.after, COHERENT_STATE_MEM);
	coherent_device_close(dev);
}

static void object_that_outlives_its_device_still_has_its_free(void **state)
{
	struct coherent_device *dev = open_traced("sim:edu");
	COHERENT(char) mem = COHERENT_EMPTY;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, 1));
	coherent_device_close(dev);
	(void)take(COHERENT_EVENT_OPEN);
	(void)take(COHERENT_EVENT_BOX);
	(void)take(COHERENT_EVENT_EXPOSE);
	(void)take(COHERENT_EVENT_CLOSE);
	coherent_free(&mem);
	take_end(1, COHERENT_STATE_MEM);
	assert_int_equal(event_count, 0);
}

static void fault_is_an_event(void **state)
{
	struct coherent_device *dev = open_traced("sim:edu");
	COHERENT_BOX(char) box = COHERENT_EMPTY;
	struct coherent_event event;
	uint8_t bytes[16] = { 0 };
	uint64_t address;

	(void)state;
	(void)take(COHERENT_EVENT_OPEN);
	assert_ok(coherent_box_zeroed(&box, dev, 1));
	address = take(COHERENT_EVENT_BOX).address;
	assert_err(coherent_sim_try(dev, &box, 8, bytes, sizeof(bytes), COHERENT_ACCESS_WRITE),
		   -EIO);
	event = take(COHERENT_EVENT_FAULT);
	assert_int_equal(event.before, COHERENT_STATE_BOX);
	assert_int_equal(event.access, COHERENT_ACCESS_WRITE);
	assert_int_equal(event.address, address + 8);
	assert_int_equal(event.bytes, sizeof(bytes));
	assert_non_null(strstr(event.where, "watch.c:"));
	assert_err(coherent_sim_try_addr(dev, (coherent_addr_t){ 8 * PAGE * PAGE }, bytes, 1,
					 COHERENT_ACCESS_READ),
		   -EIO);
	event = take(COHERENT_EVENT_FAULT);
	assert_int_equal(event.before, COHERENT_STATE_NONE);
	assert_int_equal(event.access, COHERENT_ACCESS_READ);
	assert_null(event.where);
	coherent_box_free(&box);
	coherent_device_close(dev);
}

static void fence_and_reset_are_events(void **state)
{
	struct coherent_device *dev = open_traced("sim:edu");

	(void)state;
	(void)take(COHERENT_EVENT_OPEN);
	assert_ok(coherent_device_fence(dev));
	assert_int_equal(take(COHERENT_EVENT_FENCE).err, 0);
	assert_ok(coherent_device_reset(dev));
	assert_int_equal(take(COHERENT_EVENT_FENCE).err, 0);
	coherent_device_close(dev);
}

static void registers_are_events(void **state)
{
	struct coherent_device *dev = open_traced("sim:edu");
	struct coherent_event event;
	struct coherent_bar *bar;

	(void)state;
	(void)take(COHERENT_EVENT_OPEN);
	assert_ok(coherent_bar_open(&bar, dev, 0));
	coherent_bar_write32(bar, 4, 0x12345678);
	event = take(COHERENT_EVENT_REGISTER_WRITE);
	assert_int_equal(event.bar, 0);
	assert_int_equal(event.offset, 4);
	assert_int_equal(event.width, 4);
	assert_int_equal(event.value, 0x12345678);
	assert_int_equal(coherent_bar_read32(bar, 4), ~UINT32_C(0x12345678));
	event = take(COHERENT_EVENT_REGISTER_READ);
	assert_int_equal(event.offset, 4);
	assert_int_equal(event.width, 4);
	assert_int_equal(event.value, ~UINT32_C(0x12345678));
	/* A register that the library refuses never reaches the device. */
	(void)coherent_bar_read32(bar, UINT64_C(1) << 40);
	assert_int_equal(event_count, 0);
	coherent_bar_close(bar);
	coherent_device_close(dev);
}

static void interrupt_is_an_event(void **state)
{
	struct coherent_device *dev = open_traced("sim:edu");
	struct coherent_bar *bar;
	struct coherent_irq *irq;

	(void)state;
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_ok(coherent_irq_open(&irq, dev, 0));
	assert_err(coherent_irq_wait(irq, 0), -ETIMEDOUT);
	coherent_bar_write32(bar, 0x60, 1);
	assert_ok(coherent_irq_wait(irq, LONG));
	(void)take(COHERENT_EVENT_OPEN);
	(void)take(COHERENT_EVENT_REGISTER_WRITE);
	assert_int_equal(take(COHERENT_EVENT_INTERRUPT).vector, 0);
	assert_int_equal(event_count, 0);
	coherent_irq_close(irq);
	coherent_bar_close(bar);
	coherent_device_close(dev);
}

static void forked_child_has_no_events(void **state)
{
	struct coherent_device *dev = open_traced("sim:edu");
	COHERENT(char) mem = COHERENT_EMPTY;
	int status;
	pid_t pid;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, 1));
	event_count = 0;
	pid = fork();
	if (!pid) {
		coherent_free(&mem);
		coherent_device_close(dev);
		_exit(event_count != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	coherent_free(&mem);
	coherent_device_close(dev);
}

/* --- Pools --- */

struct command {
	uint64_t words[8];
};

COHERENT_FIELDS(struct command, .words);

#define MANY ((size_t)100)

/* Takes the events of the memory of a pool, whose place is that of the pool. */
static void take_chunk(uint64_t object)
{
	const struct coherent_event event =
		take_change(COHERENT_EVENT_BOX, object, COHERENT_STATE_NONE, COHERENT_STATE_BOX);

	assert_int_equal(event.bytes % PAGE, 0);
	(void)take_change(COHERENT_EVENT_EXPOSE, object, COHERENT_STATE_BOX, COHERENT_STATE_MEM);
}

static void each_change_of_an_object_of_a_pool_is_an_event(void **state)
{
	struct coherent_device *dev = open_traced("sim:edu");
	COHERENT_POOL(struct command) pool = COHERENT_EMPTY;
	COHERENT_BOX(struct command) box = COHERENT_EMPTY;
	COHERENT(struct command) mem = COHERENT_EMPTY;
	struct coherent_event event;

	(void)state;
	(void)take(COHERENT_EVENT_OPEN);
	assert_ok(coherent_pool_create(&pool, dev, .permission = COHERENT_READ_ONLY));
	/* The first round fills the cache of the thread, so that the second could be fast. */
	for (uint64_t i = 0; i < 3; i++) {
		assert_ok(coherent_pool_box(&pool, &box));
		if (!i)
			take_chunk(1);
		event = take_change(COHERENT_EVENT_BOX, 2 + i, COHERENT_STATE_NONE,
				    COHERENT_STATE_BOX);
		assert_int_equal(event.bytes, sizeof(struct command));
		assert_non_null(strstr(event.where, "watch.c:"));
		coherent_box_ptr(&box)->words[3] = i;
		assert_ok(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY));
		event = take_change(COHERENT_EVENT_EXPOSE, 2 + i, COHERENT_STATE_BOX,
				    COHERENT_STATE_MEM);
		assert_int_equal(event.address, coherent_addr(&mem).raw);
		assert_int_equal(event.permission, COHERENT_READ_ONLY);
		assert_err(coherent_reclaim(&mem, &box), -EBUSY);
		assert_ok(coherent_reclaim(&mem, &box, .idle = true));
		(void)take_change(COHERENT_EVENT_RECLAIM, 2 + i, COHERENT_STATE_MEM,
				  COHERENT_STATE_BOX);
		assert_int_equal(coherent_box_ptr(&box)->words[3], i);
		assert_ok(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY));
		(void)take(COHERENT_EVENT_EXPOSE);
		coherent_free(&mem);
		take_end(2 + i, COHERENT_STATE_MEM);
	}
	assert_ok(coherent_pool_box(&pool, &box));
	(void)take(COHERENT_EVENT_BOX);
	coherent_box_free(&box);
	take_end(5, COHERENT_STATE_BOX);
	assert_ok(coherent_pool_destroy(&pool));
	(void)take_change(COHERENT_EVENT_FREE, 1, COHERENT_STATE_MEM, COHERENT_STATE_FREED);
	coherent_device_close(dev);
	(void)take(COHERENT_EVENT_CLOSE);
	assert_int_equal(event_count, 0);
}

static void value_in_a_pool_is_a_box_and_a_mem(void **state)
{
	struct coherent_device *dev = open_traced("sim:edu");
	COHERENT_POOL(struct command) pool = COHERENT_EMPTY;
	COHERENT(struct command) mem = COHERENT_EMPTY;
	const struct command value = { { 1, 2, 3 } };

	(void)state;
	(void)take(COHERENT_EVENT_OPEN);
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_from(&pool, &mem, &value));
	take_chunk(1);
	(void)take_change(COHERENT_EVENT_BOX, 2, COHERENT_STATE_NONE, COHERENT_STATE_BOX);
	(void)take_change(COHERENT_EVENT_EXPOSE, 2, COHERENT_STATE_BOX, COHERENT_STATE_MEM);
	coherent_free(&mem);
	take_end(2, COHERENT_STATE_MEM);
	assert_ok(coherent_pool_destroy(&pool));
	coherent_device_close(dev);
}

static unsigned int count_of(enum coherent_event_kind kind, uint64_t bytes)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < event_count; i++)
		count += events[i].kind == kind && events[i].bytes == bytes;
	return count;
}

static COHERENT_BOX(struct command) boxes[MANY];
static COHERENT(struct command) mems[MANY];
static struct command values[MANY];

static void assert_one_event_each(enum coherent_event_kind kind)
{
	assert_int_equal(count_of(kind, sizeof(struct command)), MANY);
}

static void calls_for_several_objects_of_a_pool_have_an_event_for_each(void **state)
{
	struct coherent_device *dev = open_traced("sim:edu");
	COHERENT_POOL(struct command) pool = COHERENT_EMPTY;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	event_count = 0;
	assert_ok(coherent_pool_boxes(&pool, boxes, MANY));
	assert_one_event_each(COHERENT_EVENT_BOX);
	coherent_box_ptr(&boxes[MANY - 1])->words[0] = MANY;
	event_count = 0;
	assert_ok(coherent_pool_expose(&pool, boxes, mems, MANY));
	assert_one_event_each(COHERENT_EVENT_EXPOSE);
	event_count = 0;
	coherent_pool_free(&pool, mems, MANY);
	assert_one_event_each(COHERENT_EVENT_FREE);
	event_count = 0;
	assert_ok(coherent_pool_from_all(&pool, mems, values, MANY));
	assert_one_event_each(COHERENT_EVENT_EXPOSE);
	coherent_pool_free(&pool, mems, MANY);
	assert_ok(coherent_pool_boxes(&pool, boxes, MANY));
	event_count = 0;
	coherent_pool_box_free(&pool, boxes, MANY);
	assert_one_event_each(COHERENT_EVENT_FREE);
	assert_ok(coherent_pool_destroy(&pool));
	coherent_device_close(dev);
}

static void closed_device_refuses_calls_for_several_objects(void **state)
{
	struct coherent_device *dev = open_traced("sim:edu");
	COHERENT_POOL(struct command) pool = COHERENT_EMPTY;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_boxes(&pool, boxes, 2));
	assert_ok(coherent_pool_from_all(&pool, mems, values, 2));
	coherent_device_close(dev);
	assert_err(coherent_pool_from_all(&pool, mems + 2, values, 2), -ENODEV);
	assert_err(coherent_pool_boxes(&pool, boxes + 2, 2), -ENODEV);
	assert_err(coherent_reclaim(&mems[0], &boxes[2], .idle = true), -ENODEV);
	event_count = 0;
	assert_err(coherent_pool_expose(&pool, boxes, mems + 2, 2), -ENODEV);
	for (size_t i = 0; i < MANY; i++)
		assert_true(coherent_is_empty(&boxes[i]));
	assert_int_equal(count_of(COHERENT_EVENT_FREE, sizeof(struct command)), 2);
	coherent_pool_free(&pool, mems, 2);
	assert_ok(coherent_pool_destroy(&pool));
}

static void ledger_that_cannot_be_opened_fails_the_open(void **state)
{
	struct log log = LOG_EMPTY;
	struct coherent_device *dev;

	(void)state;
	assert_err(coherent_device_open(&dev, "sim:edu", .ledger = "/dev/null/ledger",
					.report = log_report, .report_arg = &log),
		   -EINVAL);
	assert_null(dev);
	assert_true(log_has(&log, "ledger /dev/null/ledger: Not a directory"));
	log_clear(&log);
	assert_err(coherent_device_open(&dev, "sim:edu", .ledger = "/dev/null",
					.report = log_report, .report_arg = &log),
		   -EINVAL);
	assert_true(log_has(&log, "it is not a ledger"));
	assert_int_equal(log.count, 1);
}

static void *expose_another(void *dev)
{
	COHERENT(char) mem = COHERENT_EMPTY;

	assert_ok(coherent_zeroed(&mem, dev, 1));
	coherent_free(&mem);
	return NULL;
}

struct waiting_receiver {
	struct coherent_device *dev;
	unsigned int lines;
};

/* Waits for a thread that exposes memory of the same device. */
static void wait_for_thread(void *arg, enum coherent_severity severity, const char *line)
{
	struct waiting_receiver *receiver = arg;
	pthread_t thread;

	(void)severity;
	receiver->lines += strstr(line, "what happens from now on is not in it") != NULL;
	assert_ok(pthread_create(&thread, NULL, expose_another, receiver->dev));
	assert_ok(pthread_join(thread, NULL));
}

static void ledger_that_cannot_grow_is_reported_without_a_lock(void **state)
{
	char path[SCRATCH_MAX];
	struct waiting_receiver receiver = { .lines = 0 };
	struct rlimit before, small;

	(void)state;
	close(mkstemp(scratch(path, "test-ledger-XXXXXX")));
	assert_ok(coherent_device_open(&receiver.dev, "sim:edu", .ledger = path,
				       .report = wait_for_thread, .report_arg = &receiver));
	assert_ok(getrlimit(RLIMIT_FSIZE, &before));
	small = before;
	small.rlim_cur = 65536;
	assert_ok(setrlimit(RLIMIT_FSIZE, &small));
	for (unsigned int i = 0; i < 1024; i++)
		(void)expose_another(receiver.dev);
	assert_ok(setrlimit(RLIMIT_FSIZE, &before));
	assert_int_equal(receiver.lines, 1);
	coherent_device_close(receiver.dev);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_change_of_an_object_is_an_event),
		cmocka_unit_test(object_in_place_keeps_its_address_and_its_number),
		cmocka_unit_test(twin_is_an_object_with_a_number),
		cmocka_unit_test(times_of_events_go_on),
		cmocka_unit_test(failed_exposure_frees_its_box),
		cmocka_unit_test(mem_that_cannot_be_unmapped_stays_a_mem),
		cmocka_unit_test(object_that_outlives_its_device_still_has_its_free),
		cmocka_unit_test(fault_is_an_event),
		cmocka_unit_test(fence_and_reset_are_events),
		cmocka_unit_test(registers_are_events),
		cmocka_unit_test(interrupt_is_an_event),
		cmocka_unit_test(forked_child_has_no_events),
		cmocka_unit_test(each_change_of_an_object_of_a_pool_is_an_event),
		cmocka_unit_test(value_in_a_pool_is_a_box_and_a_mem),
		cmocka_unit_test(calls_for_several_objects_of_a_pool_have_an_event_for_each),
		cmocka_unit_test(closed_device_refuses_calls_for_several_objects),
		cmocka_unit_test(ledger_that_cannot_be_opened_fails_the_open),
		cmocka_unit_test(ledger_that_cannot_grow_is_reported_without_a_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
