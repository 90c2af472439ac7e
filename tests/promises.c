// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * test-promises [--adopt] WORLD tests all promises of the contract in one world. The tests are in
 * tests/promises/, the worlds are in tests/worlds/. The program also prints the answers of the
 * world, from which tools/backends makes docs/backends.md.
 */
#include "promises/promises.h"

/**
 * struct promise_case - The test of a promise.
 * @test: Opens the world and asserts what the promise says.
 * @name: The name of the promise.
 * @promise: Its number.
 */
struct promise_case {
	void (*test)(struct world *world);
	const char *name;
	enum promise promise;
};

#define PROMISE_CASE(promise) { promise, #promise, PROMISE_##promise },
static const struct promise_case cases[] = { PROMISES(PROMISE_CASE, PROMISE_CASE) };

static const char *label;
static bool adopts;
static struct world world;

/* A test asserts another answer if and only if the table of worlds states that answer. */
static void test_promise(void **state)
{
	const struct promise_case *promise = *state;

	assert_true(world_find(&world, label));
	if (adopts)
		world_adopt(&world);
	world.promise = promise->promise;
	promise->test(&world);
	assert_null(world.dev);
	assert_true(adopted_is_back());
	assert_int_equal(world.differed, !!world.differs[promise->promise]);
	if (world.differed)
		printf("# answer: %s: %s\n", promise->name, world.differs[promise->promise]);
}

static int clean_up(void **state)
{
	(void)state;
	world_abandon(&world);
	return 0;
}

static void print_answers(void)
{
	static const char *const levels[] = {
		[COHERENT_NONE] = "NONE",
		[COHERENT_HIDDEN] = "HIDDEN",
		[COHERENT_PEER] = "PEER",
		[COHERENT_IOMMU] = "IOMMU",
	};

	printf("# answers: %s | %s | %s | %s\n", world.name, levels[world.level],
	       world.needs_idle ? "needed" : "not needed", world.faults);
}

static int usage(int status)
{
	fputs("usage: test-promises [--adopt] WORLD\n\n"
	      "With --adopt the boxes have memory of the test, which they adopt. WORLD is one of:\n",
	      status ? stderr : stdout);
	world_print_labels(status ? stderr : stdout);
	return status;
}

int main(int argc, char **argv)
{
#define TEST(promise)                \
	{ .name = #promise,          \
	  .test_func = test_promise, \
	  .teardown_func = clean_up, \
	  .initial_state = (void *)(uintptr_t)&cases[PROMISE_##promise] },
	const struct CMUnitTest tests[] = { PROMISES(TEST, TEST) };
	const char *missing;

	if (argc == 2 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")))
		return usage(0);
	adopts = argc == 3 && !strcmp(argv[1], "--adopt");
	if (argc != 2 + adopts || !world_find(&world, argv[argc - 1]))
		return usage(2);
	label = argv[argc - 1];
	missing = world.ops->missing ? world.ops->missing() : NULL;
	if (missing) {
		printf("1..1\nok 1 - promises %s # SKIP %s\n", label, missing);
		return 0;
	}
	/* In a VM no other program sets this variable. */
	setenv("CMOCKA_MESSAGE_OUTPUT", "TAP", 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* tools/backends reads the answers of the usual run only. */
	if (!adopts)
		print_answers();
	return cmocka_run_group_tests_name("promises", tests, NULL, NULL);
}
