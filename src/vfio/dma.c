// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Whether a PCI device may use DMA: its bus mastering, and the fence and the reset that end its
 * commands. The lock of struct vfio_pci guards the descriptor, and so the command register.
 */
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>

#include "base/sys.h"
#include "vfio/dma.h"
#include "vfio/request.h"

#define RESET_TRIES 10
#define RESET_PAUSE_NS (10 * SYS_NS_PER_MS)

/* --- Bus mastering --- */

static int read_command(struct vfio_pci *pci, uint16_t *command)
{
	return sys_read_at(pci->fd, pci->config + PCI_COMMAND, command, sizeof(*command));
}

static int write_command(struct vfio_pci *pci, uint16_t command)
{
	return sys_write_at(pci->fd, pci->config + PCI_COMMAND, &command, sizeof(command));
}

int vfio_dma_set_master(struct vfio_pci *pci, bool on)
{
	uint16_t command;
	int err = read_command(pci, &command);

	if (err)
		return err;
	/*
	 * From Linux 5.8 on, an access to a mapped BAR raises SIGBUS while PCI_COMMAND_MEMORY is 0.
	 */
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (!on)
		command &= (uint16_t)~PCI_COMMAND_MASTER;
	return write_command(pci, command);
}

int vfio_dma_allow_locked(struct vfio_pci *pci)
{
	int err;

	/* A close has stopped the device, and closes its descriptor before that of the IOMMU. */
	if (!vfio_pci_is_connected(pci))
		return -ENODEV;
	if (pci->is_master)
		return 0;
	err = vfio_dma_set_master(pci, true);
	pci->is_master = !err;
	return err;
}

int vfio_dma_map_locked(struct vfio_pci *pci, int iommu, unsigned long request, void *arg)
{
	const bool was_master = pci->is_master;
	int err = vfio_dma_allow_locked(pci);

	if (err)
		return err;
	err = sys_ioctl(iommu, request, arg);
	if (err && !was_master) {
		(void)vfio_dma_set_master(pci, false);
		pci->is_master = false;
	}
	return err;
}

/* --- Fence and reset --- */

/*
 * -EAGAIN means that another thread has the lock of the device, for example to read a file of the
 * device in sysfs.
 */
static int try_reset_locked(struct vfio_pci *pci) NEEDS_LOCK(pci->lock)
{
	int err = -EAGAIN;

	for (unsigned int i = 0; err == -EAGAIN && i < RESET_TRIES; i++) {
		if (i)
			sys_sleep_ns(RESET_PAUSE_NS);
		err = sys_ioctl(pci->fd, VFIO_DEVICE_RESET, NULL);
	}
	return err;
}

/*
 * If the device was bus master, it is so again afterwards, also if the reset failed. The register
 * does not tell that after a restart that failed, but @is_master does. Only the caller of an adopted
 * device knows whether it is bus master, so there the register decides.
 */
static int stop_and_restart_locked(struct vfio_pci *pci, bool reset) NEEDS_LOCK(pci->lock)
{
	uint16_t command, stopped;
	int err, again;

	if (pci->fd < 0 || vfio_request_is_pending(&pci->backend))
		return -ENODEV;
	err = read_command(pci, &command);
	if (err)
		return err;
	stopped = command & (uint16_t)~PCI_COMMAND_MASTER;
	if (!pci->adopted)
		command = pci->is_master ? command | PCI_COMMAND_MASTER : stopped;
	/* PCI Express 6.6.2 recommends to stop the requests of a function before its reset. */
	err = write_command(pci, stopped);
	if (!err && reset)
		err = try_reset_locked(pci);
	again = write_command(pci, command);
	return err ? err : again;
}

static int stop_and_restart(struct vfio_pci *pci, bool reset)
{
	const struct coherent_device *dev = pci->backend.dev;
	int err;

	lock_take(&pci->lock);
	err = stop_and_restart_locked(pci, reset);
	lock_drop(&pci->lock);
	if (!err || err == -ENODEV)
		return err;
	report(&dev->reporter, COHERENT_ERROR, "%s: %s could not be %s: %s, see dmesg | grep %s",
	       dev->name, pci->bdf, reset ? "reset" : "stopped", strerror(-err), pci->bdf);
	return -EIO;
}

int vfio_dma_reset(struct backend *backend)
{
	const struct coherent_device *dev = backend->dev;
	struct vfio_pci *pci = vfio_pci_of(backend);

	/* A closed device answers -ENODEV, also one without a reset. */
	if (pci->can_reset || !vfio_pci_is_connected(pci))
		return stop_and_restart(pci, true);
	if (pci->has_device)
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: %s has no reset of its own, see "
		       "/sys/bus/pci/devices/%s/reset_method",
		       dev->name, pci->bdf, pci->bdf);
	else
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: %s cannot be reset, because it was opened without .device_fd",
		       dev->name, pci->bdf);
	return -EIO;
}

/*
 * The unmapping was the fence already. A device that has a reset is reset too, so that a fence does
 * the same with each backend. A device that the library opened and that has no reset is stopped
 * once, so that a command in flight ends with a fault.
 */
int vfio_dma_fence(struct backend *backend)
{
	struct vfio_pci *pci = vfio_pci_of(backend);

	if (!pci->can_reset && pci->adopted)
		return 0;
	return stop_and_restart(pci, pci->can_reset);
}
