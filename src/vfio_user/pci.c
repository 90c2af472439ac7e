// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The registers, the configuration space, the interrupts and the reset of a vfio-user device. Each is
 * a message to the peer.
 */
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "vfio_user/pci.h"
#include "vfio_user/peer.h"

/* --- Questions --- */

/*
 * The answer takes the place of the question. The question allows no more bytes, in .argsz. A peer may
 * answer while the question is still being sent, so the answer comes to another place first.
 */
static int ask_info_locked(struct vfio_user *user, enum vfio_user_command command, void *info,
			   size_t bytes) NEEDS_LOCK(user->lock)
{
	/* This is the longest answer. */
	char answer[sizeof(struct vfio_region_info)];
	struct vfio_user_call call = {
		.command = command,
		.parts = { { info, bytes } },
		.part_count = 1,
		.answer = answer,
		.answer_max = bytes,
	};
	int err = vfio_user_peer_ask_locked(user, &call, bytes);

	if (err == -EREMOTEIO)
		return vfio_user_peer_refused_locked(user, &call);
	if (!err)
		memcpy(info, answer, bytes);
	return err;
}

/* Access a region by 1, 2, 4 or 8 bytes, in little-endian order. */
static int access_region_locked(struct vfio_user *user, const struct vfio_user_region *at,
				uint64_t *value, bool is_write) NEEDS_LOCK(user->lock)
{
	char data[8], answer[sizeof(*at) + sizeof(data)];
	const size_t bytes = sizeof(*at) + (is_write ? 0 : at->bytes);
	struct vfio_user_call call = {
		.command = is_write ? VFIO_USER_REGION_WRITE : VFIO_USER_REGION_READ,
		.parts = { { (void *)(uintptr_t)at, sizeof(*at) }, { data, at->bytes } },
		.part_count = is_write ? 2 : 1,
		.answer = answer,
		.answer_max = bytes,
	};
	int err;

	if (is_write)
		backend_put_bytes(data, *value, at->bytes);
	iommu_port_order(&user->port);
	err = vfio_user_peer_ask_locked(user, &call, bytes);
	iommu_port_order(&user->port);
	if (err == -EREMOTEIO)
		return vfio_user_peer_refused_locked(user, &call);
	if (!err && !is_write)
		*value = backend_get_bytes(answer + sizeof(*at), at->bytes);
	return err;
}

/* --- Open --- */

static int report_device(const struct vfio_user *user, const char *what)
{
	const struct coherent_device *dev = user->backend.dev;

	report(&dev->reporter, COHERENT_ERROR, "%s: the peer's device %s", dev->name, what);
	return -EOPNOTSUPP;
}

static int check_device_locked(struct vfio_user *user) NEEDS_LOCK(user->lock)
{
	/* The message has no more members than the oldest structure of linux/vfio.h. */
	struct vfio_user_device_info info = { .argsz = sizeof(info) };
	int err = ask_info_locked(user, VFIO_USER_DEVICE_GET_INFO, &info, sizeof(info));

	if (err)
		return err;
	if (!(info.flags & VFIO_DEVICE_FLAGS_PCI))
		return report_device(user, "is not a PCI device");
	if (info.regions <= VFIO_PCI_CONFIG_REGION_INDEX)
		return report_device(user, "has too few regions: a PCI device has configuration "
					   "space, which is number 7");
	if (info.irqs <= VFIO_PCI_MSIX_IRQ_INDEX)
		return report_device(user, "has too few kinds of interrupts: a PCI device has 3");
	user->can_reset = info.flags & VFIO_DEVICE_FLAGS_RESET;
	return 0;
}

static int region_bytes_locked(struct vfio_user *user, uint32_t index, uint64_t *bytes)
	NEEDS_LOCK(user->lock)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };
	int err = ask_info_locked(user, VFIO_USER_DEVICE_GET_REGION_INFO, &info, sizeof(info));

	/* A region that the device does not have has neither a size nor flags. */
	*bytes = !err && info.flags & VFIO_REGION_INFO_FLAG_READ ? info.size : 0;
	return err;
}

static int read_regions_locked(struct vfio_user *user) NEEDS_LOCK(user->lock)
{
	uint64_t bytes[VFIO_USER_BARS], config;
	bool differs;
	int err = region_bytes_locked(user, VFIO_PCI_CONFIG_REGION_INDEX, &config);

	for (uint32_t i = 0; !err && i < VFIO_USER_BARS; i++)
		err = region_bytes_locked(user, VFIO_PCI_BAR0_REGION_INDEX + i, &bytes[i]);
	if (err)
		return err;
	differs = memcmp(bytes, user->bar_bytes, sizeof(bytes)) || config != user->config_bytes;
	if (user->is_open && differs)
		return report_device(user, "has other regions than before");
	memcpy(user->bar_bytes, bytes, sizeof(bytes));
	user->config_bytes = config;
	return 0;
}

/* INTx has one vector, and each interrupt needs a message that unmasks it. So it is the last choice. */
static int find_irqs_locked(struct vfio_user *user, uint32_t *index, uint32_t *count)
	NEEDS_LOCK(user->lock)
{
	static const uint32_t best_first[] = { VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX,
					       VFIO_PCI_INTX_IRQ_INDEX };

	*count = 0;
	for (size_t i = 0; i < 3 && !*count; i++) {
		struct vfio_irq_info info = { .argsz = sizeof(info), .index = best_first[i] };
		int err = ask_info_locked(user, VFIO_USER_DEVICE_GET_IRQ_INFO, &info, sizeof(info));

		if (err)
			return err;
		*index = best_first[i];
		*count = info.flags & VFIO_IRQ_INFO_EVENTFD ? info.count : 0;
	}
	return 0;
}

static int allocate_irqs_locked(struct vfio_user *user, uint32_t count) NEEDS_LOCK(user->lock)
{
	/* The library does not trust this number. */
	user->vectors = count < VFIO_USER_VECTORS_MAX ? count : VFIO_USER_VECTORS_MAX;
	user->irq_fds = calloc(user->vectors ? user->vectors : 1, sizeof(*user->irq_fds));
	if (!user->irq_fds)
		return -ENOMEM;
	for (unsigned int i = 0; i < user->vectors; i++)
		user->irq_fds[i] = -1;
	return 0;
}

/* --- Interrupts --- */

static int set_irqs_locked(struct vfio_user *user, uint32_t flags, uint32_t start, uint32_t count,
			   const int *fd) NEEDS_LOCK(user->lock)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = flags,
		.index = user->irq_index,
		.start = start,
		.count = count,
	};
	struct vfio_user_call call = {
		.command = VFIO_USER_DEVICE_SET_IRQS,
		.parts = { { &set, sizeof(set) } },
		.part_count = 1,
		.fds = fd,
		.fd_count = fd ? 1 : 0,
	};
	int err = vfio_user_peer_ask_locked(user, &call, 0);

	return err == -EREMOTEIO ? vfio_user_peer_refused_locked(user, &call) : err;
}

/* The peer gets the eventfd that nobody reads in the place of none, which not all peers know. */
static int send_irq_locked(struct vfio_user *user, unsigned int vector) NEEDS_LOCK(user->lock)
{
	const int fd = user->irq_fds[vector] < 0 ? user->ignored_fd : user->irq_fds[vector];

	return set_irqs_locked(user, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			       vector, 1, &fd);
}

static int send_all_irqs_locked(struct vfio_user *user) NEEDS_LOCK(user->lock)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < user->vectors; i++)
		if (user->irq_fds[i] >= 0)
			err = send_irq_locked(user, i);
	return err;
}

int vfio_user_pci_irq_connect(struct backend *backend, unsigned int vector, int fd)
{
	struct vfio_user *user = vfio_user_of(backend);
	int err;

	lock_take(&user->lock);
	user->irq_fds[vector] = fd;
	err = send_irq_locked(user, vector);
	if (err)
		/* The caller closes its eventfd now, so no later message may send its number. */
		user->irq_fds[vector] = -1;
	lock_drop(&user->lock);
	return fd < 0 ? 0 : err;
}

void vfio_user_pci_irq_rearm(struct backend *backend, unsigned int vector)
{
	struct vfio_user *user = vfio_user_of(backend);

	if (user->irq_index != VFIO_PCI_INTX_IRQ_INDEX)
		return;
	lock_take(&user->lock);
	(void)set_irqs_locked(user, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK, vector, 1,
			      NULL);
	lock_drop(&user->lock);
}

/* --- Registers and configuration space --- */

uint64_t vfio_user_pci_read(struct backend *backend, unsigned int bar, uint64_t offset,
			    unsigned int width)
{
	struct vfio_user *user = vfio_user_of(backend);
	const struct vfio_user_region at = { offset, VFIO_PCI_BAR0_REGION_INDEX + bar, width };
	uint64_t value = 0;
	int err;

	lock_take(&user->lock);
	err = access_region_locked(user, &at, &value, false);
	lock_drop(&user->lock);
	/* A PCI host returns all ones for a read that no device answers. */
	return err ? UINT64_MAX : value;
}

void vfio_user_pci_write(struct backend *backend, unsigned int bar, uint64_t offset,
			 unsigned int width, uint64_t value)
{
	struct vfio_user *user = vfio_user_of(backend);
	const struct vfio_user_region at = { offset, VFIO_PCI_BAR0_REGION_INDEX + bar, width };

	lock_take(&user->lock);
	(void)access_region_locked(user, &at, &value, true);
	lock_drop(&user->lock);
}

static int access_config_locked(struct vfio_user *user, unsigned int offset, unsigned int width,
				uint64_t *value, bool is_write) NEEDS_LOCK(user->lock)
{
	const struct vfio_user_region at = { offset, VFIO_PCI_CONFIG_REGION_INDEX, width };

	return access_region_locked(user, &at, value, is_write);
}

int vfio_user_pci_config(struct backend *backend, struct backend_config *access)
{
	struct vfio_user *user = vfio_user_of(backend);
	uint64_t value = access->value;
	int err;

	if (access->offset + access->width > user->config_bytes)
		return -ERANGE;
	lock_take(&user->lock);
	err = access_config_locked(user, access->offset, access->width, &value, access->is_write);
	lock_drop(&user->lock);
	if (!err && !access->is_write)
		access->value = (uint32_t)value;
	return err == -ETIMEDOUT ? -EIO : err;
}

/*
 * Let the device use DMA. It reaches nothing that the driver has not exposed, so this need not wait
 * for the first mem, as for hardware.
 */
static int allow_dma_locked(struct vfio_user *user) NEEDS_LOCK(user->lock)
{
	uint64_t command;
	int err = access_config_locked(user, PCI_COMMAND, 2, &command, false);

	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	return err ? err : access_config_locked(user, PCI_COMMAND, 2, &command, true);
}

int vfio_user_pci_open_locked(struct vfio_user *user)
{
	uint32_t index, count;
	int err = check_device_locked(user);

	if (!err)
		err = read_regions_locked(user);
	if (!err)
		err = find_irqs_locked(user, &index, &count);
	if (err)
		return err;
	if (!user->is_open) {
		user->irq_index = index;
		err = allocate_irqs_locked(user, count);
	} else if (index != user->irq_index || count < user->vectors) {
		err = report_device(user, "has other interrupts than before");
	}
	if (!err)
		err = send_all_irqs_locked(user);
	return err ? err : allow_dma_locked(user);
}

/* --- Reset --- */

int vfio_user_pci_reset_locked(struct vfio_user *user)
{
	struct vfio_user_call call = { .command = VFIO_USER_DEVICE_RESET };
	int err = vfio_user_peer_ask_locked(user, &call, 0);

	if (err == -EREMOTEIO)
		return vfio_user_peer_refused_locked(user, &call);
	/* PCI Local Bus Specification 3.0, 6.2.2: a reset clears the command register. */
	return err ? err : allow_dma_locked(user);
}

int vfio_user_pci_reconnect_locked(struct vfio_user *user, bool must_reset)
{
	int err = peer_socket_check_again(&user->socket);

	if (!err)
		err = vfio_user_peer_connect_locked(user);
	if (err)
		return err;
	err = vfio_user_pci_open_locked(user);
	if (!err && (must_reset || user->can_reset))
		err = vfio_user_pci_reset_locked(user);
	if (err)
		vfio_user_peer_hang_up_locked(user);
	return err;
}

/* The peer asks for each transfer, so it reaches nothing that is unmapped, also without a reset. */
static int begin_again_locked(struct vfio_user *user, bool must_reset) NEEDS_LOCK(user->lock)
{
	if (!vfio_user_peer_is_there_locked(user))
		return vfio_user_pci_reconnect_locked(user, must_reset);
	return must_reset || user->can_reset ? vfio_user_pci_reset_locked(user) : 0;
}

static int begin_again(struct vfio_user *user, bool must_reset)
{
	int err = -ENODEV;

	lock_take(&user->lock);
	if (!vfio_user_is_closed(user))
		err = begin_again_locked(user, must_reset);
	lock_drop(&user->lock);
	return err;
}

int vfio_user_pci_fence(struct backend *backend)
{
	return begin_again(vfio_user_of(backend), false);
}

int vfio_user_pci_reset(struct backend *backend)
{
	return begin_again(vfio_user_of(backend), true);
}
