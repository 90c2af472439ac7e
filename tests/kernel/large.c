// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Objects that are larger than what the page allocator has in a row. At COHERENT_IOMMU their pages
 * are separate. The driver and the device see them in a row.
 */
#include <linux/delay.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>

#include "nth.h"

#define PAGES (SZ_64M / PAGE_SIZE)

struct page_bytes {
	u8 bytes[PAGE_SIZE];
};
COHERENT_TYPE(pages, struct page_bytes);

/* The device writes DIRT_BYTES across the seam before a page. Half of them are on each side. */
static u64 seam(const union pages *mem, size_t page)
{
	return coherent_addr(mem).raw + page * PAGE_SIZE - DIRT_BYTES / 2;
}

/* Returns whether both sides of a seam have the byte, and the bytes beside these have another. */
static bool seam_has(const struct page_bytes *pages, size_t page, u8 byte, u8 beside)
{
	const u8 *at = pages[page].bytes - DIRT_BYTES / 2;

	return !memchr_inv(at, byte, DIRT_BYTES) && at[-1] == beside && at[DIRT_BYTES] == beside;
}

static int large_zeroed(union pages *mem)
{
	return coherent_zeroed(mem, edu.dev, PAGES, .level = level);
}

/* A driver that asks for the level of its device gets what dma_alloc_coherent() gives, or more. */
static void large_object_is_possible_if_the_dma_api_has_one(struct kunit *test)
{
	union pages mem = COHERENT_EMPTY;
	dma_addr_t address;
	void *by_hand = dma_alloc_coherent(edu.dev, SZ_64M, &address, GFP_KERNEL | __GFP_NOWARN);
	int err;

	if (by_hand)
		dma_free_coherent(edu.dev, SZ_64M, by_hand, address);
	err = large_zeroed(&mem);
	KUNIT_EXPECT_TRUE(test, err == 0 || (!by_hand && !is_enforced() && err == -ENOMEM));
	coherent_free(&mem);
	if (is_enforced())
		KUNIT_EXPECT_EQ(test, coherent_zeroed(&mem, edu.dev, 3 * PAGES / 2, .level = level),
				0);
	coherent_free(&mem);
}

static void device_writes_across_the_seams(struct kunit *test)
{
	const size_t seams[] = { 1, 2, 1023, 1024, PAGES / 2, PAGES - 1 };
	COHERENT_BOX(struct page_bytes) box = COHERENT_EMPTY;
	union pages mem = COHERENT_EMPTY;
	unsigned int i;
	u64 old;

	if (large_zeroed(&mem))
		return;
	for (i = 0; i < ARRAY_SIZE(seams); i++)
		device_writes(test, seam(&mem, seams[i]));
	old = coherent_addr(&mem).raw;
	device_gets_dirt(test);
	KUNIT_ASSERT_EQ(test, coherent_reclaim(&mem, &box, .idle = true), 0);
	for (i = 0; i < ARRAY_SIZE(seams); i++)
		KUNIT_EXPECT_TRUE(test, seam_has(coherent_box_ptr(&box), seams[i], DIRT, 0));
	KUNIT_EXPECT_TRUE(test, !memchr_inv(coherent_box_ptr(&box) + 3, 0, 1000 * PAGE_SIZE));
	if (is_enforced()) {
		/* The reclaim took the pages away, and nobody got the address since. */
		memset(coherent_box_ptr(&box), 0, SZ_64M);
		for (i = 0; i < ARRAY_SIZE(seams); i++) {
			must_be_refused(old + seams[i] * PAGE_SIZE);
			KUNIT_EXPECT_EQ(test,
					edu_write(&edu,
						  (coherent_addr_t){ old + seams[i] * PAGE_SIZE },
						  DIRT_BYTES),
					0);
		}
		KUNIT_EXPECT_TRUE(test, !memchr_inv(coherent_box_ptr(&box), 0, SZ_64M));
	}
	/* The box is exposed again. */
	KUNIT_EXPECT_EQ(test, coherent_expose(&box, &mem), 0);
	device_writes(test, seam(&mem, PAGES / 2));
	coherent_free(&mem);
}

static void large_object_is_freed_whole(struct kunit *test)
{
	union pages mem = COHERENT_EMPTY;
	int i;

	atomic_set(&live, 0);
	for (i = 0; i < 5; i++) {
		const int err = large_zeroed(&mem);

		KUNIT_EXPECT_TRUE(test, !err || !is_enforced());
		coherent_free(&mem);
		KUNIT_EXPECT_EQ(test, atomic_read(&live), 0);
	}
}

/*
 * The device loses access at once: the work item, which gives the memory back because vfree() may
 * sleep, cannot run before the device has tried.
 */
static void large_object_ends_in_atomic_context(struct kunit *test)
{
	static DEFINE_SPINLOCK(lock);
	union pages mem = COHERENT_EMPTY;
	unsigned long flags;
	int busy, empty = -ENOMEM;
	u64 old;

	atomic_set(&live, 0);
	if (large_zeroed(&mem))
		return;
	old = seam(&mem, 100) & PAGE_MASK;
	device_gets_dirt(test);
	spin_lock_irqsave(&lock, flags);
	busy = coherent_zeroed(&mem, edu.dev, PAGES, .level = level, .gfp = GFP_ATOMIC);
	coherent_free(&mem);
	if (is_enforced()) {
		device_is_told_to_write(old);
		while (device_is_armed())
			mdelay(1);
		empty = coherent_zeroed(&mem, edu.dev, PAGES, .level = level, .gfp = GFP_ATOMIC);
	}
	spin_unlock_irqrestore(&lock, flags);
	must_be_refused(old);
	KUNIT_EXPECT_EQ(test, busy, -EBUSY);
	KUNIT_EXPECT_EQ(test, empty, -ENOMEM);
	unbind_frees_all(test);
}

static void large_object_can_be_managed(struct kunit *test)
{
	union pages mem = COHERENT_EMPTY;

	atomic_set(&live, 0);
	if (large_zeroed(&mem))
		return;
	KUNIT_EXPECT_EQ(test, coherent_manage(&mem), 0);
	unbind_frees_all(test);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(large_object_is_possible_if_the_dma_api_has_one),
	KUNIT_CASE(device_writes_across_the_seams),
	KUNIT_CASE(large_object_is_freed_whole),
	KUNIT_CASE(large_object_ends_in_atomic_context),
	KUNIT_CASE(large_object_can_be_managed),
	{},
};

struct kunit_suite large = {
	.name = "large",
	.suite_init = world_begin,
	.suite_exit = world_end,
	.test_cases = cases,
};
