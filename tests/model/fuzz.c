// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * `make fuzz` runs the model with this file: libFuzzer chooses the calls.
 */
#include "model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source source = { .bytes = data, .left = size };

	model_run(&source, 10000);
	return 0;
}
