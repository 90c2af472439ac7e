/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Expose and reclaim of a page, as sides of a case.
 */
#ifndef MAPS_H
#define MAPS_H

#include <coherent.h>
#include <stdbool.h>

#define MAPS_MOST 256

COHERENT_BOX_TYPE(maps_box, uint8_t);
COHERENT_TYPE(maps_mem, uint8_t);

/**
 * struct bench_maps - What is exposed and reclaimed in a round, 4 KiB each.
 * @dev: The device.
 * @count: How many, MAPS_MOST at most: the turns of the case.
 * @idle: Whether they are reclaimed with .idle.
 * @boxes: Before.
 * @mems: After.
 */
struct bench_maps {
	struct coherent_device *dev;
	unsigned int count;
	bool idle;
	union maps_box boxes[MAPS_MOST];
	union maps_mem mems[MAPS_MOST];
};

/* The argument of all is a struct bench_maps. For .run: */
int maps_expose(void *arg, unsigned int turns);
int maps_reclaim(void *arg, unsigned int turns);

/* For .before: */
int maps_allocate(void *arg);
int maps_allocate_and_expose(void *arg);

/* For .after; what cannot be reclaimed ends the program. */
void maps_free(void *arg);
void maps_reclaim_and_free(void *arg);

#endif
