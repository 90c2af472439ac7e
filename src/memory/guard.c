// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <stdlib.h>

#include "base/sys.h"
#include "base/sys_fault.h"
#include "base/sys_process.h"
#include "memory/guard.h"

/* Addresses cost nothing, but a limit may be set (ulimit -v). */
#define BYTES_MAX ((size_t)64 << 30)
#define BYTES_MIN ((size_t)64 << 20)

/* --- Open and close --- */

static int reserve_most(struct guard *guard)
{
	const uint64_t limit = sys_address_limit() / 4;
	size_t bytes = BYTES_MAX;
	void *va;
	int err = -ENOMEM;

	for (; err && bytes >= BYTES_MIN; bytes /= 2)
		if (bytes <= limit) {
			err = sys_reserve(bytes, &va);
			guard->first = (uintptr_t)va;
			guard->bytes = bytes;
		}
	return err ? -ENOMEM : 0;
}

int guard_open(struct guard **out, struct iova_space *space)
{
	struct guard *guard = calloc(1, sizeof(*guard));
	int err = guard ? reserve_most(guard) : -ENOMEM;

	*out = NULL;
	if (err) {
		free(guard);
		return err;
	}
	err = iova_allow(space, guard->first, guard->first + guard->bytes - 1);
	if (err) {
		sys_unmap((void *)guard->first, guard->bytes);
		free(guard);
		return err;
	}
	guard->space = space;
	space->guard = space->granule;
	*out = guard;
	return 0;
}

void guard_close(struct guard *guard)
{
	if (!guard)
		return;
	while (guard_release(guard))
		;
	free(guard);
}

/* --- Ranges --- */

static struct guard_note *note_at(struct guard *guard, size_t number)
{
	return &guard->notes[number % GUARD_NOTES];
}

/* Another object gets these addresses, so notes about older ones are wrong from now on. */
static void forget(struct guard *guard, uintptr_t first, size_t bytes)
{
	for (size_t i = 0; i < GUARD_NOTES && i < guard->noted; i++) {
		struct guard_note *note = &guard->notes[i];

		if (note->first < first + bytes && first < note->first + note->bytes)
			note->bytes = 0;
	}
}

int guard_fill(struct guard *guard, void *va, size_t bytes)
{
	forget(guard, (uintptr_t)va, bytes + guard->space->guard);
	return sys_map_at(va, bytes) ? -ENOMEM : 0;
}

bool guard_release(struct guard *guard)
{
	struct iova_range *range = iova_evict(guard->space, UINT64_MAX);

	free(range);
	return range;
}

void guard_retire(struct guard *guard, struct iova_range *range)
{
	struct iova_range *retired = malloc(sizeof(*retired)), *expired;

	sys_map_nothing((void *)(uintptr_t)range->first,
			range->last + 1 - range->first - guard->space->guard);
	if (!retired) {
		iova_release(guard->space, range);
		return;
	}
	iova_replace(guard->space, range, retired);
	iova_retire(guard->space, retired);
	while ((expired = iova_expired(guard->space))) {
		iova_release(guard->space, expired);
		free(expired);
	}
}

/* --- Notes --- */

void guard_note(struct guard *guard, const void *va, size_t bytes, const char *site,
		enum guard_end end)
{
	struct guard_note *note = note_at(guard, guard->noted);

	*note = (struct guard_note){
		.first = (uintptr_t)va, .bytes = bytes, .site = site, .end = end
	};
	note->count = sys_callers(note->callers, GUARD_CALLERS);
	guard->noted++;
}

const struct guard_note *guard_find(struct guard *guard, const void *at)
{
	for (size_t i = guard->noted; i > 0 && guard->noted - i < GUARD_NOTES; i--) {
		const struct guard_note *note = note_at(guard, i - 1);

		if ((uintptr_t)at - note->first < note->bytes)
			return note;
	}
	return NULL;
}
