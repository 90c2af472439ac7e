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

#include "base/lock.h"

#define SITES_BUCKETS 64
#define SITES_FIRST_BYTES 2048

struct site;
struct sites_block;

/**
 * struct sites - The copies of a device.
 * @buckets: The lists of copies by a hash of the text. They only grow, because a program has at
 *	most some thousand lines that allocate.
 * @lock: Guards the fields below, and writes to @buckets.
 * @blocks: The memory of the copies that do not fit into @first.
 * @next: The first free byte.
 * @left: How many bytes are free there.
 * @first: Memory for the first copies, so that most programs need no other.
 */
struct sites {
	struct site *buckets[SITES_BUCKETS];
	struct lock lock;
	struct sites_block *blocks;
	char *next;
	size_t left;
	_Alignas(max_align_t) char first[SITES_FIRST_BYTES];
};

/**
 * sites_open() - Prepare the copies.
 * @sites: The copies. All zero.
 */
void sites_open(struct sites *sites);

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

#endif
