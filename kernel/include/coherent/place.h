/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Where the pages of an object are for the device, at COHERENT_IOMMU: before Linux
 * 6.16 an address comes with the mapping; from then on it is reserved first. The
 * only place where that makes a difference.
 */
#ifndef COHERENT_PLACE_H
#define COHERENT_PLACE_H

#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/mm.h>

#ifdef DMA_IOVA_USE_SWIOTLB

/* address is 0 where it is not known; of an object of COHERENT_HIDDEN it always is. */
struct coherent_place {
	dma_addr_t address;
	size_t bytes;
	enum dma_data_direction direction;
	struct dma_iova_state iova;
};

static inline int coherent_place_reserve(struct device *dev, struct coherent_place *place)
{
	if (!dma_iova_try_alloc(dev, &place->iova, 0, place->bytes))
		return -ENOSPC;
	place->address = place->iova.addr;
	return 0;
}

static inline void coherent_place_release(struct device *dev, struct coherent_place *place)
{
	dma_iova_free(dev, &place->iova);
}

static inline int coherent_place_map(struct device *dev, struct coherent_place *place, void *va)
{
	int err;

	err = dma_iova_link(dev, &place->iova, virt_to_phys(va), 0, place->bytes, place->direction,
			    0);
	if (err)
		return err;
	err = dma_iova_sync(dev, &place->iova, 0, place->bytes);
	if (err)
		dma_iova_unlink(dev, &place->iova, 0, place->bytes, place->direction, 0);
	return err;
}

/* It flushes the IOTLB, also where unmapping is lazy. */
static inline void coherent_place_unmap(struct device *dev, struct coherent_place *place)
{
	dma_iova_unlink(dev, &place->iova, 0, place->bytes, place->direction, 0);
}

#else

struct coherent_place {
	dma_addr_t address;
	size_t bytes;
	enum dma_data_direction direction;
};

static inline int coherent_place_reserve(struct device *dev, struct coherent_place *place)
{
	return 0;
}

static inline void coherent_place_release(struct device *dev, struct coherent_place *place)
{
}

static inline int coherent_place_map(struct device *dev, struct coherent_place *place, void *va)
{
	const dma_addr_t address =
		dma_map_page(dev, virt_to_page(va), 0, place->bytes, place->direction);

	if (dma_mapping_error(dev, address))
		return -ENOSPC;
	place->address = address;
	return 0;
}

/* On a domain with a flush queue the device would reach the pages for some 10 ms on. */
static inline void coherent_place_unmap(struct device *dev, struct coherent_place *place)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	dma_unmap_page(dev, place->address, place->bytes, place->direction);
	if (domain && domain->type == IOMMU_DOMAIN_DMA_FQ)
		iommu_flush_iotlb_all(domain);
	place->address = 0;
}

#endif

/*
 * Whether the device is given these very pages: a bounce buffer would have to be
 * copied, by nobody. Whole pages behind an IOMMU never bounce; this makes sure.
 */
static inline bool coherent_place_is_direct(struct device *dev, const struct coherent_place *place,
					    void *va)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain && iommu_iova_to_phys(domain, place->address) == virt_to_phys(va);
}

#endif
