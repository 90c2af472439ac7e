// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * An output that is not empty is either in use or was never initialised. Then it holds garbage,
 * such as an old pointer from the stack. So the functions here compare its pointer with the records
 * of the device, and never follow it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/size.h"
#include "memory/pool_slots.h"
#include "memory/refuse.h"

/* In a forked child the locks and the report function are the parent's. */
static bool is_silent(const struct object_store *store)
{
	return !store || !alive_is_ours(store->alive);
}

int refuse(struct object_store *store, int err, const char *at, const char *format, ...)
{
	char reason[512];
	va_list args;

	if (is_silent(store))
		return err;
	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	report(store->reporter, COHERENT_ERROR, "%s: %s: %s", store->name, at, reason);
	return err;
}

int refuse_level(struct object_store *store, const char *at, enum coherent_level least)
{
	static const char *const names[] = {
		[COHERENT_NONE] = "COHERENT_NONE",
		[COHERENT_HIDDEN] = "COHERENT_HIDDEN",
		[COHERENT_PEER] = "COHERENT_PEER",
		[COHERENT_IOMMU] = "COHERENT_IOMMU",
	};

	return refuse(store, -EOPNOTSUPP, at,
		      "the device gives %s, but .level asks for %s; ask for a lower level",
		      names[store->backend->level], names[least]);
}

int refuse_in_place(struct object_store *store, const char *at)
{
	return refuse(store, -EOPNOTSUPP, at,
		      "with .in_place the device reaches the boxes, and only their addresses are "
		      "hidden, but .level asks for more; leave out one of the two");
}

int refuse_in_flight(struct object_store *store, const char *at, const char *site,
		     const char *where)
{
	struct backend *backend = store->backend;

	if (is_silent(store))
		return -EBUSY;
	/* The promise costs nothing then, but there are no commands to end. */
	if (backend->idle_when_lost && backend_is_lost(backend))
		return refuse(store, -EBUSY, at,
			      "the device is gone, so no command uses the mem allocated at %s any "
			      "more; give .idle = true",
			      site);
	if (where)
		return refuse(store, -EBUSY, at,
			      "the mem allocated at %s is %s, so the device can reach it until its "
			      "commands end; then give .idle = true",
			      site, where);
	return refuse(store, -EBUSY, at,
		      "unmapping the mem allocated at %s does not end the commands that use it; "
		      "end them, then give .idle = true",
		      site);
}

int refuse_result(struct object_store *store, const char *at, const char *callback, int result)
{
	if (result <= 0)
		return result;
	return refuse(store, -EINVAL, at, "%s returned %d; it must return 0 or -errno", callback,
		      result);
}

/* --- Outputs that are not empty --- */

static bool has_slot(const struct chunk *chunk, const void *named)
{
	const uintptr_t offset = (uintptr_t)named - (uintptr_t)chunk->slots;

	return offset < chunk->count * sizeof(*chunk->slots) && offset % sizeof(*chunk->slots) == 0;
}

/* Returns the record or the slot of the device that an object names; NULL if it names none. */
static struct coherent_object *find_locked(const struct object_store *store,
					   struct coherent_object *named) NEEDS_LOCK(store->lock)
{
	for (const struct object_block *block = store->blocks; block; block = block->next)
		for (size_t i = 0; i < ARRAY_SIZE(block->records); i++) {
			const struct coherent_object *record = &block->records[i];

			if (record == named || (record->chunk && has_slot(record->chunk, named)))
				return named;
		}
	return NULL;
}

static bool is_box(struct coherent_object *object, const struct coherent_box *box)
{
	const struct slot *slot = slot_of(object);

	if (object_is_slot(object))
		return slot_state(slot) == COHERENT_STATE_BOX &&
		       box->va == slot->chunk->boxes + slot->offset;
	return object->state == COHERENT_STATE_BOX && box->va == object_va(object);
}

static bool is_mem(struct coherent_object *object, const struct coherent_mem *mem)
{
	const unsigned int state = object_is_slot(object) ? slot_state(slot_of(object)) :
							    object->state;

	return state == COHERENT_STATE_MEM && mem->inverted_address == ~object_address(object);
}

static int refuse_output(struct object_store *store, const char *at, const char *what,
			 const char *auto_macro, const char *site)
{
	if (site)
		return refuse(store, -EBUSY, at,
			      "the %s is in use and was allocated at %s; end it first, or give "
			      "another one",
			      what, site);
	return refuse(store, -EBUSY, at,
		      "the %s was never initialised: declare it with COHERENT_EMPTY or %s(); if it "
		      "is in use with another device, give another one",
		      what, auto_macro);
}

int refuse_box(struct object_store *store, const char *at, const struct coherent_box *box)
{
	struct coherent_object *object;
	const char *site = NULL;

	if (is_silent(store))
		return -EBUSY;
	lock_take(&store->lock);
	object = find_locked(store, box->object);
	if (object && is_box(object, box))
		site = object_site(object);
	lock_drop(&store->lock);
	return refuse_output(store, at, "box", "COHERENT_BOX_AUTO", site);
}

static const char *site_of_mem(struct object_store *store, const struct coherent_mem *mem)
{
	struct coherent_object *object;
	const char *site = NULL;

	lock_take(&store->lock);
	object = find_locked(store, mem->object);
	if (object && is_mem(object, mem))
		site = object_site(object);
	lock_drop(&store->lock);
	return site;
}

int refuse_mem(struct object_store *store, const char *at, const struct coherent_mem *mem)
{
	if (is_silent(store))
		return -EBUSY;
	return refuse_output(store, at, "mem", "COHERENT_AUTO", site_of_mem(store, mem));
}

int refuse_handle(struct object_store *store, const char *at, const struct coherent_mem *handle)
{
	if (is_silent(store))
		return -EBUSY;
	return refuse_output(store, at, "handle", "COHERENT_HANDLE_AUTO",
			     site_of_mem(store, handle));
}

int refuse_loan(struct object_store *store, const char *at, const struct coherent_mem *loan)
{
	if (is_silent(store))
		return -EBUSY;
	return refuse_output(store, at, "loan", "COHERENT_LOAN_AUTO", site_of_mem(store, loan));
}

int refuse_twin(struct object_store *store, const char *at, struct object_store *other,
		const struct coherent_mem *twin)
{
	if (is_silent(store))
		return -EBUSY;
	return refuse_output(store, at, "twin", "COHERENT_TWIN_AUTO", site_of_mem(other, twin));
}

int refuse_pool(struct object_store *store, const char *at, const struct coherent_slots *pool)
{
	const struct coherent_slots *known;
	const char *site = NULL;

	if (is_silent(store))
		return -EBUSY;
	lock_take(&store->lock);
	LIST_FOREACH(known, &store->pools, link)
		if (known == pool)
			site = known->site;
	lock_drop(&store->lock);
	return refuse_output(store, at, "pool", "COHERENT_POOL_AUTO", site);
}
