// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "pool_test.h"

struct coherent_device *dev;
struct log reports;

int open_device(void **state)
{
	(void)state;
	reports = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(&dev, "sim:edu,step,mask=40", .report = log_report,
				       .report_arg = &reports));
	return 0;
}

int close_device(void **state)
{
	(void)state;
	coherent_device_close(dev);
	return 0;
}

void make_mem(union commands *pool, union command_mem *mem, uint8_t byte)
{
	union command_box box = COHERENT_EMPTY;

	assert_ok(coherent_pool_box(pool, &box));
	memset(coherent_box_ptr(&box), byte, sizeof(struct command));
	assert_ok(coherent_expose(&box, mem));
	assert_true(coherent_is_empty(&box));
}
