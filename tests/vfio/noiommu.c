// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests open a device that no IOMMU confines. The caller has to ask for such a device, and
 * its memory is hugepages.
 */
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "../../src/device/device.h"
#include "vfio_test.h"

static void boot_without_iommu(void)
{
	mock_shell("mv dev/vfio/1 dev/vfio/noiommu-1; mv dev/vfio/2 dev/vfio/noiommu-2");
	inject.hugepages = true;
}

static int open_level(struct fixture *fixture, const char *name, enum coherent_level level)
{
	*fixture = (struct fixture){ .log = LOG_EMPTY, .before = inject };
	return coherent_device_open(&fixture->dev, name, .level = level, .report = log_report,
				    .report_arg = &fixture->log);
}

static void device_without_iommu_needs_level_none(void)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	const unsigned int maps = inject.huge_maps;
	struct coherent_limits limits;
	struct fixture fixture;

	boot_without_iommu();
	assert_err(open_level(&fixture, "vfio:" BDF, 0), -EOPNOTSUPP);
	assert_true(log_has(&fixture.log, ".level = COHERENT_NONE"));
	nothing_is_left(&fixture);
	assert_err(open_level(&fixture, "vfio:" BDF ",pages=9", COHERENT_NONE), -EINVAL);
	nothing_is_left(&fixture);
	assert_ok(open_level(&fixture, "vfio:" BDF ",pages=3", COHERENT_NONE));
	assert_int_equal(coherent_device_level(fixture.dev), COHERENT_NONE);
	assert_ok(coherent_device_limits(fixture.dev, &limits));
	assert_int_equal(limits.range_count, 3);
	assert_true(limits.ranges[0].last < limits.ranges[1].first);
	assert_int_equal(inject.huge_maps, maps + 3);
	assert_false(is_bus_master());
	assert_ok(coherent_zeroed(&mem, fixture.dev, PAGE));
	assert_true(is_bus_master());
	assert_int_equal(mappings_of(NULL, (uintptr_t)coherent_unsafe_ptr(&mem), " dc"), 1);
	assert_ok(coherent_write(&mem, PAGE - 1, 4));
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_int_equal(coherent_box_ptr(&box)[PAGE - 1], 4);
	assert_ok(coherent_device_fence(fixture.dev));
	assert_int_equal(mock.resets, 1);
	assert_int_equal(mock.count, 0);
	assert_err(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY), -EOPNOTSUPP);
	coherent_device_close(fixture.dev);
	assert_false(is_bus_master());
	nothing_is_left(&fixture);
	inject.hugepages = false;
}

/* A wrong key is reported first, whatever else is wrong. The scheme pci takes the same keys. */
static void keys_without_iommu_are_read_first(void)
{
	static const char *const schemes[] = { "vfio:", "pci:" };
	struct coherent_limits limits;
	struct fixture fixture;
	char name[64];

	boot_without_iommu();
	mock_shell("rm dev/iommu");
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		snprintf(name, sizeof(name), "%s" BDF ",x", schemes[i]);
		assert_err(open_level(&fixture, name, 0), -EINVAL);
		assert_true(log_has(&fixture.log, "there is no key \"x\", only: pages="));
		nothing_is_left(&fixture);
		snprintf(name, sizeof(name), "%s" BDF ",pages=0", schemes[i]);
		assert_err(open_level(&fixture, name, 0), -EINVAL);
		nothing_is_left(&fixture);
		snprintf(name, sizeof(name), "%s" BDF ",pages=2", schemes[i]);
		assert_err(open_level(&fixture, name, 0), -EOPNOTSUPP);
		assert_ok(open_level(&fixture, name, COHERENT_NONE));
		assert_ok(coherent_device_limits(fixture.dev, &limits));
		assert_int_equal(limits.range_count, 2);
		close_fixture(&fixture);
	}
	inject.hugepages = false;
}

/* Turning bus mastering off and on again does not end accesses in flight. */
static void only_a_reset_is_a_fence_without_iommu(void)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, next = COHERENT_EMPTY;
	struct fixture fixture;
	uint64_t address;

	boot_without_iommu();
	mock.can_reset = false;
	assert_ok(open_level(&fixture, "vfio:" BDF, COHERENT_NONE));
	assert_ok(coherent_zeroed(&mem, fixture.dev, PAGE));
	address = coherent_addr(&mem).raw;
	coherent_free(&mem);
	assert_err(coherent_device_fence(fixture.dev), -EIO);
	assert_ok(coherent_zeroed(&next, fixture.dev, PAGE));
	assert_int_not_equal(coherent_addr(&next).raw, address);
	/* After the close a freed object does not wait for a fence. */
	assert_ok(coherent_zeroed(&mem, fixture.dev, PAGE));
	coherent_device_close(fixture.dev);
	coherent_free(&next);
	assert_int_equal(fixture.dev->store.stats.objects, 1);
	coherent_free(&mem);
	nothing_is_left(&fixture);
	inject.hugepages = false;
}

/* A random page would cut the only hugepage into two parts, and make no access fault. */
static void addresses_without_iommu_begin_at_the_lowest_page(void)
{
	COHERENT(uint8_t) small = COHERENT_EMPTY, large = COHERENT_EMPTY;
	struct coherent_limits limits;
	struct fixture fixture;

	boot_without_iommu();
	mock.can_reset = false;
	mock.random = 100;
	assert_ok(open_level(&fixture, "vfio:" BDF ",pages=1", COHERENT_NONE));
	assert_true(log_has(&fixture.log, "has no reset of its own"));
	assert_ok(coherent_device_limits(fixture.dev, &limits));
	assert_ok(coherent_zeroed(&small, fixture.dev, 1));
	assert_int_equal(coherent_addr(&small).raw, limits.ranges[0].first);
	assert_ok(coherent_zeroed(&large, fixture.dev, 500 * PAGE));
	coherent_device_close(fixture.dev);
	coherent_free(&small);
	coherent_free(&large);
	nothing_is_left(&fixture);
	inject.hugepages = false;
}

/* Hugepages that adjoin for the device do not adjoin for the CPU. */
static void objects_without_iommu_do_not_cross_hugepages(void)
{
	const uint64_t huge = 2 << 20;
	COHERENT(uint8_t) mems[8] = { COHERENT_EMPTY };
	struct coherent_limits limits;
	struct fixture fixture;

	boot_without_iommu();
	assert_ok(open_level(&fixture, "vfio:" BDF ",pages=3", COHERENT_NONE));
	assert_ok(coherent_device_limits(fixture.dev, &limits));
	assert_int_equal(limits.ranges[0].first + huge, limits.ranges[1].first);
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++) {
		uint64_t first, va;

		if (coherent_zeroed(&mems[i], fixture.dev, huge / 8 * 3))
			break;
		assert_true(i < 6);
		first = coherent_addr(&mems[i]).raw;
		va = (uintptr_t)coherent_unsafe_ptr(&mems[i]);
		for (uint64_t at = 0; at < coherent_size(&mems[i]); at += PAGE)
			assert_int_equal(mock_physical(va + at), first + at);
	}
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	coherent_device_close(fixture.dev);
	nothing_is_left(&fixture);
	inject.hugepages = false;
}

static void missing_needs_without_iommu_are_reported(void)
{
	unsigned int told = 0;
	struct fixture fixture;

	boot_without_iommu();
	mock.no_frames = true;
	assert_err(open_level(&fixture, "vfio:" BDF, COHERENT_NONE), -EPERM);
	assert_true(log_has(&fixture.log, "CAP_SYS_ADMIN"));
	nothing_is_left(&fixture);
	mock.no_frames = false;
	mock.absent = true;
	assert_err(open_level(&fixture, "vfio:" BDF, COHERENT_NONE), -EIO);
	assert_true(log_has(&fixture.log, "has taken a hugepage away again"));
	nothing_is_left(&fixture);
	mock.absent = false;
	mock_shell("chmod 0 proc/self/pagemap");
	assert_err(open_level(&fixture, "vfio:" BDF, COHERENT_NONE), -EPERM);
	assert_true(log_has(&fixture.log, "/proc/self/pagemap: Permission denied"));
	nothing_is_left(&fixture);
	mock_shell("chmod 644 proc/self/pagemap");
	mock_shell("chmod 1 dev/vfio/noiommu-1");
	assert_err(open_level(&fixture, "vfio:" BDF, COHERENT_NONE), -EPERM);
	assert_true(log_has(&fixture.log, "cap_sys_rawio"));
	nothing_is_left(&fixture);
	mock_shell("chmod 644 dev/vfio/noiommu-1");
	mock_refuse(VFIO_GROUP_GET_DEVICE_FD, -EINVAL);
	assert_err(open_level(&fixture, "vfio:" BDF, COHERENT_NONE), -EIO);
	assert_true(log_has(&fixture.log, "does not hand out " BDF));
	nothing_is_left(&fixture);
	mock.unsafe = true;
	assert_err(open_level(&fixture, "vfio:" BDF, COHERENT_NONE), -EPERM);
	assert_true(log_has(&fixture.log, "enable_unsafe_noiommu_mode"));
	nothing_is_left(&fixture);
	mock.unsafe = false;
	/* calloc(), strdup() and mmap() for the library come first, then the mmap() of a hugepage. */
	for (unsigned int nth = 1;; nth++) {
		inject.failed = false;
		inject.left = nth;
		if (!open_level(&fixture, "vfio:" BDF ",pages=2", COHERENT_NONE) && !inject.failed)
			break;
		inject.left = 0;
		fixture.before.left = 0;
		coherent_device_close(fixture.dev);
		nothing_is_left(&fixture);
		told += log_has(&fixture.log,
				"the kernel gave 0 of 2 hugepages of 2 MiB; add 2 to");
		told += log_has(&fixture.log, "1 of 2 hugepages of 2 MiB; add 1 to the number");
		assert_true(nth < 100);
	}
	inject.left = 0;
	coherent_device_close(fixture.dev);
	/* Three calls can fail for each hugepage: mmap() and two of madvise(). */
	assert_int_equal(told, 6);
	/* Linux before 5.14 has no MADV_POPULATE_WRITE. */
	inject.no_populate = true;
	assert_ok(open_level(&fixture, "vfio:" BDF, COHERENT_NONE));
	coherent_device_close(fixture.dev);
	nothing_is_left(&fixture);
	inject.no_populate = false;
	inject.hugepages = false;
}

static const struct CMUnitTest tests[] = {
	ALONE(device_without_iommu_needs_level_none),
	ALONE(keys_without_iommu_are_read_first),
	ALONE(only_a_reset_is_a_fence_without_iommu),
	ALONE(addresses_without_iommu_begin_at_the_lowest_page),
	ALONE(objects_without_iommu_do_not_cross_hugepages),
	ALONE(missing_needs_without_iommu_are_reported),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
