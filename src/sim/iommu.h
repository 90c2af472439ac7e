/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The simulator's page table: from device addresses to memory and permissions,
 * in levels of 512 entries, as in hardware. No locks; the caller has one.
 */
#ifndef SIM_IOMMU_H
#define SIM_IOMMU_H

#include <coherent.h>

#include "backend.h"

/**
 * struct sim_iommu - A page table.
 * @root: The topmost table.
 * @levels: How many levels there are; the lowest maps pages.
 * @page_shift: Bits of a page.
 * @mask: Addresses over it are not translated.
 */
struct sim_iommu {
	uint64_t *root;
	unsigned int levels;
	unsigned int page_shift;
	uint64_t mask;
};

/**
 * sim_iommu_open() - Make an empty page table.
 * @iommu: The page table.
 * @mask: The largest address it translates.
 *
 * Return: 0; -ENOMEM.
 */
int sim_iommu_open(struct sim_iommu *iommu, uint64_t mask);

/**
 * sim_iommu_close() - Free a page table.
 * @iommu: The page table, or zero bytes.
 */
void sim_iommu_close(struct sim_iommu *iommu);

/**
 * sim_iommu_map() - Map pages.
 * @iommu: The page table.
 * @mapping: What to map; nothing may be mapped there.
 *
 * Return: 0; -ENOMEM, and nothing is mapped.
 */
int sim_iommu_map(struct sim_iommu *iommu, const struct backend_mapping *mapping);

/**
 * sim_iommu_unmap() - Unmap pages.
 * @iommu: The page table.
 * @address: The first.
 * @bytes: How much was mapped there.
 */
void sim_iommu_unmap(struct sim_iommu *iommu, uint64_t address, size_t bytes);

/**
 * sim_iommu_translate() - The memory at a device address.
 * @iommu: The page table.
 * @address: The address.
 * @access: What the device wants to do.
 *
 * Return: the memory, valid to the end of the page; NULL if there is none or the
 * access is not permitted.
 */
char *sim_iommu_translate(const struct sim_iommu *iommu, uint64_t address,
			  enum coherent_access access);

#endif
