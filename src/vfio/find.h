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
/* If that process is this one, the devices can share an address space. */
#define VFIO_FIND_BESIDE \
	"; if this program has another device of the group, open this one with .beside"

/**
 * vfio_find_parse_bdf() - Read a PCI address.
 * @text: domain:bus:device.function, or the same without a domain.
 * @bdf: Set to the address with its domain.
 *
 * Return: whether @text is a PCI address.
 */
bool vfio_find_parse_bdf(const char *text, char bdf[VFIO_FIND_BDF_BYTES]);

/**
 * vfio_find_read_bdf() - Read the PCI address in the name of a device.
 * @name: The name of the device.
 * @to: The receiver of a report if the target of the name is not a PCI address.
 * @bdf: Set to the address with its domain.
 *
 * Return: 0; -EINVAL.
 */
int vfio_find_read_bdf(const struct name *name, const struct reporter *to,
		       char bdf[VFIO_FIND_BDF_BYTES]);

/**
 * vfio_find_no_keys() - Refuse the keys of a name. Only a device in no-IOMMU mode has one.
 * @name: The name of the device.
 * @to: The receiver of a report.
 *
 * Return: 0; -EINVAL (the name has a key).
 */
int vfio_find_no_keys(const struct name *name, const struct reporter *to);

/**
 * vfio_find_device() - Make sure that a device exists and is bound to VFIO.
 * @name: The name of the device. Its target is domain:bus:device.function, or the same without a
 *	domain.
 * @to: The receiver of reports.
 * @bdf: Set to the address with its domain.
 *
 * Return: 0; -EINVAL (the address is malformed), -ENODEV (the device does not exist, or is not
 * bound to VFIO), -EOPNOTSUPP (it is not bound to VFIO, nor behind an IOMMU).
 */
int vfio_find_device(const struct name *name, const struct reporter *to,
		     char bdf[VFIO_FIND_BDF_BYTES]);

/**
 * vfio_find_group() - Find the group of a device. A device behind an IOMMU has one.
 * @name: The name of the device.
 * @to: The receiver of reports.
 * @bdf: The PCI address.
 * @group: Set to the name of the group.
 *
 * Return: 0; -EOPNOTSUPP.
 */
int vfio_find_group(const struct name *name, const struct reporter *to, const char *bdf,
		    char group[VFIO_FIND_GROUP_BYTES]);

/**
 * vfio_find_report_siblings() - Report which devices of a group are bound to another driver.
 * @dev: The device, for reports.
 * @bdf: Its PCI address.
 *
 * VFIO hands out a device only if the other devices of its group are bound to VFIO too, or are not
 * bound at all.
 *
 * Return: how many other devices the group has.
 */
unsigned int vfio_find_report_siblings(const struct coherent_device *dev, const char *bdf);

/**
 * vfio_find_open_node() - Open one of VFIO's nodes below /dev.
 * @dev: The device, for reports.
 * @bdf: Its PCI address.
 * @path: The node.
 *
 * Return: a descriptor; -ENODEV (the node does not exist, or has no device behind it), -EACCES,
 * -EPERM, -EBUSY, -ENOSPC (no descriptor is left), -EIO.
 */
int vfio_find_open_node(const struct coherent_device *dev, const char *bdf, const char *path);

#endif
