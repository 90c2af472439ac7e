// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The interrupts of a PCI device: MSI-X, MSI or INTx, whichever is the best that it has. The lock of
 * struct vfio_pci guards the eventfds.
 */
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "vfio/dma.h"
#include "vfio/irq.h"
#include "vfio/request.h"

static int find_vectors(struct vfio_pci *pci)
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
		pci->vectors = info.count;
		/* linux/vfio.h: only MSI-X can do this, and older kernels cannot. */
		pci->adds_irqs = pci->irq_index == VFIO_PCI_MSIX_IRQ_INDEX &&
				 !(info.flags & VFIO_IRQ_INFO_NORESIZE);
	}
	return 0;
}

int vfio_irq_open(struct vfio_pci *pci)
{
	int err = find_vectors(pci);
	size_t bytes;

	if (err || !pci->vectors)
		return err;
	bytes = pci->vectors * sizeof(*pci->irq_fds);
	pci->irq_fds = malloc(bytes);
	pci->irq_set = malloc(sizeof(*pci->irq_set) + bytes);
	if (!pci->irq_fds || !pci->irq_set)
		return -ENOMEM;
	memset(pci->irq_fds, -1, bytes);
	return 0;
}

void vfio_irq_close(struct vfio_pci *pci)
{
	free(pci->irq_fds);
	free(pci->irq_set);
}

/* Set the eventfds of @count vectors from @start on. A count of 0 disconnects all vectors. */
static int set_irqs_locked(struct vfio_pci *pci, unsigned int start, unsigned int count)
	NEEDS_LOCK(pci->lock)
{
	const size_t bytes = count * sizeof(*pci->irq_fds);

	*pci->irq_set = (struct vfio_irq_set){
		.argsz = (uint32_t)(sizeof(*pci->irq_set) + bytes),
		.flags = VFIO_IRQ_SET_ACTION_TRIGGER |
			 (count ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE),
		.index = pci->irq_index,
		.start = start,
		.count = count,
	};
	/*
	 * linux/vfio.h: -1 disconnects a vector, so the table may have gaps. The kernel keeps a
	 * reference to each eventfd until another one takes its place.
	 */
	memcpy(pci->irq_set->data, pci->irq_fds + start, bytes);
	return sys_ioctl(pci->fd, VFIO_DEVICE_SET_IRQS, pci->irq_set);
}

/*
 * Enable all vectors together with the first, because Linux before 6.5 cannot add one later. A
 * kernel that has fewer vectors returns their number. The loop then asks for that many.
 */
static int enable_all_locked(struct vfio_pci *pci, unsigned int vector) NEEDS_LOCK(pci->lock)
{
	int n = (int)pci->vectors;

	do {
		pci->irq_count = (unsigned int)n;
		n = vector < pci->irq_count ? set_irqs_locked(pci, 0, pci->irq_count) : -ENOSPC;
	} while (n > 0);
	return n;
}

/*
 * The kernel enables all vectors up to the first that it gets, so that is vector 0. The last one
 * shows whether the kernel can really add one: it does not take a vector for an eventfd of -1.
 */
static int enable_one_locked(struct vfio_pci *pci, unsigned int vector) NEEDS_LOCK(pci->lock)
{
	const unsigned int last = pci->vectors - 1;
	int err = set_irqs_locked(pci, 0, 1);

	if (err)
		return err;
	err = set_irqs_locked(pci, last, 1);
	if (!err && vector && vector != last)
		err = set_irqs_locked(pci, vector, 1);
	if (err)
		(void)set_irqs_locked(pci, 0, 0);
	return err;
}

static int enable_locked(struct vfio_pci *pci, unsigned int vector) NEEDS_LOCK(pci->lock)
{
	pci->irq_count = pci->vectors;
	if (pci->adds_irqs && !enable_one_locked(pci, vector))
		return 0;
	pci->adds_irqs = false;
	return enable_all_locked(pci, vector);
}

static void put_fd_locked(struct vfio_pci *pci, unsigned int vector, int fd) NEEDS_LOCK(pci->lock)
{
	if (pci->irq_fds[vector] >= 0)
		pci->irqs_used--;
	if (fd >= 0)
		pci->irqs_used++;
	pci->irq_fds[vector] = fd;
}

/* This sets one vector only: the kernel loses interrupts of a vector while it sets it up. */
static int connect_irq_locked(struct vfio_pci *pci, unsigned int vector, int fd)
	NEEDS_LOCK(pci->lock)
{
	int err;

	put_fd_locked(pci, vector, fd);
	if (pci->irqs_used > (fd >= 0))
		err = vector < pci->irq_count ? set_irqs_locked(pci, vector, 1) : -ENOSPC;
	else
		err = fd < 0 ? set_irqs_locked(pci, 0, 0) : enable_locked(pci, vector);
	if (err)
		/*
		 * The caller closes its eventfd now. If the number stayed here, a later call would
		 * pass another file of that number to the kernel.
		 */
		put_fd_locked(pci, vector, -1);
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

/* Returns how many vectors the kernel has for the device, after it refused one more. */
static unsigned int irqs_of_kernel_locked(const struct vfio_pci *pci, unsigned int vector)
	NEEDS_LOCK(pci->lock)
{
	if (pci->adds_irqs)
		return pci->irqs_used;
	return vector < pci->irq_count ? 0 : pci->irq_count;
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
		       dev->name, vector, count, pci->bdf);
	else
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: vector %u could not be connected: %s, see dmesg", dev->name, vector,
		       strerror(-err));
	return err == -ENOMEM || err == -ENOSPC ? err : -EIO;
}

int vfio_irq_connect(struct backend *backend, unsigned int vector, int fd)
{
	struct vfio_pci *pci = vfio_pci_of(backend);
	unsigned int count;
	int err = -ENODEV;

	lock_take(&pci->lock);
	/*
	 * A vector can be disconnected also after a request, because its eventfd is about to be
	 * closed.
	 */
	if (pci->fd >= 0 && (fd < 0 || !vfio_request_is_pending(backend)))
		err = connect_irq_locked(pci, vector, fd);
	if (!err && fd >= 0)
		err = allow_irq_locked(pci, vector);
	count = irqs_of_kernel_locked(pci, vector);
	lock_drop(&pci->lock);
	return err && err != -ENODEV && fd >= 0 ? report_no_vector(pci, vector, count, err) : err;
}

/*
 * vfio-pci masks an INTx when it arrives. The driver must make the device lower it. If the device
 * has not, the kernel signals the eventfd again as soon as the line is unmasked.
 */
void vfio_irq_rearm(struct backend *backend, unsigned int vector)
{
	struct vfio_pci *pci = vfio_pci_of(backend);
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
	 * eventfds.
	 */
	if (pci->irqs_used)
		(void)set_irqs_locked(pci, 0, 0);
}
