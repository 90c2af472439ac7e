// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The model with calls from a random generator. It makes MODEL_STEPS calls, which depend on
 * MODEL_SEED only. A failure prints the step and aborts.
 */
#include <stdio.h>
#include <stdlib.h>

#include "model.h"

static unsigned long read_variable(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

int main(void)
{
	const unsigned long steps = read_variable("MODEL_STEPS", 1000000);
	struct source source = { .random = read_variable("MODEL_SEED", 20261124) };

	printf("1..1\n# MODEL_SEED=%lu MODEL_STEPS=%lu\n", (unsigned long)source.random, steps);
	fflush(stdout);
	model_run(&source, steps);
	printf("ok 1 - %lu calls answered as the model says\n", steps);
	return 0;
}
