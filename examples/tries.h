/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A table of tries. In each try a driver aims its device at some memory. The table says whether
 * the device should reach that memory, whether it did, and the reason.
 */
#ifndef TRIES_H
#define TRIES_H

#include <stdbool.h>

#define TRIES_MAX 8

/**
 * struct tries - The tries so far.
 * @count: The number of rows in use.
 * @rows: One row for each try.
 * @rows.name: The access that the device tried.
 * @rows.should_reach: The device is allowed to reach the memory.
 * @rows.reached: The device reached the memory.
 * @rows.reason: Why the access was refused; empty if it was not.
 */
struct tries {
	unsigned int count;
	struct {
		const char *name;
		bool should_reach;
		bool reached;
		char reason[256];
	} rows[TRIES_MAX];
};

/**
 * tries_add() - Add a row.
 * @tries: The table; it has fewer than TRIES_MAX rows.
 * @name: The access that the device tried, as a verb and an object. The table keeps the pointer.
 * @should_reach: Whether the device is allowed to reach the memory.
 * @reached: Whether the device reached the memory.
 * @reason: Why the access was refused, or "". The table copies it.
 */
void tries_add(struct tries *tries, const char *name, bool should_reach, bool reached,
	       const char *reason);

/**
 * tries_print() - Print the table on standard output.
 * @tries: The table.
 * @reason_title: The title of the column of reasons.
 *
 * Return: true if each try had the expected result.
 */
bool tries_print(const struct tries *tries, const char *reason_title);

#endif
