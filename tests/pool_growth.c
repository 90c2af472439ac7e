// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check which chunk of a pool gives its slots, how many, and how large the next one is. The
 * objects have 64 bytes, so the chunks of a pool have 64, 64, 128, 256, 512 and then 1024 slots or more.
 */
#include "../src/memory/pool_slots.h"
#include "pool_test.h"

#define CHUNK ((size_t)1024)
#define CHUNKS ((size_t)40)
/* More than a cache returns at a time, so that each of these slots goes back to its chunk. */
#define FREED ((size_t)80)

static union command_box boxes[CHUNKS * CHUNK];

static uint64_t allocated(void)
{
	struct coherent_stats stats;

	assert_ok(coherent_device_stats(dev, &stats));
	return stats.allocated;
}

static void allocate(union commands *pool, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (coherent_is_empty(&boxes[i]))
			assert_ok(coherent_pool_box(pool, &boxes[i]));
}

static void free_all(size_t count)
{
	for (size_t i = 0; i < count; i++)
		coherent_box_free(&boxes[i]);
}

static void slot_of_a_full_chunk_is_found_again(void **state)
{
	union commands pool = COHERENT_EMPTY;
	uint64_t before;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	allocate(&pool, ARRAY_SIZE(boxes));
	before = allocated();
	/* Each chunk gets one slot back. */
	for (size_t i = 0; i < CHUNKS; i++)
		coherent_box_free(&boxes[i * CHUNK + 7]);
	/* These push the slots out of the cache. */
	for (size_t i = 0; i < FREED; i++)
		coherent_box_free(&boxes[ARRAY_SIZE(boxes) - 1 - i]);
	allocate(&pool, ARRAY_SIZE(boxes));
	assert_int_equal(allocated(), before);
	free_all(ARRAY_SIZE(boxes));
	assert_ok(coherent_pool_destroy(&pool));
}

static void pool_that_shrank_grows_by_its_size(void **state)
{
	const size_t count = CHUNK / 2, bytes = count * sizeof(struct command);
	union commands pool = COHERENT_EMPTY;
	struct coherent_stats stats;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	for (unsigned int turn = 0; turn < 20; turn++) {
		allocate(&pool, count);
		assert_ok(coherent_device_stats(dev, &stats));
		assert_true(stats.bytes >= bytes && stats.bytes < 2 * bytes);
		free_all(count);
	}
	assert_ok(coherent_pool_destroy(&pool));
}

/* A thread takes and returns so many slots at a time that it seldom needs the lock. */
static void slots_move_in_batches(void **state)
{
	static const struct {
		size_t align;
		unsigned int batch;
	} cases[] = { { 64, SLOTS_BATCH }, { 1024, SLOTS_BATCH }, { 2048, 16 }, { 4096, 8 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		union commands pool = COHERENT_EMPTY;

		assert_ok(coherent_pool_create(&pool, dev, .align = cases[i].align));
		assert_int_equal(pool.base.va->batch, cases[i].batch);
		assert_ok(coherent_pool_destroy(&pool));
	}
}

/* A chunk of several pages has no smaller one in its place if the device fails. */
static void failed_growth_is_reported(void **state)
{
	union commands pool = COHERENT_EMPTY;
	struct coherent_device *edu;
	struct log log = LOG_EMPTY;
	size_t count = 0;
	int err;

	(void)state;
	assert_ok(coherent_device_open(&edu, "sim:edu,fail-map=3", .report = log_report,
				       .report_arg = &log));
	assert_ok(coherent_pool_create(&pool, edu));
	do
		err = coherent_pool_box(&pool, &boxes[count]);
	while (!err && ++count < ARRAY_SIZE(boxes));
	assert_err(err, -EIO);
	assert_int_equal((int)log.count, 1);
	assert_true(log_has(&log, "pool_growth.c:"));
	assert_true(log_has(&log, "could not be mapped: Input/output error"));
	free_all(count);
	assert_ok(coherent_pool_destroy(&pool));
	coherent_device_close(edu);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DEVICE(slot_of_a_full_chunk_is_found_again),
		ON_DEVICE(pool_that_shrank_grows_by_its_size),
		ON_DEVICE(slots_move_in_batches),
		cmocka_unit_test(failed_growth_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
