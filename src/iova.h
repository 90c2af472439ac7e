/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Ranges of a 64-bit address space: device addresses, and in pages.c addresses
 * of memory. Pure arithmetic: no locks, and no allocation but for holes.
 *
 * Words: a space is usable in some places and has holes elsewhere. A range is
 * reserved in it, lowest fit first, and released. Behind each range there is a
 * guard that nobody gets. A retired range is still reserved, but on its way
 * out: quarantined, first in first out.
 */
#ifndef IOVA_H
#define IOVA_H

#include <bsd/sys/tree.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* Quarantine: at most that many ranges, and an eighth of the space. */
#define IOVA_RETIRED_MAX 4096

/**
 * struct iova_range - A range; belongs to whoever reserved it.
 * @node: Of the space's tree, by address.
 * @retired: Of the space's quarantine.
 * @first: First address.
 * @last: Last address, the guard included.
 * @gap: Free bytes between the range before and this one.
 * @max_gap: The largest @gap in the subtree of this node.
 * @hole: Not usable, and the space's own.
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
 * @retired_count: How many ranges are in it.
 * @retired_bytes: How many bytes.
 * @usable: Bytes outside of holes.
 * @granule: What addresses and sizes are multiples of: a power of two.
 * @guard: Bytes kept free behind each range.
 * @keeps_bytes: How many ranges are in the quarantine is its only bound.
 */
struct iova_space {
	RB_HEAD(iova_tree, iova_range) tree;
	STAILQ_HEAD(, iova_range) retired;
	size_t retired_count;
	uint64_t retired_bytes;
	uint64_t usable;
	uint64_t granule;
	uint64_t guard;
	bool keeps_bytes;
};

/**
 * struct iova_want - What a range has to be like.
 * @bytes: A multiple of the granule, not 0.
 * @align: A power of two, at least the granule.
 * @boundary: A power of two that the range crosses no multiple of, at least
 *	@bytes; 0 for none.
 */
struct iova_want {
	uint64_t bytes;
	uint64_t align;
	uint64_t boundary;
};

/**
 * iova_open() - Make a space that is one hole.
 * @space: The space.
 * @granule: What addresses and sizes are multiples of.
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
 * iova_reserve() - Reserve a range.
 * @space: The space.
 * @want: What it has to be like.
 * @range: The range; filled in.
 *
 * In the lowest gap that is large enough whatever @want does to it, or if there
 * is none in the lowest where it fits. O(log n), except in a space so full that
 * only alignment decides.
 *
 * Return: 0; -ENOSPC.
 */
int iova_reserve(struct iova_space *space, const struct iova_want *want, struct iova_range *range);

/**
 * iova_release() - Give a range back.
 * @space: The space.
 * @range: A range reserved in it, not retired.
 */
void iova_release(struct iova_space *space, struct iova_range *range);

/**
 * iova_replace() - Let another struct stand for the same range.
 * @space: The space.
 * @old: A range reserved in it, not retired.
 * @with: The struct that takes over.
 */
void iova_replace(struct iova_space *space, const struct iova_range *old, struct iova_range *with);

/**
 * iova_retire() - Put a range into quarantine.
 * @space: The space.
 * @range: A range reserved in it.
 */
void iova_retire(struct iova_space *space, struct iova_range *range);

/**
 * iova_expired() - Take the oldest range out of a quarantine that is too large.
 * @space: The space.
 *
 * Return: a range that is now released; NULL if the quarantine is small enough.
 */
struct iova_range *iova_expired(struct iova_space *space);

/**
 * iova_evict() - Take the oldest range out of quarantine.
 * @space: The space.
 *
 * Return: a range that is now released; NULL if there is none.
 */
struct iova_range *iova_evict(struct iova_space *space);

/**
 * iova_find() - The range at or below an address.
 * @space: The space.
 * @address: The address.
 *
 * Return: the range with the highest first address up to @address; NULL if that
 * is a hole.
 */
struct iova_range *iova_find(struct iova_space *space, uint64_t address);

/**
 * iova_from() - The next range upwards, holes included.
 * @space: The space.
 * @address: Where to start.
 *
 * Return: the range with the lowest first address from @address on; NULL if there
 * is none.
 */
struct iova_range *iova_from(struct iova_space *space, uint64_t address);

#endif
