// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/sys.h"
#include "base/sys_maps.h"
#include "memory/adoption.h"
#include "memory/object_memory.h"
#include "memory/refuse.h"

/* --- Who has a page --- */

static bool overlaps(const struct iovec *piece, uintptr_t first, size_t bytes)
{
	const uintptr_t at = (uintptr_t)piece->iov_base;

	return first && first < at + piece->iov_len && at < first + bytes;
}

/*
 * Whether an object keeps its pages: it is a box or a mem, waits for a fence, or is leaked. The thread
 * that ends the object may set @waits meanwhile. Until it takes the lock, the state says the same.
 */
__attribute__((no_sanitize("thread"))) static bool keeps_pages(const struct coherent_object *object)
{
	return object->leaked || object->waits || object->state == COHERENT_STATE_BOX ||
	       object->state == COHERENT_STATE_MEM;
}

__attribute__((no_sanitize("thread"))) static bool names_pages(const struct coherent_object *object,
							       const struct iovec *piece)
{
	const struct adoption *adoption = object->adoption;

	for (size_t i = 0; adoption && i < adoption->begun; i++)
		if (overlaps(piece, (uintptr_t)adoption->pieces[i].iov_base,
			     adoption->pieces[i].iov_len))
			return true;
	return overlaps(piece, object->pages.first, object_bytes(object)) ||
	       overlaps(piece, object->cpu_view, object_bytes(object));
}

/*
 * The owner of a page stays in the tree when its object ends, so the record is asked. The thread
 * that uses the object may change it without the lock, but not for long.
 *
 * ThreadSanitizer does not know sequence counts, as in lookup.c.
 */
__attribute__((no_sanitize("thread"))) static bool has_pages(const struct coherent_object *object,
							     const struct iovec *piece)
{
	bool has_some;
	uint32_t seq;

	do {
		seq = __atomic_load_n(&object->seq, __ATOMIC_ACQUIRE);
		has_some = keeps_pages(object) && names_pages(object, piece);
		/* ORDER: pairs with the release fence of object_seq_write_begin() (seqlock.litmus). */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (seq & 1 || __atomic_load_n(&object->seq, __ATOMIC_RELAXED) != seq);
	return has_some;
}

/* The pages of a large piece mostly had one owner, which is asked once. */
const struct coherent_object *adoption_owner_locked(struct object_store *store,
						    const struct iovec *piece)
{
	const uintptr_t end = (uintptr_t)piece->iov_base + piece->iov_len;
	const struct coherent_object *owner = NULL;
	uintptr_t at = (uintptr_t)piece->iov_base;

	while ((owner = page_owner_next(&store->owners, &at, end, owner)))
		if (has_pages(owner, piece))
			return owner;
	return NULL;
}

/* --- Begin --- */

struct adoption *adoption_new(const struct iovec *pieces, size_t count, size_t bytes, size_t page)
{
	struct adoption *adoption =
		calloc(1, sizeof(*adoption) + count * sizeof(*adoption->pieces));

	if (!adoption)
		return NULL;
	adoption->memory = pieces[0].iov_base;
	adoption->bytes = bytes;
	adoption->page_bytes = align_up(bytes, page);
	adoption->count = count;
	for (size_t i = 0; i < count; i++)
		adoption->pieces[i] =
			(struct iovec){ pieces[i].iov_base, align_up(pieces[i].iov_len, page) };
	return adoption;
}

static int compare_pieces(const void *a, const void *b)
{
	const uintptr_t first = (uintptr_t)((const struct iovec *)a)->iov_base;
	const uintptr_t second = (uintptr_t)((const struct iovec *)b)->iov_base;

	return (first > second) - (first < second);
}

/* The list of mappings may be long, and without memory to sort the pieces it is read several times. */
bool adoption_is_mapped(const struct adoption *adoption, struct sys_maps_problem *problem)
{
	const size_t bytes = adoption->count * sizeof(*adoption->pieces);
	struct iovec *sorted = adoption->count > 1 ? malloc(bytes) : NULL;

	if (sorted) {
		memcpy(sorted, adoption->pieces, bytes);
		qsort(sorted, adoption->count, sizeof(*sorted), compare_pieces);
	}
	sys_maps_check(sorted ? sorted : adoption->pieces, adoption->count, problem);
	free(sorted);
	return !problem->kind;
}

/* Returns the first page that nobody can read, such as one behind the end of its file; NULL for none. */
static void *unreadable_page(const struct adoption *adoption)
{
	const size_t page = sys_page_bytes();

	for (size_t i = 0; i < adoption->count; i++) {
		char *const first = adoption->pieces[i].iov_base;

		for (char *at = first; at < first + adoption->pieces[i].iov_len; at += page)
			if (sys_advise(at, page, MADV_POPULATE_READ) == -EFAULT)
				return at;
	}
	return NULL;
}

int adoption_refuse(struct object_store *store, const char *at, const struct adoption *adoption)
{
	static const char *const why[] = {
		[SYS_MAPS_FINE] =
			"the kernel cannot pin it, or it is read-only or behind the end of its file",
		[SYS_MAPS_NOTHING] = "nothing is mapped there",
		[SYS_MAPS_NO_READ] = "this process may not read it",
		[SYS_MAPS_NO_WRITE] = "this process may not write to it; map it with PROT_WRITE",
		[SYS_MAPS_FILE] =
			"it is a file on a disk, mapped with MAP_SHARED; use MAP_PRIVATE or a tmpfs",
	};
	struct sys_maps_problem problem = { .kind = SYS_MAPS_FINE };
	void *from;

	(void)adoption_is_mapped(adoption, &problem);
	from = problem.kind ? (void *)problem.at : unreadable_page(adoption);
	return refuse(store, -EINVAL, at, "no device can use the memory at %p: from %p on, %s%s%s",
		      adoption->memory, from ? from : adoption->memory, why[problem.kind],
		      problem.path[0] ? ": " : "", problem.path);
}

/* As keeps_pages(), with regard to @waits. */
__attribute__((no_sanitize("thread"))) static const char *
remedy_for(const struct coherent_object *owner)
{
	if (owner->leaked)
		return "close the device first, which may still reach it";
	return owner->waits ? "call coherent_device_fence() first, because it waits for that" :
			      "free it first";
}

static int begin_piece_locked(struct object_store *store, const struct coherent_object *object,
			      struct adoption *adoption, const struct iovec *piece)
	NEEDS_LOCK(store->lock)
{
	const struct coherent_object *owner = adoption_owner_locked(store, piece);

	if (owner == object)
		return -EINVAL;
	if (owner) {
		adoption->in_the_way = owner->site;
		adoption->in_the_way_address = owner->address.first;
		adoption->remedy = remedy_for(owner);
		return -EBUSY;
	}
	/* Memory that the library keeps for later objects has no owner. */
	if (pages_overlap(&store->pages, piece->iov_base, piece->iov_len))
		return -EBUSY;
	return page_owner_reserve(&store->owners, piece->iov_base, piece->iov_len);
}

/* The CPU finds the memory there until the device gets it. */
static void set_pointer(struct coherent_object *object, const struct adoption *adoption)
{
	if (!adoption->is_copy) {
		object_seq_write_begin(object);
		object->pages.first = (uintptr_t)adoption->memory;
		object->pages.last = object->pages.first + adoption->page_bytes - 1;
		object_seq_write_end(object);
	}
	object_set_va(object, adoption->memory);
}

int adoption_begin_locked(struct object_store *store, struct coherent_object *object,
			  struct adoption *adoption)
{
	int err = 0;

	object->adoption = adoption;
	for (adoption->begun = 0; !err && adoption->begun < adoption->count;) {
		const struct iovec *piece = &adoption->pieces[adoption->begun];

		err = begin_piece_locked(store, object, adoption, piece);
		if (err)
			break;
		/* The pages of one piece get their owner with the pointer. */
		if (adoption->is_scattered)
			page_owner_set(&store->owners, piece->iov_base, piece->iov_len, object);
		adoption->begun++;
	}
	adoption->is_refused = err == -EBUSY;
	if (err)
		object->adoption = NULL;
	else if (!adoption->is_scattered)
		set_pointer(object, adoption);
	return err;
}

/* --- Copies --- */

/* The device reaches the whole last page, so the rest of it is cleared. */
static void copy_in(const struct coherent_object *object)
{
	const struct adoption *adoption = object->adoption;
	char *const to = pages_va(&object->pages);

	memcpy(to, adoption->memory, adoption->bytes);
	memset(to + adoption->bytes, 0, adoption->page_bytes - adoption->bytes);
}

/*
 * The kernel answers -EINVAL for memory that the process may not write to. A kernel before 5.14
 * answers that for all memory, and cannot populate memory for reading either.
 */
static int own_piece(const struct iovec *piece)
{
	const int err = sys_advise(piece->iov_base, piece->iov_len, MADV_POPULATE_WRITE);

	if (err != -EINVAL)
		return err;
	return sys_advise(piece->iov_base, piece->iov_len, MADV_POPULATE_READ) ? err : -EFAULT;
}

/*
 * A part behind the end of a file shows here, and not by a signal later. So does a part that is
 * read-only, if the process cannot read /proc/self/maps.
 *
 * Before Linux 6.2 a pin for reading takes a page that the process shares, such as the page of
 * zeros. The next write of the CPU then goes to another page, which the device does not see.
 */
static int own_the_pages(const struct adoption *adoption)
{
	struct sys_maps_problem problem;
	int err = 0;

	for (size_t i = 0; i < adoption->count && err != -EFAULT && err != -ENOMEM; i++)
		err = own_piece(&adoption->pieces[i]);
	if (err != -ENOMEM)
		return err == -EFAULT ? err : 0;
	/* The kernel says so also if nothing is mapped there. */
	return adoption_is_mapped(adoption, &problem) ? -ENOMEM : -EFAULT;
}

int adoption_prepare(const struct coherent_object *object, enum coherent_permission permission)
{
	/* A pin for writing does all of that. */
	const bool is_pinned = object->store->backend->checks_memory &&
			       !object->adoption->is_copy && permission != COHERENT_READ_ONLY;
	int err = is_pinned ? 0 : own_the_pages(object->adoption);

	if (!err && object->adoption->is_copy)
		copy_in(object);
	return err;
}

static void copy_out(const struct coherent_object *object, const void *from)
{
	coherent_bytes_out(from, object->adoption->memory, object->adoption->bytes,
			   __ATOMIC_RELAXED);
}

/* --- Reclaim --- */

void adoption_move_locked(struct object_store *store, struct coherent_object *old,
			  struct coherent_object *home)
{
	struct adoption *adoption = old->adoption;

	home->adoption = adoption;
	old->adoption = NULL;
	/* The memory of a copy is not that of @home yet, but no other object may adopt it. */
	if (adoption && adoption->is_copy)
		page_owner_set(&store->owners, adoption->memory, adoption->page_bytes, home);
}

void adoption_come_home(struct coherent_object *home)
{
	if (!home->adoption->is_copy)
		return;
	copy_out(home, pages_va(&home->pages));
	object_set_va(home, home->adoption->memory);
}

/* --- End --- */

struct adoption *adoption_take(const struct coherent_object *object)
{
	/* The contents of a box are in the memory of the driver already. */
	if (adoption_is_copy(object) && object->state != COHERENT_STATE_BOX)
		copy_out(object, pages_va(&object->pages));
	return object->adoption;
}

void adoption_end(struct adoption *adoption)
{
	if (!adoption)
		return;
	if (adoption->release && !adoption->driver_keeps)
		adoption->release(adoption->memory, adoption->release_arg);
	free(adoption);
}
