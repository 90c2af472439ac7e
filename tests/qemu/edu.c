// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This file opens QEMU's edu device for a test and makes the device access memory.
 */
#include "edu.h"

struct coherent_device *dev;
struct coherent_bar *bar;
struct log reports;

int open_edu(void **state)
{
	(void)state;
	reports = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(&dev, "qemu:edu", .report = log_report,
				       .report_arg = &reports));
	assert_ok(coherent_device_set_mask(dev, coherent_mask(28)));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	return 0;
}

int close_edu(void **state)
{
	(void)state;
	coherent_bar_close(bar);
	coherent_device_close(dev);
	bar = NULL;
	dev = NULL;
	return 0;
}

bool has_qemu(void)
{
	const bool has = !system("qemu-system-x86_64 --version >/dev/null 2>&1");

	if (!has)
		puts("1..1\nok 1 - qemu # SKIP there is no qemu-system-x86_64");
	return has;
}

void start_transfer(uint64_t from, uint64_t to, uint64_t bytes, uint64_t command)
{
	coherent_bar_write64(bar, DMA_SRC, from);
	coherent_bar_write64(bar, DMA_DST, to);
	coherent_bar_write64(bar, DMA_COUNT, bytes);
	coherent_bar_write64(bar, DMA_CMD, command | RUN);
}

void finish_transfer(void)
{
	assert_ok(coherent_bar_poll32(bar, DMA_CMD, RUN, 0, LONG));
}

void device_gets_dirt(void)
{
	COHERENT_AUTO(uint8_t, dirt);

	assert_ok(coherent_zeroed(&dirt, dev, BYTES));
	for (size_t i = 0; i < BYTES; i++)
		assert_ok(coherent_write(&dirt, i, DIRT));
	start_transfer(coherent_addr(&dirt).raw, BUFFER, BYTES, 0);
	finish_transfer();
}

void device_reads(uint64_t from, uint8_t seen[BYTES])
{
	COHERENT_AUTO(uint8_t, window);

	assert_ok(coherent_zeroed(&window, dev, BYTES));
	start_transfer(from, BUFFER, BYTES, 0);
	finish_transfer();
	start_transfer(BUFFER, coherent_addr(&window).raw, BYTES, TO_MEMORY);
	finish_transfer();
	assert_ok(coherent_copy_out(&window, 0, seen, BYTES));
}

pid_t qemu_process(void)
{
	return child_process("qemu-system");
}
