// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check which kind of memory serves a request: hugepages, memory of a NUMA node, or
 * ordinary memory; and how the memory is aligned and cleared.
 */
#include "../src/device/device.h"
#include "pages_test.h"

/* Asserts which kind of memory serves a request that needs a new arena. */
static void assert_served(size_t bytes, unsigned int shift, bool bound)
{
	assert_true(count < ARRAY_SIZE(ranges));
	assert_ok(get(bytes, &ranges[count++]));
	assert_true(seen.bytes >= bytes);
	assert_int_equal(seen.shift, shift);
	assert_int_equal(seen.bound, bound);
}

static void assert_missed(unsigned int wishes, size_t bytes)
{
	size_t told;

	assert_int_equal(pages_take_missed(&pages, &told), wishes);
	assert_int_equal(told, bytes);
}

static void large_request_does_not_end_hugepages(void **state)
{
	unsigned int maps;

	(void)state;
	open_pages(PAGES_HUGE | PAGES_NODES);
	most.huge = 8 * MIB;
	assert_served(4 * MIB, 21, true);
	assert_missed(0, 0);
	assert_served(32 * MIB, 0, true);
	assert_missed(PAGES_HUGE, 32 * MIB);
	assert_served(6 * MIB, 21, true);
	/* The library does not ask again for as much as it could not get, but for less it does. */
	maps = seen.huge_maps;
	assert_served(48 * MIB, 0, true);
	assert_int_equal(seen.huge_maps, maps);
	assert_served(16 * MIB, 0, true);
	assert_int_equal(seen.huge_maps, maps + 1);
	assert_served(8 * MIB, 21, true);
	assert_missed(0, 32 * MIB);
	close_pages();
}

static void failed_request_ends_no_wish(void **state)
{
	struct iova_range range;

	(void)state;
	open_pages(PAGES_HUGE | PAGES_NODES);
	most.huge = most.ordinary = 8 * MIB;
	assert_err(get(64 * MIB, &range), -ENOMEM);
	/* No other memory served, so there is nothing to report. */
	assert_missed(0, 0);
	assert_served(4 * MIB, 21, true);
	close_pages();
}

static void large_request_does_not_end_gigapages(void **state)
{
	(void)state;
	open_pages(PAGES_GIGA | PAGES_HUGE);
	most.giga = GIB;
	most.huge = SIZE_MAX;
	assert_served(GIB + MIB, 21, false);
	assert_missed(PAGES_GIGA, GIB + MIB);
	assert_served(GIB / 2, 30, false);
	/* One page of 1 GiB serves small requests too, so the next one gets another. */
	assert_served(GIB / 2 + MIB, 30, false);
	assert_missed(0, GIB + MIB);
	most.giga = 0;
	assert_served(GIB - MIB, 21, false);
	close_pages();
}

static void large_request_does_not_end_the_binding(void **state)
{
	(void)state;
	open_pages(PAGES_HUGE | PAGES_NODES);
	most.huge = SIZE_MAX;
	most.node = 8 * MIB;
	/* Without the node there are still hugepages. */
	assert_served(32 * MIB, 21, false);
	assert_missed(PAGES_NODES, 32 * MIB);
	assert_served(8 * MIB, 21, true);
	most.huge = 0;
	assert_served(6 * MIB, 0, true);
	assert_missed(PAGES_HUGE, 6 * MIB);
	assert_served(64 * MIB, 0, false);
	assert_missed(0, 6 * MIB);
	close_pages();
}

/* Makes requests until hugepages of a node serve one. Returns how many it took. */
static unsigned int requests_until_served_well(size_t bytes)
{
	unsigned int requests = 0;

	do {
		assert_true(count < ARRAY_SIZE(ranges));
		assert_ok(get(bytes, &ranges[count++]));
		requests++;
	} while (seen.shift != 21 || !seen.bound);
	return requests;
}

static void small_request_does_not_end_a_wish(void **state)
{
	(void)state;
	open_pages(PAGES_HUGE | PAGES_NODES);
	/* The smallest arena cannot be made in the best way, so none is smaller. */
	most.node = 0;
	assert_served(8192, 0, false);
	most.huge = most.node = SIZE_MAX;
	assert_in_range(requests_until_served_well(128 << 10), 2, 32);
	/* The way works again, so it serves each arena. */
	for (unsigned int i = 0; i < 4; i++)
		assert_served(4 * MIB, 21, true);
	close_pages();
}

static void missing_kind_is_tried_seldom(void **state)
{
	unsigned int maps;

	(void)state;
	open_pages(PAGES_HUGE);
	assert_served(4 * MIB, 0, false);
	maps = seen.huge_maps;
	for (unsigned int i = 0; i < 16; i++)
		assert_served(4 * MIB, 0, false);
	assert_int_equal(seen.huge_maps, maps + 4);
	close_pages();
}

static void each_missing_kind_is_reported_once(void **state)
{
	COHERENT(uint8_t) mems[4] = { COHERENT_EMPTY };
	struct coherent_device *dev;
	struct log log = LOG_EMPTY;

	(void)state;
	set_up_system();
	most.huge = 4 * MIB;
	most.node = 8 * MIB;
	assert_ok(coherent_device_open(&dev, "sim:edu", .hugepages = true, .nodes = 4,
				       .report = log_report, .report_arg = &log));
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		assert_ok(coherent_zeroed(&mems[i], dev, (i % 2 ? 3 : 6) * MIB));
	assert_int_equal(log.count, 1);
	assert_true(log_has(&log, "for 6291456 bytes there are no 2 MiB hugepages, so ordinary"));
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	for (size_t i = 0; i < 2; i++)
		assert_ok(coherent_zeroed(&mems[i], dev, (32 + i) * MIB));
	assert_int_equal(log.count, 2);
	assert_true(log_has(&log, "for 33554432 bytes NUMA nodes 0x4 gave no memory, so any"));
	for (size_t i = 0; i < 2; i++)
		coherent_free(&mems[i]);
	coherent_device_close(dev);
}

/* --- Alignment --- */

static void memory_begins_with_a_hugepage(void **state)
{
	(void)state;
	open_pages(PAGES_GIGA | PAGES_HUGE);
	most.huge = most.giga = SIZE_MAX;
	place_of(PAGE);
	for (unsigned int i = 0; i < 5; i++) {
		assert_int_equal(place_of(2 * MIB) % (2 * MIB), 0);
		assert_int_equal(place_of(3 * MIB + PAGE) % (2 * MIB), 0);
		place_of(5 * PAGE);
	}
	assert_int_equal(place_of(GIB) % GIB, 0);
	place_of(3 * PAGE);
	assert_int_equal(place_of(GIB + MIB) % GIB, 0);
	close_pages();
}

/* The rest of a hugepage serves requests that are smaller than one. */
static void small_requests_fill_the_gaps(void **state)
{
	unsigned int maps;

	(void)state;
	open_pages(PAGES_HUGE);
	most.huge = SIZE_MAX;
	for (unsigned int i = 0; i < 4; i++)
		place_of(3 * MIB);
	maps = seen.huge_maps;
	for (unsigned int i = 0; i < 8; i++)
		place_of(MIB / 2);
	assert_int_equal(seen.huge_maps, maps);
	close_pages();
}

/* Leaves a hole of so many bytes that begins a page after a multiple of 1 GiB. */
static uintptr_t make_odd_hole(size_t bytes)
{
	const uintptr_t first = place_of(bytes + PAGE);

	pages_put(&pages, &ranges[--count]);
	assert_int_equal(place_of(PAGE), first);
	return first + PAGE;
}

static void next_best_alignment_is_used(void **state)
{
	uintptr_t hole;

	(void)state;
	open_pages(PAGES_GIGA | PAGES_HUGE);
	most.giga = SIZE_MAX;
	hole = make_odd_hole(2 * GIB - PAGE);
	assert_int_equal(place_of(GIB) % GIB, 0);
	assert_int_equal(hole % GIB, PAGE);
	close_pages();
	open_pages(PAGES_GIGA | PAGES_HUGE);
	most.giga = SIZE_MAX;
	hole = make_odd_hole(2 * GIB - 2 * PAGE);
	/* This one does not fit behind the next multiple of 1 GiB. */
	assert_int_equal(place_of(GIB + 4 * MIB) % (2 * MIB), 0);
	close_pages();
}

/* A driver that needs one object after the other must not get new memory for each. */
static void alignment_costs_no_memory(void **state)
{
	uintptr_t hole;
	size_t usable;

	(void)state;
	open_pages(PAGES_HUGE);
	most.huge = SIZE_MAX;
	hole = make_odd_hole(3 * MIB - PAGE);
	usable = pages.space.usable;
	assert_int_equal(place_of(3 * MIB - PAGE), hole);
	assert_int_equal(pages.space.usable, usable);
	close_pages();
	/* Ordinary pages are nowhere aligned. */
	open_pages(PAGES_HUGE);
	place_of(3 * MIB + PAGE);
	usable = pages.space.usable;
	for (unsigned int i = 0; i < 5; i++) {
		pages_put(&pages, &ranges[--count]);
		place_of(3 * MIB + PAGE);
	}
	assert_int_equal(pages.space.usable, usable);
	close_pages();
}

static void without_the_wish_a_page_is_enough(void **state)
{
	(void)state;
	open_pages(PAGES_NODES);
	assert_int_equal(pages_align(&pages, 4 * GIB), PAGE);
	close_pages();
	open_pages(PAGES_HUGE);
	assert_int_equal(pages_align(&pages, 2 * MIB - PAGE), PAGE);
	assert_int_equal(pages_align(&pages, 2 * MIB), 2 * MIB);
	assert_int_equal(pages_align(&pages, GIB), 2 * MIB);
	close_pages();
	open_pages(PAGES_GIGA);
	assert_int_equal(pages_align(&pages, GIB - PAGE), 2 * MIB);
	assert_int_equal(pages_align(&pages, GIB), GIB);
	close_pages();
}

/* --- Clearing --- */

static struct {
	size_t bytes;
	enum pages_next next;
} cleared;

void __real_pages_clear(void *va, size_t bytes, enum pages_next next);
void __wrap_pages_clear(void *va, size_t bytes, enum pages_next next);
void __wrap_pages_clear(void *va, size_t bytes, enum pages_next next)
{
	cleared.bytes = bytes;
	cleared.next = next;
	__real_pages_clear(va, bytes, next);
}

static void assert_cleared(size_t bytes, enum pages_next next)
{
	assert_int_equal(cleared.bytes, bytes);
	assert_int_equal(cleared.next, next);
	cleared.bytes = 0;
}

static int fill(uint8_t *element, size_t i, void *arg)
{
	(void)arg;
	*element = (uint8_t)i;
	return 0;
}

/* The device does not have the cache of the CPU, and a CPU that fills memory wants it there. */
static void memory_is_cleared_for_the_next_user(void **state)
{
	static const uint8_t source[PAGE];
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_HANDLE_AUTO(handle);

	(void)state;
	set_up_system();
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	assert_ok(coherent_box_zeroed(&box, dev, PAGE));
	assert_cleared(PAGE, PAGES_NEXT_CPU);
	assert_ok(coherent_zeroed(&mem, dev, 2 * PAGE));
	assert_cleared(2 * PAGE, PAGES_NEXT_DEVICE);
	coherent_free(&mem);
	assert_ok(coherent_from(&mem, dev, source, PAGE));
	assert_cleared(PAGE, PAGES_NEXT_CPU);
	coherent_free(&mem);
	assert_ok(coherent_init(&mem, dev, 3 * PAGE, fill, NULL));
	assert_cleared(3 * PAGE, PAGES_NEXT_CPU);
	assert_ok(coherent_handle_zeroed(&handle, dev, PAGE));
	assert_cleared(PAGE, PAGES_NEXT_DEVICE);
}

static void large_memory_bypasses_the_cache(void **state)
{
	static _Alignas(PAGE) uint8_t memory[4 * MIB];

	(void)state;
	assert_false(pages_clear_past_cache(MIB / 2 - PAGE, PAGES_NEXT_DEVICE));
	assert_true(pages_clear_past_cache(MIB / 2, PAGES_NEXT_DEVICE));
	assert_false(pages_clear_past_cache(2 * MIB - PAGE, PAGES_NEXT_CPU));
	assert_true(pages_clear_past_cache(2 * MIB, PAGES_NEXT_CPU));
	for (size_t bytes = PAGE; bytes <= 2 * MIB; bytes *= 2)
		for (int next = PAGES_NEXT_CPU; next <= PAGES_NEXT_DEVICE; next++) {
			memset(memory, 1, sizeof(memory));
			pages_clear(memory + PAGE, bytes, (enum pages_next)next);
			assert_true(is_all(memory, 1, PAGE));
			assert_true(is_all(memory + PAGE, 0, bytes));
			assert_true(is_all(memory + PAGE + bytes, 1, PAGE));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(large_request_does_not_end_hugepages),
		cmocka_unit_test(failed_request_ends_no_wish),
		cmocka_unit_test(large_request_does_not_end_gigapages),
		cmocka_unit_test(large_request_does_not_end_the_binding),
		cmocka_unit_test(small_request_does_not_end_a_wish),
		cmocka_unit_test(missing_kind_is_tried_seldom),
		cmocka_unit_test(each_missing_kind_is_reported_once),
		cmocka_unit_test(memory_begins_with_a_hugepage),
		cmocka_unit_test(small_requests_fill_the_gaps),
		cmocka_unit_test(next_best_alignment_is_used),
		cmocka_unit_test(alignment_costs_no_memory),
		cmocka_unit_test(without_the_wish_a_page_is_enough),
		cmocka_unit_test(memory_is_cleared_for_the_next_user),
		cmocka_unit_test(large_memory_bypasses_the_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
