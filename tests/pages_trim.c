// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check when memory that nobody uses goes back to the system. They give the time, so
 * they do not wait.
 */
#include "../src/device/device.h"
#include "pages_test.h"

#define SECOND UINT64_C(1000000000)
/* The library gives memory back that was not needed for this time. */
#define PERIOD (4 * SECOND)

static bool trim(uint64_t now)
{
	bool ended;

	lock_take(&lock);
	ended = pages_trim_is_due(&pages, now) && pages_trim(&pages, &lock, now);
	lock_drop(&lock);
	return ended;
}

static void put_last(void)
{
	pages_put(&pages, &ranges[--count]);
}

static void unused_memory_goes_back_after_a_while(void **state)
{
	(void)state;
	open_pages(0);
	assert_true(trim(PERIOD));
	place_of(40 * MIB);
	put_last();
	assert_int_equal(pages.space.usable, 40 * MIB);
	assert_false(trim(2 * PERIOD - 1));
	/* In this period the memory was in use. */
	assert_true(trim(2 * PERIOD));
	assert_int_equal(pages.space.usable, 40 * MIB);
	assert_false(trim(3 * PERIOD - 1));
	assert_true(trim(3 * PERIOD));
	assert_int_equal(pages.space.usable, 2 * MIB);
	assert_int_equal(seen.unmapped, 38 * MIB);
	/* The system has more when the pool needs it again. */
	memset((void *)place_of(50 * MIB), 1, 50 * MIB);
	assert_true(pages.space.usable >= 50 * MIB);
	close_pages();
}

static void memory_that_the_kernel_keeps_is_used_again(void **state)
{
	uintptr_t place;

	(void)state;
	open_pages(0);
	assert_true(trim(PERIOD));
	place = place_of(40 * MIB);
	put_last();
	assert_true(trim(2 * PERIOD));
	most.keeps = true;
	assert_true(trim(3 * PERIOD));
	assert_int_equal(pages.space.usable, 40 * MIB);
	assert_int_equal(place_of(40 * MIB), place);
	put_last();
	most.keeps = false;
	assert_true(trim(4 * PERIOD));
	assert_true(trim(5 * PERIOD));
	assert_int_equal(pages.space.usable, 2 * MIB);
	close_pages();
}

static void memory_of_the_last_period_stays(void **state)
{
	(void)state;
	open_pages(0);
	assert_true(trim(PERIOD));
	place_of(60 * MIB);
	put_last();
	assert_true(trim(2 * PERIOD));
	for (unsigned int i = 3; i < 9; i++) {
		place_of(20 * MIB);
		put_last();
		assert_true(trim(i * PERIOD));
		/* A quarter more stays, and the size of an arena. */
		assert_int_equal(pages.space.usable, 27 * MIB);
	}
	close_pages();
}

static void memory_in_use_stays_as_it_is(void **state)
{
	enum { COUNT = 20 };

	(void)state;
	open_pages(0);
	assert_true(trim(PERIOD));
	for (unsigned int i = 0; i < COUNT; i++)
		memset((void *)place_of(3 * MIB), (int)i, 3 * MIB);
	/* Each that ends is between two that stay. */
	for (unsigned int i = 1; i < COUNT; i += 2)
		pages_put(&pages, &ranges[i]);
	assert_true(trim(2 * PERIOD));
	assert_true(trim(3 * PERIOD));
	assert_true(pages.space.usable < (COUNT * 3 - 10) * MIB);
	for (unsigned int i = 0; i < COUNT; i += 2)
		assert_true(is_all((void *)ranges[i].first, (uint8_t)i, 3 * MIB));
	for (count = 0; count < COUNT; count += 2)
		pages_put(&pages, &ranges[count]);
	count = 0;
	close_pages();
}

/* A driver waits for each call, so one call does not give back all of a large memory. */
static void one_call_gives_back_a_part(void **state)
{
	size_t before;

	(void)state;
	open_pages(0);
	assert_true(trim(PERIOD));
	place_of(300 * MIB);
	put_last();
	assert_true(trim(2 * PERIOD));
	for (before = 300 * MIB; !trim(3 * PERIOD); before -= 64 * MIB)
		assert_int_equal(pages.space.usable, before - 64 * MIB);
	assert_int_equal(pages.space.usable, 2 * MIB);
	assert_int_equal(before, 300 * MIB - 4 * 64 * MIB);
	close_pages();
}

static void whole_hugepages_go_back(void **state)
{
	(void)state;
	open_pages(PAGES_HUGE);
	most.huge = SIZE_MAX;
	assert_true(trim(PERIOD));
	place_of(PAGE);
	place_of(31 * MIB);
	put_last();
	assert_true(trim(2 * PERIOD));
	assert_true(trim(3 * PERIOD));
	assert_int_equal(seen.unmapped % (2 * MIB), 0);
	assert_int_equal(seen.unmapped_at % (2 * MIB), 0);
	assert_in_range(pages.space.usable, 2 * MIB, 6 * MIB);
	close_pages();
}

static void small_gaps_stay(void **state)
{
	const size_t bytes = 200 << 10;

	(void)state;
	open_pages(0);
	assert_true(trim(PERIOD));
	while (count < ARRAY_SIZE(ranges))
		place_of(bytes);
	for (size_t i = 0; i < count; i += 2)
		pages_put(&pages, &ranges[i]);
	assert_true(trim(2 * PERIOD));
	assert_true(trim(3 * PERIOD));
	/* Only the end of the last arena is larger. */
	assert_true(!seen.unmapped || seen.unmapped >= MIB / 4);
	for (size_t i = 1; i < count; i += 2)
		pages_put(&pages, &ranges[i]);
	count = 0;
	close_pages();
}

/* The pages of a size that recurs are kept apart from the rest. */
static void kept_pages_go_back_too(void **state)
{
	(void)state;
	open_pages(0);
	assert_true(trim(PERIOD));
	for (unsigned int i = 0; i < 16; i++)
		place_of(2 * MIB);
	while (count)
		put_last();
	assert_true(trim(2 * PERIOD));
	assert_int_equal(pages.space.usable, 32 * MIB);
	assert_true(trim(3 * PERIOD));
	assert_int_equal(pages.space.usable, 2 * MIB);
	close_pages();
}

static uint64_t memory_of(struct coherent_device *dev)
{
	struct coherent_stats stats;

	assert_ok(coherent_device_stats(dev, &stats));
	return stats.memory;
}

/* Makes it so that the period of a device is over. */
static void end_period(struct coherent_device *dev)
{
	dev->store.pages.trimmed_ns -= PERIOD;
}

static void device_gives_memory_back(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_DEVICE_AUTO(dev);

	(void)state;
	set_up_system();
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	assert_ok(coherent_zeroed(&mem, dev, 30 * MIB));
	coherent_free(&mem);
	assert_ok(coherent_box_zeroed(&box, dev, 5 * MIB));
	/* The first free began a period. The next free of any kind after its end gives memory back. */
	assert_true(memory_of(dev) >= 30 * MIB);
	end_period(dev);
	coherent_box_free(&box);
	assert_in_range(memory_of(dev), 2 * MIB, 10 * MIB);
	for (unsigned int i = 0; i < 3; i++) {
		assert_ok(coherent_zeroed(&mem, dev, 30 * MIB));
		coherent_free(&mem);
		end_period(dev);
		assert_ok(coherent_zeroed(&mem, dev, PAGE));
		assert_ok(coherent_reclaim(&mem, &box));
		coherent_box_free(&box);
		end_period(dev);
		assert_ok(coherent_box_zeroed(&box, dev, 3 * PAGE, .boundary = 1 << 20));
		coherent_box_free(&box);
		assert_in_range(memory_of(dev), 2 * MIB, 10 * MIB);
	}
}

static void free_a_mem(struct coherent_device *dev)
{
	COHERENT_AUTO(uint8_t, mem);

	assert_ok(coherent_zeroed(&mem, dev, PAGE));
}

static void use_a_box(struct coherent_device *dev)
{
	COHERENT_BOX_AUTO(uint8_t, box);

	assert_ok(coherent_box_zeroed(&box, dev, MIB));
}

static void kept_boxes_end_if_nobody_needs_them(void **state)
{
	COHERENT_DEVICE_AUTO(dev);

	(void)state;
	set_up_system();
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	/* A box that was kept or taken in the period stays for another one. */
	for (unsigned int i = 0; i < 4; i++) {
		use_a_box(dev);
		end_period(dev);
		free_a_mem(dev);
		assert_int_equal(dev->store.recycler.bytes, MIB);
	}
	free_a_mem(dev);
	assert_int_equal(dev->store.recycler.bytes, MIB);
	end_period(dev);
	free_a_mem(dev);
	assert_int_equal(dev->store.recycler.bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unused_memory_goes_back_after_a_while),
		cmocka_unit_test(memory_that_the_kernel_keeps_is_used_again),
		cmocka_unit_test(memory_of_the_last_period_stays),
		cmocka_unit_test(memory_in_use_stays_as_it_is),
		cmocka_unit_test(one_call_gives_back_a_part),
		cmocka_unit_test(whole_hugepages_go_back),
		cmocka_unit_test(small_gaps_stay),
		cmocka_unit_test(kept_pages_go_back_too),
		cmocka_unit_test(device_gives_memory_back),
		cmocka_unit_test(kept_boxes_end_if_nobody_needs_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
