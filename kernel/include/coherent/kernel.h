/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The contract of coherent.h in the Linux kernel, from 6.1 on. Its functions are static
 * inlines over the DMA API. A struct coherent_device is a struct device that a driver is
 * bound to; a device is bound during probe() too.
 *
 * The .level of an allocation chooses one of two levels:
 *
 * COHERENT_HIDDEN, the default, uses dma_alloc_attrs(). The memory is mapped from the
 * start, and only its address is secret. coherent_reclaim() needs .idle, and the device
 * can still reach the memory. .permission = COHERENT_READ_ONLY returns -EOPNOTSUPP.
 *
 * COHERENT_IOMMU maps the pages at expose. Reclaim unmaps them and flushes the IOTLB: when
 * it returns, the device cannot reach the memory. Pages are contiguous, so an object has
 * at most some MiB. An allocation returns -EOPNOTSUPP if the device's domain does not
 * translate (passthrough), if the device is not cache-coherent, or if its coherent DMA mask
 * is narrower than its streaming mask. Expose returns it if the device would get bounce
 * buffers.
 * Before Linux 6.16 the library knows the address only after the mapping. So .seal runs
 * when the device can already reach the memory, but nobody knows the address yet. After
 * a reclaim the next mapping may get the address. From 6.16 on a box keeps its address
 * from its allocation to its end, also across a reclaim.
 *
 * The driver must free its objects before its remove() returns, or give them to
 * coherent_manage(). If an object is freed later, while no driver is bound, it is leaked
 * with a warning: the DMA API may no longer know how the memory was mapped.
 *
 * A call on memory that returns -EINVAL, -EBUSY or -EOPNOTSUPP logs why, at a limited rate.
 * Accessors and views do not.
 *
 * A poll and a wait for an interrupt with a timeout of U64_MAX return -EINTR when their task
 * is killed. So a process that waits for a dead device can be ended. The device may still be
 * busy then. A task that is killed does not end a wait with another timeout. So remove() can
 * stop the device also if the user killed rmmod.
 *
 * Calls that may sleep do not sleep with .gfp = GFP_ATOMIC. Memory of COHERENT_HIDDEN that
 * is freed in atomic context is given back soon after, by a work item, and before the driver
 * is unbound. This holds for each object that was allocated with GFP_ATOMIC. A devres action
 * that was added before the first allocation of its source file runs too late for that: what
 * it frees in atomic context is leaked with a report. If a source file allocates for the
 * first time in remove(), GFP_ATOMIC returns -ENODEV.
 * An object that was allocated without GFP_ATOMIC must not be freed under a spinlock alone,
 * because the library cannot detect a spinlock in a kernel that does not count preemption.
 * In an interrupt, or with interrupts or softirqs off, its free needs a little memory. If
 * there is none, the object is leaked with a report.
 *
 * A .gfp with a zone or with __GFP_COMP returns -EINVAL; the zone follows from the mask.
 */
#ifndef COHERENT_KERNEL_H
#define COHERENT_KERNEL_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent.h>
#include <coherent/detail/object.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>

/* --- Devices --- */

/**
 * coherent_device_level() - Return the highest level at which a device gets memory.
 * @dev: The device.
 *
 * If the coherent DMA mask of the device is narrower than its streaming mask, this is
 * COHERENT_HIDDEN, and the log says so the first time in a source file: the kernel maps
 * pages under the streaming mask.
 *
 * Context: any.
 * Return: the level; 0 if @dev is NULL or not bound.
 */
static inline enum coherent_level coherent_device_level(struct device *dev)
{
	const char *why;

	if (!coherent_is_bound(dev))
		return 0;
	why = coherent_why_hidden(dev);
	if (why == coherent_narrow_mask)
		dev_warn_once(dev, "coherent: level COHERENT_HIDDEN: %s\n", why);
	return why ? COHERENT_HIDDEN : COHERENT_IOMMU;
}

/**
 * coherent_device_set_mask() - Tell the library which addresses the device can use.
 * @dev: The device.
 * @mask: A mask from coherent_mask().
 *
 * Call this before anything is allocated. In the kernel the library does not check that.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL (@mask is 0 or not a mask of the lowest bits), -EIO (no memory is
 * under @mask), -ENODEV.
 */
static inline int __must_check coherent_device_set_mask(struct device *dev, u64 mask)
{
	if (!coherent_is_bound(dev))
		return -ENODEV;
	if (!mask || mask & (mask + 1))
		return coherent_refuse(-EINVAL, dev_name(dev),
				       "the mask is 0 or has a hole; use coherent_mask()");
	return dma_set_mask_and_coherent(dev, mask) ? -EIO : 0;
}
#define coherent_device_set_mask(dev, mask) COHERENT_RESULT(, coherent_device_set_mask(dev, mask))

/* --- Boxes --- */

static inline int coherent_box_new(struct coherent_box *box, struct device *dev,
				   const struct coherent_alloc_request *request)
{
	size_t bytes;
	int err;

	err = coherent_check_alloc(request, &bytes);
	if (err)
		return err;
	if (!coherent_box_is_empty(box))
		return coherent_refuse(-EBUSY, request->site, coherent_box_in_use);
	err = coherent_check_device(dev, request, bytes);
	if (!err)
		err = coherent_object_new(&box->object, dev, request, bytes);
	if (err)
		return err;
	box->va = coherent_place_va(&box->object);
	box->count = request->count;
	return 0;
}

static inline int coherent_base_box_zeroed(struct coherent_box *box, struct device *dev,
					   size_t size, const struct coherent_box_options *options,
					   const char *site)
{
	const struct coherent_alloc_request request = {
		.count = options->count,
		.size = size,
		.attrs = options->attrs,
		.gfp = options->gfp,
		.align = options->align,
		.boundary = options->boundary,
		.level = options->level,
		.site = site,
	};

	return coherent_box_new(box, dev, &request);
}

/* The mask clears the padding: the same bytes in each element. */
static inline void coherent_fill(char *to, const char *from, const unsigned char *mask,
				 size_t count, size_t size)
{
	size_t i, k;

	memcpy(to, from, count * size);
	for (k = 0; k < size; k++)
		for (i = 0; !mask[k] && i < count; i++)
			to[i * size + k] = 0;
}

static inline int coherent_base_box_from(struct coherent_box *box, struct device *dev,
					 const void *src, const unsigned char *mask, size_t size,
					 const struct coherent_box_options *options,
					 const char *site)
{
	int err;

	if (!src)
		return coherent_refuse(-EINVAL, site, "the elements to copy are NULL");
	err = coherent_base_box_zeroed(box, dev, size, options, site);
	if (!err)
		coherent_fill(box->va, src, mask, options->count, size);
	return err;
}

static inline int coherent_base_box_level(const struct coherent_box *box)
{
	return coherent_box_is_empty(box) ? 0 : box->object.level;
}

/* INVARIANT: an object without elements is empty. */
static inline void coherent_box_clear(struct coherent_box *box)
{
	box->va = NULL;
	box->count = 0;
}

static inline void coherent_mem_clear(struct coherent_mem *mem)
{
	mem->va = NULL;
	mem->count = 0;
	mem->inverted_address = 0;
}

static inline void coherent_base_box_free(struct coherent_box *box)
{
	const bool is_empty = coherent_box_is_empty(box);

	coherent_box_clear(box);
	if (!is_empty)
		coherent_object_free(&box->object);
}

static inline void coherent_base_free(struct coherent_mem *mem)
{
	const bool is_empty = coherent_mem_is_empty(mem);

	coherent_mem_clear(mem);
	if (!is_empty)
		coherent_object_free(&mem->object);
}

static inline void coherent_base_box_cleanup(void *box)
{
	coherent_base_box_free(box);
}

static inline void coherent_base_cleanup(void *mem)
{
	coherent_base_free(mem);
}

static inline int coherent_base_manage(struct coherent_object *object, size_t count)
{
	if (!count)
		return coherent_refuse(-EINVAL, NULL, "an empty object cannot be managed");
	return coherent_object_manage(object);
}

/**
 * coherent_manage() - Let devres free a mem with its device.
 * @mem: The mem.
 *
 * If the driver does not free the mem, devres frees it after the driver's remove(), or after
 * a probe() that failed. The object stays managed when it is reclaimed, exposed or moved, and
 * devres frees it whether it is a box or a mem then. Once devres has begun to free, do not use
 * the variable any more.
 *
 * If the driver of the device is of another module, the caller's module cannot be unloaded
 * until the driver is unbound.
 *
 * Context: may sleep.
 * Return: 0. With these errors @mem stays as it is: -EINVAL (@mem is empty), -ENODEV, -ENOMEM.
 */
#define coherent_manage(mem)                     \
	COHERENT_RESULT(COHERENT_NEEDS_MEM(mem), \
			coherent_base_manage(&(mem)->base.object, (mem)->base.count))

/**
 * coherent_box_manage() - Let devres free a box with its device.
 * @box: The box.
 *
 * The rest is as for coherent_manage().
 *
 * Context: may sleep.
 * Return: as coherent_manage().
 */
#define coherent_box_manage(box)                 \
	COHERENT_RESULT(COHERENT_NEEDS_BOX(box), \
			coherent_base_manage(&(box)->base.object, (box)->base.count))

/**
 * coherent_handle_manage() - Let devres free a handle with its device.
 * @handle: The handle.
 *
 * The rest is as for coherent_manage().
 *
 * Context: may sleep.
 * Return: as coherent_manage().
 */
static inline int __must_check coherent_handle_manage(struct coherent_handle *handle)
{
	return coherent_base_manage(&handle->base.object, handle->base.count);
}
#define coherent_handle_manage(handle) COHERENT_RESULT(, coherent_handle_manage(handle))

/* --- Refusals --- */

static inline void coherent_base_refuse_element(const struct coherent_box *box, size_t i,
						int returned)
{
	(void)coherent_refuse(-EINVAL, coherent_box_is_empty(box) ? NULL : box->object.site,
			      returned > 0 ? "the initialiser returned a positive number" :
					     "there is no such element in the box");
}

static inline int coherent_base_refuse_view(const struct coherent_mem *mem)
{
	return -EINVAL;
}

static inline int coherent_base_refuse_ring(const struct coherent_mem *mem)
{
	return -EINVAL;
}

/* --- Expose, reclaim --- */

/* The request for an exposure, from any macro. */
struct coherent_expose_request {
	enum coherent_permission permission;
	int (*seal)(void *elements, size_t count, coherent_addr_t address, void *seal_arg);
	void *seal_arg;
};

/* Only 0 is success. A callback that returns a positive number breaks its contract. */
static inline int coherent_result_of(int result, const char *site)
{
	if (result > 0)
		return coherent_refuse(-EINVAL, site,
				       "a callback returned a positive number; 0 is success");
	return result;
}

static inline int coherent_seal(const struct coherent_box *box,
				const struct coherent_expose_request *request)
{
	const coherent_addr_t address = { box->object.address };

	if (!request->seal)
		return 0;
	return coherent_result_of(request->seal(box->va, box->count, address, request->seal_arg),
				  box->object.site);
}

static inline int coherent_map(struct coherent_box *box,
			       const struct coherent_expose_request *request)
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
	err = coherent_place_map(object);
	if (err)
		return err;
	object->mapped = true;
	if (!coherent_place_is_direct(object))
		return coherent_refuse(-EOPNOTSUPP, object->site,
				       "the kernel gives the device bounce buffers");
	if (!COHERENT_PLACE_IS_LATE)
		return 0;
	err = coherent_check_address(object);
	if (!err)
		err = coherent_seal(box, request);
	/* ORDER: pairs with the device's first access too, for what .seal wrote (expose.litmus). */
	dma_wmb();
	return err;
}

static inline int coherent_make_reachable(struct coherent_box *box,
					  const struct coherent_expose_request *request)
{
	int err;

	if (!coherent_is_bound(box->object.dev))
		return -ENODEV;
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

static inline int coherent_expose_box(struct coherent_box *box, struct coherent_mem *mem,
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
	mem->va = box->object.va;
	mem->count = box->count;
	mem->inverted_address = ~(u64)box->object.address;
	mem->object = box->object;
	coherent_managed_update(&mem->object);
	coherent_box_clear(box);
	return 0;
}

static inline int coherent_base_expose(struct coherent_box *box,
				       const struct coherent_expose_options *options)
{
	const struct coherent_expose_request request = { options->permission, options->seal,
							 options->seal_arg };

	return coherent_expose_box(box, options->mem, &request);
}

static inline int coherent_base_reclaim(struct coherent_mem *mem,
					const struct coherent_reclaim_options *options)
{
	struct coherent_object *object = &mem->object;
	struct coherent_box *box = options->box;

	if (coherent_mem_is_empty(mem))
		return coherent_refuse(-EINVAL, NULL, "an empty mem cannot be reclaimed");
	if (!coherent_box_is_empty(box))
		return coherent_refuse(-EBUSY, object->site, coherent_box_in_use);
	if (!coherent_is_bound(object->dev))
		return -ENODEV;
	if (object->level == COHERENT_HIDDEN && !options->idle)
		return coherent_refuse(-EBUSY, object->site,
				       "a reclaim at COHERENT_HIDDEN needs .idle = true");
	if (object->mapped)
		coherent_place_unmap(object);
	object->mapped = false;
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

static inline int coherent_base_init_begin(const struct coherent_mem *mem, struct coherent_box *box,
					   struct device *dev, size_t count, size_t size,
					   const struct coherent_mem_options *options,
					   const char *site)
{
	const struct coherent_alloc_request request = {
		.count = count,
		.size = size,
		.attrs = options->attrs,
		.gfp = options->gfp,
		.align = options->align,
		.boundary = options->boundary,
		.level = options->level,
		.permission = options->permission,
		.site = site,
	};
	size_t bytes;
	int err;

	coherent_box_clear(box);
	err = coherent_check_alloc(&request, &bytes);
	if (err)
		return err;
	if (!coherent_mem_is_empty(mem))
		return coherent_refuse(-EBUSY, site, coherent_mem_in_use);
	return coherent_box_new(box, dev, &request);
}

static inline int coherent_base_init_end(struct coherent_mem *mem, struct coherent_box *box,
					 int err, const struct coherent_mem_options *options)
{
	const struct coherent_expose_request request = { options->permission, options->seal,
							 options->seal_arg };

	if (!err)
		return coherent_expose_box(box, mem, &request);
	err = coherent_result_of(err, box->object.site);
	coherent_base_box_free(box);
	return err;
}

static inline int coherent_base_zeroed(struct coherent_mem *mem, struct device *dev, size_t size,
				       const struct coherent_mem_options *options, const char *site)
{
	struct coherent_box box;
	int err;

	err = coherent_base_init_begin(mem, &box, dev, options->count, size, options, site);
	return err ? err : coherent_base_init_end(mem, &box, 0, options);
}

static inline int coherent_base_from(struct coherent_mem *mem, struct device *dev, const void *src,
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

static inline void coherent_base_box_move(struct coherent_box *from, struct coherent_box *to)
{
	if (!coherent_box_is_empty(to))
		return;
	*to = *from;
	coherent_box_clear(from);
}

static inline void coherent_base_move(struct coherent_mem *from, struct coherent_mem *to)
{
	if (!coherent_mem_is_empty(to))
		return;
	*to = *from;
	coherent_mem_clear(from);
}

/* --- Handles --- */

/* The memory has a kernel mapping that the library keeps secret: without one it is not zeroed. */
static inline int coherent_base_handle_zeroed(struct coherent_handle *handle, struct device *dev,
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
	};
	int err;

	err = coherent_base_zeroed(&handle->base, dev, 1, &as_mem, site);
	if (!err)
		handle->base.va = NULL;
	return err;
}

static inline void coherent_handle_free(struct coherent_handle *handle)
{
	coherent_base_free(&handle->base);
}

static inline void coherent_base_handle_cleanup(struct coherent_handle *handle)
{
	coherent_handle_free(handle);
}

/* --- Polling --- */

static inline void coherent_base_wait_begin(struct coherent_wait *wait, u64 timeout_ns)
{
	const u64 now = ktime_get_ns();

	might_sleep();
	wait->deadline_ns = timeout_ns > U64_MAX - now ? U64_MAX : now + timeout_ns;
	wait->turns = 0;
	wait->late = false;
}

static inline int coherent_wait_more(struct coherent_wait *wait, const struct device *dev)
{
	if (!coherent_is_bound(dev))
		return -ENODEV;
	if (wait->late)
		return -ETIMEDOUT;
	if (wait->deadline_ns == U64_MAX && fatal_signal_pending(current))
		return -EINTR;
	/* A thread that did not run until after the deadline still gets a last test. */
	wait->late = ktime_get_ns() >= wait->deadline_ns;
	if (wait->turns++ < 100)
		cpu_relax();
	else
		usleep_range(20, 100);
	return 0;
}

static inline int coherent_base_wait_more(struct coherent_wait *wait,
					  const struct coherent_mem *mem)
{
	return coherent_wait_more(wait, mem->object.dev);
}

/* This file needs the functions above. */
#include <coherent/detail/exposures.h>

#endif
