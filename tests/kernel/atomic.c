// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The kernel face in atomic context. Objects end there too, and a call that fails keeps nothing.
 * When the driver is unbound, nothing is left of them.
 */
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "nth.h"

static DEFINE_SPINLOCK(lock);
static unsigned long lock_flags;

static void lock_irqs(void) __acquires(&lock)
{
	spin_lock_irqsave(&lock, lock_flags);
}

static void unlock_irqs(void) __releases(&lock)
{
	spin_unlock_irqrestore(&lock, lock_flags);
}

static void lock_softirqs(void) __acquires(&lock)
{
	spin_lock_bh(&lock);
}

static void unlock_softirqs(void) __releases(&lock)
{
	spin_unlock_bh(&lock);
}

static void lock_alone(void) __acquires(&lock)
{
	spin_lock(&lock);
}

static void unlock_alone(void) __releases(&lock)
{
	spin_unlock(&lock);
}

/* Drivers of block devices get their requests here. */
static void read_rcu(void) __acquires(RCU)
{
	rcu_read_lock();
}

static void leave_rcu(void) __releases(RCU)
{
	rcu_read_unlock();
}

static const struct {
	void (*enter)(void);
	void (*leave)(void);
} contexts[] = {
	{ lock_irqs, unlock_irqs },
	{ lock_softirqs, unlock_softirqs },
	{ lock_alone, unlock_alone },
	{ read_rcu, leave_rcu },
};

static int fill_fails(u64 *elements, size_t count, void *arg)
{
	return -ENODATA;
}

static int seal_fails(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	return -EDOM;
}

/* A call that must fail. Returns 0 if it did, or the error of an earlier call. */
static int must_be(int wanted, int err)
{
	if (err == wanted)
		return 0;
	return err ? err : -EPROTO;
}

static int use_atomically(void)
{
	COHERENT_BOX_AUTO(u64, box);
	COHERENT_AUTO(u64, mem);
	COHERENT_AUTO(u64, other);
	int err;

	err = must_be(-ENODATA, coherent_init(&mem, edu.dev, 10, fill_fails, NULL,
					      .gfp = GFP_ATOMIC, .level = level));
	if (!err)
		err = coherent_box_zeroed(&box, edu.dev, 3000, .gfp = GFP_ATOMIC, .level = level);
	if (!err)
		err = must_be(-EDOM, coherent_expose(&box, &mem, .seal = seal_fails));
	if (!err)
		err = coherent_zeroed(&mem, edu.dev, 10, .gfp = GFP_ATOMIC, .level = level);
	if (!err)
		err = coherent_zeroed(&other, edu.dev, 10, .gfp = GFP_ATOMIC, .level = level);
	if (!err)
		err = coherent_reclaim(&mem, &box, .idle = true);
	return err ? err : coherent_expose(&box, &mem);
}

static void each_call_fails_in_atomic_context(struct kunit *test)
{
	int n, i, err;

	for (i = 0; i < ARRAY_SIZE(contexts); i++) {
		for (n = 1;; n++) {
			nth = n;
			atomic_set(&live, 0);
			contexts[i].enter();
			err = use_atomically();
			contexts[i].leave();
			unbind_frees_all(test);
			if (nth)
				break;
			KUNIT_EXPECT_TRUE(test, is_expected(err));
		}
		nth = 0;
		KUNIT_EXPECT_EQ(test, err, 0);
		pr_info("# %d calls failed in atomic context %d\n", n - 1, i);
		KUNIT_EXPECT_TRUE(test, n > 4);
		KUNIT_EXPECT_TRUE(test, !careless);
		careless = false;
	}
}

/* Calls @times in atomic context, in which nothing else runs. Returns how much was live then. */
static int live_after(struct kunit *test, int times, int (*call)(void), int wanted)
{
	int i, most, err = wanted;

	atomic_set(&live, 0);
	for (i = 0; i < times; i++) {
		lock_irqs();
		err = call();
		unlock_irqs();
		if (err != wanted && err != -ENOMEM)
			break;
	}
	most = atomic_read(&live);
	KUNIT_EXPECT_EQ(test, i, times);
	KUNIT_EXPECT_TRUE(test, err == wanted || err == -ENOMEM);
	unbind_frees_all(test);
	return most;
}

static int init_fails(void)
{
	COHERENT_AUTO(u64, mem);

	return coherent_init(&mem, edu.dev, 500, fill_fails, NULL, .gfp = GFP_ATOMIC,
			     .level = level);
}

static int read_only_is_refused(void)
{
	COHERENT_AUTO(u64, mem);

	return coherent_zeroed(&mem, edu.dev, 1, .gfp = GFP_ATOMIC,
			       .permission = COHERENT_READ_ONLY);
}

static int address_is_refused(void)
{
	const u64 usual = edu.dev->coherent_dma_mask;
	COHERENT_AUTO(u64, mem);
	int err;

	other_mask = usual;
	edu.dev->coherent_dma_mask = DMA_BIT_MASK(PAGE_SHIFT);
	err = coherent_zeroed(&mem, edu.dev, 500, .gfp = GFP_ATOMIC);
	edu.dev->coherent_dma_mask = usual;
	other_mask = 0;
	return err;
}

/* The work item may not run before the loop ends. */
static void refused_calls_in_atomic_context_keep_few_pages(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, live_after(test, 2000, init_fails, -ENODATA) <= 4);
	KUNIT_EXPECT_EQ(test, live_after(test, 100, read_only_is_refused, -EOPNOTSUPP), 0);
	KUNIT_EXPECT_TRUE(test,
			  live_after(test, 1000, address_is_refused, -ENOSPC) <= 2 * most_deferred);
}

static void deferred_memory_is_zeroed_again(struct kunit *test)
{
	COHERENT(u64) mem = COHERENT_EMPTY;
	const void *page = NULL;
	u64 seen = 1;
	int err;

	atomic_set(&live, 0);
	lock_irqs();
	err = coherent_zeroed(&mem, edu.dev, 500, .gfp = GFP_ATOMIC);
	if (!err) {
		page = (const void COHERENT_FORCE *)coherent_unsafe_ptr(&mem);
		err = coherent_write(&mem, 499, 1);
	}
	coherent_free(&mem);
	if (!err)
		err = coherent_zeroed(&mem, edu.dev, 510, .gfp = GFP_ATOMIC);
	if (!err)
		err = coherent_read(&mem, 499, &seen);
	unlock_irqs();
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, seen, 0);
	KUNIT_EXPECT_TRUE(test, page == (const void COHERENT_FORCE *)coherent_unsafe_ptr(&mem));
	coherent_free(&mem);
	unbind_frees_all(test);
}

/* An object from process context can end in an interrupt, also if it is managed. */
static void any_object_can_end_in_atomic_context(struct kunit *test)
{
	COHERENT(u64) mem = COHERENT_EMPTY;
	int i;

	for (i = 0; i < 4; i++) {
		atomic_set(&live, 0);
		KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 10, .level = level), 0);
		KUNIT_EXPECT_EQ(test, i < 2 ? coherent_manage(&mem) : 0, 0);
		contexts[i % 2].enter();
		coherent_free(&mem);
		contexts[i % 2].leave();
		unbind_frees_all(test);
	}
}

static COHERENT(u64) of_the_driver[ARRAY_SIZE(contexts)];

static void free_atomically(void *arg)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(contexts); i++) {
		contexts[i].enter();
		coherent_free(&of_the_driver[i]);
		contexts[i].leave();
	}
}

/* The kernel takes all entries out of devres before it calls the first one. */
static void devres_action_can_free_in_atomic_context(struct kunit *test)
{
	int i;

	atomic_set(&live, 0);
	for (i = 0; i < ARRAY_SIZE(contexts); i++)
		KUNIT_EXPECT_EQ(test,
				coherent_zeroed(&of_the_driver[i], edu.dev, 10, .gfp = GFP_ATOMIC,
						.level = level),
				0);
	KUNIT_EXPECT_EQ(test, devm_add_action(edu.dev, free_atomically, NULL), 0);
	unbind_frees_all(test);
	KUNIT_EXPECT_TRUE(test, !careless);
}

static COHERENT(u64) second_of_the_driver;

static void free_second_atomically(void *arg)
{
	lock_irqs();
	coherent_free(&second_of_the_driver);
	unlock_irqs();
}

/* The action runs before the queue ends only if the first allocation made the queue. */
static void devres_action_comes_after_the_first_allocation(struct kunit *test)
{
	static const gfp_t gfps[] = { GFP_KERNEL, GFP_ATOMIC };
	COHERENT(u64) first = COHERENT_EMPTY;
	int i;

	for (i = 0; i < ARRAY_SIZE(gfps); i++) {
		/* The device has no queue after it was bound. */
		atomic_set(&live, 0);
		unbind_frees_all(test);
		atomic_set(&live, 0);
		KUNIT_ASSERT_EQ(
			test, coherent_zeroed(&first, edu.dev, 10, .gfp = gfps[i], .level = level),
			0);
		KUNIT_EXPECT_EQ(test, devm_add_action(edu.dev, free_second_atomically, NULL), 0);
		KUNIT_EXPECT_EQ(test,
				coherent_zeroed(&second_of_the_driver, edu.dev, 10,
						.gfp = GFP_ATOMIC, .level = COHERENT_HIDDEN),
				0);
		coherent_free(&first);
		unbind_frees_all(test);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(each_call_fails_in_atomic_context),
	KUNIT_CASE(refused_calls_in_atomic_context_keep_few_pages),
	KUNIT_CASE(deferred_memory_is_zeroed_again),
	KUNIT_CASE(any_object_can_end_in_atomic_context),
	KUNIT_CASE(devres_action_can_free_in_atomic_context),
	KUNIT_CASE(devres_action_comes_after_the_first_allocation),
	{},
};

struct kunit_suite atomic = {
	.name = "atomic",
	.suite_init = world_begin,
	.suite_exit = world_end,
	.test_cases = cases,
};
