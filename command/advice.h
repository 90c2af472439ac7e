/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Advice says what a user can do about a problem: commands, and other steps. It is an array of
 * objects with "command" and "root", or with "step".
 */
#ifndef ADVICE_H
#define ADVICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Adds a command that only root may run. */
void advise_root(json_t *advice, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds a command that any user may run. */
void advise_command(json_t *advice, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds a step, such as a switch in the firmware. It is a sentence without a full stop. */
void advise_step(json_t *advice, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints each piece of advice on a line. */
void advice_print(const json_t *advice, size_t indent);

#endif
