// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A running program loads the library with dlopen(), as a binding of another language does.
 * The loader then has little room for thread-local variables.
 */
#include <coherent.h>
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *path;

static void running_program_loads_the_library(void **state)
{
	void *const handle = dlopen(path, RTLD_NOW);
	int (*version)(void);

	(void)state;
	if (!handle)
		fail_msg("%s", dlerror());
	version = (int (*)(void))dlsym(handle, "coherent_version");
	assert_non_null(version);
	assert_int_equal(version(), COHERENT_VERSION);
	dlclose(handle);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(running_program_loads_the_library),
	};

	if (argc != 2)
		return 2;
	path = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
