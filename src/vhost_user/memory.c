// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The memory that a vhost-user peer has: the messages for what device/peer_memory.c decides. A peer
 * takes one region at a time, or only whole tables.
 */
#include <linux/virtio_config.h>

#include "vhost_user/memory.h"
#include "vhost_user/peer.h"

/* --- Messages --- */

static struct vhost_user_region region_of(const struct peer_region *region)
{
	return (struct vhost_user_region){
		.address = region->address,
		.bytes = region->bytes,
		.user_address = region->address,
	};
}

static struct vhost_user_message region_message(enum vhost_user_request request,
						const struct peer_region *region)
{
	return (struct vhost_user_message){
		.request = request,
		.bytes = sizeof(((struct vhost_user_message *)NULL)->region),
		.region = { .region = region_of(region) },
	};
}

static int send_table_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock)
{
	struct vhost_user_message message = { .request = VHOST_USER_SET_MEM_TABLE };
	int fds[VHOST_USER_REGIONS_MAX];
	size_t count = 0;

	/*
	 * A waiting region without a file was made private already, so nothing in flight uses
	 * it.
	 */
	for (size_t i = 0; i < vhost->memory.used && count < VHOST_USER_REGIONS_MAX; i++) {
		if (vhost->memory.regions[i].fd < 0)
			continue;
		message.table.regions[count] = region_of(&vhost->memory.regions[i]);
		fds[count++] = vhost->memory.regions[i].fd;
	}
	/* Some peers refuse an empty table. This process does not use the regions they keep. */
	if (!count)
		return 0;
	message.table.count = (uint32_t)count;
	message.bytes = (uint32_t)offsetof(struct vhost_user_message, table.regions[count]) -
			(uint32_t)VHOST_USER_HEADER_BYTES;
	return vhost_user_peer_set_locked(vhost, &message, fds, count, true);
}

/* A peer maps a new table at other addresses, even while transfers are in flight. */
static int check_table_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock)
{
	const struct coherent_device *dev = vhost->backend.dev;

	if (vhost->has_slots || !vhost->connected ||
	    !(vhost->registers.status & VIRTIO_CONFIG_S_DRIVER_OK))
		return 0;
	report(&dev->reporter, COHERENT_WARNING,
	       "%s: the peer takes only whole tables of memory, and not while it runs: expose "
	       "before DRIVER_OK, reclaim after a reset",
	       dev->name);
	return -EBUSY;
}

/* --- For the core, which holds the lock --- */

static int add_region(struct backend *backend, const struct peer_region *region)
	LOCK_ATTRIBUTE(no_thread_safety_analysis)
{
	struct vhost_user *vhost = vhost_user_of(backend);
	struct vhost_user_message message;
	int err;

	if (vhost->has_slots) {
		message = region_message(VHOST_USER_ADD_MEM_REG, region);
		return vhost_user_peer_set_locked(vhost, &message, &region->fd, 1, true);
	}
	err = check_table_locked(vhost);
	return err ? err : send_table_locked(vhost);
}

/* While the peer removes the region, this thread frees the file and prepares pages. */
static int send_removal_locked(struct vhost_user *vhost, const struct peer_region *region)
	NEEDS_LOCK(vhost->lock)
{
	const struct vhost_user_message message = region_message(VHOST_USER_REM_MEM_REG, region);
	struct vhost_user_answers answers;
	int err = vhost_user_peer_send_locked(vhost, &message, NULL, 0, true, &answers);

	peer_memory_drop_locked(&vhost->memory, region);
	return vhost_user_peer_answer_locked(vhost, message.request, true, &answers, err);
}

/*
 * If the peer refuses to remove the region, its table differs from that of the library, so the
 * library hangs up. Then the peer keeps the old file and its region, but no driver uses an address in
 * that region.
 */
static void remove_region(struct backend *backend, const struct peer_region *region)
	LOCK_ATTRIBUTE(no_thread_safety_analysis)
{
	struct vhost_user *vhost = vhost_user_of(backend);
	int err = 0;

	if (vhost->connected && vhost->has_slots) {
		err = send_removal_locked(vhost, region);
	} else {
		peer_memory_drop_locked(&vhost->memory, region);
		if (vhost->connected)
			err = send_table_locked(vhost);
	}
	if (err)
		vhost_user_peer_hang_up_locked(vhost);
}

const struct peer_memory_ops vhost_user_memory_ops = { .add = add_region, .remove = remove_region };

/* --- Functions of struct backend_ops --- */

int vhost_user_memory_map(struct backend *backend, const struct backend_mapping *mapping)
{
	struct vhost_user *vhost = vhost_user_of(backend);
	int err = -ENODEV;

	/* A peer always maps files for writing, so read-only is not possible. */
	if (mapping->permission == COHERENT_READ_ONLY)
		return -EOPNOTSUPP;
	lock_take(&vhost->lock);
	if (vhost->connected)
		err = peer_memory_map_locked(&vhost->memory, mapping);
	lock_drop(&vhost->lock);
	return err;
}

int vhost_user_memory_unmap(struct backend *backend, const struct backend_mapping *mapping,
			    bool idle)
{
	struct vhost_user *vhost = vhost_user_of(backend);
	int err = 0;

	lock_take(&vhost->lock);
	if (idle)
		err = check_table_locked(vhost);
	if (!err)
		err = peer_memory_unmap_locked(&vhost->memory, mapping, idle);
	lock_drop(&vhost->lock);
	return err;
}

/* --- Fence --- */

/* If the peer refuses a part of the memory, the library hangs up, as after a refused removal. */
static int send_all_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock)
{
	int err = vhost->has_slots ? peer_memory_add_all_locked(&vhost->memory) :
				     send_table_locked(vhost);

	if (err)
		vhost_user_peer_hang_up_locked(vhost);
	return err;
}

/*
 * A peer answers the next connection only after it has finished everything for the last one. So
 * this is a fence.
 */
int vhost_user_memory_reconnect_locked(struct vhost_user *vhost)
{
	int err = peer_socket_check_again(&vhost->socket);

	if (!err)
		err = peer_memory_withdraw_locked(&vhost->memory);
	if (err)
		return err;
	vhost_user_peer_hang_up_locked(vhost);
	vhost->registers = (struct vhost_user_registers){ .status = 0 };
	err = vhost_user_peer_connect_locked(vhost);
	if (err)
		return err;
	peer_memory_forget_locked(&vhost->memory);
	return send_all_locked(vhost);
}

int vhost_user_memory_fence(struct backend *backend)
{
	struct vhost_user *vhost = vhost_user_of(backend);
	int err = -ENODEV;

	lock_take(&vhost->lock);
	if (!vhost->memory.closed)
		err = vhost_user_memory_reconnect_locked(vhost);
	lock_drop(&vhost->lock);
	return err;
}
