// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "help.h"
#include "output.h"

#define WORD_BYTES 32

/* --- Messages --- */

/* A name of the user may have any bytes, and the message is one line. */
static void print_line(const char *format, va_list list)
{
	char text[1024];

	vsnprintf(text, sizeof(text), format, list);
	fputs("coherent: ", stderr);
	output_safely(stderr, text);
	fputc('\n', stderr);
}

int complain(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	print_line(format, list);
	va_end(list);
	return STATUS_USAGE;
}

int fail(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	print_line(format, list);
	va_end(list);
	return STATUS_BAD;
}

/* --- Suggestions --- */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Returns how many letters must be added, removed, replaced or swapped with their neighbour to make
 * one word from the other.
 */
static size_t distance(const char *a, const char *b)
{
	const size_t rows = strlen(a), columns = strlen(b);
	size_t table[WORD_BYTES + 1][WORD_BYTES + 1];

	if (rows > WORD_BYTES || columns > WORD_BYTES)
		return WORD_BYTES;
	for (size_t i = 0; i <= rows; i++) {
		for (size_t j = 0; j <= columns; j++) {
			size_t *here = &table[i][j];

			*here = i ? i : j;
			if (!i || !j)
				continue;
			*here = least(table[i - 1][j], table[i][j - 1]) + 1;
			*here = least(*here, table[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				*here = least(*here, table[i - 2][j - 2] + 1);
		}
	}
	return table[rows][columns];
}

const char *arguments_suggest(const char *word, const char *const *names)
{
	/* A third of the letters may be wrong, but one letter always may. */
	const size_t length = strlen(word);
	size_t best = (length < 3 ? 1 : length / 3) + 1;
	const char *found = NULL;

	for (; *names; names++) {
		const size_t d = distance(word, *names);

		/* The word may be the beginning of the name, such as a letter that stands for an option. */
		if (length && !strncmp(*names, word, length))
			return *names;
		if (d < best && d < strlen(*names)) {
			best = d;
			found = *names;
		}
	}
	return found;
}

/* --- Options --- */

/* getopt_long() returns these for options with a long name. A letter is below them. */
enum { OPTION_HELP = 256, OPTION_JSON, OPTION_FIRST };

static int unknown_option(const struct command *command, const char *word)
{
	const char *names[COMMAND_OPTIONS_MAX + 3] = { "help", "json" };
	const char *like;

	for (size_t i = 0; command->options && command->options[i].name; i++)
		names[i + 2] = command->options[i].name;
	like = arguments_suggest(word + strspn(word, "-"), names);
	if (like)
		return complain("%s: there is no option \"%s\"; did you mean \"--%s\"?",
				command->name, word, like);
	return complain("%s: there is no option \"%s\"; coherent %s --help lists them",
			command->name, word, command->name);
}

static int bad_option(const struct command *command, int option, const char *word)
{
	if (option == ':')
		return complain("%s: the option \"%s\" needs a value; see coherent %s --help",
				command->name, word, command->name);
	/* getopt_long() sets optopt to a long option with a value that it does not take. */
	if (optopt >= OPTION_HELP)
		return complain("%s: the option \"%s\" does not take a value", command->name, word);
	/* Or to a letter, which may be any of several in one word. */
	if (optopt) {
		const char letter[] = { '-', (char)optopt, '\0' };

		return unknown_option(command, letter);
	}
	return unknown_option(command, word);
}

static int check_count(const struct command *command, const struct arguments *arguments)
{
	if (arguments->count < command->min)
		return complain("%s: %s is missing; see coherent %s --help", command->name,
				command->operands, command->name);
	if (arguments->count > command->max)
		return complain("%s: \"%s\" is one argument too many; see coherent %s --help",
				command->name, arguments->words[command->max], command->name);
	return ARGUMENTS_GO_ON;
}

static size_t list_options(const struct command *command,
			   struct option options[COMMAND_OPTIONS_MAX + 3])
{
	size_t count = 2;

	options[0] = (struct option){ "help", no_argument, NULL, OPTION_HELP };
	options[1] = (struct option){ "json", no_argument, NULL, OPTION_JSON };
	for (size_t i = 0; command->options && command->options[i].name; i++, count++)
		options[count] = (struct option){ command->options[i].name,
						  command->options[i].value ? required_argument :
									      no_argument,
						  NULL, OPTION_FIRST + (int)i };
	options[count] = (struct option){ NULL, 0, NULL, 0 };
	return count;
}

static int keep_option(const struct command *command, int option, struct arguments *arguments)
{
	const size_t at = arguments->given_count;

	if (option == OPTION_JSON) {
		arguments->json = true;
		return ARGUMENTS_GO_ON;
	}
	if (at == ARRAY_SIZE(arguments->given))
		return complain("%s: there are more than %zu options", command->name, at);
	arguments->given[at].name = command->options[option - OPTION_FIRST].name;
	arguments->given[at].value = optarg ? optarg : "";
	arguments->given_count++;
	return ARGUMENTS_GO_ON;
}

/* The option "output" has a short form, which is usual. */
static int short_option(const struct command *command)
{
	for (int i = 0; command->options && command->options[i].name; i++)
		if (!strcmp(command->options[i].name, "output"))
			return OPTION_FIRST + i;
	return '?';
}

int arguments_read(const struct command *command, int argc, char **argv,
		   struct arguments *arguments)
{
	struct option options[COMMAND_OPTIONS_MAX + 3];
	int option, status = ARGUMENTS_GO_ON;
	const char *short_options = short_option(command) == '?' ? ":" : ":o:";

	*arguments = (struct arguments){ .json = false };
	list_options(command, options);
	opterr = 0;
	while (status == ARGUMENTS_GO_ON &&
	       (option = getopt_long(argc, argv, short_options, options, NULL)) != -1) {
		if (option == 'o')
			option = short_option(command);
		if (option == OPTION_HELP) {
			help_print_command(command);
			return STATUS_GOOD;
		}
		if (option == ':' || option == '?')
			return bad_option(command, option, argv[optind - 1]);
		status = keep_option(command, option, arguments);
	}
	arguments->count = (size_t)(argc - optind);
	arguments->words = argv + optind;
	return status == ARGUMENTS_GO_ON ? check_count(command, arguments) : status;
}

const char *arguments_value(const struct arguments *arguments, const char *name)
{
	for (size_t i = arguments->given_count; i-- > 0;)
		if (!strcmp(arguments->given[i].name, name))
			return arguments->given[i].value;
	return NULL;
}
