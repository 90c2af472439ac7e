// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * fuzz_random [INPUTS [SEED]]: runs the fuzz test with random inputs, without libFuzzer. Most answers
 * are good ones, because an open needs some twenty of them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

#define BYTES 512

static uint32_t next(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 16;
}

int main(int argc, char **argv)
{
	const unsigned long inputs = argc > 1 ? strtoul(argv[1], NULL, 10) : 500;
	const uint32_t seed = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
	uint8_t input[BYTES];

	for (unsigned long i = 0; i < inputs; i++) {
		uint32_t state = seed + (uint32_t)i * 7919;
		/* One byte of so many is not 0. */
		const uint32_t rare = 1 + next(&state) % 64;

		for (size_t j = 0; j < BYTES; j++)
			input[j] = next(&state) % rare ? 0 : (uint8_t)next(&state);
		LLVMFuzzerTestOneInput(input, next(&state) % (BYTES + 1));
	}
	printf("1..1\nok 1 - %lu random peers, seed %u\n", inputs, seed);
	return 0;
}
