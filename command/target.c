// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Opens the records of processes.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "target.h"

#define WHY_BYTES 512
/* Linux has no higher process ID (pid_max in proc(5)). */
#define PID_MAX (1 << 22)

bool target_is_number(const char *word)
{
	const size_t digits = strspn(word, "0123456789");

	return digits && !word[digits];
}

static bool add(struct target *target, struct records *all, size_t count)
{
	void *parts = realloc(target->parts, (target->count + 1) * sizeof(*target->parts));

	if (!parts)
		return false;
	target->parts = parts;
	target->parts[target->count].all = all;
	target->parts[target->count++].count = count;
	return true;
}

static int open_one(const char *word, struct target *target, bool is_quiet)
{
	const unsigned long pid = target_is_number(word) ? strtoul(word, NULL, 10) : 0;
	char why[WHY_BYTES];
	struct records *all;
	size_t count;
	int err;

	if (!target_is_number(word))
		err = records_open_core(word, &all, &count, why, sizeof(why));
	else if (pid && pid <= PID_MAX)
		err = records_open((pid_t)pid, &all, &count, why, sizeof(why));
	else
		return fail("process %s: there is no such process", word);
	if (err && is_quiet)
		return STATUS_BAD;
	if (err)
		return fail(target_is_number(word) ? "process %s: %s" : "\"%s\": %s", word, why);
	return add(target, all, count) ? STATUS_GOOD : fail("no memory is left");
}

/* Other processes may end meanwhile, or be those of other users. They are left out. */
static int open_all(struct target *target)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	char why[WHY_BYTES];
	struct records *all;
	size_t count;
	int status = STATUS_GOOD;

	if (!folder)
		return fail("/proc cannot be read: %s", strerror(errno));
	while (status == STATUS_GOOD && (entry = readdir(folder))) {
		const pid_t pid = target_is_number(entry->d_name) ? atoi(entry->d_name) : 0;

		if (!pid || !records_signature(pid) ||
		    records_open(pid, &all, &count, why, sizeof(why)))
			continue;
		if (!add(target, all, count))
			status = fail("no memory is left");
	}
	closedir(folder);
	return status;
}

static int open_word(const char *word, struct target *target, bool is_quiet)
{
	int status;

	*target = (struct target){ .count = 0 };
	status = word ? open_one(word, target, is_quiet) : open_all(target);
	if (status != STATUS_GOOD)
		target_close(target);
	return status;
}

int target_open(const char *word, struct target *target)
{
	return open_word(word, target, false);
}

bool target_try(const char *word, struct target *target)
{
	return open_word(word, target, true) == STATUS_GOOD;
}

uint64_t target_signature(const char *word)
{
	DIR *folder = word ? NULL : opendir("/proc");
	struct dirent *entry;
	uint64_t sum = word && target_is_number(word) ? records_signature((pid_t)atoi(word)) : 0;

	while (folder && (entry = readdir(folder)))
		if (target_is_number(entry->d_name))
			sum += records_signature(atoi(entry->d_name));
	if (folder)
		closedir(folder);
	return sum;
}

struct records *target_device(const struct target *target, size_t i)
{
	for (size_t part = 0; part < target->count; part++) {
		if (i < target->parts[part].count)
			return &target->parts[part].all[i];
		i -= target->parts[part].count;
	}
	return NULL;
}

void target_close(struct target *target)
{
	for (size_t i = 0; i < target->count; i++)
		records_close_all(target->parts[i].all, target->parts[i].count);
	free(target->parts);
	*target = (struct target){ .count = 0 };
}
