// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * All short sequences of calls on two objects and a pool, on simulated devices of six kinds, and
 * with boxes in place. A model of the state machine says what each call returns. After each call the
 * device tries every object, and every address that it must not reach any more.
 */
#include <coherent/expose_all.h>
#include <coherent/sim.h>
#include <string.h>

#include "states.h"

/* The bytes that only the CPU knows, until they are exposed. */
#define PRIVATE 0x77

#define TITLE(world) "each call and each access of the device is as the states say, " world
static const struct world worlds[] = {
	{ .name = "sim:edu,step", .title = TITLE("sim:edu"), .room = ROOM },
	{ .name = "sim:edu,step,lazy",
	  .title = TITLE("where an unmap is not a fence"),
	  .lazy = true,
	  .room = ROOM },
	{ .name = "sim:edu,step,maps=1",
	  .title = TITLE("with one mapping"),
	  .maps = 1,
	  .room = ROOM },
	{ .name = "sim:edu,step,fail-map=2",
	  .title = TITLE("where a mapping fails"),
	  .failing_map = 2,
	  .room = ROOM },
	{ .name = "sim:edu,step,fail-unmap=1",
	  .title = TITLE("where an unmapping fails"),
	  .failing_unmap = 1,
	  .room = ROOM },
	/* Seven pages, and each object has a guard. */
	{ .name = "sim:edu,step,mask=15", .title = TITLE("with room for three objects"), .room = 3 },
	{ .name = "sim:edu,step",
	  .title = TITLE("with boxes in place"),
	  .room = ROOM,
	  .in_place = true },
};

enum call {
	BOX,
	BOX_IN_PLACE,
	POOL_BOX,
	POOL_FROM,
	EXPOSE,
	EXPOSE_READ_ONLY,
	EXPOSE_NO_SEAL,
	RECLAIM,
	RECLAIM_BUSY,
	FREE,
	CALLS_ON_OBJECT
};
enum {
	FENCE = CALLS_ON_OBJECT * OBJECTS,
	RESET,
	SET_MASK,
	CLOSE,
	EXPOSE_ALL,
	POOL_BOXES,
	POOL_FROM_ALL,
	POOL_EXPOSE,
	POOL_BOX_FREE,
	POOL_FREE,
	KINDS
};
static const char *const names[] = {
	"allocate box 0",
	"allocate box 0 in place",
	"allocate box 0 in the pool",
	"make mem 0 of the pool from a value",
	"expose box 0",
	"expose box 0, read-only",
	"expose box 0, with a .seal that fails",
	"reclaim mem 0, idle",
	"reclaim mem 0, not idle",
	"free box 0 and mem 0",
	"allocate box 1",
	"allocate box 1 in place",
	"allocate box 1 in the pool",
	"make mem 1 of the pool from a value",
	"expose box 1",
	"expose box 1, read-only",
	"expose box 1, with a .seal that fails",
	"reclaim mem 1, idle",
	"reclaim mem 1, not idle",
	"free box 1 and mem 1",
	"fence",
	"reset",
	"set another mask",
	"close the device",
	"expose both boxes",
	"allocate both boxes in the pool",
	"make both mems of the pool from values",
	"expose both boxes of the pool",
	"free both boxes at once",
	"free both mems at once",
};

/* --- Calls --- */

static void check_box_is_new(struct object *object, enum kind kind)
{
	const size_t bytes = kind == WHOLE ? PAGE : sizeof(struct element);
	uint8_t *memory = (void *)coherent_box_ptr(&object->box);

	for (size_t i = 0; i < bytes; i++)
		expect(!memory[i]);
	memset(memory, PRIVATE, bytes);
	object->box_kind = kind;
	object->box_byte = PRIVATE;
}

static void allocate(struct object *object)
{
	const int wanted = model_box(object, false);

	expect(coherent_box_zeroed(&object->box, state.dev, 1) == wanted);
	if (!wanted)
		check_box_is_new(object, WHOLE);
}

static void allocate_in_place(struct object *object)
{
	const int wanted = model_box(object, true);
	struct coherent_info info;

	expect(coherent_box_zeroed(&object->box, state.dev, 1, .in_place = true) == wanted);
	if (wanted)
		return;
	check_box_is_new(object, WHOLE);
	expect(!coherent_find_ptr(state.dev, coherent_box_ptr(&object->box), &info));
	object->box_in_place = true;
	object->box_address = info.address;
}

static void allocate_in_pool(struct object *object)
{
	const int wanted = model_pool_box(object);

	expect(coherent_pool_box(&state.pool, &object->box) == wanted);
	if (!wanted)
		check_box_is_new(object, SLOT);
}

static void exposed(struct object *object, enum coherent_permission permission)
{
	object->mem_kind = object->box_kind;
	object->mem_byte = object->box_byte;
	object->mem_in_place = object->box_in_place;
	object->permission = permission;
	object->box_kind = EMPTY;
	object->box_in_place = false;
}

static struct element new_value(void)
{
	struct element value;

	memset(&value, ++state.next_byte, sizeof(value));
	return value;
}

static void made_from_value(struct object *object, uint8_t byte)
{
	object->mem_kind = SLOT;
	object->mem_byte = byte;
	object->permission = COHERENT_READ_WRITE;
}

static void make_from_value(struct object *object)
{
	const int wanted = model_pool_from(object);
	const struct element value = new_value();

	expect(coherent_pool_from(&state.pool, &object->mem, &value) == wanted);
	if (!wanted)
		made_from_value(object, state.next_byte);
}

static int seal_fails(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	(void)elements;
	(void)arg;
	expect(count == 1);
	expect(address.raw && ~address.raw);
	return -ECANCELED;
}

static void expose(struct object *object, enum coherent_permission permission, bool seal)
{
	const int wanted = model_expose(object, permission, seal);
	const int err =
		seal ? coherent_expose(&object->box, &object->mem, .permission = permission) :
		       coherent_expose(&object->box, &object->mem, .permission = permission,
				       .seal = seal_fails);

	expect(err == wanted);
	if (!err) {
		expect(!object->box_in_place ||
		       coherent_addr(&object->mem).raw == object->box_address);
		exposed(object, permission);
	} else {
		model_free_box(object);
	}
}

static void reclaim(struct object *object, bool idle)
{
	const uint64_t address = coherent_addr(&object->mem).raw;
	const int wanted = model_reclaim(object, idle);

	expect(coherent_reclaim(&object->mem, &object->box, .idle = idle) == wanted);
	if (!wanted) {
		object->box_kind = object->mem_kind;
		object->box_byte = object->mem_byte;
		object->box_in_place = object->mem_in_place;
		object->box_address = address;
	}
	if (!wanted || wanted == -EIO) {
		object->mem_kind = EMPTY;
		object->mem_in_place = false;
	}
}

static void free_object(struct object *object)
{
	model_free_mem(object);
	model_free_box(object);
	coherent_free(&object->mem);
	coherent_box_free(&object->box);
}

/* Sets how many boxes are exposed before the first one that cannot be. */
static int model_expose_all(unsigned int *done)
{
	int err = 0;

	*done = 0;
	for (unsigned int i = 0; i < OBJECTS; i++)
		if (!objects[i].box_kind)
			return -EINVAL;
	for (unsigned int i = 0; i < OBJECTS; i++)
		if (objects[i].mem_kind)
			return -EBUSY;
	while (*done < OBJECTS) {
		err = model_expose(&objects[*done], COHERENT_READ_WRITE, true);
		if (err)
			break;
		++*done;
	}
	return err;
}

/* All or none: a failure consumes the boxes and frees the mems that the call made. */
static void model_roll_back(unsigned int done)
{
	for (unsigned int i = done; i < OBJECTS; i++)
		model_free_box(&objects[i]);
	while (done-- > 0) {
		/* The model knows the address of a mem only if the mem was a box in place. */
		if (objects[done].box_kind == WHOLE)
			model_unmap_at(objects[done].box_in_place ? objects[done].box_address : 0);
		objects[done].box_kind = EMPTY;
		objects[done].box_in_place = false;
	}
}

static void expose_all(void)
{
	unsigned int done;
	const int wanted = model_expose_all(&done);

	expect(coherent_expose_all(COHERENT_EXPOSURE(&objects[0].box, &objects[0].mem),
				   COHERENT_EXPOSURE(&objects[1].box, &objects[1].mem)) == wanted);
	if (wanted)
		model_roll_back(done);
	for (unsigned int i = 0; !wanted && i < OBJECTS; i++)
		exposed(&objects[i], COHERENT_READ_WRITE);
}

/* --- Arrays --- */

/* Calls for arrays need the boxes or the mems side by side. They come back with these. */
static void gather(union element_box boxes[OBJECTS], union element_mem mems[OBJECTS])
{
	for (unsigned int i = 0; i < OBJECTS; i++) {
		boxes[i] = (union element_box)COHERENT_EMPTY;
		mems[i] = (union element_mem)COHERENT_EMPTY;
		coherent_move(&objects[i].box, &boxes[i]);
		coherent_move(&objects[i].mem, &mems[i]);
	}
}

static void scatter(union element_box boxes[OBJECTS], union element_mem mems[OBJECTS])
{
	for (unsigned int i = 0; i < OBJECTS; i++) {
		coherent_move(&boxes[i], &objects[i].box);
		coherent_move(&mems[i], &objects[i].mem);
	}
}

static void allocate_boxes(void)
{
	const int wanted = model_pool_boxes();
	union element_box boxes[OBJECTS];
	union element_mem mems[OBJECTS];

	gather(boxes, mems);
	expect(coherent_pool_boxes(&state.pool, boxes, OBJECTS) == wanted);
	scatter(boxes, mems);
	for (unsigned int i = 0; !wanted && i < OBJECTS; i++)
		check_box_is_new(&objects[i], SLOT);
}

static void make_from_values(void)
{
	const int wanted = model_pool_from_all();
	union element_box boxes[OBJECTS];
	union element_mem mems[OBJECTS];
	struct element values[OBJECTS];
	const uint8_t first = state.next_byte;

	for (unsigned int i = 0; i < OBJECTS; i++)
		values[i] = new_value();
	gather(boxes, mems);
	expect(coherent_pool_from_all(&state.pool, mems, values, OBJECTS) == wanted);
	scatter(boxes, mems);
	for (unsigned int i = 0; !wanted && i < OBJECTS; i++)
		made_from_value(&objects[i], (uint8_t)(first + 1 + i));
}

/* A failure consumes the boxes, those of whole pages too. */
static void expose_boxes(void)
{
	const int wanted = model_pool_expose();
	union element_box boxes[OBJECTS];
	union element_mem mems[OBJECTS];

	gather(boxes, mems);
	expect(coherent_pool_expose(&state.pool, boxes, mems, OBJECTS) == wanted);
	scatter(boxes, mems);
	for (unsigned int i = OBJECTS; i-- > 0;)
		if (wanted)
			model_free_box(&objects[i]);
		else
			exposed(&objects[i], COHERENT_READ_WRITE);
}

/* The library frees the last object of an array first. */
static void free_array(unsigned int call)
{
	union element_box boxes[OBJECTS];
	union element_mem mems[OBJECTS];

	for (unsigned int i = OBJECTS; i-- > 0;)
		if (call == POOL_BOX_FREE)
			model_free_box(&objects[i]);
		else
			model_free_mem(&objects[i]);
	gather(boxes, mems);
	if (call == POOL_BOX_FREE)
		coherent_pool_box_free(&state.pool, boxes, OBJECTS);
	else
		coherent_pool_free(&state.pool, mems, OBJECTS);
	scatter(boxes, mems);
}

static void call_on_arrays(unsigned int call)
{
	switch (call) {
	case POOL_BOXES:
		allocate_boxes();
		break;
	case POOL_FROM_ALL:
		make_from_values();
		break;
	case POOL_EXPOSE:
		expose_boxes();
		break;
	default:
		free_array(call);
		break;
	}
}

/* --- Calls on the device --- */

/* After a fence the device does not reach the objects that waited. */
static void fenced(int err)
{
	expect(err == (state.open ? 0 : -ENODEV));
	for (unsigned int i = 0; !err && i < state.waiting; i++)
		if (state.waiting_at[i])
			state.dead[state.dead_count++] = state.waiting_at[i];
	if (!err)
		state.waiting = 0;
}

static void set_mask(void)
{
	const bool used = live_objects() || state.waiting;
	const int wanted = !state.open ? -ENODEV : used ? -EBUSY : 0;

	expect(coherent_device_set_mask(state.dev, coherent_mask(14)) == wanted);
	if (wanted)
		return;
	/* Three pages, and each object has a guard. */
	state.room = 1;
	state.dead_count = 0;
}

static void call_on_object(struct object *object, enum call call)
{
	switch (call) {
	case BOX:
		allocate(object);
		break;
	case BOX_IN_PLACE:
		allocate_in_place(object);
		break;
	case POOL_BOX:
		allocate_in_pool(object);
		break;
	case POOL_FROM:
		make_from_value(object);
		break;
	case EXPOSE:
	case EXPOSE_NO_SEAL:
		expose(object, COHERENT_READ_WRITE, call == EXPOSE);
		break;
	case EXPOSE_READ_ONLY:
		expose(object, COHERENT_READ_ONLY, true);
		break;
	case RECLAIM:
	case RECLAIM_BUSY:
		reclaim(object, call == RECLAIM);
		break;
	default:
		free_object(object);
		break;
	}
}

static void call_on_device(unsigned int call)
{
	switch (call) {
	case FENCE:
		fenced(coherent_device_fence(state.dev));
		break;
	case RESET:
		fenced(coherent_device_reset(state.dev));
		break;
	case SET_MASK:
		set_mask();
		break;
	case CLOSE:
		if (state.open)
			coherent_device_close(state.dev);
		state.open = false;
		break;
	case EXPOSE_ALL:
		expose_all();
		break;
	default:
		call_on_arrays(call);
		break;
	}
}

/* --- A sequence --- */

static void begin(void)
{
	const struct world *world = state.world;

	memset(objects, 0, sizeof(objects));
	state = (struct state){ .world = world, .open = true, .room = world->room };
	expect(!coherent_device_open(&state.dev, world->name));
	expect(!coherent_pool_create(&state.pool, state.dev, .in_place = world->in_place));
}

static void end(void)
{
	for (unsigned int i = 0; i < OBJECTS; i++)
		free_object(&objects[i]);
	expect(!coherent_pool_destroy(&state.pool));
	if (state.open)
		coherent_device_close(state.dev);
}

static void run_calls(const unsigned int *calls, unsigned int length)
{
	begin();
	for (unsigned int i = 0; i < length; i++) {
		if (calls[i] < FENCE)
			call_on_object(&objects[calls[i] / CALLS_ON_OBJECT],
				       calls[i] % CALLS_ON_OBJECT);
		else
			call_on_device(calls[i]);
		check_states();
	}
	end();
}

int main(int argc, char **argv)
{
	const unsigned int count = sizeof(worlds) / sizeof(worlds[0]);

	sequences_begin(argc, argv, count);
	for (unsigned int i = 0; i < count; i++) {
		state.world = &worlds[i];
		sequences_make(&(struct sequences){ worlds[i].title, names, KINDS, run_calls });
	}
	return 0;
}
