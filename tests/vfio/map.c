// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Mappings: what the library asks VFIO's groups and iommufd to map, where, and what it does when
 * they refuse. tests/vm/promises.c shows in a VM that a real kernel understands the same.
 */
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "vfio_test.h"

static void what_is_exposed_is_mapped_as_asked(const char *scheme)
{
	struct bench *bench = open_bench(scheme);
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY, ro = COHERENT_EMPTY;
	const struct mock_mapping *mapping;
	uint64_t old;

	assert_int_equal(coherent_device_level(bench->dev), COHERENT_IOMMU);
	assert_ok(coherent_box_zeroed(&box, bench->dev, 5000));
	assert_int_equal(mock.count, 0);
	assert_ok(coherent_expose(&box, &mem));
	assert_ok(coherent_zeroed(&ro, bench->dev, 1, .permission = COHERENT_READ_ONLY));
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
	close_bench(bench);
}

static void addresses_are_where_the_iommu_translates(const char *scheme)
{
	struct bench *bench;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_limits limits;
	struct bench none;

	mock.last = (1 << 28) - 1;
	mock.hole[0] = 0x4000;
	mock.hole[1] = 0xfffff;
	bench = open_bench(scheme);
	assert_ok(coherent_device_limits(bench->dev, &limits));
	assert_int_equal(limits.range_count, 2);
	assert_int_equal(limits.ranges[0].last, 0x3fff);
	assert_int_equal(limits.ranges[1].last, mock.last);
	assert_ok(coherent_zeroed(&mem, bench->dev, 1 << 20));
	assert_true(coherent_addr(&mem).raw >= 0x100000);
	coherent_free(&mem);
	assert_err(coherent_device_set_mask(bench->dev, coherent_mask(12)), -EIO);
	close_bench(bench);

	/* One page is too little to be an address space. */
	mock.last = 0xfff;
	mock.hole[0] = 0x1000;
	mock.hole[1] = 0xfff;
	assert_err(try_open(&none, name_of(scheme, BDF)), -EIO);
	nothing_is_left(&none);
}

/* A container of which the kernel tells many ranges, or one with pages cut in two, or none. */
static void largest_ranges_are_used(const char *scheme)
{
	struct coherent_limits limits;
	struct bench *bench;

	/* 1, 9, 2, 8, 3, 7, 4, 6, 5 MiB, less a page, then what is up to the large hole. */
	for (uint64_t i = 0, at = 0; i < 9; i++) {
		at += (i % 2 ? 9 - i / 2 : 1 + i / 2) << 20;
		mock.holes[i] = at;
	}
	mock.hole[0] = 0x4000800;
	mock.hole[1] = 0xfeefe7ff;
	mock.last = 0x1ffffffff;
	bench = open_bench(scheme);
	assert_ok(coherent_device_limits(bench->dev, &limits));
	assert_int_equal(limits.range_count, 8);
	for (unsigned int i = 0, small = 0; i < 8; i++) {
		const uint64_t bytes = limits.ranges[i].last - limits.ranges[i].first + 1;

		assert_true(!i || limits.ranges[i].first > limits.ranges[i - 1].last);
		assert_true(bytes >= (4 << 20) - PAGE);
		small += bytes < 10 << 20;
		assert_true(i < 6 || small == 6);
	}
	/* Whole pages: that a hole begins in is not used. */
	assert_int_equal(limits.ranges[6].last, 0x3ffffff);
	assert_int_equal(limits.ranges[7].first, 0xfeeff000);
	close_bench(bench);
	/* More than anybody asks for. */
	for (uint64_t i = 0; i < 70; i++)
		mock.holes[i] = (i + 1) << 20;
	mock.hole[0] = 0xfee00000;
	bench = open_bench(scheme);
	assert_ok(coherent_device_limits(bench->dev, &limits));
	assert_int_equal(limits.range_count, 8);
	close_bench(bench);
}

static void kernel_that_tells_no_ranges_has_one(void)
{
	struct coherent_limits limits;
	struct bench *bench;

	mock.no_ranges = true;
	mock.mappings_max = 100;
	bench = open_bench("vfio");
	assert_ok(coherent_device_limits(bench->dev, &limits));
	assert_int_equal(limits.range_count, 1);
	assert_int_equal(limits.ranges[0].first, PAGE);
	assert_true(limits.ranges[0].last > UINT64_MAX - 3 * PAGE);
	assert_int_equal(limits.mappings, 100);
	close_bench(bench);
}

static void pages_of_the_iommu_must_not_be_larger(const char *scheme)
{
	struct bench bench;

	mock.page_sizes = 1 << 30;
	mock.alignment = 65536;
	assert_err(try_open(&bench, name_of(scheme, BDF)), -EIO);
	assert_true(log_has(&bench.log, "getconf PAGESIZE"));
	nothing_is_left(&bench);
	/* Smaller ones do. */
	mock.page_sizes = 0xfffffffffffff200;
	mock.alignment = 512;
	close_bench(open_bench(scheme));
}

static void closing_unmaps_what_is_left(const char *scheme)
{
	struct bench *bench = open_bench(scheme);
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	uint8_t byte;

	assert_ok(coherent_zeroed(&mem, bench->dev, 1));
	assert_ok(coherent_write(&mem, 0, 7));
	assert_true(mock_config(BDF, PCI_COMMAND) & PCI_COMMAND_MASTER);
	assert_true(mock_config(BDF, PCI_COMMAND) & PCI_COMMAND_MEMORY);
	coherent_device_close(bench->dev);
	assert_false(log_has(&bench->log, "could not be unmapped"));
	assert_int_equal(mock.count, 0);
	assert_false(mock_config(BDF, PCI_COMMAND) & PCI_COMMAND_MASTER);
	assert_ok(coherent_read(&mem, 0, &byte));
	assert_int_equal(byte, 7);
	assert_true(log_has(&bench->log, "is not freed"));
	coherent_free(&mem);
	nothing_is_left(bench);
}

/*
 * Another bug of others (libvfn): what was mapped already was returned for any length and
 * permission. Here each exposure is a mapping, of the same memory too.
 */
static void memory_is_mapped_anew_with_each_exposure(const char *scheme)
{
	struct bench *bench = open_bench(scheme);
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	uint64_t va;

	assert_ok(coherent_zeroed(&mem, bench->dev, 2 * PAGE, .permission = COHERENT_READ_ONLY));
	va = mock_find(coherent_addr(&mem).raw)->va;
	assert_ok(coherent_reclaim(&mem, &box));
	assert_ok(coherent_expose(&box, &mem));
	assert_int_equal(mock_find(coherent_addr(&mem).raw)->va, va);
	assert_int_equal(mock_find(coherent_addr(&mem).raw)->flags,
			 VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
	assert_int_equal(mock_find(coherent_addr(&mem).raw)->bytes, 2 * PAGE);
	assert_int_equal(mock.count, 1);
	coherent_free(&mem);
	close_bench(bench);
}

static void two_devices_do_not_meet(const char *scheme)
{
	struct bench *bench = open_bench(scheme), other;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;

	assert_ok(try_open(&other, name_of(scheme, "00:02.0")));
	assert_ok(coherent_zeroed(&mem, bench->dev, 1));
	coherent_free(&mem);
	coherent_device_close(other.dev);
	close_bench(bench);
}

static void nothing_goes_to_a_program_that_is_started(const char *scheme)
{
	bool before[256];
	struct bench *bench;

	for (int fd = 0; fd < 256; fd++)
		before[fd] = fcntl(fd, F_GETFD) >= 0;
	bench = open_bench(scheme);
	for (int fd = 0; fd < 256; fd++)
		if (!before[fd] && fcntl(fd, F_GETFD) >= 0)
			assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close_bench(bench);
}

static void interrupted_call_starts_again(const char *scheme)
{
	mock_refuse(VFIO_DEVICE_GET_INFO, -EINTR);
	close_bench(open_bench(scheme));
	assert_int_equal(mock.refuse.err, 0);
}

/*
 * Two bugs of others: a failed map that was reported as success (SPDK), and one whose
 * address was lost (libvfn).
 */
static void refused_map_shares_nothing(const char *scheme)
{
	uint64_t first = 0;
	static const struct {
		int kernel;
		int ours;
	} answers[] = {
		{ -EINVAL, -EIO },    { -EEXIST, -EIO },    { -ENOSPC, -ENOSPC },
		{ -ENOMEM, -ENOMEM }, { -ENODEV, -ENODEV }, { -EFAULT, -EIO },
	};
	struct bench *bench = open_bench(scheme);

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		COHERENT(uint8_t) mem = COHERENT_EMPTY;

		mock.refuse_map = answers[i].kernel;
		assert_err(coherent_zeroed(&mem, bench->dev, 1), answers[i].ours);
		assert_true(coherent_is_empty(&mem));
		assert_int_equal(mock.count, 0);
		/* Its address is had again: nothing of it is kept. */
		assert_ok(coherent_zeroed(&mem, bench->dev, 1));
		assert_true(!first || coherent_addr(&mem).raw == first);
		first = coherent_addr(&mem).raw;
		coherent_free(&mem);
		first += 2 * PAGE;
	}
	close_bench(bench);
}

static void memlock_is_explained(const char *scheme)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, more = COHERENT_EMPTY;
	struct bench *bench = open_bench(scheme);

	mock.memlock = 8192;
	assert_ok(coherent_zeroed(&mem, bench->dev, 4096));
	assert_err(coherent_zeroed(&more, bench->dev, 8192), -ENOMEM);
	assert_true(log_has(&bench->log, "does not pin 8192 bytes more; ulimit -l is 8 KiB"));
	assert_true(log_has(&bench->log, "--memlock=unlimited"));
	mock.memlock = UINT64_MAX;
	assert_ok(coherent_zeroed(&more, bench->dev, 8192));
	coherent_free(&more);
	coherent_free(&mem);
	close_bench(bench);
	/* Who has no limit is not told to raise it. */
	bench = open_bench(scheme);
	mock.refuse_map = -ENOMEM;
	assert_err(coherent_zeroed(&mem, bench->dev, 4096), -ENOMEM);
	assert_true(log_has(&bench->log, "the memory to pin and map 4096 bytes more"));
	assert_false(log_has(&bench->log, "memlock"));
	close_bench(bench);
}

static void failed_unmap_leaks_and_reports(const char *scheme)
{
	for (unsigned int way = 0; way < 3; way++) {
		struct bench *bench = open_bench(scheme);
		COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
		COHERENT(uint8_t) mem = COHERENT_EMPTY, next = COHERENT_EMPTY;
		uint64_t address;

		assert_ok(coherent_zeroed(&mem, bench->dev, 1));
		address = coherent_addr(&mem).raw;
		mock.refuse_unmap = way == 2 ? 0 : -EBUSY;
		mock.find_less = way == 2;
		if (way)
			assert_err(coherent_reclaim(&mem, &box), -EIO);
		else
			coherent_free(&mem);
		assert_true(coherent_is_empty(&mem) && coherent_is_empty(&box));
		assert_true(log_has(&bench->log, "they are leaked"));
		assert_ok(coherent_zeroed(&next, bench->dev, 1));
		assert_int_not_equal(coherent_addr(&next).raw, address);
		coherent_free(&next);
		close_bench(bench);
	}
}

/* As on a real type1, and with the advice that its limit needs. */
static void mappings_run_out(const char *scheme)
{
	const size_t count = 65535;
	COHERENT(uint8_t) *mems = __real_calloc(count + 1, sizeof(*mems));
	struct bench *bench = open_bench(scheme);
	struct coherent_limits limits;
	size_t i;

	assert_ok(coherent_device_limits(bench->dev, &limits));
	assert_int_equal(limits.mappings, count);
	for (i = 0; i < count; i++)
		assert_ok(coherent_zeroed(&mems[i], bench->dev, 1));
	assert_err(coherent_zeroed(&mems[i], bench->dev, 1), -ENOSPC);
	assert_true(log_has(&bench->log, "all 65535 mappings are in use"));
	assert_true(log_has(&bench->log, "dma_entry_limit"));
	for (i = 0; i < count; i++)
		coherent_free(&mems[i]);
	close_bench(bench);
	__real_free(mems);
}

static const struct CMUnitTest tests[] = {
	EACH(what_is_exposed_is_mapped_as_asked),
	EACH(addresses_are_where_the_iommu_translates),
	EACH(largest_ranges_are_used),
	ALONE(kernel_that_tells_no_ranges_has_one),
	EACH(pages_of_the_iommu_must_not_be_larger),
	EACH(closing_unmaps_what_is_left),
	EACH(memory_is_mapped_anew_with_each_exposure),
	EACH(two_devices_do_not_meet),
	EACH(nothing_goes_to_a_program_that_is_started),
	EACH(interrupted_call_starts_again),
	EACH(refused_map_shares_nothing),
	EACH(memlock_is_explained),
	EACH(failed_unmap_leaks_and_reports),
	ONLY_VFIO(mappings_run_out),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
