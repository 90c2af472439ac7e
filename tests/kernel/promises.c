// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The promises of the contract in the kernel, by the names they have in
 * tests/promises.c, at one of the two levels. What a device reached is seen in
 * memory, and what it was refused, by tests/vm/run.py, in QEMU's trace. Promise 9 is
 * about object code: build.py. Promise 18 is fail_nth.c. In the kernel nothing
 * revokes in a way that can fail, so that 15 has nothing to promise.
 */
#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/random.h>

#include <coherent/debugfs.h>

#include "world.h"

struct page_bytes {
	u8 bytes[PAGE_SIZE];
};

struct element {
	u32 a;
	u32 b;
	u64 c;
};
COHERENT_FIELDS(struct element, .a, .b, .c);

/* A hole that the device must not see: a, then 3 bytes of padding, then b. */
struct padded {
	u8 a;
	u32 b;
};
COHERENT_FIELDS(struct padded, .a, .b);

static bool is_all(const void *memory, u8 byte, size_t bytes)
{
	return !memchr_inv(memory, byte, bytes);
}

/* Where the device would find a box; it is what nobody is told. */
#define ADDRESS_OF_BOX(box) ((box)->base.object.address)

/* --- Boxes --- */

static void fresh_box_is_zero_to_the_end_of_its_last_page(struct kunit *test)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	COHERENT_BOX(u8) box = COHERENT_EMPTY;
	u8 seen[64];
	int turn;

	for (turn = 0; turn < 4; turn++) {
		KUNIT_ASSERT_EQ(
			test, coherent_box_zeroed(&box, edu.dev, PAGE_SIZE + 1, .level = level), 0);
		KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(&box), 0, 2 * PAGE_SIZE));
		/* For whoever gets the pages next. */
		memset(coherent_box_ptr(&box), DIRT, 2 * PAGE_SIZE);
		coherent_box_free(&box);
	}
	/* What has no pointer is zero for the device. */
	KUNIT_ASSERT_EQ(test, coherent_handle_zeroed(&handle, edu.dev, 10, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_handle_size(&handle), 10);
	device_reads(test, coherent_handle_addr(&handle).raw + PAGE_SIZE - 64, seen, 64);
	KUNIT_EXPECT_TRUE(test, is_all(seen, 0, 64));
	coherent_handle_free(&handle);
}

/* At COHERENT_HIDDEN it does, if it guesses the address. */
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
	must_be_refused(guess);
	device_writes(test, guess);
	KUNIT_EXPECT_TRUE(test, is_all(memory, 0, DIRT_BYTES));
}

static void no_device_can_read_or_write_a_box(struct kunit *test)
{
	COHERENT(struct page_bytes) before = COHERENT_EMPTY;
	COHERENT_BOX_AUTO(struct page_bytes, box);
	u64 guess;

	if (!is_enforced()) {
		ANSWER("no: the address is withheld, not the memory");
		try_hidden_box(test);
		return;
	}
	KUNIT_ASSERT_EQ(test, coherent_zeroed(&before, edu.dev, 1, .level = level), 0);
	guess = coherent_addr(&before).raw;
	device_writes(test, guess);
	coherent_free(&before);
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_level(&box), COHERENT_IOMMU);
	/* Where the one before was, where this one is going to be, and where its pages are. */
	try_box_at(test, coherent_box_ptr(&box), guess);
	if (ADDRESS_OF_BOX(&box))
		try_box_at(test, coherent_box_ptr(&box), ADDRESS_OF_BOX(&box));
	try_box_at(test, coherent_box_ptr(&box),
		   virt_to_phys(coherent_box_ptr(&box)) & DMA_BIT_MASK(28));
}

static void count_and_size_are_checked(struct kunit *test)
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
	/* More than there is: no warning, and nobody is killed. */
	KUNIT_EXPECT_EQ(test, coherent_handle_zeroed(&handle, edu.dev, 1ul << 34, .level = level),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, coherent_handle_zeroed(&handle, edu.dev, 1ul << 42, .level = level),
			-ENOMEM);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box) && coherent_is_empty(&mem) &&
					!coherent_handle_size(&handle));
}

static void align_and_boundary_hold_or_are_refused(struct kunit *test)
{
	COHERENT_BOX(u8) box = COHERENT_EMPTY;
	COHERENT(u8) mem = COHERENT_EMPTY, before = COHERENT_EMPTY;
	unsigned int turn;

	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .align = 3), -EINVAL);
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
		/* So that the next one is not where this one was. */
		coherent_free(&before);
		coherent_move(&mem, &before);
	}
	coherent_free(&before);
}

static int half_done(struct element *element, void *arg)
{
	element->a = 1;
	++*(int *)arg;
	return -EDOM;
}

static void init_at_past_the_end_does_not_run(struct kunit *test)
{
	COHERENT_BOX(struct element) box = COHERENT_EMPTY;
	COHERENT(struct element) mem = COHERENT_EMPTY;
	int calls = 0;

	KUNIT_EXPECT_EQ(test, coherent_box_init_at(&box, 0, half_done, &calls), -EINVAL);
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 3, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_init_at(&box, 3, half_done, &calls), -EINVAL);
	KUNIT_EXPECT_EQ(test, calls, 0);
	KUNIT_EXPECT_EQ(test, coherent_box_init_at(&box, 1, half_done, &calls), -EDOM);
	KUNIT_EXPECT_EQ(test, calls, 1);
	KUNIT_EXPECT_TRUE(test, is_all(&coherent_box_ptr(&box)[0], 0, sizeof(struct element)));
	KUNIT_EXPECT_TRUE(test, is_all(&coherent_box_ptr(&box)[2], 0, sizeof(struct element)));
	KUNIT_EXPECT_EQ(test, coherent_expose(&box, &mem), 0);
	coherent_free(&mem);
}

static void attributes_are_refused_or_honoured(struct kunit *test)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	COHERENT_BOX(u8) box = COHERENT_EMPTY;
	COHERENT(u8) mem = COHERENT_EMPTY;
	unsigned int attr;

	for (attr = 1; attr <= COHERENT_ATTR_PRIVILEGED; attr <<= 1) {
		const bool refused = is_enforced() && attr != COHERENT_ATTR_NO_WARN;

		KUNIT_EXPECT_EQ(
			test, coherent_box_zeroed(&box, edu.dev, 1, .attrs = attr, .level = level),
			refused ? -EOPNOTSUPP : 0);
		coherent_box_free(&box);
	}
	for (; attr; attr <<= 1)
		KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .attrs = attr),
				-EINVAL);
	/* The mask says which zone. */
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .gfp = GFP_DMA), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .gfp = GFP_KERNEL | __GFP_COMP),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_zeroed(&mem, edu.dev, 1, .gfp = GFP_DMA), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_handle_zeroed(&handle, edu.dev, 1, .gfp = GFP_DMA), -EINVAL);
}

/* Nobody gets less than was asked for. */
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
	KUNIT_EXPECT_EQ(test, coherent_device_set_mask(NULL, coherent_mask(32)), -ENODEV);
	KUNIT_EXPECT_EQ(test, coherent_device_set_mask(&unbound, coherent_mask(32)), -ENODEV);
	KUNIT_EXPECT_EQ(test, coherent_device_set_mask(edu.dev, 5), -EINVAL);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box));
}

/* --- Expose --- */

static void device_sees_what_the_cpu_wrote_before_expose(struct kunit *test)
{
	COHERENT_BOX(u8) box = COHERENT_EMPTY;
	COHERENT_AUTO(u8, mem);
	u8 bytes[64], seen[64];

	get_random_bytes(bytes, sizeof(bytes));
	KUNIT_ASSERT_EQ(test,
			coherent_box_from(&box, edu.dev, bytes, sizeof(bytes), .level = level), 0);
	KUNIT_ASSERT_EQ(test, coherent_expose(&box, &mem), 0);
	device_reads(test, coherent_addr(&mem).raw, seen, sizeof(seen));
	KUNIT_EXPECT_TRUE(test, !memcmp(bytes, seen, sizeof(seen)));
}

static int refuse(u8 *bytes, size_t count, void *arg)
{
	++*(int *)arg;
	return -EDOM;
}

static void expose_consumes_the_box(struct kunit *test)
{
	COHERENT_BOX(u8) box = COHERENT_EMPTY;
	COHERENT(u8) mem = COHERENT_EMPTY, other = COHERENT_EMPTY;
	int calls = 0;

	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1), -EBUSY);
	KUNIT_EXPECT_EQ(test, coherent_expose(&box, &mem), 0);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box) && !coherent_is_empty(&mem));
	KUNIT_EXPECT_TRUE(test, !coherent_box_ptr(&box));

	/* Into a live mem: the box goes, the mem stays. */
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_expose(&box, &mem), -EBUSY);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box) && !coherent_is_empty(&mem));
	KUNIT_EXPECT_EQ(test, coherent_init(&mem, edu.dev, 1, refuse, &calls), -EBUSY);
	KUNIT_EXPECT_EQ(test, calls, 0);
	KUNIT_EXPECT_EQ(test, coherent_write(&mem, 0, 1), 0);

	/* An empty box. */
	KUNIT_EXPECT_EQ(test, coherent_expose(&box, &mem), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_expose(&box, &other), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_reclaim(&other, &box, .idle = true), -EINVAL);
	coherent_move(&mem, &other);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&mem) && !coherent_is_empty(&other));
	coherent_free(&other);
	KUNIT_EXPECT_EQ(test, coherent_write(&other, 0, 1), -EINVAL);
}

struct sealing {
	int result;
	unsigned int called;
	u64 address;
};

static int seal(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	struct sealing *sealing = arg;

	sealing->called++;
	sealing->address = address.raw;
	*(u8 *)elements = DIRT;
	return sealing->result;
}

static void failed_expose_leaves_nothing_reachable(struct kunit *test)
{
	struct sealing sealing = { .result = -EDOM };
	COHERENT_BOX(struct page_bytes) box = COHERENT_EMPTY;
	COHERENT(struct page_bytes) mem = COHERENT_EMPTY;

	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_expose(&box, &mem, .seal = seal, .seal_arg = &sealing),
			-EDOM);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box) && coherent_is_empty(&mem));
	KUNIT_EXPECT_EQ(test, sealing.called, 1);
	if (!is_enforced()) {
		ANSWER("as a freed mem");
		return;
	}
	must_be_refused(sealing.address);
	device_writes(test, sealing.address);
}

COHERENT_TYPE(linked, u64);

/* The table holds the address of the page before it; if it cannot, there is neither. */
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

static void failing_initialiser_frees_once(struct kunit *test)
{
	struct sealing sealing = { .result = 0 };
	COHERENT(u8) mem = COHERENT_EMPTY;
	int calls = 0;
	u8 byte;

	KUNIT_EXPECT_EQ(test, coherent_init(&mem, edu.dev, 1, refuse, &calls, .level = level),
			-EDOM);
	KUNIT_EXPECT_EQ(test, calls, 1);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&mem));
	/* A result that is neither success nor an error is not taken for success. */
	sealing.result = 1;
	KUNIT_EXPECT_EQ(test,
			coherent_zeroed(&mem, edu.dev, 1, .level = level, .seal = seal,
					.seal_arg = &sealing),
			-EINVAL);
	sealing.result = 0;
	KUNIT_ASSERT_EQ(test,
			coherent_zeroed(&mem, edu.dev, 1, .level = level, .seal = seal,
					.seal_arg = &sealing),
			0);
	KUNIT_EXPECT_EQ(test, sealing.address, coherent_addr(&mem).raw);
	KUNIT_EXPECT_EQ(test, coherent_read(&mem, 0, &byte), 0);
	KUNIT_EXPECT_EQ(test, byte, DIRT);
	coherent_free(&mem);
}

static int count_up(u32 *elements, size_t count, void *arg)
{
	size_t i;

	for (i = 0; i < count; i++)
		elements[i] = i + *(u32 *)arg;
	return 0;
}

static void init_fills_before_the_device_can_see(struct kunit *test)
{
	COHERENT_AUTO(u32, mem);
	u32 start = 40, seen[3];

	KUNIT_ASSERT_EQ(test, coherent_init(&mem, edu.dev, 3, count_up, &start, .level = level), 0);
	device_reads(test, coherent_addr(&mem).raw, seen, sizeof(seen));
	KUNIT_EXPECT_EQ(test, seen[2], 42);
}

static void try_read_only_handle(struct kunit *test)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	u8 byte;

	KUNIT_ASSERT_EQ(test,
			coherent_handle_zeroed(&handle, edu.dev, 1, .level = level,
					       .permission = COHERENT_READ_ONLY, .align = 1 << 14),
			0);
	KUNIT_EXPECT_EQ(test, coherent_handle_addr(&handle).raw % (1 << 14), 0);
	must_be_refused(coherent_handle_addr(&handle).raw);
	device_writes(test, coherent_handle_addr(&handle).raw);
	device_reads(test, coherent_handle_addr(&handle).raw, &byte, 1);
	KUNIT_EXPECT_EQ(test, byte, 0);
	coherent_handle_free(&handle);
}

static void device_may_do_only_what_expose_allowed(struct kunit *test)
{
	COHERENT_BOX(struct page_bytes) box = COHERENT_EMPTY;
	COHERENT(struct page_bytes) mem = COHERENT_EMPTY;
	u8 byte;

	KUNIT_EXPECT_EQ(test, coherent_zeroed(&mem, edu.dev, 1, .permission = 2), -EINVAL);
	if (!is_enforced()) {
		ANSWER("read-only is refused: -EOPNOTSUPP");
		KUNIT_EXPECT_EQ(test,
				coherent_zeroed(&mem, edu.dev, 1, .permission = COHERENT_READ_ONLY),
				-EOPNOTSUPP);
		return;
	}
	KUNIT_ASSERT_EQ(test,
			coherent_zeroed(&mem, edu.dev, 1, .permission = COHERENT_READ_ONLY,
					.level = level),
			0);
	KUNIT_EXPECT_EQ(test, coherent_write(&mem, 0, .bytes[1], 3), 0);
	device_reads(test, coherent_addr(&mem).raw + 1, &byte, 1);
	KUNIT_EXPECT_EQ(test, byte, 3);
	must_be_refused(coherent_addr(&mem).raw);
	device_writes(test, coherent_addr(&mem).raw);
	KUNIT_EXPECT_EQ(test, coherent_read(&mem, 0, .bytes[0], &byte), 0);
	KUNIT_EXPECT_EQ(test, byte, 0);
	try_read_only_handle(test);
	/* Once reclaimed, it is exposed anew, with other permissions. */
	KUNIT_ASSERT_EQ(test, coherent_reclaim(&mem, &box), 0);
	KUNIT_ASSERT_EQ(test, coherent_expose(&box, &mem), 0);
	device_writes(test, coherent_addr(&mem).raw);
	KUNIT_EXPECT_EQ(test, coherent_read(&mem, 0, .bytes[0], &byte), 0);
	KUNIT_EXPECT_EQ(test, byte, DIRT);
	coherent_free(&mem);
}

static void last_byte_is_under_the_mask(struct kunit *test)
{
	COHERENT_AUTO(struct page_bytes, mem);
	COHERENT_AUTO(u8, small);

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 16, .level = level), 0);
	KUNIT_EXPECT_TRUE(test, coherent_addr(&mem).raw + 16 * PAGE_SIZE - 1 <= DMA_BIT_MASK(28));
	KUNIT_ASSERT_EQ(test, coherent_zeroed(&small, edu.dev, 1, .level = level), 0);
	KUNIT_EXPECT_TRUE(test, coherent_addr(&small).raw + PAGE_SIZE - 1 <= DMA_BIT_MASK(28));
}

/* --- Accessors --- */

static void index_past_the_end_touches_nothing(struct kunit *test)
{
	COHERENT_AUTO(struct element, mem);
	struct element elements[4];
	u32 value = 7;

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 4, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_write(&mem, 4, .a, 1), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_write_release(&mem, SIZE_MAX, .a, 1), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_read(&mem, 4, .a, &value), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_read_acquire(&mem, 4, .a, &value), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_poll(&mem, 4, .a, &value, true, 1000), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_poll(&mem, 3, .b, &value, value == 1, 1000), -ETIMEDOUT);
	memset(elements, 0xff, sizeof(elements));
	KUNIT_EXPECT_EQ(test, coherent_copy_in(&mem, 2, elements, 3), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_copy_out(&mem, 2, elements, 3), -ERANGE);
	KUNIT_EXPECT_EQ(test, elements[0].a, U32_MAX);
	KUNIT_EXPECT_EQ(test, coherent_copy_out(&mem, 0, elements, 4), 0);
	KUNIT_EXPECT_TRUE(test, is_all(elements, 0, sizeof(elements)));
}

static void view_address_is_base_plus_offset(struct kunit *test)
{
	COHERENT_VIEW(struct element) view;
	COHERENT_RING(struct element) ring;
	COHERENT_AUTO(struct element, mem);
	u32 value;

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 8, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_view(&mem, 2, 5, &view), 0);
	KUNIT_EXPECT_EQ(test, coherent_addr(&view).raw,
			coherent_addr(&mem).raw + 2 * sizeof(struct element));
	KUNIT_EXPECT_EQ(test, coherent_view(&mem, 4, 5, &view), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_ring(&mem, &ring), 0);
	coherent_ring_put(&ring, 8 + 3, .a, 9);
	KUNIT_EXPECT_EQ(test, coherent_read(&mem, 3, .a, &value), 0);
	KUNIT_EXPECT_EQ(test, value, 9);
}

static void no_stale_padding_reaches_the_device(struct kunit *test)
{
	const u8 clean[2 * sizeof(struct padded)] = { DIRT, 0, 0, 0, DIRT, DIRT, DIRT, DIRT,
						      DIRT, 0, 0, 0, DIRT, DIRT, DIRT, DIRT };
	COHERENT_AUTO(struct padded, from);
	struct padded dirty[2];
	u8 seen[sizeof(clean)];

	memset(dirty, DIRT, sizeof(dirty));
	KUNIT_ASSERT_EQ(test, coherent_from(&from, edu.dev, dirty, 2, .level = level), 0);
	device_reads(test, coherent_addr(&from).raw, seen, sizeof(seen));
	KUNIT_EXPECT_TRUE(test, !memcmp(seen, clean, sizeof(clean)));
	KUNIT_EXPECT_EQ(test, coherent_copy_in(&from, 1, dirty, 1), 0);
	device_reads(test, coherent_addr(&from).raw, seen, sizeof(seen));
	KUNIT_EXPECT_TRUE(test, !memcmp(seen, clean, sizeof(clean)));
}

static void writes_before_a_doorbell_are_seen_after_it(struct kunit *test)
{
	COHERENT_AUTO(u32, mem);
	u32 turn, seen[16];
	size_t i;

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 16, .level = level), 0);
	for (turn = 1; turn < 3; turn++) {
		for (i = 0; i < 16; i++)
			KUNIT_EXPECT_EQ(test, coherent_write(&mem, i, turn * 100 + (u32)i), 0);
		/* The doorbell is edu's command register. */
		device_reads(test, coherent_addr(&mem).raw, seen, sizeof(seen));
		KUNIT_EXPECT_EQ(test, seen[15], turn * 100 + 15);
	}
}

/* --- Reclaim and free --- */

static void try_hidden_reclaim(struct kunit *test)
{
	COHERENT_BOX_AUTO(struct page_bytes, box);
	COHERENT_AUTO(struct page_bytes, mem);

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 1), 0);
	device_gets_dirt(test);
	device_is_told_to_write(coherent_addr(&mem).raw);
	KUNIT_EXPECT_EQ(test, coherent_reclaim(&mem, &box), -EBUSY);
	KUNIT_EXPECT_TRUE(test, !coherent_is_empty(&mem));
	/* A driver that says so and is wrong. */
	KUNIT_ASSERT_EQ(test, coherent_reclaim(&mem, &box, .idle = true), 0);
	msleep(2 * EDU_MS);
	KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(&box), DIRT, DIRT_BYTES));
}

/*
 * The transfer is armed, and lead_ms before it fires the memory is taken back. False
 * if that was too late and it had fired: nothing is learned then.
 */
static bool reclaim_before_the_transfer(struct kunit *test, unsigned int lead_ms)
{
	COHERENT_BOX_AUTO(struct page_bytes, box);
	COHERENT_AUTO(struct page_bytes, mem);
	u64 old;

	KUNIT_EXPECT_EQ(test, coherent_zeroed(&mem, edu.dev, 1, .level = level), 0);
	old = coherent_addr(&mem).raw;
	/* So that the IOTLB knows it: a stale entry is what a lazy unmap leaves. */
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
	/* The address is nobody else's, as long as the box may have it again. */
	if (ADDRESS_OF_BOX(&box)) {
		KUNIT_EXPECT_EQ(test, coherent_zeroed(&mem, edu.dev, 1, .level = level), 0);
		KUNIT_EXPECT_TRUE(test, coherent_addr(&mem).raw != old);
	}
	msleep(2 * EDU_MS);
	KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(&box), 0, PAGE_SIZE));
	return true;
}

static void armed_transfer_does_not_reach_reclaimed_memory(struct kunit *test)
{
	unsigned int lead_ms;

	if (!is_enforced()) {
		ANSWER("it does: nothing is taken away, hence .idle");
		try_hidden_reclaim(test);
		return;
	}
	/* As close as can be: a lazy unmap lets the device write for some 15 ms. */
	for (lead_ms = 2; lead_ms < EDU_MS; lead_ms *= 2)
		if (reclaim_before_the_transfer(test, lead_ms))
			return;
	KUNIT_EXPECT_TRUE(test, lead_ms < EDU_MS);
}

/* The DMA API hands pages and address to the next who asks, at once. */
static void try_hidden_free(struct kunit *test)
{
	COHERENT(struct page_bytes) mem = COHERENT_EMPTY;
	COHERENT_AUTO(struct page_bytes, next);
	u8 byte;
	u64 old;

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 1), 0);
	old = coherent_addr(&mem).raw;
	coherent_free(&mem);
	KUNIT_ASSERT_EQ(test, coherent_zeroed(&next, edu.dev, 1), 0);
	/* Elsewhere nobody knows whom it would hit. */
	if (coherent_addr(&next).raw != old)
		return;
	device_writes(test, old);
	KUNIT_EXPECT_EQ(test, coherent_read(&next, 0, .bytes[0], &byte), 0);
	KUNIT_EXPECT_EQ(test, byte, DIRT);
}

static void armed_transfer_does_not_reach_freed_memory(struct kunit *test)
{
	COHERENT(struct page_bytes) mem = COHERENT_EMPTY;
	u64 old;

	if (!is_enforced()) {
		ANSWER("it may: the next owner's, even");
		try_hidden_free(test);
		return;
	}
	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 1, .level = level), 0);
	old = coherent_addr(&mem).raw;
	device_writes(test, old);
	device_is_told_to_write(old);
	coherent_free(&mem);
	must_be_refused(old);
	msleep(2 * EDU_MS);
}

/* What devres knows it by has an address in each file. */
static void managed_object_is_freed_by_any_file(struct kunit *test)
{
	union edu_packets packets = COHERENT_EMPTY;

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&packets, edu.dev, 1, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_manage(&packets), 0);
	free_elsewhere(&packets);
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
	KUNIT_EXPECT_EQ(test, coherent_blob_read(&file, NULL, 5, &before), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_blob_read(&file, NULL, 5, &end), 0);
	coherent_free(&mem);
}

/* .gfp = GFP_ATOMIC makes it possible; but COHERENT_HIDDEN is not freed there. */
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
	if (is_enforced())
		coherent_free(&mem);
	spin_unlock_irqrestore(&lock, flags);
	KUNIT_EXPECT_EQ(test, err, 0);
	coherent_free(&mem);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(fresh_box_is_zero_to_the_end_of_its_last_page),
	KUNIT_CASE(no_device_can_read_or_write_a_box),
	KUNIT_CASE(device_sees_what_the_cpu_wrote_before_expose),
	KUNIT_CASE(expose_consumes_the_box),
	KUNIT_CASE(failed_expose_leaves_nothing_reachable),
	KUNIT_CASE(count_and_size_are_checked),
	KUNIT_CASE(align_and_boundary_hold_or_are_refused),
	KUNIT_CASE(init_at_past_the_end_does_not_run),
	KUNIT_CASE(all_are_exposed_or_none),
	KUNIT_CASE(failing_initialiser_frees_once),
	KUNIT_CASE(init_fills_before_the_device_can_see),
	KUNIT_CASE(attributes_are_refused_or_honoured),
	KUNIT_CASE(level_is_met_or_refused),
	KUNIT_CASE(index_past_the_end_touches_nothing),
	KUNIT_CASE(view_address_is_base_plus_offset),
	KUNIT_CASE(no_stale_padding_reaches_the_device),
	KUNIT_CASE(armed_transfer_does_not_reach_reclaimed_memory),
	KUNIT_CASE(armed_transfer_does_not_reach_freed_memory),
	KUNIT_CASE(last_byte_is_under_the_mask),
	KUNIT_CASE(device_may_do_only_what_expose_allowed),
	KUNIT_CASE(writes_before_a_doorbell_are_seen_after_it),
	KUNIT_CASE(managed_object_is_freed_by_any_file),
	KUNIT_CASE(objects_hold_their_device),
	KUNIT_CASE(blob_is_read_by_the_rules),
	KUNIT_CASE(atomic_context_is_possible),
	{},
};

struct kunit_suite promises = {
	.name = "promises",
	.suite_init = world_begin,
	.suite_exit = world_end,
	.test_cases = cases,
};
