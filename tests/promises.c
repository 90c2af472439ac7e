// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The promises of the contract in one world: test-promises WORLD. Their tests are in
 * tests/promises/, the worlds in tests/worlds/. The answers are printed for tools/backends.
 */
#include "promises/promises.h"

struct cell {
	void (*test)(struct world *world);
	const char *name;
	enum promise promise;
};

#define CELL(promise) { promise, #promise, PROMISE_##promise },
static const struct cell cells[] = { PROMISES(CELL) };

static const char *label;
static struct world world;

/* A test asserts the other answer if and only if the table of its world states it. */
static void run_cell(void **state)
{
	const struct cell *cell = *state;

	assert_true(world_find(&world, label));
	world.promise = cell->promise;
	cell->test(&world);
	assert_null(world.dev);
	assert_int_equal(world.differed, !!world.differs[cell->promise]);
	if (world.differed)
		printf("# answer: %s: %s\n", cell->name, world.differs[cell->promise]);
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
	fputs("usage: test-promises WORLD\n\nWORLD is one of:\n", status ? stderr : stdout);
	world_print_labels(status ? stderr : stdout);
	return status;
}

int main(int argc, char **argv)
{
#define TEST(promise)                \
	{ .name = #promise,          \
	  .test_func = run_cell,     \
	  .teardown_func = clean_up, \
	  .initial_state = (void *)(uintptr_t)&cells[PROMISE_##promise] },
	const struct CMUnitTest tests[] = { PROMISES(TEST) };
	const char *missing;

	if (argc == 2 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")))
		return usage(0);
	if (argc != 2 || !world_find(&world, argv[1]))
		return usage(2);
	label = argv[1];
	missing = world.ops->missing ? world.ops->missing() : NULL;
	if (missing) {
		printf("1..1\nok 1 - promises %s # SKIP %s\n", label, missing);
		return 0;
	}
	/* Nothing else sets it in a VM. */
	setenv("CMOCKA_MESSAGE_OUTPUT", "TAP", 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	print_answers();
	return cmocka_run_group_tests_name("promises", tests, NULL, NULL);
}
