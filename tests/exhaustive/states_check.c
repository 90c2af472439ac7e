// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* After each call these functions check what the device reaches, and what the CPU finds. */
#include <coherent/sim.h>
#include <string.h>

#include "states.h"

static bool is_all(const void *memory, uint8_t byte, size_t bytes)
{
	const uint8_t *at = memory;

	for (size_t i = 0; i < bytes; i++)
		if (at[i] != byte)
			return false;
	return true;
}

static void check_fault(enum coherent_state wanted)
{
	struct coherent_fault fault;

	expect(!coherent_device_next_fault(state.dev, &fault));
	expect(fault.state == wanted);
}

/* The device reads a box in place, and writes to it. */
static void check_box_in_place(struct object *object)
{
	uint8_t buffer[PAGE];

	expect(!coherent_sim_try(state.dev, &object->box, 0, buffer, PAGE, COHERENT_ACCESS_READ));
	expect(is_all(buffer, object->box_byte, PAGE));
	object->box_byte = ++state.next_byte;
	memset(buffer, object->box_byte, PAGE);
	expect(!coherent_sim_try(state.dev, &object->box, 0, buffer, PAGE, COHERENT_ACCESS_WRITE));
}

/*
 * The device reaches no box that is not in place. The place of a slot is exposed, but does not hold
 * the box's bytes.
 */
static void check_box(struct object *object)
{
	const size_t bytes = object->box_kind == WHOLE ? PAGE : sizeof(struct element);
	struct coherent_info info;
	uint8_t buffer[16] = { 0 };
	int err;

	expect(coherent_is_empty(&object->box) == !object->box_kind);
	if (!object->box_kind)
		return;
	expect(is_all(coherent_box_ptr(&object->box), object->box_byte, bytes));
	err = coherent_sim_try(state.dev, &object->box, 0, buffer, sizeof(buffer),
			       COHERENT_ACCESS_READ);
	if (!state.open) {
		expect(err == -ENODEV);
		return;
	}
	expect(!coherent_find_ptr(state.dev, coherent_box_ptr(&object->box), &info));
	expect(info.state == COHERENT_STATE_BOX);
	if (object->box_kind == SLOT) {
		state.chunk_address = info.address & -PAGE;
		expect(!err && is_all(buffer, state.world->in_place ? object->box_byte : 0,
				      sizeof(buffer)));
		return;
	}
	if (object->box_in_place) {
		check_box_in_place(object);
		return;
	}
	expect(err == -EIO);
	check_fault(COHERENT_STATE_BOX);
	expect(coherent_sim_try(state.dev, &object->box, PAGE - 1, buffer, 1,
				COHERENT_ACCESS_WRITE) == -EIO);
	check_fault(COHERENT_STATE_BOX);
}

static void check_device_access(struct object *object)
{
	const bool may_write = object->permission == COHERENT_READ_WRITE;
	struct coherent_info info;
	const size_t bytes = object->mem_kind == WHOLE ? PAGE : sizeof(struct element);
	uint8_t buffer[PAGE];

	expect(!coherent_find_addr(state.dev, coherent_addr(&object->mem).raw, &info));
	expect(info.state == COHERENT_STATE_MEM);
	if (object->mem_kind == SLOT)
		state.chunk_address = info.address & -PAGE;
	expect(!coherent_sim_try(state.dev, &object->mem, 0, buffer, bytes, COHERENT_ACCESS_READ));
	expect(is_all(buffer, object->mem_byte, bytes));
	memset(buffer, ++state.next_byte, bytes);
	expect(coherent_sim_try(state.dev, &object->mem, 0, buffer, bytes, COHERENT_ACCESS_WRITE) ==
	       (may_write ? 0 : -EIO));
	if (may_write)
		object->mem_byte = state.next_byte;
	else
		check_fault(COHERENT_STATE_MEM);
}

static void check_mem(struct object *object)
{
	struct element element;
	uint8_t byte;

	expect(coherent_is_empty(&object->mem) == !object->mem_kind);
	if (!object->mem_kind)
		return;
	if (state.open)
		check_device_access(object);
	else
		expect(coherent_sim_try(state.dev, &object->mem, 0, &byte, 1,
					COHERENT_ACCESS_READ) == -ENODEV);
	expect(!coherent_copy_out(&object->mem, 0, &element, 1));
	expect(is_all(&element, object->mem_byte, sizeof(element)));
}

/* Memory that waits for a fence is reached until then, also at an address that was dead before. */
static bool is_reached(uint64_t address)
{
	for (unsigned int i = 0; i < OBJECTS; i++)
		if ((objects[i].box_in_place && objects[i].box_address == address) ||
		    (objects[i].mem_kind == WHOLE && coherent_addr(&objects[i].mem).raw == address))
			return true;
	for (unsigned int i = 0; i < state.waiting; i++)
		if (state.waiting_at[i] == address)
			return true;
	return state.has_chunk && state.chunk_address == address;
}

/*
 * Another object gets a dead address in two cases only. Where an unmap is not a fence, the address
 * waits for one and is free after it: coherent_free() promises no more. Elsewhere it is in quarantine,
 * which gives it up when there is no room.
 */
static bool is_reusable(void)
{
	return state.world->lazy || state.room != ROOM;
}

static void check_dead(void)
{
	struct coherent_fault fault;
	uint8_t byte;

	for (unsigned int i = 0; state.open && i < state.dead_count; i++) {
		if (is_reached(state.dead[i])) {
			expect(is_reusable());
			continue;
		}
		expect(coherent_sim_try_addr(state.dev, (coherent_addr_t){ state.dead[i] }, &byte,
					     1, COHERENT_ACCESS_READ) == -EIO);
		expect(!coherent_device_next_fault(state.dev, &fault));
	}
}

static void check_stats(void)
{
	struct coherent_stats stats;

	if (!state.open)
		return;
	expect(!coherent_device_stats(state.dev, &stats));
	expect(stats.objects == live_objects() + state.waiting);
	expect(stats.waiting == state.waiting);
}

void check_states(void)
{
	for (unsigned int i = 0; i < OBJECTS; i++) {
		check_box(&objects[i]);
		check_mem(&objects[i]);
	}
	check_dead();
	check_stats();
}
