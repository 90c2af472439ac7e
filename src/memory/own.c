// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A pointer that is a device address has to be free in the process and on the device. The kernel
 * chooses one first. It is mostly too high for an IOMMU of 39 bits, and it may be in quarantine.
 * Then this file tries places in the largest gap of the device.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/size.h"
#include "base/sys.h"
#include "memory/adoption.h"
#include "memory/object_store.h"
#include "memory/own.h"
#include "memory/refuse.h"
#include "memory/whole.h"

/* So many places in a gap are tried, in an order that begins near its middle. */
#define PLACES 16
#define STRIDE 7
/* The kernel maps nothing below. */
#define LOWEST (UINT64_C(1) << 20)

/**
 * struct own - The mapping of a box.
 * @store: The store that counts it. It ends after the mapping.
 * @bytes: Its size.
 * @is_gone: Set when it is unmapped before the call ends; NULL after the call.
 */
struct own {
	struct object_store *store;
	size_t bytes;
	bool *is_gone;
};

static void count_memory(struct object_store *store, int64_t more)
{
	lock_take(&store->lock);
	store->stats.memory += (uint64_t)more;
	lock_drop(&store->lock);
}

static void end(void *memory, void *arg)
{
	struct own *own = arg;

	sys_unmap(memory, own->bytes);
	count_memory(own->store, -(int64_t)own->bytes);
	if (own->is_gone)
		*own->is_gone = true;
	free(own);
}

/* --- Places --- */

/* iova_gap_in() or iova_gap_with_held(): which addresses of a device are free. */
typedef uint64_t gap_fn(struct iova_space *space, uint64_t *first, uint64_t last);

/* Whether an address meets the request and is free on the device. */
static bool is_free(struct object_store *store, const struct iova_want *want, uint64_t at,
		    gap_fn *gap)
{
	const uint64_t last = at + want->bytes - 1, end = last + store->space.guard;
	uint64_t first = at;
	bool is_free;

	if (at & (want->align - 1) || (want->boundary && (at ^ last) & -want->boundary) ||
	    (want->mask && last > want->mask))
		return false;
	lock_take(&store->lock);
	is_free = gap(&store->space, &first, end) == end - at + 1;
	lock_drop(&store->lock);
	return is_free;
}

/* Looks below an address that the kernel chose, because it chooses high ones. */
static int map_in_gap(struct object_store *store, const struct iova_want *want, uint64_t below,
		      gap_fn *gap, void **va)
{
	const uint64_t last = want->mask && want->mask < below ? want->mask : below;
	uint64_t first = LOWEST, bytes;

	lock_take(&store->lock);
	bytes = gap(&store->space, &first, last);
	lock_drop(&store->lock);
	for (uint64_t i = 1; i <= PLACES; i++) {
		const uint64_t at =
			align_up(first + bytes / PLACES * (i * STRIDE % PLACES), want->align);

		if (is_free(store, want, at, gap) && !sys_map_free(at, want->bytes, va))
			return 0;
	}
	return -ENOSPC;
}

/* Maps memory at an address that is free on the device. */
static int map_at_address(struct object_store *store, const struct iova_want *want, void **va)
{
	uint64_t below;
	int err;

	if (want->address)
		return sys_map_free(want->address, want->bytes, va) ? -EEXIST : 0;
	err = sys_map(want->bytes, 0, va);
	if (err)
		return -ENOMEM;
	below = (uintptr_t)*va;
	if (is_free(store, want, below, iova_gap_in))
		return 0;
	sys_unmap(*va, want->bytes);
	/* A command of the last owner of the device may name addresses that are held back. */
	err = map_in_gap(store, want, below, iova_gap_in, va);
	return err ? map_in_gap(store, want, below, iova_gap_with_held, va) : 0;
}

/* --- Memory --- */

static int map(struct object_store *store, const struct alloc_request *request,
	       const struct iova_want *want, void **va)
{
	if (request->address_is_pointer)
		return map_at_address(store, want, va);
	return sys_map(want->bytes, 0, va) ? -ENOMEM : 0;
}

/* As the memory of a device, that of other nodes serves if the wanted ones gave none. */
static int map_filled(struct object_store *store, const struct alloc_request *request,
		      const struct iova_want *want, void **va)
{
	struct iova_want again = *want;
	int err = map(store, request, want, va);

	if (err)
		return err;
	err = pages_fill(*va, want->bytes, request->nodes);
	if (err && request->nodes) {
		sys_unmap(*va, want->bytes);
		again.address = request->address_is_pointer ? (uintptr_t)*va : 0;
		err = map(store, request, &again, va);
		if (err)
			return err;
		err = pages_fill(*va, want->bytes, 0);
		if (!err && !(request->attrs & COHERENT_ATTR_NO_WARN))
			report(store->reporter, COHERENT_WARNING,
			       "%s: for %" PRIu64 " bytes NUMA nodes 0x%" PRIx64
			       " gave no memory, so any node serves; the call is at %s",
			       store->name, want->bytes, request->nodes, request->site);
	}
	if (err)
		sys_unmap(*va, want->bytes);
	return err ? -ENOMEM : 0;
}

/* --- The call --- */

static int check_backend(struct object_store *store, const struct alloc_request *request)
{
	const char *what = request->nodes ? ".nodes" : ".address_is_pointer";

	if (!adoption_can_be_in_place(store->backend))
		return refuse(store, -EOPNOTSUPP, request->site,
			      "the device cannot use a mapping of the box, so it has no %s; leave "
			      "the option out",
			      what);
	if (store->pages.guard)
		return refuse(store, -EOPNOTSUPP, request->site,
			      "the device is hardened, so that the library chooses where memory "
			      "is; leave out %s or .harden",
			      what);
	return 0;
}

static int report_failed(struct object_store *store, const struct alloc_request *request,
			 size_t bytes, int err)
{
	if (err == -EEXIST)
		return refuse(store, -EBUSY, request->site,
			      "this process has a mapping in the %zu bytes at .address = 0x%" PRIx64
			      ", so no memory can have this pointer; give another address",
			      bytes, request->address);
	if (err == -ENOSPC && !(request->attrs & COHERENT_ATTR_NO_WARN))
		report(store->reporter, COHERENT_WARNING,
		       "%s: no address for %zu bytes is free both on the device and in this "
		       "process; give a .address that is, or do without .address_is_pointer (a "
		       "sanitizer uses most low addresses); the call is at %s",
		       store->name, bytes, request->site);
	else if (err != -ENOSPC)
		request_failed(store, request, bytes, err);
	return err;
}

static struct adoption *new_adoption(struct object_store *store, const struct iova_want *want,
				     void *va, size_t bytes)
{
	const struct iovec piece = { va, want->bytes };
	struct adoption *adoption = adoption_new(&piece, 1, bytes, sys_page_bytes());
	struct own *own = calloc(1, sizeof(*own));

	if (!adoption || !own) {
		free(adoption);
		free(own);
		return NULL;
	}
	*own = (struct own){ .store = store, .bytes = want->bytes };
	count_memory(store, (int64_t)want->bytes);
	adoption->release = end;
	adoption->release_arg = own;
	return adoption;
}

static int begin(struct coherent_box *box, struct object_store *store,
		 struct alloc_request *request, const struct iova_want *want, size_t bytes,
		 void *va)
{
	struct adoption *adoption = new_adoption(store, want, va, bytes);
	bool is_gone = false;
	struct own *own;
	int err;

	if (!adoption) {
		sys_unmap(va, want->bytes);
		return report_failed(store, request, bytes, -ENOMEM);
	}
	own = adoption->release_arg;
	own->is_gone = &is_gone;
	request->adoption = adoption;
	err = whole_box_zeroed(box, store, request);
	/* A box in place that could not be mapped has ended the mapping already. */
	if (err && !is_gone)
		adoption_end(adoption);
	if (!err)
		own->is_gone = NULL;
	return err;
}

int own_box_zeroed(struct coherent_box *box, struct object_store *store,
		   const struct alloc_request *request)
{
	struct alloc_request mine = *request;
	struct iova_want want;
	size_t bytes;
	void *va;
	int err = request_check(store, request, &bytes);

	if (err)
		return err;
	if (box->va)
		return refuse_box(store, request->site, box);
	err = request_check_store(store, request, bytes);
	if (!err)
		err = check_backend(store, request);
	if (err)
		return err;
	request_want(request, bytes, store->pages.page_bytes, &want);
	err = map_filled(store, request, &want, &va);
	if (err)
		return report_failed(store, request, bytes, err);
	if (request->address_is_pointer)
		mine.address = (uintptr_t)va;
	return begin(box, store, &mine, &want, bytes, va);
}
