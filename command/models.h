/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The PCI device models of the QEMU that is installed.
 */
#ifndef MODELS_H
#define MODELS_H

#include <jansson.h>

/* Puts all models into "models", or only one. Returns the exit status. */
int models_list(const char *only, json_t *result);

/* Prints "models". */
void models_print(const json_t *result);

#endif
