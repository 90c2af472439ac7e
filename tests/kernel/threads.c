// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Threads that use one device at the same time, on their own objects and on one that they share.
 * A kernel with KCSAN finds the data races in that, and one with KASAN what was freed too early.
 */
#include <linux/completion.h>
#include <linux/pci.h>
#include <linux/spinlock.h>

#include "world.h"

#define ROUNDS 200

/* The threads use accessors for the elements of @mem at the same time. */
static COHERENT(u32) mem;
static struct coherent_irq *irq;

static int use_in_process_context(unsigned int i)
{
	COHERENT_BOX_AUTO(u32, box);
	COHERENT_AUTO(u32, own);
	u32 value = 0;
	int err;

	err = coherent_box_zeroed(&box, edu.dev, 100 + i, .level = level);
	if (!err && i % 4 == 0)
		err = coherent_box_manage(&box);
	if (!err)
		err = coherent_expose(&box, &own);
	if (!err)
		err = coherent_write_release(&own, 0, i);
	if (!err)
		err = coherent_read_acquire(&own, 0, &value);
	if (!err)
		err = coherent_reclaim(&own, &box, .idle = true);
	return err ? err : value == i ? 0 : -EBADMSG;
}

static int use_with_interrupts_off(unsigned int i)
{
	COHERENT(u32) own = COHERENT_EMPTY;
	unsigned long flags;
	int err;

	local_irq_save(flags);
	err = coherent_zeroed(&own, edu.dev, 100 + i, .gfp = GFP_ATOMIC, .level = level);
	coherent_free(&own);
	local_irq_restore(flags);
	/* So many objects may wait that there is no memory for another one. */
	return err == -ENOMEM ? 0 : err;
}

static int use_device(void *done)
{
	unsigned int i;
	u32 value;
	int err = 0;

	for (i = 0; !err && i < ROUNDS; i++) {
		err = use_in_process_context(i);
		if (!err)
			err = use_with_interrupts_off(i);
		if (!err)
			err = coherent_write(&mem, i % 4, i);
		if (!err)
			err = coherent_read(&mem, (i + 1) % 4, &value);
		if (!err && coherent_irq_wait(irq, 0) == -EINVAL)
			err = -EINVAL;
		coherent_bar_write32(edu_bar(), 0x60, 1);
		coherent_bar_write32(edu_bar(), 0x64, 1);
		cond_resched();
	}
	complete(done);
	return err;
}

static void threads_share_a_device(struct kunit *test)
{
	struct completion done[3];
	struct task_struct *tasks[3];
	int i;

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 4, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_irq_open(&irq, edu.dev, 0), 0);
	for (i = 0; i < ARRAY_SIZE(tasks); i++) {
		init_completion(&done[i]);
		tasks[i] = thread_start(test, use_device, &done[i]);
	}
	for (i = 0; i < ARRAY_SIZE(tasks); i++) {
		if (!tasks[i])
			continue;
		wait_for_completion(&done[i]);
		KUNIT_EXPECT_EQ(test, thread_end(tasks[i]), 0);
	}
	coherent_irq_close(irq);
	coherent_free(&mem);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(threads_share_a_device),
	{},
};

struct kunit_suite threads = {
	.name = "threads",
	.suite_init = world_begin,
	.suite_exit = world_end,
	.test_cases = cases,
};
