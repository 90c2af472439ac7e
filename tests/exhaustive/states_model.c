// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "states.h"

struct object objects[OBJECTS];
struct state state;

unsigned int live_objects(void)
{
	unsigned int live = state.has_chunk + state.leaked;

	for (unsigned int i = 0; i < OBJECTS; i++)
		live += (objects[i].box_kind == WHOLE) + (objects[i].mem_kind == WHOLE);
	return live;
}

static bool has_room(void)
{
	return live_objects() + state.waiting < state.room;
}

/* Counts a mapping. Returns what the backend says. */
static int model_map(void)
{
	const struct world *world = state.world;

	if (world->maps && state.mapped == world->maps)
		return -ENOSPC;
	if (++state.maps == world->failing_map)
		return -EIO;
	state.mapped++;
	return 0;
}

/* Counts an unmapping. Returns false if it fails, and then the object is leaked. */
static bool model_unmap(uint64_t address)
{
	if (++state.unmaps == state.world->failing_unmap) {
		state.leaked++;
		return false;
	}
	state.mapped--;
	if (state.world->lazy && state.open)
		state.waiting_at[state.waiting++] = address;
	else
		state.dead[state.dead_count++] = address;
	return true;
}

void model_unmap_at(uint64_t address)
{
	(void)model_unmap(address);
}

void model_free_box(struct object *object)
{
	if (object->box_in_place && state.open)
		(void)model_unmap(object->box_address);
	object->box_kind = EMPTY;
	object->box_in_place = false;
}

void model_free_mem(struct object *object)
{
	if (object->mem_kind == WHOLE && state.open)
		(void)model_unmap(coherent_addr(&object->mem).raw);
	object->mem_kind = EMPTY;
	object->mem_in_place = false;
}

int model_box(const struct object *object, bool in_place)
{
	if (object->box_kind)
		return -EBUSY;
	if (!state.open)
		return -ENODEV;
	if (!has_room())
		return -ENOSPC;
	return in_place ? model_map() : 0;
}

/* The first object of a pool needs a chunk: memory that is mapped. */
static int model_grow(void)
{
	int err;

	if (!state.open)
		return -ENODEV;
	if (state.has_chunk)
		return 0;
	if (!has_room())
		return -ENOSPC;
	err = model_map();
	state.has_chunk = !err;
	return err;
}

int model_pool_box(const struct object *object)
{
	return object->box_kind ? -EBUSY : model_grow();
}

int model_pool_from(const struct object *object)
{
	return object->mem_kind ? -EBUSY : model_grow();
}

int model_pool_boxes(void)
{
	for (unsigned int i = 0; i < OBJECTS; i++)
		if (objects[i].box_kind)
			return -EBUSY;
	return model_grow();
}

int model_pool_from_all(void)
{
	for (unsigned int i = 0; i < OBJECTS; i++)
		if (objects[i].mem_kind)
			return -EBUSY;
	return model_grow();
}

int model_pool_expose(void)
{
	for (unsigned int i = 0; i < OBJECTS; i++)
		if (objects[i].box_kind != SLOT)
			return -EINVAL;
	for (unsigned int i = 0; i < OBJECTS; i++)
		if (objects[i].mem_kind)
			return -EBUSY;
	return state.open ? 0 : -ENODEV;
}

int model_expose(const struct object *object, enum coherent_permission permission, bool seal)
{
	if (!object->box_kind)
		return -EINVAL;
	if ((object->box_kind == SLOT || object->box_in_place) && permission != COHERENT_READ_WRITE)
		return -EINVAL;
	if (object->mem_kind)
		return -EBUSY;
	if (!state.open)
		return -ENODEV;
	if (!seal)
		return -ECANCELED;
	return object->box_kind == WHOLE && !object->box_in_place ? model_map() : 0;
}

/* Where an unmap is a fence, the driver need not promise that the mem is idle. */
int model_reclaim(const struct object *object, bool idle)
{
	if (!object->mem_kind)
		return -EINVAL;
	if (object->box_kind)
		return -EBUSY;
	if (!state.open)
		return -ENODEV;
	if (!idle && (object->mem_kind == SLOT || object->mem_in_place || state.world->lazy))
		return -EBUSY;
	if (object->mem_kind == SLOT || object->mem_in_place)
		return 0;
	if (!has_room())
		return -ENOSPC;
	return model_unmap(coherent_addr(&object->mem).raw) ? 0 : -EIO;
}
