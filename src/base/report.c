// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Formats the reports of the library and hands them to the function of the driver, or writes them
 * to stderr if the driver passes coherent_report_stderr(). Nothing here takes a lock.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/report.h"
#include "base/size.h"
#include "base/sys.h"

void report(const struct reporter *to, enum coherent_severity severity, const char *format, ...)
{
	char line[1024];
	va_list args;

	if (!to->fn)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	/* A device name may contain control characters, but a report must stay one line. */
	for (char *c = line; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
	to->fn(to->arg, severity, line);
}

void coherent_report_stderr(void *arg, enum coherent_severity severity, const char *line)
{
	SYS_DEFER_CANCEL;
	static const char *const words[] = {
		[COHERENT_ERROR] = "error",
		[COHERENT_WARNING] = "warning",
		[COHERENT_INFO] = "info",
	};
	/* A model of the driver may give a number that is not a severity. */
	const char *const word =
		words[(size_t)severity < ARRAY_SIZE(words) ? severity : COHERENT_ERROR];
	const char *prefix = arg;

	fprintf(stderr, "%s%scoherent: %s: %s\n", prefix ? prefix : "", prefix ? ": " : "", word,
		line);
}
