// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * coherent_mmap() with a VMA that no process has. mmap_user.c maps mems to processes.
 */
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include <coherent/mmap.h>
#include <coherent/pool.h>

#include "nth.h"

#define PAGES 3

struct page_bytes {
	u8 bytes[PAGE_SIZE];
};

COHERENT_TYPE(mapped_pages, struct page_bytes);
COHERENT_BOX_TYPE(box_of_pages, struct page_bytes);

static struct address_space space;
static struct file file = { .f_mapping = &space };

/* Makes @vma one of a shared mapping that can be written to. */
static void vma_make(struct vm_area_struct *vma, unsigned long first_page, unsigned long pages)
{
	memset(vma, 0, sizeof(*vma));
	vma->vm_file = &file;
	vma->vm_start = SZ_1G;
	vma->vm_end = SZ_1G + pages * PAGE_SIZE;
	vma->vm_pgoff = first_page;
	add_vma_flags(vma, VM_SHARED | VM_MAYSHARE | VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE);
}

static int make(union mapped_pages *mem)
{
	return coherent_zeroed(mem, edu.dev, PAGES, .level = level);
}

/* Maps part of a mem, and unmaps it again. */
static int try_part(union mapped_pages *mem, unsigned long first_page, unsigned long pages)
{
	struct vm_area_struct vma;
	int err;

	vma_make(&vma, first_page, pages);
	err = coherent_mmap(mem, &vma);
	if (!err)
		vma.vm_ops->close(&vma);
	return err;
}

static void mapping_stays_in_the_mem(struct kunit *test)
{
	union mapped_pages mem = COHERENT_EMPTY;
	unsigned long first, pages;

	atomic_set(&live, 0);
	KUNIT_ASSERT_EQ(test, make(&mem), 0);
	for (first = 0; first <= PAGES + 1; first++)
		for (pages = 1; pages <= PAGES + 1; pages++)
			KUNIT_EXPECT_EQ(test, try_part(&mem, first, pages),
					first + pages <= PAGES ? 0 : -ERANGE);
	KUNIT_EXPECT_EQ(test, try_part(&mem, ULONG_MAX, 1), -ERANGE);
	KUNIT_EXPECT_EQ(test, try_part(&mem, ULONG_MAX, 2), -ERANGE);
	KUNIT_EXPECT_EQ(test, try_part(&mem, 1, ULONG_MAX >> PAGE_SHIFT), -ERANGE);
	coherent_free(&mem);
	KUNIT_EXPECT_EQ(test, atomic_read(&live), 0);
}

static void mapping_is_not_copied_to_a_core_file_or_expanded(struct kunit *test)
{
	const unsigned long wanted = VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP;
	union mapped_pages mem = COHERENT_EMPTY;
	struct vm_area_struct vma;

	KUNIT_ASSERT_EQ(test, make(&mem), 0);
	vma_make(&vma, 0, 1);
	KUNIT_ASSERT_EQ(test, coherent_mmap(&mem, &vma), 0);
	KUNIT_EXPECT_EQ(test, vma.vm_flags & wanted, wanted);
	coherent_free(&mem);
	vma.vm_ops->close(&vma);
}

/* Mems in one file do not lose each other's pages, whatever the offset was. */
static void each_mem_has_its_own_pages_of_the_file(struct kunit *test)
{
	union mapped_pages mems[2] = { COHERENT_EMPTY, COHERENT_EMPTY };
	struct vm_area_struct vmas[2];
	int i;

	atomic_set(&live, 0);
	for (i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, make(&mems[i]), 0);
		vma_make(&vmas[i], 1, PAGES - 1);
		KUNIT_ASSERT_EQ(test, coherent_mmap(&mems[i], &vmas[i]), 0);
		KUNIT_EXPECT_TRUE(test, vmas[i].vm_pgoff > 1UL << 30);
	}
	KUNIT_EXPECT_TRUE(test, vmas[0].vm_pgoff + PAGES <= vmas[1].vm_pgoff ||
					vmas[1].vm_pgoff + PAGES <= vmas[0].vm_pgoff);
	for (i = 0; i < 2; i++)
		coherent_free(&mems[i]);
	unbind_frees_all_but(test, 6);
	KUNIT_EXPECT_EQ(test, zaps.first, (loff_t)(vmas[1].vm_pgoff - 1) << PAGE_SHIFT);
	for (i = 0; i < 2; i++)
		vmas[i].vm_ops->close(&vmas[i]);
}

/* The call must fail with an error and one line that has some words. */
static void must_be_refused_with(struct kunit *test, union mapped_pages *mem,
				 struct vm_area_struct *vma, int wanted, const char *words)
{
	keeps_lines = true;
	lines = 0;
	KUNIT_EXPECT_EQ(test, coherent_mmap(mem, vma), wanted);
	KUNIT_EXPECT_EQ(test, lines, words ? 1 : 0);
	KUNIT_EXPECT_TRUE(test, !words || (strstr(line, words) && strstr(line, "in ")));
	keeps_lines = false;
}

static void refused_mappings_say_why(struct kunit *test)
{
	union mapped_pages mem = COHERENT_EMPTY;
	struct vm_area_struct vma;

	vma_make(&vma, 0, 1);
	must_be_refused_with(test, &mem, &vma, -EINVAL, "empty mem");
	KUNIT_ASSERT_EQ(test, make(&mem), 0);
	vma_make(&vma, PAGES, 1);
	must_be_refused_with(test, &mem, &vma, -ERANGE, NULL);
	vma_make(&vma, 0, 1);
	KUNIT_ASSERT_EQ(test, coherent_mmap(&mem, &vma), 0);
	must_be_refused_with(test, &mem, &vma, -EBUSY, "VMA has a mem");
	vma.vm_ops->close(&vma);
	vma_make(&vma, 0, 1);
	remove_vma_flags(&vma, VM_SHARED);
	must_be_refused_with(test, &mem, &vma, -EINVAL, "private");
	/* This is a shared mapping of a file that is open for reading, or a private one for reading. */
	remove_vma_flags(&vma, VM_MAYWRITE);
	KUNIT_EXPECT_EQ(test, coherent_mmap(&mem, &vma), 0);
	vma.vm_ops->close(&vma);
	coherent_free(&mem);
}

static void memory_that_no_process_can_have_is_refused(struct kunit *test)
{
	union mapped_pages mem = COHERENT_EMPTY;
	struct device *const dev = edu.dev;
	static struct device unbound;
	struct vm_area_struct vma;

	KUNIT_ASSERT_EQ(test, make(&mem), 0);
	vma_make(&vma, 0, 1);
	machine.is_encrypted = true;
	if (is_enforced())
		KUNIT_EXPECT_EQ(test, try_part(&mem, 0, 1), 0);
	else
		must_be_refused_with(test, &mem, &vma, -EOPNOTSUPP, "encrypts");
	machine.is_encrypted = false;
	machine.cannot_mmap = true;
	if (is_enforced())
		KUNIT_EXPECT_EQ(test, try_part(&mem, 0, 1), 0);
	else
		must_be_refused_with(test, &mem, &vma, -EOPNOTSUPP, "cannot map");
	machine.cannot_mmap = false;
	mem.base.object.dev = &unbound;
	must_be_refused_with(test, &mem, &vma, -ENODEV, NULL);
	mem.base.object.dev = dev;
	coherent_free(&mem);
}

static void mem_of_a_pool_is_refused(struct kunit *test)
{
	COHERENT_POOL(struct page_bytes) pool = COHERENT_EMPTY;
	union box_of_pages box = COHERENT_EMPTY;
	union mapped_pages mem = COHERENT_EMPTY;
	struct vm_area_struct vma;

	KUNIT_ASSERT_EQ(test, coherent_pool_create(&pool, edu.dev, .level = level), 0);
	KUNIT_ASSERT_EQ(test, coherent_pool_box(&pool, &box), 0);
	KUNIT_ASSERT_EQ(test, coherent_expose(&box, &mem), 0);
	vma_make(&vma, 0, 1);
	must_be_refused_with(test, &mem, &vma, -EOPNOTSUPP, "of a pool");
	coherent_free(&mem);
	KUNIT_EXPECT_EQ(test, coherent_pool_destroy(&pool), 0);
}

static void each_call_fails_in_turn(struct kunit *test)
{
	union mapped_pages mem = COHERENT_EMPTY;
	struct vm_area_struct vma, second;
	int n, err;

	for (n = 1;; n++) {
		atomic_set(&live, 0);
		KUNIT_ASSERT_EQ(test, make(&mem), 0);
		vma_make(&vma, 0, PAGES);
		vma_make(&second, 1, 1);
		nth = n;
		err = coherent_mmap(&mem, &vma);
		if (!err)
			err = coherent_mmap(&mem, &second);
		KUNIT_EXPECT_TRUE(test, nth ? !err : err == -ENOMEM);
		/* A VMA whose call failed has no operations, so that the kernel calls none. */
		if (vma.vm_ops)
			vma.vm_ops->close(&vma);
		if (second.vm_ops)
			second.vm_ops->close(&second);
		coherent_free(&mem);
		KUNIT_EXPECT_EQ(test, atomic_read(&live), 0);
		if (nth)
			break;
	}
	nth = 0;
	pr_info("# %d calls of coherent_mmap() failed in turn\n", n - 1);
	/* Each mapping has a record and a page. The first one makes the record of all. */
	KUNIT_EXPECT_TRUE(test, n - 1 >= (is_enforced() ? 5 : 6));
}

/* A mapping may outlive its mem, and may be split and copied before and after that. */
static void mappings_and_mem_end_in_any_order(struct kunit *test)
{
	static struct vm_area_struct vmas[3];
	union mapped_pages mem = COHERENT_EMPTY;
	COHERENT_BOX(struct page_bytes) box = COHERENT_EMPTY;
	int order, i;

	for (order = 0; order < 8; order++) {
		atomic_set(&live, 0);
		KUNIT_ASSERT_EQ(test, make(&mem), 0);
		KUNIT_EXPECT_EQ(test, order & 4 ? coherent_manage(&mem) : 0, 0);
		vma_make(&vmas[0], 0, PAGES);
		vma_make(&vmas[1], 2, 1);
		KUNIT_ASSERT_EQ(test, coherent_mmap(&mem, &vmas[0]), 0);
		KUNIT_ASSERT_EQ(test, coherent_mmap(&mem, &vmas[1]), 0);
		memcpy(&vmas[2], &vmas[0], sizeof(vmas[0]));
		vmas[2].vm_ops->open(&vmas[2]);
		for (i = 0; order & 1 && i < 3; i++)
			vmas[i].vm_ops->close(&vmas[i]);
		if (order & 2)
			KUNIT_EXPECT_EQ(test, coherent_reclaim(&mem, &box, .idle = true), 0);
		coherent_free(&mem);
		coherent_box_free(&box);
		for (i = 0; !(order & 1) && i < 3; i++)
			vmas[i].vm_ops->close(&vmas[i]);
		KUNIT_EXPECT_EQ(test, atomic_read(&live), 0);
	}
}

/* Without this the library cannot see a spinlock, so that the end of a mapped mem always waits. */
static const bool counts_preemption = IS_ENABLED(CONFIG_PREEMPT_COUNT);

static void processes_lose_the_memory_before_it_is_free(struct kunit *test)
{
	union mapped_pages mem = COHERENT_EMPTY;
	struct vm_area_struct vma;
	int i;

	for (i = 0; i < 3; i++) {
		atomic_set(&live, 0);
		KUNIT_ASSERT_EQ(test, make(&mem), 0);
		vma_make(&vma, 0, 1);
		KUNIT_ASSERT_EQ(test, coherent_mmap(&mem, &vma), 0);
		KUNIT_EXPECT_EQ(test, i ? coherent_manage(&mem) : 0, 0);
		zaps.now = 0;
		zaps.at_free = -1;
		if (i < 2)
			coherent_free(&mem);
		if (i == 2 || !counts_preemption)
			unbind_frees_all_but(test, 3);
		KUNIT_EXPECT_EQ(test, zaps.now, 1);
		KUNIT_EXPECT_EQ(test, zaps.at_free, 1);
		vma.vm_ops->close(&vma);
		memset(&mem, 0, sizeof(mem));
	}
}

static DEFINE_SPINLOCK(lock);

/* Returns what a reclaim of the mem returned. */
static int end_with_interrupts_off(union mapped_pages *mem, union box_of_pages *box)
{
	unsigned long flags;
	int err;

	spin_lock_irqsave(&lock, flags);
	err = coherent_reclaim(mem, box, .idle = true);
	coherent_free(mem);
	spin_unlock_irqrestore(&lock, flags);
	return err;
}

/* Without the count the kernel does not tell the library about the spinlock. */
static int end_under_a_spinlock(union mapped_pages *mem, union box_of_pages *box)
{
	int err = -EBUSY;

	spin_lock(&lock);
	if (counts_preemption)
		err = coherent_reclaim(mem, box, .idle = true);
	coherent_free(mem);
	spin_unlock(&lock);
	return err;
}

static int end_in_a_reader_of_rcu(union mapped_pages *mem, union box_of_pages *box)
{
	int err = -EBUSY;

	rcu_read_lock();
	if (counts_preemption)
		err = coherent_reclaim(mem, box, .idle = true);
	coherent_free(mem);
	rcu_read_unlock();
	return err;
}

static void ends_in_atomic_context_wait(struct kunit *test)
{
	static const struct {
		gfp_t gfp;
		bool managed;
		int (*end)(union mapped_pages *mem, union box_of_pages *box);
	} ways[] = {
		{ GFP_ATOMIC, false, end_under_a_spinlock },
		{ GFP_KERNEL, false, end_with_interrupts_off },
		{ GFP_KERNEL, true, end_with_interrupts_off },
		{ GFP_KERNEL, false, end_under_a_spinlock },
		{ GFP_ATOMIC, false, end_in_a_reader_of_rcu },
		{ GFP_KERNEL, false, end_in_a_reader_of_rcu },
	};
	union mapped_pages mem = COHERENT_EMPTY;
	union box_of_pages box = COHERENT_EMPTY;
	struct vm_area_struct vma;
	int i;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		atomic_set(&live, 0);
		KUNIT_ASSERT_EQ(test,
				coherent_zeroed(&mem, edu.dev, PAGES, .level = level,
						.gfp = ways[i].gfp, .managed = ways[i].managed),
				0);
		vma_make(&vma, 0, 1);
		KUNIT_ASSERT_EQ(test, coherent_mmap(&mem, &vma), 0);
		zaps.now = 0;
		KUNIT_EXPECT_EQ(test, ways[i].end(&mem, &box), -EBUSY);
		/* The work item may have run where the context can be preempted. */
		unbind_frees_all_but(test, 3);
		KUNIT_EXPECT_EQ(test, zaps.now, 1);
		KUNIT_EXPECT_TRUE(test, !careless);
		vma.vm_ops->close(&vma);
	}
}

static int processes_begin(struct kunit_suite *suite)
{
	address_space_init_once(&space);
	return world_begin(suite);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(mapping_stays_in_the_mem),
	KUNIT_CASE(mapping_is_not_copied_to_a_core_file_or_expanded),
	KUNIT_CASE(each_mem_has_its_own_pages_of_the_file),
	KUNIT_CASE(refused_mappings_say_why),
	KUNIT_CASE(memory_that_no_process_can_have_is_refused),
	KUNIT_CASE(mem_of_a_pool_is_refused),
	KUNIT_CASE(each_call_fails_in_turn),
	KUNIT_CASE(mappings_and_mem_end_in_any_order),
	KUNIT_CASE(processes_lose_the_memory_before_it_is_free),
	KUNIT_CASE(ends_in_atomic_context_wait),
	{},
};

struct kunit_suite processes = {
	.name = "processes",
	.suite_init = processes_begin,
	.suite_exit = world_end,
	.test_cases = cases,
};
