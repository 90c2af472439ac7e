// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arguments.h"
#include "sysfs.h"

int sysfs_begin(struct sysfs *sysfs, const struct arguments *arguments, const char *command)
{
	const char *root = arguments_value(arguments, "sysroot");
	struct stat folder;

	sysfs->root = root ? root : "";
	if (!root || (!stat(root, &folder) && S_ISDIR(folder.st_mode)))
		return STATUS_GOOD;
	return complain("%s: --sysroot=%s is not a folder", command, root);
}

/* Makes a path. A path that does not fit becomes "", which no file has. */
static void make_path(const struct sysfs *sysfs, char path[PATH_MAX], const char *format,
		      va_list list)
{
	const int root = snprintf(path, PATH_MAX, "%s", sysfs->root);
	int rest = PATH_MAX;

	if (root < PATH_MAX)
		rest = vsnprintf(path + root, (size_t)(PATH_MAX - root), format, list);
	if (root >= PATH_MAX || rest < 0 || rest >= PATH_MAX - root)
		path[0] = '\0';
}

#define MAKE_PATH(path, sysfs, format)                    \
	do {                                              \
		va_list list;                             \
		va_start(list, format);                   \
		make_path((sysfs), (path), format, list); \
		va_end(list);                             \
	} while (0)

/* A FIFO in a tree must not make the command wait, so the open does not block. */
static size_t read_path(const char *path, void *to, size_t size)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t at = 0;

	if (fd < 0)
		return 0;
	while (at < size) {
		const ssize_t n = read(fd, (char *)to + at, size - at);

		if (n > 0)
			at += (size_t)n;
		else if (!n || errno != EINTR)
			break;
	}
	close(fd);
	return at;
}

static bool read_line(const char *path, char *line, size_t size)
{
	const size_t n = read_path(path, line, size - 1);

	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return n;
}

bool sysfs_exists(const struct sysfs *sysfs, const char *format, ...)
{
	char path[PATH_MAX];
	struct stat file;

	MAKE_PATH(path, sysfs, format);
	return !stat(path, &file);
}

bool sysfs_line(const struct sysfs *sysfs, char *line, size_t size, const char *format, ...)
{
	char path[PATH_MAX];

	MAKE_PATH(path, sysfs, format);
	return read_line(path, line, size);
}

bool sysfs_number(const struct sysfs *sysfs, uint64_t *number, const char *format, ...)
{
	char path[PATH_MAX], line[64], *end;
	unsigned long long value;

	MAKE_PATH(path, sysfs, format);
	if (!read_line(path, line, sizeof(line)) || *line == '-')
		return false;
	errno = 0;
	value = strtoull(line, &end, 0);
	if (errno || end == line || *end)
		return false;
	*number = value;
	return true;
}

size_t sysfs_bytes(const struct sysfs *sysfs, void *to, size_t size, const char *format, ...)
{
	char path[PATH_MAX];

	MAKE_PATH(path, sysfs, format);
	return read_path(path, to, size);
}

bool sysfs_link(const struct sysfs *sysfs, char *name, size_t size, const char *format, ...)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *last;
	ssize_t n;

	*name = '\0';
	MAKE_PATH(path, sysfs, format);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	if (!*last || strlen(last) >= size)
		return false;
	strcpy(name, last);
	return true;
}

bool sysfs_may_open(const struct sysfs *sysfs, const char *format, ...)
{
	char path[PATH_MAX];

	MAKE_PATH(path, sysfs, format);
	return !access(path, R_OK | W_OK);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **sysfs_names(const struct sysfs *sysfs, size_t *count, const char *format, ...)
{
	char path[PATH_MAX], **names = NULL, **more;
	struct dirent *entry;
	DIR *folder;

	*count = 0;
	MAKE_PATH(path, sysfs, format);
	folder = opendir(path);
	while (folder && (entry = readdir(folder))) {
		if (*entry->d_name == '.')
			continue;
		more = reallocarray(names, *count + 1, sizeof(*names));
		if (!more)
			break;
		names = more;
		names[*count] = strdup(entry->d_name);
		if (!names[*count])
			break;
		++*count;
	}
	if (folder)
		closedir(folder);
	if (*count)
		qsort(names, *count, sizeof(*names), compare);
	return names;
}

void sysfs_free(char **names, size_t count)
{
	while (count)
		free(names[--count]);
	free(names);
}

bool sysfs_has(const struct sysfs *sysfs, const char *path, const char *text)
{
	char all[8192];
	const size_t n = sysfs_bytes(sysfs, all, sizeof(all), "%s", path);

	return memmem(all, n, text, strlen(text));
}
