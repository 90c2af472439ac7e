// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <stdio.h>

#include "peer.h"

int peer_open(char *program, bool hugepages)
{
	(void)hugepages;
	(void)program;
	fputs("bench: skipped DPDK: libdpdk-dev was not installed at build time\n", stderr);
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
