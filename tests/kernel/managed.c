// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* These tests check objects that are allocated with .managed = true. Devres frees them. */
#include <coherent/loan.h>
#include <coherent/migrate.h>
#include <linux/slab.h>

#include "nth.h"

/* @released counts how often the driver got its memory back. */
struct objects {
	COHERENT_BOX(u64) zeroed_box;
	COHERENT_BOX(u64) copied_box;
	COHERENT_BOX(u64) adopted_box;
	COHERENT(u64) zeroed;
	COHERENT(u64) copied;
	COHERENT(u64) filled;
	COHERENT(u64) migrated;
	struct coherent_handle handle;
	u64 *memory;
	int released;
};

static int fill(u64 *elements, size_t count, void *arg)
{
	return 0;
}

static void release(void *memory, void *released)
{
	(*(int *)released)++;
}

static int allocate_boxes(struct objects *all, gfp_t gfp, bool managed)
{
	const u64 two[2] = { 1, 2 };
	int err;

	err = coherent_box_zeroed(&all->zeroed_box, edu.dev, 2, .level = level, .gfp = gfp,
				  .managed = managed);
	if (!err)
		err = coherent_box_from(&all->copied_box, edu.dev, two, 2, .level = level,
					.gfp = gfp, .managed = managed);
	if (!err)
		err = coherent_box_adopt(&all->adopted_box, edu.dev, all->memory, 2, .gfp = gfp,
					 .managed = managed, .release = release,
					 .release_arg = &all->released);
	return err;
}

static int allocate_mems(struct objects *all, gfp_t gfp, bool managed)
{
	const u64 two[2] = { 1, 2 };
	int err;

	err = coherent_zeroed(&all->zeroed, edu.dev, 2, .level = level, .gfp = gfp,
			      .managed = managed);
	if (!err)
		err = coherent_from(&all->copied, edu.dev, two, 2, .level = level, .gfp = gfp,
				    .managed = managed);
	if (!err)
		err = coherent_init(&all->filled, edu.dev, 2, fill, NULL, .level = level,
				    .gfp = gfp, .managed = managed);
	if (!err)
		err = coherent_handle_zeroed(&all->handle, edu.dev, 2, .level = level, .gfp = gfp,
					     .managed = managed);
	return err;
}

static int allocate(struct objects *all, gfp_t gfp, bool managed)
{
	int err = allocate_boxes(all, gfp, managed);

	return err ? err : allocate_mems(all, gfp, managed);
}

static void free_all(struct objects *all)
{
	coherent_box_free(&all->zeroed_box);
	coherent_box_free(&all->copied_box);
	coherent_box_free(&all->adopted_box);
	coherent_free(&all->zeroed);
	coherent_free(&all->copied);
	coherent_free(&all->filled);
	coherent_free(&all->migrated);
	coherent_handle_free(&all->handle);
}

static bool are_managed(const struct objects *all)
{
	return all->zeroed_box.base.object.managed && all->copied_box.base.object.managed &&
	       all->adopted_box.base.object.managed && all->zeroed.base.object.managed &&
	       all->copied.base.object.managed && all->filled.base.object.managed &&
	       all->handle.base.object.managed;
}

static struct objects objects;

static int objects_begin(struct kunit *test)
{
	memset(&objects, 0, sizeof(objects));
	objects.memory = (u64 *)__get_free_page(GFP_KERNEL | GFP_DMA);
	atomic_set(&live, 0);
	return objects.memory ? 0 : -ENOMEM;
}

static void objects_end(void)
{
	free_page((unsigned long)objects.memory);
}

/* Each object ends with the driver, in the phase that it is in then. */
static void devres_frees_what_is_allocated_managed(struct kunit *test)
{
	COHERENT(u64) exposed = COHERENT_EMPTY;
	COHERENT_BOX(u64) reclaimed = COHERENT_EMPTY;
	COHERENT_LOAN(u64) loan = COHERENT_EMPTY, moved = COHERENT_EMPTY;
	dma_addr_t address;

	KUNIT_ASSERT_EQ(test, objects_begin(test), 0);
	KUNIT_EXPECT_EQ(test, allocate(&objects, 0, true), 0);
	KUNIT_EXPECT_TRUE(test, are_managed(&objects));
	KUNIT_EXPECT_TRUE(test, coherent_migrate_alloc_managed(&objects.migrated, edu.dev, 16,
							       &address, GFP_KERNEL));
	KUNIT_EXPECT_TRUE(test, objects.migrated.base.object.managed);
	KUNIT_EXPECT_EQ(test, coherent_expose(&objects.zeroed_box, &exposed), 0);
	KUNIT_EXPECT_EQ(test, coherent_reclaim(&objects.zeroed, &reclaimed, .idle = true), 0);
	KUNIT_EXPECT_EQ(test, coherent_lend(&objects.adopted_box, &loan, COHERENT_TO_DEVICE), 0);
	coherent_move(&loan, &moved);
	unbind_frees_all(test);
	KUNIT_EXPECT_EQ(test, objects.released, 1);
	objects_end();
}

/* The driver may free a managed object itself. Devres then frees nothing. */
static void managed_objects_are_freed_once(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, objects_begin(test), 0);
	KUNIT_EXPECT_EQ(test, allocate(&objects, 0, true), 0);
	free_all(&objects);
	KUNIT_EXPECT_EQ(test, atomic_read(&live), 0);
	KUNIT_EXPECT_EQ(test, objects.released, 1);
	KUNIT_EXPECT_EQ(test, allocate(&objects, 0, false), 0);
	KUNIT_EXPECT_TRUE(test, !objects.zeroed.base.object.managed);
	free_all(&objects);
	KUNIT_EXPECT_EQ(test, objects.released, 2);
	unbind_frees_all(test);
	KUNIT_EXPECT_EQ(test, objects.released, 2);
	objects_end();
}

/* If an allocation fails, devres has nothing of it, and memory of the driver stays the driver's. */
static void failed_managed_allocation_leaves_nothing(struct kunit *test)
{
	int n, err, adopted;

	KUNIT_ASSERT_EQ(test, objects_begin(test), 0);
	for (n = 1;; n++) {
		nth = n;
		objects.released = 0;
		err = allocate(&objects, 0, true);
		adopted = !coherent_is_empty(&objects.adopted_box);
		free_all(&objects);
		KUNIT_EXPECT_EQ(test, atomic_read(&live), 0);
		KUNIT_EXPECT_EQ(test, objects.released, adopted);
		if (nth)
			break;
		KUNIT_EXPECT_TRUE(test, is_expected(err));
	}
	nth = 0;
	KUNIT_EXPECT_EQ(test, err, 0);
	/* Each of seven objects has memory, a record, and an entry of devres. */
	KUNIT_EXPECT_TRUE(test, n > 2 * 7);
	unbind_frees_all(test);
	objects_end();
}

static int fail(u64 *elements, size_t count, void *arg)
{
	return -EDOM;
}

static int fail_to_seal(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	return -EDOM;
}

static void managed_mem_that_fails_later_is_freed(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, objects_begin(test), 0);
	KUNIT_EXPECT_EQ(test,
			coherent_init(&objects.filled, edu.dev, 2, fail, NULL, .level = level,
				      .managed = true),
			-EDOM);
	KUNIT_EXPECT_EQ(test,
			coherent_zeroed(&objects.zeroed, edu.dev, 2, .seal = fail_to_seal,
					.level = level, .managed = true),
			-EDOM);
	KUNIT_EXPECT_EQ(test, atomic_read(&live), 0);
	unbind_frees_all(test);
	objects_end();
}

static void managed_objects_work_in_atomic_context(struct kunit *test)
{
	static DEFINE_SPINLOCK(lock);
	unsigned long flags;
	int err;

	KUNIT_ASSERT_EQ(test, objects_begin(test), 0);
	spin_lock_irqsave(&lock, flags);
	err = allocate(&objects, GFP_ATOMIC, true);
	coherent_free(&objects.zeroed);
	coherent_box_free(&objects.adopted_box);
	spin_unlock_irqrestore(&lock, flags);
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, objects.released, 1);
	unbind_frees_all(test);
	KUNIT_EXPECT_EQ(test, objects.released, 1);
	objects_end();
}

static struct kunit_case cases[] = {
	KUNIT_CASE(devres_frees_what_is_allocated_managed),
	KUNIT_CASE(managed_objects_are_freed_once),
	KUNIT_CASE(failed_managed_allocation_leaves_nothing),
	KUNIT_CASE(managed_mem_that_fails_later_is_freed),
	KUNIT_CASE(managed_objects_work_in_atomic_context),
	{},
};

struct kunit_suite managed = {
	.name = "managed",
	.suite_init = world_begin,
	.suite_exit = world_end,
	.test_cases = cases,
};
