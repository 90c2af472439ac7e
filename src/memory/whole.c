// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A box has an address from the start, which is reserved and told to nobody. Exposing maps it.
 * Reclaiming unmaps it and gives the pages to a new record with a new address; the old record
 * stays behind in quarantine. object.c changes the states of the records.
 *
 * A box in place is mapped from its allocation to its free. Exposing and reclaiming change its state
 * only, so that it keeps its address and its record.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/size.h"
#include "base/sys.h"
#include "memory/object_memory.h"
#include "memory/object_store.h"
#include "memory/refuse.h"
#include "memory/watch.h"
#include "memory/whole.h"

#define EXPOSE "coherent_expose()"
#define RECLAIM "coherent_reclaim()"
#define ATTRS_KNOWN ((COHERENT_ATTR_PRIVILEGED << 1) - 1)
#define ATTRS_HONOURED COHERENT_ATTR_NO_WARN

_Static_assert(ATTRS_KNOWN <= UINT8_MAX, "a record has 8 bits for the attributes");

static int check_open(const struct object_store *store)
{
	return store && alive_is_open(store->alive) ? 0 : -ENODEV;
}

/* --- The backend --- */

static struct backend_mapping mapping_of(const struct coherent_object *object,
					 enum coherent_permission permission)
{
	return (struct backend_mapping){
		.address = object->address.first,
		.va = pages_va(&object->pages),
		.bytes = object_bytes(object),
		.permission = permission,
	};
}

static bool is_used_up(int err)
{
	return err == -ENOSPC || err == -ENOMEM;
}

/* Pools give up the mappings that they keep without need before the call fails. */
static int map_object(struct coherent_object *object, enum coherent_permission permission)
{
	struct backend *backend = object->store->backend;
	struct backend_mapping mapping;
	int err;

	if (object->store->watch) {
		err = watch_map(object, permission);
		if (err)
			return err;
	}
	mapping = mapping_of(object, permission);
	err = backend->ops->map(backend, &mapping);
	if (is_used_up(err) && object->store->give_way(object->store))
		err = backend->ops->map(backend, &mapping);
	if (err && object->store->watch)
		watch_map_failed(object);
	return err;
}

static int unmap_object(const struct coherent_object *object, bool idle)
{
	struct backend *backend = object->store->backend;
	const struct backend_mapping mapping = mapping_of(object, object->permission);

	return backend->ops->unmap(backend, &mapping, idle);
}

static void warn_of_mapping(const struct coherent_object *object, int err)
{
	struct object_store *store = object->store;

	if (err == -EOPNOTSUPP)
		(void)refuse(store, err, object->site,
			     "the device cannot be kept from writing to what it reads, so "
			     ".permission = COHERENT_READ_ONLY is not supported");
	/* A backend that is busy has said with what. */
	if (object->attrs & COHERENT_ATTR_NO_WARN || err == -ENODEV || err == -EOPNOTSUPP ||
	    err == -EBUSY)
		return;
	if (err == -ENOSPC)
		report(store->reporter, COHERENT_WARNING,
		       "%s: all %zu mappings are in use, so none is left for %zu bytes allocated at %s",
		       store->name, store->backend->limits.mappings, object_bytes(object),
		       object->site);
	else
		report(store->reporter, COHERENT_WARNING,
		       "%s: %zu bytes allocated at %s could not be mapped%s%s", store->name,
		       object_bytes(object), object->site, err == -ENOBUFS ? "" : ": ",
		       err == -ENOBUFS ? "" : strerror(-err));
}

/* Lets the device reach the memory of a box. All that the CPU wrote to it is there by then. */
static int map_box(struct coherent_object *object, enum coherent_permission permission)
{
	int err;

	/* ORDER: pairs with the device's first access (expose.litmus). */
	coherent_wmb();
	err = map_object(object, permission);
	if (err)
		warn_of_mapping(object, err);
	return err == -ENOBUFS ? -ENOSPC : err;
}

static void *set_va_of_mem(struct coherent_object *object)
{
	struct backend *backend = object->store->backend;
	void *va;

	if (!backend->ops->cpu_view)
		return pages_va(&object->pages);
	va = backend->ops->cpu_view(backend, object->address.first);
	object_set_va(object, va);
	return va;
}

/* --- Boxes --- */

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

int whole_check_alloc(struct object_store *store, const struct alloc_request *request,
		      size_t *bytes)
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

static int check_store(struct object_store *store, const struct alloc_request *request)
{
	int err = check_open(store);

	if (err)
		return err;
	if (request->attrs & ~(unsigned int)ATTRS_HONOURED)
		return refuse_request(store, request, -EOPNOTSUPP,
				      "userspace supports only COHERENT_ATTR_NO_WARN in .attrs");
	if (request->level > store->backend->level)
		return refuse_level(store, request->site, request->level);
	if (request->in_place && request->level > COHERENT_HIDDEN)
		return refuse_in_place(store, request->site);
	return 0;
}

static void warn_of_allocation(struct object_store *store, const struct alloc_request *request,
			       size_t bytes, int err)
{
	if (request->attrs & COHERENT_ATTR_NO_WARN)
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

static void report_missed(struct object_store *store)
{
	size_t bytes;
	const unsigned int missed = pages_take_missed(&store->pages, &bytes);

	if (missed & PAGES_GIGA)
		report(store->reporter, COHERENT_WARNING,
		       "%s: for %zu bytes there are no 1 GiB hugepages, so smaller ones serve; "
		       "the kernel parameters hugepagesz=1G hugepages=N make some",
		       store->name, bytes);
	if (missed & PAGES_HUGE)
		report(store->reporter, COHERENT_WARNING,
		       "%s: for %zu bytes there are no 2 MiB hugepages, so ordinary pages serve; "
		       "sysctl vm.nr_hugepages=N makes some",
		       store->name, bytes);
	if (missed & PAGES_NODES)
		report(store->reporter, COHERENT_WARNING,
		       "%s: for %zu bytes NUMA nodes 0x%" PRIx64
		       " gave no memory, so any node serves; "
		       "/sys/devices/system/node/has_memory lists the nodes that have memory",
		       store->name, bytes, store->pages.nodes);
}

static int object_with_pages(struct object_store *store, const struct iova_want *want, size_t bytes,
			     const char *site, struct coherent_object **out)
{
	struct iova_want modest = *want;
	int err;

	modest.is_modest = true;
	err = object_new(store, &modest, bytes, site, out);
	/* Pools give way before an address leaves the quarantine, and before the call fails. */
	if (is_used_up(err) && !want->is_modest && (store->give_way(store) || err == -ENOSPC))
		err = object_new(store, want, bytes, site, out);
	report_missed(store);
	return err;
}

static struct iova_want want_of(const struct alloc_request *request, size_t bytes, uint64_t page)
{
	return (struct iova_want){
		.bytes = align_up(bytes, page),
		.align = request->align > page ? request->align : page,
		.boundary = request->boundary && request->boundary < page ? page :
									    request->boundary,
		.is_modest = request->is_modest,
	};
}

/* Where nothing keeps the device away, only the address is hidden anyway. */
static bool is_in_place(const struct object_store *store, const struct alloc_request *request)
{
	return request->in_place && store->backend->level > COHERENT_HIDDEN;
}

static int put_in_place(struct coherent_object *object, enum coherent_permission permission)
{
	int err = map_box(object, permission);

	if (err) {
		object_recycle(object);
		return err;
	}
	object_map_as(object, COHERENT_STATE_BOX, permission);
	(void)set_va_of_mem(object);
	return 0;
}

int whole_box_zeroed(struct coherent_box *box, struct object_store *store,
		     const struct alloc_request *request)
{
	struct coherent_object *object;
	struct iova_want want;
	const char *site;
	size_t bytes;
	int err;

	/* The order is part of the contract: arguments, then state, then resources. */
	err = whole_check_alloc(store, request, &bytes);
	if (err)
		return err;
	if (box->va)
		return refuse_box(store, request->site, box);
	err = check_store(store, request);
	if (err)
		return err;
	want = want_of(request, bytes, store->pages.page_bytes);
	site = site_copy(&store->sites, request->site);
	err = request->is_allowed ? 0 : backend_allocate(store->backend);
	object = err ? NULL : object_reuse(store, &want, bytes, site);
	if (!err && !object)
		err = object_with_pages(store, &want, bytes, site, &object);
	if (err) {
		warn_of_allocation(store, request, bytes, err);
		return err;
	}
	object->attrs = (uint8_t)request->attrs;
	/* The whole last page is cleared, because the device gets the whole page. */
	pages_clear(pages_va(&object->pages), want.bytes, request->next);
	if (is_in_place(store, request)) {
		err = put_in_place(object, request->permission);
		if (err)
			return err;
	}
	*box = (struct coherent_box){ object_va(object), request->count, object };
	watch_box(object, request->is_filled);
	return 0;
}

/* Ends memory that the device could reach. With @idle, nothing in flight names it. */
static void end_access(struct coherent_object *object, bool idle)
{
	const struct backend *backend = object->store->backend;
	/* The backend is asked also after the close, because only it knows when it is done. */
	int err = unmap_object(object, idle);

	/* An idle unmap needs more, and nothing has changed. So the memory waits for a fence. */
	if (idle && (err == -ENOMEM || err == -EBUSY)) {
		idle = false;
		err = unmap_object(object, false);
	}
	object->waits = !err && !backend->limits.unmap_is_fence &&
			!(idle && backend->idle_is_fence);
	watch_free(object, err && err != -ENODEV ? COHERENT_STATE_MEM : COHERENT_STATE_FREED);
	if (err && err != -ENODEV) {
		/* The device may still write to the pages, so no other object may get them. */
		object_leak(object);
	} else if (err) {
		object_destroy(object);
	} else if (object->waits) {
		object_defer(object, COHERENT_STATE_FREED);
	} else {
		object_retire(object);
	}
}

void whole_box_free(struct coherent_box *box)
{
	struct coherent_object *object = object_has_box(box) ? box->object : NULL;

	*box = (struct coherent_box){ .va = NULL };
	/* In a forked child the record is a stale copy, and the pages do not exist. */
	if (!object || !alive_is_ours(object->store->alive))
		return;
	/* No command names a new box, nor one that was reclaimed, as the driver said then. */
	if (object->in_place) {
		end_access(object, true);
		return;
	}
	watch_free(object, COHERENT_STATE_FREED);
	object_recycle(object);
}

/* --- Expose --- */

int whole_check_expose(struct object_store *store, const char *at,
		       const struct expose_request *request)
{
	if ((unsigned int)request->permission <= COHERENT_READ_ONLY)
		return 0;
	return refuse(store, -EINVAL, at, ".permission = %d is not of enum coherent_permission",
		      (int)request->permission);
}

static int make_reachable(const struct coherent_box *box, const struct expose_request *request)
{
	const coherent_addr_t address = { box->object->address.first };
	struct object_store *store = box->object->store;
	int err = check_open(store);

	if (!err && request->seal)
		err = refuse_result(store, box->object->site, ".seal",
				    request->seal(box->va, box->count, address, request->seal_arg));
	if (err)
		return err;
	if (!box->object->in_place)
		return map_box(box->object, request->permission);
	/* ORDER: pairs with the device's first access (expose.litmus). */
	coherent_wmb();
	return 0;
}

static void become_mem(const struct coherent_box *box, enum coherent_permission permission,
		       struct coherent_mem *mem)
{
	struct coherent_object *object = box->object;

	object_map_as(object, COHERENT_STATE_MEM, permission);
	*mem = (struct coherent_mem){
		.va = object->in_place ? box->va : set_va_of_mem(object),
		.count = box->count,
		.inverted_address = ~object->address.first,
		.object = object,
	};
	watch_expose(object);
}

static int check_permission(const struct coherent_object *object,
			    enum coherent_permission permission)
{
	if (!object->in_place || object->permission == permission)
		return 0;
	return refuse(
		object->store, -EINVAL, EXPOSE,
		".permission is not that of the box in place allocated at %s, which is mapped; "
		"coherent_zeroed(), coherent_from() and coherent_init() map with .permission",
		object->site);
}

/* Ends a box whose expose failed. A hardened device may have moved its memory. */
static __attribute__((noinline)) int end_box(struct coherent_box *box, int err)
{
	box->va = object_va(box->object);
	whole_box_free(box);
	return err;
}

int whole_expose(struct coherent_box *box, struct coherent_mem *mem,
		 const struct expose_request *request)
{
	struct coherent_box taken = *box;
	struct object_store *store;
	int err;

	/* The box is consumed whatever follows, because the seal may tell its address. */
	*box = (struct coherent_box){ .va = NULL };
	/* Neither an empty box nor garbage knows a device that a report could go to. */
	if (!object_has_box(&taken))
		return -EINVAL;
	store = taken.object->store;
	err = whole_check_expose(store, EXPOSE, request);
	if (!err)
		err = check_permission(taken.object, request->permission);
	if (!err && mem->object)
		err = refuse_mem(store, EXPOSE, mem);
	if (!err)
		err = make_reachable(&taken, request);
	if (err)
		return end_box(&taken, err);
	become_mem(&taken, request->permission, mem);
	return 0;
}

/* --- Reclaim --- */

/* Makes a record like the old one. It needs pages of its own where the unmap is not a fence. */
static int new_home(const struct coherent_object *old, bool fence, struct coherent_object **out)
{
	struct coherent_object *home;
	int err = object_new_home(old, &home);

	if (err)
		return err;
	if (!fence)
		err = backend_allocate(old->store->backend);
	if (!fence && !err)
		err = object_get_pages(home);
	if (err) {
		object_destroy(home);
		return err;
	}
	*out = home;
	return 0;
}

/* The device may still use the pages, so only their contents move. */
static void move_contents(struct coherent_object *old, struct coherent_object *home)
{
	coherent_bytes_out(pages_va(&old->pages), pages_va(&home->pages), object_bytes(old),
			   __ATOMIC_RELAXED);
	object_defer(old, COHERENT_STATE_RECLAIMED);
}

/* These errors of backend_ops.unmap say that nothing has changed. */
static bool mem_stays(int err)
{
	return err == -ENODEV || err == -ENOMEM || err == -EBUSY;
}

static int take_back(struct coherent_mem *mem, struct coherent_box *box, bool idle, bool fence)
{
	struct coherent_object *old = mem->object, *home;
	const size_t count = mem->count;
	int err;

	/* The new record comes first: after the unmap a lack of memory could not be undone. */
	err = new_home(old, fence, &home);
	if (err)
		return err;
	err = unmap_object(old, idle);
	if (mem_stays(err))
		goto drop_home;
	*mem = (struct coherent_mem){ .va = NULL };
	if (err) {
		err = -EIO;
		watch_free(old, COHERENT_STATE_MEM);
		object_leak(old);
		goto drop_home;
	}
	/* ORDER: pairs with the device's last write (reclaim.litmus). */
	coherent_rmb();
	old->waits = !fence;
	watch_reclaim(old, home);
	/* If nothing is in flight any more, the pages change hands. */
	if (old->waits)
		move_contents(old, home);
	else
		object_hand_over(old, home);
	*box = (struct coherent_box){ pages_va(&home->pages), count, home };
	return 0;

drop_home:
	object_destroy(home);
	return err;
}

/* A peer that is lost may come back, and its mems can be reclaimed with the promise meanwhile. */
static bool is_gone(struct backend *backend)
{
	return !backend->idle_is_fence && backend_is_lost(backend);
}

/* The device keeps its access, so the driver has to say that nothing in flight names the mem. */
static int take_back_in_place(struct coherent_mem *mem, struct coherent_box *box, bool idle)
{
	struct coherent_object *object = mem->object;

	if (!idle)
		return refuse(
			object->store, -EBUSY, RECLAIM,
			"the mem allocated at %s is in place, so the device can reach it until "
			"its commands end; then give .idle = true",
			object->site);
	/* ORDER: pairs with the device's last write (reclaim.litmus). */
	coherent_rmb();
	watch_reclaim(object, object);
	object_map_as(object, COHERENT_STATE_BOX, object->permission);
	*box = (struct coherent_box){ object_va(object), mem->count, object };
	*mem = (struct coherent_mem){ .va = NULL };
	return 0;
}

int whole_reclaim(struct coherent_mem *mem, struct coherent_box *box, bool idle)
{
	struct object_store *store;
	bool unmap_is_fence;
	int err;

	if (!object_has_mem(mem))
		return -EINVAL;
	store = mem->object->store;
	unmap_is_fence = store->backend->limits.unmap_is_fence;
	err = check_open(store);
	if (err)
		return err;
	if (mem->object->in_place)
		return take_back_in_place(mem, box, idle);
	if (!idle && !unmap_is_fence && is_gone(store->backend))
		return -ENODEV;
	if (!idle && !unmap_is_fence)
		return refuse(
			store, -EBUSY, RECLAIM,
			"unmapping the mem allocated at %s does not end the commands that use it; "
			"end them, then give .idle = true",
			mem->object->site);
	return take_back(mem, box, idle, unmap_is_fence || (idle && store->backend->idle_is_fence));
}

/* --- Free --- */

void whole_free(struct coherent_mem *mem)
{
	struct coherent_object *object = object_has_mem(mem) ? mem->object : NULL;

	*mem = (struct coherent_mem){ .va = NULL };
	if (!object || !alive_is_ours(object->store->alive))
		return;
	end_access(object, false);
}
