// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The ranges are in a red-black tree. Each node knows the gap below it and the largest gap in its
 * subtree. Ranges do not overlap.
 *
 * INVARIANT: max_gap of a node is the maximum of its gap and of max_gap of its children. libbsd
 * calls RB_AUGMENT where it rotates, but not up to the root. So this file recomputes the path
 * from a new node to the root after RB_INSERT, and from the lowest node whose children changed
 * after RB_REMOVE. The gap of the next range changes too. An insertion puts the new node below
 * that range, so its path is covered; a removal needs a second walk.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/size.h"
#include "memory/iova.h"

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t max_gap(const struct iova_range *range)
{
	return range ? range->max_gap : 0;
}

static void augment(struct iova_range *range)
{
	const uint64_t left = max_gap(RB_LEFT(range, node));
	const uint64_t right = max_gap(RB_RIGHT(range, node));

	range->max_gap = larger(range->gap, larger(left, right));
}

static void augment_path(struct iova_range *range)
{
	for (; range; range = RB_PARENT(range, node))
		augment(range);
}

static int compare(const struct iova_range *a, const struct iova_range *b)
{
	return (a->first > b->first) - (a->first < b->first);
}

#undef RB_AUGMENT
#define RB_AUGMENT(range) augment(range)
/* Not RB_GENERATE_STATIC: that needs __unused, which libbsd no longer defines. */
RB_GENERATE_INTERNAL(iova_tree, iova_range, node, compare, static __attribute__((unused)))

/* Links a range right before the next one. RB_INSERT would search for a place that is known. */
static void link_before(struct iova_space *space, struct iova_range *range, struct iova_range *next)
{
	struct iova_range *parent = RB_LEFT(next, node);

	if (parent) {
		while (RB_RIGHT(parent, node))
			parent = RB_RIGHT(parent, node);
		RB_RIGHT(parent, node) = range;
	} else {
		parent = next;
		RB_LEFT(parent, node) = range;
	}
	RB_SET(range, parent, node);
	iova_tree_RB_INSERT_COLOR(&space->tree, range);
}

/* Inserts a range into the gap below the next one, which covers it. */
static void insert(struct iova_space *space, struct iova_range *range, struct iova_range *next)
{
	range->gap = range->first - (next->first - next->gap);
	range->max_gap = range->gap;
	next->gap = next->first - range->last - 1;
	link_before(space, range, next);
	augment_path(range);
}

/* Returns the lowest node whose children RB_REMOVE is going to change. */
static struct iova_range *lowest_changed(struct iova_range *range)
{
	struct iova_range *stand_in;

	if (!RB_LEFT(range, node) || !RB_RIGHT(range, node))
		return RB_PARENT(range, node);
	stand_in = iova_tree_RB_NEXT(range);
	return RB_PARENT(stand_in, node) == range ? stand_in : RB_PARENT(stand_in, node);
}

static void detach(struct iova_space *space, struct iova_range *range)
{
	struct iova_range *changed = lowest_changed(range);
	struct iova_range *next = iova_tree_RB_NEXT(range);

	RB_REMOVE(iova_tree, &space->tree, range);
	next->gap += range->last - range->first + 1 + range->gap;
	augment_path(changed);
	augment_path(next);
}

static int add_hole(struct iova_space *space, uint64_t first, uint64_t last,
		    struct iova_range *next)
{
	struct iova_range *hole = calloc(1, sizeof(*hole));

	if (!hole)
		return -ENOMEM;
	*hole = (struct iova_range){ .first = first, .last = last, .hole = true };
	if (next)
		insert(space, hole, next);
	else
		RB_INSERT(iova_tree, &space->tree, hole);
	return 0;
}

int iova_open(struct iova_space *space, uint64_t granule, uint64_t guard)
{
	int err;

	*space = (struct iova_space){ .granule = granule, .guard = guard };
	RB_INIT(&space->tree);
	STAILQ_INIT(&space->retired);
	/* There are two holes, so that each gap has a range above it that owns it. */
	err = add_hole(space, -granule, UINT64_MAX, NULL);
	if (err)
		return err;
	RB_ROOT(&space->tree)->gap = -granule;
	err = add_hole(space, 0, -granule - 1, RB_ROOT(&space->tree));
	if (err)
		iova_close(space);
	return err;
}

void iova_close(struct iova_space *space)
{
	struct iova_range *hole;

	while ((hole = RB_ROOT(&space->tree))) {
		RB_REMOVE(iova_tree, &space->tree, hole);
		free(hole);
	}
}

/* Moves the end of a hole. The gap of the next range grows by what the hole loses. */
static void set_hole_end(struct iova_range *hole, uint64_t last)
{
	struct iova_range *next = iova_tree_RB_NEXT(hole);

	next->gap += hole->last - last;
	hole->last = last;
	augment_path(next);
}

/* Takes a part out of a hole that begins before it. The part above becomes a hole of its own. */
static int cut_hole(struct iova_space *space, struct iova_range *hole, uint64_t first,
		    uint64_t last)
{
	struct iova_range *next = iova_tree_RB_NEXT(hole);
	const uint64_t end = hole->last;
	int err = 0;

	set_hole_end(hole, first - 1);
	if (last != end)
		err = add_hole(space, last + 1, end, next);
	if (err)
		set_hole_end(hole, end);
	return err;
}

int iova_allow(struct iova_space *space, uint64_t first, uint64_t last)
{
	struct iova_range *hole = iova_from(space, first);
	int err = 0;

	if (hole && hole->first > first)
		hole = iova_tree_RB_PREV(hole);
	if (!hole || !iova_tree_RB_NEXT(hole) || !hole->hole || first > last || last > hole->last)
		return -EINVAL;

	if (first == hole->first && last == hole->last) {
		detach(space, hole);
		free(hole);
	} else if (first == hole->first) {
		hole->first = last + 1;
		hole->gap += last - first + 1;
		augment_path(hole);
	} else {
		err = cut_hole(space, hole, first, last);
	}
	if (!err)
		space->usable += last - first + 1;
	return err;
}

bool iova_largest_gap(const struct iova_space *space, uint64_t *first, uint64_t *bytes)
{
	const struct iova_range *range = RB_ROOT(&space->tree);
	const uint64_t largest = max_gap(range);

	if (!largest)
		return false;
	while (range->gap != largest)
		range = max_gap(RB_LEFT(range, node)) == largest ? RB_LEFT(range, node) :
								   RB_RIGHT(range, node);
	*first = range->first - largest;
	*bytes = largest;
	return true;
}

uint64_t iova_gap_in(struct iova_space *space, uint64_t *first, uint64_t last)
{
	struct iova_range *next = iova_from(space, *first);
	uint64_t low = *first, largest = 0;

	/* Each gap has a range above it. */
	for (; next; next = iova_tree_RB_NEXT(next)) {
		const uint64_t from = larger(next->first - next->gap, low);
		const uint64_t end = next->first - 1 < last ? next->first : last + 1;

		if (from > last)
			break;
		if (next->gap && end > from && end - from > largest) {
			*first = from;
			largest = end - from;
		}
	}
	return largest;
}

/* Returns the hole whose last address is right before this one, or NULL. */
static struct iova_range *hole_before(struct iova_range *next, uint64_t first)
{
	struct iova_range *hole = iova_tree_RB_PREV(next);

	return hole && hole->hole && hole->last == first - 1 ? hole : NULL;
}

/* Returns the hole whose first address is right after this one, or NULL. The last one stays alone. */
static struct iova_range *hole_after(struct iova_range *next, uint64_t last)
{
	return next->hole && next->first == last + 1 && iova_tree_RB_NEXT(next) ? next : NULL;
}

/* Holes that touch become one, because iova_allow() takes a part of one hole. */
static int make_hole(struct iova_space *space, uint64_t first, uint64_t last)
{
	struct iova_range *next = iova_from(space, first);
	struct iova_range *below = hole_before(next, first);
	struct iova_range *above = hole_after(next, last);
	uint64_t end = last;
	int err = 0;

	if (below && above) {
		end = above->last;
		detach(space, above);
		free(above);
	}
	if (below) {
		set_hole_end(below, end);
	} else if (above) {
		above->first = first;
		above->gap -= last - first + 1;
		augment_path(above);
	} else {
		err = add_hole(space, first, last, next);
	}
	if (!err)
		space->usable -= last - first + 1;
	return err;
}

int iova_hold_below(struct iova_space *space, uint64_t first)
{
	struct iova_range *next, *hole;
	int err = 0;

	/* Each gap has a range above it, so a walk over the ranges meets all gaps. */
	RB_FOREACH(next, iova_tree, &space->tree) {
		const uint64_t low = next->first - next->gap;
		const uint64_t end = next->first < first ? next->first : first;

		if (low >= end)
			continue;
		err = add_hole(space, low, end - 1, next);
		if (err)
			break;
		hole = iova_tree_RB_PREV(next);
		STAILQ_NEXT(hole, retired) = space->held;
		space->held = hole;
	}
	return err;
}

static void let_go(struct iova_space *space)
{
	for (struct iova_range *hole = space->held; hole; hole = STAILQ_NEXT(hole, retired))
		detach(space, hole);
}

static void hold_again(struct iova_space *space)
{
	for (struct iova_range *hole = space->held; hole; hole = STAILQ_NEXT(hole, retired))
		insert(space, hole, iova_from(space, hole->first));
}

static bool crosses(const struct iova_want *want, uint64_t first)
{
	return want->boundary && (first ^ (first + want->bytes - 1)) & -want->boundary;
}

/* Finds the lowest start of a range in the gap below the next one; false if it does not fit. */
static bool place(const struct iova_space *space, const struct iova_want *want,
		  const struct iova_range *next, uint64_t *first)
{
	uint64_t low = next->first - next->gap;
	uint64_t start = align_up(low, want->align);

	/* This happens only if the boundary is larger than the alignment. */
	if (crosses(want, start))
		start = align_up(start, want->boundary);
	*first = start;
	return start >= low && start - low <= next->gap &&
	       want->bytes + space->guard <= next->gap - (start - low);
}

/* Returns the range above the lowest gap of at least that many bytes. */
static struct iova_range *lowest_gap(struct iova_space *space, uint64_t bytes)
{
	struct iova_range *range = RB_ROOT(&space->tree);

	if (max_gap(range) < bytes)
		return NULL;
	for (;;) {
		if (max_gap(RB_LEFT(range, node)) >= bytes)
			range = RB_LEFT(range, node);
		else if (range->gap >= bytes)
			return range;
		else
			range = RB_RIGHT(range, node);
	}
}

/* Returns the range above the lowest gap in a subtree where the wanted range fits. */
static struct iova_range *lowest_fit(const struct iova_space *space, const struct iova_want *want,
				     struct iova_range *range, uint64_t *first)
{
	struct iova_range *below;

	if (max_gap(range) < want->bytes + space->guard)
		return NULL;
	below = lowest_fit(space, want, RB_LEFT(range, node), first);
	if (below)
		return below;
	if (place(space, want, range, first))
		return range;
	return lowest_fit(space, want, RB_RIGHT(range, node), first);
}

/* Returns the size of a gap that has room wherever it starts; UINT64_MAX if it overflows. */
static uint64_t room(const struct iova_space *space, const struct iova_want *want)
{
	const uint64_t slack = larger(want->align, want->boundary) - space->granule;
	uint64_t bytes;

	if (__builtin_add_overflow(want->bytes + space->guard, slack, &bytes))
		return UINT64_MAX;
	return bytes;
}

/* Returns the range above the place of a wanted range, or NULL if it does not fit. */
static struct iova_range *find_place(struct iova_space *space, const struct iova_want *want,
				     uint64_t *first)
{
	struct iova_range *next = lowest_gap(space, room(space, want));

	if (next && place(space, want, next, first))
		return next;
	return lowest_fit(space, want, RB_ROOT(&space->tree), first);
}

static bool is_under_mask(const struct iova_want *want, uint64_t first)
{
	return !want->mask || first + want->bytes - 1 <= want->mask;
}

/* Finds the range above a wanted address. A hole in the way counts more than a range: it stays. */
static int find_address(struct iova_space *space, const struct iova_want *want,
			struct iova_range **next)
{
	const uint64_t first = want->address, last = first + want->bytes + space->guard - 1;
	int err = 0;

	if (last < first || first & (want->align - 1) || crosses(want, first) ||
	    !is_under_mask(want, first))
		return -ENOSPC;
	*next = iova_overlap(space, first, last);
	if (!*next)
		*next = iova_from(space, first);
	for (; (*next)->first <= last; *next = iova_tree_RB_NEXT(*next)) {
		if ((*next)->hole)
			return -ENOSPC;
		err = -EBUSY;
	}
	return err;
}

/* Finds the first address of a wanted range, and the range above it. */
static int find_first(struct iova_space *space, const struct iova_want *want,
		      struct iova_range **next, uint64_t *first)
{
	*first = want->address;
	if (*first)
		return find_address(space, want, next);
	*next = find_place(space, want, first);
	/* The gap that is large enough for any alignment is not always the lowest that will do. */
	if (*next && !is_under_mask(want, *first))
		*next = lowest_fit(space, want, RB_ROOT(&space->tree), first);
	return *next && is_under_mask(want, *first) ? 0 : -ENOSPC;
}

/* Makes a hole the larger of its parts beside a range. Returns false if there is none. */
static bool keep_larger_part(struct iova_range *hole, uint64_t first, uint64_t last)
{
	const uint64_t below = first > hole->first ? first - hole->first : 0;
	const uint64_t above = last < hole->last ? hole->last - last : 0;

	if (last < hole->first || first > hole->last)
		return true;
	if (below >= above)
		hole->last = first - 1;
	else
		hole->first = last + 1;
	return below || above;
}

/* Ends the holding of some addresses. */
static void end_held(struct iova_space *space, uint64_t first, uint64_t last)
{
	struct iova_range **link = &space->held, *hole;

	while ((hole = *link)) {
		if (keep_larger_part(hole, first, last)) {
			link = &STAILQ_NEXT(hole, retired);
			continue;
		}
		*link = STAILQ_NEXT(hole, retired);
		free(hole);
	}
}

/* A range that does not fit anywhere does not end the holding. */
static int find_held(struct iova_space *space, const struct iova_want *want,
		     struct iova_range **next, uint64_t *first)
{
	int err;

	let_go(space);
	err = find_first(space, want, next, first);
	if (!err && want->mask | want->address)
		end_held(space, *first, *first + want->bytes + space->guard - 1);
	else if (!err)
		end_held(space, 0, UINT64_MAX);
	hold_again(space);
	if (!err)
		*next = iova_from(space, *first);
	return err;
}

/* Divides a held hole that has all of some addresses into the parts below and above them. */
static int split_held(struct iova_space *space, uint64_t first, uint64_t last)
{
	struct iova_range *hole = space->held, *above;

	while (hole && (hole->first >= first || hole->last <= last))
		hole = STAILQ_NEXT(hole, retired);
	if (!hole)
		return 0;
	above = calloc(1, sizeof(*above));
	if (!above)
		return -ENOMEM;
	*above = (struct iova_range){ .first = last + 1, .last = hole->last, .hole = true };
	hole->last = first - 1;
	STAILQ_NEXT(above, retired) = space->held;
	space->held = above;
	return 0;
}

/* A held hole is out of the tree meanwhile, so that it does not become one with the new hole. */
int iova_forbid(struct iova_space *space, uint64_t first, uint64_t last)
{
	int err;

	let_go(space);
	err = split_held(space, first, last);
	if (!err)
		err = make_hole(space, first, last);
	if (!err)
		end_held(space, first, last);
	hold_again(space);
	return err;
}

uint64_t iova_gap_with_held(struct iova_space *space, uint64_t *first, uint64_t last)
{
	uint64_t bytes;

	let_go(space);
	bytes = iova_gap_in(space, first, last);
	hold_again(space);
	return bytes;
}

int iova_reserve(struct iova_space *space, const struct iova_want *want, struct iova_range *range)
{
	struct iova_range *next;
	uint64_t first;
	int err;

	if (want->bytes > UINT64_MAX - space->guard)
		return -ENOSPC;
	err = find_first(space, want, &next, &first);
	if (err && space->held)
		err = find_held(space, want, &next, &first);
	if (err)
		return err;
	*range = (struct iova_range){ .first = first,
				      .last = first + want->bytes + space->guard - 1 };
	insert(space, range, next);
	return 0;
}

void iova_release(struct iova_space *space, struct iova_range *range)
{
	detach(space, range);
}

void iova_replace(struct iova_space *space, const struct iova_range *old, struct iova_range *with)
{
	struct iova_range *parent = RB_PARENT(old, node);

	*with = *old;
	if (!parent)
		RB_ROOT(&space->tree) = with;
	else if (RB_LEFT(parent, node) == old)
		RB_LEFT(parent, node) = with;
	else
		RB_RIGHT(parent, node) = with;
	if (RB_LEFT(with, node))
		RB_PARENT(RB_LEFT(with, node), node) = with;
	if (RB_RIGHT(with, node))
		RB_PARENT(RB_RIGHT(with, node), node) = with;
}

/* The range with the highest first address up to @address, holes included. */
static struct iova_range *floor_of(const struct iova_space *space, uint64_t address)
{
	struct iova_range *range = RB_ROOT(&space->tree);
	struct iova_range *found = NULL;

	while (range) {
		if (range->first > address) {
			range = RB_LEFT(range, node);
		} else {
			found = range;
			range = RB_RIGHT(range, node);
		}
	}
	return found;
}

struct iova_range *iova_find(struct iova_space *space, uint64_t address)
{
	struct iova_range *found = floor_of(space, address);

	return found && !found->hole ? found : NULL;
}

struct iova_range *iova_overlap(struct iova_space *space, uint64_t first, uint64_t last)
{
	struct iova_range *range = floor_of(space, first);

	if (!range || range->last < first)
		range = iova_from(space, first);
	return range && range->first <= last ? range : NULL;
}

bool iova_is_hole(const struct iova_space *space, uint64_t first, uint64_t last)
{
	const struct iova_range *found = floor_of(space, first);

	return found && found->hole && found->last >= last;
}

struct iova_range *iova_from(struct iova_space *space, uint64_t address)
{
	struct iova_range key = { .first = address };

	return RB_NFIND(iova_tree, &space->tree, &key);
}
