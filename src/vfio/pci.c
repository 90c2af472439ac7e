// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A PCI device that vfio-pci gives to the process: its BARs and the addresses that its IOMMU
 * translates. type1.c, iommufd.c and noiommu.c share this.
 *
 * The lock of struct vfio_pci guards @fd, which is -1 after the device is disconnected.
 */
#include <inttypes.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "base/sys.h"
#include "base/sys_process.h"
#include "device/addresses.h"
#include "vfio/dma.h"
#include "vfio/irq.h"
#include "vfio/pci.h"
#include "vfio/request.h"

/* --- Open --- */

static int region_info(int fd, unsigned int index, struct vfio_region_info *info)
{
	*info = (struct vfio_region_info){ .argsz = sizeof(*info), .index = index };
	return sys_ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, info);
}

/*
 * If the kernel cannot map a BAR, its registers are accessed through the descriptor. Examples are
 * I/O ports and a BAR that shares a page with another device.
 */
static int open_bar(struct vfio_pci *pci, unsigned int index)
{
	struct vfio_pci_bar *bar = &pci->bars[index];
	struct vfio_region_info info;
	void *va;
	int err = region_info(pci->fd, VFIO_PCI_BAR0_REGION_INDEX + index, &info);

	if (err)
		return err;
	/* A BAR that the device does not have has neither a size nor flags. */
	bar->bytes = info.flags & VFIO_REGION_INFO_FLAG_READ ? info.size : 0;
	bar->offset = info.offset;
	if (bar->bytes && info.flags & VFIO_REGION_INFO_FLAG_MMAP &&
	    !sys_map_file(pci->fd, bar->offset, bar->bytes, &va))
		bar->va = va;
	return 0;
}

static void unmap_bars(struct vfio_pci *pci)
{
	for (unsigned int i = 0; i < VFIO_PCI_BARS; i++)
		if (pci->bars[i].va)
			sys_unmap(pci->bars[i].va, pci->bars[i].bytes);
}

/* This is also called for an address space that was adopted without a device. */
static int init_device(struct vfio_pci *pci)
{
	lock_init(&pci->lock);
	atomic_store_explicit(&pci->connected, true, memory_order_release);
	return 0;
}

/*
 * The kernel resets a device when it is opened, and sets VFIO_DEVICE_FLAGS_RESET if that worked.
 * Without the flag nothing has ended the commands of the last owner.
 */
static void expect_old_commands(struct vfio_pci *pci)
{
	const struct coherent_device *dev = pci->backend.dev;

	/* Without an IOMMU such a command reaches all memory, so another address does not help. */
	pci->backend.random_addresses = pci->backend.level != COHERENT_NONE;
	report(&dev->reporter, COHERENT_WARNING,
	       "%s: %s has no reset of its own, so commands of its last owner may still be in "
	       "flight; stop the device before you expose memory; see "
	       "/sys/bus/pci/devices/%s/reset_method",
	       dev->name, pci->bdf, pci->bdf);
}

static int read_device(struct vfio_pci *pci)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_region_info config;
	int err = sys_ioctl(pci->fd, VFIO_DEVICE_GET_INFO, &info);

	if (!err)
		err = region_info(pci->fd, VFIO_PCI_CONFIG_REGION_INDEX, &config);
	for (unsigned int i = 0; !err && i < VFIO_PCI_BARS; i++)
		err = open_bar(pci, i);
	if (err)
		return err;
	pci->has_device = true;
	pci->can_reset = info.flags & VFIO_DEVICE_FLAGS_RESET;
	pci->config = config.offset;
	pci->config_bytes = config.size;
	err = vfio_irq_open(pci);
	/*
	 * This is the last step that can fail, so a device whose open fails is not left as bus
	 * master.
	 */
	if (!err && !pci->adopted)
		err = vfio_dma_set_master(pci, pci->is_master);
	return err;
}

static int report_no_device(const struct vfio_pci *pci, int err)
{
	if (err == -ENOMEM)
		return err;
	report(&pci->backend.dev->reporter, COHERENT_ERROR,
	       "%s: vfio-pci does not hand out %s: %s, see dmesg | grep %s", pci->backend.dev->name,
	       pci->bdf, strerror(-err), pci->bdf);
	return err == -ENODEV ? err : -EIO;
}

int vfio_pci_open(struct vfio_pci *pci, int fd)
{
	int err;

	pci->fd = fd;
	if (!pci->adopted)
		/*
		 * A disconnect unmaps all from @first to @last, which is the window of an adopted
		 * space.
		 */
		pci->last = UINT64_MAX;
	err = read_device(pci);
	if (err) {
		vfio_irq_close(pci);
		unmap_bars(pci);
		return report_no_device(pci, err);
	}
	if (!pci->can_reset)
		expect_old_commands(pci);
	if (!pci->adopted)
		/*
		 * The kernel has one eventfd for requests, and the caller of an adopted device may
		 * use it.
		 */
		vfio_request_listen(pci);
	return init_device(pci);
}

/* --- Adopting what the caller has opened --- */

static int report_descriptor(const struct coherent_device *dev, const char *what, int fd)
{
	report(&dev->reporter, COHERENT_ERROR, "%s: descriptor %d is not a %s", dev->name, fd,
	       what);
	return -EINVAL;
}

static int copy_descriptor(const struct coherent_device *dev, const char *what, int fd)
{
	/* The caller may close its descriptor while the device is open. */
	const int copy = sys_dup(fd);

	if (copy == -EMFILE || copy == -ENFILE) {
		report(&dev->reporter, COHERENT_ERROR, "%s: no descriptor is left; raise ulimit -n",
		       dev->name);
		return -ENOSPC;
	}
	return copy < 0 ? report_descriptor(dev, what, fd) : copy;
}

int vfio_pci_adopt(struct vfio_pci *pci, const struct name *name,
		   const struct coherent_open_options *options, int iommu, int *copy)
{
	const struct coherent_device *dev = pci->backend.dev;
	const uint64_t page = sys_page_bytes();
	int err = vfio_find_read_bdf(name, &dev->reporter, pci->bdf);

	*copy = -1;
	pci->fd = pci->request_fd = -1;
	pci->adopted = pci->is_master = true;
	/* The kernel did not reset the device when the library got its descriptor. */
	pci->backend.random_addresses = true;
	pci->first = options->window.first;
	pci->last = options->window.last;
	if (err)
		return err;
	/* A window that the caller did not give is { 0, 0 }, and this refuses it too. */
	if (pci->first >= pci->last || pci->first % page || (pci->last + 1) % page) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: .window must name the addresses that the library may use, in whole pages, "
		       "such as .window = { 0x100000000, 0x1ffffffff }",
		       dev->name);
		return -EINVAL;
	}
	*copy = copy_descriptor(dev, "container or iommufd", iommu);
	return *copy < 0 ? *copy : 0;
}

static int report_no_range(const struct vfio_pci *pci)
{
	const struct coherent_device *dev = pci->backend.dev;

	report(&dev->reporter, COHERENT_ERROR,
	       "%s: the IOMMU does not translate any page of .window; see "
	       "/sys/bus/pci/devices/%s/iommu_group/reserved_regions, and for the number of its "
	       "address bits: dmesg | grep -i iommu",
	       dev->name, pci->bdf);
	return -EIO;
}

int vfio_pci_adopt_device(struct vfio_pci *pci, int fd)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int copy, err;

	if (!pci->given.range_count)
		return report_no_range(pci);
	if (!fd)
		return init_device(pci);
	copy = copy_descriptor(pci->backend.dev, "PCI device of VFIO", fd);
	if (copy < 0)
		return copy;
	err = sys_ioctl(copy, VFIO_DEVICE_GET_INFO, &info);
	/* A descriptor of another kind does not know the ioctl. */
	if (err == -ENOTTY || (!err && !(info.flags & VFIO_DEVICE_FLAGS_PCI)))
		err = report_descriptor(pci->backend.dev, "PCI device of VFIO", fd);
	else if (err)
		err = err == -ENODEV ? err : -EIO;
	else
		err = vfio_pci_open(pci, copy);
	if (err)
		sys_close(copy);
	return err;
}

/* --- Mappings --- */

void vfio_pci_explain(struct backend *backend, size_t bytes, int err)
{
	const struct coherent_device *dev = backend->dev;
	const uint64_t limit = sys_lockable_bytes();

	if (err != -ENOMEM)
		return;
	if (limit == UINT64_MAX)
		report(&dev->reporter, COHERENT_WARNING,
		       "%s: the kernel does not have the memory to pin and map %zu bytes more; see "
		       "free and dmesg",
		       dev->name, bytes);
	else
		report(&dev->reporter, COHERENT_WARNING,
		       "%s: the kernel does not pin %zu bytes more; ulimit -l is %" PRIu64
		       " KiB, which limits all memory that is exposed at a time; as root: "
		       "prlimit --pid %d --memlock=unlimited",
		       dev->name, bytes, limit / 1024, (int)sys_pid());
}

int vfio_pci_map_result(int err)
{
	/*
	 * Any other error is a mistake. For example, type1's -EEXIST means that another program has
	 * mapped memory inside of the window.
	 */
	return !err || err == -ENOMEM || err == -ENOSPC || err == -ENODEV || err == -EFAULT ? err :
											      -EIO;
}

void vfio_pci_report_unmap_all(const struct coherent_device *dev, int err)
{
	if (err)
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: memory that is not freed could not be unmapped: %s; the device may reach it "
		       "until all descriptors of its address space are closed; to see which "
		       "processes have one: fuser -v /dev/iommu /dev/vfio/vfio",
		       dev->name, strerror(-err));
}

/* --- Addresses --- */

void vfio_pci_allow(struct vfio_pci *pci, uint64_t first, uint64_t last)
{
	const uint64_t page = sys_page_bytes();

	if (pci->adopted && first < pci->first)
		first = pci->first;
	if (pci->adopted && last > pci->last)
		last = pci->last;
	/* Such a range has no whole page, and rounding it would wrap around. */
	if (first > -page || last < page - 1)
		return;
	first = align_up(first, page);
	/* For the last address of all, last + 1 is 0, and the result is that address again. */
	last = ((last + 1) & -page) - 1;
	if (first > last)
		return;
	addresses_add(&pci->given, first, last);
}

static bool has_range(const struct coherent_limits *given, uint64_t first, uint64_t last)
{
	for (unsigned int i = 0; i < given->range_count; i++)
		if (given->ranges[i].first <= first && given->ranges[i].last >= last)
			return true;
	return false;
}

/* The ranges of a space are those that all its devices translate. Objects may be in any of them. */
int vfio_pci_check_beside(const struct vfio_pci *pci, const struct coherent_device *with)
{
	const struct coherent_device *dev = pci->backend.dev;
	const struct coherent_limits *other = &vfio_pci_of(with->backend)->given;

	for (unsigned int i = 0; i < other->range_count; i++) {
		if (has_range(&pci->given, other->ranges[i].first, other->ranges[i].last))
			continue;
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the IOMMU reserves addresses of %s that %s may have in use; open %s first, "
		       "and the other one beside it",
		       dev->name, pci->bdf, with->name, pci->bdf);
		return -EOPNOTSUPP;
	}
	return 0;
}

int vfio_pci_report_page_size(const struct coherent_device *dev)
{
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: the smallest page of the IOMMU is larger than a page of the CPU; see getconf "
	       "PAGESIZE and dmesg | grep -i iommu",
	       dev->name);
	return -EIO;
}

void vfio_pci_limits(const struct vfio_pci *pci, struct coherent_limits *limits)
{
	/* VFIO does not tell how many address bits a device has, so the driver says that. */
	*limits = pci->given;
	limits->mask = UINT64_MAX;
	limits->page_bytes = sys_page_bytes();
	limits->mappings = SIZE_MAX;
	limits->vectors = pci->vectors;
	for (unsigned int i = 0; i < VFIO_PCI_BARS; i++)
		limits->bar_bytes[i] = pci->bars[i].bytes;
}

/* --- Configuration space --- */

/* Configuration space is little-endian (PCI Local Bus Specification 3.0, 6.1). */
static void put_bytes(uint8_t bytes[4], uint32_t value)
{
	for (unsigned int i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get_bytes(const uint8_t bytes[4])
{
	return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

int vfio_pci_config(struct backend *backend, struct backend_config *access)
{
	struct vfio_pci *pci = vfio_pci_of(backend);
	const uint64_t at = pci->config + access->offset;
	uint8_t bytes[4] = { 0 };
	int err = -ENODEV;

	if (access->offset + access->width > pci->config_bytes)
		return -ERANGE;
	put_bytes(bytes, access->value);
	lock_take(&pci->lock);
	if (pci->fd >= 0)
		err = access->is_write ? sys_write_at(pci->fd, at, bytes, access->width) :
					 sys_read_at(pci->fd, at, bytes, access->width);
	lock_drop(&pci->lock);
	if (!err && !access->is_write)
		access->value = get_bytes(bytes);
	return err && err != -ENODEV ? -EIO : err;
}

/* --- Close --- */

/*
 * A mapped BAR keeps the device open, but threads may be reading it. So private memory takes the
 * place of the BAR, and those threads find that the device is disconnected.
 */
void vfio_pci_disconnect(struct vfio_pci *pci)
{
	atomic_store_explicit(&pci->connected, false, memory_order_relaxed);
	/*
	 * ORDER: a thread that reads zero in the place of a BAR then finds the device disconnected.
	 * The barrier is here, because a read of a register should not need one
	 * (connected.litmus).
	 */
	sys_barrier_all_threads();
	lock_take(&pci->lock);
	/* A device that was unplugged refuses this, and it does not use DMA any more. */
	if (!pci->adopted)
		(void)vfio_dma_set_master(pci, false);
	vfio_irq_release_locked(pci);
	for (unsigned int i = 0; i < VFIO_PCI_BARS; i++)
		if (pci->bars[i].va)
			sys_map_over(pci->bars[i].va, pci->bars[i].bytes);
	if (pci->fd >= 0)
		sys_close(pci->fd);
	pci->fd = -1;
	lock_drop(&pci->lock);
}

void vfio_pci_close(struct vfio_pci *pci)
{
	vfio_irq_close(pci);
	unmap_bars(pci);
	/* A thread may poll this eventfd until now, so a disconnect leaves it open. */
	if (pci->request_fd >= 0)
		sys_close(pci->request_fd);
	lock_destroy(&pci->lock);
}
