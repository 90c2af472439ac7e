// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Pools: small boxes and mems, on a device that tries what it likes.
 */
#include <coherent/pool.h>
#include <malloc.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define PAGE 4096
#define DIRT 0x5a

struct command {
	uint32_t opcode;
	uint8_t rest[60];
};

COHERENT_POOL_TYPE(commands, struct command);
COHERENT_BOX_TYPE(command_box, struct command);
COHERENT_TYPE(command_mem, struct command);

static struct coherent_device *dev;
static struct log reports;

static int open_device(void **state)
{
	(void)state;
	reports = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(&dev, "sim:edu,step,mask=40", .report = log_report,
				       .report_arg = &reports));
	return 0;
}

static int close_device(void **state)
{
	(void)state;
	coherent_device_close(dev);
	return 0;
}

/* What the device finds at an address; whether it gets there. */
static bool device_reads(uint64_t address, void *to, size_t bytes)
{
	return !coherent_sim_try_addr(dev, (coherent_addr_t){ address }, to, bytes,
				      COHERENT_ACCESS_READ);
}

static bool device_writes(uint64_t address, const void *from, size_t bytes)
{
	return !coherent_sim_try_addr(dev, (coherent_addr_t){ address }, (void *)(uintptr_t)from,
				      bytes, COHERENT_ACCESS_WRITE);
}

/* A box whose every byte is as given, exposed. */
static void make(union commands *pool, union command_mem *mem, uint8_t byte)
{
	union command_box box = COHERENT_EMPTY;

	assert_ok(coherent_pool_box(pool, &box));
	memset(coherent_box_ptr(&box), byte, sizeof(struct command));
	assert_ok(coherent_expose(&box, mem));
	assert_true(coherent_is_empty(&box));
}

/* --- Phases --- */

static void box_is_zero_and_out_of_reach(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	struct command seen;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	for (unsigned int turn = 0; turn < 2; turn++) {
		assert_ok(coherent_pool_box(&pool, &box));
		assert_int_equal(coherent_box_count(&box), 1);
		assert_int_equal(coherent_box_level(&box), COHERENT_IOMMU);
		assert_true(is_all(coherent_box_ptr(&box), 0, sizeof(seen)));
		memset(coherent_box_ptr(&box), DIRT, sizeof(seen));
		/* There is exposed memory where it is going to be: zeros, or what the device wrote. */
		assert_ok(
			coherent_sim_try(dev, &box, 0, &seen, sizeof(seen), COHERENT_ACCESS_READ));
		assert_true(is_all(&seen, turn != 0, sizeof(seen)));
		memset(&seen, 1, sizeof(seen));
		assert_ok(
			coherent_sim_try(dev, &box, 0, &seen, sizeof(seen), COHERENT_ACCESS_WRITE));
		assert_true(is_all(coherent_box_ptr(&box), DIRT, sizeof(seen)));
		coherent_box_free(&box);
		assert_true(coherent_is_empty(&box));
	}
	/* Nor does what the device wrote there get into the next one. */
	assert_ok(coherent_pool_box(&pool, &box));
	assert_true(is_all(coherent_box_ptr(&box), 0, sizeof(seen)));
	assert_ok(coherent_expose(&box, &mem));
	assert_true(device_reads(coherent_addr(&mem).raw, &seen, sizeof(seen)));
	assert_true(is_all(&seen, 0, sizeof(seen)));
	coherent_free(&mem);
	assert_no_fault(dev);
	assert_ok(coherent_pool_destroy(&pool));
}

static void mem_is_shared_until_it_is_freed(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY, next = COHERENT_EMPTY;
	struct command seen;
	uint32_t opcode;
	uint64_t address;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	make(&pool, &mem, DIRT);
	address = coherent_addr(&mem).raw;
	assert_int_equal(coherent_count(&mem), 1);
	assert_true(device_reads(address, &seen, sizeof(seen)));
	assert_true(is_all(&seen, DIRT, sizeof(seen)));
	seen.opcode = 7;
	assert_true(device_writes(address, &seen, sizeof(seen)));
	assert_ok(coherent_read(&mem, 0, .opcode, &opcode));
	assert_int_equal(opcode, 7);
	assert_err(coherent_read(&mem, 1, .opcode, &opcode), -ERANGE);
	coherent_free(&mem);
	assert_true(coherent_is_empty(&mem));
	/* Its bytes are gone, and its place is the next one's. */
	assert_true(device_reads(address, &seen, sizeof(seen)));
	assert_true(is_all(&seen, 0, sizeof(seen)));
	make(&pool, &next, 1);
	assert_int_equal(coherent_addr(&next).raw, address);
	coherent_free(&next);
	assert_ok(coherent_pool_destroy(&pool));
	/* Now nothing is. */
	assert_false(device_reads(address, &seen, sizeof(seen)));
}

static void reclaim_keeps_contents_and_place(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	struct command seen;
	uint64_t address;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	make(&pool, &mem, DIRT);
	address = coherent_addr(&mem).raw;
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	assert_int_equal(coherent_addr(&mem).raw, address);
	assert_true(device_writes(address + 8, "device", 6));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_true(coherent_is_empty(&mem));
	assert_memory_equal((char *)coherent_box_ptr(&box) + 8, "device", 6);
	assert_true(device_reads(address, &seen, sizeof(seen)));
	assert_true(is_all(&seen, 0, sizeof(seen)));
	assert_ok(coherent_expose(&box, &mem));
	assert_int_equal(coherent_addr(&mem).raw, address);
	assert_true(device_reads(address, &seen, sizeof(seen)));
	assert_memory_equal((char *)&seen + 8, "device", 6);
	coherent_free(&mem);
	assert_ok(coherent_pool_destroy(&pool));
}

static int seal_fully(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	struct command *command = elements;

	assert_int_equal(count, 1);
	memcpy(command->rest, &address.raw, sizeof(address.raw));
	return *(int *)arg;
}

static void seal_knows_the_address(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	struct command seen;
	int result = 0;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_box(&pool, &box));
	assert_ok(coherent_expose(&box, &mem, .seal = seal_fully, .seal_arg = &result));
	assert_true(device_reads(coherent_addr(&mem).raw, &seen, sizeof(seen)));
	assert_memory_equal(seen.rest, &(uint64_t){ coherent_addr(&mem).raw }, 8);
	coherent_free(&mem);
	for (size_t i = 0; i < 2; i++) {
		result = i ? 1 : -ECANCELED;
		assert_ok(coherent_pool_box(&pool, &box));
		assert_err(coherent_expose(&box, &mem, .seal = seal_fully, .seal_arg = &result),
			   i ? -EINVAL : -ECANCELED);
		assert_true(coherent_is_empty(&box) && coherent_is_empty(&mem));
	}
	assert_ok(coherent_pool_destroy(&pool));
}

static void device_may_do_only_what_the_pool_allows(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	struct coherent_fault fault;
	struct command seen;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev, .permission = COHERENT_READ_ONLY));
	assert_ok(coherent_pool_box(&pool, &box));
	assert_err(coherent_expose(&box, &mem), -EINVAL);
	assert_true(coherent_is_empty(&box) && coherent_is_empty(&mem));
	assert_ok(coherent_pool_box(&pool, &box));
	memset(coherent_box_ptr(&box), DIRT, sizeof(seen));
	assert_ok(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY));
	assert_true(device_reads(coherent_addr(&mem).raw, &seen, sizeof(seen)));
	assert_true(is_all(&seen, DIRT, sizeof(seen)));
	assert_false(device_writes(coherent_addr(&mem).raw, &seen, sizeof(seen)));
	assert_ok(coherent_device_next_fault(dev, &fault));
	assert_int_equal(fault.state, COHERENT_STATE_MEM);
	assert_int_equal(fault.object_address, coherent_addr(&mem).raw);
	assert_int_equal(fault.object_bytes, sizeof(struct command));
	assert_non_null(strstr(fault.text, "read-only (64 bytes allocated at tests/pool.c:"));
	coherent_free(&mem);
	assert_ok(coherent_pool_destroy(&pool));
}

/* --- Places --- */

static void slots_are_where_they_may_be(void **state)
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

static void freed_slots_are_kept_back(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	uint64_t freed[100];

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev, .delay = 10));
	for (size_t i = 0; i < ARRAY_SIZE(freed); i++) {
		make(&pool, &mem, DIRT);
		freed[i] = coherent_addr(&mem).raw;
		for (size_t k = i < 10 ? 0 : i - 10; k < i; k++)
			assert_int_not_equal(freed[k], freed[i]);
		/* And no longer. */
		if (i > 10)
			assert_int_equal(freed[i], freed[i - 11]);
		coherent_free(&mem);
	}
	assert_ok(coherent_pool_destroy(&pool));
}

/* Where mappings are few, it shows what a pool has. */
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
		make(&pool, &mems[i], (uint8_t)i);
	for (most = 0; !coherent_zeroed(&others[most], few, 1); most++)
		;
	/* 4000 of them are some 63 pages, that are mapped by 1, 1, 2, 4, 8, 16, 16... at a time. */
	assert_in_range(most, 50, 54);
	for (i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	while (most)
		coherent_free(&others[--most]);
	assert_ok(coherent_device_fence(few));
	for (most = 0; most < 60 && !coherent_zeroed(&others[most], few, 1); most++)
		;
	/* One stays, and those that have slots in the cache. */
	assert_in_range(most, 56, 59);
	while (most)
		coherent_free(&others[--most]);
	assert_ok(coherent_pool_destroy(&pool));
}

static size_t heap(void)
{
	const struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* Of many, so that what a device has once does not count; by the slot, boxes are enough. */
#define BYTES_A_SLOT(T, count)                                                                    \
	({                                                                                        \
		COHERENT_POOL(T) pool = COHERENT_EMPTY;                                           \
		static COHERENT_BOX(T) boxes[count];                                              \
		size_t before, after;                                                             \
                                                                                                  \
		assert_ok(coherent_pool_create(&pool, dev));                                      \
		before = heap();                                                                  \
		for (size_t i = 0; i < (count); i++)                                              \
			assert_ok(coherent_pool_box(&pool, &boxes[i]));                           \
		after = heap();                                                                   \
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
	/* Of larger ones it shows what tells whose a page is: twice 8 bytes a page. */
	assert_true(BYTES_A_SLOT(uint8_t[512], 100000) <= 32 + 16 / 8);
	assert_true(BYTES_A_SLOT(uint8_t[1024], 40000) <= 32 + 16 / 4);
	assert_true(BYTES_A_SLOT(uint8_t[4096], 20000) <= 32 + 16);
}

/* Where nothing is a fence but a fence, a pool keeps its pages: it needs no more of them. */
static void pool_breathes_where_nothing_fences(void **state)
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
			make(&pool, &mems[i], 1);
		assert_ok(coherent_device_stats(lazy, &stats));
		assert_true(!objects || stats.objects == objects);
		objects = stats.objects;
		for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
			coherent_free(&mems[i]);
	}
	assert_ok(coherent_pool_destroy(&pool));
}

/* To the last page that there is. */
static void pool_takes_single_pages_in_the_end(void **state)
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

/* Of a page each, few are kept by the thread, and the rest goes, in whatever order they came. */
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
	/* What 15 slots keep, wherever they are: not more than so many chunks. */
	assert_true(stats.bytes / PAGE <= 800);
	assert_ok(coherent_pool_destroy(&pool));
	assert_ok(coherent_device_stats(dev, &stats));
	assert_int_equal(stats.bytes, 0);
}

/* Boxes that the device was never told of push nothing out. */
static void only_mems_are_kept_back(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	uint64_t address;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev, .delay = 2));
	make(&pool, &mem, 1);
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

/* --- What is refused --- */

struct large {
	uint8_t bytes[PAGE + 1];
};

static void bad_input_is_refused(void **state)
{
	COHERENT_POOL(struct large) large = COHERENT_EMPTY;
	union commands pool = COHERENT_EMPTY, other = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	struct coherent_pool none = { .va = NULL };

	(void)state;
	assert_err(coherent_pool_create(&large, dev), -EINVAL);
	assert_err(coherent_base_pool_create(&none, 0,
					     &(struct coherent_pool_options){ .dev = dev }, "here"),
		   -EINVAL);
	assert_err(coherent_pool_create(&pool, dev, .align = 48), -EINVAL);
	assert_err(coherent_pool_create(&pool, dev, .align = 2 * PAGE), -EINVAL);
	assert_err(coherent_pool_create(&pool, dev, .boundary = 96), -EINVAL);
	assert_err(coherent_pool_create(&pool, dev, .boundary = 32), -EINVAL);
	assert_err(coherent_pool_create(&pool, dev, .permission = 2), -EINVAL);
	assert_err(coherent_pool_create(&pool, NULL), -ENODEV);
	assert_true(!pool.base.va && !large.base.va);
	assert_err(coherent_pool_box(&pool, &box), -EINVAL);
	assert_ok(coherent_pool_destroy(&pool));
	assert_ok(coherent_pool_create(&pool, dev));
	assert_err(coherent_pool_create(&pool, dev), -EBUSY);
	assert_ok(coherent_pool_create(&other, dev));
	assert_ok(coherent_pool_box(&pool, &box));
	/* It is a box of one pool already. */
	assert_err(coherent_pool_box(&other, &box), -EBUSY);
	coherent_box_free(&box);
	assert_ok(coherent_pool_destroy(&pool));
	assert_ok(coherent_pool_destroy(&other));
}

static void live_objects_keep_a_pool(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mems[20] = { COHERENT_EMPTY };

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_box(&pool, &box));
	assert_err(coherent_pool_destroy(&pool), -EBUSY);
	assert_true(log_has(&reports, "a box of 64 bytes of the pool created at tests/pool.c:"));
	assert_true(log_has(&reports, "is not freed"));
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		make(&pool, &mems[i], 1);
	assert_err(coherent_pool_destroy(&pool), -EBUSY);
	assert_true(log_has(&reports, "a mem of 64 bytes"));
	assert_true(log_has(&reports, "and 13 more"));
	coherent_box_free(&box);
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	assert_ok(coherent_pool_destroy(&pool));
}

static struct coherent_pool left_behind;

static void pool_ends_with_its_scope(void **state)
{
	COHERENT(struct command) kept = COHERENT_EMPTY;
	struct coherent_stats stats;

	(void)state;
	{
		COHERENT_POOL_AUTO(struct command, pool);
		COHERENT_BOX_AUTO(struct command, box);
		COHERENT_AUTO(struct command, mem);

		assert_ok(coherent_pool_create(&pool, dev));
		assert_ok(coherent_pool_box(&pool, &box));
		assert_ok(coherent_expose(&box, &mem));
		assert_ok(coherent_pool_box(&pool, &box));
	}
	assert_ok(coherent_device_stats(dev, &stats));
	assert_int_equal(stats.objects, 0);
	assert_int_equal(reports.count, 0);
	/* Of one that cannot end, the objects stay what they are. */
	{
		COHERENT_POOL_AUTO(struct command, pool);
		COHERENT_BOX_AUTO(struct command, box);

		assert_ok(coherent_pool_create(&pool, dev));
		assert_ok(coherent_pool_box(&pool, &box));
		assert_ok(coherent_expose(&box, &kept));
		left_behind = pool.base;
	}
	assert_true(log_has(&reports, "a mem of 64 bytes of the pool created at tests/pool.c:"));
	assert_ok(coherent_write(&kept, 0, .opcode, 1));
	coherent_free(&kept);
	assert_ok(coherent_base_pool_destroy(&left_behind));
}

static void pool_may_outlive_its_device(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY, kept = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY, none = COHERENT_EMPTY;
	uint32_t opcode;

	assert_ok(coherent_pool_create(&pool, dev));
	make(&pool, &mem, DIRT);
	assert_ok(coherent_pool_box(&pool, &box));
	assert_ok(coherent_pool_box(&pool, &kept));
	coherent_device_close(dev);
	assert_true(log_has(&reports, "pool created at tests/pool.c:"));
	assert_err(coherent_pool_box(&pool, &(union command_box)COHERENT_EMPTY), -ENODEV);
	assert_err(coherent_expose(&box, &none), -ENODEV);
	assert_true(coherent_is_empty(&box));
	assert_err(coherent_reclaim(&mem, &box, .idle = true), -ENODEV);
	assert_ok(coherent_read(&mem, 0, .opcode, &opcode));
	assert_int_equal(opcode, 0x5a5a5a5a);
	coherent_free(&mem);
	coherent_box_free(&kept);
	assert_ok(coherent_pool_destroy(&pool));
	open_device(state);
}

static void forked_child_has_none_of_it(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	int status;
	pid_t child;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	make(&pool, &mem, DIRT);
	assert_ok(coherent_pool_box(&pool, &box));
	child = fork();
	if (!child) {
		union command_box none = COHERENT_EMPTY;
		union command_mem second = COHERENT_EMPTY;
		bool good = coherent_pool_box(&pool, &none) == -ENODEV &&
			    coherent_expose(&box, &second) == -ENODEV &&
			    coherent_reclaim(&mem, &none, .idle = true) == -ENODEV &&
			    coherent_pool_destroy(&pool) == -ENODEV;

		coherent_free(&mem);
		_exit(!good);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	coherent_free(&mem);
	coherent_box_free(&box);
	assert_ok(coherent_pool_destroy(&pool));
}

/* --- Threads --- */

#define EACH 300

struct worker {
	union commands *pool;
	pthread_t thread;
	uint8_t byte;
	/* Of the one before it, which this one frees. */
	union command_mem *given;
	union command_mem taken[EACH];
};

static void check_and_free(union command_mem *mem, uint8_t byte)
{
	struct command seen;

	assert_ok(coherent_copy_out(mem, 0, &seen, 1));
	assert_true(is_all(&seen, byte, sizeof(seen)));
	coherent_free(mem);
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	for (unsigned int turn = 0; turn < 20; turn++) {
		for (size_t i = 0; i < EACH; i++)
			make(worker->pool, &worker->taken[i], worker->byte);
		for (size_t i = 0; i < EACH; i++)
			check_and_free(&worker->taken[i], worker->byte);
	}
	for (size_t i = 0; i < EACH; i++)
		make(worker->pool, &worker->taken[i], worker->byte);
	if (worker->given)
		for (size_t i = 0; i < EACH; i++)
			check_and_free(&worker->given[i], (uint8_t)(worker->byte - 1));
	return NULL;
}

/* Each generation frees what the one before it made, and there are more than have caches. */
static void threads_share_a_pool(void **state)
{
	enum { GENERATIONS = 5, WORKERS = 80 };
	struct worker(*workers)[WORKERS] = calloc(GENERATIONS, sizeof(*workers));
	union commands pool = COHERENT_EMPTY;

	(void)state;
	assert_non_null(workers);
	assert_ok(coherent_pool_create(&pool, dev, .delay = 3));
	for (size_t turn = 0; turn < GENERATIONS; turn++) {
		/* The last are few: they find the numbers of others, and what those left. */
		const size_t count = turn < 2 ? WORKERS : 2;

		for (size_t i = 0; i < count; i++) {
			struct worker *worker = &workers[turn][i];

			worker->pool = &pool;
			worker->byte = (uint8_t)(turn + 1);
			worker->given = turn ? workers[turn - 1][i].taken : NULL;
			assert_ok(pthread_create(&worker->thread, NULL, work, worker));
		}
		for (size_t i = 0; i < count; i++)
			assert_ok(pthread_join(workers[turn][i].thread, NULL));
	}
	assert_err(coherent_pool_destroy(&pool), -EBUSY);
	for (size_t turn = 0; turn < GENERATIONS; turn++)
		for (size_t i = 0; i < WORKERS; i++)
			for (size_t k = 0; k < EACH; k++)
				coherent_free(&workers[turn][i].taken[k]);
	assert_ok(coherent_pool_destroy(&pool));
	free(workers);
}

static void *read_the_page(void *arg)
{
	const union command_mem *mem = arg;
	uint8_t page[PAGE];

	for (unsigned int turn = 0; turn < 300; turn++)
		assert_true(device_reads(coherent_addr(mem).raw & -PAGE, page, PAGE));
	return NULL;
}

/* A device may read what shares a page with what it was told, at any time. */
static void device_may_look_while_others_are_exposed(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_mem first = COHERENT_EMPTY, mem = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	pthread_t device;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	make(&pool, &first, 1);
	assert_ok(pthread_create(&device, NULL, read_the_page, &first));
	for (unsigned int turn = 0; turn < 300; turn++) {
		make(&pool, &mem, 2);
		assert_ok(coherent_reclaim(&mem, &box, .idle = true));
		assert_ok(coherent_expose(&box, &mem));
		coherent_free(&mem);
	}
	assert_ok(pthread_join(device, NULL));
	coherent_free(&first);
	assert_ok(coherent_pool_destroy(&pool));
}

static void *use_a_pool(void *arg)
{
	union command_mem mem = COHERENT_EMPTY;

	make(arg, &mem, 1);
	coherent_free(&mem);
	return NULL;
}

static atomic_bool over;

static void *use_pools_again_and_again(void *arg)
{
	while (!over) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, use_a_pool, arg))
			break;
		pthread_join(thread, NULL);
	}
	return NULL;
}

/* Whatever other threads were doing at the fork, and however many there were. */
static void forked_child_has_pools_of_its_own(void **state)
{
	union commands pool = COHERENT_EMPTY;
	pthread_t other;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	over = false;
	assert_ok(pthread_create(&other, NULL, use_pools_again_and_again, &pool));
	for (unsigned int turn = 0; turn < 100; turn++) {
		int status;
		pid_t child = fork();

		if (!child) {
			union commands own = COHERENT_EMPTY;
			struct coherent_device *own_dev;
			bool good = !coherent_device_open(&own_dev, "sim:edu,step") &&
				    !coherent_pool_create(&own, own_dev);

			alarm(20);
			if (good)
				use_a_pool(&own);
			_exit(!good || coherent_pool_destroy(&own));
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
	over = true;
	assert_ok(pthread_join(other, NULL));
	assert_ok(coherent_pool_destroy(&pool));
}

#define ON_DEVICE(test) cmocka_unit_test_setup_teardown(test, open_device, close_device)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DEVICE(box_is_zero_and_out_of_reach),
		ON_DEVICE(mem_is_shared_until_it_is_freed),
		ON_DEVICE(reclaim_keeps_contents_and_place),
		ON_DEVICE(seal_knows_the_address),
		ON_DEVICE(device_may_do_only_what_the_pool_allows),
		ON_DEVICE(slots_are_where_they_may_be),
		ON_DEVICE(freed_slots_are_kept_back),
		ON_DEVICE(pool_grows_and_shrinks),
		ON_DEVICE(bookkeeping_is_small),
		cmocka_unit_test(pool_breathes_where_nothing_fences),
		cmocka_unit_test(pool_takes_single_pages_in_the_end),
		ON_DEVICE(large_slots_are_not_hoarded),
		ON_DEVICE(only_mems_are_kept_back),
		ON_DEVICE(bad_input_is_refused),
		ON_DEVICE(live_objects_keep_a_pool),
		ON_DEVICE(pool_ends_with_its_scope),
		ON_DEVICE(pool_may_outlive_its_device),
		ON_DEVICE(forked_child_has_none_of_it),
		ON_DEVICE(threads_share_a_pool),
		ON_DEVICE(device_may_look_while_others_are_exposed),
		ON_DEVICE(forked_child_has_pools_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
