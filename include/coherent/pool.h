/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Pools of objects of one size: commands, completions and buffers of up to 2 MiB, by the
 * million. In the kernel an object has at most a page. The kernel's dma_pool is for such objects
 * too, but a device reaches all of its memory.
 *
 * An IOMMU maps whole pages. A page of small objects is therefore exposed with all
 * objects on it. So a pool keeps its boxes in private memory. coherent_expose() copies a
 * box into its slot of an exposed page, and the slot is zero before that. The device can
 * read all exposed objects of the pool and, without COHERENT_READ_ONLY, write them; it
 * cannot reach a box. The pool keeps its bookkeeping in memory that no device reaches.
 * In userspace .in_place trades the private memory for speed.
 *
 * coherent_pool_create() says how boxes and mems of a pool differ from others. In userspace
 * coherent/pool_many.h has calls for several objects.
 */
#ifndef COHERENT_POOL_H
#define COHERENT_POOL_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent.h>

struct coherent_is_pool;

COHERENT_C_BEGIN

/* COHERENT_EMPTY initialises the member with this name, as in all base structs. */
struct coherent_pool {
	struct coherent_slots *va;
};

/**
 * COHERENT_POOL() - Declare a pool of objects of a type.
 * @T: The element type. It has at most 2 MiB, and in the kernel a page. coherent_pool_create()
 *	checks that.
 *
 * Initialise the variable with COHERENT_EMPTY or zero bytes. Do not copy it.
 */
#define COHERENT_POOL(T) union COHERENT_BODY(pool, pool, T)

/**
 * COHERENT_POOL_TYPE() - Name the type of a pool, to pass it to functions.
 * @name: The type becomes union @name.
 * @T: The element type.
 */
#define COHERENT_POOL_TYPE(name, T) union name COHERENT_BODY(pool, pool, T)

#define COHERENT_TEXT_POOL "this needs a pool: COHERENT_POOL(T)"

/**
 * struct coherent_pool_options - Options of coherent_pool_create().
 * @struct_size: Do not set this. The macro sets it to the size of the struct.
 * @permission: The permission of the device on each mem of the pool.
 * @delay: A thread does not reuse the slots of the last @delay mems that it freed. In the kernel no
 *	thread reuses the slots of the last @delay mems that were freed. This is for a device that
 *	reads a little longer than it says. 0 for no delay.
 * @reserved: Do not set this.
 * @dev: The device.
 * @COHERENT_NAMES: Do not set this.
 * @align: The alignment of device addresses: a power of two, at most a page. Less than 16 means
 *	16. 0 means the size of an object, rounded up to a power of two, but at most 64. Then an
 *	object that fits into a cache line does not cross one. For an object of more than a page, 0
 *	means a page, so that no two such objects share one.
 * @boundary: A power of two, at least the size of an object rounded up to @align. An object does
 *	not cross a device address that is a multiple of it. 0 for none. An object of at most a page
 *	never crosses a page.
 * @level: The lowest level that the caller accepts for the boxes of the pool. 0 for any, and in the
 *	kernel for COHERENT_HIDDEN.
 * @in_place: true for boxes that are their slots; see coherent_pool_create(). Only in userspace.
 * @COHERENT_GFP: Only in the kernel, with the name .gfp: how to allocate when the pool grows; 0
 *	for GFP_KERNEL.
 */
struct coherent_pool_options {
	uint32_t struct_size;
	enum coherent_permission permission;
	uint32_t delay;
	uint32_t reserved;
	struct coherent_device *dev;
	COHERENT_NAMES
	size_t align;
	uint64_t boundary;
	enum coherent_level level;
	uint32_t in_place;
	COHERENT_GFP
};

/**
 * struct coherent_pool_box_options - Options of coherent_pool_box().
 * @struct_size: Do not set this. The macro sets it to the size of the struct.
 * @box: The box.
 * @COHERENT_NAMES: Do not set this.
 * @reserved: Do not set this.
 * @COHERENT_GFP: Only in the kernel, with the name .gfp: how to allocate if the pool grows; 0 for
 *	the .gfp of the pool.
 *
 * In userspace this call has no option.
 */
struct coherent_pool_box_options {
	uint32_t struct_size;
	void *box;
	COHERENT_NAMES
	uint32_t reserved;
	COHERENT_GFP
};

/**
 * coherent_base_pool_create() - coherent_pool_create() after the checks of types.
 * @pool: The new pool.
 * @size: The size of an object in bytes.
 * @options: The device and the options.
 * @site: File and line of the caller.
 *
 * Return: as coherent_pool_create().
 */
COHERENT_MUST_CHECK COHERENT_CHANGES_1ST COHERENT_BASE
int coherent_base_pool_create(struct coherent_pool *pool, size_t size,
			      const struct coherent_pool_options *options, const char *site);

/**
 * coherent_base_pool_destroy() - coherent_pool_destroy() after the checks of types.
 * @pool: The pool.
 *
 * Return: as coherent_pool_destroy().
 */
COHERENT_MUST_CHECK COHERENT_CHANGES_1ST COHERENT_BASE
int coherent_base_pool_destroy(struct coherent_pool *pool);

/**
 * coherent_base_pool_cleanup() - Call coherent_pool_destroy() at the end of a scope.
 * @pool: The variable.
 */
COHERENT_BASE void coherent_base_pool_cleanup(void *pool);

#ifdef __KERNEL__
#include <coherent/detail/kernel_pool.h>
#else
/**
 * coherent_base_pool_box() - coherent_pool_box() after the checks of types.
 * @pool: The pool.
 * @box: The new box.
 * @site: File and line of the caller, a string constant. The library may keep the pointer
 *	without reading it, and reads it when a report needs it, if its code is still loaded.
 *
 * Return: as coherent_pool_box().
 */
COHERENT_MUST_CHECK COHERENT_CHANGES_2ND
int coherent_base_pool_box(struct coherent_pool *pool, struct coherent_box *box, const char *site);

/* In userspace the call has no option that the library reads. */
#define COHERENT_POOL_TAKE(pool, box, options, site)			\
	((void)(options), coherent_base_pool_box(pool, box, site))
#endif

COHERENT_C_END

/**
 * COHERENT_POOL_AUTO() - Declare a pool that is destroyed at the end of its scope.
 * @T: The element type.
 * @name: The variable. It is initialised as empty.
 *
 * Declare each COHERENT_BOX_AUTO() and COHERENT_AUTO() after the pool: they then end before it.
 * If objects are not freed by then, a report names them and the pool is leaked.
 */
#define COHERENT_POOL_AUTO(T, name)					\
	COHERENT_POOL(T) name __attribute__((cleanup(coherent_base_pool_cleanup))) = COHERENT_EMPTY

/**
 * coherent_pool_create() - Create a pool of objects of one size.
 * @pool: The new pool. It must be empty, and is empty on failure. End it with
 *	coherent_pool_destroy().
 * @...: The device, then options of struct coherent_pool_options by name: .permission, .align,
 *	.boundary, .delay, .level; in userspace .in_place; in the kernel .gfp.
 *
 * A new pool has no memory. Its boxes and mems are like others, with these differences:
 *
 * A driver that frees a mem of a pool promises that the device is done with it. A driver that
 * reclaims one must promise the same with .idle, otherwise it gets -EBUSY. The next object gets
 * the address, at once or, with .delay, later. If the device is not done, it reads and writes
 * that new object.
 *
 * A reclaimed box keeps its slot, and so its address.
 *
 * In userspace a pool grows by chunks of pages, and each chunk is one mapping of the device. The
 * first has a page, or one object if that is larger. The next ones grow with the pool, up to 2 MiB,
 * so that a million objects of 64 bytes need less than a hundred mappings. If no memory or no
 * address is left for a large chunk, the pool takes a smaller one, down to one object.
 *
 * In userspace a chunk is unused if all of its slots are free and in no cache. The pool keeps one
 * unused chunk, and more if together they have at most an eighth of what was in use lately. If the
 * pool then has to map again, it keeps more the next time. So a driver that allocates in bursts
 * seldom maps. Other unused chunks end at once. Kept ones end after some seconds without use, when
 * a full cache gives slots back, and before a call fails because a device has no memory, no address
 * or no mapping left. On a device where unmapping is not a fence, and does not become one with
 * .idle, the pool keeps all its pages. When it is destroyed, they wait for coherent_device_fence().
 * The mask of the device cannot change while the pool has pages.
 *
 * In userspace up to 1,023 threads at a time have a cache each, of at most 63 slots and 64 KiB.
 * Other threads share one cache behind a lock. No thread can use slots in the cache of another
 * thread, even if no other slots are left. One more cache, of at most 512 slots and 64 KiB, has
 * what some threads free and others allocate. Objects of more than 64 KiB are in no cache.
 *
 * In the kernel a pool grows by a page, as dma_pool does, and keeps its pages until it is
 * destroyed. All threads share its slots. Objects of a pool are exposed, lent, reclaimed and freed
 * in any context, also in a hard interrupt, except with PREEMPT_RT. The library maps no box for a
 * device, at either level. coherent_manage() returns -EOPNOTSUPP for an object of a pool, because
 * the driver destroys the pool before devres would free the object.
 *
 * In userspace, with .in_place = true a box is its slot in a page that the device reaches, as the
 * memory of other libraries is. Exposing and reclaiming then copy nothing, and the pool takes half
 * the memory. The library keeps the address of a box secret, but nothing else keeps the device from
 * the box: coherent_box_level() is COHERENT_HIDDEN, or less if the device gives less. A device that
 * uses a wrong address may read and write boxes. Then a new box may not be zero.
 * All else stays: a freed object leaves zeros, and lookups and faults name objects.
 * coherent_box_zeroed() has the same option for objects of whole pages.
 *
 * For instance:
 *
 *	err = coherent_pool_create(&pool, dev, .align = 64);
 *
 * Context: may sleep.
 * Return: 0; -EINVAL (an object has more than 2 MiB, or in the kernel more than a page; its size,
 * rounded up to .align, is more than .boundary; .align or .boundary is not a power of two;
 * .permission or .level is not of its enum), -EBUSY (@pool is not empty), -EOPNOTSUPP (boxes of the
 * pool would have less than .level, as with .in_place and .level = COHERENT_IOMMU), -ENODEV,
 * -ENOMEM. If the backend does not support .permission, coherent_pool_box() fails when the pool
 * grows. In the kernel this call fails with -EOPNOTSUPP then, and for .in_place, with -EIO if the
 * device has no mask, and with -EINVAL for a .gfp that coherent_zeroed() refuses.
 */
#define coherent_pool_create(pool, ...)					\
	COHERENT_AGAIN(COHERENT_POOL_CREATE)				\
	COHERENT_POOL_CREATE(COHERENT_UNIQUE(x), pool, __VA_ARGS__, )
#define COHERENT_POOL_CREATE(x, new, owner, ...)			\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) new COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) owner COHERENT_LET_END(x, 2) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (new) COHERENT_OBJECT_END(x, 1) \
		COHERENT_VALUE_OF(x, 2) (owner) COHERENT_VALUE_END(x, 2) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, pool), 1, COHERENT_TEXT_POOL)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, pool), 1)); \
		_Static_assert(COHERENT_FIT_DEVICE(x, 2, COHERENT_IS_ARG(x, 1, pool))); \
		_Static_assert(COHERENT_FIT_OPTIONS(#__VA_ARGS__));		\
		COHERENT_OPTIONS_ARE(x, coherent_pool_options, #__VA_ARGS__) .dev = COHERENT_DEVICE(x, 2), __VA_ARGS__ COHERENT_OPTIONS_END \
		COHERENT_ERR(x, coherent_base_pool_create(COHERENT_BASE_FOR(x, 1, pool), \
			COHERENT_SIZE_OF(x, 1), COHERENT_OPTIONS_OF(x), COHERENT_HERE)) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

/**
 * coherent_pool_box() - Take a zeroed box of one element from a pool.
 * @pool: The pool.
 * @...: The new box. It must be empty, and is empty on failure. Free it with coherent_box_free()
 *	or give it to coherent_expose(). That call must have the .permission of the pool, otherwise
 *	it returns -EINVAL. In the kernel the option .gfp can follow, by name.
 *
 * For instance, in an interrupt handler of the kernel:
 *
 *	err = coherent_pool_box(&pool, &box, .gfp = GFP_ATOMIC);
 *
 * Context: may sleep, if the pool has no free slot. In the kernel the call may always sleep, unless
 * .gfp of the call or of the pool is GFP_ATOMIC: then any context.
 * Return: 0; -EINVAL (@pool is empty, .gfp), -EBUSY (the box is not empty), -ENODEV. If the pool
 * has to grow, also as coherent_zeroed(): -ENOMEM, -ENOSPC, -EOPNOTSUPP (.permission), -EIO,
 * -ETIMEDOUT.
 */
#define coherent_pool_box(pool, ...)					\
	COHERENT_AGAIN(COHERENT_POOL_BOX)				\
	COHERENT_POOL_BOX(COHERENT_UNIQUE(x), pool, __VA_ARGS__, )
#define COHERENT_POOL_BOX(x, from, new, ...)				\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) from COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) new COHERENT_LET_END(x, 2) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (from) COHERENT_OBJECT_END(x, 1) \
		COHERENT_OBJECT_OF(x, 2) (new) COHERENT_OBJECT_END(x, 2) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, pool), 1, COHERENT_TEXT_POOL)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, pool), 1)); \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 2, COHERENT_IS_ARG(x, 1, pool))); \
		_Static_assert(COHERENT_FIT_ONCE(x, 2, COHERENT_IS_ARG(x, 1, pool))); \
		_Static_assert(COHERENT_FIT_KIND(x, 2, COHERENT_IS_ARG(x, 2, box), COHERENT_IS_ARG(x, 1, pool), COHERENT_TEXT_BOX)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 2, COHERENT_IS_ARG(x, 2, box), COHERENT_IS_ARG(x, 1, pool))); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_ARG(x, 1, pool) || !COHERENT_IS_ARG(x, 2, box) || COHERENT_SAME_T(x)), "the pool and the box hold different element types"); \
		_Static_assert(COHERENT_FIT_OPTIONS(#__VA_ARGS__));		\
		COHERENT_OPTIONS_ARE(x, coherent_pool_box_options, #__VA_ARGS__) \
			.box = COHERENT_BASE_FOR(x, 2, box), __VA_ARGS__ COHERENT_OPTIONS_END \
		COHERENT_ERR(x, COHERENT_POOL_TAKE(COHERENT_BASE_FOR(x, 1, pool), \
			COHERENT_BASE_FOR(x, 2, box), COHERENT_OPTIONS_OF(x), COHERENT_HERE)) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

/**
 * coherent_pool_destroy() - Destroy a pool.
 * @pool: The pool. It is empty on success. Nothing happens if it was empty.
 *
 * No other thread may use the pool or an object of it any more, also not to free one. The pool may
 * be destroyed after its device was closed. In the kernel the driver destroys it before the end of
 * remove(). Otherwise its pages are leaked with a warning, as those of other objects.
 *
 * Context: may sleep.
 * Return: 0; -EBUSY (objects are not freed; a report names up to eight, and the pool stays as it
 * is), -ENODEV (the caller is a forked child).
 */
#define coherent_pool_destroy(pool)					\
	COHERENT_AGAIN(COHERENT_POOL_DESTROY)				\
	COHERENT_POOL_DESTROY(COHERENT_UNIQUE(x), pool)
#define COHERENT_POOL_DESTROY(x, old)					\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (old) COHERENT_OBJECT_END(x, 1) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, pool), 1, COHERENT_TEXT_POOL)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, pool), 1)); \
		COHERENT_ERR(x, coherent_base_pool_destroy(COHERENT_BASE_FOR(x, 1, pool))) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

#ifndef __KERNEL__

#ifdef __SANITIZE_THREAD__
#define COHERENT_THREAD_SANITIZER
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define COHERENT_THREAD_SANITIZER
#endif
#endif

COHERENT_C_BEGIN

/**
 * coherent_base_pool_mem() - Make a mem of a pool, whose value the caller copies into it.
 * @pool: The pool.
 * @mem: The new mem. The device finds zeros there, or what it wrote there before.
 * @size: The size of the value: that of an object of the pool. 0 if there is no value.
 * @site: As for coherent_base_pool_box().
 *
 * Return: as coherent_pool_from().
 */
COHERENT_MUST_CHECK COHERENT_CHANGES_2ND
int coherent_base_pool_mem(struct coherent_pool *pool, struct coherent_mem *mem, size_t size,
			   const char *site);

COHERENT_C_END

/**
 * coherent_pool_from() - Make a mem of a pool that has a value.
 * @pool: The pool.
 * @mem: The new mem. It must be empty, and is empty on failure.
 * @value: The address of a value of the element type, for instance of a command that the driver
 *	filled on its stack. The call copies it, and leaves padding zero; clang needs
 *	COHERENT_FIELDS() for a struct.
 *
 * This is coherent_pool_box(), a copy of the value into the box and coherent_expose() in one step,
 * and it takes about half the time. The mem has the .permission of the pool. As there, the device
 * finds the whole value if it uses the address. An element has at most 64 KiB. The call exists only
 * in userspace.
 *
 * For instance:
 *
 *	err = coherent_pool_from(&pool, &mem, &command);
 *
 * Context: may sleep, if the pool has no free slot.
 * Return: 0; -EINVAL (@pool is empty, @value is NULL), -EBUSY (@mem is not empty), -ENODEV. If the
 * pool has to grow, also as coherent_zeroed(): -ENOMEM, -ENOSPC, -EOPNOTSUPP (.permission), -EIO,
 * -ETIMEDOUT.
 */
#define coherent_pool_from(pool, mem, value)				\
	COHERENT_AGAIN(COHERENT_POOL_FROM)				\
	COHERENT_POOL_FROM(COHERENT_UNIQUE(x), pool, mem, value)
#define COHERENT_POOL_FROM(x, from, new, src)				\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) from COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) new COHERENT_LET_END(x, 2)		\
		COHERENT_LET_DECAYED(x, 3) src COHERENT_LET_END(x, 3) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (from) COHERENT_OBJECT_END(x, 1) \
		COHERENT_OBJECT_OF(x, 2) (new) COHERENT_OBJECT_END(x, 2) \
		COHERENT_VALUE_OF(x, 3) (src) COHERENT_VALUE_END(x, 3)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, pool), 1, COHERENT_TEXT_POOL)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, pool), 1)); \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 2, COHERENT_IS_ARG(x, 1, pool))); \
		_Static_assert(COHERENT_FIT_ONCE(x, 2, COHERENT_IS_ARG(x, 1, pool))); \
		_Static_assert(COHERENT_FIT_KIND(x, 2, COHERENT_IS_ARG(x, 2, mem), COHERENT_IS_ARG(x, 1, pool), COHERENT_TEXT_MEM)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 2, COHERENT_IS_ARG(x, 2, mem), COHERENT_IS_ARG(x, 1, pool))); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_ARG(x, 1, pool) || !COHERENT_IS_ARG(x, 2, mem) || COHERENT_SAME_T(x)), "the pool and the mem hold different element types"); \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 3, COHERENT_ARE_POOL_AND(x, mem))); \
		_Static_assert(COHERENT_FIT_POOL_VALUE(x, 3, COHERENT_ARE_POOL_AND(x, mem))); \
		_Static_assert(COHERENT_FIT_COPY(x, 3, COHERENT_ARE_POOL_AND(x, mem))); \
		COHERENT_ERR(x, __extension__({				\
			const int COHERENT_ARG(x, code) = coherent_base_pool_mem(COHERENT_BASE_FOR(x, 1, pool), \
				COHERENT_BASE_FOR(x, 2, mem), COHERENT_ARG(x, 3) ? COHERENT_SIZE_OF(x, 1) : 0, COHERENT_HERE); \
			if (!COHERENT_ARG(x, code)) {			\
				COHERENT_FILL_SLOT(x, COHERENT_POOL_COPIED(x), COHERENT_BASE_FOR(x, 2, mem)->va, COHERENT_ARG(x, 3)) \
				coherent_wmb();				\
			}						\
			COHERENT_ARG(x, code);				\
		}))							\
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

/*
 * SHARED: the compiler copies a value as it likes, best from where the driver computed its fields,
 * because no order within the value is promised before the driver knows the address. Padding is
 * cleared before. ThreadSanitizer gets a copy by relaxed atomics. A slot has an alignment of 16.
 */
#define COHERENT_FILL_SLOT(x, T, to, from)				\
	if (COHERENT_IS_DENSE(T)) {					\
		COHERENT_STORE_VALUE(T, to, from)			\
	} else {							\
		typedef struct { T e; } __attribute__((may_alias)) x##array; \
		typedef __typeof__(*__builtin_choose_expr(COHERENT_IS_ARRAY(*(T *)0), (x##array *)0, (T *)0)) x##whole; \
		struct { x##whole e; } x##clean = { *(const x##whole *)(const void *)(from) }; \
		COHERENT_CLEAR_PADDING(T, &x##clean);		\
		COHERENT_STORE_VALUE(T, to, &x##clean)			\
	}
#ifdef COHERENT_THREAD_SANITIZER
#define COHERENT_STORE_VALUE(T, to, from)				\
	coherent_bytes_in((to), (from), sizeof(T), __ATOMIC_RELAXED);
#else
#define COHERENT_STORE_VALUE(T, to, from)				\
	__builtin_memcpy((struct { T e; } *)__builtin_assume_aligned((to), 16), (from), sizeof(T));
#endif
#define COHERENT_ARE_POOL_AND(x, what)					\
	(COHERENT_IS_ARG(x, 1, pool) && COHERENT_IS_ARG(x, 2, what) && COHERENT_SAME_T(x))
#define COHERENT_IS_POOL_VALUE(x, n)					\
	COHERENT_SAME_TYPE(*COHERENT_COMPLETE(x##n), COHERENT_OBJECT_T(x##1))
#define COHERENT_FIT_POOL_VALUE(x, n, before)				\
	_Generic((char (*)[!(before) || COHERENT_IS(x##n, struct coherent_by_value *) || COHERENT_IS(x##n, struct coherent_this_must_be_a_pointer *) || COHERENT_IS_POOL_VALUE(x, n) ? 2 : 1])0, char (*)[2]: 1, default: 0), \
	"the value is not of the element type of the pool"
/* The type of the value, or one without padding after a mistake. */
#define COHERENT_POOL_COPIED(x)						\
	__typeof__(*__builtin_choose_expr(COHERENT_IS_POOL_VALUE(x, 3) && COHERENT_ARE_POOL_AND(x, mem), \
		(COHERENT_OBJECT_T(x##1) *)0, (char *)0))

#endif

#include <coherent/detail/c_only.h>

#endif
