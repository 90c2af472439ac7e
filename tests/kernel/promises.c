// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the promises of the contract in the kernel, at one of the two levels.
 * tests/promises/list.h has their names. A test sees in memory what the device has reached.
 * tests/vm/run.py sees in QEMU's trace which accesses were refused. build.py tests promise 9, which
 * is about object code, and fail_nth.c tests promise 18. This file has the reasons why the
 * kernel's side does not test some promises, and the tests of what only the kernel has.
 */
#include <linux/pci.h>

#include <coherent/debugfs.h>

#include "nth.h"
#include "promises.h"

/* The kernel's side does not test these promises. The reasons are for docs/backends.md. */
#define REASON_object_may_outlive_its_device \
	"A free after the unbind leaks the object, and warns (`tests/kernel/misuse.c`)."
#define REASON_forked_child_cannot_use_the_device \
	"Does not apply: a fork does not copy memory of the kernel."
#define REASON_failed_revoke_leaks_and_reports "Does not apply: an unmap in the kernel cannot fail."
#define REASON_mem_keeps_address_and_contents_over_a_reset \
	"Does not apply: the kernel's bus resets the device. The library does not reset it."
#define REASON_fence_resets_the_device \
	"Does not apply: the library has no fence in the kernel. The driver stops its device."
#define REASON_pointers_find_their_objects \
	"Does not apply: the kernel's object holds its own record, so there is no lookup."
#define REASON_boxes_of_a_pool_in_place_are_hidden \
	"Does not apply: in the kernel a pool has no .in_place (`tests/kernel/pools.c`)."
#define REASON_boxes_in_place_are_hidden "Does not apply: in the kernel a box has no .in_place."

static int promises_begin(struct kunit_suite *suite)
{
#define PRINT_REASON(promise) pr_info("# not tested here: " #promise ": " REASON_##promise "\n");
	PROMISES(NO_TEST, PRINT_REASON)
#undef PRINT_REASON
	return world_begin(suite);
}

/* A box has at least the level that the driver asks for, or the call fails. */
static void level_is_met_or_refused(struct kunit *test)
{
	const enum coherent_level best = coherent_device_level(edu.dev);
	static struct device unbound, maskless, incoherent, streamless;
	static u64 mask = DMA_BIT_MASK(28);
	COHERENT_BOX(u8) box = COHERENT_EMPTY;
	enum coherent_level wanted;

	maskless.driver = incoherent.driver = streamless.driver = edu.dev->driver;
	incoherent.dma_mask = &mask;
	streamless.coherent_dma_mask = mask;
	KUNIT_EXPECT_TRUE(test, best == COHERENT_HIDDEN || best == COHERENT_IOMMU);
	KUNIT_EXPECT_TRUE(test, level <= best);
	for (wanted = COHERENT_NONE; wanted <= COHERENT_IOMMU; wanted++) {
		KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .level = wanted),
				wanted <= best ? 0 : -EOPNOTSUPP);
		KUNIT_EXPECT_TRUE(test, wanted > best || coherent_box_level(&box) >= wanted);
		coherent_box_free(&box);
	}
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .level = wanted), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_device_level(NULL), 0);
	KUNIT_EXPECT_EQ(test, coherent_device_level(&unbound), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, NULL, 1), -ENODEV);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, &unbound, 1), -ENODEV);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, &maskless, 1), -EIO);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, &incoherent, 1), -EIO);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, &streamless, 1), -EIO);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box));
}

COHERENT_TYPE(linked, u64);

/* A seal that writes the address of the page into the table, or fails. */
static int link(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	const union linked *page = arg;

	*(u64 *)elements = coherent_addr(page).raw;
	return *((u64 *)elements + 1) ? -EDOM : 0;
}

static void all_are_exposed_or_none(struct kunit *test)
{
	COHERENT_BOX(u64) page_box = COHERENT_EMPTY, table_box = COHERENT_EMPTY;
	union linked page = COHERENT_EMPTY, table = COHERENT_EMPTY;
	u64 seen = 0;
	int turn, err;

	for (turn = 0; turn < 2; turn++) {
		KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&page_box, edu.dev, 512, .level = level),
				0);
		KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&table_box, edu.dev, 512, .level = level),
				0);
		coherent_box_ptr(&table_box)[1] = turn;
		err = coherent_expose_all(COHERENT_EXPOSURE(&page_box, &page),
					  COHERENT_EXPOSURE(&table_box, &table, .seal = link,
							    .seal_arg = &page));
		KUNIT_EXPECT_EQ(test, err, turn ? -EDOM : 0);
		KUNIT_EXPECT_TRUE(test, coherent_is_empty(&page_box));
		KUNIT_EXPECT_TRUE(test, coherent_is_empty(&table_box));
		KUNIT_EXPECT_TRUE(test, coherent_is_empty(&page) == turn);
		KUNIT_EXPECT_TRUE(test, coherent_is_empty(&table) == turn);
		if (turn)
			continue;
		KUNIT_EXPECT_EQ(test, coherent_read(&table, 0, &seen), 0);
		KUNIT_EXPECT_TRUE(test, seen == coherent_addr(&page).raw);
		coherent_free(&page);
		coherent_free(&table);
	}
}

/* Devres knows the object, also if another file frees it. */
static void managed_object_is_freed_by_any_file(struct kunit *test)
{
	union edu_packets packets = COHERENT_EMPTY;

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&packets, edu.dev, 1, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_manage(&packets), 0);
	free_in_other_file(&packets);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&packets));
}

static void objects_hold_their_device(struct kunit *test)
{
	const unsigned int before = kref_read(&edu.dev->kobj.kref);
	COHERENT(u8) mem = COHERENT_EMPTY;
	struct coherent_bar *bar;

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 1, .level = level), 0);
	KUNIT_EXPECT_EQ(test, kref_read(&edu.dev->kobj.kref), before + 1);
	KUNIT_EXPECT_EQ(test, coherent_manage(&mem), 0);
	KUNIT_EXPECT_EQ(test, coherent_bar_open(&bar, edu.dev, 0), 0);
	KUNIT_EXPECT_EQ(test, kref_read(&edu.dev->kobj.kref), before + 2);
	coherent_bar_close(bar);
	coherent_free(&mem);
	KUNIT_EXPECT_EQ(test, kref_read(&edu.dev->kobj.kref), before);
}

static void blob_is_read_by_the_rules(struct kunit *test)
{
	COHERENT(u8) mem = COHERENT_EMPTY;
	struct file file = { .private_data = &mem.base.object };
	loff_t before = -1, end = 10;

	KUNIT_EXPECT_EQ(test, PTR_ERR(coherent_debugfs_create("x", NULL, &mem)), -EINVAL);
	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 10, .level = level), 0);
	KUNIT_EXPECT_EQ(test, read_blob(&file, NULL, 5, &before), -EINVAL);
	KUNIT_EXPECT_EQ(test, read_blob(&file, NULL, 5, &end), 0);
	coherent_free(&mem);
}

/* With .gfp = GFP_ATOMIC a driver can allocate, expose and free in atomic context. */
static void atomic_context_is_possible(struct kunit *test)
{
	COHERENT_BOX(u8) box = COHERENT_EMPTY;
	COHERENT(u8) mem = COHERENT_EMPTY;
	static DEFINE_SPINLOCK(lock);
	unsigned long flags;
	int err;

	spin_lock_irqsave(&lock, flags);
	err = coherent_box_zeroed(&box, edu.dev, 5000, .gfp = GFP_ATOMIC, .level = level);
	if (!err)
		err = coherent_expose(&box, &mem);
	coherent_free(&mem);
	spin_unlock_irqrestore(&lock, flags);
	KUNIT_EXPECT_EQ(test, err, 0);
}

static struct kunit_case cases[] = {
#define PROMISE_CASE(promise) KUNIT_CASE(promise),
	PROMISES(PROMISE_CASE, NO_TEST)
#undef PROMISE_CASE
		KUNIT_CASE(all_are_exposed_or_none),
	KUNIT_CASE(level_is_met_or_refused),
	KUNIT_CASE(managed_object_is_freed_by_any_file),
	KUNIT_CASE(objects_hold_their_device),
	KUNIT_CASE(blob_is_read_by_the_rules),
	KUNIT_CASE(atomic_context_is_possible),
	{},
};

struct kunit_suite promises = {
	.name = "promises",
	.suite_init = promises_begin,
	.suite_exit = world_end,
	.test_cases = cases,
};
