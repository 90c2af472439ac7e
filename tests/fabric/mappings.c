// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The process has no mapping left (vm.max_map_count). A reclaim then copies to pages that the library
 * has already, and other calls fail without harm.
 */
#include <errno.h>
#include <sys/mman.h>

#include "fabric_test.h"

#define LARGE ((size_t)128 << 10)
#define PLACE_PAGES ((size_t)4 << 20)

static const char *provider;

/* A page that the process shares is a mapping of its own. The end of the process unmaps it. */
static bool take_the_last(void)
{
	for (unsigned int i = 0; i < 16; i++)
		if (mmap(NULL, PAGE, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
			return errno == ENOMEM;
	return false;
}

/* Every other page gets another protection, so that each page is a mapping. */
static bool use_up_mappings(uint8_t *place)
{
	for (size_t i = 0; i < PLACE_PAGES; i += 2)
		if (mprotect(place + i * PAGE, PAGE, PROT_READ))
			return errno == ENOMEM && take_the_last();
	return false;
}

static void lack_of_mappings_is_survived(void **state)
{
	ANY_MEM_AUTO(mem);
	ANY_MEM_AUTO(more);
	COHERENT_BOX_AUTO(uint8_t, box);
	struct ends ends;
	uint8_t *place = mmap(NULL, PLACE_PAGES * PAGE, PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	bool are_used_up;
	int reclaimed, failed;

	(void)state;
	assert_true(place != MAP_FAILED);
	ends_open(&ends, provider, PAGE);
	assert_ok(coherent_zeroed(&mem, ends.target, LARGE));
	assert_ok(coherent_write(&mem, LARGE - 1, 0x42));
	are_used_up = use_up_mappings(place);
	reclaimed = coherent_reclaim(&mem, &box);
	failed = coherent_zeroed(&more, ends.target, BIG);
	/* cmocka needs memory for its own messages. */
	assert_ok(munmap(place, PLACE_PAGES * PAGE));
	assert_ok(reclaimed);
	assert_int_equal(coherent_box_ptr(&box)[LARGE - 1], 0x42);
	if (are_used_up) {
		assert_true(log_has(&ends.log, "raise vm.max_map_count"));
		assert_err(failed, -ENOMEM);
	}
	assert_int_equal(coherent_is_empty(&more), !!failed);
	coherent_free(&more);
	assert_ok(coherent_zeroed(&more, ends.target, BIG));
	coherent_free(&more);
	coherent_box_free(&box);
	ends_close(&ends);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lack_of_mappings_is_survived),
	};

	provider = provider_of(argc, argv);
	return provider ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
