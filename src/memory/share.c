// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The call that lets a second device reach a mem. twin.c has what becomes of the memory.
 */
#include <coherent/share.h>
#include <errno.h>
#include <inttypes.h>

#include "device/device.h"
#include "memory/adoption.h"
#include "memory/mapping.h"
#include "memory/object_memory.h"
#include "memory/options.h"
#include "memory/pool.h"
#include "memory/refuse.h"
#include "memory/twin.h"
#include "memory/watch.h"

#define SHARE "coherent_share()"

static int refuse_place(struct object_store *store, const struct object_store *which)
{
	return refuse(store, -EOPNOTSUPP, SHARE,
		      "%s does not use memory in its place, so it cannot share pages; use sim:, "
		      "vfio-user:, or vfio: or iommufd: with an IOMMU",
		      which->name);
}

static int check_arguments(struct object_store *store, struct object_store *other,
			   const struct coherent_mem *mem,
			   const struct coherent_share_options *options)
{
	if ((unsigned int)options->permission > COHERENT_READ_ONLY)
		return refuse(store, -EINVAL, SHARE,
			      ".permission = %d is not of enum coherent_permission",
			      (int)options->permission);
	if (other == store)
		return refuse(store, -EINVAL, SHARE,
			      "the mem allocated at %s belongs to this device; name another one",
			      object_site(mem->object));
	if (!object_is_slot(mem->object) && mem->object->is_twin)
		return refuse(store, -EINVAL, SHARE, "the mem is a twin; share the mem itself");
	return 0;
}

/* The other device may have adopted the memory itself. Then one page would have two owners. */
static int check_pages(struct object_store *store, struct object_store *other,
		       const struct coherent_object *mem)
{
	const struct iovec pages = { pages_va(&mem->pages), object_bytes(mem) };
	const struct coherent_object *owner;
	const char *site = NULL;

	lock_take(&other->lock);
	owner = adoption_owner_locked(other, &pages);
	if (owner && !twin_is_of(mem, owner))
		site = owner->site;
	lock_drop(&other->lock);
	if (!site)
		return 0;
	return refuse(store, -EBUSY, SHARE,
		      "the object of %s allocated at %s has a page of the mem allocated at %s; end "
		      "that object first",
		      other->name, site, mem->site);
}

static int check_state(struct object_store *store, struct object_store *other,
		       const struct coherent_mem *mem, const struct coherent_mem *twin)
{
	if (twin->object)
		return refuse_twin(store, SHARE, other, twin);
	if (!alive_is_open(store->alive) || !alive_is_open(other->alive))
		return -ENODEV;
	if (object_is_slot(mem->object))
		return refuse(store, -EOPNOTSUPP, SHARE,
			      "the mem allocated at %s is of a pool, and other objects of the pool "
			      "are in its pages; allocate it with coherent_zeroed()",
			      object_site(mem->object));
	if (mem->object->adoption && mem->object->adoption->is_scattered)
		return refuse(store, -EOPNOTSUPP, SHARE,
			      "the memory adopted at %s is in pieces; share memory in one piece",
			      mem->object->site);
	/* The driver would get the memory back with an old copy, while the other device writes to it. */
	if (adoption_is_copy(mem->object))
		return refuse(
			store, -EOPNOTSUPP, SHARE,
			"the mem adopted at %s is a copy of the driver's memory; share memory "
			"from coherent_zeroed(), or use a device that adopts in place",
			mem->object->site);
	if (!backend_uses_pages_in_place(store->backend))
		return refuse_place(store, store);
	if (!backend_uses_pages_in_place(other->backend))
		return refuse_place(store, other);
	return check_pages(store, other, mem->object);
}

static int new_record(struct coherent_object *mem, struct object_store *other,
		      const struct iova_want *want, const char *site, struct coherent_object **out)
{
	int err = object_new_twin(mem, other, want, site, out);

	if (err)
		return err;
	err = twin_begin(mem, *out);
	if (err)
		object_destroy(*out);
	return err;
}

/* Pools of the other device give way before an address leaves the quarantine. */
static int begin(struct coherent_object *mem, struct object_store *other, struct iova_want *want,
		 const char *site, struct coherent_object **out)
{
	int err;

	want->is_modest = true;
	err = new_record(mem, other, want, site, out);
	want->is_modest = false;
	if (err && (object_pools_give_way(other, want, err) || err == -ENOSPC))
		err = new_record(mem, other, want, site, out);
	return err;
}

/* Names the object of the other device that has the address of the mem, or had it. */
static void report_taken(struct object_store *other, const struct iova_want *want, const char *site)
{
	const struct coherent_object *object;
	const char *taken_at = "";

	lock_take(&other->lock);
	object = object_in_the_way_locked(other, want);
	if (object)
		taken_at = object->site;
	lock_drop(&other->lock);
	(void)refuse(other, -EBUSY, site,
		     "the address 0x%" PRIx64
		     " of the mem, or one of its pages, is that of the object "
		     "allocated at %s, which has it or waits in quarantine; share without "
		     ".same_address",
		     want->address, taken_at);
}

static void report_used_up(struct object_store *other, const struct coherent_object *mem,
			   const struct iova_want *want, int err, const char *site)
{
	if (err == -ENOSPC && want->address)
		report(other->reporter, COHERENT_WARNING,
		       "%s: this device cannot use the address 0x%" PRIx64
		       " of the mem allocated at %s; share without .same_address; the call is at %s",
		       other->name, want->address, mem->site, site);
	else
		report(other->reporter, COHERENT_WARNING,
		       "%s: no %s is left to share %zu bytes allocated at %s; the call is at %s",
		       other->name, err == -ENOSPC ? "device address" : "memory", object_bytes(mem),
		       mem->site, site);
}

static int share(struct coherent_mem *mem, struct object_store *other, struct coherent_mem *twin,
		 const struct coherent_share_options *options, const char *site)
{
	const enum coherent_permission permission = options->permission;
	const char *copy = site_copy(&other->sites, site);
	struct iova_want want = object_want(mem->object);
	struct coherent_object *object;
	int err;

	want.address = options->same_address ? mem->object->address.first : 0;
	err = begin(mem->object, other, &want, copy, &object);
	if (err == -EBUSY)
		report_taken(other, &want, site);
	else if (err)
		report_used_up(other, mem->object, &want, err, site);
	if (err)
		return err;

	err = mapping_map(object, permission);
	if (err) {
		object_destroy(object);
		return err;
	}
	object_map_as(object, COHERENT_STATE_MEM, permission);
	*twin = (struct coherent_mem){
		.va = mem->va,
		.count = mem->count,
		.inverted_address = ~object->address.first,
		.object = object,
	};
	watch_expose(object);
	return 0;
}

/* The store of a mem that is what it seems, or NULL. */
static struct object_store *store_of(const struct coherent_mem *mem)
{
	const bool is_known = mem->object && (object_is_slot(mem->object) || object_has_mem(mem));

	return is_known ? object_store(mem->object) : NULL;
}

int coherent_base_share(struct coherent_mem *mem, struct coherent_device *dev,
			const struct coherent_share_options *options, const char *site)
{
	struct object_store *store = store_of(mem);
	struct object_store *other = dev ? &dev->store : NULL;
	struct coherent_share_options copy;
	int err;

	options = options_known(options, &copy, &options_of_share, store, SHARE, &err);
	if (err)
		return err;
	/* Neither an empty mem nor garbage knows a device that a report could go to. */
	if (!store)
		return object_unknown(mem->object);
	if (!other)
		return -ENODEV;
	err = check_arguments(store, other, mem, options);
	if (!err)
		err = check_state(store, other, mem, options->twin);
	return err ? err : share(mem, other, options->twin, options, site);
}
