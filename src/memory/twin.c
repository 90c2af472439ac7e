// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "memory/adoption.h"
#include "memory/object_memory.h"
#include "memory/refuse.h"
#include "memory/twin.h"

/**
 * struct shared - The memory of a mem and its twins.
 * @lock: Guards the rest. It is taken inside a store lock.
 * @store: The store of the mem. Each twin holds its device. Never changes.
 * @twins: The twins that have not ended.
 * @has_mem: The mem has not ended, so the pages are the mem's.
 * @pages: The pages, if @has_mem is false. Nothing if they are the driver's.
 * @adoption: The memory of the driver, if it is that. NULL while @has_mem.
 */
struct shared {
	struct lock lock;
	struct object_store *store;
	LIST_HEAD(, twin) twins;
	bool has_mem;
	struct iova_range pages;
	struct adoption *adoption;
};

/**
 * struct twin - A twin, as the mem knows it.
 * @link: In the list of @shared.
 * @object: The record of the twin; NULL once that has ended.
 * @shared: The memory. Never changes, as the next three.
 * @name: The name of its device.
 * @site: File and line of the call that shared the mem.
 * @address: Its device address.
 * @busy: It was freed, but waits for this; NULL otherwise.
 */
struct twin {
	LIST_ENTRY(twin) link;
	struct coherent_object *object;
	struct shared *shared;
	const char *name;
	const char *site;
	uint64_t address;
	const char *busy;
};

/* --- Begin --- */

/* One thread has the mem, so none makes a struct shared for it at the same time. */
static struct shared *get_shared(struct coherent_object *mem)
{
	struct shared *shared = mem->shared;

	if (shared)
		return shared;
	shared = calloc(1, sizeof(*shared));
	if (!shared)
		return NULL;
	lock_init(&shared->lock);
	LIST_INIT(&shared->twins);
	shared->store = mem->store;
	shared->has_mem = true;
	mem->shared = shared;
	return shared;
}

static void free_shared(struct shared *shared)
{
	lock_destroy(&shared->lock);
	free(shared);
}

/* Lookups of the pages find this twin, and no other one of its device. */
static void own_pages(struct coherent_object *object)
{
	page_owner_set(&object->store->owners, pages_va(&object->pages), object_bytes(object),
		       object);
}

/* If the twin fails, the mem keeps what it can share, and frees it when it ends. */
int twin_begin(struct coherent_object *mem, struct coherent_object *object)
{
	struct shared *shared = get_shared(mem);
	struct twin *twin = shared ? calloc(1, sizeof(*twin)) : NULL;

	if (!twin)
		return -ENOMEM;
	*twin = (struct twin){
		.object = object,
		.shared = shared,
		.name = object->store->name,
		.site = object->site,
		.address = object->address.first,
	};
	object->twin = twin;
	ref_hold(shared->store->device);
	lock_take(&shared->lock);
	LIST_INSERT_HEAD(&shared->twins, twin, link);
	own_pages(object);
	lock_drop(&shared->lock);
	return 0;
}

/* --- While there are twins --- */

/* Describes the twin behind the last one that was described. Returns whether there is one. */
static bool describe_next(struct shared *shared, unsigned int done, char *text, size_t size)
{
	const struct twin *twin;

	lock_take(&shared->lock);
	twin = LIST_FIRST(&shared->twins);
	while (twin && done--)
		twin = LIST_NEXT(twin, link);
	if (twin && twin->busy)
		snprintf(text, size, "the twin of %s that was shared at %s is freed, but %s",
			 twin->name, twin->site, twin->busy);
	else if (twin)
		snprintf(text, size,
			 "%s has a twin at 0x%" PRIx64 " that was shared at %s; free it first",
			 twin->name, twin->address, twin->site);
	lock_drop(&shared->lock);
	return twin;
}

/* Reports are not made under the lock, so one twin is described at a time. */
static int report_twins(struct coherent_object *mem, const char *at)
{
	char text[384];
	unsigned int count;

	for (count = 0; describe_next(mem->shared, count, text, sizeof(text)); count++)
		(void)refuse(mem->store, -EBUSY, at, "the mem allocated at %s is shared: %s",
			     mem->site, text);
	return count ? -EBUSY : 0;
}

static bool has_twins(struct shared *shared)
{
	bool has_some;

	lock_take(&shared->lock);
	has_some = !LIST_EMPTY(&shared->twins);
	lock_drop(&shared->lock);
	return has_some;
}

int twin_refuse_reclaim(struct coherent_object *mem, const char *at)
{
	/* A thread may end the last twin meanwhile. Then nothing is left to report. */
	if (has_twins(mem->shared) && report_twins(mem, at))
		return -EBUSY;
	free_shared(mem->shared);
	mem->shared = NULL;
	return 0;
}

bool twin_is_of(const struct coherent_object *mem, const struct coherent_object *object)
{
	const struct twin *twin = NULL;

	if (!mem->shared)
		return false;
	lock_take(&mem->shared->lock);
	LIST_FOREACH(twin, &mem->shared->twins, link)
		if (twin->object == object)
			break;
	lock_drop(&mem->shared->lock);
	return twin;
}

/* --- The end of a twin --- */

/* A device may have several twins of a mem. The pages pass to one that is not freed, if there is one. */
static void pass_pages_locked(const struct twin *ended) NEEDS_LOCK(ended->shared->lock)
{
	struct twin *twin, *heir = NULL;

	LIST_FOREACH(twin, &ended->shared->twins, link)
		if (twin != ended && twin->object && twin->object->store == ended->object->store &&
		    (!heir || heir->busy))
			heir = twin;
	if (heir)
		own_pages(heir->object);
}

void twin_set_busy(const struct coherent_object *object, const char *why)
{
	struct twin *twin = object->twin;

	if (!twin)
		return;
	lock_take(&twin->shared->lock);
	twin->busy = why;
	pass_pages_locked(twin);
	lock_drop(&twin->shared->lock);
}

static void leave_twin(struct twin *twin)
{
	lock_take(&twin->shared->lock);
	pass_pages_locked(twin);
	twin->object = NULL;
	lock_drop(&twin->shared->lock);
}

/* --- The end of the mem, and of the memory --- */

static void leave_pages_locked(struct object_store *store, struct coherent_object *mem,
			       struct shared *shared) NEEDS_LOCK(store->lock)
{
	if (adoption_is_in_place(mem)) {
		shared->adoption = mem->adoption;
		mem->adoption = NULL;
	} else {
		pages_move(&store->pages, &mem->pages, &shared->pages);
	}
	object_seq_write_begin(mem);
	mem->pages.first = mem->pages.last = 0;
	object_seq_write_end(mem);
	shared->has_mem = false;
}

static void leave_mem(struct coherent_object *mem)
{
	struct object_store *store = mem->store;
	struct shared *shared = mem->shared;
	bool has_some;

	lock_take(&store->lock);
	lock_take(&shared->lock);
	has_some = !LIST_EMPTY(&shared->twins);
	if (has_some)
		leave_pages_locked(store, mem, shared);
	lock_drop(&shared->lock);
	mem->shared = NULL;
	lock_drop(&store->lock);
	if (!has_some)
		free_shared(shared);
}

struct twin *twin_leave(struct coherent_object *object)
{
	struct twin *twin = object->twin;

	if (object->shared)
		leave_mem(object);
	object->twin = NULL;
	if (twin)
		leave_twin(twin);
	return twin;
}

static void give_back(struct shared *shared)
{
	struct object_store *store = shared->store;

	if (shared->pages.first)
		object_put_memory(store, &shared->pages);
	adoption_end(shared->adoption);
	free_shared(shared);
}

void twin_end(struct twin *twin)
{
	struct shared *shared;
	struct ref *device;
	bool is_last;

	if (!twin)
		return;
	shared = twin->shared;
	device = shared->store->device;
	lock_take(&shared->lock);
	LIST_REMOVE(twin, link);
	is_last = LIST_EMPTY(&shared->twins) && !shared->has_mem;
	lock_drop(&shared->lock);
	free(twin);
	if (is_last)
		give_back(shared);
	ref_put(device);
}
