/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Finding a PCI device that VFIO can give to the process. Each function reports what is wrong, and
 * which command mends it.
 */
#ifndef VFIO_FIND_H
#define VFIO_FIND_H

#include <stdbool.h>

#include "base/name.h"
#include "device/device.h"

/* A PCI address such as "0000:00:01.0", with a domain of up to eight digits, and a terminator. */
#define VFIO_FIND_BDF_BYTES 20
#define VFIO_FIND_GROUP_BYTES 16
/* This command shows which process has a device open, by its group or by itself. */
#define VFIO_FIND_USERS "fuser -v /dev/vfio/* /dev/vfio/devices/*"

/**
 * vfio_find_parse_bdf() - Read a PCI address.
 * @text: domain:bus:device.function, or without domain.
 * @bdf: Set to it, with its domain.
 *
 * Return: whether it is one.
 */
bool vfio_find_parse_bdf(const char *text, char bdf[VFIO_FIND_BDF_BYTES]);

/**
 * vfio_find_read_bdf() - Read the address that a name has.
 * @name: The device's name.
 * @to: Says if it is none.
 * @bdf: Set to it, with its domain.
 *
 * Return: 0; -EINVAL.
 */
int vfio_find_read_bdf(const struct name *name, const struct reporter *to,
		       char bdf[VFIO_FIND_BDF_BYTES]);

/**
 * vfio_find_device() - Make sure that a device is there and VFIO has it.
 * @name: The device's name; its target is domain:bus:device.function, or without domain.
 * @to: Says what is wrong and which command mends it.
 * @bdf: Set to the address, with its domain.
 *
 * Return: 0; -EINVAL (malformed), -ENODEV (absent, another driver's), -EOPNOTSUPP (that,
 * and no IOMMU has it).
 */
int vfio_find_device(const struct name *name, const struct reporter *to,
		     char bdf[VFIO_FIND_BDF_BYTES]);

/**
 * vfio_find_group() - Find the group of a device, which it has if an IOMMU has it.
 * @name: The device's name.
 * @to: Says what is wrong.
 * @bdf: Its address.
 * @group: Set to the name of the group.
 *
 * Return: 0; -EOPNOTSUPP.
 */
int vfio_find_group(const struct name *name, const struct reporter *to, const char *bdf,
		    char group[VFIO_FIND_GROUP_BYTES]);

/**
 * vfio_find_report_siblings() - Report who drives the other devices of a group.
 * @dev: The device, for reports.
 * @bdf: Its PCI address.
 *
 * The devices of a group go together: each is VFIO's, or nobody's.
 *
 * Return: how many others there are.
 */
unsigned int vfio_find_report_siblings(const struct coherent_device *dev, const char *bdf);

/**
 * vfio_find_open_node() - Open one of VFIO's nodes below /dev.
 * @dev: The device, for reports.
 * @bdf: Its PCI address.
 * @path: The node.
 *
 * Return: a descriptor; -ENODEV (there is none, or none behind it), -EACCES, -EPERM,
 * -EBUSY, -ENOSPC (descriptors), -EIO.
 */
int vfio_find_open_node(const struct coherent_device *dev, const char *bdf, const char *path);

#endif
