// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "share_test.h"

void open_one(struct coherent_device **dev, const char *name, struct log *log)
{
	*log = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(dev, name, .report = log_report, .report_arg = log));
}

void open_pair(struct pair *pair, const char *a, const char *b)
{
	open_one(&pair->a, a, &pair->log_a);
	open_one(&pair->b, b, &pair->log_b);
}

void close_pair(struct pair *pair)
{
	coherent_device_close(pair->b);
	coherent_device_close(pair->a);
}

int try_byte(struct coherent_device *dev, uint64_t at, enum coherent_access access)
{
	uint8_t byte = 0x5a;

	return coherent_sim_try_addr(dev, (coherent_addr_t){ at }, &byte, 1, access);
}

uint8_t byte_at(struct coherent_device *dev, uint64_t at)
{
	uint8_t byte = 0;

	assert_ok(coherent_sim_try_addr(dev, (coherent_addr_t){ at }, &byte, 1,
					COHERENT_ACCESS_READ));
	return byte;
}

bool is_reused(struct coherent_device *dev, const void *pages)
{
	COHERENT(uint8_t) mems[8] = { COHERENT_EMPTY };
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(mems); i++) {
		assert_ok(coherent_zeroed(&mems[i], dev, 5 * PAGE));
		found = found || (const void *)coherent_unsafe_ptr(&mems[i]) == pages;
	}
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	/* The pages that come back last are used first. Those of a lazy device come back now. */
	assert_ok(coherent_device_fence(dev));
	return found;
}
