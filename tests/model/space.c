// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The model knows the addresses of all objects, of the quarantine, and of free space. It knows
 * also the addresses of boxes, which a driver never gets: a fault has them.
 */
#include <string.h>

#include "model.h"

/**
 * struct range - A range of addresses in use or in quarantine.
 * @address: The first address.
 * @pages: The number of pages. A guard follows them.
 * @state: The state that a fault must have.
 * @place: The memory; NULL in quarantine.
 */
struct range {
	uint64_t address;
	size_t pages;
	enum coherent_state state;
	struct place *place;
};

static bool range_of(struct place *place, unsigned int dev, struct range *range)
{
	*range = (struct range){ place->address, place->pages, place->state, place };
	return place->address && place->dev == dev;
}

/*
 * Gives one range after the other: first objects, then memory that lingers, then the quarantine.
 * The caller begins with i = 0.
 */
static bool next_range(unsigned int dev, unsigned int *i, struct range *range)
{
	const struct device *device = &model.devices[dev];

	while (*i < SLOTS)
		if (range_of(&model.slots[(*i)++].place, dev, range))
			return true;
	while (*i < SLOTS + LINGERERS)
		if (range_of(&model.lingerers[(*i)++ - SLOTS], dev, range))
			return true;
	if (*i < SLOTS + LINGERERS + device->retired) {
		const unsigned int k = (device->oldest + (*i)++ - SLOTS - LINGERERS);
		const struct retired *retired = &device->quarantine[k % (QUARANTINE + 1)];

		*range = (struct range){ retired->address, retired->pages, retired->state, NULL };
		return true;
	}
	return false;
}

/* --- Quarantine --- */

static struct retired *retired_at(struct device *device, unsigned int i)
{
	return &device->quarantine[(device->oldest + i) % (QUARANTINE + 1)];
}

/* Takes out the oldest range that begins up to an address. */
static bool evict(struct device *device, uint64_t last)
{
	unsigned int i = 0;

	while (i < device->retired && retired_at(device, i)->address > last)
		i++;
	if (i == device->retired)
		return false;
	device->retired_pages -= retired_at(device, i)->pages + 1;
	for (; i; i--)
		*retired_at(device, i) = *retired_at(device, i - 1);
	device->oldest = (device->oldest + 1) % (QUARANTINE + 1);
	device->retired--;
	return true;
}

static void retire(const struct place *place, enum coherent_state state)
{
	struct device *device = device_of(place);
	const unsigned int newest = (device->oldest + device->retired++) % (QUARANTINE + 1);

	device->quarantine[newest] = (struct retired){ place->address, place->pages, state };
	device->retired_pages += place->pages + 1;
	/* The quarantine has at most this many ranges, and at most an eighth of the space. */
	while (device->retired > QUARANTINE || device->retired_pages * 8 > device->pages)
		evict(device, UINT64_MAX);
}

void space_empty_quarantine(struct device *device)
{
	while (evict(device, UINT64_MAX))
		;
}

/* --- Addresses --- */

static bool is_as_asked(const struct place *place, uint64_t address)
{
	const uint64_t last = address + place->pages * PAGE - 1;

	return address % place->align == 0 && (!place->mask || last <= place->mask) &&
	       (!place->boundary || address / place->boundary == last / place->boundary);
}

static bool fits(const struct place *place)
{
	const uint64_t end = 1 + device_of(place)->pages;
	bool taken[SMALL + 2] = { true };
	struct range range;
	unsigned int i = 0;

	while (next_range(place->dev, &i, &range))
		memset(taken + range.address / PAGE, true, range.pages + 1);
	for (uint64_t first = 1, n = 0; first + place->pages < end; first++, n = 0) {
		while (n <= place->pages && !taken[first + n])
			n++;
		if (n > place->pages && is_as_asked(place, first * PAGE))
			return true;
	}
	return false;
}

int space_reserve(const struct place *place)
{
	struct device *device = device_of(place);
	/* A guard may be above the mask. */
	const uint64_t last = place->mask && place->mask < UINT64_MAX - PAGE ? place->mask + PAGE :
									       UINT64_MAX;

	while (device->pages <= SMALL && !fits(place))
		if (!evict(device, last))
			return -ENOSPC;
	return 0;
}

int space_reserve_at(const struct place *place, uint64_t address)
{
	const uint64_t end = address + (place->pages + 1) * PAGE;
	struct range range;
	unsigned int i = 0;

	if (end - 1 > (1 + device_of(place)->pages) * PAGE - 1)
		return -ENOSPC;
	while (next_range(place->dev, &i, &range))
		if (range.address < end && address < range.address + (range.pages + 1) * PAGE)
			return -EBUSY;
	return 0;
}

void space_claim(const struct place *place)
{
	const uint64_t end = place->address + (place->pages + 1) * PAGE;
	struct range range;
	unsigned int i = 0;

	CHECK(is_as_asked(place, place->address));
	CHECK(place->address >= PAGE && end - 1 <= device_of(place)->mask);
	while (next_range(place->dev, &i, &range))
		CHECK(range.place == place || end <= range.address ||
		      range.address + (range.pages + 1) * PAGE <= place->address);
}

/* --- Ends of exposed memory --- */

static void linger(const struct place *place, enum coherent_state state, bool leaked)
{
	struct place *to = model.lingerers;

	/* The model checks space_is_crowded() before each call, so that one is free. */
	while (to->address)
		to++;
	*to = *place;
	to->leaked = leaked;
	to->state = leaked ? place->state : state;
}

void space_end(const struct place *place, enum coherent_state state, bool leaked)
{
	struct device *device = device_of(place);

	if (leaked || device->lazy) {
		linger(place, state, leaked);
		return;
	}
	exposure_end(place);
	device->objects--;
	retire(place, state);
}

void space_release(unsigned int dev, bool all)
{
	for (unsigned int i = 0; i < LINGERERS; i++) {
		struct place *place = &model.lingerers[i];

		if (!place->address || place->dev != dev || (place->leaked && !all))
			continue;
		exposure_end(place);
		place->address = 0;
		model.devices[dev].objects--;
	}
}

bool space_is_crowded(void)
{
	unsigned int used = 0;

	for (unsigned int i = 0; i < LINGERERS; i++)
		used += !!model.lingerers[i].address;
	return used > LINGERERS - 4;
}

/* --- Accesses of a device --- */

static struct range range_at(unsigned int dev, uint64_t address)
{
	struct range range;
	unsigned int i = 0;

	while (next_range(dev, &i, &range))
		if (address - range.address < range.pages * PAGE)
			return range;
	return (struct range){ .address = 0 };
}

int space_predict(unsigned int dev, uint64_t address, size_t bytes, enum coherent_access access,
		  struct place **place, struct coherent_fault *fault)
{
	const struct range range = range_at(dev, address);
	const uint64_t there = range.address + range.pages * PAGE - address;

	*place = range.place;
	*fault = (struct coherent_fault){ .address = address, .bytes = bytes, .access = access };
	if (!bytes)
		return 0;
	if (range.place && range.place->reachable &&
	    !(range.place->readonly && access == COHERENT_ACCESS_WRITE)) {
		if (bytes <= there)
			return 0;
		/* The guard behind the object refuses the rest. */
		fault->address += there;
		fault->bytes -= there;
		return -EIO;
	}
	/* The device may read a box in place. */
	if (range.place && range.place->reachable && range.state == COHERENT_STATE_BOX)
		strcpy(fault->text, "read-only");
	fault->state = range.state;
	fault->object_address = range.address;
	fault->object_bytes = range.pages * PAGE;
	return -EIO;
}

uint64_t space_pick(unsigned int dev)
{
	/* The address is mostly one of this device, and sometimes one of the other device. */
	const unsigned int owner = chance(8) ? !dev : dev;
	unsigned int i = pick(SLOTS + LINGERERS + 8);
	struct range range = { .address = 0 };

	if (chance(32))
		return chance(2) ? 0 : UINT64_MAX - pick(2 * PAGE);
	next_range(owner, &i, &range);
	return range.address + pick((uint32_t)(range.pages + 1) * PAGE);
}
