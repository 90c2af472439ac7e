// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The model allocates objects in every way and with every option, good and bad.
 */
#include <string.h>

#include "object.h"

/* ThreadSanitizer ends a program that maps memory at a low address, such as one under a mask. */
#ifndef MAPS_LOW
#define MAPS_LOW 1
#endif

/**
 * struct alloc_request - The arguments of an allocation.
 * @kind: The kind of object: a box, a mem or a handle.
 * @count: The number of elements.
 * @attrs: The option of this name. Most of the next members are options too.
 * @align: See @attrs.
 * @boundary: See @attrs.
 * @level: See @attrs.
 * @permission: See @attrs.
 * @in_place: See @attrs.
 * @mask: See @attrs.
 * @address: See @attrs.
 * @nodes: See @attrs.
 * @is_pointer: The option .address_is_pointer.
 * @filled: How the object is filled: 0 with zeros, 1 from an array, 2 by a function, 3 by the driver
 *	that had the memory.
 * @adopts: The memory is that of the driver.
 * @source: The array, which is NULL sometimes.
 * @sealed: Whether there is a seal.
 * @sealing: The argument of the seal.
 * @init_result: The result of the function.
 */
struct alloc_request {
	enum kind kind;
	size_t count;
	unsigned int attrs;
	size_t align;
	uint64_t boundary;
	enum coherent_level level;
	enum coherent_permission permission;
	bool in_place;
	uint64_t mask;
	uint64_t address;
	uint64_t nodes;
	bool is_pointer;
	unsigned int filled;
	bool adopts;
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

/* A node that machines have, and one that no machine has. */
#define NODE UINT64_C(1)
#define NO_NODE (UINT64_C(1) << 63)
/* Most processes have nothing at the addresses behind this one, and some devices have them. */
#define MOSTLY_FREE (UINT64_C(1) << 36)

/*
 * If the memory of an object is a mapping of its own, the model knows whether the device has an
 * address for it. It does not know whether this process has one: see is_without_pointer().
 */
static void pick_own_memory(struct alloc_request *request, const struct device *device)
{
	if (chance(8))
		request->nodes = chance(8) ? NO_NODE : NODE;
	/* A mapping that the device does not have would be -ENOSPC too. */
	if (request->kind == HANDLE || (device->maps_max && device->maps == device->maps_max))
		return;
	request->is_pointer = MAPS_LOW && chance(8);
	if (!request->is_pointer)
		return;
	request->nodes &= NODE;
	if (device->pages > SMALL && chance(2))
		request->address = MOSTLY_FREE + pick(64) * PAGE;
}

/*
 * On a device with few addresses the mask may be full, and the model knows which addresses are free.
 * On other devices there is room under each mask that is picked.
 */
static void pick_place(struct alloc_request *request, const struct device *device)
{
	const bool is_small = device->pages <= SMALL;

	if (chance(4))
		request->mask = coherent_mask(is_small ? 11 + pick(12) : 32 + pick(33));
	if (is_small && chance(8))
		request->address = pick(SMALL + 4) * PAGE;
	if (request->address && chance(16))
		request->address += 1 + pick(PAGE - 1);
	if (chance(64))
		request->mask = 3u << pick(20);
}

static struct alloc_request pick_request(struct slot *slot, const struct device *device)
{
	struct alloc_request request = {
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

	pick_place(&request, device);
	pick_own_memory(&request, device);
	/* A handle gives the CPU no access, so that nothing can fill it. */
	if (request.kind != HANDLE) {
		request.filled = pick(request.kind == MEM ? 3 : 2);
		request.sealed = request.kind == MEM && chance(4);
		request.in_place = chance(3);
	}
	request.adopts = request.kind == BOX && !request.in_place && chance(3);
	if (request.adopts) {
		request.mask = request.address = request.nodes = 0;
		request.is_pointer = false;
		request.filled = chance(2) ? 3 : 0;
	}
	/* In place, most requests have a level that fits. */
	if (request.in_place && !chance(8))
		request.level = pick(COHERENT_HIDDEN + 1);
	/* An object in place that fails later was mapped, at an address that the model cannot know. */
	if (request.in_place)
		request.sealing.result = 0;
	switch (pick(32)) {
	case 0:
		request.align = 3 << pick(16);
		break;
	case 1:
		request.boundary = 3 << pick(16);
		break;
	case 2:
		request.attrs = 1u << pick(10);
		break;
	case 3:
		request.level = COHERENT_IOMMU + 1;
		break;
	case 4:
		request.permission = COHERENT_READ_ONLY + 1;
		break;
	case 5:
		request.source = request.filled == 1 ? NULL : source_bytes;
		break;
	case 6:
		request.init_result = request.in_place ? 0 : chance(2) ? -EDOM : 1;
		break;
	}
	return request;
}

static bool is_power_or_zero(uint64_t x)
{
	return !(x & (x - 1));
}

static bool is_misplaced(const struct alloc_request *request, size_t bytes)
{
	const uint64_t align = request->align > PAGE ? request->align : PAGE;
	const uint64_t last = request->address + (bytes + PAGE - 1) / PAGE * PAGE - 1;

	if (!is_power_or_zero(request->mask + 1) || (request->mask && bytes - 1 > request->mask))
		return true;
	if (!request->address)
		return false;
	return request->address % align || (request->mask && last > request->mask) ||
	       (request->boundary > PAGE &&
		request->address / request->boundary != last / request->boundary);
}

/* Predicts the checks of the library: first of arguments, then of state, then of resources. */
static int check_request(const struct alloc_request *request, const struct slot *slot,
			 const struct device *device)
{
	const size_t size = slot_size(slot);
	uint64_t last;

	if (request->filled == 1 && !request->source)
		return -EINVAL;
	if (request->kind != BOX && request->permission > COHERENT_READ_ONLY)
		return -EINVAL;
	if (!request->count || request->attrs >= COHERENT_ATTR_PRIVILEGED << 1 ||
	    request->level > COHERENT_IOMMU || !is_power_or_zero(request->align) ||
	    !is_power_or_zero(request->boundary))
		return -EINVAL;
	if (request->count > PTRDIFF_MAX / size)
		return -ENOMEM;
	if (request->boundary && request->count * size > request->boundary)
		return -EINVAL;
	if (is_misplaced(request, request->count * size))
		return -EINVAL;
	if (slot->kind == request->kind)
		return -EBUSY;
	if (request->attrs & ~COHERENT_ATTR_NO_WARN)
		return -EOPNOTSUPP;
	if (request->in_place && request->level > COHERENT_HIDDEN)
		return -EOPNOTSUPP;
	last = request->address + (request->count * size + PAGE - 1) / PAGE * PAGE - 1;
	if (request->address && last > device->mask)
		return -EINVAL;
	/* This device uses a copy of each mapping that is not the library's. */
	return (request->nodes || request->is_pointer) && device->lazy ? -EOPNOTSUPP : 0;
}

static int fill_by_bytes(uint8_t *elements, size_t count, void *arg)
{
	const struct alloc_request *request = arg;

	CHECK(count == request->count);
	for (size_t i = 0; i < count; i++)
		CHECK(!elements[i]);
	memcpy(elements, request->source, count);
	return request->init_result;
}

static int fill_by_records(struct record *elements, size_t count, void *arg)
{
	const struct alloc_request *request = arg;

	CHECK(count == request->count);
	memcpy(elements, request->source, count * sizeof(*elements));
	return request->init_result;
}

#define OF_BOX(request)                                                                        \
	.attrs = (request)->attrs, .align = (request)->align, .boundary = (request)->boundary, \
	.level = (request)->level, .in_place = (request)->in_place, .mask = (request)->mask,   \
	.address = (request)->address, .nodes = (request)->nodes,                              \
	.address_is_pointer = (request)->is_pointer

#define ADOPT(request)                                                                         \
	.attrs = (request)->attrs, .align = (request)->align, .boundary = (request)->boundary, \
	.level = (request)->level, .tail = true, .copy = true, .release = adopt_put

static int adopt(struct slot *slot, struct coherent_device *dev,
		 const struct alloc_request *request)
{
	const size_t size = slot_size(slot);
	const size_t bytes = request->count <= BYTES_MAX / size ? request->count * size : 0;
	uint8_t *memory = adopt_get(request->source, request->filled ? bytes : 0);
	int err;

	if (slot->is_records)
		err = coherent_box_adopt(&slot->records.box, dev, (struct record *)memory,
					 request->count, ADOPT(request));
	else
		err = coherent_box_adopt(&slot->bytes.box, dev, memory, request->count,
					 ADOPT(request));
	if (err)
		adopt_put(memory, NULL);
	else
		slot->place.adopted = memory;
	return err;
}

static int allocate_box(struct slot *slot, struct coherent_device *dev,
			const struct alloc_request *request)
{
	if (request->adopts)
		return adopt(slot, dev, request);
	if (!request->filled)
		return EITHER(slot, coherent_box_zeroed, box, dev, request->count, OF_BOX(request));
	if (slot->is_records)
		return coherent_box_from(&slot->records.box, dev,
					 (const struct record *)request->source, request->count,
					 OF_BOX(request));
	return coherent_box_from(&slot->bytes.box, dev, (const uint8_t *)request->source,
				 request->count, OF_BOX(request));
}

#define OF_MEM(request)                                                                        \
	.attrs = (request)->attrs, .align = (request)->align, .boundary = (request)->boundary, \
	.level = (request)->level, .in_place = (request)->in_place, .mask = (request)->mask,   \
	.address = (request)->address, .nodes = (request)->nodes,                              \
	.address_is_pointer = (request)->is_pointer, .permission = (request)->permission,      \
	.seal = (request)->sealed ? seal : NULL,                                               \
	.seal_arg = (request)->sealed ? &(request)->sealing : NULL

static int allocate_mem(struct slot *slot, struct coherent_device *dev,
			struct alloc_request *request)
{
	if (!request->filled)
		return EITHER(slot, coherent_zeroed, mem, dev, request->count, OF_MEM(request));
	if (request->filled == 1 && slot->is_records)
		return coherent_from(&slot->records.mem, dev,
				     (const struct record *)request->source, request->count,
				     OF_MEM(request));
	if (request->filled == 1)
		return coherent_from(&slot->bytes.mem, dev, (const uint8_t *)request->source,
				     request->count, OF_MEM(request));
	if (slot->is_records)
		return coherent_init(&slot->records.mem, dev, request->count, fill_by_records,
				     request, OF_MEM(request));
	return coherent_init(&slot->bytes.mem, dev, request->count, fill_by_bytes, request,
			     OF_MEM(request));
}

static int allocate(struct slot *slot, struct coherent_device *dev, struct alloc_request *request)
{
	if (request->kind == BOX)
		return allocate_box(slot, dev, request);
	if (request->kind == MEM)
		return allocate_mem(slot, dev, request);
	return coherent_handle_zeroed(&slot->handle, dev, request->count, .attrs = request->attrs,
				      .align = request->align, .boundary = request->boundary,
				      .level = request->level, .permission = request->permission,
				      .mask = request->mask, .address = request->address,
				      .nodes = request->nodes);
}

/* Fills an empty slot with all that is known of the new object, which is all but its address. */
static void prepare(struct slot *slot, unsigned int dev, const struct alloc_request *request)
{
	struct place *place = &slot->place;
	const size_t bytes = request->count * slot_size(slot);

	slot->count = request->count;
	place->dev = dev;
	place->pages = (bytes + PAGE - 1) / PAGE;
	place->align = request->align > PAGE ? request->align : PAGE;
	place->boundary = request->boundary && request->boundary < PAGE ? PAGE : request->boundary;
	place->mask = request->mask;
	place->quiet = request->attrs & COHERENT_ATTR_NO_WARN;
	place->in_place = request->in_place;
	place->is_own = request->nodes || request->is_pointer;
	if (!request->filled)
		return;
	memcpy(place->bytes, request->source, bytes);
	if (request->filled == 1 && slot->is_records)
		field_clear_padding(place->bytes, request->count);
}

static int predict_address(const struct place *place, const struct alloc_request *request)
{
	if (request->address)
		return space_reserve_at(place, request->address);
	/* The library has looked for a pointer that is free on the device. */
	return request->is_pointer ? 0 : space_reserve(place);
}

/* Predicts the result of an allocation whose arguments are good. */
static int predict_birth(const struct slot *slot, const struct alloc_request *request)
{
	int err = predict_address(&slot->place, request);

	if (request->nodes == NO_NODE && !slot->place.quiet)
		expect_report(device_of(&slot->place), COHERENT_WARNING);
	if (err == -EBUSY)
		expect_report(device_of(&slot->place), COHERENT_ERROR);
	else if (err && !slot->place.quiet)
		expect_report(device_of(&slot->place), COHERENT_WARNING);
	if (!err && request->in_place)
		err = map_result(&slot->place);
	if (!err && request->filled == 2)
		err = result_of(&slot->place, request->init_result);
	if (!err && request->sealed)
		err = result_of(&slot->place, request->sealing.result);
	if (!err && request->kind != BOX && !request->in_place)
		err = map_result(&slot->place);
	return err;
}

/*
 * Whether an allocation found no memory whose pointer could be the address: the process may have a
 * mapping at .address, or in the whole space of the device.
 */
static bool is_without_pointer(const struct alloc_request *request, const struct slot *slot,
			       int err)
{
	if (!request->is_pointer || err != (request->address ? -EBUSY : -ENOSPC))
		return false;
	if (err == -EBUSY)
		expect_report(device_of(&slot->place), COHERENT_ERROR);
	else if (!slot->place.quiet)
		expect_report(device_of(&slot->place), COHERENT_WARNING);
	return true;
}

static uint64_t pointer_of(const struct slot *slot)
{
	if (slot->kind == MEM)
		return (uintptr_t)mem_bytes(slot);
	return slot->is_records ? (uintptr_t)coherent_box_ptr(&slot->records.box) :
				  (uintptr_t)coherent_box_ptr(&slot->bytes.box);
}

static void record_new_object(struct slot *slot, const struct alloc_request *request)
{
	device_of(&slot->place)->objects++;
	slot->place.chosen = request->address || request->is_pointer;
	if (request->kind == BOX)
		slot->place.address = address_of_box(slot);
	else if (request->kind == MEM)
		slot->place.address = EITHER(slot, coherent_addr, mem).raw;
	else
		slot->place.address = coherent_handle_addr(&slot->handle).raw;
	CHECK(!request->sealed || request->sealing.address == slot->place.address);
	CHECK(!request->address || request->address == slot->place.address);
	space_claim(&slot->place);
	if (request->kind == BOX && !request->in_place)
		become_box(slot);
	else
		become_reachable(slot, request->kind,
				 request->kind == BOX ? COHERENT_READ_WRITE : request->permission);
	CHECK(!request->is_pointer || pointer_of(slot) == slot->place.address);
	slot_check(slot);
}

void object_allocate(struct slot *slot)
{
	const unsigned int dev = pick(DEVICES);
	struct alloc_request request;
	int err, allocated;

	if (slot->kind == EMPTY)
		slot->is_records = chance(2);
	request = pick_request(slot, &model.devices[dev]);
	if (slot->kind != EMPTY && request.kind != slot->kind)
		return;
	/* The elements of a handle are bytes. */
	if (request.kind == HANDLE)
		slot->is_records = false;
	pattern(source_bytes, sizeof(source_bytes));
	err = check_request(&request, slot, &model.devices[dev]);
	if (err) {
		/* Only a failed allocation may be quiet. */
		if (err != -ENOMEM || !(request.attrs & COHERENT_ATTR_NO_WARN))
			expect_report(&model.devices[dev], COHERENT_ERROR);
		EXPECT(allocate(slot, model.devices[dev].dev, &request), err);
		slot_check(slot);
		return;
	}
	prepare(slot, dev, &request);
	allocated = allocate(slot, model.devices[dev].dev, &request);
	if (!is_without_pointer(&request, slot, allocated))
		EXPECT(allocated, predict_birth(slot, &request));
	CHECK(request.sealing.called <= request.sealed);
	if (!allocated) {
		record_new_object(slot, &request);
		return;
	}
	clear_slot(slot);
}
