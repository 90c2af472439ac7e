// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The checksum of struct coherent_remote. Machines of both byte orders send the struct to each other.
 */
#include <endian.h>

#include "../../src/fabric/checksum.h"
#include "../test.h"

static void checksum_is_the_same_on_all_machines(void **state)
{
	const struct coherent_remote remote = {
		.key = htole64(UINT64_C(0x0123456789abcdef)),
		.address = htole64(UINT64_C(0x7f0012345000)),
		.bytes = htole64(8192),
		.permission = htole32(COHERENT_READ_ONLY),
		.check = htole32(5),
	};

	(void)state;
	assert_int_equal(le32toh(fabric_checksum(&remote)), 0xc5d04aa0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksum_is_the_same_on_all_machines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
