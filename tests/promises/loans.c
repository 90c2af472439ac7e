// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the promises about loans: their data goes in the direction that the driver
 * gave, and the device loses access when the driver takes the memory back.
 */
#include <coherent/loan.h>
#include <string.h>

#include "promises.h"

static void device_reads_a_loan(struct world *world)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT_LOAN(uint8_t) loan = COHERENT_EMPTY;
	uint8_t seen[PROBE];

	assert_ok(coherent_box_zeroed(&box, world->dev, PAGE));
	memset(coherent_box_ptr(&box), 3, PAGE);
	assert_ok(coherent_lend(&box, &loan, COHERENT_TO_DEVICE));
	assert_true(coherent_is_empty(&box));
	assert_int_equal(coherent_loan_count(&loan), PAGE);
	assert_int_equal(coherent_loan_level(&loan), world->level);
	world_reads(world, coherent_loan_addr(&loan).raw, seen, PROBE);
	assert_true(is_all(seen, 3, PROBE));
	assert_ok(coherent_take(&loan, &box, .idle = world->needs_idle));
	assert_true(coherent_is_empty(&loan));
	assert_int_equal(coherent_loan_addr(&loan).raw, ~0ull);
	assert_true(is_all(coherent_box_ptr(&box), 3, PAGE));
	coherent_box_free(&box);
}

static void device_writes_a_loan(struct world *world, enum coherent_direction direction)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT_LOAN(uint8_t) loan = COHERENT_EMPTY;
	uint8_t seen[PROBE];

	assert_ok(coherent_box_zeroed(&box, world->dev, 2 * PROBE));
	memset(coherent_box_ptr(&box), 3, 2 * PROBE);
	assert_ok(coherent_lend(&box, &loan, direction));
	if (direction == COHERENT_BOTH_WAYS) {
		world_reads(world, coherent_loan_addr(&loan).raw, seen, PROBE);
		assert_true(is_all(seen, 3, PROBE));
	}
	world_writes(world, coherent_loan_addr(&loan).raw, PROBE);
	assert_ok(coherent_take(&loan, &box, .idle = world->needs_idle));
	assert_true(is_all(coherent_box_ptr(&box), DIRT, PROBE));
	assert_true(is_all(coherent_box_ptr(&box) + PROBE, 3, PROBE));
	coherent_box_free(&box);
}

void loan_carries_data_in_its_direction(struct world *world)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT_LOAN(uint8_t) loan = COHERENT_EMPTY;

	world_open(world);
	device_reads_a_loan(world);
	device_writes_a_loan(world, COHERENT_FROM_DEVICE);
	device_writes_a_loan(world, COHERENT_BOTH_WAYS);
	assert_ok(coherent_box_zeroed(&box, world->dev, PAGE));
	memset(coherent_box_ptr(&box), 3, PAGE);
	assert_ok(coherent_lend(&box, &loan, COHERENT_TO_DEVICE));
	if (!world->no_read_only)
		world_write_is_refused(world, coherent_loan_addr(&loan).raw, COHERENT_STATE_MEM);
	assert_ok(coherent_take(&loan, &box, .idle = world->needs_idle));
	assert_true(is_all(coherent_box_ptr(&box), 3, PAGE));
	coherent_box_free(&box);
	world_close(world);
}

void no_device_reaches_what_was_taken_back(struct world *world)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT_LOAN(uint8_t) loan = COHERENT_EMPTY;
	uint64_t old;

	world_open(world);
	assert_ok(coherent_box_zeroed(&box, world->dev, PAGE));
	assert_ok(coherent_lend(&box, &loan, COHERENT_FROM_DEVICE));
	old = coherent_loan_addr(&loan).raw;
	world_writes(world, old, PROBE);
	if (world->needs_idle) {
		assert_err(coherent_take(&loan, &box), -EBUSY);
		assert_int_equal(coherent_loan_addr(&loan).raw, old);
		assert_true(coherent_is_empty(&box));
	}
	assert_ok(coherent_take(&loan, &box, .idle = world->needs_idle));
	memset(coherent_box_ptr(&box), 1, PAGE);
	if (world->reclaimed_is_reachable)
		world_writes(world, old, PROBE);
	else
		world_write_is_refused(world, old, COHERENT_STATE_RECLAIMED);
	assert_true(is_all(coherent_box_ptr(&box), 1, PAGE));
	coherent_box_free(&box);
	world_close(world);
}
