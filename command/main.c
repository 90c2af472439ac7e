// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The command "coherent": the table of subcommands, and the choice of one. A subcommand makes an
 * answer, and this file prints it as text or as JSON.
 */
#include <coherent/version.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "help.h"
#include "output.h"

/* clang-format off */
const struct command *const commands[] = {
	&command_doctor,
	&command_devices,
	&command_probe,
	&command_selftest,
	&command_serve,
	&command_plan,
	&command_top,
	&command_map,
	&command_trace,
	&command_ledger,
	&command_lint,
	&command_bench,
	NULL,
};
/* clang-format on */

static const struct command *find(const char *name)
{
	for (const struct command *const *command = commands; *command; command++)
		if (!strcmp((*command)->name, name))
			return *command;
	return NULL;
}

static int unknown(const char *word)
{
	static const char *const options[] = { "help", "version", NULL };
	const char *names[ARRAY_SIZE(commands)] = { NULL }, *like;

	for (size_t i = 0; commands[i]; i++)
		names[i] = commands[i]->name;
	if (*word == '-') {
		like = arguments_suggest(word + strspn(word, "-"), options);
		return like ? complain("there is no option \"%s\"; did you mean \"--%s\"?", word,
				       like) :
			      complain("there is no option \"%s\"; coherent --help lists them",
				       word);
	}
	like = arguments_suggest(word, names);
	return like ? complain("there is no subcommand \"%s\"; did you mean \"%s\"?", word, like) :
		      complain("there is no subcommand \"%s\"; coherent --help lists them", word);
}

static int run(const struct command *command, int argc, char **argv)
{
	struct arguments arguments;
	json_t *result;
	int status;

	if (command->pass)
		return command->pass(argv);
	status = arguments_read(command, argc, argv, &arguments);
	if (status != ARGUMENTS_GO_ON)
		return status;
	result = json_object();
	status = command->run(&arguments, result);
	/* An answer has members. If there is none, a line on standard error says why. */
	if (json_object_size(result) && !arguments.json)
		command->print(result);
	else if (json_object_size(result) && !output_json(result))
		status = fail("%s: no memory is left", command->name);
	json_decref(result);
	return status;
}

/* The build and the completion call these. They are not in the help. */
static int print_texts(const char *option, const char *name)
{
	const struct command *command = name && *name ? find(name) : NULL;

	if (!strcmp(option, "--man")) {
		if (name && !command)
			return unknown(name);
		help_print_man(command);
	} else if (command || !name) {
		help_print_words(command);
	}
	return STATUS_GOOD;
}

static int choose(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;
	const struct command *command = word ? find(word) : NULL;

	if (command)
		return run(command, argc - 1, argv + 1);
	if (!word)
		return complain("a subcommand is missing; coherent --help lists them");
	if (!strcmp(word, "--man") || !strcmp(word, "--complete"))
		return print_texts(word, argc > 2 ? argv[2] : NULL);
	if (strcmp(word, "--help") && strcmp(word, "--version"))
		return unknown(word);
	if (argc > 2)
		return complain("\"%s\" is one argument too many; see coherent --help", argv[2]);
	if (!strcmp(word, "--help"))
		help_print();
	else
		printf("coherent %d.%d.%d\n", COHERENT_VERSION_MAJOR, COHERENT_VERSION_MINOR,
		       COHERENT_VERSION_PATCH);
	return STATUS_GOOD;
}

/*
 * A file that is opened later must not get the number of a standard stream that the caller closed. Each
 * is opened the wrong way, so that its use still fails.
 */
static void open_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
			return;
}

static void do_nothing(int signal)
{
	(void)signal;
}

int main(int argc, char **argv)
{
	/*
	 * A write to a closed pipe then fails, and output_end() says so. A handler is not inherited
	 * by other programs, as an ignored signal would be.
	 */
	const struct sigaction action = { .sa_handler = do_nothing, .sa_flags = SA_RESTART };
	static char buffer[1 << 20];

	open_standard_streams();
	sigaction(SIGPIPE, &action, NULL);
	/* If the caller ignored it, waitpid() would not get the status of a program. */
	(void)signal(SIGCHLD, SIG_DFL);
	/* Nearly all answers fit, so the only write is the last, and its error is known. */
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	return output_end(choose(argc, argv));
}
