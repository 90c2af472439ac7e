/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Boxes that were freed without being exposed, kept with their pages and their address for the
 * next box of the same size. This file decides which boxes are kept and finds them again;
 * object.c changes their state.
 *
 * A box is known here by the range of its device address. The caller's lock guards the lists.
 */
#ifndef RECYCLE_H
#define RECYCLE_H

#include <stdbool.h>
#include <stddef.h>

#include "memory/iova.h"
#include "memory/pages.h"

STAILQ_HEAD(iova_list, iova_range);

/**
 * struct recycler - The boxes that are kept.
 * @boxes: By the size classes of pages.h, the last one kept first.
 * @is_used: A box was kept or taken since object.c cleared this.
 * @bytes: The size of all of them. Atomic, because recycler_fits() reads it without the lock.
 * @page_bytes: The size of a page. Never changes.
 */
struct recycler {
	struct iova_list boxes[PAGES_CLASSES];
	bool is_used;
	size_t bytes;
	size_t page_bytes;
};

/**
 * recycler_init() - Begin without boxes.
 * @recycler: The recycler.
 * @page_bytes: The size of a page.
 * @keeps_boxes: Whether boxes are kept at all.
 */
void recycler_init(struct recycler *recycler, size_t page_bytes, bool keeps_boxes);

/**
 * recycler_keeps() - Whether boxes of a size are kept at all. It needs no lock.
 * @recycler: The recycler.
 * @bytes: The size.
 */
static inline bool recycler_keeps(const struct recycler *recycler, size_t bytes)
{
	return pages_class(bytes, recycler->page_bytes) >= 0;
}

/**
 * recycler_fits() - Whether looking for a box is worth taking the lock.
 * @recycler: The recycler.
 * @want: The wishes for the address of the box.
 *
 * Return: false if no kept box can be of use.
 */
bool recycler_fits(const struct recycler *recycler, const struct iova_want *want);

/**
 * recycler_take() - Take a box of a size.
 * @recycler: The recycler.
 * @bytes: Its size; recycler_fits() was true for it.
 *
 * Return: the box; NULL if none of that size is kept.
 */
struct iova_range *recycler_take(struct recycler *recycler, size_t bytes);

/**
 * recycler_keep() - Keep a box.
 * @recycler: The recycler.
 * @box: The box; its address is aligned to a page and has no boundary.
 * @bytes: Its size; recycler_keeps() was true for it.
 *
 * Return: false if enough bytes are kept already.
 */
bool recycler_keep(struct recycler *recycler, struct iova_range *box, size_t bytes);

/**
 * recycler_evict() - Take any box.
 * @recycler: The recycler.
 * @guard: The bytes of a range behind its box.
 *
 * Return: the box; NULL if none is kept.
 */
struct iova_range *recycler_evict(struct recycler *recycler, size_t guard);

#endif
