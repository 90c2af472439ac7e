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
};
COHERENT_FIELDS(struct padded, .a, .b);

/* --- Expose --- */

void device_sees_what_the_cpu_wrote_before_expose(struct kunit *test)
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

void expose_consumes_the_box(struct kunit *test)
{
	COHERENT_BOX(u8) box = COHERENT_EMPTY;
	COHERENT(u8) mem = COHERENT_EMPTY, other = COHERENT_EMPTY;
	int calls = 0;

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

void failing_initialiser_frees_once(struct kunit *test)
{
	struct sealing sealing = { .result = 0 };
	COHERENT(u8) mem = COHERENT_EMPTY;
	int calls = 0;
	u8 byte;

	KUNIT_EXPECT_EQ(test, coherent_init(&mem, edu.dev, 1, refuse, &calls, .level = level),
			-EDOM);
	KUNIT_EXPECT_EQ(test, calls, 1);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&mem));
	/* A result that is neither 0 nor an error becomes -EINVAL. */
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

void init_fills_before_the_device_can_see(struct kunit *test)
{
	COHERENT_AUTO(u32, mem);
	u32 start = 40, seen[3];

	KUNIT_ASSERT_EQ(test, coherent_init(&mem, edu.dev, 3, count_up, &start, .level = level), 0);
	device_reads(test, coherent_addr(&mem).raw, seen, sizeof(seen));
	KUNIT_EXPECT_EQ(test, seen[2], 42);
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

void last_byte_is_under_the_mask(struct kunit *test)
{
	COHERENT_AUTO(struct page_bytes, mem);
	COHERENT_AUTO(u8, small);

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 16, .level = level), 0);
	KUNIT_EXPECT_TRUE(test, coherent_addr(&mem).raw + 16 * PAGE_SIZE - 1 <= DMA_BIT_MASK(28));
	KUNIT_ASSERT_EQ(test, coherent_zeroed(&small, edu.dev, 1, .level = level), 0);
	KUNIT_EXPECT_TRUE(test, coherent_addr(&small).raw + PAGE_SIZE - 1 <= DMA_BIT_MASK(28));
}

/* --- Accessors --- */

void index_past_the_end_touches_nothing(struct kunit *test)
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

void view_address_is_base_plus_offset(struct kunit *test)
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

void no_stale_padding_reaches_the_device(struct kunit *test)
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

void writes_before_a_doorbell_are_seen_after_it(struct kunit *test)
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
