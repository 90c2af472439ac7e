// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Memory that another process maps, as files.
 *
 * An exposed object is copied to a file of its own, which is sealed against truncation and takes
 * the place of the pages. A reclaimed object is copied to pages that the peer has never had.
 *
 * INVARIANT: a region is removed from the peer only when the driver says that nothing in flight
 * uses it. A peer keeps a pointer to a buffer that it still fills, and would write into the region
 * that takes the place of the old one. If the driver does not say so, freed memory stays with the
 * peer until a fence, or until the connection ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "device/device.h"
#include "device/peer_memory.h"
#include "device/peer_socket.h"

/* The library uses at most this many regions, which is more than known peers have. */
#define REGIONS_MAX 4096

/* --- Open --- */

/* A driver must not learn at its first expose that it can expose nothing. */
int peer_memory_check(const struct peer_socket *socket)
{
	int fd, err = sys_memfd("coherent", &fd);

	if (!err)
		sys_close(fd);
	if (err == -EMFILE || err == -ENFILE)
		return peer_socket_report(socket, err);
	if (err != -EPERM && err != -EACCES && err != -ENOSYS)
		return err ? -ENOMEM : 0;
	report(&socket->dev->reporter, COHERENT_ERROR,
	       "%s: its memory is files, and the system refuses memfd_create(): %s; look for a "
	       "seccomp filter of this process",
	       socket->dev->name, strerror(-err));
	return -ENODEV;
}

/* --- The table --- */

static struct peer_region *find_region_locked(struct peer_memory *memory, uint64_t address)
{
	for (size_t i = 0; i < memory->used; i++)
		if (memory->regions[i].address == address)
			return &memory->regions[i];
	return NULL;
}

bool peer_memory_has_locked(const struct peer_memory *memory, uint64_t address, uint64_t bytes)
{
	for (size_t i = 0; i < memory->used; i++) {
		const struct peer_region *region = &memory->regions[i];

		if (address - region->address < region->bytes && !region->waiting)
			return bytes <= region->bytes - (address - region->address);
	}
	return false;
}

/* The file stays open. */
static void take_out_locked(struct peer_memory *memory, struct peer_region *region)
{
	*region = memory->regions[--memory->used];
}

static void forget_region_locked(struct peer_memory *memory, struct peer_region *region)
{
	if (region->fd >= 0)
		sys_close(region->fd);
	take_out_locked(memory, region);
}

/* Counts the regions that the library must give to the next connection. */
static size_t count_live_locked(const struct peer_memory *memory)
{
	size_t count = 0;

	for (size_t i = 0; i < memory->used; i++)
		count += !memory->regions[i].waiting;
	return count;
}

int peer_memory_connect_locked(struct peer_memory *memory, uint64_t slots)
{
	if (!memory->regions) {
		const size_t capacity = slots < REGIONS_MAX ? (size_t)slots : REGIONS_MAX;

		memory->regions = calloc(capacity ? capacity : 1, sizeof(*memory->regions));
		if (!memory->regions)
			return -ENOMEM;
		memory->capacity = capacity;
	}
	memory->slots = slots < memory->capacity ? (size_t)slots : memory->capacity;
	/* A peer that cannot take all that is exposed would leave mems of the driver out of reach. */
	return memory->slots < count_live_locked(memory) ? -ENOSPC : 0;
}

/* --- Files in the place of pages, and pages in the place of files --- */

/* This process keeps a mapping that can write. No process can make another. */
static int seal(const struct peer_region *region)
{
	if (region->permission == COHERENT_READ_ONLY && sys_seal_writes(region->fd))
		return -EOPNOTSUPP;
	return sys_seal(region->fd) ? -ENOMEM : 0;
}

static int make_file(const struct backend_mapping *from, struct peer_region *to)
{
	int err;

	*to = (struct peer_region){ .address = from->address,
				    .bytes = from->bytes,
				    .permission = from->permission };
	err = sys_memfd("coherent", &to->fd);
	if (err)
		return err == -EMFILE || err == -ENFILE ? -EMFILE : -ENOMEM;
	err = pages_to_file(to->fd, 0, from->va, from->bytes, &to->va);
	if (err)
		goto close_file;
	err = seal(to);
	if (!err)
		return 0;
	sys_unmap(to->va, to->bytes);
close_file:
	sys_close(to->fd);
	return err;
}

static int replace_pages(struct peer_region *region, void *va)
{
	int err = pages_replace(region->va, va, region->bytes);

	if (!err)
		region->va = va;
	return err;
}

/* --- Pages that the peer never had --- */

/* The library maps this much at a time, so that most reclaims find their pages ready. */
#define SPARE_BYTES ((size_t)64 << 10)

static void drop_spare_locked(struct peer_memory *memory)
{
	if (memory->spare_bytes)
		sys_unmap(memory->spare, memory->spare_bytes);
	memory->spare_bytes = 0;
}

/* Prepares pages for another object of this size. If there is no memory, the next reclaim says so. */
static void refill_spare_locked(struct peer_memory *memory, size_t bytes)
{
	if (bytes > SPARE_BYTES || bytes <= memory->spare_bytes)
		return;
	drop_spare_locked(memory);
	if (!pages_fresh(SPARE_BYTES, &memory->spare))
		memory->spare_bytes = SPARE_BYTES;
}

static int take_spare_locked(struct peer_memory *memory, size_t bytes, void **va)
{
	if (bytes > memory->spare_bytes)
		return pages_fresh(bytes, va);
	memory->spare_bytes -= bytes;
	*va = (char *)memory->spare + memory->spare_bytes;
	return 0;
}

/* The peer keeps the file. This process does not see what the peer writes to it from now on. */
static int leave_file_locked(struct peer_memory *memory, const struct peer_region *region)
{
	void *fresh;
	int err = take_spare_locked(memory, region->bytes, &fresh);

	if (err)
		return err;
	memcpy(fresh, region->va, region->bytes);
	err = pages_replace(fresh, region->va, region->bytes);
	if (err)
		sys_unmap(fresh, region->bytes);
	return err;
}

static int make_private_locked(struct peer_memory *memory, struct peer_region *region)
{
	int err = leave_file_locked(memory, region);

	if (err)
		return err;
	sys_close(region->fd);
	region->fd = -1;
	return 0;
}

/*
 * Other threads may write to a live object while its device is closed. A private copy takes the place of
 * the shared mapping in one step. A write before this step is in the file, and the copy shows the file.
 * A write after this step is in the copy. The file stays in memory as long as the copy.
 */
static int keep_contents_locked(struct peer_region *region)
{
	void *copy;
	int err = sys_map_private(region->fd, region->bytes, &copy);

	if (err)
		return err;
	err = pages_replace(copy, region->va, region->bytes);
	if (err) {
		sys_unmap(copy, region->bytes);
		return err;
	}
	err = sys_keep_private(region->va, region->bytes);
	if (err)
		return err;
	sys_close(region->fd);
	region->fd = -1;
	return 0;
}

/* --- Map and unmap --- */

int peer_memory_map_locked(struct peer_memory *memory, const struct backend_mapping *mapping)
{
	struct peer_region added;
	int err;

	if (memory->used == memory->slots)
		return -ENOSPC;
	err = make_file(mapping, &added);
	if (err)
		return err;
	memory->regions[memory->used++] = added;
	err = memory->ops->add(memory->backend, &added);
	if (err)
		goto drop_file;
	err = replace_pages(&memory->regions[memory->used - 1], mapping->va);
	if (err)
		goto remove_region;
	return 0;

	/* The peer may still have the file. That is harmless, because the box keeps its own pages. */
remove_region:
	memory->used--;
	sys_unmap(added.va, added.bytes);
	memory->ops->remove(memory->backend, &added);
	return err;
drop_file:
	memory->used--;
	sys_unmap(added.va, added.bytes);
	sys_close(added.fd);
	return err;
}

void peer_memory_drop_locked(struct peer_memory *memory, const struct peer_region *region)
{
	if (region->fd >= 0)
		sys_close(region->fd);
	refill_spare_locked(memory, region->bytes);
}

static int unmap_idle_locked(struct peer_memory *memory, uint64_t address)
{
	struct peer_region *region = find_region_locked(memory, address);
	struct peer_region removed = *region;
	int err = leave_file_locked(memory, region);

	if (err)
		return err;
	take_out_locked(memory, region);
	memory->ops->remove(memory->backend, &removed);
	return 0;
}

int peer_memory_unmap_locked(struct peer_memory *memory, const struct backend_mapping *mapping,
			     bool idle)
{
	if (memory->closed)
		return find_region_locked(memory, mapping->address) ? -EIO : -ENODEV;
	if (idle)
		return unmap_idle_locked(memory, mapping->address);
	find_region_locked(memory, mapping->address)->waiting = true;
	return 0;
}

/* --- Fence --- */

int peer_memory_withdraw_locked(struct peer_memory *memory)
{
	int err = 0;

	for (size_t i = 0; !err && i < memory->used; i++)
		if (memory->regions[i].waiting && memory->regions[i].fd >= 0)
			err = make_private_locked(memory, &memory->regions[i]);
	return err;
}

bool peer_memory_waits_locked(const struct peer_memory *memory)
{
	return count_live_locked(memory) < memory->used;
}

void peer_memory_forget_locked(struct peer_memory *memory)
{
	size_t i = 0;

	while (i < memory->used)
		if (memory->regions[i].waiting)
			forget_region_locked(memory, &memory->regions[i]);
		else
			i++;
}

void peer_memory_remove_locked(struct peer_memory *memory)
{
	size_t i = 0;

	while (i < memory->used) {
		const struct peer_region removed = memory->regions[i];

		if (removed.waiting) {
			take_out_locked(memory, &memory->regions[i]);
			memory->ops->remove(memory->backend, &removed);
		} else {
			i++;
		}
	}
}

int peer_memory_add_all_locked(struct peer_memory *memory)
{
	int err = 0;

	for (size_t i = 0; !err && i < memory->used; i++)
		err = memory->ops->add(memory->backend, &memory->regions[i]);
	return err;
}

/* --- Close --- */

void peer_memory_give_up_locked(struct peer_memory *memory)
{
	size_t i = 0;

	memory->closed = true;
	while (i < memory->used)
		if (memory->regions[i].fd < 0 || !keep_contents_locked(&memory->regions[i]))
			forget_region_locked(memory, &memory->regions[i]);
		else
			i++;
	drop_spare_locked(memory);
}

void peer_memory_close(struct peer_memory *memory)
{
	while (memory->used)
		forget_region_locked(memory, memory->regions);
	free(memory->regions);
}
