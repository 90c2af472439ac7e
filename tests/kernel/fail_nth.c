// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Each call by which the kernel face acquires something fails in turn. The kernel face then
 * releases all that it has acquired. The calls are in static inlines, so that macros can replace
 * them in this file.
 */
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

/* @nth counts down to the call that fails; 0 for none. @live counts acquired resources. */
static int nth;
static int live;

/* The arguments of the last allocation with COHERENT_HIDDEN, and of the last free. */
static struct {
	size_t bytes;
	dma_addr_t address;
	unsigned long attrs;
} alloc_got, free_got;

/* If @used is set, dma_alloc_attrs() returns @address instead of the real address. */
static struct {
	bool used;
	dma_addr_t address;
	dma_addr_t real;
} fake;

/*
 * Set if memory was allocated without __GFP_ZERO, or a size that is not whole pages. Some
 * platforms zero only what they are asked to zero.
 */
static bool careless;

static bool fails(void)
{
	return nth && !--nth;
}

/* --- Replacements --- */

static void *nth_zalloc(size_t bytes, gfp_t gfp)
{
	void *got = fails() ? NULL : kzalloc(bytes, gfp);

	live += !!got;
	return got;
}

static void nth_free(const void *got)
{
	live -= !!got;
	kfree(got);
}

static void *nth_alloc_attrs(struct device *dev, size_t bytes, dma_addr_t *address, gfp_t gfp,
			     unsigned long attrs)
{
	void *got = fails() ? NULL : dma_alloc_attrs(dev, bytes, address, gfp, attrs);

	careless |= bytes % PAGE_SIZE || !(gfp & __GFP_ZERO);
	alloc_got.bytes = bytes;
	fake.real = *address;
	if (fake.used)
		*address = fake.address;
	alloc_got.address = *address;
	alloc_got.attrs = attrs;
	live += !!got;
	return got;
}

static void nth_free_attrs(struct device *dev, size_t bytes, void *got, dma_addr_t address,
			   unsigned long attrs)
{
	free_got.bytes = bytes;
	free_got.address = address;
	free_got.attrs = attrs;
	live--;
	dma_free_attrs(dev, bytes, got, fake.used ? fake.real : address, attrs);
}

static void *nth_pages(size_t bytes, gfp_t gfp)
{
	void *got = fails() ? NULL : alloc_pages_exact(bytes, gfp);

	careless |= bytes % PAGE_SIZE || !(gfp & __GFP_ZERO);
	live += !!got;
	return got;
}

static void nth_free_pages(void *got, size_t bytes)
{
	live--;
	free_pages_exact(got, bytes);
}

static phys_addr_t nth_iova_to_phys(struct iommu_domain *domain, dma_addr_t address)
{
	return fails() ? 0 : iommu_iova_to_phys(domain, address);
}

static void *nth_devres(dr_release_t release, size_t bytes, gfp_t gfp)
{
	return fails() ? NULL : devres_alloc(release, bytes, gfp);
}

static void __iomem *nth_iomap(struct pci_dev *pci, int bar, unsigned long bytes)
{
	void __iomem *got = fails() ? NULL : pci_iomap(pci, bar, bytes);

	live += !!got;
	return got;
}

static void nth_iounmap(struct pci_dev *pci, void __iomem *got)
{
	live--;
	pci_iounmap(pci, got);
}

static int nth_request_irq(unsigned int number, irq_handler_t handler, unsigned long flags,
			   const char *name, void *arg)
{
	int err = fails() ? -EINVAL : request_irq(number, handler, flags, name, arg);

	live += !err;
	return err;
}

static const void *nth_free_irq(unsigned int number, void *arg)
{
	live--;
	return free_irq(number, arg);
}

#ifdef DMA_IOVA_USE_SWIOTLB

static bool nth_reserve(struct device *dev, struct dma_iova_state *state, phys_addr_t phys,
			size_t bytes)
{
	bool got = !fails() && dma_iova_try_alloc(dev, state, phys, bytes);

	live += got;
	return got;
}

static void nth_release(struct device *dev, struct dma_iova_state *state)
{
	live--;
	dma_iova_free(dev, state);
}

static int nth_link(struct device *dev, struct dma_iova_state *state, phys_addr_t phys,
		    size_t offset, size_t bytes, enum dma_data_direction direction,
		    unsigned long attrs)
{
	int err = fails() ? -ENOMEM :
			    dma_iova_link(dev, state, phys, offset, bytes, direction, attrs);

	live += !err;
	return err;
}

static int nth_sync(struct device *dev, struct dma_iova_state *state, size_t offset, size_t bytes)
{
	return fails() ? -EIO : dma_iova_sync(dev, state, offset, bytes);
}

static void nth_unlink(struct device *dev, struct dma_iova_state *state, size_t offset,
		       size_t bytes, enum dma_data_direction direction, unsigned long attrs)
{
	live--;
	dma_iova_unlink(dev, state, offset, bytes, direction, attrs);
}

#define dma_iova_try_alloc nth_reserve
#define dma_iova_free nth_release
#define dma_iova_link nth_link
#define dma_iova_sync nth_sync
#define dma_iova_unlink nth_unlink

#else

static dma_addr_t nth_map(struct device *dev, struct page *page, size_t offset, size_t bytes,
			  enum dma_data_direction direction, unsigned long attrs)
{
	dma_addr_t got = fails() ? DMA_MAPPING_ERROR :
				   dma_map_page_attrs(dev, page, offset, bytes, direction, attrs);

	live += got != DMA_MAPPING_ERROR;
	return got;
}

static void nth_unmap(struct device *dev, dma_addr_t address, size_t bytes,
		      enum dma_data_direction direction, unsigned long attrs)
{
	live--;
	dma_unmap_page_attrs(dev, address, bytes, direction, attrs);
}

#define dma_map_page_attrs nth_map
#define dma_unmap_page_attrs nth_unmap

#endif

#undef kzalloc
#undef alloc_pages_exact
#undef devres_alloc
#define kzalloc nth_zalloc
#define kfree nth_free
#define dma_alloc_attrs nth_alloc_attrs
#define dma_free_attrs nth_free_attrs
#define alloc_pages_exact nth_pages
#define free_pages_exact nth_free_pages
#define iommu_iova_to_phys nth_iova_to_phys
#define devres_alloc nth_devres
#define pci_iomap nth_iomap
#define pci_iounmap nth_iounmap
#define request_irq nth_request_irq
#define free_irq nth_free_irq

#include "world.h"

/* --- A driver that uses everything --- */

static int use_box(enum coherent_permission permission)
{
	COHERENT_BOX_AUTO(u64, box);
	COHERENT_AUTO(u64, mem);
	int err;

	err = coherent_box_zeroed(&box, edu.dev, 3000, .level = level);
	if (!err)
		err = coherent_box_manage(&box);
	if (!err)
		err = coherent_expose(&box, &mem);
	if (!err)
		err = coherent_reclaim(&mem, &box, .idle = true);
	return err ? err : coherent_expose(&box, &mem, .permission = permission);
}

static int fill(u64 *elements, size_t count, void *arg)
{
	return 0;
}

static int use_everything(void)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	COHERENT_AUTO(u64, mem);
	COHERENT_BAR_AUTO(bar);
	COHERENT_IRQ_AUTO(irq);
	int err;

	err = use_box(is_enforced() ? COHERENT_READ_ONLY : COHERENT_READ_WRITE);
	if (!err)
		err = coherent_init(&mem, edu.dev, 1, fill, NULL, .level = level);
	if (!err)
		err = coherent_bar_open(&bar, edu.dev, 0);
	if (!err)
		err = coherent_irq_open(&irq, edu.dev, 0);
	if (!err)
		err = coherent_handle_zeroed(&handle, edu.dev, 1, .level = level);
	coherent_handle_free(&handle);
	return err;
}

static bool is_expected(int err)
{
	return err == -ENOMEM || err == -ENOSPC || err == -EIO || err == -EOPNOTSUPP;
}

static void each_call_fails_in_turn(struct kunit *test)
{
	int n, err, bounced = 0;

	for (n = 1;; n++) {
		nth = n;
		live = 0;
		err = use_everything();
		KUNIT_EXPECT_EQ(test, live, 0);
		if (nth)
			break;
		KUNIT_EXPECT_TRUE(test, is_expected(err));
		bounced += err == -EOPNOTSUPP;
	}
	nth = 0;
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_TRUE(test, !careless);
	pr_info("# %d calls failed in turn\n", n - 1);
	/* The kernel face checks of each of four mappings that it leads to its pages. */
	KUNIT_EXPECT_EQ(test, bounced, is_enforced() ? 4 : 0);
	/* The driver has three objects with pages and addresses, devres, a BAR and an interrupt. */
	KUNIT_EXPECT_TRUE(test, n > (is_enforced() ? 14 : 8));
}

static void free_gets_the_arguments_of_alloc(struct kunit *test)
{
	const unsigned int attrs = COHERENT_ATTR_NO_WARN | COHERENT_ATTR_WEAK_ORDERING;
	COHERENT(u8) mem = COHERENT_EMPTY;

	memset(&free_got, 0xff, sizeof(free_got));
	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 5000, .attrs = attrs), 0);
	KUNIT_EXPECT_EQ(test, alloc_got.attrs, DMA_ATTR_NO_WARN | DMA_ATTR_WEAK_ORDERING);
	KUNIT_EXPECT_EQ(test, alloc_got.bytes, 2 * PAGE_SIZE);
	coherent_free(&mem);
	KUNIT_EXPECT_TRUE(test, !memcmp(&alloc_got, &free_got, sizeof(free_got)));
}

/* The kernel face checks the addresses of the DMA API. Here the two masks of a device differ. */
static void last_byte_is_under_both_masks(struct kunit *test)
{
	u64 *const masks[] = { &edu.dev->coherent_dma_mask, edu.dev->dma_mask };
	COHERENT(u8) mem = COHERENT_EMPTY, large = COHERENT_EMPTY;
	int i, err;

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&large, edu.dev, LARGE_BYTES, .level = level), 0);
	for (i = 0; i < 2; i++) {
		const u64 usual = *masks[i];

		live = 0;
		*masks[i] = DMA_BIT_MASK(16);
		err = coherent_zeroed(&mem, edu.dev, 1, .level = level);
		KUNIT_EXPECT_TRUE(test, err == -ENOSPC || err == -ENOMEM ||
						coherent_addr(&mem).raw < 0x10000);
		coherent_free(&mem);
		*masks[i] = usual;
		KUNIT_EXPECT_EQ(test, live, 0);
	}
	coherent_free(&large);
	wait_for_addresses(test);
}

/* Allocates while the DMA API returns this address, whatever was asked for. */
static int alloc_at(dma_addr_t address, size_t align, u64 boundary)
{
	COHERENT_AUTO(u8, mem);
	int err;

	fake.used = true;
	fake.address = address;
	err = coherent_zeroed(&mem, edu.dev, 3 * PAGE_SIZE, .align = align, .boundary = boundary);
	coherent_free(&mem);
	fake.used = false;
	return err;
}

static void addresses_of_the_dma_api_are_checked(struct kunit *test)
{
	live = 0;
	KUNIT_EXPECT_EQ(test, alloc_at(0x10000, 0x10000, 0x10000), 0);
	KUNIT_EXPECT_EQ(test, alloc_at(0, 0, 0), -ENOSPC);
	KUNIT_EXPECT_EQ(test, alloc_at(0x11000, 0x10000, 0), -ENOSPC);
	KUNIT_EXPECT_EQ(test, alloc_at(0x1e000, 0, 0x10000), -ENOSPC);
	KUNIT_EXPECT_EQ(test, alloc_at(0xfffd000, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, alloc_at(0xfffe000, 0, 0), -ENOSPC);
	KUNIT_EXPECT_EQ(test, live, 0);
}

/* A managed object ends with its driver, in whatever phase it is then. */
static void managed_objects_end_with_their_driver(struct kunit *test)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	COHERENT_BOX(u64) box = COHERENT_EMPTY, reclaimed = COHERENT_EMPTY;
	COHERENT(u64) mem = COHERENT_EMPTY, moved = COHERENT_EMPTY, freed = COHERENT_EMPTY;

	live = 0;
	KUNIT_EXPECT_EQ(test, coherent_manage(&mem), -EINVAL);
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 10, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_manage(&box), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_manage(&box), 0);
	KUNIT_EXPECT_EQ(test, coherent_expose(&box, &mem), 0);
	coherent_move(&mem, &moved);
	KUNIT_ASSERT_EQ(test, coherent_zeroed(&freed, edu.dev, 10, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_manage(&freed), 0);
	coherent_free(&freed);
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, edu.dev, 10, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_manage(&box), 0);
	KUNIT_ASSERT_EQ(test, coherent_handle_zeroed(&handle, edu.dev, 10, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_handle_manage(&handle), 0);
	/* This mem becomes a box, so that its end unmaps nothing. */
	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, edu.dev, 10, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_manage(&mem), 0);
	KUNIT_EXPECT_EQ(test, coherent_reclaim(&mem, &reclaimed, .idle = true), 0);
	KUNIT_EXPECT_TRUE(test, live >= 4);
	world_end(NULL);
	KUNIT_EXPECT_EQ(test, live, 0);
	KUNIT_EXPECT_EQ(test, world_begin(NULL), 0);
}

static COHERENT(u64) of_the_driver;

static void free_in_teardown(void *mem)
{
	coherent_free(&of_the_driver);
}

/*
 * A devres action that was added later runs first. By then devres has already taken the entries
 * that it is going to free.
 */
static void managed_object_is_freed_once_in_teardown(struct kunit *test)
{
	live = 0;
	KUNIT_ASSERT_EQ(test, coherent_zeroed(&of_the_driver, edu.dev, 10, .level = level), 0);
	KUNIT_EXPECT_EQ(test, coherent_manage(&of_the_driver), 0);
	KUNIT_EXPECT_EQ(test, devm_add_action(edu.dev, free_in_teardown, NULL), 0);
	world_end(NULL);
	KUNIT_EXPECT_EQ(test, live, 0);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&of_the_driver));
	KUNIT_EXPECT_EQ(test, world_begin(NULL), 0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(each_call_fails_in_turn),
	KUNIT_CASE(free_gets_the_arguments_of_alloc),
	KUNIT_CASE(last_byte_is_under_both_masks),
	KUNIT_CASE(addresses_of_the_dma_api_are_checked),
	KUNIT_CASE(managed_objects_end_with_their_driver),
	KUNIT_CASE(managed_object_is_freed_once_in_teardown),
	{},
};

struct kunit_suite fail_nth = {
	.name = "fail_nth",
	.suite_init = world_begin,
	.suite_exit = world_end,
	.test_cases = cases,
};
