// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Maps the memory of whole objects for the device, and unmaps it.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "memory/adoption.h"
#include "memory/mapping.h"
#include "memory/object_memory.h"
#include "memory/refuse.h"
#include "memory/watch.h"

/* --- One mapping, or one for each piece --- */

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

static bool is_scattered(const struct coherent_object *object)
{
	return object->adoption && object->adoption->is_scattered;
}

/* Gets the next mapping of memory that is in pieces. */
static void next_piece(struct backend_mapping *mapping, const struct iovec *piece)
{
	mapping->address += mapping->bytes;
	mapping->va = piece->iov_base;
	mapping->bytes = piece->iov_len;
}

/* Unmaps the first pieces. Returns the worst error: the device may reach all, if it reaches one. */
static int unmap_pieces(const struct coherent_object *object, size_t count, bool idle)
{
	struct backend *backend = object->store->backend;
	struct backend_mapping mapping = { .address = object->address.first,
					   .permission = object->permission };
	int worst = 0;

	for (size_t i = 0; i < count; i++) {
		int err;

		next_piece(&mapping, &object->adoption->pieces[i]);
		err = backend->ops->unmap(backend, &mapping, idle);
		worst = err == -EIO || !worst ? err : worst;
	}
	return worst;
}

/* The device may reach the first pieces, so the driver gets them back when the device is closed. */
static void leak_pieces(struct coherent_object *object, enum coherent_permission permission)
{
	object->adoption->driver_keeps = false;
	object_map_as(object, COHERENT_STATE_MEM, permission);
	watch_free(object, COHERENT_STATE_MEM);
	object_leak(object);
}

static int map_pieces(struct coherent_object *object, enum coherent_permission permission)
{
	const struct adoption *adoption = object->adoption;
	struct backend *backend = object->store->backend;
	struct backend_mapping mapping = { .address = object->address.first,
					   .permission = permission };

	for (size_t i = 0; i < adoption->count; i++) {
		int err;

		next_piece(&mapping, &adoption->pieces[i]);
		err = backend->ops->map(backend, &mapping);
		if (!err)
			continue;
		/* The driver cannot tell what the device may reach, so the library keeps the memory. */
		object->adoption->driver_keeps = err != -EIO;
		if (unmap_pieces(object, i, true) != -EIO)
			return err;
		leak_pieces(object, permission);
		return -EIO;
	}
	return 0;
}

static int map_memory(struct coherent_object *object, enum coherent_permission permission)
{
	struct backend *backend = object->store->backend;
	struct backend_mapping mapping;

	if (is_scattered(object))
		return map_pieces(object, permission);
	mapping = mapping_of(object, permission);
	return backend->ops->map(backend, &mapping);
}

static bool is_used_up(int err)
{
	return object_is_used_up(err) || err == -EMFILE || err == -ENOBUFS;
}

/* Pools give up the mappings that they keep without need before the call fails. */
static int map_object(struct coherent_object *object, enum coherent_permission permission)
{
	int err;

	if (object->store->watch) {
		err = watch_map(object, permission);
		if (err)
			return err;
	}
	err = map_memory(object, permission);
	if (is_used_up(err) && object->store->give_way(object->store))
		err = map_memory(object, permission);
	if (err && object->store->watch && !object->leaked)
		watch_map_failed(object);
	/* The memory of the library can be pinned, so there is another reason. */
	return err == -EFAULT && !object->adoption ? -EIO : err;
}

int mapping_unmap(const struct coherent_object *object, bool idle)
{
	struct backend *backend = object->store->backend;
	struct backend_mapping mapping;

	if (is_scattered(object))
		return unmap_pieces(object, object->adoption->count, idle);
	mapping = mapping_of(object, object->permission);
	return backend->ops->unmap(backend, &mapping, idle);
}

void mapping_report_failed(const struct object_store *store, size_t bytes, const char *site,
			   int err)
{
	report(store->reporter, COHERENT_WARNING,
	       "%s: %zu bytes allocated at %s could not be mapped%s%s", store->name, bytes, site,
	       err == -ENOBUFS ? "" : ": ", err == -ENOBUFS ? "" : strerror(-err));
}

static void warn_of_mapping(const struct coherent_object *object, int err)
{
	struct object_store *store = object->store;
	struct backend *backend = store->backend;

	if (err == -EOPNOTSUPP)
		(void)refuse(store, err, object->site,
			     "the device cannot be kept from writing to what it reads, so "
			     ".permission = COHERENT_READ_ONLY is not supported");
	/* A backend that is busy has said with what. */
	if (object->attrs & COHERENT_ATTR_NO_WARN || err == -ENODEV || err == -EOPNOTSUPP ||
	    err == -EBUSY)
		return;
	if (is_used_up(err) && backend->ops->explain)
		backend->ops->explain(backend, object_bytes(object), err);
	if (err == -ENOSPC)
		report(store->reporter, COHERENT_WARNING,
		       "%s: all %zu mappings are in use, so none is left for %zu bytes allocated at %s",
		       store->name, backend->limits.mappings, object_bytes(object), object->site);
	else if (err == -EMFILE)
		report(store->reporter, COHERENT_WARNING,
		       "%s: no descriptor is left for %zu bytes allocated at %s, because each exposed "
		       "object needs one; raise ulimit -n",
		       store->name, object_bytes(object), object->site);
	else
		mapping_report_failed(store, object_bytes(object), object->site, err);
}

/* Lets the device reach the memory of a box. All that the CPU wrote to it is there by then. */
int mapping_map(struct coherent_object *object, enum coherent_permission permission)
{
	int err = object->adoption ? adoption_prepare(object, permission) : 0;

	/* ORDER: pairs with the device's first access (expose.litmus). */
	coherent_wmb();
	if (!err)
		err = map_object(object, permission);
	if (err == -EFAULT)
		return adoption_refuse(object->store, object->site, object->adoption);
	if (err && !object->leaked)
		warn_of_mapping(object, err);
	return err == -EMFILE || err == -ENOBUFS ? -ENOSPC : err;
}

void *mapping_set_va(struct coherent_object *object)
{
	struct backend *backend = object->store->backend;
	void *va;

	va = backend->ops->cpu_view ? backend->ops->cpu_view(backend, object->address.first) :
				      pages_va(&object->pages);
	if (va != object_va(object))
		object_set_va(object, va);
	return va;
}
