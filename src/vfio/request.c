// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The kernel signals an eventfd when it wants a device back, for example when the device is
 * unplugged. The eventfd is never read, so the request lasts until the device is closed.
 */
#include <linux/vfio.h>
#include <string.h>

#include "base/sys.h"
#include "vfio/request.h"

void vfio_request_listen(struct vfio_pci *pci)
{
	union {
		struct vfio_irq_set set;
		char bytes[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	} request = {
		.set = {
			.argsz = sizeof(request),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = VFIO_PCI_REQ_IRQ_INDEX,
			.count = 1,
		},
	};
	int32_t fd;

	/* An error here is not one of the open, because a device can be used without requests. */
	pci->request_fd = -1;
	if (sys_eventfd(&fd))
		return;
	memcpy(request.bytes + sizeof(request.set), &fd, sizeof(fd));
	if (sys_ioctl(pci->fd, VFIO_DEVICE_SET_IRQS, &request))
		sys_close(fd);
	else
		pci->request_fd = fd;
}

struct pollfd vfio_request_lost_fd(const struct backend *backend)
{
	return (struct pollfd){ .fd = ((const struct vfio_pci *)backend)->request_fd,
				.events = POLLIN };
}

bool vfio_request_is_pending(struct backend *backend)
{
	struct pollfd requested = vfio_request_lost_fd(backend);

	return requested.fd >= 0 && !sys_wait_readable(&requested, 1, 0);
}
