/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Spare addresses: they have left the quarantine, and are still reserved for the next object of
 * their size. So an object gets an address without a search, and its record with it. This file
 * decides which addresses are kept and finds them again; object.c changes the states of records.
 *
 * INVARIANT: the lists are first in, first out. So an address waits at least as long as it would
 * have waited if it had been released.
 *
 * The caller's lock guards the lists.
 */
#ifndef SPARE_H
#define SPARE_H

#include <stddef.h>

#include "memory/iova.h"
#include "memory/pages.h"
#include "memory/recycle.h"

/* At most this many addresses of all sizes are kept. */
#define SPARES_MAX 1024

/**
 * struct spares - The addresses that are kept.
 * @ranges: By the size classes of pages.h, the oldest first.
 * @count: How many there are.
 * @page_bytes: The size of a page. Never changes.
 */
struct spares {
	struct iova_list ranges[PAGES_CLASSES];
	size_t count;
	size_t page_bytes;
};

/**
 * spares_init() - Begin without addresses.
 * @spares: The spare addresses.
 * @page_bytes: The size of a page.
 */
void spares_init(struct spares *spares, size_t page_bytes);

/**
 * spares_keep() - Keep an address.
 * @spares: The spare addresses.
 * @range: A range that was not asked for an alignment or a boundary. It stays reserved.
 * @bytes: Its size, without the guard.
 *
 * Return: false if there are enough of them, or if sizes like this do not recur.
 */
bool spares_keep(struct spares *spares, struct iova_range *range, size_t bytes);

/**
 * spares_take() - Take the oldest address that fits.
 * @spares: The spare addresses.
 * @want: The wishes for it.
 *
 * Return: the range, which is reserved; NULL if none fits.
 */
struct iova_range *spares_take(struct spares *spares, const struct iova_want *want);

/**
 * spares_evict() - Take any address.
 * @spares: The spare addresses.
 *
 * Return: the range, which is reserved; NULL if there is none.
 */
struct iova_range *spares_evict(struct spares *spares);

#endif
