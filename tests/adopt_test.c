// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "adopt_test.h"

uint8_t *get_pages(size_t count)
{
	uint8_t *memory = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	return memory;
}

void put_pages(uint8_t *memory, size_t count)
{
	assert_ok(munmap(memory, count * PAGE));
}

void released(void *memory, void *arg)
{
	struct owner *owner = arg;

	assert_ptr_equal(memory, owner->memory);
	owner->released++;
	if (owner->dev)
		assert_ok(coherent_box_adopt(&owner->again, owner->dev, (uint8_t *)memory, PAGE));
}

void open_with_log(struct coherent_device **dev, const char *name, struct log *log)
{
	*log = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(dev, name, .report = log_report, .report_arg = log));
}

int device_reads(struct coherent_device *dev, uint64_t from, void *seen, size_t bytes)
{
	return coherent_sim_try_addr(dev, (coherent_addr_t){ from }, seen, bytes,
				     COHERENT_ACCESS_READ);
}

int device_writes(struct coherent_device *dev, uint64_t to, void *data, size_t bytes)
{
	return coherent_sim_try_addr(dev, (coherent_addr_t){ to }, data, bytes,
				     COHERENT_ACCESS_WRITE);
}
