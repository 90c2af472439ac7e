/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The place of an object in the kernel: where the device finds its pages at COHERENT_IOMMU. Before
 * Linux 6.16 the kernel chooses the device address when it maps the pages. From 6.16 on the library
 * reserves the address first. Other files see the difference only in COHERENT_PLACE_IS_LATE.
 */
#ifndef COHERENT_PLACE_H
#define COHERENT_PLACE_H

#include <coherent.h>
#include <linux/align.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/types.h>
#include <linux/vmalloc.h>

#include "slots.h"
#include "translate.h"

#ifdef DMA_IOVA_USE_SWIOTLB
#define coherent_iova dma_iova_state
#else
/* The table has an entry for each page of an object whose pages are separate. */
struct coherent_iova {
	struct sg_table table;
};
#endif

/*
 * Few objects need this. Each object of COHERENT_IOMMU and each adopted one has one. Another has one
 * only if it is managed, mapped to a process, waits for its end, or was allocated in atomic context,
 * so that its free cannot fail.
 *
 * @object: a copy of an object that devres or a queue has. @node is in the list of the queue.
 * @domain: the IOMMU domain that translates, at COHERENT_IOMMU and for adopted memory.
 * @release: gives adopted memory back to the driver; may be NULL.
 * @windows: what processes see of a mem; NULL if none mapped it.
 * @is_atomic: the object was allocated in atomic context.
 */
struct coherent_extra {
	struct list_head node;
	struct coherent_object object;
	struct iommu_domain *domain;
	struct coherent_iova iova;
	void (*release)(void *memory, void *release_arg);
	void *release_arg;
	struct coherent_windows *windows;
	bool is_atomic;
};

/* Only for the library: a pointer to the memory, also if the device can reach it. */
static void *coherent_place_va(const struct coherent_object *object)
{
	return (void COHERENT_FORCE *)object->va;
}

/* The number of bytes that are allocated. They are aligned as the caller asked for. */
static size_t coherent_place_bytes(const struct coherent_object *object)
{
	return max_t(size_t, PAGE_ALIGN(object->bytes), (size_t)1 << object->align_bits);
}

/*
 * The page allocator has few pages in a row. So the pages of a large object of COHERENT_IOMMU may be
 * separate: vmalloc() joins them for the CPU, and the IOMMU joins them for the device.
 */
static bool coherent_place_is_scattered(const struct coherent_object *object)
{
	return object->level == COHERENT_IOMMU && is_vmalloc_addr(coherent_place_va(object));
}

/* How many bytes are in a row, from each multiple of this number on. */
static size_t coherent_place_step(const struct coherent_object *object)
{
	return coherent_place_is_scattered(object) ? PAGE_SIZE : coherent_place_bytes(object);
}

static struct page *coherent_place_page(const struct coherent_object *object, size_t at)
{
	const char *va = (const char *)coherent_place_va(object) + at;

	return is_vmalloc_addr(va) ? vmalloc_to_page(va) : virt_to_page(va);
}

/* This may sleep if the pages are separate. */
static void coherent_place_free_pages(const struct coherent_object *object)
{
	if (coherent_place_is_scattered(object))
		vfree(coherent_place_va(object));
	else
		free_pages_exact(coherent_place_va(object), coherent_place_bytes(object));
}

static const char coherent_narrow_mask[] =
	"the coherent DMA mask is narrower than the streaming one; call coherent_device_set_mask()";

/* Returns why a device has no memory of COHERENT_IOMMU; NULL if it has. */
static const char *coherent_why_hidden(struct device *dev)
{
	const enum coherent_translation translation = coherent_translation_of(dev);

	if (translation == COHERENT_TRANSLATION_NONE)
		return "the device has no IOMMU";
	/* An IOMMU is not enough: in a passthrough domain it does not translate. */
	if (translation == COHERENT_TRANSLATION_IDENTITY)
		return "the IOMMU passes the device through; boot with iommu.passthrough=0";
	if (!coherent_translation_is_snooped(dev))
		return "the device is not cache-coherent";
	/* The kernel maps pages under the streaming mask. An address may be above the other one. */
	return dev->dma_mask && *dev->dma_mask > dev->coherent_dma_mask ? coherent_narrow_mask :
									  NULL;
}

static bool coherent_is_adopted(const struct coherent_object *object)
{
	return object->level & COHERENT_ADOPTED;
}

static enum coherent_level coherent_level_of(const struct coherent_object *object)
{
	return object->level & ~(COHERENT_ADOPTED | COHERENT_POOLED);
}

/* Whether what translated for the device when the object was allocated still does. */
static bool coherent_place_is_translated(const struct coherent_object *object)
{
	return object->level == COHERENT_HIDDEN ||
	       object->extra->domain == coherent_translation_domain(object->dev);
}

/* Whether a call may change an object. Otherwise the call returns -ENODEV. */
static bool coherent_is_usable(const struct coherent_object *object)
{
	/* The memory of a slot is that of its chunk. */
	if (coherent_is_pooled(object))
		object = &object->slot->chunk->mem.object;
	return coherent_is_bound(object->dev) && coherent_place_is_translated(object);
}

/* Whether a box of a pool can be exposed. Otherwise the caller asks again, and says what is wrong. */
static __always_inline bool coherent_pooled_is_usual(const struct coherent_object *object,
						     enum coherent_permission permission)
{
	const struct coherent_pool_slot *slot = object->slot;

	return coherent_is_pooled(object) && slot->state == COHERENT_POOLED_BOX &&
	       slot->chunk->permission == permission &&
	       (coherent_level_of(object) == COHERENT_HIDDEN ? coherent_is_bound(object->dev) :
							       coherent_is_usable(object));
}

/* The DMA API allocates under the coherent mask, and maps pages under the streaming mask. */
static u64 coherent_mask_of(const struct coherent_object *object)
{
	const struct device *dev = object->dev;

	return object->level == COHERENT_HIDDEN ? dev->coherent_dma_mask :
						  min(*dev->dma_mask, dev->coherent_dma_mask);
}

/*
 * Whether the address meets the request. The DMA API promises alignment to the size,
 * rounded up to a power of two (core-api/dma-api.rst). Some platforms give less.
 */
static int coherent_check_address(const struct coherent_object *object)
{
	const u64 first = object->address;
	const u64 last = first + PAGE_ALIGN(object->bytes) - 1;

	if (!first || last > coherent_mask_of(object) ||
	    first & (((u64)1 << object->align_bits) - 1))
		return -ENOSPC;
	return object->boundary_bits && (first ^ last) >> object->boundary_bits ? -ENOSPC : 0;
}

#ifdef DMA_IOVA_USE_SWIOTLB

/* Whether the library knows an address only after the mapping. */
#define COHERENT_PLACE_IS_LATE false

/* A kernel that has this attribute refuses a mapping that needs bounce buffers. */
#ifdef DMA_ATTR_REQUIRE_COHERENT
#define COHERENT_PLACE_ATTRS DMA_ATTR_REQUIRE_COHERENT
#else
#define COHERENT_PLACE_ATTRS 0
#endif

static int coherent_place_reserve(struct coherent_object *object)
{
	object->extra->domain = coherent_translation_domain(object->dev);
	if (!dma_iova_try_alloc(object->dev, &object->extra->iova, 0, coherent_place_bytes(object)))
		return -ENOSPC;
	object->address = object->extra->iova.addr;
	return 0;
}

static void coherent_place_release(struct coherent_object *object)
{
	dma_iova_free(object->dev, &object->extra->iova);
}

/* Separate pages need nothing more. */
static int coherent_place_gather(struct coherent_object *object, gfp_t gfp)
{
	return 0;
}

static int coherent_place_map(struct coherent_object *object)
{
	const size_t bytes = coherent_place_bytes(object), step = coherent_place_step(object);
	struct dma_iova_state *iova = &object->extra->iova;
	size_t at;
	int err;

	for (at = 0; at < bytes; at += step) {
		err = dma_iova_link(object->dev, iova,
				    page_to_phys(coherent_place_page(object, at)), at, step,
				    object->direction, COHERENT_PLACE_ATTRS);
		if (err)
			goto unlink;
	}
	err = dma_iova_sync(object->dev, iova, 0, bytes);
	if (!err)
		return 0;
unlink:
	if (at)
		dma_iova_unlink(object->dev, iova, 0, at, object->direction, COHERENT_PLACE_ATTRS);
	/* dma_iova_link() returns -EPERM only for bounce buffers. */
	if (err == -EPERM)
		return -EOPNOTSUPP;
	return err == -ENOMEM || err == -EOPNOTSUPP ? err : -EIO;
}

/* The unlink flushes the IOTLB, also where unmapping is lazy. */
static void coherent_place_unmap(struct coherent_object *object)
{
	dma_iova_unlink(object->dev, &object->extra->iova, 0, coherent_place_bytes(object),
			object->direction, COHERENT_PLACE_ATTRS);
}

#else

#define COHERENT_PLACE_IS_LATE true

static int coherent_place_reserve(struct coherent_object *object)
{
	object->extra->domain = coherent_translation_domain(object->dev);
	object->address = 0;
	return 0;
}

static void coherent_place_release(struct coherent_object *object)
{
	sg_free_table(&object->extra->iova.table);
}

/*
 * Each entry is one page, so that no entry crosses a boundary of the device. Otherwise the kernel
 * would leave gaps between the entries.
 */
static int coherent_place_gather(struct coherent_object *object, gfp_t gfp)
{
	struct sg_table *table = &object->extra->iova.table;
	struct scatterlist *entry;
	struct page *page;
	unsigned int i;
	int err;

	err = sg_alloc_table(table, coherent_place_bytes(object) >> PAGE_SHIFT, gfp);
	if (err)
		return err;
	for_each_sgtable_sg(table, entry, i) {
		page = coherent_place_page(object, (size_t)i << PAGE_SHIFT);
		sg_set_page(entry, page, PAGE_SIZE, 0);
	}
	return 0;
}

/* Whether the device finds all entries in a row. Otherwise the object has no address. */
static bool coherent_place_is_contiguous(const struct sg_table *table)
{
	dma_addr_t next = sg_dma_address(table->sgl);
	struct scatterlist *entry;
	unsigned int i;

	for_each_sgtable_dma_sg(table, entry, i) {
		if (sg_dma_address(entry) != next)
			return false;
		next += sg_dma_len(entry);
	}
	return next - sg_dma_address(table->sgl) == (dma_addr_t)table->orig_nents << PAGE_SHIFT;
}

static int coherent_place_map_table(struct coherent_object *object)
{
	struct sg_table *table = &object->extra->iova.table;
	int err = dma_map_sgtable(object->dev, table, object->direction, 0);

	if (err)
		return err == -ENOMEM ? -ENOSPC : -EIO;
	object->address = sg_dma_address(table->sgl);
	if (coherent_place_is_contiguous(table))
		return 0;
	dma_unmap_sgtable(object->dev, table, object->direction, 0);
	return -EIO;
}

static int coherent_place_map(struct coherent_object *object)
{
	dma_addr_t address;

	if (coherent_place_is_scattered(object))
		return coherent_place_map_table(object);
	address = dma_map_page(object->dev, coherent_place_page(object, 0), 0,
			       coherent_place_bytes(object), object->direction);
	if (dma_mapping_error(object->dev, address))
		return -ENOSPC;
	object->address = address;
	return 0;
}

/* Without the flush, a lazy unmapping lets the device reach the pages for another 15 ms. */
static void coherent_place_unmap(struct coherent_object *object)
{
	if (coherent_place_is_scattered(object))
		dma_unmap_sgtable(object->dev, &object->extra->iova.table, object->direction, 0);
	else
		dma_unmap_page(object->dev, object->address, coherent_place_bytes(object),
			       object->direction);
	coherent_translation_flush(object->extra->domain);
	object->address = 0;
}

#endif

/* The device loses the memory, if it has it. */
static void coherent_object_unmap(struct coherent_object *object)
{
	if (object->mapped && coherent_is_adopted(object))
		dma_unmap_page_attrs(object->dev, object->address, object->bytes, object->direction,
				     0);
	else if (object->mapped)
		coherent_place_unmap(object);
	object->mapped = false;
}

/*
 * Whether the device reaches these very pages. It must not get a bounce buffer, because
 * nobody would copy its contents. Whole pages behind an IOMMU never bounce; this check
 * makes sure. Older kernels know no COHERENT_PLACE_ATTRS.
 */
static bool coherent_place_is_direct(const struct coherent_object *object)
{
	const size_t bytes = coherent_place_bytes(object), step = coherent_place_step(object);
	size_t at;

	for (at = 0; at < bytes; at += step)
		if (coherent_translation_phys(object->extra->domain, object->address + at) !=
		    page_to_phys(coherent_place_page(object, at)))
			return false;
	return true;
}

#endif
