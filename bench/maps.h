/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Expose and reclaim of pages, as a side of a case.
 */
#ifndef MAPS_H
#define MAPS_H

#include <coherent.h>
#include <stdbool.h>

#define MAPS_MOST 256

COHERENT_BOX_TYPE(maps_box, uint8_t);
COHERENT_TYPE(maps_mem, uint8_t);

/**
 * struct bench_maps - The objects of a round, with 4 KiB each.
 * @dev: The device.
 * @count: The number of objects, at most MAPS_MOST. It is also the turns of the case.
 * @idle: Whether to reclaim them with .idle.
 * @boxes: The objects that are not exposed.
 * @mems: The objects that are exposed.
 */
struct bench_maps {
	struct coherent_device *dev;
	unsigned int count;
	bool idle;
	union maps_box boxes[MAPS_MOST];
	union maps_mem mems[MAPS_MOST];
};

/* The argument of all functions is a struct bench_maps. These two are for .run. */
int maps_expose(void *arg, unsigned int turns);
int maps_reclaim(void *arg, unsigned int turns);

/* These are for .before. */
int maps_allocate(void *arg);
int maps_allocate_and_expose(void *arg);

/* These are for .after. If a reclaim fails, the program aborts. */
void maps_free(void *arg);
void maps_reclaim_and_free(void *arg);

#endif
