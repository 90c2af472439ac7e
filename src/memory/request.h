/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Requests for memory: the checks of the arguments, and the reports when a request fails.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "memory/object.h"

struct adoption;

/**
 * struct alloc_request - What an allocation asks for.
 * @count: Elements.
 * @size: Bytes of an element.
 * @attrs: enum coherent_attr, or'ed.
 * @align: Alignment of the device address, 0 for a page.
 * @boundary: A boundary that the object does not cross, 0 for none.
 * @mask: The last byte is at most at this device address, 0 for the mask of the device.
 * @address: The device address, 0 for any.
 * @nodes: NUMA nodes of the object alone, a bit each; 0 for those of the device.
 * @address_is_pointer: The device address is the pointer to the memory.
 * @level: The least level that will do, 0 for any.
 * @site: File and line of the call.
 * @is_allowed: The caller has asked backend_allocate() already.
 * @is_modest: The caller can do with less, so no kept box and no quarantine gives way for it.
 * @next: The side that touches the memory next.
 * @in_place: The device may reach the memory from now on, where an IOMMU could keep it away.
 * @is_filled: The caller writes all elements.
 * @permission: The permission of the device on a box in place.
 * @adoption: The memory of the driver that the box adopts; NULL for memory of the library.
 */
struct alloc_request {
	size_t count;
	size_t size;
	unsigned int attrs;
	uint64_t align;
	uint64_t boundary;
	uint64_t mask;
	uint64_t address;
	uint64_t nodes;
	bool address_is_pointer;
	enum coherent_level level;
	const char *site;
	bool is_allowed;
	bool is_modest;
	enum pages_next next;
	bool in_place;
	bool is_filled;
	enum coherent_permission permission;
	struct adoption *adoption;
};

/**
 * request_check() - Check the arguments of an allocation.
 * @store: The store of the device; NULL if the driver gave no device.
 * @request: The request.
 * @bytes: Set to the size.
 *
 * Return: 0; with a report -EINVAL, -ENOMEM (the size overflows).
 */
int request_check(struct object_store *store, const struct alloc_request *request, size_t *bytes);

/**
 * request_check_store() - Check whether a device can serve an allocation.
 * @store: The store of the device; NULL if the driver gave no device.
 * @request: The request.
 * @bytes: Its size.
 *
 * Return: 0; -ENODEV; with a report -EOPNOTSUPP, -EINVAL (the address is not under the mask).
 */
int request_check_store(struct object_store *store, const struct alloc_request *request,
			size_t bytes);

/**
 * request_failed() - Report an allocation for which no memory or no address is left.
 * @store: The store.
 * @request: The request.
 * @bytes: Its size.
 * @err: The error: -ENOSPC, -ENOMEM; -EBUSY if an object has @address of the request.
 */
void request_failed(struct object_store *store, const struct alloc_request *request, size_t bytes,
		    int err);

/**
 * request_want() - What the address of an allocation is asked to be like.
 * @request: The request.
 * @bytes: Its size.
 * @page: The size of a page.
 * @want: Filled in.
 */
void request_want(const struct alloc_request *request, size_t bytes, uint64_t page,
		  struct iova_want *want);

#endif
