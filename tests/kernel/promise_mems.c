// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the promises about mems in the kernel: expose, the permissions of the device,
 * and accessors.
 */
#include <linux/random.h>

#include "promises.h"

/* Three bytes of padding follow a. The device must not see what they hold. */
struct padded {
	u8 a;
	u32 b;
	u16 c;
};
COHERENT_FIELDS(struct padded, .a, .b, .c);

/* Returns the least permission at this level that lets a device read. */
static enum coherent_permission read_only(void)
{
	return is_enforced() ? COHERENT_READ_ONLY : COHERENT_READ_WRITE;
}

/* --- Expose --- */

void device_sees_what_the_cpu_wrote_before_expose(struct kunit *test)
{
	COHERENT_BOX(u8) box = COHERENT_EMPTY;
	COHERENT_AUTO(u8, mem);
	/* A kernel stack is small, and one test runs at a time. */
	static u8 bytes[512], seen[512];

	get_random_bytes(bytes, sizeof(bytes));
	KUNIT_ASSERT_EQ(test,
			coherent_box_from(&box, edu.dev, bytes, sizeof(bytes), .level = level), 0);
	KUNIT_ASSERT_EQ(test, coherent_expose(&box, &mem, .permission = read_only()), 0);
	device_reads(test, coherent_addr(&mem).raw, seen, sizeof(seen));
	KUNIT_EXPECT_TRUE(test, !memcmp(bytes, seen, sizeof(seen)));
}

static int refuse(u8 *bytes, size_t count, void *arg)
{
	++*(int *)arg;
	return -EDOM;
}

void expose_consumes_the_box(struct kunit *test)
{
	COHERENT_BOX(u8) box = COHERENT_EMPTY;
	COHERENT(u8) mem = COHERENT_EMPTY, other = COHERENT_EMPTY;
	int calls = 0;
	u8 byte = 0;

	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1), -EBUSY);
	KUNIT_EXPECT_EQ(test, coherent_expose(&box, &mem), 0);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box) && !coherent_is_empty(&mem));
	KUNIT_EXPECT_TRUE(test, !coherent_box_ptr(&box));

	/* An expose to a mem that is not empty consumes the box and keeps the mem. */
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_expose(&box, &mem), -EBUSY);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box) && !coherent_is_empty(&mem));
	KUNIT_EXPECT_EQ(test, coherent_init(&mem, edu.dev, 1, refuse, &calls), -EBUSY);
	KUNIT_EXPECT_EQ(test, calls, 0);
	KUNIT_EXPECT_EQ(test, coherent_write(&mem, 0, 1), 0);

	/* An expose of an empty box fails and keeps the mem. */
	KUNIT_EXPECT_EQ(test, coherent_expose(&box, &mem), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_expose(&box, &other), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_reclaim(&other, &box, .idle = true), -EINVAL);
	device_reads(test, coherent_addr(&mem).raw, &byte, 1);
	KUNIT_EXPECT_EQ(test, byte, 1);
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

void failed_expose_leaves_nothing_reachable(struct kunit *test)
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
		ANSWER("No: the device may reach the memory, as it may reach a freed mem.");
		device_hits_next_owner(test, sealing.address);
		return;
	}
	must_be_refused(sealing.address);
	device_writes(test, sealing.address);
}

/* Each object has one reference to its device. It gives it back when its memory is freed. */
void failing_initialiser_frees_once(struct kunit *test)
{
	const unsigned int references = kref_read(&edu.dev->kobj.kref);
	struct sealing sealing = { .result = 0 };
	COHERENT(u8) mem = COHERENT_EMPTY, next = COHERENT_EMPTY;
	int calls = 0;
	u8 byte;

	KUNIT_EXPECT_EQ(test, coherent_init(&mem, edu.dev, 1, refuse, &calls, .level = level),
			-EDOM);
	KUNIT_EXPECT_EQ(test, calls, 1);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&mem));
	KUNIT_EXPECT_EQ(test, kref_read(&edu.dev->kobj.kref), references);
	/* A result that is neither 0 nor an error becomes -EINVAL. */
	sealing.result = 1;
	KUNIT_EXPECT_EQ(test,
			coherent_zeroed(&mem, edu.dev, 1, .level = level, .seal = seal,
					.seal_arg = &sealing),
			-EINVAL);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&mem));
	KUNIT_EXPECT_EQ(test, kref_read(&edu.dev->kobj.kref), references);
	if (is_enforced()) {
		must_be_refused(sealing.address);
		device_writes(test, sealing.address);
	} else {
		device_hits_next_owner(test, sealing.address);
	}
	sealing.result = 0;
	KUNIT_ASSERT_EQ(test,
			coherent_zeroed(&mem, edu.dev, 1, .level = level, .seal = seal,
					.seal_arg = &sealing),
			0);
	KUNIT_EXPECT_EQ(test, sealing.address, coherent_addr(&mem).raw);
	KUNIT_EXPECT_EQ(test, coherent_read(&mem, 0, &byte), 0);
	KUNIT_EXPECT_EQ(test, byte, DIRT);
	/* The memory and the address were freed once, so only one of two objects gets them. */
	KUNIT_ASSERT_EQ(test, coherent_zeroed(&next, edu.dev, 1, .level = level), 0);
	KUNIT_EXPECT_TRUE(test, coherent_addr(&next).raw != coherent_addr(&mem).raw);
	KUNIT_EXPECT_TRUE(test, coherent_unsafe_ptr(&next) != coherent_unsafe_ptr(&mem));
	coherent_free(&mem);
	coherent_free(&next);
	KUNIT_EXPECT_EQ(test, kref_read(&edu.dev->kobj.kref), references);
}

static int count_up(u32 *elements, size_t count, void *arg)
{
	size_t i;

	for (i = 0; i < count; i++)
		elements[i] = i + *(u32 *)arg;
	return 0;
}

void init_fills_before_the_device_can_see(struct kunit *test)
{
	COHERENT_AUTO(u32, mem);
	u32 start = 40, seen[3], i;

	KUNIT_ASSERT_EQ(test,
			coherent_init(&mem, edu.dev, 3, count_up, &start, .level = level,
				      .permission = read_only()),
			0);
	device_reads(test, coherent_addr(&mem).raw, seen, sizeof(seen));
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, seen[i], 40 + i);
}

/* --- Permissions of the device --- */

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

void device_may_do_only_what_expose_allowed(struct kunit *test)
{
	COHERENT_BOX(struct page_bytes) box = COHERENT_EMPTY;
	COHERENT(struct page_bytes) mem = COHERENT_EMPTY;
	u8 byte;

	KUNIT_EXPECT_EQ(test, coherent_zeroed(&mem, edu.dev, 1, .permission = 2), -EINVAL);
	if (!is_enforced()) {
		ANSWER("COHERENT_READ_ONLY gives -EOPNOTSUPP, because this level cannot enforce it.");
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
	/* The driver can reclaim the mem and expose it again with another permission. */
	KUNIT_ASSERT_EQ(test, coherent_reclaim(&mem, &box), 0);
	KUNIT_ASSERT_EQ(test, coherent_expose(&box, &mem), 0);
	device_writes(test, coherent_addr(&mem).raw);
	KUNIT_EXPECT_EQ(test, coherent_read(&mem, 0, .bytes[0], &byte), 0);
	KUNIT_EXPECT_EQ(test, byte, DIRT);
	coherent_free(&mem);
}

static void objects_are_under_a_mask(struct kunit *test, unsigned int bits)
{
	static COHERENT(u8) mems[8];
	unsigned int i;

	KUNIT_EXPECT_EQ(test, coherent_device_set_mask(edu.dev, coherent_mask(bits)), 0);
	for (i = 0; i < ARRAY_SIZE(mems); i++) {
		const u64 bytes = PAGE_SIZE << i;

		KUNIT_EXPECT_EQ(test, coherent_zeroed(&mems[i], edu.dev, bytes, .level = level), 0);
		KUNIT_EXPECT_TRUE(test,
				  coherent_addr(&mems[i]).raw + bytes - 1 <= coherent_mask(bits));
	}
	for (i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
}

/* An IOMMU can map any page under a small mask. A mask of 16 bits leaves less than 16 pages. */
static void addresses_run_out(struct kunit *test)
{
	static union page_mem mems[16];
	COHERENT(u8) large = COHERENT_EMPTY;
	unsigned int count = 0;
	int err = 0;

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&large, edu.dev, LARGE_BYTES, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_device_set_mask(edu.dev, coherent_mask(16)), 0);
	while (!err && count < ARRAY_SIZE(mems)) {
		err = coherent_zeroed(&mems[count], edu.dev, 1, .level = level);
		KUNIT_EXPECT_TRUE(test, err || coherent_addr(&mems[count]).raw + PAGE_SIZE - 1 <=
							coherent_mask(16));
		count += !err;
	}
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);
	KUNIT_EXPECT_TRUE(test, count >= 7);
	while (count--)
		coherent_free(&mems[count]);
	coherent_free(&large);
	KUNIT_EXPECT_EQ(test, coherent_device_set_mask(edu.dev, coherent_mask(28)), 0);
	wait_for_addresses(test);
}

void last_byte_is_under_the_mask(struct kunit *test)
{
	objects_are_under_a_mask(test, 28);
	objects_are_under_a_mask(test, 24);
	if (is_enforced())
		addresses_run_out(test);
	objects_are_under_a_mask(test, 28);
}

/* --- Accessors --- */

struct listed {
	u32 before;
	u32 list[4];
	u32 after;
};

/* The device sees only the items that exist, and only the elements that were cleared as zero. */
static void item_past_the_end_touches_nothing(struct kunit *test)
{
	static const u32 wanted[] = { 1, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 1 };
	COHERENT_AUTO(struct listed, mem);
	COHERENT_RING(u32) ring;
	u32 seen[18], value = 7;
	size_t i, k = 4;

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 3, .level = level), 0);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, coherent_write(&mem, i, .before, 1), 0);
		KUNIT_EXPECT_EQ(test, coherent_write_item(&mem, i, .list, k - 1, 4), 0);
		KUNIT_EXPECT_EQ(test, coherent_write(&mem, i, .after, 1), 0);
		KUNIT_EXPECT_EQ(test, coherent_write_item(&mem, i, .list, k, 5), -ERANGE);
		KUNIT_EXPECT_EQ(test, coherent_read_item(&mem, i, .list, k, &value), -ERANGE);
	}
	KUNIT_EXPECT_EQ(test, coherent_write_item_release(&mem, i, .list, 0, 5), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_ring_field(&mem, i, .list, &ring), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_ring_field(&mem, 1, .list, &ring), 0);
	KUNIT_EXPECT_EQ(test, coherent_ring_get(&ring, k + 3), 4);
	KUNIT_EXPECT_EQ(test, coherent_clear(&mem, 1, 3), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_clear(&mem, SIZE_MAX, 2), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_clear(&mem, 1, 1), 0);
	KUNIT_EXPECT_EQ(test, value, 7);
	device_reads(test, coherent_addr(&mem).raw, seen, sizeof(seen));
	KUNIT_EXPECT_TRUE(test, !memcmp(seen, wanted, sizeof(seen)));
}

void index_past_the_end_touches_nothing(struct kunit *test)
{
	COHERENT_AUTO(struct element, mem);
	struct element elements[4];
	u32 value = 7;

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 4, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_write(&mem, 4, .a, 1), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_write(&mem, SIZE_MAX, .a, 1), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_write_release(&mem, 4, .a, 1), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_write_release(&mem, SIZE_MAX, .a, 1), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_read(&mem, 4, .a, &value), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_read_acquire(&mem, 4, .a, &value), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_poll(&mem, 4, .a, &value, true, 1000), -ERANGE);
	KUNIT_EXPECT_EQ(test, value, 7);
	KUNIT_EXPECT_EQ(test, coherent_poll(&mem, 3, .b, &value, value == 1, 1000), -ETIMEDOUT);
	memset(elements, 0xff, sizeof(elements));
	KUNIT_EXPECT_EQ(test, coherent_copy_in(&mem, 2, elements, 3), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_copy_in(&mem, 5, elements, 0), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_copy_in(&mem, SIZE_MAX, elements, 2), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_copy_out(&mem, 2, elements, 3), -ERANGE);
	KUNIT_EXPECT_EQ(test, elements[0].a, U32_MAX);
	KUNIT_EXPECT_EQ(test, coherent_copy_out(&mem, 0, elements, 4), 0);
	KUNIT_EXPECT_TRUE(test, is_all(elements, 0, sizeof(elements)));
	/* The rest of the page, behind the last element, is unchanged. */
	memset(elements, 0xff, sizeof(elements));
	device_reads(test, coherent_addr(&mem).raw + sizeof(elements), elements, sizeof(elements));
	KUNIT_EXPECT_TRUE(test, is_all(elements, 0, sizeof(elements)));
	item_past_the_end_touches_nothing(test);
}

COHERENT_TYPE(elements, struct element);

/* The index of a ring wraps. A view is a ring if the number of its elements is a power of two. */
static void try_rings(struct kunit *test, union elements *mem)
{
	COHERENT_VIEW(struct element) view;
	COHERENT_RING(struct element) ring;
	u32 value;

	KUNIT_EXPECT_EQ(test, coherent_ring(mem, &ring), 0);
	coherent_ring_put(&ring, 8 + 3, .a, 9);
	KUNIT_EXPECT_EQ(test, coherent_read(mem, 3, .a, &value), 0);
	KUNIT_EXPECT_EQ(test, value, 9);
	KUNIT_EXPECT_EQ(test, coherent_ring_get(&ring, SIZE_MAX - 4, .a), 9);
	KUNIT_EXPECT_EQ(test, coherent_view(mem, 2, 4, &view), 0);
	KUNIT_EXPECT_EQ(test, coherent_ring(&view, &ring), 0);
	coherent_ring_put(&ring, 4 + 3, .a, 8);
	KUNIT_EXPECT_EQ(test, coherent_read(mem, 5, .a, &value), 0);
	KUNIT_EXPECT_EQ(test, value, 8);
	KUNIT_EXPECT_EQ(test, coherent_view(mem, 2, 5, &view), 0);
	KUNIT_EXPECT_EQ(test, coherent_ring(&view, &ring), -EINVAL);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&ring));
}

void view_address_is_base_plus_offset(struct kunit *test)
{
	COHERENT_VIEW(struct element) view, inner;
	union elements mem = COHERENT_EMPTY;
	struct element seen;
	coherent_addr_t addr;
	u32 value;
	u64 base;

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 8, .level = level), 0);
	base = coherent_addr(&mem).raw;
	KUNIT_EXPECT_EQ(test, coherent_view(&mem, 2, 5, &view), 0);
	KUNIT_EXPECT_EQ(test, coherent_addr(&view).raw, base + 2 * sizeof(struct element));
	KUNIT_EXPECT_EQ(test, coherent_count(&view), 5);
	KUNIT_EXPECT_EQ(test, coherent_view(&view, 1, 4, &inner), 0);
	KUNIT_EXPECT_EQ(test, coherent_addr(&inner).raw, base + 3 * sizeof(struct element));
	KUNIT_EXPECT_EQ(test, coherent_addr_at(&inner, 3, &addr), 0);
	KUNIT_EXPECT_EQ(test, addr.raw, base + 6 * sizeof(struct element));
	KUNIT_EXPECT_EQ(test, coherent_addr_at(&inner, 4, &addr), -ERANGE);
	KUNIT_EXPECT_EQ(test, addr.raw, U64_MAX);
	KUNIT_EXPECT_EQ(test, coherent_view(&view, 1, 5, &inner), -ERANGE);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&inner));
	KUNIT_EXPECT_EQ(test, coherent_view(&mem, 9, 1, &inner), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_view(&mem, 4, 5, &inner), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_view(&mem, SIZE_MAX, 2, &inner), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_view(&mem, 0, 0, &inner), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_write(&view, 0, .b, 5), 0);
	KUNIT_EXPECT_EQ(test, coherent_read(&mem, 2, .b, &value), 0);
	KUNIT_EXPECT_EQ(test, value, 5);
	/* The device reads the value at the address of the view. */
	device_reads(test, coherent_addr(&view).raw, &seen, sizeof(seen));
	KUNIT_EXPECT_EQ(test, seen.b, 5);
	try_rings(test, &mem);
	coherent_free(&mem);
}

static void expect_clean(struct kunit *test, u64 from, size_t count, u8 field)
{
	static const bool is_padding[] = { 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1 };
	u8 seen[2 * sizeof(struct padded)];
	size_t i;

	device_reads(test, from, seen, count * sizeof(struct padded));
	for (i = 0; i < count * sizeof(struct padded); i++)
		KUNIT_EXPECT_EQ(test, seen[i], is_padding[i % sizeof(struct padded)] ? 0 : field);
}

void no_stale_padding_reaches_the_device(struct kunit *test)
{
	COHERENT_AUTO(struct padded, from);
	COHERENT_AUTO(struct padded, mem);
	struct padded dirty[2];

	memset(dirty, DIRT, sizeof(dirty));
	KUNIT_ASSERT_EQ(test, coherent_from(&from, edu.dev, dirty, 2, .level = level), 0);
	expect_clean(test, coherent_addr(&from).raw, 2, DIRT);
	KUNIT_EXPECT_EQ(test, coherent_copy_in(&from, 1, dirty, 1), 0);
	expect_clean(test, coherent_addr(&from).raw, 2, DIRT);
	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 2, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_copy_in(&mem, 0, dirty, 2), 0);
	expect_clean(test, coherent_addr(&mem).raw, 2, DIRT);
	/* Writes of single fields do not touch the padding. */
	KUNIT_EXPECT_EQ(test, coherent_write(&mem, 0, .a, 0xff), 0);
	KUNIT_EXPECT_EQ(test, coherent_write(&mem, 0, .b, U32_MAX), 0);
	KUNIT_EXPECT_EQ(test, coherent_write(&mem, 0, .c, U16_MAX), 0);
	expect_clean(test, coherent_addr(&mem).raw, 1, 0xff);
}

/* The doorbell is edu's command register. */
void writes_before_a_doorbell_are_seen_after_it(struct kunit *test)
{
	COHERENT_AUTO(u32, mem);
	u32 turn, seen[128];
	size_t i;

	KUNIT_ASSERT_EQ(
		test,
		coherent_zeroed(&mem, edu.dev, 128, .level = level, .permission = read_only()), 0);
	for (turn = 1; turn < 5; turn++) {
		for (i = 0; i < 128; i++)
			KUNIT_EXPECT_EQ(test, coherent_write(&mem, i, turn * 1000 + (u32)i), 0);
		device_reads(test, coherent_addr(&mem).raw, seen, sizeof(seen));
		for (i = 0; i < 128; i++)
			KUNIT_EXPECT_EQ(test, seen[i], turn * 1000 + i);
	}
}
