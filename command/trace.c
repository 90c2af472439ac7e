// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * coherent trace: runs a program with COHERENT_TRACE, and shows what its devices did.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arguments.h"
#include "base/sys_file.h"
#include "memory/trace_file.h"
#include "output.h"

#define DEFAULT_FILE "coherent-trace.json"
/* A trace begins with this (src/memory/trace_file.c). */
#define BEGINNING "[\n{\"name\":\"libcoherent\""
#define US_PER_S 1e6

/* --- The old trace --- */

/* Takes the lock of an old trace. A file of another kind stays as it is. */
static int take_trace(const char *path, int fd)
{
	char start[sizeof(BEGINNING)] = "";
	struct stat file;
	ssize_t bytes = 0;
	bool is_regular;
	int err;

	is_regular = !fstat(fd, &file) && S_ISREG(file.st_mode);
	if (is_regular)
		bytes = pread(fd, start, sizeof(start) - 1, 0);
	if (!is_regular || (bytes && strcmp(start, BEGINNING)))
		return complain("trace: %s is not a trace, so it stays as it is; give another "
				"file with -o",
				path);
	err = sys_lock_file(fd);
	return err ? fail("trace: %s: %s", path, strerror(-err)) : STATUS_GOOD;
}

/*
 * Empties an old trace, so that this run is alone in it. The program has started, but the library waits
 * for the lock before it reads or writes a trace.
 */
static int empty_trace(int fd)
{
	int err;

	if (fd < 0)
		return STATUS_GOOD;
	err = sys_truncate(fd, 0);
	sys_unlock_file(fd);
	return err ? fail("trace: the old trace stays: %s", strerror(-err)) : STATUS_GOOD;
}

/* The program creates the trace, and may run for an hour. So the user learns before if it cannot. */
static int check_folder(const char *path)
{
	const char *last = strrchr(path, '/');
	char *folder = last ? strndup(path, (size_t)(last - path) + 1) : strdup(".");
	const int err = !folder			    ? ENOMEM :
			access(folder, W_OK | X_OK) ? errno :
			!*path			    ? ENOENT :
						      0;

	free(folder);
	return err ? fail("trace: \"%s\" cannot be made: %s; give another file with -o", path,
			  strerror(err)) :
		     STATUS_GOOD;
}

/*
 * A device or a FIFO must not be opened for good, nor a link followed. Sets @fd to an old trace, which is
 * locked, or to -1 if there is none.
 */
static int open_old(const char *path, int *fd)
{
	int status;

	*fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0 && errno == ENOENT)
		return check_folder(path);
	if (*fd < 0)
		return fail("trace: %s: %s", path,
			    errno == ELOOP ? "it is a symbolic link" : strerror(errno));
	status = take_trace(path, *fd);
	if (status != STATUS_GOOD)
		close(*fd);
	return status;
}

/* --- The program --- */

/* A % in the path would be a placeholder. */
static char *add_escaped(char *to, const char *path)
{
	for (; *path; path++) {
		if (*path == '%')
			*to++ = '%';
		*to++ = *path;
	}
	return to;
}

static bool set_environment(const char *path)
{
	char folder[PATH_MAX] = "", *value, *to;
	bool is_set;

	/* The program may change its folder before it opens a device. */
	if (*path != '/' && !getcwd(folder, sizeof(folder)))
		return false;
	value = malloc(2 * (strlen(folder) + strlen(path)) + 2);
	if (!value)
		return false;
	to = add_escaped(value, folder);
	if (*folder)
		*to++ = '/';
	to = add_escaped(to, path);
	*to = '\0';
	is_set = !setenv("COHERENT_TRACE", value, 1);
	free(value);
	return is_set;
}

/* @problem gets the number of the error if the program does not start. */
static void run_child(char **argv, bool is_shown, int problem)
{
	int err;

	(void)signal(SIGPIPE, SIG_DFL);
	/* Standard output has the events only. */
	if (is_shown)
		(void)dup2(STDERR_FILENO, STDOUT_FILENO);
	execvp(argv[0], argv);
	err = errno;
	while (write(problem, &err, sizeof(err)) < 0 && errno == EINTR)
		;
	_exit(STATUS_BAD);
}

/* Waits until the program starts. Returns 0, or the number of the error if it does not start. */
static int read_problem(int problem)
{
	int err = 0;

	while (read(problem, &err, sizeof(err)) < 0 && errno == EINTR)
		;
	close(problem);
	return err;
}

static int wait_for(pid_t pid)
{
	void (*on_interrupt)(int), (*on_quit)(int);
	int status = 0;

	/* Ctrl-C is for the program, and its trace is shown afterwards. */
	on_interrupt = signal(SIGINT, SIG_IGN);
	on_quit = signal(SIGQUIT, SIG_IGN);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	(void)signal(SIGINT, on_interrupt);
	(void)signal(SIGQUIT, on_quit);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/*
 * Sets @status to the exit status of the program, as a shell gives it. @old is an old trace, which stays
 * if the program does not start.
 */
static int run_program(char **argv, bool is_shown, int old, int *status)
{
	int problem[2], err, not_started, result = STATUS_GOOD;
	pid_t pid;

	fflush(stdout);
	if (pipe2(problem, O_CLOEXEC))
		return fail("trace: %s: %s", argv[0], strerror(errno));
	pid = fork();
	if (!pid)
		run_child(argv, is_shown, problem[1]);
	err = pid < 0 ? errno : 0;
	close(problem[1]);
	not_started = read_problem(problem[0]);
	err = err ? err : not_started;
	if (!err)
		result = empty_trace(old);
	if (pid > 0)
		*status = wait_for(pid);
	return err ? fail("trace: \"%s\" cannot be run: %s", argv[0], strerror(err)) : result;
}

/* --- The trace --- */

/* Returns what a track is called: the device, or the file and line of the allocation. */
static const char *name_of(const json_t *names, const json_t *event)
{
	char key[64];

	snprintf(key, sizeof(key), "%lld",
		 (long long)json_integer_value(json_object_get(event, "tid")));
	return output_string(names, key);
}

static void add_name(json_t *names, const json_t *event)
{
	char key[64];

	if (strcmp(output_string(event, "name"), "thread_name"))
		return;
	snprintf(key, sizeof(key), "%lld",
		 (long long)json_integer_value(json_object_get(event, "tid")));
	json_object_set(names, key, json_object_get(json_object_get(event, "args"), "name"));
}

/* Returns the details of an event as words. The place is known by the track. */
static json_t *details_of(const json_t *event)
{
	char text[1024] = "";
	size_t used = 0;
	const char *key;
	json_t *value;

	json_object_foreach(json_object_get(event, "args"), key, value)
	{
		const char *comma = used ? ", " : "";

		if (!strcmp(key, "where"))
			continue;
		if (json_is_string(value))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s", comma,
						 key, json_string_value(value));
		else
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %lld",
						 comma, key, (long long)json_integer_value(value));
		if (used >= sizeof(text))
			break;
	}
	return output_text(text);
}

static int by_time(const void *a, const void *b)
{
	const double x = json_number_value(json_object_get(*(json_t *const *)a, "ts"));
	const double y = json_number_value(json_object_get(*(json_t *const *)b, "ts"));

	return (x > y) - (x < y);
}

/* Returns the marks of a trace in the order of their times. The caller frees the array. */
static json_t **sorted_marks(const json_t *trace, size_t *count)
{
	json_t **marks = calloc(json_array_size(trace) + 1, sizeof(json_t *)), *event;
	size_t i;

	*count = 0;
	if (!marks)
		return NULL;
	json_array_foreach(trace, i, event) if (!strcmp(output_string(event, "ph"), "i"))
		marks[(*count)++] = event;
	qsort(marks, *count, sizeof(*marks), by_time);
	return marks;
}

static json_t *row_of(const json_t *event, const json_t *names, double begin)
{
	const double at = json_number_value(json_object_get(event, "ts")) - begin;

	return json_pack("{s:o, s:O, s:O, s:O, s:s, s:o}", "seconds",
			 output_format("%.6f", at / US_PER_S), "pid", json_object_get(event, "pid"),
			 "track", json_object_get(event, "tid"), "event",
			 json_object_get(event, "name"), "of", name_of(names, event), "details",
			 details_of(event));
}

static bool add_events(const json_t *trace, json_t *events)
{
	json_t *names = json_object(), *event, **marks;
	size_t i, count;

	json_array_foreach(trace, i, event) add_name(names, event);
	marks = sorted_marks(trace, &count);
	for (i = 0; marks && i < count; i++)
		json_array_append_new(events,
				      row_of(marks[i], names,
					     json_number_value(json_object_get(marks[0], "ts"))));
	json_decref(names);
	free(marks);
	return marks;
}

static void set_answer(json_t *result, int status, json_t *events)
{
	json_object_set_new(result, "status", json_integer(status));
	json_object_set_new(result, "events", events);
}

/* @status is that of the program. Returns it, or STATUS_BAD if the trace cannot be read. */
static int show(const char *path, int status, json_t *result)
{
	json_t *events = json_array(), *trace;
	json_error_t error;
	bool is_good;

	trace = json_load_file(path, 0, &error);
	is_good = trace && add_events(trace, events);
	json_decref(trace);
	if (!is_good) {
		json_decref(events);
		json_object_clear(result);
		return fail("trace: %s: %s", path, error.text);
	}
	set_answer(result, status, events);
	return status;
}

/* --- The command --- */

static bool has_trace(const char *path)
{
	struct stat file;

	return !stat(path, &file) && file.st_size;
}

/* The library makes the file before it writes to it. So an empty file may have no room for a trace. */
static int check_room(const char *path)
{
	static const char page[4096];
	const int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	int err;

	if (fd < 0)
		return 0;
	err = sys_write_more(fd, 0, page, sizeof(page));
	(void)sys_truncate(fd, 0);
	close(fd);
	return err;
}

/* There is no trace. @status is that of the program. */
static int explain_nothing(const struct arguments *arguments, const char *path, int status,
			   json_t *result)
{
	const int err = check_room(path);

	if (err)
		return fail("trace: %s cannot be written: %s", path, strerror(-err));
	(void)fail("trace: %s opened no device", arguments->words[0]);
	if (arguments->json)
		set_answer(result, status, json_array());
	return status;
}

static int trace_program(const struct arguments *arguments, const char *path, int old,
			 bool is_shown, json_t *result)
{
	int status = STATUS_BAD;
	bool is_cut;

	if (!set_environment(path))
		return fail("trace: no memory is left");
	if (run_program(arguments->words, is_shown, old, &status) != STATUS_GOOD)
		return STATUS_BAD;
	/* A program that was killed while it wrote leaves half a line. */
	if (!has_trace(path))
		return explain_nothing(arguments, path, status, result);
	if (trace_file_mend(path, &is_cut))
		return fail("trace: %s is not a trace any more", path);
	json_object_set_new(result, "file", output_text(path));
	status = is_shown ? show(path, status, result) : status;
	return is_cut ? fail("trace: %s had no room for all events, so the last ones are missing",
			     path) :
			status;
}

static int run_trace(const struct arguments *arguments, json_t *result)
{
	const bool is_text = arguments_value(arguments, "text");
	const char *path = arguments_value(arguments, "output");
	char memory[64];
	int status, fd;

	if (path || !is_text) {
		path = path ? path : DEFAULT_FILE;
		status = open_old(path, &fd);
		if (status != STATUS_GOOD)
			return status;
		status = trace_program(arguments, path, fd, is_text || arguments->json, result);
		if (fd >= 0)
			close(fd);
		return status;
	}
	/* Only the text is wanted, so the trace is in memory, which a signal cannot leave behind. */
	fd = memfd_create("coherent-trace", MFD_CLOEXEC);
	if (fd < 0)
		return fail("trace: there is no memory for the trace: %s", strerror(errno));
	snprintf(memory, sizeof(memory), "/proc/%d/fd/%d", (int)getpid(), fd);
	status = access(memory, W_OK) ?
			 fail("trace: /proc is not mounted; give a file for the trace with -o") :
			 trace_program(arguments, memory, -1, true, result);
	close(fd);
	json_object_del(result, "file");
	return status;
}

static void print_trace(const json_t *result)
{
	static const struct column columns[] = {
		{ "seconds", "SECONDS" }, { "pid", "PID" }, { "track", "TRACK" },
		{ "event", "EVENT" },	  { "of", "OF" },   { "details", "DETAILS" },
	};
	const json_t *events = json_object_get(result, "events");

	if (events)
		output_table(events, columns, ARRAY_SIZE(columns), NULL);
	if (!*output_string(result, "file"))
		return;
	printf("The trace is in ");
	output_safely(stdout, output_string(result, "file"));
	printf("; ui.perfetto.dev shows it.\n");
}

static const struct command_option options[] = {
	{ "output", "FILE",
	  "Write the trace to FILE. -o FILE is the same. The default is " DEFAULT_FILE "." },
	{ "text", NULL, "Print the events in their order. Without --output there is no file." },
	{ NULL, NULL, NULL },
};

const struct command command_trace = {
	.name = "trace",
	.summary = "run a program and show what its devices did",
	.operands = "-- PROGRAM [ARGUMENT...]",
	.min = 1,
	.max = (size_t)-1,
	.help = "Run a program that uses libcoherent, with the environment variable COHERENT_TRACE. "
		"The trace has each box and mem with its times, faults, fences, registers and "
		"interrupts. It is Chrome trace JSON, for Perfetto and chrome://tracing. Each object "
		"has a track, which is named after the file and line of its allocation.\n\n"
		"The trace can be read also if the program is killed. With --text or --json, the "
		"standard output of the program goes to standard error.\n\n"
		"  coherent trace -o t.json -- ./driver --queue 4\n"
		"  coherent trace --text -- ./driver",
	.statuses =
		"The exit status is that of the program, or 128 plus the number of the signal that "
		"killed it. It is 1 if the command cannot run the program or write the trace, 2 "
		"if an argument is wrong.",
	.options = options,
	.run = run_trace,
	.print = print_trace,
};
