/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Expose several objects in one call: for instance a queue and its tables. The device
 * gets all of them or none.
 */
#ifndef COHERENT_EXPOSE_ALL_H
#define COHERENT_EXPOSE_ALL_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent.h>

COHERENT_C_BEGIN

/**
 * struct coherent_exposure - One box of coherent_expose_all().
 * @box: The box.
 * @options: The mem and the options, as for coherent_expose().
 */
struct coherent_exposure {
	struct coherent_box *box;
	const struct coherent_expose_options *options;
};

/**
 * coherent_base_expose_all() - coherent_expose_all() after the checks of types.
 * @exposures: The boxes, with their options.
 * @count: The number of @exposures.
 * @exposure_size: The size of a struct coherent_exposure, as the caller knows it.
 *
 * Return: as coherent_expose_all().
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_base_expose_all(const struct coherent_exposure *exposures, size_t count,
			     size_t exposure_size);

COHERENT_C_END

/**
 * coherent_expose_all() - Expose several boxes, or none.
 * @...: For each box, COHERENT_EXPOSURE() with the arguments of coherent_expose().
 *
 * The call exposes the boxes in this order, so .seal of one can use the mems before it. If one
 * fails, the call consumes all boxes, and frees the mems that it made, as coherent_free() does.
 *
 * The call finds empty boxes, a wrong .permission and mems that are not empty before it exposes
 * anything. It finds other errors only when it comes to that box, for instance a mem that is given
 * twice, or a .permission that is not that of a pool or of a box in place.
 *
 * For instance:
 *
 *	err = coherent_expose_all(COHERENT_EXPOSURE(&table_box, &table),
 *				  COHERENT_EXPOSURE(&queue_box, &queue));
 *
 * Context: may sleep.
 * Return: as coherent_expose().
 */
#define coherent_expose_all(...)					\
	COHERENT_AGAIN(COHERENT_EXPOSURE_OF)				\
	COHERENT_BEGIN_CALL						\
		COHERENT_STRICT const struct coherent_exposure coherent_list[] = { __VA_ARGS__ }; COHERENT_STRICT_END \
		COHERENT_ERR(coherent_, coherent_base_expose_all(coherent_list, \
			sizeof(coherent_list) / sizeof(struct coherent_exposure), sizeof(struct coherent_exposure))) \
	COHERENT_END_CALL

/**
 * COHERENT_EXPOSURE() - Describe one box for coherent_expose_all().
 * @b: The box.
 * @...: The mem and the options, as for coherent_expose().
 */
#define COHERENT_EXPOSURE(b, ...) COHERENT_EXPOSURE_OF COHERENT_LATER (b, __VA_ARGS__, )
/* This delays the other macro until coherent_expose_all() has defined it again. */
#define COHERENT_LATER
/*
 * The assertions are those of coherent/detail/argument.h. They are here, because clang prints each
 * macro around an error. The mem has a use for its type and one for its value.
 */
#define COHERENT_EXPOSURE_OF(from, to, ...)				\
	{								\
		.box = __extension__({					\
			COHERENT_LET(coherent_e, 1) from COHERENT_LET_END(coherent_e, 1) \
			COHERENT_LET_TYPE(coherent_e, 2) to COHERENT_LET_TYPE_END(coherent_e, 2) COHERENT_ARGUMENTS \
			COHERENT_OBJECT_OF(coherent_e, 1) (from) COHERENT_OBJECT_END(coherent_e, 1) \
			COHERENT_ARG_NO_VALUE(coherent_e, 2)		\
			_Static_assert(_Generic((char (*)[COHERENT_IS(coherent_e1, struct coherent_by_value *) && (1) ? 1 : 2])0, char (*)[2]: 1, default: 0), \
			"write & before the object, as in &mem");	\
			_Static_assert(_Generic((char (*)[COHERENT_IS_TWICE(coherent_e1) && (1) ? 1 : 2])0, char (*)[2]: 1, default: 0), \
			"this is a pointer to a pointer or to an array: leave out the &, or take one element"); \
			_Static_assert(_Generic((char (*)[COHERENT_ARG_IS_OTHER(coherent_e1) || !(1) || (COHERENT_IS_ARG(coherent_e, 1, box)) ? 2 : 1])0, char (*)[2]: 1, default: 0), COHERENT_TEXT_BOX); \
			_Static_assert(_Generic((char (*)[COHERENT_IS_MUTABLE(COHERENT_OBJECT_FOR(coherent_e1)) || !(1) || !(COHERENT_IS_ARG(coherent_e, 1, box)) ? 2 : 1])0, char (*)[2]: 1, default: 0), \
			"this object is const: it can only be read");	\
			_Static_assert(_Generic((char (*)[COHERENT_IS(coherent_e2, struct coherent_by_value *) && (COHERENT_IS_ARG(coherent_e, 1, box)) ? 1 : 2])0, char (*)[2]: 1, default: 0), \
			"write & before the object, as in &mem");	\
			_Static_assert(_Generic((char (*)[COHERENT_IS_TWICE(coherent_e2) && (COHERENT_IS_ARG(coherent_e, 1, box)) ? 1 : 2])0, char (*)[2]: 1, default: 0), \
			"this is a pointer to a pointer or to an array: leave out the &, or take one element"); \
			_Static_assert(_Generic((char (*)[COHERENT_ARG_IS_OTHER(coherent_e2) || !(COHERENT_IS_ARG(coherent_e, 1, box)) || (COHERENT_IS_ARG(coherent_e, 2, mem)) ? 2 : 1])0, char (*)[2]: 1, default: 0), COHERENT_TEXT_MEM); \
			_Static_assert(_Generic((char (*)[COHERENT_IS_MUTABLE(COHERENT_OBJECT_FOR(coherent_e2)) || !(COHERENT_IS_ARG(coherent_e, 1, box)) || !(COHERENT_IS_ARG(coherent_e, 2, mem)) ? 2 : 1])0, char (*)[2]: 1, default: 0), \
			"this object is const: it can only be read");	\
			_Static_assert(_Generic((char (*)[!COHERENT_IS_ARG(coherent_e, 1, box) || !COHERENT_IS_ARG(coherent_e, 2, mem) || \
				COHERENT_SAME_T(coherent_e) ? 2 : 1])0, char (*)[2]: 1, default: 0), \
				"the box and the mem hold different element types"); \
			COHERENT_BASE_IS(coherent_e, 1, box)		\
			COHERENT_ARGUMENTS_END				\
		}),							\
		.options = (const void *)&(COHERENT_OPTIONS_TYPE(coherent_expose_options, #__VA_ARGS__)){ COHERENT_SIZED(coherent_expose_options), \
			.mem = __extension__({				\
				COHERENT_LET(coherent_e, 2) to COHERENT_LET_END(coherent_e, 2) COHERENT_ARGUMENTS \
				COHERENT_OBJECT_OF(coherent_e, 2) (to) COHERENT_OBJECT_END(coherent_e, 2) \
				_Static_assert(COHERENT_FIT_OPTIONS(#__VA_ARGS__)); \
				COHERENT_BASE_IS(coherent_e, 2, mem)	\
				COHERENT_ARGUMENTS_END			\
			}), __VA_ARGS__ },				\
	}

#include <coherent/detail/c_only.h>

#endif
