// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Two devices, one of which is lazy: unmapping is no fence. Both fail a mapping
 * and an unmapping now and then, and one has few mappings. Objects stand in
 * slots; what they were before stands in graves, which a device tries again.
 */
#include <coherent.h>
#include <coherent/sim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define PAGE 4096
#define PAGES_MAX 3
#define SLOTS 24
#define GRAVES 32
#define MAPS 12

#define CHECK(condition) ((condition) ? (void)0 : fail(__LINE__, #condition))
#define EXPECT(call, err) expect(__LINE__, #call, (call), (err))

enum kind { EMPTY, BOX, MEM, HANDLE };

/**
 * struct place - Memory at a device address, as the model sees it.
 * @dev: Which device.
 * @address: The address; 0 if there is none or nobody knows it.
 * @pages: How many.
 * @bytes: What is in it.
 * @reachable: The device gets there.
 * @readonly: But does not write.
 * @state: What a fault must say if it does not.
 */
struct place {
	unsigned int dev;
	uint64_t address;
	size_t pages;
	uint8_t bytes[PAGES_MAX * PAGE];
	bool reachable;
	bool readonly;
	enum coherent_state state;
};

struct slot {
	enum kind kind;
	size_t count;
	struct place place;
	COHERENT_BOX(uint8_t) box;
	COHERENT(uint8_t) mem;
	struct coherent_handle handle;
};

struct device {
	struct coherent_device *dev;
	bool lazy;
	unsigned int objects;
	unsigned int maps;
	unsigned int map_calls, fail_map;
	unsigned int unmap_calls, fail_unmap;
};

static struct {
	struct source *source;
	unsigned long step;
	struct device devices[2];
	struct slot slots[SLOTS];
	struct place graves[GRAVES];
	unsigned int next_grave;
} model;

static void fail(int line, const char *what)
{
	fprintf(stderr, "model.c:%d: step %lu: %s\n", line, model.step, what);
	abort();
}

static void expect(int line, const char *call, int got, int err)
{
	if (got == err)
		return;
	fprintf(stderr, "model.c:%d: step %lu: %s is %d, not %d\n", line, model.step, call, got,
		err);
	abort();
}

/* One of n. */
static uint32_t pick(uint32_t n)
{
	struct source *source = model.source;
	uint32_t value = 0;

	if (source->bytes) {
		for (unsigned int i = 0; i < (n > 256 ? 3 : 1) && source->left; i++, source->left--)
			value = value << 8 | *source->bytes++;
		return value % n;
	}
	source->random ^= source->random << 13;
	source->random ^= source->random >> 7;
	source->random ^= source->random << 17;
	return (uint32_t)(source->random >> 32) % n;
}

static bool chance(uint32_t n)
{
	return !pick(n);
}

static struct device *device_of(const struct place *place)
{
	return &model.devices[place->dev];
}

static struct coherent_device *dev_of(const struct place *place)
{
	return device_of(place)->dev;
}

/* --- Graves --- */

static void bury(const struct place *place, bool reachable, enum coherent_state state)
{
	struct place *grave = &model.graves[model.next_grave];

	/* What can still be reached is kept; make_room_for_graves() sees to it that there is other. */
	while (grave->reachable) {
		model.next_grave = (model.next_grave + 1) % GRAVES;
		grave = &model.graves[model.next_grave];
	}
	model.next_grave = (model.next_grave + 1) % GRAVES;
	*grave = *place;
	grave->reachable = reachable;
	grave->state = state;
}

/* After a fence the addresses of a lazy device are free for others; others never move. */
static void forget_graves(unsigned int dev, bool all)
{
	for (unsigned int i = 0; i < GRAVES; i++) {
		struct place *grave = &model.graves[i];
		const bool leaked = grave->state == COHERENT_STATE_MEM;

		if (grave->address && grave->dev == dev && (all || !leaked))
			*grave = (struct place){ .address = 0 };
	}
}

static void fence(unsigned int i)
{
	struct device *device = &model.devices[i];

	EXPECT(chance(2) ? coherent_device_fence(device->dev) : coherent_device_reset(device->dev),
	       0);
	if (!device->lazy)
		return;
	for (unsigned int k = 0; k < GRAVES; k++)
		if (model.graves[k].reachable && model.graves[k].dev == i &&
		    model.graves[k].state != COHERENT_STATE_MEM)
			device->objects--;
	forget_graves(i, false);
}

static void make_room_for_graves(void)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < GRAVES; i++)
		kept += model.graves[i].reachable;
	if (kept > GRAVES - 8)
		fence(1);
}

/* --- Devices --- */

static void open_device(unsigned int i)
{
	struct device *device = &model.devices[i];
	char name[128];

	*device = (struct device){ .lazy = i };
	device->fail_map = 1 + pick(200);
	device->fail_unmap = 20 + pick(400);
	snprintf(name, sizeof(name), "sim:edu,step,fail-map=%u,fail-unmap=%u%s", device->fail_map,
		 device->fail_unmap, i ? ",lazy" : ",maps=12");
	EXPECT(coherent_device_open(&device->dev, name), 0);
}

static void empty_slot(struct slot *slot)
{
	*slot = (struct slot){ .kind = EMPTY };
}

static void close_device(unsigned int i)
{
	struct coherent_device *dev = model.devices[i].dev;
	uint8_t byte;

	coherent_device_close(dev);
	for (unsigned int k = 0; k < SLOTS; k++) {
		struct slot *slot = &model.slots[k];

		if (slot->kind == EMPTY || slot->place.dev != i)
			continue;
		/* Memory stays readable, nothing else works. */
		if (slot->kind == MEM) {
			EXPECT(coherent_read(&slot->mem, 0, &byte), 0);
			CHECK(byte == slot->place.bytes[0]);
			if (k % 2)
				EXPECT(coherent_reclaim(&slot->mem, &slot->box, .idle = true),
				       -ENODEV);
		}
		if (slot->kind == BOX && k % 2)
			EXPECT(coherent_expose(&slot->box, &slot->mem), -ENODEV);
		coherent_box_free(&slot->box);
		coherent_free(&slot->mem);
		coherent_handle_free(&slot->handle);
		empty_slot(slot);
	}
	forget_graves(i, true);
}

/* --- What a mapping and its end must answer --- */

static int map_result(struct device *device)
{
	if (++device->map_calls == device->fail_map)
		return -EIO;
	if (!device->lazy && device->maps == MAPS)
		return -ENOSPC;
	device->maps++;
	return 0;
}

static bool unmap_fails(struct device *device)
{
	if (++device->unmap_calls == device->fail_unmap)
		return true;
	device->maps--;
	return false;
}

/* An exposed object ends. It counts on while it is leaked or waits for a fence. */
static void end_exposed(struct slot *slot, enum coherent_state state)
{
	struct device *device = device_of(&slot->place);
	const bool leaked = unmap_fails(device);

	if (!leaked && !device->lazy)
		device->objects--;
	bury(&slot->place, leaked || device->lazy, leaked ? COHERENT_STATE_MEM : state);
}

/* --- Calls --- */

static void become(struct slot *slot, enum kind kind, size_t count, bool readonly)
{
	struct place *place = &slot->place;

	slot->kind = kind;
	slot->count = count;
	place->pages = (count + PAGE - 1) / PAGE;
	place->reachable = kind != BOX;
	place->readonly = readonly;
	place->state = kind == BOX ? COHERENT_STATE_BOX : COHERENT_STATE_MEM;
	if (kind == MEM)
		place->address = coherent_addr(&slot->mem).raw;
	if (kind == HANDLE)
		place->address = coherent_handle_addr(&slot->handle).raw;
}

static void allocate(struct slot *slot)
{
	const unsigned int dev = pick(2);
	struct device *device = &model.devices[dev];
	const size_t count = pick(PAGES_MAX * PAGE + 1);
	const size_t align = chance(8) ? 3 : (size_t)1 << pick(16);
	const bool readonly = chance(3);
	const enum coherent_may may = readonly ? COHERENT_MAY_READ : COHERENT_MAY_READ_WRITE;
	const uint32_t kind = BOX + pick(3);
	int err = count && align != 3 ? 0 : -EINVAL;

	if (!err && slot->kind == kind)
		err = -EBUSY;
	else if (!err && slot->kind != EMPTY)
		return;
	if (!err && kind != BOX)
		err = map_result(device);
	if (kind == BOX)
		EXPECT(coherent_box_zeroed(&slot->box, device->dev, count, .align = align), err);
	else if (kind == MEM)
		EXPECT(coherent_zeroed(&slot->mem, device->dev, count, .align = align, .may = may),
		       err);
	else
		EXPECT(coherent_handle_zeroed(&slot->handle, device->dev, count, .align = align,
					      .may = may),
		       err);
	if (err)
		return;
	slot->place = (struct place){ .dev = dev };
	device->objects++;
	become(slot, kind, count, readonly);
	CHECK(kind == BOX || slot->place.address % align == 0);
}

static void fill_box(struct slot *slot)
{
	const size_t first = slot->kind == BOX ? pick((uint32_t)slot->count) : 0;
	const uint8_t value = (uint8_t)pick(256);
	uint8_t *bytes = coherent_box_ptr(&slot->box);

	if (slot->kind != BOX)
		return;
	CHECK(!memcmp(bytes, slot->place.bytes, slot->place.pages * PAGE));
	memset(bytes + first, value, slot->count - first);
	memset(slot->place.bytes + first, value, slot->count - first);
}

static int refuse(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	(void)elements;
	(void)count;
	(void)address;
	(void)arg;
	return -EBADMSG;
}

static void expose(struct slot *slot)
{
	struct device *device = device_of(&slot->place);
	const bool readonly = chance(3), refused = chance(16);
	int err = -EINVAL;

	if (slot->kind == BOX)
		err = refused ? -EBADMSG : map_result(device);
	EXPECT(coherent_expose(&slot->box, &slot->mem,
			       .may = readonly ? COHERENT_MAY_READ : COHERENT_MAY_READ_WRITE,
			       .seal = refused ? refuse : NULL),
	       err);
	CHECK(coherent_is_empty(&slot->box));
	if (slot->kind != BOX)
		return;
	if (!err) {
		become(slot, MEM, slot->count, readonly);
		return;
	}
	device->objects--;
	empty_slot(slot);
}

static void reclaim(struct slot *slot)
{
	struct device *device = device_of(&slot->place);
	const bool idle = chance(2);

	if (slot->kind != MEM) {
		EXPECT(coherent_reclaim(&slot->mem, &slot->box, .idle = idle), -EINVAL);
		return;
	}
	if (device->lazy && !idle) {
		EXPECT(coherent_reclaim(&slot->mem, &slot->box), -EBUSY);
		return;
	}
	if (device->unmap_calls + 1 == device->fail_unmap) {
		end_exposed(slot, COHERENT_STATE_RECLAIMED);
		EXPECT(coherent_reclaim(&slot->mem, &slot->box, .idle = true), -EIO);
		CHECK(coherent_is_empty(&slot->mem) && coherent_is_empty(&slot->box));
		empty_slot(slot);
		return;
	}
	end_exposed(slot, COHERENT_STATE_RECLAIMED);
	device->objects++;
	EXPECT(coherent_reclaim(&slot->mem, &slot->box, .idle = idle), 0);
	slot->place.address = 0;
	become(slot, BOX, slot->count, false);
	CHECK(!memcmp(coherent_box_ptr(&slot->box), slot->place.bytes, slot->place.pages * PAGE));
}

static void free_slot(struct slot *slot)
{
	if (slot->kind == BOX)
		device_of(&slot->place)->objects--;
	else if (slot->kind != EMPTY)
		end_exposed(slot, COHERENT_STATE_FREED);
	coherent_box_free(&slot->box);
	coherent_free(&slot->mem);
	coherent_handle_free(&slot->handle);
	empty_slot(slot);
}

static void move(struct slot *slot)
{
	struct slot *to = &model.slots[pick(SLOTS)];

	if (slot->kind == HANDLE || to->kind == HANDLE || slot == to)
		return;
	/* On to one in use nothing moves; of another kind, it would be two in a slot. */
	if (to->kind != EMPTY && to->kind != slot->kind)
		return;
	coherent_move(&slot->box, &to->box);
	coherent_move(&slot->mem, &to->mem);
	if (to->kind != EMPTY || slot->kind == EMPTY)
		return;
	to->kind = slot->kind;
	to->count = slot->count;
	to->place = slot->place;
	CHECK(coherent_is_empty(&slot->box) && coherent_is_empty(&slot->mem));
	empty_slot(slot);
}

static void access_field(struct slot *slot)
{
	const bool mem = slot->kind == MEM;
	const size_t i = pick(PAGES_MAX * PAGE + 1);
	const int err = !mem ? -EINVAL : i < slot->count ? 0 : -ERANGE;
	uint8_t value = (uint8_t)pick(256), seen = (uint8_t)~value;

	if (chance(2)) {
		EXPECT(coherent_write(&slot->mem, i, value), err);
		if (!err)
			slot->place.bytes[i] = value;
		return;
	}
	EXPECT(coherent_read(&slot->mem, i, &seen), err);
	CHECK(seen == (err ? (uint8_t)~value : slot->place.bytes[i]));
}

static void copy(struct slot *slot)
{
	const size_t first = pick(PAGES_MAX * PAGE + 1), n = pick(512);
	const bool inside = first <= slot->count && n <= slot->count - first;
	const int err = slot->kind != MEM ? -EINVAL : inside ? 0 : -ERANGE;
	uint8_t bytes[512];

	memset(bytes, (int)pick(256), sizeof(bytes));
	if (chance(2)) {
		EXPECT(coherent_copy_in(&slot->mem, first, bytes, n), err);
		if (!err)
			memcpy(slot->place.bytes + first, bytes, n);
		return;
	}
	EXPECT(coherent_copy_out(&slot->mem, first, bytes, n), err);
	CHECK(err || !memcmp(bytes, slot->place.bytes + first, n));
}

/* --- What a device tries --- */

static struct place *place_at(unsigned int dev, uint64_t address)
{
	for (unsigned int i = 0; i < SLOTS + GRAVES; i++) {
		struct place *place = i < SLOTS ? &model.slots[i].place : &model.graves[i - SLOTS];

		if (place->dev == dev && place->address &&
		    address - place->address < place->pages * PAGE)
			return place;
	}
	return NULL;
}

static void check_fault(struct coherent_device *dev, const struct place *place, uint64_t refused)
{
	struct coherent_fault fault;

	EXPECT(coherent_device_next_fault(dev, &fault), 0);
	CHECK(fault.address == refused);
	CHECK(!fault.lost);
	/* Behind an object is its guard. Elsewhere may be a box, whose address nobody knows. */
	if (place)
		CHECK(fault.state == place->state);
	EXPECT(coherent_device_next_fault(dev, &fault), -EAGAIN);
}

/* From an address that the model knows, on; guards keep an access from the next object. */
static void try_address(const struct place *at)
{
	const unsigned int i = chance(4) ? !at->dev : at->dev;
	const uint64_t offset = pick(PAGES_MAX * PAGE);
	const uint64_t address = at->address + offset;
	const size_t n = 1 + pick(600);
	const bool write = chance(2);
	struct coherent_device *dev = model.devices[i].dev;
	struct place *place = place_at(i, address);
	const size_t there = place ? place->pages * PAGE - (address - place->address) : 0;
	const bool permitted = place && place->reachable && !(write && place->readonly);
	uint8_t bytes[600];
	int err = permitted && n <= there ? 0 : -EIO;

	memset(bytes, (int)pick(256), sizeof(bytes));
	EXPECT(coherent_sim_try_addr(dev, (coherent_addr_t){ address }, bytes, n,
				     write ? COHERENT_ACCESS_WRITE : COHERENT_ACCESS_READ),
	       err);
	if (err)
		check_fault(dev, permitted ? NULL : place, permitted ? address + there : address);
	else if (write)
		memcpy(place->bytes + (address - place->address), bytes, n);
	else
		CHECK(!memcmp(bytes, place->bytes + (address - place->address), n));
}

static void device_tries(struct slot *slot)
{
	struct place *grave = &model.graves[pick(GRAVES)];
	uint8_t byte = 1;

	if (chance(3) && grave->address) {
		try_address(grave);
	} else if (slot->kind == MEM || slot->kind == HANDLE) {
		try_address(&slot->place);
	} else if (slot->kind == BOX) {
		const size_t offset = pick((uint32_t)slot->place.pages * PAGE);
		struct coherent_fault fault;

		EXPECT(coherent_sim_try(dev_of(&slot->place), &slot->box, offset, &byte, 1,
					chance(2) ? COHERENT_ACCESS_WRITE : COHERENT_ACCESS_READ),
		       -EIO);
		EXPECT(coherent_device_next_fault(dev_of(&slot->place), &fault), 0);
		CHECK(fault.state == COHERENT_STATE_BOX);
		CHECK(fault.object_bytes == slot->place.pages * PAGE);
	}
}

/* Drained, a device has no object left but what leaked. */
static void change_mask(unsigned int i, bool drain)
{
	struct device *device = &model.devices[i];

	for (unsigned int k = 0; drain && k < SLOTS; k++)
		if (model.slots[k].place.dev == i)
			free_slot(&model.slots[k]);
	if (drain)
		fence(i);
	EXPECT(coherent_device_set_mask(device->dev, coherent_mask(28 + pick(8))),
	       device->objects ? -EBUSY : 0);
	/* What was in quarantine under the old mask is free for others. */
	if (!device->objects)
		forget_graves(i, false);
}

static void step(void)
{
	struct slot *slot = &model.slots[pick(SLOTS)];

	switch (pick(32)) {
	case 0 ... 4:
		allocate(slot);
		break;
	case 5 ... 7:
		fill_box(slot);
		break;
	case 8 ... 11:
		expose(slot);
		break;
	case 12 ... 14:
		reclaim(slot);
		break;
	case 15 ... 16:
		free_slot(slot);
		break;
	case 17:
		move(slot);
		break;
	case 18 ... 20:
		access_field(slot);
		break;
	case 21 ... 22:
		copy(slot);
		break;
	case 23 ... 29:
		device_tries(slot);
		break;
	case 30:
		fence(pick(2));
		break;
	default:
		if (chance(4))
			change_mask(pick(2), chance(2));
	}
}

void model_run(struct source *source, unsigned long steps)
{
	memset(&model, 0, sizeof(model));
	model.source = source;
	for (unsigned int i = 0; i < 2; i++)
		open_device(i);
	while (model.step < steps && (!source->bytes || source->left)) {
		model.step++;
		make_room_for_graves();
		step();
		if (chance(2000)) {
			const unsigned int i = pick(2);

			close_device(i);
			open_device(i);
		}
	}
	for (unsigned int i = 0; i < 2; i++)
		close_device(i);
}
