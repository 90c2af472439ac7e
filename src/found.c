// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <stdlib.h>

#include "found.h"
#include "sys.h"

/* Pages may be larger than that, which makes some entries the same. */
#define PAGE_SHIFT 12
#define LEAF_SHIFT (PAGE_SHIFT + FOUND_BITS)
#define MIDDLE_SHIFT (LEAF_SHIFT + FOUND_BITS)
#define MASK (FOUND_ENTRIES - 1)

struct found_leaf {
	struct coherent_object *entries[FOUND_ENTRIES];
};

struct found_middle {
	struct found_leaf *leaves[FOUND_ENTRIES];
};

static struct found_leaf *leaf_of(const struct found *found, uintptr_t at)
{
	const struct found_middle *middle;

	if (at >> MIDDLE_SHIFT >= FOUND_ENTRIES)
		return NULL;
	middle = __atomic_load_n(&found->top[at >> MIDDLE_SHIFT], __ATOMIC_ACQUIRE);
	if (!middle)
		return NULL;
	return __atomic_load_n(&middle->leaves[at >> LEAF_SHIFT & MASK], __ATOMIC_ACQUIRE);
}

static int cover_leaf(struct found *found, uintptr_t at)
{
	struct found_middle **top = &found->top[at >> MIDDLE_SHIFT];
	struct found_leaf **leaf;

	if (!*top) {
		struct found_middle *middle = calloc(1, sizeof(*middle));

		if (!middle)
			return -ENOMEM;
		__atomic_store_n(top, middle, __ATOMIC_RELEASE);
	}
	leaf = &(*top)->leaves[at >> LEAF_SHIFT & MASK];
	if (!*leaf) {
		struct found_leaf *entries = calloc(1, sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		__atomic_store_n(leaf, entries, __ATOMIC_RELEASE);
	}
	return 0;
}

int found_cover(struct found *found, const void *va, size_t bytes)
{
	const uintptr_t last = (uintptr_t)va + bytes - 1;
	int err = last >> MIDDLE_SHIFT < FOUND_ENTRIES ? 0 : -ENOMEM;

	for (uintptr_t i = (uintptr_t)va >> LEAF_SHIFT; !err && i <= last >> LEAF_SHIFT; i++)
		err = cover_leaf(found, i << LEAF_SHIFT);
	return err;
}

void found_set(struct found *found, const void *va, size_t bytes, struct coherent_object *object)
{
	const uintptr_t end = (uintptr_t)va + bytes;

	for (uintptr_t at = (uintptr_t)va; at < end; at += 1 << PAGE_SHIFT)
		__atomic_store_n(&leaf_of(found, at)->entries[at >> PAGE_SHIFT & MASK], object,
				 __ATOMIC_RELEASE);
}

struct coherent_object *found_get(const struct found *found, const void *va)
{
	const uintptr_t at = (uintptr_t)va;
	const struct found_leaf *leaf = leaf_of(found, at);

	return leaf ? __atomic_load_n(&leaf->entries[at >> PAGE_SHIFT & MASK], __ATOMIC_ACQUIRE) :
		      NULL;
}

void found_close(struct found *found)
{
	for (unsigned int i = 0; i < FOUND_ENTRIES; i++) {
		struct found_middle *middle = found->top[i];

		for (unsigned int k = 0; middle && k < FOUND_ENTRIES; k++)
			free(middle->leaves[k]);
		free(middle);
	}
}
