/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Tells what the process has mapped at an address, as /proc/self/maps says.
 */
#ifndef SYS_MAPS_H
#define SYS_MAPS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Why the kernel cannot pin memory for a device that writes to it. */
enum sys_maps_kind {
	SYS_MAPS_FINE,
	SYS_MAPS_NOTHING,
	SYS_MAPS_NO_READ,
	SYS_MAPS_NO_WRITE,
	SYS_MAPS_FILE,
};

/**
 * struct sys_maps_problem - A part of some memory that cannot be pinned.
 * @kind: Why. SYS_MAPS_FILE: a shared mapping of a file on a disk.
 * @at: The first address of the part.
 * @path: The path of the file; empty for other kinds.
 */
struct sys_maps_problem {
	enum sys_maps_kind kind;
	uintptr_t at;
	char path[128];
};

/*
 * Find the first part of some memory that the kernel cannot pin. @problem has SYS_MAPS_FINE if
 * there is none, or if the process cannot read /proc/self/maps. The call reads that file once if the
 * addresses of the pieces ascend.
 */
void sys_maps_check(const struct iovec *pieces, size_t count, struct sys_maps_problem *problem);

#endif
