// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The model checks the getters of boxes, mems and handles, changes their phase and frees them.
 */
#include <string.h>

#include "object.h"

size_t slot_size(const struct slot *slot)
{
	return slot->is_records ? sizeof(struct record) : 1;
}

static uint8_t *box_bytes(struct slot *slot)
{
	if (slot->is_records)
		return (uint8_t *)coherent_box_ptr(&slot->records.box);
	return coherent_box_ptr(&slot->bytes.box);
}

void check_bytes(const struct slot *slot, const uint8_t *bytes)
{
	CHECK(!memcmp(bytes, slot->place.bytes, slot->place.pages * PAGE));
}

/* --- Getters --- */

static void check_box(struct slot *slot)
{
	const bool is_box = slot->kind == BOX;

	CHECK(EITHER(slot, coherent_box_count, box) == (is_box ? slot->count : 0));
	CHECK(EITHER(slot, coherent_box_level, box) == (!is_box		     ? 0 :
							slot->place.in_place ? COHERENT_HIDDEN :
									       COHERENT_IOMMU));
	CHECK(EITHER(slot, coherent_is_empty, box) == !is_box);
	CHECK(!box_bytes(slot) == !is_box);
	CHECK(!is_box || !slot->place.adopted || box_bytes(slot) == slot->place.adopted);
	if (is_box)
		check_bytes(slot, box_bytes(slot));
}

static void check_mem(struct slot *slot)
{
	const bool is_mem = slot->kind == MEM;
	const size_t size = slot_size(slot), i = pick(BYTES_MAX);
	coherent_addr_t address;
	int err = is_mem ? 0 : -EINVAL;

	CHECK(EITHER(slot, coherent_count, mem) == (is_mem ? slot->count : 0));
	CHECK(EITHER(slot, coherent_size, mem) == (is_mem ? slot->count * size : 0));
	CHECK(EITHER(slot, coherent_is_empty, mem) == !is_mem);
	CHECK(EITHER(slot, coherent_addr, mem).raw == (is_mem ? slot->place.address : UINT64_MAX));
	if (is_mem && i >= slot->count)
		err = -ERANGE;
	EXPECT(EITHER(slot, coherent_addr_at, mem, i, &address), err);
	CHECK(address.raw == (err ? UINT64_MAX : slot->place.address + i * size));
}

static void check_handle(const struct slot *slot)
{
	const bool is_handle = slot->kind == HANDLE;

	CHECK(coherent_handle_size(&slot->handle) == (is_handle ? slot->count : 0));
	CHECK(coherent_handle_addr(&slot->handle).raw ==
	      (is_handle ? slot->place.address : UINT64_MAX));
	CHECK(coherent_is_empty(&slot->handle) == !is_handle);
}

void slot_check(struct slot *slot)
{
	check_box(slot);
	check_mem(slot);
	check_handle(slot);
}

void clear_slot(struct slot *slot)
{
	slot->kind = EMPTY;
	slot_check(slot);
	memset(slot, 0, sizeof(*slot));
}

/* --- Lookups --- */

/* Checks that the library found this object. */
static void check_found(const struct slot *slot, const struct coherent_info *info, size_t offset)
{
	CHECK(info->state == slot->place.state);
	CHECK(info->bytes == slot->place.pages * PAGE && info->offset == offset);
	CHECK(!slot->place.address || info->address == slot->place.address);
	CHECK(info->where && strstr(info->where, "tests/model/"));
}

static void find_box(struct slot *slot)
{
	const size_t offset = pick((uint32_t)slot->place.pages * PAGE);
	struct coherent_info info;

	EXPECT(coherent_find_ptr(device_of(&slot->place)->dev, box_bytes(slot) + offset, &info), 0);
	check_found(slot, &info, offset);
}

const uint8_t *mem_bytes(const struct slot *slot)
{
	if (slot->is_records)
		return (const uint8_t *)(uintptr_t)coherent_unsafe_ptr(&slot->records.mem);
	return (const uint8_t *)(uintptr_t)coherent_unsafe_ptr(&slot->bytes.mem);
}

static void find_mem(struct slot *slot)
{
	const size_t offset = pick((uint32_t)slot->place.pages * PAGE);
	struct coherent_device *dev = device_of(&slot->place)->dev;
	struct coherent_info info;

	EXPECT(coherent_find_addr(dev, slot->place.address + offset, &info), 0);
	check_found(slot, &info, offset);
	EXPECT(coherent_find_ptr(dev, mem_bytes(slot) + offset, &info), 0);
	check_found(slot, &info, offset);
}

void object_find(struct slot *slot)
{
	struct coherent_info info;

	if (slot->kind == BOX)
		find_box(slot);
	else if (slot->kind == MEM)
		find_mem(slot);
	else
		EXPECT(coherent_find_ptr(model.devices[0].dev, slot, &info), -ERANGE);
}

/* --- Mapping --- */

int map_result(const struct place *place)
{
	struct device *device = device_of(place);
	int err = 0;

	if (++device->map_calls == device->fail_map)
		err = -EIO;
	else if (device->maps_max && device->maps == device->maps_max)
		err = -ENOSPC;
	else
		device->maps++;
	if (err && !place->quiet)
		expect_report(device, COHERENT_WARNING);
	return err;
}

bool unmap_fails(const struct place *place)
{
	struct device *device = device_of(place);

	if (++device->unmap_calls != device->fail_unmap) {
		device->maps--;
		return false;
	}
	expect_report(device, COHERENT_ERROR);
	return true;
}

void become_box(struct slot *slot)
{
	slot->kind = BOX;
	slot->place.state = COHERENT_STATE_BOX;
	slot->place.reachable = false;
	slot->place.readonly = false;
}

void change_kind(struct slot *slot, enum kind kind)
{
	slot->kind = kind;
	slot->place.state = kind == BOX ? COHERENT_STATE_BOX : COHERENT_STATE_MEM;
}

void become_reachable(struct slot *slot, enum kind kind, enum coherent_permission permission)
{
	change_kind(slot, kind);
	slot->place.reachable = true;
	slot->place.readonly = permission == COHERENT_READ_ONLY;
	exposure_begin(&slot->place);
}

/* --- Sealing --- */

int seal(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	struct sealing *sealing = arg;
	struct place *place = &sealing->slot->place;
	struct coherent_fault fault;
	uint8_t byte;

	sealing->called++;
	sealing->address = address.raw;
	CHECK(count == sealing->slot->count);
	check_bytes(sealing->slot, elements);
	CHECK(!place->address || place->address == address.raw);
	/* A seal may still write, because the driver does not have the address yet. */
	*(uint8_t *)elements = place->bytes[0] = (uint8_t)address.raw | 1;
	if (place->in_place) {
		EXPECT(coherent_sim_try_addr(device_of(place)->dev, address, &byte, 1,
					     COHERENT_ACCESS_READ),
		       0);
		CHECK(byte == place->bytes[0]);
		return sealing->result;
	}
	device_read_faults(device_of(place));
	EXPECT(coherent_sim_try_addr(device_of(place)->dev, address, &byte, 1,
				     COHERENT_ACCESS_READ),
	       -EIO);
	EXPECT(coherent_device_next_fault(device_of(place)->dev, &fault), 0);
	CHECK(fault.state == COHERENT_STATE_BOX && fault.object_address == address.raw);
	return sealing->result;
}

int pick_seal_result(void)
{
	return chance(4) ? (chance(2) ? -EBADMSG : 1) : 0;
}

int result_of(const struct place *place, int result)
{
	if (result <= 0)
		return result;
	expect_report(device_of(place), COHERENT_ERROR);
	return -EINVAL;
}

uint64_t address_of_box(struct slot *slot)
{
	struct device *device = device_of(&slot->place);
	struct coherent_fault fault;
	struct coherent_info info;
	uint8_t byte;
	int err;

	if (slot->place.in_place) {
		EXPECT(coherent_find_ptr(device->dev, box_bytes(slot), &info), 0);
		return info.address;
	}
	device_read_faults(device);
	if (slot->is_records)
		err = coherent_sim_try(device->dev, &slot->records.box, 0, &byte, 1,
				       COHERENT_ACCESS_WRITE);
	else
		err = coherent_sim_try(device->dev, &slot->bytes.box, 0, &byte, 1,
				       COHERENT_ACCESS_WRITE);
	EXPECT(err, -EIO);
	EXPECT(coherent_device_next_fault(device->dev, &fault), 0);
	CHECK(fault.state == COHERENT_STATE_BOX && fault.address == fault.object_address);
	CHECK(fault.object_bytes == slot->place.pages * PAGE);
	return fault.object_address;
}

/* --- Boxes --- */

static int fill_a_byte(uint8_t *element, void *arg)
{
	*element = *(const uint8_t *)arg;
	return chance(4) ? (chance(2) ? -EDOM : 3) : 0;
}

static int fill_a_record(struct record *element, void *arg)
{
	element->tag = *(const uint8_t *)arg;
	return 0;
}

static void init_element(struct slot *slot)
{
	const size_t i = pick(BYTES_MAX), size = slot_size(slot);
	uint8_t value = (uint8_t)pick(256);
	int err;

	if (slot->is_records)
		err = coherent_box_init_at(&slot->records.box, i, fill_a_record, &value);
	else
		err = coherent_box_init_at(&slot->bytes.box, i, fill_a_byte, &value);
	if (slot->kind != BOX || i >= slot->count) {
		CHECK(err == -EINVAL);
		if (slot->kind == BOX)
			expect_report(device_of(&slot->place), COHERENT_ERROR);
		return;
	}
	CHECK(!err || err == -EDOM || err == -EINVAL);
	if (err == -EINVAL)
		expect_report(device_of(&slot->place), COHERENT_ERROR);
	slot->place.bytes[i * size + offsetof(struct record, tag)] = value;
}

void object_fill(struct slot *slot)
{
	const size_t size = slot_size(slot);
	size_t first;

	init_element(slot);
	check_box(slot);
	if (slot->kind != BOX)
		return;
	first = pick((uint32_t)(slot->count * size));
	pattern(slot->place.bytes + first, slot->count * size - first);
	memcpy(box_bytes(slot) + first, slot->place.bytes + first, slot->count * size - first);
}

/* --- Between the phases --- */

/* Picks another object of that kind and type. Falls back to the object itself. */
static struct slot *pick_other(struct slot *slot, enum kind kind)
{
	struct slot *other = &model.slots[pick(SLOTS)];

	return other->kind == kind && other->is_records == slot->is_records ? other : slot;
}

static int call_expose(struct slot *slot, struct slot *to, enum coherent_permission permission,
		       struct sealing *sealing)
{
	if (slot->is_records)
		return coherent_expose(&slot->records.box, &to->records.mem,
				       .permission = permission, .seal = sealing ? seal : NULL,
				       .seal_arg = sealing);
	return coherent_expose(&slot->bytes.box, &to->bytes.mem, .permission = permission,
			       .seal = sealing ? seal : NULL, .seal_arg = sealing);
}

void end_box(struct slot *slot)
{
	if (slot->place.in_place)
		space_end(&slot->place, COHERENT_STATE_FREED, unmap_fails(&slot->place));
	else
		device_of(&slot->place)->objects--;
}

/* Predicts the mapping of a box. One that is in place has its mapping and its permission. */
static int predict_expose(const struct place *place, enum coherent_permission permission)
{
	if (!place->in_place)
		return map_result(place);
	if (place->readonly == (permission == COHERENT_READ_ONLY))
		return 0;
	expect_report(device_of(place), COHERENT_ERROR);
	return -EINVAL;
}

static void become_mem(struct slot *slot, enum coherent_permission permission)
{
	if (slot->place.in_place)
		change_kind(slot, MEM);
	else
		become_reachable(slot, MEM, permission);
}

void object_expose(struct slot *slot)
{
	struct sealing sealing = { .slot = slot, .result = pick_seal_result() };
	const enum coherent_permission permission = chance(32) ? COHERENT_READ_ONLY + 1 : pick(2);
	struct slot *to = pick_other(slot, MEM);
	const bool sealed = chance(4);
	int err = 0;

	if (slot->kind != BOX || permission > COHERENT_READ_ONLY ||
	    (slot->place.in_place && slot->place.readonly != permission))
		err = -EINVAL;
	else if (to != slot)
		err = -EBUSY;
	/* An empty box knows no device that a report could go to. */
	if (err && slot->kind == BOX)
		expect_report(device_of(&slot->place), COHERENT_ERROR);
	if (!err && sealed)
		err = result_of(&slot->place, sealing.result);
	if (!err)
		err = predict_expose(&slot->place, permission);
	EXPECT(call_expose(slot, to, permission, sealed ? &sealing : NULL), err);
	if (to != slot)
		slot_check(to);
	if (slot->kind != BOX)
		return;
	if (err) {
		end_box(slot);
		clear_slot(slot);
		return;
	}
	become_mem(slot, permission);
	CHECK(sealing.called == sealed);
	CHECK(!sealed || sealing.address == slot->place.address);
	slot_check(slot);
}

/* --- Several objects with one call --- */

static int call_expose_all(struct slot *a, struct slot *b)
{
	if (a->is_records && b->is_records)
		return coherent_expose_all(COHERENT_EXPOSURE(&a->records.box, &a->records.mem),
					   COHERENT_EXPOSURE(&b->records.box, &b->records.mem,
							     .permission = COHERENT_READ_ONLY));
	if (a->is_records)
		return coherent_expose_all(COHERENT_EXPOSURE(&a->records.box, &a->records.mem),
					   COHERENT_EXPOSURE(&b->bytes.box, &b->bytes.mem,
							     .permission = COHERENT_READ_ONLY));
	if (b->is_records)
		return coherent_expose_all(COHERENT_EXPOSURE(&a->bytes.box, &a->bytes.mem),
					   COHERENT_EXPOSURE(&b->records.box, &b->records.mem,
							     .permission = COHERENT_READ_ONLY));
	return coherent_expose_all(COHERENT_EXPOSURE(&a->bytes.box, &a->bytes.mem),
				   COHERENT_EXPOSURE(&b->bytes.box, &b->bytes.mem,
						     .permission = COHERENT_READ_ONLY));
}

static void drop_box(struct slot *slot)
{
	if (slot->kind != BOX) {
		slot_check(slot);
		return;
	}
	end_box(slot);
	clear_slot(slot);
}

/* The second box could not be exposed. The first one was a mem by then and ends like any mem. */
static void roll_back(struct slot *a)
{
	become_mem(a, COHERENT_READ_WRITE);
	space_end(&a->place, COHERENT_STATE_FREED, unmap_fails(&a->place));
	a->kind = EMPTY;
	memset(a, 0, sizeof(*a));
}

void object_expose_all(struct slot *a)
{
	struct slot *b = &model.slots[pick(SLOTS)];
	bool first = false;
	int err = 0;

	if (a == b || a->kind == HANDLE || b->kind == HANDLE)
		return;
	if (a->kind != BOX || b->kind != BOX)
		err = -EINVAL;
	if (err && (a->kind == BOX || b->kind == BOX))
		expect_report(device_of(a->kind == BOX ? &a->place : &b->place), COHERENT_ERROR);
	if (!err) {
		err = predict_expose(&a->place, COHERENT_READ_WRITE);
		first = !err;
	}
	if (first)
		err = predict_expose(&b->place, COHERENT_READ_ONLY);
	EXPECT(call_expose_all(a, b), err);
	if (!err) {
		become_mem(a, COHERENT_READ_WRITE);
		become_mem(b, COHERENT_READ_ONLY);
		slot_check(a);
		slot_check(b);
		return;
	}
	if (!first)
		drop_box(a);
	drop_box(b);
	if (first)
		roll_back(a);
}

static int call_reclaim(struct slot *slot, struct slot *to, bool idle)
{
	if (slot->is_records)
		return coherent_reclaim(&slot->records.mem, &to->records.box, .idle = idle);
	return coherent_reclaim(&slot->bytes.mem, &to->bytes.box, .idle = idle);
}

static int predict_reclaim(const struct slot *slot, const struct slot *to, bool idle)
{
	if (slot->kind != MEM)
		return -EINVAL;
	if (to != slot || (!idle && (device_of(&slot->place)->lazy || slot->place.in_place))) {
		expect_report(device_of(&slot->place), COHERENT_ERROR);
		return -EBUSY;
	}
	/* The box gets a new address, unless it is in place. */
	return slot->place.in_place ? 0 : space_reserve(&slot->place);
}

void object_reclaim(struct slot *slot)
{
	struct slot *to = pick_other(slot, BOX);
	const bool idle = chance(2);
	int err = predict_reclaim(slot, to, idle);

	if (err) {
		EXPECT(call_reclaim(slot, to, idle), err);
		slot_check(slot);
		slot_check(to);
		return;
	}
	if (slot->place.in_place) {
		EXPECT(call_reclaim(slot, slot, idle), 0);
		change_kind(slot, BOX);
		CHECK(slot->place.address == address_of_box(slot));
		slot_check(slot);
		return;
	}
	if (unmap_fails(&slot->place)) {
		space_end(&slot->place, COHERENT_STATE_RECLAIMED, true);
		EXPECT(call_reclaim(slot, slot, idle), -EIO);
		clear_slot(slot);
		return;
	}
	EXPECT(call_reclaim(slot, slot, idle), 0);
	device_of(&slot->place)->objects++;
	space_end(&slot->place, COHERENT_STATE_RECLAIMED, false);
	slot->place.address = address_of_box(slot);
	adopt_reclaimed(slot);
	become_box(slot);
	space_claim(&slot->place);
	slot_check(slot);
}

/* --- Death --- */

static void free_in_scope(struct slot *slot)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_HANDLE_AUTO(handle);

	if (slot->is_records)
		return;
	coherent_move(&slot->bytes.box, &box);
	coherent_move(&slot->bytes.mem, &mem);
	handle.base = slot->handle.base;
	slot->handle = (struct coherent_handle)COHERENT_EMPTY;
}

static void call_free(struct slot *slot)
{
	if (chance(2))
		free_in_scope(slot);
	EITHER(slot, coherent_box_free, box);
	EITHER(slot, coherent_free, mem);
	coherent_handle_free(&slot->handle);
}

void object_free(struct slot *slot)
{
	if (slot->kind == BOX)
		end_box(slot);
	else if (slot->kind != EMPTY)
		space_end(&slot->place, COHERENT_STATE_FREED, unmap_fails(&slot->place));
	call_free(slot);
	clear_slot(slot);
}

/* --- Moves --- */

void object_move(struct slot *slot)
{
	struct slot *to = &model.slots[pick(SLOTS)];

	if (slot->kind == EMPTY || slot->kind == HANDLE || slot == to)
		return;
	/* The library refuses a target in use. With another kind the slot would hold two objects. */
	if (to->kind != EMPTY && (to->kind != slot->kind || to->is_records != slot->is_records))
		return;
	if (to->kind != EMPTY)
		expect_report(device_of(&slot->place), COHERENT_ERROR);
	if (slot->is_records) {
		coherent_move(&slot->records.box, &to->records.box);
		coherent_move(&slot->records.mem, &to->records.mem);
	} else {
		coherent_move(&slot->bytes.box, &to->bytes.box);
		coherent_move(&slot->bytes.mem, &to->bytes.mem);
	}
	if (to->kind == EMPTY) {
		to->kind = slot->kind;
		to->is_records = slot->is_records;
		to->count = slot->count;
		to->place = slot->place;
		clear_slot(slot);
	}
	slot_check(slot);
	slot_check(to);
}

/* After the close the memory is readable, but no other call works. */
void object_after_close(struct slot *slot)
{
	slot_check(slot);
	if (slot->kind == MEM) {
		EXPECT(call_reclaim(slot, slot, true), -ENODEV);
		slot_check(slot);
	}
	if (slot->kind == BOX && chance(2))
		EXPECT(call_expose(slot, slot, slot->place.readonly, NULL), -ENODEV);
	call_free(slot);
	clear_slot(slot);
}
