// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Each call by which the kernel face acquires something fails in turn. The kernel face then
 * releases all that it has acquired.
 */
#include <coherent/loan.h>

#include "nth.h"

/* --- A driver that uses everything --- */

static int use_box(enum coherent_permission permission)
{
	COHERENT_BOX_AUTO(u64, box);
	COHERENT_AUTO(u64, mem);
	int err;

	err = coherent_box_zeroed(&box, edu.dev, 3000, .level = level);
	if (!err)
		err = coherent_box_manage(&box);
	if (!err)
		err = coherent_expose(&box, &mem);
	if (!err)
		err = coherent_reclaim(&mem, &box, .idle = true);
	return err ? err : coherent_expose(&box, &mem, .permission = permission);
}

static void release(void *memory, void *released)
{
	(*(int *)released)++;
}

/* The driver's memory comes back once, whatever failed. */
static int use_loans(struct kunit *test)
{
	u64 *memory = (u64 *)__get_free_page(GFP_KERNEL | GFP_DMA);
	COHERENT_BOX(u64) box = COHERENT_EMPTY;
	COHERENT_LOAN_AUTO(u64, loan);
	int err, adopted, released = 0;

	err = coherent_box_adopt(&box, edu.dev, memory, 2, .release = release,
				 .release_arg = &released);
	/* Memory that was not adopted stays the driver's. */
	adopted = !err;
	if (!err)
		err = coherent_lend(&box, &loan, COHERENT_TO_DEVICE);
	if (!err)
		err = coherent_take(&loan, &box, .idle = true);
	coherent_box_free(&box);
	KUNIT_EXPECT_EQ(test, released, adopted);
	free_page((unsigned long)memory);
	if (!err)
		err = coherent_box_zeroed(&box, edu.dev, 3000, .level = level);
	if (!err)
		err = coherent_lend(&box, &loan, COHERENT_BOTH_WAYS);
	if (!err)
		err = coherent_take(&loan, &box, .idle = true);
	if (!err)
		err = coherent_lend(&box, &loan, COHERENT_FROM_DEVICE);
	return err;
}

static int fill(u64 *elements, size_t count, void *arg)
{
	return 0;
}

/* At COHERENT_IOMMU this has separate pages, and the kernel face checks the address of each. */
#define PAGES 9

struct page_bytes {
	u8 bytes[PAGE_SIZE];
};

static int use_everything(struct kunit *test)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	COHERENT_AUTO(u64, mem);
	COHERENT_AUTO(struct page_bytes, large);
	COHERENT_BAR_AUTO(bar);
	COHERENT_IRQ_AUTO(irq);
	int err;

	err = use_box(is_enforced() ? COHERENT_READ_ONLY : COHERENT_READ_WRITE);
	if (!err)
		err = coherent_init(&mem, edu.dev, 1, fill, NULL, .level = level);
	if (!err)
		err = coherent_zeroed(&large, edu.dev, PAGES, .level = level);
	if (!err)
		err = coherent_bar_open(&bar, edu.dev, 0);
	if (!err)
		err = coherent_irq_open(&irq, edu.dev, 0);
	if (!err)
		err = coherent_handle_zeroed(&handle, edu.dev, 1, .level = level);
	if (!err)
		err = use_loans(test);
	coherent_handle_free(&handle);
	return err;
}

static void each_call_fails_in_turn(struct kunit *test)
{
	int n, err, bounced = 0;

	scatters = true;
	for (n = 1;; n++) {
		nth = n;
		atomic_set(&live, 0);
		err = use_everything(test);
		KUNIT_EXPECT_EQ(test, atomic_read(&live), 0);
		if (nth)
			break;
		KUNIT_EXPECT_TRUE(test, is_expected(err));
		bounced += err == -EOPNOTSUPP;
	}
	nth = 0;
	scatters = false;
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_TRUE(test, !careless);
	pr_info("# %d calls failed in turn\n", n - 1);
	/* The kernel face checks of each of seven mappings that it leads to its pages. */
	KUNIT_EXPECT_EQ(test, bounced, is_enforced() ? 6 + PAGES : 0);
	/* The driver has six objects, devres, a BAR and an interrupt. */
	KUNIT_EXPECT_TRUE(test, n > (is_enforced() ? 23 + PAGES : 11));
}

/* The attributes by the names of the library, or by those of the DMA API. */
static void check_arguments(struct kunit *test, unsigned int attrs)
{
	COHERENT(u8) mem = COHERENT_EMPTY;

	memset(&free_got, 0xff, sizeof(free_got));
	keeps_arguments = true;
	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 5000, .attrs = attrs), 0);
	KUNIT_EXPECT_EQ(test, alloc_got.attrs, DMA_ATTR_NO_WARN | DMA_ATTR_WEAK_ORDERING);
	KUNIT_EXPECT_EQ(test, alloc_got.bytes, 2 * PAGE_SIZE);
	coherent_free(&mem);
	keeps_arguments = false;
	KUNIT_EXPECT_TRUE(test, !memcmp(&alloc_got, &free_got, sizeof(free_got)));
}

static void free_gets_the_arguments_of_alloc(struct kunit *test)
{
	check_arguments(test, COHERENT_ATTR_NO_WARN | COHERENT_ATTR_WEAK_ORDERING);
	check_arguments(test, DMA_ATTR_NO_WARN | DMA_ATTR_WEAK_ORDERING);
}

/* The kernel face checks the addresses of the DMA API. Here the two masks of a device differ. */
static void last_byte_is_under_the_masks(struct kunit *test)
{
	u64 *const masks[] = { &edu.dev->coherent_dma_mask, edu.dev->dma_mask };
	COHERENT(u8) mem = COHERENT_EMPTY, large = COHERENT_EMPTY;
	int i, err;

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&large, edu.dev, LARGE_BYTES, .level = level), 0);
	for (i = 0; i < 2; i++) {
		const u64 usual = *masks[i];

		atomic_set(&live, 0);
		*masks[i] = DMA_BIT_MASK(16);
		err = coherent_zeroed(&mem, edu.dev, 1, .level = level);
		/* Under a narrower coherent mask there is no level COHERENT_IOMMU. */
		/* At COHERENT_HIDDEN the streaming mask does not matter. */
		KUNIT_EXPECT_TRUE(test, err == -ENOSPC || err == -ENOMEM ||
						(err == -EOPNOTSUPP && is_enforced() && !i) ||
						(!err && !is_enforced() && i) ||
						coherent_addr(&mem).raw < 0x10000);
		coherent_free(&mem);
		*masks[i] = usual;
		KUNIT_EXPECT_EQ(test, atomic_read(&live), 0);
	}
	coherent_free(&large);
	wait_for_addresses(test);
}

/* Allocates while the DMA API returns this address, whatever was asked for. */
static int alloc_at(dma_addr_t address, size_t align, u64 boundary)
{
	COHERENT_AUTO(u8, mem);
	int err;

	fake.used = true;
	fake.address = address;
	err = coherent_zeroed(&mem, edu.dev, 3 * PAGE_SIZE, .align = align, .boundary = boundary);
	coherent_free(&mem);
	fake.used = false;
	return err;
}

static void addresses_of_the_dma_api_are_checked(struct kunit *test)
{
	atomic_set(&live, 0);
	KUNIT_EXPECT_EQ(test, alloc_at(0x10000, 0x10000, 0x10000), 0);
	KUNIT_EXPECT_EQ(test, alloc_at(0, 0, 0), -ENOSPC);
	KUNIT_EXPECT_EQ(test, alloc_at(0x11000, 0x10000, 0), -ENOSPC);
	KUNIT_EXPECT_EQ(test, alloc_at(0x1e000, 0, 0x10000), -ENOSPC);
	KUNIT_EXPECT_EQ(test, alloc_at(0xfffd000, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, alloc_at(0xfffe000, 0, 0), -ENOSPC);
	KUNIT_EXPECT_EQ(test, atomic_read(&live), 0);
}

/* All kernels answer in the same way, before or after the mapping. */
static void bounce_buffers_are_refused(struct kunit *test)
{
	COHERENT_BOX(u64) box = COHERENT_EMPTY;
	COHERENT_LOAN(u64) loan = COHERENT_EMPTY;
	COHERENT(u64) mem = COHERENT_EMPTY;

	if (!is_enforced())
		return;
	atomic_set(&live, 0);
	bounced = false;
	bounces = true;
	keeps_lines = true;
	lines = 0;
	KUNIT_EXPECT_EQ(test, coherent_zeroed(&mem, edu.dev, 1, .level = level), -EOPNOTSUPP);
	KUNIT_EXPECT_TRUE(test, lines == 1 && strstr(line, "bounce buffers"));
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_lend(&box, &loan, COHERENT_TO_DEVICE), -EOPNOTSUPP);
	KUNIT_EXPECT_TRUE(test, lines == 2 && strstr(line, "bounce buffers"));
	keeps_lines = false;
	bounces = false;
	KUNIT_EXPECT_EQ(test, bounced, !kernel_refuses_bounces);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&mem) && coherent_is_empty(&loan));
	KUNIT_EXPECT_EQ(test, atomic_read(&live), 0);
}

/* A managed object ends with its driver, in whatever phase it is then. */
static void managed_objects_end_with_their_driver(struct kunit *test)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	COHERENT_BOX(u64) box = COHERENT_EMPTY, reclaimed = COHERENT_EMPTY;
	COHERENT(u64) mem = COHERENT_EMPTY, moved = COHERENT_EMPTY, freed = COHERENT_EMPTY;
	COHERENT_LOAN(u64) loan = COHERENT_EMPTY, adopted = COHERENT_EMPTY;
	u64 *memory = (u64 *)__get_free_page(GFP_KERNEL | GFP_DMA);
	static int released;

	released = 0;
	atomic_set(&live, 0);
	KUNIT_EXPECT_EQ(test, coherent_manage(&mem), -EINVAL);
	/* Devres frees a box also while it is lent. */
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 10, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_manage(&box), 0);
	KUNIT_EXPECT_EQ(test, coherent_lend(&box, &loan, COHERENT_BOTH_WAYS), 0);
	KUNIT_ASSERT_EQ(test,
			coherent_box_adopt(&box, edu.dev, memory, 10, .release = release,
					   .release_arg = &released),
			0);
	KUNIT_EXPECT_EQ(test, coherent_box_manage(&box), 0);
	KUNIT_EXPECT_EQ(test, coherent_lend(&box, &adopted, COHERENT_TO_DEVICE), 0);
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 10, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_manage(&box), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_manage(&box), 0);
	KUNIT_EXPECT_EQ(test, coherent_expose(&box, &mem), 0);
	coherent_move(&mem, &moved);
	KUNIT_ASSERT_EQ(test, coherent_zeroed(&freed, edu.dev, 10, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_manage(&freed), 0);
	coherent_free(&freed);
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 10, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_manage(&box), 0);
	KUNIT_ASSERT_EQ(test, coherent_handle_zeroed(&handle, edu.dev, 10, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_handle_manage(&handle), 0);
	/* This mem becomes a box, so that its end unmaps nothing. */
	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 10, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_manage(&mem), 0);
	KUNIT_EXPECT_EQ(test, coherent_reclaim(&mem, &reclaimed, .idle = true), 0);
	KUNIT_EXPECT_TRUE(test, atomic_read(&live) >= 4);
	unbind_frees_all(test);
	KUNIT_EXPECT_EQ(test, released, 1);
	free_page((unsigned long)memory);
}

static COHERENT(u64) of_the_driver;

static void free_in_teardown(void *mem)
{
	coherent_free(&of_the_driver);
}

/*
 * A devres action that was added later runs first. By then devres has already taken the entries
 * that it is going to free.
 */
static void managed_object_is_freed_once_in_teardown(struct kunit *test)
{
	atomic_set(&live, 0);
	KUNIT_ASSERT_EQ(test, coherent_zeroed(&of_the_driver, edu.dev, 10, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_manage(&of_the_driver), 0);
	KUNIT_EXPECT_EQ(test, devm_add_action(edu.dev, free_in_teardown, NULL), 0);
	unbind_frees_all(test);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&of_the_driver));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(each_call_fails_in_turn),
	KUNIT_CASE(free_gets_the_arguments_of_alloc),
	KUNIT_CASE(last_byte_is_under_the_masks),
	KUNIT_CASE(addresses_of_the_dma_api_are_checked),
	KUNIT_CASE(bounce_buffers_are_refused),
	KUNIT_CASE(managed_objects_end_with_their_driver),
	KUNIT_CASE(managed_object_is_freed_once_in_teardown),
	{},
};

struct kunit_suite fail_nth = {
	.name = "fail_nth",
	.suite_init = world_begin,
	.suite_exit = world_end,
	.test_cases = cases,
};
