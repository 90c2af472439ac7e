/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The bodies of the calls of coherent.h. Callers do not use this file.
 *
 * x is a name that no other call has, for the variables of this call. Before the options, an
 * empty argument may stand for one that the driver forgot; an assertion then tells so. After the
 * options there is an empty one, so that the list of arguments always has a comma.
 */
#ifndef COHERENT_CALLS_H
#define COHERENT_CALLS_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/base.h>
#include <coherent/detail/argument.h>
#include <coherent/detail/padding.h>

/* --- Boxes --- */

#define COHERENT_BOX_ZEROED(x, new, dev, n, ...)			\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) new COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) dev COHERENT_LET_END(x, 2)		\
		COHERENT_LET_NUMBER(x, 3) n COHERENT_LET_NUMBER_END(x, 3) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (new) COHERENT_OBJECT_END(x, 1) \
		COHERENT_VALUE_OF(x, 2) (dev) COHERENT_VALUE_END(x, 2)	\
		COHERENT_ARG_NUMBER_OF(x, 3) (n) COHERENT_ARG_NUMBER_END(x, 3)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, box), 1, COHERENT_TEXT_BOX)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, box), 1)); \
		_Static_assert(COHERENT_FIT_DEVICE(x, 2, COHERENT_IS_ARG(x, 1, box) && sizeof(COHERENT_ARG_GIVEN(x, 3)))); \
		_Static_assert(COHERENT_FIT_COUNT(x, 3, #n, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_ARG(x, 1, box))); \
		_Static_assert(COHERENT_FIT_NUMBER(x, 3, #n, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_ARG(x, 1, box))); \
		_Static_assert(COHERENT_FIT_OPTIONS(#__VA_ARGS__));		\
		COHERENT_OPTIONS_ARE(x, coherent_box_options, #__VA_ARGS__) .count = COHERENT_ARG(x, 3), __VA_ARGS__ COHERENT_OPTIONS_END \
		COHERENT_ERR(x, coherent_base_box_zeroed(COHERENT_BASE_FOR(x, 1, box), COHERENT_DEVICE(x, 2), \
			COHERENT_SIZE_OF(x, 1), COHERENT_OPTIONS_OF(x), COHERENT_HERE)) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

#define COHERENT_BOX_FROM(x, new, dev, src, n, ...)			\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) new COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) dev COHERENT_LET_END(x, 2)		\
		COHERENT_LET_DECAYED(x, 3) src COHERENT_LET_END(x, 3)	\
		COHERENT_LET_NUMBER(x, 4) n COHERENT_LET_NUMBER_END(x, 4) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (new) COHERENT_OBJECT_END(x, 1) \
		COHERENT_VALUE_OF(x, 2) (dev) COHERENT_VALUE_END(x, 2)	\
		COHERENT_VALUE_OF(x, 3) (src) COHERENT_VALUE_END(x, 3)	\
		COHERENT_ARG_NUMBER_OF(x, 4) (n) COHERENT_ARG_NUMBER_END(x, 4)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, box), 1, COHERENT_TEXT_BOX)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, box), 1)); \
		_Static_assert(COHERENT_FIT_DEVICE(x, 2, COHERENT_IS_ARG(x, 1, box) && sizeof(COHERENT_ARG_GIVEN(x, 4)))); \
		_Static_assert(COHERENT_FIT_SOURCE(x, 3, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_ARG(x, 1, box))); \
		_Static_assert(COHERENT_FIT_COPY(x, 3, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_ARG(x, 1, box))); \
		_Static_assert(COHERENT_FIT_COUNT(x, 4, #n, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_ARG(x, 1, box))); \
		_Static_assert(COHERENT_FIT_NUMBER(x, 4, #n, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_ARG(x, 1, box))); \
		_Static_assert(COHERENT_FIT_OPTIONS(#__VA_ARGS__));		\
		COHERENT_OPTIONS_ARE(x, coherent_box_options, #__VA_ARGS__) .count = COHERENT_ARG(x, 4), __VA_ARGS__ COHERENT_OPTIONS_END \
		COHERENT_ERR(x, coherent_base_box_from(COHERENT_BASE_FOR(x, 1, box), COHERENT_DEVICE(x, 2), \
			(const void *)COHERENT_ARG(x, 3), COHERENT_MASK(COHERENT_COPIED(x)), \
			COHERENT_SIZE_OF(x, 1), COHERENT_OPTIONS_OF(x), COHERENT_HERE)) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

#define COHERENT_BOX_INIT_AT(x, old, i, fn, argument)			\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1)		\
		COHERENT_LET_DECAYED(x, 2) fn COHERENT_LET_END(x, 2)	\
		COHERENT_LET_NUMBER(x, 3) i COHERENT_LET_NUMBER_END(x, 3) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (old) COHERENT_OBJECT_END(x, 1) \
		COHERENT_FUNCTION_OF(x, 2) (fn) COHERENT_FUNCTION_END(x, 2) \
		COHERENT_ARG_NUMBER_OF(x, 3) (i) COHERENT_ARG_NUMBER_END(x, 3)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, box), 1, COHERENT_TEXT_BOX)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, box), 1)); \
		_Static_assert(COHERENT_FIT_FUNCTION(x, 2, COHERENT_INIT_AT_OF(x), COHERENT_IS_ARG(x, 1, box), COHERENT_TEXT_INIT_AT)); \
		_Static_assert(COHERENT_FIT_COUNT(x, 3, #i, COHERENT_IS_ARG(x, 1, box))); \
		_Static_assert(COHERENT_FIT_NUMBER(x, 3, #i, COHERENT_IS_ARG(x, 1, box))); \
		COHERENT_LAST_IS(x) argument COHERENT_LAST_END		\
		COHERENT_T_OF(x, 1) *const COHERENT_ARG(x, element) = (void *)coherent_box_at( \
			COHERENT_BASE_FOR(x, 1, box), COHERENT_ARG(x, 3), COHERENT_SIZE_OF(x, 1)); \
		int COHERENT_ARG(x, code) = COHERENT_ARG(x, element) ?	\
			COHERENT_FUNCTION(x, 2, COHERENT_INIT_AT_OF(x))(COHERENT_ARG(x, element), COHERENT_LAST(x)) : 0; \
		COHERENT_ERR(x, COHERENT_ARG(x, element) && COHERENT_ARG(x, code) <= 0 ? COHERENT_ARG(x, code) : \
			(coherent_base_refuse_element(COHERENT_BASE_FOR(x, 1, box), COHERENT_ARG(x, 3), COHERENT_ARG(x, code)), -EINVAL)) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

#define COHERENT_BOX_PTR(x, old)					\
	COHERENT_BEGIN_VALUE						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, box), 1, COHERENT_TEXT_BOX)); \
		(__typeof__(_Generic(&COHERENT_OBJECT_FOR(COHERENT_ARG(x, 1))->base, \
			const struct coherent_box *: (const COHERENT_T_GIVEN(x, 1) *)0, \
			default: (COHERENT_T_GIVEN(x, 1) *)0)))(void *)coherent_box_va(COHERENT_CONST_BASE_FOR(x, 1, box)); \
	COHERENT_ARGUMENTS_END COHERENT_END_VALUE

#define COHERENT_BOX_COUNT(x, old)					\
	COHERENT_BEGIN_VALUE						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, box), 1, COHERENT_TEXT_BOX)); \
		coherent_box_count_of(COHERENT_CONST_BASE_FOR(x, 1, box)); \
	COHERENT_ARGUMENTS_END COHERENT_END_VALUE

#define COHERENT_BOX_LEVEL(x, old)					\
	COHERENT_BEGIN_VALUE						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, box), 1, COHERENT_TEXT_BOX)); \
		((struct { enum coherent_level level; }){		\
			coherent_base_box_level(COHERENT_CONST_BASE_FOR(x, 1, box)) }).level; \
	COHERENT_ARGUMENTS_END COHERENT_END_VALUE

#define COHERENT_BOX_FREE(x, old)					\
	COHERENT_BEGIN_VOID						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (old) COHERENT_OBJECT_END(x, 1) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, box), 1, COHERENT_TEXT_BOX)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, box), 1)); \
		coherent_base_box_free(COHERENT_BASE_FOR(x, 1, box));	\
	COHERENT_ARGUMENTS_END COHERENT_END_VOID

/* --- Between the phases --- */

#define COHERENT_EXPOSE(x, from, to, ...)				\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) from COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) to COHERENT_LET_END(x, 2) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (from) COHERENT_OBJECT_END(x, 1) \
		COHERENT_OBJECT_OF(x, 2) (to) COHERENT_OBJECT_END(x, 2)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, box), 1, COHERENT_TEXT_BOX)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, box), 1)); \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 2, COHERENT_IS_ARG(x, 1, box))); \
		_Static_assert(COHERENT_FIT_ONCE(x, 2, COHERENT_IS_ARG(x, 1, box))); \
		_Static_assert(COHERENT_FIT_KIND(x, 2, COHERENT_IS_ARG(x, 2, mem), COHERENT_IS_ARG(x, 1, box), COHERENT_TEXT_MEM)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 2, COHERENT_IS_ARG(x, 2, mem), COHERENT_IS_ARG(x, 1, box))); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_ARG(x, 1, box) || !COHERENT_IS_ARG(x, 2, mem) || COHERENT_SAME_T(x)), "the box and the mem hold different element types"); \
		_Static_assert(COHERENT_FIT_OPTIONS(#__VA_ARGS__));		\
		COHERENT_OPTIONS_ARE(x, coherent_expose_options, #__VA_ARGS__) \
			.mem = COHERENT_BASE_FOR(x, 2, mem), __VA_ARGS__ COHERENT_OPTIONS_END \
		COHERENT_ERR(x, coherent_base_expose(COHERENT_BASE_FOR(x, 1, box), COHERENT_OPTIONS_OF(x))) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

#define COHERENT_RECLAIM(x, from, to, ...)				\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) from COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) to COHERENT_LET_END(x, 2) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (from) COHERENT_OBJECT_END(x, 1) \
		COHERENT_OBJECT_OF(x, 2) (to) COHERENT_OBJECT_END(x, 2)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, mem), 1, COHERENT_TEXT_MEM)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, mem), 1)); \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 2, COHERENT_IS_ARG(x, 1, mem))); \
		_Static_assert(COHERENT_FIT_ONCE(x, 2, COHERENT_IS_ARG(x, 1, mem))); \
		_Static_assert(COHERENT_FIT_KIND(x, 2, COHERENT_IS_ARG(x, 2, box), COHERENT_IS_ARG(x, 1, mem), COHERENT_TEXT_BOX)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 2, COHERENT_IS_ARG(x, 2, box), COHERENT_IS_ARG(x, 1, mem))); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_ARG(x, 1, mem) || !COHERENT_IS_ARG(x, 2, box) || COHERENT_SAME_T(x)), "the mem and the box hold different element types"); \
		_Static_assert(COHERENT_FIT_OPTIONS(#__VA_ARGS__));		\
		COHERENT_OPTIONS_ARE(x, coherent_reclaim_options, #__VA_ARGS__) \
			.box = COHERENT_BASE_FOR(x, 2, box), __VA_ARGS__ COHERENT_OPTIONS_END \
		COHERENT_ERR(x, coherent_base_reclaim(COHERENT_BASE_FOR(x, 1, mem), COHERENT_OPTIONS_OF(x))) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

/* --- Mems in one step --- */

#define COHERENT_ZEROED(x, new, dev, n, ...)				\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) new COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) dev COHERENT_LET_END(x, 2)		\
		COHERENT_LET_NUMBER(x, 3) n COHERENT_LET_NUMBER_END(x, 3) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (new) COHERENT_OBJECT_END(x, 1) \
		COHERENT_VALUE_OF(x, 2) (dev) COHERENT_VALUE_END(x, 2)	\
		COHERENT_ARG_NUMBER_OF(x, 3) (n) COHERENT_ARG_NUMBER_END(x, 3)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, mem), 1, COHERENT_TEXT_MEM)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, mem), 1)); \
		_Static_assert(COHERENT_FIT_DEVICE(x, 2, COHERENT_IS_ARG(x, 1, mem) && sizeof(COHERENT_ARG_GIVEN(x, 3)))); \
		_Static_assert(COHERENT_FIT_COUNT(x, 3, #n, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_ARG(x, 1, mem))); \
		_Static_assert(COHERENT_FIT_NUMBER(x, 3, #n, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_ARG(x, 1, mem))); \
		_Static_assert(COHERENT_FIT_OPTIONS(#__VA_ARGS__));		\
		COHERENT_OPTIONS_ARE(x, coherent_mem_options, #__VA_ARGS__) .count = COHERENT_ARG(x, 3), __VA_ARGS__ COHERENT_OPTIONS_END \
		COHERENT_ERR(x, coherent_base_zeroed(COHERENT_BASE_FOR(x, 1, mem), COHERENT_DEVICE(x, 2), \
			COHERENT_SIZE_OF(x, 1), COHERENT_OPTIONS_OF(x), COHERENT_HERE)) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

#define COHERENT_FROM(x, new, dev, src, n, ...)				\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) new COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) dev COHERENT_LET_END(x, 2)		\
		COHERENT_LET_DECAYED(x, 3) src COHERENT_LET_END(x, 3)	\
		COHERENT_LET_NUMBER(x, 4) n COHERENT_LET_NUMBER_END(x, 4) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (new) COHERENT_OBJECT_END(x, 1) \
		COHERENT_VALUE_OF(x, 2) (dev) COHERENT_VALUE_END(x, 2)	\
		COHERENT_VALUE_OF(x, 3) (src) COHERENT_VALUE_END(x, 3)	\
		COHERENT_ARG_NUMBER_OF(x, 4) (n) COHERENT_ARG_NUMBER_END(x, 4)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, mem), 1, COHERENT_TEXT_MEM)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, mem), 1)); \
		_Static_assert(COHERENT_FIT_DEVICE(x, 2, COHERENT_IS_ARG(x, 1, mem) && sizeof(COHERENT_ARG_GIVEN(x, 4)))); \
		_Static_assert(COHERENT_FIT_SOURCE(x, 3, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_ARG(x, 1, mem))); \
		_Static_assert(COHERENT_FIT_COPY(x, 3, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_ARG(x, 1, mem))); \
		_Static_assert(COHERENT_FIT_COUNT(x, 4, #n, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_ARG(x, 1, mem))); \
		_Static_assert(COHERENT_FIT_NUMBER(x, 4, #n, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_ARG(x, 1, mem))); \
		_Static_assert(COHERENT_FIT_OPTIONS(#__VA_ARGS__));		\
		COHERENT_OPTIONS_ARE(x, coherent_mem_options, #__VA_ARGS__) .count = COHERENT_ARG(x, 4), __VA_ARGS__ COHERENT_OPTIONS_END \
		COHERENT_ERR(x, coherent_base_from(COHERENT_BASE_FOR(x, 1, mem), COHERENT_DEVICE(x, 2), \
			(const void *)COHERENT_ARG(x, 3), COHERENT_MASK(COHERENT_COPIED(x)), \
			COHERENT_SIZE_OF(x, 1), COHERENT_OPTIONS_OF(x), COHERENT_HERE)) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

#define COHERENT_INIT(x, new, dev, n, fn, argument, ...)		\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) new COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) dev COHERENT_LET_END(x, 2)		\
		COHERENT_LET_DECAYED(x, 3) fn COHERENT_LET_END(x, 3)	\
		COHERENT_LET_NUMBER(x, 4) n COHERENT_LET_NUMBER_END(x, 4) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (new) COHERENT_OBJECT_END(x, 1) \
		COHERENT_VALUE_OF(x, 2) (dev) COHERENT_VALUE_END(x, 2)	\
		COHERENT_FUNCTION_OF(x, 3) (fn) COHERENT_FUNCTION_END(x, 3) \
		COHERENT_ARG_NUMBER_OF(x, 4) (n) COHERENT_ARG_NUMBER_END(x, 4)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, mem), 1, COHERENT_TEXT_MEM)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, mem), 1)); \
		_Static_assert(COHERENT_FIT_DEVICE(x, 2, COHERENT_IS_ARG(x, 1, mem) && sizeof(COHERENT_ARG_GIVEN(x, 4)))); \
		_Static_assert(COHERENT_FIT_FUNCTION(x, 3, COHERENT_INIT_OF(x), COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_ARG(x, 1, mem), COHERENT_TEXT_INIT)); \
		_Static_assert(COHERENT_FIT_COUNT(x, 4, #n, COHERENT_IS_ARG(x, 1, mem))); \
		_Static_assert(COHERENT_FIT_NUMBER(x, 4, #n, COHERENT_IS_ARG(x, 1, mem))); \
		_Static_assert(COHERENT_FIT_OPTIONS(#__VA_ARGS__));		\
		COHERENT_OPTIONS_ARE(x, coherent_mem_options, #__VA_ARGS__) .arg = argument, __VA_ARGS__ COHERENT_OPTIONS_END \
		COHERENT_LET_BOX(x)					\
		int COHERENT_ARG(x, code) = coherent_base_init_begin(COHERENT_BASE_FOR(x, 1, mem), \
			&COHERENT_ARG(x, box), COHERENT_DEVICE(x, 2), COHERENT_ARG(x, 4), \
			COHERENT_SIZE_OF(x, 1), COHERENT_OPTIONS_OF(x), COHERENT_HERE); \
		COHERENT_ERR(x, COHERENT_ARG(x, code) ? COHERENT_ARG(x, code) : \
			coherent_base_init_end(COHERENT_BASE_FOR(x, 1, mem), &COHERENT_ARG(x, box), \
				COHERENT_FUNCTION(x, 3, COHERENT_INIT_OF(x))((void *)COHERENT_ARG(x, box).va, \
					COHERENT_ARG(x, box).count, ((const struct coherent_mem_options *)COHERENT_OPTIONS_OF(x))->arg), \
				COHERENT_OPTIONS_OF(x)))		\
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

#define COHERENT_FREE(x, old)						\
	COHERENT_BEGIN_VOID						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (old) COHERENT_OBJECT_END(x, 1) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_MEM_OR_TWIN(x, 1), 1, COHERENT_TEXT_MEM)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_MEM_OR_TWIN(x, 1), 1)); \
		coherent_base_free(COHERENT_BASE_FOR(x, 1, mem));	\
	COHERENT_ARGUMENTS_END COHERENT_END_VOID

/* --- Variables --- */

#define COHERENT_IS_MOVED(x, n)						\
	(COHERENT_IS_ARG(x, n, box) || COHERENT_IS_MEM_OR_TWIN(x, n) || COHERENT_IS_ARG(x, n, loan))
#define COHERENT_MOVE(x, from, to)					\
	COHERENT_BEGIN_VOID						\
		COHERENT_LET(x, 1) from COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) to COHERENT_LET_END(x, 2) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (from) COHERENT_OBJECT_END(x, 1) \
		COHERENT_OBJECT_OF(x, 2) (to) COHERENT_OBJECT_END(x, 2)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_MOVED(x, 1), 1, "only a box, a mem, a twin or a loan is moved; assign a view")); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_MOVED(x, 1), 1)); \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 2, COHERENT_IS_MOVED(x, 1))); \
		_Static_assert(COHERENT_FIT_ONCE(x, 2, COHERENT_IS_MOVED(x, 1))); \
		_Static_assert(COHERENT_FIT_KIND(x, 2, COHERENT_IS_MOVED(x, 2), COHERENT_IS_MOVED(x, 1), "only a box, a mem, a twin or a loan is moved; assign a view")); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 2, COHERENT_IS_MOVED(x, 2), COHERENT_IS_MOVED(x, 1))); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_MOVED(x, 1) || !COHERENT_IS_MOVED(x, 2) || COHERENT_IS_ARG(x, 1, box) == COHERENT_IS_ARG(x, 2, box) || COHERENT_IS_ARG(x, 1, loan) || COHERENT_IS_ARG(x, 2, loan)), "one is a box and the other a mem"); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_MOVED(x, 1) || !COHERENT_IS_MOVED(x, 2) || COHERENT_IS_ARG(x, 1, loan) == COHERENT_IS_ARG(x, 2, loan)), "one is a loan and the other is not"); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_MEM_OR_TWIN(x, 1) || !COHERENT_IS_MEM_OR_TWIN(x, 2) || COHERENT_IS_ARG(x, 1, twin) == COHERENT_IS_ARG(x, 2, twin)), "one is a twin and the other a mem"); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_MOVED(x, 1) || !COHERENT_IS_MOVED(x, 2) || COHERENT_SAME_T(x)), "the two hold different element types"); \
		__builtin_choose_expr(COHERENT_IS_ARG(x, 1, box),	\
			coherent_base_box_move(COHERENT_BASE_FOR(x, 1, box), COHERENT_BASE_FOR(x, 2, box)), \
			__builtin_choose_expr(COHERENT_IS_ARG(x, 1, loan), \
				coherent_base_loan_move(COHERENT_BASE_FOR(x, 1, loan), COHERENT_BASE_FOR(x, 2, loan)), \
				coherent_base_move(COHERENT_BASE_FOR(x, 1, mem), COHERENT_BASE_FOR(x, 2, mem)))); \
	COHERENT_ARGUMENTS_END COHERENT_END_VOID

/* --- Handles --- */

#define COHERENT_HANDLE_ZEROED(x, new, dev, n, ...)			\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) new COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) dev COHERENT_LET_END(x, 2)		\
		COHERENT_LET_NUMBER(x, 3) n COHERENT_LET_NUMBER_END(x, 3) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (new) COHERENT_OBJECT_END(x, 1) \
		COHERENT_VALUE_OF(x, 2) (dev) COHERENT_VALUE_END(x, 2)	\
		COHERENT_ARG_NUMBER_OF(x, 3) (n) COHERENT_ARG_NUMBER_END(x, 3)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_HANDLE(x, 1), 1, COHERENT_TEXT_HANDLE)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_HANDLE(x, 1), 1)); \
		_Static_assert(COHERENT_FIT_DEVICE(x, 2, COHERENT_IS_HANDLE(x, 1) && sizeof(COHERENT_ARG_GIVEN(x, 3)))); \
		_Static_assert(COHERENT_FIT_COUNT(x, 3, #n, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_HANDLE(x, 1))); \
		_Static_assert(COHERENT_FIT_NUMBER(x, 3, #n, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_HANDLE(x, 1))); \
		_Static_assert(COHERENT_FIT_OPTIONS(#__VA_ARGS__));		\
		COHERENT_OPTIONS_ARE(x, coherent_handle_options, #__VA_ARGS__) .bytes = COHERENT_ARG(x, 3), __VA_ARGS__ COHERENT_OPTIONS_END \
		COHERENT_ERR(x, coherent_base_handle_zeroed(COHERENT_HANDLE(x, 1), COHERENT_DEVICE(x, 2), \
			COHERENT_OPTIONS_OF(x), COHERENT_HERE))		\
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

#define COHERENT_HANDLE_ADDR(x, old)					\
	COHERENT_BEGIN_VALUE						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ANY_HANDLE(x, 1), 1, COHERENT_TEXT_HANDLE)); \
		(coherent_handle_addr)(COHERENT_ANY_HANDLE(x, 1));	\
	COHERENT_ARGUMENTS_END COHERENT_END_VALUE

#define COHERENT_HANDLE_SIZE(x, old)					\
	COHERENT_BEGIN_VALUE						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ANY_HANDLE(x, 1), 1, COHERENT_TEXT_HANDLE)); \
		(coherent_handle_size)(COHERENT_ANY_HANDLE(x, 1));	\
	COHERENT_ARGUMENTS_END COHERENT_END_VALUE

#define COHERENT_HANDLE_FREE(x, old)					\
	COHERENT_BEGIN_VOID						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (old) COHERENT_OBJECT_END(x, 1) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_HANDLE(x, 1), 1, COHERENT_TEXT_HANDLE)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_HANDLE(x, 1), 1)); \
		(coherent_handle_free)(COHERENT_HANDLE(x, 1));		\
	COHERENT_ARGUMENTS_END COHERENT_END_VOID

#endif
