/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The bodies of the calls of coherent/typed.h that take no field: getters, views, slots, rings and
 * copies of elements. Callers do not use this file. x is as in coherent/detail/calls.h.
 */
#ifndef COHERENT_PARTS_H
#define COHERENT_PARTS_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/argument.h>
#include <coherent/detail/padding.h>

/* --- A mem or a view --- */

#define COHERENT_TEXT_PART "this needs a mem or a view: COHERENT(T), COHERENT_VIEW(T)"
#define COHERENT_TEXT_VIEW "this needs a view: COHERENT_VIEW(T)"
#define COHERENT_TEXT_SLOT "this needs a slot: COHERENT_SLOT(T)"
#define COHERENT_TEXT_RING "this needs a ring: COHERENT_RING(T)"
#define COHERENT_IS_PART(x, n) COHERENT_IS_SHARED(x, n)
/* The four assertions before report these kinds. */
#define COHERENT_IS_PART_OR_REFUSED(x, n)				\
	(COHERENT_IS_PART(x, n) || COHERENT_IS_ARG(x, n, box) || COHERENT_IS_ARG(x, n, slot) || \
	 COHERENT_IS_ARG(x, n, ring) || COHERENT_IS_ARG(x, n, registers) || COHERENT_IS_ARG(x, n, loan))
#define COHERENT_FIT_NOT_BOX(x, n)					\
	_Generic((char (*)[COHERENT_IS_ARG(x, n, box) ? 1 : 2])0, char (*)[2]: 1, default: 0), \
	"a box has no device address and no accessors: coherent_expose() it, or use coherent_box_ptr()"
#define COHERENT_FIT_NOT_ONE(x, n)					\
	_Generic((char (*)[COHERENT_IS_ARG(x, n, slot) || COHERENT_IS_ARG(x, n, ring) ? 1 : 2])0, char (*)[2]: 1, default: 0), \
	"this needs a mem or a view of it, not a slot or a ring: pass the mem that it was made from"
#define COHERENT_FIT_NOT_BAR(x, n)					\
	_Generic((char (*)[COHERENT_IS_ARG(x, n, registers) ? 1 : 2])0, char (*)[2]: 1, default: 0), \
	"this needs a mem or a view of it, not a BAR: coherent_bar_get(), coherent_bar_put()"
#define COHERENT_FIT_NOT_LOAN(x, n)					\
	_Generic((char (*)[COHERENT_IS_ARG(x, n, loan) ? 1 : 2])0, char (*)[2]: 1, default: 0), \
	COHERENT_TEXT_LENT
#define COHERENT_FIT_WRITABLE(x, n, right)				\
	_Generic((char (*)[!(right) || COHERENT_IS_WRITABLE(COHERENT_OBJECT_FOR(x##n)) ? 2 : 1])0, char (*)[2]: 1, default: 0), \
	"this object or its elements are const: they can only be read"
#define COHERENT_FIT_CONST_KEPT(x, right)				\
	_Generic((char (*)[!(right) || COHERENT_IS_WRITABLE(COHERENT_OBJECT_FOR(x##1)) || COHERENT_IS_CONST(COHERENT_OBJECT_T(x##2)) ? 2 : 1])0, char (*)[2]: 1, default: 0), \
	"this object or its elements are const: a part of it needs a const element type, as in COHERENT_VIEW(const T)"

/* --- Getters --- */

#define COHERENT_GET_ADDR(x, old)						\
	COHERENT_BEGIN_VALUE						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BOX(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_ONE(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BAR(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_LOAN(x, 1));			\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_PART_OR_REFUSED(x, 1), 1, COHERENT_TEXT_PART)); \
		coherent_mem_addr(COHERENT_CONST_BASE_FOR(x, 1, mem)); \
	COHERENT_ARGUMENTS_END COHERENT_END_VALUE

#define COHERENT_GET_COUNT(x, old)						\
	COHERENT_BEGIN_VALUE						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BOX(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_ONE(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BAR(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_LOAN(x, 1));			\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_PART_OR_REFUSED(x, 1), 1, COHERENT_TEXT_PART)); \
		coherent_mem_count(COHERENT_CONST_BASE_FOR(x, 1, mem)); \
	COHERENT_ARGUMENTS_END COHERENT_END_VALUE

#define COHERENT_GET_SIZE(x, old)						\
	COHERENT_BEGIN_VALUE						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BOX(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_ONE(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BAR(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_LOAN(x, 1));			\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_PART_OR_REFUSED(x, 1), 1, COHERENT_TEXT_PART)); \
		coherent_mem_count(COHERENT_CONST_BASE_FOR(x, 1, mem)) * COHERENT_SIZE_OF(x, 1); \
	COHERENT_ARGUMENTS_END COHERENT_END_VALUE

#define COHERENT_GET_UNSAFE_PTR(x, old)						\
	COHERENT_BEGIN_VALUE						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BOX(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_ONE(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BAR(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_LOAN(x, 1));			\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_PART_OR_REFUSED(x, 1), 1, COHERENT_TEXT_PART)); \
		(volatile COHERENT_T_GIVEN(x, 1) COHERENT_SHARED *)(void COHERENT_SHARED *)coherent_mem_va(COHERENT_CONST_BASE_FOR(x, 1, mem)); \
	COHERENT_ARGUMENTS_END COHERENT_END_VALUE

#define COHERENT_GET_ADDR_AT(x, old, i, address)				\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) address COHERENT_LET_END(x, 2)	\
		COHERENT_LET_NUMBER(x, 3) i COHERENT_LET_NUMBER_END(x, 3) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		COHERENT_VALUE_OF(x, 2) (address) COHERENT_VALUE_END(x, 2) \
		COHERENT_ARG_NUMBER_OF(x, 3) (i) COHERENT_ARG_NUMBER_END(x, 3) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BOX(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_ONE(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BAR(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_LOAN(x, 1));			\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_PART_OR_REFUSED(x, 1), 1, COHERENT_TEXT_PART)); \
		_Static_assert(COHERENT_FIT_COUNT(x, 3, #i, COHERENT_IS_PART(x, 1)));	\
		_Static_assert(COHERENT_FIT_NUMBER(x, 3, #i, COHERENT_IS_PART(x, 1)));	\
		_Static_assert(COHERENT_FIT_TO_ADDRESS(x, 2, COHERENT_IS_PART(x, 1)));	\
		COHERENT_ERR(x, coherent_mem_addr_at(COHERENT_CONST_BASE_FOR(x, 1, mem), COHERENT_ARG(x, 3), \
			COHERENT_SIZE_OF(x, 1), COHERENT_TO_ADDRESS(x, 2)))	\
	COHERENT_ARGUMENTS_END COHERENT_END_CALL
#define COHERENT_IS_TO_ADDRESS(v)					\
	_Generic((v), coherent_addr_t *: 1, struct coherent_this_must_be_a_pointer *: 1, default: 0)
#define COHERENT_FIT_TO_ADDRESS(x, n, before)				\
	_Generic((char (*)[!(before) || COHERENT_IS_TO_ADDRESS(x##n) ? 2 : 1])0, char (*)[2]: 1, default: 0), \
	"this must be the address of a coherent_addr_t, as in &addr"
#define COHERENT_TO_ADDRESS(x, n)					\
	_Generic((x##n), coherent_addr_t *: x##n, default: (coherent_addr_t *)NULL)

/* --- Views, slots, rings --- */

#define COHERENT_MAKE_VIEW(x, old, first, n, to)			\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1)		\
		COHERENT_LET_DECAYED(x, 2) to COHERENT_LET_END(x, 2)	\
		COHERENT_LET_NUMBER(x, 3) first COHERENT_LET_NUMBER_END(x, 3)	\
		COHERENT_LET_NUMBER(x, 4) n COHERENT_LET_NUMBER_END(x, 4) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		COHERENT_VALUE_OF(x, 2) (to) COHERENT_VALUE_END(x, 2)	\
		COHERENT_ARG_NUMBER_OF(x, 3) (first) COHERENT_ARG_NUMBER_END(x, 3) \
		COHERENT_ARG_NUMBER_OF(x, 4) (n) COHERENT_ARG_NUMBER_END(x, 4) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BOX(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_ONE(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BAR(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_LOAN(x, 1));			\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_PART_OR_REFUSED(x, 1), 1, COHERENT_TEXT_PART)); \
		_Static_assert(COHERENT_FIT_COUNT(x, 3, #first, COHERENT_IS_PART(x, 1)));	\
		_Static_assert(COHERENT_FIT_NUMBER(x, 3, #first, COHERENT_IS_PART(x, 1))); \
		_Static_assert(COHERENT_FIT_COUNT(x, 4, #n, COHERENT_IS_PART(x, 1)));	\
		_Static_assert(COHERENT_FIT_NUMBER(x, 4, #n, COHERENT_IS_PART(x, 1))); \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 2, COHERENT_IS_PART(x, 1)));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 2, COHERENT_IS_PART(x, 1)));		\
		_Static_assert(COHERENT_FIT_KIND(x, 2, COHERENT_IS_ARG(x, 2, view), COHERENT_IS_PART(x, 1), COHERENT_TEXT_VIEW)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 2, COHERENT_IS_ARG(x, 2, view), COHERENT_IS_PART(x, 1))); \
		_Static_assert(COHERENT_FIT_CONST_KEPT(x, COHERENT_IS_PART(x, 1) && COHERENT_IS_ARG(x, 2, view))); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_PART(x, 1) || !COHERENT_IS_ARG(x, 2, view) || COHERENT_SAME_T(x)), "the view has another element type"); \
		COHERENT_ERR(x, coherent_mem_view(COHERENT_CONST_BASE_FOR(x, 1, mem), COHERENT_ARG(x, 3), COHERENT_ARG(x, 4), COHERENT_SIZE_OF(x, 1), COHERENT_BASE_FOR(x, 2, mem))) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

#define COHERENT_MAKE_SLOT(x, old, i, to)			\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1)		\
		COHERENT_LET_DECAYED(x, 2) to COHERENT_LET_END(x, 2)	\
		COHERENT_LET_NUMBER(x, 3) i COHERENT_LET_NUMBER_END(x, 3) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		COHERENT_VALUE_OF(x, 2) (to) COHERENT_VALUE_END(x, 2)	\
		COHERENT_ARG_NUMBER_OF(x, 3) (i) COHERENT_ARG_NUMBER_END(x, 3) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BOX(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_ONE(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BAR(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_LOAN(x, 1));			\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_PART_OR_REFUSED(x, 1), 1, COHERENT_TEXT_PART)); \
		_Static_assert(COHERENT_FIT_COUNT(x, 3, #i, COHERENT_IS_PART(x, 1)));	\
		_Static_assert(COHERENT_FIT_NUMBER(x, 3, #i, COHERENT_IS_PART(x, 1))); \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 2, COHERENT_IS_PART(x, 1)));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 2, COHERENT_IS_PART(x, 1)));		\
		_Static_assert(COHERENT_FIT_KIND(x, 2, COHERENT_IS_ARG(x, 2, slot), COHERENT_IS_PART(x, 1), COHERENT_TEXT_SLOT)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 2, COHERENT_IS_ARG(x, 2, slot), COHERENT_IS_PART(x, 1))); \
		_Static_assert(COHERENT_FIT_CONST_KEPT(x, COHERENT_IS_PART(x, 1) && COHERENT_IS_ARG(x, 2, slot))); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_PART(x, 1) || !COHERENT_IS_ARG(x, 2, slot) || COHERENT_SAME_T(x)), "the slot has another element type"); \
		COHERENT_ERR(x, coherent_mem_slot(COHERENT_CONST_BASE_FOR(x, 1, mem), COHERENT_ARG(x, 3), COHERENT_SIZE_OF(x, 1), COHERENT_BASE_FOR(x, 2, slot))) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

#define COHERENT_MAKE_RING(x, old, to)			\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) to COHERENT_LET_END(x, 2) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		COHERENT_VALUE_OF(x, 2) (to) COHERENT_VALUE_END(x, 2)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BOX(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_ONE(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BAR(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_LOAN(x, 1));			\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_PART_OR_REFUSED(x, 1), 1, COHERENT_TEXT_PART)); \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 2, COHERENT_IS_PART(x, 1)));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 2, COHERENT_IS_PART(x, 1)));		\
		_Static_assert(COHERENT_FIT_KIND(x, 2, COHERENT_IS_ARG(x, 2, ring), COHERENT_IS_PART(x, 1), COHERENT_TEXT_RING)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 2, COHERENT_IS_ARG(x, 2, ring), COHERENT_IS_PART(x, 1))); \
		_Static_assert(COHERENT_FIT_CONST_KEPT(x, COHERENT_IS_PART(x, 1) && COHERENT_IS_ARG(x, 2, ring))); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_PART(x, 1) || !COHERENT_IS_ARG(x, 2, ring) || COHERENT_SAME_T(x)), "the ring has another element type"); \
		COHERENT_ERR(x, coherent_mem_ring(COHERENT_CONST_BASE_FOR(x, 1, mem), COHERENT_BASE_FOR(x, 2, ring))) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

/* --- Copies of elements --- */

/* The second argument points to elements of the first one. */
#define COHERENT_FIT_ELEMENTS(x, n, before, text)			\
	_Generic((char (*)[!(before) || COHERENT_IS(x##n, struct coherent_this_must_be_a_pointer *) || COHERENT_SAME_TYPE(*COHERENT_COMPLETE(x##n), COHERENT_OBJECT_T(x##1)) ? 2 : 1])0, char (*)[2]: 1, default: 0), \
	text
/* The type of an element, or one without padding after a mistake. */
#define COHERENT_COPIED_IN(x)						\
	__typeof__(*__builtin_choose_expr(COHERENT_SAME_TYPE(*COHERENT_COMPLETE(x##2), COHERENT_OBJECT_T(x##1)), \
		(COHERENT_OBJECT_T(x##1) *)0, (char *)0))

#define COHERENT_COPY_OUT(x, old, first, to, n)			\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1)		\
		COHERENT_LET_DECAYED(x, 2) to COHERENT_LET_END(x, 2)	\
		COHERENT_LET_NUMBER(x, 3) first COHERENT_LET_NUMBER_END(x, 3)	\
		COHERENT_LET_NUMBER(x, 4) n COHERENT_LET_NUMBER_END(x, 4) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		COHERENT_VALUE_OF(x, 2) (to) COHERENT_VALUE_END(x, 2)	\
		COHERENT_ARG_NUMBER_OF(x, 3) (first) COHERENT_ARG_NUMBER_END(x, 3) \
		COHERENT_ARG_NUMBER_OF(x, 4) (n) COHERENT_ARG_NUMBER_END(x, 4) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BOX(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_ONE(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BAR(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_LOAN(x, 1));			\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_PART_OR_REFUSED(x, 1), 1, COHERENT_TEXT_PART)); \
		_Static_assert(COHERENT_FIT_COUNT(x, 3, #first, COHERENT_IS_PART(x, 1)));	\
		_Static_assert(COHERENT_FIT_NUMBER(x, 3, #first, COHERENT_IS_PART(x, 1)));	\
		_Static_assert(COHERENT_FIT_ELEMENTS(x, 2, COHERENT_IS_PART(x, 1), "the destination has another element type: it must be a pointer to the first element to fill")); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_CONST(*COHERENT_COMPLETE(COHERENT_ARG(x, 2)))), "the destination is const"); \
		_Static_assert(COHERENT_FIT_COUNT(x, 4, #n, COHERENT_IS_PART(x, 1)));	\
		_Static_assert(COHERENT_FIT_NUMBER(x, 4, #n, COHERENT_IS_PART(x, 1)));	\
		COHERENT_ERR(x, coherent_mem_copy_out(COHERENT_CONST_BASE_FOR(x, 1, mem), COHERENT_ARG(x, 3), COHERENT_ARG(x, 2), COHERENT_ARG(x, 4), COHERENT_SIZE_OF(x, 1))) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

#define COHERENT_COPY_IN(x, old, first, from, n)			\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1)		\
		COHERENT_LET_DECAYED(x, 2) from COHERENT_LET_END(x, 2)		\
		COHERENT_LET_NUMBER(x, 3) first COHERENT_LET_NUMBER_END(x, 3)	\
		COHERENT_LET_NUMBER(x, 4) n COHERENT_LET_NUMBER_END(x, 4) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		COHERENT_VALUE_OF(x, 2) (from) COHERENT_VALUE_END(x, 2)	\
		COHERENT_ARG_NUMBER_OF(x, 3) (first) COHERENT_ARG_NUMBER_END(x, 3) \
		COHERENT_ARG_NUMBER_OF(x, 4) (n) COHERENT_ARG_NUMBER_END(x, 4) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BOX(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_ONE(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_BAR(x, 1));			\
		_Static_assert(COHERENT_FIT_NOT_LOAN(x, 1));			\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_PART_OR_REFUSED(x, 1), 1, COHERENT_TEXT_PART)); \
		_Static_assert(COHERENT_FIT_WRITABLE(x, 1, COHERENT_IS_PART(x, 1)));	\
		_Static_assert(COHERENT_FIT_COPY(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_COUNT(x, 3, #first, COHERENT_IS_PART(x, 1)));	\
		_Static_assert(COHERENT_FIT_NUMBER(x, 3, #first, COHERENT_IS_PART(x, 1)));	\
		_Static_assert(COHERENT_FIT_ELEMENTS(x, 2, COHERENT_IS_PART(x, 1), "the source has another element type: it must be a pointer to the first element to copy")); \
		_Static_assert(COHERENT_FIT_COUNT(x, 4, #n, COHERENT_IS_PART(x, 1)));	\
		_Static_assert(COHERENT_FIT_NUMBER(x, 4, #n, COHERENT_IS_PART(x, 1)));	\
		COHERENT_ERR(x, coherent_mem_copy_in(COHERENT_CONST_BASE_FOR(x, 1, mem), COHERENT_ARG(x, 3), (const void *)COHERENT_ARG(x, 2), COHERENT_ARG(x, 4), COHERENT_SIZE_OF(x, 1), COHERENT_MASK(COHERENT_COPIED_IN(x)))) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

#endif
