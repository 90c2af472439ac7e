// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests use VFIO without an IOMMU, which a caller gets with COHERENT_NONE. They check the
 * promises that hold there, and show that the others do not hold. The argument is the name of
 * QEMU's edu.
 */
#include "../test.h"

#define DIRT 0x5a

enum { DMA_SRC = 0x80, DMA_DST = 0x88, DMA_COUNT = 0x90, DMA_CMD = 0x98, BUFFER = 0x40000 };

static const char *device_name;
static struct log reports = LOG_EMPTY;
static struct coherent_device *dev;
static struct coherent_bar *bar;

static void transfer(uint64_t from, uint64_t to, uint64_t command)
{
	coherent_bar_write64(bar, DMA_SRC, from);
	coherent_bar_write64(bar, DMA_DST, to);
	coherent_bar_write64(bar, DMA_COUNT, 64);
	coherent_bar_write64(bar, DMA_CMD, command | 1);
	assert_ok(coherent_bar_poll32(bar, DMA_CMD, 1, 0, LONG));
}

static int open_device(void **state)
{
	(void)state;
	if (coherent_device_open(&dev, device_name, .level = COHERENT_NONE, .report = log_report,
				 .report_arg = &reports) ||
	    coherent_bar_open(&bar, dev, 0)) {
		printf("# %s", reports.text);
		return -1;
	}
	return 0;
}

static int close_device(void **state)
{
	(void)state;
	coherent_bar_close(bar);
	coherent_device_close(dev);
	return 0;
}

static void open_needs_level_none(void **state)
{
	struct coherent_device *none;
	struct log log = LOG_EMPTY;

	(void)state;
	assert_err(coherent_device_open(&none, device_name, .report = log_report,
					.report_arg = &log),
		   -EOPNOTSUPP);
	assert_true(log_has(&log, ".level = COHERENT_NONE"));
	assert_err(coherent_device_open(&none, device_name, .level = COHERENT_HIDDEN), -EOPNOTSUPP);
	assert_int_equal(coherent_device_level(dev), COHERENT_NONE);
}

static void device_reaches_exposed_memory(void **state)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_AUTO(uint8_t, back);
	struct coherent_limits limits;
	uint8_t byte;

	(void)state;
	assert_ok(coherent_device_limits(dev, &limits));
	assert_int_equal(limits.range_count, 1);
	assert_false(limits.unmap_is_fence);
	assert_ok(coherent_box_zeroed(&box, dev, PAGE));
	coherent_box_ptr(&box)[63] = DIRT;
	assert_int_equal(coherent_box_level(&box), COHERENT_NONE);
	assert_ok(coherent_expose(&box, &mem));
	assert_true(coherent_addr(&mem).raw >= limits.ranges[0].first);
	assert_true(coherent_addr(&mem).raw + PAGE - 1 <= limits.ranges[0].last);
	assert_ok(coherent_zeroed(&back, dev, PAGE));
	transfer(coherent_addr(&mem).raw, BUFFER, 0);
	transfer(BUFFER, coherent_addr(&back).raw, 2);
	assert_ok(coherent_read(&back, 63, &byte));
	assert_int_equal(byte, DIRT);
}

/* The device's buffer still has the bytes of the test before. */
static void device_reaches_boxes_too(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_BOX_AUTO(uint8_t, box);
	coherent_addr_t next = { 0 };

	(void)state;
	assert_err(coherent_zeroed(&mem, dev, PAGE, .seal = seal_fails, .seal_arg = &next),
		   -ECANCELED);
	assert_ok(coherent_box_zeroed(&box, dev, PAGE));
	transfer(BUFFER, next.raw, 2);
	assert_int_equal(coherent_box_ptr(&box)[63], DIRT);
	assert_err(coherent_zeroed(&mem, dev, 1, .permission = COHERENT_READ_ONLY), -EOPNOTSUPP);
	assert_err(coherent_box_zeroed(&box, dev, 1, .level = COHERENT_HIDDEN), -EBUSY);
}

static void reclaim_needs_idle(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	uint64_t old;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	assert_ok(coherent_write(&mem, 5, 6));
	old = coherent_addr(&mem).raw;
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_int_equal(coherent_box_ptr(&box)[5], 6);
	/* A late transfer reaches no object, because the old memory waits for a fence. */
	transfer(BUFFER, old, 2);
	assert_int_equal(coherent_box_ptr(&box)[63], 0);
	assert_ok(coherent_expose(&box, &mem));
	assert_int_not_equal(coherent_addr(&mem).raw, old);
	/* Only a reset is a fence here, and edu has no reset. */
	assert_err(coherent_device_fence(dev), -EIO);
}

static void memory_is_limited_to_the_hugepages(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;

	(void)state;
	assert_err(coherent_zeroed(&mem, dev, (size_t)2 << 20), -ENOSPC);
	assert_ok(coherent_zeroed(&mem, dev, (size_t)1 << 20));
	coherent_free(&mem);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_needs_level_none),
		cmocka_unit_test(device_reaches_exposed_memory),
		cmocka_unit_test(device_reaches_boxes_too),
		cmocka_unit_test(reclaim_needs_idle),
		cmocka_unit_test(memory_is_limited_to_the_hugepages),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: test-vm-noiommu DEVICE\n");
		return 2;
	}
	device_name = argv[1];
	/* Nothing in the VM sets this variable. */
	setenv("CMOCKA_MESSAGE_OUTPUT", "TAP", 1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	return cmocka_run_group_tests_name("noiommu", tests, open_device, close_device);
}
