/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The tests keep their files in $TMPDIR, which tools/check removes. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The size of a path that scratch() makes. */
#define SCRATCH_MAX 64

/* Puts a name behind $TMPDIR, or behind /tmp if TMPDIR is not set or too long. Returns the path. */
static inline char *scratch(char path[SCRATCH_MAX], const char *name)
{
	const char *folder = getenv("TMPDIR");

	if (!folder || strlen(folder) + 1 + strlen(name) >= SCRATCH_MAX)
		folder = "/tmp";
	snprintf(path, SCRATCH_MAX, "%s/%s", folder, name);
	return path;
}

#endif
