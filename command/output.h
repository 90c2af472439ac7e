/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Makes answers and prints them. An answer is a JSON value, and the text of a subcommand is made from
 * it too. So JSON and text never differ.
 *
 * Names of drivers, devices and files may have any bytes. In JSON, bytes that are not UTF-8 become
 * U+FFFD. As text, control characters become \xNN, so that a name cannot change the terminal.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/**
 * struct column - A column of a table.
 * @key: The member of each row.
 * @title: The title.
 */
struct column {
	const char *key;
	const char *title;
};

/* --- Answers --- */

/* Returns a string from any bytes. */
json_t *output_text(const char *text);

/* Returns a formatted string. */
json_t *output_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Returns a number, or a string with hexadecimal digits if JSON cannot hold it. */
json_t *output_number(uint64_t number);

/* Returns a member that output_number() made, or 0 if there is none. */
uint64_t output_value(const json_t *object, const char *key);

/* Returns the string of a member, or "" if there is none. */
const char *output_string(const json_t *object, const char *key);

/* Writes a size with a unit, such as "64 MiB". A long number is rounded. Returns @text. */
const char *output_bytes(char text[32], uint64_t bytes);

/* Writes a count and the thing that is counted, such as "1 object" or "2 objects". Returns @text. */
const char *output_count(char text[48], uint64_t count, const char *thing);

/* Returns what a cell shows of BARs: an array of objects with "index", "bytes" and perhaps "io". */
json_t *output_bars(const json_t *bars);

/* --- Text --- */

/* Returns the columns of the terminal, or SIZE_MAX if the output is not a terminal. */
size_t output_width(void);

/* Sets the columns that output_width() returns; 0 for those of the terminal. */
void output_set_width(size_t columns);

/* Prints a string in which each control character is \xNN. */
void output_safely(FILE *to, const char *text);

/* Prints a paragraph that is indented, and wrapped at the width of the terminal. */
void output_wrapped(const char *text, size_t indent);

/* Does the same with a text that is formatted as by printf(). */
void output_line(size_t indent, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints a paragraph of the help. It is wrapped at 80 columns, also if the output is a file. */
void output_help(const char *text, size_t indent);

/* Prints a command that the user may copy. Only a narrow terminal wraps it. */
void output_command(const char *text, size_t indent);

/**
 * output_table() - Print a table.
 * @rows: An array of objects. Their members are strings, numbers, booleans, nulls or arrays of
 *	strings.
 * @columns: The columns.
 * @count: The number of @columns.
 * @below: Prints what belongs to a row on the lines below it; NULL for nothing.
 *
 * A table that does not fit into the terminal has a longer last column, or each row as a list.
 */
void output_table(const json_t *rows, const struct column *columns, size_t count,
		  void (*below)(const json_t *row));

/* Prints the members of an object, one a line. */
void output_list(const json_t *object, const struct column *columns, size_t count);

/* Prints an answer as JSON. Returns false if memory is missing. */
bool output_json(const json_t *result);

/* Writes the rest of the output. Returns @status, or 1 after a line if it cannot be written. */
int output_end(int status);

#endif
