// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Requests for memory: the checks of the arguments, and the reports when a request fails.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/size.h"
#include "memory/object_store.h"
#include "memory/refuse.h"
#include "memory/request.h"

#define ATTRS_KNOWN ((COHERENT_ATTR_PRIVILEGED << 1) - 1)
#define ATTRS_HONOURED COHERENT_ATTR_NO_WARN

_Static_assert(ATTRS_KNOWN <= UINT8_MAX, "a record has 8 bits for the attributes");

static const char *why_invalid(const struct alloc_request *request)
{
	if (!request->count || !request->size)
		return "the size is 0, but an object has at least a byte";
	if (request->attrs & ~(unsigned int)ATTRS_KNOWN)
		return ".attrs has a bit that enum coherent_attr does not have";
	if ((unsigned int)request->level > COHERENT_IOMMU)
		return ".level is not a value of enum coherent_level";
	if (request->align && !is_power_of_two(request->align))
		return ".align is not a power of two";
	if (request->boundary && !is_power_of_two(request->boundary))
		return ".boundary is not a power of two";
	return NULL;
}

static int refuse_request(struct object_store *store, const struct alloc_request *request, int err,
			  const char *why)
{
	/* A wrong argument is not a failed allocation, so it is reported in any case. */
	if (err == -ENOMEM && request->attrs & COHERENT_ATTR_NO_WARN)
		return err;
	return refuse(store, err, request->site,
		      "%s (%zu elements of %zu bytes, .align = 0x%" PRIx64
		      ", .boundary = 0x%" PRIx64 ", .attrs = 0x%x, .level = %d)",
		      why, request->count, request->size, request->align, request->boundary,
		      request->attrs, (int)request->level);
}

int request_check(struct object_store *store, const struct alloc_request *request, size_t *bytes)
{
	const char *why = why_invalid(request);

	if (why)
		return refuse_request(store, request, -EINVAL, why);
	if (__builtin_mul_overflow(request->count, request->size, bytes) || *bytes > PTRDIFF_MAX)
		return refuse_request(store, request, -ENOMEM, "the size overflows");
	if (request->boundary && *bytes > request->boundary)
		return refuse_request(store, request, -EINVAL,
				      ".boundary is less than the size, so the object crosses it");
	return 0;
}

int request_check_store(struct object_store *store, const struct alloc_request *request)
{
	if (!store || !alive_is_open(store->alive))
		return -ENODEV;
	if (request->attrs & ~(unsigned int)ATTRS_HONOURED)
		return refuse_request(store, request, -EOPNOTSUPP,
				      "userspace supports only COHERENT_ATTR_NO_WARN in .attrs");
	if (request->level > store->backend->level)
		return refuse_level(store, request->site, request->level);
	if (request->in_place && request->level > COHERENT_HIDDEN)
		return refuse_in_place(store, request->site);
	return 0;
}

void request_failed(struct object_store *store, const struct alloc_request *request, size_t bytes,
		    int err)
{
	/* The caller reports which object has memory that is adopted. */
	if (request->attrs & COHERENT_ATTR_NO_WARN || err == -EBUSY || err == -EINVAL)
		return;
	if (err == -ENOSPC)
		report(store->reporter, COHERENT_WARNING,
		       "%s: no device address is left for %zu bytes under mask 0x%" PRIx64
		       ", align 0x%" PRIx64 ", boundary 0x%" PRIx64 "; the call is at %s",
		       store->name, bytes, object_store_mask(store), request->align,
		       request->boundary, request->site);
	else
		report(store->reporter, COHERENT_WARNING,
		       "%s: no memory is left for %zu bytes; the call is at %s", store->name, bytes,
		       request->site);
}

struct iova_want request_want(const struct alloc_request *request, size_t bytes, uint64_t page)
{
	return (struct iova_want){
		.bytes = align_up(bytes, page),
		.align = request->align > page ? request->align : page,
		.boundary = request->boundary && request->boundary < page ? page :
									    request->boundary,
		.is_modest = request->is_modest,
	};
}
