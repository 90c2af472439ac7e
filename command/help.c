// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <coherent/version.h>
#include <stdio.h>
#include <string.h>

#include "help.h"
#include "output.h"

/* Room for a text about the exit status. */
#define TEXT_BYTES 1024

static const char about[] =
	"coherent shows what this machine can do with devices, and what a device really reaches. Each "
	"subcommand has a page of its own, such as coherent-doctor(1).";

static const char statuses[] =
	"The exit status is 0 if all is well, 1 if something does not hold or failed, 2 if an argument is "
	"wrong.";

static const char problems[] =
	"A problem is one line on standard error. If nobody reads the output any more, for instance after "
	"a pipe to head, the status is 1.";

static const struct command_option common[] = {
	{ "json", NULL, "Print one JSON object. A number above 2^63 is a string in hexadecimal." },
	{ "help", NULL, "Print this help." },
	{ NULL, NULL, NULL },
};

/* Writes the text about the exit status. A command may have a sentence of its own. */
static void write_statuses(const struct command *command, char *text, size_t size)
{
	snprintf(text, size, "%s %s", command && command->statuses ? command->statuses : statuses,
		 problems);
}

/* --- Help --- */

static void print_usage(const struct command *command)
{
	char line[128];

	snprintf(line, sizeof(line), "Usage: coherent %s%s%s%s", command->name,
		 command->pass ? "" : " [OPTION...]", *command->operands ? " " : "",
		 command->operands);
	output_help(line, 0);
}

/* Calls a function for a copy of each paragraph. The paragraphs of all subcommands fit. */
static void each_paragraph(const char *text, void (*print)(const char *paragraph, bool first))
{
	const char *const begin = text;
	char paragraph[2048];

	while (*text) {
		const char *end = strstr(text, "\n\n");
		const size_t bytes = end ? (size_t)(end - text) : strlen(text);

		snprintf(paragraph, sizeof(paragraph), "%.*s", (int)bytes, text);
		print(paragraph, text == begin);
		text += end ? bytes + 2 : bytes;
	}
}

static void print_paragraph(const char *paragraph, bool first)
{
	(void)first;
	fputc('\n', stdout);
	if (*paragraph == ' ')
		puts(paragraph);
	else
		output_help(paragraph, 0);
}

static void print_options(const struct command_option *options)
{
	char line[128];

	for (; options && options->name; options++) {
		snprintf(line, sizeof(line), "--%s%s%s", options->name, options->value ? "=" : "",
			 options->value ? options->value : "");
		output_help(line, 2);
		output_help(options->help, 6);
	}
}

void help_print_command(const struct command *command)
{
	char text[TEXT_BYTES];

	print_usage(command);
	each_paragraph(command->help, print_paragraph);
	if (!command->pass) {
		fputs("\nOptions:\n", stdout);
		print_options(command->options);
		print_options(common);
	}
	fputc('\n', stdout);
	write_statuses(command, text, sizeof(text));
	output_help(text, 0);
}

void help_print(void)
{
	char line[128], text[TEXT_BYTES];

	output_help("Usage: coherent SUBCOMMAND [ARGUMENT...], coherent --help, coherent --version",
		    0);
	print_paragraph(about, false);
	fputs("\nSubcommands:\n", stdout);
	for (const struct command *const *command = commands; *command; command++) {
		snprintf(line, sizeof(line), "%s%s%s", (*command)->name,
			 *(*command)->operands ? " " : "", (*command)->operands);
		output_help(line, 2);
		output_help((*command)->summary, 6);
	}
	write_statuses(NULL, text, sizeof(text));
	print_paragraph(text, false);
}

/* --- Man pages --- */

/* roff reads a line that begins with a dot or a quote as a command, and a backslash as an escape. */
static void put_roff(const char *text)
{
	bool first = true;

	for (; *text; text++) {
		if (first && (*text == '.' || *text == '\''))
			fputs("\\&", stdout);
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			fputc(*text, stdout);
		first = *text == '\n';
	}
	fputc('\n', stdout);
}

/* The first paragraph follows a heading, which begins one itself. */
static void put_roff_paragraph(const char *paragraph, bool first)
{
	if (!first)
		puts(".PP");
	if (*paragraph == ' ') {
		puts(".nf");
		put_roff(paragraph);
		puts(".fi");
		return;
	}
	put_roff(paragraph);
}

static void put_roff_options(const struct command_option *options)
{
	for (; options && options->name; options++) {
		printf(".TP\n.B \\-\\-%s", options->name);
		if (options->value)
			printf("=\\fI%s\\fP", options->value);
		fputc('\n', stdout);
		put_roff(options->help);
	}
}

static void put_title(const char *name)
{
	printf(".\\\" SPDX-License-Identifier: GPL-2.0-only OR MIT\n"
	       ".TH %s 1 \"" MANUAL_DATE "\" \"libcoherent %d.%d.%d\" \"libcoherent\"\n.nh\n",
	       name, COHERENT_VERSION_MAJOR, COHERENT_VERSION_MINOR, COHERENT_VERSION_PATCH);
}

static void put_statuses(const struct command *command)
{
	char text[TEXT_BYTES];

	write_statuses(command, text, sizeof(text));
	puts(".SH EXIT STATUS");
	put_roff(text);
}

static void print_main_page(void)
{
	put_title("coherent");
	puts(".SH NAME\ncoherent \\- look at devices and at the memory that they reach\n"
	     ".SH SYNOPSIS\n.B coherent\n.IR SUBCOMMAND \" [\" ARGUMENT ...]\n.br\n"
	     ".B coherent\n.BR \\-\\-help \" | \" \\-\\-version\n.SH DESCRIPTION");
	put_roff(about);
	puts(".SH SUBCOMMANDS");
	for (const struct command *const *command = commands; *command; command++) {
		printf(".TP\n.BR coherent\\-%s (1)\n", (*command)->name);
		put_roff((*command)->summary);
	}
	put_statuses(NULL);
	puts(".SH SEE ALSO\n.BR coherent (7),\n.BR coherent_device_open (3)");
}

void help_print_man(const struct command *command)
{
	char name[64];

	if (!command) {
		print_main_page();
		return;
	}
	snprintf(name, sizeof(name), "coherent-%s", command->name);
	put_title(name);
	printf(".SH NAME\ncoherent\\-%s \\- ", command->name);
	put_roff(command->summary);
	printf(".SH SYNOPSIS\n.B coherent %s\n%s", command->name,
	       command->pass ? "" : "[OPTION...]\n");
	if (*command->operands)
		put_roff(command->operands);
	puts(".SH DESCRIPTION");
	each_paragraph(command->help, put_roff_paragraph);
	if (!command->pass) {
		puts(".SH OPTIONS");
		put_roff_options(command->options);
		put_roff_options(common);
	}
	put_statuses(command);
	puts(".SH SEE ALSO\n.BR coherent (1),\n.BR coherent (7)");
}

/* --- Completion --- */

void help_print_words(const struct command *command)
{
	if (!command) {
		for (const struct command *const *other = commands; *other; other++)
			puts((*other)->name);
		puts("--help\n--version");
		return;
	}
	for (const struct command_option *option = command->options; option && option->name;
	     option++)
		printf("--%s%s\n", option->name, option->value ? "=" : "");
	puts("--json\n--help");
}
