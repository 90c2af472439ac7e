// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A virtio device in another process, by vhost-user: how it is opened and closed, and what it tells
 * the library. mmio.c has its registers, memory.c the memory that the peer has, and peer.c talks
 * to the peer.
 */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/sys.h"
#include "base/sys_doorbell.h"
#include "base/sys_socket.h"
#include "vhost_user/device.h"
#include "vhost_user/memory.h"
#include "vhost_user/mmio.h"
#include "vhost_user/peer.h"

#define ADDRESS_LAST ((UINT64_C(1) << 47) - 1)

/* --- Open --- */

static int read_name(struct vhost_user *vhost, const struct name *name,
		     const struct coherent_open_options *options)
{
	static const struct name_key keys[] = {
		{ .key = "id",
		  .min = 1,
		  .max = UINT32_MAX,
		  .offset = offsetof(struct vhost_user_keys, id) },
		{ .key = "timeout",
		  .min = 1,
		  .max = 3600 * 1000,
		  .offset = offsetof(struct vhost_user_keys, timeout_ms) },
		{ .key = "table", NAME_FLAG, .offset = offsetof(struct vhost_user_keys, table) },
	};
	const struct reporter *to = &vhost->backend.dev->reporter;
	int err = name_read_keys(name, keys, ARRAY_SIZE(keys), &vhost->keys, to);

	if (!err)
		err = peer_socket_open(&vhost->socket, vhost->backend.dev, name, options);
	vhost->socket.timeout_ms = vhost->keys.timeout_ms;
	return err;
}

static int open_descriptors(struct vhost_user *vhost)
{
	int err = sys_eventfd(&vhost->ignored_fd);

	if (!err)
		err = sys_hung_up(&vhost->hung_up);
	if (err)
		return err == -EMFILE || err == -ENFILE ? peer_socket_report(&vhost->socket, err) :
							  -ENOMEM;
	/*
	 * sys_become() replaces a file, so the number of @fd must exist before the first
	 * connection.
	 */
	vhost->fd = sys_dup(vhost->hung_up);
	return vhost->fd < 0 ? peer_socket_report(&vhost->socket, vhost->fd) : 0;
}

/* No other thread uses the device any more, so this needs no lock. */
static void vhost_user_close(struct backend *backend) LOCK_ATTRIBUTE(no_thread_safety_analysis)
{
	struct vhost_user *vhost = vhost_user_of(backend);
	const int fds[] = { vhost->fd, vhost->hung_up, vhost->ignored_fd };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			sys_close(fds[i]);
	peer_memory_close(&vhost->memory);
	/* A thread notifies queues without the lock, so these eventfds outlive a disconnect. */
	for (size_t i = 0; i < VHOST_USER_QUEUES_MAX; i++)
		if (vhost->kick_fds[i] >= 0)
			sys_close(vhost->kick_fds[i]);
	if (vhost->doorbell)
		sys_doorbell_close(vhost->doorbell);
	lock_destroy(&vhost->wake);
	lock_destroy(&vhost->lock);
	peer_socket_close(&vhost->socket);
	free(vhost);
}

static struct vhost_user *new_vhost_user(struct coherent_device *dev)
{
	struct vhost_user *vhost = calloc(1, sizeof(*vhost));

	if (!vhost)
		return NULL;
	vhost->backend = (struct backend){
		.ops = &backend_vhost_user,
		.dev = dev,
		.level = COHERENT_PEER,
		.cannot_stop_writes = true,
		/* A reclaimed box has pages that the peer never had. */
		.idle_is_fence = true,
		/* Virtio 1.2, 4.2.2.2: a driver accesses the registers only by 32 bits. */
		.copies_words = true,
	};
	vhost->memory.backend = &vhost->backend;
	vhost->memory.ops = &vhost_user_memory_ops;
	/*
	 * vhost-user does not tell the kind of the device. In virtio 1.2, 5, 2 is a block device.
	 */
	vhost->keys = (struct vhost_user_keys){ .id = 2, .timeout_ms = PEER_TIMEOUT_MS };
	vhost->socket.source = vhost->hung_up = vhost->ignored_fd = vhost->fd = vhost->call_fd = -1;
	for (size_t i = 0; i < VHOST_USER_QUEUES_MAX; i++)
		atomic_init(&vhost->kick_fds[i], -1);
	atomic_init(&vhost->doorbell_refused, false);
	atomic_init(&vhost->closed, false);
	lock_init(&vhost->lock);
	lock_init(&vhost->wake);
	return vhost;
}

static int vhost_user_open(struct backend **backend, struct coherent_device *dev,
			   const struct name *name, const struct coherent_open_options *options)
{
	struct vhost_user *vhost = new_vhost_user(dev);
	int err;

	if (!vhost)
		return -ENOMEM;
	err = read_name(vhost, name, options);
	if (!err)
		err = open_descriptors(vhost);
	if (!err)
		err = peer_memory_check(&vhost->socket);
	lock_take(&vhost->lock);
	if (!err)
		err = vhost_user_peer_connect_locked(vhost);
	lock_drop(&vhost->lock);
	if (err) {
		vhost_user_close(&vhost->backend);
		return err;
	}
	*backend = &vhost->backend;
	return 0;
}

/* --- For the library --- */

/*
 * The peer may continue with requests in flight for a while, in files that this process does not
 * use any more. If there is not enough memory to make a mapping private, it stays with the peer and
 * leaks.
 */
static void vhost_user_disconnect(struct backend *backend)
{
	struct vhost_user *vhost = vhost_user_of(backend);

	vhost_user_peer_wake(vhost);
	lock_take(&vhost->lock);
	peer_memory_give_up_locked(&vhost->memory);
	vhost_user_peer_hang_up_locked(vhost);
	lock_drop(&vhost->lock);
}

static void vhost_user_limits(struct backend *backend, struct coherent_limits *limits)
{
	struct vhost_user *vhost = vhost_user_of(backend);

	*limits = (struct coherent_limits){
		.mask = UINT64_MAX,
		.ranges = { { 0, ADDRESS_LAST } },
		.range_count = 1,
		.page_bytes = sys_page_bytes(),
		.bar_bytes = { VHOST_USER_BAR_BYTES },
		.vectors = 1,
	};
	lock_take(&vhost->lock);
	limits->mappings = vhost->memory.slots;
	lock_drop(&vhost->lock);
}

static int vhost_user_irq_connect(struct backend *backend, unsigned int vector, int fd)
{
	struct vhost_user *vhost = vhost_user_of(backend);
	int err = 0;

	(void)vector;
	lock_take(&vhost->lock);
	vhost->call_fd = fd;
	if (fd >= 0 && !vhost_user_peer_is_there_locked(vhost))
		err = -ENODEV;
	for (uint32_t i = 0; !err && i < vhost->queue_count; i++)
		if (vhost->registers.queues[i].running)
			err = vhost_user_peer_set_call_locked(vhost, i);
	if (err)
		/*
		 * The caller closes its eventfd after an error, so the next queue must not get it.
		 */
		vhost->call_fd = -1;
	lock_drop(&vhost->lock);
	return err;
}

static struct pollfd vhost_user_lost_fd(const struct backend *backend)
{
	/* POLLIN would also wake the thread for an answer that another thread is about to read. */
	return (struct pollfd){ .fd = ((const struct vhost_user *)backend)->fd,
				.events = POLLRDHUP };
}

/* The lock makes this call wait for a reset in another thread. */
static bool vhost_user_is_lost(struct backend *backend)
{
	struct vhost_user *vhost = vhost_user_of(backend);
	bool is_lost;

	lock_take(&vhost->lock);
	is_lost = !vhost_user_peer_is_there_locked(vhost);
	lock_drop(&vhost->lock);
	return is_lost;
}

/* There is no next_fault: a peer does not report an address that it cannot find. It hangs up. */
const struct backend_ops backend_vhost_user = {
	.scheme = "vhost-user",
	.options = BACKEND_TAKES_SOCKET | BACKEND_TAKES_LISTEN,
	.memory_kind = BACKEND_MEMORY_FILES,
	.open = vhost_user_open,
	.disconnect = vhost_user_disconnect,
	.close = vhost_user_close,
	.limits = vhost_user_limits,
	.map = vhost_user_memory_map,
	.unmap = vhost_user_memory_unmap,
	.fence = vhost_user_memory_fence,
	.reset = vhost_user_memory_fence,
	.reg_read = vhost_user_mmio_read,
	.reg_write = vhost_user_mmio_write,
	.irq_connect = vhost_user_irq_connect,
	.lost_fd = vhost_user_lost_fd,
	.is_lost = vhost_user_is_lost,
};
