// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the promises about a device as a whole: its addresses, its reset, the lookup
 * of its objects, and its pools.
 */
#include <coherent/pool.h>

#include "promises.h"

/* --- The mask --- */

static void sixteen_bits_hold(struct world *world)
{
	COHERENT(uint8_t) mems[16] = { COHERENT_EMPTY };
	struct coherent_limits limits;
	size_t count = 0;
	int err = 0;

	/* The mask leaves 16 pages of addresses. The library never gives out one of them. */
	assert_ok(coherent_device_set_mask(world->dev, coherent_mask(16)));
	assert_ok(coherent_device_limits(world->dev, &limits));
	assert_int_equal(limits.mask, coherent_mask(16));
	while (count < 16 && !(err = coherent_zeroed(&mems[count], world->dev, PAGE)))
		assert_true(coherent_addr(&mems[count++]).raw + PAGE - 1 <= coherent_mask(16));
	assert_err(err, -ENOSPC);
	assert_true(count >= 7);
	assert_err(coherent_device_set_mask(world->dev, coherent_mask(17)), -EBUSY);
	while (count-- > 0)
		coherent_free(&mems[count]);
	assert_ok(coherent_device_fence(world->dev));
	if (world->keeps_mask)
		assert_err(coherent_device_set_mask(world->dev, coherent_mask(40)), -EBUSY);
	else
		assert_ok(coherent_device_set_mask(world->dev, coherent_mask(28)));
}

static void twenty_eight_bits_hold(struct world *world)
{
	COHERENT(uint8_t) mems[8] = { COHERENT_EMPTY };

	for (size_t i = 0; i < ARRAY_SIZE(mems); i++) {
		assert_ok(coherent_zeroed(&mems[i], world->dev, PAGE << i));
		assert_true(coherent_addr(&mems[i]).raw + (PAGE << i) - 1 <= coherent_mask(28));
	}
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
}

/*
 * No object crosses a hole between two ranges. An object that is aligned to 4 GiB does not fit
 * below the first hole.
 */
static void objects_are_inside_of_ranges(struct world *world)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_limits limits;

	assert_ok(coherent_device_set_mask(world->dev, coherent_mask(40)));
	assert_ok(coherent_device_limits(world->dev, &limits));
	assert_true(limits.range_count >= 1);
	if (world->is_simulated)
		assert_int_equal(limits.range_count, 2);
	for (size_t i = 0; i < 2; i++) {
		const size_t bytes = (size_t)1 << (20 + i);
		coherent_addr_t at = { 0 };
		bool inside = false;

		assert_err(coherent_zeroed(&mem, world->dev, bytes, .align = (size_t)1 << 32,
					   .seal = seal_fails, .seal_arg = &at),
			   -ECANCELED);
		for (unsigned int k = 0; k < limits.range_count; k++)
			inside = inside || (at.raw >= limits.ranges[k].first &&
					    at.raw + bytes - 1 <= limits.ranges[k].last);
		assert_true(inside);
		assert_true(at.raw + bytes - 1 <= coherent_mask(40));
	}
}

void last_byte_is_under_the_mask(struct world *world)
{
	world_open_device(world, world->wide_keys);
	sixteen_bits_hold(world);
	world_close(world);
	world_open_device(world, world->wide_keys);
	twenty_eight_bits_hold(world);
	world_close(world);
	world_open_device(world, world->wide_keys);
	objects_are_inside_of_ranges(world);
	world_close(world);
}

/* --- Reset --- */

static void reset_if_the_device_can(struct world *world)
{
	const int err = coherent_device_reset(world->dev);

	if (!world->has_no_reset) {
		assert_ok(err);
		return;
	}
	assert_err(err, -EIO);
	assert_true(log_has(&world->log, "has no reset of its own"));
	world_differs(world);
}

void mem_keeps_address_and_contents_over_a_reset(struct world *world)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_bar *bar;
	uint8_t seen[PROBE];
	uint64_t address;
	uint32_t first;

	world_open(world);
	bar = world_open_bar(world);
	first = coherent_bar_read32(bar, 0);
	if (bar)
		assert_int_equal(first & 0xff, world->ops->first_byte);
	assert_ok(coherent_zeroed(&mem, world->dev, 2 * PAGE));
	assert_ok(coherent_write(&mem, PAGE, 3));
	address = coherent_addr(&mem).raw;
	for (unsigned int turn = 0; turn < 2; turn++) {
		world_stop(world);
		if (turn)
			reset_if_the_device_can(world);
		else
			assert_ok(coherent_device_fence(world->dev));
		world_start(world);
		assert_int_equal(world_bar_answers(bar), !world->has_no_registers);
		assert_int_equal(coherent_bar_read32(bar, 0), first);
		assert_int_equal(coherent_addr(&mem).raw, address);
		memset(seen, 0, sizeof(seen));
		assert_ok(coherent_copy_in(&mem, 0, seen, PROBE));
		world_writes(world, address, PROBE);
		assert_ok(coherent_copy_out(&mem, 0, seen, PROBE));
		assert_true(is_all(seen, DIRT, PROBE));
		assert_ok(coherent_copy_out(&mem, PAGE, seen, PROBE));
		assert_int_equal(seen[0], 3);
		assert_true(is_all(seen + 1, 0, PROBE - 1));
	}
	coherent_free(&mem);
	coherent_bar_close(bar);
	world_close(world);
}

/* Resets or fences the device, and checks what it remembers. */
static void device_forgets(struct world *world, struct coherent_bar *bar, bool is_reset)
{
	const struct world_ops *ops = world->ops;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_stats stats;
	int err;

	assert_ok(coherent_zeroed(&mem, world->dev, PAGE));
	coherent_free(&mem);
	if (bar) {
		coherent_bar_write32(bar, ops->mark_at, ops->mark);
		assert_int_equal(coherent_bar_read32(bar, ops->mark_at), ops->marked);
	}
	err = is_reset ? coherent_device_reset(world->dev) : coherent_device_fence(world->dev);
	assert_err(err, is_reset && world->has_no_reset ? -EIO : 0);
	if (bar)
		assert_int_equal(coherent_bar_read32(bar, ops->mark_at) == ops->marked,
				 world->keeps_registers);
	/* Memory that was freed waits no longer. */
	assert_ok(coherent_device_stats(world->dev, &stats));
	assert_int_equal(stats.waiting, 0);
}

void fence_resets_the_device(struct world *world)
{
	struct coherent_bar *bar;

	world_open(world);
	bar = world_open_bar(world);
	for (unsigned int turn = 0; turn < 2; turn++) {
		world_stop(world);
		device_forgets(world, bar, turn);
		world_start(world);
		world_writes(world, coherent_addr(&world->window).raw, PROBE);
	}
	if (world->keeps_registers || world->has_no_registers)
		world_differs(world);
	coherent_bar_close(bar);
	world_close(world);
}

/* --- Lookup --- */

void pointers_find_their_objects(struct world *world)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_info info;
	const uint8_t *before;

	world_open(world);
	assert_ok(coherent_box_zeroed(&box, world->dev, 2 * PAGE));
	before = coherent_box_ptr(&box);
	assert_ok(coherent_find_ptr(world->dev, before, &info));
	assert_int_equal(info.state, COHERENT_STATE_BOX);
	assert_ok(coherent_expose(&box, &mem));
	if (world->mem_is_elsewhere) {
		assert_err(coherent_find_ptr(world->dev, before, &info), -ERANGE);
	} else {
		assert_ok(coherent_find_ptr(world->dev, before, &info));
		assert_int_equal(info.state, COHERENT_STATE_MEM);
	}
	assert_ok(coherent_find_ptr(
		world->dev, (char *)(uintptr_t)coherent_unsafe_ptr(&mem) + PAGE + 1, &info));
	assert_int_equal(info.state, COHERENT_STATE_MEM);
	assert_int_equal(info.address, coherent_addr(&mem).raw);
	assert_int_equal(info.offset, PAGE + 1);
	assert_ok(coherent_find_addr(world->dev, coherent_addr(&mem).raw + PAGE + 1, &info));
	assert_int_equal(info.state, COHERENT_STATE_MEM);
	assert_int_equal(info.offset, PAGE + 1);
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_ok(coherent_find_ptr(world->dev, coherent_box_ptr(&box), &info));
	assert_int_equal(info.state, COHERENT_STATE_BOX);
	coherent_box_free(&box);
	world_close(world);
}

/* --- Pools --- */

COHERENT_TYPE(small_mem, uint8_t[PROBE]);
COHERENT_BOX_TYPE(small_box, uint8_t[PROBE]);

/* The device reaches the slot that is exposed. It does not reach the box in the next slot. */
static uint64_t expose_one_of_two(struct world *world, union small_box *box, union small_box *other)
{
	const uint64_t stride = world->is_hardened ? 2 * PAGE : PROBE;
	union small_mem mem = COHERENT_EMPTY;
	struct coherent_info info;
	uint8_t seen[PROBE];
	uint64_t address;

	memset(coherent_box_ptr(box), 7, PROBE);
	memset(coherent_box_ptr(other), 9, PROBE);
	assert_ok(coherent_expose(box, &mem));
	address = coherent_addr(&mem).raw;
	assert_ok(
		coherent_find_ptr(world->dev, (void *)(uintptr_t)coherent_unsafe_ptr(&mem), &info));
	assert_int_equal(info.state, COHERENT_STATE_MEM);
	assert_int_equal(info.address, address);
	assert_int_equal(info.bytes, PROBE);
	world_reads(world, address, seen, PROBE);
	assert_true(is_all(seen, 7, PROBE));
	/* The other box gets the next slot, which is empty until then. */
	world_reads_hidden(world, address + stride, seen, PROBE);
	assert_true(is_all(seen, 0, PROBE));
	world_writes(world, address, PROBE);
	assert_err(coherent_reclaim(&mem, box), -EBUSY);
	assert_ok(coherent_reclaim(&mem, box, .idle = true));
	assert_true(is_all(coherent_box_ptr(box), DIRT, PROBE));
	world_writes_hidden(world, address + stride, PROBE);
	assert_true(is_all(coherent_box_ptr(other), 9, PROBE));
	/* That address was right: a box of a pool keeps its slot when it is reclaimed. */
	assert_ok(coherent_expose(other, &mem));
	assert_int_equal(coherent_addr(&mem).raw, address + stride);
	world_reads(world, address + stride, seen, PROBE);
	assert_true(is_all(seen, 9, PROBE));
	assert_ok(coherent_reclaim(&mem, other, .idle = true));
	return address;
}

/* The process with the device has the pages of exposed objects. Empty slots in them are zero. */
static void peer_has_no_boxes(struct world *world, union small_box *box)
{
	static const char secret[16] = "in a small box!";
	union small_mem mem = COHERENT_EMPTY;

	memset(coherent_box_ptr(box), 0, PROBE);
	memcpy(coherent_box_ptr(box), secret, sizeof(secret));
	assert_false(world_peer_has(world, secret));
	assert_ok(coherent_expose(box, &mem));
	assert_int_equal(world_peer_has(world, secret), world_gives_memory(world));
	assert_ok(coherent_reclaim(&mem, box, .idle = true));
	assert_memory_equal(coherent_box_ptr(box), secret, sizeof(secret));
	assert_false(world_peer_has(world, secret));
	assert_ok(coherent_expose(box, &mem));
	coherent_free(&mem);
	assert_false(world_peer_has(world, secret));
}

/* An IOMMU maps whole pages, so the pages of a pool stay exposed until the pool gives them up. */
void objects_of_a_pool_are_copied_to_the_device(struct world *world)
{
	COHERENT_POOL(uint8_t[PROBE]) pool = COHERENT_EMPTY;
	union small_box box = COHERENT_EMPTY, other = COHERENT_EMPTY;
	uint64_t address;

	world_open(world);
	assert_ok(coherent_pool_create(&pool, world->dev));
	assert_ok(coherent_pool_box(&pool, &box));
	assert_ok(coherent_pool_box(&pool, &other));
	address = expose_one_of_two(world, &box, &other);
	peer_has_no_boxes(world, &box);
	coherent_box_free(&other);
	assert_ok(coherent_pool_destroy(&pool));
	/* The pages were idle, so they do not wait for a fence. */
	if (world->reclaimed_is_reachable)
		world_writes(world, address, PROBE);
	else
		world_write_is_refused(world, address, COHERENT_STATE_FREED);
	world_close(world);
}

/* Nothing is copied, and the library keeps the address of a box secret. No stale byte stays. */
void boxes_of_a_pool_in_place_are_hidden(struct world *world)
{
	COHERENT_POOL(uint8_t[PROBE]) pool = COHERENT_EMPTY;
	union small_box box = COHERENT_EMPTY;
	union small_mem mem = COHERENT_EMPTY;
	uint8_t seen[PROBE], value[PROBE];
	uint64_t address;

	world_open(world);
	assert_ok(coherent_pool_create(&pool, world->dev, .in_place = true));
	assert_ok(coherent_pool_box(&pool, &box));
	assert_true(coherent_box_level(&box) <= COHERENT_HIDDEN);
	assert_true(is_all(coherent_box_ptr(&box), 0, PROBE));
	memset(coherent_box_ptr(&box), 7, PROBE);
	assert_ok(coherent_expose(&box, &mem));
	address = coherent_addr(&mem).raw;
	world_reads(world, address, seen, PROBE);
	assert_true(is_all(seen, 7, PROBE));
	world_writes(world, address, PROBE);
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_true(is_all(coherent_box_ptr(&box), DIRT, PROBE));
	coherent_box_free(&box);
	world_reads_hidden(world, address, seen, PROBE);
	assert_true(is_all(seen, 0, PROBE));
	memset(value, 9, PROBE);
	assert_ok(coherent_pool_from(&pool, &mem, &value));
	assert_int_equal(coherent_addr(&mem).raw, address);
	world_reads(world, address, seen, PROBE);
	assert_true(is_all(seen, 9, PROBE));
	coherent_free(&mem);
	world_reads_hidden(world, address, seen, PROBE);
	assert_true(is_all(seen, 0, PROBE));
	assert_ok(coherent_pool_destroy(&pool));
	world_close(world);
}
