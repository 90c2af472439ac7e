// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "arguments.h"
#include "open.h"
#include "plan.h"

#define BLANKS " \t\r"
#define WORDS_MAX 4
/* Nobody writes a longer plan, and a device such as /dev/zero has no end. */
#define FILE_MAX ((size_t)16 << 20)

bool plan_number(const char *text, uint64_t *number)
{
	static const char suffixes[] = "KMGT";
	unsigned long long value;
	const char *suffix;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 0);
	suffix = *end ? strchr(suffixes, *end) : NULL;
	if (errno || end == text || (*end && (!suffix || end[1])))
		return false;
	for (const char *step = suffixes; suffix && step <= suffix; step++)
		if (__builtin_mul_overflow(value, 1024, &value))
			return false;
	*number = value;
	return true;
}

static int wrong(const char *path, size_t line, const char *word, const char *what)
{
	return complain("plan: %s:%zu: \"%s\" is not %s", path, line, word, what);
}

static int read_words(const char *path, char *words[WORDS_MAX], size_t count,
		      struct plan_line *line)
{
	if (!plan_number(words[0], &line->count) || !line->count)
		return wrong(path, line->line, words[0], "a count from 1 to 2^64 - 1");
	if (!plan_number(words[1], &line->bytes) || !line->bytes)
		return wrong(path, line->line, words[1],
			     "a size from 1 to 2^64 - 1, such as 4096 or 64K");
	/* The level may follow the size without an alignment. */
	if (count > 2 && words[2][0] >= '0' && words[2][0] <= '9') {
		if (!plan_number(words[2], &line->align) || line->align & (line->align - 1))
			return wrong(path, line->line, words[2],
				     "an alignment, which is a power of two");
		if (count == 3)
			return STATUS_GOOD;
	}
	if (count > 2) {
		line->level = level_find(words[count - 1]);
		if (!line->level)
			return wrong(path, line->line, words[count - 1],
				     "a level: NONE, HIDDEN, PEER or IOMMU");
	}
	return STATUS_GOOD;
}

static int read_line(struct plan *plan, const char *path, size_t number, char *text)
{
	struct plan_line line = { .line = number }, *more;
	char *words[WORDS_MAX + 1], *rest = text, *word;
	size_t count = 0;
	int status;

	text[strcspn(text, "#")] = '\0';
	while ((word = strsep(&rest, BLANKS)))
		if (*word && count <= WORDS_MAX)
			words[count++] = word;
	if (!count)
		return STATUS_GOOD;
	if (count == 1 || count > WORDS_MAX)
		return complain("plan: %s:%zu: a line is COUNT SIZE [ALIGN] [LEVEL]", path, number);
	status = read_words(path, words, count, &line);
	if (status)
		return status;
	more = reallocarray(plan->lines, plan->count + 1, sizeof(*more));
	if (!more)
		return fail("plan: no memory is left");
	plan->lines = more;
	plan->lines[plan->count++] = line;
	return STATUS_GOOD;
}

/* Reads the lines in @bytes bytes of text. The byte behind them may be written. */
static int read_lines(struct plan *plan, const char *path, char *text, size_t bytes)
{
	char *const end = text + bytes, *next;
	int status = STATUS_GOOD;

	for (size_t number = 1; !status && text < end; number++, text = next + 1) {
		next = memchr(text, '\n', (size_t)(end - text));
		next = next ? next : end;
		*next = '\0';
		/* A file with NULs is not text. */
		status = strlen(text) < (size_t)(next - text) ?
				 complain("plan: %s:%zu: the file is not text", path, number) :
				 read_line(plan, path, number, text);
	}
	return status;
}

static int read_file(struct plan *plan, const char *path, FILE *file)
{
	char *text = malloc(FILE_MAX + 1);
	size_t bytes;
	int status;

	if (!text)
		return fail("plan: no memory is left");
	bytes = fread(text, 1, FILE_MAX + 1, file);
	if (ferror(file))
		status = complain("plan: %s: %s", path, strerror(errno));
	else if (bytes > FILE_MAX)
		status = complain("plan: %s: there are more than %zu MiB in the file", path,
				  FILE_MAX >> 20);
	else
		status = read_lines(plan, path, text, bytes);
	free(text);
	return status;
}

int plan_read(struct plan *plan, const char *path)
{
	const bool is_input = !strcmp(path, "-");
	FILE *file = is_input ? stdin : fopen(path, "re");
	int status;

	*plan = (struct plan){ .count = 0 };
	if (!file)
		return complain("plan: %s: %s", path, strerror(errno));
	status = read_file(plan, path, file);
	if (!is_input)
		fclose(file);
	if (!status && !plan->count)
		status = complain("plan: %s: there are no objects in the file", path);
	if (status)
		plan_free(plan);
	return status;
}

void plan_free(struct plan *plan)
{
	free(plan->lines);
	*plan = (struct plan){ .count = 0 };
}
