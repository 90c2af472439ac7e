// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Promise 18 with QEMU: each call of the library fails in turn. The library then leaves nothing
 * behind.
 */
#include <unistd.h>

#include "../inject.h"

struct driver {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	COHERENT(uint8_t) mem;
	COHERENT(uint8_t) freed;
	COHERENT_BOX(uint8_t) box;
	COHERENT_BOX(uint8_t) place;
	COHERENT(uint8_t) placed;
};

static int run_driver(struct driver *driver)
{
	static const char *const args[] = { "-object", "iothread,id=thread", NULL };
	int err = coherent_device_open(&driver->dev, "qemu:edu", .qemu_args = args);

	if (!err)
		err = coherent_bar_open(&driver->bar, driver->dev, 0);
	if (!err)
		err = coherent_irq_open(&driver->irq, driver->dev, 0);
	if (!err)
		err = coherent_zeroed(&driver->mem, driver->dev, 5000);
	if (!err)
		err = coherent_write(&driver->mem, 4999, 7);
	if (!err)
		err = coherent_zeroed(&driver->freed, driver->dev, 1);
	coherent_free(&driver->freed);
	if (!err)
		err = coherent_reclaim(&driver->mem, &driver->box, .idle = true);
	if (!err && coherent_box_ptr(&driver->box)[4999] != 7)
		err = -EBADMSG;
	if (!err)
		err = coherent_box_zeroed(&driver->place, driver->dev, 9000, .in_place = true);
	if (!err)
		err = coherent_expose(&driver->place, &driver->placed);
	if (!err)
		err = coherent_reclaim(&driver->placed, &driver->place, .idle = true);
	return err ? err : coherent_device_fence(driver->dev);
}

static void end_driver(struct driver *driver)
{
	coherent_free(&driver->mem);
	coherent_box_free(&driver->box);
	coherent_free(&driver->placed);
	coherent_box_free(&driver->place);
	coherent_irq_close(driver->irq);
	coherent_bar_close(driver->bar);
	coherent_device_close(driver->dev);
}

static bool is_expected(int err)
{
	return err == -ENOMEM || err == -ENOSPC || err == -EIO || err == -ENODEV ||
	       err == -ETIMEDOUT;
}

static void no_failure_leaks(void **state)
{
	unsigned int nth;

	(void)state;
	for (nth = 1;; nth++) {
		const struct inject before = inject;
		struct driver *driver = __real_calloc(1, sizeof(*driver));
		int err;

		inject.failed = false;
		inject.left = nth;
		err = run_driver(driver);
		inject.left = 0;
		if (inject.failed ? err && !is_expected(err) : err)
			fail_msg("call %u: %d", nth, err);
		end_driver(driver);
		__real_free(driver);
		assert_int_equal(inject.blocks, before.blocks);
		assert_int_equal(inject.bytes, before.bytes);
		assert_int_equal(inject.fds, before.fds);
		if (!inject.failed)
			break;
		assert_true(nth < 2000);
		/* The conversation with QEMU is long. Only some of its calls fail. */
		if (nth > 80)
			nth += 17;
	}
	print_message("# up to %u calls failed in turn\n", nth - 1);
	assert_true(nth > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_failure_leaks),
	};

	if (system("qemu-system-x86_64 --version >/dev/null 2>&1")) {
		puts("1..1\nok 1 - qemu # SKIP there is no qemu-system-x86_64");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
