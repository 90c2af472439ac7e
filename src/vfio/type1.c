// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * VFIO with containers and groups, which Linux has had since 3.6. A container has the IOMMU
 * (type1v2). A group is the smallest set of devices that the IOMMU can isolate. A device comes from
 * its group.
 *
 * Devices that are opened beside each other share a container, through descriptors of their own.
 *
 * INVARIANT: no other device uses the addresses that device/beside.h says are the device's, inside the
 * window of an adopted container. So the close can unmap all of them at once.
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
#define UNSAFE "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
#define LIMIT "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit"
/* type1 allows this many if the kernel does not say. */
#define MAPPINGS_USUAL 65535

/**
 * struct type1 - A device behind a container.
 * @pci: The device.
 * @container: The descriptor of the container; -1 after the device is disconnected.
 * @group: The descriptor of the group; -1 after the device is disconnected, or if the container was
 *	adopted.
 * @group_name: The number of the group; empty if the container was adopted. Never changes.
 * @mappings: How many mappings the container has room for. Never changes.
 */
struct type1 {
	struct vfio_pci pci;
	int container;
	int group;
	char group_name[VFIO_FIND_GROUP_BYTES];
	size_t mappings;
};

static struct type1 *type1_of(struct backend *backend)
{
	return (struct type1 *)backend;
}

/* --- Open --- */

static int open_container(struct type1 *type1)
{
	const struct coherent_device *dev = type1->pci.backend.dev;

	type1->container = vfio_find_open_node(dev, type1->pci.bdf, CONTAINER);
	if (type1->container < 0)
		return type1->container;
	/*
	 * Version 1 of type1 does not keep single mappings, so an unmap may end more or less than
	 * was asked for. Version 2 ends only whole mappings.
	 */
	if (sys_ioctl(type1->container, VFIO_GET_API_VERSION, NULL) == VFIO_API_VERSION &&
	    sys_ioctl(type1->container, VFIO_CHECK_EXTENSION,
		      (void *)(uintptr_t)VFIO_TYPE1v2_IOMMU) == 1)
		return 0;
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: this kernel does not have the type1v2 IOMMU driver; as root: modprobe "
	       "vfio_iommu_type1",
	       dev->name);
	return -EOPNOTSUPP;
}

static int open_group(struct type1 *type1)
{
	const struct coherent_device *dev = type1->pci.backend.dev;
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/dev/vfio/%s", type1->group_name);
	type1->group = vfio_find_open_node(dev, type1->pci.bdf, path);
	if (type1->group < 0)
		return type1->group;
	err = sys_ioctl(type1->group, VFIO_GROUP_GET_STATUS, &status);
	if (err) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the status of group %s could not be read: %s, see dmesg | grep vfio",
		       dev->name, type1->group_name, strerror(-err));
		return err == -ENODEV ? err : -EIO;
	}
	if (status.flags & VFIO_GROUP_FLAGS_VIABLE)
		return 0;
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: group %s is not viable: another driver or process has one of its "
	       "devices: ls -l /sys/kernel/iommu_groups/%s/devices/*/driver; " VFIO_FIND_USERS,
	       dev->name, type1->group_name, type1->group_name);
	(void)vfio_find_report_siblings(dev, type1->pci.bdf);
	return -EBUSY;
}

static int attach_group(struct type1 *type1)
{
	const struct coherent_device *dev = type1->pci.backend.dev;
	int err = sys_ioctl(type1->group, VFIO_GROUP_SET_CONTAINER, &type1->container);

	/* linux/vfio.h: a container must have a group before it gets an IOMMU. */
	if (!err)
		err = sys_ioctl(type1->container, VFIO_SET_IOMMU,
				(void *)(uintptr_t)VFIO_TYPE1v2_IOMMU);
	if (err == -EPERM) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: this platform does not remap interrupts, so the device could forge them; "
		       "if you trust the device, as root: echo 1 >" UNSAFE,
		       dev->name);
		return err;
	}
	if (err) {
		report(&dev->reporter, COHERENT_ERROR, "%s: group %s could not get an IOMMU: %s",
		       dev->name, type1->group_name, strerror(-err));
		return err == -EBUSY || err == -ENODEV || err == -ENOMEM ? err : -EIO;
	}
	return 0;
}

static void read_ranges(struct type1 *type1, const struct vfio_iommu_type1_info_cap_iova_range *cap)
{
	for (uint32_t i = 0; i < cap->nr_iovas; i++)
		vfio_pci_allow(&type1->pci, cap->iova_ranges[i].start, cap->iova_ranges[i].end);
}

static void read_mappings(struct type1 *type1, const struct vfio_iommu_type1_info_dma_avail *cap)
{
	/* This is what is left now: other users of an adopted container have taken their part. */
	type1->mappings = cap->avail;
}

/* A kernel before 5.4 does not list the ranges, and translates all addresses. */
static void read_capabilities(struct type1 *type1, const char *info, uint32_t at, size_t size)
{
	const struct vfio_info_cap_header *cap;
	bool told = false;

	/* linux/vfio.h: @next counts from the start of the info, and 0 ends the list. */
	for (; at && at < size - sizeof(*cap); at = cap->next) {
		cap = (const void *)(info + at);
		if (cap->id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL)
			read_mappings(type1, (const void *)cap);
		if (cap->id != VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			continue;
		read_ranges(type1, (const void *)cap);
		told = true;
	}
	if (!told)
		vfio_pci_allow(&type1->pci, 0, UINT64_MAX);
}

static int read_info(struct type1 *type1)
{
	const struct coherent_device *dev = type1->pci.backend.dev;
	const size_t page = sys_page_bytes();
	union {
		struct vfio_iommu_type1_info info;
		char bytes[4096];
	} all = { .info = { .argsz = sizeof(all) } };
	int err = sys_ioctl(type1->container, VFIO_IOMMU_GET_INFO, &all.info);
	uint64_t sizes;

	if (err) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the address ranges of the container could not be read: %s, see dmesg | "
		       "grep -i iommu",
		       dev->name, strerror(-err));
		return -EIO;
	}
	sizes = all.info.flags & VFIO_IOMMU_INFO_PGSIZES ? all.info.iova_pgsizes : 4096;
	read_capabilities(type1, all.bytes,
			  all.info.flags & VFIO_IOMMU_INFO_CAPS ? all.info.cap_offset : 0,
			  sizeof(all));
	/* An IOMMU with any page of at most the CPU's size can map each page of the CPU alone. */
	return sizes & (page | (page - 1)) ? 0 : vfio_pci_report_page_size(dev);
}

/* --- Open beside another device --- */

static int report_not_shared(const struct type1 *type1, int err)
{
	const struct coherent_device *dev = type1->pci.backend.dev;

	if (err == -ENODEV)
		return err;
	if (err == -EMFILE || err == -ENFILE) {
		report(&dev->reporter, COHERENT_ERROR, "%s: no descriptor is left; raise ulimit -n",
		       dev->name);
		return -ENOSPC;
	}
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: group %s cannot use the container of the device of .beside: %s, see dmesg | grep "
	       "-e vfio -e iommu; open it by itself",
	       dev->name, type1->group_name, strerror(-err));
	return err == -EBUSY || err == -ENOMEM ? err : -EOPNOTSUPP;
}

/* A thread may be closing the other device, so its descriptors are used under its lock. */
static int copy_node(struct type1 *other, const int *node)
{
	int copy = -ENODEV;

	lock_take(&other->pci.lock);
	if (*node >= 0)
		copy = sys_dup(*node);
	lock_drop(&other->pci.lock);
	return copy;
}

/* The kernel lets a group be open only once, so its devices share the descriptor. */
static int copy_group(struct backend *other, const void *group_name)
{
	if (strcmp(type1_of(other)->group_name, group_name) != 0)
		return -ENOENT;
	return copy_node(type1_of(other), &type1_of(other)->group);
}

static int join_container(struct type1 *type1)
{
	int err = open_group(type1);

	if (err)
		return err;
	err = sys_ioctl(type1->group, VFIO_GROUP_SET_CONTAINER, &type1->container);
	return err ? report_not_shared(type1, err) : 0;
}

static int open_nodes_beside(struct type1 *type1, struct coherent_device *with)
{
	struct type1 *other = type1_of(with->backend);
	int fd = copy_node(other, &other->container);

	if (fd < 0)
		return report_not_shared(type1, fd);
	type1->container = fd;
	fd = beside_find(type1->pci.backend.dev, copy_group, type1->group_name);
	if (fd == -ENOENT)
		return join_container(type1);
	if (fd < 0)
		return report_not_shared(type1, fd);
	type1->group = fd;
	return 0;
}

static int open_device(struct type1 *type1)
{
	const struct coherent_device *dev = type1->pci.backend.dev;
	int fd = sys_ioctl_fd(type1->group, VFIO_GROUP_GET_DEVICE_FD, type1->pci.bdf);
	int err;

	if (fd < 0) {
		report(&dev->reporter, COHERENT_ERROR, "%s: group %s does not hand out %s: %s",
		       dev->name, type1->group_name, type1->pci.bdf, strerror(-fd));
		return fd == -EBUSY || fd == -ENODEV ? fd : -EIO;
	}
	err = vfio_pci_open(&type1->pci, fd);
	if (err)
		sys_close(fd);
	return err;
}

static void close_nodes(struct type1 *type1)
{
	if (type1->group >= 0)
		sys_close(type1->group);
	if (type1->container >= 0)
		sys_close(type1->container);
	type1->group = type1->container = -1;
}

static int open_nodes(struct type1 *type1)
{
	int err = open_container(type1);

	if (!err)
		err = open_group(type1);
	return err ? err : attach_group(type1);
}

static int open_by_name(struct type1 *type1, const struct name *name, struct coherent_device *with)
{
	const struct coherent_device *dev = type1->pci.backend.dev;
	int err = beside_check(dev, with, &backend_vfio);

	if (!err)
		err = vfio_find_device(name, &dev->reporter, type1->pci.bdf);
	if (!err)
		err = vfio_find_group(name, &dev->reporter, type1->pci.bdf, type1->group_name);
	if (!err)
		err = with ? open_nodes_beside(type1, with) : open_nodes(type1);
	if (!err)
		err = read_info(type1);
	if (!err && with)
		err = vfio_pci_check_beside(&type1->pci, with);
	return err ? err : open_device(type1);
}

static int adopt_container(struct type1 *type1, const struct name *name,
			   const struct coherent_open_options *options)
{
	const struct coherent_device *dev = type1->pci.backend.dev;
	int err = vfio_pci_adopt(&type1->pci, name, options, options->container, &type1->container);

	if (err)
		return err;
	/*
	 * A descriptor of another kind fails the first call, and a container without an IOMMU fails
	 * the second.
	 */
	if (sys_ioctl(type1->container, VFIO_GET_API_VERSION, NULL) != VFIO_API_VERSION ||
	    read_info(type1)) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: descriptor %d is not a VFIO container that has an IOMMU", dev->name,
		       options->container);
		return -EINVAL;
	}
	return vfio_pci_adopt_device(&type1->pci, options->device_fd);
}

static int type1_open(struct backend **backend, struct coherent_device *dev,
		      const struct name *name, const struct coherent_open_options *options)
{
	struct type1 *type1;
	int err;

	/*
	 * A user names a device and not the mode that the kernel has it in, so one scheme serves
	 * both.
	 */
	if (!options->container && vfio_noiommu_has_device(name))
		return vfio_noiommu_open(backend, dev, name, options);
	type1 = calloc(1, sizeof(*type1));
	if (!type1)
		return -ENOMEM;
	type1->pci.backend = (struct backend){
		.ops = &backend_vfio, .dev = dev, .level = COHERENT_IOMMU, .checks_memory = true
	};
	type1->group = type1->container = -1;
	type1->mappings = MAPPINGS_USUAL;
	type1->pci.is_master = options->bus_master_at_open;
	err = vfio_find_no_keys(name, &dev->reporter);
	if (!err && options->container)
		err = adopt_container(type1, name, options);
	else if (!err)
		err = open_by_name(type1, name, options->beside);
	if (err) {
		close_nodes(type1);
		free(type1);
		return err;
	}
	*backend = &type1->pci.backend;
	return 0;
}

/* --- Close --- */

static int unmap_all(struct backend *backend, uint64_t first, uint64_t last)
{
	struct type1 *type1 = type1_of(backend);
	struct vfio_iommu_type1_dma_unmap all = {
		.argsz = sizeof(all),
		.iova = first,
		.size = last - first + 1,
	};
	int err;

	/* The size of all addresses does not fit and is 0. */
	if (!all.size)
		all.flags = VFIO_DMA_UNMAP_FLAG_ALL;
	/*
	 * INVARIANT: a thread uses @container under the lock, so no call meets another file of its
	 * number.
	 */
	lock_take(&type1->pci.lock);
	err = sys_ioctl(type1->container, VFIO_IOMMU_UNMAP_DMA, &all);
	lock_drop(&type1->pci.lock);
	return err;
}

/* A forked child may keep the descriptors open, and with them the mappings, so this unmaps all. */
static void type1_disconnect(struct backend *backend)
{
	struct type1 *type1 = type1_of(backend);
	int err;

	/* A device that the library opened stops first, so unmapping does not make it fault. */
	vfio_pci_disconnect(&type1->pci);
	err = beside_each(backend->dev, type1->pci.first, type1->pci.last, unmap_all);
	lock_take(&type1->pci.lock);
	close_nodes(type1);
	lock_drop(&type1->pci.lock);
	vfio_pci_report_unmap_all(backend->dev, err);
}

static void type1_close(struct backend *backend)
{
	vfio_pci_close(&type1_of(backend)->pci);
	free(type1_of(backend));
}

static void type1_limits(struct backend *backend, struct coherent_limits *limits)
{
	const struct type1 *type1 = type1_of(backend);

	vfio_pci_limits(&type1->pci, limits);
	limits->mappings = type1->mappings;
	limits->unmap_is_fence = true;
}

/* --- Mappings --- */

static int unmap_locked(struct type1 *type1, const struct backend_mapping *mapping)
	NEEDS_LOCK(type1->pci.lock)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = mapping->address,
		.size = mapping->bytes,
	};
	int err = sys_ioctl(type1->container, VFIO_IOMMU_UNMAP_DMA, &unmap);

	/* type1 also succeeds if it finds no mapping, and then @size is 0. */
	return vfio_pci_unmap_result(mapping, err, unmap.size);
}

/* The kernel pins the pages, so the device reaches the same pages until the unmap. */
static int map_locked(struct type1 *type1, const struct backend_mapping *mapping)
	NEEDS_LOCK(type1->pci.lock)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ |
			 (mapping->permission == COHERENT_READ_ONLY ? 0 : VFIO_DMA_MAP_FLAG_WRITE),
		.vaddr = (uintptr_t)mapping->va,
		.iova = mapping->address,
		.size = mapping->bytes,
	};

	return vfio_dma_map_locked(&type1->pci, type1->container, VFIO_IOMMU_MAP_DMA, &map);
}

static int type1_map(struct backend *backend, const struct backend_mapping *mapping)
{
	struct type1 *type1 = type1_of(backend);
	int err = -ENODEV;

	lock_take(&type1->pci.lock);
	if (type1->container >= 0 && !vfio_request_is_pending(backend))
		err = map_locked(type1, mapping);
	lock_drop(&type1->pci.lock);
	return vfio_pci_map_result(err);
}

static void type1_explain(struct backend *backend, size_t bytes, int err)
{
	vfio_pci_explain(backend, bytes, err);
	if (err == -ENOSPC)
		report(&backend->dev->reporter, COHERENT_WARNING,
		       "%s: the container has room for %zu mappings and is full: expose fewer and larger "
		       "objects, with views of them, or raise the limit, as root, before the device "
		       "is opened: echo N >" LIMIT,
		       backend->dev->name, type1_of(backend)->mappings);
}

/* type1 unmaps, flushes and unpins before it returns. */
static int type1_unmap(struct backend *backend, const struct backend_mapping *mapping, bool idle)
{
	struct type1 *type1 = type1_of(backend);
	int err = -ENODEV;

	(void)idle;
	lock_take(&type1->pci.lock);
	/*
	 * A driver that was asked for the device frees its memory before it closes, so unmaps go
	 * on.
	 */
	if (type1->container >= 0)
		err = unmap_locked(type1, mapping);
	lock_drop(&type1->pci.lock);
	return err;
}

const struct backend_ops backend_vfio = {
	.scheme = "vfio",
	.options = BACKEND_TAKES_CONTAINER | BACKEND_TAKES_DEVICE_FD | BACKEND_TAKES_WINDOW |
		   BACKEND_TAKES_BUS_MASTER | BACKEND_TAKES_BESIDE,
	.open = type1_open,
	.disconnect = type1_disconnect,
	.close = type1_close,
	.limits = type1_limits,
	.map = type1_map,
	.explain = type1_explain,
	.unmap = type1_unmap,
	.fence = vfio_dma_fence,
	VFIO_PCI_OPS,
};
