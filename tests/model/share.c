// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Memory that two devices have, and pieces that are one object. The model makes such objects only
 * where nothing fails, and ends them before its next call.
 */
#include <coherent/share.h>

#include "model.h"

/* Mappings that an object here needs, at most. */
#define NEEDED 2

static bool is_among(unsigned int fails_at, unsigned int calls)
{
	return fails_at > calls && fails_at <= calls + NEEDED;
}

/* Whether the device has room for more, and makes no call fail that is due. */
static bool is_easy(const struct device *device)
{
	return !device->lazy && device->pages > SMALL &&
	       !is_among(device->fail_map, device->map_calls) &&
	       !is_among(device->fail_unmap, device->unmap_calls) &&
	       (!device->maps_max || device->maps + NEEDED <= device->maps_max);
}

static void begin(struct place *place, uint64_t address, unsigned int mappings)
{
	struct device *device = device_of(place);

	place->address = address;
	place->state = COHERENT_STATE_MEM;
	device->objects++;
	device->map_calls += mappings;
	device->maps += mappings;
	space_claim(place);
	exposure_begin(place);
}

static void end(const struct place *place, unsigned int mappings)
{
	struct device *device = device_of(place);

	device->unmap_calls += mappings;
	device->maps -= mappings;
	space_end(place, COHERENT_STATE_FREED, false);
}

static void device_reads(const struct place *place, size_t offset, uint8_t byte)
{
	const coherent_addr_t address = { place->address + offset };
	uint8_t seen = (uint8_t)~byte;

	EXPECT(coherent_sim_try_addr(device_of(place)->dev, address, &seen, 1,
				     COHERENT_ACCESS_READ),
	       0);
	CHECK(seen == byte);
}

/* The other device reads the first byte of the mem at an address of its own. */
static void share_bytes(struct slot *slot, struct device *other)
{
	struct place place = { .dev = (unsigned int)(other - model.devices),
			       .pages = slot->place.pages,
			       .align = slot->place.align,
			       .boundary = slot->place.boundary,
			       .readonly = true };
	struct coherent_info info;
	COHERENT_TWIN_AUTO(uint8_t, twin);

	EXPECT(coherent_share(&slot->bytes.mem, other->dev, &twin,
			      .permission = COHERENT_READ_ONLY),
	       0);
	begin(&place, coherent_addr(&twin).raw, 1);
	device_reads(&place, 0, slot->place.bytes[0]);
	EXPECT(coherent_find_addr(other->dev, place.address, &info), 0);
	CHECK(info.state == COHERENT_STATE_MEM && info.bytes == place.pages * PAGE);
	/* The mem cannot be reclaimed meanwhile. */
	EXPECT(coherent_reclaim(&slot->bytes.mem, &slot->bytes.box, .idle = true), -EBUSY);
	expect_report(device_of(&slot->place), COHERENT_ERROR);
	end(&place, 1);
}

void share_step(struct slot *slot)
{
	struct device *device = &model.devices[slot->place.dev];
	struct device *other = &model.devices[1 - slot->place.dev];

	if (slot->kind == MEM && !slot->is_records && !slot->place.in_place && !slot->place.mask &&
	    !device->lazy && is_easy(other))
		share_bytes(slot, other);
}

void share_pieces(unsigned int dev)
{
	struct place place = { .dev = dev, .pages = 2, .align = PAGE };
	struct coherent_handle handle = COHERENT_EMPTY;
	struct iovec pieces[NEEDED];
	uint8_t *memory;

	if (!is_easy(&model.devices[dev]))
		return;
	memory = adopt_get("first", 5);
	memory[2 * PAGE] = 's';
	pieces[0] = (struct iovec){ memory + 2 * PAGE, PAGE };
	pieces[1] = (struct iovec){ memory, PAGE };
	EXPECT(coherent_handle_adopt(&handle, model.devices[dev].dev, pieces, NEEDED), 0);
	begin(&place, coherent_handle_addr(&handle).raw, NEEDED);
	device_reads(&place, 0, 's');
	device_reads(&place, PAGE + 1, 'i');
	coherent_handle_free(&handle);
	end(&place, NEEDED);
	adopt_put(memory, NULL);
}
