/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Boxes and mems of whole pages, whichever call asks for them. Pools use these functions for
 * their chunks, so this file knows no pools.
 */
#ifndef WHOLE_H
#define WHOLE_H

#include "memory/object.h"
#include "memory/request.h"

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

/**
 * whole_free_idle() - As whole_free(), where nothing in flight names the mem.
 * @mem: The mem, which may be empty.
 */
void whole_free_idle(struct coherent_mem *mem);

/**
 * whole_free_into() - As whole_free(), and keep the contents.
 * @mem: The mem.
 * @to: Memory of the size of its elements. It gets what the device wrote until it lost access. Where
 *	an unmap is not a fence, it gets what the device wrote until the call.
 */
void whole_free_into(struct coherent_mem *mem, void *to);

#endif
