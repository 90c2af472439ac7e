// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * VFIO's no-IOMMU mode, for a program that asks for COHERENT_NONE. A device address is a physical
 * address, so the memory comes from hugepages, and the library reads their physical addresses from
 * pagemap. The device can reach all memory, and only a reset proves that it has stopped.
 *
 * INVARIANT: the hugepages stay until the last object is freed.
 */
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "vfio/bar.h"
#include "vfio/dma.h"
#include "vfio/irq.h"
#include "vfio/noiommu.h"
#include "vfio/request.h"

#define CONTAINER "/dev/vfio/vfio"
#define PAGEMAP "/proc/self/pagemap"
#define HUGEPAGE_BYTES ((size_t)2 << 20)
#define MAP_HUGETLB_2M (MAP_HUGETLB | 21 << 26)
/* The limits of a device have room for a range of addresses for each. */
#define HUGEPAGES_MAX 8
/* Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_FRAME ((UINT64_C(1) << 55) - 1)
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)

/* A hugepage is contiguous in physical memory too. */
struct hugepage {
	uint64_t physical;
	char *va;
};

/**
 * struct noiommu - A device that is not behind an IOMMU.
 * @pci: The device.
 * @container: The descriptor of the container; -1 after the device is disconnected.
 * @group: The descriptor of the group; -1 after the device is disconnected.
 * @pages: How many hugepages the name asks for. Never changes.
 * @count: How many hugepages there are. Never changes after the open.
 * @pool: The hugepages, sorted by physical address. Never changes after the open.
 */
struct noiommu {
	struct vfio_pci pci;
	int container;
	int group;
	uint64_t pages;
	unsigned int count;
	struct hugepage pool[HUGEPAGES_MAX];
};

static struct noiommu *noiommu_of(struct backend *backend)
{
	return (struct noiommu *)backend;
}

/* --- Open --- */

static bool find_group(const char *bdf, char *node, size_t size)
{
	char path[64], group[16];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", bdf);
	if (sys_link_name(path, group, sizeof(group)))
		return false;
	/* VFIO puts this word before the number of a group that is not behind an IOMMU. */
	snprintf(node, size, "/dev/vfio/noiommu-%s", group);
	return sys_exists(node);
}

bool vfio_noiommu_has_device(const struct name *name)
{
	char bdf[VFIO_FIND_BDF_BYTES], node[64];

	return vfio_find_parse_bdf(name->target, bdf) && find_group(bdf, node, sizeof(node));
}

static int report_level(const struct noiommu *noiommu)
{
	const struct coherent_device *dev = noiommu->pci.backend.dev;

	report(&dev->reporter, COHERENT_ERROR,
	       "%s: %s is not behind an IOMMU, so it can read and write all memory; a program that "
	       "accepts that opens it with .level = COHERENT_NONE",
	       dev->name, noiommu->pci.bdf);
	return -EOPNOTSUPP;
}

static int read_physical(const struct coherent_device *dev, int pagemap, struct hugepage *page)
{
	const uint64_t offset = (uintptr_t)page->va / sys_page_bytes() * sizeof(uint64_t);
	uint64_t entry;
	int err = sys_read_at(pagemap, offset, &entry, sizeof(entry));

	if (err)
		return err;
	page->physical = (entry & PAGEMAP_FRAME) * sys_page_bytes();
	if (!(entry & PAGEMAP_PRESENT)) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the kernel has taken a hugepage away again; open the device once more",
		       dev->name);
		return -EIO;
	}
	/* pagemap.rst: from Linux 4.2 on the frame of a page reads as 0 without CAP_SYS_ADMIN. */
	if (page->physical)
		return 0;
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: the kernel hides physical addresses from a process without CAP_SYS_ADMIN; as root: "
	       "setcap cap_sys_admin,cap_sys_rawio+ep PROGRAM",
	       dev->name);
	return -EPERM;
}

/*
 * MADV_DONTFORK comes first. If a forked child inherited the page, the next write of this process
 * could go to a copy that the device does not know of.
 */
static int populate_hugepage(void *va)
{
	int err = sys_advise(va, HUGEPAGE_BYTES, MADV_DONTFORK);

	if (!err)
		err = sys_advise(va, HUGEPAGE_BYTES, MADV_POPULATE_WRITE);
	if (err != -EINVAL)
		return err;
	/* Linux before 5.14 does not know MADV_POPULATE_WRITE. */
	memset(va, 0, HUGEPAGE_BYTES);
	return 0;
}

static int report_no_hugepage(const struct noiommu *noiommu)
{
	const struct coherent_device *dev = noiommu->pci.backend.dev;
	const unsigned int pages = (unsigned int)noiommu->pages;

	report(&dev->reporter, COHERENT_ERROR,
	       "%s: the kernel gave %u of %u hugepages of 2 MiB; add %u to the number in "
	       "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages, as root: echo N "
	       ">/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
	       dev->name, noiommu->count, pages, pages - noiommu->count);
	return -ENOMEM;
}

/* The kernel does not swap hugepages, so they need not be locked. */
static int add_hugepage(struct noiommu *noiommu, int pagemap)
{
	struct hugepage *page = &noiommu->pool[noiommu->count];
	void *va;

	if (sys_map(HUGEPAGE_BYTES, MAP_HUGETLB_2M, &va))
		return report_no_hugepage(noiommu);
	if (populate_hugepage(va)) {
		sys_unmap(va, HUGEPAGE_BYTES);
		return report_no_hugepage(noiommu);
	}
	page->va = va;
	noiommu->count++;
	return read_physical(noiommu->pci.backend.dev, pagemap, page);
}

static int by_address(const void *left, const void *right)
{
	const struct hugepage *a = left, *b = right;

	return (a->physical > b->physical) - (a->physical < b->physical);
}

static int open_pagemap(const struct coherent_device *dev)
{
	const int fd = sys_open(PAGEMAP, O_RDONLY);

	if (fd >= 0)
		return fd;
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: " PAGEMAP ": %s; physical addresses are read from it; it needs /proc, "
	       "CONFIG_PROC_PAGE_MONITOR, and a process that may be traced: sysctl fs.suid_dumpable",
	       dev->name, strerror(-fd));
	if (fd == -EMFILE || fd == -ENFILE)
		return -ENOSPC;
	return fd == -EACCES || fd == -EPERM ? -EPERM : -EIO;
}

static int open_pool(struct noiommu *noiommu)
{
	const int pagemap = open_pagemap(noiommu->pci.backend.dev);
	int err = 0;

	if (pagemap < 0)
		return pagemap;
	while (!err && noiommu->count < noiommu->pages)
		err = add_hugepage(noiommu, pagemap);
	sys_close(pagemap);
	qsort(noiommu->pool, noiommu->count, sizeof(*noiommu->pool), by_address);
	for (unsigned int i = 0; !err && i < noiommu->count; i++)
		err = page_owner_reserve(&noiommu->pci.backend.dev->store.owners,
					 noiommu->pool[i].va, HUGEPAGE_BYTES);
	/*
	 * Each range ends a page early, so that no object continues in the next hugepage. That
	 * hugepage may have another address in this process.
	 */
	for (unsigned int i = 0; i < noiommu->count; i++)
		vfio_pci_allow(&noiommu->pci, noiommu->pool[i].physical,
			       noiommu->pool[i].physical + HUGEPAGE_BYTES - sys_page_bytes() - 1);
	return err;
}

static void close_pool(struct noiommu *noiommu)
{
	while (noiommu->count)
		sys_unmap(noiommu->pool[--noiommu->count].va, HUGEPAGE_BYTES);
}

static int attach_group(struct noiommu *noiommu)
{
	const struct coherent_device *dev = noiommu->pci.backend.dev;
	int err = sys_ioctl(noiommu->group, VFIO_GROUP_SET_CONTAINER, &noiommu->container);

	/* linux/vfio.h: a container must have a group before it gets an IOMMU. */
	if (!err)
		err = sys_ioctl(noiommu->container, VFIO_SET_IOMMU,
				(void *)(uintptr_t)VFIO_NOIOMMU_IOMMU);
	if (!err)
		return 0;
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: the kernel refuses no-IOMMU mode: %s; it needs CAP_SYS_RAWIO and, as root: echo 1 "
	       ">/sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
	       dev->name, strerror(-err));
	return err == -EPERM || err == -EBUSY ? err : -EIO;
}

static int open_device(struct noiommu *noiommu)
{
	const struct coherent_device *dev = noiommu->pci.backend.dev;
	int fd = sys_ioctl_fd(noiommu->group, VFIO_GROUP_GET_DEVICE_FD, noiommu->pci.bdf);
	int err;

	if (fd < 0) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the kernel does not hand out %s: %s, see dmesg | grep %s", dev->name,
		       noiommu->pci.bdf, strerror(-fd), noiommu->pci.bdf);
		return fd == -EBUSY || fd == -ENODEV ? fd : -EIO;
	}
	err = vfio_pci_open(&noiommu->pci, fd);
	if (err)
		sys_close(fd);
	return err;
}

static int open_nodes(struct noiommu *noiommu)
{
	char node[64];

	if (!find_group(noiommu->pci.bdf, node, sizeof(node)))
		return -ENODEV;
	noiommu->container =
		vfio_find_open_node(noiommu->pci.backend.dev, noiommu->pci.bdf, CONTAINER);
	if (noiommu->container < 0)
		return noiommu->container;
	noiommu->group = vfio_find_open_node(noiommu->pci.backend.dev, noiommu->pci.bdf, node);
	return noiommu->group < 0 ? noiommu->group : attach_group(noiommu);
}

static void close_nodes(struct noiommu *noiommu)
{
	if (noiommu->group >= 0)
		sys_close(noiommu->group);
	if (noiommu->container >= 0)
		sys_close(noiommu->container);
	noiommu->group = noiommu->container = -1;
}

static const struct name_key noiommu_keys[] = {
	{ .key = "pages", .min = 1, .max = HUGEPAGES_MAX, .offset = 0 },
};

static int report_beside(const struct coherent_device *dev)
{
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: without an IOMMU there is no address space to share; each device reaches all "
	       "memory, so leave out .beside",
	       dev->name);
	return -EOPNOTSUPP;
}

int vfio_noiommu_open(struct backend **backend, struct coherent_device *dev,
		      const struct name *name, const struct coherent_open_options *options)
{
	struct noiommu *noiommu;
	int err;

	if (options->beside)
		return report_beside(dev);
	noiommu = calloc(1, sizeof(*noiommu));
	if (!noiommu)
		return -ENOMEM;
	noiommu->pci.backend = (struct backend){ .ops = &backend_noiommu,
						 .dev = dev,
						 .level = COHERENT_NONE,
						 .cannot_stop_writes = true };
	noiommu->group = noiommu->container = -1;
	noiommu->pages = 1;
	noiommu->pci.is_master = options->bus_master_at_open;
	err = name_read_keys(name, noiommu_keys, 1, &noiommu->pages, &dev->reporter);
	if (!err)
		err = vfio_find_device(name, &dev->reporter, noiommu->pci.bdf);
	if (!err && options->level != COHERENT_NONE)
		err = report_level(noiommu);
	if (err)
		goto free_noiommu;
	err = open_pool(noiommu);
	if (err)
		goto close_pool;
	err = open_nodes(noiommu);
	if (!err)
		err = open_device(noiommu);
	if (err)
		goto close_nodes;
	*backend = &noiommu->pci.backend;
	return 0;

	/* open_nodes() and open_pool() may have opened some of theirs before they failed. */
close_nodes:
	close_nodes(noiommu);
close_pool:
	close_pool(noiommu);
free_noiommu:
	free(noiommu);
	return err;
}

/* --- For the library --- */

static void noiommu_disconnect(struct backend *backend)
{
	struct noiommu *noiommu = noiommu_of(backend);

	vfio_pci_disconnect(&noiommu->pci);
	lock_take(&noiommu->pci.lock);
	close_nodes(noiommu);
	lock_drop(&noiommu->pci.lock);
}

static void noiommu_close(struct backend *backend)
{
	vfio_pci_close(&noiommu_of(backend)->pci);
	close_pool(noiommu_of(backend));
	free(noiommu_of(backend));
}

static void noiommu_limits(struct backend *backend, struct coherent_limits *limits)
{
	vfio_pci_limits(&noiommu_of(backend)->pci, limits);
}

static void *noiommu_memory_at(struct backend *backend, uint64_t address)
{
	const struct noiommu *noiommu = noiommu_of(backend);
	unsigned int i = 0;

	/*
	 * INVARIANT: the core asks only for addresses in the ranges of open_pool(), so the loop
	 * ends.
	 */
	while (address - noiommu->pool[i].physical >= HUGEPAGE_BYTES)
		i++;
	return noiommu->pool[i].va + (address - noiommu->pool[i].physical);
}

/* The device has reached the memory since it was allocated, so there is nothing to map. */
static int noiommu_map(struct backend *backend, const struct backend_mapping *mapping)
{
	struct noiommu *noiommu = noiommu_of(backend);
	int err = mapping->permission == COHERENT_READ_ONLY ? -EOPNOTSUPP : 0;

	lock_take(&noiommu->pci.lock);
	if (noiommu->pci.fd < 0 || vfio_request_is_pending(backend))
		err = -ENODEV;
	if (!err)
		err = vfio_dma_allow_locked(&noiommu->pci);
	lock_drop(&noiommu->pci.lock);
	return err;
}

static int noiommu_unmap(struct backend *backend, const struct backend_mapping *mapping, bool idle)
{
	struct noiommu *noiommu = noiommu_of(backend);
	int err;

	(void)mapping;
	(void)idle;
	/* Nothing can be taken away from the device, so the core keeps the memory until a fence. */
	lock_take(&noiommu->pci.lock);
	err = noiommu->pci.fd < 0 ? -ENODEV : 0;
	lock_drop(&noiommu->pci.lock);
	return err;
}

/*
 * The fence is a reset. A device that only loses its bus mastering would continue when it gets it
 * back.
 */
const struct backend_ops backend_noiommu = {
	.scheme = "noiommu",
	.open = vfio_noiommu_open,
	.disconnect = noiommu_disconnect,
	.close = noiommu_close,
	.limits = noiommu_limits,
	.memory_at = noiommu_memory_at,
	.map = noiommu_map,
	.unmap = noiommu_unmap,
	.fence = vfio_dma_reset,
	VFIO_PCI_OPS,
};
