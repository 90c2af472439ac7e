/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Reads the arguments of a subcommand, and prints what is wrong with them. Each problem is one line on
 * standard error.
 */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include "command.h"

/* arguments_read() returns this if the subcommand should run. */
#define ARGUMENTS_GO_ON (-1)

/**
 * arguments_read() - Read the arguments of a subcommand.
 * @command: The subcommand.
 * @argc: The number of arguments, with the name of the subcommand.
 * @argv: The arguments. The call may change their order.
 * @arguments: Receives the arguments.
 *
 * Return: ARGUMENTS_GO_ON, or the exit status: 0 after --help was printed, 2 after a line about a bad
 * argument.
 */
int arguments_read(const struct command *command, int argc, char **argv,
		   struct arguments *arguments);

/* Returns the last value of an option, "" for an option without a value, or NULL. */
const char *arguments_value(const struct arguments *arguments, const char *name);

/*
 * Returns the name in a NULL-terminated list that begins with @word or is most like it. Returns NULL if
 * no name is like it.
 */
const char *arguments_suggest(const char *word, const char *const *names);

/* Prints a line about wrong use. Returns STATUS_USAGE. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints a line about a failure. Returns STATUS_BAD. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
