// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <stdio.h>

#include "tries.h"

void tries_add(struct tries *tries, const char *name, bool should_reach, bool reached,
	       const char *reason)
{
	const unsigned int i = tries->count++;

	tries->rows[i].name = name;
	tries->rows[i].should_reach = should_reach;
	tries->rows[i].reached = reached;
	snprintf(tries->rows[i].reason, sizeof(tries->rows[i].reason), "%s", reason);
}

bool tries_print(const struct tries *tries, const char *reason_title)
{
	static const char *const words[] = { "refused", "done" };
	bool all_as_expected = true;

	printf("%-21s %-8s %-7s %s\n", "the device tried to", "expected", "result", reason_title);
	for (unsigned int i = 0; i < tries->count; i++) {
		const char *expected = words[tries->rows[i].should_reach];
		const char *result = words[tries->rows[i].reached];
		const char *reason = tries->rows[i].reason;

		/* The last column has no padding, so that no line ends with blanks. */
		printf("%-21s %-8s %-*s%s\n", tries->rows[i].name, expected, reason[0] ? 8 : 0,
		       result, reason);
		if (tries->rows[i].should_reach != tries->rows[i].reached)
			all_as_expected = false;
	}
	return all_as_expected;
}
