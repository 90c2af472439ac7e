// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The model allocates objects in every way and with every option, good and bad.
 */
#include <string.h>

#include "object.h"

/**
 * struct ask - The arguments of an allocation.
 * @kind: The kind of object: a box, a mem or a handle.
 * @count: The number of elements.
 * @attrs: The option of this name. The next four members are options too.
 * @align: See @attrs.
 * @boundary: See @attrs.
 * @level: See @attrs.
 * @permission: See @attrs.
 * @filled: How the object is filled: 0 with zeros, 1 from an array, 2 by a function.
 * @source: The array, which is NULL sometimes.
 * @sealed: Whether there is a seal.
 * @sealing: The argument of the seal.
 * @init_result: The result of the function.
 */
struct ask {
	enum kind kind;
	size_t count;
	unsigned int attrs;
	size_t align;
	uint64_t boundary;
	enum coherent_level level;
	enum coherent_permission permission;
	unsigned int filled;
	const void *source;
	bool sealed;
	struct sealing sealing;
	int init_result;
};

static _Alignas(8) uint8_t source_bytes[BYTES_MAX];

static size_t pick_count(size_t size)
{
	if (chance(32))
		return 0;
	if (chance(32))
		return SIZE_MAX / 2 + 1 + pick(2);
	return 1 + pick((uint32_t)(BYTES_MAX / size));
}

static struct ask pick_ask(struct slot *slot)
{
	struct ask ask = {
		.kind = BOX + pick(3),
		.count = pick_count(slot_size(slot)),
		.attrs = chance(4) ? COHERENT_ATTR_NO_WARN : 0,
		.align = chance(2) ? 0 : (size_t)1 << pick(17),
		.boundary = chance(2) ? 0 : UINT64_C(1) << pick(20),
		.level = pick(COHERENT_IOMMU + 1),
		.permission = chance(4) ? COHERENT_READ_ONLY : COHERENT_READ_WRITE,
		.source = source_bytes,
		.sealing = { .slot = slot, .result = pick_seal_result() },
	};

	/* A handle gives the CPU no access, so that nothing can fill it. */
	if (ask.kind != HANDLE) {
		ask.filled = pick(ask.kind == MEM ? 3 : 2);
		ask.sealed = ask.kind == MEM && chance(4);
	}
	switch (pick(32)) {
	case 0:
		ask.align = 3 << pick(16);
		break;
	case 1:
		ask.boundary = 3 << pick(16);
		break;
	case 2:
		ask.attrs = 1u << pick(10);
		break;
	case 3:
		ask.level = COHERENT_IOMMU + 1;
		break;
	case 4:
		ask.permission = COHERENT_READ_ONLY + 1;
		break;
	case 5:
		ask.source = ask.filled == 1 ? NULL : source_bytes;
		break;
	case 6:
		ask.init_result = chance(2) ? -EDOM : 1;
		break;
	}
	return ask;
}

static bool is_power_or_zero(uint64_t x)
{
	return !(x & (x - 1));
}

/* Predicts the checks of the library: first of arguments, then of state, then of resources. */
static int check_ask(const struct ask *ask, const struct slot *slot)
{
	const size_t size = slot_size(slot);

	if (ask->filled == 1 && !ask->source)
		return -EINVAL;
	if (ask->kind != BOX && ask->permission > COHERENT_READ_ONLY)
		return -EINVAL;
	if (!ask->count || ask->attrs >= COHERENT_ATTR_PRIVILEGED << 1 ||
	    ask->level > COHERENT_IOMMU || !is_power_or_zero(ask->align) ||
	    !is_power_or_zero(ask->boundary))
		return -EINVAL;
	if (ask->count > PTRDIFF_MAX / size)
		return -ENOMEM;
	if (ask->boundary && ask->count * size > ask->boundary)
		return -EINVAL;
	if (slot->kind == ask->kind)
		return -EBUSY;
	return ask->attrs & ~COHERENT_ATTR_NO_WARN ? -EOPNOTSUPP : 0;
}

static int fill_by_bytes(uint8_t *elements, size_t count, void *arg)
{
	const struct ask *ask = arg;

	CHECK(count == ask->count);
	for (size_t i = 0; i < count; i++)
		CHECK(!elements[i]);
	memcpy(elements, ask->source, count);
	return ask->init_result;
}

static int fill_by_records(struct record *elements, size_t count, void *arg)
{
	const struct ask *ask = arg;

	CHECK(count == ask->count);
	memcpy(elements, ask->source, count * sizeof(*elements));
	return ask->init_result;
}

static int allocate_box(struct slot *slot, struct coherent_device *dev, const struct ask *ask)
{
	if (!ask->filled)
		return EITHER(slot, coherent_box_zeroed, box, dev, ask->count, .attrs = ask->attrs,
			      .align = ask->align, .boundary = ask->boundary, .level = ask->level);
	if (slot->is_records)
		return coherent_box_from(&slot->records.box, dev,
					 (const struct record *)ask->source, ask->count,
					 .attrs = ask->attrs, .align = ask->align,
					 .boundary = ask->boundary, .level = ask->level);
	return coherent_box_from(&slot->bytes.box, dev, (const uint8_t *)ask->source, ask->count,
				 .attrs = ask->attrs, .align = ask->align,
				 .boundary = ask->boundary, .level = ask->level);
}

#define OF_MEM(ask)                                                                \
	.attrs = (ask)->attrs, .align = (ask)->align, .boundary = (ask)->boundary, \
	.level = (ask)->level, .permission = (ask)->permission,                    \
	.seal = (ask)->sealed ? seal : NULL, .seal_arg = (ask)->sealed ? &(ask)->sealing : NULL

static int allocate_mem(struct slot *slot, struct coherent_device *dev, struct ask *ask)
{
	if (!ask->filled)
		return EITHER(slot, coherent_zeroed, mem, dev, ask->count, OF_MEM(ask));
	if (ask->filled == 1 && slot->is_records)
		return coherent_from(&slot->records.mem, dev, (const struct record *)ask->source,
				     ask->count, OF_MEM(ask));
	if (ask->filled == 1)
		return coherent_from(&slot->bytes.mem, dev, (const uint8_t *)ask->source,
				     ask->count, OF_MEM(ask));
	if (slot->is_records)
		return coherent_init(&slot->records.mem, dev, ask->count, fill_by_records, ask,
				     OF_MEM(ask));
	return coherent_init(&slot->bytes.mem, dev, ask->count, fill_by_bytes, ask, OF_MEM(ask));
}

static int allocate(struct slot *slot, struct coherent_device *dev, struct ask *ask)
{
	if (ask->kind == BOX)
		return allocate_box(slot, dev, ask);
	if (ask->kind == MEM)
		return allocate_mem(slot, dev, ask);
	return coherent_handle_zeroed(&slot->handle, dev, ask->count, .attrs = ask->attrs,
				      .align = ask->align, .boundary = ask->boundary,
				      .level = ask->level, .permission = ask->permission);
}

/* Fills an empty slot with all that is known of the new object, which is all but its address. */
static void prepare(struct slot *slot, unsigned int dev, const struct ask *ask)
{
	struct place *place = &slot->place;
	const size_t bytes = ask->count * slot_size(slot);

	slot->count = ask->count;
	place->dev = dev;
	place->pages = (bytes + PAGE - 1) / PAGE;
	place->align = ask->align > PAGE ? ask->align : PAGE;
	place->boundary = ask->boundary && ask->boundary < PAGE ? PAGE : ask->boundary;
	place->quiet = ask->attrs & COHERENT_ATTR_NO_WARN;
	if (!ask->filled)
		return;
	memcpy(place->bytes, ask->source, bytes);
	if (ask->filled == 1 && slot->is_records)
		field_clear_padding(place->bytes, ask->count);
}

/* Predicts the result of an allocation whose arguments are good. */
static int predict_birth(const struct slot *slot, const struct ask *ask)
{
	int err = space_reserve(&slot->place);

	if (err && !slot->place.quiet)
		expect_report(device_of(&slot->place), COHERENT_WARNING);
	if (!err && ask->filled == 2)
		err = result_of(ask->init_result);
	if (!err && ask->sealed)
		err = result_of(ask->sealing.result);
	if (!err && ask->kind != BOX)
		err = map_result(&slot->place);
	return err;
}

static void record_new_object(struct slot *slot, const struct ask *ask)
{
	device_of(&slot->place)->objects++;
	if (ask->kind == BOX)
		slot->place.address = address_of_box(slot);
	else if (ask->kind == MEM)
		slot->place.address = EITHER(slot, coherent_addr, mem).raw;
	else
		slot->place.address = coherent_handle_addr(&slot->handle).raw;
	CHECK(!ask->sealed || ask->sealing.address == slot->place.address);
	space_claim(&slot->place);
	if (ask->kind == BOX)
		become_box(slot);
	else
		become_reachable(slot, ask->kind, ask->permission);
	slot_check(slot);
}

void object_allocate(struct slot *slot)
{
	const unsigned int dev = pick(DEVICES);
	struct ask ask;
	int err;

	if (slot->kind == EMPTY)
		slot->is_records = chance(2);
	ask = pick_ask(slot);
	if (slot->kind != EMPTY && ask.kind != slot->kind)
		return;
	/* The elements of a handle are bytes. */
	if (ask.kind == HANDLE)
		slot->is_records = false;
	pattern(source_bytes, sizeof(source_bytes));
	err = check_ask(&ask, slot);
	if (err) {
		EXPECT(allocate(slot, model.devices[dev].dev, &ask), err);
		slot_check(slot);
		return;
	}
	prepare(slot, dev, &ask);
	err = predict_birth(slot, &ask);
	EXPECT(allocate(slot, model.devices[dev].dev, &ask), err);
	CHECK(ask.sealing.called <= ask.sealed);
	if (!err) {
		record_new_object(slot, &ask);
		return;
	}
	clear_slot(slot);
}
