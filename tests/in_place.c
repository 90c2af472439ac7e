// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check boxes in place: objects of whole pages that are mapped from their allocation to
 * their free.
 */
#include <coherent/expose_all.h>
#include <coherent/loan.h>

#include "../src/device/device.h"
#include "pool_test.h"

#define BYTES (2 * PAGE)

COHERENT_BOX_TYPE(byte_box, uint8_t);
COHERENT_TYPE(byte_mem, uint8_t);
COHERENT_LOAN_TYPE(byte_loan, uint8_t);

/* Allocates a box in place and fills it. Returns its memory. */
static uint8_t *make_box(union byte_box *box, uint8_t byte)
{
	assert_ok(coherent_box_zeroed(box, dev, BYTES, .in_place = true));
	assert_true(is_all(coherent_box_ptr(box), 0, BYTES));
	memset(coherent_box_ptr(box), byte, BYTES);
	return coherent_box_ptr(box);
}

static int try(coherent_addr_t address, enum coherent_access access)
{
	uint8_t bytes[64];

	memset(bytes, DIRT, sizeof(bytes));
	return coherent_sim_try_addr(dev, address, bytes, sizeof(bytes), access);
}

/* The device is refused, and the fault names the object. */
static void assert_refused(coherent_addr_t address, enum coherent_access access,
			   enum coherent_state state, const char *text)
{
	struct coherent_fault fault;

	assert_err(try(address, access), -EIO);
	assert_ok(coherent_device_next_fault(dev, &fault));
	assert_int_equal(fault.state, state);
	if (!strstr(fault.text, text) || !strstr(fault.text, "tests/in_place.c:"))
		fail_msg("%s", fault.text);
}

/* --- Phases --- */

static void phases_change_nothing_but_the_state(void **state)
{
	union byte_box box = COHERENT_EMPTY;
	union byte_mem mem = COHERENT_EMPTY;
	struct coherent_stats before, after;
	struct coherent_info info;
	coherent_addr_t address;
	uint8_t *at;

	(void)state;
	at = make_box(&box, 3);
	assert_int_equal(coherent_box_level(&box), COHERENT_HIDDEN);
	assert_ok(coherent_find_ptr(dev, at + PAGE, &info));
	assert_int_equal(info.state, COHERENT_STATE_BOX);
	assert_ok(coherent_device_stats(dev, &before));
	for (unsigned int turn = 0; turn < 3; turn++) {
		assert_ok(coherent_expose(&box, &mem));
		assert_true(coherent_is_empty(&box));
		assert_int_equal(coherent_count(&mem), BYTES);
		assert_ptr_equal((const void *)(uintptr_t)coherent_unsafe_ptr(&mem), at);
		address = coherent_addr(&mem);
		assert_int_equal(address.raw, info.address);
		assert_ok(coherent_find_addr(dev, address.raw, &info));
		assert_int_equal(info.state, COHERENT_STATE_MEM);
		assert_ok(try(address, COHERENT_ACCESS_WRITE));
		assert_err(coherent_reclaim(&mem, &box), -EBUSY);
		assert_int_equal(coherent_addr(&mem).raw, address.raw);
		assert_ok(coherent_reclaim(&mem, &box, .idle = true));
		assert_true(coherent_is_empty(&mem));
		assert_ptr_equal(coherent_box_ptr(&box), at);
		assert_int_equal(coherent_box_count(&box), BYTES);
		assert_true(is_all(at, DIRT, 64) && is_all(at + 64, 3, BYTES - 64));
	}
	assert_true(log_has(&reports, "is in place, so the device can reach it until"));
	assert_ok(coherent_device_stats(dev, &after));
	assert_int_equal(after.allocated, before.allocated);
	assert_int_equal(after.objects, 1);
	assert_int_equal(after.mems, 0);
	assert_int_equal(after.mems_max, 1);
	assert_int_equal(after.mappings, 1);
	assert_ok(try(address, COHERENT_ACCESS_READ));
	coherent_box_free(&box);
	assert_ok(coherent_device_stats(dev, &after));
	assert_int_equal(after.objects + after.mems + after.mappings + after.bytes, 0);
	assert_refused(address, COHERENT_ACCESS_READ, COHERENT_STATE_FREED, "freed");
}

/* The one-step calls put an object in place too, which shows when it is reclaimed. */
static int fill(uint8_t *elements, size_t count, void *arg)
{
	memset(elements, *(int *)arg, count);
	return *(int *)arg < 0 ? *(int *)arg : 0;
}

static void each_allocation_can_be_in_place(void **state)
{
	static uint8_t source[BYTES];
	int byte = 5;

	(void)state;
	memset(source, byte, sizeof(source));
	for (unsigned int way = 0; way < 4; way++) {
		union byte_box box = COHERENT_EMPTY;
		union byte_mem mem = COHERENT_EMPTY;
		coherent_addr_t address;
		const uint8_t *at;

		if (way == 0)
			assert_ok(coherent_zeroed(&mem, dev, BYTES, .in_place = true));
		else if (way == 1)
			assert_ok(coherent_from(&mem, dev, source, BYTES, .in_place = true));
		else if (way == 2)
			assert_ok(coherent_init(&mem, dev, BYTES, fill, &byte, .in_place = true));
		else
			assert_ok(coherent_box_from(&box, dev, source, BYTES, .in_place = true));
		if (way == 3)
			assert_ok(coherent_expose(&box, &mem));
		at = (const uint8_t *)(uintptr_t)coherent_unsafe_ptr(&mem);
		assert_true(is_all(at, way ? 5 : 0, BYTES));
		address = coherent_addr(&mem);
		assert_err(coherent_reclaim(&mem, &box), -EBUSY);
		assert_ok(coherent_reclaim(&mem, &box, .idle = true));
		assert_int_equal(coherent_box_level(&box), COHERENT_HIDDEN);
		assert_ptr_equal(coherent_box_ptr(&box), at);
		assert_ok(coherent_expose(&box, &mem));
		assert_int_equal(coherent_addr(&mem).raw, address.raw);
		coherent_free(&mem);
		assert_refused(address, COHERENT_ACCESS_READ, COHERENT_STATE_FREED, "freed");
	}
}

/* No object gets an address before the quarantine gives it up. No byte of the old object stays. */
static void ended_boxes_go_to_quarantine(void **state)
{
	enum { ROUNDS = 64 };
	uint64_t seen[2 * ROUNDS];
	size_t count = 0;

	(void)state;
	while (count < 2 * ROUNDS) {
		union byte_box box = COHERENT_EMPTY;
		struct coherent_info info;
		uint8_t *at = make_box(&box, DIRT);

		assert_ok(coherent_find_ptr(dev, at, &info));
		coherent_box_free(&box);
		for (size_t i = 0; i < count; i++)
			assert_int_not_equal(seen[i], info.address);
		seen[count++] = info.address;
		/* A plain box gets the pages, and not the address. */
		assert_ok(coherent_box_zeroed(&box, dev, BYTES));
		assert_int_equal(coherent_box_level(&box), COHERENT_IOMMU);
		assert_true(is_all(coherent_box_ptr(&box), 0, BYTES));
		assert_ok(coherent_find_ptr(dev, coherent_box_ptr(&box), &info));
		assert_int_not_equal(seen[count - 1], info.address);
		coherent_box_free(&box);
		seen[count] = 1;
		count++;
	}
}

/* --- Options --- */

static void level_and_place_must_fit(void **state)
{
	union byte_box box = COHERENT_EMPTY;
	union byte_mem mem = COHERENT_EMPTY;

	(void)state;
	assert_err(coherent_box_zeroed(&box, dev, 1, .in_place = true, .level = COHERENT_IOMMU),
		   -EOPNOTSUPP);
	assert_true(log_has(&reports, "with .in_place the device reaches the boxes"));
	assert_err(coherent_zeroed(&mem, dev, 1, .in_place = true, .level = COHERENT_PEER),
		   -EOPNOTSUPP);
	assert_ok(coherent_box_zeroed(&box, dev, 1, .in_place = true, .level = COHERENT_HIDDEN));
	coherent_box_free(&box);
	assert_ok(coherent_box_zeroed(&box, dev, 1, .in_place = true, .level = COHERENT_NONE));
	coherent_box_free(&box);
	assert_int_equal(reports.count, 2);
}

static void permission_is_that_of_the_allocation(void **state)
{
	union byte_box box = COHERENT_EMPTY;
	union byte_mem mem = COHERENT_EMPTY;
	coherent_addr_t address;

	(void)state;
	make_box(&box, 3);
	assert_err(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY), -EINVAL);
	assert_true(log_has(&reports, ".permission is not that of the box in place allocated at"));
	assert_true(coherent_is_empty(&box) && coherent_is_empty(&mem));
	/* A mem that the device may only read becomes a box that it may only read. */
	assert_ok(coherent_zeroed(&mem, dev, BYTES, .in_place = true,
				  .permission = COHERENT_READ_ONLY));
	address = coherent_addr(&mem);
	assert_ok(try(address, COHERENT_ACCESS_READ));
	assert_refused(address, COHERENT_ACCESS_WRITE, COHERENT_STATE_MEM, "read-only");
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_refused(address, COHERENT_ACCESS_WRITE, COHERENT_STATE_BOX, "read-only");
	assert_ok(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY));
	assert_refused(address, COHERENT_ACCESS_WRITE, COHERENT_STATE_MEM, "read-only");
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	log_clear(&reports);
	assert_err(coherent_expose(&box, &mem), -EINVAL);
	assert_true(log_has(&reports, "coherent_init() map with .permission"));
	assert_true(coherent_is_empty(&box) && coherent_is_empty(&mem));
}

/* The simulator has an IOMMU, so the test says that it has not. */
static void place_means_nothing_without_protection(void **state)
{
	const enum coherent_level real = dev->backend->level;
	union byte_box box = COHERENT_EMPTY;
	union byte_mem mem = COHERENT_EMPTY;
	coherent_addr_t address;

	(void)state;
	for (enum coherent_level level = COHERENT_NONE; level <= COHERENT_HIDDEN; level++) {
		dev->backend->level = level;
		assert_ok(coherent_box_zeroed(&box, dev, 1, .in_place = true,
					      .level = COHERENT_NONE));
		assert_int_equal(coherent_box_level(&box), level);
		assert_ok(coherent_expose(&box, &mem));
		address = coherent_addr(&mem);
		assert_ok(coherent_reclaim(&mem, &box));
		assert_ok(coherent_expose(&box, &mem));
		assert_int_not_equal(coherent_addr(&mem).raw, address.raw);
		coherent_free(&mem);
	}
	dev->backend->level = real;
	assert_int_equal(reports.count, 0);
}

/* --- Failures --- */

static int write_address(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	assert_int_equal(count, BYTES);
	memcpy(elements, &address.raw, sizeof(address.raw));
	return *(int *)arg;
}

static void seals_keep_their_meaning(void **state)
{
	union byte_box box = COHERENT_EMPTY;
	union byte_mem mem = COHERENT_EMPTY;
	coherent_addr_t address = { 0 };
	int result = 0;
	uint64_t first;
	uint8_t *at;

	(void)state;
	at = make_box(&box, 3);
	assert_ok(coherent_expose(&box, &mem, .seal = write_address, .seal_arg = &result));
	memcpy(&first, at, sizeof(first));
	assert_int_equal(first, coherent_addr(&mem).raw);
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_err(coherent_expose(&box, &mem, .seal = seal_fails, .seal_arg = &address),
		   -ECANCELED);
	assert_int_equal(address.raw, first);
	assert_true(coherent_is_empty(&box) && coherent_is_empty(&mem));
	assert_refused(address, COHERENT_ACCESS_READ, COHERENT_STATE_FREED, "freed");
	/* An initialiser that fails leaves nothing reachable, too. */
	result = -EDOM;
	assert_err(coherent_init(&mem, dev, BYTES, fill, &result, .in_place = true), -EDOM);
	assert_true(coherent_is_empty(&mem));
}

static struct coherent_device *open_other(const char *name)
{
	struct coherent_device *other;

	reports = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(&other, name, .report = log_report, .report_arg = &reports));
	return other;
}

static void failed_mapping_leaves_no_box(void **state)
{
	struct coherent_device *other = open_other("sim:edu,step,mask=40,maps=1");
	union byte_box box = COHERENT_EMPTY, more = COHERENT_EMPTY;
	union byte_mem mem = COHERENT_EMPTY;
	struct coherent_stats stats;

	(void)state;
	assert_ok(coherent_box_zeroed(&box, other, 1, .in_place = true));
	assert_err(coherent_box_zeroed(&more, other, 1, .in_place = true), -ENOSPC);
	assert_true(log_has(&reports, "all 1 mappings are in use"));
	assert_err(coherent_zeroed(&mem, other, 1, .in_place = true,
				   .attrs = COHERENT_ATTR_NO_WARN),
		   -ENOSPC);
	assert_true(coherent_is_empty(&more) && coherent_is_empty(&mem));
	assert_int_equal(reports.count, 1);
	assert_ok(coherent_device_stats(other, &stats));
	assert_int_equal(stats.objects, 1);
	/* The phases need no other mapping. */
	assert_ok(coherent_expose(&box, &mem));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	coherent_box_free(&box);
	assert_ok(coherent_box_zeroed(&box, other, 1, .in_place = true));
	coherent_box_free(&box);
	coherent_device_close(other);
}

/* If the free of a box cannot unmap it, nobody gets its memory or its address. */
static void failed_unmapping_leaks_the_box(void **state)
{
	struct coherent_device *other = open_other("sim:edu,step,mask=40,fail-unmap=1");
	union byte_box box = COHERENT_EMPTY;
	struct coherent_stats stats;
	struct coherent_info info;
	const uint8_t *at;

	(void)state;
	assert_ok(coherent_box_zeroed(&box, other, 1, .in_place = true));
	at = coherent_box_ptr(&box);
	assert_ok(coherent_find_ptr(other, at, &info));
	coherent_box_free(&box);
	assert_true(log_has(&reports, "are leaked, because they could not be unmapped"));
	assert_ok(coherent_device_stats(other, &stats));
	assert_int_equal(stats.objects, 1);
	assert_int_equal(stats.mems, 1);
	assert_int_equal(stats.mems_max, 1);
	assert_int_equal(stats.mappings, 1);
	assert_ok(coherent_box_zeroed(&box, other, 1, .in_place = true));
	assert_ptr_not_equal(coherent_box_ptr(&box), at);
	coherent_box_free(&box);
	coherent_device_close(other);
}

/* Where no unmap is a fence, an ended box waits for the fence, as a mem does. */
static void lazy_unmapping_delays_the_end(void **state)
{
	struct coherent_device *other = open_other("sim:edu,step,mask=40,lazy");
	union byte_box box = COHERENT_EMPTY;
	struct coherent_stats stats;

	(void)state;
	assert_ok(coherent_box_zeroed(&box, other, 1, .in_place = true));
	coherent_box_free(&box);
	assert_ok(coherent_device_stats(other, &stats));
	assert_int_equal(stats.waiting, 1);
	assert_ok(coherent_device_fence(other));
	assert_ok(coherent_device_stats(other, &stats));
	assert_int_equal(stats.waiting + stats.objects, 0);
	coherent_device_close(other);
}

static void box_may_outlive_its_device(void **state)
{
	struct coherent_device *other = open_other("sim:edu,step,mask=40");
	union byte_box box = COHERENT_EMPTY, second = COHERENT_EMPTY;
	union byte_mem mem = COHERENT_EMPTY;

	(void)state;
	assert_ok(coherent_box_zeroed(&box, other, BYTES, .in_place = true));
	assert_ok(coherent_box_zeroed(&second, other, BYTES, .in_place = true));
	assert_ok(coherent_expose(&second, &mem));
	assert_ok(coherent_box_zeroed(&second, other, BYTES, .in_place = true));
	coherent_device_close(other);
	assert_true(log_has(&reports, "a box of 8192 bytes allocated at"));
	memset(coherent_box_ptr(&box), 1, BYTES);
	assert_err(coherent_expose(&box, &mem), -EBUSY);
	assert_err(coherent_reclaim(&mem, &box, .idle = true), -ENODEV);
	coherent_free(&mem);
	assert_err(coherent_expose(&second, &mem), -ENODEV);
	assert_err(coherent_box_zeroed(&box, NULL, 1, .in_place = true), -ENODEV);
}

/* --- Other calls --- */

static void expose_all_takes_boxes_in_place(void **state)
{
	union byte_box box = COHERENT_EMPTY, plain = COHERENT_EMPTY;
	union byte_mem mem = COHERENT_EMPTY, other = COHERENT_EMPTY;
	coherent_addr_t address = { 0 };

	(void)state;
	make_box(&box, 3);
	assert_ok(coherent_box_zeroed(&plain, dev, 1));
	assert_ok(coherent_expose_all(COHERENT_EXPOSURE(&box, &mem),
				      COHERENT_EXPOSURE(&plain, &other)));
	assert_ok(try(coherent_addr(&mem), COHERENT_ACCESS_READ));
	address = coherent_addr(&mem);
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	coherent_free(&other);
	/* The second box is refused, so the first one ends. */
	assert_ok(coherent_box_zeroed(&plain, dev, 1, .in_place = true));
	assert_err(coherent_expose_all(COHERENT_EXPOSURE(&box, &mem),
				       COHERENT_EXPOSURE(&plain, &other,
							 .permission = COHERENT_READ_ONLY)),
		   -EINVAL);
	assert_true(coherent_is_empty(&box) && coherent_is_empty(&plain));
	assert_true(coherent_is_empty(&mem) && coherent_is_empty(&other));
	assert_refused(address, COHERENT_ACCESS_READ, COHERENT_STATE_FREED, "freed");
}

/* The simulator lends copies of other boxes. */
static void box_is_lent_where_it_is(void **state)
{
	union byte_box box = COHERENT_EMPTY;
	union byte_mem mem = COHERENT_EMPTY;
	union byte_loan loan = COHERENT_EMPTY;
	uint8_t *at;

	(void)state;
	at = make_box(&box, 3);
	assert_ok(coherent_lend(&box, &loan, COHERENT_TO_DEVICE));
	assert_int_equal(coherent_loan_level(&loan), COHERENT_HIDDEN);
	assert_true(is_all(at, 3, BYTES));
	assert_ok(try(coherent_loan_addr(&loan), COHERENT_ACCESS_WRITE));
	assert_err(coherent_take(&loan, &box), -EBUSY);
	assert_ok(coherent_take(&loan, &box, .idle = true));
	assert_ptr_equal(coherent_box_ptr(&box), at);
	assert_true(is_all(at, DIRT, 64));
	coherent_box_free(&box);
	assert_ok(
		coherent_zeroed(&mem, dev, 1, .in_place = true, .permission = COHERENT_READ_ONLY));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_ok(coherent_lend(&box, &loan, COHERENT_TO_DEVICE));
	assert_err(try(coherent_loan_addr(&loan), COHERENT_ACCESS_WRITE), -EIO);
	assert_ok(coherent_take(&loan, &box, .idle = true));
	assert_err(coherent_lend(&box, &loan, COHERENT_BOTH_WAYS), -EINVAL);
	assert_true(log_has(&reports, "the box in place is read-only"));
	assert_true(coherent_is_empty(&box) && coherent_is_empty(&loan));
}

/* Each thread changes the state of its own boxes. Lookups and faults look at them meanwhile. */
static void *use_boxes(void *arg)
{
	(void)arg;
	for (unsigned int turn = 0; turn < 50; turn++) {
		union byte_box box = COHERENT_EMPTY;
		union byte_mem mem = COHERENT_EMPTY;
		coherent_addr_t address;

		make_box(&box, 1);
		for (unsigned int i = 0; i < 5; i++) {
			assert_ok(coherent_expose(&box, &mem));
			address = coherent_addr(&mem);
			assert_ok(try(address, COHERENT_ACCESS_WRITE));
			assert_ok(coherent_reclaim(&mem, &box, .idle = true));
		}
		coherent_box_free(&box);
		assert_err(try(address, COHERENT_ACCESS_READ), -EIO);
	}
	return NULL;
}

static void threads_have_boxes_of_their_own(void **state)
{
	struct coherent_info info;
	pthread_t threads[3];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_ok(pthread_create(&threads[i], NULL, use_boxes, NULL));
	/* The boxes are at the lowest addresses. */
	for (uint64_t at = PAGE; at < 1000 * PAGE; at += PAGE)
		(void)!coherent_find_addr(dev, at, &info);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_ok(pthread_join(threads[i], NULL));
}

/* A driver that gives its device a wrong address is found with the key "exact". */
static void exact_device_finds_wrong_addresses(void **state)
{
	struct coherent_device *usual = dev;
	union byte_box box = COHERENT_EMPTY;
	union byte_mem mem = COHERENT_EMPTY;
	coherent_addr_t address;

	(void)state;
	dev = open_other("sim:edu,step,mask=40,exact");
	make_box(&box, 3);
	assert_ok(coherent_expose(&box, &mem));
	address = coherent_addr(&mem);
	assert_ok(try(address, COHERENT_ACCESS_WRITE));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_refused(address, COHERENT_ACCESS_WRITE, COHERENT_STATE_BOX,
		       "box in place, not exposed yet");
	coherent_box_free(&box);
	coherent_device_close(dev);
	dev = usual;
}

/* The phases change the state of the box only, so they do not ask the device. */
static void phases_go_on_without_the_device(void **state)
{
	struct coherent_device *const usual = dev;
	union byte_box box = COHERENT_EMPTY;
	union byte_mem mem = COHERENT_EMPTY;
	struct coherent_bar *bar;

	(void)state;
	dev = open_other("sim:edu,step,unplug=1");
	make_box(&box, 3);
	assert_ok(coherent_bar_open(&bar, dev, 0));
	(void)coherent_bar_read32(bar, 0);
	assert_err(coherent_zeroed(&mem, dev, 1), -ENODEV);
	assert_ok(coherent_expose(&box, &mem));
	assert_err(try(coherent_addr(&mem), COHERENT_ACCESS_READ), -EIO);
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_true(is_all(coherent_box_ptr(&box), 3, BYTES));
	coherent_box_free(&box);
	coherent_bar_close(bar);
	coherent_device_close(dev);
	dev = usual;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DEVICE(phases_change_nothing_but_the_state),
		ON_DEVICE(each_allocation_can_be_in_place),
		ON_DEVICE(ended_boxes_go_to_quarantine),
		ON_DEVICE(level_and_place_must_fit),
		ON_DEVICE(permission_is_that_of_the_allocation),
		ON_DEVICE(place_means_nothing_without_protection),
		ON_DEVICE(seals_keep_their_meaning),
		ON_DEVICE(failed_mapping_leaves_no_box),
		ON_DEVICE(failed_unmapping_leaks_the_box),
		ON_DEVICE(lazy_unmapping_delays_the_end),
		ON_DEVICE(box_may_outlive_its_device),
		ON_DEVICE(expose_all_takes_boxes_in_place),
		ON_DEVICE(box_is_lent_where_it_is),
		ON_DEVICE(threads_have_boxes_of_their_own),
		ON_DEVICE(exact_device_finds_wrong_addresses),
		ON_DEVICE(phases_go_on_without_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
