// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#ifdef HAVE_MEMCHECK
#include <valgrind/memcheck.h>
#endif

#include "base/size.h"
#include "base/sys.h"
#include "base/sys_fault.h"
#include "memory/adoption.h"
#include "memory/harden.h"
#include "memory/object_memory.h"
#include "memory/pool_slots.h"

/* --- Bytes that were not written --- */

#ifndef HAVE_MEMCHECK
#define VALGRIND_MAKE_MEM_UNDEFINED(va, bytes) 0
#define VALGRIND_MAKE_MEM_DEFINED(va, bytes) 0
#define VALGRIND_GET_VBITS(va, bits, bytes) 0
#endif

/* A program that MemorySanitizer instruments has these. They mark bytes, and find those marked. */
__attribute__((weak)) void __msan_poison(const volatile void *va, size_t bytes);
__attribute__((weak)) void __msan_unpoison(const volatile void *va, size_t bytes);
__attribute__((weak)) ssize_t __msan_test_shadow(const volatile void *va, size_t bytes);

static void mark_unwritten(const void *va, size_t bytes)
{
	(void)VALGRIND_MAKE_MEM_UNDEFINED(va, bytes);
	if (__msan_poison)
		__msan_poison(va, bytes);
}

static void mark_written(const void *va, size_t bytes)
{
	(void)VALGRIND_MAKE_MEM_DEFINED(va, bytes);
	if (__msan_unpoison)
		__msan_unpoison(va, bytes);
}

static bool is_written(const char *byte)
{
	unsigned char bits = 0;

	if (__msan_test_shadow && __msan_test_shadow(byte, 1) != -1)
		return false;
	return VALGRIND_GET_VBITS(byte, &bits, 1) != 1 || !bits;
}

static size_t count_unwritten(const char *va, size_t bytes, size_t *first)
{
	size_t count = 0;

	*first = bytes;
	for (size_t i = bytes; i > 0; i--)
		if (!is_written(va + i - 1)) {
			*first = i - 1;
			count++;
		}
	return count;
}

static bool can_tell(void)
{
#ifdef HAVE_MEMCHECK
	return RUNNING_ON_VALGRIND || __msan_test_shadow;
#else
	return __msan_test_shadow;
#endif
}

static void report_unwritten(const struct object_store *store, const char *va, size_t bytes,
			     const char *site)
{
	const void *callers[GUARD_CALLERS];
	struct sys_line line;
	size_t first, count;

	if (!can_tell())
		return;
	count = count_unwritten(va, bytes, &first);
	mark_written(va, bytes);
	if (!count)
		return;
	sys_line_of(&line, callers, sys_callers(callers, GUARD_CALLERS), true);
	report(store->reporter, COHERENT_WARNING,
	       "%s: %zu of %zu bytes of the box allocated at %s were not written before it was "
	       "exposed at %s, from byte %zu on",
	       store->name, count, bytes, site, line.text, first);
}

/* --- Whole pages --- */

static void note(struct object_store *store, const void *va, size_t bytes, const char *site,
		 enum guard_end end)
{
	lock_take(&store->lock);
	guard_note(store->pages.guard, va, bytes, site, end);
	lock_drop(&store->lock);
}

void harden_box(const struct coherent_object *object)
{
	/* The device reaches a box in place already. */
	if (!object->in_place)
		mark_unwritten(pages_va(&object->pages), object_element_bytes(object));
}

int harden_expose(struct coherent_object *object)
{
	const void *const va = pages_va(&object->pages);
	struct object_store *store = object->store;
	int err;

	/* The memory of the driver or of a mem stays where it is. */
	if (object->adoption || object->is_twin)
		return 0;

	report_unwritten(store, va, object_element_bytes(object), object->site);
	err = object_move_pages(object);
	if (!err && pages_va(&object->pages) != va)
		note(store, va, object_bytes(object), object->site, GUARD_EXPOSED);
	return err;
}

void harden_free(const struct coherent_object *object)
{
	if (object->adoption || object->is_twin)
		return;
	note(object->store, pages_va(&object->pages), object_bytes(object), object->site,
	     GUARD_FREED);
}

/* --- Pools --- */

static char *place_of(const struct slot *slot)
{
	return slot->chunk->boxes + slot->offset;
}

static int protect(const struct slot *slot, bool is_accessible)
{
	const size_t bytes = align_up(slot->chunk->slot_bytes, sys_page_bytes());

	return sys_protect(place_of(slot), bytes, is_accessible);
}

void harden_chunk(const struct chunk *chunk)
{
	(void)sys_protect(chunk->boxes, chunk->bytes, false);
}

int harden_open_slot(const struct slot *slot)
{
	if (!slot->chunk->private_bytes)
		return 0;
	return protect(slot, true) ? -ENOMEM : 0;
}

void harden_slot_box(const struct slot *slot)
{
	if (slot->chunk->private_bytes)
		mark_unwritten(place_of(slot), slot->chunk->pool->element_bytes);
}

void harden_slot_expose(const struct slot *slot)
{
	if (slot->chunk->private_bytes)
		report_unwritten(slot->chunk->base.store, place_of(slot),
				 slot->chunk->pool->element_bytes, slot_site(slot));
}

void harden_close_slot(const struct slot *slot, enum guard_end end)
{
	if (!slot->chunk->private_bytes)
		return;
	note(slot->chunk->base.store, place_of(slot), slot->chunk->slot_bytes, slot_site(slot),
	     end);
	/* If the process has too many mappings, the place stays open. */
	(void)protect(slot, false);
}
