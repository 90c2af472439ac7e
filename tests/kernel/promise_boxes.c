// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the promises about boxes in the kernel: contents, size and place, and that no
 * device can reach a box.
 */
#include "promises.h"

#define SECRET 0xc3

void fresh_box_is_zero_to_the_end_of_its_last_page(struct kunit *test)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	COHERENT_BOX(u8) box = COHERENT_EMPTY;
	u8 seen[64];
	int turn;

	for (turn = 0; turn < 4; turn++) {
		KUNIT_ASSERT_EQ(
			test, coherent_box_zeroed(&box, edu.dev, PAGE_SIZE + 1, .level = level), 0);
		KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(&box), 0, 2 * PAGE_SIZE));
		/* The next box may get these pages. */
		memset(coherent_box_ptr(&box), DIRT, 2 * PAGE_SIZE);
		coherent_box_free(&box);
	}
	/* The driver has no pointer to the memory of a handle, so the device reads it. */
	KUNIT_ASSERT_EQ(test, coherent_handle_zeroed(&handle, edu.dev, 10, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_handle_size(&handle), 10);
	device_reads(test, coherent_handle_addr(&handle).raw + PAGE_SIZE - 64, seen, 64);
	KUNIT_EXPECT_TRUE(test, is_all(seen, 0, 64));
	coherent_handle_free(&handle);
}

/* At COHERENT_HIDDEN a device that guesses the address reaches the box. */
static void try_hidden_box(struct kunit *test)
{
	COHERENT_BOX_AUTO(struct page_bytes, box);

	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_level(&box), COHERENT_HIDDEN);
	device_writes(test, ADDRESS_OF_BOX(&box));
	KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(&box), DIRT, DIRT_BYTES));
}

static void try_box_at(struct kunit *test, void *memory, u64 guess)
{
	u8 seen[64];

	must_be_refused(guess);
	memset(memory, SECRET, PAGE_SIZE);
	device_writes(test, guess);
	KUNIT_EXPECT_TRUE(test, is_all(memory, SECRET, PAGE_SIZE));
	device_reads(test, guess, seen, sizeof(seen));
	KUNIT_EXPECT_TRUE(test, !memchr(seen, SECRET, sizeof(seen)));
}

void no_device_can_read_or_write_a_box(struct kunit *test)
{
	COHERENT(struct page_bytes) before = COHERENT_EMPTY;
	COHERENT_BOX_AUTO(struct page_bytes, box);
	u64 guess;

	if (!is_enforced()) {
		ANSWER("No: a box is mapped, so a device that guesses its address reaches it.");
		try_hidden_box(test);
		return;
	}
	KUNIT_ASSERT_EQ(test, coherent_zeroed(&before, edu.dev, 1, .level = level), 0);
	guess = coherent_addr(&before).raw;
	device_writes(test, guess);
	coherent_free(&before);
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_level(&box), COHERENT_IOMMU);
	/* The device tries an old address, the address of the box, and its physical address. */
	try_box_at(test, coherent_box_ptr(&box), guess);
	if (ADDRESS_OF_BOX(&box))
		try_box_at(test, coherent_box_ptr(&box), ADDRESS_OF_BOX(&box));
	try_box_at(test, coherent_box_ptr(&box),
		   virt_to_phys(coherent_box_ptr(&box)) & DMA_BIT_MASK(28));
}

void count_and_size_are_checked(struct kunit *test)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	COHERENT_BOX(struct element) box = COHERENT_EMPTY;
	COHERENT(struct element) mem = COHERENT_EMPTY;
	const struct element *none = NULL;

	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, edu.dev, 0, .level = level), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_zeroed(&mem, edu.dev, 0, .level = level), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_handle_zeroed(&handle, edu.dev, 0, .level = level), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_box_from(&box, edu.dev, none, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, edu.dev, SIZE_MAX / 8, .level = level),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, edu.dev, SIZE_MAX / 32 + 1, .level = level),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, coherent_zeroed(&mem, edu.dev, SIZE_MAX / 4, .level = level),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, coherent_handle_zeroed(&handle, edu.dev, SIZE_MAX), -ENOMEM);
	/* The VM has less memory. The kernel does not warn, and it kills no process. */
	KUNIT_EXPECT_EQ(test, coherent_handle_zeroed(&handle, edu.dev, 1ul << 34, .level = level),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, coherent_handle_zeroed(&handle, edu.dev, 1ul << 42, .level = level),
			-ENOMEM);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box) && coherent_is_empty(&mem) &&
					!coherent_handle_size(&handle));
}

void align_and_boundary_hold_or_are_refused(struct kunit *test)
{
	COHERENT_BOX(u8) box = COHERENT_EMPTY;
	COHERENT(u8) mem = COHERENT_EMPTY, before = COHERENT_EMPTY;
	unsigned int turn;

	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .align = 3), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .align = PAGE_SIZE + 1),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .boundary = 100), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, edu.dev, 65, .boundary = 64), -EINVAL);
	KUNIT_EXPECT_EQ(test,
			coherent_box_zeroed(&box, edu.dev, 1, .align = (size_t)1 << 60,
					    .level = level),
			-ENOSPC);
	for (turn = 0; turn < 18; turn++) {
		const size_t bytes = 1 + turn * 1000, align = (size_t)1 << turn;
		const u64 boundary = 131072ull << turn % 3;
		u64 first;

		KUNIT_ASSERT_EQ(test,
				coherent_zeroed(&mem, edu.dev, bytes, .level = level,
						.align = align, .boundary = boundary),
				0);
		first = coherent_addr(&mem).raw;
		KUNIT_EXPECT_EQ(test, first & (align - 1), 0);
		KUNIT_EXPECT_EQ(test, first / boundary, (first + bytes - 1) / boundary);
		KUNIT_EXPECT_EQ(test, coherent_size(&mem), bytes);
		/* The next mem cannot get the address of this one, which is still allocated. */
		coherent_free(&before);
		coherent_move(&mem, &before);
	}
	/* A reclaimed box keeps its alignment. */
	KUNIT_ASSERT_EQ(test, coherent_reclaim(&before, &box, .idle = true), 0);
	KUNIT_ASSERT_EQ(test, coherent_expose(&box, &mem), 0);
	KUNIT_EXPECT_EQ(test, coherent_addr(&mem).raw % (1 << 17), 0);
	coherent_free(&mem);
}

static int half_done(struct element *element, void *arg)
{
	element->a = 1;
	++*(int *)arg;
	return -EDOM;
}

void init_at_past_the_end_does_not_run(struct kunit *test)
{
	COHERENT_BOX(struct element) box = COHERENT_EMPTY;
	COHERENT(struct element) mem = COHERENT_EMPTY;
	int calls = 0;

	KUNIT_EXPECT_EQ(test, coherent_box_init_at(&box, 0, half_done, &calls), -EINVAL);
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 3, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_init_at(&box, 3, half_done, &calls), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_box_init_at(&box, SIZE_MAX, half_done, &calls), -EINVAL);
	KUNIT_EXPECT_EQ(test, calls, 0);
	KUNIT_EXPECT_EQ(test, coherent_box_init_at(&box, 1, half_done, &calls), -EDOM);
	KUNIT_EXPECT_EQ(test, calls, 1);
	KUNIT_EXPECT_TRUE(test, is_all(&coherent_box_ptr(&box)[0], 0, sizeof(struct element)));
	KUNIT_EXPECT_TRUE(test, is_all(&coherent_box_ptr(&box)[2], 0, sizeof(struct element)));
	KUNIT_EXPECT_EQ(test, coherent_expose(&box, &mem), 0);
	coherent_free(&mem);
}

/* A driver may write the names of the DMA API too. */
#define KNOWN_ATTRS                                                                    \
	(DMA_ATTR_WEAK_ORDERING | DMA_ATTR_WRITE_COMBINE | DMA_ATTR_FORCE_CONTIGUOUS | \
	 DMA_ATTR_ALLOC_SINGLE_PAGES | DMA_ATTR_NO_WARN | DMA_ATTR_PRIVILEGED)

void attributes_are_refused_or_honoured(struct kunit *test)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	COHERENT_BOX(u8) box = COHERENT_EMPTY;
	COHERENT(u8) mem = COHERENT_EMPTY;
	unsigned int attr;
	int wanted;

	for (attr = 1; attr; attr <<= 1) {
		if (!(attr & KNOWN_ATTRS))
			wanted = -EINVAL;
		else if (is_enforced() && attr != DMA_ATTR_NO_WARN)
			wanted = -EOPNOTSUPP;
		else
			wanted = 0;
		KUNIT_EXPECT_EQ(
			test, coherent_box_zeroed(&box, edu.dev, 1, .attrs = attr, .level = level),
			wanted);
		coherent_box_free(&box);
	}
	/* The mask selects the zone, so the library refuses a zone in .gfp. */
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .gfp = GFP_DMA), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .gfp = GFP_KERNEL | __GFP_COMP),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_zeroed(&mem, edu.dev, 1, .gfp = GFP_DMA), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_handle_zeroed(&handle, edu.dev, 1, .gfp = GFP_DMA), -EINVAL);
}
