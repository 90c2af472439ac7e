// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* This test checks which texts are the address of a PCI device. */
#include "vfio_test.h"

static void only_an_address_is_accepted(const char *scheme)
{
	static const char *const bad[] = {
		"00:01.0.",	"00:01.00",	  "00:01.0:0",	   "00:01.",	  "00:01",
		"00.01.0",	"0000:00:01.0:0", "0000:00:01.00", "0000:00:01.", "0000:00:01",
		"0000:00:01.8", "0000:00:20.0",	  "00:20.0",	   "00:01.9",	  "0:0:0:0.0",
	};
	struct fixture fixture;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_err(try_open(&fixture, name_of(scheme, bad[i])), -EINVAL);
		assert_true(log_has(&fixture.log, "is not a PCI address such as 0000:00:01.0"));
	}
	assert_ok(try_open(&fixture, name_of(scheme, "0000:00:01.0")));
	close_fixture(&fixture);
	assert_ok(try_open(&fixture, name_of(scheme, "00:01.0")));
	close_fixture(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(only_an_address_is_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
