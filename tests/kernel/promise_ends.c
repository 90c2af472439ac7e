// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the promises about the end of a mem in the kernel: reclaim and free.
 */
#include <linux/delay.h>

#include "promises.h"

/* Reclaim does not know whether a transfer is in flight, so it needs .idle in both cases. */
void reclaim_needs_idle_unless_unmap_is_a_fence(struct kunit *test)
{
	COHERENT_BOX_AUTO(struct page_bytes, box);
	COHERENT_AUTO(struct page_bytes, mem);

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 1, .level = level), 0);
	device_writes(test, coherent_addr(&mem).raw);
	if (!is_enforced()) {
		KUNIT_EXPECT_EQ(test, coherent_reclaim(&mem, &box), -EBUSY);
		KUNIT_EXPECT_TRUE(test, !coherent_is_empty(&mem) && coherent_is_empty(&box));
	}
	KUNIT_ASSERT_EQ(test, coherent_reclaim(&mem, &box, .idle = !is_enforced()), 0);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&mem));
	KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(&box), DIRT, DIRT_BYTES));
	KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(&box)->bytes + DIRT_BYTES, 0,
				       PAGE_SIZE - DIRT_BYTES));
}

static void try_hidden_reclaim(struct kunit *test)
{
	COHERENT_BOX_AUTO(struct page_bytes, box);
	COHERENT_AUTO(struct page_bytes, mem);

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 1), 0);
	device_gets_dirt(test);
	device_is_told_to_write(coherent_addr(&mem).raw);
	KUNIT_EXPECT_EQ(test, coherent_reclaim(&mem, &box), -EBUSY);
	KUNIT_EXPECT_TRUE(test, !coherent_is_empty(&mem));
	/* The driver says .idle, although a transfer is in flight. */
	KUNIT_ASSERT_EQ(test, coherent_reclaim(&mem, &box, .idle = true), 0);
	msleep(2 * EDU_MS);
	KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(&box), DIRT, DIRT_BYTES));
}

/*
 * The driver starts a transfer, and reclaims the memory lead_ms before the device does it. Returns
 * false if the reclaim was too late. The test has shown nothing then.
 */
static bool reclaim_before_the_transfer(struct kunit *test, unsigned int lead_ms)
{
	COHERENT_BOX_AUTO(struct page_bytes, box);
	COHERENT_AUTO(struct page_bytes, mem);
	u64 old;

	KUNIT_EXPECT_EQ(test, coherent_zeroed(&mem, edu.dev, 1, .level = level), 0);
	old = coherent_addr(&mem).raw;
	/* The device uses the address, so that the IOTLB has an entry. A lazy unmap keeps the entry. */
	device_writes(test, old);
	KUNIT_EXPECT_EQ(test, coherent_write(&mem, 0, .bytes[0], 0), 0);
	device_is_told_to_write(old);
	msleep(EDU_MS - lead_ms);
	KUNIT_EXPECT_EQ(test, coherent_reclaim(&mem, &box), 0);
	if (!coherent_box_ptr(&box) || coherent_box_ptr(&box)->bytes[0]) {
		msleep(EDU_MS);
		return false;
	}
	must_be_refused(old);
	memset(coherent_box_ptr(&box), 0, PAGE_SIZE);
	/* While the box keeps its address, no other object gets it. */
	if (ADDRESS_OF_BOX(&box)) {
		KUNIT_EXPECT_EQ(test, coherent_zeroed(&mem, edu.dev, 1, .level = level), 0);
		KUNIT_EXPECT_TRUE(test, coherent_addr(&mem).raw != old);
	}
	msleep(2 * EDU_MS);
	KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(&box), 0, PAGE_SIZE));
	return true;
}

void armed_transfer_does_not_reach_reclaimed_memory(struct kunit *test)
{
	unsigned int lead_ms;

	if (!is_enforced()) {
		ANSWER("No: reclaim does not unmap. The driver says `.idle` when all transfers are over.");
		try_hidden_reclaim(test);
		return;
	}
	/* A lazy unmap lets the device write for about 15 ms, so the test tries short times first. */
	for (lead_ms = 2; lead_ms < EDU_MS; lead_ms *= 2)
		if (reclaim_before_the_transfer(test, lead_ms))
			return;
	KUNIT_EXPECT_TRUE(test, lead_ms < EDU_MS);
}

/*
 * The DMA API gives the address to another caller: at once, or after a lazy unmap of about 10 ms. A
 * write before that could hit memory that the test does not know.
 */
void device_hits_next_owner(struct kunit *test, u64 old)
{
	static union page_mem mems[64];
	unsigned int count = 0;
	u64 address = !old;
	u8 byte = 0;

	while (count < ARRAY_SIZE(mems) && address != old) {
		if (count % 16 == 15)
			msleep(20);
		KUNIT_EXPECT_EQ(test, coherent_zeroed(&mems[count], edu.dev, 1), 0);
		address = coherent_addr(&mems[count++]).raw;
	}
	KUNIT_EXPECT_EQ(test, address, old);
	if (address == old) {
		device_writes(test, old);
		KUNIT_EXPECT_EQ(test, coherent_read(&mems[count - 1], 0, .bytes[0], &byte), 0);
		KUNIT_EXPECT_EQ(test, byte, DIRT);
	}
	while (count--)
		coherent_free(&mems[count]);
}

static void try_hidden_free(struct kunit *test)
{
	COHERENT(struct page_bytes) mem = COHERENT_EMPTY;
	u64 old;

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 1), 0);
	old = coherent_addr(&mem).raw;
	coherent_free(&mem);
	device_hits_next_owner(test, old);
}

#define TRIES 100

void armed_transfer_does_not_reach_freed_memory(struct kunit *test)
{
	static COHERENT_BOX(struct page_bytes) next[16];
	COHERENT(struct page_bytes) mem = COHERENT_EMPTY;
	bool has_victim = false, is_armed = false;
	unsigned int i;
	void *pages;
	u64 old;

	if (!is_enforced()) {
		ANSWER("No: the transfer may overwrite memory that has another owner after the free.");
		try_hidden_free(test);
		return;
	}
	/*
	 * On a loaded machine the device may be faster than the test. Then the test tries again. It
	 * does not know whether the device was faster than the free.
	 */
	for (i = 0; i < TRIES && !is_armed; i++) {
		KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 1, .level = level), 0);
		old = coherent_addr(&mem).raw;
		pages = (void COHERENT_FORCE *)coherent_unsafe_ptr(&mem);
		device_writes(test, old);
		device_is_told_to_write(old);
		coherent_free(&mem);
		is_armed = device_is_armed();
		if (!is_armed)
			may_be_refused(old);
	}
	KUNIT_EXPECT_TRUE(test, is_armed);
	if (!is_armed)
		return;
	/* One of these boxes gets the freed page. */
	for (i = 0; i < ARRAY_SIZE(next); i++) {
		KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&next[i], edu.dev, 1, .level = level), 0);
		has_victim |= coherent_box_ptr(&next[i]) == pages;
	}
	KUNIT_EXPECT_TRUE(test, has_victim);
	must_be_refused(old);
	msleep(2 * EDU_MS);
	for (i = 0; i < ARRAY_SIZE(next); i++) {
		KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(&next[i]), 0, PAGE_SIZE));
		coherent_box_free(&next[i]);
	}
}
