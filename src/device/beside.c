// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * INVARIANT: an address belongs to at most one device of a space. A device takes addresses only while
 * they are free: from the largest gap of another device, or from above the mask of that device. So the
 * records of both may be under locks of their own.
 */
#include <errno.h>
#include <stdlib.h>

#include "device/addresses.h"
#include "device/beside.h"
#include "device/device.h"
#include "memory/object_store.h"

static struct coherent_device *root_of(const struct coherent_device *dev)
{
	return dev->beside.root;
}

void beside_lock(const struct coherent_device *dev) LOCK_ATTRIBUTE(no_thread_safety_analysis)
{
	lock_take(&root_of(dev)->beside.lock);
}

void beside_unlock(const struct coherent_device *dev) LOCK_ATTRIBUTE(no_thread_safety_analysis)
{
	lock_drop(&root_of(dev)->beside.lock);
}

/* --- Ranges --- */

int beside_each(struct coherent_device *dev, uint64_t first, uint64_t last,
		int (*fn)(struct backend *backend, uint64_t first, uint64_t last))
{
	const struct beside_range *at = NULL;
	int result = 0;

	beside_lock(dev);
	for (;;) {
		uint64_t low = first, high = last;
		int err;

		at = addresses_part(dev, at, &low, &high);
		if (!at)
			break;
		err = fn(dev->backend, low, high);
		if (!result)
			result = err;
	}
	beside_unlock(dev);
	return result;
}

/* Adds a range to a list that has none of its addresses. */
static void insert(struct beside_ranges *ranges, struct beside_range *new)
{
	struct beside_range *next = TAILQ_FIRST(ranges), *before;

	while (next && next->first < new->first)
		next = TAILQ_NEXT(next, link);
	if (next)
		TAILQ_INSERT_BEFORE(next, new, link);
	else
		TAILQ_INSERT_TAIL(ranges, new, link);
	before = TAILQ_PREV(new, beside_ranges, link);
	if (next && next->first == new->last + 1) {
		new->last = next->last;
		TAILQ_REMOVE(ranges, next, link);
		free(next);
	}
	if (before && before->last + 1 == new->first) {
		before->last = new->last;
		TAILQ_REMOVE(ranges, new, link);
		free(new);
	}
}

/* Takes addresses out of a list. @spare becomes the part above them, if there is one. */
static void cut(struct beside_ranges *ranges, uint64_t first, uint64_t last,
		struct beside_range *spare)
{
	struct beside_range *range = TAILQ_FIRST(ranges);
	uint64_t end;

	while (range->last < first)
		range = TAILQ_NEXT(range, link);
	end = range->last;
	range->last = first - 1;
	if (end != last) {
		*spare = (struct beside_range){ .first = last + 1, .last = end };
		TAILQ_INSERT_AFTER(ranges, range, spare, link);
	} else {
		free(spare);
	}
	if (range->first == first) {
		TAILQ_REMOVE(ranges, range, link);
		free(range);
	}
}

static void free_ranges(struct beside_ranges *ranges)
{
	struct beside_range *range;

	while ((range = TAILQ_FIRST(ranges))) {
		TAILQ_REMOVE(ranges, range, link);
		free(range);
	}
}

/* Replaces "all addresses" by a range. */
static int divide(struct coherent_device *dev)
{
	struct beside_range *all;

	if (!dev->beside.is_whole)
		return 0;
	all = calloc(1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	all->last = UINT64_MAX;
	TAILQ_INSERT_TAIL(&dev->beside.ranges, all, link);
	dev->beside.is_whole = false;
	return 0;
}

/* --- Taking addresses --- */

/**
 * struct offer - Addresses that a device can give up.
 * @from: The device.
 * @first: The first address.
 * @last: The last address.
 * @is_gap: They are under the mask of the device, so it keeps the lower half of their gap.
 * @bytes: How many it would give.
 */
struct offer {
	struct coherent_device *from;
	uint64_t first;
	uint64_t last;
	bool is_gap;
	uint64_t bytes;
};

static void prefer(struct offer *best, const struct offer *other)
{
	if (other->bytes > best->bytes)
		*best = *other;
}

/* The device uses no address above its mask, and the gaps below it. */
static void look_at_part(struct coherent_device *from, uint64_t first, uint64_t last,
			 struct offer *best)
{
	const uint64_t mask = object_store_mask(&from->store);
	struct offer offer = { .from = from, .first = first, .last = last };

	if (last > mask) {
		offer.first = first > mask ? first : mask + 1;
		offer.bytes = last - offer.first;
		prefer(best, &offer);
	}
	if (first > mask)
		return;
	offer.first = first;
	offer.last = last < mask ? last : mask;
	offer.is_gap = true;
	offer.bytes = object_store_gap(&from->store, offer.first, offer.last) / 2;
	prefer(best, &offer);
}

static void look_at(struct coherent_device *from, uint64_t first, uint64_t last, struct offer *best)
{
	const struct beside_range *at = NULL;

	for (;;) {
		uint64_t low = first, high = last;

		at = addresses_part(from, at, &low, &high);
		if (!at)
			return;
		look_at_part(from, low, high, best);
	}
}

static struct offer best_offer(const struct coherent_device *dev, uint64_t mask)
{
	const struct coherent_limits *limits = &dev->backend->limits;
	struct offer best = { .bytes = 0 };
	struct coherent_device *from;
	uint64_t first, last;

	LIST_FOREACH(from, &root_of(dev)->beside.members, beside.link)
		for (unsigned int i = 0; from != dev && i < limits->range_count; i++)
			if (addresses_clip(limits, i, mask, &first, &last))
				look_at(from, first, last, &best);
	return best;
}

/* How many bytes a device could use of the addresses that it has. */
static uint64_t bytes_of(const struct coherent_device *dev, uint64_t mask)
{
	struct coherent_limits limits;
	uint64_t bytes = 0;

	addresses_limits(dev, mask, &limits);
	for (unsigned int i = 0; i < limits.range_count; i++)
		bytes += limits.ranges[i].last - limits.ranges[i].first + 1;
	return bytes;
}

static int accept_offer(struct coherent_device *dev, const struct offer *offer)
{
	struct beside_range *taken = calloc(1, sizeof(*taken));
	struct beside_range *spare = calloc(1, sizeof(*spare));
	int err = taken && spare ? divide(offer->from) : -ENOMEM;

	if (!err) {
		taken->first = offer->first;
		taken->last = offer->last;
		if (offer->is_gap)
			err = object_store_cede(&offer->from->store, &taken->first, &taken->last);
	}
	if (err) {
		free(taken);
		free(spare);
		return err;
	}
	cut(&offer->from->beside.ranges, taken->first, taken->last, spare);
	insert(&dev->beside.ranges, taken);
	return 0;
}

/* --- Giving addresses back --- */

static struct coherent_device *other_member(const struct coherent_device *dev)
{
	struct coherent_device *other;

	LIST_FOREACH(other, &root_of(dev)->beside.members, beside.link)
		if (other != dev)
			return other;
	return NULL;
}

/* If there is no memory to note them, the addresses stay unused until the mask is set again. */
static void give(struct coherent_device *to, struct beside_range *range)
{
	const struct coherent_limits *limits = &to->backend->limits;
	const uint64_t mask = object_store_mask(&to->store);
	uint64_t first, last;

	for (unsigned int i = 0; i < limits->range_count; i++) {
		if (!addresses_clip(limits, i, mask, &first, &last))
			continue;
		first = first > range->first ? first : range->first;
		last = last < range->last ? last : range->last;
		if (first < last)
			object_store_allow(&to->store, first, last);
	}
	insert(&to->beside.ranges, range);
}

/* Gives the ranges back in which no address is at most @mask. */
static void give_above(struct coherent_device *dev, uint64_t mask)
{
	struct coherent_device *to = other_member(dev);
	struct beside_range *range, *next;

	for (range = TAILQ_FIRST(&dev->beside.ranges); to && range; range = next) {
		next = TAILQ_NEXT(range, link);
		if (range->first <= mask)
			continue;
		TAILQ_REMOVE(&dev->beside.ranges, range, link);
		give(to, range);
	}
}

int beside_take_locked(struct coherent_device *dev, uint64_t mask)
{
	struct offer best;
	int err;

	if (dev->beside.is_whole)
		return 0;
	best = best_offer(dev, mask);
	/* An offer must have room for an object and its guard. */
	if (best.bytes < 4 * dev->backend->limits.page_bytes || best.bytes <= bytes_of(dev, mask))
		return 0;
	err = accept_offer(dev, &best);
	if (!err && !object_store_is_used(&dev->store))
		give_above(dev, mask);
	return err;
}

/* --- Begin and end --- */

void beside_init(struct coherent_device *dev)
{
	dev->beside.root = dev;
	dev->beside.is_whole = true;
	lock_init(&dev->beside.lock);
	LIST_INIT(&dev->beside.members);
	TAILQ_INIT(&dev->beside.ranges);
}

int beside_begin(struct coherent_device *dev, struct coherent_device *with)
{
	if (device_usable(with)) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the device of .beside is closed, or the parent process opened it; open it "
		       "first, in this process",
		       dev->name);
		return -ENODEV;
	}
	dev->beside.root = root_of(with);
	dev->beside.is_whole = false;
	ref_hold(&root_of(dev)->ref);
	return 0;
}

int beside_check(const struct coherent_device *dev, const struct coherent_device *with,
		 const struct backend_ops *ops)
{
	if (!with || backend_is(with->backend, ops))
		return 0;
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: .beside is %s, which is not a device of %s: that shares its address space; open "
	       "both with one kind of name",
	       dev->name, with->name, ops->scheme);
	return -EINVAL;
}

void beside_join(struct coherent_device *dev)
{
	beside_lock(dev);
	LIST_INSERT_HEAD(&root_of(dev)->beside.members, dev, beside.link);
	dev->beside.is_member = true;
	beside_unlock(dev);
}

int beside_find(struct coherent_device *dev, int (*fn)(struct backend *other, const void *arg),
		const void *arg)
{
	struct coherent_device *other;
	int found = -ENOENT;

	beside_lock(dev);
	LIST_FOREACH(other, &root_of(dev)->beside.members, beside.link) {
		found = fn(other->backend, arg);
		if (found != -ENOENT)
			break;
	}
	beside_unlock(dev);
	return found;
}

void beside_leave(struct coherent_device *dev)
{
	struct coherent_device *to;
	struct beside_range *range;

	beside_lock(dev);
	if (dev->beside.is_member)
		LIST_REMOVE(dev, beside.link);
	dev->beside.is_member = false;
	to = other_member(dev);
	while (to && (range = TAILQ_FIRST(&dev->beside.ranges))) {
		TAILQ_REMOVE(&dev->beside.ranges, range, link);
		give(to, range);
	}
	beside_unlock(dev);
}

void beside_close(struct coherent_device *dev)
{
	beside_leave(dev);
	free_ranges(&dev->beside.ranges);
	lock_destroy(&dev->beside.lock);
	if (root_of(dev) != dev)
		ref_put(&root_of(dev)->ref);
}
