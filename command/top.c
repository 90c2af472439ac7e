// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * coherent top: the objects of running drivers, by device, by site or one by one. The drivers do not
 * notice it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arguments.h"
#include "live.h"
#include "output.h"
#include "top.h"

#define LIVE_SECONDS 1.0
#define PLAIN_SECONDS 0.2
#define SECONDS_MAX 3600.0
#define LIMIT 50
#define NS_PER_S 1e9

/* --- Options --- */

static int choose(const struct arguments *arguments, const char *option, const char *const *names,
		  unsigned int *choice)
{
	const char *value = arguments_value(arguments, option);
	const char *like = arguments_suggest(value, names);
	char all[128] = "";

	for (*choice = 0; names[*choice]; ++*choice)
		if (!strcmp(names[*choice], value))
			return STATUS_GOOD;
	if (like)
		return complain("top: --%s=%s is not known; did you mean \"%s\"?", option, value,
				like);
	for (size_t i = 0; names[i]; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? ", " : "",
			 names[i]);
	return complain("top: --%s=%s is not one of %s", option, value, all);
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
	unsigned int by = TALLY_SITE, sort = TOP_REACHABLE;
	int status = STATUS_GOOD;

	if (arguments_value(arguments, "by"))
		status = choose(arguments, "by", top_by_names, &by);
	if (status == STATUS_GOOD && arguments_value(arguments, "sort"))
		status = choose(arguments, "sort", top_sort_names, &sort);
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

static bool make_tallies(struct top *top)
{
	top->count = 0;
	top->at = 0;
	while (target_device(&top->target, top->count))
		top->count++;
	top->tallies = calloc(top->count + 1, sizeof(*top->tallies));
	if (!top->tallies)
		target_close(&top->target);
	return top->tallies;
}

static int open_top(struct top *top)
{
	const int status = target_open(top->word, &top->target);

	if (status != STATUS_GOOD)
		return status;
	return make_tallies(top) ? STATUS_GOOD : fail("top: no memory is left");
}

/* A live table goes on with what it has if this fails. */
static bool open_again(struct top *top)
{
	return target_try(top->word, &top->target) && make_tallies(top);
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
			return STATUS_BAD;
	}
	return STATUS_GOOD;
}

/* --- Live --- */

/* The rows that do not fit are not drawn. */
static void draw(const struct top *top)
{
	json_t *result = json_object();

	live_frame();
	printf("coherent top: by %s (b), sorted by %s (s), quit (q)\n%s\n", top_by_names[top->by],
	       top_sort_names[top->sort],
	       top->has_ended ? "The process has no device any more. This is the last look." : "");
	if (top_answer(top, result) == STATUS_GOOD)
		top_print(result);
	json_decref(result);
}

/* Looks for devices that were opened or closed. The last state of a process that ended stays. */
static void reopen(struct top *top, uint64_t *signature)
{
	const uint64_t new = target_signature(top->word);
	struct top other;

	/* A core dump has no signature. */
	top->has_ended = top->word && *signature && !new;
	other = *top;
	if (new == *signature || (top->word && !new) || !open_again(&other))
		return;
	*signature = new;
	close_top(top);
	*top = other;
}

static bool press(struct top *top, char key)
{
	if (key == 's')
		top->sort = (top->sort + 1) % TOP_SORTS;
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
		reopen(top, &signature);
		status = look(top);
		draw(top);
		goes_on = live_flush() && press(top, live_key((unsigned int)(top->seconds * 1000)));
	}
	live_end();
	return status == STATUS_GOOD ? status : fail("top: no memory is left");
}

static int run_plain(struct top *top, json_t *result)
{
	int status = look(top);

	if (status == STATUS_GOOD && top->count) {
		wait_for(top->seconds);
		status = look(top);
	}
	return status == STATUS_GOOD ? top_answer(top, result) : fail("top: no memory is left");
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
	{ "limit", "N", "Show at most N rows. The default is 50." },
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
	.help = "Show what a running driver lets its devices reach: for each place in the source that "
		"allocates, how many boxes and mems there are, and how many bytes the device "
		"reaches. Without a PID it shows all drivers of this user. The driver is not "
		"stopped, and spends no time on this.\n\n"
		"The argument can also be a core dump. CHANGED/S is the number of objects that changed "
		"between two looks, divided by the seconds between them. An object that changed twice "
		"in that time counts once. ENDED counts freed or reclaimed mems whose addresses wait "
		"before they are used again.\n\n"
		"On a terminal the table is drawn again each second, until you press q. The key s "
		"sorts by the next column, and b changes what a row is. If the process ends, the last "
		"look stays. If the output is not a terminal, a plain table is printed once.\n\n"
		"  coherent top\n"
		"  coherent top --by=object --sort=private 1234\n"
		"  coherent top --json 1234",
	.options = options,
	.run = run_top,
	.print = top_print,
};
