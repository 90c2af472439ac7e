/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Prints the texts of the subcommands: as help, as man pages, and as words for the completion in a
 * shell. The build makes the man pages with --man.
 */
#ifndef HELP_H
#define HELP_H

#include "command.h"

/* Prints what "coherent --help" prints. */
void help_print(void);

/* Prints what "coherent NAME --help" prints. */
void help_print_command(const struct command *command);

/* Prints the man page coherent(1), or that of a subcommand, such as coherent-doctor(1). */
void help_print_man(const struct command *command);

/* Prints the names of the subcommands, or the options of one, one a line. */
void help_print_words(const struct command *command);

#endif
