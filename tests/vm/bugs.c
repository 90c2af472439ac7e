// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A module with bugs that a kernel must report: a use after free and a leak, or a data race.
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/slab.h>

#define ROUNDS 1000000

static bool racy;
module_param(racy, bool, 0444);
MODULE_PARM_DESC(racy, "have a data race, and no other bug");

static int *freed;
static int shared;
static DECLARE_COMPLETION(added);

static int use_after_free(void)
{
	freed = kmalloc(sizeof(*freed), GFP_KERNEL);
	if (!freed)
		return -ENOMEM;
	kfree(freed);
	WRITE_ONCE(*freed, 1);
	return 0;
}

/* A stale copy of a pointer may hide a leaked object or two, but not all. */
static int leak(void)
{
	static void *lost;
	int i;

	for (i = 0; i < 100; i++) {
		WRITE_ONCE(lost, kmalloc(1000, GFP_KERNEL));
		if (!lost)
			return -ENOMEM;
	}
	WRITE_ONCE(lost, NULL);
	return 0;
}

static void add(void)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		shared++;
		barrier();
		cond_resched();
	}
}

static int add_in_thread(void *arg)
{
	add();
	complete(&added);
	return 0;
}

static int race(void)
{
	struct task_struct *task = kthread_run(add_in_thread, NULL, "bugs");

	if (IS_ERR(task))
		return PTR_ERR(task);
	add();
	wait_for_completion(&added);
	return 0;
}

static int __init bugs_init(void)
{
	int err = racy ? race() : use_after_free();

	if (!err && !racy)
		err = leak();
	pr_info("1..1\n");
	pr_info("%sok 1 - the bugs happen\n", err ? "not " : "");
	return 0;
}

static void __exit bugs_exit(void)
{
}

module_init(bugs_init);
module_exit(bugs_exit);

MODULE_DESCRIPTION("Bugs that a kernel must report");
MODULE_LICENSE("Dual MIT/GPL");
