// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The functions of libcoherent in the Linux kernel. A driver lists this file in its Kbuild, so that
 * each module has them once:
 *
 *	mydrv-y := main.o libcoherent/kernel/coherent.o
 *
 * The contract is in coherent.h and coherent/kernel.h. Accessors are inline, in the headers.
 *
 * INVARIANT: a function that a header declares is weak. So several drivers that are built into one
 * kernel share one copy. All of them must be built with the same version of the library.
 */
#include <coherent.h>
#include <coherent/debugfs.h>
#include <coherent/detail/copy.h>
#include <coherent/handle.h>
#include <linux/err.h>
#include <linux/fs.h>

#include "allocate.h"
#include "device.h"
#include "end.h"
#include "loan.h"
#include "map.h"
#include "mmap.h"
#include "place.h"
#include "wait.h"
#ifdef CONFIG_PCI
#include "bar.h"
#endif

/* --- Boxes --- */

/* A request without a level gets that of the device. */
static int coherent_box_new(struct coherent_box *box, struct device *dev,
			    struct coherent_alloc_request *request)
{
	size_t bytes;
	int err;

	err = coherent_check_alloc(request, &bytes);
	if (err)
		return err;
	if (!coherent_box_is_empty(box))
		return coherent_refuse(-EBUSY, request->site, coherent_box_in_use);
	if (!request->level)
		request->level = coherent_queue_level(dev);
	err = coherent_check_device(dev, request, bytes);
	if (!err)
		err = coherent_object_new(&box->object, dev, request, bytes);
	if (err)
		return err;
	box->va = coherent_place_va(&box->object);
	box->count = request->count;
	return 0;
}

int __weak coherent_all_box_zeroed(struct coherent_box *box, struct device *dev, size_t size,
				   const struct coherent_box_options *options, const char *site)
{
	struct coherent_alloc_request request = {
		.count = options->count,
		.size = size,
		.attrs = options->attrs,
		.gfp = options->gfp,
		.align = options->align,
		.boundary = options->boundary,
		.level = options->level,
		.managed = options->managed,
		.site = site,
	};

	return coherent_box_new(box, dev, &request);
}

static noinline int coherent_slow_box_zeroed(struct coherent_box *box, struct device *dev,
					     size_t size, size_t count, enum coherent_level level,
					     const char *site)
{
	struct coherent_alloc_request request = {
		.count = count,
		.size = size,
		.level = level,
		.site = site,
	};

	return coherent_box_new(box, dev, &request);
}

int __weak coherent_few_box_zeroed(struct coherent_box *box, struct device *dev, size_t size,
				   size_t count, enum coherent_level level, const char *site)
{
	size_t bytes;
	int err;

	if (!coherent_box_is_empty(box) || !coherent_is_usual(dev, count, size, level, &bytes))
		return coherent_slow_box_zeroed(box, dev, size, count, level, site);
	box->count = count;
	err = coherent_usual_new(&box->object, dev, bytes, site);
	if (err)
		box->count = 0;
	else
		box->va = coherent_place_va(&box->object);
	return err;
}

/* The mask clears the padding: the same bytes in each element. */
static void coherent_fill(char *to, const char *from, const unsigned char *mask, size_t count,
			  size_t size)
{
	size_t i, k;

	memcpy(to, from, count * size);
	for (k = 0; k < size; k++)
		for (i = 0; !mask[k] && i < count; i++)
			to[i * size + k] = 0;
}

int __weak coherent_base_box_from(struct coherent_box *box, struct device *dev, const void *src,
				  const unsigned char *mask, size_t size,
				  const struct coherent_box_options *options, const char *site)
{
	int err;

	if (!src)
		return coherent_refuse(-EINVAL, site, "the elements to copy are NULL");
	err = coherent_all_box_zeroed(box, dev, size, options, site);
	if (!err)
		coherent_fill(box->va, src, mask, options->count, size);
	return err;
}

int __weak coherent_base_box_level(const struct coherent_box *box)
{
	return coherent_box_is_empty(box) ? 0 : coherent_level_of(&box->object);
}

static void coherent_mem_clear(struct coherent_mem *mem)
{
	mem->va = NULL;
	mem->count = 0;
	mem->inverted_address = 0;
}

void __weak coherent_base_box_free(struct coherent_box *box)
{
	if (coherent_box_is_empty(box))
		return;
	coherent_box_clear(box);
	coherent_object_free(&box->object);
}

void __weak coherent_base_free(struct coherent_mem *mem)
{
	if (coherent_mem_is_empty(mem))
		return;
	coherent_mem_clear(mem);
	coherent_object_free(&mem->object);
}

void __weak coherent_base_box_cleanup(void *box)
{
	coherent_base_box_free(box);
}

void __weak coherent_base_cleanup(void *mem)
{
	coherent_base_free(mem);
}

int __weak coherent_base_manage(struct coherent_object *object, size_t count)
{
	if (!count)
		return coherent_refuse(-EINVAL, NULL, "an empty object cannot be managed");
	if (coherent_is_pooled(object))
		return coherent_refuse(
			-EOPNOTSUPP, object->site,
			"an object of a pool cannot be managed; free it before the pool");
	return coherent_object_manage(object, GFP_KERNEL);
}

void __weak coherent_base_refuse_element(const struct coherent_box *box, size_t i, int returned)
{
	(void)coherent_refuse(-EINVAL, coherent_box_is_empty(box) ? NULL : box->object.site,
			      returned > 0 ? "the initialiser returned a positive number" :
					     "there is no such element in the box");
}

/* --- Expose, reclaim --- */

/* The request for an exposure, from any macro. */
struct coherent_expose_request {
	enum coherent_permission permission;
	int (*seal)(void *elements, size_t count, coherent_addr_t address, void *seal_arg);
	void *seal_arg;
};

static int coherent_seal(const struct coherent_box *box,
			 const struct coherent_expose_request *request)
{
	const coherent_addr_t address = { box->object.address };

	if (!request->seal)
		return 0;
	return coherent_result_of(request->seal(box->va, box->count, address, request->seal_arg),
				  box->object.site);
}

static int coherent_map(struct coherent_box *box, const struct coherent_expose_request *request)
{
	struct coherent_object *object = &box->object;
	int err;

	object->direction = request->permission == COHERENT_READ_ONLY ? DMA_TO_DEVICE :
									DMA_BIDIRECTIONAL;
	err = COHERENT_PLACE_IS_LATE ? 0 : coherent_seal(box, request);
	if (err)
		return err;
	/* ORDER: pairs with the device's first access (expose.litmus). */
	dma_wmb();
	err = coherent_map_pages(object);
	if (err || !COHERENT_PLACE_IS_LATE)
		return err;
	err = coherent_seal(box, request);
	/* ORDER: pairs with the device's first access too, for what .seal wrote (expose.litmus). */
	dma_wmb();
	return err;
}

static int coherent_expose_slot(struct coherent_box *box,
				const struct coherent_expose_request *request)
{
	int err;

	/* The end of the box says what is wrong. */
	if (!coherent_pooled_is_live(&box->object))
		return -EINVAL;
	if (request->permission != box->object.slot->chunk->permission)
		return coherent_refuse(-EINVAL, box->object.site,
				       ".permission is not that of the pool");
	err = coherent_seal(box, request);
	if (!err)
		coherent_pooled_share(&box->object);
	return err;
}

static int coherent_make_reachable(struct coherent_box *box,
				   const struct coherent_expose_request *request)
{
	int err;

	if (!coherent_is_usable(&box->object))
		return -ENODEV;
	if (coherent_is_pooled(&box->object))
		return coherent_expose_slot(box, request);
	if (coherent_is_adopted(&box->object))
		return coherent_refuse(-EOPNOTSUPP, box->object.site,
				       "adopted memory is lent, not exposed: coherent_lend()");
	if (box->object.level == COHERENT_IOMMU)
		return coherent_map(box, request);
	if (request->permission != COHERENT_READ_WRITE)
		return coherent_refuse(-EOPNOTSUPP, box->object.site,
				       "COHERENT_READ_ONLY needs .level = COHERENT_IOMMU");
	err = coherent_seal(box, request);
	/* ORDER: pairs with the device's first access (expose.litmus). */
	dma_wmb();
	return err;
}

/* Fills a mem that has its object. */
static __always_inline void coherent_mem_begin(struct coherent_mem *mem, size_t count)
{
	mem->va = mem->object.va;
	mem->count = count;
	mem->inverted_address = ~(u64)mem->object.address;
}

static __always_inline void coherent_become_mem(struct coherent_box *box, struct coherent_mem *mem)
{
	mem->object = box->object;
	coherent_mem_begin(mem, box->count);
	coherent_managed_update(&mem->object);
	coherent_box_clear(box);
}

static int coherent_expose_box(struct coherent_box *box, struct coherent_mem *mem,
			       const struct coherent_expose_request *request)
{
	int err;

	if (coherent_box_is_empty(box))
		return coherent_refuse(-EINVAL, NULL, "an empty box cannot be exposed");
	if ((unsigned int)request->permission > COHERENT_READ_ONLY)
		err = coherent_refuse(-EINVAL, box->object.site,
				      ".permission is not an enum coherent_permission");
	else if (!coherent_mem_is_empty(mem))
		err = coherent_refuse(-EBUSY, box->object.site, coherent_mem_in_use);
	else
		err = coherent_make_reachable(box, request);
	if (err) {
		coherent_base_box_free(box);
		return err;
	}
	coherent_become_mem(box, mem);
	return 0;
}

int __weak coherent_all_expose(struct coherent_box *box,
			       const struct coherent_expose_options *options)
{
	const struct coherent_expose_request request = { options->permission, options->seal,
							 options->seal_arg };

	return coherent_expose_box(box, options->mem, &request);
}

static noinline int coherent_rare_expose(struct coherent_box *box, struct coherent_mem *mem,
					 enum coherent_permission permission)
{
	const struct coherent_expose_request request = { .permission = permission };

	return coherent_expose_box(box, mem, &request);
}

/* Most boxes that are not whole pages of COHERENT_HIDDEN are of a pool. */
static noinline int coherent_slow_expose(struct coherent_box *box, struct coherent_mem *mem,
					 enum coherent_permission permission)
{
	if (coherent_box_is_empty(box) || !coherent_mem_is_empty(mem) ||
	    !coherent_pooled_is_usual(&box->object, permission))
		return coherent_rare_expose(box, mem, permission);
	coherent_pooled_share(&box->object);
	mem->object = box->object;
	coherent_mem_begin(mem, 1);
	coherent_box_clear(box);
	return 0;
}

int __weak coherent_few_expose(struct coherent_box *box, struct coherent_mem *mem,
			       enum coherent_permission permission)
{
	if (coherent_box_is_empty(box) || !coherent_mem_is_empty(mem) || permission ||
	    box->object.level != COHERENT_HIDDEN || !coherent_is_bound(box->object.dev))
		return coherent_slow_expose(box, mem, permission);
	/* ORDER: pairs with the device's first access (expose.litmus). */
	dma_wmb();
	coherent_become_mem(box, mem);
	return 0;
}

static noinline int coherent_reclaim_slot(struct coherent_mem *mem, struct coherent_box *box,
					  bool idle)
{
	int err = coherent_pooled_may_return(&mem->object, idle);

	if (err)
		return err;
	coherent_pooled_fetch(&mem->object);
	coherent_pooled_take_back(&mem->object);
	box->va = coherent_pooled_box_va(mem->object.slot);
	box->count = mem->count;
	box->object = mem->object;
	coherent_mem_clear(mem);
	return 0;
}

int __weak coherent_few_reclaim(struct coherent_mem *mem, struct coherent_box *box, bool idle)
{
	struct coherent_object *object = &mem->object;
	int err;

	if (coherent_mem_is_empty(mem))
		return coherent_refuse(-EINVAL, NULL, "an empty mem cannot be reclaimed");
	if (!coherent_box_is_empty(box))
		return coherent_refuse(-EBUSY, object->site, coherent_box_in_use);
	if (!coherent_is_usable(object))
		return -ENODEV;
	if (coherent_is_pooled(object))
		return coherent_reclaim_slot(mem, box, idle);
	if (object->level == COHERENT_HIDDEN && !idle)
		return coherent_refuse(-EBUSY, object->site,
				       "a reclaim at COHERENT_HIDDEN needs .idle = true");
	err = coherent_reclaim_from_processes(object);
	if (err)
		return err;
	coherent_object_unmap(object);
	/* ORDER: pairs with the device's last write (reclaim.litmus). */
	dma_rmb();
	box->va = coherent_place_va(object);
	box->count = mem->count;
	box->object = *object;
	coherent_managed_update(&box->object);
	coherent_mem_clear(mem);
	return 0;
}

/* --- Mems in one step --- */

int __weak coherent_base_init_begin(const struct coherent_mem *mem, struct coherent_box *box,
				    struct device *dev, size_t count, size_t size,
				    const struct coherent_mem_options *options, const char *site)
{
	struct coherent_alloc_request request = {
		.count = count,
		.size = size,
		.attrs = options->attrs,
		.gfp = options->gfp,
		.align = options->align,
		.boundary = options->boundary,
		.level = options->level,
		.permission = options->permission,
		.managed = options->managed,
		.site = site,
	};
	size_t bytes;
	int err;

	coherent_box_clear(box);
	err = coherent_check_alloc(&request, &bytes);
	if (err)
		return err;
	if (!coherent_mem_is_empty(mem))
		return coherent_refuse(-EBUSY, site, coherent_object_in_use);
	return coherent_box_new(box, dev, &request);
}

int __weak coherent_base_init_end(struct coherent_mem *mem, struct coherent_box *box, int err,
				  const struct coherent_mem_options *options)
{
	const struct coherent_expose_request request = { options->permission, options->seal,
							 options->seal_arg };

	if (!err)
		return coherent_expose_box(box, mem, &request);
	err = coherent_result_of(err, box->object.site);
	coherent_base_box_free(box);
	return err;
}

int __weak coherent_all_zeroed(struct coherent_mem *mem, struct device *dev, size_t size,
			       const struct coherent_mem_options *options, const char *site)
{
	struct coherent_box box;
	int err;

	err = coherent_base_init_begin(mem, &box, dev, options->count, size, options, site);
	return err ? err : coherent_base_init_end(mem, &box, 0, options);
}

static noinline int coherent_slow_zeroed(struct coherent_mem *mem, struct device *dev, size_t size,
					 size_t count, u64 level_and_permission, const char *site)
{
	const struct coherent_mem_options options = {
		.count = count,
		.level = (u32)level_and_permission,
		.permission = level_and_permission >> 32,
	};

	return coherent_all_zeroed(mem, dev, size, &options, site);
}

int __weak coherent_few_zeroed(struct coherent_mem *mem, struct device *dev, size_t size,
			       size_t count, u64 level_and_permission, const char *site)
{
	size_t bytes;
	int err;

	if (!coherent_mem_is_empty(mem) || level_and_permission > COHERENT_HIDDEN ||
	    !coherent_is_usual(dev, count, size, (u32)level_and_permission, &bytes))
		return coherent_slow_zeroed(mem, dev, size, count, level_and_permission, site);
	err = coherent_usual_new(&mem->object, dev, bytes, site);
	if (err)
		return err;
	coherent_mem_begin(mem, count);
	/* ORDER: pairs with the device's first access (expose.litmus). */
	dma_wmb();
	return 0;
}

int __weak coherent_base_from(struct coherent_mem *mem, struct device *dev, const void *src,
			      const unsigned char *mask, size_t size,
			      const struct coherent_mem_options *options, const char *site)
{
	struct coherent_box box;
	int err;

	if (!src)
		return coherent_refuse(-EINVAL, site, "the elements to copy are NULL");
	err = coherent_base_init_begin(mem, &box, dev, options->count, size, options, site);
	if (err)
		return err;
	coherent_fill(box.va, src, mask, options->count, size);
	return coherent_base_init_end(mem, &box, 0, options);
}

/* --- Moves --- */

void __weak coherent_base_box_move(struct coherent_box *from, struct coherent_box *to)
{
	const char *site = coherent_box_is_empty(from) ? NULL : from->object.site;

	if (!coherent_box_is_empty(to)) {
		if (to != from)
			(void)coherent_refuse(-EBUSY, site, coherent_box_in_use);
		return;
	}
	*to = *from;
	coherent_box_clear(from);
}

void __weak coherent_base_move(struct coherent_mem *from, struct coherent_mem *to)
{
	const char *site = coherent_mem_is_empty(from) ? NULL : from->object.site;

	if (!coherent_mem_is_empty(to)) {
		if (to != from)
			(void)coherent_refuse(-EBUSY, site, coherent_mem_in_use);
		return;
	}
	*to = *from;
	coherent_mem_clear(from);
}

/* --- Handles --- */

/* The memory has a kernel mapping that the library keeps secret: without one it is not zeroed. */
int __weak coherent_base_handle_zeroed(struct coherent_handle *handle, struct device *dev,
				       const struct coherent_handle_options *options,
				       const char *site)
{
	const struct coherent_mem_options as_mem = {
		.count = options->bytes,
		.attrs = options->attrs,
		.align = options->align,
		.boundary = options->boundary,
		.level = options->level,
		.permission = options->permission,
		.gfp = options->gfp,
		.managed = options->managed,
	};
	int err;

	err = coherent_all_zeroed(&handle->base, dev, 1, &as_mem, site);
	if (!err)
		handle->base.va = NULL;
	return err;
}

void __weak coherent_handle_free(struct coherent_handle *handle)
{
	coherent_base_free(&handle->base);
}

void __weak coherent_base_handle_cleanup(struct coherent_handle *handle)
{
	coherent_handle_free(handle);
}

/* The exposure of several boxes and the pools need the functions above. */
#include "exposures.h"
#include "pool.h"

/* --- Files --- */

/* SHARED: the device may write during the copy. A reader of this file accepts any mixture. */
static ssize_t coherent_blob_read(struct file *file, char __user *to, size_t bytes, loff_t *at)
{
	const struct coherent_object *object = file->private_data;

	return simple_read_from_buffer(to, bytes, at, coherent_place_va(object), object->bytes);
}

static loff_t coherent_blob_llseek(struct file *file, loff_t to, int whence)
{
	const struct coherent_object *object = file->private_data;

	return fixed_size_llseek(file, to, whence, object->bytes);
}

struct dentry *__weak coherent_base_debugfs_create(const char *name, struct dentry *parent,
						   struct coherent_mem *mem)
{
	static const struct file_operations operations = {
		.owner = THIS_MODULE,
		.open = simple_open,
		.read = coherent_blob_read,
		.llseek = coherent_blob_llseek,
	};

	if (coherent_mem_is_empty(mem))
		return ERR_PTR(coherent_refuse(-EINVAL, NULL, "an empty mem cannot be a file"));
	return debugfs_create_file(name, 0400, parent, &mem->object, &operations);
}
