/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Maps the memory of whole objects for the device, and unmaps it.
 */
#ifndef MAPPING_H
#define MAPPING_H

#include "memory/object.h"

/**
 * mapping_map() - Let the device reach the memory of a box.
 * @object: The box. All that the CPU wrote to it is there before the device can reach it.
 * @permission: The permission of the device.
 *
 * Return: 0; with a report -ENOSPC, -ENOMEM, -EIO, -EOPNOTSUPP, -ENODEV (without a report).
 */
int mapping_map(struct coherent_object *object, enum coherent_permission permission);

/**
 * mapping_unmap() - Take the memory of a mem or of a box in place from the device.
 * @object: The object.
 * @idle: The driver says that nothing in flight names it.
 *
 * Return: as backend_ops.unmap.
 */
int mapping_unmap(const struct coherent_object *object, bool idle);

/**
 * mapping_report_failed() - Report that memory could not be mapped.
 * @store: The store.
 * @bytes: The size of the object.
 * @site: The place of its allocation.
 * @err: -errno. The report does not have the text of -ENOBUFS, which is not about memory.
 */
void mapping_report_failed(const struct object_store *store, size_t bytes, const char *site,
			   int err);

/**
 * mapping_set_va() - Set where the CPU finds memory that is mapped.
 * @object: The object.
 *
 * Return: the address of the memory.
 */
void *mapping_set_va(struct coherent_object *object);

#endif
