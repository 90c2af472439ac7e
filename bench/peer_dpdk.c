// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * DPDK's heap, of ordinary pages as ours is.
 */
#include <rte_eal.h>
#include <rte_malloc.h>
#include <string.h>

#include "peer.h"

int peer_open(char *program)
{
	char line[] = "--no-huge --no-shconf --no-pci --no-telemetry --log-level 1 -m 512 -l 0";
	char *args[16] = { program }, *rest = line;
	int count = 1;

	while (rest)
		args[count++] = strsep(&rest, " ");
	return rte_eal_init(count, args) < 0;
}

const char *peer_name(void)
{
	return "rte_zmalloc";
}

void *peer_zeroed(size_t bytes)
{
	return rte_zmalloc(NULL, bytes, bytes < 4096 ? 0 : 4096);
}

void peer_free(void *memory)
{
	rte_free(memory);
}
