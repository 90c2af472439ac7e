// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests allocate objects with every option, pass outputs that are in use, and let
 * addresses run out and become free again.
 */
#include <limits.h>

#include "../src/device/device.h"
#include "test.h"

static void output_in_use_is_refused_and_kept(void **state)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_handle handle = COHERENT_EMPTY;
	struct coherent_device *dev;
	coherent_addr_t address;
	uint8_t byte = 1;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_ok(coherent_box_zeroed(&box, dev, 1));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_ok(coherent_handle_zeroed(&handle, dev, 1));
	coherent_box_ptr(&box)[0] = 5;
	address = coherent_addr(&mem);
	assert_err(coherent_box_zeroed(&box, dev, 1), -EBUSY);
	assert_err(coherent_box_from(&box, dev, &byte, 1), -EBUSY);
	assert_err(coherent_zeroed(&mem, dev, 1), -EBUSY);
	assert_err(coherent_from(&mem, dev, &byte, 1), -EBUSY);
	assert_err(coherent_handle_zeroed(&handle, dev, 1), -EBUSY);
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	/* The library checks the arguments first. */
	assert_err(coherent_box_zeroed(&box, dev, 0), -EINVAL);
	assert_err(coherent_zeroed(&mem, dev, 0), -EINVAL);
	assert_err(coherent_zeroed(&mem, dev, 1, .permission = (enum coherent_permission)9),
		   -EINVAL);
	assert_int_equal(coherent_box_ptr(&box)[0], 5);
	assert_int_equal(coherent_addr(&mem).raw, address.raw);
	assert_int_equal(coherent_handle_size(&handle), 1);
	coherent_box_free(&box);
	coherent_box_free(&box);
	coherent_free(&mem);
	coherent_handle_free(&handle);
	coherent_handle_free(&handle);
	coherent_device_close(dev);
}

/* A driver must not copy an object. If it does, the copy of an object that ended does no harm. */
static void stale_copy_does_nothing(void **state)
{
	COHERENT_BOX_TYPE(any_box, uint8_t) box = COHERENT_EMPTY, box_copy;
	COHERENT_TYPE(any_mem, uint8_t) mem = COHERENT_EMPTY, mem_copy;
	struct coherent_device *dev;
	struct coherent_stats stats;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_ok(coherent_box_zeroed(&box, dev, 1));
	memcpy(&box_copy, &box, sizeof(box));
	assert_ok(coherent_expose(&box, &mem));
	coherent_box_free(&box_copy);
	memcpy(&mem_copy, &mem, sizeof(mem));
	assert_ok(coherent_reclaim(&mem, &box));
	assert_err(coherent_reclaim(&mem_copy, &box_copy), -EINVAL);
	assert_true(coherent_is_empty(&box_copy));
	coherent_free(&mem_copy);
	assert_true(coherent_is_empty(&mem_copy));
	memcpy(&box_copy, &box, sizeof(box));
	coherent_box_free(&box);
	coherent_box_free(&box_copy);
	assert_ok(coherent_zeroed(&mem, dev, 1));
	memcpy(&mem_copy, &mem, sizeof(mem));
	coherent_free(&mem);
	coherent_free(&mem_copy);
	assert_ok(coherent_device_stats(dev, &stats));
	assert_int_equal(stats.objects, 0);
	assert_int_equal(stats.mems, 0);
	coherent_device_close(dev);
}

static void null_source_is_refused(void **state)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;
	const uint8_t *none = NULL;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_err(coherent_box_from(&box, dev, none, 1), -EINVAL);
	assert_err(coherent_from(&mem, dev, none, 1), -EINVAL);
	assert_err(coherent_box_from(&box, dev, (const uint8_t *)"x", 0), -EINVAL);
	coherent_device_close(dev);
}

static void quarantine_delays_reuse_until_addresses_run_out(void **state)
{
	enum { SPACE_PAGES = 1 << 12, FIRST = 64 };
	COHERENT(uint8_t) mem = COHERENT_EMPTY, big = COHERENT_EMPTY;
	struct coherent_device *dev;
	uint64_t seen[FIRST];

	(void)state;
	/* The device has 16 MiB of addresses, and each object takes two pages of them. */
	assert_ok(coherent_device_open(&dev, "sim:edu,mask=24"));
	for (size_t i = 0; i < FIRST; i++) {
		assert_ok(coherent_zeroed(&mem, dev, 1));
		seen[i] = coherent_addr(&mem).raw;
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(seen[k], seen[i]);
		coherent_free(&mem);
	}
	/* The quarantine keeps an eighth of all addresses. Above that the oldest are reused first. */
	for (size_t i = FIRST; i < SPACE_PAGES / 8 / 2; i++) {
		assert_ok(coherent_zeroed(&mem, dev, 1));
		coherent_free(&mem);
	}
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_int_equal(coherent_addr(&mem).raw, seen[0]);
	/* The library empties the quarantine if no other addresses are left. */
	assert_ok(coherent_zeroed(&big, dev, (SPACE_PAGES - 8) * (size_t)PAGE));
	coherent_free(&big);
	coherent_free(&mem);
	coherent_device_close(dev);
}

enum { MIB = 1 << 20 };

/* An IOMMU uses a large entry only if the device address is a multiple of the hugepage as well. */
static void address_is_aligned_as_its_hugepages(void **state)
{
	static const size_t sizes[] = { 2 * MIB, 3 * MIB + 5, 2 * MIB, 4 * MIB, 7 * MIB };
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_device *dev;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step,mask=40", .hugepages = true));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		COHERENT_AUTO(uint8_t, small);
		COHERENT_AUTO(uint8_t, mem);

		assert_ok(coherent_zeroed(&small, dev, 2 * MIB - PAGE));
		assert_ok(coherent_zeroed(&mem, dev, sizes[i]));
		assert_int_equal(coherent_addr(&mem).raw % (2 * MIB), 0);
		/* The record of a reclaimed mem gets another address, which is aligned too. */
		assert_ok(coherent_reclaim(&mem, &box));
		assert_ok(coherent_expose(&box, &mem));
		assert_int_equal(coherent_addr(&mem).raw % (2 * MIB), 0);
	}
	coherent_device_close(dev);
}

/* Returns how many objects of 2 MiB the 16 MiB of addresses of a device hold. */
static unsigned int objects_that_fit(bool hugepages)
{
	COHERENT_BOX(uint8_t) boxes[8] = { COHERENT_EMPTY };
	struct coherent_device *dev;
	unsigned int fit = 0;

	assert_ok(coherent_device_open(&dev, "sim:edu,step,mask=24", .hugepages = hugepages));
	while (!coherent_box_zeroed(&boxes[fit], dev, 2 * MIB, .attrs = COHERENT_ATTR_NO_WARN))
		fit++;
	for (unsigned int i = 0; i < fit; i++)
		coherent_box_free(&boxes[i]);
	coherent_device_close(dev);
	return fit;
}

static void alignment_wastes_few_addresses(void **state)
{
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_BOX_AUTO(uint8_t, box);

	(void)state;
	assert_int_equal(objects_that_fit(false), 7);
	assert_int_equal(objects_that_fit(true), 7);
	/* The guards of aligned objects take half of the addresses, so there must be many. */
	assert_ok(coherent_device_open(&dev, "sim:edu,step,mask=38", .hugepages = true));
	assert_ok(coherent_box_zeroed(&box, dev, 2 * MIB));
	assert_int_equal(box.base.object->address.first, PAGE);
}

/* Reserves so much that the lowest gap has only so many bytes, at its end. */
static void fill_space(struct iova_space *space, struct iova_range filled[2], uint64_t left)
{
	struct iova_want want = { .align = PAGE };

	for (unsigned int i = 0; i < 2; i++) {
		struct iova_range *next = iova_from(space, i ? UINT32_MAX : 3 * PAGE);

		want.bytes = next->gap - PAGE - (i ? 0 : left);
		assert_ok(iova_reserve(space, &want, &filled[i]));
	}
}

/* The quarantine protects, and an alignment only saves time. */
static void alignment_ends_no_quarantine(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct iova_range filled[2];
	struct coherent_device *dev;
	struct coherent_stats stats;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step,mask=40", .hugepages = true));
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	coherent_free(&mem);
	/* The addresses below 0xfee00000 are left. The guard of an aligned object does not fit. */
	fill_space(&dev->store.space, filled, 3 * MIB);
	assert_ok(coherent_zeroed(&mem, dev, 2 * MIB));
	assert_int_not_equal(coherent_addr(&mem).raw % (2 * MIB), 0);
	assert_ok(coherent_device_stats(dev, &stats));
	assert_int_equal(stats.quarantined, 1);
	coherent_free(&mem);
	for (unsigned int i = 0; i < 2; i++)
		iova_release(&dev->store.space, &filled[i]);
	coherent_device_close(dev);
}

static void many_objects_keep_their_contents(void **state)
{
	enum { COUNT = 3000 };
	COHERENT(uint8_t) *mems = calloc(COUNT, sizeof(*mems));
	struct coherent_device *dev;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,mask=48"));
	for (unsigned int turn = 0; turn < 3; turn++) {
		for (size_t i = 0; i < COUNT; i++) {
			assert_ok(coherent_zeroed(&mems[i], dev, 1 + i * 7 % 20000));
			assert_ok(coherent_write(&mems[i], i * 7 % 20000, (uint8_t)i));
		}
		for (size_t i = 0; i < COUNT; i++) {
			const size_t k = (i * 1021 + turn) % COUNT;
			uint8_t byte;

			assert_ok(coherent_read(&mems[k], k * 7 % 20000, &byte));
			assert_int_equal(byte, (uint8_t)k);
			coherent_free(&mems[k]);
		}
	}
	coherent_device_close(dev);
	free(mems);
}

static int never_fills(uint8_t *elements, size_t count, void *arg)
{
	(void)elements;
	(void)count;
	*(bool *)arg = true;
	return 0;
}

static void init_into_a_mem_in_use_does_not_run_the_initialiser(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;
	coherent_addr_t address;
	bool called = false;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	address = coherent_addr(&mem);
	assert_err(coherent_init(&mem, dev, 1, never_fills, &called), -EBUSY);
	assert_false(called);
	assert_int_equal(coherent_addr(&mem).raw, address.raw);
	coherent_free(&mem);
	coherent_device_close(dev);
}

static int returns_five(uint8_t *elements, size_t count, void *arg)
{
	(void)elements;
	(void)count;
	(void)arg;
	return 5;
}

static int seals_with_five(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	(void)elements;
	(void)count;
	(void)address;
	(void)arg;
	return 5;
}

static int fills_with_five(uint8_t *element, void *arg)
{
	*element = 5;
	return *(int *)arg;
}

static void positive_results_of_callbacks_are_refused(void **state)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	int results[] = { 5, INT_MAX, 1 }, zero = 0;
	struct coherent_device *dev;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_err(coherent_init(&mem, dev, 1, returns_five, NULL), -EINVAL);
	assert_err(coherent_zeroed(&mem, dev, 1, .seal = seals_with_five), -EINVAL);
	assert_true(coherent_is_empty(&mem));
	/* A box stays usable. The element keeps what the initialiser wrote. */
	assert_ok(coherent_box_zeroed(&box, dev, 4));
	for (size_t i = 0; i < ARRAY_SIZE(results); i++)
		assert_err(coherent_box_init_at(&box, i, fills_with_five, &results[i]), -EINVAL);
	assert_memory_equal(coherent_box_ptr(&box), "\5\5\5", 4);
	assert_ok(coherent_box_init_at(&box, 3, fills_with_five, &zero));
	coherent_box_free(&box);
	coherent_device_close(dev);
}

/* These calls would report a mistake to the device of the object, but garbage does not have one. */
static void call_follows_no_pointer_of_garbage(void **state)
{
	static _Alignas(16) uint8_t frame[256];
	COHERENT_BOX(uint8_t) some = COHERENT_EMPTY;
	COHERENT(uint8_t) shared = COHERENT_EMPTY, none = COHERENT_EMPTY;
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_ok(coherent_box_zeroed(&box, dev, 1));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	memset(frame, 0x5a, sizeof(frame));
	some.base = (struct coherent_box){ (char *)frame, 1, (void *)frame };
	shared.base = (struct coherent_mem){ (char *)frame, 1, 5, (void *)frame };
	assert_err(coherent_box_init_at(&some, 1, fills_with_five, NULL), -EINVAL);
	coherent_move(&some, &box);
	coherent_move(&shared, &mem);
	assert_ptr_equal(coherent_box_ptr(&some), frame);
	assert_err(coherent_expose_all(COHERENT_EXPOSURE(&some, &none)), -EINVAL);
	assert_true(coherent_is_empty(&some) && coherent_is_empty(&none));
}

static void unknown_level_is_invalid(void **state)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_device *dev;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_err(coherent_box_zeroed(&box, dev, 1, .level = (enum coherent_level)5), -EINVAL);
	coherent_device_close(dev);
}

static void boundary_may_be_as_small_as_the_object(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_ok(coherent_zeroed(&mem, dev, 64, .boundary = 64));
	coherent_free(&mem);
	assert_ok(coherent_zeroed(&mem, dev, 4 * PAGE, .boundary = 4 * PAGE));
	assert_int_equal(coherent_addr(&mem).raw % (4 * PAGE), 0);
	coherent_free(&mem);
	coherent_device_close(dev);
}

static void reclaimed_box_keeps_its_boundary(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, odd = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_device *dev;
	uint64_t first;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_ok(coherent_zeroed(&mem, dev, 3 * PAGE, .boundary = 4 * PAGE));
	for (unsigned int turn = 0; turn < 16; turn++) {
		/* This object takes one or two pages and a guard, so that the next free address moves. */
		assert_ok(coherent_zeroed(&odd, dev, 1 + turn % 2 * PAGE));
		coherent_free(&odd);
		assert_ok(coherent_reclaim(&mem, &box));
		assert_ok(coherent_expose(&box, &mem));
		first = coherent_addr(&mem).raw;
		assert_int_equal(first / (4 * PAGE), (first + 3 * PAGE - 1) / (4 * PAGE));
	}
	coherent_free(&mem);
	coherent_device_close(dev);
}

static void handle_takes_every_option(void **state)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;
	uint8_t byte = 1;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_err(coherent_handle_zeroed(&handle, dev, 1, .attrs = COHERENT_ATTR_WRITE_COMBINE),
		   -EOPNOTSUPP);
	assert_err(coherent_handle_zeroed(&handle, dev, 1, .align = 3), -EINVAL);
	assert_err(coherent_handle_zeroed(&handle, dev, 65, .boundary = 64), -EINVAL);
	assert_err(coherent_handle_zeroed(&handle, dev, 1, .level = (enum coherent_level)5),
		   -EINVAL);
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_ok(coherent_handle_zeroed(&handle, dev, 1, .align = 1 << 20,
					 .permission = COHERENT_READ_ONLY));
	assert_int_equal(coherent_handle_addr(&handle).raw % (1 << 20), 0);
	assert_err(coherent_sim_try_addr(dev, coherent_handle_addr(&handle), &byte, 1,
					 COHERENT_ACCESS_WRITE),
		   -EIO);
	assert_ok(coherent_sim_try_addr(dev, coherent_handle_addr(&handle), &byte, 1,
					COHERENT_ACCESS_READ));
	/* A handle has no pointer, but it is not empty. */
	assert_null(handle.base.va);
	assert_false(coherent_is_empty(&handle));
	/* The library checks the arguments first. */
	assert_err(coherent_handle_zeroed(&handle, dev, 0), -EINVAL);
	assert_err(coherent_handle_zeroed(&handle, dev, 1), -EBUSY);
	coherent_handle_free(&handle);
	assert_true(coherent_is_empty(&handle));
	coherent_free(&mem);
	coherent_device_close(dev);
}

static void failed_mapping_is_reported_unless_no_warn(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct log log = LOG_EMPTY;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,fail-map=1", .report = log_report,
				       .report_arg = &log));
	assert_err(coherent_zeroed(&mem, dev, 1), -EIO);
	assert_true(log_has(&log, "could not be mapped"));
	assert_true(log_has(&log, "warning: sim:edu"));
	coherent_device_close(dev);

	log = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(&dev, "sim:edu,fail-map=1", .report = log_report,
				       .report_arg = &log));
	assert_err(coherent_zeroed(&mem, dev, 1, .attrs = COHERENT_ATTR_NO_WARN), -EIO);
	coherent_device_close(dev);
	/* The attribute also holds for an exposure that follows a reclaim. */
	assert_ok(coherent_device_open(&dev, "sim:edu,fail-map=2", .report = log_report,
				       .report_arg = &log));
	assert_ok(coherent_zeroed(&mem, dev, 1, .attrs = COHERENT_ATTR_NO_WARN));
	assert_ok(coherent_reclaim(&mem, &box));
	assert_err(coherent_expose(&box, &mem), -EIO);
	coherent_device_close(dev);
	assert_int_equal(log.count, 0);
}

/* A reclaim moves an object to another record, which is not another object. */
static void reclaimed_object_is_counted_once(void **state)
{
	COHERENT_DEVICE_AUTO(strict);
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	struct coherent_stats stats;

	(void)state;
	assert_ok(coherent_device_open(&strict, "sim:edu,step"));
	assert_ok(coherent_zeroed(&mem, strict, 2 * PAGE));
	for (unsigned int turn = 0; turn < 3; turn++) {
		assert_ok(coherent_reclaim(&mem, &box));
		assert_ok(coherent_expose(&box, &mem));
	}
	assert_ok(coherent_device_stats(strict, &stats));
	assert_int_equal(stats.allocated, 1);
	assert_int_equal(stats.objects, 1);
	assert_int_equal(stats.objects_max, 1);
	assert_int_equal(stats.bytes, 2 * PAGE);
	assert_int_equal(stats.bytes_max, 2 * PAGE);
}

/* Its memory and that of the box exist both until a fence. */
static void reclaimed_object_that_waits_is_counted(void **state)
{
	COHERENT_DEVICE_AUTO(lazy);
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	struct coherent_stats stats;

	(void)state;
	assert_ok(coherent_device_open(&lazy, "sim:edu,step,lazy"));
	assert_ok(coherent_zeroed(&mem, lazy, 1));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_ok(coherent_device_stats(lazy, &stats));
	assert_int_equal(stats.allocated, 1);
	assert_int_equal(stats.objects_max, 2);
	assert_int_equal(stats.bytes_max, 2 * PAGE);
	assert_ok(coherent_device_fence(lazy));
	assert_ok(coherent_device_stats(lazy, &stats));
	assert_int_equal(stats.objects, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_in_use_is_refused_and_kept),
		cmocka_unit_test(stale_copy_does_nothing),
		cmocka_unit_test(null_source_is_refused),
		cmocka_unit_test(quarantine_delays_reuse_until_addresses_run_out),
		cmocka_unit_test(address_is_aligned_as_its_hugepages),
		cmocka_unit_test(alignment_wastes_few_addresses),
		cmocka_unit_test(alignment_ends_no_quarantine),
		cmocka_unit_test(many_objects_keep_their_contents),
		cmocka_unit_test(init_into_a_mem_in_use_does_not_run_the_initialiser),
		cmocka_unit_test(positive_results_of_callbacks_are_refused),
		cmocka_unit_test(call_follows_no_pointer_of_garbage),
		cmocka_unit_test(unknown_level_is_invalid),
		cmocka_unit_test(boundary_may_be_as_small_as_the_object),
		cmocka_unit_test(reclaimed_box_keeps_its_boundary),
		cmocka_unit_test(handle_takes_every_option),
		cmocka_unit_test(failed_mapping_is_reported_unless_no_warn),
		cmocka_unit_test(reclaimed_object_is_counted_once),
		cmocka_unit_test(reclaimed_object_that_waits_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
