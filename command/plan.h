/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The list of objects that coherent plan reads.
 */
#ifndef PLAN_H
#define PLAN_H

#include <coherent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct plan_line - Objects of one kind.
 * @line: The number of the line in the file.
 * @count: How many objects there are.
 * @bytes: The size of one.
 * @align: The alignment of its device address; 0 for a page.
 * @level: The least level; 0 for any.
 */
struct plan_line {
	size_t line;
	uint64_t count;
	uint64_t bytes;
	uint64_t align;
	enum coherent_level level;
};

/**
 * struct plan - A list of objects.
 * @count: The number of lines with objects.
 * @lines: The lines.
 */
struct plan {
	size_t count;
	struct plan_line *lines;
};

/* Reads a file, or standard input for "-". Returns STATUS_GOOD, or STATUS_USAGE after a line. */
int plan_read(struct plan *plan, const char *path);

/* Reads a number with a suffix of K, M, G or T. Returns false if it is not one. */
bool plan_number(const char *text, uint64_t *number);

void plan_free(struct plan *plan);

#endif
