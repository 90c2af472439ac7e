/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * examples/nvme.c as it is, and once more with raw pointers in place of the accessors.
 */
#ifndef VFIO_NVME_H
#define VFIO_NVME_H

/* 4 KiB reads at depth 1 and 32, both drivers; 0 or -errno. */
int bench_nvme(const char *device);

#endif
