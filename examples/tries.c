// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <stdio.h>

#include "tries.h"

void tries_add(struct tries *tries, const char *what, bool reaches, bool reached, const char *why)
{
	const unsigned int i = tries->count++;

	tries->rows[i].what = what;
	tries->rows[i].reaches = reaches;
	tries->rows[i].reached = reached;
	snprintf(tries->rows[i].why, sizeof(tries->rows[i].why), "%s", why);
}

bool tries_print(const struct tries *tries)
{
	static const char *const words[] = { "refused", "done" };
	bool good = true;

	printf("%-27s %-9s %-9s %s\n", "the device tried to", "must be", "was", "because");
	for (unsigned int i = 0; i < tries->count; i++) {
		printf("%-27s %-9s %-9s %s\n", tries->rows[i].what, words[tries->rows[i].reaches],
		       words[tries->rows[i].reached], tries->rows[i].why);
		good = good && tries->rows[i].reaches == tries->rows[i].reached;
	}
	return good;
}
