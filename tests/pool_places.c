// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the addresses of the slots of a pool, and how a pool grows and shrinks.
 */
#include <malloc.h>

#include "../src/device/device.h"
#include "pool_test.h"

static void slots_keep_to_alignment_and_boundary(void **state)
{
	static const struct {
		size_t align;
		uint64_t boundary;
		size_t spacing;
	} cases[] = {
		{ 0, 0, 64 },	{ 16, 0, 48 },	 { 8, 0, 48 },
		{ 1, 0, 48 },	{ 256, 0, 256 }, { 4096, 0, 4096 },
		{ 16, 64, 64 }, { 16, 128, 48 }, { 32, 1 << 20, 64 },
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(cases); k++) {
		COHERENT_POOL(uint8_t[40]) pool = COHERENT_EMPTY;
		COHERENT(uint8_t[40]) mems[200] = { COHERENT_EMPTY };
		const size_t align = cases[k].align ? cases[k].align : 64;
		const uint64_t block =
			cases[k].boundary && cases[k].boundary < PAGE ? cases[k].boundary : PAGE;
		uint64_t last = 0;

		assert_ok(coherent_pool_create(&pool, dev, .align = cases[k].align,
					       .boundary = cases[k].boundary));
		for (size_t i = 0; i < ARRAY_SIZE(mems); i++) {
			COHERENT_BOX(uint8_t[40]) box = COHERENT_EMPTY;
			uint64_t at;

			assert_ok(coherent_pool_box(&pool, &box));
			assert_ok(coherent_expose(&box, &mems[i]));
			at = coherent_addr(&mems[i]).raw;
			assert_int_equal(at % align, 0);
			assert_int_equal(at / block, (at + cases[k].spacing - 1) / block);
			if (last && last / block == at / block)
				assert_int_equal(at - last, cases[k].spacing);
			last = at;
		}
		for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
			coherent_free(&mems[i]);
		assert_ok(coherent_pool_destroy(&pool));
	}
}

static void freed_slots_are_reused_after_the_delay(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	uint64_t freed[100];

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev, .delay = 10));
	for (size_t i = 0; i < ARRAY_SIZE(freed); i++) {
		make_mem(&pool, &mem, DIRT);
		freed[i] = coherent_addr(&mem).raw;
		for (size_t k = i < 10 ? 0 : i - 10; k < i; k++)
			assert_int_not_equal(freed[k], freed[i]);
		/* The eleventh free makes the slot available again. */
		if (i > 10)
			assert_int_equal(freed[i], freed[i - 11]);
		coherent_free(&mem);
	}
	assert_ok(coherent_pool_destroy(&pool));
}

/* The device has 60 mappings. The number that is left tells how many the pool uses. */
static void pool_grows_and_shrinks(void **state)
{
	static union command_mem mems[4000];
	COHERENT_DEVICE_AUTO(few);
	COHERENT(uint8_t) others[60] = { COHERENT_EMPTY };
	union commands pool = COHERENT_EMPTY;
	size_t i, most;

	(void)state;
	assert_ok(coherent_device_open(&few, "sim:edu,step,mask=40,maps=60"));
	assert_ok(coherent_pool_create(&pool, few));
	for (i = 0; i < ARRAY_SIZE(mems); i++)
		make_mem(&pool, &mems[i], (uint8_t)i);
	for (most = 0; !coherent_zeroed(&others[most], few, 1); most++)
		;
	/* The 4000 slots need some 63 pages. The pool maps 1, 1, 2, 4, 8, 16, 16... at a time. */
	assert_in_range(most, 50, 54);
	for (i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	while (most)
		coherent_free(&others[--most]);
	assert_ok(coherent_device_fence(few));
	for (most = 0; most < 60 && !coherent_zeroed(&others[most], few, 1); most++)
		;
	/* The pool keeps one mapping, and those whose slots are in a cache. */
	assert_in_range(most, 56, 59);
	while (most)
		coherent_free(&others[--most]);
	assert_ok(coherent_pool_destroy(&pool));
}

static size_t heap_bytes(void)
{
	const struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/*
 * Measures the heap that a slot needs. There are many slots, so that the fixed cost of a device
 * does not count. Boxes are enough, because the cost is for each slot.
 */
#define BYTES_A_SLOT(T, count)                                                                    \
	({                                                                                        \
		COHERENT_POOL(T) pool = COHERENT_EMPTY;                                           \
		static COHERENT_BOX(T) boxes[count];                                              \
		size_t before, after;                                                             \
                                                                                                  \
		assert_ok(coherent_pool_create(&pool, dev));                                      \
		before = heap_bytes();                                                            \
		for (size_t i = 0; i < (count); i++)                                              \
			assert_ok(coherent_pool_box(&pool, &boxes[i]));                           \
		after = heap_bytes();                                                             \
		for (size_t i = 0; i < (count); i++)                                              \
			coherent_box_free(&boxes[i]);                                             \
		assert_ok(coherent_pool_destroy(&pool));                                          \
		print_message("# %.1f bytes a slot of %zu\n", (double)(after - before) / (count), \
			      sizeof(T));                                                         \
		(after - before) / (count);                                                       \
	})

static void bookkeeping_is_small(void **state)
{
	(void)state;
	assert_true(BYTES_A_SLOT(uint8_t[16], 200000) <= 32);
	assert_true(BYTES_A_SLOT(uint8_t[64], 200000) <= 32);
	/* Larger slots also pay for the table that maps pages to pools, which has 16 bytes a page. */
	assert_true(BYTES_A_SLOT(uint8_t[512], 100000) <= 32 + 16 / 8);
	assert_true(BYTES_A_SLOT(uint8_t[1024], 40000) <= 32 + 16 / 4);
	assert_true(BYTES_A_SLOT(uint8_t[4096], 20000) <= 32 + 16);
}

/*
 * On a lazy IOMMU a pool does not unmap its pages before a fence. It uses them again, so that
 * it never needs more of them.
 */
static void pool_keeps_its_pages_until_a_fence(void **state)
{
	static union command_mem mems[5000];
	COHERENT_DEVICE_AUTO(lazy);
	union commands pool = COHERENT_EMPTY;
	struct coherent_stats stats;
	uint64_t objects = 0;

	(void)state;
	assert_ok(coherent_device_open(&lazy, "sim:edu,step,mask=24,lazy"));
	assert_ok(coherent_pool_create(&pool, lazy));
	for (unsigned int turn = 0; turn < 100; turn++) {
		for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
			make_mem(&pool, &mems[i], 1);
		assert_ok(coherent_device_stats(lazy, &stats));
		assert_true(!objects || stats.objects == objects);
		objects = stats.objects;
		for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
			coherent_free(&mems[i]);
	}
	assert_ok(coherent_pool_destroy(&pool));
}

/* When large chunks fail, the pool grows by single pages until no address is left. */
static void pool_uses_the_last_free_pages(void **state)
{
	COHERENT_DEVICE_AUTO(tight);
	COHERENT_POOL(uint8_t[PAGE]) pool = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t[PAGE]) boxes[64] = { COHERENT_EMPTY };
	COHERENT(uint8_t) none = COHERENT_EMPTY;
	struct log log = LOG_EMPTY;
	size_t count = 0;

	(void)state;
	assert_ok(coherent_device_open(&tight, "sim:edu,step,mask=18", .report = log_report,
				       .report_arg = &log));
	assert_ok(coherent_pool_create(&pool, tight));
	while (!coherent_pool_box(&pool, &boxes[count]))
		count++;
	assert_in_range(count, 30, 62);
	assert_err(coherent_zeroed(&none, tight, 1), -ENOSPC);
	assert_int_equal(log.count, 2);
	while (count)
		coherent_box_free(&boxes[--count]);
	assert_ok(coherent_pool_destroy(&pool));
}

/*
 * A thread keeps few slots of a page each. The pool frees the others, in whatever order the
 * driver freed them.
 */
static void large_slots_are_not_hoarded(void **state)
{
	COHERENT_POOL(uint8_t[PAGE]) pool = COHERENT_EMPTY;
	static COHERENT_BOX(uint8_t[PAGE]) boxes[2000];
	struct coherent_stats stats;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++)
		assert_ok(coherent_pool_box(&pool, &boxes[i]));
	for (size_t k = 0; k < 50; k++)
		for (size_t i = k; i < ARRAY_SIZE(boxes); i += 50)
			coherent_box_free(&boxes[i]);
	assert_ok(coherent_device_stats(dev, &stats));
	print_message("# %zu pages of 2000 are kept\n", (size_t)stats.bytes / PAGE);
	/* The cache holds 15 slots, which keep at most 15 chunks, wherever they are. */
	assert_true(stats.bytes / PAGE <= 800);
	assert_ok(coherent_pool_destroy(&pool));
	assert_ok(coherent_device_stats(dev, &stats));
	assert_int_equal(stats.bytes, 0);
}

/* The device never knew the address of a box, so that freeing a box does not end a delay. */
static void freed_boxes_do_not_count_for_the_delay(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	uint64_t address;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev, .delay = 2));
	make_mem(&pool, &mem, 1);
	address = coherent_addr(&mem).raw;
	coherent_free(&mem);
	for (unsigned int turn = 0; turn < 10; turn++) {
		struct coherent_info info;

		assert_ok(coherent_pool_box(&pool, &box));
		assert_ok(coherent_find_ptr(dev, coherent_box_ptr(&box), &info));
		assert_int_not_equal(info.address, address);
		coherent_box_free(&box);
	}
	assert_ok(coherent_pool_destroy(&pool));
}

/*
 * The thread takes all slots of two pages and frees those of the second page first. Then its cache
 * has only slots of the first page, and the second page is unused.
 */
static void use_two_pages(union commands *pool, union command_box boxes[128])
{
	for (size_t i = 0; i < 128; i++)
		assert_ok(coherent_pool_box(pool, &boxes[i]));
	for (size_t i = 128; i > 0; i--)
		coherent_box_free(&boxes[i - 1]);
}

static void one_unused_chunk_is_kept(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box boxes[128] = { COHERENT_EMPTY };
	struct coherent_stats first, stats;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	use_two_pages(&pool, boxes);
	assert_ok(coherent_device_stats(dev, &first));
	assert_int_equal(first.objects, 2);
	for (unsigned int turn = 0; turn < 20; turn++) {
		use_two_pages(&pool, boxes);
		assert_ok(coherent_device_stats(dev, &stats));
		/* The pool neither returned the page nor asked for another one. */
		assert_int_equal(stats.allocated, first.allocated);
		assert_int_equal(stats.objects, 2);
	}
	assert_ok(coherent_pool_destroy(&pool));
}

/*
 * A stand-in for a peer: unmapping is a fence only if the driver says that the object is idle. The
 * driver has freed all objects of an unused chunk, and so has said it.
 */
static void unused_chunk_ends_without_a_fence(void **state)
{
	static union command_mem mems[4000];
	union commands pool = COHERENT_EMPTY;
	struct coherent_stats most, stats;

	(void)state;
	dev->backend->idle_is_fence = true;
	dev->backend->limits.unmap_is_fence = false;
	assert_ok(coherent_pool_create(&pool, dev));
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		make_mem(&pool, &mems[i], 1);
	assert_ok(coherent_device_stats(dev, &most));
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	assert_ok(coherent_device_stats(dev, &stats));
	assert_int_equal(stats.waiting, 0);
	assert_true(stats.mems <= 3 && most.mems > 6);
	assert_ok(coherent_pool_destroy(&pool));
	assert_ok(coherent_device_stats(dev, &stats));
	assert_int_equal(stats.waiting, 0);
	assert_int_equal(stats.objects, 0);
}

static int refuse_idle_unmap(struct backend *backend, const struct backend_mapping *mapping,
			     bool idle)
{
	(void)backend;
	(void)mapping;
	return idle ? -EIO : 0;
}

/* No backend fails like this on purpose, so the test puts its own unmap in the place of sim's. */
static void chunk_whose_unmap_fails_is_leaked(void **state)
{
	struct backend_ops ops = *dev->backend->ops;
	const struct backend_ops *kept = dev->backend->ops;
	union commands pool = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;

	(void)state;
	ops.unmap = refuse_idle_unmap;
	dev->backend->ops = &ops;
	dev->backend->idle_is_fence = true;
	dev->backend->limits.unmap_is_fence = false;
	assert_ok(coherent_pool_create(&pool, dev));
	make_mem(&pool, &mem, 1);
	coherent_free(&mem);
	assert_ok(coherent_pool_destroy(&pool));
	assert_true(log_has(&reports, "are leaked"));
	dev->backend->ops = kept;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DEVICE(slots_keep_to_alignment_and_boundary),
		ON_DEVICE(freed_slots_are_reused_after_the_delay),
		ON_DEVICE(pool_grows_and_shrinks),
		ON_DEVICE(bookkeeping_is_small),
		cmocka_unit_test(pool_keeps_its_pages_until_a_fence),
		cmocka_unit_test(pool_uses_the_last_free_pages),
		ON_DEVICE(large_slots_are_not_hoarded),
		ON_DEVICE(freed_boxes_do_not_count_for_the_delay),
		ON_DEVICE(one_unused_chunk_is_kept),
		ON_DEVICE(unused_chunk_ends_without_a_fence),
		ON_DEVICE(chunk_whose_unmap_fails_is_leaked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
