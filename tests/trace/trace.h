/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Makes the same calls and transfers on any edu device, in userspace and in the kernel. Each step
 * must have the same result everywhere.
 */
#ifndef TRACE_H
#define TRACE_H

#include "edu.h"

#define TRACE_STEPS 250

/**
 * trace() - Make all steps.
 * @edu: The device, with a mask of 28 bits.
 * @level: The level that allocations ask for.
 * @fence: Ends the accesses in flight. Returns 0 or an error.
 * @say: Gets the number, the name, the slot and the result of each step.
 */
void trace(struct edu *edu, enum coherent_level level, int (*fence)(struct coherent_device *dev),
	   void (*say)(unsigned int step, const char *what, unsigned int slot, long long result));

#endif
