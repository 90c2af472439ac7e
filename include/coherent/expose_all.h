/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Several objects as one: a queue and its tables, of which a device is told all or none.
 */
#ifndef COHERENT_EXPOSE_ALL_H
#define COHERENT_EXPOSE_ALL_H

#include <coherent.h>

/**
 * struct coherent_exposure - One of coherent_expose_all().
 * @box: The box.
 * @options: What coherent_expose() would be told.
 */
struct coherent_exposure {
	struct coherent_box *box;
	struct coherent_expose_options options;
};

/**
 * coherent_base_exposures_check() - What can be said before anything is exposed.
 * @exposures: The boxes, with what was asked for.
 * @count: How many.
 *
 * Return: 0; -EINVAL, -EBUSY.
 */
static inline COHERENT_MUST_CHECK __attribute__((unused)) int
coherent_base_exposures_check(const struct coherent_exposure *exposures, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (coherent_box_is_empty(exposures[i].box) ||
		    (unsigned int)exposures[i].options.permission > COHERENT_READ_ONLY)
			return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		const struct coherent_mem *mem = exposures[i].options.mem;

		if (!coherent_mem_is_empty(mem))
			return -EBUSY;
	}
	return 0;
}

/**
 * coherent_base_expose_all() - coherent_expose_all() once types are checked.
 * @exposures: The boxes, with what was asked for.
 * @count: How many.
 *
 * Return: as coherent_expose_all().
 */
static inline COHERENT_MUST_CHECK __attribute__((unused)) int
coherent_base_expose_all(const struct coherent_exposure *exposures, size_t count)
{
	int err = coherent_base_exposures_check(exposures, count);
	size_t done = 0;

	while (!err && done < count) {
		err = coherent_base_expose(exposures[done].box, &exposures[done].options);
		done += !err;
	}
	if (!err)
		return 0;
	for (size_t i = 0; i < count; i++)
		coherent_base_box_free(exposures[i].box);
	while (done)
		coherent_base_free(exposures[--done].options.mem);
	return err;
}

/**
 * coherent_expose_all() - Expose several boxes, or none.
 * @...: For each, COHERENT_EXPOSURE() with the arguments of coherent_expose().
 *
 * In that order; .seal of one finds the mems before it exposed. If one fails, all end: the boxes
 * are consumed, and the mems are freed, as by coherent_free(), before anybody else has seen them.
 * Empty boxes, .permission and mems in use are found before anything is exposed; what is given twice, and
 * that a pool's .permission is another, at its turn.
 *
 * Context: may sleep.
 * Return: as coherent_expose().
 */
#define coherent_expose_all(...)					\
	COHERENT_RESULT(, coherent_base_expose_all(			\
		(const struct coherent_exposure[]){ __VA_ARGS__ },	\
		sizeof((const struct coherent_exposure[]){ __VA_ARGS__ }) / \
			sizeof(struct coherent_exposure)))

/**
 * COHERENT_EXPOSURE() - One box of those of coherent_expose_all().
 * @b: The box.
 * @...: As for coherent_expose().
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
			&(b)->base;					\
			COHERENT_STRICT_END				\
		}),							\
		.options = (const struct coherent_expose_options){ .mem = __VA_ARGS__ }, \
	}

#endif
