// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A device may have a past: if nothing has reset it, it may still execute what its last owner told
 * it. These tests check what the library does about that when it opens the device.
 */
#include "vfio_test.h"

static const char warning[] = BDF " has no reset of its own";

/* Returns the address of the first object of an open device. */
static uint64_t first_address(struct coherent_device *dev)
{
	COHERENT_AUTO(uint8_t, mem);

	assert_ok(coherent_zeroed(&mem, dev, 1));
	return coherent_addr(&mem).raw;
}

static uint64_t first_address_of_a_life(const char *scheme, uint64_t random, uint64_t mask)
{
	struct fixture *fixture;
	uint64_t address;

	mock.random = random;
	fixture = open_fixture(scheme);
	assert_ok(coherent_device_set_mask(fixture->dev, mask));
	address = first_address(fixture->dev);
	assert_int_equal(log_has(&fixture->log, warning), !mock.can_reset);
	close_fixture(fixture);
	return address;
}

static void life_without_a_reset_begins_at_a_random_page(const char *scheme)
{
	const uint64_t pages = (UINT64_C(1) << 28) / PAGE - 1;

	mock.can_reset = false;
	assert_int_equal(first_address_of_a_life(scheme, 0, coherent_mask(28)), PAGE);
	assert_int_equal(first_address_of_a_life(scheme, 4711, coherent_mask(28)), 4712 * PAGE);
	assert_int_equal(first_address_of_a_life(scheme, pages + 7, coherent_mask(28)), 8 * PAGE);
	/* Page pages - 1 is the last. An object and its guard do not fit there. */
	assert_int_equal(first_address_of_a_life(scheme, pages - 2, coherent_mask(28)),
			 (pages - 1) * PAGE);
	assert_int_equal(first_address_of_a_life(scheme, pages - 1, coherent_mask(28)), PAGE);
	/* The hole is not counted, so the first page behind it comes after the last one before it. */
	assert_int_equal(first_address_of_a_life(scheme, mock.hole[0] / PAGE - 3, UINT64_MAX),
			 mock.hole[0] - 2 * PAGE);
	assert_int_equal(first_address_of_a_life(scheme, mock.hole[0] / PAGE - 1, UINT64_MAX),
			 mock.hole[1] + 1);
}

static void life_after_a_reset_begins_at_the_lowest_page(const char *scheme)
{
	assert_int_equal(first_address_of_a_life(scheme, 4711, coherent_mask(28)), PAGE);
}

/* The mask is set when nothing is allocated, so all addresses of a life follow each other. */
static void addresses_of_a_life_are_used_up_in_order(const char *scheme)
{
	COHERENT(uint8_t) mems[8] = { COHERENT_EMPTY };
	static const uint64_t pages[] = { 9, 11, 13, 1, 3, 5, 7 };
	struct fixture *fixture;

	mock.can_reset = false;
	mock.random = 8;
	fixture = open_fixture(scheme);
	assert_ok(coherent_device_set_mask(fixture->dev, coherent_mask(16)));
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		assert_ok(coherent_zeroed(&mems[i], fixture->dev, 1));
		assert_int_equal(coherent_addr(&mems[i]).raw, pages[i] * PAGE);
	}
	assert_err(coherent_zeroed(&mems[7], fixture->dev, 1), -ENOSPC);
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	close_fixture(fixture);
}

static void kernel_without_random_numbers_is_no_error(const char *scheme)
{
	uint64_t addresses[4];
	bool differ = false;

	mock.can_reset = false;
	mock.no_random = true;
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		addresses[i] = first_address_of_a_life(scheme, 0, UINT64_MAX);
	for (size_t i = 1; i < ARRAY_SIZE(addresses); i++)
		differ = differ || addresses[i] != addresses[0];
	assert_true(differ);
}

static const struct CMUnitTest tests[] = {
	EACH(life_without_a_reset_begins_at_a_random_page),
	EACH(life_after_a_reset_begins_at_the_lowest_page),
	EACH(addresses_of_a_life_are_used_up_in_order),
	EACH(kernel_without_random_numbers_is_no_error),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
