/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Copies of sites, the files and lines of allocations. A site is a string of the program or the
 * library that allocated, which may be unloaded while the device is open.
 *
 * INVARIANT: a copy does not change and is not freed before sites_close(). So a reader takes no
 * lock.
 */
#ifndef SITE_H
#define SITE_H

#include "memory/segment.h"

#define SITES_BUCKETS 64

/**
 * struct site - The copy of a site.
 * @next: The next copy in the bucket. Never changes.
 * @pointer: The pointer that a caller passed for this text last. Only compared.
 * @faults: How many faults hit objects of the site, for a reader of the segment.
 * @bytes: The length of the text. Never changes.
 * @text: The text. Never changes.
 */
struct site {
	struct site *next;
	uintptr_t pointer;
	uint64_t faults;
	size_t bytes;
	char text[];
};

struct sites_block;

/**
 * struct sites - The copies of a device.
 * @segment: Where the copies are. Never changes.
 * @buckets: The lists of copies by a hash of the text. They only grow, because a program has at
 *	most some thousand lines that allocate.
 * @lock: Guards the fields below, and writes to @buckets.
 * @blocks: The memory of the copies.
 * @next: The first free byte.
 * @left: How many bytes are free there.
 */
struct sites {
	struct segment *segment;
	struct site *buckets[SITES_BUCKETS];
	struct lock lock;
	struct sites_block *blocks;
	char *next;
	size_t left;
};

/**
 * sites_open() - Prepare the copies.
 * @sites: The copies. All zero.
 * @segment: Where the copies will be.
 */
void sites_open(struct sites *sites, struct segment *segment);

/**
 * sites_close() - Free all copies.
 * @sites: The copies.
 */
void sites_close(struct sites *sites);

/**
 * site_copy() - Return the copy of a site.
 * @sites: The copies.
 * @site: The site. May be NULL.
 *
 * Return: the copy. If there is no memory, or @site is NULL, it says that the place is unknown.
 */
const char *site_copy(struct sites *sites, const char *site);

/**
 * site_copy_and_remember() - Return the copy of a site, and let site_of_pointer() find it.
 * @sites: The copies.
 * @site: The site. May be NULL.
 *
 * Return: as site_copy().
 */
const char *site_copy_and_remember(struct sites *sites, const char *site);

/**
 * site_of_pointer() - Return the copy of a site whose code may be unloaded.
 * @sites: The copies.
 * @site: The pointer that the caller of an allocation passed, or a copy.
 *
 * Return: the copy. If the site was never copied and its code is unloaded, it says so.
 */
const char *site_of_pointer(struct sites *sites, const char *site);

/**
 * site_count_fault() - Count a fault, for a reader of the segment.
 * @sites: The copies.
 * @site: The site of the object that a device wanted to access; or NULL.
 *
 * The caller holds the lock of the store.
 */
void site_count_fault(struct sites *sites, const char *site);

#endif
