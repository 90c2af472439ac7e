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
#include "memory/adoption.h"
#include "memory/mapping.h"
#include "memory/object_memory.h"
#include "memory/object_store.h"
#include "memory/refuse.h"
#include "memory/twin.h"
#include "memory/watch.h"
#include "memory/whole.h"

#define EXPOSE "coherent_expose()"
#define RECLAIM "coherent_reclaim()"

static int check_open(const struct object_store *store)
{
	return store && alive_is_open(store->alive) ? 0 : -ENODEV;
}

/* --- Boxes --- */

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

static int object_with_pages(struct object_store *store, struct iova_want *want, size_t bytes,
			     const char *site, struct adoption *adoption,
			     struct coherent_object **out)
{
	const bool is_modest = want->is_modest;
	int err;

	want->is_modest = true;
	err = object_new(store, want, bytes, site, adoption, out);
	want->is_modest = is_modest;
	/* Pools give way before an address leaves the quarantine, and before the call fails. */
	if (err && !is_modest && (object_pools_give_way(store, want, err) || err == -ENOSPC))
		err = object_new(store, want, bytes, site, adoption, out);
	report_missed(store);
	return err;
}

/* Where nothing keeps the device away, only the address is hidden anyway. */
static bool is_in_place(const struct object_store *store, const struct alloc_request *request)
{
	return request->in_place && store->backend->level > COHERENT_HIDDEN;
}

static int put_in_place(struct coherent_object *object, enum coherent_permission permission)
{
	int err = mapping_map(object, permission);

	if (err) {
		object_recycle(object);
		return err;
	}
	object_map_as(object, COHERENT_STATE_BOX, permission);
	(void)mapping_set_va(object);
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
	err = request_check(store, request, &bytes);
	if (err)
		return err;
	if (box->va)
		return refuse_box(store, request->site, box);
	err = request_check_store(store, request, bytes);
	if (err)
		return err;
	request_want(request, bytes, store->pages.page_bytes, &want);
	site = site_copy(&store->sites, request->site);
	err = request->is_allowed ? 0 : backend_allocate(store->backend);
	object = err || request->adoption ? NULL : object_reuse(store, &want, bytes, site);
	if (!err && !object)
		err = object_with_pages(store, &want, bytes, site, request->adoption, &object);
	if (err) {
		request_failed(store, request, bytes, err);
		return err;
	}
	object->attrs = (uint8_t)request->attrs;
	/* The whole last page is cleared, because the device gets the whole page. */
	if (!request->adoption)
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

/* Whether the pages of a mem may have another owner as soon as it is unmapped. */
static bool ends_in_flight(const struct backend *backend, bool idle)
{
	return !backend->leaves_decoys &&
	       (backend->limits.unmap_is_fence || (idle && backend->idle_is_fence));
}

/*
 * Ends memory that the device could reach. With @idle, nothing in flight names it. The contents go to
 * @to, unless that is NULL, when the device writes no more.
 */
static void end_access(struct coherent_object *object, bool idle, void *to)
{
	const struct backend *backend = object->store->backend;
	/* The backend is asked also after the close, because only it knows when it is done. */
	int err = mapping_unmap(object, idle);

	/* An idle unmap needs more, and nothing has changed. So the memory waits for a fence. */
	if (idle && (err == -ENOMEM || err == -EBUSY)) {
		idle = false;
		err = mapping_unmap(object, false);
	}
	if (to)
		coherent_bytes_out(object_va(object), to, object_element_bytes(object),
				   __ATOMIC_RELAXED);
	object->waits = !err && !ends_in_flight(backend, idle);
	if (object->adoption && (object->waits || (err && err != -ENODEV)))
		object_end_copy(object);
	/* The contents of a copy with .release go to the driver at the fence. */
	if (object->waits && backend->leaves_decoys && !object->adoption)
		object_leave_pages(object, NULL);
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
		end_access(object, true, NULL);
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
		return mapping_map(box->object, request->permission);
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
		.va = object->in_place ? box->va : mapping_set_va(object),
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
		return object_unknown(taken.object);
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
		err = object_get_home(home);
	if (err) {
		object_drop_home(home);
		return err;
	}
	*out = home;
	return 0;
}

/* The device may still use the pages, so only their contents move. */
static void move_contents(struct coherent_object *old, struct coherent_object *home)
{
	if (old->store->backend->leaves_decoys)
		object_leave_pages(old, home);
	else
		coherent_bytes_out(pages_va(&old->pages), pages_va(&home->pages), object_bytes(old),
				   __ATOMIC_RELAXED);
	if (old->adoption)
		object_move_adoption(old, home);
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
	err = mapping_unmap(old, idle);
	if (err)
		object_drop_home(home);
	if (mem_stays(err))
		return err;
	*mem = (struct coherent_mem){ .va = NULL };
	if (err) {
		watch_free(old, COHERENT_STATE_MEM);
		object_leak(old);
		return -EIO;
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
	if (home->adoption)
		adoption_come_home(home);
	*box = (struct coherent_box){ object_va(home), count, home };
	return 0;
}

/* Pools give way before the call fails. Until then nothing has changed. */
static int take_back_whole(struct coherent_mem *mem, struct coherent_box *box, bool idle)
{
	struct object_store *store = mem->object->store;
	const bool fence = ends_in_flight(store->backend, idle);
	int err = fence ? 0 : backend_allocate(store->backend);

	if (err)
		return err;
	err = take_back(mem, box, idle, fence);
	if (object_is_used_up(err) && store->give_way(store))
		err = take_back(mem, box, idle, fence);
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
		return refuse_in_flight(object->store, RECLAIM, object->site, "in place");
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
		return object_unknown(mem->object);
	store = mem->object->store;
	unmap_is_fence = store->backend->limits.unmap_is_fence;
	err = check_open(store);
	if (!err && mem->object->shared)
		err = twin_refuse_reclaim(mem->object, RECLAIM);
	if (err)
		return err;
	if (mem->object->in_place)
		return take_back_in_place(mem, box, idle);
	if (!idle && !unmap_is_fence && is_gone(store->backend))
		return -ENODEV;
	if (!idle && !unmap_is_fence)
		return refuse_in_flight(store, RECLAIM, mem->object->site, NULL);
	return take_back_whole(mem, box, idle);
}

/* --- Free --- */

static inline void end_mem(struct coherent_mem *mem, bool idle, void *to)
{
	struct coherent_object *object = object_has_mem(mem) ? mem->object : NULL;

	*mem = (struct coherent_mem){ .va = NULL };
	if (!object || !alive_is_ours(object->store->alive))
		return;
	end_access(object, idle, to);
}

void whole_free(struct coherent_mem *mem)
{
	end_mem(mem, false, NULL);
}

void whole_free_idle(struct coherent_mem *mem)
{
	end_mem(mem, true, NULL);
}

void whole_free_into(struct coherent_mem *mem, void *to)
{
	end_mem(mem, false, to);
}
