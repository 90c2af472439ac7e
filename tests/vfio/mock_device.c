// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A device of the mock. It has regions, interrupts and a reset.
 */
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <unistd.h>

#include "../../src/vfio/uapi.h"
#include "mock_file.h"

static void region_info(struct vfio_region_info *info)
{
	info->offset = info->index * MOCK_REGION_BYTES;
	info->size = 0;
	info->flags = 0;
	if (info->index == 0)
		info->size = MOCK_REGION_BYTES;
	else if (info->index == VFIO_PCI_CONFIG_REGION_INDEX)
		info->size = mock.config_bytes ? mock.config_bytes : 4096;
	else if (info->index == 2)
		info->size = 8192;
	if (info->size)
		info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	if (info->size && !mock.no_mmap)
		info->flags |= VFIO_REGION_INFO_FLAG_MMAP;
}

/* Does the same as vfio_intx_handler(): unmasking a line that is still asserted fires it again. */
static void deliver_intx(void)
{
	const uint64_t one = 1;

	if (!mock.intx || mock.masked || mock.irq_index != VFIO_PCI_INTX_IRQ_INDEX ||
	    !mock.irq_count)
		return;
	mock.masked = true;
	if (write(mock.irq_fds[0], &one, sizeof(one)) != sizeof(one))
		abort();
}

void mock_intx(bool asserted)
{
	mock.intx = asserted;
	deliver_intx();
}

static int unmask(const struct vfio_irq_set *set)
{
	if (set->index != VFIO_PCI_INTX_IRQ_INDEX)
		return -ENOTTY;
	if (!mock.irq_count || mock.irq_index != set->index || set->start || set->count != 1)
		return -EINVAL;
	mock.unmasks++;
	mock.masked = false;
	deliver_intx();
	return 0;
}

static int disable_irqs(const struct vfio_irq_set *set)
{
	if (!mock.irq_count || set->index != mock.irq_index || set->count)
		return -EINVAL;
	mock.irq_count = mock.irqs_taken = 0;
	memset(mock.irq_has, 0, sizeof(mock.irq_has));
	return 0;
}

static void take_vector(unsigned int vector)
{
	mock.irqs_taken += !mock.irq_has[vector];
	mock.irq_has[vector] = true;
}

/* Does the same as vfio_msi_enable(): it takes all vectors up to @end, or returns how many there are. */
static int take_vectors(uint32_t index, unsigned int end)
{
	if (end > mock.vectors_max)
		return mock.vectors_max ? (int)mock.vectors_max : -ENOSPC;
	memset(mock.irq_fds, -1, sizeof(mock.irq_fds));
	mock.irq_index = index;
	mock.irq_count = end;
	mock.masked = false;
	for (unsigned int i = 0; i < end; i++)
		take_vector(i);
	return 0;
}

/* Does the same as vfio_msi_alloc_irq(): Linux 6.5 can add a vector of MSI-X when it gets an eventfd. */
static int add_vectors(const struct vfio_irq_set *set)
{
	const int32_t *fds = (const void *)set->data;

	if (!mock.adds_vectors || set->index != VFIO_PCI_MSIX_IRQ_INDEX)
		return -EINVAL;
	for (unsigned int i = 0; i < set->count; i++) {
		if (fds[i] < 0 || mock.irq_has[set->start + i])
			continue;
		if (mock.irqs_taken == mock.vectors_max)
			return -ENOSPC;
		take_vector(set->start + i);
	}
	return 0;
}

static int enable_irqs(const struct vfio_irq_set *set)
{
	const unsigned int end = set->start + set->count;
	int err = 0;

	if (!set->count || (mock.irq_count && set->index != mock.irq_index))
		return -EINVAL;
	if (!mock.irq_count)
		err = take_vectors(set->index, end);
	else if (end > mock.irq_count)
		err = add_vectors(set);
	if (err)
		return err;
	memcpy(mock.irq_fds + set->start, set->data, set->count * sizeof(*mock.irq_fds));
	for (unsigned int i = set->start; i < end; i++)
		mock.irq_changes[i]++;
	deliver_intx();
	return 0;
}

static int store_request_fd(const struct vfio_irq_set *set)
{
	if (set->count != 1)
		return -EINVAL;
	memcpy(&mock.request_fd, set->data, sizeof(mock.request_fd));
	return 0;
}

/* Does the same as vfio_set_irqs_validate_and_prepare() and vfio_pci_set_irqs_ioctl(). */
static int set_irqs(const struct vfio_irq_set *set)
{
	const bool fds = set->flags & VFIO_IRQ_SET_DATA_EVENTFD;
	const uint32_t irqs = set->index < 3 ? mock.irqs[set->index] : 1;

	if (set->argsz != sizeof(*set) + (fds ? set->count * sizeof(int32_t) : 0) ||
	    set->start >= irqs || set->start + set->count > irqs)
		return -EINVAL;
	switch (set->flags) {
	case VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK:
		return unmask(set);
	case VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER:
		return disable_irqs(set);
	case VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER:
		return set->index == VFIO_PCI_REQ_IRQ_INDEX ? store_request_fd(set) :
							      enable_irqs(set);
	}
	return -ENOTTY;
}

static int reset(int fd)
{
	uint16_t command;

	if (!mock.can_reset)
		return -EINVAL;
	if (mock.busy_resets) {
		mock.busy_resets--;
		return -EAGAIN;
	}
	if (__real_pread64(fd, &command, 2, CONFIG_OFFSET + PCI_COMMAND) != 2)
		return -EIO;
	mock.resets += !(command & PCI_COMMAND_MASTER);
	return 0;
}

/* Does the same as vfio_df_ioctl_bind_iommufd(). */
static int bind_device(struct mock_file *device, const struct uapi_bind_iommufd *arg)
{
	if (arg->argsz != sizeof(*arg) || arg->flags || arg->iommufd < 0 || device->granted)
		return -EINVAL;
	if (arg->iommufd >= MOCK_FILES_MAX || mock_files[arg->iommufd].node != NODE_IOMMU)
		return -EBADFD;
	if (mock.unsafe)
		return -EPERM;
	device->granted = true;
	return 0;
}

static int attach_device(const struct uapi_attach_iommufd_pt *arg)
{
	if (arg->argsz != sizeof(*arg) || arg->flags)
		return -EINVAL;
	return arg->pt_id == MOCK_IOAS ? 0 : -ENOENT;
}

static void irq_info(struct vfio_irq_info *info)
{
	info->flags = info->index < 3 && mock.no_eventfd[info->index] ? 0 : VFIO_IRQ_INFO_EVENTFD;
	if (info->index == VFIO_PCI_MSI_IRQ_INDEX ||
	    (info->index == VFIO_PCI_MSIX_IRQ_INDEX && !mock.adds_vectors &&
	     !mock.lies_about_vectors))
		info->flags |= VFIO_IRQ_INFO_NORESIZE;
	info->count = info->index < 3 ? mock.irqs[info->index] : 0;
}

int mock_device_ioctl(int fd, unsigned long request, void *arg)
{
	if (mock.gone)
		return -ENODEV;
	if (request == UAPI_DEVICE_BIND_IOMMUFD)
		return bind_device(&mock_files[fd], arg);
	if (!mock_files[fd].granted)
		return -EINVAL;
	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		((struct vfio_device_info *)arg)->flags =
			(mock.not_pci ? VFIO_DEVICE_FLAGS_PLATFORM : VFIO_DEVICE_FLAGS_PCI) |
			(mock.can_reset ? VFIO_DEVICE_FLAGS_RESET : 0);
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		region_info(arg);
		return 0;
	case VFIO_DEVICE_GET_IRQ_INFO:
		irq_info(arg);
		return 0;
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(arg);
	case VFIO_DEVICE_RESET:
		return reset(fd);
	case UAPI_DEVICE_ATTACH_IOMMUFD_PT:
		return attach_device(arg);
	}
	return -ENOTTY;
}
