// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Devices that share an address space: the simulator's IOMMU. tests/vfio/beside.c has those of VFIO
 * and iommufd.
 */
#include <coherent/device.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../src/device/device.h"
#include "inject.h"
#include "test.h"

#define NAME "sim:edu,step"

static struct coherent_device *open_device(struct coherent_device *beside)
{
	struct coherent_device *dev;

	assert_ok(coherent_device_open(&dev, NAME, .beside = beside));
	return dev;
}

static int try_byte(struct coherent_device *dev, coherent_addr_t at, enum coherent_access access)
{
	uint8_t byte = 0x5a;

	return coherent_sim_try_addr(dev, at, &byte, 1, access);
}

/* --- Reach --- */

static void each_device_reaches_the_mems_of_the_other(void **state)
{
	struct coherent_device *a = open_device(NULL), *b = open_device(a);
	COHERENT(uint8_t) of_a = COHERENT_EMPTY, of_b = COHERENT_EMPTY;
	uint8_t byte;

	(void)state;
	assert_ok(coherent_zeroed(&of_a, a, PAGE));
	assert_ok(coherent_zeroed(&of_b, b, PAGE, .permission = COHERENT_READ_ONLY));
	assert_int_not_equal(coherent_addr(&of_a).raw, coherent_addr(&of_b).raw);
	assert_ok(try_byte(b, coherent_addr(&of_a), COHERENT_ACCESS_WRITE));
	assert_ok(coherent_read(&of_a, 0, , &byte));
	assert_int_equal(byte, 0x5a);
	assert_ok(try_byte(a, coherent_addr(&of_b), COHERENT_ACCESS_READ));
	assert_err(try_byte(a, coherent_addr(&of_b), COHERENT_ACCESS_WRITE), -EIO);
	assert_fault(a, COHERENT_STATE_NONE);
	coherent_free(&of_a);
	assert_err(try_byte(b, (coherent_addr_t){ PAGE }, COHERENT_ACCESS_READ), -EIO);
	coherent_free(&of_b);
	coherent_device_close(b);
	coherent_device_close(a);
}

static void no_device_reaches_a_box_of_the_other(void **state)
{
	struct coherent_device *a = open_device(NULL), *b = open_device(a);
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	coherent_addr_t address;

	(void)state;
	assert_ok(coherent_zeroed(&mem, a, 1));
	address = coherent_addr(&mem);
	assert_ok(coherent_reclaim(&mem, &box));
	assert_err(try_byte(b, address, COHERENT_ACCESS_READ), -EIO);
	assert_fault(b, COHERENT_STATE_NONE);
	coherent_box_free(&box);
	coherent_device_close(a);
	coherent_device_close(b);
}

static void lone_devices_do_not_reach_each_other(void **state)
{
	struct coherent_device *a = open_device(NULL), *b = open_device(NULL);
	COHERENT(uint8_t) mem = COHERENT_EMPTY;

	(void)state;
	assert_ok(coherent_zeroed(&mem, a, 1));
	assert_err(try_byte(b, coherent_addr(&mem), COHERENT_ACCESS_READ), -EIO);
	coherent_free(&mem);
	coherent_device_close(a);
	coherent_device_close(b);
}

/* --- Addresses --- */

static bool overlap(const struct coherent_limits *a, const struct coherent_limits *b)
{
	for (unsigned int i = 0; i < a->range_count; i++)
		for (unsigned int k = 0; k < b->range_count; k++)
			if (a->ranges[i].first <= b->ranges[k].last &&
			    b->ranges[k].first <= a->ranges[i].last)
				return true;
	return false;
}

static uint64_t bytes_of(struct coherent_device *dev)
{
	struct coherent_limits limits;
	uint64_t bytes = 0;

	assert_ok(coherent_device_limits(dev, &limits));
	for (unsigned int i = 0; i < limits.range_count; i++)
		bytes += limits.ranges[i].last - limits.ranges[i].first + 1;
	return bytes;
}

static void assert_apart(struct coherent_device *const *devs, size_t count)
{
	struct coherent_limits limits[8];

	for (size_t i = 0; i < count; i++) {
		assert_ok(coherent_device_limits(devs[i], &limits[i]));
		assert_true(bytes_of(devs[i]) > 60 * PAGE);
		for (size_t k = 0; k < i; k++)
			assert_false(overlap(&limits[k], &limits[i]));
	}
}

static void each_mask_finds_addresses_of_its_own(void **state)
{
	static const unsigned int bits[] = { 28, 24, 32, 20, 48 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(bits); k++) {
			struct coherent_device *devs[3];

			devs[0] = open_device(NULL);
			devs[1] = open_device(devs[0]);
			devs[2] = open_device(devs[1]);
			assert_apart(devs, 3);
			assert_ok(coherent_device_set_mask(devs[1], coherent_mask(bits[i])));
			assert_apart(devs, 3);
			assert_ok(coherent_device_set_mask(devs[0], coherent_mask(bits[k])));
			assert_ok(coherent_device_set_mask(devs[2], coherent_mask(bits[i])));
			assert_apart(devs, 3);
			for (size_t n = 0; n < 3; n++)
				coherent_device_close(devs[(n + i) % 3]);
		}
	}
}

static void objects_stay_in_the_addresses_of_their_device(void **state)
{
	struct coherent_device *devs[2];
	COHERENT(uint8_t) mems[2][64] = { { COHERENT_EMPTY } };
	struct coherent_info info;

	(void)state;
	devs[0] = open_device(NULL);
	for (size_t i = 0; i < 32; i++)
		assert_ok(coherent_zeroed(&mems[0][i], devs[0], (i + 1) * PAGE));
	devs[1] = open_device(devs[0]);
	for (size_t i = 0; i < 64; i++)
		assert_ok(
			coherent_zeroed(&mems[1][i], devs[1], (i + 1) * PAGE, .align = 16 * PAGE));
	for (size_t i = 32; i < 64; i++)
		assert_ok(coherent_zeroed(&mems[0][i], devs[0], (i + 1) * PAGE));
	for (size_t i = 0; i < 64; i++) {
		for (size_t k = 0; k < 2; k++) {
			const coherent_addr_t at = coherent_addr(&mems[k][i]);

			assert_ok(try_byte(devs[!k], at, COHERENT_ACCESS_WRITE));
			assert_ok(coherent_find_addr(devs[k], at.raw, &info));
			assert_err(coherent_find_addr(devs[!k], at.raw, &info), -ERANGE);
		}
	}
	for (size_t i = 0; i < 64; i++) {
		coherent_free(&mems[0][i]);
		coherent_free(&mems[1][i]);
	}
	coherent_device_close(devs[0]);
	coherent_device_close(devs[1]);
}

static void mask_in_use_does_not_change(void **state)
{
	struct coherent_device *a = open_device(NULL), *b = open_device(a);
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	const uint64_t before = bytes_of(a);

	(void)state;
	assert_ok(coherent_zeroed(&mem, b, 1));
	assert_err(coherent_device_set_mask(b, coherent_mask(20)), -EBUSY);
	assert_int_equal(bytes_of(a), before);
	coherent_free(&mem);
	coherent_device_close(b);
	coherent_device_close(a);
}

/* The objects of the first device have all addresses under the mask of the second one. */
static void full_space_is_reported(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, small = COHERENT_EMPTY;
	struct log log = LOG_EMPTY;
	struct coherent_device *a, *b;

	(void)state;
	a = open_device(NULL);
	assert_ok(coherent_zeroed(&mem, a, 250 * PAGE));
	assert_ok(coherent_device_open(&b, NAME, .beside = a, .report = log_report,
				       .report_arg = &log));
	assert_err(coherent_device_set_mask(b, coherent_mask(20)), -EIO);
	assert_true(log_has(&log, "the devices beside it have the others"));
	/* The old addresses stay. */
	assert_ok(coherent_zeroed(&small, b, 1));
	coherent_free(&small);
	coherent_free(&mem);
	coherent_device_close(a);
	coherent_device_close(b);
}

/* --- The order of closes --- */

static void first_device_may_close_first(void **state)
{
	struct coherent_device *a = open_device(NULL), *b = open_device(a), *c;
	COHERENT(uint8_t) of_a = COHERENT_EMPTY, of_b = COHERENT_EMPTY, of_c = COHERENT_EMPTY;
	const uint64_t together = bytes_of(a) + bytes_of(b);
	coherent_addr_t old;

	(void)state;
	assert_ok(coherent_zeroed(&of_a, a, 1));
	assert_ok(coherent_zeroed(&of_b, b, 1));
	old = coherent_addr(&of_a);
	coherent_device_close(a);
	assert_err(try_byte(b, old, COHERENT_ACCESS_READ), -EIO);
	assert_fault(b, COHERENT_STATE_NONE);
	assert_ok(try_byte(b, coherent_addr(&of_b), COHERENT_ACCESS_WRITE));
	assert_int_equal(bytes_of(b), together);
	c = open_device(b);
	assert_ok(coherent_zeroed(&of_c, c, 1));
	assert_ok(try_byte(b, coherent_addr(&of_c), COHERENT_ACCESS_WRITE));
	coherent_device_close(b);
	assert_ok(try_byte(c, coherent_addr(&of_c), COHERENT_ACCESS_WRITE));
	coherent_free(&of_a);
	coherent_free(&of_b);
	coherent_free(&of_c);
	coherent_device_close(c);
}

static void close_ends_only_the_mappings_of_its_device(void **state)
{
	struct coherent_device *a = open_device(NULL), *b = open_device(a);
	COHERENT(uint8_t) of_a = COHERENT_EMPTY, of_b = COHERENT_EMPTY;
	coherent_addr_t old;

	(void)state;
	assert_ok(coherent_zeroed(&of_a, a, 1));
	assert_ok(coherent_zeroed(&of_b, b, 1));
	old = coherent_addr(&of_b);
	coherent_device_close(b);
	assert_err(try_byte(a, old, COHERENT_ACCESS_READ), -EIO);
	assert_fault(a, COHERENT_STATE_NONE);
	assert_ok(try_byte(a, coherent_addr(&of_a), COHERENT_ACCESS_WRITE));
	coherent_free(&of_a);
	coherent_free(&of_b);
	coherent_device_close(a);
}

static void closed_devices_give_their_addresses_back(void **state)
{
	struct coherent_device *a = open_device(NULL);
	const uint64_t before = bytes_of(a);

	(void)state;
	for (unsigned int i = 0; i < 300; i++) {
		struct coherent_device *b = open_device(a), *c = open_device(i % 2 ? a : b);

		assert_true(bytes_of(a) < before);
		if (i % 3)
			assert_ok(coherent_device_set_mask(c, coherent_mask(24)));
		coherent_device_close(i % 5 ? b : c);
		coherent_device_close(i % 5 ? c : b);
		assert_int_equal(bytes_of(a), before);
	}
	coherent_device_close(a);
}

/* Returns whether the limits tell a range of a device. */
static bool is_told(const struct coherent_limits *limits, const struct beside_range *range)
{
	for (unsigned int i = 0; i < limits->range_count; i++)
		if (limits->ranges[i].first <= range->last &&
		    limits->ranges[i].last >= range->first)
			return true;
	return false;
}

/* Returns whether a device has more ranges than its limits tell. No untold one may be larger. */
static bool has_untold_ranges(struct coherent_device *dev)
{
	const struct beside_range *range;
	struct coherent_limits limits;
	uint64_t least = UINT64_MAX;
	bool has = false;

	assert_ok(coherent_device_limits(dev, &limits));
	for (unsigned int i = 0; i < limits.range_count; i++)
		if (limits.ranges[i].last - limits.ranges[i].first < least)
			least = limits.ranges[i].last - limits.ranges[i].first;
	TAILQ_FOREACH(range, &dev->beside.ranges, link) {
		if (range->last > limits.mask || is_told(&limits, range))
			continue;
		has = true;
		/* The limits begin and end at pages that may be used. */
		assert_true(range->last - range->first <= least + 2 * PAGE);
	}
	return has;
}

static void limits_leave_out_the_smallest_ranges(void **state)
{
	struct coherent_device *devs[40] = { NULL };
	unsigned int untold = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(devs); i++)
		assert_ok(coherent_device_open(&devs[i], NAME ",mask=40", .beside = devs[0]));
	/* The addresses of every second device go to a device that stays, so it has many ranges. */
	for (size_t i = 1; i < ARRAY_SIZE(devs) - 1; i += 2)
		coherent_device_close(devs[i]);
	for (size_t i = 0; i < ARRAY_SIZE(devs); i += 2)
		untold += has_untold_ranges(devs[i]);
	untold += has_untold_ranges(devs[ARRAY_SIZE(devs) - 1]);
	assert_true(untold > 0);
	for (size_t i = 0; i < ARRAY_SIZE(devs); i += 2)
		coherent_device_close(devs[i]);
	coherent_device_close(devs[ARRAY_SIZE(devs) - 1]);
}

/* --- Refusals --- */

static void assert_refused(const char *name, struct coherent_device *beside, int err,
			   const char *says)
{
	struct log log = LOG_EMPTY;
	struct coherent_device *dev;

	assert_err(coherent_device_open(&dev, name, .beside = beside, .report = log_report,
					.report_arg = &log),
		   err);
	assert_null(dev);
	assert_true(log_has(&log, says));
	assert_int_equal(log.count, 1);
}

static void other_kinds_of_devices_are_refused(void **state)
{
	struct coherent_device *a = open_device(NULL);

	(void)state;
	assert_refused("qemu:edu", a, -EOPNOTSUPP,
		       "does not take .beside, which is for: sim, vfio, iommufd, pci");
	assert_refused("vhost-user:/run/disk", a, -EOPNOTSUPP, "does not take .beside");
	assert_refused("vfio:00:01.0", a, -EINVAL,
		       "is sim:edu,step, which is not a device of vfio:");
	assert_refused("iommufd:00:01.0", a, -EINVAL, "not a device of iommufd:");
	coherent_device_close(a);
}

static void closed_device_is_refused(void **state)
{
	struct coherent_device *a = open_device(NULL);
	COHERENT(uint8_t) mem = COHERENT_EMPTY;

	(void)state;
	/* The mem keeps the closed device in memory. */
	assert_ok(coherent_zeroed(&mem, a, 1));
	coherent_device_close(a);
	assert_refused(NAME, a, -ENODEV, "the device of .beside is closed");
	coherent_free(&mem);
}

static void device_of_the_parent_process_is_refused(void **state)
{
	struct coherent_device *a = open_device(NULL);
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (!pid) {
		struct coherent_device *dev;

		if (coherent_device_open(&dev, NAME, .beside = a) != -ENODEV)
			_exit(1);
		coherent_device_close(a);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	coherent_device_close(a);
}

/* --- Failures --- */

static int use_two(struct coherent_device **a, struct coherent_device **b)
{
	COHERENT_AUTO(uint8_t, of_a);
	COHERENT_AUTO(uint8_t, of_b);
	int err = coherent_device_open(a, NAME);

	if (!err)
		err = coherent_zeroed(&of_a, *a, 1);
	if (!err)
		err = coherent_device_open(b, NAME, .beside = *a);
	if (!err)
		err = coherent_device_set_mask(*b, coherent_mask(24));
	return err ? err : coherent_zeroed(&of_b, *b, 1);
}

static void no_failure_leaks(void **state)
{
	unsigned int nth;

	(void)state;
	for (nth = 1; nth < 1000; nth++) {
		struct coherent_device *a = NULL, *b = NULL;
		const struct inject before = inject;
		int err;

		inject.failed = false;
		inject.left = nth;
		err = use_two(&a, &b);
		inject.left = 0;
		if (nth % 2)
			coherent_device_close(a);
		coherent_device_close(b);
		if (nth % 2 == 0)
			coherent_device_close(a);
		assert_int_equal(inject.blocks, before.blocks);
		assert_int_equal(inject.bytes, before.bytes);
		assert_int_equal(inject.fds, before.fds);
		if (!inject.failed)
			break;
		if (err && err != -ENOMEM && err != -EIO)
			fail_msg("call %u: %d", nth, err);
	}
	print_message("# %u calls failed in turn\n", nth - 1);
	assert_true(nth > 10 && nth < 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_device_reaches_the_mems_of_the_other),
		cmocka_unit_test(no_device_reaches_a_box_of_the_other),
		cmocka_unit_test(lone_devices_do_not_reach_each_other),
		cmocka_unit_test(each_mask_finds_addresses_of_its_own),
		cmocka_unit_test(objects_stay_in_the_addresses_of_their_device),
		cmocka_unit_test(mask_in_use_does_not_change),
		cmocka_unit_test(full_space_is_reported),
		cmocka_unit_test(first_device_may_close_first),
		cmocka_unit_test(close_ends_only_the_mappings_of_its_device),
		cmocka_unit_test(closed_devices_give_their_addresses_back),
		cmocka_unit_test(other_kinds_of_devices_are_refused),
		cmocka_unit_test(limits_leave_out_the_smallest_ranges),
		cmocka_unit_test(closed_device_is_refused),
		cmocka_unit_test(device_of_the_parent_process_is_refused),
		cmocka_unit_test(no_failure_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
