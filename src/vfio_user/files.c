// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The memory of a vfio-user device with the key files: the messages for what device/peer_memory.c
 * decides. The peer maps the file of each exposed object and does its transfers there.
 *
 * A peer may still ask for a transfer by a message. It gets the answer that it would get without
 * files, from the same table. So a message never reaches memory that was reclaimed or freed, also if
 * the peer still has the file.
 */
#include <inttypes.h>

#include "vfio_user/files.h"
#include "vfio_user/pci.h"
#include "vfio_user/peer.h"

/* --- For the core, which holds the lock --- */

/*
 * vfio-user has no error of its own for a peer that takes no more regions. So each refusal is taken
 * for that, and the report has the peer's errno.
 */
static int add_region(struct backend *backend, const struct peer_region *region)
	LOCK_ATTRIBUTE(no_thread_safety_analysis)
{
	const bool is_read_only = region->permission == COHERENT_READ_ONLY;
	struct vfio_user *user = vfio_user_of(backend);
	struct vfio_user_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_USER_MAP_READ | (is_read_only ? 0 : VFIO_USER_MAP_WRITE),
		.address = region->address,
		.bytes = region->bytes,
	};
	struct vfio_user_call call = {
		.command = VFIO_USER_DMA_MAP,
		.parts = { { &map, sizeof(map) } },
		.part_count = 1,
		.fds = &region->fd,
		.fd_count = 1,
	};
	int err = vfio_user_peer_ask_locked(user, &call, 0);

	if (err != -EREMOTEIO)
		return err;
	user->refusal = call.error;
	return -ENOBUFS;
}

static int report_refusal_locked(const struct vfio_user *user) NEEDS_LOCK(user->lock)
{
	const struct vfio_user_call call = { .command = VFIO_USER_DMA_MAP, .error = user->refusal };

	return vfio_user_peer_refused_locked(user, &call);
}

/*
 * If the peer refuses to remove the region, its table differs from that of the library, so the
 * library hangs up.
 */
static void remove_region(struct backend *backend, const struct peer_region *region)
	LOCK_ATTRIBUTE(no_thread_safety_analysis)
{
	struct vfio_user *user = vfio_user_of(backend);
	struct vfio_user_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.address = region->address,
		.bytes = region->bytes,
	};
	char answer[sizeof(unmap)];
	struct vfio_user_call call = {
		.command = VFIO_USER_DMA_UNMAP,
		.parts = { { &unmap, sizeof(unmap) } },
		.part_count = 1,
		.answer = answer,
		.answer_max = sizeof(answer),
	};

	peer_memory_drop_locked(&user->memory, region);
	if (vfio_user_peer_ask_locked(user, &call, 0) != -EREMOTEIO)
		return;
	(void)vfio_user_peer_refused_locked(user, &call);
	vfio_user_peer_hang_up_locked(user);
}

const struct peer_memory_ops vfio_user_files_ops = { .add = add_region, .remove = remove_region };

/* --- Connections --- */

static int report_regions_locked(const struct vfio_user *user) NEEDS_LOCK(user->lock)
{
	const struct coherent_device *dev = user->backend.dev;

	report(&dev->reporter, COHERENT_ERROR,
	       "%s: the peer takes %" PRIu64 " regions of memory (max_dma_maps), which is %s",
	       dev->name, user->regions, user->regions ? "less than is exposed" : "none");
	return -EOPNOTSUPP;
}

/* Nothing of an earlier connection is in flight in this one. */
int vfio_user_files_connect_locked(struct vfio_user *user)
{
	int err = peer_memory_connect_locked(&user->memory, user->regions);

	if (err == -ENOSPC || (!err && !user->regions))
		return report_regions_locked(user);
	if (err)
		return err;
	peer_memory_forget_locked(&user->memory);
	err = peer_memory_add_all_locked(&user->memory);
	return err == -ENOBUFS ? report_refusal_locked(user) : err;
}

/* --- Functions of struct backend_ops --- */

/*
 * The table gets the memory last, when it is in its place. If the device is closed meanwhile, the
 * table has none, and the close gives the region up.
 */
int vfio_user_files_map(struct backend *backend, const struct backend_mapping *mapping)
{
	struct vfio_user *user = vfio_user_of(backend);
	int err = iommu_port_prepare(&user->port, mapping);

	if (err)
		return err;
	lock_take(&user->lock);
	err = user->connection && !user->memory.closed ?
		      peer_memory_map_locked(&user->memory, mapping) :
		      -ENODEV;
	lock_drop(&user->lock);
	if (!err)
		(void)iommu_port_map(&user->port, mapping);
	return err;
}

void vfio_user_files_explain(struct backend *backend, size_t bytes, int err)
{
	struct vfio_user *user = vfio_user_of(backend);

	(void)bytes;
	if (err != -ENOBUFS)
		return;
	lock_take(&user->lock);
	(void)report_refusal_locked(user);
	lock_drop(&user->lock);
}

/* No message reaches the memory while it moves. If it has not moved, messages reach it again. */
int vfio_user_files_unmap(struct backend *backend, const struct backend_mapping *mapping, bool idle)
{
	struct vfio_user *user = vfio_user_of(backend);
	int err;

	(void)iommu_port_unmap(&user->port, mapping);
	lock_take(&user->lock);
	err = peer_memory_unmap_locked(&user->memory, mapping, idle);
	lock_drop(&user->lock);
	if (err == -ENOMEM)
		(void)iommu_port_map(&user->port, mapping);
	return err;
}

static int reset_locked(struct vfio_user *user) NEEDS_LOCK(user->lock)
{
	int err = vfio_user_pci_reset_locked(user);

	if (!err)
		peer_memory_remove_locked(&user->memory);
	return err;
}

static int reconnect_locked(struct vfio_user *user, bool must_reset) NEEDS_LOCK(user->lock)
{
	int err = vfio_user_pci_reconnect_locked(user, must_reset);

	if (!err)
		err = vfio_user_files_connect_locked(user);
	if (err)
		vfio_user_peer_hang_up_locked(user);
	return err;
}

/* Nothing ends what is in flight but the end of the connection, which the library must get again. */
static int fence_without_reset_locked(struct vfio_user *user) NEEDS_LOCK(user->lock)
{
	int err;

	if (!peer_memory_waits_locked(&user->memory))
		return 0;
	err = peer_socket_check_again(&user->socket);
	if (err)
		return err;
	vfio_user_peer_hang_up_locked(user);
	return reconnect_locked(user, false);
}

/*
 * A new connection gets all that is exposed. The old one loses the memory that is freed. The peer may
 * hang up at any moment, so one look decides which of both this is.
 */
static int begin_again_locked(struct vfio_user *user, bool must_reset) NEEDS_LOCK(user->lock)
{
	if (!vfio_user_peer_is_there_locked(user))
		return reconnect_locked(user, must_reset);
	return must_reset || user->can_reset ? reset_locked(user) :
					       fence_without_reset_locked(user);
}

/*
 * A device that was reset has nothing in flight, nor has one behind a new connection. The freed
 * memory is private before that, so the peer may still write to the files, and nobody sees it.
 */
static int begin_again(struct vfio_user *user, bool must_reset)
{
	int err = -ENODEV;

	lock_take(&user->lock);
	/* A close that waits for the lock has set this already. */
	if (!vfio_user_is_closed(user))
		err = peer_memory_withdraw_locked(&user->memory);
	if (!err)
		err = begin_again_locked(user, must_reset);
	lock_drop(&user->lock);
	return err;
}

int vfio_user_files_fence(struct backend *backend)
{
	return begin_again(vfio_user_of(backend), false);
}

int vfio_user_files_reset(struct backend *backend)
{
	return begin_again(vfio_user_of(backend), true);
}
