// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Sorts the rows of "coherent top" and prints them.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "open.h"
#include "output.h"
#include "top.h"

/* A terminal that is narrower has fewer columns of the table. */
#define WIDE 100

const char *const top_sort_names[] = {
	"reachable", "private", "objects", "changed", "faults", NULL
};
const char *const top_by_names[] = { "device", "site", "object", NULL };

/* --- Rows --- */

/* A row and its device. */
struct line {
	const struct tally_row *row;
	struct records *records;
	size_t device;
	uint64_t key;
};

static uint64_t key_of(const struct tally_row *row, const struct top *top)
{
	switch (top->sort) {
	case TOP_PRIVATE:
		return row->private;
	case TOP_OBJECTS:
		return row->boxes + row->mems;
	case TOP_CHANGED:
		return row->changed;
	case TOP_FAULTS:
		return row->faults;
	default:
		return row->reachable;
	}
}

static int compare(const void *a, const void *b)
{
	const struct line *one = a, *two = b;

	if (one->key != two->key)
		return one->key < two->key ? 1 : -1;
	if (one->device != two->device)
		return one->device < two->device ? -1 : 1;
	return (one->row->object.address > two->row->object.address) -
	       (one->row->object.address < two->row->object.address);
}

/* Moves the first line down to its place. The first line is the one that would come last. */
static void sift(struct line *lines, size_t count)
{
	for (size_t i = 0, next; (next = 2 * i + 1) < count; i = next) {
		const struct line line = lines[i];

		if (next + 1 < count && compare(&lines[next + 1], &lines[next]) > 0)
			next++;
		if (compare(&line, &lines[next]) >= 0)
			return;
		lines[i] = lines[next];
		lines[next] = line;
	}
}

/* Keeps the lines that come first. A device may have millions, so they are not all sorted. */
static void keep(struct line *lines, size_t *count, size_t limit, struct line line)
{
	if (*count < limit) {
		size_t i = (*count)++;

		for (; i && compare(&line, &lines[(i - 1) / 2]) > 0; i = (i - 1) / 2)
			lines[i] = lines[(i - 1) / 2];
		lines[i] = line;
	} else if (compare(&line, &lines[0]) < 0) {
		lines[0] = line;
		sift(lines, *count);
	}
}

/* Returns how many rows a device has. With --by=device each device is one row. */
static size_t rows_of(const struct top *top, size_t device)
{
	return top->by == TALLY_DEVICE ? 1 : top->tallies[device].count;
}

static size_t count_rows(const struct top *top)
{
	size_t rows = 0;

	for (size_t i = 0; i < top->count; i++)
		rows += rows_of(top, i);
	return rows;
}

static struct line line_of(const struct top *top, size_t device, size_t i)
{
	const struct tally *tally = &top->tallies[device];
	const struct tally_row *row = top->by == TALLY_DEVICE ? &tally->total : &tally->rows[i];

	return (struct line){ row, target_device(&top->target, device), device, key_of(row, top) };
}

/* Returns the first lines, at most as many as the limit. */
static struct line *sort_lines(const struct top *top, size_t *count)
{
	const size_t rows = count_rows(top), limit = rows < top->limit ? rows : top->limit;
	struct line *lines = malloc((limit + 1) * sizeof(*lines));

	*count = 0;
	if (!lines)
		return NULL;
	for (size_t i = 0; i < top->count; i++)
		for (size_t k = 0; k < rows_of(top, i); k++)
			keep(lines, count, limit, line_of(top, i, k));
	qsort(lines, *count, sizeof(*lines), compare);
	return lines;
}

/* --- The answer --- */

static void add_counts(json_t *to, const struct tally_row *row, double between)
{
	json_object_set_new(to, "boxes", output_number(row->boxes));
	json_object_set_new(to, "mems", output_number(row->mems));
	json_object_set_new(to, "ended", output_number(row->ended));
	json_object_set_new(to, "reachable", output_number(row->reachable));
	json_object_set_new(to, "private", output_number(row->private));
	json_object_set_new(to, "changed",
			    between > 0 ?
				    output_number((uint64_t)((double)row->changed / between)) :
				    json_null());
	json_object_set_new(to, "faults", output_number(row->faults));
}

static bool has_ended(const struct records *records)
{
	return records->pid && kill(records->pid, 0) && errno == ESRCH;
}

static json_t *answer_device(const struct top *top, size_t i)
{
	const struct records *records = target_device(&top->target, i);
	json_t *device = json_object();

	json_object_set_new(device, "pid", records->pid ? json_integer(records->pid) : json_null());
	json_object_set_new(device, "device", output_text(records->header.name));
	json_object_set_new(device, "level", output_text(level_name(records->header.level)));
	json_object_set_new(device, "process_ended", json_boolean(has_ended(records)));
	json_object_set_new(device, "closed", json_boolean(records->header.is_closed));
	add_counts(device, &top->tallies[i].total, top->between);
	json_object_set_new(device, "unread", output_number(top->tallies[i].unread));
	json_object_set_new(device, "missing", output_number(records->header.missing));
	return device;
}

static json_t *answer_row(const struct top *top, const struct line *line)
{
	const struct records_object *object = &line->row->object;
	json_t *row = json_object();

	json_object_set_new(row, "pid",
			    line->records->pid ? json_integer(line->records->pid) : json_null());
	json_object_set_new(row, "device", output_text(line->records->header.name));
	json_object_set_new(row, "index", output_number(line->device));
	json_object_set_new(
		row, "site",
		output_text(line->row->site ?
				    line->row->site :
				    records_site(line->records, object->site_address)->text));
	if (top->by == TALLY_SITE) {
		add_counts(row, line->row, top->between);
		return row;
	}
	json_object_set_new(row, "kind", json_string(records_kind_name(object->kind)));
	json_object_set_new(row, "address", output_format("0x%" PRIx64, object->address));
	json_object_set_new(row, "bytes",
			    output_number(object->kind == RECORDS_POOL ? object->rest :
									 object->bytes));
	json_object_set_new(row, "pooled", json_boolean(object->is_pooled));
	return row;
}

/* With --by=device a line is a device. Otherwise a line is a row, and the target orders the devices. */
static void answer_lines(const struct top *top, const struct line *lines, size_t count,
			 json_t *result)
{
	json_t *devices = json_array(), *rows = json_array();

	for (size_t i = 0; i < (top->by == TALLY_DEVICE ? count : top->count); i++)
		json_array_append_new(
			devices, answer_device(top, top->by == TALLY_DEVICE ? lines[i].device : i));
	for (size_t i = 0; top->by != TALLY_DEVICE && i < count; i++)
		json_array_append_new(rows, answer_row(top, &lines[i]));
	json_object_set_new(result, "devices", devices);
	json_object_set_new(result, "by", json_string(top_by_names[top->by]));
	json_object_set_new(result, "sort", json_string(top_sort_names[top->sort]));
	json_object_set_new(result, "count", output_number(count_rows(top)));
	if (top->by != TALLY_DEVICE)
		json_object_set(result, "rows", rows);
	json_decref(rows);
}

int top_answer(const struct top *top, json_t *result)
{
	size_t count;
	struct line *lines = sort_lines(top, &count);

	if (!lines)
		return fail("top: no memory is left");
	answer_lines(top, lines, count, result);
	free(lines);
	return STATUS_GOOD;
}

/* --- Text --- */

static json_t *short_bytes(const json_t *number)
{
	char text[32];

	return json_string(output_bytes(text, (uint64_t)json_integer_value(number)));
}

/* Returns copies of rows with sizes that people can read. */
static json_t *readable(const json_t *rows)
{
	static const char *const sizes[] = { "reachable", "private", "bytes" };
	json_t *copies = json_array();
	const json_t *row;
	size_t i;

	json_array_foreach((json_t *)rows, i, row)
	{
		json_t *copy = json_copy((json_t *)row);

		for (size_t k = 0; k < ARRAY_SIZE(sizes); k++)
			if (json_is_integer(json_object_get(copy, sizes[k])))
				json_object_set_new(copy, sizes[k],
						    short_bytes(json_object_get(copy, sizes[k])));
		json_array_append_new(copies, copy);
	}
	return copies;
}

static void print_table(const json_t *rows, const struct column *columns, size_t count)
{
	json_t *copies = readable(rows);

	output_table(copies, columns, count, NULL);
	json_decref(copies);
}

static void print_note(const json_t *device, const char *note)
{
	output_safely(stdout, output_string(device, "device"));
	printf(" %s\n", note);
}

static void print_notes(const json_t *devices)
{
	const json_t *device;
	size_t i;

	json_array_foreach((json_t *)devices, i, device)
	{
		if (json_is_true(json_object_get(device, "closed")) &&
		    json_integer_value(json_object_get(device, "boxes")) +
			    json_integer_value(json_object_get(device, "mems")))
			print_note(device, "is closed, and its objects are not freed.");
		if (json_is_true(json_object_get(device, "process_ended")))
			print_note(device, "was open in a process that has ended.");
		if (output_value(device, "missing"))
			print_note(device, "has more objects than fit into its shared memory.");
		if (!strcmp(output_string(device, "level"), level_name(COHERENT_NONE)))
			print_note(device, "reaches all memory, because nothing keeps it from it.");
	}
}

/* Prints rows with as many columns as the terminal has room for. */
static void print_rows(const json_t *rows, const struct column *columns, size_t count,
		       const struct column *few, size_t few_count)
{
	const bool is_wide = output_width() >= WIDE;

	print_table(rows, is_wide ? columns : few, is_wide ? count : few_count);
}

static void print_devices(const json_t *all)
{
	static const struct column columns[] = {
		{ "pid", "PID" },	  { "level", "LEVEL" },	      { "boxes", "BOXES" },
		{ "mems", "MEMS" },	  { "ended", "ENDED" },	      { "reachable", "REACHABLE" },
		{ "private", "PRIVATE" }, { "changed", "CHANGED/S" }, { "faults", "FAULTS" },
		{ "device", "DEVICE" },
	};
	static const struct column few[] = {
		{ "pid", "PID" },	{ "mems", "MEMS" },	{ "reachable", "REACHABLE" },
		{ "faults", "FAULTS" }, { "device", "DEVICE" },
	};

	print_rows(all, columns, ARRAY_SIZE(columns), few, ARRAY_SIZE(few));
	print_notes(all);
}

/* Only if there are several devices, each row says which one it is of. */
static void print_sites(const json_t *rows, bool is_one)
{
	static const struct column columns[] = {
		{ "device", "DEVICE" },	  { "pid", "PID" },	      { "boxes", "BOXES" },
		{ "mems", "MEMS" },	  { "ended", "ENDED" },	      { "reachable", "REACHABLE" },
		{ "private", "PRIVATE" }, { "changed", "CHANGED/S" }, { "faults", "FAULTS" },
		{ "site", "SITE" },
	};
	static const struct column few[] = {
		{ "pid", "PID" },	{ "mems", "MEMS" }, { "reachable", "REACHABLE" },
		{ "faults", "FAULTS" }, { "site", "SITE" },
	};

	print_rows(rows, columns + is_one, ARRAY_SIZE(columns) - is_one, few, ARRAY_SIZE(few));
}

static void print_objects(const json_t *rows, bool is_one)
{
	static const struct column columns[] = {
		{ "device", "DEVICE" }, { "pid", "PID" },   { "address", "ADDRESS" },
		{ "bytes", "BYTES" },	{ "kind", "KIND" }, { "site", "SITE" },
	};
	static const struct column few[] = {
		{ "address", "ADDRESS" },
		{ "bytes", "BYTES" },
		{ "kind", "KIND" },
		{ "site", "SITE" },
	};

	print_rows(rows, columns + is_one, ARRAY_SIZE(columns) - is_one, few, ARRAY_SIZE(few));
}

void top_print(const json_t *result)
{
	const json_t *rows = json_object_get(result, "rows");
	const json_t *all = json_object_get(result, "devices");
	const size_t count = (size_t)json_integer_value(json_object_get(result, "count"));
	const size_t shown = json_array_size(rows ? rows : all);

	if (!json_array_size(all)) {
		puts("No process that you may read has a device of libcoherent open.");
		return;
	}
	print_devices(all);
	if (json_array_size(rows)) {
		puts("");
		if (!strcmp(output_string(result, "by"), "site"))
			print_sites(rows, json_array_size(all) == 1);
		else
			print_objects(rows, json_array_size(all) == 1);
	}
	if (count > shown)
		printf("%zu more rows are left out; see --limit.\n", count - shown);
}
