// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Only boxes that were never exposed are kept: no device was told their address, so it needs no
 * quarantine. Most drivers allocate a few sizes again and again, so there is a list for each
 * class of sizes, and the box that was freed last is taken first, because its pages are in the
 * cache.
 */
#include "memory/recycle.h"

/* Keep at most this many bytes for reuse, so that one size does not starve the others. */
#define BYTES_MAX ((size_t)8 << 20)

void recycler_init(struct recycler *recycler, size_t page_bytes, bool keeps_boxes)
{
	/* A recycler that is full keeps nothing. */
	*recycler =
		(struct recycler){ .page_bytes = page_bytes, .bytes = keeps_boxes ? 0 : BYTES_MAX };
	for (unsigned int i = 0; i < PAGES_CLASSES; i++)
		STAILQ_INIT(&recycler->boxes[i]);
}

static void count(struct recycler *recycler, size_t more)
{
	__atomic_store_n(&recycler->bytes, recycler->bytes + more, __ATOMIC_RELAXED);
}

bool recycler_fits(const struct recycler *recycler, const struct iova_want *want)
{
	/* Kept boxes have the alignment of a page and no limit, so they fit no other wish. */
	return recycler_keeps(recycler, want->bytes) && want->align <= recycler->page_bytes &&
	       !(want->boundary | want->mask | want->address) &&
	       __atomic_load_n(&recycler->bytes, __ATOMIC_RELAXED);
}

static struct iova_range *take_first(struct recycler *recycler, int class, size_t bytes)
{
	struct iova_range *box = STAILQ_FIRST(&recycler->boxes[class]);

	STAILQ_REMOVE_HEAD(&recycler->boxes[class], retired);
	count(recycler, -bytes);
	return box;
}

struct iova_range *recycler_take(struct recycler *recycler, size_t bytes)
{
	const int class = pages_class(bytes, recycler->page_bytes);

	if (STAILQ_EMPTY(&recycler->boxes[class]))
		return NULL;
	recycler->is_used = true;
	return take_first(recycler, class, bytes);
}

bool recycler_keep(struct recycler *recycler, struct iova_range *box, size_t bytes)
{
	const int class = pages_class(bytes, recycler->page_bytes);

	if (bytes > BYTES_MAX - recycler->bytes)
		return false;
	recycler->is_used = true;
	STAILQ_INSERT_HEAD(&recycler->boxes[class], box, retired);
	count(recycler, bytes);
	return true;
}

struct iova_range *recycler_evict(struct recycler *recycler, size_t guard)
{
	for (int i = 0; i < PAGES_CLASSES; i++) {
		const struct iova_range *box = STAILQ_FIRST(&recycler->boxes[i]);

		if (box)
			return take_first(recycler, i, box->last - box->first + 1 - guard);
	}
	return NULL;
}
