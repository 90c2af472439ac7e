// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests use up the memory of QEMU, which is a file of the library, and give it back.
 */
#include <coherent/pool.h>
#include <sys/resource.h>

#include "edu.h"

static void memory_runs_out_and_a_fence_brings_it_back(void **state)
{
	COHERENT(uint8_t) mems[100] = { COHERENT_EMPTY };
	size_t i = 0;
	int err = 0;

	(void)state;
	while (!err && i < ARRAY_SIZE(mems))
		err = coherent_zeroed(&mems[i++], dev, 4 << 20, .attrs = COHERENT_ATTR_NO_WARN);
	assert_err(err, -ENOSPC);
	assert_int_equal(i - 1, 15);
	assert_int_equal(reports.count, 0);
	assert_err(coherent_zeroed(&mems[i - 1], dev, 4 << 20), -ENOSPC);
	assert_true(log_has(&reports, "or open the device with the key memory=128; the most is"));
	assert_false(log_has(&reports, "mappings are in use"));
	coherent_free(&mems[0]);
	assert_err(coherent_zeroed(&mems[0], dev, 4 << 20), -ENOSPC);
	assert_ok(coherent_device_fence(dev));
	assert_ok(coherent_zeroed(&mems[0], dev, 4 << 20));
	while (i-- > 0)
		coherent_free(&mems[i]);
}

/* The name has the key already, and twice as much is too little. */
static void advice_on_memory_is_enough(void **state)
{
	static const char *const names[] = { "qemu:edu,memory=8", "qemu:edu,memory=128" };
	COHERENT(uint8_t) mem = COHERENT_EMPTY;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		COHERENT_DEVICE_AUTO(other);

		assert_ok(coherent_device_open(&other, names[i], .report = log_report,
					       .report_arg = &reports));
		assert_int_equal(coherent_zeroed(&mem, other, 100 << 20), i ? 0 : -ENOSPC);
		coherent_free(&mem);
	}
	assert_true(log_has(&reports, "with the key memory=128; the most is 2048"));
}

/* The pool has no object, so another one gets the part of QEMU's memory that the pool keeps. */
static void pool_gives_way_when_memory_runs_out(void **state)
{
	COHERENT(uint8_t) mems[100] = { COHERENT_EMPTY };
	COHERENT_POOL(uint8_t[1 << 20]) pool = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t[1 << 20]) box = COHERENT_EMPTY;
	struct coherent_stats stats;
	size_t i = 0;
	int err = 0;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_box(&pool, &box));
	coherent_box_free(&box);
	while (!err && i < ARRAY_SIZE(mems))
		err = coherent_zeroed(&mems[i++], dev, 1 << 20, .attrs = COHERENT_ATTR_NO_WARN);
	assert_err(err, -ENOSPC);
	assert_ok(coherent_device_stats(dev, &stats));
	assert_int_equal(stats.mems, i - 1);
	assert_int_equal(stats.waiting, 0);
	assert_err(coherent_pool_box(&pool, &box), -ENOSPC);
	assert_int_equal(reports.count, 2);
	while (i-- > 0)
		coherent_free(&mems[i]);
	assert_ok(coherent_pool_destroy(&pool));
}

/* The driver promised that freed objects are idle, so QEMU's memory comes back without a fence. */
static void pool_gives_memory_back_without_a_fence(void **state)
{
	struct sector {
		uint8_t bytes[2048];
	};
	COHERENT(struct sector) mems[100] = { COHERENT_EMPTY };
	COHERENT_POOL(struct sector) pool = COHERENT_EMPTY;
	COHERENT_BOX(struct sector) box = COHERENT_EMPTY;
	struct coherent_stats stats;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++) {
		assert_ok(coherent_pool_box(&pool, &box));
		assert_ok(coherent_expose(&box, &mems[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	assert_ok(coherent_pool_destroy(&pool));
	assert_ok(coherent_device_stats(dev, &stats));
	assert_int_equal(stats.waiting, 0);
}

/* A write above the limit would raise SIGXFSZ, which ends the program. */
static void limit_of_files_is_a_lack_of_memory(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct rlimit before, small;

	(void)state;
	assert_ok(getrlimit(RLIMIT_FSIZE, &before));
	small = (struct rlimit){ .rlim_cur = 1 << 20, .rlim_max = before.rlim_max };
	assert_ok(setrlimit(RLIMIT_FSIZE, &small));
	assert_err(coherent_zeroed(&mem, dev, PAGE), -ENOMEM);
	assert_ok(setrlimit(RLIMIT_FSIZE, &before));
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	coherent_free(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_EDU(memory_runs_out_and_a_fence_brings_it_back),
		ON_EDU(advice_on_memory_is_enough),
		ON_EDU(pool_gives_way_when_memory_runs_out),
		ON_EDU(pool_gives_memory_back_without_a_fence),
		ON_EDU(limit_of_files_is_a_lack_of_memory),
	};

	return RUN_WITH_QEMU(tests);
}
