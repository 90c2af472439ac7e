/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A peer's allocator of zeroed memory for devices: that of DPDK in peer_dpdk.c, or
 * none in peer_none.c where it is not installed.
 */
#ifndef PEER_H
#define PEER_H

#include <stddef.h>

/* 0 also where there is none. */
int peer_open(char *program);

/* NULL where there is none. */
const char *peer_name(void);

void *peer_zeroed(size_t bytes);
void peer_free(void *memory);

#endif
