/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Memory that another process maps. The peer gets exposed memory as files, and no other memory of
 * this process.
 *
 * The functions of the backend talk to the peer, and the table here says what the peer has, or may
 * still have. The caller of every function whose name ends in "locked" holds the lock of the backend,
 * which guards the table. The functions of struct peer_memory_ops are called under it.
 */
#ifndef PEER_MEMORY_H
#define PEER_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend.h"

struct peer_socket;

/**
 * struct peer_region - Memory that the peer has, or may still have.
 * @address: The device address.
 * @bytes: The size.
 * @va: The address in this process.
 * @permission: The permission of the device. A file that it may only read is sealed against writes.
 * @fd: The file that holds the memory; -1 after private memory took its place.
 * @waiting: The memory is freed. The region stays until a fence.
 */
struct peer_region {
	uint64_t address;
	size_t bytes;
	void *va;
	enum coherent_permission permission;
	int fd;
	bool waiting;
};

/**
 * struct peer_memory_ops - What a backend does with the regions of its peer.
 * @add: Let the peer map the file of a region, which is in the table already. On failure the peer has
 *	no region there, or is not connected any more.
 * @remove: Let the peer forget a region, which is not in the table any more. If the peer does not, or
 *	is not connected, nobody uses the region, and the backend hangs up. The function calls
 *	peer_memory_drop_locked() once, best while it waits for the peer.
 */
struct peer_memory_ops {
	int (*add)(struct backend *backend, const struct peer_region *region);
	void (*remove)(struct backend *backend, const struct peer_region *region);
};

/**
 * struct peer_memory - The regions of a peer.
 * @backend: The backend. Never changes.
 * @ops: Its functions. Never change.
 * @capacity: The number of regions that @regions has room for. Never changes after the open.
 * @slots: The number of regions that the peer takes, at most @capacity.
 * @used: The number of @regions.
 * @regions: The table; NULL before peer_memory_connect_locked().
 * @spare: Pages that the peer never had, for reclaimed objects. The last ones are taken first.
 * @spare_bytes: Their size.
 * @closed: The device is closed.
 */
struct peer_memory {
	struct backend *backend;
	const struct peer_memory_ops *ops;
	size_t capacity;
	size_t slots;
	size_t used;
	struct peer_region *regions;
	void *spare;
	size_t spare_bytes;
	bool closed;
};

/**
 * peer_memory_check() - Find out whether this process can make files of memory.
 * @socket: The device that is being opened, for reports.
 *
 * Return: 0; with a report: -ENODEV (a filter refuses the call), -ENOSPC (no descriptor is left);
 * -ENOMEM.
 */
int peer_memory_check(const struct peer_socket *socket);

/**
 * peer_memory_connect_locked() - Note how many regions a peer takes that has just connected.
 * @memory: The regions. Zero bytes except for @backend and @ops for the first peer.
 * @slots: The number that the peer says. The library does not trust it.
 *
 * The table gets its room for the first peer. A peer that connects later must take all regions that
 * exist then.
 *
 * Return: 0; -ENOMEM; -ENOSPC (the peer does not take all that is exposed).
 */
int peer_memory_connect_locked(struct peer_memory *memory, uint64_t slots);

/**
 * peer_memory_close() - Close the files of all regions that are left, and free the table.
 * @memory: The regions. No other thread uses them any more.
 */
void peer_memory_close(struct peer_memory *memory);

/**
 * peer_memory_has_locked() - Whether the peer has the memory at an address.
 * @memory: The regions.
 * @address: The first device address.
 * @bytes: The size.
 */
bool peer_memory_has_locked(const struct peer_memory *memory, uint64_t address, uint64_t bytes);

/**
 * peer_memory_map_locked() - Copy memory to a file, give the file to the peer, and put it in the place of
 * the pages.
 * @memory: The regions.
 * @mapping: The memory and its address.
 *
 * Return: 0; -ENOSPC, -ENOBUFS, -ENOMEM as struct backend_ops says; -EOPNOTSUPP (read-only memory
 * needs Linux 5.1); what the backend's add returns.
 */
int peer_memory_map_locked(struct peer_memory *memory, const struct backend_mapping *mapping);

/**
 * peer_memory_unmap_locked() - Take memory from the peer. A function of struct backend_ops without lock.
 * @memory: The regions.
 * @mapping: The memory and its address.
 * @idle: Nothing in flight uses the memory. Otherwise the peer keeps it until a fence.
 *
 * Return: 0; -ENOMEM (nothing has changed); after peer_memory_give_up_locked() -ENODEV, or -EIO if
 * the peer may still write to the memory.
 */
int peer_memory_unmap_locked(struct peer_memory *memory, const struct backend_mapping *mapping,
			     bool idle);

/**
 * peer_memory_drop_locked() - Close the file of a region that is being removed, and prepare pages.
 * @memory: The regions.
 * @region: The region, from the backend's remove.
 */
void peer_memory_drop_locked(struct peer_memory *memory, const struct peer_region *region);

/**
 * peer_memory_add_all_locked() - Give all that is exposed to a peer that has connected again.
 * @memory: The regions.
 *
 * Return: 0; what the backend's add returns. Then the peer has a part.
 */
int peer_memory_add_all_locked(struct peer_memory *memory);

/**
 * peer_memory_withdraw_locked() - Put private pages in the place of all freed memory.
 * @memory: The regions. Those of freed memory stay in the table.
 *
 * The peer cannot write to these pages from here on, so they may be reused.
 *
 * Return: 0; -ENOMEM.
 */
int peer_memory_withdraw_locked(struct peer_memory *memory);

/**
 * peer_memory_waits_locked() - Whether freed memory waits for a fence.
 * @memory: The regions.
 */
bool peer_memory_waits_locked(const struct peer_memory *memory);

/**
 * peer_memory_forget_locked() - Forget the regions of freed memory, which a new connection does not have.
 * @memory: The regions, after peer_memory_withdraw_locked().
 */
void peer_memory_forget_locked(struct peer_memory *memory);

/**
 * peer_memory_remove_locked() - Let the peer forget the regions of freed memory.
 * @memory: The regions, after peer_memory_withdraw_locked() and a fence in the same connection.
 */
void peer_memory_remove_locked(struct peer_memory *memory);

/**
 * peer_memory_give_up_locked() - Stop using all memory that the peer has, because the device is closed.
 * @memory: The regions.
 *
 * Memory that cannot be made private, for lack of memory, stays with the peer and leaks.
 */
void peer_memory_give_up_locked(struct peer_memory *memory);

#endif
