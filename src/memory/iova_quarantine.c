// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The quarantine of a space. A range in it stays in the tree of iova.c until iova_release().
 */
#include "memory/iova_quarantine.h"

void iova_retire(struct iova_space *space, struct iova_range *range)
{
	STAILQ_INSERT_TAIL(&space->retired, range, retired);
	space->retired_count++;
	space->retired_bytes += range->last - range->first + 1;
}

static struct iova_range *take_oldest(struct iova_space *space, uint64_t last)
{
	struct iova_range *range = STAILQ_FIRST(&space->retired), *older = NULL;

	for (; range && range->first > last; range = STAILQ_NEXT(range, retired))
		older = range;
	if (!range)
		return NULL;
	if (older)
		STAILQ_REMOVE_AFTER(&space->retired, older, retired);
	else
		STAILQ_REMOVE_HEAD(&space->retired, retired);
	space->retired_count--;
	space->retired_bytes -= range->last - range->first + 1;
	return range;
}

struct iova_range *iova_expired(struct iova_space *space)
{
	if (space->retired_count <= IOVA_RETIRED_MAX &&
	    (space->keeps_bytes || space->retired_bytes <= space->usable / 8))
		return NULL;
	return take_oldest(space, UINT64_MAX);
}

struct iova_range *iova_evict(struct iova_space *space, uint64_t last)
{
	struct iova_range *range = take_oldest(space, last);

	if (range)
		iova_release(space, range);
	return range;
}
