// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"

extern char **environ;

/* Starts a program whose output goes to a pipe. */
static int start(char *const *argv, int output, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int err;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	err = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -err;
}

static char *read_all(int fd)
{
	FILE *from = fdopen(fd, "r");
	char *text = NULL;
	size_t size = 0;

	/* No text has a NUL, so this reads to the end. */
	if (from && getdelim(&text, &size, '\0', from) < 0) {
		free(text);
		text = calloc(1, 1);
	}
	if (from)
		fclose(from);
	return text;
}

int program_read(char *const *argv, char **text)
{
	int ends[2], status = 0, err;
	pid_t pid;

	*text = NULL;
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	err = start(argv, ends[1], &pid);
	close(ends[1]);
	if (err) {
		close(ends[0]);
		return err;
	}
	*text = read_all(ends[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (*text && WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	free(*text);
	*text = NULL;
	return -EIO;
}
