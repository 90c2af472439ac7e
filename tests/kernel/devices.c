// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* These tests check what a driver tells the kernel face about its device. */
#include <coherent/loan.h>
#include <linux/slab.h>

#include "nth.h"

#define USUAL_BITS 28
#define NARROW_BITS 24

/* --- Masks --- */

static int (*const set_masks[])(struct device *dev, u64 mask) = {
	(coherent_device_set_mask),
	(coherent_device_set_coherent_mask),
	(coherent_device_set_streaming_mask),
};

static void wrong_masks_are_refused(struct kunit *test)
{
	static struct device unbound, maskless;
	unsigned int i;

	maskless.driver = edu.dev->driver;
	keeps_lines = true;
	for (i = 0; i < ARRAY_SIZE(set_masks); i++) {
		KUNIT_EXPECT_EQ(test, set_masks[i](NULL, coherent_mask(32)), -ENODEV);
		KUNIT_EXPECT_EQ(test, set_masks[i](&unbound, coherent_mask(32)), -ENODEV);
		lines = 0;
		KUNIT_EXPECT_EQ(test, set_masks[i](edu.dev, 5), -EINVAL);
		KUNIT_EXPECT_EQ(test, set_masks[i](edu.dev, 0), -EINVAL);
		KUNIT_EXPECT_TRUE(test, lines == 2 && strstr(line, "coherent_mask()"));
	}
	KUNIT_EXPECT_EQ(test, coherent_device_set_streaming_mask(&maskless, 1), -EIO);
	keeps_lines = false;
	KUNIT_EXPECT_EQ(test, *edu.dev->dma_mask, DMA_BIT_MASK(USUAL_BITS));
	KUNIT_EXPECT_EQ(test, edu.dev->coherent_dma_mask, DMA_BIT_MASK(USUAL_BITS));
}

static void each_mask_is_set_alone(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, coherent_device_set_coherent_mask(edu.dev, coherent_mask(32)), 0);
	KUNIT_EXPECT_EQ(test, edu.dev->coherent_dma_mask, DMA_BIT_MASK(32));
	KUNIT_EXPECT_EQ(test, *edu.dev->dma_mask, DMA_BIT_MASK(USUAL_BITS));
	KUNIT_EXPECT_EQ(test, coherent_device_set_streaming_mask(edu.dev, coherent_mask(40)), 0);
	KUNIT_EXPECT_EQ(test, edu.dev->coherent_dma_mask, DMA_BIT_MASK(32));
	KUNIT_EXPECT_EQ(test, *edu.dev->dma_mask, DMA_BIT_MASK(40));
	KUNIT_EXPECT_EQ(test, coherent_device_set_mask(edu.dev, coherent_mask(USUAL_BITS)), 0);
	KUNIT_EXPECT_EQ(test, edu.dev->coherent_dma_mask, DMA_BIT_MASK(USUAL_BITS));
	KUNIT_EXPECT_EQ(test, *edu.dev->dma_mask, DMA_BIT_MASK(USUAL_BITS));
}

/* Adopted memory has addresses under the streaming mask, whatever the other mask is. */
static void lend_adopted(struct kunit *test)
{
	u64 *memory = kzalloc(64, GFP_KERNEL | GFP_DMA);
	COHERENT_BOX(u64) box = COHERENT_EMPTY;
	COHERENT_LOAN(u64) loan = COHERENT_EMPTY;

	KUNIT_EXPECT_EQ(test, coherent_box_adopt(&box, edu.dev, memory, 8), 0);
	KUNIT_EXPECT_EQ(test, coherent_lend(&box, &loan, COHERENT_TO_DEVICE), 0);
	KUNIT_EXPECT_TRUE(test, coherent_loan_addr(&loan).raw <= *edu.dev->dma_mask);
	coherent_loan_free(&loan);
	kfree(memory);
}

/*
 * The kernel maps pages under the streaming mask, so they may be above the coherent one. If the
 * streaming mask is the narrower one, it holds for all memory.
 */
static void narrow_coherent_mask_hides_the_iommu(struct kunit *test)
{
	const enum coherent_level best = coherent_device_level(edu.dev);
	COHERENT_AUTO(u8, mem);

	KUNIT_EXPECT_EQ(test,
			coherent_device_set_coherent_mask(edu.dev, coherent_mask(NARROW_BITS)), 0);
	KUNIT_EXPECT_EQ(test, coherent_device_level(edu.dev), COHERENT_HIDDEN);
	KUNIT_EXPECT_EQ(test, coherent_zeroed(&mem, edu.dev, 1, .level = COHERENT_IOMMU),
			-EOPNOTSUPP);
	lend_adopted(test);
	if (best == COHERENT_IOMMU) {
		KUNIT_EXPECT_EQ(test,
				coherent_zeroed(&mem, edu.dev, 1,
						.level = coherent_device_level(edu.dev)),
				0);
		KUNIT_EXPECT_TRUE(test, coherent_addr(&mem).raw < DMA_BIT_MASK(NARROW_BITS));
		coherent_free(&mem);
		KUNIT_EXPECT_EQ(
			test,
			coherent_device_set_streaming_mask(edu.dev, coherent_mask(NARROW_BITS)), 0);
		KUNIT_EXPECT_EQ(test, coherent_device_set_coherent_mask(edu.dev, coherent_mask(32)),
				0);
		KUNIT_EXPECT_EQ(test, coherent_device_level(edu.dev), COHERENT_IOMMU);
		KUNIT_EXPECT_EQ(test, coherent_zeroed(&mem, edu.dev, 1, .level = COHERENT_IOMMU),
				0);
		KUNIT_EXPECT_TRUE(test, coherent_addr(&mem).raw < DMA_BIT_MASK(NARROW_BITS));
	}
	KUNIT_EXPECT_EQ(test, coherent_device_set_mask(edu.dev, coherent_mask(USUAL_BITS)), 0);
	KUNIT_EXPECT_EQ(test, coherent_device_level(edu.dev), best);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(wrong_masks_are_refused),
	KUNIT_CASE(each_mask_is_set_alone),
	KUNIT_CASE(narrow_coherent_mask_hides_the_iommu),
	{},
};

struct kunit_suite devices = {
	.name = "devices",
	.suite_init = world_begin,
	.suite_exit = world_end,
	.test_cases = cases,
};
