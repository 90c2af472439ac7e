// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The page table of a device whose IOMMU is software. An entry of the lowest level holds the address
 * of a page of memory, with the permission in its low bits; 0 maps nothing. An entry of a higher
 * level is the address of a table. A table is freed only with the whole page table: the library gives
 * out the lowest free address first, so there are few tables.
 */
#include <stdlib.h>

#include "base/sys.h"
#include "device/iommu.h"

#define LEVEL_BITS 9
#define LEVEL_ENTRIES (1u << LEVEL_BITS)
#define PTE_READ 1u
#define PTE_WRITE 2u
#define PTE_FLAGS 3u

int iommu_open(struct iommu **out, uint64_t mask)
{
	/* The result of __builtin_clzll() is undefined for 0. */
	const unsigned int bits = 64 - (unsigned int)__builtin_clzll(mask | 1);
	struct iommu *iommu = calloc(1, sizeof(*iommu));

	if (!iommu)
		return -ENOMEM;
	iommu->page_shift = (unsigned int)__builtin_ctzl(sys_page_bytes());
	iommu->mask = mask;
	iommu->levels = 1;
	while (iommu->page_shift + iommu->levels * LEVEL_BITS < bits)
		iommu->levels++;
	iommu->root = calloc(LEVEL_ENTRIES, sizeof(*iommu->root));
	if (!iommu->root) {
		free(iommu);
		return -ENOMEM;
	}
	iommu->users = 1;
	iommu->recent_number = UINT64_MAX;
	lock_init(&iommu->lock);
	*out = iommu;
	return 0;
}

void iommu_use(struct iommu *iommu)
{
	lock_take(&iommu->lock);
	iommu->users++;
	lock_drop(&iommu->lock);
}

static void free_table(uint64_t *table, unsigned int level)
{
	/* The entries of level 0 are memory of objects, which the library owns. */
	for (unsigned int i = 0; level && i < LEVEL_ENTRIES; i++)
		if (table[i])
			free_table((uint64_t *)(uintptr_t)table[i], level - 1);
	free(table);
}

void iommu_close(struct iommu *iommu)
{
	bool is_used;

	lock_take(&iommu->lock);
	is_used = --iommu->users;
	lock_drop(&iommu->lock);
	if (is_used)
		return;
	free_table(iommu->root, iommu->levels - 1);
	lock_destroy(&iommu->lock);
	free(iommu);
}

static unsigned int slot_of(const struct iommu *iommu, uint64_t address, unsigned int level)
{
	return address >> (iommu->page_shift + level * LEVEL_BITS) & (LEVEL_ENTRIES - 1);
}

/* Returns the number of the table of the lowest level that has the entry of an address. */
static uint64_t table_of(const struct iommu *iommu, uint64_t address)
{
	return address >> (iommu->page_shift + LEVEL_BITS);
}

/* Returns the entry of a page, or NULL if a table on the way to it is missing. */
static uint64_t *find_entry(const struct iommu *iommu, uint64_t address)
{
	uint64_t *table = iommu->root;

	if (table_of(iommu, address) == iommu->recent_number)
		return &iommu->recent[slot_of(iommu, address, 0)];
	for (unsigned int level = iommu->levels - 1; level; level--) {
		table = (uint64_t *)(uintptr_t)table[slot_of(iommu, address, level)];
		if (!table)
			return NULL;
	}
	return &table[slot_of(iommu, address, 0)];
}

static uint64_t *make_entry(struct iommu *iommu, uint64_t address)
{
	uint64_t *table = iommu->root;

	if (table_of(iommu, address) == iommu->recent_number)
		return &iommu->recent[slot_of(iommu, address, 0)];
	for (unsigned int level = iommu->levels - 1; level; level--) {
		uint64_t *next = &table[slot_of(iommu, address, level)];

		if (!*next)
			*next = (uintptr_t)calloc(LEVEL_ENTRIES, sizeof(*table));
		if (!*next)
			return NULL;
		table = (uint64_t *)(uintptr_t)*next;
	}
	/* INVARIANT: tables are never freed before the close, so this one stays valid. */
	iommu->recent = table;
	iommu->recent_number = table_of(iommu, address);
	return &table[slot_of(iommu, address, 0)];
}

int iommu_map(struct iommu *iommu, const struct backend_mapping *mapping)
{
	const uint64_t flags = mapping->permission == COHERENT_READ_ONLY ? PTE_READ :
									   PTE_READ | PTE_WRITE;
	const size_t page = (size_t)1 << iommu->page_shift;
	uint64_t *entry = NULL;

	for (size_t done = 0; done < mapping->bytes; done += page) {
		/* Neighbouring pages have neighbouring entries, up to the end of a table. */
		if (entry && slot_of(iommu, mapping->address + done, 0))
			entry++;
		else
			entry = make_entry(iommu, mapping->address + done);
		if (!entry) {
			/* backend.h: after a failure the device can reach none of the memory. */
			iommu_unmap(iommu, mapping->address, done);
			return -ENOMEM;
		}
		*entry = ((uintptr_t)mapping->va + done) | flags;
	}
	return 0;
}

void iommu_unmap(struct iommu *iommu, uint64_t address, size_t bytes)
{
	const size_t page = (size_t)1 << iommu->page_shift;
	uint64_t *entry = NULL;

	for (size_t done = 0; done < bytes; done += page) {
		if (entry && slot_of(iommu, address + done, 0))
			entry++;
		else
			entry = find_entry(iommu, address + done);
		/*
		 * INVARIANT: the range was mapped, and tables are never freed before the close. So
		 * the entry exists.
		 */
		*entry = 0;
	}
}

/**
 * struct addresses - Addresses to unmap.
 * @first: The first one.
 * @last: The last one.
 */
struct addresses {
	uint64_t first;
	uint64_t last;
};

static void clear_table(const struct iommu *iommu, uint64_t *table, unsigned int level,
			uint64_t base, const struct addresses *range)
{
	const unsigned int shift = iommu->page_shift + level * LEVEL_BITS;

	for (unsigned int i = 0; i < LEVEL_ENTRIES; i++) {
		const uint64_t first = base + ((uint64_t)i << shift);
		const uint64_t last = first + (UINT64_C(1) << shift) - 1;

		if (!table[i] || first > range->last || last < range->first)
			continue;
		if (level)
			clear_table(iommu, (uint64_t *)(uintptr_t)table[i], level - 1, first,
				    range);
		else
			table[i] = 0;
	}
}

void iommu_clear(struct iommu *iommu, uint64_t first, uint64_t last)
{
	clear_table(iommu, iommu->root, iommu->levels - 1, 0, &(struct addresses){ first, last });
}

char *iommu_translate(const struct iommu *iommu, uint64_t address, enum coherent_access access)
{
	const uint64_t page = UINT64_C(1) << iommu->page_shift;
	const uint64_t *entry;

	/* The bits above the mask choose no entry, so such an address would find another page. */
	if (address > iommu->mask)
		return NULL;
	entry = find_entry(iommu, address);
	if (!entry || !(*entry & (access == COHERENT_ACCESS_WRITE ? PTE_WRITE : PTE_READ)))
		return NULL;
	return (char *)(uintptr_t)(*entry & ~(uint64_t)PTE_FLAGS) + (address & (page - 1));
}
