// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Records of objects, and how their addresses and pages come to an end.
 *
 * INVARIANT: pages go back to the pool only when no device can reach them, and
 * addresses only when nothing in flight can name them. A failed unmap ends
 * both for good: the record is leaked.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "object.h"
#include "sys.h"

/* Quarantine gives way before there is no address left. */
static int reserve_locked(struct coherent_device *dev, const struct iova_want *want,
			  struct iova_range *range) NEEDS_LOCK(dev->lock)
{
	struct iova_range *evicted;
	int err;

	while ((err = iova_reserve(&dev->space, want, range)) == -ENOSPC) {
		evicted = iova_evict(&dev->space);
		if (!evicted)
			return err;
		free(object_of(evicted));
	}
	dev->objects++;
	return 0;
}

static uint8_t shift_of(uint64_t power_of_two)
{
	return power_of_two ? (uint8_t)__builtin_ctzll(power_of_two) : 0;
}

int object_new(struct coherent_device *dev, const struct iova_want *want, const char *where,
	       struct coherent_object **out)
{
	struct coherent_object *object = calloc(1, sizeof(*object));
	int err;

	if (!object)
		return -ENOMEM;
	object->dev = dev;
	object->where = where;
	object->align_shift = shift_of(want->align);
	object->boundary_shift = shift_of(want->boundary);
	object->state = COHERENT_STATE_BOX;
	lock_take(&dev->lock);
	err = reserve_locked(dev, want, &object->address);
	lock_drop(&dev->lock);
	if (err) {
		free(object);
		return err;
	}
	device_hold(dev);
	*out = object;
	return 0;
}

static void release_locked(struct coherent_device *dev, struct coherent_object *object)
	NEEDS_LOCK(dev->lock)
{
	iova_release(&dev->space, &object->address);
	dev->objects--;
	free(object);
}

void object_drop(struct coherent_object *object)
{
	struct coherent_device *dev = object->dev;

	lock_take(&dev->lock);
	release_locked(dev, object);
	lock_drop(&dev->lock);
	device_put(dev);
}

static void retire_locked(struct coherent_device *dev, struct coherent_object *object)
	NEEDS_LOCK(dev->lock)
{
	struct iova_range *expired;

	iova_retire(&dev->space, &object->address);
	dev->objects--;
	while ((expired = iova_expired(&dev->space)))
		free(object_of(expired));
}

void object_retire(struct coherent_object *object, enum coherent_state state)
{
	struct coherent_device *dev = object->dev;

	lock_take(&dev->lock);
	object->state = state;
	object->since_ns = sys_now_ns();
	retire_locked(dev, object);
	lock_drop(&dev->lock);
	device_put(dev);
}

void object_wait(struct coherent_object *object, enum coherent_state state)
{
	struct coherent_device *dev = object->dev;

	lock_take(&dev->lock);
	object->state = state;
	object->since_ns = sys_now_ns();
	STAILQ_INSERT_TAIL(&dev->waiting, &object->address, retired);
	lock_drop(&dev->lock);
	device_put(dev);
}

void object_leak(struct coherent_object *object)
{
	struct coherent_device *dev = object->dev;
	const uint64_t address = object->address.first;
	const size_t bytes = object_bytes(object);

	lock_take(&dev->lock);
	object->leaked = true;
	lock_drop(&dev->lock);
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: could not unmap; the device may still reach %zu bytes at 0x%" PRIx64
	       " allocated at %s, they are leaked",
	       dev->name, bytes, address, object->where);
	device_put(dev);
}

void object_release_waiting(struct coherent_device *dev, struct waiting *waiting)
{
	struct iova_range *range, *next;

	for (range = STAILQ_FIRST(waiting); range; range = next) {
		next = STAILQ_NEXT(range, retired);
		object_put_pages(object_of(range));
		lock_take(&dev->lock);
		if (dev->backend->addresses_linger)
			retire_locked(dev, object_of(range));
		else
			release_locked(dev, object_of(range));
		lock_drop(&dev->lock);
	}
}

void object_release_rest(struct coherent_device *dev)
{
	struct iova_range *range;
	uint64_t address = 0;

	object_release_waiting(dev, &dev->waiting);
	while ((range = iova_evict(&dev->space)))
		free(object_of(range));
	while ((range = iova_from(&dev->space, address))) {
		address = range->last;
		if (range->hole && address == UINT64_MAX)
			break;
		if (range->hole)
			continue;
		/* Leaked, and the backend is disconnected by now. */
		object_put_pages(object_of(range));
		iova_release(&dev->space, range);
		free(object_of(range));
	}
}

void object_set_chunk(struct coherent_object *object, struct chunk *chunk)
{
	lock_take(&object->dev->lock);
	object->chunk = chunk;
	lock_drop(&object->dev->lock);
}

int object_get_pages(struct coherent_object *object)
{
	struct backend *backend = object->dev->backend;

	if (!backend->ops->memory)
		return pages_get(&object->dev->pages, object_bytes(object), &object->pages);
	object->pages.first = (uintptr_t)backend->ops->memory(backend, object->address.first);
	object->pages.last = object->pages.first + object_bytes(object) - 1;
	return 0;
}

void object_put_pages(struct coherent_object *object)
{
	if (!object->dev->backend->ops->memory)
		pages_put(&object->dev->pages, &object->pages);
}

struct iova_want object_want(const struct coherent_object *object)
{
	return (struct iova_want){
		.bytes = object_bytes(object),
		.align = UINT64_C(1) << object->align_shift,
		.boundary = object->boundary_shift ? UINT64_C(1) << object->boundary_shift : 0,
	};
}

int object_map(const struct coherent_object *object, enum coherent_may may)
{
	struct backend *backend = object->dev->backend;
	const struct backend_mapping mapping = {
		.address = object->address.first,
		.va = pages_va(&object->pages),
		.bytes = object_bytes(object),
		.may = may,
	};

	return backend->ops->map(backend, &mapping);
}

int object_unmap(const struct coherent_object *object, bool idle)
{
	struct backend *backend = object->dev->backend;
	const struct backend_mapping mapping = {
		.address = object->address.first,
		.va = pages_va(&object->pages),
		.bytes = object_bytes(object),
		.may = object->may,
	};

	return backend->ops->unmap(backend, &mapping, idle);
}
