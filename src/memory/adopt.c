// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The call behind the macro of adopt.h checks the memory. adoption.c has it from then on.
 */
#include <coherent.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/size.h"
#include "base/sys_maps.h"
#include "device/device.h"
#include "memory/adoption.h"
#include "memory/options.h"
#include "memory/refuse.h"
#include "memory/whole.h"

/* --- Checks --- */

static int check_memory(struct object_store *store, const struct alloc_request *request,
			const void *memory, size_t bytes, bool tail)
{
	const size_t page = sys_page_bytes();

	if (!memory)
		return refuse(store, -EINVAL, request->site, "the memory to adopt is NULL");
	if ((uintptr_t)memory % page)
		return refuse(
			store, -EINVAL, request->site,
			"the memory at %p does not begin at a page, and a device reaches whole "
			"pages; allocate it with aligned_alloc(%zu, bytes) or mmap()",
			memory, page);
	if (bytes % page && !tail)
		return refuse(
			store, -EINVAL, request->site,
			"the memory has %zu bytes, which are not whole pages of %zu bytes; give "
			".tail = true if the device may reach the rest of the last page",
			bytes, page);
	return 0;
}

/* Elsewhere the device reaches other memory than that of the box, or may reach it after a reclaim. */
static bool can_adopt_in_place(const struct backend *backend)
{
	return backend->ops->memory_kind == BACKEND_MEMORY_PAGES && !backend->ops->memory_at &&
	       !backend->ops->cpu_view && backend->limits.unmap_is_fence;
}

static int refuse_to_copy(struct object_store *store, const char *site)
{
	return refuse(
		store, -EOPNOTSUPP, site,
		"the device cannot use memory that the library did not allocate; give .copy = "
		"true, and the library copies it at expose and at reclaim");
}

/* The kernel checks memory that it pins. It does so at expose, where that costs nothing. */
static int check_mapped(struct object_store *store, const struct alloc_request *request)
{
	struct sys_maps_problem problem;

	if (store->backend->checks_memory && !request->adoption->is_copy)
		return 0;
	sys_maps_check(request->adoption->memory, request->adoption->bytes, &problem);
	return problem.kind ? adoption_refuse(store, request->site, request->adoption) : 0;
}

/* --- The call --- */

static int refuse_busy(struct object_store *store, const char *site,
		       const struct adoption *adoption)
{
	if (!adoption->in_the_way)
		return refuse(store, -EINVAL, site,
			      "the memory at %p belongs to the library; adopt memory of your own",
			      adoption->memory);
	return refuse(store, -EBUSY, site,
		      "the object allocated at %s, with the device address 0x%" PRIx64
		      ", has a page of the memory at %p; free it first",
		      adoption->in_the_way, adoption->in_the_way_address, adoption->memory);
}

static int begin(struct coherent_box *box, struct object_store *store,
		 struct alloc_request *request, const struct adoption *wanted)
{
	struct adoption *adoption = calloc(1, sizeof(*adoption));
	int err;

	if (!adoption) {
		request_failed(store, request, wanted->bytes, -ENOMEM);
		return -ENOMEM;
	}
	*adoption = *wanted;
	request->adoption = adoption;
	err = whole_box_zeroed(box, store, request);
	if (err == -EBUSY)
		err = refuse_busy(store, request->site, adoption);
	if (err)
		free(adoption);
	return err;
}

static int adopt(struct coherent_box *box, struct object_store *store,
		 struct alloc_request *request, const struct coherent_adopt_options *options,
		 void *memory)
{
	struct adoption wanted = { .memory = memory,
				   .release = options->release,
				   .release_arg = options->release_arg };
	int err = request_check(store, request, &wanted.bytes);

	if (!err)
		err = check_memory(store, request, memory, wanted.bytes, options->tail);
	if (!err && box->va)
		err = refuse_box(store, request->site, box);
	if (!err)
		err = request_check_store(store, request);
	if (err)
		return err;
	wanted.page_bytes = align_up(wanted.bytes, store->pages.page_bytes);
	wanted.is_copy = !can_adopt_in_place(store->backend);
	if (wanted.is_copy && !options->copy)
		return refuse_to_copy(store, request->site);
	request->adoption = &wanted;
	err = check_mapped(store, request);
	return err ? err : begin(box, store, request, &wanted);
}

int coherent_base_box_adopt(struct coherent_box *box, struct coherent_device *dev, void *memory,
			    size_t size, const struct coherent_adopt_options *options,
			    const char *site)
{
	struct object_store *store = dev ? &dev->store : NULL;
	struct coherent_adopt_options copy;
	struct alloc_request request;
	int err;

	options = options_known(options, &copy, &options_of_adopt, store, site, &err);
	if (err)
		return err;
	request = (struct alloc_request){
		.count = options->count,
		.size = size,
		.attrs = options->attrs,
		.align = options->align,
		.boundary = options->boundary,
		.level = options->level,
		.site = site,
		.is_filled = true,
	};
	return adopt(box, store, &request, options, memory);
}
