/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a device tried to reach, whether it should have, and what came of it: as a table.
 */
#ifndef TRIES_H
#define TRIES_H

#include <stdbool.h>

#define TRIES_MAX 8

/**
 * struct tries - A table.
 * @count: Its rows.
 * @rows: They.
 * @rows.what: What the device tried.
 * @rows.reaches: It has to be able to.
 * @rows.reached: It was.
 * @rows.why: What there is to say of it.
 */
struct tries {
	unsigned int count;
	struct {
		const char *what;
		bool reaches;
		bool reached;
		char why[256];
	} rows[TRIES_MAX];
};

/**
 * tries_add() - Add a row.
 * @tries: The table.
 * @what: What the device tried; kept.
 * @reaches: Whether it has to be able to.
 * @reached: Whether it was.
 * @why: What there is to say of it; copied.
 */
void tries_add(struct tries *tries, const char *what, bool reaches, bool reached, const char *why);

/**
 * tries_print() - Print it.
 * @tries: The table.
 *
 * Return: whether all was as it has to be.
 */
bool tries_print(const struct tries *tries);

#endif
