// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "arguments.h"
#include "open.h"
#include "output.h"

/* QEMU's memory without the key "memory", and the part that cannot be exposed. */
#define QEMU_MEMORY (UINT64_C(64) << 20)
#define QEMU_OWN (UINT64_C(2) << 20)

static void keep_report(void *arg, enum coherent_severity severity, const char *line)
{
	struct opened *opened = arg;

	pthread_mutex_lock(&opened->lock);
	if (severity == COHERENT_ERROR && !*opened->error)
		snprintf(opened->error, sizeof(opened->error), "%s", line);
	json_array_append_new(opened->reports, output_text(line));
	pthread_mutex_unlock(&opened->lock);
}

static void begin(struct opened *opened, const char *name)
{
	*opened = (struct opened){ .name = name, .lock = PTHREAD_MUTEX_INITIALIZER };
	opened->reports = json_array();
}

int opened_open_socket(struct opened *opened, const char *name, int socket_fd)
{
	begin(opened, name);
	return coherent_device_open(&opened->dev, name, .socket_fd = socket_fd,
				    .report = keep_report, .report_arg = opened);
}

int opened_open(struct opened *opened, const char *name, enum coherent_level level,
		const char *const *qemu_args)
{
	begin(opened, name);
	return coherent_device_open(&opened->dev, name, .level = level, .qemu_args = qemu_args,
				    .report = keep_report, .report_arg = opened);
}

uint64_t open_memory_bytes(const char *name)
{
	const char *memory = strstr(name, ",memory=");
	/* The library takes decimal and hexadecimal numbers. */
	int64_t mib;

	if (strncmp(name, "qemu:", 5))
		return UINT64_MAX;
	if (!memory || sscanf(memory, ",memory=%" SCNi64, &mib) != 1)
		return QEMU_MEMORY - QEMU_OWN;
	return ((uint64_t)mib << 20) - QEMU_OWN;
}

void opened_close(struct opened *opened)
{
	coherent_device_close(opened->dev);
	opened->dev = NULL;
}

void opened_end(struct opened *opened)
{
	opened_close(opened);
	json_decref(opened->reports);
	opened->reports = NULL;
}

const char *opened_reason(const struct opened *opened)
{
	const size_t bytes = strlen(opened->name);

	if (!strncmp(opened->error, opened->name, bytes) &&
	    !strncmp(opened->error + bytes, ": ", 2))
		return opened->error + bytes + 2;
	return opened->error;
}

int opened_check_qemu_args(const struct arguments *arguments, const char *subcommand,
			   const char *name)
{
	if (!arguments_value(arguments, "qemu-arg") || (name && !strncmp(name, "qemu:", 5)))
		return STATUS_GOOD;
	if (!name)
		return complain("%s: --qemu-arg needs a device of qemu:", subcommand);
	return complain("%s: --qemu-arg is only for a device of qemu:, and \"%s\" is not one",
			subcommand, name);
}

/* Lists each --qemu-arg. @args has room for all options and NULL. Returns NULL if there is none. */
static const char *const *list_qemu_args(const struct arguments *arguments, const char **args)
{
	size_t count = 0;

	for (size_t i = 0; i < arguments->given_count; i++)
		if (!strcmp(arguments->given[i].name, "qemu-arg"))
			args[count++] = arguments->given[i].value;
	return count ? args : NULL;
}

int opened_for(struct opened *opened, const struct arguments *arguments, const char *subcommand,
	       const char *name, enum coherent_level level)
{
	const char *args[ARRAY_SIZE(arguments->given) + 1] = { NULL };
	bool bad_name;
	int err;

	if (opened_check_qemu_args(arguments, subcommand, name))
		return STATUS_USAGE;
	err = opened_open(opened, name, level, list_qemu_args(arguments, args));
	/* The library says this if the name is malformed. */
	bad_name = err == -EINVAL || !strncmp(opened->error, "device name ", 12);
	if (!err)
		return STATUS_GOOD;
	if (*opened->error)
		fail("%s: %s", subcommand, opened->error);
	else
		fail("%s: %s: %s", subcommand, name, strerror(-err));
	opened_end(opened);
	return bad_name ? STATUS_USAGE : STATUS_BAD;
}

static const char *const levels[] = {
	[COHERENT_NONE] = "NONE",
	[COHERENT_HIDDEN] = "HIDDEN",
	[COHERENT_PEER] = "PEER",
	[COHERENT_IOMMU] = "IOMMU",
};

const char *level_name(enum coherent_level level)
{
	return level >= COHERENT_NONE && level <= COHERENT_IOMMU ? levels[level] : "unknown";
}

enum coherent_level level_find(const char *name)
{
	for (enum coherent_level level = COHERENT_NONE; level <= COHERENT_IOMMU; level++)
		if (!strcasecmp(levels[level], name))
			return level;
	return 0;
}
