// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <stdio.h>

#include "peer.h"

int peer_open(char *program, bool hugepages)
{
	(void)hugepages;
	fprintf(stderr, "%s: skipped: DPDK: libdpdk-dev was not there at the build\n", program);
	return 0;
}

const struct peer *peer_heap(void)
{
	return NULL;
}

const struct peer *peer_pool(size_t bytes)
{
	(void)bytes;
	return NULL;
}

const struct peer *peer_zone(void)
{
	return NULL;
}
