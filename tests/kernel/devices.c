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

/* --- The level --- */

static void wrong_levels_are_refused(struct kunit *test)
{
	static struct device unbound;
	const bool is_translated = coherent_device_level(edu.dev) == COHERENT_IOMMU;
	const int wanted = is_translated ? 0 : -EOPNOTSUPP;

	KUNIT_EXPECT_EQ(test, coherent_device_set_level(NULL, COHERENT_HIDDEN), -ENODEV);
	KUNIT_EXPECT_EQ(test, coherent_device_set_level(&unbound, COHERENT_HIDDEN), -ENODEV);
	keeps_lines = true;
	lines = 0;
	KUNIT_EXPECT_EQ(test, coherent_device_set_level(edu.dev, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_device_set_level(edu.dev, COHERENT_IOMMU + 1), -EINVAL);
	KUNIT_EXPECT_TRUE(test, lines == 2 && strstr(line, "level"));
	KUNIT_EXPECT_EQ(test, coherent_device_set_level(edu.dev, COHERENT_PEER), wanted);
	KUNIT_EXPECT_EQ(test, coherent_device_set_level(edu.dev, COHERENT_IOMMU), wanted);
	KUNIT_EXPECT_TRUE(test, is_translated || (lines == 4 && strstr(line, "IOMMU")));
	keeps_lines = false;
	KUNIT_EXPECT_EQ(test, coherent_device_set_level(edu.dev, COHERENT_HIDDEN), 0);
}

static int fill(u8 *elements, size_t count, void *arg)
{
	return 0;
}

/* Each call that allocates. */
static void default_level_is(struct kunit *test, enum coherent_level wanted)
{
	const enum coherent_permission permission = wanted == COHERENT_IOMMU ? COHERENT_READ_ONLY :
									       COHERENT_READ_WRITE;
	struct coherent_handle handle = COHERENT_EMPTY;
	COHERENT_BOX(u8) boxes[4] = {};
	COHERENT(u8) mems[4] = {};
	const u8 one = 1;
	int i;

	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&boxes[0], edu.dev, 1), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_from(&boxes[1], edu.dev, &one, 1), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&boxes[2], edu.dev, 1, .align = 8192), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&boxes[3], edu.dev, 1, .gfp = GFP_ATOMIC), 0);
	KUNIT_EXPECT_EQ(test, coherent_zeroed(&mems[0], edu.dev, 1), 0);
	KUNIT_EXPECT_EQ(test, coherent_from(&mems[1], edu.dev, &one, 1), 0);
	KUNIT_EXPECT_EQ(test, coherent_init(&mems[2], edu.dev, 1, fill, NULL), 0);
	KUNIT_EXPECT_EQ(test, coherent_zeroed(&mems[3], edu.dev, 1, .permission = permission), 0);
	KUNIT_EXPECT_EQ(test, coherent_handle_zeroed(&handle, edu.dev, 1), 0);
	KUNIT_EXPECT_EQ(test, handle.base.object.level, wanted);
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, coherent_box_level(&boxes[i]), wanted);
		KUNIT_EXPECT_EQ(test, mems[i].base.object.level, wanted);
		coherent_box_free(&boxes[i]);
		coherent_free(&mems[i]);
	}
	coherent_handle_free(&handle);
}

static void given_level_is(struct kunit *test, enum coherent_level given,
			   enum coherent_level wanted)
{
	COHERENT_BOX_AUTO(u8, box);
	COHERENT_AUTO(u8, mem);

	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .level = given), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_level(&box), wanted);
	KUNIT_EXPECT_EQ(test, coherent_zeroed(&mem, edu.dev, 1, .level = given), 0);
	KUNIT_EXPECT_EQ(test, mem.base.object.level, wanted);
}

/* A level that an allocation gives wins. The usual allocation before and after has no level. */
static void level_of_the_device_is_the_default(struct kunit *test)
{
	const enum coherent_level best = coherent_device_level(edu.dev);
	unsigned int turn;

	for (turn = 0; turn < 2; turn++) {
		default_level_is(test, COHERENT_HIDDEN);
		KUNIT_EXPECT_EQ(test, coherent_device_set_level(edu.dev, best), 0);
		default_level_is(test, best);
		given_level_is(test, COHERENT_NONE, COHERENT_HIDDEN);
		given_level_is(test, COHERENT_HIDDEN, COHERENT_HIDDEN);
		given_level_is(test, best, best);
		default_level_is(test, best);
		if (turn) {
			world_end(NULL);
			KUNIT_ASSERT_EQ(test, world_begin(NULL), 0);
		} else {
			KUNIT_EXPECT_EQ(test, coherent_device_set_level(edu.dev, COHERENT_HIDDEN),
					0);
		}
		default_level_is(test, COHERENT_HIDDEN);
	}
}

static void level_that_cannot_be_kept_is_refused(struct kunit *test)
{
	world_end(NULL);
	KUNIT_ASSERT_EQ(test, world_begin(NULL), 0);
	nth = 1;
	KUNIT_EXPECT_EQ(test, coherent_device_set_level(edu.dev, coherent_device_level(edu.dev)),
			-ENOMEM);
	nth = 0;
	default_level_is(test, COHERENT_HIDDEN);
}

/* An allocation that the level of the device cannot serve is refused, and the log says why. */
static void default_level_is_never_lowered(struct kunit *test)
{
	COHERENT_AUTO(u8, mem);

	if (coherent_device_level(edu.dev) != COHERENT_IOMMU)
		return;
	KUNIT_EXPECT_EQ(test, coherent_device_set_level(edu.dev, COHERENT_IOMMU), 0);
	keeps_lines = true;
	lines = 0;
	KUNIT_EXPECT_EQ(test,
			coherent_zeroed(&mem, edu.dev, 1, .attrs = COHERENT_ATTR_WEAK_ORDERING),
			-EOPNOTSUPP);
	KUNIT_EXPECT_TRUE(test, lines == 1 && strstr(line, "COHERENT_IOMMU takes no attribute"));
	KUNIT_EXPECT_EQ(test,
			coherent_device_set_coherent_mask(edu.dev, coherent_mask(NARROW_BITS)), 0);
	KUNIT_EXPECT_EQ(test, coherent_zeroed(&mem, edu.dev, 1), -EOPNOTSUPP);
	KUNIT_EXPECT_TRUE(test, lines == 2 && strstr(line, "mask"));
	KUNIT_EXPECT_EQ(test, coherent_device_set_level(edu.dev, COHERENT_IOMMU), -EOPNOTSUPP);
	keeps_lines = false;
	KUNIT_EXPECT_EQ(test, coherent_device_set_mask(edu.dev, coherent_mask(USUAL_BITS)), 0);
	KUNIT_EXPECT_EQ(test, coherent_device_set_level(edu.dev, COHERENT_HIDDEN), 0);
}

/* --- The maximum segment --- */

static void wrong_segments_are_refused(struct kunit *test)
{
	static struct device unbound, limitless;
	const unsigned int usual = dma_get_max_seg_size(edu.dev);

	limitless.driver = edu.dev->driver;
	KUNIT_EXPECT_EQ(test, coherent_device_set_max_segment(NULL, 1), -ENODEV);
	KUNIT_EXPECT_EQ(test, coherent_device_set_max_segment(&unbound, 1), -ENODEV);
	keeps_lines = true;
	lines = 0;
	KUNIT_EXPECT_EQ(test, coherent_device_set_max_segment(edu.dev, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_device_set_max_segment(edu.dev, 1ull << 32), -EINVAL);
	KUNIT_EXPECT_TRUE(test, lines == 2 && strstr(line, "segment"));
	KUNIT_EXPECT_EQ(test, coherent_device_set_max_segment(&limitless, 1), -EIO);
	KUNIT_EXPECT_TRUE(test, lines == 3 && strstr(line, "segment"));
	keeps_lines = false;
	KUNIT_EXPECT_EQ(test, dma_get_max_seg_size(edu.dev), usual);
}

/* Lends @bytes of memory that the driver has, or of a box, and ends the loan. */
static int lend_bytes(size_t bytes, bool is_adopted)
{
	u8 *memory = kzalloc(bytes, GFP_KERNEL | GFP_DMA);
	COHERENT_BOX(u8) box = COHERENT_EMPTY;
	COHERENT_LOAN(u8) loan = COHERENT_EMPTY;
	int err;

	if (is_adopted)
		err = coherent_box_adopt(&box, edu.dev, memory, bytes);
	else
		err = coherent_box_zeroed(&box, edu.dev, bytes, .level = level);
	if (!err)
		err = coherent_lend(&box, &loan, COHERENT_BOTH_WAYS);
	coherent_loan_free(&loan);
	if (!coherent_is_empty(&box))
		err = -EPROTO;
	kfree(memory);
	return err;
}

/* A bus sets 64 KiB for each PCI device. Only a limit that the driver sets holds for loans. */
static void loan_is_at_most_the_maximum_segment(struct kunit *test)
{
	const unsigned int usual = dma_get_max_seg_size(edu.dev);
	COHERENT_AUTO(u8, mem);
	int i;

	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, lend_bytes(2 * 65536, i), 0);
		KUNIT_EXPECT_EQ(test, coherent_device_set_max_segment(edu.dev, 5000), 0);
		KUNIT_EXPECT_EQ(test, dma_get_max_seg_size(edu.dev), 5000);
		KUNIT_EXPECT_EQ(test, lend_bytes(5000, i), 0);
		keeps_lines = true;
		lines = 0;
		KUNIT_EXPECT_EQ(test, lend_bytes(5001, i), -EINVAL);
		KUNIT_EXPECT_TRUE(test, lines == 1 && strstr(line, "set_max_segment()"));
		keeps_lines = false;
		KUNIT_EXPECT_EQ(test, coherent_zeroed(&mem, edu.dev, 2 * 65536, .level = level), 0);
		coherent_free(&mem);
		world_end(NULL);
		KUNIT_ASSERT_EQ(test, world_begin(NULL), 0);
		dma_set_max_seg_size(edu.dev, usual);
	}
	nth = 1;
	KUNIT_EXPECT_EQ(test, coherent_device_set_max_segment(edu.dev, 5000), -ENOMEM);
	nth = 0;
	KUNIT_EXPECT_EQ(test, dma_get_max_seg_size(edu.dev), usual);
	KUNIT_EXPECT_EQ(test, lend_bytes(5001, true), 0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(wrong_masks_are_refused),
	KUNIT_CASE(each_mask_is_set_alone),
	KUNIT_CASE(narrow_coherent_mask_hides_the_iommu),
	KUNIT_CASE(wrong_levels_are_refused),
	KUNIT_CASE(level_of_the_device_is_the_default),
	KUNIT_CASE(level_that_cannot_be_kept_is_refused),
	KUNIT_CASE(default_level_is_never_lowered),
	KUNIT_CASE(wrong_segments_are_refused),
	KUNIT_CASE(loan_is_at_most_the_maximum_segment),
	{},
};

struct kunit_suite devices = {
	.name = "devices",
	.suite_init = world_begin,
	.suite_exit = world_end,
	.test_cases = cases,
};
