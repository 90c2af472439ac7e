// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The model, with calls from a generator: MODEL_STEPS of them, from MODEL_SEED. A
 * failure aborts, and says at which step.
 */
#include <stdio.h>
#include <stdlib.h>

#include "model.h"

static unsigned long variable(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

int main(void)
{
	const unsigned long steps = variable("MODEL_STEPS", 1000000);
	struct source source = { .random = variable("MODEL_SEED", 20261124) };

	printf("1..1\n# MODEL_SEED=%lu MODEL_STEPS=%lu\n", (unsigned long)source.random, steps);
	fflush(stdout);
	model_run(&source, steps);
	printf("ok 1 - %lu calls answered as the model says\n", steps);
	return 0;
}
