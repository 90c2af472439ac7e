// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Ranges of an address space that have a mask or a wanted address.
 */
#include "../src/memory/iova_quarantine.h"
#include "test.h"

#define GRANULE UINT64_C(4096)

static uint64_t reserve_pages(struct iova_space *space, struct iova_range *range, uint64_t pages)
{
	const struct iova_want want = { .bytes = pages * GRANULE, .align = GRANULE };

	return iova_reserve(space, &want, range) ? 0 : range->first / GRANULE;
}

static int reserve_at(struct iova_space *space, struct iova_range *range, uint64_t address,
		      uint64_t pages)
{
	const struct iova_want want = { .bytes = pages * GRANULE,
					.align = GRANULE,
					.address = address * GRANULE };

	return iova_reserve(space, &want, range);
}

static uint64_t reserve_below(struct iova_space *space, struct iova_range *range, uint64_t mask,
			      uint64_t pages)
{
	const struct iova_want want = { .bytes = pages * GRANULE, .align = GRANULE, .mask = mask };

	return iova_reserve(space, &want, range) ? 0 : range->first / GRANULE;
}

/* The granules 2 to 9 and 20 to 39 are usable, and those below 30 are held back. */
static void open_held(struct iova_space *space)
{
	assert_ok(iova_open(space, GRANULE, 0));
	assert_ok(iova_allow(space, 20 * GRANULE, 40 * GRANULE - 1));
	assert_ok(iova_allow(space, 2 * GRANULE, 10 * GRANULE - 1));
	assert_ok(iova_hold_below(space, 30 * GRANULE));
}

static void limits_take_only_what_they_need_of_held_addresses(void **state)
{
	struct iova_range a, b, c, d, e;
	struct iova_space space;

	(void)state;
	open_held(&space);
	assert_int_equal(reserve_below(&space, &a, 10 * GRANULE - 1, 2), 2);
	assert_int_equal(reserve_below(&space, &e, 4 * GRANULE - 1, 1), 0);
	assert_ok(reserve_at(&space, &b, 22, 3));
	/* The larger part of what is left of a hole is still held: 4 to 9 and 25 to 29. */
	assert_int_equal(reserve_pages(&space, &c, 2), 20);
	assert_int_equal(reserve_pages(&space, &d, 10), 30);
	/* An address in held addresses that is taken in part, and one in a hole. */
	assert_err(reserve_at(&space, &e, 24, 2), -EBUSY);
	assert_err(reserve_at(&space, &e, 9, 2), -ENOSPC);
	assert_int_equal(reserve_pages(&space, &e, 5), 4);
	iova_release(&space, &a);
	iova_release(&space, &b);
	iova_release(&space, &c);
	iova_release(&space, &d);
	iova_release(&space, &e);
	iova_close(&space);
}

static uint64_t gap_with_held(struct iova_space *space, uint64_t *first)
{
	*first = 0;
	return iova_gap_with_held(space, first, 40 * GRANULE - 1) / GRANULE;
}

static void forbidden_addresses_are_not_held(void **state)
{
	struct iova_range a, b, c, d;
	struct iova_space space;
	uint64_t first;

	(void)state;
	open_held(&space);
	assert_int_equal(gap_with_held(&space, &first), 20);
	assert_int_equal(first, 20 * GRANULE);
	/* Addresses right below held ones, within held ones, and right above held ones. */
	assert_int_equal(reserve_below(&space, &a, 10 * GRANULE - 1, 2), 2);
	iova_release(&space, &a);
	assert_ok(iova_forbid(&space, 3 * GRANULE, 4 * GRANULE - 1));
	assert_ok(iova_forbid(&space, 22 * GRANULE, 24 * GRANULE - 1));
	assert_ok(iova_forbid(&space, 30 * GRANULE, 32 * GRANULE - 1));
	assert_int_equal(space.usable, 23 * GRANULE);
	assert_int_equal(gap_with_held(&space, &first), 8);
	assert_int_equal(first, 32 * GRANULE);
	/* A limit ends the holding of addresses, but forbidden ones stay holes. */
	assert_int_equal(reserve_below(&space, &a, 10 * GRANULE - 1, 7), 0);
	assert_int_equal(reserve_below(&space, &a, 32 * GRANULE - 1, 7), 0);
	assert_int_equal(reserve_below(&space, &a, 32 * GRANULE - 1, 6), 4);
	assert_err(reserve_at(&space, &b, 23, 1), -ENOSPC);
	/* The addresses behind the forbidden ones are still held. */
	assert_int_equal(reserve_pages(&space, &b, 1), 2);
	assert_int_equal(reserve_pages(&space, &c, 1), 32);
	assert_int_equal(reserve_below(&space, &d, 32 * GRANULE - 1, 6), 24);
	iova_release(&space, &a);
	iova_release(&space, &b);
	iova_release(&space, &c);
	iova_release(&space, &d);
	assert_ok(iova_allow(&space, 3 * GRANULE, 4 * GRANULE - 1));
	assert_ok(iova_allow(&space, 22 * GRANULE, 24 * GRANULE - 1));
	assert_ok(iova_allow(&space, 30 * GRANULE, 32 * GRANULE - 1));
	assert_int_equal(space.usable, 28 * GRANULE);
	iova_close(&space);
}

static void held_addresses_can_all_be_taken_by_limits(void **state)
{
	struct iova_range a, b, c, d;
	struct iova_space space;

	(void)state;
	open_held(&space);
	assert_ok(reserve_at(&space, &a, 2, 8));
	assert_ok(reserve_at(&space, &b, 20, 15));
	assert_null(space.held);
	assert_int_equal(reserve_pages(&space, &c, 5), 35);
	assert_int_equal(reserve_pages(&space, &d, 1), 0);
	iova_release(&space, &a);
	iova_release(&space, &b);
	iova_release(&space, &c);
	iova_close(&space);
}

static void addresses_in_use_are_told_from_holes(void **state)
{
	struct iova_range a, b, c;
	struct iova_space space;

	(void)state;
	assert_ok(iova_open(&space, GRANULE, GRANULE));
	assert_ok(iova_allow(&space, 10 * GRANULE, 20 * GRANULE - 1));
	assert_ok(reserve_at(&space, &a, 14, 2));
	/* The granule 16 is the guard of a, and 13 would be that of a range which ends at 12. */
	assert_err(reserve_at(&space, &b, 16, 1), -EBUSY);
	assert_err(reserve_at(&space, &b, 13, 1), -EBUSY);
	assert_err(reserve_at(&space, &b, 13, 9), -ENOSPC);
	assert_err(reserve_at(&space, &b, 19, 1), -ENOSPC);
	assert_err(reserve_at(&space, &b, 9, 1), -ENOSPC);
	assert_err(reserve_at(&space, &b, UINT64_MAX / GRANULE, 2), -ENOSPC);
	assert_ok(reserve_at(&space, &b, 17, 2));
	assert_ok(reserve_at(&space, &c, 10, 3));
	assert_ptr_equal(iova_overlap(&space, 0, 20 * GRANULE), iova_from(&space, 0));
	assert_ptr_equal(iova_overlap(&space, 13 * GRANULE, 15 * GRANULE), &c);
	iova_release(&space, &c);
	assert_null(iova_overlap(&space, 10 * GRANULE, 14 * GRANULE - 1));
	assert_ptr_equal(iova_overlap(&space, 10 * GRANULE, 14 * GRANULE), &a);
	iova_release(&space, &a);
	iova_release(&space, &b);
	iova_close(&space);
}

static void mask_may_be_any_number(void **state)
{
	struct iova_range a, b;
	struct iova_space space;

	(void)state;
	assert_ok(iova_open(&space, GRANULE, GRANULE));
	assert_ok(iova_allow(&space, 10 * GRANULE, 20 * GRANULE - 1));
	/* The guard may be above the mask. */
	assert_int_equal(reserve_below(&space, &a, 12 * GRANULE - 1, 2), 10);
	assert_int_equal(reserve_below(&space, &b, 13 * GRANULE, 1), 0);
	assert_int_equal(reserve_below(&space, &b, 14 * GRANULE - 2, 1), 0);
	assert_int_equal(reserve_below(&space, &b, 14 * GRANULE - 1, 1), 13);
	iova_release(&space, &a);
	iova_release(&space, &b);
	assert_int_equal(reserve_below(&space, &a, 1, 1), 0);
	iova_close(&space);
}

static void oldest_range_up_to_an_address_is_evicted(void **state)
{
	static const uint64_t firsts[] = { 16, 10, 18, 12 };
	struct iova_range ranges[4];
	struct iova_space space;

	(void)state;
	assert_ok(iova_open(&space, GRANULE, 0));
	assert_ok(iova_allow(&space, 10 * GRANULE, 20 * GRANULE - 1));
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		assert_ok(reserve_at(&space, &ranges[i], firsts[i], 2));
		iova_retire(&space, &ranges[i]);
	}
	assert_null(iova_evict(&space, 10 * GRANULE - 1));
	assert_ptr_equal(iova_evict(&space, 12 * GRANULE), &ranges[1]);
	assert_ptr_equal(iova_evict(&space, 12 * GRANULE), &ranges[3]);
	assert_null(iova_evict(&space, 12 * GRANULE));
	assert_int_equal(space.retired_count, 2);
	assert_int_equal(space.retired_bytes, 4 * GRANULE);
	/* The last one was taken, so the next one follows the one before it. */
	assert_ok(reserve_at(&space, &ranges[1], 10, 2));
	iova_retire(&space, &ranges[1]);
	assert_ptr_equal(iova_evict(&space, UINT64_MAX), &ranges[0]);
	assert_ptr_equal(iova_evict(&space, UINT64_MAX), &ranges[2]);
	assert_ptr_equal(iova_evict(&space, UINT64_MAX), &ranges[1]);
	assert_null(iova_evict(&space, UINT64_MAX));
	iova_close(&space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_take_only_what_they_need_of_held_addresses),
		cmocka_unit_test(forbidden_addresses_are_not_held),
		cmocka_unit_test(held_addresses_can_all_be_taken_by_limits),
		cmocka_unit_test(addresses_in_use_are_told_from_holes),
		cmocka_unit_test(mask_may_be_any_number),
		cmocka_unit_test(oldest_range_up_to_an_address_is_evicted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
