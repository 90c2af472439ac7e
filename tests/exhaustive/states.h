/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The model of two objects, a pool and a device, which states.c compares with the library. */
#ifndef STATES_H
#define STATES_H

#include <coherent.h>
#include <coherent/pool_many.h>

#include "sequences.h"

#define OBJECTS 2
#define PAGE UINT64_C(4096)
/* Room for so many objects is room for all. */
#define ROOM 1000
/* Each call can end the addresses of both objects. */
#define DEAD_MAX (OBJECTS * SEQUENCE_MAX)

struct element {
	coherent_le64 words[2];
};
COHERENT_FIELDS(struct element, .words);

enum kind { EMPTY, WHOLE, SLOT };

COHERENT_BOX_TYPE(element_box, struct element);
COHERENT_TYPE(element_mem, struct element);

/* An object as the model knows it. A box and a mem may exist at the same time. */
struct object {
	union element_box box;
	union element_mem mem;
	enum kind box_kind, mem_kind;
	/* The object is of whole pages and in place. A box in place has this address. */
	bool box_in_place, mem_in_place;
	uint64_t box_address;
	enum coherent_permission permission;
	uint8_t box_byte, mem_byte;
};

/**
 * struct world - A kind of device.
 * @name: The name that opens it.
 * @title: The line of the test.
 * @lazy: An unmap is not a fence.
 * @maps: At most this many mappings; 0 for no limit.
 * @failing_map: The mapping that fails, from 1; 0 for none.
 * @failing_unmap: The same for unmappings.
 * @room: At most this many objects have an address.
 * @in_place: The boxes of the pool are in place.
 */
struct world {
	const char *name;
	const char *title;
	bool lazy;
	unsigned int maps;
	unsigned int failing_map;
	unsigned int failing_unmap;
	unsigned int room;
	bool in_place;
};

/* The model of a device. */
struct state {
	const struct world *world;
	struct coherent_device *dev;
	COHERENT_POOL(struct element) pool;
	bool open, has_chunk;
	unsigned int maps, unmaps, mapped, leaked, waiting, room;
	uint64_t dead[DEAD_MAX], waiting_at[DEAD_MAX];
	unsigned int dead_count;
	/* The address of the chunk, after the device was seen to reach a slot. */
	uint64_t chunk_address;
	uint8_t next_byte;
};

extern struct object objects[OBJECTS];
extern struct state state;

/* Returns the number of objects that have an address. */
unsigned int live_objects(void);

/* Unmaps memory that was mapped here, or at an address that nobody knows, which is 0. */
void model_unmap_at(uint64_t address);

/* Frees the box or the mem of an object. */
void model_free_box(struct object *object);
void model_free_mem(struct object *object);

/* These return the results of calls. They count what changes in the device, not in the object. */
int model_box(const struct object *object, bool in_place);
int model_pool_box(const struct object *object);
int model_pool_from(const struct object *object);
int model_expose(const struct object *object, enum coherent_permission permission, bool seal);
int model_reclaim(const struct object *object, bool idle);

/* The same for calls that take both objects. */
int model_pool_boxes(void);
int model_pool_from_all(void);
int model_pool_expose(void);

/* Checks what holds after each call. */
void check_states(void);

#endif
