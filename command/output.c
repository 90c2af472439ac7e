// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "arguments.h"
#include "output.h"

#define COLUMNS_MAX 16
#define GAP 2
/* The last column is not made narrower than this. */
#define LAST_MIN 24
/* Text of the help is not wider than this, also in a pipe. */
#define HELP_WIDTH 80
/* A narrower terminal wraps commands too. */
#define WIDTH_FOR_COMMANDS 40

/* --- Answers --- */

/* Returns the length of the UTF-8 character at @text, or 0 if there is none. */
static size_t character(const char *text)
{
	const unsigned char *byte = (const unsigned char *)text;
	const size_t length = *byte < 0x80	 ? 1 :
			      *byte >> 5 == 0x06 ? 2 :
			      *byte >> 4 == 0x0e ? 3 :
			      *byte >> 3 == 0x1e ? 4 :
						   0;
	uint32_t code = length > 1 ? *byte & (0x7fu >> length) : *byte;

	for (size_t i = 1; i < length; i++) {
		if (byte[i] >> 6 != 2)
			return 0;
		code = code << 6 | (byte[i] & 0x3f);
	}
	/* A longer form of a short character, half of a pair and a number past the end are wrong. */
	if ((length == 2 && code < 0x80) || (length == 3 && code < 0x800) ||
	    (length == 4 && (code < 0x10000 || code > 0x10ffff)) || (code >> 11 == 0x1b))
		return 0;
	return length;
}

json_t *output_text(const char *text)
{
	char *clean = malloc(3 * strlen(text) + 1), *to = clean;
	json_t *string = NULL;

	if (!clean)
		return NULL;
	while (*text) {
		const size_t length = character(text);

		memcpy(to, length ? text : "\xef\xbf\xbd", length ? length : 3);
		to += length ? length : 3;
		text += length ? length : 1;
	}
	*to = '\0';
	string = json_string(clean);
	free(clean);
	return string;
}

json_t *output_format(const char *format, ...)
{
	char text[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	return output_text(text);
}

json_t *output_number(uint64_t number)
{
	if (number <= INT64_MAX)
		return json_integer((json_int_t)number);
	return output_format("0x%" PRIx64, number);
}

uint64_t output_value(const json_t *object, const char *key)
{
	const json_t *number = json_object_get(object, key);

	if (json_is_string(number))
		return strtoull(json_string_value(number), NULL, 16);
	return (uint64_t)json_integer_value(number);
}

const char *output_string(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

const char *output_bytes(char text[32], uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double rounded;
	size_t unit = 0;

	while (bytes && bytes % 1024 == 0 && unit + 1 < ARRAY_SIZE(units)) {
		bytes /= 1024;
		unit++;
	}
	if (bytes < 1000000 || unit + 1 == ARRAY_SIZE(units)) {
		snprintf(text, 32, "%" PRIu64 " %s", bytes, units[unit]);
		return text;
	}
	/* So many digits say less than a rounded number. */
	for (rounded = (double)bytes; rounded >= 1024 && unit + 1 < ARRAY_SIZE(units); unit++)
		rounded /= 1024;
	snprintf(text, 32, "%.1f %s", rounded, units[unit]);
	return text;
}

const char *output_count(char text[48], uint64_t count, const char *thing)
{
	snprintf(text, 48, "%" PRIu64 " %.20s%s", count, thing, count == 1 ? "" : "s");
	return text;
}

json_t *output_bars(const json_t *bars)
{
	json_t *texts = json_array();
	const json_t *bar;
	char bytes[32];
	size_t i;

	json_array_foreach(bars, i, bar) json_array_append_new(
		texts,
		output_format("%d: %s%s", (int)json_integer_value(json_object_get(bar, "index")),
			      output_bytes(bytes, (uint64_t)json_integer_value(
							  json_object_get(bar, "bytes"))),
			      json_is_true(json_object_get(bar, "io")) ? " I/O" : ""));
	return texts;
}

/* --- Text --- */

static bool is_control(const char *text)
{
	const unsigned char byte = (unsigned char)*text;

	/* U+0080 to U+009F control terminals too. */
	return byte < 0x20 || byte == 0x7f || !character(text) ||
	       (byte == 0xc2 && (unsigned char)text[1] < 0xa0);
}

/* Returns a copy in which control characters are readable. The caller frees it. */
static char *readable(const char *text)
{
	char *copy = malloc(4 * strlen(text) + 1), *to = copy;

	if (!copy)
		abort();
	while (*text) {
		if (is_control(text)) {
			to += sprintf(to, "\\x%02x", (unsigned char)*text);
			text++;
			/* The rest of a character of two bytes would be wrong alone. */
			continue;
		}
		for (size_t length = character(text); length; length--)
			*to++ = *text++;
	}
	*to = '\0';
	return copy;
}

void output_safely(FILE *to, const char *text)
{
	char *copy = readable(text);

	fputs(copy, to);
	free(copy);
}

/* Returns how many columns a text takes: one for each character. */
static size_t columns_of(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += (*text & 0xc0) != 0x80;
	return count;
}

static size_t chosen_width;

void output_set_width(size_t columns)
{
	chosen_width = columns;
}

size_t output_width(void)
{
	struct winsize size = { .ws_col = 0 };

	if (chosen_width)
		return chosen_width < 8 ? 8 : chosen_width;
	if (!isatty(STDOUT_FILENO))
		return SIZE_MAX;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return 80;
	return size.ws_col < 8 ? 8 : size.ws_col;
}

static void put_blanks(size_t count)
{
	while (count--)
		fputc(' ', stdout);
}

/* Returns the bytes of the next line of @text, of at most @room columns. */
static size_t line_of(const char *text, size_t room)
{
	size_t columns = 0, blank = 0, at = 0;

	for (; text[at] && text[at] != '\n'; at += character(text + at)) {
		if (text[at] == ' ')
			blank = at;
		if (columns++ == room)
			return blank ? blank : at;
	}
	return at;
}

/* Prints @text from column @indent to @all. The first line begins at column @at. */
static void put_wrapped_to(size_t all, const char *text, size_t at, size_t indent)
{
	const size_t room = all == SIZE_MAX ? SIZE_MAX : all > indent + 4 ? all - indent : 4;

	for (bool first = true; first || *text; first = false) {
		const size_t bytes =
			line_of(text, first && at > indent ? room - (at - indent) : room);

		put_blanks(first ? (at < indent ? indent - at : 0) : indent);
		fwrite(text, 1, bytes, stdout);
		fputc('\n', stdout);
		text += bytes;
		text += *text == ' ' || *text == '\n';
	}
}

static void put_wrapped(const char *text, size_t at, size_t indent)
{
	put_wrapped_to(output_width(), text, at, indent);
}

void output_help(const char *text, size_t indent)
{
	const size_t all = output_width() < HELP_WIDTH ? output_width() : HELP_WIDTH;

	put_wrapped_to(all, text, 0, indent * 4 < all ? indent : 0);
}

void output_wrapped(const char *text, size_t indent)
{
	char *copy = readable(text);

	/* Indentation leaves no room on a narrow terminal. */
	put_wrapped(copy, 0, indent * 4 < output_width() ? indent : 0);
	free(copy);
}

void output_line(size_t indent, const char *format, ...)
{
	char text[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	output_wrapped(text, indent);
}

void output_command(const char *text, size_t indent)
{
	if (output_width() < WIDTH_FOR_COMMANDS) {
		output_wrapped(text, indent);
		return;
	}
	put_blanks(indent);
	output_safely(stdout, text);
	fputc('\n', stdout);
}

/* --- Tables --- */

static char *join(const json_t *array)
{
	char *all = strdup("");
	const json_t *item;
	size_t i;

	json_array_foreach(array, i, item)
	{
		char *longer;

		if (asprintf(&longer, "%s%s%s", all, i ? ", " : "", json_string_value(item)) < 0)
			abort();
		free(all);
		all = longer;
	}
	return all;
}

/* Returns what a cell shows. The caller frees it. */
static char *cell(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	char number[32], *joined, *text;

	if (json_is_string(value))
		return readable(json_string_value(value));
	if (json_is_boolean(value))
		return strdup(json_is_true(value) ? "yes" : "no");
	if (json_is_integer(value)) {
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
			 json_integer_value(value));
		return strdup(number);
	}
	if (!json_array_size(value))
		return strdup("-");
	joined = join(value);
	text = readable(joined);
	free(joined);
	return text;
}

static void put_item(const json_t *object, const struct column *column)
{
	char *text = cell(object, column->key), *line;

	if (asprintf(&line, "%s: %s", column->title, text) < 0)
		abort();
	free(text);
	put_wrapped(line, 0, 0);
	free(line);
}

void output_list(const json_t *object, const struct column *columns, size_t count)
{
	for (size_t i = 0; i < count; i++)
		put_item(object, &columns[i]);
}

static void print_as_lists(const json_t *rows, const struct column *columns, size_t count,
			   void (*below)(const json_t *row))
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		if (i)
			fputc('\n', stdout);
		output_list(row, columns, count);
		if (below)
			below(row);
	}
}

static void measure(const json_t *rows, const struct column *columns, size_t count,
		    size_t widths[COLUMNS_MAX])
{
	const json_t *row;
	size_t r;

	for (size_t i = 0; i < count; i++) {
		widths[i] = columns_of(columns[i].title);
		json_array_foreach(rows, r, row)
		{
			char *text = cell(row, columns[i].key);
			const size_t wide = columns_of(text);

			widths[i] = wide > widths[i] ? wide : widths[i];
			free(text);
		}
	}
}

/* Prints a row. @texts are the cells, which the call frees. */
static void print_row(char *texts[COLUMNS_MAX], size_t count, const size_t widths[COLUMNS_MAX])
{
	size_t at = 0, end = 0;

	for (size_t i = 0; i < count; i++) {
		put_blanks(at - end);
		if (i + 1 == count) {
			put_wrapped(texts[i], at, at);
		} else {
			fputs(texts[i], stdout);
			end = at + columns_of(texts[i]);
			at += widths[i] + GAP;
		}
		free(texts[i]);
	}
}

void output_table(const json_t *rows, const struct column *columns, size_t count,
		  void (*below)(const json_t *row))
{
	size_t widths[COLUMNS_MAX], before = 0, r;
	char *texts[COLUMNS_MAX];
	const json_t *row;

	measure(rows, columns, count, widths);
	for (size_t i = 0; i + 1 < count; i++)
		before += widths[i] + GAP;
	if (before + widths[count - 1] > output_width() && before + LAST_MIN > output_width()) {
		print_as_lists(rows, columns, count, below);
		return;
	}
	for (size_t i = 0; i < count; i++)
		texts[i] = strdup(columns[i].title);
	print_row(texts, count, widths);
	json_array_foreach(rows, r, row)
	{
		for (size_t i = 0; i < count; i++)
			texts[i] = cell(row, columns[i].key);
		print_row(texts, count, widths);
		if (below)
			below(row);
	}
}

/* --- The end --- */

bool output_json(const json_t *result)
{
	/* A failed write shows up in output_end(). */
	char *text = json_dumps(result, JSON_INDENT(2) | JSON_ENCODE_ANY);

	if (!text)
		return false;
	puts(text);
	free(text);
	return true;
}

int output_end(int status)
{
	const int err = fflush(stdout) ? errno : 0;

	if (err)
		return fail("standard output: %s", strerror(err));
	/* An earlier write failed, and its error is not known any more. */
	return ferror(stdout) ? fail("standard output: a write failed") : status;
}
