/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * This file tells what is between a device and memory: an IOMMU that translates, or not. Only this
 * file includes the headers of the kernel that are not for drivers: linux/dma-map-ops.h,
 * linux/dma-direct.h and linux/iommu.h. Other files ask these functions (tests/layers.py).
 */
#ifndef COHERENT_TRANSLATE_H
#define COHERENT_TRANSLATE_H

#include <linux/device.h>
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/types.h>

/**
 * enum coherent_translation - What an IOMMU does with the addresses of a device.
 * @COHERENT_TRANSLATION_NONE: The device has no IOMMU.
 * @COHERENT_TRANSLATION_IDENTITY: The IOMMU does not translate for the DMA API. Either it passes the
 *	device through, or another user of the IOMMU has the device.
 * @COHERENT_TRANSLATION_LAZY: The IOMMU translates. Some milliseconds after an unmap the device may
 *	still reach the memory.
 * @COHERENT_TRANSLATION_STRICT: The IOMMU translates. When an unmap returns, the device cannot reach
 *	the memory.
 */
enum coherent_translation {
	COHERENT_TRANSLATION_NONE,
	COHERENT_TRANSLATION_IDENTITY,
	COHERENT_TRANSLATION_LAZY,
	COHERENT_TRANSLATION_STRICT,
};

/**
 * coherent_translation_domain() - Return what translates for a device.
 * @dev: The device. A driver must be bound to it.
 *
 * The caller only compares the pointer, and gives it to coherent_translation_phys(). The domain of a
 * device may change while no driver is bound to it.
 *
 * Context: any.
 * Return: the domain; NULL if the device has no IOMMU.
 */
static struct iommu_domain *coherent_translation_domain(struct device *dev)
{
	return iommu_get_domain_for_dev(dev);
}

/**
 * coherent_translation_of() - Return what the IOMMU of a device does.
 * @dev: The device. A driver must be bound to it.
 *
 * A user may make the translation lazy at any time (/sys/kernel/iommu_groups/N/type).
 *
 * Context: any.
 * Return: the translation.
 */
static enum coherent_translation coherent_translation_of(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	if (!domain)
		return COHERENT_TRANSLATION_NONE;
	if (!iommu_is_dma_domain(domain))
		return COHERENT_TRANSLATION_IDENTITY;
	return domain->type == IOMMU_DOMAIN_DMA ? COHERENT_TRANSLATION_STRICT :
						  COHERENT_TRANSLATION_LAZY;
}

/**
 * coherent_translation_phys() - Return which memory a device reaches at an address.
 * @domain: The result of coherent_translation_domain().
 * @address: The address.
 *
 * Context: any.
 * Return: the physical address; 0 if nothing is mapped.
 */
static phys_addr_t coherent_translation_phys(struct iommu_domain *domain, dma_addr_t address)
{
	return iommu_iova_to_phys(domain, address);
}

/**
 * coherent_translation_is_snooped() - Return whether a device sees what is in the caches of the CPU.
 * @dev: The device.
 *
 * Context: any.
 * Return: whether the device is cache-coherent.
 */
static bool coherent_translation_is_snooped(struct device *dev)
{
	return dev_is_dma_coherent(dev);
}

/**
 * coherent_translation_can_map() - Return whether dma_map_page() can map memory.
 * @dev: The device. It must have a DMA mask.
 * @phys: The physical address of the first byte.
 * @bytes: The size, at least 1.
 *
 * Without an IOMMU the kernel warns if a driver maps memory that the device cannot address, and
 * there are no bounce buffers. So the caller asks first. The limit of a mapping says whether there
 * are bounce buffers, and how large. If an architecture has an IOMMU of its own, only its mapping
 * itself can tell.
 *
 * Context: any.
 * Return: false if the mapping would fail, whatever else is mapped.
 */
static bool coherent_translation_can_map(struct device *dev, phys_addr_t phys, size_t bytes)
{
	const size_t limit = dma_max_mapping_size(dev);
	dma_addr_t first;

	if (get_dma_ops(dev) || coherent_translation_of(dev) >= COHERENT_TRANSLATION_LAZY)
		return true;
	/* No address is there if the memory is in no range of the bus. */
	first = phys_to_dma(dev, phys);
	if (first != DMA_MAPPING_ERROR &&
	    first + bytes - 1 <= min_not_zero(*dev->dma_mask, dev->bus_dma_limit))
		return true;
	return limit != SIZE_MAX && bytes <= limit;
}

/**
 * coherent_translation_pgprot() - Return how a process accesses memory of the DMA API.
 * @dev: The device.
 * @prot: The protection for memory that is cached.
 * @attrs: The attributes that dma_alloc_attrs() got.
 *
 * dma_mmap_attrs() does the same. The processor must not have caches of different kinds for a page.
 *
 * Context: any.
 * Return: the protection.
 */
static pgprot_t coherent_translation_pgprot(struct device *dev, pgprot_t prot, unsigned long attrs)
{
	if (dev_is_dma_coherent(dev))
		return prot;
	if (IS_ENABLED(CONFIG_ARCH_HAS_DMA_WRITE_COMBINE) && attrs & DMA_ATTR_WRITE_COMBINE)
		return pgprot_writecombine(prot);
	return pgprot_dmacoherent(prot);
}

#ifndef DMA_IOVA_USE_SWIOTLB

/* Without this a lazy unmap lets the device reach the pages for some 15 ms. */
static void coherent_translation_flush(struct iommu_domain *domain)
{
	iommu_flush_iotlb_all(domain);
}

#endif

#endif
