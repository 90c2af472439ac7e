/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A store of 64 bytes that reaches a device as one write. Only some CPUs have one.
 */
#ifndef LINE_H
#define LINE_H

#include <stdbool.h>

#define LINE_BYTES 64

/**
 * line_is_supported() - Whether this CPU has such a store.
 */
bool line_is_supported(void);

/**
 * line_store() - Store 64 bytes at once.
 * @to: The place, a multiple of 64, on a CPU that has such a store.
 * @from: The bytes.
 *
 * The store is ordered after all earlier stores.
 */
void line_store(char *to, const void *from);

#endif
