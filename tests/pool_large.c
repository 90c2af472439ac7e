// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check pools of objects of any size up to 2 MiB: their places, their contents, and that
 * large chunks give way to small ones where they do not fit.
 */
#include <pthread.h>

#include "../src/memory/pool_slots.h"
#include "pool_test.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define LIVE ((size_t)5)

static uint8_t seen[2 * MIB];

static int create(struct coherent_pool *pool, size_t size, struct coherent_pool_options options)
{
	options.struct_size = sizeof(options);
	if (!options.dev)
		options.dev = dev;
	return coherent_base_pool_create(pool, size, &options, "tests/pool_large.c:1");
}

static int take(struct coherent_pool *pool, struct coherent_box *box)
{
	return coherent_base_pool_box(pool, box, "tests/pool_large.c:2");
}

static void expose(struct coherent_box *box, struct coherent_mem *mem)
{
	assert_ok(coherent_base_expose(
		box, &(struct coherent_expose_options){ COHERENT_SIZED(coherent_expose_options),
							.mem = mem }));
}

static uint64_t address_of(const struct coherent_mem *mem)
{
	return ~mem->inverted_address;
}

static void assert_device_reads(uint64_t address, uint8_t byte, size_t bytes)
{
	assert_ok(coherent_sim_try_addr(dev, (coherent_addr_t){ address }, seen, bytes,
					COHERENT_ACCESS_READ));
	assert_true(is_all(seen, byte, bytes));
}

static struct coherent_stats stats_of(struct coherent_device *of)
{
	struct coherent_stats stats;

	assert_ok(coherent_device_stats(of, &stats));
	return stats;
}

/* --- Contents --- */

/* A box and its mem have all of their bytes, and what ends leaves zeros. */
static void go_through_phases(struct coherent_pool *pool, size_t size)
{
	struct coherent_box boxes[LIVE] = { { .va = NULL } };
	struct coherent_mem mems[LIVE] = { { .va = NULL } };
	uint64_t addresses[LIVE];

	for (size_t i = 0; i < LIVE; i++) {
		assert_ok(take(pool, &boxes[i]));
		assert_true(is_all(boxes[i].va, 0, size));
		memset(boxes[i].va, (int)i + 1, size);
	}
	for (size_t i = 0; i < LIVE; i++) {
		expose(&boxes[i], &mems[i]);
		addresses[i] = address_of(&mems[i]);
	}
	for (size_t i = 0; i < LIVE; i++)
		assert_device_reads(addresses[i], (uint8_t)(i + 1), size);
	assert_ok(coherent_base_reclaim(&mems[1], &(struct coherent_reclaim_options){
							  COHERENT_SIZED(coherent_reclaim_options),
							  .box = &boxes[1], .idle = true }));
	assert_true(is_all(boxes[1].va, 2, size));
	coherent_base_box_free(&boxes[1]);
	for (size_t i = 0; i < LIVE; i++) {
		coherent_base_free(&mems[i]);
		/* Where the last slot of a chunk has ended, the device may not reach it any more. */
		if (!coherent_sim_try_addr(dev, (coherent_addr_t){ addresses[i] }, seen, size,
					   COHERENT_ACCESS_READ))
			assert_true(is_all(seen, 0, size));
	}
}

static const size_t sizes[] = { 1,	  16,		4095,	   4096,	4097,	32 * KIB,
				64 * KIB, 64 * KIB + 1, 300 * KIB, 2 * MIB - 1, 2 * MIB };

static void objects_of_each_size_have_all_phases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (unsigned int way = 0; way < 4; way++) {
			const struct coherent_pool_options options = { .in_place = way & 1,
								       .delay = way & 2 };
			struct coherent_pool pool = { .va = NULL };

			assert_ok(create(&pool, sizes[i], options));
			/* The second turn gets the objects that the first one freed. */
			for (unsigned int turn = 0; turn < 2; turn++)
				go_through_phases(&pool, sizes[i]);
			assert_ok(coherent_base_pool_destroy(&pool));
			assert_int_equal(stats_of(dev).objects, 0);
		}
}

static void object_of_no_size_or_of_more_than_2_mib_is_refused(void **state)
{
	struct coherent_pool pool = { .va = NULL };

	(void)state;
	assert_err(create(&pool, 2 * MIB + 1, (struct coherent_pool_options){ .align = 16 }),
		   -EINVAL);
	assert_true(log_has(&reports, "an object is larger than 2 MiB; allocate such objects one "
				      "by one, with coherent_box_zeroed()"));
	assert_err(create(&pool, SIZE_MAX, (struct coherent_pool_options){ .align = 16 }), -EINVAL);
	assert_err(create(&pool, 0, (struct coherent_pool_options){ .align = 16 }), -EINVAL);
	assert_null(pool.va);
}

/* --- Places --- */

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Takes objects of 8 MiB in all, and checks where they are. */
static void check_places(size_t size, size_t align, uint64_t boundary)
{
	static struct coherent_mem mems[2048];
	static uint64_t at[2048];
	const size_t wanted = align ? align : size > PAGE ? PAGE : size > 16 ? 64 : 16;
	const size_t count = 8 * MIB / size < 2048 ? 8 * MIB / size : 2048;
	struct coherent_pool pool = { .va = NULL };

	assert_ok(create(&pool, size,
			 (struct coherent_pool_options){ .align = align, .boundary = boundary }));
	for (size_t i = 0; i < count; i++) {
		struct coherent_box box = { .va = NULL };

		assert_ok(take(&pool, &box));
		expose(&box, &mems[i]);
		at[i] = address_of(&mems[i]);
		assert_int_equal(at[i] % wanted, 0);
		if (boundary)
			assert_int_equal(at[i] / boundary, (at[i] + size - 1) / boundary);
		/* A device that fetches by pages finds an object of a page on one. */
		if (size <= PAGE)
			assert_int_equal(at[i] / PAGE, (at[i] + size - 1) / PAGE);
	}
	qsort(at, count, sizeof(*at), compare);
	for (size_t i = 1; i < count; i++)
		assert_true(at[i] - at[i - 1] >= size);
	for (size_t i = 0; i < count; i++)
		coherent_base_free(&mems[i]);
	assert_ok(coherent_base_pool_destroy(&pool));
}

static void large_objects_keep_to_alignment_and_boundary(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		check_places(sizes[i], 0, 0);
		for (size_t align = 1; align <= PAGE; align *= 16)
			check_places(sizes[i], align, 0);
		for (uint64_t boundary = 4 * PAGE; boundary <= 16 * MIB; boundary *= 4)
			if (sizes[i] <= boundary)
				check_places(sizes[i], 0, boundary);
	}
	check_places(5000, 16, 8 * KIB);
	check_places(24 * KIB, 0, 64 * KIB);
	check_places(MIB, 0, MIB);
	check_places(2 * MIB, 0, UINT64_C(1) << 63);
}

static void large_object_that_crosses_the_boundary_is_refused(void **state)
{
	struct coherent_pool pool = { .va = NULL };

	(void)state;
	assert_err(create(&pool, 40 * KIB, (struct coherent_pool_options){ .boundary = 32 * KIB }),
		   -EINVAL);
	assert_true(log_has(&reports, "does not fit between two multiples of .boundary"));
	/* The object has 4097 bytes, and its slot two pages. */
	assert_err(create(&pool, PAGE + 1, (struct coherent_pool_options){ .boundary = PAGE }),
		   -EINVAL);
	assert_ok(create(&pool, PAGE + 1, (struct coherent_pool_options){ .boundary = 2 * PAGE }));
	assert_ok(coherent_base_pool_destroy(&pool));
}

/* Slots that are not multiples of a page have no place in the last bytes of a chunk. */
static void lookups_find_large_objects(void **state)
{
	struct coherent_pool pool = { .va = NULL };
	struct coherent_box box = { .va = NULL };
	struct coherent_mem mem = { .va = NULL };
	struct coherent_info info;
	uint64_t at;

	(void)state;
	assert_ok(create(&pool, 5000, (struct coherent_pool_options){ .align = 16 }));
	assert_ok(take(&pool, &box));
	assert_ok(coherent_find_ptr(dev, box.va + 4999, &info));
	assert_int_equal(info.offset, 4999);
	assert_int_equal(info.bytes, 5008);
	assert_int_equal(info.state, COHERENT_STATE_BOX);
	assert_err(coherent_find_ptr(dev, box.va + 5008, &info), -ERANGE);
	expose(&box, &mem);
	at = address_of(&mem);
	assert_ok(coherent_find_addr(dev, at + 5007, &info));
	assert_int_equal(info.address, at);
	assert_err(coherent_find_addr(dev, at + 5008, &info), -ERANGE);
	assert_err(coherent_find_addr(dev, at + 2 * PAGE - 1, &info), -ERANGE);
	coherent_base_free(&mem);
	assert_ok(coherent_base_pool_destroy(&pool));
}

/* --- Caches --- */

static void *free_it(void *mem)
{
	coherent_base_free(mem);
	return NULL;
}

/* A thread would keep megabytes from the others. */
static void no_thread_keeps_a_large_object(void **state)
{
	struct coherent_pool pool = { .va = NULL };
	struct coherent_box boxes[8] = { { .va = NULL } };
	struct coherent_mem mem = { .va = NULL };
	uint64_t address;
	pthread_t thread;

	(void)state;
	assert_ok(create(&pool, MIB, (struct coherent_pool_options){ .align = 0 }));
	assert_ok(take(&pool, &boxes[0]));
	expose(&boxes[0], &mem);
	address = address_of(&mem);
	assert_ok(pthread_create(&thread, NULL, free_it, &mem));
	assert_ok(pthread_join(thread, NULL));
	assert_ok(take(&pool, &boxes[0]));
	expose(&boxes[0], &mem);
	assert_int_equal(address_of(&mem), address);
	coherent_base_free(&mem);
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++)
		assert_ok(take(&pool, &boxes[i]));
	assert_int_equal(stats_of(dev).bytes, 8 * MIB);
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++)
		coherent_base_box_free(&boxes[i]);
	/* One unused chunk stays. */
	assert_int_equal(stats_of(dev).bytes, MIB);
	assert_ok(coherent_base_pool_destroy(&pool));
}

/* The delay holds for objects that no cache has. */
static void large_objects_are_delayed(void **state)
{
	struct coherent_pool pool = { .va = NULL };
	uint64_t freed[20];

	(void)state;
	assert_ok(create(&pool, 128 * KIB, (struct coherent_pool_options){ .delay = 3 }));
	for (size_t i = 0; i < ARRAY_SIZE(freed); i++) {
		struct coherent_box box = { .va = NULL };
		struct coherent_mem mem = { .va = NULL };

		assert_ok(take(&pool, &box));
		expose(&box, &mem);
		freed[i] = address_of(&mem);
		for (size_t k = i < 3 ? 0 : i - 3; k < i; k++)
			assert_int_not_equal(freed[k], freed[i]);
		coherent_base_free(&mem);
	}
	assert_ok(coherent_base_pool_destroy(&pool));
}

/* --- Chunks --- */

/* A device with 4 MiB of addresses has no room for the second chunk of 2 MiB. */
static void pool_grows_by_smaller_chunks_where_large_ones_do_not_fit(void **state)
{
	static struct coherent_box boxes[8 * MIB / KIB];
	COHERENT_DEVICE_AUTO(small);
	struct coherent_pool pool = { .va = NULL };
	struct log log = LOG_EMPTY;
	size_t count = 0;
	uint64_t mems;

	(void)state;
	assert_ok(coherent_device_open(&small, "sim:edu,step,mask=22", .report = log_report,
				       .report_arg = &log));
	assert_ok(create(&pool, KIB, (struct coherent_pool_options){ .dev = small }));
	while (!take(&pool, &boxes[count]))
		count++;
	mems = stats_of(small).mems;
	print_message("# %zu KiB in %u chunks\n", count, (unsigned int)mems);
	/* A chunk that does not fit is halved, so there are few of any size. */
	assert_in_range(mems, 1, 30);
	/* Each chunk has a guard page, and no object has the first page. */
	assert_true(count * KIB >= 4 * MIB - (mems + 3) * PAGE);
	assert_int_equal(log.count, 1);
	assert_true(log_has(&log, "no device address is left for 4096 bytes"));
	while (count)
		coherent_base_box_free(&boxes[--count]);
	assert_ok(coherent_base_pool_destroy(&pool));
}

/* A chunk for one object is as small as a chunk gets. */
static void chunk_is_not_smaller_than_an_object(void **state)
{
	COHERENT_DEVICE_AUTO(small);
	struct coherent_pool pool = { .va = NULL };
	struct coherent_box boxes[40] = { { .va = NULL } };
	struct log log = LOG_EMPTY;
	size_t count = 0;

	(void)state;
	assert_ok(coherent_device_open(&small, "sim:edu,step,mask=22", .report = log_report,
				       .report_arg = &log));
	assert_ok(create(&pool, 128 * KIB, (struct coherent_pool_options){ .dev = small }));
	while (!take(&pool, &boxes[count]))
		count++;
	assert_in_range(count, 28, 31);
	assert_true(log_has(&log, "no device address is left for 131072 bytes"));
	while (count)
		coherent_base_box_free(&boxes[--count]);
	assert_ok(coherent_base_pool_destroy(&pool));
}

/*
 * The device has 256 pages of addresses. The driver leaves 40 of them, and 30 are in quarantine. The
 * pool takes 1, 1, 2, 4, 8 and 16 pages, with a guard page each. Another 16 would fit only into
 * addresses out of the quarantine, so the pool takes the last page that is left.
 */
static void large_chunk_does_not_end_a_quarantine(void **state)
{
	static COHERENT_BOX(uint8_t) fill[128];
	static struct coherent_box boxes[33 * PAGE / KIB];
	COHERENT_DEVICE_AUTO(tight);
	COHERENT(uint8_t) mems[15] = { COHERENT_EMPTY };
	struct coherent_pool pool = { .va = NULL };
	size_t count = 0;

	(void)state;
	assert_ok(coherent_device_open(&tight, "sim:edu,step,mask=20"));
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		assert_ok(coherent_zeroed(&mems[i], tight, 1));
	/* The library keeps no address with this alignment. */
	while (!coherent_box_zeroed(&fill[count], tight, 1, .align = 2 * PAGE))
		count++;
	for (size_t i = 0; i < 20; i++)
		coherent_box_free(&fill[--count]);
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	assert_int_equal(stats_of(tight).quarantined, ARRAY_SIZE(mems));
	assert_ok(create(&pool, KIB, (struct coherent_pool_options){ .dev = tight }));
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++)
		assert_ok(take(&pool, &boxes[i]));
	assert_int_equal(stats_of(tight).mems, 7);
	assert_int_equal(stats_of(tight).quarantined, ARRAY_SIZE(mems));
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++)
		coherent_base_box_free(&boxes[i]);
	while (count)
		coherent_box_free(&fill[--count]);
	assert_ok(coherent_base_pool_destroy(&pool));
}

/* A driver sees how many mappings it has, and how many it may have. */
static void mappings_are_counted(void **state)
{
	static struct coherent_box boxes[4000];
	COHERENT_DEVICE_AUTO(few);
	COHERENT(uint8_t) mems[40] = { COHERENT_EMPTY };
	struct coherent_pool pool = { .va = NULL };
	struct coherent_limits limits;
	size_t count = 0;

	(void)state;
	assert_ok(coherent_device_open(&few, "sim:edu,step,mask=40,maps=40,lazy"));
	assert_ok(coherent_device_limits(few, &limits));
	assert_int_equal(limits.mappings, 40);
	assert_int_equal(stats_of(few).mappings, 0);
	assert_ok(create(&pool, 64, (struct coherent_pool_options){ .dev = few }));
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++)
		assert_ok(take(&pool, &boxes[i]));
	assert_in_range(stats_of(few).mappings, 5, 20);
	while (!coherent_zeroed(&mems[count], few, 1, .attrs = COHERENT_ATTR_NO_WARN))
		count++;
	assert_int_equal(stats_of(few).mappings, 40);
	/* A mem that waits for a fence may be mapped until then. */
	coherent_free(&mems[--count]);
	assert_int_equal(stats_of(few).mappings, 40);
	assert_ok(coherent_device_fence(few));
	assert_int_equal(stats_of(few).mappings, 39);
	while (count)
		coherent_free(&mems[--count]);
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++)
		coherent_base_box_free(&boxes[i]);
	assert_ok(coherent_base_pool_destroy(&pool));
	assert_ok(coherent_device_fence(few));
	assert_int_equal(stats_of(few).mappings, 0);
}

/* VFIO has 65,535 mappings. */
static void million_objects_need_few_mappings(void **state)
{
	enum { COUNT = 1000 * 1000 };
	struct coherent_box *boxes = calloc(COUNT, sizeof(*boxes));
	struct coherent_pool pool = { .va = NULL };
	struct coherent_stats stats;

	(void)state;
	assert_non_null(boxes);
	assert_ok(create(&pool, 64, (struct coherent_pool_options){ .in_place = true }));
	for (size_t i = 0; i < 64; i++)
		assert_ok(take(&pool, &boxes[i]));
	assert_int_equal(stats_of(dev).bytes, PAGE);
	for (size_t i = 64; i < COUNT; i++) {
		const size_t needed = i * 64;

		assert_ok(take(&pool, &boxes[i]));
		/* The pool takes little more than it needs. */
		if (i % 4096 == 0)
			assert_in_range(stats_of(dev).bytes, needed,
					needed + needed / 4 + 64 * KIB);
	}
	stats = stats_of(dev);
	print_message("# %u mappings\n", (unsigned int)stats.mappings);
	assert_in_range(stats.mappings, 1, 100);
	assert_in_range(stats.bytes, COUNT * 64, COUNT * 64 + 2 * MIB);
	for (size_t i = 0; i < COUNT; i++)
		coherent_base_box_free(&boxes[i]);
	assert_ok(coherent_base_pool_destroy(&pool));
	free(boxes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DEVICE(objects_of_each_size_have_all_phases),
		ON_DEVICE(object_of_no_size_or_of_more_than_2_mib_is_refused),
		ON_DEVICE(large_objects_keep_to_alignment_and_boundary),
		ON_DEVICE(large_object_that_crosses_the_boundary_is_refused),
		ON_DEVICE(lookups_find_large_objects),
		ON_DEVICE(no_thread_keeps_a_large_object),
		ON_DEVICE(large_objects_are_delayed),
		cmocka_unit_test(pool_grows_by_smaller_chunks_where_large_ones_do_not_fit),
		cmocka_unit_test(chunk_is_not_smaller_than_an_object),
		cmocka_unit_test(large_chunk_does_not_end_a_quarantine),
		cmocka_unit_test(mappings_are_counted),
		ON_DEVICE(million_objects_need_few_mappings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
