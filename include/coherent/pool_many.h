/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Several boxes or mems of a pool in one call, in userspace. Each call does all or nothing, and
 * takes half the time of as many calls for one.
 *
 * Name the types of boxes and mems, because an array of COHERENT_BOX(T) is a type of its own:
 * COHERENT_BOX_TYPE(), COHERENT_TYPE().
 */
#ifndef COHERENT_POOL_MANY_H
#define COHERENT_POOL_MANY_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/pool.h>

#ifdef __KERNEL__
#error "coherent: in the kernel there are no calls for several objects of a pool"
#endif

COHERENT_C_BEGIN

/**
 * coherent_base_pool_boxes() - coherent_pool_boxes() after the checks of types.
 * @pool: The pool.
 * @boxes: The new boxes.
 * @count: How many they are.
 * @site: As for coherent_base_pool_box().
 *
 * Return: as coherent_pool_boxes().
 */
COHERENT_MUST_CHECK
int coherent_base_pool_boxes(struct coherent_pool *pool, struct coherent_box *boxes, size_t count,
			     const char *site);

/**
 * coherent_base_pool_expose() - coherent_pool_expose() after the checks of types.
 * @pool: The pool.
 * @boxes: The boxes.
 * @mems: The new mems.
 * @count: How many they are.
 *
 * Return: as coherent_pool_expose().
 */
COHERENT_MUST_CHECK
int coherent_base_pool_expose(struct coherent_pool *pool, struct coherent_box *boxes,
			      struct coherent_mem *mems, size_t count);

/**
 * coherent_base_pool_mems() - Make mems of a pool, as coherent_base_pool_mem() makes one.
 * @pool: The pool.
 * @mems: The new mems.
 * @count: How many they are.
 * @size: The size of a value: that of an object of the pool. 0 if there are no values.
 * @site: As for coherent_base_pool_box().
 *
 * Return: as coherent_pool_from_all().
 */
COHERENT_MUST_CHECK
int coherent_base_pool_mems(struct coherent_pool *pool, struct coherent_mem *mems, size_t count,
			    size_t size, const char *site);

/**
 * coherent_base_pool_box_free() - coherent_pool_box_free() after the checks of types.
 * @pool: The pool.
 * @boxes: The boxes.
 * @count: How many they are.
 */
void coherent_base_pool_box_free(struct coherent_pool *pool, struct coherent_box *boxes,
				 size_t count);

/**
 * coherent_base_pool_free() - coherent_pool_free() after the checks of types.
 * @pool: The pool.
 * @mems: The mems.
 * @count: How many they are.
 */
void coherent_base_pool_free(struct coherent_pool *pool, struct coherent_mem *mems, size_t count);

COHERENT_C_END

/**
 * coherent_pool_boxes() - Take several zeroed boxes from a pool, or none.
 * @pool: The pool.
 * @boxes: An array of empty boxes of the element type of the pool, or its first box. All are empty
 *	on failure, if they were before.
 * @...: How many: at least 1.
 *
 * This is coherent_pool_box() for each box. The calls for arrays take half the time or less.
 *
 * For instance, with COHERENT_BOX_TYPE(cmd_box, struct cmd) and COHERENT_TYPE(cmd_mem, struct cmd):
 *
 *	union cmd_box boxes[32] = { COHERENT_EMPTY };
 *	union cmd_mem mems[32] = { COHERENT_EMPTY };
 *
 *	err = coherent_pool_boxes(&pool, boxes, 32);
 *	...
 *	err = coherent_pool_expose(&pool, boxes, mems, 32);
 *	...
 *	coherent_pool_free(&pool, mems, 32);
 *
 * Context: may sleep, if the pool has not enough free slots.
 * Return: as coherent_pool_box(); -EINVAL if the count is 0. If the pool cannot grow enough, what
 * coherent_pool_box() returns then.
 */
#define coherent_pool_boxes(pool, boxes, ...)					\
	COHERENT_AGAIN(COHERENT_POOL_BOXES)				\
	COHERENT_POOL_BOXES(COHERENT_UNIQUE(x), pool, boxes, __VA_ARGS__)
#define COHERENT_POOL_BOXES(x, from, all, n)				\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) from COHERENT_LET_END(x, 1)		\
		COHERENT_LET_DECAYED(x, 2) all COHERENT_LET_END(x, 2)	\
		COHERENT_LET_NUMBER(x, 3) n COHERENT_LET_NUMBER_END(x, 3) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (from) COHERENT_OBJECT_END(x, 1) \
		COHERENT_OBJECT_OF(x, 2) (all) COHERENT_OBJECT_END(x, 2) \
		COHERENT_ARG_NUMBER_OF(x, 3) (n) COHERENT_ARG_NUMBER_END(x, 3) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, pool), 1, COHERENT_TEXT_POOL)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, pool), 1)); \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 2, COHERENT_IS_ARG(x, 1, pool))); \
		_Static_assert(COHERENT_FIT_ONCE(x, 2, COHERENT_IS_ARG(x, 1, pool))); \
		_Static_assert(COHERENT_FIT_KIND(x, 2, COHERENT_IS_ARG(x, 2, box), COHERENT_IS_ARG(x, 1, pool), COHERENT_TEXT_BOX)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 2, COHERENT_IS_ARG(x, 2, box), COHERENT_IS_ARG(x, 1, pool))); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_ARG(x, 1, pool) || !COHERENT_IS_ARG(x, 2, box) || COHERENT_SAME_T(x)), "the pool and the box hold different element types"); \
		_Static_assert(COHERENT_FIT_COUNT(x, 3, #n, COHERENT_ARE_POOL_AND(x, box))); \
		_Static_assert(COHERENT_FIT_NUMBER(x, 3, #n, COHERENT_ARE_POOL_AND(x, box))); \
		COHERENT_ERR(x, coherent_base_pool_boxes(COHERENT_BASE_FOR(x, 1, pool), \
			COHERENT_BASE_FOR(x, 2, box), COHERENT_ARG(x, 3), COHERENT_HERE)) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

/**
 * coherent_pool_expose() - Expose several boxes of a pool, or none.
 * @pool: The pool.
 * @boxes: An array of boxes of the pool. All are consumed, also on failure: they are freed then.
 * @mems: As many empty mems. All are empty on failure, if they were before.
 * @...: How many: at least 1.
 *
 * This is coherent_expose() for each box, with the .permission of the pool. The call checks all
 * boxes and mems before it exposes the first one.
 *
 * Context: any.
 * Return: 0; -EINVAL (the count is 0; a box is empty or not of the pool; @pool is empty), -EBUSY (a
 * mem is not empty), -ENODEV.
 */
#define coherent_pool_expose(pool, boxes, mems, ...)			\
	COHERENT_AGAIN(COHERENT_POOL_EXPOSE)				\
	COHERENT_POOL_EXPOSE(COHERENT_UNIQUE(x), pool, boxes, mems, __VA_ARGS__)
#define COHERENT_POOL_EXPOSE(x, from, all, to, n)			\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) from COHERENT_LET_END(x, 1)		\
		COHERENT_LET_DECAYED(x, 2) all COHERENT_LET_END(x, 2)	\
		COHERENT_LET_DECAYED(x, 3) to COHERENT_LET_END(x, 3)	\
		COHERENT_LET_NUMBER(x, 4) n COHERENT_LET_NUMBER_END(x, 4) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (from) COHERENT_OBJECT_END(x, 1) \
		COHERENT_OBJECT_OF(x, 2) (all) COHERENT_OBJECT_END(x, 2) \
		COHERENT_OBJECT_OF(x, 3) (to) COHERENT_OBJECT_END(x, 3) \
		COHERENT_ARG_NUMBER_OF(x, 4) (n) COHERENT_ARG_NUMBER_END(x, 4) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, pool), 1, COHERENT_TEXT_POOL)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, pool), 1)); \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 2, COHERENT_IS_ARG(x, 1, pool))); \
		_Static_assert(COHERENT_FIT_ONCE(x, 2, COHERENT_IS_ARG(x, 1, pool))); \
		_Static_assert(COHERENT_FIT_KIND(x, 2, COHERENT_IS_ARG(x, 2, box), COHERENT_IS_ARG(x, 1, pool), COHERENT_TEXT_BOX)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 2, COHERENT_IS_ARG(x, 2, box), COHERENT_IS_ARG(x, 1, pool))); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_ARG(x, 1, pool) || !COHERENT_IS_ARG(x, 2, box) || COHERENT_SAME_T(x)), "the pool and the box hold different element types"); \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 3, COHERENT_ARE_POOL_AND(x, box))); \
		_Static_assert(COHERENT_FIT_ONCE(x, 3, COHERENT_ARE_POOL_AND(x, box))); \
		_Static_assert(COHERENT_FIT_KIND(x, 3, COHERENT_IS_ARG(x, 3, mem), COHERENT_ARE_POOL_AND(x, box), COHERENT_TEXT_MEM)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 3, COHERENT_IS_ARG(x, 3, mem), COHERENT_ARE_POOL_AND(x, box))); \
		_Static_assert(COHERENT_FIT(!COHERENT_ARE_POOL_AND(x, box) || !COHERENT_IS_ARG(x, 3, mem) || COHERENT_SAME_TYPE(COHERENT_T_OF(x, 1), COHERENT_T_OF(x, 3))), "the pool and the mem hold different element types"); \
		_Static_assert(COHERENT_FIT_COUNT(x, 4, #n, COHERENT_ARE_POOL_AND(x, box) && COHERENT_IS_ARG(x, 3, mem))); \
		_Static_assert(COHERENT_FIT_NUMBER(x, 4, #n, COHERENT_ARE_POOL_AND(x, box) && COHERENT_IS_ARG(x, 3, mem))); \
		COHERENT_ERR(x, coherent_base_pool_expose(COHERENT_BASE_FOR(x, 1, pool), COHERENT_BASE_FOR(x, 2, box), \
			COHERENT_BASE_FOR(x, 3, mem), COHERENT_ARG(x, 4))) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

/**
 * coherent_pool_from_all() - Make several mems of a pool that have values, or none.
 * @pool: The pool.
 * @mems: An array of empty mems. All are empty on failure, if they were before.
 * @values: An array of as many values of the element type.
 * @...: How many: at least 1.
 *
 * This is coherent_pool_from() for each value.
 *
 * Context: may sleep, if the pool has not enough free slots.
 * Return: as coherent_pool_from(); -EINVAL if the count is 0.
 */
#define coherent_pool_from_all(pool, mems, values, ...)			\
	COHERENT_AGAIN(COHERENT_POOL_FROM_ALL)				\
	COHERENT_POOL_FROM_ALL(COHERENT_UNIQUE(x), pool, mems, values, __VA_ARGS__)
#define COHERENT_POOL_FROM_ALL(x, from, all, src, n)			\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) from COHERENT_LET_END(x, 1)		\
		COHERENT_LET_DECAYED(x, 2) all COHERENT_LET_END(x, 2)	\
		COHERENT_LET_DECAYED(x, 3) src COHERENT_LET_END(x, 3)	\
		COHERENT_LET_NUMBER(x, 4) n COHERENT_LET_NUMBER_END(x, 4) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (from) COHERENT_OBJECT_END(x, 1) \
		COHERENT_OBJECT_OF(x, 2) (all) COHERENT_OBJECT_END(x, 2) \
		COHERENT_VALUE_OF(x, 3) (src) COHERENT_VALUE_END(x, 3)	\
		COHERENT_ARG_NUMBER_OF(x, 4) (n) COHERENT_ARG_NUMBER_END(x, 4) \
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
		_Static_assert(COHERENT_FIT_COUNT(x, 4, #n, COHERENT_ARE_POOL_AND(x, mem))); \
		_Static_assert(COHERENT_FIT_NUMBER(x, 4, #n, COHERENT_ARE_POOL_AND(x, mem))); \
		COHERENT_ERR(x, __extension__({				\
			const int COHERENT_ARG(x, code) = coherent_base_pool_mems(COHERENT_BASE_FOR(x, 1, pool), COHERENT_BASE_FOR(x, 2, mem), \
				COHERENT_ARG(x, 4), COHERENT_ARG(x, 3) ? COHERENT_SIZE_OF(x, 1) : 0, COHERENT_HERE); \
			for (size_t COHERENT_ARG(x, i) = 0; !COHERENT_ARG(x, code) && COHERENT_ARG(x, i) < COHERENT_ARG(x, 4); COHERENT_ARG(x, i)++) \
				COHERENT_FILL_SLOT(x, COHERENT_POOL_COPIED(x), COHERENT_BASE_FOR(x, 2, mem)[COHERENT_ARG(x, i)].va, \
						   (const COHERENT_POOL_COPIED(x) *)(const void *)COHERENT_ARG(x, 3) + COHERENT_ARG(x, i)) \
			coherent_wmb();					\
			COHERENT_ARG(x, code);				\
		}))							\
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

/**
 * coherent_pool_free() - Free several mems of a pool.
 * @pool: The pool.
 * @mems: An array of mems. All are empty afterwards. The call skips those that were empty, and
 *	frees a mem that is not of the pool as coherent_free() does.
 * @...: How many.
 *
 * The driver promises that the device is done with them, as for coherent_free() of one.
 *
 * Context: may sleep.
 */
#define coherent_pool_free(pool, mems, ...)					\
	COHERENT_AGAIN(COHERENT_POOL_FREE)				\
	COHERENT_POOL_FREE(COHERENT_UNIQUE(x), pool, mems, __VA_ARGS__)
#define COHERENT_POOL_FREE(x, from, all, n)				\
	COHERENT_BEGIN_VOID						\
		COHERENT_LET(x, 1) from COHERENT_LET_END(x, 1)		\
		COHERENT_LET_DECAYED(x, 2) all COHERENT_LET_END(x, 2)	\
		COHERENT_LET_NUMBER(x, 3) n COHERENT_LET_NUMBER_END(x, 3) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (from) COHERENT_OBJECT_END(x, 1) \
		COHERENT_OBJECT_OF(x, 2) (all) COHERENT_OBJECT_END(x, 2) \
		COHERENT_ARG_NUMBER_OF(x, 3) (n) COHERENT_ARG_NUMBER_END(x, 3) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, pool), 1, COHERENT_TEXT_POOL)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, pool), 1)); \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 2, COHERENT_IS_ARG(x, 1, pool))); \
		_Static_assert(COHERENT_FIT_ONCE(x, 2, COHERENT_IS_ARG(x, 1, pool))); \
		_Static_assert(COHERENT_FIT_KIND(x, 2, COHERENT_IS_ARG(x, 2, mem), COHERENT_IS_ARG(x, 1, pool), COHERENT_TEXT_MEM)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 2, COHERENT_IS_ARG(x, 2, mem), COHERENT_IS_ARG(x, 1, pool))); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_ARG(x, 1, pool) || !COHERENT_IS_ARG(x, 2, mem) || COHERENT_SAME_T(x)), "the pool and the mem hold different element types"); \
		_Static_assert(COHERENT_FIT_COUNT(x, 3, #n, COHERENT_ARE_POOL_AND(x, mem))); \
		_Static_assert(COHERENT_FIT_NUMBER(x, 3, #n, COHERENT_ARE_POOL_AND(x, mem))); \
		coherent_base_pool_free(COHERENT_BASE_FOR(x, 1, pool), \
			COHERENT_BASE_FOR(x, 2, mem), COHERENT_ARG(x, 3)); \
	COHERENT_ARGUMENTS_END COHERENT_END_VOID

/**
 * coherent_pool_box_free() - Free several boxes of a pool.
 * @pool: The pool.
 * @boxes: An array of boxes. All are empty afterwards. The call skips those that were empty, and
 *	frees a box that is not of the pool as coherent_box_free() does.
 * @...: How many.
 *
 * Context: may sleep.
 */
#define coherent_pool_box_free(pool, boxes, ...)					\
	COHERENT_AGAIN(COHERENT_POOL_BOX_FREE)				\
	COHERENT_POOL_BOX_FREE(COHERENT_UNIQUE(x), pool, boxes, __VA_ARGS__)
#define COHERENT_POOL_BOX_FREE(x, from, all, n)				\
	COHERENT_BEGIN_VOID						\
		COHERENT_LET(x, 1) from COHERENT_LET_END(x, 1)		\
		COHERENT_LET_DECAYED(x, 2) all COHERENT_LET_END(x, 2)	\
		COHERENT_LET_NUMBER(x, 3) n COHERENT_LET_NUMBER_END(x, 3) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (from) COHERENT_OBJECT_END(x, 1) \
		COHERENT_OBJECT_OF(x, 2) (all) COHERENT_OBJECT_END(x, 2) \
		COHERENT_ARG_NUMBER_OF(x, 3) (n) COHERENT_ARG_NUMBER_END(x, 3) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, pool), 1, COHERENT_TEXT_POOL)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, pool), 1)); \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 2, COHERENT_IS_ARG(x, 1, pool))); \
		_Static_assert(COHERENT_FIT_ONCE(x, 2, COHERENT_IS_ARG(x, 1, pool))); \
		_Static_assert(COHERENT_FIT_KIND(x, 2, COHERENT_IS_ARG(x, 2, box), COHERENT_IS_ARG(x, 1, pool), COHERENT_TEXT_BOX)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 2, COHERENT_IS_ARG(x, 2, box), COHERENT_IS_ARG(x, 1, pool))); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_ARG(x, 1, pool) || !COHERENT_IS_ARG(x, 2, box) || COHERENT_SAME_T(x)), "the pool and the box hold different element types"); \
		_Static_assert(COHERENT_FIT_COUNT(x, 3, #n, COHERENT_ARE_POOL_AND(x, box))); \
		_Static_assert(COHERENT_FIT_NUMBER(x, 3, #n, COHERENT_ARE_POOL_AND(x, box))); \
		coherent_base_pool_box_free(COHERENT_BASE_FOR(x, 1, pool), \
			COHERENT_BASE_FOR(x, 2, box), COHERENT_ARG(x, 3)); \
	COHERENT_ARGUMENTS_END COHERENT_END_VOID

#include <coherent/detail/c_only.h>

#endif
