/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The page table of a device whose IOMMU is software. It translates device addresses to memory and
 * permissions in levels of 512 entries, as hardware does. Devices that are opened beside each other
 * share it.
 */
#ifndef IOMMU_H
#define IOMMU_H

#include <coherent.h>

#include "backend.h"
#include "base/lock.h"

/**
 * struct iommu - A page table.
 * @users: How many ports use it.
 * @lock: Guards the page table and the ports that use it. Callers of the functions below hold
 *	it, except in iommu_open() and iommu_close().
 * @root: The topmost table.
 * @levels: The number of levels; the lowest maps pages.
 * @page_shift: The number of address bits inside a page.
 * @mask: The largest address that is translated.
 * @recent: The table of the lowest level that was used last. Most addresses are near the one before.
 * @recent_number: The number of this table among all that there could be; UINT64_MAX for none.
 */
struct iommu {
	unsigned int users;
	struct lock lock;
	uint64_t *root;
	unsigned int levels;
	unsigned int page_shift;
	uint64_t mask;
	uint64_t *recent;
	uint64_t recent_number;
};

/**
 * iommu_open() - Make an empty page table, for one user.
 * @iommu: Set to the page table.
 * @mask: The largest address that it translates.
 *
 * Return: 0; -ENOMEM.
 */
int iommu_open(struct iommu **iommu, uint64_t mask);

/**
 * iommu_use() - Share a page table.
 * @iommu: The page table. It has one more user.
 */
void iommu_use(struct iommu *iommu);

/**
 * iommu_close() - End the use of a page table. The last user frees it.
 * @iommu: The page table.
 */
void iommu_close(struct iommu *iommu);

/**
 * iommu_clear() - Unmap all pages between two addresses.
 * @iommu: The page table.
 * @first: The first address.
 * @last: The last address.
 */
void iommu_clear(struct iommu *iommu, uint64_t first, uint64_t last);

/**
 * iommu_map() - Map pages.
 * @iommu: The page table.
 * @mapping: The pages and their address; nothing else may be mapped there.
 *
 * Return: 0; -ENOMEM (nothing is mapped).
 */
int iommu_map(struct iommu *iommu, const struct backend_mapping *mapping);

/**
 * iommu_unmap() - Unmap pages.
 * @iommu: The page table.
 * @address: The address of the first page.
 * @bytes: The size of the mapping.
 */
void iommu_unmap(struct iommu *iommu, uint64_t address, size_t bytes);

/**
 * iommu_translate() - Find the memory at a device address.
 * @iommu: The page table.
 * @address: The address.
 * @access: Read or write.
 *
 * Return: the memory, valid to the end of the page; NULL if nothing is mapped or the mapping does
 * not permit the access.
 */
char *iommu_translate(const struct iommu *iommu, uint64_t address, enum coherent_access access);

#endif
