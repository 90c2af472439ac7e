// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Requests for memory: the checks of the arguments, and the reports when a request fails.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/size.h"
#include "base/sys.h"
#include "memory/adoption.h"
#include "memory/object_memory.h"
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

/* Returns the last byte of the last page of a wanted address; 0 if it is past the address space. */
static uint64_t last_byte(const struct alloc_request *request, size_t bytes)
{
	const uint64_t last = request->address + align_up(bytes, sys_page_bytes()) - 1;

	return last < request->address ? 0 : last;
}

static const char *why_misplaced(const struct alloc_request *request, size_t bytes)
{
	const uint64_t page = sys_page_bytes();
	const uint64_t align = request->align > page ? request->align : page;
	const uint64_t last = last_byte(request, bytes);

	if (request->mask & (request->mask + 1))
		return ".mask is not of the form 2^n - 1; coherent_mask() makes such a mask";
	if (request->mask && bytes - 1 > request->mask)
		return ".mask is less than the size, so the object is not under it";
	if (!request->address)
		return NULL;
	if (request->address & (align - 1))
		return ".address is not a multiple of .align and of the size of a page";
	if (!last || (request->mask && last > request->mask))
		return ".address is so high that the end of the object is above .mask";
	if (request->boundary > page && (request->address ^ last) & -request->boundary)
		return ".address is so close to .boundary that the object crosses it";
	return NULL;
}

static __attribute__((cold)) int refuse_request(struct object_store *store,
						const struct alloc_request *request, int err,
						const char *why)
{
	/* A wrong argument is not a failed allocation, so it is reported in any case. */
	if (err == -ENOMEM && request->attrs & COHERENT_ATTR_NO_WARN)
		return err;
	return refuse(store, err, request->site,
		      "%s (%zu elements of %zu bytes, .align = 0x%" PRIx64
		      ", .boundary = 0x%" PRIx64 ", .attrs = 0x%x, .level = %d, .mask = 0x%" PRIx64
		      ", .address = 0x%" PRIx64 ")",
		      why, request->count, request->size, request->align, request->boundary,
		      request->attrs, (int)request->level, request->mask, request->address);
}

/* Few requests have a mask or an address, and the others need no registers for them. */
static __attribute__((noinline)) int check_place(struct object_store *store,
						 const struct alloc_request *request, size_t bytes)
{
	const char *why = why_misplaced(request, bytes);

	return why ? refuse_request(store, request, -EINVAL, why) : 0;
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
	return request->mask | request->address ? check_place(store, request, *bytes) : 0;
}

static __attribute__((noinline)) int
check_under_mask(struct object_store *store, const struct alloc_request *request, size_t bytes)
{
	if (last_byte(request, bytes) <= object_store_mask(store))
		return 0;
	return refuse_request(store, request, -EINVAL,
			      ".address is so high that the end of the object is above the mask "
			      "of the device");
}

int request_check_store(struct object_store *store, const struct alloc_request *request,
			size_t bytes)
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
	return request->address ? check_under_mask(store, request, bytes) : 0;
}

/* Names the object that has the wanted address, or had it. */
static void report_taken(struct object_store *store, const struct alloc_request *request,
			 const struct iova_want *want)
{
	const struct coherent_object *object;
	uint64_t address = 0;
	const char *site = "";
	bool is_over = false;

	lock_take(&store->lock);
	object = object_in_the_way_locked(store, want);
	if (object) {
		address = object->address.first;
		site = object->site;
		is_over = object->state != COHERENT_STATE_BOX &&
			  object->state != COHERENT_STATE_MEM;
	}
	lock_drop(&store->lock);
	(void)refuse(store, -EBUSY, request->site,
		     "%" PRIu64 " bytes at .address = 0x%" PRIx64 " and a page behind them are not "
		     "free: the object allocated at %s has the device address 0x%" PRIx64 "%s",
		     want->bytes, want->address, site, address,
		     is_over ? ", which waits in quarantine after its end, because a command in "
			       "flight may name it; give another address" :
			       "; free it first, or give another address");
}

static uint64_t mask_of(struct object_store *store, const struct alloc_request *request)
{
	const uint64_t mask = object_store_mask(store);

	return request->mask && request->mask < mask ? request->mask : mask;
}

void request_failed(struct object_store *store, const struct alloc_request *request, size_t bytes,
		    int err)
{
	struct iova_want want;

	request_want(request, bytes, store->pages.page_bytes, &want);
	/* The caller reports which object has memory that is adopted. */
	if (err == -EBUSY && !(request->adoption && request->adoption->is_refused))
		report_taken(store, request, &want);
	if (request->attrs & COHERENT_ATTR_NO_WARN || err == -EBUSY || err == -EINVAL)
		return;
	if (err == -ENOSPC && request->address)
		report(store->reporter, COHERENT_WARNING,
		       "%s: the device cannot use all of %" PRIu64 " bytes at .address = 0x%" PRIx64
		       " and a page behind them; coherent_device_limits() tells the usable ranges; "
		       "the call is at %s",
		       store->name, want.bytes, want.address, request->site);
	else if (err == -ENOSPC)
		report(store->reporter, COHERENT_WARNING,
		       "%s: no device address is left for %zu bytes under mask 0x%" PRIx64
		       ", align 0x%" PRIx64 ", boundary 0x%" PRIx64 "; the call is at %s",
		       store->name, bytes, mask_of(store, request), request->align,
		       request->boundary, request->site);
	else
		report(store->reporter, COHERENT_WARNING,
		       "%s: no memory is left for %zu bytes; the call is at %s", store->name, bytes,
		       request->site);
}

void request_want(const struct alloc_request *request, size_t bytes, uint64_t page,
		  struct iova_want *want)
{
	*want = (struct iova_want){
		.bytes = align_up(bytes, page),
		.align = request->align > page ? request->align : page,
		.boundary = request->boundary && request->boundary < page ? page :
									    request->boundary,
		.mask = request->mask,
		.address = request->address,
		.is_modest = request->is_modest,
	};
}
