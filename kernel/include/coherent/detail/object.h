/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The record of a box, a mem or a handle in the kernel, from its allocation to its end.
 * Callers do not use this file; coherent/kernel.h has the contract.
 *
 * INVARIANT: an object holds a reference to its device. So the library can always ask
 * whether a driver is still bound to the device.
 * INVARIANT: when a call returns, the copy that devres has of a managed object is equal
 * to the object.
 */
#ifndef COHERENT_OBJECT_H
#define COHERENT_OBJECT_H

#include <coherent.h>
#include <coherent/detail/place.h>
#include <linux/bug.h>
#include <linux/device.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

/* A copy of an object that devres frees with its device, updated at each change. */
struct coherent_managed {
	struct coherent_object object;
};

static inline bool coherent_is_bound(const struct device *dev)
{
	return dev && READ_ONCE(dev->driver);
}

static inline enum coherent_level coherent_level_of(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	/* An IOMMU is not enough: in a passthrough domain it does not translate. */
	if (domain && iommu_is_dma_domain(domain) && dev_is_dma_coherent(dev))
		return COHERENT_IOMMU;
	return COHERENT_HIDDEN;
}

/* --- Allocation --- */

/* The request for an allocation, from any macro. */
struct coherent_alloc_request {
	size_t count;
	size_t size;
	unsigned int attrs;
	gfp_t gfp;
	u64 align;
	u64 boundary;
	enum coherent_level level;
	const char *site;
};

static inline int coherent_check_alloc(const struct coherent_alloc_request *request, size_t *bytes)
{
	if (!request->count || !request->size || request->attrs >= COHERENT_ATTR_PRIVILEGED << 1 ||
	    (unsigned int)request->level > COHERENT_IOMMU ||
	    request->gfp & (GFP_ZONEMASK | __GFP_COMP) ||
	    (request->align && !is_power_of_2(request->align)) ||
	    (request->boundary && !is_power_of_2(request->boundary)))
		return -EINVAL;
	if (check_mul_overflow(request->count, request->size, bytes) ||
	    *bytes > SIZE_MAX / 2 - PAGE_SIZE)
		return -ENOMEM;
	return request->boundary && *bytes > request->boundary ? -EINVAL : 0;
}

static inline int coherent_check_device(struct device *dev,
					const struct coherent_alloc_request *request, size_t bytes)
{
	if (!coherent_is_bound(dev))
		return -ENODEV;
	if (!dev->dma_mask || !*dev->dma_mask || !dev->coherent_dma_mask)
		return -EIO;
	/* If a caller wants more pages than exist, the kernel warns, or its OOM killer runs. */
	if (PAGE_ALIGN(bytes) >> PAGE_SHIFT > totalram_pages())
		return -ENOMEM;
	if (request->align >> PAGE_SHIFT > totalram_pages())
		return -ENOSPC;
	/* The level is checked before the first mapping, because a mapping that must fail warns. */
	if (request->level > COHERENT_HIDDEN &&
	    (coherent_level_of(dev) < request->level || request->attrs & ~COHERENT_ATTR_NO_WARN))
		return -EOPNOTSUPP;
	return 0;
}

static inline unsigned long coherent_dma_attrs(unsigned int attrs)
{
	return (attrs & COHERENT_ATTR_WEAK_ORDERING ? DMA_ATTR_WEAK_ORDERING : 0) |
	       (attrs & COHERENT_ATTR_WRITE_COMBINE ? DMA_ATTR_WRITE_COMBINE : 0) |
	       (attrs & COHERENT_ATTR_FORCE_CONTIGUOUS ? DMA_ATTR_FORCE_CONTIGUOUS : 0) |
	       (attrs & COHERENT_ATTR_ALLOC_SINGLE_PAGES ? DMA_ATTR_ALLOC_SINGLE_PAGES : 0) |
	       (attrs & COHERENT_ATTR_NO_WARN ? DMA_ATTR_NO_WARN : 0) |
	       (attrs & COHERENT_ATTR_PRIVILEGED ? DMA_ATTR_PRIVILEGED : 0);
}

static inline u64 coherent_dma_mask(const struct device *dev)
{
	return min(*dev->dma_mask, dev->coherent_dma_mask);
}

/*
 * Whether the address meets the request. The DMA API promises alignment to the size,
 * rounded up to a power of two (core-api/dma-api.rst). Some platforms give less.
 */
static inline int coherent_check_address(const struct coherent_object *object)
{
	const u64 first = object->address;
	const u64 last = first + PAGE_ALIGN(object->bytes) - 1;

	if (!first || last > coherent_dma_mask(object->dev) ||
	    first & (((u64)1 << object->align_bits) - 1))
		return -ENOSPC;
	return object->boundary_bits && (first ^ last) >> object->boundary_bits ? -ENOSPC : 0;
}

static inline void coherent_put_pages(struct coherent_object *object)
{
	const size_t bytes = coherent_place_bytes(object);

	if (object->level == COHERENT_IOMMU) {
		coherent_place_release(object);
		free_pages_exact(coherent_place_va(object), bytes);
	} else {
		dma_free_attrs(object->dev, bytes, coherent_place_va(object), object->address,
			       object->attrs);
	}
}

static inline int coherent_get_pages(struct coherent_object *object, gfp_t gfp)
{
	const size_t bytes = coherent_place_bytes(object);
	void *va;
	int err;

	/* High-order allocations may fail: return -ENOMEM without a warning. */
	if (object->attrs & DMA_ATTR_NO_WARN || get_order(bytes) > PAGE_ALLOC_COSTLY_ORDER)
		gfp |= __GFP_NOWARN;
	if (object->level != COHERENT_IOMMU) {
		va = dma_alloc_attrs(object->dev, bytes, &object->address, gfp | __GFP_ZERO,
				     object->attrs);
	} else {
		err = coherent_place_reserve(object);
		if (err)
			return err;
		va = alloc_pages_exact(bytes, gfp | __GFP_ZERO);
		if (!va)
			coherent_place_release(object);
	}
	object->va = (char COHERENT_SHARED COHERENT_FORCE *)va;
	return va ? 0 : -ENOMEM;
}

static inline void coherent_object_init(struct coherent_object *object, struct device *dev,
					const struct coherent_alloc_request *request, size_t bytes)
{
	object->dev = dev;
	object->site = request->site;
	object->bytes = bytes;
	object->domain = NULL;
	object->managed = NULL;
	object->attrs = coherent_dma_attrs(request->attrs);
	object->level = request->level > COHERENT_HIDDEN ? COHERENT_IOMMU : COHERENT_HIDDEN;
	object->align_bits = max_t(int, request->align ? ilog2(request->align) : 0, PAGE_SHIFT);
	object->boundary_bits =
		request->boundary ? max_t(int, ilog2(request->boundary), PAGE_SHIFT) : 0;
	object->mapped = false;
	if (object->level == COHERENT_IOMMU)
		object->domain = iommu_get_domain_for_dev(dev);
}

static inline int coherent_object_new(struct coherent_object *object, struct device *dev,
				      const struct coherent_alloc_request *request, size_t bytes)
{
	const gfp_t gfp = request->gfp ? request->gfp : GFP_KERNEL;
	int err;

	might_sleep_if(gfpflags_allow_blocking(gfp));
	coherent_object_init(object, dev, request, bytes);
	err = coherent_get_pages(object, gfp);
	if (err)
		return err;
	/* If the address is known only after the mapping, coherent_map() checks it. */
	if (object->level != COHERENT_IOMMU || !COHERENT_PLACE_IS_LATE)
		err = coherent_check_address(object);
	if (err)
		coherent_put_pages(object);
	else
		get_device(dev);
	return err;
}

/* --- The end of an object --- */

/* Each leak is logged. The first one is logged with its call trace. */
static inline void coherent_object_leak(const struct coherent_object *object, const char *why)
{
	pr_err("coherent: %zu bytes of %s are freed %s: leaked\n", object->bytes, object->site,
	       why);
	WARN_ONCE(1, "coherent: memory is leaked\n");
}

/*
 * The DMA API can no longer be called for this object, or not from this context. The
 * memory, its mapping and the reference to the device are lost, but nothing is corrupted.
 */
static inline bool coherent_must_leak(const struct coherent_object *object)
{
	const char *why = NULL;

	if (!coherent_is_bound(object->dev))
		why = "after their device was unbound";
	/* The device was bound again, and another domain translates for it now. */
	else if (object->domain && object->domain != iommu_get_domain_for_dev(object->dev))
		why = "after their device was bound anew";
	/* The free may have to unmap the memory from the kernel's addresses: a BUG in this context. */
	else if (object->level == COHERENT_HIDDEN && (in_interrupt() || irqs_disabled()))
		why = "in atomic context";
	if (why)
		coherent_object_leak(object, why);
	return why;
}

static inline void coherent_object_end(struct coherent_object *object)
{
	if (coherent_must_leak(object))
		return;
	might_sleep_if(object->level == COHERENT_HIDDEN);
	if (object->mapped)
		coherent_place_unmap(object);
	coherent_put_pages(object);
	put_device(object->dev);
}

/* --- Objects that devres frees --- */

static inline void coherent_managed_release(struct device *dev, void *managed)
{
	coherent_object_end(&((struct coherent_managed *)managed)->object);
}

static inline int coherent_managed_is(struct device *dev, void *managed, void *wanted)
{
	return managed == wanted;
}

/* Call this after each change of an object. */
static inline void coherent_managed_update(const struct coherent_object *object)
{
	if (object->managed)
		object->managed->object = *object;
}

/*
 * Returns false if devres frees the object: because this call cannot free it in its
 * context, or because the driver is unbound. While the kernel unbinds a driver, devres itself
 * may run this call.
 */
static inline bool coherent_managed_take_back(struct coherent_object *object)
{
	if (!coherent_is_bound(object->dev)) {
		WARN_ONCE(1, "coherent: a managed object is freed after its device was unbound\n");
		return false;
	}
	if (object->level == COHERENT_HIDDEN && (in_interrupt() || irqs_disabled())) {
		WARN_ONCE(1, "coherent: a managed object is freed in atomic context\n");
		return false;
	}
	return !devres_destroy(object->dev, object->release, coherent_managed_is, object->managed);
}

static inline int coherent_object_manage(struct coherent_object *object)
{
	struct coherent_managed *managed;

	if (!coherent_is_bound(object->dev))
		return -ENODEV;
	if (object->managed)
		return 0;
	managed = devres_alloc(coherent_managed_release, sizeof(*managed), GFP_KERNEL);
	if (!managed)
		return -ENOMEM;
	object->managed = managed;
	object->release = coherent_managed_release;
	coherent_managed_update(object);
	devres_add(object->dev, managed);
	return 0;
}

static inline void coherent_object_free(struct coherent_object *object)
{
	if (!object->managed || coherent_managed_take_back(object))
		coherent_object_end(object);
}

#endif
