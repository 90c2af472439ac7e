/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A model that counts its calls and writes when it is told to.
 */
#ifndef SIM_TEST_H
#define SIM_TEST_H

#include "test.h"

/**
 * struct counter - The argument of the model.
 * @opened: How often it was opened.
 * @closed: How often it was closed.
 * @ticks: How many ticks it had.
 * @resets: How often it was reset.
 * @last_write: The last value that the driver wrote into a register.
 * @now: The time of the last tick.
 * @mask: The mask of the device as the model opened.
 * @target: Where the next tick writes.
 * @bytes: How many bytes it writes; 0 for none.
 * @result: What the simulator answered to that write.
 */
struct counter {
	unsigned int opened;
	unsigned int closed;
	unsigned int ticks;
	unsigned int resets;
	uint64_t last_write;
	uint64_t now;
	uint64_t mask;
	uint64_t target;
	size_t bytes;
	int result;
};

/* The model has three vectors, BAR 0 and BAR 2. Its argument is a struct counter. */
extern const struct coherent_sim_model counter_model;

#endif
