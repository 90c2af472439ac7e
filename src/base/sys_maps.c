// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/sys.h"
#include "base/sys_maps.h"

/* statfs(2) has these. A file there is memory. */
#define TMPFS 0x01021994
#define HUGETLBFS 0x958458f6
#define RAMFS 0x858458f6

/**
 * struct line - A line of /proc/self/maps.
 * @first: The first address.
 * @end: The first address behind the mapping.
 * @permissions: Such as "rw-p".
 * @major: The major number of the device of the file.
 * @path: The path of the file; empty for none.
 */
struct line {
	uintptr_t first;
	uintptr_t end;
	char permissions[5];
	unsigned int major;
	char path[128];
};

/* A long path is cut, so the rest of its line is skipped. */
static bool read_text(FILE *maps, char *text, int bytes)
{
	int byte;

	if (!fgets(text, bytes, maps))
		return false;
	for (byte = strchr(text, '\n') ? '\n' : 0; byte != '\n' && byte != EOF;)
		byte = fgetc(maps);
	return true;
}

/*
 * Reads on to the first line that ends behind @at. A process may have many thousand lines, so only
 * that one is read in full.
 */
static bool read_line(FILE *maps, struct line *line, uintptr_t at)
{
	SYS_DEFER_CANCEL;
	char text[256], *rest;

	*line = (struct line){ .first = 0 };
	do {
		if (!read_text(maps, text, sizeof(text)))
			return false;
		line->first = strtoul(text, &rest, 16);
		line->end = *rest == '-' ? strtoul(rest + 1, &rest, 16) : 0;
	} while (line->end <= at);
	return sscanf(rest, " %4s %*x %x:%*x %*u %127[^\n]", line->permissions, &line->major,
		      line->path) >= 2;
}

/* A file without a disk has the major number 0, but some file systems with a disk have it too. */
static bool is_on_disk(const struct line *line)
{
	struct statfs system;

	if (line->permissions[3] != 's' || line->path[0] != '/')
		return false;
	if (statfs(line->path, &system))
		return line->major != 0;
	return (unsigned long)system.f_type != TMPFS && (unsigned long)system.f_type != RAMFS &&
	       (unsigned long)system.f_type != HUGETLBFS &&
	       (line->major || strncmp(line->path, "/dev/", 5) != 0);
}

static enum sys_maps_kind kind_of(const struct line *line)
{
	if (line->permissions[0] != 'r')
		return SYS_MAPS_NO_READ;
	if (line->permissions[1] != 'w')
		return SYS_MAPS_NO_WRITE;
	return is_on_disk(line) ? SYS_MAPS_FILE : SYS_MAPS_FINE;
}

/* Returns the end of the part that a line finds to be fine, or 0. */
static uintptr_t check_line(const struct line *line, uintptr_t at, struct sys_maps_problem *problem)
{
	problem->at = at;
	problem->kind = line->first > at ? SYS_MAPS_NOTHING : kind_of(line);
	if (problem->kind == SYS_MAPS_FILE)
		snprintf(problem->path, sizeof(problem->path), "%s", line->path);
	return problem->kind == SYS_MAPS_FINE ? line->end : 0;
}

/* Goes on behind the last line that was read, unless that is too far. */
static void check_piece(FILE *maps, struct line *line, const struct iovec *piece,
			struct sys_maps_problem *problem)
{
	uintptr_t at = (uintptr_t)piece->iov_base;
	const uintptr_t end = at + piece->iov_len;

	if (line->first > at) {
		rewind(maps);
		*line = (struct line){ .first = 0 };
	}
	while (at && at < end && (line->end > at || read_line(maps, line, at)))
		at = check_line(line, at, problem);
	if (at && at < end)
		*problem = (struct sys_maps_problem){ .kind = SYS_MAPS_NOTHING, .at = at };
}

void sys_maps_check(const struct iovec *pieces, size_t count, struct sys_maps_problem *problem)
{
	SYS_DEFER_CANCEL;
	FILE *maps = fopen("/proc/self/maps", "re");
	struct line line = { .first = 0 };

	*problem = (struct sys_maps_problem){ .kind = SYS_MAPS_FINE };
	if (!maps)
		return;
	for (size_t i = 0; i < count && !problem->kind; i++)
		check_piece(maps, &line, &pieces[i], problem);
	fclose(maps);
}
