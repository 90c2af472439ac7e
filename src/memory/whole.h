/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Boxes and mems of whole pages, whichever call asks for them. Pools use these functions for
 * their chunks, so this file knows no pools.
 */
#ifndef WHOLE_H
#define WHOLE_H

#include "memory/object.h"

/**
 * struct alloc_request - What an allocation asks for.
 * @count: Elements.
 * @size: Bytes of an element.
 * @attrs: enum coherent_attr, or'ed.
 * @align: Alignment of the device address, 0 for a page.
 * @boundary: A boundary that the object does not cross, 0 for none.
 * @level: The least level that will do, 0 for any.
 * @site: File and line of the call.
 * @is_allowed: The caller has asked backend_allocate() already.
 * @is_modest: The caller can do with less, so no kept box and no quarantine gives way for it.
 * @next: The side that touches the memory next.
 * @in_place: The device may reach the memory from now on, where an IOMMU could keep it away.
 * @permission: The permission of the device on a box in place.
 */
struct alloc_request {
	size_t count;
	size_t size;
	unsigned int attrs;
	uint64_t align;
	uint64_t boundary;
	enum coherent_level level;
	const char *site;
	bool is_allowed;
	bool is_modest;
	enum pages_next next;
	bool in_place;
	bool is_filled;
	enum coherent_permission permission;
};

/**
 * struct expose_request - What an expose asks for.
 * @permission: The permission.
 * @seal: Called before the device can reach the memory, or NULL.
 * @seal_arg: Handed to @seal.
 */
struct expose_request {
	enum coherent_permission permission;
	int (*seal)(void *elements, size_t count, coherent_addr_t address, void *seal_arg);
	void *seal_arg;
};

/**
 * whole_check_alloc() - Check the arguments of an allocation.
 * @store: The store of the device; NULL if the driver gave no device.
 * @request: The request.
 * @bytes: Set to the size.
 *
 * Return: 0; with a report -EINVAL, -ENOMEM (the size overflows).
 */
int whole_check_alloc(struct object_store *store, const struct alloc_request *request,
		      size_t *bytes);

/**
 * whole_check_expose() - Check the arguments of an expose.
 * @store: The store of the device; NULL if the driver gave no device.
 * @at: The call, for the report.
 * @request: The request.
 *
 * Return: 0; -EINVAL with a report.
 */
int whole_check_expose(struct object_store *store, const char *at,
		       const struct expose_request *request);

/**
 * whole_box_zeroed() - Allocate a box.
 * @box: The box.
 * @store: The store of the device; NULL if the driver gave no device.
 * @request: The request.
 *
 * Return: as coherent_box_zeroed().
 */
int whole_box_zeroed(struct coherent_box *box, struct object_store *store,
		     const struct alloc_request *request);

/**
 * whole_box_free() - Free a box.
 * @box: The box, which may be empty.
 */
void whole_box_free(struct coherent_box *box);

/**
 * whole_expose() - Expose a box.
 * @box: The box; always consumed.
 * @mem: The mem.
 * @request: The permission and the seal.
 *
 * Return: as coherent_expose().
 */
int whole_expose(struct coherent_box *box, struct coherent_mem *mem,
		 const struct expose_request *request);

/**
 * whole_reclaim() - Take memory back from the device.
 * @mem: The mem.
 * @box: An empty box.
 * @idle: The driver says that nothing in flight names the mem.
 *
 * Return: as coherent_reclaim().
 */
int whole_reclaim(struct coherent_mem *mem, struct coherent_box *box, bool idle);

/**
 * whole_free() - Free a mem.
 * @mem: The mem, which may be empty.
 */
void whole_free(struct coherent_mem *mem);

#endif
