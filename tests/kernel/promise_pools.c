// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the promises about pools in the kernel: which bytes the device can reach, and
 * what is in them. pools.c tests the calls that fail.
 */
#include <coherent/loan.h>
#include <coherent/pool.h>
#include <linux/io.h>

#include "nth.h"
#include "promises.h"

#define SECRET 0xc3

struct command {
	u32 opcode;
	u32 id;
	u8 rest[56];
};

COHERENT_POOL_TYPE(commands, struct command);
COHERENT_BOX_TYPE(command_box, struct command);
COHERENT_TYPE(command_mem, struct command);

static void make_mem(struct kunit *test, union commands *pool, union command_mem *mem, u8 byte)
{
	union command_box box = COHERENT_EMPTY;

	KUNIT_ASSERT_EQ(test, coherent_pool_box(pool, &box), 0);
	memset(coherent_box_ptr(&box), byte, sizeof(struct command));
	KUNIT_EXPECT_EQ(test, coherent_expose(&box, mem), 0);
}

static void device_reads_command(struct kunit *test, u64 at, struct command *seen)
{
	device_reads(test, at, seen, sizeof(*seen));
}

static bool device_sees(struct kunit *test, u64 at, u8 byte)
{
	struct command seen;

	device_reads_command(test, at, &seen);
	return is_all(&seen, byte, sizeof(seen));
}

/* No IOMMU of the device maps a box, whatever the level of the pool is. */
static void device_tries_box(struct kunit *test, union command_box *box)
{
	const u64 guess = virt_to_phys(coherent_box_ptr(box)) & DMA_BIT_MASK(28);

	if (coherent_device_level(edu.dev) != COHERENT_IOMMU)
		return;
	pr_info("# blocked: %#llx\n", guess & PAGE_MASK);
	KUNIT_EXPECT_TRUE(test, !device_sees(test, guess, SECRET));
	device_writes(test, guess);
	KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(box), SECRET, sizeof(struct command)));
}

/* A pointer of the kernel, on each CPU of these tests, has all of its high bits set. */
static bool has_kernel_pointer(const u64 *words, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (words[i] >> 47 == (u64)~0ull >> 47)
			return true;
	return false;
}

/* The device reads the page of a mem. Only the bytes of the mem are not zero. */
static void page_has_only(struct kunit *test, const union command_mem *mem, u8 byte)
{
	const u64 address = coherent_addr(mem).raw, first = address & PAGE_MASK;
	u64 *page = kzalloc(PAGE_SIZE, GFP_KERNEL);
	char *bytes = (char *)page;
	u64 at;

	for (at = 0; at < PAGE_SIZE; at += DIRT_BYTES)
		device_reads(test, first + at, bytes + at, DIRT_BYTES);
	KUNIT_EXPECT_TRUE(test, !has_kernel_pointer(page, PAGE_SIZE / sizeof(*page)));
	KUNIT_EXPECT_TRUE(test, is_all(bytes + (address - first), byte, sizeof(struct command)));
	memset(bytes + (address - first), 0, sizeof(struct command));
	KUNIT_EXPECT_TRUE(test, is_all(page, 0, PAGE_SIZE));
	kfree(page);
}

void objects_of_a_pool_are_copied_to_the_device(struct kunit *test)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	static union command_mem freed[40];
	int i;

	KUNIT_ASSERT_EQ(test, coherent_pool_create(&pool, edu.dev, .level = level), 0);
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_level(&box), level);
	memset(coherent_box_ptr(&box), SECRET, sizeof(struct command));
	device_tries_box(test, &box);
	/* dma_pool has a list of the free blocks of a page in that page. */
	for (i = 0; i < ARRAY_SIZE(freed); i++)
		make_mem(test, &pool, &freed[i], i + 1);
	make_mem(test, &pool, &mem, DIRT);
	for (i = 0; i < ARRAY_SIZE(freed); i++)
		coherent_free(&freed[i]);
	page_has_only(test, &mem, DIRT);
	coherent_free(&mem);
	coherent_box_free(&box);
	KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&pool), 0);
}

static void box_is_zero_and_its_address_leads_to_zeros(struct kunit *test)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	int turn;

	KUNIT_ASSERT_EQ(test, coherent_pool_create(&pool, edu.dev, .level = level), 0);
	for (turn = 0; turn < 2; turn++) {
		KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);
		KUNIT_EXPECT_EQ(test, coherent_box_count(&box), 1);
		KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(&box), 0, sizeof(struct command)));
		memset(coherent_box_ptr(&box), SECRET, sizeof(struct command));
		KUNIT_EXPECT_TRUE(test, device_sees(test, ADDRESS_OF_BOX(&box), 0));
		device_writes(test, ADDRESS_OF_BOX(&box));
		KUNIT_EXPECT_TRUE(test,
				  is_all(coherent_box_ptr(&box), SECRET, sizeof(struct command)));
		coherent_box_free(&box);
	}
	/* The write of the device does not get into the next box, nor into its mem. */
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);
	KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(&box), 0, sizeof(struct command)));
	KUNIT_EXPECT_EQ(test, coherent_expose(&box, &mem), 0);
	KUNIT_EXPECT_TRUE(test, device_sees(test, coherent_addr(&mem).raw, 0));
	coherent_free(&mem);
	KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&pool), 0);
}

static void mem_is_shared_until_it_is_freed(struct kunit *test)
{
	union commands pool = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY, next = COHERENT_EMPTY;
	u32 opcode = 0;
	u64 address;

	KUNIT_ASSERT_EQ(test, coherent_pool_create(&pool, edu.dev, .level = level), 0);
	make_mem(test, &pool, &mem, 1);
	address = coherent_addr(&mem).raw;
	KUNIT_EXPECT_EQ(test, coherent_count(&mem), 1);
	KUNIT_EXPECT_EQ(test, coherent_size(&mem), sizeof(struct command));
	KUNIT_EXPECT_TRUE(test, device_sees(test, address, 1));
	device_gets_dirt(test);
	KUNIT_EXPECT_EQ(test, edu_write(&edu, (coherent_addr_t){ address }, sizeof(opcode)), 0);
	KUNIT_EXPECT_EQ(test, coherent_read(&mem, 0, .opcode, &opcode), 0);
	KUNIT_EXPECT_EQ(test, opcode, 0x5a5a5a5a);
	KUNIT_EXPECT_EQ(test, coherent_read(&mem, 1, .opcode, &opcode), -ERANGE);
	coherent_free(&mem);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&mem));
	coherent_free(&mem);
	KUNIT_EXPECT_TRUE(test, device_sees(test, address, 0));
	/* The next mem gets the address. */
	make_mem(test, &pool, &next, 2);
	KUNIT_EXPECT_EQ(test, coherent_addr(&next).raw, address);
	coherent_move(&next, &mem);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&next));
	coherent_free(&mem);
	KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&pool), 0);
	/* The end of the pool unmaps the address. No other object must get it before the device tries. */
	must_be_refused(address);
	if (is_enforced())
		KUNIT_EXPECT_EQ(test, edu_read(&edu, (coherent_addr_t){ address }, 8), 0);
}

static void reclaim_keeps_contents_and_place(struct kunit *test)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	u64 address;

	KUNIT_ASSERT_EQ(test, coherent_pool_create(&pool, edu.dev, .level = level), 0);
	make_mem(test, &pool, &mem, 1);
	address = coherent_addr(&mem).raw;
	KUNIT_EXPECT_EQ(test, coherent_reclaim(&mem, &box), -EBUSY);
	KUNIT_EXPECT_EQ(test, coherent_addr(&mem).raw, address);
	device_gets_dirt(test);
	KUNIT_EXPECT_EQ(test, edu_write(&edu, (coherent_addr_t){ address }, 8), 0);
	KUNIT_ASSERT_EQ(test, coherent_reclaim(&mem, &box, .idle = true), 0);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&mem));
	KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(&box), DIRT, 8));
	KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(&box)->rest, 1, 56));
	KUNIT_EXPECT_TRUE(test, device_sees(test, address, 0));
	KUNIT_ASSERT_EQ(test, coherent_expose(&box, &mem), 0);
	KUNIT_EXPECT_EQ(test, coherent_addr(&mem).raw, address);
	coherent_free(&mem);
	KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&pool), 0);
}

static int seal_fully(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	struct command *command = elements;

	memcpy(command->rest, &address.raw, sizeof(address.raw));
	return count == 1 ? *(int *)arg : -EPROTO;
}

static void seal_knows_the_address(struct kunit *test)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	struct command seen;
	int result = 0;
	u64 address;

	KUNIT_ASSERT_EQ(test, coherent_pool_create(&pool, edu.dev, .level = level), 0);
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);
	KUNIT_ASSERT_EQ(test, coherent_expose(&box, &mem, .seal = seal_fully, .seal_arg = &result),
			0);
	address = coherent_addr(&mem).raw;
	device_reads_command(test, address, &seen);
	KUNIT_EXPECT_TRUE(test, !memcmp(seen.rest, &address, sizeof(address)));
	coherent_free(&mem);
	for (result = -ECANCELED; result <= 1; result += 1 + ECANCELED) {
		KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);
		KUNIT_EXPECT_EQ(
			test, coherent_expose(&box, &mem, .seal = seal_fully, .seal_arg = &result),
			result > 0 ? -EINVAL : -ECANCELED);
		KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box) && coherent_is_empty(&mem));
		KUNIT_EXPECT_TRUE(test, device_sees(test, address, 0));
	}
	KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&pool), 0);
}

static void device_may_do_only_what_the_pool_allows(struct kunit *test)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	COHERENT_LOAN(struct command) loan = COHERENT_EMPTY;
	u64 address;

	if (!is_enforced()) {
		KUNIT_EXPECT_EQ(test,
				coherent_pool_create(&pool, edu.dev,
						     .permission = COHERENT_READ_ONLY),
				-EOPNOTSUPP);
		return;
	}
	KUNIT_ASSERT_EQ(test,
			coherent_pool_create(&pool, edu.dev, .permission = COHERENT_READ_ONLY,
					     .level = level),
			0);
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);
	KUNIT_EXPECT_EQ(test, coherent_expose(&box, &mem), -EINVAL);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box) && coherent_is_empty(&mem));
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);
	KUNIT_EXPECT_EQ(test, coherent_lend(&box, &loan, COHERENT_FROM_DEVICE), -EINVAL);
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);
	KUNIT_EXPECT_EQ(test, coherent_lend(&box, &loan, COHERENT_TO_DEVICE), 0);
	coherent_loan_free(&loan);
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);
	memset(coherent_box_ptr(&box), 1, sizeof(struct command));
	KUNIT_ASSERT_EQ(test, coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY), 0);
	address = coherent_addr(&mem).raw;
	must_be_refused(address);
	device_writes(test, address);
	KUNIT_EXPECT_TRUE(test, device_sees(test, address, 1));
	coherent_free(&mem);
	KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&pool), 0);
}

static int visit(struct command *command, size_t count, void *opcode)
{
	if (count != 1 || command->opcode != *(u32 *)opcode)
		return -EBADMSG;
	command->id = 9;
	return 0;
}

static void loan_of_a_pool_carries_data(struct kunit *test, enum coherent_direction direction)
{
	const bool to_driver = direction != COHERENT_TO_DEVICE;
	u32 opcode = to_driver ? 0x5a5a5a5a : 0x01010101;
	COHERENT_LOAN(struct command) loan = COHERENT_EMPTY;
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	struct command seen;
	u64 address;

	KUNIT_ASSERT_EQ(test, coherent_pool_create(&pool, edu.dev, .level = level), 0);
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);
	memset(coherent_box_ptr(&box), 1, sizeof(struct command));
	KUNIT_ASSERT_EQ(test, coherent_lend(&box, &loan, direction), 0);
	KUNIT_EXPECT_EQ(test, coherent_loan_level(&loan), level);
	address = coherent_loan_addr(&loan).raw;
	KUNIT_EXPECT_TRUE(test, device_sees(test, address, 1));
	device_gets_dirt(test);
	KUNIT_EXPECT_EQ(test, edu_write(&edu, (coherent_addr_t){ address }, sizeof(opcode)), 0);
	KUNIT_EXPECT_EQ(test, coherent_loan_visit(&loan, visit, &opcode), 0);
	device_reads_command(test, address, &seen);
	KUNIT_EXPECT_EQ(test, seen.id, direction == COHERENT_FROM_DEVICE ? 0x01010101 : 9);
	KUNIT_EXPECT_EQ(test, coherent_take(&loan, &box), -EBUSY);
	KUNIT_ASSERT_EQ(test, coherent_take(&loan, &box, .idle = true), 0);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&loan));
	KUNIT_EXPECT_EQ(test, coherent_box_ptr(&box)->opcode, opcode);
	KUNIT_EXPECT_TRUE(test, device_sees(test, address, 0));
	KUNIT_EXPECT_EQ(test, coherent_lend(&box, &loan, direction), 0);
	coherent_loan_free(&loan);
	KUNIT_EXPECT_TRUE(test, device_sees(test, address, 0));
	KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&pool), 0);
}

static void loans_of_a_pool_carry_data(struct kunit *test)
{
	loan_of_a_pool_carries_data(test, COHERENT_TO_DEVICE);
	loan_of_a_pool_carries_data(test, COHERENT_FROM_DEVICE);
	loan_of_a_pool_carries_data(test, COHERENT_BOTH_WAYS);
}

/* --- Contents and places --- */

/* Two objects beside each other. The copy of one, and its end, touch nothing of the other. */
#define CHECK_SIZE(test, bytes)                                                                   \
	do {                                                                                      \
		COHERENT_POOL(u8[bytes]) pool = COHERENT_EMPTY;                                   \
		COHERENT_BOX(u8[bytes]) box = COHERENT_EMPTY, other = COHERENT_EMPTY;             \
		COHERENT(u8[bytes]) mem = COHERENT_EMPTY, third = COHERENT_EMPTY;                 \
		KUNIT_ASSERT_EQ(test,                                                             \
				coherent_pool_create(&pool, edu.dev, .level = level, .align = 1), \
				0);                                                               \
		KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);                         \
		KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &other), 0);                       \
		memset(coherent_box_ptr(&box), 1, bytes);                                         \
		memset(coherent_box_ptr(&other), 2, bytes);                                       \
		KUNIT_EXPECT_EQ(test, coherent_expose(&box, &mem), 0);                            \
		KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(&other), 2, bytes));              \
		KUNIT_EXPECT_EQ(test, coherent_expose(&other, &third), 0);                        \
		KUNIT_EXPECT_TRUE(test, is_all(bytes_of(&mem.base), 1, bytes));                   \
		KUNIT_EXPECT_TRUE(test, is_all(bytes_of(&third.base), 2, bytes));                 \
		KUNIT_EXPECT_EQ(test, coherent_reclaim(&mem, &box, .idle = true), 0);             \
		KUNIT_EXPECT_TRUE(test, is_all(coherent_box_ptr(&box), 1, bytes));                \
		KUNIT_EXPECT_TRUE(test, is_all(bytes_of(&third.base), 2, bytes));                 \
		KUNIT_EXPECT_EQ(test, coherent_expose(&box, &mem), 0);                            \
		coherent_free(&third);                                                            \
		KUNIT_EXPECT_TRUE(test, is_all(bytes_of(&mem.base), 1, bytes));                   \
		coherent_free(&mem);                                                              \
		KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&pool), 0);                           \
	} while (0)

/* SHARED: the device does not use the memory now. */
static const void *bytes_of(const struct coherent_mem *mem)
{
	return (const char COHERENT_FORCE *)mem->va;
}

static void small_objects_are_copied_whole(struct kunit *test)
{
	CHECK_SIZE(test, 1);
	CHECK_SIZE(test, 15);
	CHECK_SIZE(test, 17);
	CHECK_SIZE(test, 64);
}

static void large_objects_are_copied_whole(struct kunit *test)
{
	CHECK_SIZE(test, 72);
	CHECK_SIZE(test, 256);
	CHECK_SIZE(test, 1000);
	CHECK_SIZE(test, PAGE_SIZE);
}

COHERENT_TYPE(forty, u8[40]);

static void try_places(struct kunit *test, size_t wanted, u64 boundary, size_t spacing)
{
	COHERENT_POOL(u8[40]) pool = COHERENT_EMPTY;
	const size_t align = wanted ? wanted : 64;
	const u64 block = min_not_zero(boundary, (u64)PAGE_SIZE);
	static union forty mems[200];
	COHERENT_BOX(u8[40]) box = COHERENT_EMPTY;
	u64 at, last = 0;
	int i, wrong = 0;

	KUNIT_ASSERT_EQ(test,
			coherent_pool_create(&pool, edu.dev, .align = wanted, .boundary = boundary,
					     .level = level),
			0);
	for (i = 0; i < ARRAY_SIZE(mems); i++) {
		KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);
		KUNIT_ASSERT_EQ(test, coherent_expose(&box, &mems[i]), 0);
		at = coherent_addr(&mems[i]).raw;
		wrong += at % align || at / block != (at + spacing - 1) / block;
		wrong += last && last / block == at / block && at - last != spacing;
		last = at;
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	for (i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&pool), 0);
}

static void slots_keep_to_alignment_and_boundary(struct kunit *test)
{
	try_places(test, 0, 0, 64);
	try_places(test, 16, 0, 48);
	try_places(test, 1, 0, 48);
	try_places(test, 256, 0, 256);
	try_places(test, PAGE_SIZE, 0, PAGE_SIZE);
	try_places(test, 16, 64, 64);
	try_places(test, 16, 128, 48);
	try_places(test, 32, 1 << 20, 64);
}

static void freed_slots_are_reused_after_the_delay(struct kunit *test)
{
	union commands pool = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	static u64 freed[100];
	u64 never;
	int i, k;

	KUNIT_ASSERT_EQ(test, coherent_pool_create(&pool, edu.dev, .delay = 10, .level = level), 0);
	for (i = 0; i < ARRAY_SIZE(freed); i++) {
		make_mem(test, &pool, &mem, 1);
		freed[i] = coherent_addr(&mem).raw;
		coherent_free(&mem);
		for (k = i - 1; k >= 0 && k >= i - 10; k--)
			KUNIT_EXPECT_TRUE(test, freed[i] != freed[k]);
	}
	/* Eleven slots are enough. The device never had the address of a box that was freed. */
	KUNIT_EXPECT_EQ(test, freed[99], freed[99 - 11]);
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);
	never = ADDRESS_OF_BOX(&box);
	coherent_box_free(&box);
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);
	KUNIT_EXPECT_EQ(test, ADDRESS_OF_BOX(&box), never);
	coherent_box_free(&box);
	KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&pool), 0);
}

static union command_mem many[1000];

static void pool_grows_by_pages_and_keeps_them(struct kunit *test)
{
	const int pages = DIV_ROUND_UP(ARRAY_SIZE(many), PAGE_SIZE / sizeof(struct command));
	union commands pool = COHERENT_EMPTY;
	int i, grown, none;

	atomic_set(&live, 0);
	KUNIT_ASSERT_EQ(test, coherent_pool_create(&pool, edu.dev, .level = level), 0);
	none = atomic_read(&live);
	make_mem(test, &pool, &many[0], 1);
	grown = atomic_read(&live) - none;
	for (i = 1; i < ARRAY_SIZE(many); i++)
		make_mem(test, &pool, &many[i], i);
	KUNIT_EXPECT_EQ(test, atomic_read(&live) - none, pages * grown);
	for (i = 0; i < ARRAY_SIZE(many); i++) {
		KUNIT_EXPECT_TRUE(test, is_all(bytes_of(&many[i].base), i ? i : 1,
					       sizeof(struct command)));
		coherent_free(&many[i]);
	}
	for (i = 0; i < ARRAY_SIZE(many); i++)
		make_mem(test, &pool, &many[i], 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&live) - none, pages * grown);
	for (i = 0; i < ARRAY_SIZE(many); i++)
		coherent_free(&many[i]);
	KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&pool), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&live), 0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(box_is_zero_and_its_address_leads_to_zeros),
	KUNIT_CASE(mem_is_shared_until_it_is_freed),
	KUNIT_CASE(reclaim_keeps_contents_and_place),
	KUNIT_CASE(seal_knows_the_address),
	KUNIT_CASE(device_may_do_only_what_the_pool_allows),
	KUNIT_CASE(loans_of_a_pool_carry_data),
	KUNIT_CASE(small_objects_are_copied_whole),
	KUNIT_CASE(large_objects_are_copied_whole),
	KUNIT_CASE(slots_keep_to_alignment_and_boundary),
	KUNIT_CASE(freed_slots_are_reused_after_the_delay),
	KUNIT_CASE(pool_grows_by_pages_and_keeps_them),
	{},
};

struct kunit_suite pools = {
	.name = "pools",
	.suite_init = world_begin,
	.suite_exit = world_end,
	.test_cases = cases,
};
