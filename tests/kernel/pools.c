// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Calls on pools that fail, in atomic context and in several threads. promise_pools.c tests what the
 * device can reach.
 */
#include <coherent/expose_all.h>
#include <coherent/loan.h>
#include <coherent/pool.h>
#include <linux/completion.h>
#include <linux/irq_work.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "nth.h"

COHERENT_POOL_TYPE(words, u64[4]);
COHERENT_BOX_TYPE(word_box, u64[4]);
COHERENT_TYPE(word_mem, u64[4]);

/* --- Each call fails in turn --- */

struct page_half {
	u8 bytes[PAGE_SIZE / 2];
};

static int use_pool(void)
{
	COHERENT_POOL_AUTO(struct page_half, pool);
	COHERENT_BOX_AUTO(struct page_half, first);
	COHERENT_BOX_AUTO(struct page_half, second);
	COHERENT_BOX_AUTO(struct page_half, third);
	COHERENT_AUTO(struct page_half, mem);
	COHERENT_LOAN_AUTO(struct page_half, loan);
	int err;

	err = coherent_pool_create(&pool, edu.dev, .level = level);
	if (!err)
		err = coherent_pool_box(&pool, &first);
	if (!err)
		err = coherent_expose(&first, &mem);
	if (!err)
		err = coherent_pool_box(&pool, &second);
	if (!err)
		err = coherent_pool_box(&pool, &third);
	if (!err)
		err = coherent_reclaim(&mem, &first, .idle = true);
	if (!err)
		err = coherent_expose_all(COHERENT_EXPOSURE(&first, &mem));
	return err ? err : coherent_lend(&third, &loan, COHERENT_BOTH_WAYS);
}

static void each_call_of_a_pool_fails_in_turn(struct kunit *test)
{
	int n, err;

	for (n = 1;; n++) {
		nth = n;
		atomic_set(&live, 0);
		err = use_pool();
		KUNIT_EXPECT_EQ(test, atomic_read(&live), 0);
		if (nth)
			break;
		KUNIT_EXPECT_TRUE(test, is_expected(err));
	}
	nth = 0;
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_TRUE(test, !careless);
	pr_info("# %d calls of a pool failed in turn\n", n - 1);
	KUNIT_EXPECT_TRUE(test, n > (is_enforced() ? 13 : 7));
}

/* --- Reasons --- */

static union words pool;
static union word_box box;
static union word_mem mem;

/* Makes a pool with a box and a mem. */
static void pool_begin(struct kunit *test)
{
	union word_box first = COHERENT_EMPTY;

	KUNIT_ASSERT_EQ(test, coherent_pool_create(&pool, edu.dev, .level = level), 0);
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &first), 0);
	KUNIT_ASSERT_EQ(test, coherent_expose(&first, &mem), 0);
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);
}

static void pool_end(struct kunit *test)
{
	coherent_box_free(&box);
	coherent_free(&mem);
	KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&pool), 0);
}

#define REFUSED(call, wanted, words)                                                 \
	do {                                                                         \
		lines = 0;                                                           \
		KUNIT_EXPECT_EQ(test, (call), (wanted));                             \
		KUNIT_EXPECT_EQ(test, lines, 1);                                     \
		KUNIT_EXPECT_TRUE(test, strstr(line, words) && strstr(line, "in ")); \
	} while (0)

struct large {
	u8 bytes[PAGE_SIZE + 1];
};

static void refused_pools_say_why(struct kunit *test)
{
	COHERENT_POOL(struct large) large = COHERENT_EMPTY;
	union words none = COHERENT_EMPTY;
	union word_box full = COHERENT_EMPTY;
	struct device *dev = edu.dev;

	pool_begin(test);
	keeps_lines = true;
	REFUSED(coherent_pool_create(&large, dev), -EINVAL, "pools.c:");
	REFUSED(coherent_pool_create(&large, dev), -EINVAL, "larger than a page");
	REFUSED(coherent_pool_create(&none, dev, .align = 48), -EINVAL, ".align is not");
	REFUSED(coherent_pool_create(&none, dev, .in_place = true), -EOPNOTSUPP, "no .in_place");
	REFUSED(coherent_pool_create(&none, dev, .align = 2 * PAGE_SIZE), -EINVAL,
		".align is more");
	REFUSED(coherent_pool_create(&none, dev, .boundary = 96), -EINVAL, ".boundary is not");
	REFUSED(coherent_pool_create(&none, dev, .boundary = 16), -EINVAL,
		"multiples of .boundary");
	REFUSED(coherent_pool_create(&none, dev, .permission = 2), -EINVAL, ".permission");
	REFUSED(coherent_pool_create(&none, dev, .level = 9), -EINVAL, ".level");
	REFUSED(coherent_pool_create(&none, dev, .gfp = GFP_DMA), -EINVAL, ".gfp");
	REFUSED(coherent_pool_create(&none, dev, .permission = COHERENT_READ_ONLY), -EOPNOTSUPP,
		"COHERENT_READ_ONLY");
	if (coherent_device_level(dev) == COHERENT_HIDDEN)
		REFUSED(coherent_pool_create(&none, dev, .level = COHERENT_IOMMU), -EOPNOTSUPP,
			"IOMMU");
	KUNIT_EXPECT_EQ(test, coherent_pool_create(&none, NULL), -ENODEV);
	KUNIT_EXPECT_TRUE(test, !none.base.va && !large.base.va);
	REFUSED(coherent_pool_box(&none, &full), -EINVAL, "pool is empty");
	KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&none), 0);
	REFUSED(coherent_pool_create(&pool, dev), -EBUSY, "pool is not empty");
	REFUSED(coherent_pool_box(&pool, &full, .gfp = GFP_DMA), -EINVAL, ".gfp");
	REFUSED(coherent_pool_box(&pool, &box), -EBUSY, "box is not empty");
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&full) && !coherent_is_empty(&box));
	keeps_lines = false;
	pool_end(test);
}

static int returns_one(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	return 1;
}

static void refused_calls_on_objects_of_a_pool_say_why(struct kunit *test)
{
	COHERENT_LOAN(u64[4]) loan = COHERENT_EMPTY;
	union word_mem empty_mem = COHERENT_EMPTY;
	union word_box empty_box = COHERENT_EMPTY;

	pool_begin(test);
	keeps_lines = true;
	REFUSED(coherent_manage(&mem), -EOPNOTSUPP, "of a pool");
	REFUSED(coherent_box_manage(&box), -EOPNOTSUPP, "of a pool");
	REFUSED(coherent_reclaim(&mem, &box, .idle = true), -EBUSY, "box is not empty");
	REFUSED(coherent_reclaim(&mem, &empty_box), -EBUSY, ".idle");
	KUNIT_EXPECT_TRUE(test, !coherent_is_empty(&mem));
	REFUSED(coherent_expose(&box, &mem), -EBUSY, "mem is not empty");
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box));
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);
	REFUSED(coherent_expose(&box, &empty_mem, .permission = COHERENT_READ_ONLY), -EINVAL,
		"that of the pool");
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);
	REFUSED(coherent_expose(&box, &empty_mem, .seal = returns_one), -EINVAL, "positive");
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);
	REFUSED(coherent_lend(&box, &loan, 9), -EINVAL, "direction");
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);
	KUNIT_ASSERT_EQ(test, coherent_lend(&box, &loan, COHERENT_TO_DEVICE), 0);
	REFUSED(coherent_take(&loan, &box), -EBUSY, ".idle");
	coherent_loan_free(&loan);
	keeps_lines = false;
	pool_end(test);
}

/* A copy does not give the slot back a second time, and does not take it from its next owner. */
static void copies_of_objects_of_a_pool_are_ignored(struct kunit *test)
{
	union word_box copy, other = COHERENT_EMPTY, next = COHERENT_EMPTY;
	union word_mem shared = COHERENT_EMPTY, mem_copy = COHERENT_EMPTY;

	pool_begin(test);
	keeps_lines = true;
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &other), 0);
	memcpy(&copy, &other, sizeof(copy));
	coherent_box_free(&other);
	lines = 0;
	coherent_box_free(&copy);
	KUNIT_EXPECT_EQ(test, lines, 1);
	KUNIT_EXPECT_TRUE(test, strstr(line, "a copy of an object of a pool"));
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &other), 0);
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &next), 0);
	KUNIT_EXPECT_TRUE(test, coherent_box_ptr(&other) != coherent_box_ptr(&next));
	memcpy(&copy, &other, sizeof(copy));
	KUNIT_ASSERT_EQ(test, coherent_expose(&other, &shared), 0);
	lines = 0;
	KUNIT_EXPECT_EQ(test, coherent_expose(&copy, &mem_copy), -EINVAL);
	KUNIT_EXPECT_EQ(test, lines, 1);
	memcpy(&copy, &next, sizeof(copy));
	coherent_box_free(&next);
	lines = 0;
	KUNIT_EXPECT_EQ(test, coherent_expose(&copy, &mem_copy), -EINVAL);
	KUNIT_EXPECT_EQ(test, lines, 1);
	memcpy(&mem_copy, &shared, sizeof(mem_copy));
	coherent_free(&shared);
	KUNIT_EXPECT_EQ(test, coherent_reclaim(&mem_copy, &next, .idle = true), -EINVAL);
	coherent_free(&mem_copy);
	keeps_lines = false;
	pool_end(test);
}

static void destroy_names_the_objects_that_live(struct kunit *test)
{
	/* The stack of the kernel has no room for them. */
	static union word_mem mems[20];
	union word_box other = COHERENT_EMPTY;
	int i;

	pool_begin(test);
	keeps_lines = true;
	lines = 0;
	KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&pool), -EBUSY);
	KUNIT_EXPECT_EQ(test, lines, 2);
	KUNIT_EXPECT_TRUE(test, strstr(line, "of 32 bytes of the pool created at ") &&
					strstr(line, "pools.c:") && strstr(line, "is not freed"));
	for (i = 0; i < ARRAY_SIZE(mems); i++) {
		KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &other), 0);
		KUNIT_ASSERT_EQ(test, coherent_expose(&other, &mems[i]), 0);
	}
	lines = 0;
	KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&pool), -EBUSY);
	KUNIT_EXPECT_EQ(test, lines, 9);
	KUNIT_EXPECT_TRUE(test, strstr(line, "and 14 more"));
	keeps_lines = false;
	for (i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	pool_end(test);
}

/* A pool without .level has the level of its device, also if that changes later. */
static void pool_has_the_level_of_the_device(struct kunit *test)
{
	COHERENT_POOL_AUTO(u64[4], other);
	COHERENT_BOX_AUTO(u64[4], taken);

	KUNIT_EXPECT_EQ(test, coherent_device_set_level(edu.dev, level), 0);
	KUNIT_EXPECT_EQ(test, coherent_pool_create(&other, edu.dev), 0);
	KUNIT_EXPECT_EQ(test, coherent_device_set_level(edu.dev, COHERENT_HIDDEN), 0);
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&other, &taken), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_level(&taken), level);
}

static void unbound_device_has_no_pools(struct kunit *test)
{
	const unsigned int before = kref_read(&edu.dev->kobj.kref);
	COHERENT_POOL_AUTO(u64[4], other);
	COHERENT_BOX_AUTO(u64[4], none);
	COHERENT_AUTO(u64[4], exposed);
	static struct device unbound, maskless;
	struct device *dev = edu.dev;
	struct device_driver *driver = dev->driver;

	maskless.driver = driver;
	KUNIT_EXPECT_EQ(test, coherent_pool_create(&other, &unbound), -ENODEV);
	KUNIT_EXPECT_EQ(test, coherent_pool_create(&other, &maskless), -EIO);
	KUNIT_ASSERT_EQ(test, coherent_pool_create(&other, dev, .level = level), 0);
	KUNIT_EXPECT_EQ(test, kref_read(&dev->kobj.kref), before + 1);
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&other, &none), 0);
	/* The library sees this of an unbound device. */
	dev->driver = NULL;
	KUNIT_EXPECT_EQ(test, coherent_pool_box(&other, &none), -EBUSY);
	KUNIT_EXPECT_EQ(test, coherent_expose(&none, &exposed), -ENODEV);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&none));
	KUNIT_EXPECT_EQ(test, coherent_pool_box(&other, &none), -ENODEV);
	dev->driver = driver;
}

/* --- Atomic context --- */

/* More objects than a page has, so that the pool grows twice. */
#define MANY (PAGE_SIZE / 32 + 1)

static struct completion done;
static union words in_interrupt;
static int interrupt_err;

static void growth_fails_in_turn_in_atomic_context(struct kunit *test)
{
	union words growing = COHERENT_EMPTY;
	union word_box taken = COHERENT_EMPTY;
	unsigned long flags;
	int n, err;

	for (n = 1;; n++) {
		atomic_set(&live, 0);
		KUNIT_ASSERT_EQ(test, coherent_pool_create(&growing, edu.dev, .level = level), 0);
		nth = n;
		local_irq_save(flags);
		err = coherent_pool_box(&growing, &taken, .gfp = GFP_ATOMIC);
		coherent_box_free(&taken);
		local_irq_restore(flags);
		KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&growing), 0);
		unbind_frees_all(test);
		if (nth)
			break;
		KUNIT_EXPECT_TRUE(test, is_expected(err));
	}
	nth = 0;
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_TRUE(test, n > 4);
	KUNIT_EXPECT_TRUE(test, !careless);
}

static int use_atomically(union words *from)
{
	static union word_box boxes[MANY];
	union word_mem got = COHERENT_EMPTY;
	u64 seen = 0;
	int i, err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(boxes); i++) {
		err = coherent_pool_box(from, &boxes[i], .gfp = GFP_ATOMIC);
		if (!err)
			coherent_box_ptr(&boxes[i])[0][1] = i;
	}
	if (!err)
		err = coherent_expose(&boxes[7], &got);
	if (!err)
		err = coherent_read(&got, 0, [1], &seen);
	if (!err && seen != 7)
		err = -EBADMSG;
	if (!err)
		err = coherent_reclaim(&got, &boxes[7], .idle = true);
	if (!err)
		err = coherent_expose(&boxes[7], &got);
	coherent_free(&got);
	for (i = 0; i < ARRAY_SIZE(boxes); i++)
		coherent_box_free(&boxes[i]);
	return err;
}

static void use_in_interrupt(struct irq_work *work)
{
	interrupt_err = in_hardirq() ? use_atomically(&in_interrupt) : -EPROTO;
	complete(&done);
}

static void pool_works_in_atomic_context(struct kunit *test)
{
	union words locked = COHERENT_EMPTY;
	struct irq_work work = IRQ_WORK_INIT(use_in_interrupt);
	static DEFINE_SPINLOCK(lock);
	unsigned long flags;
	int err;

	KUNIT_ASSERT_EQ(test, coherent_pool_create(&locked, edu.dev, .level = level), 0);
	spin_lock_irqsave(&lock, flags);
	err = use_atomically(&locked);
	spin_unlock_irqrestore(&lock, flags);
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&locked), 0);

	KUNIT_ASSERT_EQ(test, coherent_pool_create(&in_interrupt, edu.dev, .level = level), 0);
	init_completion(&done);
	irq_work_queue(&work);
	wait_for_completion(&done);
	irq_work_sync(&work);
	KUNIT_EXPECT_EQ(test, interrupt_err, 0);
	KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&in_interrupt), 0);
}

/* A pool that is only for atomic context can say so once. */
static void pool_has_a_gfp_of_its_own(struct kunit *test)
{
	COHERENT_POOL_AUTO(u64[4], atomic_pool);
	COHERENT_BOX_AUTO(u64[4], taken);
	unsigned long flags;
	int err;

	KUNIT_ASSERT_EQ(
		test,
		coherent_pool_create(&atomic_pool, edu.dev, .level = level, .gfp = GFP_ATOMIC), 0);
	local_irq_save(flags);
	err = coherent_pool_box(&atomic_pool, &taken);
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, err, 0);
}

/* --- Threads --- */

#define ROUNDS 300
#define HELD 20

static union words shared_pool;

struct worker {
	struct completion done;
	u64 number;
	union word_box boxes[HELD];
	union word_mem mems[HELD];
};

static int take_one(struct worker *worker, int i, u64 value)
{
	u64(*elements)[4];
	int err;

	err = coherent_pool_box(&shared_pool, &worker->boxes[i]);
	if (err)
		return err;
	elements = coherent_box_ptr(&worker->boxes[i]);
	if ((*elements)[0] || (*elements)[3])
		return -EBADMSG;
	(*elements)[0] = value;
	(*elements)[3] = ~value;
	return i % 3 ? coherent_expose(&worker->boxes[i], &worker->mems[i]) : 0;
}

static int end_one(struct worker *worker, int i, u64 value)
{
	u64 first = 0, last = 0;
	int err = 0;

	if (i % 3) {
		err = coherent_read(&worker->mems[i], 0, [0], &first);
		if (!err)
			err = coherent_read(&worker->mems[i], 0, [3], &last);
	} else {
		first = (*coherent_box_ptr(&worker->boxes[i]))[0];
		last = (*coherent_box_ptr(&worker->boxes[i]))[3];
	}
	coherent_free(&worker->mems[i]);
	coherent_box_free(&worker->boxes[i]);
	return err ? err : first == value && last == ~value ? 0 : -EBADMSG;
}

static int use_shared_pool(void *arg)
{
	struct worker *worker = arg;
	int i, round, err = 0;

	for (round = 0; !err && round < ROUNDS; round++) {
		for (i = 0; !err && i < HELD; i++)
			err = take_one(worker, i, worker->number << 32 | round << 8 | i);
		for (i = 0; !err && i < HELD; i++)
			err = end_one(worker, i, worker->number << 32 | round << 8 | i);
		cond_resched();
	}
	complete(&worker->done);
	return err;
}

/* An interrupt uses the pool that threads use, on the same CPU. */
static void use_shared_pool_in_interrupt(struct irq_work *work)
{
	union word_box taken = COHERENT_EMPTY;
	union word_mem exposed = COHERENT_EMPTY;
	int err = coherent_pool_box(&shared_pool, &taken, .gfp = GFP_ATOMIC);

	if (!err)
		err = coherent_expose(&taken, &exposed);
	coherent_free(&exposed);
	if (err)
		interrupt_err = err;
}

static void threads_share_a_pool(struct kunit *test)
{
	static struct worker workers[3];
	struct task_struct *tasks[3];
	struct irq_work work = IRQ_WORK_INIT(use_shared_pool_in_interrupt);
	int i;

	KUNIT_ASSERT_EQ(test, coherent_pool_create(&shared_pool, edu.dev, .level = level), 0);
	interrupt_err = 0;
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i].number = i + 1;
		init_completion(&workers[i].done);
		tasks[i] = thread_start(test, use_shared_pool, &workers[i]);
	}
	for (i = 0; i < ROUNDS; i++) {
		irq_work_queue(&work);
		irq_work_sync(&work);
		cond_resched();
	}
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		if (!tasks[i])
			continue;
		wait_for_completion(&workers[i].done);
		KUNIT_EXPECT_EQ(test, thread_end(tasks[i]), 0);
	}
	KUNIT_EXPECT_EQ(test, interrupt_err, 0);
	KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&shared_pool), 0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(each_call_of_a_pool_fails_in_turn),
	KUNIT_CASE(refused_pools_say_why),
	KUNIT_CASE(refused_calls_on_objects_of_a_pool_say_why),
	KUNIT_CASE(copies_of_objects_of_a_pool_are_ignored),
	KUNIT_CASE(destroy_names_the_objects_that_live),
	KUNIT_CASE(pool_has_the_level_of_the_device),
	KUNIT_CASE(unbound_device_has_no_pools),
	KUNIT_CASE(growth_fails_in_turn_in_atomic_context),
	KUNIT_CASE(pool_works_in_atomic_context),
	KUNIT_CASE(pool_has_a_gfp_of_its_own),
	KUNIT_CASE(threads_share_a_pool),
	{},
};

struct kunit_suite pool_calls = {
	.name = "pool_calls",
	.suite_init = world_begin,
	.suite_exit = world_end,
	.test_cases = cases,
};
