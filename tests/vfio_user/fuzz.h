/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef VFIO_USER_FUZZ_H
#define VFIO_USER_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Runs a driver with the peer that the input describes. Aborts for a bug. The name is libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
