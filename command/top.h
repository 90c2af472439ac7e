/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The answer of "coherent top", as JSON and as text.
 */
#ifndef TOP_H
#define TOP_H

#include <jansson.h>

#include "tally.h"
#include "target.h"

/* The column that decides. */
enum top_sort { TOP_REACHABLE, TOP_PRIVATE, TOP_OBJECTS, TOP_CHANGED, TOP_FAULTS, TOP_SORTS };

/* The names of enum top_sort and of enum tally_by, for options. NULL ends each. */
extern const char *const top_sort_names[];
extern const char *const top_by_names[];

/**
 * struct top - The options and the looks.
 * @by: It says which objects share a row.
 * @sort: The column that decides.
 * @limit: How many rows to show.
 * @seconds: The time between two looks.
 * @word: The process; NULL for all.
 * @target: The devices.
 * @tallies: One for each device.
 * @count: How many devices there are.
 * @between: The time between the last two looks, in seconds; 0 after the first look.
 * @at: The time of the last look.
 * @has_ended: The process has no device any more, so the devices are those of an earlier look.
 */
struct top {
	enum tally_by by;
	enum top_sort sort;
	size_t limit;
	double seconds;
	const char *word;
	struct target target;
	struct tally *tallies;
	size_t count;
	double between;
	double at;
	bool has_ended;
};

/* Puts the devices and the first rows into @result. Returns the exit status. */
int top_answer(const struct top *top, json_t *result);

/* Prints an answer as text. */
void top_print(const json_t *result);

#endif
