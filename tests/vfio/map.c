// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the mappings that the library asks VFIO's groups and iommufd for, their
 * addresses, and the library's reaction to a refusal. The promise suite shows in a VM that a real
 * kernel understands the same requests.
 */
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "vfio_test.h"

static void exposed_memory_is_mapped_as_asked(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY, ro = COHERENT_EMPTY;
	const struct mock_mapping *mapping;
	uint64_t old;

	assert_int_equal(coherent_device_level(fixture->dev), COHERENT_IOMMU);
	assert_ok(coherent_box_zeroed(&box, fixture->dev, 5000));
	assert_int_equal(mock.count, 0);
	assert_ok(coherent_expose(&box, &mem));
	assert_ok(coherent_zeroed(&ro, fixture->dev, 1, .permission = COHERENT_READ_ONLY));
	assert_int_equal(mock.count, 2);
	mapping = mock_find(coherent_addr(&mem).raw);
	assert_non_null(mapping);
	assert_int_equal(mapping->bytes, 2 * PAGE);
	assert_int_equal(mapping->va, (uintptr_t)coherent_unsafe_ptr(&mem));
	assert_int_equal(mapping->flags, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
	mapping = mock_find(coherent_addr(&ro).raw);
	assert_int_equal(mapping->flags, VFIO_DMA_MAP_FLAG_READ);
	old = coherent_addr(&mem).raw;
	assert_ok(coherent_reclaim(&mem, &box));
	assert_null(mock_find(old));
	coherent_box_free(&box);
	coherent_free(&ro);
	assert_int_equal(mock.count, 0);
	close_fixture(fixture);
}

static void address_of_the_driver_is_mapped(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	COHERENT(uint8_t) mem = COHERENT_EMPTY, low = COHERENT_EMPTY;
	COHERENT_HANDLE_AUTO(handle);

	assert_ok(coherent_zeroed(&mem, fixture->dev, 5000, .address = 0x12345000));
	assert_int_equal(coherent_addr(&mem).raw, 0x12345000);
	assert_int_equal(mock_find(0x12345000)->bytes, 2 * PAGE);
	assert_err(coherent_handle_zeroed(&handle, fixture->dev, 1, .address = 0x12346000), -EBUSY);
	assert_ok(coherent_zeroed(&low, fixture->dev, 1, .mask = coherent_mask(20)));
	assert_true(coherent_addr(&low).raw < 1 << 20);
	assert_non_null(mock_find(coherent_addr(&low).raw));
	coherent_free(&low);
	coherent_free(&mem);
	close_fixture(fixture);
}

static void addresses_are_where_the_iommu_translates(const char *scheme)
{
	struct fixture *fixture;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_limits limits;
	struct fixture none;

	mock.last = (1 << 28) - 1;
	mock.hole[0] = 0x4000;
	mock.hole[1] = 0xfffff;
	fixture = open_fixture(scheme);
	assert_ok(coherent_device_limits(fixture->dev, &limits));
	assert_int_equal(limits.range_count, 2);
	assert_int_equal(limits.ranges[0].last, 0x3fff);
	assert_int_equal(limits.ranges[1].last, mock.last);
	assert_ok(coherent_zeroed(&mem, fixture->dev, 1 << 20));
	assert_true(coherent_addr(&mem).raw >= 0x100000);
	coherent_free(&mem);
	assert_err(coherent_device_set_mask(fixture->dev, coherent_mask(12)), -EIO);
	close_fixture(fixture);

	/* An address space of one page is too small. */
	mock.last = 0xfff;
	mock.hole[0] = 0x1000;
	mock.hole[1] = 0xfff;
	assert_err(try_open(&none, name_of(scheme, BDF)), -EIO);
	nothing_is_left(&none);
}

/* The kernel gives more ranges than the library uses, and a hole that begins within a page. */
static void largest_ranges_are_used(const char *scheme)
{
	struct coherent_limits limits;
	struct fixture *fixture;

	/*
		 * The ranges have 1, 9, 2, 8, 3, 7, 4, 6 and 5 MiB, each less a page. The next one ends at
		 * the large hole.
		 */
	for (uint64_t i = 0, at = 0; i < 9; i++) {
		at += (i % 2 ? 9 - i / 2 : 1 + i / 2) << 20;
		mock.holes[i] = at;
	}
	mock.hole[0] = 0x4000800;
	mock.hole[1] = 0xfeefe7ff;
	mock.last = 0x1ffffffff;
	fixture = open_fixture(scheme);
	assert_ok(coherent_device_limits(fixture->dev, &limits));
	assert_int_equal(limits.range_count, 8);
	for (unsigned int i = 0, small = 0; i < 8; i++) {
		const uint64_t bytes = limits.ranges[i].last - limits.ranges[i].first + 1;

		assert_true(!i || limits.ranges[i].first > limits.ranges[i - 1].last);
		assert_true(bytes >= (4 << 20) - PAGE);
		small += bytes < 10 << 20;
		assert_true(i < 6 || small == 6);
	}
	/* The library uses whole pages only, so not the page in which the hole begins. */
	assert_int_equal(limits.ranges[6].last, 0x3ffffff);
	assert_int_equal(limits.ranges[7].first, 0xfeeff000);
	close_fixture(fixture);
	/* There are more ranges than the library asks the kernel for. */
	for (uint64_t i = 0; i < 70; i++)
		mock.holes[i] = (i + 1) << 20;
	mock.hole[0] = 0xfee00000;
	fixture = open_fixture(scheme);
	assert_ok(coherent_device_limits(fixture->dev, &limits));
	assert_int_equal(limits.range_count, 8);
	close_fixture(fixture);
}

static void kernel_without_ranges_has_one_range(void)
{
	struct coherent_limits limits;
	struct fixture *fixture;

	mock.no_ranges = true;
	mock.mappings_max = 100;
	fixture = open_fixture("vfio");
	assert_ok(coherent_device_limits(fixture->dev, &limits));
	assert_int_equal(limits.range_count, 1);
	assert_int_equal(limits.ranges[0].first, PAGE);
	assert_true(limits.ranges[0].last > UINT64_MAX - 3 * PAGE);
	assert_int_equal(limits.mappings, 100);
	close_fixture(fixture);
}

static void iommu_pages_larger_than_cpu_pages_are_refused(const char *scheme)
{
	struct fixture fixture;

	mock.page_sizes = 1 << 30;
	mock.alignment = 65536;
	assert_err(try_open(&fixture, name_of(scheme, BDF)), -EIO);
	assert_true(log_has(&fixture.log, "getconf PAGESIZE"));
	nothing_is_left(&fixture);
	/* IOMMU pages that are smaller than CPU pages are good. */
	mock.page_sizes = 0xfffffffffffff200;
	mock.alignment = 512;
	close_fixture(open_fixture(scheme));
}

static void close_unmaps_live_mems(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	uint8_t byte;

	assert_ok(coherent_zeroed(&mem, fixture->dev, 1));
	assert_ok(coherent_write(&mem, 0, 7));
	assert_true(is_bus_master());
	assert_true(mock_config(BDF, PCI_COMMAND) & PCI_COMMAND_MEMORY);
	coherent_device_close(fixture->dev);
	assert_false(log_has(&fixture->log, "could not be unmapped"));
	assert_int_equal(mock.count, 0);
	assert_false(is_bus_master());
	assert_ok(coherent_read(&mem, 0, &byte));
	assert_int_equal(byte, 7);
	assert_true(log_has(&fixture->log, "is not freed"));
	coherent_free(&mem);
	nothing_is_left(fixture);
}

/*
 * libvfn had a bug: for memory that was mapped already it returned the old mapping, whatever its
 * length and permission. Here each exposure makes a new mapping, also of the same memory.
 */
static void each_exposure_is_a_new_mapping(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	uint64_t va;

	assert_ok(coherent_zeroed(&mem, fixture->dev, 2 * PAGE, .permission = COHERENT_READ_ONLY));
	va = mock_find(coherent_addr(&mem).raw)->va;
	assert_ok(coherent_reclaim(&mem, &box));
	assert_ok(coherent_expose(&box, &mem));
	assert_int_equal(mock_find(coherent_addr(&mem).raw)->va, va);
	assert_int_equal(mock_find(coherent_addr(&mem).raw)->flags,
			 VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
	assert_int_equal(mock_find(coherent_addr(&mem).raw)->bytes, 2 * PAGE);
	assert_int_equal(mock.count, 1);
	coherent_free(&mem);
	close_fixture(fixture);
}

static void two_devices_can_be_open(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme), other;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;

	assert_ok(try_open(&other, name_of(scheme, "00:02.0")));
	assert_ok(coherent_zeroed(&mem, fixture->dev, 1));
	coherent_free(&mem);
	coherent_device_close(other.dev);
	close_fixture(fixture);
}

static void descriptors_are_not_inherited_by_programs(const char *scheme)
{
	bool before[256];
	struct fixture *fixture;

	for (int fd = 0; fd < 256; fd++)
		before[fd] = fcntl(fd, F_GETFD) >= 0;
	fixture = open_fixture(scheme);
	for (int fd = 0; fd < 256; fd++)
		if (!before[fd] && fcntl(fd, F_GETFD) >= 0)
			assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close_fixture(fixture);
}

static void interrupted_ioctl_is_repeated(const char *scheme)
{
	mock_refuse(VFIO_DEVICE_GET_INFO, -EINTR);
	close_fixture(open_fixture(scheme));
	assert_int_equal(mock.refuse.err, 0);
}

/*
 * Other libraries had two bugs: SPDK reported a failed map as success, and libvfn lost the address
 * of a failed map.
 */
static void refused_map_exposes_nothing(const char *scheme)
{
	uint64_t first = 0;
	static const struct {
		int kernel;
		int ours;
	} answers[] = {
		{ -EINVAL, -EIO },    { -EEXIST, -EIO },    { -ENOSPC, -ENOSPC },
		{ -ENOMEM, -ENOMEM }, { -ENODEV, -ENODEV }, { -EFAULT, -EIO },
	};
	struct fixture *fixture = open_fixture(scheme);

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		COHERENT(uint8_t) mem = COHERENT_EMPTY;

		mock.refuse_map = answers[i].kernel;
		assert_err(coherent_zeroed(&mem, fixture->dev, 1), answers[i].ours);
		assert_true(coherent_is_empty(&mem));
		assert_int_equal(mock.count, 0);
		/* The next mem gets the address of the failed one, so the library did not lose it. */
		assert_ok(coherent_zeroed(&mem, fixture->dev, 1));
		assert_true(!first || coherent_addr(&mem).raw == first);
		first = coherent_addr(&mem).raw;
		coherent_free(&mem);
		first += 2 * PAGE;
	}
	close_fixture(fixture);
}

static void memlock_is_explained(const char *scheme)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, more = COHERENT_EMPTY;
	struct fixture *fixture = open_fixture(scheme);

	mock.memlock = 8192;
	assert_ok(coherent_zeroed(&mem, fixture->dev, 4096));
	assert_err(coherent_zeroed(&more, fixture->dev, 8192, .attrs = COHERENT_ATTR_NO_WARN),
		   -ENOMEM);
	assert_int_equal(fixture->log.count, 0);
	assert_err(coherent_zeroed(&more, fixture->dev, 8192), -ENOMEM);
	assert_true(log_has(&fixture->log, "does not pin 8192 bytes more; ulimit -l is 8 KiB"));
	assert_true(log_has(&fixture->log, "--memlock=unlimited"));
	mock.memlock = UINT64_MAX;
	assert_ok(coherent_zeroed(&more, fixture->dev, 8192));
	coherent_free(&more);
	coherent_free(&mem);
	close_fixture(fixture);
	/* The report does not advise a process without a limit to raise it. */
	fixture = open_fixture(scheme);
	mock.refuse_map = -ENOMEM;
	assert_err(coherent_zeroed(&mem, fixture->dev, 4096), -ENOMEM);
	assert_true(log_has(&fixture->log, "the memory to pin and map 4096 bytes more"));
	assert_false(log_has(&fixture->log, "memlock"));
	close_fixture(fixture);
}

static void failed_unmap_is_reported_and_leaks(const char *scheme)
{
	for (unsigned int way = 0; way < 3; way++) {
		struct fixture *fixture = open_fixture(scheme);
		COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
		COHERENT(uint8_t) mem = COHERENT_EMPTY, next = COHERENT_EMPTY;
		uint64_t address;

		assert_ok(coherent_zeroed(&mem, fixture->dev, 1));
		address = coherent_addr(&mem).raw;
		mock.refuse_unmap = way == 2 ? 0 : -EBUSY;
		mock.find_less = way == 2;
		if (way)
			assert_err(coherent_reclaim(&mem, &box), -EIO);
		else
			coherent_free(&mem);
		assert_true(coherent_is_empty(&mem) && coherent_is_empty(&box));
		assert_true(log_has(&fixture->log, "are leaked"));
		assert_ok(coherent_zeroed(&next, fixture->dev, 1));
		assert_int_not_equal(coherent_addr(&next).raw, address);
		coherent_free(&next);
		close_fixture(fixture);
	}
}

/* A real type1 has as many mappings. The report names the parameter that raises the limit. */
static void exhausted_mappings_are_explained(const char *scheme)
{
	const size_t count = 65535;
	COHERENT(uint8_t) *mems = __real_calloc(count + 1, sizeof(*mems));
	struct fixture *fixture = open_fixture(scheme);
	struct coherent_limits limits;
	struct coherent_stats stats;
	size_t i;

	assert_ok(coherent_device_limits(fixture->dev, &limits));
	assert_int_equal(limits.mappings, count);
	for (i = 0; i < count; i++)
		assert_ok(coherent_zeroed(&mems[i], fixture->dev, 1));
	assert_err(coherent_zeroed(&mems[i], fixture->dev, 1, .attrs = COHERENT_ATTR_NO_WARN),
		   -ENOSPC);
	assert_int_equal(fixture->log.count, 0);
	assert_err(coherent_zeroed(&mems[i], fixture->dev, 1), -ENOSPC);
	assert_ok(coherent_device_stats(fixture->dev, &stats));
	assert_int_equal(stats.mappings, count);
	assert_true(log_has(&fixture->log, "all 65535 mappings are in use"));
	assert_true(log_has(&fixture->log, "dma_entry_limit"));
	for (i = 0; i < count; i++)
		coherent_free(&mems[i]);
	close_fixture(fixture);
	__real_free(mems);
}

static const struct CMUnitTest tests[] = {
	EACH(exposed_memory_is_mapped_as_asked),
	EACH(address_of_the_driver_is_mapped),
	EACH(addresses_are_where_the_iommu_translates),
	EACH(largest_ranges_are_used),
	ALONE(kernel_without_ranges_has_one_range),
	EACH(iommu_pages_larger_than_cpu_pages_are_refused),
	EACH(close_unmaps_live_mems),
	EACH(each_exposure_is_a_new_mapping),
	EACH(two_devices_can_be_open),
	EACH(descriptors_are_not_inherited_by_programs),
	EACH(interrupted_ioctl_is_repeated),
	EACH(refused_map_exposes_nothing),
	EACH(memlock_is_explained),
	EACH(failed_unmap_is_reported_and_leaks),
	ONLY_VFIO(exhausted_mappings_are_explained),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
