/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The same calls and transfers on any edu device, in userspace and in the kernel: what each
 * answers has to be the same everywhere.
 */
#ifndef TRACE_H
#define TRACE_H

#include "edu.h"

#define TRACE_STEPS 250

/**
 * trace() - Make all steps.
 * @edu: The device, of 28 bits.
 * @level: What allocations ask for.
 * @fence: Ends what is in flight; 0 or an error.
 * @say: Called with what each step did and what came of it.
 */
void trace(struct edu *edu, enum coherent_level level, int (*fence)(struct coherent_device *dev),
	   void (*say)(unsigned int step, const char *what, unsigned int slot, long long result));

#endif
