// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <string.h>

#include "base/size.h"
#include "base/sys.h"
#include "device/addresses.h"

#define RANGES_MAX                                          \
	(sizeof(((struct coherent_limits *)NULL)->ranges) / \
	 sizeof(((struct coherent_limits *)NULL)->ranges[0]))

/* --- Parts of the address space --- */

const struct beside_range *addresses_part(const struct coherent_device *dev,
					  const struct beside_range *from, uint64_t *first,
					  uint64_t *last)
{
	static const struct beside_range all = { .last = UINT64_MAX };
	const struct beside_range *range;

	if (dev->beside.is_whole)
		return from ? NULL : &all;
	range = from ? TAILQ_NEXT(from, link) : TAILQ_FIRST(&dev->beside.ranges);
	while (range && range->last < *first)
		range = TAILQ_NEXT(range, link);
	if (!range || range->first > *last)
		return NULL;
	if (*first < range->first)
		*first = range->first;
	if (*last > range->last)
		*last = range->last;
	return range;
}

/* The last page of the address space is never used, because no address may be ~0. */
bool addresses_clip(const struct coherent_limits *limits, unsigned int i, uint64_t mask,
		    uint64_t *first, uint64_t *last)
{
	const uint64_t page = limits->page_bytes;
	uint64_t end = limits->ranges[i].last < mask ? limits->ranges[i].last : mask;

	if (end > -page - 1)
		end = -page - 1;
	/* The library never hands out address 0: many devices take it for "none". */
	*first = limits->ranges[i].first ? limits->ranges[i].first : page;
	if (end < page - 1)
		return false;
	*last = ((end + 1) & -page) - 1;
	if (*first >= *last)
		return false;
	return *last - *first > page;
}

/**
 * struct walk - A walk over the addresses of a device, in ascending order.
 * @dev: The device.
 * @mask: The mask.
 * @i: The number of the range of the backend.
 * @at: The state of the search for the next part of that range.
 * @first: The first address of a part.
 * @last: The last address of the part.
 */
struct walk {
	const struct coherent_device *dev;
	uint64_t mask;
	unsigned int i;
	const struct beside_range *at;
	uint64_t first;
	uint64_t last;
};

static bool next_part(struct walk *walk)
{
	const struct coherent_limits *limits = &walk->dev->backend->limits;

	while (walk->i < limits->range_count) {
		walk->at = addresses_clip(limits, walk->i, walk->mask, &walk->first, &walk->last) ?
				   addresses_part(walk->dev, walk->at, &walk->first, &walk->last) :
				   NULL;
		/* A part that is too small for an object is left out. */
		if (walk->at && walk->last - walk->first > limits->page_bytes)
			return true;
		walk->i += !walk->at;
	}
	return false;
}

/*
 * Returns a page of the lowest quarter of the space. Each page of it is as likely as the others. The
 * first object is there, so the other three quarters stay in one piece.
 */
static uint64_t random_page(const struct coherent_device *dev, uint64_t mask,
			    const struct iova_space *space)
{
	const uint64_t page = dev->backend->limits.page_bytes;
	const uint64_t quarter = (space->usable / page + 3) / 4;
	uint64_t offset = sys_random() % quarter * page;
	struct walk walk = { .dev = dev, .mask = mask };

	while (next_part(&walk)) {
		if (offset <= walk.last - walk.first)
			break;
		offset -= walk.last - walk.first + 1;
	}
	return walk.first + offset;
}

int addresses_open(const struct coherent_device *dev, uint64_t mask, struct iova_space *space)
{
	const struct coherent_limits *limits = &dev->backend->limits;
	struct walk walk = { .dev = dev, .mask = mask };
	int err;

	/* The guard of a page makes an access past the end of an object hit nothing. */
	err = iova_open(space, limits->page_bytes, limits->page_bytes);
	while (!err && next_part(&walk))
		err = iova_allow(space, walk.first, walk.last);
	if (!err && !space->usable)
		err = -EIO;
	if (!err && dev->backend->random_addresses)
		err = iova_hold_below(space, random_page(dev, mask, space));
	if (err)
		iova_close(space);
	return err;
}

/* This is one byte less than the size, because the size of all addresses does not fit. */
static uint64_t span(const struct coherent_limits *limits, unsigned int i)
{
	return limits->ranges[i].last - limits->ranges[i].first;
}

void addresses_add(struct coherent_limits *limits, uint64_t first, uint64_t last)
{
	unsigned int smallest = 0;

	if (limits->range_count == RANGES_MAX) {
		for (unsigned int i = 1; i < RANGES_MAX; i++)
			if (span(limits, i) < span(limits, smallest))
				smallest = i;
		if (last - first <= span(limits, smallest))
			return;
		limits->range_count--;
		memmove(&limits->ranges[smallest], &limits->ranges[smallest + 1],
			(limits->range_count - smallest) * sizeof(limits->ranges[0]));
	}
	limits->ranges[limits->range_count].first = first;
	limits->ranges[limits->range_count++].last = last;
}

void addresses_limits(const struct coherent_device *dev, uint64_t mask,
		      struct coherent_limits *limits)
{
	struct walk walk = { .dev = dev, .mask = mask };

	*limits = dev->backend->limits;
	limits->mask = mask;
	limits->range_count = 0;
	memset(limits->ranges, 0, sizeof(limits->ranges));
	while (next_part(&walk))
		addresses_add(limits, walk.first, walk.last);
}
