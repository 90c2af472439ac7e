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
 * bytes: as asked for. address: 0 where it is not known before it is mapped. attrs: as
 * the DMA API was given them, and is again. managed: the copy that devres has.
 */
struct coherent_object {
	struct device *dev;
	const char *where;
	void *va;
	size_t bytes;
	dma_addr_t address;
	struct coherent_managed *managed;
	u32 attrs;
	u8 level;
	u8 direction;
	u8 align_bits;
	u8 boundary_bits;
	bool mapped;
	struct coherent_iova iova;
};

/* The bytes that are allocated: that many are aligned as was asked for. */
static inline size_t coherent_place_bytes(const struct coherent_object *object)
{
	return max_t(size_t, PAGE_ALIGN(object->bytes), (size_t)1 << object->align_bits);
}

#ifdef DMA_IOVA_USE_SWIOTLB

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

	err = dma_iova_link(object->dev, &object->iova, virt_to_phys(object->va), 0, bytes,
			    object->direction, 0);
	if (err)
		return err;
	err = dma_iova_sync(object->dev, &object->iova, 0, bytes);
	if (err)
		dma_iova_unlink(object->dev, &object->iova, 0, bytes, object->direction, 0);
	return err;
}

/* It flushes the IOTLB, also where unmapping is lazy. */
static inline void coherent_place_unmap(struct coherent_object *object)
{
	dma_iova_unlink(object->dev, &object->iova, 0, coherent_place_bytes(object),
			object->direction, 0);
}

#else

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
	const dma_addr_t address = dma_map_page(object->dev, virt_to_page(object->va), 0,
						coherent_place_bytes(object), object->direction);

	if (dma_mapping_error(object->dev, address))
		return -ENOSPC;
	object->address = address;
	return 0;
}

/* On a domain with a flush queue the device would reach the pages for some 10 ms on. */
static inline void coherent_place_unmap(struct coherent_object *object)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(object->dev);

	dma_unmap_page(object->dev, object->address, coherent_place_bytes(object),
		       object->direction);
	if (domain && domain->type == IOMMU_DOMAIN_DMA_FQ)
		iommu_flush_iotlb_all(domain);
	object->address = 0;
}

#endif

/*
 * Whether the device is given these very pages: a bounce buffer would have to be
 * copied, by nobody. Whole pages behind an IOMMU never bounce; this makes sure.
 */
static inline bool coherent_place_is_direct(const struct coherent_object *object)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(object->dev);

	return domain && iommu_iova_to_phys(domain, object->address) == virt_to_phys(object->va);
}

#endif
