/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The record of an object in the kernel, and its place: where the device finds its pages
 * at COHERENT_IOMMU. Before Linux 6.16 the kernel chooses the device address when it maps
 * the pages. From 6.16 on the library reserves the address first. Only this file knows
 * the difference.
 */
#ifndef COHERENT_PLACE_H
#define COHERENT_PLACE_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <linux/align.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/types.h>

#ifdef DMA_IOVA_USE_SWIOTLB
#define coherent_iova dma_iova_state
#else
struct coherent_iova {
};
#endif

/*
 * The record is inside the box, the mem or the handle. A separate allocation for it made
 * an allocation of one page a third slower (make bench-kernel). No member of an empty
 * object means anything.
 *
 * bytes: the size that the caller asked for. attrs: the attributes that the DMA API got
 * and gets again. domain: the IOMMU domain that translates, at COHERENT_IOMMU. managed:
 * the copy that devres has, which devres may have freed. unit: the source file that
 * allocated the object (detail/end.h). deferred: what an end in atomic context needs, if
 * the allocation was not allowed to sleep.
 */
struct coherent_object {
	char COHERENT_SHARED *va;
	struct device *dev;
	const char *site;
	size_t bytes;
	dma_addr_t address;
	struct iommu_domain *domain;
	struct coherent_managed *managed;
	struct coherent_unit *unit;
	struct coherent_deferred *deferred;
	u32 attrs;
	u8 level;
	u8 direction;
	u8 align_bits;
	u8 boundary_bits;
	bool mapped;
	struct coherent_iova iova;
};

/* Only for the library: a pointer to the memory, also if the device can reach it. */
static inline void *coherent_place_va(const struct coherent_object *object)
{
	return (void COHERENT_FORCE *)object->va;
}

/* The number of bytes that are allocated. They are aligned as the caller asked for. */
static inline size_t coherent_place_bytes(const struct coherent_object *object)
{
	return max_t(size_t, PAGE_ALIGN(object->bytes), (size_t)1 << object->align_bits);
}

static inline u64 coherent_dma_mask(const struct device *dev)
{
	return min(*dev->dma_mask, dev->coherent_dma_mask);
}

/*
 * Whether the address meets the request. The DMA API promises alignment to the size,
 * rounded up to a power of two (core-api/dma-api.rst). Some platforms give less.
 */
static inline int coherent_check_address(const struct coherent_object *object)
{
	const u64 first = object->address;
	const u64 last = first + PAGE_ALIGN(object->bytes) - 1;

	if (!first || last > coherent_dma_mask(object->dev) ||
	    first & (((u64)1 << object->align_bits) - 1))
		return -ENOSPC;
	return object->boundary_bits && (first ^ last) >> object->boundary_bits ? -ENOSPC : 0;
}

#ifdef DMA_IOVA_USE_SWIOTLB

/* Whether the library knows an address only after the mapping. */
#define COHERENT_PLACE_IS_LATE false

static inline int coherent_place_reserve(struct coherent_object *object)
{
	if (!dma_iova_try_alloc(object->dev, &object->iova, 0, coherent_place_bytes(object)))
		return -ENOSPC;
	object->address = object->iova.addr;
	return 0;
}

static inline void coherent_place_release(struct coherent_object *object)
{
	dma_iova_free(object->dev, &object->iova);
}

static inline int coherent_place_map(struct coherent_object *object)
{
	const size_t bytes = coherent_place_bytes(object);
	int err;

	err = dma_iova_link(object->dev, &object->iova, virt_to_phys(coherent_place_va(object)), 0,
			    bytes, object->direction, 0);
	if (err)
		return err == -ENOMEM ? err : -EIO;
	err = dma_iova_sync(object->dev, &object->iova, 0, bytes);
	if (!err)
		return 0;
	dma_iova_unlink(object->dev, &object->iova, 0, bytes, object->direction, 0);
	return -EIO;
}

/* The unlink flushes the IOTLB, also where unmapping is lazy. */
static inline void coherent_place_unmap(struct coherent_object *object)
{
	dma_iova_unlink(object->dev, &object->iova, 0, coherent_place_bytes(object),
			object->direction, 0);
}

#else

#define COHERENT_PLACE_IS_LATE true

static inline int coherent_place_reserve(struct coherent_object *object)
{
	object->address = 0;
	return 0;
}

static inline void coherent_place_release(struct coherent_object *object)
{
}

static inline int coherent_place_map(struct coherent_object *object)
{
	const dma_addr_t address = dma_map_page(object->dev,
						virt_to_page(coherent_place_va(object)), 0,
						coherent_place_bytes(object), object->direction);

	if (dma_mapping_error(object->dev, address))
		return -ENOSPC;
	object->address = address;
	return 0;
}

/* Without the flush, a lazy unmapping lets the device reach the pages for another 15 ms. */
static inline void coherent_place_unmap(struct coherent_object *object)
{
	dma_unmap_page(object->dev, object->address, coherent_place_bytes(object),
		       object->direction);
	iommu_flush_iotlb_all(object->domain);
	object->address = 0;
}

#endif

/*
 * Whether the device reaches these very pages. It must not get a bounce buffer, because
 * nobody would copy its contents. Whole pages behind an IOMMU never bounce; this check
 * makes sure.
 */
static inline bool coherent_place_is_direct(const struct coherent_object *object)
{
	return iommu_iova_to_phys(object->domain, object->address) ==
	       virt_to_phys(coherent_place_va(object));
}

#endif
