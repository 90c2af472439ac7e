// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The calls behind the macros of adopt.h check the memory. adoption.c has it from then on.
 */
#include <coherent.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/sys_maps.h"
#include "device/device.h"
#include "memory/adoption.h"
#include "memory/options.h"
#include "memory/refuse.h"
#include "memory/whole.h"

/**
 * struct adopt_call - A call that adopts memory.
 * @store: The store; NULL if the driver gave no device.
 * @request: The request for the object. Its size is that of all pieces.
 * @pieces: The pieces.
 * @count: How many there are.
 * @is_scattered: The object is a handle.
 * @tail: The last piece may end within a page.
 * @copy: The device may get a copy.
 * @release: It gets the memory back, or NULL.
 * @release_arg: The last argument of @release.
 */
struct adopt_call {
	struct object_store *store;
	struct alloc_request request;
	const struct iovec *pieces;
	size_t count;
	bool is_scattered;
	bool tail;
	bool copy;
	void (*release)(void *memory, void *release_arg);
	void *release_arg;
};

/* --- Checks --- */

static int check_piece(const struct adopt_call *call, const struct iovec *piece)
{
	const size_t page = sys_page_bytes();
	struct object_store *store = call->store;
	const char *at = call->request.site;

	if (!piece->iov_base)
		return refuse(store, -EINVAL, at, "the memory to adopt is NULL");
	if ((uintptr_t)piece->iov_base % page)
		return refuse(
			store, -EINVAL, at,
			"the memory at %p does not begin at a page, and a device reaches whole "
			"pages; allocate it with aligned_alloc(%zu, bytes) or mmap()",
			piece->iov_base, page);
	if ((!piece->iov_len || piece->iov_len % page) && !call->tail)
		return refuse(store, -EINVAL, at,
			      "the memory at %p has %zu bytes, which are not whole pages of %zu "
			      "bytes%s",
			      piece->iov_base, piece->iov_len, page,
			      call->is_scattered ?
				      "; each piece must end where a page ends" :
				      "; give .tail = true if the device may reach the "
				      "rest of the last page");
	/* The end of the last page is not 0 either. */
	if ((uintptr_t)piece->iov_base + piece->iov_len + page <= (uintptr_t)piece->iov_base)
		return refuse(store, -EINVAL, at,
			      "the memory at %p with %zu bytes is past the end of all memory",
			      piece->iov_base, piece->iov_len);
	return 0;
}

static int check_pieces(const struct adopt_call *call)
{
	int err = 0;

	for (size_t i = 0; !err && i < call->count; i++)
		err = check_piece(call, &call->pieces[i]);
	return err;
}

static int refuse_to_copy(const struct adopt_call *call)
{
	return refuse(call->store, -EOPNOTSUPP, call->request.site,
		      "the device cannot use memory that the library did not allocate%s",
		      call->is_scattered ? "; adopt a box with .copy = true" :
					   "; give .copy = true, and the library copies it at "
					   "expose and at reclaim");
}

/* The kernel checks memory that it pins. It does so at expose, where that costs nothing. */
static int check_mapped(const struct adopt_call *call, const struct adoption *adoption)
{
	struct sys_maps_problem problem;

	if (call->store->backend->checks_memory && !adoption->is_copy)
		return 0;
	if (adoption_is_mapped(adoption, &problem))
		return 0;
	return adoption_refuse(call->store, call->request.site, adoption);
}

/* --- The call --- */

static int refuse_busy(const struct adopt_call *call, const struct adoption *adoption)
{
	if (!adoption->in_the_way)
		return refuse(call->store, -EINVAL, call->request.site,
			      "the memory at %p belongs to the library; adopt memory of your own",
			      adoption->pieces[adoption->begun].iov_base);
	return refuse(call->store, -EBUSY, call->request.site,
		      "the object allocated at %s, with the device address 0x%" PRIx64
		      ", has a page of the memory at %p; %s",
		      adoption->in_the_way, adoption->in_the_way_address,
		      adoption->pieces[adoption->begun].iov_base, adoption->remedy);
}

static struct adoption *new_adoption(const struct adopt_call *call, size_t bytes)
{
	struct adoption *adoption =
		adoption_new(call->pieces, call->count, bytes, call->store->pages.page_bytes);

	if (!adoption) {
		request_failed(call->store, &call->request, bytes, -ENOMEM);
		return NULL;
	}
	adoption->is_scattered = call->is_scattered;
	adoption->is_copy = !adoption_can_be_in_place(call->store->backend);
	adoption->driver_keeps = call->is_scattered;
	adoption->release = call->release;
	adoption->release_arg = call->release_arg;
	return adoption;
}

static int begin(struct coherent_box *box, struct adopt_call *call, struct adoption *adoption)
{
	int err = check_mapped(call, adoption);

	if (err)
		return err;
	call->request.adoption = adoption;
	err = whole_box_zeroed(box, call->store, &call->request);
	/* Otherwise another object has .address, which was reported. */
	if (err == -EBUSY && adoption->is_refused)
		return refuse_busy(call, adoption);
	if (err == -EINVAL)
		return refuse(call->store, err, call->request.site,
			      "the piece at %p and one before it have a page in common",
			      adoption->pieces[adoption->begun].iov_base);
	return err;
}

/* Makes a box of the memory. The caller has checked that the output is empty. */
static int adopt(struct coherent_box *box, struct adopt_call *call)
{
	struct adoption *adoption;
	const size_t bytes = call->request.count * call->request.size;
	int err = request_check_store(call->store, &call->request, bytes);

	if (err)
		return err;
	if (!adoption_can_be_in_place(call->store->backend) && !call->copy)
		return refuse_to_copy(call);
	adoption = new_adoption(call, bytes);
	if (!adoption)
		return -ENOMEM;
	err = begin(box, call, adoption);
	if (err)
		free(adoption);
	return err;
}

int coherent_base_box_adopt(struct coherent_box *box, struct coherent_device *dev, void *memory,
			    size_t size, const struct coherent_adopt_options *options,
			    const char *site)
{
	struct iovec piece = { .iov_base = memory };
	struct coherent_adopt_options copy;
	struct adopt_call call = { .store = dev ? &dev->store : NULL };
	int err;

	options = options_known(options, &copy, &options_of_adopt, call.store, site, &err);
	if (err)
		return err;
	call.request = (struct alloc_request){
		.count = options->count,
		.size = size,
		.attrs = options->attrs,
		.align = options->align,
		.boundary = options->boundary,
		.mask = options->mask,
		.address = options->address,
		.level = options->level,
		.site = site,
		.is_filled = true,
	};
	err = request_check(call.store, &call.request, &piece.iov_len);
	if (err)
		return err;
	call.pieces = &piece;
	call.count = 1;
	call.tail = options->tail;
	call.copy = options->copy;
	call.release = options->release;
	call.release_arg = options->release_arg;
	err = check_pieces(&call);
	if (!err && box->va)
		err = refuse_box(call.store, site, box);
	return err ? err : adopt(box, &call);
}

/* --- Pieces --- */

static int sum_up(const struct adopt_call *call,
		  const struct coherent_handle_adopt_options *options, size_t *bytes)
{
	*bytes = 0;
	if (!call->pieces || !options->count)
		return refuse(call->store, -EINVAL, call->request.site,
			      "there are no pieces to adopt");
	/* An array of so many pieces does not fit into memory, so it is not read. */
	if (options->count > SIZE_MAX / sizeof(*call->pieces))
		goto overflows;
	for (size_t i = 0; i < options->count; i++)
		if (__builtin_add_overflow(*bytes, call->pieces[i].iov_len, bytes))
			goto overflows;
	return 0;

overflows:
	return refuse(call->store, -ENOMEM, call->request.site, "the size of all pieces overflows");
}

/* Checks all arguments, and that the output is empty. */
static int check_handle(struct adopt_call *call, const struct coherent_handle *handle,
			const struct coherent_handle_adopt_options *options)
{
	const struct expose_request exposure = { .permission = options->permission };
	size_t bytes;
	int err = sum_up(call, options, &call->request.count);

	if (!err)
		err = whole_check_expose(call->store, call->request.site, &exposure);
	if (!err)
		err = request_check(call->store, &call->request, &bytes);
	if (!err)
		err = check_pieces(call);
	if (!err && handle->base.object)
		err = refuse_handle(call->store, call->request.site, &handle->base);
	return err;
}

int coherent_base_handle_adopt(struct coherent_handle *handle, struct coherent_device *dev,
			       const struct iovec *pieces,
			       const struct coherent_handle_adopt_options *options,
			       const char *site)
{
	struct coherent_handle_adopt_options copy;
	struct adopt_call call = { .store = dev ? &dev->store : NULL };
	struct coherent_box box = { .va = NULL };
	struct expose_request exposure;
	int err;

	options = options_known(options, &copy, &options_of_handle_adopt, call.store, site, &err);
	if (err)
		return err;
	call = (struct adopt_call){
		.store = call.store,
		.request = { .size = 1,
			     .attrs = options->attrs,
			     .align = options->align,
			     .boundary = options->boundary,
			     .mask = options->mask,
			     .address = options->address,
			     .level = options->level,
			     .site = site,
			     .is_filled = true },
		.pieces = pieces,
		.count = options->count,
		.is_scattered = true,
		.release = options->release,
		.release_arg = options->release_arg,
	};
	err = check_handle(&call, handle, options);
	if (!err)
		err = adopt(&box, &call);
	if (err)
		return err;
	exposure = (struct expose_request){ .permission = options->permission };
	err = whole_expose(&box, &handle->base, &exposure);
	if (err)
		return err;
	handle->base.va = NULL;
	handle->base.object->adoption->driver_keeps = false;
	return 0;
}
