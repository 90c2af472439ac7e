// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the promises about the end of a mem: reclaim, free, the close of its device,
 * and an unmap that fails.
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "promises.h"

/* On a loaded machine an armed transfer may fire too early. A test tries again at most so often. */
#define TURNS_MAX 100

COHERENT_BOX_TYPE(bytes_box, uint8_t);

/* --- Reclaim --- */

/* The box has the data that the device wrote before the reclaim, and none that it writes later. */
void reclaim_needs_idle_unless_unmap_is_a_fence(struct world *world)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_limits limits;
	uint64_t old;

	world_open(world);
	assert_ok(coherent_device_limits(world->dev, &limits));
	assert_int_equal(limits.unmap_is_fence, !world->needs_idle);
	assert_ok(coherent_zeroed(&mem, world->dev, 2 * PAGE));
	old = coherent_addr(&mem).raw;
	world_writes(world, old, PROBE);
	if (world->needs_idle) {
		assert_err(coherent_reclaim(&mem, &box), -EBUSY);
		assert_false(coherent_is_empty(&mem));
		assert_true(coherent_is_empty(&box));
		assert_int_equal(coherent_addr(&mem).raw, old);
		world_writes(world, old + PAGE, PROBE);
	}
	assert_ok(coherent_reclaim(&mem, &box, .idle = world->needs_idle));
	assert_true(coherent_is_empty(&mem));
	assert_true(is_all(coherent_box_ptr(&box), DIRT, PROBE));
	assert_true(is_all(coherent_box_ptr(&box) + PROBE, 0, PAGE - PROBE));
	assert_true(is_all(coherent_box_ptr(&box) + PAGE, world->needs_idle ? DIRT : 0, PROBE));
	assert_true(is_all(coherent_box_ptr(&box) + PAGE + PROBE, 0, PAGE - PROBE));
	memset(coherent_box_ptr(&box), 1, 2 * PAGE);
	if (world->reclaimed_is_reachable)
		world_writes(world, old, PROBE);
	else
		world_write_is_refused(world, old, COHERENT_STATE_RECLAIMED);
	assert_true(is_all(coherent_box_ptr(&box), 1, 2 * PAGE));
	/* The reclaimed box has another address. */
	assert_ok(coherent_expose(&box, &mem));
	assert_int_not_equal(coherent_addr(&mem).raw, old);
	world_writes(world, coherent_addr(&mem).raw, PROBE);
	coherent_free(&mem);
	world_close(world);
}

/*
 * The armed transfer hits memory that was reclaimed. Where a transfer may hit another mem, its
 * result says nothing, and the driver resets the device.
 */
static void fire_at_reclaimed(struct world *world, uint64_t old)
{
	if (world->lies_hit_others) {
		(void)!world->ops->fire(world);
		world_reset(world);
	} else if (world->reclaimed_is_reachable) {
		world_fire(world);
	} else {
		world_fire_is_refused(world, old, COHERENT_STATE_RECLAIMED);
	}
}

/*
 * Where reclaim needs .idle, the driver says .idle although a transfer is in flight. Returns the
 * address of the transfer. If a loaded machine reclaims after the transfer, that shows nothing,
 * and the test tries again.
 */
static uint64_t reclaim_during_a_transfer(struct world *world, union bytes *mem,
					  union bytes_box *box)
{
	const size_t bytes = world->burst;
	bool in_time = false;
	uint64_t old = 0;

	for (unsigned int turn = 0; !in_time && turn < TURNS_MAX; turn++) {
		if (turn)
			assert_ok(coherent_expose(box, mem));
		for (size_t i = 0; i < bytes; i++)
			assert_ok(coherent_write(mem, i, 1));
		old = coherent_addr(mem).raw;
		world_arm_write(world, old);
		world_let_it_approach(world);
		assert_err(coherent_reclaim(mem, box), world->needs_idle ? -EBUSY : 0);
		if (world->needs_idle) {
			assert_false(coherent_is_empty(mem));
			assert_ok(coherent_reclaim(mem, box, .idle = true));
		}
		in_time = !world->late_ms || !is_all(coherent_box_ptr(box), DIRT, bytes);
	}
	assert_true(in_time);
	return old;
}

void armed_transfer_does_not_reach_reclaimed_memory(struct world *world)
{
	union bytes mem = COHERENT_EMPTY, next = COHERENT_EMPTY;
	union bytes_box box = COHERENT_EMPTY;
	const size_t bytes = world->burst;
	uint8_t *seen = malloc(bytes);
	uint64_t old;

	world_open(world);
	assert_ok(coherent_zeroed(&mem, world->dev, bytes));
	/* The first transfer succeeds, so the second one does not fail for another reason. */
	world_arm_write(world, coherent_addr(&mem).raw);
	world_fire(world);
	assert_ok(coherent_copy_out(&mem, 0, seen, bytes));
	assert_true(is_all(seen, DIRT, bytes));

	old = reclaim_during_a_transfer(world, &mem, &box);
	/* No other object gets the pages or the address. */
	assert_ok(coherent_zeroed(&next, world->dev, bytes));
	for (unsigned int turn = 0; world->lies_hit_others && !world_is_armed(world); turn++) {
		assert_true(turn < TURNS_MAX);
		coherent_free(&next);
		assert_ok(coherent_expose(&box, &mem));
		old = reclaim_during_a_transfer(world, &mem, &box);
		assert_ok(coherent_zeroed(&next, world->dev, bytes));
	}
	if (world->lies_hit_others) {
		/* The device may have done a part of the transfer. */
		world_differs(world);
		memset(coherent_box_ptr(&box), 1, bytes);
	}
	assert_true(is_all(coherent_box_ptr(&box), 1, bytes));
	assert_int_not_equal(coherent_addr(&next).raw, old);
	fire_at_reclaimed(world, old);
	assert_true(is_all(coherent_box_ptr(&box), 1, bytes));
	assert_ok(coherent_copy_out(&next, 0, seen, bytes));
	assert_int_equal(!is_all(seen, 0, bytes), world->lies_hit_others);
	assert_ok(coherent_expose(&box, &mem));
	assert_int_not_equal(coherent_addr(&mem).raw, old);
	coherent_free(&mem);
	coherent_free(&next);
	free(seen);
	world_close(world);
}

/* --- Free --- */

/* Returns the address of the transfer. */
static uint64_t free_during_a_transfer(struct world *world)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	uint64_t old = 0;

	for (unsigned int turn = 0; !turn || !world_is_armed(world); turn++) {
		assert_true(turn < TURNS_MAX);
		assert_ok(coherent_zeroed(&mem, world->dev, world->burst));
		old = coherent_addr(&mem).raw;
		/* The device uses the address, so that an IOTLB has an entry for it. */
		world_writes(world, old, PROBE);
		world_arm_write(world, old);
		coherent_free(&mem);
	}
	return old;
}

void armed_transfer_does_not_reach_freed_memory(struct world *world)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) next = COHERENT_EMPTY;
	const size_t bytes = world->burst;
	uint8_t *seen = malloc(bytes);
	uint64_t old;

	world_open(world);
	old = free_during_a_transfer(world);
	/* Where an unmap is a fence, these objects may get the same pages. */
	assert_ok(coherent_zeroed(&next, world->dev, bytes));
	assert_ok(coherent_box_zeroed(&box, world->dev, bytes));
	assert_int_not_equal(coherent_addr(&next).raw, old);
	if (world->freed_is_reachable)
		world_fire(world);
	else
		world_fire_is_refused(world, old, COHERENT_STATE_FREED);
	assert_ok(coherent_copy_out(&next, 0, seen, bytes));
	assert_true(is_all(seen, 0, bytes));
	assert_true(is_all(coherent_box_ptr(&box), 0, bytes));
	/* In every world, a fence ends the transfer. */
	world_fence(world);
	world_write_is_refused(world, old, world->fenced_state);
	assert_ok(coherent_copy_out(&next, 0, seen, bytes));
	assert_true(is_all(seen, 0, bytes));
	assert_true(is_all(coherent_box_ptr(&box), 0, bytes));
	coherent_free(&next);
	coherent_box_free(&box);
	free(seen);
	world_close(world);
}

/* --- Close --- */

/* The device is closed. The driver can read and write memory, but it cannot change a state. */
static void objects_are_memory_only(struct world *world, union bytes *mem, void *box_memory)
{
	COHERENT_BOX(uint8_t) back = COHERENT_EMPTY;
	COHERENT(uint8_t) none = COHERENT_EMPTY;
	uint8_t byte;

	assert_ok(coherent_read(mem, 3, &byte));
	assert_int_equal(byte, 77);
	assert_ok(coherent_write(mem, 3, 78));
	assert_int_equal(*(uint8_t *)box_memory, 5);
	assert_err(coherent_reclaim(mem, &back, .idle = true), -ENODEV);
	assert_err(coherent_poll(mem, 0, &byte, false, LONG), -ENODEV);
	assert_err(coherent_zeroed(&none, world->dev, 1), -ENODEV);
	assert_true(coherent_is_empty(&back) && coherent_is_empty(&none));
}

void object_may_outlive_its_device(struct world *world)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) other = COHERENT_EMPTY;
	union bytes mem = COHERENT_EMPTY;
	uint8_t before[PAGE], after[PAGE], byte;
	struct coherent_bar *bar;
	unsigned int reports;
	char place[64];

	world_open(world);
	bar = world_open_bar(world);
	snprintf(place, sizeof(place), "%s:%d is not freed", __FILE__, __LINE__ + 1);
	assert_ok(coherent_zeroed(&mem, world->dev, PAGE));
	assert_ok(coherent_box_zeroed(&box, world->dev, 4));
	world_writes(world, coherent_addr(&mem).raw, PROBE);
	assert_ok(coherent_write(&mem, 3, 77));
	coherent_box_ptr(&box)[0] = 5;
	if (world->late_ms) {
		/*
		 * The timer of the transfer ends after the close, or before it on a loaded machine.
		 * A closed device does not transfer, so the IOMMU has nothing to refuse.
		 */
		world_arm_write(world, coherent_addr(&mem).raw + PAGE / 2);
	}
	world_stop(world);
	reports = world->log.count;
	coherent_device_close(world->dev);
	assert_true(log_has(&world->log, place));
	assert_true(log_has(&world->log, "a mem of 4096 bytes"));
	assert_true(log_has(&world->log, "a box of 4096 bytes"));
	assert_int_equal(world->log.count, reports + 2);
	assert_ok(coherent_copy_out(&mem, 0, before, PAGE));
	world_let_it_fire(world);
	assert_ok(coherent_copy_out(&mem, 0, after, PAGE));
	assert_memory_equal(before, after, PAGE);
	objects_are_memory_only(world, &mem, coherent_box_ptr(&box));
	assert_err(coherent_expose(&box, &other), -ENODEV);
	assert_true(coherent_is_empty(&box) && coherent_is_empty(&other));
	assert_int_equal(coherent_bar_read32(bar, 0), UINT32_MAX);
	coherent_bar_write32(bar, 0, 0);
	coherent_bar_close(bar);

	/* The device is opened again. The old objects do not belong to it. */
	world_open_again(world);
	assert_ok(coherent_read(&mem, PROBE - 1, &byte));
	assert_int_equal(byte, DIRT);
	assert_ok(coherent_read(&mem, 3, &byte));
	assert_int_equal(byte, 78);
	coherent_free(&mem);
	assert_ok(coherent_zeroed(&other, world->dev, PAGE));
	world_writes(world, coherent_addr(&other).raw, PROBE);
	coherent_free(&other);
	log_clear(&world->log);
	world_close(world);
}

/* The parent keeps its device and its objects when the child exits. */
void forked_child_cannot_use_the_device(struct world *world)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_bar *bar;
	uint8_t seen[PROBE];
	void *page;
	int status;
	pid_t child;

	world_open(world);
	bar = world_open_bar(world);
	assert_ok(coherent_zeroed(&mem, world->dev, PAGE));
	page = (void *)(uintptr_t)coherent_unsafe_ptr(&mem);
	child = fork();
	if (!child) {
		COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
		/* msync() fails with ENOMEM if the page is not mapped. */
		const bool good = msync(page, 1, MS_ASYNC) && errno == ENOMEM &&
				  coherent_box_zeroed(&box, world->dev, 1) == -ENODEV &&
				  coherent_bar_read32(bar, 0) == UINT32_MAX;

		coherent_device_close(world->dev);
		_exit(!good);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(world_bar_answers(bar), !world->has_no_registers);
	world_writes(world, coherent_addr(&mem).raw, PROBE);
	assert_ok(coherent_copy_out(&mem, 0, seen, PROBE));
	assert_true(is_all(seen, DIRT, PROBE));
	coherent_free(&mem);
	coherent_bar_close(bar);
	world_close(world);
}

/* --- Unmapping that fails --- */

/* The unmap of a reclaim fails if @nth is 1, and the unmap of a free fails if @nth is 2. */
static void failed_unmap_leaks(struct world *world, unsigned int nth)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, next = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	char keys[32], place[80];
	coherent_addr_t address;
	volatile uint8_t *pages;

	snprintf(keys, sizeof(keys), ",fail-unmap=%u", nth);
	world_open_device(world, keys);
	snprintf(place, sizeof(place), "allocated at %s:%d are leaked", __FILE__, __LINE__ + 1);
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
	/* No other object gets the pages or the address. */
	for (unsigned int i = 0; i < 200; i++) {
		assert_ok(coherent_zeroed(&next, world->dev, 1));
		assert_int_not_equal(coherent_addr(&next).raw, address.raw);
		assert_ptr_not_equal(coherent_unsafe_ptr(&next), pages);
		coherent_free(&next);
	}
	/* world_close() asserts that the library does not report the leak as "not freed". */
	world_close(world);
}

/* Without the key "fail-unmap" no test can make an unmap fail, so the test asserts success. */
static void unmapping_does_not_fail(struct world *world)
{
	COHERENT(uint8_t) reclaimed = COHERENT_EMPTY, freed = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_device *none;
	uint64_t addresses[2];
	unsigned int reports;
	char name[160];

	world_open(world);
	snprintf(name, sizeof(name), "%s,fail-unmap=1", world->opened);
	assert_err(coherent_device_open(&none, name), -EINVAL);
	reports = world->log.count;
	assert_ok(coherent_zeroed(&reclaimed, world->dev, 1));
	assert_ok(coherent_zeroed(&freed, world->dev, 1));
	addresses[0] = coherent_addr(&reclaimed).raw;
	addresses[1] = coherent_addr(&freed).raw;
	assert_ok(coherent_reclaim(&reclaimed, &box, .idle = true));
	coherent_free(&freed);
	assert_int_equal(world->log.count, reports);
	if (!world->freed_is_reachable)
		world_write_is_refused(world, addresses[1], COHERENT_STATE_FREED);
	world_write_is_refused(world, addresses[0], COHERENT_STATE_RECLAIMED);
	coherent_box_free(&box);
	world_differs(world);
	world_close(world);
}

void failed_revoke_leaks_and_reports(struct world *world)
{
	if (!world->has_fail_unmap) {
		unmapping_does_not_fail(world);
		return;
	}
	failed_unmap_leaks(world, 1);
	failed_unmap_leaks(world, 2);
}
