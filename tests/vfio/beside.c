// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Devices that share a container or an IOAS: a second function of a group, and a device of another
 * group.
 */
#include <linux/vfio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/vfio/uapi.h"
#include "vfio_test.h"

#define SIBLING "0000:00:01.1"
#define OTHER "0000:00:02.0"

/* Adds the function 00:01.1 to the group of 00:01.0. */
static void add_function(void)
{
	mock_shell("d=sys/bus/pci/devices/0000:00:01.1; "
		   "mkdir -p $d/vfio-dev/vfio3 sys/kernel/iommu_groups/1/devices/0000:00:01.1; "
		   "ln -s ../../../drivers/vfio-pci $d/driver; "
		   "ln -s ../../../../kernel/iommu_groups/1 $d/iommu_group; "
		   "truncate -s 8M 0000:00:01.1; "
		   "ln -s ../../../0000:00:01.1 dev/vfio/devices/vfio3");
}

/* The kernel lets a group be open only once. */
static void lock_group(void)
{
	mock_shell("rm dev/vfio/1; mkdir dev/vfio/1");
}

static int open_beside(struct coherent_device **dev, const char *scheme, const char *bdf,
		       struct coherent_device *beside, struct log *log)
{
	return coherent_device_open(dev, name_of(scheme, bdf), .beside = beside,
				    .report = log_report, .report_arg = log);
}

/* Each of two devices has a mem and a box. The mappings of each end with it. */
static void use_both(struct coherent_device *a, struct coherent_device *b)
{
	COHERENT(uint8_t) of_a = COHERENT_EMPTY, of_b = COHERENT_EMPTY;

	assert_ok(coherent_zeroed(&of_a, a, 3 * PAGE));
	assert_ok(coherent_zeroed(&of_b, b, PAGE, .permission = COHERENT_READ_ONLY));
	assert_int_equal(mock.count, 2);
	assert_int_equal(mock_find(coherent_addr(&of_a).raw)->bytes, 3 * PAGE);
	assert_int_equal(mock_find(coherent_addr(&of_b).raw)->flags, VFIO_DMA_MAP_FLAG_READ);
	coherent_device_close(a);
	assert_int_equal(mock.count, 1);
	assert_non_null(mock_find(coherent_addr(&of_b).raw));
	coherent_free(&of_a);
	coherent_free(&of_b);
	assert_int_equal(mock.count, 0);
	assert_ok(coherent_zeroed(&of_b, b, PAGE));
	coherent_device_close(b);
	assert_int_equal(mock.count, 0);
	coherent_free(&of_b);
}

static void open_both(const char *scheme, const char *bdf, bool first_closes_first)
{
	struct fixture *fixture = open_fixture(scheme);
	struct log log = LOG_EMPTY;
	struct coherent_device *b;

	lock_group();
	assert_ok(open_beside(&b, scheme, bdf, fixture->dev, &log));
	assert_int_equal(log.count, 0);
	if (first_closes_first)
		use_both(fixture->dev, b);
	else
		use_both(b, fixture->dev);
	nothing_is_left(fixture);
}

static void second_function_of_a_group_opens_beside_the_first(const char *scheme)
{
	add_function();
	open_both(scheme, SIBLING, true);
}

static void second_function_may_close_first(const char *scheme)
{
	add_function();
	open_both(scheme, SIBLING, false);
}

static void device_of_another_group_opens_beside_the_first(const char *scheme)
{
	open_both(scheme, OTHER, true);
}

static void device_of_another_group_may_close_first(const char *scheme)
{
	open_both(scheme, OTHER, false);
}

/* The third device finds the group of the second one. */
static void group_of_any_device_of_the_space_is_found(const char *scheme)
{
	struct fixture *fixture;
	struct coherent_device *first, *dev;
	struct log log = LOG_EMPTY;

	add_function();
	assert_ok(open_beside(&first, scheme, OTHER, NULL, &log));
	fixture = open_fixture(scheme);
	coherent_device_close(fixture->dev);
	assert_ok(open_beside(&fixture->dev, scheme, BDF, first, &log));
	lock_group();
	assert_ok(open_beside(&dev, scheme, SIBLING, first, &log));
	coherent_device_close(first);
	assert_int_equal(log.count, 0);
	use_both(dev, fixture->dev);
}

static void group_in_use_says_how_to_share_it(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	struct coherent_device *dev;
	struct log log = LOG_EMPTY;

	add_function();
	lock_group();
	mock_refuse(UAPI_DEVICE_BIND_IOMMUFD, -EPERM);
	assert_err(open_beside(&dev, scheme, SIBLING, NULL, &log), -EBUSY);
	assert_true(log_has(&log, "open this one with .beside"));
	mock_refuse(0, 0);
	close_fixture(fixture);
}

/* Masks of 28 bits, as those of QEMU's edu. */
static void masks_divide_the_low_addresses(const char *scheme)
{
	COHERENT(uint8_t) of_a = COHERENT_EMPTY, of_b = COHERENT_EMPTY;
	struct fixture *fixture = open_fixture(scheme);
	struct log log = LOG_EMPTY;
	struct coherent_device *b;

	assert_ok(coherent_device_set_mask(fixture->dev, coherent_mask(28)));
	assert_ok(open_beside(&b, scheme, OTHER, fixture->dev, &log));
	assert_ok(coherent_device_set_mask(b, coherent_mask(28)));
	assert_ok(coherent_zeroed(&of_a, fixture->dev, PAGE));
	assert_ok(coherent_zeroed(&of_b, b, PAGE));
	assert_true(coherent_addr(&of_a).raw < UINT64_C(1) << 27);
	assert_true(coherent_addr(&of_b).raw >> 27 == 1);
	coherent_free(&of_a);
	coherent_free(&of_b);
	coherent_device_close(b);
	close_fixture(fixture);
}

/* Without a reset the addresses of the first device begin high, and it may use all the lower ones. */
static void low_addresses_that_the_first_holds_back_are_divided(const char *scheme)
{
	COHERENT(uint8_t) of_a = COHERENT_EMPTY, of_b = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct fixture *fixture;
	struct log log = LOG_EMPTY;
	struct coherent_device *b;

	mock.can_reset = false;
	mock.random = 1 << 20;
	fixture = open_fixture(scheme);
	/* Now the lowest addresses of the first device are free, and it holds back the next ones. */
	assert_ok(coherent_box_zeroed(&box, fixture->dev, 64 * PAGE, .mask = coherent_mask(32)));
	coherent_box_free(&box);
	assert_ok(open_beside(&b, scheme, OTHER, fixture->dev, &log));
	assert_ok(coherent_device_set_mask(b, coherent_mask(28)));
	assert_ok(coherent_zeroed(&of_b, b, PAGE));
	assert_true(coherent_addr(&of_b).raw >> 27 == 1);
	assert_err(coherent_zeroed(&of_a, fixture->dev, PAGE, .address = coherent_addr(&of_b).raw),
		   -ENOSPC);
	assert_ok(coherent_zeroed(&of_a, fixture->dev, 100 * PAGE, .mask = coherent_mask(28)));
	assert_true(coherent_addr(&of_a).raw + 100 * PAGE <= UINT64_C(1) << 27);
	coherent_free(&of_a);
	coherent_free(&of_b);
	coherent_device_close(b);
	close_fixture(fixture);
}

static void set_hole(void)
{
	mock.hole[0] = 0xfe000000;
}

static void space_that_gets_narrower_is_refused(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	struct log log = LOG_EMPTY;
	struct coherent_device *b;

	set_hole();
	assert_err(open_beside(&b, scheme, OTHER, fixture->dev, &log), -EOPNOTSUPP);
	assert_true(log_has(&log, "the IOMMU reserves addresses of 0000:00:02.0"));
	close_fixture(fixture);
}

static void refused_container_is_reported(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	struct log log = LOG_EMPTY;
	struct coherent_device *b;

	mock_refuse(VFIO_GROUP_SET_CONTAINER, -EINVAL);
	assert_err(open_beside(&b, scheme, OTHER, fixture->dev, &log), -EOPNOTSUPP);
	assert_true(log_has(&log, "group 2 cannot use the container of the device of .beside"));
	close_fixture(fixture);
}

static void other_schemes_are_refused(void)
{
	struct fixture *fixture = open_fixture("vfio");
	struct log log = LOG_EMPTY;
	struct coherent_device *b;

	assert_err(open_beside(&b, "iommufd", OTHER, fixture->dev, &log), -EINVAL);
	assert_true(log_has(&log, "which is not a device of iommufd:"));
	assert_err(coherent_device_open(&b, "vfio:" OTHER, .beside = fixture->dev, .container = 3,
					.window = { PAGE, 3 * PAGE - 1 }, .report = log_report,
					.report_arg = &log),
		   -EINVAL);
	assert_true(log_has(&log, ".beside does not go with .container or .iommufd"));
	/* The kind of the other device chooses that of this one. */
	assert_ok(open_beside(&b, "pci", OTHER, fixture->dev, &log));
	use_both(fixture->dev, b);
	nothing_is_left(fixture);
}

static int use_device(struct coherent_device **b, const char *scheme, struct coherent_device *a)
{
	COHERENT_AUTO(uint8_t, mem);
	int err = coherent_device_open(b, name_of(scheme, OTHER), .beside = a);

	return err ? err : coherent_zeroed(&mem, *b, 1);
}

static void no_failure_leaks(const char *scheme)
{
	unsigned int nth;

	for (nth = 1; nth < 1000; nth++) {
		struct fixture *fixture = open_fixture(scheme);
		struct coherent_device *b = NULL;
		int err;

		inject.failed = false;
		inject.left = nth;
		err = use_device(&b, scheme, fixture->dev);
		inject.left = 0;
		coherent_device_close(b);
		close_fixture(fixture);
		if (!inject.failed)
			break;
		if (err && err != -ENOMEM && err != -ENOSPC && err != -EIO && err != -EOPNOTSUPP)
			fail_msg("call %u: %d", nth, err);
	}
	print_message("# %s: %u calls failed in turn\n", scheme, nth - 1);
	assert_true(nth > 20 && nth < 1000);
}

static const struct CMUnitTest tests[] = {
	EACH(second_function_of_a_group_opens_beside_the_first),
	EACH(second_function_may_close_first),
	EACH(device_of_another_group_opens_beside_the_first),
	EACH(device_of_another_group_may_close_first),
	EACH(group_of_any_device_of_the_space_is_found),
	EACH(group_in_use_says_how_to_share_it),
	EACH(masks_divide_the_low_addresses),
	EACH(low_addresses_that_the_first_holds_back_are_divided),
	EACH(space_that_gets_narrower_is_refused),
	ONLY_VFIO(refused_container_is_reported),
	ALONE(other_schemes_are_refused),
	EACH(no_failure_leaks),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
