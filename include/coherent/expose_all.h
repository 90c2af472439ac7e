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
 * twice, or a .permission that is not that of a pool.
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
	COHERENT_BEGIN_RESULT						\
		COHERENT_HEARD(base_expose_all)(				\
		(const struct coherent_exposure[]){ __VA_ARGS__ },	\
		sizeof((const struct coherent_exposure[]){ __VA_ARGS__ }) / \
			sizeof(struct coherent_exposure),		\
		sizeof(struct coherent_exposure));			\
	COHERENT_END_RESULT

/**
 * COHERENT_EXPOSURE() - Describe one box for coherent_expose_all().
 * @b: The box.
 * @...: The mem and the options, as for coherent_expose().
 */
#define COHERENT_EXPOSURE(b, ...)					\
	{								\
		.box = __extension__({					\
			COHERENT_STRICT					\
			COHERENT_NEEDS_BOX(b)				\
			COHERENT_NEEDS_MEM(COHERENT_FIRST(__VA_ARGS__))	\
			COHERENT_NEEDS_MUTABLE(COHERENT_FIRST(__VA_ARGS__)) \
			COHERENT_NEEDS_SAME(COHERENT_T(b), COHERENT_T(COHERENT_FIRST(__VA_ARGS__)), \
				    "the box and the mem hold different element types") \
			&COHERENT_KNOWN(b)->base;			\
			COHERENT_STRICT_END				\
		}),							\
		.options = &(const struct coherent_expose_options){	\
			COHERENT_SIZED(coherent_expose_options), .mem = COHERENT_KNOWN_1ST(__VA_ARGS__, ) }, \
	}

#include <coherent/detail/c_only.h>

#endif
