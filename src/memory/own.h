/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Boxes whose memory is mapped for them alone: that of some NUMA nodes, or memory whose pointer is
 * the device address. Such a box adopts the mapping, as it would adopt memory of the driver
 * (adoption.h). So the mapping goes from record to record, and it is unmapped when no device can
 * reach it any more.
 */
#ifndef OWN_H
#define OWN_H

#include "memory/request.h"

/**
 * own_box_zeroed() - Allocate a box that has a mapping of its own.
 * @box: The box.
 * @store: The store of the device; NULL if the driver gave no device.
 * @request: The request, with @nodes or @address_is_pointer.
 *
 * Return: as coherent_box_zeroed().
 */
int own_box_zeroed(struct coherent_box *box, struct object_store *store,
		   const struct alloc_request *request);

#endif
