// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>

#include "base/sys_process.h"
#include "fabric/library.h"

#define FILE_NAME "libfabric.so.1"

int fabric_library_open(struct fabric_library *library, const char *name, const struct reporter *to)
{
	const char *why;
	void *loaded = sys_load(FILE_NAME, &why);

	if (!loaded) {
		report(to, COHERENT_ERROR,
		       "%s: fabric: needs libfabric, and it cannot be loaded: %s; on Debian the "
		       "package libfabric1 has it",
		       name, why);
		return -ENODEV;
	}
	if (sys_find_function(loaded, "fi_getinfo", &library->getinfo) &&
	    sys_find_function(loaded, "fi_freeinfo", &library->freeinfo) &&
	    sys_find_function(loaded, "fi_dupinfo", &library->dupinfo) &&
	    sys_find_function(loaded, "fi_fabric", &library->fabric))
		return 0;
	report(to, COHERENT_ERROR, "%s: " FILE_NAME " lacks a function of its interface 1.17",
	       name);
	return -ENODEV;
}
