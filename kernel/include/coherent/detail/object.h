/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The record of a box, a mem or a handle in the kernel. kernel/coherent.c has the functions that
 * use it. Callers do not use this file.
 */
#ifndef COHERENT_OBJECT_H
#define COHERENT_OBJECT_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <linux/dma-mapping.h>
#include <linux/types.h>

struct coherent_deferred;
struct coherent_managed;
struct device;
struct iommu_domain;

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
 * the copy that devres has, which devres may have freed. deferred: what an end in
 * atomic context needs, if the allocation was not allowed to sleep.
 */
struct coherent_object {
	char COHERENT_SHARED *va;
	struct device *dev;
	const char *site;
	size_t bytes;
	dma_addr_t address;
	struct iommu_domain *domain;
	struct coherent_managed *managed;
	struct coherent_deferred *deferred;
	u32 attrs;
	u8 level;
	u8 direction;
	u8 align_bits;
	u8 boundary_bits;
	bool mapped;
	struct coherent_iova iova;
};

#endif
