/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * libfabric is loaded when the first device of fabric: is opened, so that other programs need not
 * have it. Most of its functions are inline. They call an object that one of these functions made.
 */
#ifndef FABRIC_LIBRARY_H
#define FABRIC_LIBRARY_H

#include <rdma/fabric.h>

#include "base/report.h"

/* The version of the interface that the backend uses. It is that of Debian 12. */
#define FABRIC_API FI_VERSION(1, 17)

/**
 * struct fabric_library - The functions of libfabric that are not inline.
 * @getinfo: fi_getinfo(3).
 * @freeinfo: fi_freeinfo(3).
 * @dupinfo: fi_dupinfo(3). Without an argument it allocates.
 * @fabric: fi_fabric(3).
 * @version: fi_version(3).
 */
struct fabric_library {
	int (*getinfo)(uint32_t version, const char *node, const char *service, uint64_t flags,
		       const struct fi_info *hints, struct fi_info **info);
	void (*freeinfo)(struct fi_info *info);
	struct fi_info *(*dupinfo)(const struct fi_info *info);
	int (*fabric)(struct fi_fabric_attr *attr, struct fid_fabric **fabric, void *context);
	uint32_t (*version)(void);
};

/**
 * fabric_library_open() - Load libfabric. It stays loaded, because its threads may run on.
 * @library: Set to its functions.
 * @name: The device name, for a report.
 * @to: The receiver of a report.
 *
 * Return: 0; -ENODEV (it is not installed, or lacks a function).
 */
int fabric_library_open(struct fabric_library *library, const char *name,
			const struct reporter *to);

#endif
