// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * coherent lint and coherent bench: programs of their own, which get all arguments. They are beside the
 * command if it is installed, and in tools/ of the source tree if it is not.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "help.h"

/* Writes the folder of the program that runs. Returns false if it is not known. */
static bool own_folder(char folder[PATH_MAX])
{
	const ssize_t n = readlink("/proc/self/exe", folder, PATH_MAX - 1);
	char *last;

	if (n <= 0)
		return false;
	folder[n] = '\0';
	last = strrchr(folder, '/');
	if (!last)
		return false;
	*last = '\0';
	return true;
}

static bool is_program(const char *folder, const char *name, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX && !access(path, X_OK);
}

/* Looks in the folder of the command, and in tools/ of the folders above that have libcoherent. */
static bool find_tool(const char *installed, const char *in_tree, char path[PATH_MAX])
{
	char folder[PATH_MAX], marker[PATH_MAX];

	if (!own_folder(folder))
		return false;
	if (is_program(folder, installed, path))
		return true;
	for (char *last; (last = strrchr(folder, '/')); *last = '\0') {
		if (snprintf(marker, sizeof(marker), "%s/include/coherent.h", folder) <
			    (int)sizeof(marker) &&
		    !access(marker, R_OK) && is_program(folder, in_tree, path))
			return true;
	}
	return false;
}

static int exec_tool(const char *name, char path[PATH_MAX], char **argv)
{
	argv[0] = path;
	execv(path, argv);
	return fail("%s: %s: %s", name, path, strerror(errno));
}

static int pass_lint(char **argv)
{
	char path[PATH_MAX];

	if (find_tool("coherent-lint", "tools/coherent-lint", path))
		return exec_tool("lint", path, argv);
	return fail("lint: coherent-lint is not beside this command: install libcoherent again");
}

/* The bench is not installed, so an installed command has only its own help. */
static int pass_bench(char **argv)
{
	char path[PATH_MAX];

	if (find_tool("coherent-bench", "tools/bench", path))
		return exec_tool("bench", path, argv);
	if (argv[1] && !strcmp(argv[1], "--help")) {
		help_print_command(&command_bench);
		return STATUS_GOOD;
	}
	return fail("bench: the bench is not installed: run tools/bench in a source tree of "
		    "libcoherent");
}

const struct command command_lint = {
	.name = "lint",
	.summary = "find mistakes with boxes, mems and devices in C programs",
	.operands = "[ARGUMENT...]",
	.help = "Run coherent-lint(1) with the same arguments.",
	.pass = pass_lint,
};

const struct command command_bench = {
	.name = "bench",
	.summary = "measure the library beside its peers",
	.operands = "[ARGUMENT...]",
	.help = "Run tools/bench of the source tree with the same arguments. In a source tree, coherent "
		"bench --help lists them. With --json it prints one JSON array.\n"
		"\n"
		"The bench is not installed, because it measures what was just built.",
	.pass = pass_bench,
};
