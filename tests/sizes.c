// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A program says how large its structs are. So one that was built for an older or a newer version
 * works with this library. Each case here is a call that takes a struct of options.
 */
#include "pool_test.h"

/* The largest size that the library accepts. */
#define ROOM 4096

/* The options of a program of any version. They begin with their size, but for a model. */
union room {
	uint64_t align;
	uint32_t struct_size;
	unsigned char bytes[ROOM];
};

static struct coherent_box box;
static struct coherent_mem mem;
static struct coherent_handle handle;
static struct coherent_pool none;
static struct command source;
static const unsigned char mask[sizeof(source)];

static int opened(struct coherent_device *device, int err)
{
	coherent_device_close(device);
	return err;
}

static int call_open(void *options)
{
	struct coherent_device *device;
	int err = coherent_base_device_open(&device, options);

	return opened(device, err);
}

static int call_box_zeroed(void *options)
{
	int err = coherent_base_box_zeroed(&box, dev, 8, options, "sizes");

	coherent_base_box_free(&box);
	return err;
}

static int call_box_from(void *options)
{
	int err =
		coherent_base_box_from(&box, dev, &source, mask, sizeof(source), options, "sizes");

	coherent_base_box_free(&box);
	return err;
}

static int expose_box(void *options)
{
	int err = coherent_base_expose(&box, options);

	/* A failure consumes the box too. */
	assert_null(box.va);
	assert_int_equal(!mem.object, !!err);
	coherent_base_free(&mem);
	return err;
}

static int call_expose(void *options)
{
	assert_ok(coherent_base_box_zeroed(&box, dev, 8,
					   &(struct coherent_box_options){
						   COHERENT_SIZED(coherent_box_options),
						   .count = 1,
					   },
					   "sizes"));
	return expose_box(options);
}

static int call_pool_expose(void *options)
{
	union commands pool = COHERENT_EMPTY;
	int err;

	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_base_pool_box(&pool.base, &box, "sizes"));
	err = expose_box(options);
	assert_ok(coherent_pool_destroy(&pool));
	return err;
}

static int reclaim_mem(void *options)
{
	int err = coherent_base_reclaim(&mem, options);

	/* A failure leaves the mem as it is. */
	assert_int_equal(!mem.object, !err);
	coherent_base_box_free(&box);
	coherent_base_free(&mem);
	return err;
}

static int call_reclaim(void *options)
{
	assert_ok(coherent_base_zeroed(&mem, dev, 8,
				       &(struct coherent_mem_options){
					       COHERENT_SIZED(coherent_mem_options),
					       .count = 1,
				       },
				       "sizes"));
	return reclaim_mem(options);
}

static int call_zeroed(void *options)
{
	int err = coherent_base_zeroed(&mem, dev, 8, options, "sizes");

	coherent_base_free(&mem);
	return err;
}

static int call_from(void *options)
{
	int err = coherent_base_from(&mem, dev, &source, mask, sizeof(source), options, "sizes");

	coherent_base_free(&mem);
	return err;
}

static int call_init(void *options)
{
	int err = coherent_base_init_begin(&mem, &box, dev, 1, 8, options, "sizes");

	if (!err)
		err = coherent_base_init_end(&mem, &box, 0, options);
	assert_null(box.va);
	coherent_base_free(&mem);
	return err;
}

static int call_init_end(void *options)
{
	const struct coherent_mem_options begin = { COHERENT_SIZED(coherent_mem_options) };
	int err;

	assert_ok(coherent_base_init_begin(&mem, &box, dev, 1, 8, &begin, "sizes"));
	err = coherent_base_init_end(&mem, &box, 0, options);
	assert_null(box.va);
	coherent_base_free(&mem);
	return err;
}

static int call_handle(void *options)
{
	int err = coherent_base_handle_zeroed(&handle, dev, options, "sizes");

	coherent_handle_free(&handle);
	return err;
}

static int call_pool(void *options)
{
	int err = coherent_base_pool_create(&none, 64, options, "sizes");

	assert_ok(coherent_base_pool_destroy(&none));
	return err;
}

/* The size of a model is among the options of the open, so the first bytes stand for it here. */
static int call_model(void *room)
{
	struct coherent_open_options options = {
		COHERENT_SIZED(coherent_open_options),
		.name = "sim:custom,step",
		.report = log_report,
		.report_arg = &reports,
		.model_size = ((union room *)room)->struct_size,
	};
	struct coherent_device *device;
	int err;

	((struct coherent_sim_model *)room)->name = "sizes";
	options.model = room;
	err = coherent_base_device_open(&device, &options);
	return opened(device, err);
}

static void set_open(void *options)
{
	struct coherent_open_options *o = options;

	o->name = "sim:edu,step";
	o->report = log_report;
	o->report_arg = &reports;
}

static void set_box(void *options)
{
	((struct coherent_box_options *)options)->count = 1;
}

static void set_expose(void *options)
{
	((struct coherent_expose_options *)options)->mem = &mem;
}

static void set_reclaim(void *options)
{
	((struct coherent_reclaim_options *)options)->box = &box;
}

static void set_mem(void *options)
{
	((struct coherent_mem_options *)options)->count = 1;
}

static void set_handle(void *options)
{
	((struct coherent_handle_options *)options)->bytes = 1;
}

static void set_pool(void *options)
{
	((struct coherent_pool_options *)options)->dev = dev;
}

static void set_model(void *options)
{
	((struct coherent_sim_model *)options)->mask = coherent_mask(40);
}

#define END(type, member) (offsetof(struct type, member) + sizeof(((struct type *)NULL)->member))

/*
 * @least is the smallest size that works: the required members, rounded up to 8 bytes. @set gives
 * these members their values.
 */
static const struct options_case {
	const char *type;
	size_t bytes;
	size_t least;
	int (*call)(void *options);
	void (*set)(void *options);
} cases[] = {
#define CASE(type, required, call, set)                                                 \
	{                                                                               \
#type, sizeof(struct type), (END(type, required) + 7) & ~7UL, call, set \
	}
	CASE(coherent_open_options, name, call_open, set_open),
	CASE(coherent_box_options, count, call_box_zeroed, set_box),
	CASE(coherent_box_options, count, call_box_from, set_box),
	CASE(coherent_expose_options, mem, call_expose, set_expose),
	CASE(coherent_expose_options, mem, call_pool_expose, set_expose),
	CASE(coherent_reclaim_options, box, call_reclaim, set_reclaim),
	CASE(coherent_mem_options, count, call_zeroed, set_mem),
	CASE(coherent_mem_options, count, call_from, set_mem),
	CASE(coherent_mem_options, count, call_init, set_mem),
	CASE(coherent_mem_options, count, call_init_end, set_mem),
	CASE(coherent_handle_options, bytes, call_handle, set_handle),
	CASE(coherent_pool_options, dev, call_pool, set_pool),
	CASE(coherent_sim_model, mask, call_model, set_model),
};

/* Makes a call with options of a size. From their end on, the memory holds a byte; 0 has no end. */
static int call(const struct options_case *c, size_t size, int behind)
{
	union room room;

	memset(&room, 0, sizeof(room));
	c->set(&room);
	room.struct_size = (uint32_t)size;
	if (size && size < ROOM)
		memset(room.bytes + size, behind, ROOM - size);
	log_clear(&reports);
	return c->call(&room);
}

static void assert_refused(const struct options_case *c, int got, int err, const char *words)
{
	if (got != err || reports.count != 1 || !log_has(&reports, words) ||
	    !log_has(&reports, c->type))
		fail_msg("%s, case %zu: the call returned %d with %u reports:\n%s", c->type,
			 (size_t)(c - cases), got, reports.count, reports.text);
}

static void assert_done(const struct options_case *c, size_t size, int got)
{
	if (got || reports.count)
		fail_msg("%s of %zu bytes, case %zu: the call returned %d with reports:\n%s",
			 c->type, size, (size_t)(c - cases), got, reports.text);
}

/* 0 means that the program forgot the size. */
static void a_size_that_no_version_has_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const size_t wrong[] = { 0, cases[i].bytes - 1, cases[i].bytes + 4, 4104,
					 UINT32_MAX - 7 };

		for (size_t k = 0; k < ARRAY_SIZE(wrong); k++)
			assert_refused(&cases[i], call(&cases[i], wrong[k], 0), -EINVAL,
				       "is not a size of struct");
		/* A model needs its name only. The next test has the calls that know no receiver. */
		if (cases[i].call != call_open && cases[i].call != call_pool &&
		    cases[i].call != call_model)
			assert_refused(&cases[i], call(&cases[i], 8, 0), -EINVAL,
				       "8 is not a size of struct");
	}
}

/* The function, or the device, is in the part that options of a wrong size do not have. */
static void no_report_goes_to_a_receiver_that_options_do_not_have(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (cases[i].call != call_open && cases[i].call != call_pool)
			continue;
		assert_err(call(&cases[i], 8, 0xff), -EINVAL);
		assert_int_equal(reports.count, 0);
	}
}

/* The memory behind the options of an older program belongs to something else. */
static void members_that_an_older_program_lacks_count_as_zero(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t size = cases[i].least; size <= cases[i].bytes; size += 8)
			assert_done(&cases[i], size, call(&cases[i], size, 0xff));
}

static void options_of_a_newer_program_work_if_they_are_not_used(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t size = cases[i].bytes + 8; size <= ROOM; size += 8)
			assert_done(&cases[i], size, call(&cases[i], size, 0xff));
}

static void an_option_that_only_a_newer_library_has_is_refused(void **state)
{
	union room room;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t at = cases[i].bytes; at < cases[i].bytes + 64; at++) {
			memset(&room, 0, sizeof(room));
			cases[i].set(&room);
			room.struct_size = (uint32_t)cases[i].bytes + 64;
			room.bytes[at] = 1;
			log_clear(&reports);
			assert_refused(&cases[i], cases[i].call(&room), -EOPNOTSUPP,
				       "was built for a newer libcoherent");
		}
}

/* --- Arrays --- */

/* Two exposures of a program, whose struct has a third member. */
struct long_exposure {
	struct coherent_box *box;
	const struct coherent_expose_options *options;
	uint64_t added;
};

static struct coherent_box boxes[2];
static struct coherent_mem mems[2];

static int expose_all(size_t exposure_size, uint64_t added, size_t second_options_size)
{
	const struct coherent_expose_options options[2] = {
		{ COHERENT_SIZED(coherent_expose_options), .mem = &mems[0] },
		{ .struct_size = (uint32_t)second_options_size, .mem = &mems[1] },
	};
	const struct long_exposure exposures[2] = {
		{ .box = &boxes[0], .options = &options[0] },
		{ .box = &boxes[1], .options = &options[1], .added = added },
	};

	for (size_t i = 0; i < 2; i++)
		if (!boxes[i].va)
			assert_ok(coherent_base_box_zeroed(
				&boxes[i], dev, 8,
				&(struct coherent_box_options){
					COHERENT_SIZED(coherent_box_options),
					.count = 1,
				},
				"sizes"));
	log_clear(&reports);
	return coherent_base_expose_all((const void *)exposures, 2, exposure_size);
}

static void end_boxes_and_mems(void)
{
	for (size_t i = 0; i < 2; i++) {
		coherent_base_box_free(&boxes[i]);
		coherent_base_free(&mems[i]);
	}
}

static void the_exposures_of_a_newer_program_work(void **state)
{
	(void)state;
	assert_ok(expose_all(sizeof(struct long_exposure), 0,
			     sizeof(struct coherent_expose_options)));
	assert_true(mems[0].object && mems[1].object && !reports.count);
	end_boxes_and_mems();
}

static void an_exposure_that_the_library_does_not_know_consumes_all_boxes(void **state)
{
	(void)state;
	assert_err(expose_all(sizeof(struct long_exposure), 1,
			      sizeof(struct coherent_expose_options)),
		   -EOPNOTSUPP);
	assert_true(!boxes[0].va && !boxes[1].va && !mems[0].object && !mems[1].object);
	assert_true(reports.count == 1 && log_has(&reports, "newer libcoherent"));
	/* The first box is not exposed either if the options of the second are wrong. */
	assert_err(expose_all(sizeof(struct long_exposure), 0, 4), -EINVAL);
	assert_true(!boxes[0].va && !boxes[1].va && !mems[0].object && !mems[1].object);
	assert_true(reports.count == 1 && log_has(&reports, "4 is not a size of struct"));
}

/* Then the library does not know where the boxes are, so it leaves all of them. */
static void exposures_of_a_wrong_size_are_refused(void **state)
{
	const size_t wrong[] = { 0, 8, 20, 4104, SIZE_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_err(expose_all(wrong[i], 0, sizeof(struct coherent_expose_options)),
			   -EINVAL);
		assert_true(boxes[0].va && boxes[1].va && !mems[0].object);
		assert_true(reports.count == 1 && log_has(&reports, "struct coherent_exposure"));
	}
	end_boxes_and_mems();
}

/* --- Results --- */

static struct coherent_box found;

static int call_limits(void *result, size_t size)
{
	return coherent_base_device_limits(dev, result, size);
}

static int call_stats(void *result, size_t size)
{
	return coherent_base_device_stats(dev, result, size);
}

static int call_find_ptr(void *result, size_t size)
{
	return coherent_base_find_ptr(dev, found.va + 3, result, size);
}

static int call_find_addr(void *result, size_t size)
{
	struct coherent_info info;

	assert_ok(coherent_find_ptr(dev, found.va + 3, &info));
	return coherent_base_find_addr(dev, info.address, result, size);
}

/* Each call has a fault to read. */
static int call_next_fault(void *result, size_t size)
{
	struct coherent_fault fault;
	uint32_t word;
	int err;

	/* No object was ever there, so the text has no age, which differs from fault to fault. */
	assert_err(coherent_sim_try_addr(dev, (coherent_addr_t){ 0x8000000 }, &word, 4,
					 COHERENT_ACCESS_WRITE),
		   -EIO);
	err = coherent_base_device_next_fault(dev, result, size);
	/* A call that is refused leaves the fault for the next call. */
	assert_err(coherent_device_next_fault(dev, &fault), err == -EINVAL ? 0 : -EAGAIN);
	return err;
}

static const struct result_case {
	const char *type;
	size_t bytes;
	int (*call)(void *result, size_t size);
} results[] = {
	{ "coherent_limits", sizeof(struct coherent_limits), call_limits },
	{ "coherent_stats", sizeof(struct coherent_stats), call_stats },
	{ "coherent_info", sizeof(struct coherent_info), call_find_ptr },
	{ "coherent_info", sizeof(struct coherent_info), call_find_addr },
	{ "coherent_fault", sizeof(struct coherent_fault), call_next_fault },
};

static void each_program_gets_as_much_of_a_result_as_it_has(void **state)
{
	const struct coherent_box_options one = { COHERENT_SIZED(coherent_box_options),
						  .count = 1 };
	unsigned char whole[ROOM], part[ROOM];

	(void)state;
	assert_ok(coherent_base_box_zeroed(&found, dev, 8, &one, "sizes"));
	log_clear(&reports);
	for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
		memset(whole, 0, sizeof(whole));
		assert_ok(results[i].call(whole, results[i].bytes));
		assert_false(is_all(whole, 0, results[i].bytes));
		for (size_t size = 8; size <= ROOM; size += 8) {
			memset(part, DIRT, sizeof(part));
			assert_ok(results[i].call(part, size));
			assert_memory_equal(part, whole, size);
			assert_true(is_all(part + size, DIRT, ROOM - size));
		}
	}
	assert_int_equal(reports.count, 0);
	coherent_base_box_free(&found);
}

static void a_result_of_a_wrong_size_is_not_touched(void **state)
{
	const size_t wrong[] = { 0, 4, 12, 4104, SIZE_MAX - 7 };
	unsigned char room[ROOM];

	(void)state;
	memset(room, DIRT, sizeof(room));
	for (size_t i = 0; i < ARRAY_SIZE(results); i++)
		for (size_t k = 0; k < ARRAY_SIZE(wrong); k++) {
			if (results[i].call == call_find_addr)
				continue;
			log_clear(&reports);
			assert_err(results[i].call(room, wrong[k]), -EINVAL);
			assert_true(is_all(room, DIRT, ROOM));
			assert_true(reports.count == 1 && log_has(&reports, results[i].type));
		}
	assert_err(coherent_base_find_addr(dev, 0, (void *)room, 0), -EINVAL);
	assert_true(is_all(room, DIRT, ROOM));
	assert_err(coherent_base_device_stats(NULL, (void *)room, 0), -EINVAL);
}

static void a_result_is_zero_if_the_call_fails(void **state)
{
	unsigned char room[ROOM];

	(void)state;
	memset(room, DIRT, sizeof(room));
	assert_err(coherent_base_device_stats(NULL, (void *)room, 512), -ENODEV);
	assert_true(is_all(room, 0, 512) && is_all(room + 512, DIRT, ROOM - 512));
	memset(room, DIRT, sizeof(room));
	assert_err(coherent_base_find_ptr(dev, NULL, (void *)room, 512), -ERANGE);
	assert_true(is_all(room, 0, 512) && is_all(room + 512, DIRT, ROOM - 512));
	memset(room, DIRT, sizeof(room));
	assert_err(coherent_base_device_next_fault(dev, (void *)room, 512), -EAGAIN);
	assert_true(is_all(room, 0, 512) && is_all(room + 512, DIRT, ROOM - 512));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_size_that_no_version_has_is_refused),
		cmocka_unit_test(no_report_goes_to_a_receiver_that_options_do_not_have),
		cmocka_unit_test(members_that_an_older_program_lacks_count_as_zero),
		cmocka_unit_test(options_of_a_newer_program_work_if_they_are_not_used),
		cmocka_unit_test(an_option_that_only_a_newer_library_has_is_refused),
		cmocka_unit_test(the_exposures_of_a_newer_program_work),
		cmocka_unit_test(an_exposure_that_the_library_does_not_know_consumes_all_boxes),
		cmocka_unit_test(exposures_of_a_wrong_size_are_refused),
		cmocka_unit_test(each_program_gets_as_much_of_a_result_as_it_has),
		cmocka_unit_test(a_result_of_a_wrong_size_is_not_touched),
		cmocka_unit_test(a_result_is_zero_if_the_call_fails),
	};

	return cmocka_run_group_tests(tests, open_device, close_device);
}
