// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Promise 18 with a QEMU: each call of the library's fails in turn, and nothing is left.
 */
#include <unistd.h>

#include "../inject.h"

struct job {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	COHERENT(uint8_t) mem;
	COHERENT(uint8_t) freed;
	COHERENT_BOX(uint8_t) box;
};

static int run(struct job *job)
{
	int err = coherent_device_open(&job->dev, "qemu:edu");

	if (!err)
		err = coherent_bar_open(&job->bar, job->dev, 0);
	if (!err)
		err = coherent_irq_open(&job->irq, job->dev, 0);
	if (!err)
		err = coherent_zeroed(&job->mem, job->dev, 5000);
	if (!err)
		err = coherent_write(&job->mem, 4999, 7);
	if (!err)
		err = coherent_zeroed(&job->freed, job->dev, 1);
	coherent_free(&job->freed);
	if (!err)
		err = coherent_reclaim(&job->mem, &job->box, .idle = true);
	if (!err && coherent_box_ptr(&job->box)[4999] != 7)
		err = -EBADMSG;
	return err ? err : coherent_device_fence(job->dev);
}

static void end(struct job *job)
{
	coherent_free(&job->mem);
	coherent_box_free(&job->box);
	coherent_irq_close(job->irq);
	coherent_bar_close(job->bar);
	coherent_device_close(job->dev);
}

static bool is_an_answer(int err)
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
		struct job *job = __real_calloc(1, sizeof(*job));
		int err;

		inject.failed = false;
		inject.left = nth;
		err = run(job);
		inject.left = 0;
		if (inject.failed ? err && !is_an_answer(err) : err)
			fail_msg("call %u: %d", nth, err);
		end(job);
		__real_free(job);
		assert_int_equal(inject.blocks, before.blocks);
		assert_int_equal(inject.bytes, before.bytes);
		assert_int_equal(inject.fds, before.fds);
		if (!inject.failed)
			break;
		assert_true(nth < 2000);
		/* The first calls one by one; of the conversation, which is long, some. */
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
