// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * iommufd, from Linux 6.6 on. An IOAS is an address space. A device is opened through a node of its
 * own and is attached to the IOAS. The scheme "pci" uses iommufd, or type1.c where the kernel or
 * the device does not have it.
 *
 * Devices that are opened beside each other are attached to one IOAS.
 *
 * INVARIANT: no other device uses the addresses that device/beside.h says are the device's, inside the
 * window of an adopted IOAS. So the close can unmap all of them at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "vfio/bar.h"
#include "vfio/dma.h"
#include "vfio/irq.h"
#include "vfio/noiommu.h"
#include "vfio/request.h"
#include "vfio/uapi.h"

#define IOMMU "/dev/iommu"
#define UNSAFE "/sys/module/iommufd/parameters/allow_unsafe_interrupts"
#define RANGES_MAX 64

/**
 * struct iommufd - A device attached to an IOAS.
 * @pci: The device.
 * @iommu: The descriptor of iommufd; -1 after the device is disconnected.
 * @ioas: The IOAS. Never changes.
 */
struct iommufd {
	struct vfio_pci pci;
	int iommu;
	uint32_t ioas;
};

static struct iommufd *iommufd_of(struct backend *backend)
{
	return (struct iommufd *)backend;
}

/* --- Open --- */

/* Linux 6.1 has the name of the node in sysfs, but not the node. */
static bool find_node(const char *bdf, char *node, size_t size)
{
	const char *name;
	char path[64];
	bool found = false;
	DIR *nodes;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	nodes = sys_dir_open(path);
	while (!found && (name = sys_dir_next(nodes))) {
		snprintf(node, size, "/dev/vfio/devices/%.32s", name);
		found = !strncmp(name, "vfio", 4) && sys_exists(node);
	}
	sys_dir_close(nodes);
	return found;
}

static int report_no_node(const struct coherent_device *dev, const char *bdf)
{
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: this kernel has no device node for %s; it needs Linux 6.6 with "
	       "CONFIG_VFIO_DEVICE_CDEV; try vfio:%s",
	       dev->name, bdf, bdf);
	return -EOPNOTSUPP;
}

/*
 * The kernel returns -EPERM for another owner in the group, and for a platform that does not remap
 * interrupts. Only the first needs other devices in the group.
 */
static int report_bind_not_permitted(const struct iommufd *iommufd)
{
	const struct coherent_device *dev = iommufd->pci.backend.dev;

	if (vfio_find_report_siblings(dev, iommufd->pci.bdf)) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: another driver or process has a device in the group of %s: "
		       "ls -l /sys/bus/pci/devices/%s/iommu_group/devices/*/driver; " VFIO_FIND_USERS
			       VFIO_FIND_BESIDE
		       "; otherwise this platform does not remap interrupts: dmesg | grep -i remap",
		       dev->name, iommufd->pci.bdf, iommufd->pci.bdf);
		return -EBUSY;
	}
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: this platform does not remap interrupts, so the device could forge them; "
	       "if you trust the device, as root: echo 1 >" UNSAFE,
	       dev->name);
	return -EPERM;
}

static int report_error(const struct iommufd *iommufd, const char *what, int err)
{
	const struct coherent_device *dev = iommufd->pci.backend.dev;

	report(&dev->reporter, COHERENT_ERROR, "%s: %s %s: %s, see dmesg | grep -e iommu -e %s",
	       dev->name, iommufd->pci.bdf, what, strerror(-err), iommufd->pci.bdf);
	return err == -EBUSY || err == -ENODEV || err == -ENOMEM ? err : -EIO;
}

static int bind_device(const struct iommufd *iommufd, int fd, const char *node)
{
	const struct coherent_device *dev = iommufd->pci.backend.dev;
	struct uapi_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = iommufd->iommu };
	int err = sys_ioctl(fd, UAPI_DEVICE_BIND_IOMMUFD, &bind);

	switch (err) {
	case 0:
		return 0;
	case -EPERM:
		return report_bind_not_permitted(iommufd);
	case -EBUSY: /* another process has the group open */
	case -EINVAL: /* another process has bound the device */
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: a process has %s open already; to see which, as root: " VFIO_FIND_USERS
			       VFIO_FIND_BESIDE,
		       dev->name, node);
		return -EBUSY;
	default:
		return report_error(iommufd, "could not be bound to iommufd", err);
	}
}

/*
 * If the open fails later, the IOAS stays until the caller closes the iommufd, which frees all that it
 * has.
 */
static int allocate_ioas(struct iommufd *iommufd)
{
	struct uapi_ioas_alloc alloc = { .size = sizeof(alloc) };
	int err = sys_ioctl(iommufd->iommu, UAPI_IOAS_ALLOC, &alloc);

	if (err)
		return report_error(iommufd, "could not get an address space", err);
	iommufd->ioas = alloc.out_ioas_id;
	return 0;
}

static int attach_device(struct iommufd *iommufd, int fd)
{
	struct uapi_attach_iommufd_pt attach = { .argsz = sizeof(attach), .pt_id = iommufd->ioas };
	int err = sys_ioctl(fd, UAPI_DEVICE_ATTACH_IOMMUFD_PT, &attach);

	return err ? report_error(iommufd, "could not be attached to its address space", err) : 0;
}

/* If the IOAS has more ranges than fit, the kernel returns -EMSGSIZE and the first of them. */
static int read_ranges(struct iommufd *iommufd)
{
	const struct coherent_device *dev = iommufd->pci.backend.dev;
	struct uapi_iova_range list[RANGES_MAX];
	struct uapi_ioas_iova_ranges ranges = {
		.size = sizeof(ranges),
		.ioas_id = iommufd->ioas,
		.num_iovas = RANGES_MAX,
		.allowed_iovas = (uintptr_t)list,
	};
	int err = sys_ioctl(iommufd->iommu, UAPI_IOAS_IOVA_RANGES, &ranges);

	if (err && err != -EMSGSIZE) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the address ranges of IOAS %u could not be read: %s, see dmesg | grep -i iommu",
		       dev->name, iommufd->ioas, strerror(-err));
		return -EIO;
	}
	if (ranges.out_iova_alignment > sys_page_bytes())
		return vfio_pci_report_page_size(dev);
	for (uint32_t i = 0; i < ranges.num_iovas && i < RANGES_MAX; i++)
		vfio_pci_allow(&iommufd->pci, list[i].start, list[i].last);
	return 0;
}

static int open_device(struct iommufd *iommufd, const char *node, struct coherent_device *with)
{
	int fd = vfio_find_open_node(iommufd->pci.backend.dev, iommufd->pci.bdf, node);
	int err;

	if (fd < 0)
		return fd;
	/*
	 * The kernel refuses every other ioctl of the node before the bind. iommufd.h: each device
	 * that is attached narrows the ranges of the IOAS, so they are read after that.
	 */
	err = bind_device(iommufd, fd, node);
	if (!err && !with)
		err = allocate_ioas(iommufd);
	if (!err)
		err = attach_device(iommufd, fd);
	if (!err)
		err = read_ranges(iommufd);
	if (!err && with)
		err = vfio_pci_check_beside(&iommufd->pci, with);
	if (!err)
		err = vfio_pci_open(&iommufd->pci, fd);
	if (err)
		sys_close(fd);
	return err;
}

/* A thread may be closing the other device, so its descriptor is used under its lock. */
static int copy_iommu(struct iommufd *iommufd, struct iommufd *other)
{
	const struct coherent_device *dev = iommufd->pci.backend.dev;
	int fd = -ENODEV;

	lock_take(&other->pci.lock);
	if (other->iommu >= 0)
		fd = sys_dup(other->iommu);
	lock_drop(&other->pci.lock);
	iommufd->ioas = other->ioas;
	if (fd != -EMFILE && fd != -ENFILE)
		return fd;
	report(&dev->reporter, COHERENT_ERROR, "%s: no descriptor is left; raise ulimit -n",
	       dev->name);
	return -ENOSPC;
}

static int open_iommu(struct iommufd *iommufd, struct coherent_device *with)
{
	if (with)
		return copy_iommu(iommufd, iommufd_of(with->backend));
	return vfio_find_open_node(iommufd->pci.backend.dev, iommufd->pci.bdf, IOMMU);
}

static int open_nodes(struct iommufd *iommufd, struct coherent_device *with)
{
	const struct coherent_device *dev = iommufd->pci.backend.dev;
	char node[64];
	int err;

	if (!find_node(iommufd->pci.bdf, node, sizeof(node)))
		return report_no_node(dev, iommufd->pci.bdf);
	iommufd->iommu = open_iommu(iommufd, with);
	if (iommufd->iommu < 0)
		return iommufd->iommu;
	err = open_device(iommufd, node, with);
	if (err)
		sys_close(iommufd->iommu);
	return err;
}

static int adopt_iommufd(struct iommufd *iommufd, const struct name *name,
			 const struct coherent_open_options *options)
{
	const struct coherent_device *dev = iommufd->pci.backend.dev;
	int err = vfio_pci_adopt(&iommufd->pci, name, options, options->iommufd, &iommufd->iommu);

	iommufd->ioas = options->ioas;
	if (!err && read_ranges(iommufd)) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: descriptor %d is not an iommufd that has IOAS %u", dev->name,
		       options->iommufd, options->ioas);
		err = -EINVAL;
	}
	if (!err)
		err = vfio_pci_adopt_device(&iommufd->pci, options->device_fd);
	if (err && iommufd->iommu >= 0)
		sys_close(iommufd->iommu);
	return err;
}

static int open_by_name(struct iommufd *iommufd, const struct name *name,
			struct coherent_device *with)
{
	const struct coherent_device *dev = iommufd->pci.backend.dev;
	int err = beside_check(dev, with, &backend_iommufd);

	if (!err)
		err = vfio_find_device(name, &dev->reporter, iommufd->pci.bdf);
	return err ? err : open_nodes(iommufd, with);
}

static int iommufd_open(struct backend **backend, struct coherent_device *dev,
			const struct name *name, const struct coherent_open_options *options)
{
	struct iommufd *iommufd = calloc(1, sizeof(*iommufd));
	int err;

	if (!iommufd)
		return -ENOMEM;
	iommufd->pci.backend = (struct backend){
		.ops = &backend_iommufd, .dev = dev, .level = COHERENT_IOMMU, .checks_memory = true
	};
	iommufd->pci.is_master = options->bus_master_at_open;
	err = vfio_find_no_keys(name, &dev->reporter);
	if (!err && options->iommufd)
		err = adopt_iommufd(iommufd, name, options);
	else if (!err)
		err = open_by_name(iommufd, name, options->beside);
	if (err) {
		free(iommufd);
		return err;
	}
	*backend = &iommufd->pci.backend;
	return 0;
}

/* --- Close --- */

static int unmap_all(struct backend *backend, uint64_t first, uint64_t last)
{
	struct iommufd *iommufd = iommufd_of(backend);
	struct uapi_ioas_unmap all = {
		.size = sizeof(all),
		.ioas_id = iommufd->ioas,
		.iova = first,
		.length = last - first + 1,
	};
	int err;

	/* iommufd.h: this length means all addresses. */
	if (!all.length)
		all.length = UINT64_MAX;
	/*
	 * INVARIANT: a thread uses @iommu under the lock, so no call meets another file of its
	 * number.
	 */
	lock_take(&iommufd->pci.lock);
	err = sys_ioctl(iommufd->iommu, UAPI_IOAS_UNMAP, &all);
	lock_drop(&iommufd->pci.lock);
	/* -ENOENT means that nothing was mapped. */
	return err == -ENOENT ? 0 : err;
}

/* A forked child may keep the descriptors open, and with them the mappings, so this unmaps all. */
static void iommufd_disconnect(struct backend *backend)
{
	struct iommufd *iommufd = iommufd_of(backend);
	int err;

	/* A device that the library opened stops first, so unmapping does not make it fault. */
	vfio_pci_disconnect(&iommufd->pci);
	err = beside_each(backend->dev, iommufd->pci.first, iommufd->pci.last, unmap_all);
	lock_take(&iommufd->pci.lock);
	sys_close(iommufd->iommu);
	iommufd->iommu = -1;
	lock_drop(&iommufd->pci.lock);
	vfio_pci_report_unmap_all(backend->dev, err);
}

static void iommufd_close(struct backend *backend)
{
	vfio_pci_close(&iommufd_of(backend)->pci);
	free(iommufd_of(backend));
}

static void iommufd_limits(struct backend *backend, struct coherent_limits *limits)
{
	vfio_pci_limits(&iommufd_of(backend)->pci, limits);
	limits->unmap_is_fence = true;
}

/* --- Mappings --- */

static int unmap_locked(struct iommufd *iommufd, const struct backend_mapping *mapping)
	NEEDS_LOCK(iommufd->pci.lock)
{
	struct uapi_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = iommufd->ioas,
		.iova = mapping->address,
		.length = mapping->bytes,
	};
	int err = sys_ioctl(iommufd->iommu, UAPI_IOAS_UNMAP, &unmap);

	/* iommufd.h: the kernel sets @length to the number of bytes that it unmapped. */
	return vfio_pci_unmap_result(mapping, err, unmap.length);
}

/*
 * The core has reserved the address, so the kernel must not choose one. It pins the pages, and the
 * device reaches the same pages until the unmap.
 */
static int map_locked(struct iommufd *iommufd, const struct backend_mapping *mapping)
	NEEDS_LOCK(iommufd->pci.lock)
{
	struct uapi_ioas_map map = {
		.size = sizeof(map),
		.flags = UAPI_IOAS_MAP_FIXED_IOVA | UAPI_IOAS_MAP_READABLE |
			 (mapping->permission == COHERENT_READ_ONLY ? 0 : UAPI_IOAS_MAP_WRITEABLE),
		.ioas_id = iommufd->ioas,
		.user_va = (uintptr_t)mapping->va,
		.length = mapping->bytes,
		.iova = mapping->address,
	};

	return vfio_dma_map_locked(&iommufd->pci, iommufd->iommu, UAPI_IOAS_MAP, &map);
}

static int iommufd_map(struct backend *backend, const struct backend_mapping *mapping)
{
	struct iommufd *iommufd = iommufd_of(backend);
	int err = -ENODEV;

	lock_take(&iommufd->pci.lock);
	if (iommufd->iommu >= 0 && !vfio_request_is_pending(backend))
		err = map_locked(iommufd, mapping);
	lock_drop(&iommufd->pci.lock);
	return vfio_pci_map_result(err);
}

/* iommufd unmaps, flushes and unpins before it returns. */
static int iommufd_unmap(struct backend *backend, const struct backend_mapping *mapping, bool idle)
{
	struct iommufd *iommufd = iommufd_of(backend);
	int err = -ENODEV;

	(void)idle;
	lock_take(&iommufd->pci.lock);
	/*
	 * A driver that was asked for the device frees its memory before it closes, so unmaps go
	 * on.
	 */
	if (iommufd->iommu >= 0)
		err = unmap_locked(iommufd, mapping);
	lock_drop(&iommufd->pci.lock);
	return err;
}

const struct backend_ops backend_iommufd = {
	.scheme = "iommufd",
	.options = BACKEND_TAKES_IOMMUFD | BACKEND_TAKES_IOAS | BACKEND_TAKES_DEVICE_FD |
		   BACKEND_TAKES_WINDOW | BACKEND_TAKES_BUS_MASTER | BACKEND_TAKES_BESIDE,
	.open = iommufd_open,
	.disconnect = iommufd_disconnect,
	.close = iommufd_close,
	.limits = iommufd_limits,
	.map = iommufd_map,
	.explain = vfio_pci_explain,
	.unmap = iommufd_unmap,
	.fence = vfio_dma_fence,
	VFIO_PCI_OPS,
};

/* --- The scheme pci --- */

static int pci_open(struct backend **backend, struct coherent_device *dev, const struct name *name,
		    const struct coherent_open_options *options)
{
	char bdf[VFIO_FIND_BDF_BYTES], node[64];
	int err = 0;

	if (options->container)
		return backend_vfio.open(backend, dev, name, options);
	if (options->iommufd)
		return iommufd_open(backend, dev, name, options);
	/* The device gets the backend of the one that it shares an address space with. */
	if (options->beside && backend_is(options->beside->backend, &backend_iommufd))
		return iommufd_open(backend, dev, name, options);
	if (options->beside)
		return backend_vfio.open(backend, dev, name, options);
	/* A wrong key is reported before a missing device. Only a device without an IOMMU has keys. */
	if (!vfio_noiommu_has_device(name))
		err = vfio_find_no_keys(name, &dev->reporter);
	if (!err)
		err = vfio_find_device(name, &dev->reporter, bdf);
	if (err)
		return err;
	/* A container may have been given the node of the device and not that of iommufd. */
	if (find_node(bdf, node, sizeof(node)) && sys_exists(IOMMU))
		return iommufd_open(backend, dev, name, options);
	return backend_vfio.open(backend, dev, name, options);
}

/* It has only options and open(), because the device that it opens belongs to another backend. */
const struct backend_ops backend_pci = {
	.scheme = "pci",
	.options = BACKEND_TAKES_CONTAINER | BACKEND_TAKES_IOMMUFD | BACKEND_TAKES_IOAS |
		   BACKEND_TAKES_DEVICE_FD | BACKEND_TAKES_WINDOW | BACKEND_TAKES_BUS_MASTER |
		   BACKEND_TAKES_BESIDE,
	.open = pci_open,
};
