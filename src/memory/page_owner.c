// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * INVARIANT: a node is complete before a pointer to it is stored, and it is never freed while the
 * device exists. So a reader that sees the pointer may follow it without a lock.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/sys.h"
#include "memory/page_owner.h"

/* Where pages are larger than 4 KiB, several entries belong to one page and are the same. */
#define PAGE_SHIFT 12
#define LEAF_SHIFT (PAGE_SHIFT + PAGE_OWNER_BITS)
#define MIDDLE_SHIFT (LEAF_SHIFT + PAGE_OWNER_BITS)
#define MASK (PAGE_OWNER_ENTRIES - 1)

struct owner_leaf {
	struct coherent_object *entries[PAGE_OWNER_ENTRIES];
};

struct owner_middle {
	struct owner_leaf *leaves[PAGE_OWNER_ENTRIES];
};

/*
 * ORDER: the loads pair with the stores of cover_leaf(), which publish zeroed nodes
 * (page_owner.litmus).
 */
static struct owner_leaf *leaf_of(const struct page_owners *owners, uintptr_t at)
{
	const struct owner_middle *middle;

	if (at >> MIDDLE_SHIFT >= PAGE_OWNER_ENTRIES)
		return NULL;
	middle = __atomic_load_n(&owners->top[at >> MIDDLE_SHIFT], __ATOMIC_ACQUIRE);
	if (!middle)
		return NULL;
	return __atomic_load_n(&middle->leaves[at >> LEAF_SHIFT & MASK], __ATOMIC_ACQUIRE);
}

static int cover_leaf(struct page_owners *owners, uintptr_t at)
{
	struct owner_middle **top = &owners->top[at >> MIDDLE_SHIFT];
	struct owner_leaf **leaf;

	if (!*top) {
		struct owner_middle *middle = calloc(1, sizeof(*middle));

		if (!middle)
			return -ENOMEM;
		__atomic_store_n(top, middle, __ATOMIC_RELEASE);
	}
	leaf = &(*top)->leaves[at >> LEAF_SHIFT & MASK];
	if (!*leaf) {
		struct owner_leaf *entries = calloc(1, sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		__atomic_store_n(leaf, entries, __ATOMIC_RELEASE);
	}
	return 0;
}

int page_owner_reserve(struct page_owners *owners, const void *va, size_t bytes)
{
	const uintptr_t last = (uintptr_t)va + bytes - 1;
	/* Three levels cover 48 bits, which is all that mmap() gives without being asked for more. */
	int err = last >> MIDDLE_SHIFT < PAGE_OWNER_ENTRIES ? 0 : -ENOMEM;

	for (uintptr_t i = (uintptr_t)va >> LEAF_SHIFT; !err && i <= last >> LEAF_SHIFT; i++)
		err = cover_leaf(owners, i << LEAF_SHIFT);
	return err;
}

/* Returns the end of the part of some memory that one leaf has. */
static uintptr_t end_in_leaf(uintptr_t at, uintptr_t end)
{
	const uintptr_t leaf_end = ((at >> LEAF_SHIFT) + 1) << LEAF_SHIFT;

	return end < leaf_end ? end : leaf_end;
}

static size_t entry_of(uintptr_t at)
{
	return at >> PAGE_SHIFT & MASK;
}

/* Returns the number of pages that a part of some memory has in one leaf. */
static size_t entries_of(uintptr_t at, uintptr_t stop)
{
	return (stop - at + (1 << PAGE_SHIFT) - 1) >> PAGE_SHIFT;
}

void page_owner_set(struct page_owners *owners, const void *va, size_t bytes,
		    struct coherent_object *object)
{
	const uintptr_t end = (uintptr_t)va + bytes;
	uintptr_t stop;

	for (uintptr_t at = (uintptr_t)va; at < end; at = stop) {
		struct coherent_object **entries = &leaf_of(owners, at)->entries[entry_of(at)];
		size_t count;

		stop = end_in_leaf(at, end);
		count = entries_of(at, stop);
#pragma GCC unroll 8
		for (size_t i = 0; i < count; i++)
			__atomic_store_n(&entries[i], object, __ATOMIC_RELEASE);
	}
}

/* Returns the number of the first entry that has an owner other than @skip; @count for none. */
static size_t first_owner(struct coherent_object *const *entries, size_t count,
			  const struct coherent_object *skip)
{
	const struct coherent_object *owner;
	size_t i;

	/* Most pages of a large piece had the same owner, or none had one. */
#pragma GCC unroll 8
	for (i = 0; i < count; i++) {
		owner = __atomic_load_n(&entries[i], __ATOMIC_ACQUIRE);
		if (owner != skip && owner)
			break;
	}
	return i;
}

struct coherent_object *page_owner_next(const struct page_owners *owners, uintptr_t *at,
					uintptr_t end, const struct coherent_object *skip)
{
	uintptr_t stop;

	for (uintptr_t page = *at; page < end; page = stop) {
		const struct owner_leaf *leaf = leaf_of(owners, page);
		struct coherent_object *const *entries = leaf ? &leaf->entries[entry_of(page)] :
								NULL;
		size_t count, i;

		stop = end_in_leaf(page, end);
		count = leaf ? entries_of(page, stop) : 0;
		i = first_owner(entries, count, skip);
		if (i == count)
			continue;
		*at = page + (i << PAGE_SHIFT);
		return __atomic_load_n(&entries[i], __ATOMIC_ACQUIRE);
	}
	return NULL;
}

struct coherent_object *page_owner_get(const struct page_owners *owners, const void *va)
{
	const uintptr_t at = (uintptr_t)va;
	const struct owner_leaf *leaf = leaf_of(owners, at);

	return leaf ? __atomic_load_n(&leaf->entries[entry_of(at)], __ATOMIC_ACQUIRE) : NULL;
}

void page_owner_close(struct page_owners *owners)
{
	for (unsigned int i = 0; i < PAGE_OWNER_ENTRIES; i++) {
		struct owner_middle *middle = owners->top[i];

		for (unsigned int k = 0; middle && k < PAGE_OWNER_ENTRIES; k++)
			free(middle->leaves[k]);
		free(middle);
	}
}
