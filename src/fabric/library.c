// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <pthread.h>

#include "base/sys_process.h"
#include "fabric/library.h"

#define FILE_NAME "libfabric.so.1"

/*
 * libfabric loads libraries that replace the handlers of the program when they are loaded. Their
 * handler calls exit(), which waits for ever during fi_getinfo(). These variables keep them from it.
 * The library does not put handlers back instead: a signal could come before, and another thread may
 * have set a handler meanwhile.
 *
 * setenv() is not safe beside a getenv() of another thread. So only the first load calls it, and a
 * program with threads can set the variables itself.
 */
static void keep_handlers(void)
{
	sys_environment_add("IPATH_NO_BACKTRACE", "1");
	sys_environment_add("HFI_NO_BACKTRACE", "1");
}

/* Returns libfabric; NULL and why it cannot be loaded. */
static void *load(const char **why)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, keep_handlers);
	return sys_load(FILE_NAME, why);
}

int fabric_library_open(struct fabric_library *library, const char *name, const struct reporter *to)
{
	const char *why;
	void *loaded = load(&why);

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
	    sys_find_function(loaded, "fi_fabric", &library->fabric) &&
	    sys_find_function(loaded, "fi_version", &library->version))
		return 0;
	report(to, COHERENT_ERROR, "%s: " FILE_NAME " lacks a function of its interface 1.17",
	       name);
	return -ENODEV;
}
