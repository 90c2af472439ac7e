/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A subcommand of "coherent". main.c has the table of them. Help, man pages and completion
 * all come from the texts in struct command.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define COMMAND_OPTIONS_MAX 8
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* The exit status of the command. */
enum { STATUS_GOOD, STATUS_BAD, STATUS_USAGE };

/**
 * struct command_option - An option of a subcommand.
 * @name: The name without the dashes. NULL ends an array.
 * @value: The name of its value in the help; NULL if it takes none.
 * @help: One or more sentences.
 */
struct command_option {
	const char *name;
	const char *value;
	const char *help;
};

/**
 * struct arguments - The arguments that follow the name of a subcommand.
 * @json: The user wants JSON.
 * @count: The number of @words.
 * @words: The arguments that are not options.
 * @given_count: The number of @given.
 * @given: The options in their order, but for --json.
 */
struct arguments {
	bool json;
	size_t count;
	char **words;
	size_t given_count;
	struct {
		const char *name;
		const char *value;
	} given[64];
};

/**
 * struct command - A subcommand.
 * @name: Its name.
 * @summary: Its work, as a verb and an object, without a full stop.
 * @operands: The arguments for the usage line; "" for none.
 * @min: The least number of words.
 * @max: The highest number of words.
 * @help: Paragraphs, with an empty line between them. Lines that begin with two blanks keep their
 *	layout.
 * @statuses: A sentence about the exit status; NULL if the one that coherent(1) has is true.
 * @options: The options; NULL for none but --help and --json.
 * @run: Does the work, and puts the answer into @result, an empty object. Returns the exit status.
 *	After STATUS_USAGE there is no answer. A line of fail() says why there is none, or why it
 *	is not whole.
 * @print: Prints an answer as text.
 * @pass: Runs another program with all arguments, instead of @run. It returns only if it fails.
 */
struct command {
	const char *name;
	const char *summary;
	const char *operands;
	size_t min;
	size_t max;
	const char *help;
	const char *statuses;
	const struct command_option *options;
	int (*run)(const struct arguments *arguments, json_t *result);
	void (*print)(const json_t *result);
	int (*pass)(char **argv);
};

extern const struct command command_bench, command_devices, command_doctor, command_ledger,
	command_lint, command_map, command_plan, command_probe, command_selftest, command_serve,
	command_top, command_trace;

/* The NULL-terminated table of subcommands, in the order of the help. */
extern const struct command *const commands[];

#endif
