// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Each allocation and each call into the kernel fails in turn. The library then leaves nothing
 * behind.
 */
#include "vfio_test.h"

static int use_device(struct coherent_device **dev, const char *name)
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

static bool is_expected(int err)
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
		err = use_device(&dev, name);
		inject.left = 0;
		coherent_device_close(dev);
		assert_int_equal(inject.blocks, before.blocks);
		assert_int_equal(inject.bytes, before.bytes);
		assert_int_equal(inject.fds, before.fds);
		assert_int_equal(mock.count, 0);
		if (!inject.failed)
			break;
		if (err && !is_expected(err))
			fail_msg("call %u: %d", nth, err);
	}
	print_message("# %s: %u calls failed in turn\n", name, nth - 1);
	assert_true(nth > 30 && nth < 1000);
}

static const struct CMUnitTest tests[] = {
	EACH(no_failure_leaks),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
