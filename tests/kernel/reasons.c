// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A call on memory that is refused logs one line, which says why, and names the function of the
 * driver that made the call. This file keeps the last line instead of logging it.
 */
#include <linux/device.h>
#include <linux/string.h>

#include <coherent/debugfs.h>
#include <coherent/expose_all.h>
#include <coherent/handle.h>
#include <coherent/loan.h>

#include "nth.h"

COHERENT_BOX_TYPE(a_box, u64);
COHERENT_TYPE(a_mem, u64);

static union a_box box;
static union a_mem mem;
static union a_box empty_box;
static union a_mem empty_mem;
static struct coherent_handle handle;
static struct coherent_handle empty_handle;

static int returns_one(u64 *elements, size_t count, void *arg)
{
	return 1;
}

static int element_returns_one(u64 *element, void *arg)
{
	return 1;
}

static int seal_returns_one(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	return 1;
}

/* Whether the last line names the function that made the call, not one of the library. */
static bool names(const char *function)
{
	const char *place = strstr(line, ", in ");

	return place && str_has_prefix(place + strlen(", in "), function);
}

/* The call must fail with an error and one line that has some words and names the caller. */
#define REFUSED(call, wanted, words)                                             \
	do {                                                                     \
		lines = 0;                                                       \
		KUNIT_EXPECT_EQ(test, (call), (wanted));                         \
		KUNIT_EXPECT_EQ(test, lines, 1);                                 \
		KUNIT_EXPECT_TRUE(test, strstr(line, words) && names(__func__)); \
	} while (0)

static void refused_allocations_say_why(struct kunit *test)
{
	struct device *dev = edu.dev;

	REFUSED(coherent_box_zeroed(&empty_box, dev, 0), -EINVAL, "reasons.c:");
	REFUSED(coherent_box_zeroed(&empty_box, dev, 0), -EINVAL, "object has no bytes");
	REFUSED(coherent_handle_zeroed(&empty_handle, dev, 0), -EINVAL, "object has no bytes");
	REFUSED(coherent_handle_zeroed(&handle, dev, 1), -EBUSY, "object is not empty");
	REFUSED(coherent_zeroed(&empty_mem, dev, 1, .attrs = 1 << 30), -EINVAL, "attribute");
	REFUSED(coherent_zeroed(&empty_mem, dev, 1, .level = 9), -EINVAL, ".level");
	REFUSED(coherent_zeroed(&empty_mem, dev, 1, .permission = 9), -EINVAL, ".permission");
	REFUSED(coherent_zeroed(&empty_mem, dev, 1, .gfp = GFP_KERNEL | __GFP_DMA), -EINVAL,
		".gfp has a zone");
	REFUSED(coherent_zeroed(&empty_mem, dev, 1, .align = 3), -EINVAL, ".align");
	REFUSED(coherent_zeroed(&empty_mem, dev, 1, .boundary = 3), -EINVAL, ".boundary is not");
	REFUSED(coherent_zeroed(&empty_mem, dev, 513, .boundary = 4096), -EINVAL,
		".boundary is less");
	REFUSED(coherent_from(&empty_mem, dev, (u64 *)NULL, 1), -EINVAL, "NULL");
	REFUSED(coherent_box_from(&empty_box, dev, (u64 *)NULL, 1), -EINVAL, "NULL");
	REFUSED(coherent_box_zeroed(&box, dev, 1), -EBUSY, "box is not empty");
	REFUSED(coherent_zeroed(&mem, dev, 1), -EBUSY, "object is not empty");
	REFUSED(coherent_zeroed(&empty_mem, dev, 1, .permission = COHERENT_READ_ONLY), -EOPNOTSUPP,
		"COHERENT_READ_ONLY");
	REFUSED(coherent_init(&empty_mem, dev, 1, returns_one, NULL), -EINVAL, "positive");
	if (is_enforced())
		REFUSED(coherent_zeroed(&empty_mem, dev, 1, .level = COHERENT_IOMMU,
					.attrs = COHERENT_ATTR_WEAK_ORDERING),
			-EOPNOTSUPP, "no attribute but");
	else if (coherent_device_level(dev) == COHERENT_HIDDEN)
		REFUSED(coherent_zeroed(&empty_mem, dev, 1, .level = COHERENT_IOMMU), -EOPNOTSUPP,
			"IOMMU");
	REFUSED(coherent_device_set_mask(dev, 5), -EINVAL, "mask");
}

static void refused_calls_on_objects_say_why(struct kunit *test)
{
	REFUSED(coherent_box_init_at(&box, 1, element_returns_one, NULL), -EINVAL,
		"no such element");
	REFUSED(coherent_box_init_at(&box, 0, element_returns_one, NULL), -EINVAL, "positive");
	REFUSED(coherent_expose(&empty_box, &empty_mem), -EINVAL, "empty box");
	REFUSED(coherent_expose(&empty_box, &empty_mem, .seal = seal_returns_one), -EINVAL,
		"empty box");
	REFUSED(coherent_reclaim(&empty_mem, &empty_box), -EINVAL, "empty mem");
	REFUSED(coherent_reclaim(&mem, &box), -EBUSY, "box is not empty");
	if (!is_enforced())
		REFUSED(coherent_reclaim(&mem, &empty_box), -EBUSY, ".idle");
	REFUSED(coherent_manage(&empty_mem), -EINVAL, "managed");
	REFUSED(coherent_box_manage(&empty_box), -EINVAL, "managed");
	REFUSED(PTR_ERR(coherent_debugfs_create("x", NULL, &empty_mem)), -EINVAL, "file");
	REFUSED(coherent_expose(&box, &mem), -EBUSY, "mem is not empty");
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box));
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1), 0);
	REFUSED(coherent_expose(&box, &empty_mem, .permission = 9), -EINVAL, ".permission");
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1), 0);
	REFUSED(coherent_expose(&box, &empty_mem, .permission = COHERENT_READ_ONLY), -EOPNOTSUPP,
		"COHERENT_READ_ONLY");
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1), 0);
	REFUSED(coherent_expose(&box, &empty_mem, .seal = seal_returns_one), -EINVAL, "positive");
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&empty_mem));
}

/* A move to itself is not a mistake. A target that is in use stays as it is. */
#define MOVE_IS_REFUSED(from, to, words)                         \
	do {                                                     \
		lines = 0;                                       \
		coherent_move(to, to);                           \
		KUNIT_EXPECT_EQ(test, lines, 0);                 \
		coherent_move(from, to);                         \
		KUNIT_EXPECT_EQ(test, lines, 1);                 \
		KUNIT_EXPECT_TRUE(test, strstr(line, words));    \
		KUNIT_EXPECT_TRUE(test, names(__func__));        \
		KUNIT_EXPECT_TRUE(test, !coherent_is_empty(to)); \
	} while (0)

static void refused_moves_say_why(struct kunit *test)
{
	COHERENT_BOX_AUTO(u64, other_box);
	COHERENT_AUTO(u64, other_mem);
	COHERENT_LOAN_AUTO(u64, loan);
	COHERENT_LOAN_AUTO(u64, empty_loan);

	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&other_box, edu.dev, 1), 0);
	KUNIT_EXPECT_EQ(test, coherent_lend(&other_box, &loan, COHERENT_TO_DEVICE), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&other_box, edu.dev, 1), 0);
	KUNIT_EXPECT_EQ(test, coherent_zeroed(&other_mem, edu.dev, 1), 0);
	MOVE_IS_REFUSED(&other_box, &box, "reasons.c");
	MOVE_IS_REFUSED(&empty_box, &box, "box is not empty");
	MOVE_IS_REFUSED(&other_mem, &mem, "reasons.c");
	MOVE_IS_REFUSED(&empty_mem, &mem, "mem is not empty");
	MOVE_IS_REFUSED(&empty_loan, &loan, "loan is not empty");
	KUNIT_EXPECT_TRUE(test, !coherent_is_empty(&other_box) && !coherent_is_empty(&other_mem));
}

static void refused_calls_on_several_boxes_say_why(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box));
	REFUSED(coherent_expose_all(COHERENT_EXPOSURE(&box, &empty_mem)), -EINVAL, "empty box");
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1), 0);
	REFUSED(coherent_expose_all(COHERENT_EXPOSURE(&box, &empty_mem, .permission = 9)), -EINVAL,
		".permission");
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 1), 0);
	REFUSED(coherent_expose_all(COHERENT_EXPOSURE(&box, &mem)), -EBUSY, "mem is not empty");
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box));
}

static int reasons_begin(struct kunit_suite *suite)
{
	int err = world_begin(suite);

	keeps_lines = true;
	if (!err)
		err = coherent_box_zeroed(&box, edu.dev, 1, .level = level);
	if (!err)
		err = coherent_handle_zeroed(&handle, edu.dev, 1, .level = level);
	return err ? err : coherent_zeroed(&mem, edu.dev, 1, .level = level);
}

static void reasons_end(struct kunit_suite *suite)
{
	coherent_box_free(&box);
	coherent_free(&mem);
	coherent_handle_free(&handle);
	keeps_lines = false;
	world_end(suite);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(refused_allocations_say_why),
	KUNIT_CASE(refused_moves_say_why),
	KUNIT_CASE(refused_calls_on_objects_say_why),
	KUNIT_CASE(refused_calls_on_several_boxes_say_why),
	{},
};

struct kunit_suite reasons = {
	.name = "reasons",
	.suite_init = reasons_begin,
	.suite_exit = reasons_end,
	.test_cases = cases,
};
