// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <stdlib.h>

#include "maps.h"

int maps_expose(void *arg, unsigned int turns)
{
	struct bench_maps *maps = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++)
		err = coherent_expose(&maps->boxes[i], &maps->mems[i]);
	return err;
}

int maps_reclaim(void *arg, unsigned int turns)
{
	struct bench_maps *maps = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++)
		err = coherent_reclaim(&maps->mems[i], &maps->boxes[i], .idle = maps->idle);
	return err;
}

int maps_allocate(void *arg)
{
	struct bench_maps *maps = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < maps->count; i++)
		err = coherent_box_zeroed(&maps->boxes[i], maps->dev, 4096);
	return err;
}

int maps_allocate_and_expose(void *arg)
{
	struct bench_maps *maps = arg;
	int err = maps_allocate(maps);

	return err ? err : maps_expose(maps, maps->count);
}

void maps_free(void *arg)
{
	struct bench_maps *maps = arg;

	for (unsigned int i = 0; i < maps->count; i++)
		coherent_box_free(&maps->boxes[i]);
}

void maps_reclaim_and_free(void *arg)
{
	struct bench_maps *maps = arg;

	if (maps_reclaim(maps, maps->count))
		abort();
	maps_free(maps);
}
