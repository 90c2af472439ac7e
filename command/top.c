// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * coherent top: the objects of running drivers, by device, by site or one by one. The drivers do not
 * notice it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arguments.h"
#include "live.h"
#include "open.h"
#include "output.h"
#include "tally.h"
#include "target.h"

#define LIVE_SECONDS 1.0
#define PLAIN_SECONDS 0.2
#define SECONDS_MAX 3600.0
#define LIMIT 50
#define NS_PER_S 1e9
/* A terminal that is narrower shows each row as a list. */
#define WIDE 100

/* --- Options --- */

enum sort { REACHABLE, PRIVATE, OBJECTS, CHANGED, FAULTS, SORTS };

static const char *const sort_names[] = { "reachable", "private", "objects",
					  "changed",   "faults",  NULL };
static const char *const by_names[] = { "device", "site", "object", NULL };

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
 */
struct top {
	enum tally_by by;
	enum sort sort;
	size_t limit;
	double seconds;
	const char *word;
	struct target target;
	struct tally *tallies;
	size_t count;
	double between;
	double at;
};

static int choose(const struct arguments *arguments, const char *option, const char *const *names,
		  unsigned int *choice)
{
	const char *value = arguments_value(arguments, option), *like;

	for (*choice = 0; value && names[*choice]; ++*choice)
		if (!strcmp(names[*choice], value))
			return STATUS_GOOD;
	if (!value)
		return STATUS_GOOD;
	like = arguments_suggest(value, names);
	return complain("top: --%s=%s is not known; did you mean \"%s\"?", option, value,
			like ? like : names[0]);
}

static int read_seconds(const struct arguments *arguments, struct top *top)
{
	const char *value = arguments_value(arguments, "seconds");
	char *end;

	if (!value)
		return STATUS_GOOD;
	top->seconds = strtod(value, &end);
	if (end == value || *end || !(top->seconds >= 0.01) || top->seconds > SECONDS_MAX)
		return complain("top: --seconds=%s is not a number from 0.01 to 3600", value);
	return STATUS_GOOD;
}

static int read_limit(const struct arguments *arguments, struct top *top)
{
	const char *value = arguments_value(arguments, "limit");

	if (!value)
		return STATUS_GOOD;
	top->limit = strtoul(value, NULL, 10);
	if (!*value || value[strspn(value, "0123456789")] || !top->limit)
		return complain("top: --limit=%s is not a number of rows", value);
	return STATUS_GOOD;
}

static int read_options(const struct arguments *arguments, struct top *top)
{
	unsigned int by = TALLY_SITE, sort = REACHABLE;
	int status = STATUS_GOOD;

	if (arguments_value(arguments, "by"))
		status = choose(arguments, "by", by_names, &by);
	if (status == STATUS_GOOD && arguments_value(arguments, "sort"))
		status = choose(arguments, "sort", sort_names, &sort);
	if (status == STATUS_GOOD)
		status = read_seconds(arguments, top);
	if (status == STATUS_GOOD)
		status = read_limit(arguments, top);
	top->by = by;
	top->sort = sort;
	return status;
}

/* --- Looks --- */

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / NS_PER_S;
}

static void wait_for(double seconds)
{
	const struct timespec time = { (time_t)seconds,
				       (long)((seconds - (double)(time_t)seconds) * NS_PER_S) };

	nanosleep(&time, NULL);
}

static int open_top(struct top *top)
{
	int status = target_open(top->word, &top->target);

	if (status != STATUS_GOOD)
		return status;
	while (target_device(&top->target, top->count))
		top->count++;
	top->tallies = calloc(top->count + 1, sizeof(*top->tallies));
	if (top->tallies)
		return STATUS_GOOD;
	target_close(&top->target);
	return fail("top: no memory is left");
}

static void close_top(struct top *top)
{
	for (size_t i = 0; i < top->count; i++)
		tally_free(&top->tallies[i]);
	free(top->tallies);
	target_close(&top->target);
}

static int look(struct top *top)
{
	const double time = now();

	top->between = top->at > 0 ? time - top->at : 0;
	top->at = time;
	for (size_t i = 0; i < top->count; i++) {
		top->tallies[i].by = top->by;
		if (!tally_look(&top->tallies[i], target_device(&top->target, i)))
			return fail("top: no memory is left");
	}
	return STATUS_GOOD;
}

/* --- Rows --- */

/* A row and its device. */
struct line {
	const struct tally_row *row;
	const struct records *records;
	uint64_t key;
};

static uint64_t key_of(const struct tally_row *row, enum sort sort)
{
	switch (sort) {
	case PRIVATE:
		return row->private;
	case OBJECTS:
		return row->boxes + row->mems;
	case CHANGED:
		return row->changed;
	case FAULTS:
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
	if (one->records != two->records)
		return one->records < two->records ? -1 : 1;
	return (one->row->object.address > two->row->object.address) -
	       (one->row->object.address < two->row->object.address);
}

static struct line *sort_lines(const struct top *top, size_t *count)
{
	struct line *lines;
	size_t n = 0;

	*count = 0;
	for (size_t i = 0; i < top->count; i++)
		n += top->tallies[i].count;
	lines = malloc((n + 1) * sizeof(*lines));
	if (!lines)
		return NULL;
	for (size_t i = 0; i < top->count; i++)
		for (size_t k = 0; k < top->tallies[i].count; k++) {
			const struct tally_row *row = &top->tallies[i].rows[k];

			lines[(*count)++] = (struct line){ row, target_device(&top->target, i),
							   key_of(row, top->sort) };
		}
	qsort(lines, *count, sizeof(*lines), compare);
	return lines;
}

/* --- The answer --- */

static const char *state_name(const struct records_object *object)
{
	if (object->leaked || object->waits)
		return "ended, and reachable";
	if (object->is_chunk)
		return "free part of a pool";
	switch (object->state) {
	case COHERENT_STATE_BOX:
		return object->in_place ? "box in place" : "box";
	case COHERENT_STATE_MEM:
		return object->permission == COHERENT_READ_ONLY ? "mem, read-only" : "mem";
	case COHERENT_STATE_RECLAIMED:
		return "reclaimed";
	default:
		return "freed";
	}
}

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

static json_t *answer_device(const struct top *top, size_t i)
{
	const struct records *records = target_device(&top->target, i);
	json_t *device = json_object();

	json_object_set_new(device, "pid", records->pid ? json_integer(records->pid) : json_null());
	json_object_set_new(device, "device", output_text(records->header.name));
	json_object_set_new(device, "level", output_text(level_name(records->header.level)));
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
	json_object_set_new(row, "site", output_text(line->row->site));
	if (top->by == TALLY_SITE) {
		add_counts(row, line->row, top->between);
		return row;
	}
	json_object_set_new(row, "state", json_string(state_name(object)));
	json_object_set_new(row, "address", output_format("0x%" PRIx64, object->address));
	json_object_set_new(row, "bytes",
			    output_number(object->is_chunk ? object->reachable : object->bytes));
	json_object_set_new(row, "pooled", json_boolean(object->is_pooled));
	return row;
}

static int answer(const struct top *top, json_t *result)
{
	json_t *devices = json_array(), *rows = json_array();
	struct line *lines;
	size_t count;

	json_object_set_new(result, "devices", devices);
	json_object_set_new(result, "by", json_string(by_names[top->by]));
	json_object_set_new(result, "sort", json_string(sort_names[top->sort]));
	for (size_t i = 0; i < top->count; i++)
		json_array_append_new(devices, answer_device(top, i));
	if (top->by == TALLY_DEVICE) {
		json_decref(rows);
		return STATUS_GOOD;
	}
	lines = sort_lines(top, &count);
	if (!lines) {
		json_decref(rows);
		return fail("top: no memory is left");
	}
	json_object_set_new(result, "count", output_number(count));
	json_object_set_new(result, "rows", rows);
	for (size_t i = 0; i < count && i < top->limit; i++)
		json_array_append_new(rows, answer_row(top, &lines[i]));
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

static void print_notes(const json_t *devices)
{
	const json_t *device;
	size_t i;

	json_array_foreach((json_t *)devices, i, device)
	{
		if (json_is_true(json_object_get(device, "closed")))
			printf("%s is closed, and its objects are not freed.\n",
			       output_string(device, "device"));
		if (json_integer_value(json_object_get(device, "missing")))
			printf("%s has more objects than fit into its shared memory.\n",
			       output_string(device, "device"));
	}
}

static void print_top(const json_t *result)
{
	static const struct column devices[] = {
		{ "pid", "PID" },	  { "level", "LEVEL" },	      { "boxes", "BOXES" },
		{ "mems", "MEMS" },	  { "ended", "ENDED" },	      { "reachable", "REACHABLE" },
		{ "private", "PRIVATE" }, { "changed", "CHANGED/S" }, { "faults", "FAULTS" },
		{ "device", "DEVICE" },
	};
	static const struct column sites[] = {
		{ "pid", "PID" },	    { "boxes", "BOXES" },	  { "mems", "MEMS" },
		{ "ended", "ENDED" },	    { "reachable", "REACHABLE" }, { "private", "PRIVATE" },
		{ "changed", "CHANGED/S" }, { "faults", "FAULTS" },	  { "site", "SITE" },
	};
	static const struct column objects[] = {
		{ "pid", "PID" },     { "address", "ADDRESS" }, { "bytes", "BYTES" },
		{ "state", "STATE" }, { "site", "SITE" },
	};
	const json_t *rows = json_object_get(result, "rows");
	const bool by_site = !strcmp(output_string(result, "by"), "site");
	const json_t *all = json_object_get(result, "devices");
	const size_t count = (size_t)json_integer_value(json_object_get(result, "count"));

	if (!json_array_size(all)) {
		puts("No process that you may read has a device of libcoherent open.");
		return;
	}
	print_table(all, devices, ARRAY_SIZE(devices));
	print_notes(all);
	if (!rows || !json_array_size(rows))
		return;
	puts("");
	if (by_site)
		print_table(rows, sites, ARRAY_SIZE(sites));
	else
		print_table(rows, objects, ARRAY_SIZE(objects));
	if (count > json_array_size(rows))
		printf("%zu more rows are left out; see --limit.\n", count - json_array_size(rows));
}

/* --- Live --- */

static void draw(struct top *top)
{
	unsigned int columns, lines;
	size_t used;
	json_t *result = json_object();

	live_size(&columns, &lines);
	/* A list has a line for each column, and an empty one. */
	used = columns < WIDE ? top->count * 11 + 2 : top->count + 5;
	top->limit = lines > used ? lines - used : 1;
	if (columns < WIDE && top->limit > 10)
		top->limit /= 10;
	live_clear();
	printf("coherent top: by %s (b), sorted by %s (s), quit (q)\n\n", by_names[top->by],
	       sort_names[top->sort]);
	if (answer(top, result) == STATUS_GOOD)
		print_top(result);
	json_decref(result);
}

/* Looks for devices that were opened or closed. The last state of a process that ended stays. */
static int reopen(struct top *top, uint64_t *signature)
{
	const uint64_t new = target_signature(top->word);

	if (new == *signature || (top->word && !new))
		return STATUS_GOOD;
	*signature = new;
	close_top(top);
	top->tallies = NULL;
	top->count = 0;
	top->at = 0;
	return open_top(top);
}

static bool press(struct top *top, char key)
{
	if (key == 's')
		top->sort = (top->sort + 1) % SORTS;
	else if (key == 'b')
		top->by = (top->by + 1) % (TALLY_OBJECT + 1);
	return key != 'q';
}

static int run_live(struct top *top)
{
	uint64_t signature = target_signature(top->word);
	int status = STATUS_GOOD;
	bool goes_on = true;

	live_begin();
	while (goes_on && status == STATUS_GOOD) {
		status = reopen(top, &signature);
		if (status == STATUS_GOOD)
			status = look(top);
		draw(top);
		goes_on = live_flush() && press(top, live_key((unsigned int)(top->seconds * 1000)));
	}
	live_end();
	return status;
}

static int run_plain(struct top *top, json_t *result)
{
	int status = look(top);

	if (status == STATUS_GOOD && top->count) {
		wait_for(top->seconds);
		status = look(top);
	}
	return status == STATUS_GOOD ? answer(top, result) : status;
}

static int run_top(const struct arguments *arguments, json_t *result)
{
	const bool is_live = !arguments->json && !arguments_value(arguments, "once") &&
			     live_is_possible();
	struct top top = {
		.limit = LIMIT,
		.seconds = is_live ? LIVE_SECONDS : PLAIN_SECONDS,
		.word = arguments->count ? arguments->words[0] : NULL,
	};
	int status = read_options(arguments, &top);

	if (status == STATUS_GOOD)
		status = open_top(&top);
	if (status != STATUS_GOOD)
		return status;
	status = is_live ? run_live(&top) : run_plain(&top, result);
	close_top(&top);
	return status;
}

static const struct command_option options[] = {
	{ "by", "WHAT", "A row is a device, a site (the default) or an object." },
	{ "sort", "COLUMN",
	  "The rows with the highest value come first: reachable (the default), private, objects, "
	  "changed or faults." },
	{ "limit", "N", "Show at most N rows. The default is 50, or what fits on the screen." },
	{ "seconds", "S",
	  "Look again after S seconds. The default is 1, or 0.2 for a plain table." },
	{ "once", NULL, "Print a plain table, also on a terminal." },
	{ NULL, NULL, NULL },
};

const struct command command_top = {
	.name = "top",
	.summary = "show the objects of running drivers",
	.operands = "[PID|CORE]",
	.max = 1,
	.help = "Shows what a running driver lets its devices reach: for each place in the source that "
		"allocates, how many boxes and mems there are, and how many bytes the device "
		"reaches. Without a PID it shows all drivers of this user. The driver is not "
		"stopped, and spends no time on this.\n\n"
		"The argument can also be a core dump. CHANGED/S counts objects that were different "
		"in the next look, each second. An object that changed twice between two looks "
		"counts once. ENDED counts freed or reclaimed mems whose addresses wait before they "
		"are used again.\n\n"
		"On a terminal the table is drawn again each second, until you press q. The key s "
		"sorts by the next column, and b changes what a row is. If the output is not a "
		"terminal, a plain table is printed once.\n\n"
		"  coherent top\n"
		"  coherent top --by=object --sort=private 1234\n"
		"  coherent top --json 1234",
	.options = options,
	.run = run_top,
	.print = print_top,
};
