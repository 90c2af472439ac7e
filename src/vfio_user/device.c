// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A PCI device in another process, by vfio-user: how it is opened and closed, and what it tells the
 * library.
 */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/sys.h"
#include "base/sys_socket.h"
#include "vfio_user/files.h"
#include "vfio_user/memory.h"
#include "vfio_user/pci.h"
#include "vfio_user/peer.h"

/* libvfio-user takes a region of at most 8 TiB. */
#define WINDOW_BYTES_MAX (UINT64_C(8) << 40)

static const struct backend_ops with_files;

/* --- Open --- */

/* The core refuses these options only where all devices of a scheme have files. */
static int use_files(struct vfio_user *user, const struct coherent_open_options *options)
{
	const struct coherent_device *dev = user->backend.dev;

	user->backend.ops = &with_files;
	/* A reclaimed box has pages that the peer never had. */
	user->backend.idle_is_fence = true;
	if (!options->hugepages && !options->gigapages && !options->nodes)
		return 0;
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: does not take .hugepages, .gigapages and .nodes, because its memory is files",
	       dev->name);
	return -EOPNOTSUPP;
}

static int read_name(struct vfio_user *user, const struct name *name,
		     const struct coherent_open_options *options)
{
	static const struct name_key keys[] = {
		{ .key = "timeout",
		  .min = 1,
		  .max = 3600 * 1000,
		  .offset = offsetof(struct vfio_user_keys, timeout_ms) },
		{ .key = "files", NAME_FLAG, .offset = offsetof(struct vfio_user_keys, files) },
	};
	struct coherent_device *dev = user->backend.dev;
	int err = name_read_keys(name, keys, ARRAY_SIZE(keys), &user->keys, &dev->reporter);

	if (!err && user->keys.files)
		err = use_files(user, options);
	if (!err)
		err = peer_socket_open(&user->socket, dev, name, options);
	user->socket.timeout_ms = user->keys.timeout_ms;
	return err;
}

static int open_descriptors(struct vfio_user *user)
{
	int err = sys_eventfd(&user->ignored_fd);

	if (!err)
		err = sys_hung_up(&user->hung_up);
	if (err)
		return err == -EMFILE || err == -ENFILE ? peer_socket_report(&user->socket, err) :
							  -ENOMEM;
	/*
	 * sys_become() replaces a file, so the number of @fd must exist before the first
	 * connection.
	 */
	user->fd = sys_dup(user->hung_up);
	return user->fd < 0 ? peer_socket_report(&user->socket, user->fd) : 0;
}

/* No other thread uses the device any more, so this needs no lock. */
static void vfio_user_close(struct backend *backend) LOCK_ATTRIBUTE(no_thread_safety_analysis)
{
	struct vfio_user *user = vfio_user_of(backend);
	const int fds[] = { user->fd, user->hung_up, user->ignored_fd };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			sys_close(fds[i]);
	peer_memory_close(&user->memory);
	peer_socket_close(&user->socket);
	iommu_port_close(&user->port);
	lock_destroy(&user->wake);
	lock_destroy(&user->lock);
	free(user->irq_fds);
	free(user);
}

static struct vfio_user *new_vfio_user(struct coherent_device *dev)
{
	struct vfio_user *user = calloc(1, sizeof(*user));

	if (!user)
		return NULL;
	user->window_last = WINDOW_BYTES_MAX - 1;
	/* The peer asks for a range of bytes, so the end of an object is exact. */
	if (iommu_port_open(&user->port, dev, user->window_last, true, NULL)) {
		free(user);
		return NULL;
	}
	user->backend = (struct backend){
		.ops = &backend_vfio_user,
		.dev = dev,
		.level = COHERENT_PEER,
	};
	user->memory.backend = &user->backend;
	user->memory.ops = &vfio_user_files_ops;
	user->keys = (struct vfio_user_keys){ .timeout_ms = PEER_TIMEOUT_MS };
	user->socket.source = user->hung_up = user->ignored_fd = user->fd = -1;
	atomic_init(&user->closed, false);
	lock_init(&user->lock);
	lock_init(&user->wake);
	return user;
}

static int connect_locked(struct vfio_user *user) NEEDS_LOCK(user->lock)
{
	int err = vfio_user_peer_connect_locked(user);

	if (err)
		return err;
	err = vfio_user_pci_open_locked(user);
	if (!err && user->keys.files)
		err = vfio_user_files_connect_locked(user);
	if (err)
		vfio_user_peer_hang_up_locked(user);
	user->is_open = !err;
	return err;
}

static int vfio_user_open(struct backend **backend, struct coherent_device *dev,
			  const struct name *name, const struct coherent_open_options *options)
{
	struct vfio_user *user = new_vfio_user(dev);
	int err;

	if (!user)
		return -ENOMEM;
	err = read_name(user, name, options);
	if (!err)
		err = open_descriptors(user);
	if (!err && user->keys.files)
		err = peer_memory_check(&user->socket);
	lock_take(&user->lock);
	if (!err)
		err = connect_locked(user);
	lock_drop(&user->lock);
	if (err) {
		vfio_user_close(&user->backend);
		return err;
	}
	*backend = &user->backend;
	return 0;
}

/* --- For the library --- */

static void vfio_user_disconnect(struct backend *backend)
{
	struct vfio_user *user = vfio_user_of(backend);

	iommu_port_disconnect(&user->port);
	/* This wakes a thread that holds the lock and waits for an answer. */
	vfio_user_peer_wake(user);
	lock_take(&user->lock);
	peer_memory_give_up_locked(&user->memory);
	vfio_user_peer_hang_up_locked(user);
	lock_drop(&user->lock);
}

static void vfio_user_limits(struct backend *backend, struct coherent_limits *limits)
{
	struct vfio_user *user = vfio_user_of(backend);

	*limits = (struct coherent_limits){
		.mask = UINT64_MAX,
		.ranges = { { vfio_user_window_first(), user->window_last } },
		.range_count = 1,
		.page_bytes = sys_page_bytes(),
		.mappings = SIZE_MAX,
		.unmap_is_fence = !user->keys.files,
		.vectors = user->vectors,
	};
	memcpy(limits->bar_bytes, user->bar_bytes, sizeof(user->bar_bytes));
	if (!user->keys.files)
		return;
	lock_take(&user->lock);
	limits->mappings = user->memory.slots;
	lock_drop(&user->lock);
}

static struct pollfd vfio_user_lost_fd(const struct backend *backend)
{
	/* POLLIN would also wake the thread for an answer that another thread is about to read. */
	return (struct pollfd){ .fd = ((const struct vfio_user *)backend)->fd,
				.events = POLLRDHUP };
}

/* The lock makes this call wait for a reset in another thread. */
static bool vfio_user_is_lost(struct backend *backend)
{
	struct vfio_user *user = vfio_user_of(backend);
	bool is_lost;

	lock_take(&user->lock);
	is_lost = !vfio_user_peer_is_there_locked(user);
	lock_drop(&user->lock);
	return is_lost;
}

/* Both modes have these functions. */
#define OPS                                                                                   \
	.scheme = "vfio-user", .options = BACKEND_TAKES_SOCKET | BACKEND_TAKES_LISTEN,        \
	.open = vfio_user_open, .disconnect = vfio_user_disconnect, .close = vfio_user_close, \
	.limits = vfio_user_limits, .next_fault = vfio_user_memory_next_fault,                \
	.config = vfio_user_pci_config, .reg_read = vfio_user_pci_read,                       \
	.reg_write = vfio_user_pci_write, .irq_connect = vfio_user_pci_irq_connect,           \
	.irq_rearm = vfio_user_pci_irq_rearm, .lost_fd = vfio_user_lost_fd,                   \
	.is_lost = vfio_user_is_lost

const struct backend_ops backend_vfio_user = {
	OPS,
	.memory_kind = BACKEND_MEMORY_PAGES,
	.map = vfio_user_memory_map,
	.unmap = vfio_user_memory_unmap,
	.fence = vfio_user_pci_fence,
	.reset = vfio_user_pci_reset,
};

static const struct backend_ops with_files = {
	OPS,
	.memory_kind = BACKEND_MEMORY_FILES,
	.map = vfio_user_files_map,
	.explain = vfio_user_files_explain,
	.unmap = vfio_user_files_unmap,
	.fence = vfio_user_files_fence,
	.reset = vfio_user_files_reset,
};
