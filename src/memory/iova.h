/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Ranges of a 64-bit address space. object.c uses it for device addresses, and pages.c for the
 * addresses of memory. It is pure arithmetic: the caller locks, and only holes are allocated.
 *
 * Words: a space is usable in some places and has holes elsewhere. A range is reserved in the
 * lowest place where it fits, and released. A space may hold back its lower part until the rest
 * has no place left. Behind each range is a guard that no range gets. A
 * retired range is still reserved and waits in the quarantine, which is first in, first out.
 */
#ifndef IOVA_H
#define IOVA_H

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct iova_range - A range. It belongs to the caller that reserved it.
 * @node: In the tree of the space, by address.
 * @retired: In the quarantine of the space, or in a list of the caller. A hole may
 *	be in the list @held of the space.
 * @first: First address.
 * @last: Last address, the guard included.
 * @gap: Free bytes between the range before and this one.
 * @max_gap: The largest @gap in the subtree of this node.
 * @hole: The range is a hole, which belongs to the space.
 */
struct iova_range {
	RB_ENTRY(iova_range) node;
	STAILQ_ENTRY(iova_range) retired;
	uint64_t first;
	uint64_t last;
	uint64_t gap;
	uint64_t max_gap;
	bool hole;
};

/**
 * struct iova_space - An address space.
 * @tree: All ranges, holes included. The last address is always in a hole.
 * @retired: The quarantine, oldest first.
 * @held: The first hole that holds addresses back; NULL for none.
 * @retired_count: How many ranges are in it.
 * @retired_bytes: How many bytes.
 * @usable: Bytes outside of holes.
 * @granule: Addresses and sizes are multiples of this power of two.
 * @guard: Bytes kept free behind each range.
 * @keeps_bytes: Only the number of ranges bounds the quarantine, not their bytes.
 */
struct iova_space {
	RB_HEAD(iova_tree, iova_range) tree;
	STAILQ_HEAD(, iova_range) retired;
	struct iova_range *held;
	size_t retired_count;
	uint64_t retired_bytes;
	uint64_t usable;
	uint64_t granule;
	uint64_t guard;
	bool keeps_bytes;
};

/**
 * struct iova_want - The properties of a wanted range.
 * @bytes: A multiple of the granule, not 0.
 * @align: A power of two, at least the granule.
 * @boundary: A power of two that the range crosses no multiple of, at least
 *	@bytes; 0 for none.
 * @mask: The last of @bytes is at most this; 0 for no limit.
 * @address: The first address, a multiple of the granule; 0 for any.
 * @is_modest: Nothing but spare addresses gives way for the range.
 */
struct iova_want {
	uint64_t bytes;
	uint64_t align;
	uint64_t boundary;
	uint64_t mask;
	uint64_t address;
	bool is_modest;
};

/**
 * iova_open() - Make a space that is one hole.
 * @space: The space.
 * @granule: Addresses and sizes are multiples of this power of two.
 * @guard: Bytes kept free behind each range, a multiple of @granule.
 *
 * Return: 0; -ENOMEM.
 */
int iova_open(struct iova_space *space, uint64_t granule, uint64_t guard);

/**
 * iova_close() - Free the holes of a space in which nothing is reserved.
 * @space: The space, or zero bytes.
 */
void iova_close(struct iova_space *space);

/**
 * iova_allow() - Make part of a hole usable.
 * @space: The space.
 * @first: First address, a multiple of the granule.
 * @last: Last address, the end of a granule; not the last of all.
 *
 * Return: 0; -EINVAL (not part of one hole), -ENOMEM.
 */
int iova_allow(struct iova_space *space, uint64_t first, uint64_t last);

/**
 * iova_largest_gap() - Find the largest part of a space that is free.
 * @space: The space.
 * @first: Set to its first address.
 * @bytes: Set to its size.
 *
 * Return: false if nothing is free.
 */
bool iova_largest_gap(const struct iova_space *space, uint64_t *first, uint64_t *bytes);

/**
 * iova_gap_in() - Find the largest free part of some addresses.
 * @space: The space.
 * @first: The first address. Set to that of the part.
 * @last: The last address.
 *
 * This takes O(n).
 *
 * Return: the size of the part; 0 if nothing is free.
 */
uint64_t iova_gap_in(struct iova_space *space, uint64_t *first, uint64_t last);

/**
 * iova_gap_with_held() - As iova_gap_in(), but the addresses that a space holds back are free too.
 * @space: The space.
 * @first: The first address. Set to that of the part.
 * @last: The last address.
 *
 * Return: the size of the part; 0 if nothing is free.
 */
uint64_t iova_gap_with_held(struct iova_space *space, uint64_t *first, uint64_t last);

/**
 * iova_forbid() - Make addresses that iova_allow() made usable a hole again.
 * @space: The space.
 * @first: First address, a multiple of the granule.
 * @last: Last address, the end of a granule. All these addresses are free, or the space holds
 *	them back. It still holds back the others.
 *
 * Return: 0; -ENOMEM.
 */
int iova_forbid(struct iova_space *space, uint64_t first, uint64_t last);

/**
 * iova_hold_below() - Use the addresses below a limit last.
 * @space: A space in which nothing is reserved, after its last iova_allow().
 * @first: The limit, a multiple of the granule.
 *
 * The first range that does not fit from the limit on ends this. A range with a mask or an address
 * does not: it gets held addresses if it needs them, and the larger part of the rest stays held.
 *
 * Return: 0; -ENOMEM (the caller closes the space).
 */
int iova_hold_below(struct iova_space *space, uint64_t first);

/**
 * iova_reserve() - Reserve a range.
 * @space: The space.
 * @want: Its properties.
 * @range: Filled in.
 *
 * The range is in the lowest gap that is large enough for any alignment. If there is none, it is
 * in the lowest gap where it fits. This takes O(log n), except in a space so full that alignment
 * decides. Where the range is above @mask, a lower gap in which it fits is taken.
 *
 * Return: 0; -ENOSPC (no place, a hole at @address, or @address does not have the other properties);
 * -EBUSY (a range or its guard is where @address is wanted, or the guard behind it).
 */
int iova_reserve(struct iova_space *space, const struct iova_want *want, struct iova_range *range);

/**
 * iova_release() - Give a range back.
 * @space: The space.
 * @range: A range reserved in it, not retired.
 */
void iova_release(struct iova_space *space, struct iova_range *range);

/**
 * iova_replace() - Move a range to another struct.
 * @space: The space.
 * @old: A range reserved in it, not retired.
 * @with: The struct that takes over.
 */
void iova_replace(struct iova_space *space, const struct iova_range *old, struct iova_range *with);

/**
 * iova_find() - Find the range at or below an address.
 * @space: The space.
 * @address: The address.
 *
 * Return: the range with the highest first address up to @address; NULL if that
 * is a hole.
 */
struct iova_range *iova_find(struct iova_space *space, uint64_t address);

/**
 * iova_overlap() - Find the lowest range, holes included, that has one of some addresses.
 * @space: The space.
 * @first: The first address.
 * @last: The last address.
 *
 * Return: the range; NULL if all these addresses are free.
 */
struct iova_range *iova_overlap(struct iova_space *space, uint64_t first, uint64_t last);

/**
 * iova_is_hole() - Whether none of some addresses is usable.
 * @space: The space.
 * @first: The first address.
 * @last: The last address.
 */
bool iova_is_hole(const struct iova_space *space, uint64_t first, uint64_t last);

/**
 * iova_from() - Find the next range upwards, holes included.
 * @space: The space.
 * @address: Where to start.
 *
 * Return: the range with the lowest first address from @address on; NULL if there
 * is none.
 */
struct iova_range *iova_from(struct iova_space *space, uint64_t address);

#endif
