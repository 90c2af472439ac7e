// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The memory that a vhost-user peer has. The peer gets exposed memory as files, and no other memory
 * of this process.
 *
 * An exposed object is copied to a file of its own, which is sealed against truncation and takes
 * the place of the pages. A reclaimed object is copied to pages that the peer has never had.
 *
 * INVARIANT: a region is removed from the peer only when the driver says that nothing in flight
 * uses it. A peer keeps a pointer to a buffer that it still fills, and would write into the region
 * that takes the place of the old one. If the driver does not say so, freed memory stays with the
 * peer until the connection ends.
 */
#include <linux/virtio_config.h>
#include <string.h>

#include "base/sys.h"
#include "vhost_user/memory.h"
#include "vhost_user/peer.h"

/* --- Memory that the peer has --- */

static struct vhost_user_region region_of_mapping(const struct vhost_user_mapping *mapping)
{
	return (struct vhost_user_region){
		.address = mapping->address,
		.bytes = mapping->bytes,
		.user_address = mapping->address,
	};
}

static struct vhost_user_message region_message(enum vhost_user_request request,
						const struct vhost_user_mapping *mapping)
{
	return (struct vhost_user_message){
		.request = request,
		.bytes = sizeof(((struct vhost_user_message *)NULL)->region),
		.region = { .region = region_of_mapping(mapping) },
	};
}

static int send_region_locked(struct vhost_user *vhost, enum vhost_user_request request,
			      const struct vhost_user_mapping *mapping) NEEDS_LOCK(vhost->lock)
{
	const struct vhost_user_message message = region_message(request, mapping);

	return vhost_user_peer_set_locked(vhost, &message, &mapping->fd,
					  request == VHOST_USER_ADD_MEM_REG, true);
}

static int send_table_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock)
{
	struct vhost_user_message message = { .request = VHOST_USER_SET_MEM_TABLE };
	int fds[VHOST_USER_REGIONS_MAX];
	size_t count = 0;

	/*
	 * A waiting mapping without a file was made private already, so nothing in flight uses
	 * it.
	 */
	for (size_t i = 0; i < vhost->used && count < VHOST_USER_REGIONS_MAX; i++) {
		if (vhost->mappings[i].fd < 0)
			continue;
		message.table.regions[count] = region_of_mapping(&vhost->mappings[i]);
		fds[count++] = vhost->mappings[i].fd;
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

/* If the peer does not take the new memory, the call removes it from @mappings again. */
static int add_mapping_locked(struct vhost_user *vhost, const struct vhost_user_mapping *added)
	NEEDS_LOCK(vhost->lock)
{
	int err;

	vhost->mappings[vhost->used++] = *added;
	err = vhost->has_slots ? send_region_locked(vhost, VHOST_USER_ADD_MEM_REG, added) :
				 send_table_locked(vhost);
	if (err)
		vhost->used--;
	return err;
}

/*
 * @removed is not in @mappings any more. If the peer refuses to remove it, its table differs from
 * @mappings, so the library hangs up.
 */
static void send_removal_locked(struct vhost_user *vhost, const struct vhost_user_mapping *removed)
	NEEDS_LOCK(vhost->lock)
{
	int err = 0;

	if (vhost->connected)
		err = vhost->has_slots ?
			      send_region_locked(vhost, VHOST_USER_REM_MEM_REG, removed) :
			      send_table_locked(vhost);
	if (err)
		vhost_user_peer_hang_up_locked(vhost);
}

/* If the peer refuses a part of @mappings, the library hangs up, as after a refused removal. */
static int send_all_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock)
{
	int err = 0;

	if (!vhost->has_slots)
		err = send_table_locked(vhost);
	for (size_t i = 0; !err && vhost->has_slots && i < vhost->used; i++)
		err = send_region_locked(vhost, VHOST_USER_ADD_MEM_REG, &vhost->mappings[i]);
	if (err)
		vhost_user_peer_hang_up_locked(vhost);
	return err;
}

bool vhost_user_memory_has_locked(const struct vhost_user *vhost, uint64_t address, uint64_t bytes)
{
	for (size_t i = 0; i < vhost->used; i++) {
		const struct vhost_user_mapping *mapping = &vhost->mappings[i];

		if (address - mapping->address < mapping->bytes && !mapping->waiting)
			return bytes <= mapping->bytes - (address - mapping->address);
	}
	return false;
}

static struct vhost_user_mapping *find_mapping_locked(struct vhost_user *vhost, uint64_t address)
	NEEDS_LOCK(vhost->lock)
{
	for (size_t i = 0; i < vhost->used; i++)
		if (vhost->mappings[i].address == address)
			return &vhost->mappings[i];
	return NULL;
}

static void forget_mapping_locked(struct vhost_user *vhost, struct vhost_user_mapping *mapping)
	NEEDS_LOCK(vhost->lock)
{
	if (mapping->fd >= 0)
		sys_close(mapping->fd);
	*mapping = vhost->mappings[--vhost->used];
}

/* --- Files in the place of pages, and pages in the place of files --- */

static int make_file(const struct vhost_user *vhost, const struct backend_mapping *from,
		     struct vhost_user_mapping *to)
{
	const struct coherent_device *dev = vhost->backend.dev;
	int err;

	*to = (struct vhost_user_mapping){ .address = from->address, .bytes = from->bytes };
	err = sys_memfd("coherent", &to->fd);
	if (err == -EMFILE || err == -ENFILE) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: no descriptor is left, and each exposed object needs one; raise ulimit -n",
		       dev->name);
		return -ENOBUFS;
	}
	if (err)
		return -ENOMEM;
	if (pages_to_file(to->fd, 0, from->va, from->bytes, &to->va))
		goto close_file;
	if (sys_seal(to->fd))
		goto unmap_file;
	return 0;

unmap_file:
	sys_unmap(to->va, to->bytes);
close_file:
	sys_close(to->fd);
	return -ENOMEM;
}

static int replace_pages(struct vhost_user_mapping *mapping, void *va)
{
	int err = pages_replace(mapping->va, va, mapping->bytes);

	if (!err)
		mapping->va = va;
	return err;
}

/* --- Pages that the peer never had --- */

/* The library maps this much at a time, so that most reclaims find their pages ready. */
#define SPARE_BYTES ((size_t)64 << 10)

static void drop_spare_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock)
{
	if (vhost->spare_bytes)
		sys_unmap(vhost->spare, vhost->spare_bytes);
	vhost->spare_bytes = 0;
}

/* Prepares pages for another object of this size. If there is no memory, the next reclaim says so. */
static void refill_spare_locked(struct vhost_user *vhost, size_t bytes) NEEDS_LOCK(vhost->lock)
{
	if (bytes > SPARE_BYTES || bytes <= vhost->spare_bytes)
		return;
	drop_spare_locked(vhost);
	if (!pages_fresh(SPARE_BYTES, &vhost->spare))
		vhost->spare_bytes = SPARE_BYTES;
}

static int take_spare_locked(struct vhost_user *vhost, size_t bytes, void **va)
	NEEDS_LOCK(vhost->lock)
{
	if (bytes > vhost->spare_bytes)
		return pages_fresh(bytes, va);
	vhost->spare_bytes -= bytes;
	*va = (char *)vhost->spare + vhost->spare_bytes;
	return 0;
}

/* The peer keeps the file. This process does not see what the peer writes to it from now on. */
static int leave_file_locked(struct vhost_user *vhost, const struct vhost_user_mapping *mapping)
	NEEDS_LOCK(vhost->lock)
{
	void *fresh;
	int err = take_spare_locked(vhost, mapping->bytes, &fresh);

	if (err)
		return err;
	memcpy(fresh, mapping->va, mapping->bytes);
	err = pages_replace(fresh, mapping->va, mapping->bytes);
	if (err)
		sys_unmap(fresh, mapping->bytes);
	return err;
}

static int make_private_locked(struct vhost_user *vhost, struct vhost_user_mapping *mapping)
	NEEDS_LOCK(vhost->lock)
{
	int err = leave_file_locked(vhost, mapping);

	if (err)
		return err;
	sys_close(mapping->fd);
	mapping->fd = -1;
	return 0;
}

static int map_locked(struct vhost_user *vhost, const struct backend_mapping *mapping)
	NEEDS_LOCK(vhost->lock)
{
	struct vhost_user_mapping added;
	int err;

	if (!vhost->connected)
		return -ENODEV;
	if (vhost->used == vhost->slots)
		return -ENOSPC;
	err = check_table_locked(vhost);
	if (!err)
		err = make_file(vhost, mapping, &added);
	if (err)
		return err;
	err = add_mapping_locked(vhost, &added);
	if (err)
		goto drop_file;
	err = replace_pages(&vhost->mappings[vhost->used - 1], mapping->va);
	if (err)
		goto remove_mapping;
	return 0;

remove_mapping:
	vhost->used--;
	send_removal_locked(vhost, &added);
drop_file:
	/* The peer may still have the file. That is harmless, because the box keeps its own pages. */
	sys_unmap(added.va, added.bytes);
	sys_close(added.fd);
	return err;
}

int vhost_user_memory_map(struct backend *backend, const struct backend_mapping *mapping)
{
	struct vhost_user *vhost = vhost_user_of(backend);
	int err;

	/* A peer always maps files for writing, so read-only is not possible. */
	if (mapping->permission == COHERENT_READ_ONLY)
		return -EOPNOTSUPP;
	lock_take(&vhost->lock);
	err = map_locked(vhost, mapping);
	lock_drop(&vhost->lock);
	return err;
}

/* While the peer removes the region, this thread frees the file and prepares pages. */
static void remove_region_locked(struct vhost_user *vhost, struct vhost_user_mapping *mapping)
	NEEDS_LOCK(vhost->lock)
{
	const struct vhost_user_message message = region_message(VHOST_USER_REM_MEM_REG, mapping);
	const size_t bytes = mapping->bytes;
	struct vhost_user_answers answers;
	int err = vhost_user_peer_send_locked(vhost, &message, NULL, 0, true, &answers);

	forget_mapping_locked(vhost, mapping);
	refill_spare_locked(vhost, bytes);
	if (vhost_user_peer_answer_locked(vhost, message.request, true, &answers, err))
		vhost_user_peer_hang_up_locked(vhost);
}

/*
 * If the message to the peer fails, the peer keeps the old file and its region, but no driver uses
 * an address in that region.
 */
static int unmap_idle_locked(struct vhost_user *vhost, uint64_t address) NEEDS_LOCK(vhost->lock)
{
	struct vhost_user_mapping *mapping = find_mapping_locked(vhost, address);
	struct vhost_user_mapping removed;
	int err = check_table_locked(vhost);

	if (!err)
		err = leave_file_locked(vhost, mapping);
	if (err)
		return err;
	if (vhost->connected && vhost->has_slots) {
		remove_region_locked(vhost, mapping);
		return 0;
	}
	removed = *mapping;
	forget_mapping_locked(vhost, mapping);
	send_removal_locked(vhost, &removed);
	return 0;
}

int vhost_user_memory_unmap(struct backend *backend, const struct backend_mapping *mapping,
			    bool idle)
{
	struct vhost_user *vhost = vhost_user_of(backend);
	int err = 0;

	lock_take(&vhost->lock);
	if (vhost->closed)
		err = find_mapping_locked(vhost, mapping->address) ? -EIO : -ENODEV;
	else if (idle)
		err = unmap_idle_locked(vhost, mapping->address);
	else
		find_mapping_locked(vhost, mapping->address)->waiting = true;
	lock_drop(&vhost->lock);
	return err;
}

/* --- Fence --- */

/* The peer cannot write to the pages from here on, so they may be reused. */
static int release_waiting_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock)
{
	int err = 0;

	for (size_t i = 0; !err && i < vhost->used; i++)
		if (vhost->mappings[i].waiting && vhost->mappings[i].fd >= 0)
			err = make_private_locked(vhost, &vhost->mappings[i]);
	return err;
}

static void forget_waiting_locked(struct vhost_user *vhost) NEEDS_LOCK(vhost->lock)
{
	size_t i = 0;

	while (i < vhost->used)
		if (vhost->mappings[i].waiting)
			forget_mapping_locked(vhost, &vhost->mappings[i]);
		else
			i++;
}

/*
 * A peer answers the next connection only after it has finished everything for the last one. So
 * this is a fence.
 */
int vhost_user_memory_reconnect_locked(struct vhost_user *vhost)
{
	int err = peer_socket_check_again(&vhost->socket);

	if (!err)
		err = release_waiting_locked(vhost);
	if (err)
		return err;
	vhost_user_peer_hang_up_locked(vhost);
	vhost->registers = (struct vhost_user_registers){ .status = 0 };
	err = vhost_user_peer_connect_locked(vhost);
	if (err)
		return err;
	forget_waiting_locked(vhost);
	return send_all_locked(vhost);
}

int vhost_user_memory_fence(struct backend *backend)
{
	struct vhost_user *vhost = vhost_user_of(backend);
	int err = -ENODEV;

	lock_take(&vhost->lock);
	if (!vhost->closed)
		err = vhost_user_memory_reconnect_locked(vhost);
	lock_drop(&vhost->lock);
	return err;
}

/* --- Close --- */

void vhost_user_memory_release_locked(struct vhost_user *vhost)
{
	size_t i = 0;

	while (i < vhost->used)
		if (vhost->mappings[i].fd < 0 || !make_private_locked(vhost, &vhost->mappings[i]))
			forget_mapping_locked(vhost, &vhost->mappings[i]);
		else
			i++;
	drop_spare_locked(vhost);
}

void vhost_user_memory_forget_locked(struct vhost_user *vhost)
{
	while (vhost->used)
		forget_mapping_locked(vhost, vhost->mappings);
}
