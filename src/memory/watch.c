// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Makes the events of a watched device. A tree has the objects that are a box or a mem, by the address
 * of their record. So the records themselves stay as they are.
 *
 * The callback is called without a lock, because it may take long.
 */
#include <bsd/sys/tree.h>
#include <errno.h>
#include <stdlib.h>

#include "base/order_count.h"
#include "base/sys.h"
#include "base/sys_process.h"
#include "device/device.h"
#include "memory/harden.h"
#include "memory/ledger.h"
#include "memory/pool_slots.h"
#include "memory/probes.h"
#include "memory/trace_file.h"
#include "memory/watch.h"

/**
 * struct watched - An object that is a box or a mem.
 * @node: In the tree.
 * @record: Its record. Only compared.
 * @began: The event at which it got its state.
 */
struct watched {
	RB_ENTRY(watched) node;
	const struct coherent_object *record;
	struct coherent_event began;
};

RB_HEAD(watched_tree, watched);

/**
 * struct watch - What watches a device.
 * @trace: The callback; NULL for none. Never changes, as the next five.
 * @arg: Its argument.
 * @file: The trace file; NULL for none.
 * @ledger: The ledger; NULL for none.
 * @ops: The functions of the backend, but for those of registers.
 * @original: All functions of the backend.
 * @lock: Guards the rest.
 * @objects: The objects.
 * @count: How many boxes there were.
 */
struct watch {
	void (*trace)(void *arg, const struct coherent_event *event);
	void *arg;
	struct trace_file *file;
	struct ledger *ledger;
	struct backend_ops ops;
	const struct backend_ops *original;
	struct lock lock;
	struct watched_tree objects;
	uint64_t count;
};

static int compare(const struct watched *a, const struct watched *b)
{
	return a->record < b->record ? -1 : a->record > b->record;
}

/* Not RB_GENERATE_STATIC: that needs __unused, which libbsd no longer defines. */
RB_GENERATE_INTERNAL(watched_tree, watched, node, compare, static __attribute__((unused)))

/* --- Open and close --- */

/* The program that asks for a ledger needs it. Without one from the environment, a device works. */
static int open_ledger(struct object_store *store, const struct coherent_open_options *options,
		       struct ledger **ledger)
{
	const char *path = sys_environment("COHERENT_LEDGER");

	*ledger = NULL;
	if (options->ledger)
		return ledger_open(ledger, options->ledger, store->name, store->reporter,
				   COHERENT_ERROR);
	if (path && *path)
		(void)ledger_open(ledger, path, store->name, store->reporter, COHERENT_WARNING);
	return 0;
}

/* The trace is a help, so a device without it works too. */
static struct trace_file *open_trace(struct object_store *store)
{
	const char *path = sys_environment("COHERENT_TRACE");

	return path && *path ? trace_file_open(path, store->name, store->reporter) : NULL;
}

int watch_open(struct object_store *store, const struct coherent_open_options *options,
	       bool is_hardened)
{
	struct trace_file *file;
	struct ledger *ledger;
	struct watch *watch;
	int err = open_ledger(store, options, &ledger);

	if (err)
		return err;
	file = open_trace(store);
	if (!options->trace && !file && !ledger && !is_hardened)
		return 0;
	watch = calloc(1, sizeof(*watch));
	if (!watch) {
		trace_file_close(file);
		ledger_close(ledger);
		return -ENOMEM;
	}
	watch->file = file;
	watch->ledger = ledger;
	watch->trace = options->trace;
	watch->arg = options->trace_arg;
	lock_init(&watch->lock);
	RB_INIT(&watch->objects);
	store->watch = watch;
	return 0;
}

void watch_close(struct object_store *store)
{
	struct watch *watch = store->watch;
	struct watched *entry;

	if (!watch)
		return;
	while ((entry = RB_MIN(watched_tree, &watch->objects))) {
		RB_REMOVE(watched_tree, &watch->objects, entry);
		free(entry);
	}
	trace_file_close(watch->file);
	ledger_close(watch->ledger);
	lock_destroy(&watch->lock);
	free(watch);
	store->watch = NULL;
}

static const struct alive no_fast_path;

const struct alive *watch_alive(const struct object_store *store)
{
	return store->watch ? &no_fast_path : store->alive;
}

/* --- Events --- */

static struct coherent_event event_of(const struct object_store *store,
				      enum coherent_event_kind kind)
{
	return (struct coherent_event){
		.kind = kind,
		.time_ns = sys_now_ns(),
		.device = store->name,
	};
}

/* A forked child tells nothing. */
static void tell(const struct object_store *store, const struct coherent_event *event)
{
	const struct watch *watch = store->watch;

	if (!alive_is_ours(store->alive))
		return;
	if (watch->trace)
		watch->trace(watch->arg, event);
	if (watch->file)
		trace_file_write(watch->file, event);
}

static void tell_device(struct object_store *store, enum coherent_event_kind kind)
{
	const struct coherent_event event = event_of(store, kind);

	tell(store, &event);
}

void watch_interrupt(struct object_store *store, unsigned int vector)
{
	struct coherent_event event = event_of(store, COHERENT_EVENT_INTERRUPT);

	event.vector = vector;
	order_count_add();
	tell(store, &event);
}

void watch_fence_begin(struct object_store *store)
{
	if (store->watch && store->watch->ledger)
		ledger_note(store->watch->ledger, LEDGER_FENCE_BEGIN);
}

void watch_fence(struct object_store *store, int err)
{
	struct coherent_event event;

	PROBE2(fence, store->name, err);
	if (!store->watch)
		return;
	if (store->watch->ledger)
		ledger_note(store->watch->ledger, err ? LEDGER_FENCE_FAILED : LEDGER_FENCE);
	event = event_of(store, COHERENT_EVENT_FENCE);
	event.err = err;
	tell(store, &event);
}

void watch_fault(struct object_store *store, const struct coherent_fault *fault)
{
	struct coherent_event event;

	PROBE6(fault, store->name, fault->address, fault->bytes, fault->where, fault->access,
	       fault->state);
	if (!store->watch)
		return;
	event = event_of(store, COHERENT_EVENT_FAULT);
	event.before = fault->state;
	event.after = fault->state;
	event.address = fault->address;
	event.bytes = fault->bytes;
	event.where = fault->where;
	event.access = fault->access;
	tell(store, &event);
}

/* --- Objects --- */

static struct coherent_event event_of_object(const struct coherent_object *object,
					     enum coherent_event_kind kind)
{
	struct coherent_event event = event_of(object_store(object), kind);
	const bool is_slot = object_is_slot(object);

	event.address = object_address(object);
	event.where = object_site(object);
	event.bytes = is_slot ? ((const struct slot *)object)->chunk->slot_bytes :
				object_bytes(object);
	return event;
}

static enum coherent_permission permission_of(const struct coherent_object *object)
{
	if (object_is_slot(object))
		return ((const struct slot *)object)->chunk->pool->usual.permission;
	return (enum coherent_permission)object->permission;
}

static struct watched *find_locked(struct watch *watch, const struct coherent_object *object)
	NEEDS_LOCK(watch->lock)
{
	const struct watched key = { .record = object };

	return RB_FIND(watched_tree, &watch->objects, (struct watched *)(uintptr_t)&key);
}

/* Without memory the object has no number, and the rest goes on. */
static void begin_locked(struct watch *watch, const struct coherent_object *object,
			 struct coherent_event *event) NEEDS_LOCK(watch->lock)
{
	struct watched *entry = malloc(sizeof(*entry));

	watch->count++;
	if (!entry)
		return;
	event->object = watch->count;
	*entry = (struct watched){ .record = object, .began = *event };
	RB_INSERT(watched_tree, &watch->objects, entry);
}

static void go_on_locked(struct watch *watch, struct watched *entry,
			 const struct coherent_object *object, struct coherent_event *event)
	NEEDS_LOCK(watch->lock)
{
	event->object = entry->began.object;
	entry->began = *event;
	if (entry->record == object && event->kind != COHERENT_EVENT_FREE)
		return;
	RB_REMOVE(watched_tree, &watch->objects, entry);
	if (event->kind == COHERENT_EVENT_FREE) {
		free(entry);
		return;
	}
	entry->record = object;
	RB_INSERT(watched_tree, &watch->objects, entry);
}

/* The record of an object is @to after the event. */
static void tell_object(const struct coherent_object *object, const struct coherent_object *to,
			struct coherent_event *event)
{
	struct watch *watch = object_store(object)->watch;
	struct coherent_event began = { .time_ns = 0 };
	struct watched *entry;

	lock_take(&watch->lock);
	entry = find_locked(watch, object);
	if (entry)
		began = entry->began;
	if (event->before == COHERENT_STATE_NONE)
		begin_locked(watch, object, event);
	else if (entry)
		go_on_locked(watch, entry, to, event);
	lock_drop(&watch->lock);
	if (entry && watch->file)
		trace_file_phase(watch->file, &began, event->time_ns);
	tell(object_store(object), event);
}

/* --- The ledger --- */

static struct ledger_range range_of(const struct coherent_object *object)
{
	return (struct ledger_range){
		.address = object_address(object),
		.bytes = object_is_slot(object) ? ((const struct slot *)object)->chunk->slot_bytes :
						  object_bytes(object),
	};
}

static void record_expose(const struct coherent_object *object)
{
	const struct ledger_range range = range_of(object);

	ledger_expose(object_store(object)->watch->ledger, &range, permission_of(object),
		      object_site(object));
}

static void record_end(const struct coherent_object *object, enum ledger_reason reason)
{
	const struct ledger_range range = range_of(object);

	/* An object of a pool ends when it is free. Its pages stay mapped. */
	ledger_end(object_store(object)->watch->ledger, &range, reason,
		   !object_is_slot(object) && object->waits ? LEDGER_UNTIL_FENCE : 0);
}

/* The pages of an object of a pool are recorded as those of the pool, when they are mapped. */
static void record(const struct coherent_object *object, enum coherent_event_kind kind,
		   enum coherent_state before, enum coherent_state after)
{
	const bool is_slot = object_is_slot(object);

	if (is_slot && kind == COHERENT_EVENT_EXPOSE)
		record_expose(object);
	else if (kind == COHERENT_EVENT_FREE &&
		 (before == COHERENT_STATE_MEM || (!is_slot && object->in_place)))
		record_end(object, after == COHERENT_STATE_MEM ? LEDGER_LEAKED : LEDGER_FREED);
}

int watch_map(struct coherent_object *object, enum coherent_permission permission)
{
	const struct ledger_range range = range_of(object);
	int err = object->store->pages.guard ? harden_expose(object) : 0;

	if (!err && object->store->watch->ledger)
		ledger_expose(object->store->watch->ledger, &range, permission, object->site);
	return err;
}

void watch_map_failed(const struct coherent_object *object)
{
	const struct ledger_range range = range_of(object);

	if (object->store->watch->ledger)
		ledger_end(object->store->watch->ledger, &range, LEDGER_REFUSED, 0);
}

/* --- Changes of objects --- */

static bool is_told(const struct watch *watch)
{
	return watch->trace || watch->file;
}

void watch_object(const struct coherent_object *object, enum coherent_event_kind kind,
		  enum coherent_state before, enum coherent_state after)
{
	const struct watch *watch = object_store(object)->watch;
	struct coherent_event event;

	/* Another mem may have had this address, and any thread may have read from that one. */
	if (kind == COHERENT_EVENT_EXPOSE)
		order_count_add_for_all();
	if (watch->ledger && alive_is_ours(object_store(object)->alive))
		record(object, kind, before, after);
	if (!is_told(watch))
		return;
	event = event_of_object(object, kind);
	event.before = before;
	event.after = after;
	if (before == COHERENT_STATE_MEM || after == COHERENT_STATE_MEM)
		event.permission = permission_of(object);
	tell_object(object, object, &event);
}

void watch_move(const struct coherent_object *mem, const struct coherent_object *box)
{
	const struct watch *watch = object_store(mem)->watch;
	struct coherent_event event;

	/* A mem in place stays mapped. */
	if (watch->ledger && (object_is_slot(mem) || mem != box))
		record_end(mem, LEDGER_RECLAIMED);
	if (!is_told(watch))
		return;
	event = event_of_object(mem, COHERENT_EVENT_RECLAIM);
	event.before = COHERENT_STATE_MEM;
	event.after = COHERENT_STATE_BOX;
	event.permission = permission_of(mem);
	tell_object(mem, box, &event);
}

/* --- Objects of whole pages --- */

/* Each probe is in one place only, because some tracers do not accept one that is in several. */

void watch_box(const struct coherent_object *object, bool is_filled)
{
	PROBE4(box, object->store->name, object, object_bytes(object), object->site);
	if (!object->store->watch)
		return;
	if (object->store->pages.guard && !is_filled)
		harden_box(object);
	watch_object(object, COHERENT_EVENT_BOX, COHERENT_STATE_NONE, COHERENT_STATE_BOX);
}

void watch_expose(const struct coherent_object *object)
{
	PROBE6(expose, object->store->name, object, object_bytes(object), object->site,
	       object->address.first, object->permission);
	/* A twin was never a box. */
	if (object->store->watch)
		watch_object(object, COHERENT_EVENT_EXPOSE,
			     object->is_twin ? COHERENT_STATE_NONE : COHERENT_STATE_BOX,
			     COHERENT_STATE_MEM);
}

void watch_reclaim(const struct coherent_object *mem, const struct coherent_object *box)
{
	PROBE5(reclaim, mem->store->name, mem, object_bytes(mem), mem->site, mem->address.first);
	if (mem->store->watch)
		watch_move(mem, box);
}

static __attribute__((noinline)) void free_watched(const struct coherent_object *object,
						   enum coherent_state after)
{
	if (object->store->pages.guard && after == COHERENT_STATE_FREED)
		harden_free(object);
	watch_object(object, COHERENT_EVENT_FREE, (enum coherent_state)object->state, after);
}

void watch_free(const struct coherent_object *object, enum coherent_state after)
{
	PROBE6(free, object->store->name, object, object_bytes(object), object->site,
	       object->address.first, object->state);
	if (object->store->watch)
		free_watched(object, after);
}

/* --- Registers --- */

/**
 * struct place - A place in a BAR.
 * @bar: The number of the BAR.
 * @width: How many bytes.
 * @offset: Where they begin.
 */
struct place {
	uint32_t bar;
	uint32_t width;
	uint64_t offset;
};

static void tell_register(struct object_store *store, enum coherent_event_kind kind,
			  const struct place *place, uint64_t value)
{
	struct coherent_event event = event_of(store, kind);

	event.bar = place->bar;
	event.offset = place->offset;
	event.width = place->width;
	event.value = value;
	tell(store, &event);
}

static uint64_t reg_read(struct backend *backend, unsigned int bar, uint64_t offset,
			 unsigned int width)
{
	struct object_store *store = &backend->dev->store;
	const uint64_t value = store->watch->original->reg_read(backend, bar, offset, width);

	order_count_add();
	tell_register(store, COHERENT_EVENT_REGISTER_READ, &(struct place){ bar, width, offset },
		      value);
	return value;
}

/* The event comes first, because the write may start a transfer that faults. */
static void reg_write(struct backend *backend, unsigned int bar, uint64_t offset,
		      unsigned int width, uint64_t value)
{
	struct object_store *store = &backend->dev->store;

	tell_register(store, COHERENT_EVENT_REGISTER_WRITE, &(struct place){ bar, width, offset },
		      value);
	store->watch->original->reg_write(backend, bar, offset, width, value);
}

static void watch_registers(struct watch *watch, struct backend *backend)
{
	watch->original = backend->ops;
	watch->ops = *backend->ops;
	watch->ops.reg_read = reg_read;
	watch->ops.reg_write = reg_write;
	backend->ops = &watch->ops;
}

/* --- The device --- */

void watch_begin(struct object_store *store)
{
	PROBE1(device_open, store->name);
	if (!store->watch)
		return;
	if (store->watch->ledger)
		ledger_level(store->watch->ledger, store->backend->level);
	if (is_told(store->watch) || store->pages.guard)
		watch_registers(store->watch, store->backend);
	tell_device(store, COHERENT_EVENT_OPEN);
}

/* The device reaches nothing any more. Objects that are left begin anew, without it. */
static void end_phases(struct watch *watch)
{
	const uint64_t now_ns = sys_now_ns();
	struct watched *entry;

	lock_take(&watch->lock);
	RB_FOREACH(entry, watched_tree, &watch->objects) {
		trace_file_phase(watch->file, &entry->began, now_ns);
		entry->began.time_ns = now_ns;
	}
	lock_drop(&watch->lock);
}

void watch_end(struct object_store *store)
{
	PROBE1(device_close, store->name);
	if (!store->watch)
		return;
	if (store->watch->ledger)
		ledger_note(store->watch->ledger, LEDGER_CLOSE);
	if (store->watch->file)
		end_phases(store->watch);
	tell_device(store, COHERENT_EVENT_CLOSE);
}
