/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Peers' allocators of zeroed memory: those of DPDK in peer_dpdk.c, or none in peer_none.c where
 * it is not installed, and mimalloc, which is looked for when a bench runs.
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct peer - An allocator.
 * @name: What it is called.
 * @zeroed: Zeroed memory; from a page on, aligned to one. NULL if there is none left.
 * @free: Frees it.
 */
struct peer {
	const char *name;
	void *(*zeroed)(size_t bytes);
	void (*free)(void *memory);
};

/* 0 also where there is none. With hugepages DPDK takes and returns them as it needs them. */
int peer_open(char *program, bool hugepages);

/* DPDK's heap; its pool of objects of a size, cleared; its memory zones. NULL: not there. */
const struct peer *peer_heap(void);
const struct peer *peer_pool(size_t bytes);
const struct peer *peer_zone(void);

/* NULL: not there. */
const struct peer *peer_mimalloc(void);

#endif
