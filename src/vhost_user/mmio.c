// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The registers of virtio-mmio, version 2 (Virtual I/O Device 1.2, 4.2.2; numbers in comments are
 * its sections). A write becomes vhost-user messages, so a driver for virtio-mmio drives a device
 * in another process. All queues interrupt by vector 0.
 *
 * INVARIANT: the peer learns of a queue only when the queue and the driver are ready, and then the
 * queue does not change until a reset. The lock of struct vhost_user guards all registers.
 */
#include <inttypes.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "base/size.h"
#include "base/sys.h"
#include "base/sys_doorbell.h"
#include "vhost_user/memory.h"
#include "vhost_user/mmio.h"
#include "vhost_user/peer.h"

/* 4.2.2: these spell "virt", and the version without legacy registers. */
#define MAGIC 0x74726976
#define VERSION 2
/* libvhost-user and DPDK take at most this many entries. */
#define QUEUE_NUMBER_MAX 1024
/*
 * Features of queues and transports are bits 24 to 49. A driver is offered only those that need no
 * code here.
 */
#define FEATURES_QUEUES ((UINT64_C(1) << 50) - (UINT64_C(1) << 24))
#define FEATURES_KNOWN                                                                         \
	(UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC | UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX | \
	 UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_F_ORDER_PLATFORM)
#define FEATURES_SHOWN (~FEATURES_QUEUES | FEATURES_KNOWN)

static uint32_t get_half(uint64_t value, uint32_t select)
{
	return select < 2 ? (uint32_t)(value >> 32 * select) : 0;
}

/* Half 0 is the low one. A driver may select a half above 1, which does not exist. */
static void set_half(uint64_t *value, uint32_t select, uint32_t to)
{
	const unsigned int shift = 32 * select;

	if (select > 1)
		return;
	*value &= ~(UINT64_C(0xffffffff) << shift);
	*value |= (uint64_t)to << shift;
}

/* --- Queues --- */

static int send_state_locked(struct vhost_user *vhost, enum vhost_user_request request,
			     uint32_t queue, uint32_t number, bool checked) NEEDS_LOCK(vhost->lock)
{
	struct vhost_user_message message = {
		.request = request,
		.bytes = sizeof(message.state),
		.state = { queue, number },
	};

	return vhost_user_peer_set_locked(vhost, &message, NULL, 0, checked);
}

static int send_rings_locked(struct vhost_user *vhost, uint32_t i) NEEDS_LOCK(vhost->lock)
{
	const struct vhost_user_queue *queue = &vhost->registers.queues[i];
	struct vhost_user_message message = {
		.request = VHOST_USER_SET_VRING_ADDR,
		.bytes = sizeof(message.rings),
		/*
		 * The peer looks these up by user address, which memory.c makes the same as the
		 * device address.
		 */
		.rings = { .queue = i,
			   .desc = queue->desc,
			   .avail = queue->avail,
			   .used = queue->used },
	};

	return vhost_user_peer_set_locked(vhost, &message, NULL, 0, true);
}

static int report_no_descriptor(const struct vhost_user *vhost)
{
	const struct coherent_device *dev = vhost->backend.dev;

	report(&dev->reporter, COHERENT_ERROR,
	       "%s: no descriptor is left for a queue; raise ulimit -n", dev->name);
	return -ENOSPC;
}

static int send_kick_locked(struct vhost_user *vhost, uint32_t i) NEEDS_LOCK(vhost->lock)
{
	const int fd = atomic_load_explicit(&vhost->kick_fds[i], memory_order_relaxed);
	struct vhost_user_message message = {
		.request = VHOST_USER_SET_VRING_KICK,
		.bytes = sizeof(message.u64),
		.u64 = i,
	};
	int fresh;

	if (sys_eventfd(&fresh))
		return report_no_descriptor(vhost);
	/* The number stays. A peer that kept the old eventfd cannot consume kicks of the new one. */
	sys_become(fd, fresh);
	sys_close(fresh);
	return vhost_user_peer_set_locked(vhost, &message, &fd, 1, false);
}

/* A peer that cannot find its rings hangs up without a reason, so the library reports them. */
static int check_rings_locked(struct vhost_user *vhost, uint32_t i) NEEDS_LOCK(vhost->lock)
{
	const struct vhost_user_queue *queue = &vhost->registers.queues[i];
	const struct coherent_device *dev = vhost->backend.dev;
	const uint64_t number = queue->number;

	/* 2.7: these are the sizes of the parts of a split ring of so many entries. */
	if (peer_memory_has_locked(&vhost->memory, queue->desc, 16 * number) &&
	    peer_memory_has_locked(&vhost->memory, queue->avail, 6 + 2 * number) &&
	    peer_memory_has_locked(&vhost->memory, queue->used, 6 + 8 * number))
		return 0;
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: queue %u of %u entries is not in memory that is exposed: descriptors at 0x%" PRIx64
	       ", available ring at 0x%" PRIx64 ", used ring at 0x%" PRIx64,
	       dev->name, i, queue->number, queue->desc, queue->avail, queue->used);
	return -EINVAL;
}

static int start_queue_locked(struct vhost_user *vhost, uint32_t i) NEEDS_LOCK(vhost->lock)
{
	struct vhost_user_queue *queue = &vhost->registers.queues[i];
	int err = check_rings_locked(vhost, i);

	if (err)
		return err;
	/* The peer may run the queue from the kick on, so only a reset undoes what follows. */
	queue->running = true;
	err = send_state_locked(vhost, VHOST_USER_SET_VRING_NUM, i, queue->number, false);
	if (!err)
		err = send_state_locked(vhost, VHOST_USER_SET_VRING_BASE, i, 0, false);
	if (!err)
		err = send_rings_locked(vhost, i);
	if (!err)
		/*
		 * libvhost-user hangs up on a queue without a call eventfd, so that comes before
		 * the kick.
		 */
		err = vhost_user_peer_set_call_locked(vhost, i);
	if (!err)
		err = send_kick_locked(vhost, i);
	/* vhost-user.rst: with VHOST_USER_F_PROTOCOL_FEATURES a ring starts disabled. */
	return err ? err : send_state_locked(vhost, VHOST_USER_SET_VRING_ENABLE, i, 1, true);
}

/* A queue starts when both the queue and the driver are ready. */
static void start_queues_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock)
{
	struct vhost_user_registers *registers = &vhost->registers;

	for (uint32_t i = 0; i < vhost->queue_count; i++) {
		const struct vhost_user_queue *queue = &registers->queues[i];

		if (!(registers->status & VIRTIO_CONFIG_S_DRIVER_OK) ||
		    registers->status & VIRTIO_CONFIG_S_NEEDS_RESET)
			return;
		if (queue->ready && !queue->running && start_queue_locked(vhost, i))
			registers->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	}
}

/*
 * The peer has each eventfd for kicks too, and can make a write to it wait. So the kernel signals
 * it, in a context that is created once. If the kernel refuses a context for good, the library
 * writes to the eventfd instead. If it has none left, the function returns -ENOSPC.
 */
static int open_doorbell_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock)
{
	const struct coherent_device *dev = vhost->backend.dev;
	int err = vhost->doorbell_tried ? 0 : sys_doorbell_open(&vhost->doorbell);

	if (err == -EAGAIN || err == -ENOMEM) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the kernel has no asynchronous I/O left for a queue; raise sysctl "
		       "fs.aio-max-nr",
		       dev->name);
		return -ENOSPC;
	}
	if (err)
		report(&dev->reporter, COHERENT_WARNING,
		       "%s: io_setup() fails (%s), so a hostile peer can make a notification wait; "
		       "allow this system call",
		       dev->name, strerror(-err));
	vhost->doorbell_tried = true;
	return 0;
}

static int open_kick_locked(struct vhost_user *vhost, atomic_int *kick_fd) NEEDS_LOCK(vhost->lock)
{
	int fd, err = open_doorbell_locked(vhost);

	if (err)
		return err;
	if (sys_eventfd(&fd))
		return report_no_descriptor(vhost);
	/*
	 * ORDER: pairs with the acquire in notify_queue(), which also needs the doorbell
	 * (kick_fd.litmus).
	 */
	atomic_store_explicit(kick_fd, fd, memory_order_release);
	return 0;
}

/* The descriptor for kicks exists before the queue is ready, so a notification finds it. */
static void make_ready_locked(struct vhost_user *vhost, struct vhost_user_queue *queue)
	NEEDS_LOCK(vhost->lock)
{
	const struct coherent_device *dev = vhost->backend.dev;
	const unsigned int i = (unsigned int)(queue - vhost->registers.queues);
	atomic_int *kick_fd = &vhost->kick_fds[i];

	if (!queue->number) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: queue %u is not ready: the driver must first set its size to a power of "
		       "two, at most %d",
		       dev->name, i, QUEUE_NUMBER_MAX);
		return;
	}
	if (atomic_load_explicit(kick_fd, memory_order_relaxed) < 0 &&
	    open_kick_locked(vhost, kick_fd))
		return;
	queue->ready = true;
	start_queues_locked(vhost);
}

/* --- Status and features --- */

static bool negotiate_features_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock)
{
	const struct coherent_device *dev = vhost->backend.dev;
	const uint64_t offered = vhost->features & FEATURES_SHOWN;
	const uint64_t wanted = vhost->registers.driver_features, unknown = wanted & ~offered;
	const bool is_modern = wanted & UINT64_C(1) << VIRTIO_F_VERSION_1;
	struct vhost_user_message message = {
		.request = VHOST_USER_SET_FEATURES,
		.bytes = sizeof(message.u64),
		.u64 = wanted | VHOST_USER_F_PROTOCOL_FEATURES,
	};

	if (unknown)
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the device refuses FEATURES_OK: the driver accepts features 0x%" PRIx64
		       " that the device does not offer",
		       dev->name, unknown);
	/* 6.2: a device may refuse a driver that does not accept VIRTIO_F_VERSION_1. */
	if (!is_modern)
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the device refuses FEATURES_OK: the driver does not accept "
		       "VIRTIO_F_VERSION_1 (bit 32), which it must",
		       dev->name);
	return !unknown && is_modern &&
	       !vhost_user_peer_set_locked(vhost, &message, NULL, 0, false);
}

static bool has_run_locked(const struct vhost_user *vhost) NEEDS_LOCK(vhost->lock)
{
	for (uint32_t i = 0; i < vhost->queue_count; i++)
		if (vhost->registers.queues[i].running)
			return true;
	return false;
}

/*
 * A driver that reads a status of 0 back knows that nothing is in flight any more. Peers finish
 * their transfers only when the connection ends, so a reset connects again.
 */
static void set_status_locked(struct vhost_user *vhost, uint32_t status) NEEDS_LOCK(vhost->lock)
{
	struct vhost_user_registers *registers = &vhost->registers;
	const struct coherent_device *dev = vhost->backend.dev;
	const uint32_t added = status & ~registers->status;

	if (!status) {
		if (has_run_locked(vhost))
			(void)vhost_user_memory_reconnect_locked(vhost);
		else
			*registers = (struct vhost_user_registers){ .status = 0 };
		return;
	}
	if (added & VIRTIO_CONFIG_S_FEATURES_OK && !negotiate_features_locked(vhost))
		status &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK;
	/* 2.1.1: a driver clears a bit of the status only by a reset. */
	registers->status |= status;
	/* 3.1.1: a driver must check that the device accepted its features. This one did not. */
	if (!(registers->status & VIRTIO_CONFIG_S_FEATURES_OK) &&
	    status & VIRTIO_CONFIG_S_DRIVER_OK) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the device needs a reset: the driver set DRIVER_OK without FEATURES_OK",
		       dev->name);
		registers->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	}
	start_queues_locked(vhost);
}

/* --- Reading --- */

static uint32_t read_queue_locked(const struct vhost_user *vhost, uint64_t offset)
	NEEDS_LOCK(vhost->lock)
{
	const uint32_t i = vhost->registers.queue_select;

	if (i >= vhost->queue_count)
		return 0;
	return offset == VIRTIO_MMIO_QUEUE_NUM_MAX ? QUEUE_NUMBER_MAX :
						     vhost->registers.queues[i].ready;
}

static uint32_t read_register_locked(const struct vhost_user *vhost, uint64_t offset)
	NEEDS_LOCK(vhost->lock)
{
	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return (uint32_t)vhost->keys.id;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return get_half(vhost->features & FEATURES_SHOWN, vhost->registers.device_select);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
	case VIRTIO_MMIO_QUEUE_READY:
		return read_queue_locked(vhost, offset);
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		/*
		 * A peer has no channel to report a changed configuration, so it is always a queue.
		 */
		return VIRTIO_MMIO_INT_VRING;
	case VIRTIO_MMIO_STATUS:
		return vhost->registers.status;
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		/* 4.2.2: the region does not exist. */
		return UINT32_MAX;
	default:
		return 0;
	}
}

/* Some peers ignore the offset, so this reads the configuration from its start. */
static uint64_t read_config_locked(struct vhost_user *vhost, uint64_t offset, unsigned int width)
	NEEDS_LOCK(vhost->lock)
{
	const uint32_t end = (uint32_t)(offset - VIRTIO_MMIO_CONFIG + width);
	uint8_t config[VHOST_USER_CONFIG_MAX];
	uint64_t value = 0;

	if (vhost_user_peer_get_config_locked(vhost, config, end))
		return UINT64_MAX;
	for (unsigned int i = 0; i < width; i++)
		value |= (uint64_t)config[end - width + i] << 8 * i;
	return value;
}

uint64_t vhost_user_mmio_read(struct backend *backend, unsigned int bar, uint64_t offset,
			      unsigned int width)
{
	struct vhost_user *vhost = vhost_user_of(backend);
	uint64_t value = UINT64_MAX;

	(void)bar;
	lock_take(&vhost->lock);
	if (vhost_user_peer_is_there_locked(vhost)) {
		if (offset >= VIRTIO_MMIO_CONFIG)
			value = read_config_locked(vhost, offset, width);
		/* 4.2.2.2: a driver accesses these registers only by 32 bits. */
		else if (width == 4)
			value = read_register_locked(vhost, offset);
	}
	lock_drop(&vhost->lock);
	return value;
}

/* --- Writing --- */

static void set_up_queue(struct vhost_user_queue *queue, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		/* 2.7: the size of a split ring is a power of two. */
		if (value <= QUEUE_NUMBER_MAX && is_power_of_two(value))
			queue->number = value;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_half(&queue->desc, offset == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_half(&queue->avail, offset == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_half(&queue->used, offset == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
		break;
	}
}

/*
 * The library ignores writes to a running queue until a reset. For a ready queue it accepts only
 * "not ready".
 */
static void write_queue_locked(struct vhost_user *vhost, uint64_t offset, uint32_t value)
	NEEDS_LOCK(vhost->lock)
{
	const uint32_t i = vhost->registers.queue_select;
	struct vhost_user_queue *queue;

	if (i >= vhost->queue_count)
		return;
	queue = &vhost->registers.queues[i];
	if (queue->running)
		return;
	if (offset == VIRTIO_MMIO_QUEUE_READY && !value)
		queue->ready = false;
	else if (queue->ready)
		return;
	else if (offset == VIRTIO_MMIO_QUEUE_READY && value == 1)
		make_ready_locked(vhost, queue);
	else
		set_up_queue(queue, offset, value);
}

static void write_register_locked(struct vhost_user *vhost, uint64_t offset, uint32_t value)
	NEEDS_LOCK(vhost->lock)
{
	struct vhost_user_registers *registers = &vhost->registers;

	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		registers->device_select = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		registers->driver_select = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		/* 3.1.1: a driver accepts no more features after FEATURES_OK. */
		if (!(registers->status & VIRTIO_CONFIG_S_FEATURES_OK))
			set_half(&registers->driver_features, registers->driver_select, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		registers->queue_select = value;
		break;
	case VIRTIO_MMIO_STATUS:
		set_status_locked(vhost, value);
		break;
	default:
		write_queue_locked(vhost, offset, value);
	}
}

static void write_config_locked(struct vhost_user *vhost, uint64_t offset, unsigned int width,
				uint64_t value) NEEDS_LOCK(vhost->lock)
{
	struct vhost_user_message message = {
		.request = VHOST_USER_SET_CONFIG,
		.bytes = (uint32_t)offsetof(struct vhost_user_message, config.data[width]) -
			 (uint32_t)VHOST_USER_HEADER_BYTES,
		.config = { .offset = (uint32_t)(offset - VIRTIO_MMIO_CONFIG), .bytes = width },
	};

	for (unsigned int i = 0; i < width; i++)
		message.config.data[i] = (uint8_t)(value >> 8 * i);
	if (vhost->protocol & VHOST_USER_PROTOCOL_F_CONFIG)
		(void)vhost_user_peer_set_locked(vhost, &message, NULL, 0, false);
}

/*
 * Without this the peer would not learn of the notification. A hostile peer can make the write wait.
 */
static void notify_by_write(struct vhost_user *vhost, int fd, int err)
{
	const struct coherent_device *dev = vhost->backend.dev;

	if (!atomic_exchange_explicit(&vhost->doorbell_refused, true, memory_order_relaxed))
		report(&dev->reporter, COHERENT_WARNING,
		       "%s: the kernel refuses to signal an eventfd (%s), so a hostile peer can "
		       "make a notification wait; allow io_submit() and io_getevents()",
		       dev->name, strerror(-err));
	sys_eventfd_signal(fd);
}

/* Notifications are the fast path, so this register takes no lock and sends no message. */
static void notify_queue(struct vhost_user *vhost, uint64_t queue)
{
	int fd = -1, err;

	if (queue < VHOST_USER_QUEUES_MAX)
		/*
		 * ORDER: pairs with the release in open_kick_locked(), which publishes a new
		 * eventfd (kick_fd.litmus).
		 */
		fd = atomic_load_explicit(&vhost->kick_fds[queue], memory_order_acquire);
	if (fd < 0)
		return;
	err = sys_doorbell_ring(vhost->doorbell, vhost->hung_up, fd);
	if (err)
		notify_by_write(vhost, fd, err);
}

void vhost_user_mmio_write(struct backend *backend, unsigned int bar, uint64_t offset,
			   unsigned int width, uint64_t value)
{
	struct vhost_user *vhost = vhost_user_of(backend);

	(void)bar;
	if (offset == VIRTIO_MMIO_QUEUE_NOTIFY && width == 4) {
		notify_queue(vhost, value);
		return;
	}
	lock_take(&vhost->lock);
	if (vhost_user_peer_is_there_locked(vhost)) {
		if (offset >= VIRTIO_MMIO_CONFIG)
			write_config_locked(vhost, offset, width, value);
		else if (width == 4)
			write_register_locked(vhost, offset, (uint32_t)value);
	}
	lock_drop(&vhost->lock);
}
