// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A size that no version of a struct can have is refused, because the program did not mean this
 * struct, or forgot to set its size.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <coherent/version.h>

#include "base/sized.h"

/* No struct of any version is larger. */
#define BYTES_MAX 4096

static bool is_size(size_t given, size_t least)
{
	return given >= least && given <= BYTES_MAX && given % _Alignof(uint64_t) == 0;
}

int sized_read(void *to, size_t known, const void *from, size_t given, size_t least)
{
	const unsigned char *bytes = from;

	if (!is_size(given, least))
		return -EINVAL;
	for (size_t i = known; i < given; i++)
		if (bytes[i])
			return -EOPNOTSUPP;
	memset(to, 0, known);
	memcpy(to, from, given < known ? given : known);
	return 0;
}

int sized_write(void *to, size_t given, const void *from, size_t known)
{
	if (!is_size(given, _Alignof(uint64_t)))
		return -EINVAL;
	memset(to, 0, given);
	if (from)
		memcpy(to, from, given < known ? given : known);
	return 0;
}

const char *sized_explain(char reason[SIZED_REASON_BYTES], int err, const char *name, size_t given,
			  size_t known)
{
	if (err == -EOPNOTSUPP)
		snprintf(reason, SIZED_REASON_BYTES,
			 "the program was built for a newer libcoherent than this one, version "
			 "%d.%d.%d, which does not know an option that struct %s has behind its "
			 "first %zu bytes; install the newer library, or do not use the option",
			 COHERENT_VERSION_MAJOR, COHERENT_VERSION_MINOR, COHERENT_VERSION_PATCH,
			 name, known);
	else
		snprintf(reason, SIZED_REASON_BYTES,
			 "%zu is not a size of struct %s; use the macros, which give its size, or "
			 "give sizeof(struct %s)",
			 given, name, name);
	return reason;
}
