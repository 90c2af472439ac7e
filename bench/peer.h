/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Allocators of zeroed memory that the library is compared with. peer_dpdk.c has those of DPDK;
 * peer_none.c takes its place if DPDK is not installed. A bench looks for mimalloc when it runs.
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct peer - An allocator.
 * @name: The name for the table.
 * @zeroed: Allocates zeroed memory. A page or more is aligned to a page. Returns NULL if there is
 *	not enough memory.
 * @free: Frees the memory.
 */
struct peer {
	const char *name;
	void *(*zeroed)(size_t bytes);
	void (*free)(void *memory);
};

/*
 * Starts DPDK. Returns 0 also if it is not installed. With @hugepages DPDK takes 192 MiB of hugepages
 * at the start.
 */
int peer_open(char *program, bool hugepages);

/*
 * DPDK's heap, and its pool of objects of a size. The peer clears the objects of the pool. Both return
 * NULL if DPDK is not installed.
 */
const struct peer *peer_heap(void);
const struct peer *peer_pool(size_t bytes);

/* Returns NULL if mimalloc is not installed. */
const struct peer *peer_mimalloc(void);

#endif
