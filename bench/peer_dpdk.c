// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The allocators of DPDK. They use ordinary pages, as the library does, or hugepages.
 */
#include <rte_eal.h>
#include <rte_malloc.h>
#include <rte_mempool.h>
#include <rte_memzone.h>
#include <stdio.h>
#include <string.h>

#include "peer.h"

#define POOL_OBJECTS 16384

int peer_open(char *program, bool hugepages)
{
	char ordinary[] =
		"--no-huge --no-shconf --no-pci --no-telemetry --log-level 1 -m 1024 -l 0";
	/* A program in production takes its hugepages at the start. */
	char huge[] = "--in-memory --socket-mem 192 --no-pci --no-telemetry --log-level 1 -l 0";
	char *args[16] = { program }, *rest = hugepages ? huge : ordinary;
	int count = 1;

	while (rest)
		args[count++] = strsep(&rest, " ");
	return rte_eal_init(count, args) < 0;
}

/* --- The heap --- */

static void *heap_zeroed(size_t bytes)
{
	return rte_zmalloc(NULL, bytes, bytes < 4096 ? 64 : 4096);
}

const struct peer *peer_heap(void)
{
	static const struct peer heap = { "rte_zmalloc", heap_zeroed, rte_free };

	return &heap;
}

/* --- A pool, which has a cache for each thread --- */

static struct rte_mempool *pool;
static size_t pool_bytes;

static void *pool_zeroed(size_t bytes)
{
	void *memory;

	if (rte_mempool_get(pool, &memory))
		return NULL;
	return memset(memory, 0, bytes);
}

static void pool_free(void *memory)
{
	rte_mempool_put(pool, memory);
}

const struct peer *peer_pool(size_t bytes)
{
	static const struct peer peer = { "rte_mempool + memset", pool_zeroed, pool_free };

	if (pool && pool_bytes != bytes)
		rte_mempool_free(pool);
	if (!pool || pool_bytes != bytes)
		pool = rte_mempool_create("pool", POOL_OBJECTS - 1, (unsigned int)bytes, 256, 0,
					  NULL, NULL, NULL, NULL, SOCKET_ID_ANY, 0);
	pool_bytes = bytes;
	return pool ? &peer : NULL;
}
