// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The worlds of libfabric, where the library was built without it. */
#include "worlds.h"

static const char *fabric_missing(void)
{
	return "the library was built without libfabric; install libfabric-dev";
}

const struct world_ops fabric_ops = { .missing = fabric_missing };
