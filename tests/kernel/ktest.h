/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * This header includes KUnit. If the kernel does not have KUnit, it defines the few names of KUnit
 * that the tests use. The same source prints the same KTAP to the log in both cases.
 */
#ifndef KTEST_H
#define KTEST_H

#include <linux/module.h>

#if IS_ENABLED(CONFIG_KUNIT)
#include <kunit/test.h>

#define KTEST_SUITES(...) kunit_test_suites(__VA_ARGS__)

#else

struct kunit {
	const char *name;
	bool failed;
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
};

struct kunit_suite {
	const char *name;
	int (*suite_init)(struct kunit_suite *suite);
	void (*suite_exit)(struct kunit_suite *suite);
	struct kunit_case *test_cases;
};

#define KUNIT_CASE(test)                        \
	{                                       \
		.run_case = test, .name = #test \
	}

static inline void ktest_expect(struct kunit *test, bool good, long long got, const char *what,
				const char *file, int line)
{
	if (good)
		return;
	test->failed = true;
	pr_info("    # %s: EXPECTATION FAILED at %s:%d: %s, is %lld\n", test->name, file, line,
		what, got);
}

#define KUNIT_EXPECT_EQ(test, left, right)                                       \
	do {                                                                     \
		const long long ktest_left = (long long)(left);                  \
		ktest_expect(test, ktest_left == (long long)(right), ktest_left, \
			     #left " == " #right, __FILE__, __LINE__);           \
	} while (0)
#define KUNIT_EXPECT_TRUE(test, condition) \
	ktest_expect(test, (condition), 0, #condition, __FILE__, __LINE__)
#define KUNIT_ASSERT_EQ(test, left, right)          \
	do {                                        \
		KUNIT_EXPECT_EQ(test, left, right); \
		if ((test)->failed)                 \
			return;                     \
	} while (0)

static inline bool ktest_run_cases(struct kunit_case *cases)
{
	unsigned int count = 0, i;
	bool failed = false;

	while (cases[count].run_case)
		count++;
	pr_info("    1..%u\n", count);
	for (i = 0; i < count; i++) {
		struct kunit test = { .name = cases[i].name };

		cases[i].run_case(&test);
		pr_info("    %sok %u %s\n", test.failed ? "not " : "", i + 1, test.name);
		failed |= test.failed;
	}
	return !failed;
}

static inline bool ktest_run(struct kunit_suite *suite)
{
	int err = suite->suite_init(suite);
	bool good = !err && ktest_run_cases(suite->test_cases);

	if (err)
		pr_info("# %s: the suite does not start: %d\n", suite->name, err);
	else
		suite->suite_exit(suite);
	return good;
}

#define KTEST_SUITES(...)                                                                  \
	static int __init ktest_init(void)                                                 \
	{                                                                                  \
		struct kunit_suite *const suites[] = { __VA_ARGS__ };                      \
		unsigned int i;                                                            \
		pr_info("KTAP version 1\n");                                               \
		pr_info("1..%zu\n", ARRAY_SIZE(suites));                                   \
		for (i = 0; i < ARRAY_SIZE(suites); i++)                                   \
			pr_info("%sok %u %s\n", ktest_run(suites[i]) ? "" : "not ", i + 1, \
				suites[i]->name);                                          \
		return 0;                                                                  \
	}                                                                                  \
	module_init(ktest_init);                                                           \
	static void __exit ktest_exit(void)                                                \
	{                                                                                  \
	}                                                                                  \
	module_exit(ktest_exit)

#endif

#endif
