/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A model of the library: it knows what every call must answer and which bytes a
 * device may see. model.c compares, call by call; where the calls come from, a
 * generator or a fuzzer, is up to the caller.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct source - Where choices come from.
 * @random: State of a generator, if there are no bytes.
 * @bytes: A fuzzer's bytes; NULL for the generator.
 * @left: How many bytes are left.
 */
struct source {
	uint64_t random;
	const uint8_t *bytes;
	size_t left;
};

/* Makes calls until so many are made or no bytes are left; aborts where one is wrong. */
void model_run(struct source *source, unsigned long steps);

#endif
