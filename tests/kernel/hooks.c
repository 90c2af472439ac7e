// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The kernel face, in which macros replace the calls by which it acquires and releases something. */
#include <linux/delay.h>
#include <linux/cc_platform.h>
#include <linux/device.h>
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/prctl.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "nth.h"

int nth;
atomic_t live = ATOMIC_INIT(0);
struct got alloc_got, free_got;
struct fake fake;
u64 other_mask;
bool bounced, bounces, careless, keeps_arguments, keeps_lines, scatters;
struct machine machine;
struct zaps zaps;

/* The BAR of the world, which is open between two tests, is a mapping and some memory. */
#define OF_THE_WORLD 2

char line[256];
unsigned int lines;

static bool fails(void)
{
	return nth && !--nth;
}

/* Several threads call this. So it writes only if there is something to say. */
static void check_context(gfp_t gfp)
{
	if (irqs_disabled() && gfpflags_allow_blocking(gfp))
		WRITE_ONCE(careless, true);
}

static void check_care(size_t bytes, gfp_t gfp)
{
	check_context(gfp);
	if (bytes % PAGE_SIZE || !(gfp & __GFP_ZERO))
		WRITE_ONCE(careless, true);
}

/* The library must not call what may sleep where the kernel shows that a sleep is a mistake. */
static void check_may_sleep(void)
{
	if (in_interrupt() || irqs_disabled() || rcu_preempt_depth() ||
	    (IS_ENABLED(CONFIG_PREEMPT_COUNT) && !preemptible()))
		WRITE_ONCE(careless, true);
}

/* --- Replacements --- */

static void *nth_zalloc(size_t bytes, gfp_t gfp)
{
	void *got = fails() ? NULL : kzalloc(bytes, gfp);

	check_context(gfp);
	atomic_add(!!got, &live);
	return got;
}

static void nth_free(const void *got)
{
	atomic_sub(!!got, &live);
	kfree(got);
}

static void *nth_alloc_attrs(struct device *dev, size_t bytes, dma_addr_t *address, gfp_t gfp,
			     unsigned long attrs)
{
	const u64 usual = dev->coherent_dma_mask;
	void *got;

	if (other_mask)
		dev->coherent_dma_mask = other_mask;
	got = fails() ? NULL : dma_alloc_attrs(dev, bytes, address, gfp, attrs);
	if (other_mask)
		dev->coherent_dma_mask = usual;
	check_care(bytes, gfp);
	if (fake.used) {
		fake.real = *address;
		*address = fake.address;
	}
	if (keeps_arguments)
		alloc_got = (struct got){ bytes, *address, attrs };
	atomic_add(!!got, &live);
	return got;
}

static void nth_free_attrs(struct device *dev, size_t bytes, void *got, dma_addr_t address,
			   unsigned long attrs)
{
	check_may_sleep();
	WRITE_ONCE(zaps.at_free, READ_ONCE(zaps.now));
	if (keeps_arguments)
		free_got = (struct got){ bytes, address, attrs };
	atomic_dec(&live);
	dma_free_attrs(dev, bytes, got, fake.used ? fake.real : address, attrs);
}

static void *nth_pages(size_t bytes, gfp_t gfp)
{
	const bool is_missing = scatters && bytes > 8 * PAGE_SIZE;
	void *got = is_missing || fails() ? NULL : alloc_pages_exact(bytes, gfp);

	check_care(bytes, gfp);
	atomic_add(!!got, &live);
	return got;
}

static void nth_free_pages(void *got, size_t bytes)
{
	WRITE_ONCE(zaps.at_free, READ_ONCE(zaps.now));
	atomic_dec(&live);
	free_pages_exact(got, bytes);
}

static struct page *nth_single_page(gfp_t gfp)
{
	struct page *got = fails() ? NULL : alloc_page(gfp);

	check_context(gfp);
	if (!(gfp & __GFP_ZERO))
		WRITE_ONCE(careless, true);
	atomic_add(!!got, &live);
	return got;
}

static void nth_free_single_page(struct page *got)
{
	atomic_dec(&live);
	__free_page(got);
}

static void nth_zap(struct address_space *space, loff_t first, loff_t bytes, int even_cows)
{
	check_may_sleep();
	WRITE_ONCE(zaps.now, zaps.now + 1);
	zaps.first = first;
	unmap_mapping_range(space, first, bytes, even_cows);
}

static void *nth_vmalloc(size_t bytes, gfp_t gfp)
{
	void *got = fails() ? NULL : __vmalloc(bytes, gfp);

	check_care(bytes, gfp);
	atomic_add(!!got, &live);
	return got;
}

static void nth_vfree(const void *got)
{
	check_may_sleep();
	atomic_dec(&live);
	vfree(got);
}

static phys_addr_t nth_iova_to_phys(struct iommu_domain *domain, dma_addr_t address)
{
	return bounces || fails() ? 0 : iommu_iova_to_phys(domain, address);
}

static void *nth_devres(dr_release_t release, size_t bytes, gfp_t gfp)
{
	check_context(gfp);
	return fails() ? NULL : devres_alloc(release, bytes, gfp);
}

static void __iomem *nth_iomap(struct pci_dev *pci, int bar, unsigned long bytes)
{
	void __iomem *got = fails() ? NULL : pci_iomap(pci, bar, bytes);

	atomic_add(!!got, &live);
	return got;
}

static void nth_iounmap(struct pci_dev *pci, void __iomem *got)
{
	atomic_dec(&live);
	pci_iounmap(pci, got);
}

static int nth_request_irq(unsigned int number, irq_handler_t handler, unsigned long flags,
			   const char *name, void *arg)
{
	int err = fails() ? -EINVAL : request_irq(number, handler, flags, name, arg);

	atomic_add(!err, &live);
	return err;
}

static const void *nth_free_irq(unsigned int number, void *arg)
{
	atomic_dec(&live);
	return free_irq(number, arg);
}

#ifdef DMA_IOVA_USE_SWIOTLB

static bool nth_reserve(struct device *dev, struct dma_iova_state *state, phys_addr_t phys,
			size_t bytes)
{
	bool got = !fails() && dma_iova_try_alloc(dev, state, phys, bytes);

	atomic_add(got, &live);
	return got;
}

static void nth_release(struct device *dev, struct dma_iova_state *state)
{
	atomic_dec(&live);
	dma_iova_free(dev, state);
}

static int nth_link(struct device *dev, struct dma_iova_state *state, phys_addr_t phys,
		    size_t offset, size_t bytes, enum dma_data_direction direction,
		    unsigned long attrs)
{
	int err;

	if (bounces && attrs)
		return -EPERM;
	bounced |= bounces;
	err = fails() ? -ENOMEM : dma_iova_link(dev, state, phys, offset, bytes, direction, attrs);
	/* Separate pages have a link each. They are unlinked in one step. */
	atomic_add(!err && !offset, &live);
	return err;
}

static int nth_sync(struct device *dev, struct dma_iova_state *state, size_t offset, size_t bytes)
{
	return fails() ? -EIO : dma_iova_sync(dev, state, offset, bytes);
}

static void nth_unlink(struct device *dev, struct dma_iova_state *state, size_t offset,
		       size_t bytes, enum dma_data_direction direction, unsigned long attrs)
{
	atomic_dec(&live);
	dma_iova_unlink(dev, state, offset, bytes, direction, attrs);
}

#define dma_iova_try_alloc nth_reserve
#define dma_iova_free nth_release
#define dma_iova_link nth_link
#define dma_iova_sync nth_sync
#define dma_iova_unlink nth_unlink

#endif

static size_t nth_largest_mapping(struct device *dev)
{
	return machine.largest_mapping ? machine.largest_mapping : dma_max_mapping_size(dev);
}

static const struct dma_map_ops *nth_dma_ops(struct device *dev)
{
	static const struct dma_map_ops own;

	return machine.own_address ? &own : get_dma_ops(dev);
}

static dma_addr_t nth_map(struct device *dev, struct page *page, size_t offset, size_t bytes,
			  enum dma_data_direction direction, unsigned long attrs)
{
	dma_addr_t got = machine.own_address;

	if (!got)
		got = fails() ? DMA_MAPPING_ERROR :
				dma_map_page_attrs(dev, page, offset, bytes, direction, attrs);
	bounced |= bounces;
	atomic_add(got != DMA_MAPPING_ERROR, &live);
	return got;
}

static void nth_unmap(struct device *dev, dma_addr_t address, size_t bytes,
		      enum dma_data_direction direction, unsigned long attrs)
{
	atomic_dec(&live);
	if (!machine.own_address)
		dma_unmap_page_attrs(dev, address, bytes, direction, attrs);
}

#ifndef DMA_IOVA_USE_SWIOTLB

static int nth_table(struct sg_table *table, unsigned int count, gfp_t gfp)
{
	int err = fails() ? -ENOMEM : sg_alloc_table(table, count, gfp);

	check_context(gfp);

	atomic_add(!err, &live);
	return err;
}

static void nth_free_table(struct sg_table *table)
{
	atomic_sub(!!table->sgl, &live);
	sg_free_table(table);
}

static int nth_map_table(struct device *dev, struct sg_table *table,
			 enum dma_data_direction direction, unsigned long attrs)
{
	int err = fails() ? -ENOMEM : dma_map_sgtable(dev, table, direction, attrs);

	atomic_add(!err, &live);
	return err;
}

static void nth_unmap_table(struct device *dev, struct sg_table *table,
			    enum dma_data_direction direction, unsigned long attrs)
{
	atomic_dec(&live);
	dma_unmap_sgtable(dev, table, direction, attrs);
}

#define sg_alloc_table nth_table
#define sg_free_table nth_free_table
#define dma_map_sgtable nth_map_table
#define dma_unmap_sgtable nth_unmap_table

#endif

#undef kzalloc
#undef __vmalloc
#undef alloc_pages_exact
#undef devres_alloc
#define kzalloc nth_zalloc
#define kfree nth_free
#define dma_alloc_attrs nth_alloc_attrs
#define dma_free_attrs nth_free_attrs
#define alloc_pages_exact nth_pages
#define free_pages_exact nth_free_pages
#define __vmalloc nth_vmalloc
#define vfree nth_vfree
#undef alloc_page
#undef __free_page
#define alloc_page nth_single_page
#define __free_page nth_free_single_page
#define unmap_mapping_range nth_zap
#define cc_platform_has(attr) (machine.is_encrypted)
#define dma_can_mmap(dev) (!machine.cannot_mmap && dma_can_mmap(dev))
#define dma_max_mapping_size nth_largest_mapping
#define get_dma_ops nth_dma_ops
#define dma_map_page_attrs nth_map
#define dma_unmap_page_attrs nth_unmap
#define iommu_iova_to_phys nth_iova_to_phys
#define devres_alloc nth_devres
#define pci_iomap nth_iomap
#define pci_iounmap nth_iounmap
#define request_irq nth_request_irq
#define free_irq nth_free_irq

#ifdef PR_SET_MDWE

#define vm_flags_set(vma, flags) vm_flags_init(vma, (vma)->vm_flags | (flags))

void add_vma_flags(struct vm_area_struct *vma, unsigned long flags)
{
	vm_flags_init(vma, vma->vm_flags | flags);
}

void remove_vma_flags(struct vm_area_struct *vma, unsigned long flags)
{
	vm_flags_init(vma, vma->vm_flags & ~flags);
}

#else

void add_vma_flags(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

void remove_vma_flags(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags &= ~flags;
}

#endif

/* Keeps the last line for a test that wants it. */
#undef pr_err_ratelimited
#define pr_err_ratelimited(fmt, ...)                                             \
	do {                                                                     \
		if (keeps_lines)                                                 \
			lines++, snprintf(line, sizeof(line), fmt, __VA_ARGS__); \
		else                                                             \
			pr_err(fmt, __VA_ARGS__);                                \
	} while (0)

#include "../../kernel/coherent.c"

const int most_deferred = COHERENT_MAX_DEFERRED;

/* Without DMA_ATTR_REQUIRE_COHERENT the kernel face sees a bounce buffer after the mapping. */
#ifdef DMA_ATTR_REQUIRE_COHERENT
const bool kernel_refuses_bounces = true;
#else
const bool kernel_refuses_bounces;
#endif

ssize_t read_blob(struct file *file, char __user *to, size_t bytes, loff_t *at)
{
	return coherent_blob_read(file, to, bytes, at);
}

void unbind_frees_all_but(struct kunit *test, int left)
{
	const int still_fails = nth;

	nth = 0;
	world_end(NULL);
	KUNIT_EXPECT_EQ(test, atomic_read(&live), left - OF_THE_WORLD);
	KUNIT_EXPECT_EQ(test, world_begin(NULL), 0);
	nth = still_fails;
}

void unbind_frees_all(struct kunit *test)
{
	unbind_frees_all_but(test, 0);
}
