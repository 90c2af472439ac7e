/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What is known of an object in the kernel, and where its pages are for the device at
 * COHERENT_IOMMU: before Linux 6.16 an address comes with the mapping; from then on it
 * is reserved first. The only place where that makes a difference.
 */
#ifndef COHERENT_PLACE_H
#define COHERENT_PLACE_H

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
 * It stands in the box, the mem or the handle itself: an allocation of its own made one
 * of a page dearer by a third (make bench-kernel). Of an empty one nothing here means
 * anything.
 *
 * bytes: as asked for. attrs: as the DMA API was given them, and is again. domain: what
 * translates, at COHERENT_IOMMU. managed: the copy that devres has, which may be gone;
 * release: by which devres knows it, as a static inline has an address in each file.
 */
struct coherent_object {
	char COHERENT_SHARED *va;
	struct device *dev;
	const char *where;
	size_t bytes;
	dma_addr_t address;
	struct iommu_domain *domain;
	struct coherent_managed *managed;
	void (*release)(struct device *dev, void *managed);
	u32 attrs;
	u8 level;
	u8 direction;
	u8 align_bits;
	u8 boundary_bits;
	bool mapped;
	struct coherent_iova iova;
};

/* For the library alone: plain memory, whoever else reaches it. */
static inline void *coherent_place_va(const struct coherent_object *object)
{
	return (void COHERENT_FORCE *)object->va;
}

/* The bytes that are allocated: that many are aligned as was asked for. */
static inline size_t coherent_place_bytes(const struct coherent_object *object)
{
	return max_t(size_t, PAGE_ALIGN(object->bytes), (size_t)1 << object->align_bits);
}

#ifdef DMA_IOVA_USE_SWIOTLB

/* Whether an address is known only when it is mapped. */
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

/* It flushes the IOTLB, also where unmapping is lazy. */
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

/* Where unmapping is lazy the device would reach the pages for some 15 ms on. */
static inline void coherent_place_unmap(struct coherent_object *object)
{
	dma_unmap_page(object->dev, object->address, coherent_place_bytes(object),
		       object->direction);
	iommu_flush_iotlb_all(object->domain);
	object->address = 0;
}

#endif

/*
 * Whether the device is given these very pages: a bounce buffer would have to be
 * copied, by nobody. Whole pages behind an IOMMU never bounce; this makes sure.
 */
static inline bool coherent_place_is_direct(const struct coherent_object *object)
{
	return iommu_iova_to_phys(object->domain, object->address) ==
	       virt_to_phys(coherent_place_va(object));
}

#endif
