/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The limits of this process and this kernel that objects of a driver count towards.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdint.h>

#include "sysfs.h"

#define LIMIT_NONE UINT64_MAX
#define LIMITS_ENTRIES "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit"
#define LIMITS_GIGAPAGES "/sys/kernel/mm/hugepages/hugepages-1048576kB"

/**
 * struct limits - The limits; LIMIT_NONE where there is none.
 * @memlock: The bytes that the process may lock.
 * @mappings: The mappings of a VFIO container.
 * @maps: The mappings of the address space of the process.
 * @files: The open files.
 * @hugepages: The hugepages of 2 MiB that are free.
 * @gigapages: The hugepages of 1 GiB that are free.
 */
struct limits {
	uint64_t memlock;
	uint64_t mappings;
	uint64_t maps;
	uint64_t files;
	uint64_t hugepages;
	uint64_t gigapages;
};

/* Reads all limits. If a file is missing, the limit is the default of Linux. */
void machine_read(struct limits *limits, const struct sysfs *sysfs);

#endif
