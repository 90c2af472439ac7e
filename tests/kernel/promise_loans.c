// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check loans in the kernel: the promises about them, and memory of the driver that
 * becomes one.
 */
#include <coherent/loan.h>
#include <linux/delay.h>
#include <linux/dma-direct.h>
#include <linux/iommu.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "nth.h"
#include "promises.h"

COHERENT_BOX_TYPE(page_box, struct page_bytes);
COHERENT_LOAN_TYPE(page_loan, struct page_bytes);

/* --- The promises --- */

static void device_reads_a_loan(struct kunit *test, union page_box *box)
{
	union page_loan loan = COHERENT_EMPTY;
	u8 seen[DIRT_BYTES / 4];

	memset(coherent_box_ptr(box), 3, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, coherent_lend(box, &loan, COHERENT_TO_DEVICE), 0);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(box));
	KUNIT_EXPECT_EQ(test, coherent_loan_count(&loan), 1);
	device_reads(test, coherent_loan_addr(&loan).raw, seen, sizeof(seen));
	KUNIT_EXPECT_TRUE(test, is_all(seen, 3, sizeof(seen)));
	KUNIT_EXPECT_EQ(test, coherent_take(&loan, box, .idle = true), 0);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&loan));
	KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(box), 3, PAGE_SIZE));
}

static void device_writes_a_loan(struct kunit *test, union page_box *box,
				 enum coherent_direction direction)
{
	union page_loan loan = COHERENT_EMPTY;

	memset(coherent_box_ptr(box), 3, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, coherent_lend(box, &loan, direction), 0);
	device_writes(test, coherent_loan_addr(&loan).raw);
	KUNIT_EXPECT_EQ(test, coherent_take(&loan, box, .idle = true), 0);
	KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(box), DIRT, DIRT_BYTES));
	KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(box)->bytes + DIRT_BYTES, 3,
				       PAGE_SIZE - DIRT_BYTES));
}

static void device_cannot_write(struct kunit *test, union page_box *box)
{
	union page_loan loan = COHERENT_EMPTY;

	memset(coherent_box_ptr(box), 3, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, coherent_lend(box, &loan, COHERENT_TO_DEVICE), 0);
	must_be_refused(coherent_loan_addr(&loan).raw);
	device_gets_dirt(test);
	device_is_told_to_write(coherent_loan_addr(&loan).raw);
	msleep(2 * EDU_MS);
	KUNIT_EXPECT_EQ(test, coherent_take(&loan, box, .idle = true), 0);
	KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(box), 3, PAGE_SIZE));
}

void loan_carries_data_in_its_direction(struct kunit *test)
{
	union page_box box = COHERENT_EMPTY;

	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .level = level), 0);
	device_reads_a_loan(test, &box);
	device_writes_a_loan(test, &box, COHERENT_FROM_DEVICE);
	device_writes_a_loan(test, &box, COHERENT_BOTH_WAYS);
	if (is_enforced())
		device_cannot_write(test, &box);
	coherent_box_free(&box);
}

static void try_hidden_take(struct kunit *test, union page_box *box)
{
	union page_loan loan = COHERENT_EMPTY;
	u64 old;

	KUNIT_ASSERT_EQ(test, coherent_lend(box, &loan, COHERENT_FROM_DEVICE), 0);
	old = coherent_loan_addr(&loan).raw;
	KUNIT_EXPECT_EQ(test, coherent_take(&loan, box), -EBUSY);
	KUNIT_EXPECT_TRUE(test, !coherent_is_empty(&loan) && coherent_is_empty(box));
	KUNIT_ASSERT_EQ(test, coherent_take(&loan, box, .idle = true), 0);
	memset(coherent_box_ptr(box), 1, PAGE_SIZE);
	device_writes(test, old);
	KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(box), DIRT, DIRT_BYTES));
}

void no_device_reaches_what_was_taken_back(struct kunit *test)
{
	union page_box box = COHERENT_EMPTY;
	union page_loan loan = COHERENT_EMPTY;
	u64 old;

	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .level = level), 0);
	if (!is_enforced()) {
		ANSWER("No: coherent_take() does not unmap. The driver says `.idle` when all transfers are over.");
		try_hidden_take(test, &box);
		coherent_box_free(&box);
		return;
	}
	KUNIT_ASSERT_EQ(test, coherent_lend(&box, &loan, COHERENT_FROM_DEVICE), 0);
	old = coherent_loan_addr(&loan).raw;
	/* The device uses the address, so that the IOTLB has an entry. */
	device_writes(test, old);
	KUNIT_ASSERT_EQ(test, coherent_take(&loan, &box), 0);
	memset(coherent_box_ptr(&box), 1, PAGE_SIZE);
	must_be_refused(old);
	device_gets_dirt(test);
	device_is_told_to_write(old);
	msleep(2 * EDU_MS);
	KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(&box), 1, PAGE_SIZE));
	coherent_box_free(&box);
}

/* --- Memory of the driver --- */

static void count_release(void *memory, void *released)
{
	(*(int *)released)++;
	kfree(memory);
}

/* The IOMMU flushes at once, so the end of the loan is a fence. */
static void strict_take_needs_no_idle(struct kunit *test, union page_box *box)
{
	union page_loan loan = COHERENT_EMPTY;
	u64 old;

	KUNIT_ASSERT_EQ(test, coherent_lend(box, &loan, COHERENT_FROM_DEVICE), 0);
	old = coherent_loan_addr(&loan).raw;
	device_writes(test, old);
	KUNIT_ASSERT_EQ(test, coherent_take(&loan, box), 0);
	memset(coherent_box_ptr(box), 1, PAGE_SIZE);
	/* The level of the test does not matter here. */
	pr_info("# blocked: %#llx\n", old & PAGE_MASK);
	device_gets_dirt(test);
	device_is_told_to_write(old);
	msleep(2 * EDU_MS);
	KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(box), 1, PAGE_SIZE));
}

/* The contents stay, and the device reads and writes the driver's own memory. */
static void adopted_memory_is_lent_and_given_back(struct kunit *test)
{
	struct page_bytes *memory = kmalloc(sizeof(*memory), GFP_KERNEL | GFP_DMA);
	union page_box box = COHERENT_EMPTY;
	union page_loan loan = COHERENT_EMPTY;
	enum coherent_level best;
	int released = 0;

	memset(memory, 9, sizeof(*memory));
	KUNIT_ASSERT_EQ(test,
			coherent_box_adopt(&box, edu.dev, memory, 1, .release = count_release,
					   .release_arg = &released),
			0);
	KUNIT_EXPECT_TRUE(test, coherent_box_ptr(&box) == memory);
	KUNIT_EXPECT_TRUE(test, is_all(memory, 9, PAGE_SIZE));
	best = coherent_box_level(&box);
	KUNIT_EXPECT_TRUE(test, best == COHERENT_HIDDEN || best == COHERENT_IOMMU);
	device_reads_a_loan(test, &box);
	KUNIT_EXPECT_TRUE(test, coherent_box_ptr(&box) == memory);
	device_writes_a_loan(test, &box, COHERENT_FROM_DEVICE);
	device_writes_a_loan(test, &box, COHERENT_BOTH_WAYS);
	if (best == COHERENT_IOMMU) {
		pr_info("# the IOMMU is strict\n");
		strict_take_needs_no_idle(test, &box);
	}
	KUNIT_EXPECT_EQ(test, coherent_lend(&box, &loan, COHERENT_BOTH_WAYS), 0);
	KUNIT_EXPECT_EQ(test, coherent_loan_level(&loan), best);
	/* Only a domain that flushes at once keeps the device out when the unmap returns. */
	if (best == COHERENT_HIDDEN)
		KUNIT_EXPECT_EQ(test, coherent_take(&loan, &box), -EBUSY);
	KUNIT_EXPECT_EQ(test, released, 0);
	coherent_loan_free(&loan);
	coherent_loan_free(&loan);
	KUNIT_EXPECT_EQ(test, released, 1);
}

/* A moved loan ends as the loan would. A move never overwrites a loan. */
static void loan_is_moved(struct kunit *test)
{
	struct page_bytes *memory = kmalloc(sizeof(*memory), GFP_KERNEL | GFP_DMA);
	union page_box box = COHERENT_EMPTY;
	union page_loan loan = COHERENT_EMPTY, to = COHERENT_EMPTY, other = COHERENT_EMPTY;
	int released = 0;

	KUNIT_ASSERT_EQ(test,
			coherent_box_adopt(&box, edu.dev, memory, 1, .release = count_release,
					   .release_arg = &released),
			0);
	KUNIT_ASSERT_EQ(test, coherent_lend(&box, &loan, COHERENT_FROM_DEVICE), 0);
	coherent_move(&loan, &loan);
	coherent_move(&loan, &to);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&loan) && !coherent_is_empty(&to));
	device_writes(test, coherent_loan_addr(&to).raw);
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .level = level), 0);
	KUNIT_ASSERT_EQ(test, coherent_lend(&box, &other, COHERENT_BOTH_WAYS), 0);
	keeps_lines = true;
	coherent_move(&other, &to);
	keeps_lines = false;
	KUNIT_EXPECT_TRUE(test, !coherent_is_empty(&other));
	KUNIT_EXPECT_EQ(test, coherent_take(&to, &box, .idle = true), 0);
	KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(&box), DIRT, DIRT_BYTES));
	coherent_move(&other, &to);
	coherent_loan_free(&to);
	coherent_loan_free(&other);
	KUNIT_EXPECT_EQ(test, released, 0);
	coherent_box_free(&box);
	KUNIT_EXPECT_EQ(test, released, 1);
}

static int add_one(struct page_bytes *pages, size_t count, void *seen)
{
	*(u8 *)seen = pages->bytes[0];
	memset(pages, 4, PAGE_SIZE);
	return 0;
}

static int end_the_loan(struct page_bytes *pages, size_t count, void *loan)
{
	coherent_loan_free((union page_loan *)loan);
	return 0;
}

/* A visit sees what the device wrote, and the device sees what the visit wrote. */
static void visit_goes_both_ways(struct kunit *test)
{
	struct page_bytes *memory = kmalloc(sizeof(*memory), GFP_KERNEL | GFP_DMA);
	union page_box box = COHERENT_EMPTY;
	union page_loan loan = COHERENT_EMPTY;
	int released = 0;
	u8 seen = 0, read[16];

	KUNIT_ASSERT_EQ(test,
			coherent_box_adopt(&box, edu.dev, memory, 1, .release = count_release,
					   .release_arg = &released),
			0);
	KUNIT_ASSERT_EQ(test, coherent_lend(&box, &loan, COHERENT_BOTH_WAYS), 0);
	device_writes(test, coherent_loan_addr(&loan).raw);
	KUNIT_EXPECT_EQ(test, coherent_loan_visit(&loan, add_one, &seen), 0);
	KUNIT_EXPECT_EQ(test, seen, DIRT);
	device_reads(test, coherent_loan_addr(&loan).raw, read, sizeof(read));
	KUNIT_EXPECT_TRUE(test, is_all(read, 4, sizeof(read)));
	coherent_loan_free(&loan);
	KUNIT_EXPECT_EQ(test, coherent_loan_visit(&loan, add_one, &seen), -EINVAL);
	KUNIT_EXPECT_EQ(test, released, 1);
}

static void a_visit_that_ends_its_loan_is_refused(struct kunit *test)
{
	struct page_bytes *memory = kmalloc(sizeof(*memory), GFP_KERNEL | GFP_DMA);
	union page_box box = COHERENT_EMPTY;
	union page_loan loan = COHERENT_EMPTY;
	int released = 0;

	keeps_lines = true;
	KUNIT_ASSERT_EQ(test,
			coherent_box_adopt(&box, edu.dev, memory, 1, .release = count_release,
					   .release_arg = &released),
			0);
	KUNIT_ASSERT_EQ(test, coherent_lend(&box, &loan, COHERENT_BOTH_WAYS), 0);
	KUNIT_EXPECT_EQ(test, coherent_loan_visit(&loan, end_the_loan, &loan), -EINVAL);
	KUNIT_EXPECT_TRUE(test, strstr(line, "has ended the loan") && released == 1);
	keeps_lines = false;
}

static u64 in_the_module;

static void memory_that_cannot_be_mapped_is_refused(struct kunit *test)
{
	void *area = vmalloc(PAGE_SIZE);
	COHERENT_BOX(u64) box = COHERENT_EMPTY;
	u64 on_the_stack;

	keeps_lines = true;
	KUNIT_EXPECT_EQ(test, coherent_box_adopt(&box, edu.dev, (u64 *)area, 1), -EINVAL);
	KUNIT_EXPECT_TRUE(test, strstr(line, "kmalloc()"));
	KUNIT_EXPECT_EQ(test, coherent_box_adopt(&box, edu.dev, &in_the_module, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_box_adopt(&box, edu.dev, &on_the_stack, 1), -EINVAL);
	KUNIT_EXPECT_TRUE(test, strstr(line, "stack"));
	KUNIT_EXPECT_EQ(test, coherent_box_adopt(&box, edu.dev, (u64 *)NULL, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_box_adopt(&box, NULL, (u64 *)area, 1), -EINVAL);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box));
	keeps_lines = false;
	vfree(area);
}

/* Lends memory of kmalloc(), and takes it back. Returns what coherent_lend() returned. */
static int lend_memory(struct kunit *test, size_t bytes)
{
	u8 *memory = kzalloc(bytes, GFP_KERNEL | GFP_DMA);
	COHERENT_BOX(u8) box = COHERENT_EMPTY;
	COHERENT_LOAN(u8) loan = COHERENT_EMPTY;
	int released = 0, err;

	KUNIT_EXPECT_EQ(test,
			coherent_box_adopt(&box, edu.dev, memory, bytes, .release = count_release,
					   .release_arg = &released),
			0);
	err = coherent_lend(&box, &loan, COHERENT_TO_DEVICE);
	if (!err)
		KUNIT_EXPECT_EQ(test, coherent_take(&loan, &box, .idle = true), 0);
	coherent_box_free(&box);
	KUNIT_EXPECT_EQ(test, released, 1);
	return err;
}

static void must_be_out_of_reach(struct kunit *test, size_t bytes)
{
	keeps_lines = true;
	lines = 0;
	KUNIT_EXPECT_EQ(test, lend_memory(test, bytes), -ENOSPC);
	KUNIT_EXPECT_TRUE(test, lines == 1 && strstr(line, "GFP_DMA32"));
	keeps_lines = false;
}

/* Without an IOMMU and bounce buffers, the kernel would warn of these mappings. */
static void memory_out_of_reach_is_refused(struct kunit *test)
{
	static const struct bus_dma_region elsewhere[] = {
		{ .cpu_start = 1ull << 40, .size = PAGE_SIZE },
		{},
	};
	const u64 usual = *edu.dev->dma_mask;
	const struct bus_dma_region *ranges = edu.dev->dma_range_map;

	if (iommu_get_domain_for_dev(edu.dev))
		return;
	*edu.dev->dma_mask = DMA_BIT_MASK(12);
	must_be_out_of_reach(test, 64);
	/* There are bounce buffers, but none is so large. */
	machine.largest_mapping = SZ_64K;
	must_be_out_of_reach(test, SZ_128K);
	machine.largest_mapping = 0;
	*edu.dev->dma_mask = usual;
	edu.dev->dma_range_map = elsewhere;
	must_be_out_of_reach(test, 64);
	edu.dev->dma_range_map = ranges;
}

/* The kernel maps memory that the device can address as it is, whatever its bounce buffers have. */
static void memory_in_reach_needs_no_bounce_buffer(struct kunit *test)
{
	machine.largest_mapping = SZ_64K;
	KUNIT_EXPECT_EQ(test, lend_memory(test, SZ_128K), 0);
	machine.largest_mapping = 0;
}

/* On powerpc and sparc the IOMMU is behind the operations of the device, and has no domain. */
static void iommu_of_the_architecture_maps_any_memory(struct kunit *test)
{
	const u64 usual = *edu.dev->dma_mask;

	machine.own_address = PAGE_SIZE;
	*edu.dev->dma_mask = DMA_BIT_MASK(13);
	KUNIT_EXPECT_EQ(test, lend_memory(test, 64), 0);
	*edu.dev->dma_mask = usual;
	machine.own_address = 0;
}

static void wrong_loans_are_refused(struct kunit *test)
{
	u64 *memory = kzalloc(64, GFP_KERNEL | GFP_DMA);
	COHERENT_BOX(u64) box = COHERENT_EMPTY;
	COHERENT(u64) mem = COHERENT_EMPTY;
	COHERENT_LOAN(u64) loan = COHERENT_EMPTY;
	int released = 0;

	keeps_lines = true;
	KUNIT_EXPECT_EQ(test, coherent_lend(&box, &loan, COHERENT_TO_DEVICE), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_take(&loan, &box), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_box_adopt(&box, edu.dev, memory, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_box_adopt(&box, edu.dev, memory, SIZE_MAX / 4), -ENOMEM);
	/* These end behind the last address, and far behind the memory of the machine. */
	KUNIT_EXPECT_EQ(test, coherent_box_adopt(&box, edu.dev, memory, SIZE_MAX / 8), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_box_adopt(&box, edu.dev, memory, SIZE_MAX / 64), -EINVAL);
	KUNIT_EXPECT_TRUE(test, strstr(line, "linear map"));
	KUNIT_EXPECT_EQ(test, coherent_box_adopt(&box, NULL, memory, 8), -ENODEV);
	KUNIT_EXPECT_EQ(test,
			coherent_box_adopt(&box, edu.dev, memory, 8, .gfp = GFP_KERNEL | GFP_DMA),
			-EINVAL);
	KUNIT_EXPECT_TRUE(test, strstr(line, ".gfp has a zone") && coherent_is_empty(&box));
	KUNIT_EXPECT_EQ(test, coherent_box_adopt(&box, edu.dev, memory, 8), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_adopt(&box, edu.dev, memory, 8), -EBUSY);
	KUNIT_EXPECT_EQ(test, coherent_lend(&box, &loan, 4), -EINVAL);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box));
	/* A target that is in use stays as it is. */
	KUNIT_EXPECT_EQ(test, coherent_box_adopt(&box, edu.dev, memory, 8), 0);
	KUNIT_EXPECT_EQ(test, coherent_lend(&box, &loan, COHERENT_TO_DEVICE), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_adopt(&box, edu.dev, memory, 8), 0);
	KUNIT_EXPECT_EQ(test, coherent_take(&loan, &box, .idle = true), -EBUSY);
	KUNIT_EXPECT_TRUE(test, !coherent_is_empty(&loan) && coherent_box_ptr(&box) == memory);
	KUNIT_EXPECT_EQ(test, coherent_lend(&box, &loan, COHERENT_TO_DEVICE), -EBUSY);
	KUNIT_EXPECT_TRUE(test, !coherent_is_empty(&loan) && coherent_is_empty(&box));
	coherent_loan_free(&loan);
	/* Adopted memory has no level at which it can be exposed. */
	KUNIT_EXPECT_EQ(test,
			coherent_box_adopt(&box, edu.dev, memory, 8, .release = count_release,
					   .release_arg = &released),
			0);
	KUNIT_EXPECT_EQ(test, coherent_expose(&box, &mem), -EOPNOTSUPP);
	KUNIT_EXPECT_TRUE(test, strstr(line, "coherent_lend()"));
	KUNIT_EXPECT_EQ(test, released, 1);
	keeps_lines = false;
}

static void loans_work_in_atomic_context(struct kunit *test)
{
	u64 *memory = kzalloc(64, GFP_KERNEL | GFP_DMA);
	COHERENT_BOX(u64) box = COHERENT_EMPTY;
	COHERENT_LOAN(u64) loan = COHERENT_EMPTY;
	static DEFINE_SPINLOCK(lock);
	int err, released = 0;
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	err = coherent_box_adopt(&box, edu.dev, memory, 8, .gfp = GFP_ATOMIC,
				 .release = count_release, .release_arg = &released);
	if (!err)
		err = coherent_lend(&box, &loan, COHERENT_TO_DEVICE);
	if (!err)
		err = coherent_take(&loan, &box, .idle = true);
	if (!err)
		err = coherent_lend(&box, &loan, COHERENT_FROM_DEVICE);
	coherent_loan_free(&loan);
	spin_unlock_irqrestore(&lock, flags);
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, released, 1);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(adopted_memory_is_lent_and_given_back),
	KUNIT_CASE(loan_is_moved),
	KUNIT_CASE(visit_goes_both_ways),
	KUNIT_CASE(a_visit_that_ends_its_loan_is_refused),
	KUNIT_CASE(memory_that_cannot_be_mapped_is_refused),
	KUNIT_CASE(memory_out_of_reach_is_refused),
	KUNIT_CASE(memory_in_reach_needs_no_bounce_buffer),
	KUNIT_CASE(iommu_of_the_architecture_maps_any_memory),
	KUNIT_CASE(wrong_loans_are_refused),
	KUNIT_CASE(loans_work_in_atomic_context),
	{},
};

struct kunit_suite loans = {
	.name = "loans",
	.suite_init = world_begin,
	.suite_exit = world_end,
	.test_cases = cases,
};
