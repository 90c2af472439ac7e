// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Loans. On most backends a lent box is exposed in place. A backend with lends_copies gets a copy:
 * another box, which is exposed. The box of the driver stays where it is, and is filled with
 * COHERENT_LENT_BYTE, so that a driver that touches it finds out. A box of a pool is exposed by a
 * copy anyway. A box in place is never copied, nor is a box whose address the driver chose.
 */
#include <coherent/loan.h>
#include <string.h>

#include "memory/options.h"
#include "memory/pool.h"
#include "memory/refuse.h"
#include "memory/whole.h"

#define LEND "coherent_lend()"
#define TAKE "coherent_take()"
#define VISIT "coherent_loan_visit()"
#define MOVE "coherent_move()"

/* --- The parts of a loan --- */

static bool is_copy(const struct coherent_loan *loan)
{
	return loan->kept != NULL;
}

static struct coherent_mem mem_of(const struct coherent_loan *loan)
{
	return (struct coherent_mem){
		.va = is_copy(loan) ? pages_va(&loan->object->pages) : loan->va,
		.count = loan->count,
		.inverted_address = loan->inverted_address,
		.object = loan->object,
	};
}

/* The box that the driver lent. It is empty if the memory was exposed in place. */
static struct coherent_box kept_box(const struct coherent_loan *loan)
{
	if (!is_copy(loan))
		return (struct coherent_box){ .va = NULL };
	return (struct coherent_box){ loan->va, loan->count, loan->kept };
}

/* A copied loan whose original ended, or garbage, has no object any more. */
static bool has_object(const struct coherent_loan *loan)
{
	const struct coherent_mem mem = { .inverted_address = loan->inverted_address,
					  .object = loan->object };

	if (!loan->object || !object_is_slot(loan->object))
		return object_has_mem(&mem);
	return slot_state(slot_of(loan->object)) == COHERENT_STATE_MEM &&
	       loan->inverted_address == ~object_address(loan->object);
}

static bool is_open(const struct coherent_loan *loan)
{
	return alive_is_open(object_store(loan->object)->alive);
}

/* --- Lend --- */

/* A box of a pool or in place is mapped already. Others get what the direction needs. */
static enum coherent_permission permission_of(const struct coherent_box *box,
					      enum coherent_direction direction)
{
	const struct backend *backend = object_store(box->object)->backend;

	if (object_is_slot(box->object))
		return pool_permission(box->object);
	if (box->object->in_place)
		return box->object->permission;
	return direction == COHERENT_TO_DEVICE && !backend->cannot_stop_writes ?
		       COHERENT_READ_ONLY :
		       COHERENT_READ_WRITE;
}

static int lend_in_place(struct coherent_box *box, struct coherent_loan *loan,
			 enum coherent_direction direction)
{
	struct coherent_mem mem = { .va = NULL };
	struct coherent_expose_options options = {
		COHERENT_SIZED(coherent_expose_options),
		.mem = &mem,
		.permission = permission_of(box, direction),
	};
	int err = coherent_base_expose(box, &options);

	if (!err)
		*loan = (struct coherent_loan){ .va = mem.va,
						.count = mem.count,
						.inverted_address = mem.inverted_address,
						.object = mem.object,
						.direction = direction };
	return err;
}

static int copy_of(struct coherent_box *box, size_t size, struct coherent_box *copy)
{
	const struct coherent_object *object = box->object;
	const struct iova_want want = object_want(object);
	const struct alloc_request request = {
		.count = box->count,
		.size = size,
		.attrs = object->attrs,
		.align = want.align,
		.boundary = want.boundary,
		.mask = want.mask,
		.site = object->site,
	};
	int err = whole_box_zeroed(copy, object->store, &request);

	if (!err)
		memcpy(copy->va, box->va, object_element_bytes(copy->object));
	return err;
}

static int lend_copy(struct coherent_box *box, struct coherent_loan *loan, size_t size,
		     enum coherent_direction direction)
{
	struct coherent_box copy = { .va = NULL };
	int err = copy_of(box, size, &copy);

	if (!err)
		err = lend_in_place(&copy, loan, direction);
	if (err) {
		coherent_base_box_free(box);
		return err;
	}
	memset(box->va, COHERENT_LENT_BYTE, object_element_bytes(box->object));
	loan->va = box->va;
	loan->kept = box->object;
	*box = (struct coherent_box){ .va = NULL };
	return 0;
}

/* A copy of a box would have another address. */
static bool is_lent_as_copy(const struct coherent_box *box)
{
	const struct coherent_object *object = box->object;

	return !object_is_slot(object) && !object->in_place && !object->has_address &&
	       object->store->backend->lends_copies;
}

static int refuse_target(struct object_store *store, const char *at,
			 const struct coherent_loan *loan)
{
	const struct coherent_mem mem = { .inverted_address = loan->inverted_address,
					  .object = loan->object };

	return refuse_loan(store, at, &mem);
}

static int check_lend(struct object_store *store, const struct coherent_box *box,
		      const struct coherent_loan *loan, enum coherent_direction direction)
{
	if (direction < COHERENT_TO_DEVICE || direction > COHERENT_BOTH_WAYS)
		return refuse(store, -EINVAL, LEND,
			      "the direction %d is not of enum coherent_direction", (int)direction);
	if (direction != COHERENT_TO_DEVICE && permission_of(box, direction) == COHERENT_READ_ONLY)
		return refuse(store, -EINVAL, LEND,
			      "the %s is read-only, so the device cannot write to the loan",
			      object_is_slot(box->object) ? "pool" : "box in place");
	return loan->object ? refuse_target(store, LEND, loan) : 0;
}

int coherent_base_lend(struct coherent_box *box, struct coherent_loan *loan, size_t size,
		       enum coherent_direction direction)
{
	const bool is_slot = box->object && object_is_slot(box->object);
	struct object_store *store;
	int err;

	if (!is_slot && !object_has_box(box)) {
		err = object_unknown(box->object);
		*box = (struct coherent_box){ .va = NULL };
		return err;
	}
	store = object_store(box->object);
	err = check_lend(store, box, loan, direction);
	if (err) {
		coherent_base_box_free(box);
		return err;
	}
	return is_lent_as_copy(box) ? lend_copy(box, loan, size, direction) :
				      lend_in_place(box, loan, direction);
}

/* --- Take --- */

/* A driver that wrote to the box lost what it wrote, because the device had the copy. */
static void report_touched(const struct coherent_box *box)
{
	const struct object_store *store = box->object->store;
	const size_t bytes = object_element_bytes(box->object);
	size_t first = bytes, written = 0;

	for (size_t i = 0; i < bytes; i++) {
		if ((unsigned char)box->va[i] == COHERENT_LENT_BYTE)
			continue;
		first = first < i ? first : i;
		written++;
	}
	if (written)
		report(store->reporter, COHERENT_ERROR,
		       "%s: the driver wrote %zu bytes to the memory allocated at %s while it was lent, "
		       "from byte %zu on; the device did not see them, and they are lost",
		       store->name, written, box->object->site, first);
}

/*
 * A driver gets its own memory back with what the device has written, and not with the byte that
 * fills it. @copy is the memory that the device had.
 */
static void return_contents(const struct coherent_box *kept, const void *copy)
{
	if (kept->va && kept->object->adoption)
		coherent_bytes_out(copy, kept->va, object_element_bytes(kept->object),
				   __ATOMIC_RELAXED);
}

static void take_copy(struct coherent_box *kept, struct coherent_box *copy,
		      struct coherent_box *box)
{
	report_touched(kept);
	memcpy(kept->va, copy->va, object_element_bytes(kept->object));
	coherent_base_box_free(copy);
	*box = *kept;
}

/* The reclaim of a copy needs a box of its own. The options of the program have its box. */
static int take(struct coherent_loan *loan, const struct coherent_reclaim_options *options)
{
	struct coherent_box kept = kept_box(loan), back = { .va = NULL };
	struct coherent_reclaim_options mine = *options;
	struct coherent_mem mem = mem_of(loan);
	const void *const copy = mem.va;
	struct coherent_box *box = options->box;
	int err;

	mine.box = &back;
	err = coherent_base_reclaim(&mem, &mine);
	if (!mem.object)
		*loan = (struct coherent_loan){ .va = NULL };
	if (err) {
		if (!mem.object) {
			return_contents(&kept, copy);
			coherent_base_box_free(&kept);
		}
		return err;
	}
	if (kept.va)
		take_copy(&kept, &back, box);
	else
		*box = back;
	return 0;
}

int coherent_base_take(struct coherent_loan *loan, const struct coherent_reclaim_options *options)
{
	struct object_store *store = has_object(loan) ? object_store(loan->object) : NULL;
	struct coherent_reclaim_options copy;
	const struct coherent_box *box;
	int err;

	options = options_known(options, &copy, &options_of_reclaim, store, TAKE, &err);
	if (err)
		return err;
	if (!store)
		return object_unknown(loan->object);
	box = options->box;
	return box->va ? refuse_box(store, TAKE, box) : take(loan, options);
}

/* --- Between two transfers --- */

/* The driver uses its own memory, so that a pointer that it keeps too long shows, too. */
int coherent_base_loan_begin(struct coherent_loan *loan, void **elements)
{
	struct coherent_box kept;

	*elements = NULL;
	if (!has_object(loan))
		return object_unknown(loan->object);
	if (!is_open(loan))
		return -ENODEV;
	/* ORDER: pairs with the device's last write (reclaim.litmus). */
	coherent_rmb();
	kept = kept_box(loan);
	if (kept.va) {
		report_touched(&kept);
		coherent_bytes_out(mem_of(loan).va, kept.va, object_element_bytes(kept.object),
				   __ATOMIC_RELAXED);
	}
	*elements = loan->va;
	return 0;
}

int coherent_base_loan_end(struct coherent_loan *loan, int result)
{
	struct coherent_box kept;

	/* The function has ended the loan, which its contract forbids. */
	if (!has_object(loan))
		return result < 0 ? result : -EINVAL;
	kept = kept_box(loan);
	if (kept.va) {
		if (loan->direction != COHERENT_FROM_DEVICE)
			coherent_bytes_in(mem_of(loan).va, kept.va,
					  object_element_bytes(kept.object), __ATOMIC_RELAXED);
		memset(kept.va, COHERENT_LENT_BYTE, object_element_bytes(kept.object));
	}
	/* ORDER: pairs with the device's first access (expose.litmus). */
	coherent_wmb();
	return refuse_result(object_store(loan->object), VISIT, "the function", result);
}

int coherent_base_loan_level(const struct coherent_loan *loan)
{
	return loan->object ? (int)object_level(loan->object) : 0;
}

/* --- Move --- */

/* As for a box and a mem: a move to itself changes nothing, and a loan in use stays. */
void coherent_base_loan_move(struct coherent_loan *from, struct coherent_loan *to)
{
	if (from == to)
		return;
	if (to->object) {
		(void)refuse_target(has_object(from) ? object_store(from->object) : NULL, MOVE, to);
		return;
	}
	*to = *from;
	*from = (struct coherent_loan){ .va = NULL };
}

/* --- Free --- */

void coherent_base_loan_free(struct coherent_loan *loan)
{
	struct coherent_box kept = kept_box(loan);
	struct coherent_mem mem;

	if (!has_object(loan)) {
		*loan = (struct coherent_loan){ .va = NULL };
		return;
	}
	mem = mem_of(loan);
	*loan = (struct coherent_loan){ .va = NULL };
	/* In a forked child the pages do not exist. */
	if (kept.va && alive_is_ours(object_store(mem.object)->alive))
		report_touched(&kept);
	/* A driver gets its own memory back with what the device wrote. */
	if (kept.va && kept.object->adoption)
		whole_free_into(&mem, kept.va);
	else
		coherent_base_free(&mem);
	coherent_base_box_free(&kept);
}

void coherent_base_loan_cleanup(void *loan)
{
	coherent_base_loan_free(loan);
}
