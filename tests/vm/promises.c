// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The promises on a device that nobody here simulates: QEMU's edu behind the IOMMU of a
 * kernel, in a VM; the name of the device is the argument. What a device reached is seen
 * in memory, and what it was refused, by run.py, in QEMU's trace. Names and answers are
 * those of tests/promises.c.
 */
#include <coherent/pool.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../test.h"

#define PAGE 4096
#define DIRT 0x5a
#define DIRT_BYTES 2048
#define SECRET 0xc3
/* edu starts a transfer so long after it was told to. */
#define EDU_MS 100

enum {
	EDU_ID = 0x00,
	EDU_LIVENESS = 0x04,
	EDU_IRQ_STATUS = 0x24,
	EDU_IRQ_RAISE = 0x60,
	EDU_IRQ_ACK = 0x64,
	DMA_SRC = 0x80,
	DMA_DST = 0x88,
	DMA_COUNT = 0x90,
	DMA_CMD = 0x98
};
enum { RUN = 1, TO_MEMORY = 2, BUFFER = 0x40000 };

static const char *device_name;
static struct log reports = LOG_EMPTY;
static struct coherent_device *dev;
static struct coherent_bar *bar;

/* --- What the device does --- */

static void sleep_ms(unsigned int ms)
{
	const struct timespec time = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&time, NULL);
}

static void start(uint64_t from, uint64_t to, uint64_t bytes, uint64_t command)
{
	coherent_bar_write64(bar, DMA_SRC, from);
	coherent_bar_write64(bar, DMA_DST, to);
	coherent_bar_write64(bar, DMA_COUNT, bytes);
	coherent_bar_write64(bar, DMA_CMD, command | RUN);
}

static void finish(void)
{
	assert_ok(coherent_bar_poll32(bar, DMA_CMD, RUN, 0, LONG));
}

static void device_reads(uint64_t from, void *seen, size_t bytes)
{
	COHERENT_AUTO(uint8_t, window);

	assert_ok(coherent_zeroed(&window, dev, bytes));
	start(from, BUFFER, bytes, 0);
	finish();
	start(BUFFER, coherent_addr(&window).raw, bytes, TO_MEMORY);
	finish();
	assert_ok(coherent_copy_out(&window, 0, (uint8_t *)seen, bytes));
}

static void device_gets_dirt(void)
{
	COHERENT_AUTO(uint8_t, dirt);

	assert_ok(coherent_zeroed(&dirt, dev, DIRT_BYTES));
	for (size_t i = 0; i < DIRT_BYTES; i++)
		assert_ok(coherent_write(&dirt, i, DIRT));
	start(coherent_addr(&dirt).raw, BUFFER, DIRT_BYTES, 0);
	finish();
}

static void device_writes(uint64_t to)
{
	device_gets_dirt();
	start(BUFFER, to, DIRT_BYTES, TO_MEMORY);
	finish();
}

static void must_be_refused(uint64_t address)
{
	printf("# blocked: 0x%llx\n", (unsigned long long)address);
}

/* --- Boxes --- */

static void fresh_box_is_zero_to_the_end_of_its_last_page(void **state)
{
	COHERENT_HANDLE_AUTO(handle);
	uint8_t seen[64];

	(void)state;
	for (unsigned int turn = 0; turn < 2; turn++) {
		COHERENT_BOX_AUTO(uint8_t, box);

		assert_ok(coherent_box_zeroed(&box, dev, 3 * PAGE - 100));
		assert_true(is_all(coherent_box_ptr(&box), 0, 3 * PAGE));
		memset(coherent_box_ptr(&box), DIRT, 3 * PAGE);
	}
	assert_ok(coherent_handle_zeroed(&handle, dev, 10));
	device_reads(coherent_handle_addr(&handle).raw + PAGE - 64, seen, 64);
	assert_true(is_all(seen, 0, 64));
}

/* The lowest free address is the next box's: the one before that tells which. */
static void no_device_can_read_or_write_a_box(void **state)
{
	COHERENT(uint8_t) before = COHERENT_EMPTY;
	COHERENT_BOX_AUTO(uint8_t, box);
	coherent_addr_t next = { 0 };
	uint8_t seen[DIRT_BYTES];

	(void)state;
	assert_err(coherent_zeroed(&before, dev, 1, .seal = seal_fails, .seal_arg = &next),
		   -ECANCELED);
	assert_ok(coherent_box_zeroed(&box, dev, 1));
	must_be_refused(next.raw);
	device_gets_dirt();
	start(BUFFER, next.raw, DIRT_BYTES, TO_MEMORY);
	finish();
	assert_true(is_all(coherent_box_ptr(&box), 0, PAGE));
	memset(coherent_box_ptr(&box), SECRET, PAGE);
	device_reads(next.raw, seen, sizeof(seen));
	assert_null(memchr(seen, SECRET, sizeof(seen)));
	assert_int_equal(coherent_box_level(&box), COHERENT_IOMMU);
	/* It was that box's. */
	assert_ok(coherent_expose(&box, &before));
	assert_int_equal(coherent_addr(&before).raw, next.raw);
	coherent_free(&before);
}

static void device_sees_what_the_cpu_wrote_before_expose(void **state)
{
	COHERENT_BOX_AUTO(uint32_t, box);
	COHERENT_AUTO(uint32_t, mem);
	uint32_t seen[16];

	(void)state;
	assert_ok(coherent_box_zeroed(&box, dev, 16));
	for (uint32_t i = 0; i < 16; i++)
		coherent_box_ptr(&box)[i] = i * 3 + 1;
	assert_ok(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY));
	device_reads(coherent_addr(&mem).raw, seen, sizeof(seen));
	for (uint32_t i = 0; i < 16; i++)
		assert_int_equal(seen[i], i * 3 + 1);
}

static void device_may_do_only_what_expose_allowed(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	uint8_t byte;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, PAGE, .permission = COHERENT_READ_ONLY));
	must_be_refused(coherent_addr(&mem).raw);
	device_writes(coherent_addr(&mem).raw);
	assert_ok(coherent_read(&mem, 0, &byte));
	assert_int_equal(byte, 0);
	assert_ok(coherent_reclaim(&mem, &box));
	assert_ok(coherent_expose(&box, &mem));
	device_writes(coherent_addr(&mem).raw);
	assert_ok(coherent_read(&mem, 0, &byte));
	assert_int_equal(byte, DIRT);
}

/* What a pool has is small, and in pages that an IOMMU gave for as long as it has them. */
static void objects_of_a_pool_are_copied_to_the_device(void **state)
{
	COHERENT_POOL(uint8_t[DIRT_BYTES]) pool = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t[DIRT_BYTES]) box = COHERENT_EMPTY, other = COHERENT_EMPTY;
	COHERENT(uint8_t[DIRT_BYTES]) mem = COHERENT_EMPTY;
	uint8_t seen[DIRT_BYTES];
	uint64_t address;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_box(&pool, &box));
	assert_ok(coherent_pool_box(&pool, &other));
	memset(coherent_box_ptr(&box), 7, DIRT_BYTES);
	memset(coherent_box_ptr(&other), 9, DIRT_BYTES);
	assert_ok(coherent_expose(&box, &mem));
	address = coherent_addr(&mem).raw;
	device_reads(address, seen, DIRT_BYTES);
	assert_true(is_all(seen, 7, DIRT_BYTES));
	/* Behind it is where the other is going to be. */
	device_reads(address + DIRT_BYTES, seen, DIRT_BYTES);
	assert_true(is_all(seen, 0, DIRT_BYTES));
	device_writes(address);
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_true(is_all(coherent_box_ptr(&box), DIRT, DIRT_BYTES));
	device_writes(address + DIRT_BYTES);
	assert_true(is_all(coherent_box_ptr(&other), 9, DIRT_BYTES));
	coherent_box_free(&box);
	coherent_box_free(&other);
	assert_ok(coherent_pool_destroy(&pool));
	must_be_refused(address & -PAGE);
	device_writes(address);
}

static void last_byte_is_under_the_mask(void **state)
{
	COHERENT(uint8_t) mems[8] = { COHERENT_EMPTY };
	struct coherent_limits limits;

	(void)state;
	assert_ok(coherent_device_limits(dev, &limits));
	assert_int_equal(limits.mask, coherent_mask(28));
	assert_true(limits.unmap_is_fence);
	assert_true(limits.mappings > 1000);
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++) {
		assert_ok(coherent_zeroed(&mems[i], dev, PAGE << i));
		assert_true(coherent_addr(&mems[i]).raw + (PAGE << i) - 1 <= coherent_mask(28));
	}
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
}

static void writes_before_a_doorbell_are_seen_after_it(void **state)
{
	COHERENT_AUTO(uint32_t, mem);
	uint32_t seen[16];

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, 16));
	for (uint32_t turn = 1; turn < 4; turn++) {
		for (size_t i = 0; i < 16; i++)
			assert_ok(coherent_write(&mem, i, turn * 100 + (uint32_t)i));
		device_reads(coherent_addr(&mem).raw, seen, sizeof(seen));
		assert_int_equal(seen[15], turn * 100 + 15);
	}
}

/* --- Reclaim and free --- */

static void armed_transfer_does_not_reach_reclaimed_memory(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_AUTO(uint8_t, next);
	uint64_t old;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	old = coherent_addr(&mem).raw;
	/* So that the IOTLB knows it. */
	device_writes(old);
	assert_ok(coherent_write(&mem, 0, 0));
	must_be_refused(old);
	start(BUFFER, old, DIRT_BYTES, TO_MEMORY);
	sleep_ms(EDU_MS / 2);
	assert_ok(coherent_reclaim(&mem, &box));
	assert_int_equal(coherent_box_ptr(&box)[0], 0);
	memset(coherent_box_ptr(&box), 0, PAGE);
	assert_ok(coherent_zeroed(&next, dev, PAGE));
	assert_int_not_equal(coherent_addr(&next).raw, old);
	finish();
	assert_true(is_all(coherent_box_ptr(&box), 0, PAGE));
	assert_ok(coherent_expose(&box, &mem));
	assert_int_not_equal(coherent_addr(&mem).raw, old);
}

static void armed_transfer_does_not_reach_freed_memory(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_BOX_AUTO(uint8_t, box);
	uint64_t old;

	(void)state;
	device_gets_dirt();
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	old = coherent_addr(&mem).raw;
	must_be_refused(old);
	start(BUFFER, old, DIRT_BYTES, TO_MEMORY);
	coherent_free(&mem);
	/* Likely the same pages. */
	assert_ok(coherent_box_zeroed(&box, dev, PAGE));
	finish();
	assert_true(is_all(coherent_box_ptr(&box), 0, PAGE));
}

/* --- Registers and interrupts --- */

static void registers_are_read_and_written(void **state)
{
	(void)state;
	assert_int_equal(coherent_bar_read32(bar, EDU_ID) & 0xff, 0xed);
	coherent_bar_write32(bar, EDU_LIVENESS, 5);
	assert_int_equal(coherent_bar_read32(bar, EDU_LIVENESS), ~UINT32_C(5));
	assert_int_equal(coherent_bar_read32(bar, UINT64_C(1) << 20), UINT32_MAX);
}

static void interrupts_wake(void **state)
{
	COHERENT_IRQ_AUTO(irq);
	struct coherent_irq *other;

	(void)state;
	assert_ok(coherent_irq_open(&irq, dev, 0));
	assert_err(coherent_irq_open(&other, dev, 0), -EBUSY);
	assert_err(coherent_irq_open(&other, dev, 1), -ENODEV);
	assert_err(coherent_irq_wait(irq, MS), -ETIMEDOUT);
	for (unsigned int turn = 0; turn < 3; turn++) {
		coherent_bar_write32(bar, EDU_IRQ_RAISE, 0x10);
		assert_ok(coherent_irq_wait(irq, LONG));
		assert_int_equal(coherent_bar_read32(bar, EDU_IRQ_STATUS), 0x10);
		coherent_bar_write32(bar, EDU_IRQ_ACK, 0x10);
		assert_err(coherent_irq_wait(irq, 10 * MS), -ETIMEDOUT);
	}
}

/* --- Devices --- */

static int open_device(void **state)
{
	(void)state;
	if (coherent_device_open(&dev, device_name, .report = log_report, .report_arg = &reports) ||
	    coherent_bar_open(&bar, dev, 0) || coherent_device_set_mask(dev, coherent_mask(28))) {
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
	bar = NULL;
	dev = NULL;
	return 0;
}

static void object_may_outlive_its_device(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, again = COHERENT_EMPTY;
	struct coherent_bar *old = bar;
	uint8_t byte;

	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	assert_ok(coherent_write(&mem, 0, 7));
	/* It is bus master no more when this fires, so that there is nothing to refuse. */
	start(BUFFER, coherent_addr(&mem).raw, DIRT_BYTES, TO_MEMORY);
	coherent_device_close(dev);
	assert_true(log_has(&reports, "is not freed"));
	assert_int_equal(coherent_bar_read32(old, EDU_ID), UINT32_MAX);
	coherent_bar_write32(old, EDU_LIVENESS, 1);
	sleep_ms(2 * EDU_MS);
	assert_int_equal(open_device(state), 0);
	assert_ok(coherent_read(&mem, 0, &byte));
	assert_int_equal(byte, 7);
	coherent_bar_close(old);
	coherent_free(&mem);
	/* The device that is open now is another. */
	assert_ok(coherent_zeroed(&again, dev, PAGE));
	coherent_free(&again);
}

/* Its exit ends nothing of the parent's. */
static void forked_child_has_none_of_it(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	uint8_t byte;
	int status;
	pid_t child;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	child = fork();
	if (!child) {
		COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;

		_exit(coherent_box_zeroed(&box, dev, 1) == -ENODEV &&
				      coherent_bar_read32(bar, EDU_ID) == UINT32_MAX ?
			      0 :
			      1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	device_writes(coherent_addr(&mem).raw);
	assert_ok(coherent_read(&mem, 0, &byte));
	assert_int_equal(byte, DIRT);
}

static void fence_and_reset(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	uint8_t byte;
	int err;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	assert_ok(coherent_device_fence(dev));
	/* edu has no reset of its own; a device that has is reset. */
	err = coherent_device_reset(dev);
	assert_true(!err || (err == -EIO && log_has(&reports, "has no reset of its own")));
	device_writes(coherent_addr(&mem).raw);
	assert_ok(coherent_read(&mem, 0, &byte));
	assert_int_equal(byte, DIRT);
}

/* Whoever has it open keeps others out. */
static void device_is_opened_once(void **state)
{
	struct log said = LOG_EMPTY;
	struct coherent_device *other;

	(void)state;
	assert_err(coherent_device_open(&other, device_name, .report = log_report,
					.report_arg = &said),
		   -EBUSY);
	assert_null(other);
	assert_true(log_has(&said, "open already"));
}

/* The kernel waits until nobody has it open. */
static void unplugged_device_leaves_memory(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, none = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	pid_t unplugger;
	uint8_t byte;
	int status;
	int err = 0;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	assert_ok(coherent_write(&mem, 0, 9));
	unplugger = fork();
	if (!unplugger) {
		execl("/bin/sh", "sh", "-c", "echo 1 >/sys/bus/pci/devices/0000:00:01.0/remove",
		      (char *)NULL);
		_exit(1);
	}
	for (unsigned int turn = 0; !err && turn < 100; turn++) {
		sleep_ms(20);
		err = coherent_zeroed(&none, dev, 1);
		coherent_free(&none);
	}
	assert_err(err, -ENODEV);
	assert_ok(coherent_read(&mem, 0, &byte));
	assert_int_equal(byte, 9);
	/* What is there can still be taken back. */
	assert_ok(coherent_reclaim(&mem, &box));
	assert_int_equal(coherent_box_ptr(&box)[0], 9);
	coherent_box_free(&box);
	coherent_bar_close(bar);
	coherent_device_close(dev);
	bar = NULL;
	dev = NULL;
	assert_int_equal(waitpid(unplugger, &status, 0), unplugger);
	assert_int_equal(status, 0);
	assert_err(coherent_device_open(&dev, device_name), -ENODEV);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fresh_box_is_zero_to_the_end_of_its_last_page),
		cmocka_unit_test(no_device_can_read_or_write_a_box),
		cmocka_unit_test(device_sees_what_the_cpu_wrote_before_expose),
		cmocka_unit_test(device_may_do_only_what_expose_allowed),
		cmocka_unit_test(objects_of_a_pool_are_copied_to_the_device),
		cmocka_unit_test(last_byte_is_under_the_mask),
		cmocka_unit_test(writes_before_a_doorbell_are_seen_after_it),
		cmocka_unit_test(armed_transfer_does_not_reach_reclaimed_memory),
		cmocka_unit_test(armed_transfer_does_not_reach_freed_memory),
		cmocka_unit_test(registers_are_read_and_written),
		cmocka_unit_test(interrupts_wake),
		cmocka_unit_test(forked_child_has_none_of_it),
		cmocka_unit_test(fence_and_reset),
		cmocka_unit_test(device_is_opened_once),
		cmocka_unit_test(object_may_outlive_its_device),
		cmocka_unit_test(unplugged_device_leaves_memory),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: test-vm-promises DEVICE\n");
		return 2;
	}
	device_name = argv[1];
	/* Nothing else sets it in the VM. */
	setenv("CMOCKA_MESSAGE_OUTPUT", "TAP", 1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	return cmocka_run_group_tests_name("promises", tests, open_device, close_device);
}
