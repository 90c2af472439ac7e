// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The library refuses a call with -EINVAL, -EBUSY or -EOPNOTSUPP. These tests check that each
 * refusal has one report with its reason, and that no success has one.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "pool_test.h"

#define QUIET COHERENT_ATTR_NO_WARN
#define HERE "tests/refusals.c:"

static void assert_reported(const char *call, const char *words)
{
	if (reports.count != 1 || !log_has(&reports, words))
		fail_msg("%s: \"%s\" is not the one report:\n%s", call, words, reports.text);
	log_clear(&reports);
}

static void assert_silent(const char *call)
{
	if (reports.count)
		fail_msg("%s has a report:\n%s", call, reports.text);
}

#define REFUSED(call, err, words)              \
	do {                                   \
		assert_err(call, err);         \
		assert_reported(#call, words); \
	} while (0)

#define DONE(call)                    \
	do {                          \
		assert_ok(call);      \
		assert_silent(#call); \
	} while (0)

/* An object of which the driver knows nothing: it was never initialised. */
#define GARBAGE(object, byte) memset(&(object), byte, sizeof(object))

/* --- Arguments of allocations --- */

/* An allocation with bad arguments, and the words of the report. */
static const struct bad_request {
	struct coherent_mem_options options;
	int err;
	const char *words;
} bad_requests[] = {
	{ { .count = 0 }, -EINVAL, "the size is 0" },
	{ { .count = 1, .attrs = 1 << 6 }, -EINVAL, ".attrs has a bit that enum coherent_attr" },
	{ { .count = 1, .attrs = 1 << 7 | QUIET }, -EINVAL, ".attrs = 0x90, .level = 0" },
	{ { .count = 1, .level = COHERENT_IOMMU + 1 }, -EINVAL, ".level is not a value of enum" },
	{ { .count = 1, .align = 48 }, -EINVAL, ".align is not a power of two" },
	{ { .count = 1, .boundary = 96 }, -EINVAL, ".boundary is not a power of two" },
	{ { .count = 65, .boundary = 64 }, -EINVAL, ".boundary is less than the size" },
	{ { .count = SIZE_MAX }, -ENOMEM, "the size overflows" },
	{ { .count = 1, .attrs = COHERENT_ATTR_PRIVILEGED }, -EOPNOTSUPP, "userspace supports" },
};

static int fill_nothing(uint8_t *elements, size_t count, void *arg)
{
	(void)elements;
	(void)count;
	*(bool *)arg = true;
	return 0;
}

#define OF(options)                                                             \
	(options)->count, .attrs = (options)->attrs, .align = (options)->align, \
			  .boundary = (options)->boundary, .level = (options)->level

static void bad_arguments_of_allocations_are_reported(void **state)
{
	const uint8_t bytes[100] = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_requests); i++) {
		const struct coherent_mem_options *options = &bad_requests[i].options;
		const char *words = bad_requests[i].words;
		const int err = bad_requests[i].err;
		COHERENT_BOX_AUTO(uint8_t, box);
		COHERENT_AUTO(uint8_t, mem);
		COHERENT_HANDLE_AUTO(handle);
		bool called = false;

		REFUSED(coherent_box_zeroed(&box, dev, OF(options)), err, words);
		REFUSED(coherent_box_from(&box, dev, bytes, OF(options)), err, words);
		REFUSED(coherent_zeroed(&mem, dev, OF(options)), err, words);
		REFUSED(coherent_from(&mem, dev, bytes, OF(options)), err, words);
		REFUSED(coherent_init(&mem, dev, options->count, fill_nothing, &called,
				      .attrs = options->attrs, .align = options->align,
				      .boundary = options->boundary, .level = options->level),
			err, words);
		REFUSED(coherent_handle_zeroed(&handle, dev, OF(options)), err, words);
		assert_false(called);
		/* A call without a device cannot report. */
		assert_true(coherent_box_zeroed(&box, NULL, OF(options)) < 0);
		assert_silent("coherent_box_zeroed() without a device");
	}
}

static void reports_name_the_call(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	const uint8_t *none = NULL;
	char site[64];

	(void)state;
	snprintf(site, sizeof(site), "sim:edu,step,mask=40: " HERE "%d: the size", __LINE__ + 1);
	REFUSED(coherent_box_zeroed(&box, dev, 0), -EINVAL, site);
	REFUSED(coherent_box_from(&box, dev, none, 1), -EINVAL, "the array to copy from is NULL");
	REFUSED(coherent_from(&mem, dev, none, 1), -EINVAL, "the array to copy from is NULL");
	REFUSED(coherent_zeroed(&mem, dev, 1, .permission = 2), -EINVAL, ".permission = 2 is not");
	/* With this attribute a failed allocation is silent, but a wrong argument is not. */
	assert_err(coherent_box_zeroed(&box, dev, SIZE_MAX, .attrs = QUIET), -ENOMEM);
	assert_silent("a quiet allocation");
}

/* --- Callbacks --- */

static int returns_five(uint8_t *elements, size_t count, void *arg)
{
	(void)elements;
	(void)count;
	(void)arg;
	return 5;
}

static int fill_element(uint8_t *element, void *arg)
{
	*element = 7;
	return *(int *)arg;
}

static int seals_with_five(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	(void)address;
	return returns_five(elements, count, arg);
}

static int model_opens_with_five(struct coherent_sim *sim, void *arg)
{
	(void)sim;
	(void)arg;
	return 5;
}

static void positive_results_of_callbacks_are_reported(void **state)
{
	const struct coherent_sim_model model = { .name = "five",
						  .mask = UINT32_MAX,
						  .open = model_opens_with_five };
	union commands pool = COHERENT_EMPTY;
	union command_box small = COHERENT_EMPTY;
	union command_mem small_mem = COHERENT_EMPTY;
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	struct coherent_device *other;
	int result = 5;

	(void)state;
	REFUSED(coherent_init(&mem, dev, 1, returns_five, NULL), -EINVAL, "initialiser returned 5");
	REFUSED(coherent_zeroed(&mem, dev, 1, .seal = seals_with_five), -EINVAL,
		".seal returned 5; it must return 0 or -errno");
	DONE(coherent_box_zeroed(&box, dev, 4));
	REFUSED(coherent_expose(&box, &mem, .seal = seals_with_five), -EINVAL, ".seal returned 5");
	DONE(coherent_pool_create(&pool, dev));
	DONE(coherent_pool_box(&pool, &small));
	REFUSED(coherent_expose(&small, &small_mem, .seal = seals_with_five), -EINVAL,
		".seal returned 5");
	DONE(coherent_pool_destroy(&pool));
	REFUSED(coherent_device_open(&other, "sim:custom", .model = &model, .report = log_report,
				     .report_arg = &reports),
		-EINVAL, "open() of the model five returned 5; it must return 0 or -errno");
	/* The other elements are unchanged, and the box stays usable. */
	DONE(coherent_box_zeroed(&box, dev, 4));
	REFUSED(coherent_box_init_at(&box, 2, fill_element, &result), -EINVAL,
		"coherent_box_init_at(): the initialiser returned 5; it must return 0 or -errno");
	assert_memory_equal(coherent_box_ptr(&box), "\0\0\7", 4);
	result = -ECANCELED;
	assert_err(coherent_box_init_at(&box, 2, fill_element, &result), -ECANCELED);
	result = 0;
	DONE(coherent_box_init_at(&box, 3, fill_element, &result));
	DONE(coherent_expose(&box, &mem));
}

static void missing_elements_are_reported(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	int result = 0;

	(void)state;
	DONE(coherent_box_zeroed(&box, dev, 4));
	REFUSED(coherent_box_init_at(&box, 4, fill_element, &result), -EINVAL,
		"there is no element 4, the box has 4");
	REFUSED(coherent_box_init_at(&box, SIZE_MAX, fill_element, &result), -EINVAL,
		"there is no element 18446744073709551615, the box has 4");
	coherent_box_free(&box);
	/* An empty box knows no device. */
	assert_err(coherent_box_init_at(&box, 0, fill_element, &result), -EINVAL);
	assert_silent("coherent_box_init_at() of an empty box");
}

/* --- Outputs --- */

static void outputs_in_use_are_reported(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_BOX_AUTO(uint8_t, other);
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_AUTO(uint8_t, third);
	COHERENT_HANDLE_AUTO(handle);
	const uint8_t byte = 1;
	bool called = false;

	(void)state;
	DONE(coherent_box_zeroed(&box, dev, 1));
	DONE(coherent_zeroed(&mem, dev, 1));
	DONE(coherent_handle_zeroed(&handle, dev, 1));
	REFUSED(coherent_box_zeroed(&box, dev, 1), -EBUSY, "the box is in use and was allocated");
	REFUSED(coherent_box_from(&box, dev, &byte, 1), -EBUSY, "the box is in use");
	REFUSED(coherent_zeroed(&mem, dev, 1), -EBUSY,
		"the mem is in use and was allocated at " HERE);
	REFUSED(coherent_from(&mem, dev, &byte, 1), -EBUSY, "the mem is in use");
	REFUSED(coherent_init(&mem, dev, 1, fill_nothing, &called), -EBUSY, "the mem is in use");
	REFUSED(coherent_handle_zeroed(&handle, dev, 1), -EBUSY, "the handle is in use");
	REFUSED(coherent_reclaim(&mem, &box), -EBUSY, "coherent_reclaim(): the box is in use");
	DONE(coherent_box_zeroed(&other, dev, 1));
	coherent_move(&other, &box);
	assert_reported("coherent_move() of a box", "coherent_move(): the box is in use");
	assert_false(coherent_is_empty(&other));
	coherent_move(&box, &box);
	coherent_move(&mem, &mem);
	assert_silent("a move to the same place");
	REFUSED(coherent_expose(&other, &mem), -EBUSY, "coherent_expose(): the mem is in use");
	DONE(coherent_zeroed(&third, dev, 1));
	coherent_move(&third, &mem);
	assert_reported("coherent_move() of a mem", "coherent_move(): the mem is in use");
	coherent_free(&mem);
	coherent_move(&third, &mem);
	coherent_box_free(&box);
	DONE(coherent_reclaim(&mem, &box));
	assert_false(called);
}

/* The stack may hold anything. These patterns are usual, also those of debuggers and compilers. */
static void each_garbage(void (*check)(uint8_t byte))
{
	static const uint8_t bytes[] = { 0x01, 0x5a, 0x7f, 0xa5, 0xcc, 0xfe, 0xff };

	for (size_t i = 0; i < ARRAY_SIZE(bytes); i++)
		check(bytes[i]);
}

#define NEVER " was never initialised: declare it with COHERENT_EMPTY or COHERENT_"

static void check_garbage(uint8_t byte)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_BOX(uint8_t) bad_box;
	COHERENT(uint8_t) bad_mem;
	struct coherent_handle bad_handle;
	union commands pool = COHERENT_EMPTY, bad_pool;
	union command_box bad_small;
	const uint8_t one = 1;
	bool called = false;

	GARBAGE(bad_box, byte);
	GARBAGE(bad_mem, byte);
	GARBAGE(bad_handle, byte);
	GARBAGE(bad_pool, byte);
	GARBAGE(bad_small, byte);
	REFUSED(coherent_box_zeroed(&bad_box, dev, 1), -EBUSY, "the box" NEVER "BOX_AUTO()");
	REFUSED(coherent_box_from(&bad_box, dev, &one, 1), -EBUSY, "the box" NEVER "BOX_AUTO()");
	REFUSED(coherent_zeroed(&bad_mem, dev, 1), -EBUSY, "the mem" NEVER "AUTO()");
	REFUSED(coherent_from(&bad_mem, dev, &one, 1), -EBUSY, "the mem" NEVER "AUTO()");
	REFUSED(coherent_init(&bad_mem, dev, 1, fill_nothing, &called), -EBUSY, "the mem" NEVER);
	REFUSED(coherent_handle_zeroed(&bad_handle, dev, 1), -EBUSY,
		"the handle" NEVER "HANDLE_AUTO()");
	REFUSED(coherent_pool_create(&bad_pool, dev), -EBUSY, "the pool" NEVER "POOL_AUTO()");
	DONE(coherent_pool_create(&pool, dev));
	REFUSED(coherent_pool_box(&pool, &bad_small), -EBUSY, "the box" NEVER "BOX_AUTO()");
	DONE(coherent_pool_destroy(&pool));
	DONE(coherent_box_zeroed(&box, dev, 1));
	coherent_move(&box, &bad_box);
	assert_reported("coherent_move() to garbage", "coherent_move(): the box" NEVER);
	REFUSED(coherent_expose(&box, &bad_mem), -EBUSY, "coherent_expose(): the mem" NEVER);
	DONE(coherent_box_zeroed(&box, dev, 1));
	REFUSED(coherent_expose_all(COHERENT_EXPOSURE(&box, &bad_mem)), -EBUSY, "the mem" NEVER);
	DONE(coherent_zeroed(&mem, dev, 1));
	REFUSED(coherent_reclaim(&mem, &bad_box), -EBUSY, "coherent_reclaim(): the box" NEVER);
	assert_false(called);
}

static void outputs_that_were_never_initialised_are_named(void **state)
{
	(void)state;
	each_garbage(check_garbage);
}

/* The remains of an old object look like an object, but the object is another one now. */
static void remains_of_an_old_object_are_recognised(void **state)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY, copy;
	COHERENT(uint8_t) mem = COHERENT_EMPTY, mem_copy;
	union commands pool = COHERENT_EMPTY;
	union command_mem small = COHERENT_EMPTY, small_copy;

	(void)state;
	DONE(coherent_box_zeroed(&box, dev, 1));
	copy = box;
	DONE(coherent_expose(&box, &mem));
	mem_copy = mem;
	REFUSED(coherent_box_zeroed(&copy, dev, 1), -EBUSY, "the box" NEVER);
	coherent_free(&mem);
	REFUSED(coherent_zeroed(&mem_copy, dev, 1), -EBUSY, "the mem" NEVER);
	DONE(coherent_pool_create(&pool, dev));
	make_mem(&pool, &small, DIRT);
	small_copy = small;
	REFUSED(coherent_zeroed(&small_copy, dev, 1), -EBUSY,
		"the mem is in use and was allocated");
	coherent_free(&small);
	REFUSED(coherent_zeroed(&small_copy, dev, 1), -EBUSY, "the mem" NEVER);
	DONE(coherent_pool_destroy(&pool));
}

static void object_of_another_device_is_in_use(void **state)
{
	COHERENT_DEVICE_AUTO(other);
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);

	(void)state;
	DONE(coherent_device_open(&other, "sim:edu,step"));
	DONE(coherent_box_zeroed(&box, other, 1));
	REFUSED(coherent_box_zeroed(&box, dev, 1), -EBUSY,
		"if it is in use with another device, give another one");
	DONE(coherent_expose(&box, &mem));
}

/* Each device gets the reports about its own boxes. */
static void exposures_on_two_devices_are_told_apart(void **state)
{
	COHERENT_DEVICE_AUTO(other);
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_BOX_AUTO(uint8_t, other_box);
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_AUTO(uint8_t, used);
	struct log other_log = LOG_EMPTY;

	(void)state;
	DONE(coherent_device_open(&other, "sim:edu,step", .report = log_report,
				  .report_arg = &other_log));
	DONE(coherent_zeroed(&used, other, 1));
	DONE(coherent_box_zeroed(&box, dev, 1));
	DONE(coherent_box_zeroed(&other_box, other, 1));
	assert_err(coherent_expose_all(COHERENT_EXPOSURE(&box, &mem),
				       COHERENT_EXPOSURE(&other_box, &used)),
		   -EBUSY);
	assert_silent("a mistake with another device");
	assert_int_equal(other_log.count, 1);
	assert_true(log_has(&other_log, "coherent_expose_all(): the mem is in use and was"));
	DONE(coherent_box_zeroed(&box, dev, 1));
	DONE(coherent_box_zeroed(&other_box, other, 1));
	assert_err(coherent_expose_all(COHERENT_EXPOSURE(&box, &mem),
				       COHERENT_EXPOSURE(&other_box, &mem, .permission = 2)),
		   -EINVAL);
	assert_int_equal(reports.count + 10 * other_log.count, 20);
}

/* An input that was never initialised names memory that has no record, such as a stack frame. */
static void inputs_that_were_never_initialised_are_refused(void **state)
{
	static _Alignas(16) uint8_t frame[PAGE];
	const struct coherent_mem bad_mem = { (char *)frame, 1, 5, (void *)frame };
	const struct coherent_box bad_box = { (char *)frame, 1, (void *)frame };
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_BOX_AUTO(uint8_t, box);

	(void)state;
	DONE(coherent_zeroed(&mem, dev, 1));
	for (unsigned int byte = 0; byte < 256; byte += byte == 0x6c ? 2 : 1) {
		COHERENT_BOX(uint8_t) some = { .base = bad_box };
		COHERENT(uint8_t) shared = { .base = bad_mem };
		COHERENT(uint8_t) none = COHERENT_EMPTY;

		memset(frame, (int)byte, sizeof(frame));
		/* This memory may look like a record, but not like that of these objects. */
		assert_err(coherent_expose(&some, &none), -EINVAL);
		assert_true(coherent_is_empty(&some) && coherent_is_empty(&none));
		some.base = bad_box;
		coherent_box_free(&some);
		assert_err(coherent_reclaim(&shared, &box), -EINVAL);
		some.base = bad_box;
		assert_err(coherent_reclaim(&shared, &some), -EINVAL);
		coherent_free(&shared);
		assert_true(coherent_is_empty(&shared));
		assert_true(is_all(frame, (uint8_t)byte, sizeof(frame)));
	}
	assert_silent("garbage knows no device, so that it");
	DONE(coherent_reclaim(&mem, &box));
}

/* --- Phases --- */

static void refused_exposures_are_reported(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_BOX_AUTO(uint8_t, other);
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_AUTO(uint8_t, second);

	(void)state;
	DONE(coherent_box_zeroed(&box, dev, 1));
	REFUSED(coherent_expose(&box, &mem, .permission = 2), -EINVAL,
		"coherent_expose(): .permission = 2 is not of enum coherent_permission");
	DONE(coherent_box_zeroed(&box, dev, 1));
	REFUSED(coherent_expose_all(COHERENT_EXPOSURE(&other, &second),
				    COHERENT_EXPOSURE(&box, &mem)),
		-EINVAL, "coherent_expose_all(): box 1 is empty");
	DONE(coherent_box_zeroed(&box, dev, 1));
	REFUSED(coherent_expose_all(COHERENT_EXPOSURE(&box, &mem),
				    COHERENT_EXPOSURE(&box, &second)),
		-EINVAL, "coherent_expose_all(): box 2 is given twice");
	DONE(coherent_box_zeroed(&box, dev, 1));
	REFUSED(coherent_expose_all(COHERENT_EXPOSURE(&box, &mem, .permission = 2)), -EINVAL,
		"coherent_expose_all(): .permission = 2 is not");
	DONE(coherent_box_zeroed(&box, dev, 1));
	DONE(coherent_box_zeroed(&other, dev, 1));
	REFUSED(coherent_expose_all(COHERENT_EXPOSURE(&box, &mem), COHERENT_EXPOSURE(&other, &mem)),
		-EBUSY, "coherent_expose(): the mem is in use");
	assert_err(coherent_expose(&box, &mem), -EINVAL);
	assert_err(coherent_expose_all(COHERENT_EXPOSURE(&box, &mem)), -EINVAL);
	assert_silent("an exposure of an empty box");
	DONE(coherent_box_zeroed(&box, dev, 1));
	DONE(coherent_expose_all(COHERENT_EXPOSURE(&box, &mem)));
}

static void reclaim_without_a_promise_is_reported(void **state)
{
	COHERENT_DEVICE_AUTO(lazy);
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_BOX_AUTO(uint8_t, box);

	(void)state;
	assert_err(coherent_reclaim(&mem, &box), -EINVAL);
	DONE(coherent_device_open(&lazy, "sim:edu,step,lazy", .report = log_report,
				  .report_arg = &reports));
	DONE(coherent_zeroed(&mem, lazy, 1));
	REFUSED(coherent_reclaim(&mem, &box), -EBUSY,
		"sim:edu,step,lazy: coherent_reclaim(): unmapping the mem allocated at " HERE);
	DONE(coherent_reclaim(&mem, &box, .idle = true));
}

static void views_and_rings_are_refused_with_a_reason(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_VIEW(uint8_t) view;
	COHERENT_RING(uint8_t) ring;
	COHERENT_SLOT(uint8_t) slot;

	(void)state;
	assert_err(coherent_view(&mem, 0, 1, &view), -EINVAL);
	assert_err(coherent_slot(&mem, 0, &slot), -EINVAL);
	assert_err(coherent_ring(&mem, &ring), -EINVAL);
	assert_silent("a part of an empty mem");
	DONE(coherent_zeroed(&mem, dev, 12));
	REFUSED(coherent_view(&mem, 3, 0, &view), -EINVAL,
		"coherent_view(): a view needs at least one element");
	assert_true(coherent_is_empty(&view));
	REFUSED(coherent_ring(&mem, &ring), -EINVAL,
		"coherent_ring(): the mem has 12 elements, but a ring needs a power of two");
	assert_true(coherent_is_empty(&ring));
	DONE(coherent_view(&mem, 4, 8, &view));
	/* The output may be the view itself. */
	REFUSED(coherent_view(&view, 0, 0, &view), -EINVAL, "a view needs at least one element");
	assert_true(coherent_is_empty(&view));
	DONE(coherent_view(&mem, 4, 8, &view));
	DONE(coherent_ring(&view, &ring));
	DONE(coherent_slot(&view, 7, &slot));
}

/* --- Pools --- */

struct large {
	uint8_t bytes[(2 << 20) + 1];
};

static void refused_pools_are_reported(void **state)
{
	COHERENT_POOL(struct large) large = COHERENT_EMPTY;
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;

	(void)state;
	REFUSED(coherent_pool_create(&large, dev), -EINVAL, "an object is larger than 2 MiB");
	REFUSED(coherent_pool_create(&pool, dev, .align = 48), -EINVAL, ".align is not a power");
	REFUSED(coherent_pool_create(&pool, dev, .align = 8192), -EINVAL, ".align is more than a");
	REFUSED(coherent_pool_create(&pool, dev, .boundary = 96), -EINVAL, ".boundary is not a");
	REFUSED(coherent_pool_create(&pool, dev, .boundary = 32), -EINVAL,
		"does not fit between two multiples of .boundary: objects of 64 bytes");
	REFUSED(coherent_pool_create(&pool, dev, .permission = 2), -EINVAL, ".permission is not");
	assert_err(coherent_pool_box(&pool, &box), -EINVAL);
	assert_silent("coherent_pool_box() of an empty pool");
	DONE(coherent_pool_create(&pool, dev));
	REFUSED(coherent_pool_create(&pool, dev), -EBUSY,
		"the pool is in use and was allocated at");
	DONE(coherent_pool_box(&pool, &box));
	REFUSED(coherent_pool_box(&pool, &box), -EBUSY, "the box is in use and was allocated at");
	REFUSED(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY), -EINVAL,
		"coherent_expose(): .permission is not that of the pool created at " HERE);
	DONE(coherent_pool_box(&pool, &box));
	DONE(coherent_expose(&box, &mem));
	REFUSED(coherent_pool_destroy(&pool), -EBUSY, "is not freed");
	REFUSED(coherent_reclaim(&mem, &box), -EBUSY, "coherent_reclaim(): the mem allocated at");
	DONE(coherent_pool_box(&pool, &box));
	REFUSED(coherent_reclaim(&mem, &box, .idle = true), -EBUSY, "the box is in use");
	REFUSED(coherent_expose(&box, &mem), -EBUSY, "the mem is in use");
	coherent_free(&mem);
	DONE(coherent_pool_destroy(&pool));
}

/* --- Devices --- */

static void refused_calls_on_a_device_are_reported(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_DEVICE_AUTO(threaded);
	COHERENT_IRQ_AUTO(irq);
	struct coherent_irq *second;
	uint8_t byte;

	(void)state;
	REFUSED(coherent_device_set_mask(dev, 5), -EINVAL, "0x5 is not a mask of the lowest bits");
	DONE(coherent_box_zeroed(&box, dev, 1));
	REFUSED(coherent_device_set_mask(dev, coherent_mask(30)), -EBUSY, "objects exist");
	DONE(coherent_irq_open(&irq, dev, 0));
	REFUSED(coherent_irq_open(&second, dev, 0), -EBUSY, "vector 0 is open already");
	coherent_box_free(&box);
	DONE(coherent_device_set_mask(dev, coherent_mask(30)));
	REFUSED(coherent_sim_try(dev, &box, 0, &byte, 1, COHERENT_ACCESS_READ), -EINVAL,
		"coherent_sim_try(): the object is empty");
	REFUSED(coherent_sim_try_addr(dev, (coherent_addr_t){ PAGE }, &byte, 1,
				      COHERENT_ACCESS_UNKNOWN),
		-EINVAL, "access 2 is neither COHERENT_ACCESS_READ");
	REFUSED(coherent_device_open(&threaded, "sim:edu", .level = 5, .report = log_report,
				     .report_arg = &reports),
		-EINVAL, ".level = 5 is not of enum coherent_level");
	DONE(coherent_device_open(&threaded, "sim:edu", .report = log_report,
				  .report_arg = &reports));
	REFUSED(coherent_sim_step(threaded, 1), -EINVAL, "give it the key \"step\"");
}

/* A forked child has no devices, so that it may not use their report function and locks. */
static void forked_child_makes_no_report(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	int status;
	pid_t child;

	(void)state;
	DONE(coherent_box_zeroed(&box, dev, 1));
	child = fork();
	if (!child) {
		bool good = coherent_box_zeroed(&box, dev, 0) == -EINVAL &&
			    coherent_box_zeroed(&box, dev, 1) == -EBUSY;

		_exit(!good || reports.count);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DEVICE(bad_arguments_of_allocations_are_reported),
		ON_DEVICE(reports_name_the_call),
		ON_DEVICE(positive_results_of_callbacks_are_reported),
		ON_DEVICE(missing_elements_are_reported),
		ON_DEVICE(outputs_in_use_are_reported),
		ON_DEVICE(outputs_that_were_never_initialised_are_named),
		ON_DEVICE(inputs_that_were_never_initialised_are_refused),
		ON_DEVICE(remains_of_an_old_object_are_recognised),
		ON_DEVICE(object_of_another_device_is_in_use),
		ON_DEVICE(exposures_on_two_devices_are_told_apart),
		ON_DEVICE(refused_exposures_are_reported),
		ON_DEVICE(reclaim_without_a_promise_is_reported),
		ON_DEVICE(views_and_rings_are_refused_with_a_reason),
		ON_DEVICE(refused_pools_are_reported),
		ON_DEVICE(refused_calls_on_a_device_are_reported),
		ON_DEVICE(forked_child_makes_no_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
