/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The memory of a hardened device (COHERENT_HARDEN). Objects have pages of their own, with a page
 * behind them that nobody can access. Nobody can access the pages of an object that has ended either.
 * Their addresses are in quarantine before another object gets them. A note says which object had
 * them, where the driver allocated it and where it ended.
 *
 * The caller's lock guards all of it, but for guard_find().
 */
#ifndef GUARD_H
#define GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory/iova_quarantine.h"

#define GUARD_CALLERS 16
/* As many as the quarantine has ranges. */
#define GUARD_NOTES IOVA_RETIRED_MAX

enum guard_end { GUARD_EXPOSED = 1, GUARD_FREED };

/**
 * struct guard_note - Memory of a box or a mem that nobody may access any more.
 * @first: The first byte.
 * @bytes: The size; 0 for none.
 * @site: The file and line of the allocation.
 * @end: The reason of the end.
 * @count: How many callers there are.
 * @callers: The calls that ended it.
 */
struct guard_note {
	uintptr_t first;
	size_t bytes;
	const char *site;
	enum guard_end end;
	size_t count;
	const void *callers[GUARD_CALLERS];
};

/**
 * struct guard - The memory of a hardened device.
 * @space: Its addresses. Nobody can access those without memory.
 * @first: The first address.
 * @bytes: How many there are.
 * @noted: How many notes were written. The ring has the last ones.
 * @notes: The ring.
 */
struct guard {
	struct iova_space *space;
	uintptr_t first;
	size_t bytes;
	size_t noted;
	struct guard_note notes[GUARD_NOTES];
};

/**
 * guard_open() - Reserve addresses for memory.
 * @guard: Set to the guard, or to NULL on failure.
 * @space: A space without ranges, which gets the addresses.
 *
 * Return: 0; -ENOMEM.
 */
int guard_open(struct guard **guard, struct iova_space *space);

/**
 * guard_close() - Free the guard. Its addresses stay in the space.
 * @guard: The guard, or NULL. Nothing in its space is reserved but what is retired.
 */
void guard_close(struct guard *guard);

/**
 * guard_fill() - Let the CPU access the addresses of a range, which has no memory yet.
 * @guard: The guard.
 * @va: The first address.
 * @bytes: The size.
 *
 * Return: 0; -ENOMEM.
 */
int guard_fill(struct guard *guard, void *va, size_t bytes);

/**
 * guard_retire() - Take the memory of a range away, and keep its addresses for a while.
 * @guard: The guard.
 * @range: A range of the space.
 */
void guard_retire(struct guard *guard, struct iova_range *range);

/**
 * guard_release() - Release the oldest retired range.
 * @guard: The guard.
 *
 * Return: false if there is none.
 */
bool guard_release(struct guard *guard);

/**
 * guard_note() - Note that memory of an object ends here. The callers are added.
 * @guard: The guard.
 * @va: The memory.
 * @bytes: The size.
 * @site: The file and line of the allocation. Not copied.
 * @end: The reason of the end.
 */
void guard_note(struct guard *guard, const void *va, size_t bytes, const char *site,
		enum guard_end end);

/**
 * guard_find() - Find the last note about a byte.
 * @guard: The guard.
 * @at: The byte.
 *
 * Return: the note; NULL if there is none.
 */
const struct guard_note *guard_find(struct guard *guard, const void *at);

#endif
