/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The allocation of an object in the kernel, and the checks of its options.
 *
 * INVARIANT: an object holds a reference to its device. So the library can always ask
 * whether a driver is still bound to the device.
 * INVARIANT: when a call returns, the copy that devres has of a managed object is equal
 * to the object.
 */
#ifndef COHERENT_ALLOCATE_H
#define COHERENT_ALLOCATE_H

#include <coherent.h>
#include "end.h"
#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#if defined(CONFIG_STACKTRACE) && defined(CONFIG_KALLSYMS)

/* The library never has so many calls inside of each other. */
#define COHERENT_MAX_CALLS 16

/*
 * Returns the place that called the library; 0 if it is unknown. The names of the library's functions
 * begin with "coherent_". The calls that succeed pay nothing, because they do not pass the place on.
 */
static unsigned long coherent_driver_call(void)
{
	static const char prefix[] = "coherent_";
	unsigned long calls[COHERENT_MAX_CALLS];
	const unsigned int count = stack_trace_save(calls, ARRAY_SIZE(calls), 0);
	char name[sizeof(prefix)];
	unsigned int i;

	for (i = 0; i < count; i++) {
		scnprintf(name, sizeof(name), "%ps", (void *)calls[i]);
		if (strcmp(name, prefix))
			return calls[i];
	}
	return 0;
}

#else

static unsigned long coherent_driver_call(void)
{
	return 0;
}

#endif

/*
 * Logs why a call is refused, at a limited rate. @site is where the object was allocated,
 * or NULL for an empty one. Returns @err.
 */
static noinline int coherent_refuse(int err, const char *site, const char *why)
{
	const unsigned long caller = coherent_driver_call();

	if (caller)
		pr_err_ratelimited("coherent: %s%s%s, in %pS\n", site ? site : "", site ? ": " : "",
				   why, (void *)caller);
	else
		pr_err_ratelimited("coherent: %s%s%s\n", site ? site : "", site ? ": " : "", why);
	return err;
}

static const char coherent_box_in_use[] = "the box is not empty, or was never initialised";
static const char coherent_zone_in_gfp[] =
	".gfp has a zone or __GFP_COMP; the zone follows from the mask";
static const char coherent_object_in_use[] = "the object is not empty, or was never initialised";
static const char coherent_mem_in_use[] = "the mem is not empty, or was never initialised";

/* The caller cannot choose a zone. With __GFP_COMP pages cannot be given back one by one. */
static bool coherent_gfp_is_valid(gfp_t gfp)
{
	return !(gfp & (GFP_ZONEMASK | __GFP_COMP));
}

/* Only 0 is success. A callback that returns a positive number breaks its contract. */
static int coherent_result_of(int result, const char *site)
{
	if (result > 0)
		return coherent_refuse(-EINVAL, site,
				       "a callback returned a positive number; 0 is success");
	return result;
}

/* Whether a mem or a loan of a pool can become a box. The library cannot take the memory away. */
static int coherent_pooled_may_return(const struct coherent_object *object, bool idle)
{
	if (!coherent_pooled_is_live(object))
		return coherent_refuse(-EINVAL, object->site,
				       "this is a copy of an object of a pool that ended");
	if (!idle)
		return coherent_refuse(-EBUSY, object->site,
				       "the object is of a pool, so it needs .idle = true");
	return 0;
}

/* INVARIANT: an object without elements is empty. */
static void coherent_box_clear(struct coherent_box *box)
{
	box->va = NULL;
	box->count = 0;
}

/* --- Allocation --- */

/* The values of the attributes are those of the DMA API. */
static_assert((unsigned long)COHERENT_ATTR_WEAK_ORDERING == DMA_ATTR_WEAK_ORDERING);
static_assert((unsigned long)COHERENT_ATTR_WRITE_COMBINE == DMA_ATTR_WRITE_COMBINE);
static_assert((unsigned long)COHERENT_ATTR_FORCE_CONTIGUOUS == DMA_ATTR_FORCE_CONTIGUOUS);
static_assert((unsigned long)COHERENT_ATTR_ALLOC_SINGLE_PAGES == DMA_ATTR_ALLOC_SINGLE_PAGES);
static_assert((unsigned long)COHERENT_ATTR_NO_WARN == DMA_ATTR_NO_WARN);
static_assert((unsigned long)COHERENT_ATTR_PRIVILEGED == DMA_ATTR_PRIVILEGED);

static const unsigned int coherent_attrs_known =
	COHERENT_ATTR_WEAK_ORDERING | COHERENT_ATTR_WRITE_COMBINE | COHERENT_ATTR_FORCE_CONTIGUOUS |
	COHERENT_ATTR_ALLOC_SINGLE_PAGES | COHERENT_ATTR_NO_WARN | COHERENT_ATTR_PRIVILEGED;

/* The request for an allocation, from any macro. */
struct coherent_alloc_request {
	size_t count;
	size_t size;
	unsigned int attrs;
	gfp_t gfp;
	u64 align;
	u64 boundary;
	enum coherent_level level;
	enum coherent_permission permission;
	bool managed;
	const char *site;
};

/* Returns why a request can never be met; NULL if it may be met. */
static const char *coherent_why_invalid(const struct coherent_alloc_request *request)
{
	if (!request->count || !request->size)
		return "the object has no bytes: its count or its size is 0";
	if (request->attrs & ~coherent_attrs_known)
		return "an attribute is unknown";
	if ((unsigned int)request->level > COHERENT_IOMMU)
		return ".level is not an enum coherent_level";
	if ((unsigned int)request->permission > COHERENT_READ_ONLY)
		return ".permission is not an enum coherent_permission";
	if (!coherent_gfp_is_valid(request->gfp))
		return coherent_zone_in_gfp;
	if (request->align && !is_power_of_2(request->align))
		return ".align is not a power of two";
	if (request->boundary && !is_power_of_2(request->boundary))
		return ".boundary is not a power of two";
	return NULL;
}

static int coherent_check_alloc(const struct coherent_alloc_request *request, size_t *bytes)
{
	const char *why = coherent_why_invalid(request);

	if (why)
		return coherent_refuse(-EINVAL, request->site, why);
	if (check_mul_overflow(request->count, request->size, bytes) ||
	    *bytes > SIZE_MAX / 2 - PAGE_SIZE)
		return -ENOMEM;
	if (request->boundary && *bytes > request->boundary)
		return coherent_refuse(-EINVAL, request->site,
				       ".boundary is less than the size of the object");
	return 0;
}

/* Returns why a device has no such memory; NULL if it has. */
static const char *coherent_why_unsupported(struct device *dev,
					    const struct coherent_alloc_request *request)
{
	if (request->level <= COHERENT_HIDDEN)
		return request->permission == COHERENT_READ_WRITE ?
			       NULL :
			       "COHERENT_READ_ONLY needs .level = COHERENT_IOMMU";
	if (request->attrs & ~COHERENT_ATTR_NO_WARN)
		return "COHERENT_IOMMU takes no attribute but COHERENT_ATTR_NO_WARN";
	return coherent_why_hidden(dev);
}

static int coherent_check_device(struct device *dev, const struct coherent_alloc_request *request,
				 size_t bytes)
{
	const char *why;

	if (!coherent_is_bound(dev))
		return -ENODEV;
	if (!dev->dma_mask || !*dev->dma_mask || !dev->coherent_dma_mask) {
		dev_err_ratelimited(dev,
				    "coherent: no memory for %s: the device has no DMA mask; "
				    "call coherent_device_set_mask() first\n",
				    request->site);
		return -EIO;
	}
	/* If a caller wants more pages than exist, the kernel warns, or its OOM killer runs. */
	if (PAGE_ALIGN(bytes) >> PAGE_SHIFT > totalram_pages())
		return -ENOMEM;
	if (request->align >> PAGE_SHIFT > totalram_pages())
		return -ENOSPC;
	/* The level is checked before the first mapping, because a mapping that must fail warns. */
	why = coherent_why_unsupported(dev, request);
	return why ? coherent_refuse(-EOPNOTSUPP, request->site, why) : 0;
}

/*
 * An object that waits for its end becomes the new one. So a driver that allocates and
 * frees in atomic context keeps only a few pages.
 */
static int coherent_get_deferred(struct coherent_object *object, gfp_t gfp)
{
	struct coherent_extra *waiting = NULL;
	struct coherent_queue *queue;
	unsigned long flags;
	bool is_full = true;
	int err = coherent_queue_make(object->dev, gfp);

	if (err)
		return err;
	spin_lock_irqsave(&coherent_unit.lock, flags);
	queue = coherent_queue_find(object->dev);
	if (queue) {
		waiting = coherent_queue_take(queue, object);
		is_full = queue->count >= COHERENT_MAX_DEFERRED;
	}
	spin_unlock_irqrestore(&coherent_unit.lock, flags);
	if (waiting) {
		object->va = waiting->object.va;
		object->address = waiting->object.address;
		memset(coherent_place_va(object), 0, coherent_place_bytes(object));
		put_device(object->dev);
	} else if (!is_full) {
		waiting = kzalloc(sizeof(*waiting), gfp);
	}
	if (waiting)
		waiting->is_atomic = true;
	object->extra = waiting;
	return waiting ? 0 : -ENOMEM;
}

static int coherent_get_hidden(struct coherent_object *object, gfp_t gfp)
{
	int err;

	if (gfpflags_allow_blocking(gfp))
		err = coherent_queue_prepare(object->dev, gfp);
	else
		err = coherent_get_deferred(object, gfp);
	if (err || object->va)
		return err;
	object->va = (char COHERENT_SHARED COHERENT_FORCE *)dma_alloc_attrs(
		object->dev, coherent_place_bytes(object), &object->address, gfp | __GFP_ZERO,
		object->attrs);
	if (!object->va)
		kfree(object->extra);
	return object->va ? 0 : -ENOMEM;
}

/*
 * Takes separate pages for a large object, if the caller may sleep. Then its end may have to wait,
 * as at COHERENT_HIDDEN.
 */
static int coherent_get_scattered(struct coherent_object *object, gfp_t gfp)
{
	int err;

	if (!gfpflags_allow_blocking(gfp))
		return -ENOMEM;
	object->va = (char COHERENT_SHARED COHERENT_FORCE *)__vmalloc(
		coherent_place_bytes(object),
		(gfp & (GFP_KERNEL | __GFP_ACCOUNT)) | __GFP_NOWARN | __GFP_ZERO);
	if (!object->va)
		return -ENOMEM;
	err = coherent_place_gather(object, gfp);
	if (err)
		coherent_place_free_pages(object);
	return err;
}

static int coherent_get_pages_of_place(struct coherent_object *object, gfp_t gfp)
{
	const size_t bytes = coherent_place_bytes(object);
	const bool is_large = bytes > PAGE_SIZE << PAGE_ALLOC_COSTLY_ORDER;

	object->va = (char COHERENT_SHARED COHERENT_FORCE *)alloc_pages_exact(
		bytes, gfp | __GFP_ZERO | (is_large ? __GFP_NORETRY : 0));
	if (object->va)
		return 0;
	return is_large ? coherent_get_scattered(object, gfp) : -ENOMEM;
}

static int coherent_get_pages(struct coherent_object *object, gfp_t gfp)
{
	int err;

	/* Another object of the device may have to wait, even if this one never does. */
	err = coherent_queue_prepare(object->dev, gfp);
	if (err)
		return err;
	object->extra = kzalloc(sizeof(*object->extra), gfp);
	if (!object->extra)
		return -ENOMEM;
	object->extra->is_atomic = !gfpflags_allow_blocking(gfp);
	err = coherent_place_reserve(object);
	if (err)
		goto free_extra;
	err = coherent_get_pages_of_place(object, gfp);
	if (!err)
		return 0;
	coherent_place_release(object);
free_extra:
	kfree(object->extra);
	return err;
}

static void coherent_object_init(struct coherent_object *object, struct device *dev,
				 const struct coherent_alloc_request *request, size_t bytes)
{
	object->va = NULL;
	object->dev = dev;
	object->site = request->site;
	object->bytes = bytes;
	object->extra = NULL;
	object->attrs = request->attrs;
	object->level = request->level > COHERENT_HIDDEN ? COHERENT_IOMMU : COHERENT_HIDDEN;
	object->align_bits = max_t(int, request->align ? ilog2(request->align) : 0, PAGE_SHIFT);
	object->boundary_bits =
		request->boundary ? max_t(int, ilog2(request->boundary), PAGE_SHIFT) : 0;
	object->mapped = false;
	object->managed = false;
}

static int coherent_object_new(struct coherent_object *object, struct device *dev,
			       const struct coherent_alloc_request *request, size_t bytes)
{
	gfp_t gfp = request->gfp ? request->gfp : GFP_KERNEL;
	int err;

	might_sleep_if(gfpflags_allow_blocking(gfp));
	coherent_object_init(object, dev, request, bytes);
	/* High-order allocations may fail: return -ENOMEM without a warning. */
	if (object->attrs & DMA_ATTR_NO_WARN ||
	    get_order(coherent_place_bytes(object)) > PAGE_ALLOC_COSTLY_ORDER)
		gfp |= __GFP_NOWARN;
	get_device(dev);
	err = object->level == COHERENT_IOMMU ? coherent_get_pages(object, gfp) :
						coherent_get_hidden(object, gfp);
	if (err) {
		put_device(dev);
		return err;
	}
	/* If the address is known only after the mapping, coherent_map() checks it. */
	if (object->level != COHERENT_IOMMU || !COHERENT_PLACE_IS_LATE)
		err = coherent_check_address(object);
	if (!err && request->managed)
		err = coherent_object_manage(object, gfp);
	if (err)
		coherent_object_end(object);
	return err;
}

/* --- The usual allocation --- */

/*
 * Most objects are of COHERENT_HIDDEN and have no option. Their allocation asks only whether all
 * is as usual. Otherwise coherent_object_new() asks again, and says what is wrong. A device that
 * is @ready has a queue, so that it is bound to a driver of this module.
 */
static __always_inline bool coherent_is_usual(const struct device *dev, size_t count, size_t size,
					      enum coherent_level level, size_t *bytes)
{
	return count && !check_mul_overflow(count, size, bytes) &&
	       *bytes >> PAGE_SHIFT < totalram_pages() && dev &&
	       READ_ONCE(coherent_unit.ready) == dev && dev->coherent_dma_mask &&
	       (unsigned int)level <= COHERENT_HIDDEN;
}

/* The object is filled in first, so that few values live in registers across dma_alloc_attrs(). */
static __always_inline int coherent_usual_new(struct coherent_object *object, struct device *dev,
					      size_t bytes, const char *site)
{
	gfp_t gfp = GFP_KERNEL | __GFP_ZERO;
	u64 last;

	if (bytes > PAGE_SIZE << PAGE_ALLOC_COSTLY_ORDER)
		gfp |= __GFP_NOWARN;
	object->dev = dev;
	object->site = site;
	object->bytes = bytes;
	object->extra = NULL;
	object->attrs = 0;
	object->level = COHERENT_HIDDEN;
	object->direction = DMA_BIDIRECTIONAL;
	object->align_bits = PAGE_SHIFT;
	object->boundary_bits = 0;
	object->mapped = false;
	object->managed = false;
	object->va = (char COHERENT_SHARED COHERENT_FORCE *)dma_alloc_attrs(
		dev, PAGE_ALIGN(bytes), &object->address, gfp, 0);
	if (!object->va)
		return -ENOMEM;
	/* As get_device(), which also asks whether the device was ever initialised. */
	dev = object->dev;
	kref_get(&dev->kobj.kref);
	last = object->address + PAGE_ALIGN(object->bytes) - 1;
	if (object->address && !(object->address & ~PAGE_MASK) && last <= dev->coherent_dma_mask)
		return 0;
	coherent_object_end(object);
	return -ENOSPC;
}

#endif
