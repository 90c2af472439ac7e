// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A driver that allocates and frees one size reaches a steady state: each free takes an address out
 * of the quarantine, and the next allocation takes that address from here. Then the tree of
 * addresses does not change any more.
 */
#include "memory/spare.h"

void spares_init(struct spares *spares, size_t page_bytes)
{
	*spares = (struct spares){ .page_bytes = page_bytes };
	for (unsigned int i = 0; i < PAGES_CLASSES; i++)
		STAILQ_INIT(&spares->ranges[i]);
}

bool spares_keep(struct spares *spares, struct iova_range *range, size_t bytes)
{
	const int class = pages_class(bytes, spares->page_bytes);

	if (class < 0 || spares->count == SPARES_MAX)
		return false;
	STAILQ_INSERT_TAIL(&spares->ranges[class], range, retired);
	spares->count++;
	return true;
}

static struct iova_range *take_oldest(struct spares *spares, int class)
{
	struct iova_range *range = STAILQ_FIRST(&spares->ranges[class]);

	if (!range)
		return NULL;
	STAILQ_REMOVE_HEAD(&spares->ranges[class], retired);
	spares->count--;
	return range;
}

struct iova_range *spares_take(struct spares *spares, const struct iova_want *want)
{
	const int class = pages_class(want->bytes, spares->page_bytes);

	if (class < 0 || want->align > spares->page_bytes ||
	    want->boundary | want->mask | want->address)
		return NULL;
	return take_oldest(spares, class);
}

struct iova_range *spares_evict(struct spares *spares)
{
	struct iova_range *range = NULL;

	for (int i = 0; !range && i < PAGES_CLASSES; i++)
		range = take_oldest(spares, i);
	return range;
}
