// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * coherent doctor: which kinds of devices work here, and why the others do not. doctor_pci.c looks at
 * what needs VFIO, doctor_fabric.c at the providers of libfabric, and doctor_limits.c at the limits of
 * the process and the kernel.
 */
#include <coherent/serve.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "advice.h"
#include "arguments.h"
#include "doctor.h"
#include "open.h"
#include "output.h"

json_t *doctor_problem(json_t *problems, const char *text)
{
	json_t *problem = json_object(), *advice = json_array();

	json_object_set_new(problem, "problem", output_text(text));
	json_object_set_new(problem, "advice", advice);
	json_array_append_new(problems, problem);
	return advice;
}

void doctor_release(const struct sysfs *sysfs, char release[64])
{
	struct utsname name;

	if (sysfs_line(sysfs, release, 64, "/proc/sys/kernel/osrelease") || *sysfs->root)
		return;
	uname(&name);
	snprintf(release, 64, "%.63s", name.release);
}

bool doctor_is_older(const char *release, unsigned int major, unsigned int minor)
{
	unsigned int x, y;

	return sscanf(release, "%u.%u", &x, &y) == 2 && (x < major || (x == major && y < minor));
}

/* --- Kinds that are tried --- */

/* A report such as "there is no X; as root: COMMAND" becomes a problem with advice. */
static void add_reason(json_t *problems, const char *reason)
{
	static const char as_root[] = "; as root: ";
	const char *found = strstr(reason, as_root);
	char *text = strndup(reason, found ? (size_t)(found - reason) : strlen(reason));
	json_t *advice = doctor_problem(problems, text ? text : reason);

	if (found)
		advise_root(advice, "%s", found + sizeof(as_root) - 1);
	free(text);
}

static void try_device(const char *name, json_t *problems)
{
	struct opened opened;
	const int err = opened_open(&opened, name, 0, NULL);

	if (err)
		add_reason(problems, *opened.error ? opened_reason(&opened) : strerror(-err));
	opened_end(&opened);
}

static void check_sim(const struct sysfs *sysfs, json_t *problems)
{
	(void)sysfs;
	try_device("sim:edu", problems);
}

static void check_qemu(const struct sysfs *sysfs, json_t *problems)
{
	(void)sysfs;
	try_device("qemu:edu", problems);
}

static bool is_in_path(const char *program)
{
	const char *path = getenv("PATH");
	char *copy = strdup(path ? path : "/usr/bin:/bin"), *rest = copy, *folder, *file;
	bool found = false;

	while (copy && !found && (folder = strsep(&rest, ":"))) {
		if (asprintf(&file, "%s/%s", *folder ? folder : ".", program) < 0)
			break;
		found = !access(file, X_OK);
		free(file);
	}
	free(copy);
	return found;
}

/* The device is any process, so this looks for the one that the examples start. */
static void check_vhost_user(const struct sysfs *sysfs, json_t *problems)
{
	(void)sysfs;
	if (!is_in_path("qemu-storage-daemon"))
		advise_root(doctor_problem(problems,
					   "there is no qemu-storage-daemon; another process that "
					   "speaks vhost-user works too"),
			    "apt-get install qemu-system-common");
}

static void *serve_edu(void *socket_fd)
{
	/* If this fails, the open of the device fails and says more. */
	(void)!coherent_sim_serve("sim:edu", NULL, .socket_fd = *(int *)socket_fd,
				  .connections = 1);
	return NULL;
}

/* The device is any process. This process serves one to itself, so nothing has to be installed. */
static void check_vfio_user(const struct sysfs *sysfs, json_t *problems)
{
	struct opened opened;
	pthread_t thread;
	int pair[2], err;

	(void)sysfs;
	err = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) ? errno : 0;
	if (err) {
		add_reason(problems, strerror(err));
		return;
	}
	err = pthread_create(&thread, NULL, serve_edu, &pair[0]);
	if (!err) {
		err = opened_open_socket(&opened, "vfio-user:", pair[1]);
		if (err)
			add_reason(problems,
				   *opened.error ? opened_reason(&opened) : strerror(-err));
		opened_end(&opened);
		shutdown(pair[1], SHUT_RDWR);
		pthread_join(thread, NULL);
	} else {
		add_reason(problems, strerror(err));
	}
	close(pair[0]);
	close(pair[1]);
}

static void check_kernel(const struct sysfs *sysfs, json_t *problems)
{
	char release[64], text[160];

	doctor_release(sysfs, release);
	if (doctor_is_older(release, 6, 1)) {
		snprintf(text, sizeof(text), "this is Linux %s, and a driver needs 6.1 or newer",
			 release);
		advise_step(doctor_problem(problems, text), "install a newer kernel");
	}
	if (sysfs_exists(sysfs, "/lib/modules/%s/build", release))
		return;
	snprintf(text, sizeof(text), "there are no headers of Linux %s to build a module",
		 *release ? release : "(unknown)");
	advise_root(doctor_problem(problems, text), "apt-get install linux-headers-%s",
		    release[strspn(release, DOCTOR_SAFE)] || !*release ? "$(uname -r)" : release);
}

/* --- All kinds --- */

/*
 * A kind that is unsafe is usually switched off on purpose, so that is a failure only if it is named. A
 * kind that has parts works if one of them works.
 */
static const struct {
	const char *kind;
	const char *opens;
	void (*check)(const struct sysfs *sysfs, json_t *problems);
	json_t *(*check_parts)(const struct sysfs *sysfs, json_t *problems);
	bool is_unsafe;
} kinds[] = {
	{ "sim", "sim:edu", check_sim, NULL, false },
	{ "qemu", "qemu:MODEL", check_qemu, NULL, false },
	{ "vhost-user", "vhost-user:SOCKET", check_vhost_user, NULL, false },
	{ "vfio-user", "vfio-user:SOCKET", check_vfio_user, NULL, false },
	{ "fabric", "fabric:PROVIDER", NULL, doctor_check_fabric, false },
	{ "vfio", "vfio:ADDRESS", doctor_check_vfio, NULL, false },
	{ "iommufd", "iommufd:ADDRESS", doctor_check_iommufd, NULL, false },
	{ "noiommu", "vfio:ADDRESS, with .level = COHERENT_NONE", doctor_check_noiommu, NULL,
	  true },
	{ "kernel", "a struct device", check_kernel, NULL, false },
};

static bool is_wanted(const struct arguments *arguments, const char *kind)
{
	for (size_t i = 0; i < arguments->count; i++)
		if (!strcmp(arguments->words[i], kind))
			return true;
	return !arguments->count;
}

static int check_words(const struct arguments *arguments)
{
	const char *names[ARRAY_SIZE(kinds) + 1] = { NULL };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		names[i] = kinds[i].kind;
	for (size_t i = 0; i < arguments->count; i++) {
		const char *word = arguments->words[i], *like;
		bool found = false;

		for (size_t j = 0; j < ARRAY_SIZE(kinds); j++)
			found |= !strcmp(word, names[j]);
		if (found)
			continue;
		like = arguments_suggest(word, names);
		return complain("doctor: there is no kind \"%s\"; %s%s%s", word,
				like ? "did you mean \"" : "coherent doctor --help lists them",
				like ? like : "", like ? "\"?" : "");
	}
	return STATUS_GOOD;
}

/* Adds a row. Returns whether the kind works. */
static bool check_kind(size_t i, const struct sysfs *sysfs, json_t *rows)
{
	json_t *problems = json_array(), *parts = NULL, *row;
	bool works;

	if (kinds[i].check_parts)
		parts = kinds[i].check_parts(sysfs, problems);
	else
		kinds[i].check(sysfs, problems);
	works = !json_array_size(problems);
	row = json_pack("{ss ss sb so}", "kind", kinds[i].kind, "opens", kinds[i].opens, "works",
			works, "problems", problems);
	if (parts)
		json_object_set_new(row, "parts", parts);
	json_array_append_new(rows, row);
	return works;
}

static int doctor_run(const struct arguments *arguments, json_t *result)
{
	struct sysfs sysfs;
	json_t *rows;
	int status = check_words(arguments);

	if (!status)
		status = sysfs_begin(&sysfs, arguments, "doctor");
	if (status)
		return status;
	rows = json_array();
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (is_wanted(arguments, kinds[i].kind) && !check_kind(i, &sysfs, rows) &&
		    (arguments->count || !kinds[i].is_unsafe))
			status = STATUS_BAD;
	json_object_set_new(result, "kinds", rows);
	json_object_set_new(result, "limits", doctor_limits(&sysfs));
	return status;
}

/* --- Text --- */

static void print_problems(const json_t *row, size_t indent)
{
	const json_t *problem;
	size_t i;

	json_array_foreach(json_object_get(row, "problems"), i, problem)
	{
		output_wrapped(output_string(problem, "problem"), indent);
		advice_print(json_object_get(problem, "advice"), indent + 4);
	}
}

/* If no part works, the row itself has the problems. */
static void print_row(const json_t *row)
{
	const json_t *part;
	size_t i;

	print_problems(row, 4);
	if (!json_is_true(json_object_get(row, "works")))
		return;
	json_array_foreach(json_object_get(row, "parts"), i, part)
	{
		output_line(4, "%s: %s", output_string(part, "part"),
			    json_is_true(json_object_get(part, "works")) ? "yes" : "no");
		print_problems(part, 8);
	}
}

static void print_raise(const json_t *row)
{
	advice_print(json_object_get(row, "advice"), 4);
}

static void doctor_print(const json_t *result)
{
	static const struct column kind_columns[] = {
		{ "kind", "kind" },
		{ "works", "works" },
		{ "opens", "opened as" },
	};
	static const struct column limit_columns[] = {
		{ "limit", "limit" },
		{ "text", "value" },
		{ "about", "what it limits" },
	};

	output_table(json_object_get(result, "kinds"), kind_columns, ARRAY_SIZE(kind_columns),
		     print_row);
	fputc('\n', stdout);
	output_table(json_object_get(result, "limits"), limit_columns, ARRAY_SIZE(limit_columns),
		     print_raise);
}

static const struct command_option options[] = {
	{ "sysroot", "DIR",
	  "Look at the files below DIR, such as DIR/sys, instead of those of this machine. sim, qemu, "
	  "vhost-user, vfio-user and fabric are tried on this machine all the same." },
	{ NULL, NULL, NULL },
};

const struct command command_doctor = {
	.name = "doctor",
	.summary = "say which kinds of devices work here, and how to make the others work",
	.operands = "[KIND...]",
	.max = 64,
	.help = "Check each kind of device, or only the KINDs: sim, qemu, vhost-user, vfio-user, fabric, "
		"vfio, iommufd, noiommu, kernel. Below each kind that does not work is every reason, with the command or "
		"the step that removes it. noiommu is the mode of VFIO without an IOMMU, in which nothing "
		"keeps a device from any memory. fabric works if one of the providers tcp, net, sockets, udp "
		"and verbs works; below it is each of them.\n"
		"\n"
		"Then list the limits of this process and this kernel, with the command that raises each. "
		"Nothing is changed by this command.",
	.statuses =
		"The exit status is 0 if all of these kinds work, 1 if one does not, 2 if an argument is "
		"wrong. noiommu counts only if it is a KIND, because a machine on which an IOMMU "
		"restricts devices has it switched off.",
	.options = options,
	.run = doctor_run,
	.print = doctor_print,
};
