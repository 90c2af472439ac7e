// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The promises of docs/design.md, each on every world. Their numbers are in
 * front of the tests. Promise 9 and the arm64 half of 19 are about object code:
 * object_code.py. Promise 18 is fail_nth.c.
 */
#include "world.h"

#define PAGE 4096

struct element {
	uint32_t a;
	uint32_t b;
	uint64_t c;
};

COHERENT_FIELDS(struct element, .a, .b, .c);
COHERENT_TYPE(elements, struct element);

/* A hole that the device must not see: a, then 3 bytes of padding, then b. */
struct padded {
	uint8_t a;
	uint32_t b;
	uint16_t c;
};
COHERENT_FIELDS(struct padded, .a, .b, .c);

static void assert_zero(const void *memory, size_t bytes)
{
	const char *at = memory;

	for (size_t i = 0; i < bytes; i++)
		assert_int_equal(at[i], 0);
}

/* 1 */
static void fresh_box_is_zero_to_the_end_of_its_last_page(struct world *world)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT_HANDLE_AUTO(handle);
	uint8_t page[PAGE];

	/* Twice: the second time the pages are recycled, and dirty. */
	for (unsigned int turn = 0; turn < 2; turn++) {
		assert_ok(coherent_box_zeroed(&box, world->dev, 3 * PAGE - 100));
		assert_zero(coherent_box_ptr(&box), 3 * PAGE);
		memset(coherent_box_ptr(&box), 0xaa, 3 * PAGE);
		coherent_box_free(&box);
	}
	/* What has no pointer is zero for the device. */
	assert_ok(coherent_handle_zeroed(&handle, world->dev, 10));
	memset(page, 0xaa, sizeof(page));
	assert_true(world_reaches_addr(world, coherent_handle_addr(&handle), page, PAGE,
				       COHERENT_ACCESS_READ));
	assert_zero(page, PAGE);
}

/* 2 */
static void no_device_can_read_or_write_a_box(struct world *world)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	uint8_t bytes[64] = { 0x5a };

	assert_ok(coherent_box_zeroed(&box, world->dev, 2 * PAGE));
	memset(coherent_box_ptr(&box), 0x11, 2 * PAGE);
	for (size_t offset = 0; offset < 2 * PAGE; offset += 64) {
		bytes[0] = 0x5a;
		assert_false(world_reaches(world, &box, offset, bytes, 64, COHERENT_ACCESS_READ));
		assert_int_equal(bytes[0], 0x5a);
		assert_false(world_reaches(world, &box, offset, bytes, 64, COHERENT_ACCESS_WRITE));
		if (world->names_faults) {
			assert_fault(world->dev, COHERENT_STATE_BOX);
			assert_fault(world->dev, COHERENT_STATE_BOX);
		}
	}
	for (size_t i = 0; i < 2 * PAGE; i++)
		assert_int_equal(coherent_box_ptr(&box)[i], 0x11);

	/* Nor one that was a mem. */
	assert_ok(coherent_expose(&box, &mem));
	assert_true(world_reaches(world, &mem, 0, bytes, 64, COHERENT_ACCESS_READ));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_false(world_reaches(world, &box, 0, bytes, 64, COHERENT_ACCESS_READ));
}

/* 3 */
static void device_sees_what_the_cpu_wrote_before_expose(struct world *world)
{
	COHERENT_BOX_AUTO(struct element, box);
	COHERENT_AUTO(struct element, mem);
	struct element seen[4];

	assert_ok(coherent_box_zeroed(&box, world->dev, 4));
	for (uint32_t i = 0; i < 4; i++)
		coherent_box_ptr(&box)[i] = (struct element){ i, ~i, UINT64_C(0x1122334455667788) };
	assert_ok(coherent_expose(&box, &mem));
	assert_true(world_reaches(world, &mem, 0, seen, sizeof(seen), COHERENT_ACCESS_READ));
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(seen[i].a, i);
		assert_int_equal(seen[i].b, ~i);
		assert_int_equal(seen[i].c, UINT64_C(0x1122334455667788));
	}
}

/* 4 */
static void expose_consumes_the_box(struct world *world)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY, other = COHERENT_EMPTY;
	uint8_t byte = 0;

	assert_ok(coherent_box_zeroed(&box, world->dev, 1));
	assert_ok(coherent_expose(&box, &mem));
	assert_true(coherent_is_empty(&box));
	assert_null(coherent_box_ptr(&box));
	assert_int_equal(coherent_box_count(&box), 0);

	/* Into a live mem: the box goes, the mem stays. */
	assert_ok(coherent_box_zeroed(&box, world->dev, 1));
	assert_err(coherent_expose(&box, &mem), -EBUSY);
	assert_true(coherent_is_empty(&box));
	assert_true(world_reaches(world, &mem, 0, &byte, 1, COHERENT_ACCESS_READ));

	/* An empty box. */
	assert_err(coherent_expose(&box, &mem), -EINVAL);
	assert_true(world_reaches(world, &mem, 0, &byte, 1, COHERENT_ACCESS_READ));
	assert_err(coherent_expose(&box, &other), -EINVAL);
	assert_true(coherent_is_empty(&other));
	coherent_free(&mem);
}

/* 4 */
static void failed_expose_leaves_nothing_reachable(const struct world *template)
{
	static const struct {
		const char *keys;
		int err;
	} ways[] = {
		{ ",fail-map=2", -EIO },
		{ ",maps=1", -ENOSPC },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct world *world = world_open(template, ways[i].keys);
		COHERENT(uint8_t) first = COHERENT_EMPTY, mem = COHERENT_EMPTY;
		COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
		coherent_addr_t address = { 0 };
		uint8_t byte;

		assert_ok(coherent_zeroed(&first, world->dev, 1));
		assert_ok(coherent_box_zeroed(&box, world->dev, 1));
		assert_err(coherent_expose(&box, &mem), ways[i].err);
		assert_true(coherent_is_empty(&box) && coherent_is_empty(&mem));
		/* Memory and address are free again: the next box gets both. */
		assert_ok(coherent_box_zeroed(&box, world->dev, 1));
		assert_err(coherent_expose(&box, &mem, .seal = seal_fails, .seal_arg = &address),
			   -ECANCELED);
		assert_int_equal(address.raw, coherent_addr(&first).raw + 2 * PAGE);
		assert_false(world_reaches_addr(world, address, &byte, 1, COHERENT_ACCESS_READ));
		coherent_free(&first);
		world_close(world);
	}
}

/* 5 */
static void count_and_size_are_checked(struct world *world)
{
	COHERENT_BOX(struct element) box = COHERENT_EMPTY;
	COHERENT_BOX(uint64_t) words = COHERENT_EMPTY;
	struct coherent_handle handle = COHERENT_EMPTY;
	union elements mem = COHERENT_EMPTY;

	assert_err(coherent_box_zeroed(&box, world->dev, 0), -EINVAL);
	assert_err(coherent_zeroed(&mem, world->dev, 0), -EINVAL);
	assert_err(coherent_handle_zeroed(&handle, world->dev, 0), -EINVAL);
	assert_err(coherent_box_zeroed(&words, world->dev, SIZE_MAX / 8 + 1), -ENOMEM);
	assert_err(coherent_box_zeroed(&words, world->dev, SIZE_MAX), -ENOMEM);
	assert_err(coherent_box_zeroed(&words, world->dev, PTRDIFF_MAX / 8 + 1), -ENOMEM);
	assert_err(coherent_zeroed(&mem, world->dev, SIZE_MAX / 2), -ENOMEM);
	assert_err(coherent_handle_zeroed(&handle, world->dev, SIZE_MAX), -ENOMEM);
	assert_true(coherent_is_empty(&box) && coherent_is_empty(&words) &&
		    coherent_is_empty(&mem) && !coherent_handle_size(&handle));
	assert_int_equal(world->log.count, 0);
	/* More than the device can address, less than overflows. */
	assert_err(coherent_box_zeroed(&words, world->dev, UINT64_C(1) << 40), -ENOSPC);
	assert_true(log_has(&world->log, "no device address"));
}

/* 5 */
static void align_and_boundary_hold_or_are_refused(struct world *world)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mems[40] = { COHERENT_EMPTY };

	assert_err(coherent_box_zeroed(&box, world->dev, 1, .align = 3), -EINVAL);
	assert_err(coherent_box_zeroed(&box, world->dev, 1, .align = PAGE + 1), -EINVAL);
	assert_err(coherent_box_zeroed(&box, world->dev, 1, .boundary = 100), -EINVAL);
	assert_err(coherent_box_zeroed(&box, world->dev, 65, .boundary = 64), -EINVAL);
	assert_err(coherent_box_zeroed(&box, world->dev, 1, .align = (size_t)1 << 40), -ENOSPC);
	for (size_t i = 0; i < 40; i++) {
		const size_t bytes = 1 + i * 1000;
		const size_t align = (size_t)1 << (i % 18);
		const uint64_t boundary = UINT64_C(65536) << i % 3;
		uint64_t first, last;

		assert_ok(coherent_zeroed(&mems[i], world->dev, bytes, .align = align,
					  .boundary = boundary));
		first = coherent_addr(&mems[i]).raw;
		last = first + bytes - 1;
		assert_int_equal(first % align, 0);
		assert_int_equal(first / boundary, last / boundary);
	}
	/* A reclaimed box keeps them. */
	assert_ok(coherent_reclaim(&mems[17], &box, .idle = true));
	assert_ok(coherent_expose(&box, &mems[17]));
	assert_int_equal(coherent_addr(&mems[17]).raw % (1 << 17), 0);
	for (size_t i = 0; i < 40; i++)
		coherent_free(&mems[i]);
}

static int never_runs(struct element *element, void *arg)
{
	(void)element;
	(void)arg;
	fail();
	return 0;
}

static int half_done(struct element *element, void *arg)
{
	element->a = 1;
	++*(int *)arg;
	return -EDOM;
}

/* 6 */
static void init_at_past_the_end_does_not_run(struct world *world)
{
	COHERENT_BOX_AUTO(struct element, box);
	COHERENT_AUTO(struct element, mem);
	int calls = 0;

	assert_err(coherent_box_init_at(&box, 0, never_runs, NULL), -EINVAL);
	assert_ok(coherent_box_zeroed(&box, world->dev, 3));
	assert_err(coherent_box_init_at(&box, 3, never_runs, NULL), -EINVAL);
	assert_err(coherent_box_init_at(&box, SIZE_MAX, never_runs, NULL), -EINVAL);
	assert_err(coherent_box_init_at(&box, 1, half_done, &calls), -EDOM);
	assert_int_equal(calls, 1);
	assert_zero(&coherent_box_ptr(&box)[0], sizeof(struct element));
	assert_zero(&coherent_box_ptr(&box)[2], sizeof(struct element));
	assert_ok(coherent_expose(&box, &mem));
}

static int init_fails(uint8_t *elements, size_t count, void *arg)
{
	memset(elements, 0x77, count);
	++*(int *)arg;
	return -EDOM;
}

static int init_counts(uint32_t *elements, size_t count, void *arg)
{
	for (size_t i = 0; i < count; i++)
		elements[i] = (uint32_t)i + *(uint32_t *)arg;
	return 0;
}

/* 7 */
static void failing_initialiser_frees_once(struct world *world)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, next = COHERENT_EMPTY;
	coherent_addr_t sealed = { 0 };
	int calls = 0;
	uint8_t byte;

	assert_err(coherent_init(&mem, world->dev, 100, init_fails, &calls), -EDOM);
	assert_int_equal(calls, 1);
	assert_true(coherent_is_empty(&mem));
	assert_err(coherent_zeroed(&mem, world->dev, 100, .seal = seal_fails, .seal_arg = &sealed),
		   -ECANCELED);
	assert_true(coherent_is_empty(&mem));
	assert_false(world_reaches_addr(world, sealed, &byte, 1, COHERENT_ACCESS_READ));
	/* Freed at once: the address was never in use. And once: it is given out once. */
	assert_ok(coherent_zeroed(&mem, world->dev, 100));
	assert_ok(coherent_zeroed(&next, world->dev, 100));
	assert_int_equal(coherent_addr(&mem).raw, sealed.raw);
	assert_int_not_equal(coherent_addr(&next).raw, sealed.raw);
	coherent_free(&mem);
	coherent_free(&next);
}

/* 7 */
static void init_fills_before_the_device_can_see(struct world *world)
{
	COHERENT_AUTO(uint32_t, mem);
	uint32_t start = 40, seen[3];

	assert_ok(coherent_init(&mem, world->dev, 3, init_counts, &start,
				.permission = COHERENT_READ_ONLY));
	assert_true(world_reaches(world, &mem, 0, seen, sizeof(seen), COHERENT_ACCESS_READ));
	assert_int_equal(seen[2], 42);
}

/* 8 */
static void attributes_are_refused_or_honoured(struct world *world)
{
	const unsigned int kernel_only[] = {
		COHERENT_ATTR_WEAK_ORDERING,	COHERENT_ATTR_WRITE_COMBINE,
		COHERENT_ATTR_FORCE_CONTIGUOUS, COHERENT_ATTR_ALLOC_SINGLE_PAGES,
		COHERENT_ATTR_PRIVILEGED,
	};
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;

	for (size_t i = 0; i < ARRAY_SIZE(kernel_only); i++)
		assert_err(coherent_box_zeroed(&box, world->dev, 1,
					       .attrs = kernel_only[i] | COHERENT_ATTR_NO_WARN),
			   -EOPNOTSUPP);
	for (unsigned int bit = 6; bit < 32; bit++)
		assert_err(coherent_box_zeroed(&box, world->dev, 1, .attrs = 1u << bit), -EINVAL);
	assert_ok(coherent_box_zeroed(&box, world->dev, 1, .attrs = COHERENT_ATTR_NO_WARN));
	coherent_box_free(&box);
	/* Honoured: silence. Without it there is a report, see count_and_size_are_checked. */
	assert_err(coherent_box_zeroed(&box, world->dev, (size_t)1 << 40,
				       .attrs = COHERENT_ATTR_NO_WARN),
		   -ENOSPC);
	assert_int_equal(world->log.count, 0);
}

/* 10 */
static void index_past_the_end_touches_nothing(struct world *world)
{
	COHERENT_AUTO(struct element, mem);
	struct element elements[4];
	uint32_t value = 7;

	assert_ok(coherent_zeroed(&mem, world->dev, 4));
	assert_err(coherent_write(&mem, 4, .a, 1), -ERANGE);
	assert_err(coherent_write(&mem, SIZE_MAX, .a, 1), -ERANGE);
	assert_err(coherent_write_release(&mem, 4, .a, 1), -ERANGE);
	assert_err(coherent_read(&mem, 4, .a, &value), -ERANGE);
	assert_err(coherent_read_acquire(&mem, 4, .a, &value), -ERANGE);
	assert_err(coherent_poll(&mem, 4, .a, &value, true, LONG), -ERANGE);
	memset(elements, 0xff, sizeof(elements));
	assert_err(coherent_copy_in(&mem, 2, elements, 3), -ERANGE);
	assert_err(coherent_copy_in(&mem, 5, elements, 0), -ERANGE);
	assert_err(coherent_copy_in(&mem, SIZE_MAX, elements, 2), -ERANGE);
	assert_err(coherent_copy_out(&mem, 2, elements, 3), -ERANGE);
	assert_int_equal(value, 7);
	assert_int_equal(elements[0].a, UINT32_MAX);
	assert_ok(coherent_copy_out(&mem, 0, elements, 4));
	assert_zero(elements, sizeof(elements));
	/* Behind the last element the page goes on, and is untouched. */
	assert_ok(coherent_sim_try(world->dev, &mem, sizeof(elements), elements, sizeof(elements),
				   COHERENT_ACCESS_READ));
	assert_zero(elements, sizeof(elements));
}

/* 11 */
static void view_address_is_base_plus_offset(struct world *world)
{
	COHERENT_VIEW(struct element) view, inner;
	COHERENT_RING(struct element) ring;
	COHERENT_AUTO(struct element, mem);
	coherent_addr_t addr;
	uint64_t base;
	uint32_t value;

	assert_ok(coherent_zeroed(&mem, world->dev, 8));
	base = coherent_addr(&mem).raw;
	assert_ok(coherent_view(&mem, 2, 5, &view));
	assert_int_equal(coherent_addr(&view).raw, base + 2 * sizeof(struct element));
	assert_int_equal(coherent_count(&view), 5);
	assert_ok(coherent_view(&view, 1, 4, &inner));
	assert_int_equal(coherent_addr(&inner).raw, base + 3 * sizeof(struct element));
	assert_ok(coherent_addr_at(&inner, 3, &addr));
	assert_int_equal(addr.raw, base + 6 * sizeof(struct element));
	assert_err(coherent_addr_at(&inner, 4, &addr), -ERANGE);
	assert_int_equal(addr.raw, UINT64_MAX);
	assert_err(coherent_view(&view, 1, 5, &inner), -ERANGE);
	assert_true(coherent_is_empty(&inner));
	assert_err(coherent_view(&mem, 9, 1, &inner), -ERANGE);
	assert_err(coherent_view(&mem, SIZE_MAX, 2, &inner), -ERANGE);
	assert_err(coherent_view(&mem, 0, 0, &inner), -EINVAL);
	assert_ok(coherent_write(&view, 0, .b, 5));
	assert_ok(coherent_read(&mem, 2, .b, &value));
	assert_int_equal(value, 5);

	assert_ok(coherent_ring(&mem, &ring));
	coherent_ring_put(&ring, 8 + 3, .a, 9);
	assert_ok(coherent_read(&mem, 3, .a, &value));
	assert_int_equal(value, 9);
	assert_int_equal(coherent_ring_get(&ring, SIZE_MAX - 4, .a), 9);
	assert_err(coherent_ring(&view, &ring), -EINVAL);
	assert_true(coherent_is_empty(&ring));
}

/* 12 */
static void no_stale_padding_reaches_the_device(struct world *world)
{
	const bool is_padding[] = { 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1 };
	unsigned char seen[2 * sizeof(struct padded)];
	COHERENT_AUTO(struct padded, from);
	COHERENT_AUTO(struct padded, mem);
	struct padded dirty[2];

	memset(dirty, 0xaa, sizeof(dirty));
	assert_ok(coherent_from(&from, world->dev, dirty, 2));
	assert_ok(coherent_zeroed(&mem, world->dev, 2));
	assert_ok(coherent_copy_in(&mem, 0, dirty, 2));
	for (unsigned int turn = 0; turn < 2; turn++) {
		if (turn)
			assert_true(world_reaches(world, &mem, 0, seen, sizeof(seen),
						  COHERENT_ACCESS_READ));
		else
			assert_true(world_reaches(world, &from, 0, seen, sizeof(seen),
						  COHERENT_ACCESS_READ));
		for (size_t i = 0; i < sizeof(seen); i++)
			assert_int_equal(seen[i], is_padding[i % sizeof(struct padded)] ? 0 : 0xaa);
	}
	/* Field by field there is none to begin with. */
	coherent_free(&from);
	assert_ok(coherent_zeroed(&from, world->dev, 1));
	assert_ok(coherent_write(&from, 0, .a, 0xff));
	assert_ok(coherent_write(&from, 0, .b, UINT32_MAX));
	assert_ok(coherent_write(&from, 0, .c, UINT16_MAX));
	assert_true(
		world_reaches(world, &from, 0, seen, sizeof(struct padded), COHERENT_ACCESS_READ));
	for (size_t i = 0; i < sizeof(struct padded); i++)
		assert_int_equal(seen[i], is_padding[i] ? 0 : 0xff);
}

/* The device's buffer holds 0x5a. */
static void load_pattern(struct world *world)
{
	COHERENT_AUTO(uint8_t, pattern);

	assert_ok(coherent_zeroed(&pattern, world->dev, 64));
	for (size_t i = 0; i < 64; i++)
		assert_ok(coherent_write(&pattern, i, 0x5a));
	world_device_reads(world, coherent_addr(&pattern), 64);
}

/* 13 */
static void armed_transfer_does_not_reach_reclaimed_memory(struct world *world)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_AUTO(uint8_t, next);
	coherent_addr_t old;

	load_pattern(world);
	assert_ok(coherent_zeroed(&mem, world->dev, 64));
	old = coherent_addr(&mem);
	/* The transfer works, and so it did not fail for another reason below. */
	world_device_writes(world, old, 64);
	assert_int_equal(coherent_unsafe_ptr(&mem)[63], 0x5a);
	assert_ok(coherent_write(&mem, 63, 1));

	world_arm_write(world, old, 64);
	assert_err(coherent_reclaim(&mem, &box), world->needs_idle ? -EBUSY : 0);
	if (world->needs_idle) {
		assert_false(coherent_is_empty(&mem));
		assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	}
	/* Neither the pages nor the address reach anyone else. */
	assert_ok(coherent_zeroed(&next, world->dev, 64));
	assert_int_not_equal(coherent_addr(&next).raw, old.raw);
	world_fire(world);
	assert_int_equal(coherent_box_ptr(&box)[63], 1);
	assert_int_equal(coherent_unsafe_ptr(&next)[63], 0);
	if (!world->needs_idle)
		assert_fault(world->dev, COHERENT_STATE_RECLAIMED);
	assert_no_fault(world->dev);

	/* After a reclaim the box has another address. */
	assert_ok(coherent_expose(&box, &mem));
	assert_int_not_equal(coherent_addr(&mem).raw, old.raw);
}

/* 13 */
static void armed_transfer_does_not_reach_freed_memory(struct world *world)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_AUTO(uint8_t, next);
	coherent_addr_t old;

	load_pattern(world);
	assert_ok(coherent_zeroed(&mem, world->dev, 64));
	old = coherent_addr(&mem);
	world_arm_write(world, old, 64);
	coherent_free(&mem);
	/* These may well be the same pages, where unmapping is a fence. */
	assert_ok(coherent_zeroed(&next, world->dev, 64));
	assert_int_not_equal(coherent_addr(&next).raw, old.raw);
	world_fire(world);
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(coherent_unsafe_ptr(&next)[i], 0);
	if (!world->needs_idle)
		assert_fault(world->dev, COHERENT_STATE_FREED);
	assert_no_fault(world->dev);
	/* After a fence it is over everywhere. */
	assert_ok(coherent_device_fence(world->dev));
	world_device_writes(world, old, 64);
	assert_fault(world->dev, world->needs_idle ? COHERENT_STATE_NONE : COHERENT_STATE_FREED);
}

/* 14 */
static void object_may_outlive_its_device(const struct world *template)
{
	struct world *world = world_open(template, "");
	COHERENT_BOX(uint32_t) box = COHERENT_EMPTY, back = COHERENT_EMPTY;
	COHERENT(uint32_t) mem = COHERENT_EMPTY, other = COHERENT_EMPTY;
	char place[64];
	uint32_t value;

	snprintf(place, sizeof(place), "%s:%d is not freed", __FILE__, __LINE__ + 1);
	assert_ok(coherent_zeroed(&mem, world->dev, 4));
	assert_ok(coherent_box_zeroed(&box, world->dev, 4));
	assert_ok(coherent_write(&mem, 3, 77));
	coherent_box_ptr(&box)[0] = 5;
	coherent_device_close(world->dev);
	assert_true(log_has(&world->log, place));
	assert_true(log_has(&world->log, "a mem of 4096 bytes"));
	assert_true(log_has(&world->log, "a box of 4096 bytes"));
	assert_int_equal(world->log.count, 2);

	/* Memory is readable; state changes are not possible. */
	assert_ok(coherent_read(&mem, 3, &value));
	assert_int_equal(value, 77);
	assert_ok(coherent_write(&mem, 3, 78));
	assert_int_equal(coherent_box_ptr(&box)[0], 5);
	assert_err(coherent_reclaim(&mem, &back, .idle = true), -ENODEV);
	assert_err(coherent_poll(&mem, 0, &value, false, LONG), -ENODEV);
	assert_err(coherent_expose(&box, &other), -ENODEV);
	assert_true(coherent_is_empty(&box) && coherent_is_empty(&other));
	assert_int_equal(coherent_bar_read32(world->bar, 0), UINT32_MAX);
	coherent_bar_write32(world->bar, 0, 0);
	coherent_free(&mem);
	coherent_bar_close(world->bar);
	free(world);
}

/* 15 */
static void failed_revoke_leaks_and_reports(const struct world *template)
{
	for (unsigned int nth = 1; nth <= 2; nth++) {
		char keys[32], place[64];
		COHERENT(uint8_t) mem = COHERENT_EMPTY, next = COHERENT_EMPTY;
		COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
		coherent_addr_t address;
		volatile uint8_t *pages;
		struct world *world;

		snprintf(keys, sizeof(keys), ",fail-unmap=%u", nth);
		world = world_open(template, keys);
		snprintf(place, sizeof(place), "allocated at %s:%d, they are leaked", __FILE__,
			 __LINE__ + 1);
		assert_ok(coherent_zeroed(&mem, world->dev, 1));
		if (nth == 2) {
			assert_ok(coherent_zeroed(&next, world->dev, 1));
			coherent_free(&next);
		}
		address = coherent_addr(&mem);
		pages = coherent_unsafe_ptr(&mem);
		if (nth == 1) {
			assert_err(coherent_reclaim(&mem, &box, .idle = true), -EIO);
			assert_true(coherent_is_empty(&box));
		} else {
			coherent_free(&mem);
		}
		assert_true(coherent_is_empty(&mem));
		assert_true(log_has(&world->log, place));
		assert_true(log_has(&world->log, "error: sim:edu"));
		/* Neither pages nor address come back. */
		for (unsigned int i = 0; i < 200; i++) {
			assert_ok(coherent_zeroed(&next, world->dev, 1));
			assert_int_not_equal(coherent_addr(&next).raw, address.raw);
			assert_ptr_not_equal(coherent_unsafe_ptr(&next), pages);
			coherent_free(&next);
		}
		/* Leaked is not left open. */
		world_close(world);
	}
}

/* 16 */
static void last_byte_is_under_the_mask(const struct world *template)
{
	COHERENT(uint8_t) mems[64] = { COHERENT_EMPTY };
	struct world *world = world_open(template, ",mask=40");
	struct coherent_limits limits;
	size_t count = 0;
	int err;

	/* 16 pages of address space, one of which is never given out. */
	assert_ok(coherent_device_set_mask(world->dev, coherent_mask(16)));
	while (!(err = coherent_zeroed(&mems[count], world->dev, PAGE)))
		assert_true(coherent_addr(&mems[count++]).raw + PAGE - 1 <= coherent_mask(16));
	assert_err(err, -ENOSPC);
	assert_true(count >= 7);
	assert_err(coherent_device_set_mask(world->dev, coherent_mask(17)), -EBUSY);
	for (size_t i = 0; i < count; i++)
		coherent_free(&mems[i]);
	assert_ok(coherent_device_fence(world->dev));

	assert_ok(coherent_device_set_mask(world->dev, coherent_mask(40)));
	assert_ok(coherent_device_limits(world->dev, &limits));
	assert_int_equal(limits.range_count, 2);
	/* Across the hole there is no object: 4 GiB do not fit below it. */
	for (size_t i = 0; i < 2; i++) {
		coherent_addr_t at = { 0 };
		bool inside = false;

		assert_err(coherent_zeroed(&mems[0], world->dev, (size_t)1 << (20 + i),
					   .align = (size_t)1 << 32, .seal = seal_fails,
					   .seal_arg = &at),
			   -ECANCELED);
		for (unsigned int k = 0; k < limits.range_count; k++)
			inside = inside ||
				 (at.raw >= limits.ranges[k].first &&
				  at.raw + ((size_t)1 << (20 + i)) - 1 <= limits.ranges[k].last);
		assert_true(inside);
	}
	world_close(world);
}

/* 17 */
static void device_may_do_only_what_expose_allowed(struct world *world)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	uint8_t byte = 0x5a;

	assert_ok(coherent_zeroed(&mem, world->dev, 1, .permission = COHERENT_READ_ONLY));
	assert_false(world_reaches(world, &mem, 0, &byte, 1, COHERENT_ACCESS_WRITE));
	if (world->names_faults)
		assert_fault(world->dev, COHERENT_STATE_MEM);
	assert_true(world_reaches(world, &mem, 0, &byte, 1, COHERENT_ACCESS_READ));
	assert_int_equal(byte, 0);
	/* The CPU may still write. */
	assert_ok(coherent_write(&mem, 0, 3));
	/* Once reclaimed, it is exposed anew, with other permissions. */
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_ok(coherent_expose(&box, &mem));
	byte = 4;
	assert_true(world_reaches(world, &mem, 0, &byte, 1, COHERENT_ACCESS_WRITE));
	assert_ok(coherent_read(&mem, 0, &byte));
	assert_int_equal(byte, 4);
	coherent_free(&mem);

	assert_ok(coherent_box_zeroed(&box, world->dev, 1));
	assert_err(coherent_expose(&box, &mem, .permission = (enum coherent_permission)2), -EINVAL);
	assert_true(coherent_is_empty(&mem));
	assert_int_equal(coherent_device_level(world->dev), world->level);
	assert_ok(coherent_box_zeroed(&box, world->dev, 1, .level = world->level));
	assert_int_equal(coherent_box_level(&box), world->level);
}

/* 19 */
static void writes_before_a_doorbell_are_seen_after_it(struct world *world)
{
	COHERENT_AUTO(uint32_t, out);
	COHERENT_AUTO(uint32_t, in);
	uint32_t value;

	assert_ok(coherent_zeroed(&out, world->dev, 16, .permission = COHERENT_READ_ONLY));
	assert_ok(coherent_zeroed(&in, world->dev, 16));
	for (uint32_t turn = 1; turn < 5; turn++) {
		for (size_t i = 0; i < 16; i++)
			assert_ok(coherent_write(&out, i, turn * 100 + (uint32_t)i));
		/* The doorbell is edu's command register. */
		world_device_reads(world, coherent_addr(&out), 64);
		world_device_writes(world, coherent_addr(&in), 64);
		assert_ok(coherent_read_acquire(&in, 15, &value));
		assert_int_equal(value, turn * 100 + 15);
	}
}

/* --- Running them --- */

typedef void promise_fn(struct world *world);
typedef void promise_self_opening_fn(const struct world *template);

struct promise {
	const char *name;
	promise_fn *fn;
	promise_self_opening_fn *self_opening;
};

#define PROMISE(promise)                        \
	{                                       \
		.name = #promise, .fn = promise \
	}
#define PROMISE_SELF_OPENING(promise)                     \
	{                                                 \
		.name = #promise, .self_opening = promise \
	}

static const struct promise promises[] = {
	PROMISE(fresh_box_is_zero_to_the_end_of_its_last_page),
	PROMISE(no_device_can_read_or_write_a_box),
	PROMISE(device_sees_what_the_cpu_wrote_before_expose),
	PROMISE(expose_consumes_the_box),
	PROMISE_SELF_OPENING(failed_expose_leaves_nothing_reachable),
	PROMISE(count_and_size_are_checked),
	PROMISE(align_and_boundary_hold_or_are_refused),
	PROMISE(init_at_past_the_end_does_not_run),
	PROMISE(failing_initialiser_frees_once),
	PROMISE(init_fills_before_the_device_can_see),
	PROMISE(attributes_are_refused_or_honoured),
	PROMISE(index_past_the_end_touches_nothing),
	PROMISE(view_address_is_base_plus_offset),
	PROMISE(no_stale_padding_reaches_the_device),
	PROMISE(armed_transfer_does_not_reach_reclaimed_memory),
	PROMISE(armed_transfer_does_not_reach_freed_memory),
	PROMISE_SELF_OPENING(object_may_outlive_its_device),
	PROMISE_SELF_OPENING(failed_revoke_leaks_and_reports),
	PROMISE_SELF_OPENING(last_byte_is_under_the_mask),
	PROMISE(device_may_do_only_what_expose_allowed),
	PROMISE(writes_before_a_doorbell_are_seen_after_it),
};

struct cell {
	const struct promise *promise;
	const struct world *template;
	char name[128];
};

static void run_cell(void **state)
{
	const struct cell *cell = *state;
	struct world *world;

	if (cell->promise->self_opening) {
		cell->promise->self_opening(cell->template);
		return;
	}
	world = world_open(cell->template, "");
	cell->promise->fn(world);
	world_close(world);
}

/* For docs/backends.md, which tools/backends makes. */
static void print_answers(void)
{
	static const char *const levels[] = {
		[COHERENT_NONE] = "NONE",
		[COHERENT_HIDDEN] = "HIDDEN",
		[COHERENT_PEER] = "PEER",
		[COHERENT_IOMMU] = "IOMMU",
	};

	for (size_t i = 0; i < world_count; i++)
		printf("# answers: %s | %s | %s | %s | %s\n", worlds[i].label, worlds[i].name,
		       levels[worlds[i].level], worlds[i].needs_idle ? "needed" : "not needed",
		       worlds[i].names_faults ? "named" : "not named");
}

int main(void)
{
	const size_t count = ARRAY_SIZE(promises) * world_count;
	struct CMUnitTest *tests = calloc(count, sizeof(*tests));
	struct cell *cells = calloc(count, sizeof(*cells));
	int failed;

	for (size_t i = 0; i < count; i++) {
		struct cell *cell = &cells[i];

		cell->promise = &promises[i % ARRAY_SIZE(promises)];
		cell->template = &worlds[i / ARRAY_SIZE(promises)];
		snprintf(cell->name, sizeof(cell->name), "%s: %s", cell->template->label,
			 cell->promise->name);
		tests[i] = (struct CMUnitTest){
			.name = cell->name,
			.test_func = run_cell,
			.initial_state = cell,
		};
	}
	failed = _cmocka_run_group_tests("promises", tests, count, NULL, NULL);
	print_answers();
	free(tests);
	free(cells);
	return failed;
}
