/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Small objects: commands, completions, buffers of up to a page, by the million. In the kernel
 * there is dma_pool.
 *
 * An IOMMU gives and takes pages, so a page of small objects that is exposed is exposed for all
 * of them. A pool keeps boxes in private memory and copies one into its slot of an exposed page
 * when it is exposed: there is no address of it before, and no memory behind that address but
 * zeros. What a device gets wrong it gets wrong within the pool's exposed objects: those share
 * pages, so it can read and, unless the pool is COHERENT_READ_ONLY, write them all.
 *
 * Boxes and mems of a pool are like any other, but for this:
 * - Freeing a mem, and reclaiming it with .idle, without which it is -EBUSY, is the driver's
 *   word that the device is done with it: its address is the next object's, at once or, with
 *   .delay, later. A device that is not done writes into, and reads from, that.
 * - A reclaimed box keeps its slot, and so its address.
 * - Pages of which neither an object nor the cache of a thread has a slot are given back, where
 *   unmapping is a fence or .idle makes it one; elsewhere they stay until the pool is destroyed,
 *   and then wait for coherent_device_fence(). While it has pages the device's mask stays.
 *
 * What a pool knows of its slots stands where no device reaches it.
 */
#ifndef COHERENT_POOL_H
#define COHERENT_POOL_H

#include <coherent.h>

#ifdef __KERNEL__
#error "coherent: in the kernel there is dma_pool"
#endif

struct coherent_is_pool;

/* Its member is called as in all base structs, for COHERENT_EMPTY. */
struct coherent_pool {
	struct coherent_slots *va;
};

/**
 * COHERENT_POOL() - A pool of objects of a type.
 * @T: The element type: of at most a page, which coherent_pool_create() checks.
 *
 * Initialise with COHERENT_EMPTY or zero bytes. Do not copy it.
 */
#define COHERENT_POOL(T) union COHERENT_BODY(pool, pool, T)

/**
 * COHERENT_POOL_TYPE() - Name the type of a pool, to pass it to functions.
 * @name: The type is union @name.
 * @T: The element type.
 */
#define COHERENT_POOL_TYPE(name, T) union name COHERENT_BODY(pool, pool, T)

#define COHERENT_NEEDS_POOL(x)						\
	_Static_assert(COHERENT_IS_KIND(x, pool), "this needs a pool: COHERENT_POOL(T)");

/**
 * struct coherent_pool_options - Options of coherent_pool_create().
 * @dev: The device.
 * @options_have_names: Not to be set.
 * @permission: What the device may do with a mem of the pool.
 * @align: Of the device addresses: a power of two, at most a page; less than 16 is 16. 0 for the
 *	next power of two from the size of an object on, at most 64: what fits into a cache line
 *	is in one.
 * @boundary: A power of two that the device addresses of an object do not cross a multiple of,
 *	at least the size of the object rounded up to @align; 0 for a page, which none crosses.
 * @delay: How many slots of mems that a thread freed it does not use again, the last ones: for a
 *	device that reads a little longer than it says.
 */
struct coherent_pool_options {
	struct coherent_device *dev;
	const struct coherent_options_have_names *options_have_names;
	enum coherent_permission permission;
	size_t align;
	uint64_t boundary;
	unsigned int delay;
};

/**
 * coherent_base_pool_create() - coherent_pool_create() once types are checked.
 * @pool: The new pool.
 * @size: Bytes of an object.
 * @options: The device and what else was asked for.
 * @where: File and line; outlives the device.
 *
 * Return: as coherent_pool_create().
 */
COHERENT_MUST_CHECK int coherent_base_pool_create(struct coherent_pool *pool, size_t size,
						  const struct coherent_pool_options *options,
						  const char *where);

/**
 * coherent_base_pool_box() - coherent_pool_box() once types are checked.
 * @pool: The pool.
 * @box: The new box.
 * @where: File and line; outlives the device.
 *
 * Return: as coherent_pool_box().
 */
COHERENT_MUST_CHECK int coherent_base_pool_box(struct coherent_pool *pool,
					       struct coherent_box *box, const char *where);

/**
 * coherent_base_pool_destroy() - coherent_pool_destroy() once types are checked.
 * @pool: The pool.
 *
 * Return: as coherent_pool_destroy().
 */
COHERENT_MUST_CHECK int coherent_base_pool_destroy(struct coherent_pool *pool);

/**
 * coherent_base_pool_cleanup() - coherent_pool_destroy() at the end of a scope.
 * @pool: The variable.
 */
void coherent_base_pool_cleanup(void *pool);

/**
 * COHERENT_POOL_AUTO() - Declare a pool that is destroyed at the end of its scope.
 * @T: The element type.
 * @name: The variable, initialised as empty.
 *
 * COHERENT_BOX_AUTO() and COHERENT_AUTO() that are declared after it end before it. What is not
 * freed then is reported, and the pool is left behind.
 */
#define COHERENT_POOL_AUTO(T, name)					\
	COHERENT_POOL(T) name __attribute__((cleanup(coherent_base_pool_cleanup))) = COHERENT_EMPTY

/**
 * coherent_pool_create() - Make a pool, without any memory yet.
 * @pool: The new pool; must be empty, and is on failure. End with coherent_pool_destroy().
 * @...: The device; then options by name: .permission, .align, .boundary, .delay of struct
 *	coherent_pool_options.
 *
 * Threads have caches of at most 63 slots and 64 KiB each, for as many as 63 threads at a time;
 * the others share one behind a lock. What is in the cache of one is not another's, also if there
 * is nothing else left.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL (the size of an object, rounded up to .align, is more than a page or
 * .boundary; .align or .boundary is no power of two; .permission), -EBUSY (@pool in use), -ENODEV,
 * -ENOMEM. Whether the device can be kept to .permission shows when the pool grows.
 */
#define coherent_pool_create(pool, ...)					\
	COHERENT_RESULT(COHERENT_NEEDS_POOL(pool),			\
		coherent_base_pool_create(&(pool)->base, sizeof(COHERENT_T(pool)), \
			&(const struct coherent_pool_options){ .dev = __VA_ARGS__ }, \
			COHERENT_HERE))

/**
 * coherent_pool_box() - Take a zeroed box of one element.
 * @pool: The pool.
 * @box: The new box; must be empty, and is on failure. Give it to coherent_expose(), with the
 *	.permission of the pool, else that is -EINVAL; or to coherent_box_free().
 *
 * Context: may sleep, where the pool has no free slot.
 * Return: 0; -EINVAL (@pool is empty), -EBUSY (@box in use), -ENODEV; where the pool has to grow
 * also as coherent_zeroed(): -ENOMEM, -ENOSPC, -EOPNOTSUPP (.permission), -EIO.
 */
#define coherent_pool_box(pool, box)					\
	COHERENT_RESULT(COHERENT_NEEDS_POOL(pool) COHERENT_NEEDS_BOX(box) \
		COHERENT_NEEDS_SAME(COHERENT_T(pool), COHERENT_T(box),	\
				    "the pool and the box hold different element types"), \
		coherent_base_pool_box(&(pool)->base, &(box)->base, COHERENT_HERE))

/**
 * coherent_pool_destroy() - End a pool, which no other thread uses any more.
 * @pool: The pool; empty on success. Destroying an empty one does nothing.
 *
 * Also after its device was closed.
 *
 * Context: may sleep.
 * Return: 0; -EBUSY (objects are not freed, which are reported; the pool stays), -ENODEV (in a
 * forked child).
 */
#define coherent_pool_destroy(pool)					\
	COHERENT_RESULT(COHERENT_NEEDS_POOL(pool), coherent_base_pool_destroy(&(pool)->base))

#endif
