// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The calls behind the macros of coherent.h and handle.h. Each finds out whether an object is of
 * whole pages (whole.c) or a slot of a pool (pool.c), and calls the one or the other.
 */
#include <coherent.h>
#include <string.h>

#include "device/device.h"
#include "memory/options.h"
#include "memory/own.h"
#include "memory/pool.h"
#include "memory/refuse.h"
#include "memory/whole.h"

/* The names of calls, for reports. */
#define INIT_AT "coherent_box_init_at()"
#define MOVE "coherent_move()"
#define EXPOSE "coherent_expose()"
#define RECLAIM "coherent_reclaim()"
#define EXPOSE_ALL "coherent_expose_all()"

/* --- Boxes --- */

static struct object_store *store_of(struct coherent_device *dev)
{
	return dev ? &dev->store : NULL;
}

/*
 * Return the store that gets a report about an input; NULL if it knows none, because it is empty or
 * was never initialised.
 */
static struct object_store *store_of_box(const struct coherent_box *box)
{
	const bool is_known = box->object && (object_is_slot(box->object) || object_has_box(box));

	return is_known ? object_store(box->object) : NULL;
}

static struct object_store *store_of_mem(const struct coherent_mem *mem)
{
	const bool is_known = mem->object && (object_is_slot(mem->object) || object_has_mem(mem));

	return is_known ? object_store(mem->object) : NULL;
}

static void request_of_box(struct alloc_request *restrict request, size_t size,
			   const struct coherent_box_options *restrict options, const char *site)
{
	*request = (struct alloc_request){
		.count = options->count,
		.size = size,
		.attrs = options->attrs,
		.align = options->align,
		.boundary = options->boundary,
		.level = options->level,
		.site = site,
		.in_place = options->in_place,
		.mask = options->mask,
		.address = options->address,
		.nodes = options->nodes,
		.address_is_pointer = options->address_is_pointer,
	};
}

static int make_box(struct coherent_box *box, struct object_store *store,
		    const struct alloc_request *request)
{
	return request->nodes || request->address_is_pointer ?
		       own_box_zeroed(box, store, request) :
		       whole_box_zeroed(box, store, request);
}

int coherent_base_box_zeroed(struct coherent_box *box, struct coherent_device *dev, size_t size,
			     const struct coherent_box_options *options, const char *site)
{
	struct coherent_box_options copy;
	struct alloc_request request;
	int err;

	options = options_known(options, &copy, &options_of_box, store_of(dev), site, &err);
	if (err)
		return err;
	request_of_box(&request, size, options, site);
	return make_box(box, store_of(dev), &request);
}

/* Copies elements without their padding, which the mask names for one element. */
static void fill(char *to, const char *from, const unsigned char *mask, size_t count, size_t size)
{
	memcpy(to, from, count * size);
	for (size_t k = 0; k < size; k++)
		if (!mask[k])
			for (size_t i = 0; i < count; i++)
				to[i * size + k] = 0;
}

static int refuse_source(struct object_store *store, const char *site)
{
	return refuse(store, -EINVAL, site, "the array to copy from is NULL");
}

int coherent_base_box_from(struct coherent_box *box, struct coherent_device *dev, const void *src,
			   const unsigned char *mask, size_t size,
			   const struct coherent_box_options *options, const char *site)
{
	struct coherent_box_options copy;
	struct alloc_request request;
	int err;

	options = options_known(options, &copy, &options_of_box, store_of(dev), site, &err);
	if (err)
		return err;
	if (!src)
		return refuse_source(store_of(dev), site);
	request_of_box(&request, size, options, site);
	request.is_filled = true;
	/* The box is zeroed first, because the rest of its last page is the device's too. */
	err = make_box(box, store_of(dev), &request);
	if (!err)
		fill(box->va, src, mask, request.count, request.size);
	return err;
}

void coherent_base_refuse_element(const struct coherent_box *box, size_t i, int returned)
{
	struct object_store *store = store_of_box(box);

	if (returned > 0)
		(void)refuse_result(store, INIT_AT, "the initialiser", returned);
	else
		(void)refuse(store, -EINVAL, INIT_AT, "there is no element %zu, the box has %zu", i,
			     box->count);
}

int coherent_base_box_level(const struct coherent_box *box)
{
	return box->object ? (int)object_level(box->object) : 0;
}

void coherent_base_box_free(struct coherent_box *box)
{
	if (box->object && object_is_slot(box->object))
		pool_free_box(box);
	else
		whole_box_free(box);
}

void coherent_base_box_cleanup(void *box)
{
	coherent_base_box_free(box);
}

/* --- Expose, reclaim, free --- */

/* The copy needs room on the stack, which the fast path of pools must not take. */
static __attribute__((noinline)) int expose(struct coherent_box *box,
					    const struct coherent_expose_options *options)
{
	struct coherent_expose_options copy;
	struct expose_request request;
	int err;

	options =
		options_known(options, &copy, &options_of_expose, store_of_box(box), EXPOSE, &err);
	if (err) {
		coherent_base_box_free(box);
		return err;
	}
	request = (struct expose_request){ options->permission, options->seal, options->seal_arg };
	return whole_expose(box, options->mem, &request);
}

int coherent_base_expose(struct coherent_box *box, const struct coherent_expose_options *options)
{
	if (box->object && object_is_slot(box->object))
		return pool_expose(box, options);
	return expose(box, options);
}

static __attribute__((noinline)) int refuse_reclaim(const struct coherent_mem *mem,
						    const struct coherent_box *box)
{
	struct object_store *store = store_of_mem(mem);

	return store ? refuse_box(store, RECLAIM, box) : -EINVAL;
}

static int reclaim(struct coherent_mem *mem, const struct coherent_reclaim_options *options)
{
	/* The options hold a void pointer, because the macro passes any type of box. */
	struct coherent_box *box = options->box;

	if (!mem->object || box->va)
		return refuse_reclaim(mem, box);
	if (object_is_slot(mem->object))
		return pool_reclaim(mem, options);
	return whole_reclaim(mem, box, options->idle);
}

static __attribute__((noinline)) int reclaim_sized(struct coherent_mem *mem,
						   const struct coherent_reclaim_options *options)
{
	struct coherent_reclaim_options copy;
	int err;

	err = options_read(options, &copy, &options_of_reclaim, store_of_mem(mem), RECLAIM);
	return err ? err : reclaim(mem, &copy);
}

int coherent_base_reclaim(struct coherent_mem *mem, const struct coherent_reclaim_options *options)
{
	if (__builtin_expect(options->struct_size != sizeof(*options), 0))
		return reclaim_sized(mem, options);
	return reclaim(mem, options);
}

void coherent_base_free(struct coherent_mem *mem)
{
	struct coherent_object *object = mem->object;

	if (object && object_is_slot(object))
		pool_free(mem);
	else if (object)
		whole_free(mem);
}

void coherent_base_cleanup(void *mem)
{
	coherent_base_free(mem);
}

/* --- Mems in one step --- */

static struct alloc_request request_of_mem(size_t count, size_t size,
					   const struct coherent_mem_options *options,
					   const char *site)
{
	return (struct alloc_request){
		.count = count,
		.size = size,
		.attrs = options->attrs,
		.align = options->align,
		.boundary = options->boundary,
		.level = options->level,
		.site = site,
		.in_place = options->in_place,
		.mask = options->mask,
		.address = options->address,
		.nodes = options->nodes,
		.address_is_pointer = options->address_is_pointer,
		.permission = options->permission,
	};
}

static struct expose_request exposure_of_mem(const struct coherent_mem_options *options)
{
	return (struct expose_request){ options->permission, options->seal, options->seal_arg };
}

/* Reports that an output is not empty: refuse_mem() or refuse_handle(). */
typedef int refuse_fn(struct object_store *store, const char *at, const struct coherent_mem *mem);

static int init_begin(const struct coherent_mem *mem, refuse_fn *refuse_output,
		      struct coherent_box *box, struct coherent_device *dev,
		      const struct alloc_request *request,
		      const struct coherent_mem_options *options)
{
	struct object_store *store = store_of(dev);
	const struct expose_request exposure = exposure_of_mem(options);
	size_t bytes;
	int err;

	*box = (struct coherent_box){ .va = NULL };
	/* A wrong option of the expose shows before the driver's initialiser runs. */
	err = whole_check_expose(store, request->site, &exposure);
	if (!err)
		err = request_check(store, request, &bytes);
	if (!err && mem->object)
		err = refuse_output(store, request->site, mem);
	return err ? err : make_box(box, store, request);
}

int coherent_base_init_begin(const struct coherent_mem *mem, struct coherent_box *box,
			     struct coherent_device *dev, size_t count, size_t size,
			     const struct coherent_mem_options *options, const char *site)
{
	struct coherent_mem_options copy;
	struct alloc_request request;
	int err;

	*box = (struct coherent_box){ .va = NULL };
	options = options_known(options, &copy, &options_of_mem, store_of(dev), site, &err);
	if (err)
		return err;
	request = request_of_mem(count, size, options, site);
	return init_begin(mem, refuse_mem, box, dev, &request, options);
}

static int init_end(struct coherent_mem *mem, struct coherent_box *box, int err,
		    const struct coherent_mem_options *options)
{
	const struct expose_request exposure = exposure_of_mem(options);

	if (!err)
		return whole_expose(box, mem, &exposure);
	err = refuse_result(object_store(box->object), object_site(box->object), "the initialiser",
			    err);
	coherent_base_box_free(box);
	return err;
}

int coherent_base_init_end(struct coherent_mem *mem, struct coherent_box *box, int err,
			   const struct coherent_mem_options *options)
{
	struct coherent_mem_options copy;
	int refused;

	options = options_known(options, &copy, &options_of_mem, object_store(box->object),
				object_site(box->object), &refused);
	if (!refused)
		return init_end(mem, box, err, options);
	coherent_base_box_free(box);
	return refused;
}

static int zeroed(struct coherent_mem *mem, refuse_fn *refuse_output, struct coherent_device *dev,
		  size_t size, const struct coherent_mem_options *options, const char *site)
{
	struct alloc_request request = request_of_mem(options->count, size, options, site);
	struct coherent_box box;
	int err;

	request.next = PAGES_NEXT_DEVICE;
	request.is_filled = true;
	err = init_begin(mem, refuse_output, &box, dev, &request, options);
	return err ? err : init_end(mem, &box, 0, options);
}

int coherent_base_zeroed(struct coherent_mem *mem, struct coherent_device *dev, size_t size,
			 const struct coherent_mem_options *options, const char *site)
{
	struct coherent_mem_options copy;
	int err;

	options = options_known(options, &copy, &options_of_mem, store_of(dev), site, &err);
	return err ? err : zeroed(mem, refuse_mem, dev, size, options, site);
}

int coherent_base_from(struct coherent_mem *mem, struct coherent_device *dev, const void *src,
		       const unsigned char *mask, size_t size,
		       const struct coherent_mem_options *options, const char *site)
{
	struct coherent_mem_options copy;
	struct alloc_request request;
	struct coherent_box box;
	int err;

	options = options_known(options, &copy, &options_of_mem, store_of(dev), site, &err);
	if (err)
		return err;
	if (!src)
		return refuse_source(store_of(dev), site);
	request = request_of_mem(options->count, size, options, site);
	request.is_filled = true;
	err = init_begin(mem, refuse_mem, &box, dev, &request, options);
	if (err)
		return err;
	fill(box.va, src, mask, options->count, size);
	return init_end(mem, &box, 0, options);
}

/* --- Moves --- */

void coherent_base_box_move(struct coherent_box *from, struct coherent_box *to)
{
	/* Moving a box to itself changes nothing. */
	if (from == to)
		return;
	/* A move never fails and never overwrites: a box that is in use stays, and so does the other. */
	if (to->va) {
		(void)refuse_box(store_of_box(from), MOVE, to);
		return;
	}
	*to = *from;
	*from = (struct coherent_box){ .va = NULL };
}

void coherent_base_move(struct coherent_mem *from, struct coherent_mem *to)
{
	if (from == to)
		return;
	if (to->object) {
		(void)refuse_mem(store_of_mem(from), MOVE, to);
		return;
	}
	*to = *from;
	*from = (struct coherent_mem){ .va = NULL };
}

/* --- Parts of mems --- */

int coherent_base_refuse_view(const struct coherent_mem *mem)
{
	if (!mem->count)
		return -EINVAL;
	return refuse(object_store(mem->object), -EINVAL, "coherent_view()",
		      "a view needs at least one element");
}

int coherent_base_refuse_ring(const struct coherent_mem *mem)
{
	if (!mem->count)
		return -EINVAL;
	return refuse(object_store(mem->object), -EINVAL, "coherent_ring()",
		      "the mem has %zu elements, but a ring needs a power of two", mem->count);
}

/* --- Several boxes --- */

/* An array of a program, whose struct may have another size than the library's. */
struct exposures {
	const struct coherent_exposure *first;
	size_t count;
	size_t bytes;
};

static const struct coherent_exposure *exposure_at(const struct exposures *all, size_t i)
{
	return (const void *)((const char *)all->first + i * all->bytes);
}

static bool is_given_twice(const struct exposures *all, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (exposure_at(all, k)->box == exposure_at(all, i)->box)
			return true;
	return false;
}

/*
 * Returns the store of a box, because the boxes may belong to several devices. If the box knows
 * none, the first one that is known gets the report. NULL if no box knows one.
 */
static struct object_store *store_of_exposure(const struct exposures *all, size_t which)
{
	struct object_store *store = store_of_box(exposure_at(all, which)->box);

	for (size_t i = 0; !store && i < all->count; i++)
		store = store_of_box(exposure_at(all, i)->box);
	return store;
}

static int check_size(const struct exposures *all, size_t i)
{
	const size_t least = SIZED_TO(struct coherent_exposure, options);
	struct coherent_exposure known;
	char reason[SIZED_REASON_BYTES];
	int err;

	err = sized_read(&known, sizeof(known), exposure_at(all, i), all->bytes, least);
	if (err)
		(void)refuse(store_of_box(exposure_at(all, i)->box), err, EXPOSE_ALL, "%s",
			     sized_explain(reason, err, "coherent_exposure", all->bytes,
					   sizeof(known)));
	return err;
}

static int check_exposure(const struct exposures *all, size_t i)
{
	const struct coherent_expose_options *options = exposure_at(all, i)->options;
	struct object_store *store = store_of_exposure(all, i);
	struct coherent_expose_options copy;
	struct expose_request request;
	int err;

	if (!exposure_at(all, i)->box->va)
		return refuse(store, -EINVAL, EXPOSE_ALL, "box %zu is empty", i + 1);
	if (is_given_twice(all, i))
		return refuse(store, -EINVAL, EXPOSE_ALL, "box %zu is given twice", i + 1);
	options = options_known(options, &copy, &options_of_expose, store, EXPOSE_ALL, &err);
	if (err)
		return err;
	request = (struct expose_request){ .permission = options->permission };
	return whole_check_expose(store, EXPOSE_ALL, &request);
}

/* Finds errors before anything is exposed. */
static int check_exposures(const struct exposures *all)
{
	int err = 0;

	for (size_t i = 0; !err && i < all->count; i++)
		err = check_size(all, i);
	for (size_t i = 0; !err && i < all->count; i++)
		err = check_exposure(all, i);
	for (size_t i = 0; !err && i < all->count; i++) {
		const struct coherent_mem *mem = exposure_at(all, i)->options->mem;

		if (mem->object)
			err = refuse_mem(store_of_exposure(all, i), EXPOSE_ALL, mem);
	}
	return err;
}

static void end_exposures(const struct exposures *all, size_t done)
{
	for (size_t i = 0; i < all->count; i++)
		coherent_base_box_free(exposure_at(all, i)->box);
	while (done)
		coherent_base_free(exposure_at(all, --done)->options->mem);
}

int coherent_base_expose_all(const struct coherent_exposure *exposures, size_t count,
			     size_t exposure_size)
{
	const struct exposures all = { exposures, count, exposure_size };
	size_t done = 0;
	int err;

	/* With a size that no version has, only the first box is at a known place. */
	err = count ? check_size(&all, 0) : 0;
	if (err == -EINVAL)
		return err;
	err = err ? err : check_exposures(&all);
	while (!err && done < count) {
		const struct coherent_exposure *next = exposure_at(&all, done);

		err = coherent_base_expose(next->box, next->options);
		done += !err;
	}
	if (err)
		end_exposures(&all, done);
	return err;
}

/* --- Handles --- */

static struct coherent_mem_options as_mem_options(const struct coherent_handle_options *options)
{
	return (struct coherent_mem_options){
		.count = options->bytes,
		.attrs = options->attrs,
		.align = options->align,
		.boundary = options->boundary,
		.level = options->level,
		.permission = options->permission,
		.mask = options->mask,
		.address = options->address,
		.nodes = options->nodes,
	};
}

int coherent_base_handle_zeroed(struct coherent_handle *handle, struct coherent_device *dev,
				const struct coherent_handle_options *options, const char *site)
{
	/* The copy keeps a handle that is in use as it is when the call fails. */
	struct coherent_mem mem = handle->base;
	struct coherent_handle_options copy;
	struct coherent_mem_options as_mem;
	int err;

	options = options_known(options, &copy, &options_of_handle, store_of(dev), site, &err);
	if (err)
		return err;
	as_mem = as_mem_options(options);
	err = zeroed(&mem, refuse_handle, dev, 1, &as_mem, site);
	if (err)
		return err;
	/* A handle has no CPU mapping, so no accessor may find one. */
	handle->base = mem;
	handle->base.va = NULL;
	return 0;
}

void coherent_handle_free(struct coherent_handle *handle)
{
	coherent_base_free(&handle->base);
}

void coherent_base_handle_cleanup(struct coherent_handle *handle)
{
	coherent_handle_free(handle);
}
