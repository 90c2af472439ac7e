/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Compares examples/nvme.c with a copy of it that uses raw pointers in place of the accessors.
 */
#ifndef VFIO_NVME_H
#define VFIO_NVME_H

/* Measures 4 KiB reads of both drivers, at depth 1 and 32. Returns 0 or -errno. */
int bench_nvme(const char *device);

#endif
