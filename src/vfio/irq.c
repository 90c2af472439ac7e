// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The interrupts of a PCI device: MSI-X, MSI or INTx, whichever is the best that it has. The lock of
 * struct vfio_pci guards the eventfds.
 */
#include <linux/vfio.h>
#include <string.h>

#include "base/sys.h"
#include "vfio/dma.h"
#include "vfio/irq.h"
#include "vfio/request.h"

static struct vfio_pci *pci_of(struct backend *backend)
{
	return (struct vfio_pci *)backend;
}

int vfio_irq_find_vectors(struct vfio_pci *pci)
{
	/*
	 * INTx has one vector, and each interrupt costs a system call to unmask it, so it is the
	 * last choice.
	 */
	static const unsigned int best_first[] = { VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX,
						   VFIO_PCI_INTX_IRQ_INDEX };

	/* A kind that the device does not have is not an error for the kernel: its count is 0. */
	for (size_t i = 0; i < 3 && !pci->vectors; i++) {
		struct vfio_irq_info info = { .argsz = sizeof(info), .index = best_first[i] };
		int err = sys_ioctl(pci->fd, VFIO_DEVICE_GET_IRQ_INFO, &info);

		if (err)
			return err;
		if (!(info.flags & VFIO_IRQ_INFO_EVENTFD))
			continue;
		pci->irq_index = best_first[i];
		pci->vectors = info.count < VFIO_PCI_VECTORS_MAX ? info.count :
								   VFIO_PCI_VECTORS_MAX;
	}
	return 0;
}

union irq_set {
	struct vfio_irq_set set;
	char bytes[sizeof(struct vfio_irq_set) + VFIO_PCI_VECTORS_MAX * sizeof(int32_t)];
};

/* Set the eventfds of @count vectors from @start on. A count of 0 disconnects all vectors. */
static int set_irqs_locked(struct vfio_pci *pci, unsigned int start, unsigned int count)
	NEEDS_LOCK(pci->lock)
{
	const size_t bytes = count * sizeof(*pci->irq_fds);
	union irq_set irqs = {
		.set = {
			.argsz = (uint32_t)(sizeof(irqs.set) + bytes),
			.flags = VFIO_IRQ_SET_ACTION_TRIGGER |
				 (count ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE),
			.index = pci->irq_index,
			.start = start,
			.count = count,
		},
	};

	/*
	 * linux/vfio.h: -1 disconnects a vector, so the table may have gaps. The kernel keeps a
	 * reference to each eventfd until another one takes its place.
	 */
	memcpy(irqs.bytes + sizeof(irqs.set), pci->irq_fds + start, bytes);
	return sys_ioctl(pci->fd, VFIO_DEVICE_SET_IRQS, &irqs);
}

/*
 * Enable all vectors together with the first, because Linux before 6.4 cannot add one later. A
 * kernel that has fewer vectors returns their number. The loop then asks for that many.
 */
static int enable_irqs_locked(struct vfio_pci *pci, unsigned int vector) NEEDS_LOCK(pci->lock)
{
	int n = (int)pci->vectors;

	do {
		pci->irq_count = (unsigned int)n;
		n = vector < pci->irq_count ? set_irqs_locked(pci, 0, pci->irq_count) : -ENOSPC;
	} while (n > 0);
	return n;
}

static bool has_other_irqs_locked(const struct vfio_pci *pci, unsigned int vector)
	NEEDS_LOCK(pci->lock)
{
	for (unsigned int i = 0; i < pci->vectors; i++)
		if (i != vector && pci->irq_fds[i] >= 0)
			return true;
	return false;
}

/* This sets one vector only: the kernel loses interrupts of a vector while it sets it up. */
static int connect_irq_locked(struct vfio_pci *pci, unsigned int vector, int fd)
	NEEDS_LOCK(pci->lock)
{
	int err;

	pci->irq_fds[vector] = fd;
	if (has_other_irqs_locked(pci, vector))
		err = vector < pci->irq_count ? set_irqs_locked(pci, vector, 1) : -ENOSPC;
	else
		err = fd < 0 ? set_irqs_locked(pci, 0, 0) : enable_irqs_locked(pci, vector);
	if (err)
		/*
		 * The caller closes its eventfd now. If the number stayed here, a later call would
		 * pass another file of that number to the kernel.
		 */
		pci->irq_fds[vector] = -1;
	return err;
}

/* An MSI is a write to memory, so a device that is not bus master cannot send it. */
static int allow_irq_locked(struct vfio_pci *pci, unsigned int vector) NEEDS_LOCK(pci->lock)
{
	int err = pci->irq_index == VFIO_PCI_INTX_IRQ_INDEX ? 0 : vfio_dma_allow_locked(pci);

	if (err)
		(void)connect_irq_locked(pci, vector, -1);
	return err;
}

static int report_no_vector(const struct vfio_pci *pci, unsigned int vector, unsigned int count,
			    int err)
{
	const struct coherent_device *dev = pci->backend.dev;

	if (err == -ENOSPC)
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: vector %u could not be connected: the kernel has %u for %s, see "
		       "/proc/interrupts; more than one MSI needs an IOMMU that remaps interrupts, "
		       "see dmesg | grep -i remap",
		       dev->name, vector, vector < count ? 0 : count, pci->bdf);
	else
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: vector %u could not be connected: %s, see dmesg", dev->name, vector,
		       strerror(-err));
	return err == -ENOMEM || err == -ENOSPC ? err : -EIO;
}

int vfio_irq_connect(struct backend *backend, unsigned int vector, int fd)
{
	struct vfio_pci *pci = pci_of(backend);
	unsigned int count;
	int err = -ENODEV;

	lock_take(&pci->lock);
	/*
	 * A vector can be disconnected also after a request, because its eventfd is about to be
	 * closed.
	 */
	if (pci->fd >= 0 && (fd < 0 || !vfio_request_is_pending_locked(pci)))
		err = connect_irq_locked(pci, vector, fd);
	if (!err && fd >= 0)
		err = allow_irq_locked(pci, vector);
	count = pci->irq_count;
	lock_drop(&pci->lock);
	return err && err != -ENODEV && fd >= 0 ? report_no_vector(pci, vector, count, err) : err;
}

/*
 * vfio-pci masks an INTx when it arrives. The driver must make the device lower it. If the device
 * has not, the kernel signals the eventfd again as soon as the line is unmasked.
 */
void vfio_irq_rearm(struct backend *backend, unsigned int vector)
{
	struct vfio_pci *pci = pci_of(backend);
	struct vfio_irq_set unmask = {
		.argsz = sizeof(unmask),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK,
		.index = VFIO_PCI_INTX_IRQ_INDEX,
		.start = vector,
		.count = 1,
	};

	if (pci->irq_index != VFIO_PCI_INTX_IRQ_INDEX)
		return;
	lock_take(&pci->lock);
	if (pci->fd >= 0)
		(void)sys_ioctl(pci->fd, VFIO_DEVICE_SET_IRQS, &unmask);
	lock_drop(&pci->lock);
}

void vfio_irq_release_locked(struct vfio_pci *pci)
{
	/*
	 * A forked child may keep the device open, and the kernel would go on signalling the
	 * eventfds. The number is that of no vector, so this looks at all of them.
	 */
	if (has_other_irqs_locked(pci, VFIO_PCI_VECTORS_MAX))
		(void)set_irqs_locked(pci, 0, 0);
}
