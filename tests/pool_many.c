// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the calls that take several objects of a pool: each does all or nothing.
 */
#include <coherent/pool_many.h>

#include "pool_test.h"

#define MANY ((size_t)300)

COHERENT_FIELDS(struct command, .opcode, .rest);

static union command_box boxes[MANY];
static union command_mem mems[MANY];
static struct command values[MANY];

static void fill_values(void)
{
	for (size_t i = 0; i < MANY; i++) {
		memset(&values[i], (int)i, sizeof(values[i]));
		values[i].opcode = (uint32_t)i + 1;
	}
}

static void device_reads(const union command_mem *mem, struct command *to)
{
	assert_ok(coherent_sim_try_addr(dev, coherent_addr(mem), to, sizeof(*to),
					COHERENT_ACCESS_READ));
}

static void check_empty(size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_true(coherent_is_empty(&boxes[i]) && coherent_is_empty(&mems[i]));
}

/* Each mem has its value and an address of its own. */
static void check_mems(size_t count)
{
	struct command seen;

	for (size_t i = 0; i < count; i++) {
		assert_int_equal(coherent_count(&mems[i]), 1);
		device_reads(&mems[i], &seen);
		assert_memory_equal(&seen, &values[i], sizeof(seen));
	}
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(coherent_addr(&mems[i]).raw,
					     coherent_addr(&mems[k]).raw);
}

/* The counts are below, at and above those of a cache and of a chunk. */
static const size_t counts[] = { 1, 2, 31, 32, 33, 63, 64, 65, 128, MANY };

static void arrays_go_through_all_phases(void **state)
{
	union commands pool = COHERENT_EMPTY;

	(void)state;
	fill_values();
	for (unsigned int delay = 0; delay <= 5; delay += 5) {
		assert_ok(coherent_pool_create(&pool, dev, .delay = delay));
		for (size_t c = 0; c < ARRAY_SIZE(counts); c++) {
			const size_t n = counts[c];

			assert_ok(coherent_pool_boxes(&pool, boxes, n));
			for (size_t i = 0; i < n; i++) {
				assert_true(
					is_all(coherent_box_ptr(&boxes[i]), 0, sizeof(*values)));
				*coherent_box_ptr(&boxes[i]) = values[i];
			}
			assert_ok(coherent_pool_expose(&pool, boxes, mems, n));
			for (size_t i = 0; i < n; i++)
				assert_true(coherent_is_empty(&boxes[i]));
			check_mems(n);
			coherent_pool_free(&pool, mems, n);
			check_empty(n);
			assert_ok(coherent_pool_from_all(&pool, mems, values, n));
			check_mems(n);
			coherent_pool_free(&pool, mems, n);
			check_empty(n);
			assert_ok(coherent_pool_boxes(&pool, boxes, n));
			coherent_pool_box_free(&pool, boxes, n);
			check_empty(n);
		}
		assert_ok(coherent_pool_destroy(&pool));
	}
	assert_no_fault(dev);
}

/* Other sizes than that of a command have other loops. */
#define CHECK_SIZE(size)                                                                   \
	do {                                                                               \
		COHERENT_POOL(uint8_t[size]) pool = COHERENT_EMPTY;                        \
		COHERENT_BOX(uint8_t[size]) some[3] = { COHERENT_EMPTY };                  \
		COHERENT(uint8_t[size]) made[3] = { COHERENT_EMPTY };                      \
		static uint8_t from[3][size], seen[size];                                  \
                                                                                           \
		assert_ok(coherent_pool_create(&pool, dev));                               \
		for (size_t i = 0; i < 3; i++)                                             \
			memset(from[i], (int)i + 1, size);                                 \
		for (unsigned int turn = 0; turn < 2; turn++) {                            \
			if (turn) {                                                        \
				assert_ok(coherent_pool_from_all(&pool, made, from, 3));   \
			} else {                                                           \
				assert_ok(coherent_pool_boxes(&pool, some, 3));            \
				for (size_t i = 0; i < 3; i++)                             \
					memcpy(coherent_box_ptr(&some[i]), from[i], size); \
				assert_ok(coherent_pool_expose(&pool, some, made, 3));     \
			}                                                                  \
			for (size_t i = 0; i < 3; i++) {                                   \
				const coherent_addr_t address = coherent_addr(&made[i]);   \
                                                                                           \
				assert_ok(coherent_sim_try_addr(dev, address, seen, size,  \
								COHERENT_ACCESS_READ));    \
				assert_memory_equal(seen, from[i], size);                  \
			}                                                                  \
			coherent_pool_free(&pool, made, 3);                                \
		}                                                                          \
		assert_ok(coherent_pool_destroy(&pool));                                   \
	} while (0)

static void arrays_have_elements_of_any_size(void **state)
{
	(void)state;
	CHECK_SIZE(1);
	CHECK_SIZE(16);
	CHECK_SIZE(40);
	CHECK_SIZE(64);
	CHECK_SIZE(112);
	CHECK_SIZE(1000);
	CHECK_SIZE(PAGE);
}

static void bad_arrays_are_refused(void **state)
{
	union commands pool = COHERENT_EMPTY, other = COHERENT_EMPTY;
	struct command *volatile none = NULL;

	(void)state;
	assert_err(coherent_pool_boxes(&pool, boxes, 1), -EINVAL);
	assert_err(coherent_pool_from_all(&pool, mems, values, 1), -EINVAL);
	assert_err(coherent_pool_expose(&pool, boxes, mems, 1), -EINVAL);
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_create(&other, dev));
	assert_err(coherent_pool_boxes(&pool, boxes, 0), -EINVAL);
	assert_true(log_has(&reports, "coherent_pool_boxes(): the count is 0"));
	assert_err(coherent_pool_expose(&pool, boxes, mems, 0), -EINVAL);
	assert_true(log_has(&reports, "coherent_pool_expose(): the count is 0"));
	assert_err(coherent_pool_from_all(&pool, mems, values, 0), -EINVAL);
	assert_true(log_has(&reports, "coherent_pool_from_all(): the count is 0"));
	assert_err(coherent_pool_from_all(&pool, mems, none, 3), -EINVAL);
	assert_true(log_has(&reports, "the values are NULL"));
	coherent_pool_free(&pool, mems, 0);
	coherent_pool_box_free(&pool, boxes, 0);
	/* A box in the middle is in use. */
	assert_ok(coherent_pool_box(&pool, &boxes[2]));
	assert_err(coherent_pool_boxes(&pool, boxes, 5), -EBUSY);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(coherent_is_empty(&boxes[i]), i != 2);
	/* The others of this array are empty. All are freed. */
	assert_err(coherent_pool_expose(&pool, boxes, mems, 5), -EINVAL);
	assert_true(log_has(&reports, "box 0 is empty, or not of the pool"));
	check_empty(5);
	/* One is of another pool. */
	assert_ok(coherent_pool_boxes(&pool, boxes, 2));
	assert_ok(coherent_pool_box(&other, &boxes[2]));
	assert_err(coherent_pool_expose(&pool, boxes, mems, 3), -EINVAL);
	assert_true(log_has(&reports, "box 2 is empty, or not of the pool"));
	check_empty(3);
	/* A mem is in use. It stays so. */
	assert_ok(coherent_pool_from(&pool, &mems[1], &values[1]));
	assert_err(coherent_pool_from_all(&pool, mems, values, 3), -EBUSY);
	assert_ok(coherent_pool_boxes(&pool, boxes, 3));
	assert_err(coherent_pool_expose(&pool, boxes, mems, 3), -EBUSY);
	assert_true(coherent_is_empty(&mems[0]) && coherent_is_empty(&mems[2]));
	assert_int_equal(coherent_count(&mems[1]), 1);
	coherent_free(&mems[1]);
	check_empty(3);
	assert_ok(coherent_pool_destroy(&pool));
	assert_ok(coherent_pool_destroy(&other));
}

/* A call frees what is not of the pool, and skips what is empty. */
static void arrays_may_hold_other_objects(void **state)
{
	union commands pool = COHERENT_EMPTY, other = COHERENT_EMPTY;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_create(&other, dev));
	assert_ok(coherent_pool_from_all(&pool, mems, values, 3));
	assert_ok(coherent_pool_from(&other, &mems[3], &values[3]));
	assert_ok(coherent_zeroed(&mems[4], dev, 1));
	assert_ok(coherent_pool_from(&pool, &mems[6], &values[6]));
	coherent_pool_free(&pool, mems, 7);
	assert_ok(coherent_pool_boxes(&pool, boxes, 2));
	assert_ok(coherent_box_zeroed(&boxes[3], dev, 1));
	coherent_pool_box_free(&pool, boxes, 4);
	check_empty(7);
	assert_ok(coherent_pool_destroy(&pool));
	assert_ok(coherent_pool_destroy(&other));
	/* An empty pool does not keep objects from being freed. */
	assert_ok(coherent_zeroed(&mems[0], dev, 1));
	coherent_pool_free(&pool, mems, 2);
	check_empty(2);
}

/* The mask leaves addresses for a few pages only. */
static void pool_that_cannot_grow_leaves_arrays_empty(void **state)
{
	enum { TOO_MANY = 16 * PAGE / sizeof(struct command) };
	static union command_box many[TOO_MANY];
	static union command_mem all[TOO_MANY];
	static struct command some[TOO_MANY];
	union commands pool = COHERENT_EMPTY;
	struct coherent_stats before, after;

	(void)state;
	assert_ok(coherent_device_set_mask(dev, coherent_mask(16)));
	assert_ok(coherent_pool_create(&pool, dev));
	assert_err(coherent_pool_boxes(&pool, many, TOO_MANY), -ENOSPC);
	assert_err(coherent_pool_from_all(&pool, all, some, TOO_MANY), -ENOSPC);
	for (size_t i = 0; i < TOO_MANY; i++)
		assert_true(coherent_is_empty(&many[i]) && coherent_is_empty(&all[i]));
	/* All slots are free, so what fits into the pages does not make it grow. */
	assert_ok(coherent_pool_boxes(&pool, many, 64));
	assert_ok(coherent_device_stats(dev, &before));
	coherent_pool_box_free(&pool, many, 64);
	assert_ok(coherent_pool_from_all(&pool, all, some, 64));
	coherent_pool_free(&pool, all, 64);
	assert_ok(coherent_device_stats(dev, &after));
	assert_int_equal(before.allocated, after.allocated);
	assert_ok(coherent_pool_destroy(&pool));
}

static void closed_device_makes_no_objects(void **state)
{
	union commands pool = COHERENT_EMPTY;

	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_from_all(&pool, mems, values, 40));
	assert_ok(coherent_pool_boxes(&pool, boxes, 3));
	coherent_device_close(dev);
	assert_err(coherent_pool_boxes(&pool, &boxes[3], 2), -ENODEV);
	assert_err(coherent_pool_from_all(&pool, &mems[40], values, 2), -ENODEV);
	/* Arguments and outputs are checked first, as in the calls for one object. */
	assert_err(coherent_pool_boxes(&pool, &boxes[2], 2), -EBUSY);
	assert_err(coherent_pool_from_all(&pool, &mems[39], values, 2), -EBUSY);
	assert_err(coherent_base_pool_mems(&pool.base, &mems[39].base, 2, 0, "here"), -EINVAL);
	assert_err(coherent_base_pool_expose(&pool.base, &boxes[3].base, &mems[39].base, 1),
		   -EINVAL);
	assert_err(coherent_pool_expose(&pool, boxes, &mems[40], 3), -ENODEV);
	coherent_pool_free(&pool, mems, 40);
	check_empty(43);
	assert_ok(coherent_pool_destroy(&pool));
	open_device(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DEVICE(arrays_go_through_all_phases),
		ON_DEVICE(arrays_have_elements_of_any_size),
		ON_DEVICE(bad_arrays_are_refused),
		ON_DEVICE(arrays_may_hold_other_objects),
		ON_DEVICE(pool_that_cannot_grow_leaves_arrays_empty),
		ON_DEVICE(closed_device_makes_no_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
