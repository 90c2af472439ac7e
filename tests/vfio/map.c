// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * VFIO's groups and iommufd, against the kernel of mock.c: what is asked of it, what
 * becomes of each refusal, and that nothing is left whatever fails. That a real kernel
 * understands the same is shown in VMs, by vm/promises.c.
 */
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../src/vfio_uapi.h"
#include "../../src/device.h"
#include "mock.h"

#define PAGE 4096
#define BDF "0000:00:01.0"

static const char *const schemes[] = { "vfio", "iommufd", "pci" };

/* An open device, what it reported, and what there was before. */
struct bench {
	struct coherent_device *dev;
	struct log log;
	struct inject before;
};

static const char *name_of(const char *scheme, const char *where)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s:%s", scheme, where);
	return name;
}

static int try_open(struct bench *bench, const char *name)
{
	*bench = (struct bench){ .log = LOG_EMPTY, .before = inject };
	return coherent_device_open(&bench->dev, name, .report = log_report,
				    .report_arg = &bench->log);
}

static struct bench *open_bench(const char *scheme)
{
	static struct bench bench;

	assert_ok(try_open(&bench, name_of(scheme, BDF)));
	return &bench;
}

static void nothing_is_left(const struct bench *bench)
{
	assert_int_equal(inject.blocks, bench->before.blocks);
	assert_int_equal(inject.bytes, bench->before.bytes);
	assert_int_equal(inject.fds, bench->before.fds);
	assert_int_equal(mock.count, 0);
	assert_int_equal(mock.pinned, 0);
}

static void close_bench(struct bench *bench)
{
	coherent_device_close(bench->dev);
	nothing_is_left(bench);
}

/*
 * How many mappings of this process are of a file, if @file is not NULL, or have an address in
 * them; and of these, if @flag is not NULL, have that flag: "dc" is MADV_DONTFORK.
 */
static unsigned int mappings_of(const char *file, uintptr_t at, const char *flag)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	unsigned int count = 0;
	bool is_one = false;
	char line[512];

	assert_non_null(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		unsigned long first, end;

		if (sscanf(line, "%lx-%lx ", &first, &end) == 2) {
			is_one = file ? !!strstr(line, file) : at >= first && at < end;
			count += is_one && !flag;
		} else if (is_one && flag && !strncmp(line, "VmFlags:", 8)) {
			count += !!strstr(line, flag);
		}
	}
	fclose(smaps);
	return count;
}

/* --- Mappings --- */

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

/* --- Refusals of a device that is open --- */

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
	assert_true(log_has(&bench->log, "pins no 8192 bytes more; ulimit -l is 8 KiB"));
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
	assert_true(log_has(&bench->log, "no memory to pin and map 4096 bytes more"));
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

static void unplugged_device_leaves_memory(const char *scheme)
{
	struct bench *bench = open_bench(scheme);
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_irq *irq;
	uint8_t byte;

	assert_ok(coherent_zeroed(&mem, bench->dev, 1));
	assert_ok(coherent_write(&mem, 0, 3));
	mock.gone = true;
	assert_err(coherent_irq_open(&irq, bench->dev, 0), -ENODEV);
	assert_err(coherent_device_reset(bench->dev), -EIO);
	assert_ok(coherent_read(&mem, 0, &byte));
	assert_int_equal(byte, 3);
	coherent_free(&mem);
	close_bench(bench);
	mock.gone = false;
}

/* The kernel waits for the close, and drivers come to it by what they are answered. */
static void device_is_given_back_when_asked(const char *scheme)
{
	struct bench *bench = open_bench(scheme);
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY, none = COHERENT_EMPTY;
	const uint64_t one = 1;
	struct coherent_irq *irq;
	uint8_t byte;

	assert_ok(coherent_zeroed(&mem, bench->dev, 1));
	assert_ok(coherent_irq_open(&irq, bench->dev, 0));
	assert_int_equal(write(mock.request_fd, &one, sizeof(one)), sizeof(one));
	for (unsigned int turn = 0; turn < 2; turn++)
		assert_err(coherent_zeroed(&none, bench->dev, 1), -ENODEV);
	assert_err(coherent_device_reset(bench->dev), -ENODEV);
	/* Who waits for it wakes, after what had come before. */
	assert_int_equal(write(coherent_irq_fd(irq), &one, sizeof(one)), sizeof(one));
	assert_ok(coherent_irq_wait(irq, UINT64_MAX));
	assert_err(coherent_irq_wait(irq, UINT64_MAX), -ENODEV);
	assert_err(coherent_poll(&mem, 0, &byte, byte, UINT64_MAX), -ENODEV);
	assert_ok(coherent_reclaim(&mem, &box));
	coherent_irq_close(irq);
	assert_int_equal(mock.irq_count, 0);
	assert_err(coherent_irq_open(&irq, bench->dev, 0), -ENODEV);
	coherent_box_free(&box);
	close_bench(bench);
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

/* --- Registers, interrupts, reset --- */

static void registers_are_the_devices(const char *scheme)
{
	for (unsigned int turn = 0; turn < 2; turn++) {
		struct coherent_bar *bar, *other, *none;
		struct bench *bench;

		mock.no_mmap = turn;
		bench = open_bench(scheme);
		assert_int_equal(mappings_of("/" BDF, 0, " dc"), turn ? 0 : 2);
		assert_ok(coherent_bar_open(&bar, bench->dev, 0));
		assert_ok(coherent_bar_open(&other, bench->dev, 2));
		assert_err(coherent_bar_open(&none, bench->dev, 1), -ENODEV);
		coherent_bar_write64(bar, 8, UINT64_C(0x1122334455667788));
		coherent_bar_write64(other, 8, UINT64_C(0x99aabbccddeeff00));
		assert_int_equal(coherent_bar_read8(bar, 8), 0x88);
		assert_int_equal(coherent_bar_read16(bar, 10), 0x5566);
		assert_int_equal(coherent_bar_read32(bar, 12), 0x11223344);
		coherent_bar_write16(bar, 8, 1);
		coherent_bar_write8(bar, 11, 2);
		coherent_bar_write32(bar, 12, 3);
		assert_int_equal(coherent_bar_read64(bar, 8), UINT64_C(0x0000000302660001));
		assert_int_equal(coherent_bar_read64(other, 8), UINT64_C(0x99aabbccddeeff00));
		/* A read that fails is all ones, as on the bus. */
		mock.gone = turn;
		assert_int_equal(coherent_bar_read32(bar, 12), turn ? UINT32_MAX : 3);
		mock.gone = false;
		coherent_device_close(bench->dev);
		assert_int_equal(coherent_bar_read32(bar, 8), UINT32_MAX);
		coherent_bar_write32(bar, 8, 0);
		/* Who holds a BAR does not hold the device. */
		assert_int_equal(mappings_of("/" BDF, 0, NULL), 0);
		coherent_bar_close(bar);
		coherent_bar_close(other);
		nothing_is_left(bench);
	}
}

static void vectors_are_the_best_there_are(const char *scheme)
{
	struct coherent_limits limits;
	struct coherent_irq *irq;

	/* MSI-X of which no eventfd can be had is none; and there is an end to it. */
	for (unsigned int turn = 0; turn < 2; turn++) {
		struct bench *bench;

		mock.irqs[VFIO_PCI_MSIX_IRQ_INDEX] = 2048;
		mock.no_eventfd[VFIO_PCI_MSIX_IRQ_INDEX] = turn;
		bench = open_bench(scheme);
		assert_ok(coherent_device_limits(bench->dev, &limits));
		assert_int_equal(limits.vectors, turn ? 4 : 64);
		assert_ok(coherent_irq_open(&irq, bench->dev, limits.vectors - 1));
		assert_int_equal(mock.irq_index,
				 turn ? VFIO_PCI_MSI_IRQ_INDEX : VFIO_PCI_MSIX_IRQ_INDEX);
		coherent_irq_close(irq);
		close_bench(bench);
	}
}

static void vectors_do_not_disturb_each_other(const char *scheme)
{
	struct bench *bench = open_bench(scheme);
	struct coherent_irq *first, *third, *none;

	assert_err(coherent_irq_open(&none, bench->dev, 4), -ENODEV);
	assert_ok(coherent_irq_open(&third, bench->dev, 2));
	assert_int_equal(mock.irq_index, VFIO_PCI_MSI_IRQ_INDEX);
	assert_int_equal(mock.irq_count, 4);
	assert_int_equal(mock.irq_fds[0], -1);
	assert_int_equal(mock.irq_fds[2], coherent_irq_fd(third));
	assert_ok(coherent_irq_open(&first, bench->dev, 0));
	assert_int_equal(mock.irq_fds[0], coherent_irq_fd(first));
	assert_int_equal(mock.irq_fds[2], coherent_irq_fd(third));
	assert_int_equal(mock.irq_changes[2], 1);
	coherent_irq_close(third);
	assert_int_equal(mock.irq_fds[2], -1);
	assert_int_equal(mock.irq_fds[0], coherent_irq_fd(first));
	assert_int_equal(mock.irq_changes[0], 2);
	assert_err(coherent_irq_wait(first, 0), -ETIMEDOUT);
	assert_int_equal(mock.unmasks, 0);
	/* Nothing of a refusal is remembered. */
	mock_refuse(VFIO_DEVICE_SET_IRQS, -EBUSY);
	assert_err(coherent_irq_open(&third, bench->dev, 2), -EIO);
	assert_int_equal(mock.irq_fds[2], -1);
	coherent_irq_close(first);
	assert_int_equal(mock.irq_count, 0);
	mock_refuse(VFIO_DEVICE_SET_IRQS, -EBUSY);
	assert_err(coherent_irq_open(&third, bench->dev, 2), -EIO);
	assert_ok(coherent_irq_open(&first, bench->dev, 0));
	assert_int_equal(mock.irq_fds[2], -1);
	coherent_irq_close(first);
	assert_int_equal(mock.irq_count, 0);
	close_bench(bench);
}

/* The kernel's answer to a request for more is how many there are: a positive number. */
static void fewer_vectors_serve(const char *scheme)
{
	struct coherent_irq *irqs[2], *none;
	struct bench *bench;

	mock.vectors_max = 2;
	bench = open_bench(scheme);
	assert_err(coherent_irq_open(&none, bench->dev, 2), -ENOSPC);
	assert_true(log_has(&bench->log, "the kernel has 2 for " BDF));
	assert_int_equal(mock.irq_count, 0);
	for (unsigned int i = 0; i < 2; i++) {
		assert_ok(coherent_irq_open(&irqs[i], bench->dev, i));
		assert_int_equal(mock.irq_count, 2);
		assert_int_equal(mock.irq_fds[i], coherent_irq_fd(irqs[i]));
	}
	assert_err(coherent_irq_open(&none, bench->dev, 3), -ENOSPC);
	coherent_irq_close(irqs[0]);
	coherent_irq_close(irqs[1]);
	assert_int_equal(mock.irq_count, 0);
	/* Somebody else takes one in between. */
	mock_refuse(VFIO_DEVICE_SET_IRQS, 3);
	assert_ok(coherent_irq_open(&irqs[0], bench->dev, 0));
	assert_int_equal(mock.irq_count, 2);
	coherent_irq_close(irqs[0]);
	mock.vectors_max = 0;
	assert_err(coherent_irq_open(&none, bench->dev, 0), -ENOSPC);
	assert_true(log_has(&bench->log, "the kernel has 0 for " BDF));
	close_bench(bench);
}

static void intx_is_unmasked_by_who_waits(const char *scheme)
{
	struct coherent_irq *irq;
	struct bench *bench;

	mock.irqs[VFIO_PCI_MSI_IRQ_INDEX] = 0;
	bench = open_bench(scheme);
	assert_ok(coherent_irq_open(&irq, bench->dev, 0));
	assert_int_equal(mock.irq_index, VFIO_PCI_INTX_IRQ_INDEX);
	assert_err(coherent_irq_wait(irq, 0), -ETIMEDOUT);
	assert_int_equal(mock.unmasks, 1);
	coherent_irq_close(irq);
	close_bench(bench);
}

/*
 * The wait unmasks a line that is still asserted, so that it comes again and is masked: who
 * then services the device and polls must not poll for ever.
 */
static void intx_wakes_who_polls_its_descriptor(const char *scheme)
{
	struct coherent_irq *irq;
	struct bench *bench;

	mock.irqs[VFIO_PCI_MSI_IRQ_INDEX] = 0;
	bench = open_bench(scheme);
	assert_ok(coherent_irq_open(&irq, bench->dev, 0));
	for (unsigned int turn = 0; turn < 3; turn++) {
		struct pollfd fd = { .fd = coherent_irq_fd(irq), .events = POLLIN };
		unsigned int spurious = 0;

		mock_intx(true);
		assert_int_equal(poll(&fd, 1, 0), 1);
		assert_ok(coherent_irq_wait(irq, 0));
		mock_intx(false);
		while (poll(&fd, 1, 0)) {
			assert_ok(coherent_irq_wait(irq, 0));
			assert_true(spurious++ < 2);
		}
		assert_false(mock.masked);
	}
	/* One that waits unmasks before, and is woken once for each. */
	mock_intx(true);
	assert_ok(coherent_irq_wait(irq, LONG));
	mock_intx(false);
	assert_true(mock.masked);
	coherent_irq_close(irq);
	close_bench(bench);
}

static void reset_is_with_bus_master_off(const char *scheme)
{
	struct bench *bench = open_bench(scheme);

	assert_ok(coherent_device_reset(bench->dev));
	assert_ok(coherent_device_fence(bench->dev));
	assert_int_equal(mock.resets, 2);
	assert_true(mock_config(BDF, PCI_COMMAND) & PCI_COMMAND_MASTER);
	close_bench(bench);
	mock.can_reset = false;
	bench = open_bench(scheme);
	assert_err(coherent_device_reset(bench->dev), -EIO);
	assert_true(log_has(&bench->log, "reset_method"));
	assert_ok(coherent_device_fence(bench->dev));
	close_bench(bench);
}

static void device_that_is_not_reset_goes_on(const char *scheme)
{
	struct bench *bench = open_bench(scheme);

	mock_refuse(VFIO_DEVICE_RESET, -ENOTTY);
	assert_err(coherent_device_reset(bench->dev), -EIO);
	assert_true(log_has(&bench->log, BDF " was not reset: "));
	assert_true(mock_config(BDF, PCI_COMMAND) & PCI_COMMAND_MASTER);
	/* Somebody has its lock for a while, or for good. */
	mock.busy_resets = 2;
	assert_ok(coherent_device_reset(bench->dev));
	assert_int_equal(mock.resets, 1);
	mock.busy_resets = 1000;
	assert_err(coherent_device_reset(bench->dev), -EIO);
	assert_int_equal(mock.busy_resets, 990);
	assert_true(mock_config(BDF, PCI_COMMAND) & PCI_COMMAND_MASTER);
	close_bench(bench);
}

/* --- What to do when it does not open --- */

static void refusals_name_the_command_that_helps(void)
{
	static const struct {
		const char *name;
		const char *shell;
		int err;
		const char *says;
	} cases[] = {
		{ "vfio:", "true", -EINVAL, "is no PCI address, which is like 0000:00:01.0" },
		{ "vfio:00:01", "true", -EINVAL, "is no PCI address" },
		{ "vfio:00:20.0", "true", -EINVAL, "is no PCI address" },
		{ "vfio:00:01.8", "true", -EINVAL, "is no PCI address" },
		{ "vfio:0x0:00:01.0", "true", -EINVAL, "is no PCI address" },
		{ "vfio: 0000:00:01.0", "true", -EINVAL, "is no PCI address" },
		{ "vfio:+0:00:01.0", "true", -EINVAL, "is no PCI address" },
		{ "vfio:-1:00:01.0", "true", -EINVAL, "is no PCI address" },
		{ "vfio:100000000:00:01.0", "true", -EINVAL, "is no PCI address" },
		{ "vfio:10000:e1:00.0", "true", -ENODEV, "there is no PCI device 10000:e1:00.0" },
		{ "vfio:12345678:e1:00.0", "true", -ENODEV, "PCI device 12345678:e1:00.0, see" },
		{ "vfio:0000:00:01.0x", "true", -EINVAL, "is no PCI address" },
		{ "vfio:00:01.0,lazy", "true", -EINVAL, "takes no keys, not \"lazy\"" },
		{ "vfio:00:03.0", "true", -ENODEV, "there is no PCI device 0000:00:03.0" },
		{ "iommufd:00:03.0", "true", -ENODEV, "there is no PCI device 0000:00:03.0" },
		{ "pci:00:03.0", "true", -ENODEV, "there is no PCI device 0000:00:03.0" },
		{ "vfio:00:01.0",
		  "cd sys/bus/pci/devices/" BDF
		  "; rm -r vfio-dev; ln -sfn ../../../drivers/nvme driver",
		  -ENODEV, "is nvme, not vfio-pci" },
		{ "vfio:00:01.0",
		  "cd sys/bus/pci/devices/" BDF
		  "; rm -r vfio-dev; ln -sfn ../../../drivers/nvme driver",
		  -ENODEV, "echo 0000:00:01.0 >/sys/bus/pci/devices/0000:00:01.0/driver/unbind" },
		{ "vfio:00:01.0", "cd sys/bus/pci/devices/" BDF "; rm -r vfio-dev driver", -ENODEV,
		  "is none, not vfio-pci" },
		{ "vfio:00:01.0", "rm sys/bus/pci/devices/" BDF "/iommu_group", -EOPNOTSUPP,
		  "intel_iommu=on" },
		{ "vfio:00:01.0", "rm dev/vfio/vfio", -ENODEV,
		  "docker run --device /dev/vfio/vfio" },
		{ "vfio:00:01.0", "rm dev/vfio/1", -ENODEV, "try iommufd:0000:00:01.0" },
		{ "vfio:00:01.0", "chmod 1 dev/vfio/1", -EPERM, "docker run --device /dev/vfio/1" },
		{ "vfio:00:01.0", "chmod 2 dev/vfio/1", -ENODEV, "/dev/vfio/1: No such device" },
		{ "vfio:00:01.0", "chmod 0 dev/vfio/vfio", -EACCES, "chown" },
		{ "vfio:00:01.0", "chmod 0 dev/vfio/1", -EACCES, "/dev/vfio/1 is not yours" },
		{ "vfio:00:01.0", "rm dev/vfio/1; mkdir dev/vfio/1", -EBUSY,
		  "/dev/vfio/1 open already; as root: fuser -v /dev/vfio/* /dev/vfio/devices/*" },
		{ "iommufd:00:01.0", "rm -r sys/bus/pci/devices/" BDF "/vfio-dev", -EOPNOTSUPP,
		  "try vfio:0000:00:01.0" },
		{ "vfio:00:01.0",
		  "cd sys/bus/pci/devices/" BDF "; rm -r vfio-dev driver iommu_group", -EOPNOTSUPP,
		  "intel_iommu=on" },
		{ "pci:00:01.0",
		  "cd sys/bus/pci/devices/" BDF "; rm -r vfio-dev driver iommu_group", -EOPNOTSUPP,
		  "intel_iommu=on" },
		{ "iommufd:00:01.0", "rm dev/vfio/devices/vfio1", -EOPNOTSUPP,
		  "try vfio:0000:00:01.0" },
		{ "iommufd:00:01.0",
		  "mv dev/vfio/devices/vfio1 dev/vfio/devices/noiommu-vfio1; "
		  "mv sys/bus/pci/devices/" BDF "/vfio-dev/vfio1 "
		  "sys/bus/pci/devices/" BDF "/vfio-dev/noiommu-vfio1",
		  -EOPNOTSUPP, "try vfio:0000:00:01.0" },
		{ "iommufd:00:01.0", "rm dev/iommu", -ENODEV, "modprobe iommufd" },
		{ "iommufd:00:01.0", "chmod 0 dev/iommu", -EACCES, "/dev/iommu is not yours" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bench bench;

		mock_shell(cases[i].shell);
		assert_err(try_open(&bench, cases[i].name), cases[i].err);
		assert_true(log_has(&bench.log, cases[i].says));
		nothing_is_left(&bench);
		mock_halt();
		mock_boot();
	}
}

/* Another device of the group of 00:01.0, and whose it is. */
static void add_sibling(const char *bdf, const char *driver, bool vfio)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "d=sys/bus/pci/devices/%s; mkdir -p $d sys/kernel/iommu_groups/1/devices/%s; "
		 "ln -s ../../../drivers/%s $d/driver; %s",
		 bdf, bdf, driver, vfio ? "mkdir $d/vfio-dev" : "true");
	mock_shell(command);
}

static void group_that_is_not_viable_names_who_has_it(void)
{
	struct bench bench;

	mock.not_viable = true;
	add_sibling("0000:00:1c.0", "pcieport", false);
	add_sibling("0000:00:1f.1", "pci-stub", false);
	add_sibling("0000:00:1f.2", "mlx5_vfio_pci", true);
	/* By themselves they are in nobody's way. */
	assert_err(try_open(&bench, "vfio:00:01.0"), -EBUSY);
	assert_true(log_has(&bench.log, "ls -l /sys/kernel/iommu_groups/1/devices/*/driver"));
	assert_int_equal(bench.log.count, 1);
	add_sibling("0000:00:1f.3", "nvme", false);
	assert_err(try_open(&bench, "vfio:00:01.0"), -EBUSY);
	assert_true(log_has(&bench.log, "0000:00:1f.3, which nvme drives"));
	assert_int_equal(bench.log.count, 2);
	nothing_is_left(&bench);
	/* To iommufd that is an owner of the group who is not this one. */
	mock_refuse(UAPI_DEVICE_BIND_IOMMUFD, -EPERM);
	assert_err(try_open(&bench, "iommufd:00:01.0"), -EBUSY);
	assert_true(log_has(&bench.log, "0000:00:1f.3, which nvme drives"));
	assert_true(log_has(&bench.log, "fuser -v"));
	assert_false(log_has(&bench.log, "allow_unsafe_interrupts"));
	nothing_is_left(&bench);
}

static void each_refusal_is_told_apart(void)
{
	static const struct {
		const char *name;
		unsigned long request;
		int kernel;
		int ours;
		const char *says;
	} refusals[] = {
		{ "iommufd:" BDF, UAPI_DEVICE_BIND_IOMMUFD, -EBUSY, -EBUSY,
		  "fuser -v /dev/vfio/* /dev/vfio/devices/*" },
		{ "iommufd:" BDF, UAPI_DEVICE_BIND_IOMMUFD, -EINVAL, -EBUSY,
		  "fuser -v /dev/vfio/* /dev/vfio/devices/*" },
		{ "iommufd:" BDF, UAPI_DEVICE_BIND_IOMMUFD, -ENODEV, -ENODEV,
		  "is not bound to iommufd: No such device" },
		{ "iommufd:" BDF, UAPI_IOAS_ALLOC, -EINVAL, -EIO,
		  "gets no address space: Invalid argument" },
		{ "iommufd:" BDF, UAPI_DEVICE_ATTACH_IOMMUFD_PT, -EINVAL, -EIO,
		  "is not attached to its address space: Invalid" },
		{ "iommufd:" BDF, UAPI_DEVICE_ATTACH_IOMMUFD_PT, -ENOMEM, -ENOMEM,
		  "is not attached to its address space: Cannot" },
		{ "iommufd:" BDF, UAPI_IOAS_IOVA_RANGES, -EINVAL, -EIO,
		  "does not say where it translates: Invalid" },
		{ "vfio:" BDF, VFIO_GROUP_GET_STATUS, -ENODEV, -ENODEV,
		  "group 1 does not say how it is: No such device" },
		{ "vfio:" BDF, VFIO_GROUP_SET_CONTAINER, -EBUSY, -EBUSY, "gets no IOMMU: Device" },
		{ "vfio:" BDF, VFIO_IOMMU_GET_INFO, -EINVAL, -EIO,
		  "does not say where it translates: Invalid" },
		{ "vfio:" BDF, VFIO_GROUP_GET_DEVICE_FD, -EINVAL, -EIO, "does not give " BDF },
		{ "vfio:" BDF, VFIO_DEVICE_GET_INFO, -EINVAL, -EIO,
		  "vfio-pci does not hand out " BDF ": Invalid argument, see dmesg" },
		{ "vfio:" BDF, VFIO_DEVICE_GET_REGION_INFO, -ENODEV, -ENODEV,
		  "vfio-pci does not hand out " BDF ": No such device" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct bench bench;

		mock_refuse(refusals[i].request, refusals[i].kernel);
		assert_err(try_open(&bench, refusals[i].name), refusals[i].ours);
		assert_true(log_has(&bench.log, refusals[i].says));
		assert_int_equal(bench.log.count, 1);
		nothing_is_left(&bench);
	}
}

/* From Linux 6.1 on the kernel says who is one. */
static void variant_of_vfio_pci_serves(const char *scheme)
{
	mock_shell("ln -sfn ../../../drivers/mlx5_vfio_pci sys/bus/pci/devices/" BDF "/driver");
	close_bench(open_bench(scheme));
	if (strcmp(scheme, "vfio"))
		return;
	mock_shell("cd sys/bus/pci/devices/" BDF "; rm -r vfio-dev; "
		   "ln -sfn ../../../drivers/vfio-pci driver");
	close_bench(open_bench(scheme));
}

static void unsafe_interrupts_are_explained(void)
{
	struct bench bench;

	mock.unsafe = true;
	assert_err(try_open(&bench, "vfio:00:01.0"), -EPERM);
	assert_true(log_has(&bench.log, "vfio_iommu_type1/parameters/allow_unsafe_interrupts"));
	nothing_is_left(&bench);
	assert_err(try_open(&bench, "iommufd:00:01.0"), -EPERM);
	assert_true(log_has(&bench.log, "iommufd/parameters/allow_unsafe_interrupts"));
	nothing_is_left(&bench);
	mock.unsafe = false;
	mock.no_type1 = true;
	assert_err(try_open(&bench, "vfio:00:01.0"), -EOPNOTSUPP);
	assert_true(log_has(&bench.log, "modprobe vfio_iommu_type1"));
	nothing_is_left(&bench);
}

/* Where there is no iommufd, pci is VFIO's groups. */
static void pci_takes_what_there_is(void)
{
	struct bench *bench = open_bench("pci");
	struct coherent_limits limits;

	assert_ok(coherent_device_limits(bench->dev, &limits));
	assert_true(limits.mappings == SIZE_MAX);
	close_bench(bench);
	/* Either half of it may be missing. */
	for (unsigned int turn = 0; turn < 2; turn++) {
		mock_shell(turn ? "touch dev/iommu; rm dev/vfio/devices/*" : "rm dev/iommu");
		bench = open_bench("pci");
		assert_ok(coherent_device_limits(bench->dev, &limits));
		assert_int_equal(limits.mappings, 65535);
		close_bench(bench);
	}
}

/* --- No IOMMU --- */

static void boot_without_iommu(void)
{
	mock_shell("mv dev/vfio/1 dev/vfio/noiommu-1; mv dev/vfio/2 dev/vfio/noiommu-2");
	inject.hugepages = true;
}

static int open_level(struct bench *bench, const char *name, enum coherent_level level)
{
	*bench = (struct bench){ .log = LOG_EMPTY, .before = inject };
	return coherent_device_open(&bench->dev, name, .level = level, .report = log_report,
				    .report_arg = &bench->log);
}

static void without_iommu_it_has_to_be_asked_for(void)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	const unsigned int maps = inject.huge_maps;
	struct coherent_limits limits;
	struct bench bench;

	boot_without_iommu();
	assert_err(open_level(&bench, "vfio:" BDF, 0), -EOPNOTSUPP);
	assert_true(log_has(&bench.log, ".level = COHERENT_NONE"));
	nothing_is_left(&bench);
	assert_err(open_level(&bench, "vfio:" BDF ",pages=9", COHERENT_NONE), -EINVAL);
	nothing_is_left(&bench);
	assert_ok(open_level(&bench, "vfio:" BDF ",pages=3", COHERENT_NONE));
	assert_int_equal(coherent_device_level(bench.dev), COHERENT_NONE);
	assert_ok(coherent_device_limits(bench.dev, &limits));
	assert_int_equal(limits.range_count, 3);
	assert_true(limits.ranges[0].last < limits.ranges[1].first);
	assert_int_equal(inject.huge_maps, maps + 3);
	assert_true(mock_config(BDF, PCI_COMMAND) & PCI_COMMAND_MASTER);
	assert_ok(coherent_zeroed(&mem, bench.dev, PAGE));
	assert_int_equal(mappings_of(NULL, (uintptr_t)coherent_unsafe_ptr(&mem), " dc"), 1);
	assert_ok(coherent_write(&mem, PAGE - 1, 4));
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_int_equal(coherent_box_ptr(&box)[PAGE - 1], 4);
	assert_ok(coherent_device_fence(bench.dev));
	assert_int_equal(mock.resets, 1);
	assert_int_equal(mock.count, 0);
	assert_err(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY), -EOPNOTSUPP);
	coherent_device_close(bench.dev);
	assert_false(mock_config(BDF, PCI_COMMAND) & PCI_COMMAND_MASTER);
	nothing_is_left(&bench);
	inject.hugepages = false;
}

/* Bus mastering that goes off and on again ends nothing. */
static void without_iommu_a_reset_alone_is_a_fence(void)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, next = COHERENT_EMPTY;
	struct bench bench;
	uint64_t address;

	boot_without_iommu();
	mock.can_reset = false;
	assert_ok(open_level(&bench, "vfio:" BDF, COHERENT_NONE));
	assert_ok(coherent_zeroed(&mem, bench.dev, PAGE));
	address = coherent_addr(&mem).raw;
	coherent_free(&mem);
	assert_err(coherent_device_fence(bench.dev), -EIO);
	assert_ok(coherent_zeroed(&next, bench.dev, PAGE));
	assert_int_not_equal(coherent_addr(&next).raw, address);
	/* After the close there is nothing to wait for. */
	assert_ok(coherent_zeroed(&mem, bench.dev, PAGE));
	coherent_device_close(bench.dev);
	coherent_free(&next);
	assert_int_equal(bench.dev->store.stats.objects, 2);
	coherent_free(&mem);
	nothing_is_left(&bench);
	inject.hugepages = false;
}

/* Hugepages that follow each other for the device do not for the CPU. */
static void without_iommu_no_object_is_in_two_hugepages(void)
{
	const uint64_t huge = 2 << 20;
	COHERENT(uint8_t) mems[8] = { COHERENT_EMPTY };
	struct coherent_limits limits;
	struct bench bench;

	boot_without_iommu();
	assert_ok(open_level(&bench, "vfio:" BDF ",pages=3", COHERENT_NONE));
	assert_ok(coherent_device_limits(bench.dev, &limits));
	assert_int_equal(limits.ranges[0].first + huge, limits.ranges[1].first);
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++) {
		uint64_t first, va;

		if (coherent_zeroed(&mems[i], bench.dev, huge / 8 * 3))
			break;
		assert_true(i < 6);
		first = coherent_addr(&mems[i]).raw;
		va = (uintptr_t)coherent_unsafe_ptr(&mems[i]);
		for (uint64_t at = 0; at < coherent_size(&mems[i]); at += PAGE)
			assert_int_equal(mock_physical(va + at), first + at);
	}
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	coherent_device_close(bench.dev);
	nothing_is_left(&bench);
	inject.hugepages = false;
}

static void without_iommu_what_is_missing_is_told(void)
{
	unsigned int told = 0;
	struct bench bench;

	boot_without_iommu();
	mock.no_frames = true;
	assert_err(open_level(&bench, "vfio:" BDF, COHERENT_NONE), -EPERM);
	assert_true(log_has(&bench.log, "CAP_SYS_ADMIN"));
	nothing_is_left(&bench);
	mock.no_frames = false;
	mock.absent = true;
	assert_err(open_level(&bench, "vfio:" BDF, COHERENT_NONE), -EIO);
	assert_true(log_has(&bench.log, "has taken a hugepage away again"));
	nothing_is_left(&bench);
	mock.absent = false;
	mock_shell("chmod 0 proc/self/pagemap");
	assert_err(open_level(&bench, "vfio:" BDF, COHERENT_NONE), -EPERM);
	assert_true(log_has(&bench.log, "/proc/self/pagemap: Permission denied"));
	nothing_is_left(&bench);
	mock_shell("chmod 644 proc/self/pagemap");
	mock_shell("chmod 1 dev/vfio/noiommu-1");
	assert_err(open_level(&bench, "vfio:" BDF, COHERENT_NONE), -EPERM);
	assert_true(log_has(&bench.log, "cap_sys_rawio"));
	nothing_is_left(&bench);
	mock_shell("chmod 644 dev/vfio/noiommu-1");
	mock_refuse(VFIO_GROUP_GET_DEVICE_FD, -EINVAL);
	assert_err(open_level(&bench, "vfio:" BDF, COHERENT_NONE), -EIO);
	assert_true(log_has(&bench.log, "does not give " BDF));
	nothing_is_left(&bench);
	mock.unsafe = true;
	assert_err(open_level(&bench, "vfio:" BDF, COHERENT_NONE), -EPERM);
	assert_true(log_has(&bench.log, "enable_unsafe_noiommu_mode"));
	nothing_is_left(&bench);
	mock.unsafe = false;
	/* calloc, strdup, mmap of the library's own come first; then that of a hugepage. */
	for (unsigned int nth = 1;; nth++) {
		inject.failed = false;
		inject.left = nth;
		if (!open_level(&bench, "vfio:" BDF ",pages=2", COHERENT_NONE) && !inject.failed)
			break;
		inject.left = 0;
		bench.before.left = 0;
		coherent_device_close(bench.dev);
		nothing_is_left(&bench);
		told += log_has(&bench.log,
				"0 of 2 hugepages of 2 MiB are there; as root: echo N >/sys");
		told += log_has(&bench.log, "that is in it and 1");
		assert_true(nth < 100);
	}
	inject.left = 0;
	coherent_device_close(bench.dev);
	/* Of each mapped, not copied to children, populated. */
	assert_int_equal(told, 6);
	/* As before Linux 5.14. */
	inject.no_populate = true;
	assert_ok(open_level(&bench, "vfio:" BDF, COHERENT_NONE));
	coherent_device_close(bench.dev);
	nothing_is_left(&bench);
	inject.no_populate = false;
	inject.hugepages = false;
}

/* --- What the caller has opened --- */

#define WINDOW_FIRST UINT64_C(0x200000000)
#define WINDOW_LAST UINT64_C(0x2ffffffff)

/* A program that has memory of its own in the same address space; @group is 0 with iommufd. */
struct caller {
	int group;
	int iommu;
	int device;
};

static bool has_groups(const char *scheme)
{
	return strcmp(scheme, "iommufd");
}

static void caller_opens_group(struct caller *caller)
{
	caller->iommu = open("/dev/vfio/vfio", O_RDWR);
	caller->group = open("/dev/vfio/1", O_RDWR);
	assert_true(caller->iommu > 0 && caller->group > 0);
	assert_ok(ioctl(caller->group, VFIO_GROUP_SET_CONTAINER, &caller->iommu));
	assert_ok(ioctl(caller->iommu, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	caller->device = ioctl(caller->group, VFIO_GROUP_GET_DEVICE_FD, BDF);
	assert_true(caller->device > 0);
}

static void caller_opens_iommufd(struct caller *caller)
{
	struct uapi_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct uapi_attach_iommufd_pt attach = { .argsz = sizeof(attach), .pt_id = MOCK_IOAS };

	caller->group = 0;
	caller->iommu = open("/dev/iommu", O_RDWR);
	caller->device = open("/dev/vfio/devices/vfio1", O_RDWR);
	assert_true(caller->iommu > 0 && caller->device > 0);
	bind.iommufd = caller->iommu;
	assert_ok(ioctl(caller->device, UAPI_DEVICE_BIND_IOMMUFD, &bind));
	assert_ok(ioctl(caller->device, UAPI_DEVICE_ATTACH_IOMMUFD_PT, &attach));
}

static void caller_opens(struct caller *caller, const char *scheme)
{
	if (has_groups(scheme))
		caller_opens_group(caller);
	else
		caller_opens_iommufd(caller);
}

static void caller_closes(struct caller *caller)
{
	assert_ok(close(caller->device));
	assert_ok(close(caller->iommu));
	if (caller->group)
		assert_ok(close(caller->group));
}

static void caller_begins(struct caller *caller, const char *scheme)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ,
		.iova = PAGE,
		.size = PAGE,
	};
	struct uapi_ioas_map ioas_map = {
		.size = sizeof(ioas_map),
		.flags = UAPI_IOAS_MAP_FIXED_IOVA | UAPI_IOAS_MAP_READABLE,
		.ioas_id = MOCK_IOAS,
		.iova = PAGE,
		.length = PAGE,
	};

	caller_opens(caller, scheme);
	if (has_groups(scheme))
		assert_ok(ioctl(caller->iommu, VFIO_IOMMU_MAP_DMA, &map));
	else
		assert_ok(ioctl(caller->iommu, UAPI_IOAS_MAP, &ioas_map));
	assert_int_equal(mock.count, 1);
}

/* Nothing of it was touched. */
static void caller_ends(struct caller *caller)
{
	assert_int_equal(mock.count, 1);
	assert_non_null(mock_find(PAGE));
	assert_int_equal(mock_config(BDF, PCI_COMMAND), 0);
	caller_closes(caller);
}

static int adopt(struct bench *bench, const char *scheme, int iommu, int device, uint64_t first,
		 uint64_t last)
{
	*bench = (struct bench){ .log = LOG_EMPTY, .before = inject };
	return coherent_device_open(&bench->dev, name_of(scheme, BDF), .report = log_report,
				    .report_arg = &bench->log,
				    .container = has_groups(scheme) ? iommu : 0,
				    .iommufd = has_groups(scheme) ? 0 : iommu,
				    .ioas = has_groups(scheme) ? 0 : MOCK_IOAS, .device_fd = device,
				    .window = { first, last });
}

static void no_block_or_descriptor_is_left(const struct bench *bench)
{
	assert_int_equal(inject.blocks, bench->before.blocks);
	assert_int_equal(inject.bytes, bench->before.bytes);
	assert_int_equal(inject.fds, bench->before.fds);
}

static void what_is_adopted_stays_the_callers(const char *scheme)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, left = COHERENT_EMPTY;
	struct caller caller;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	struct coherent_limits limits;
	struct bench bench;

	caller_begins(&caller, scheme);
	assert_ok(adopt(&bench, scheme, caller.iommu, caller.device, WINDOW_FIRST, WINDOW_LAST));
	assert_ok(coherent_device_limits(bench.dev, &limits));
	assert_int_equal(limits.range_count, 1);
	assert_int_equal(limits.ranges[0].first, WINDOW_FIRST);
	assert_int_equal(limits.ranges[0].last, WINDOW_LAST);
	assert_ok(coherent_bar_open(&bar, bench.dev, 0));
	coherent_bar_write32(bar, 0, 5);
	assert_int_equal(coherent_bar_read32(bar, 0), 5);
	assert_ok(coherent_irq_open(&irq, bench.dev, 0));
	coherent_irq_close(irq);
	assert_ok(coherent_zeroed(&mem, bench.dev, 1));
	assert_ok(coherent_zeroed(&left, bench.dev, 1));
	assert_true(coherent_addr(&mem).raw >= WINDOW_FIRST);
	assert_true(coherent_addr(&left).raw + PAGE - 1 <= WINDOW_LAST);
	assert_int_equal(mock.count, 3);
	coherent_free(&mem);
	assert_ok(coherent_device_fence(bench.dev));
	assert_ok(coherent_device_reset(bench.dev));
	assert_int_equal(mock_config(BDF, PCI_COMMAND), 0);
	assert_int_equal(mock.irq_count, 0);
	assert_ok(coherent_irq_open(&irq, bench.dev, 1));
	coherent_bar_close(bar);
	coherent_device_close(bench.dev);
	assert_int_equal(mock.irq_count, 0);
	coherent_irq_close(irq);
	coherent_free(&left);
	no_block_or_descriptor_is_left(&bench);
	caller_ends(&caller);
}

/* All of it, which is no number of bytes; and what becomes of a refusal. */
static void window_may_be_everything(const char *scheme)
{
	for (unsigned int turn = 0; turn < 2; turn++) {
		COHERENT(uint8_t) left = COHERENT_EMPTY;
		struct caller caller;
		struct bench bench;

		caller_opens(&caller, scheme);
		assert_ok(adopt(&bench, scheme, caller.iommu, caller.device, 0, UINT64_MAX));
		assert_ok(coherent_zeroed(&left, bench.dev, 1));
		assert_int_equal(mock.count, 1);
		mock.refuse_unmap = turn ? -EBUSY : 0;
		coherent_device_close(bench.dev);
		assert_int_equal(mock.count, turn);
		assert_int_equal(log_has(&bench.log, "could not be unmapped"), turn);
		coherent_free(&left);
		no_block_or_descriptor_is_left(&bench);
		caller_closes(&caller);
	}
}

/* As near to the end of the window as an object can be. */
static void window_is_unmapped_to_its_end(const char *scheme)
{
	COHERENT(uint8_t) left = COHERENT_EMPTY;
	struct caller caller;
	struct bench bench;

	caller_begins(&caller, scheme);
	assert_ok(adopt(&bench, scheme, caller.iommu, 0, WINDOW_FIRST, WINDOW_FIRST + 0x2fff));
	assert_ok(coherent_zeroed(&left, bench.dev, 2 * PAGE));
	coherent_device_close(bench.dev);
	assert_int_equal(mock.count, 1);
	assert_false(log_has(&bench.log, "could not be unmapped"));
	coherent_free(&left);
	/* Of nothing too. */
	assert_ok(adopt(&bench, scheme, caller.iommu, 0, WINDOW_FIRST, WINDOW_LAST));
	coherent_device_close(bench.dev);
	assert_int_equal(bench.log.count, 0);
	caller_ends(&caller);
}

/* Memory alone, for a driver that has its own way to registers. */
static void device_need_not_be_adopted(const char *scheme)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct caller caller;
	struct coherent_bar *bar;
	struct bench bench;

	caller_begins(&caller, scheme);
	assert_ok(adopt(&bench, scheme, caller.iommu, 0, WINDOW_FIRST, WINDOW_LAST));
	assert_err(coherent_bar_open(&bar, bench.dev, 0), -ENODEV);
	assert_ok(coherent_zeroed(&mem, bench.dev, 1, .permission = COHERENT_READ_ONLY));
	assert_int_equal(mock_find(coherent_addr(&mem).raw)->flags, VFIO_DMA_MAP_FLAG_READ);
	coherent_free(&mem);
	assert_err(coherent_device_reset(bench.dev), -EIO);
	assert_true(log_has(&bench.log, "was opened without .device_fd"));
	coherent_device_close(bench.dev);
	no_block_or_descriptor_is_left(&bench);
	caller_ends(&caller);
}

static void what_cannot_be_adopted_is_refused(const char *scheme)
{
	const uint64_t beyond = UINT64_C(1) << 50;
	struct caller caller;
	struct bench bench;
	int other = open("/dev/null", O_RDWR);

	caller_begins(&caller, scheme);
	assert_err(adopt(&bench, scheme, caller.iommu, caller.device, 0, 0), -EINVAL);
	assert_true(log_has(&bench.log, ".window says which addresses"));
	assert_err(adopt(&bench, scheme, caller.iommu, 0, WINDOW_FIRST, WINDOW_LAST - 1), -EINVAL);
	assert_err(adopt(&bench, scheme, caller.iommu, 0, WINDOW_FIRST + 1, WINDOW_LAST), -EINVAL);
	assert_err(adopt(&bench, scheme, other, 0, WINDOW_FIRST, WINDOW_LAST), -EINVAL);
	assert_true(log_has(&bench.log, "is no "));
	assert_err(adopt(&bench, scheme, 1000, 0, WINDOW_FIRST, WINDOW_LAST), -EINVAL);
	assert_err(adopt(&bench, scheme, caller.iommu, other, WINDOW_FIRST, WINDOW_LAST), -EINVAL);
	assert_true(log_has(&bench.log, "is no PCI device of VFIO's"));
	mock.not_pci = true;
	assert_err(adopt(&bench, scheme, caller.iommu, caller.device, WINDOW_FIRST, WINDOW_LAST),
		   -EINVAL);
	assert_true(log_has(&bench.log, "is no PCI device of VFIO's"));
	/* A window where nothing is translated. */
	assert_err(adopt(&bench, scheme, caller.iommu, 0, beyond, beyond + 0xffff), -EIO);
	assert_true(log_has(&bench.log, ".window is where the IOMMU does not translate"));
	no_block_or_descriptor_is_left(&bench);
	assert_ok(close(other));
	inject.fds++;
	caller_ends(&caller);
}

static void no_failure_leaks_what_is_adopted(const char *scheme)
{
	unsigned int nth, tolerated = 0;
	struct caller caller;

	caller_begins(&caller, scheme);
	for (nth = 1; nth < 100; nth++) {
		struct bench bench;
		int err;

		inject.failed = false;
		inject.left = nth;
		err = adopt(&bench, scheme, caller.iommu, caller.device, WINDOW_FIRST, WINDOW_LAST);
		inject.left = 0;
		bench.before.failed = false;
		coherent_device_close(bench.dev);
		no_block_or_descriptor_is_left(&bench);
		if (!inject.failed)
			break;
		tolerated += !err;
	}
	/* A BAR that cannot be mapped is reached through the descriptor. */
	assert_true(tolerated <= 4);
	assert_true(nth > 15 && nth < 100);
	caller_ends(&caller);
}

static void adoption_is_for_its_scheme(void)
{
	struct log log = LOG_EMPTY;
	struct coherent_device *dev;

	assert_err(coherent_device_open(&dev, "sim:edu", .container = 3, .report = log_report,
					.report_arg = &log),
		   -EINVAL);
	assert_true(log_has(&log, "does not take .container, which is for: vfio, pci"));
	assert_err(coherent_device_open(&dev, "vfio:" BDF, .iommufd = 3), -EINVAL);
	assert_err(coherent_device_open(&dev, "iommufd:" BDF, .container = 3), -EINVAL);
	assert_err(coherent_device_open(&dev, "pci:" BDF, .container = 3, .iommufd = 3), -EINVAL);
	assert_err(coherent_device_open(&dev, "vfio:" BDF, .container = 3, .ioas = 3,
					.report = log_report, .report_arg = &log),
		   -EINVAL);
	assert_true(log_has(&log, "does not take .ioas, which is for: iommufd, pci"));
	assert_err(coherent_device_open(&dev, "pci:" BDF, .device_fd = 3), -EINVAL);
	assert_err(coherent_device_open(&dev, "vfio:" BDF, .window = { 0, 0xfff }), -EINVAL);
	assert_err(coherent_device_open(&dev, "vfio:" BDF, .window = { .first = 0x1000 }), -EINVAL);
	assert_err(coherent_device_open(&dev, "iommufd:" BDF, .ioas = MOCK_IOAS), -EINVAL);
}

/* --- Each call failed in turn --- */

static int use(struct coherent_device **dev, const char *name)
{
	COHERENT_BOX_AUTO(uint64_t, box);
	COHERENT_AUTO(uint64_t, mem);
	COHERENT_BAR_AUTO(bar);
	COHERENT_IRQ_AUTO(irq);
	int err;

	err = coherent_device_open(dev, name);
	if (!err)
		err = coherent_bar_open(&bar, *dev, 0);
	if (!err)
		err = coherent_irq_open(&irq, *dev, 1);
	if (!err)
		err = coherent_zeroed(&mem, *dev, 1000);
	if (!err)
		err = coherent_reclaim(&mem, &box);
	if (!err)
		err = coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY);
	return err ? err : coherent_device_reset(*dev);
}

static bool is_an_answer(int err)
{
	return err == -ENOMEM || err == -ENOSPC || err == -EIO || err == -EOPNOTSUPP;
}

static void no_failure_leaks(const char *scheme)
{
	const char *name = name_of(scheme, BDF);
	unsigned int nth;

	for (nth = 1; nth < 1000; nth++) {
		const struct inject before = inject;
		struct coherent_device *dev = NULL;
		int err;

		inject.failed = false;
		inject.left = nth;
		err = use(&dev, name);
		inject.left = 0;
		coherent_device_close(dev);
		assert_int_equal(inject.blocks, before.blocks);
		assert_int_equal(inject.bytes, before.bytes);
		assert_int_equal(inject.fds, before.fds);
		assert_int_equal(mock.count, 0);
		if (!inject.failed)
			break;
		if (err && !is_an_answer(err))
			fail_msg("call %u: %d", nth, err);
	}
	print_message("# %s: %u calls failed in turn\n", name, nth - 1);
	assert_true(nth > 30 && nth < 1000);
}

/* --- Running them --- */

struct cell {
	void (*of_scheme)(const char *scheme);
	void (*alone)(void);
	const char *scheme;
	char name[96];
};

static int boot(void **state)
{
	(void)state;
	mock_boot();
	return 0;
}

static void run_cell(void **state)
{
	const struct cell *cell = *state;

	if (cell->of_scheme)
		cell->of_scheme(cell->scheme);
	else
		cell->alone();
}

/* After a test that failed, too. */
static int halt(void **state)
{
	(void)state;
	mock_halt();
	return 0;
}

#define EACH(fn)                             \
	{                                    \
		.of_scheme = fn, .name = #fn \
	}
#define ALONE(fn)                        \
	{                                \
		.alone = fn, .name = #fn \
	}
#define ONLY_VFIO(fn)                                          \
	{                                                      \
		.of_scheme = fn, .scheme = "vfio", .name = #fn \
	}

static const struct cell cells[] = {
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
	EACH(unplugged_device_leaves_memory),
	EACH(device_is_given_back_when_asked),
	EACH(registers_are_the_devices),
	EACH(vectors_are_the_best_there_are),
	EACH(vectors_do_not_disturb_each_other),
	EACH(fewer_vectors_serve),
	EACH(intx_is_unmasked_by_who_waits),
	EACH(intx_wakes_who_polls_its_descriptor),
	EACH(reset_is_with_bus_master_off),
	EACH(device_that_is_not_reset_goes_on),
	EACH(no_failure_leaks),
	EACH(what_is_adopted_stays_the_callers),
	EACH(window_may_be_everything),
	EACH(window_is_unmapped_to_its_end),
	EACH(device_need_not_be_adopted),
	EACH(what_cannot_be_adopted_is_refused),
	EACH(no_failure_leaks_what_is_adopted),
	ALONE(adoption_is_for_its_scheme),
	ALONE(without_iommu_it_has_to_be_asked_for),
	ALONE(without_iommu_a_reset_alone_is_a_fence),
	ALONE(without_iommu_no_object_is_in_two_hugepages),
	ALONE(without_iommu_what_is_missing_is_told),
	ONLY_VFIO(mappings_run_out),
	ALONE(refusals_name_the_command_that_helps),
	ALONE(group_that_is_not_viable_names_who_has_it),
	ALONE(each_refusal_is_told_apart),
	EACH(variant_of_vfio_pci_serves),
	ALONE(unsafe_interrupts_are_explained),
	ALONE(pci_takes_what_there_is),
};

int main(void)
{
	static struct cell all[ARRAY_SIZE(cells) * ARRAY_SIZE(schemes)];
	static struct CMUnitTest tests[ARRAY_SIZE(all)];
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(cells); i++)
		for (size_t k = 0; k < ARRAY_SIZE(schemes); k++) {
			const bool each = cells[i].of_scheme && !cells[i].scheme;

			if (!each && k)
				continue;
			all[count] = cells[i];
			if (each)
				all[count].scheme = schemes[k];
			snprintf(all[count].name, sizeof(all[count].name), "%s%s%s",
				 each ? schemes[k] : "", each ? ": " : "", cells[i].name);
			tests[count] = (struct CMUnitTest){
				.name = all[count].name,
				.test_func = run_cell,
				.setup_func = boot,
				.teardown_func = halt,
				.initial_state = &all[count],
			};
			count++;
		}
	return _cmocka_run_group_tests("vfio", tests, count, NULL, NULL);
}
