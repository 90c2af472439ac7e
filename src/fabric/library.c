// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "fabric/library.h"

#define FILE_NAME "libfabric.so.1"

/* POSIX lets dlsym() return functions, but C does not convert a pointer to one. */
static bool find(void *handle, const char *symbol, void *function)
{
	void *const found = dlsym(handle, symbol);

	memcpy(function, &found, sizeof(found));
	return found;
}

int fabric_library_open(struct fabric_library *library, const char *name, const struct reporter *to)
{
	void *handle = dlopen(FILE_NAME, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

	if (!handle) {
		report(to, COHERENT_ERROR,
		       "%s: fabric: needs libfabric, and it cannot be loaded: %s; on Debian the "
		       "package libfabric1 has it",
		       name, dlerror());
		return -ENODEV;
	}
	if (find(handle, "fi_getinfo", &library->getinfo) &&
	    find(handle, "fi_freeinfo", &library->freeinfo) &&
	    find(handle, "fi_dupinfo", &library->dupinfo) &&
	    find(handle, "fi_fabric", &library->fabric))
		return 0;
	report(to, COHERENT_ERROR, "%s: " FILE_NAME " lacks a function: %s", name, dlerror());
	dlclose(handle);
	return -ENODEV;
}
