/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The tests of the simulator share a model. It counts its calls, and it writes to memory when
 * the test tells it to.
 */
#ifndef SIM_TEST_H
#define SIM_TEST_H

#include "test.h"

/**
 * struct counter - The argument of the model.
 * @opened: How often the simulator opened the model.
 * @closed: How often the simulator closed the model.
 * @ticks: The number of ticks.
 * @resets: How often the driver reset the device.
 * @last_write: The last value that the driver wrote into a register.
 * @now: The time of the last tick.
 * @mask: The mask of the device when the model was opened.
 * @target: The address that the next tick writes to.
 * @bytes: The number of bytes that the next tick writes.
 * @result: The simulator's result of that write.
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
