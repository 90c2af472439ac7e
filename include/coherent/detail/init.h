/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The bodies of coherent_box_init_at() and coherent_init(). Both call a function of the
 * driver between two steps of the library. Callers do not use this file.
 */
#ifndef COHERENT_INIT_H
#define COHERENT_INIT_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/base.h>
#include <coherent/detail/known.h>
#include <coherent/detail/types.h>

/* The struct has the one name that the macro may use: init, which is unique. */
#define COHERENT_INIT_AT(init, x, i, fn, argument)			\
	COHERENT_BEGIN_RESULT COHERENT_NEEDS_BOX(x)			\
		COHERENT_REQUIRE(__builtin_types_compatible_p(__typeof__(*(fn)), \
						int(COHERENT_T(x) *, void *)), \
			"the initialiser must be int fn(T *element, void *arg)"); \
		__extension__({						\
			struct {					\
				const struct coherent_box *box;		\
				size_t n;				\
				COHERENT_T(x) *element;			\
				int err;				\
			} init = { .box = &COHERENT_KNOWN(x)->base, .n = (i) }; \
									\
			init.element = (void *)coherent_box_at(init.box, init.n, \
							       sizeof(COHERENT_T(x))); \
			init.err = init.element ? (fn)(init.element, (argument)) : 0; \
			if (!init.element || init.err > 0) {		\
				coherent_base_refuse_element(init.box, init.n, init.err); \
				init.err = -EINVAL;			\
			}						\
			init.err;					\
		});							\
	COHERENT_END_RESULT

#define COHERENT_INIT(init, x, dev, n, fn, ...)				\
	COHERENT_BEGIN_RESULT COHERENT_NEEDS_MEM(x) COHERENT_NEEDS_MUTABLE(x) \
		COHERENT_REQUIRE(__builtin_types_compatible_p(__typeof__(*(fn)), \
					int(COHERENT_T(x) *, size_t, void *)), \
			"the initialiser must be int fn(T *elements, size_t count, void *arg)"); \
		__extension__({						\
			struct {					\
				struct coherent_mem_options options;	\
				struct coherent_mem *mem;		\
				struct coherent_box box;		\
				int err;				\
			} init = { .options = { COHERENT_SIZED(coherent_mem_options), .arg = __VA_ARGS__ }, \
				   .mem = &COHERENT_KNOWN(x)->base }; \
									\
			init.err = coherent_base_init_begin(init.mem, &init.box, (dev), (n), \
							    sizeof(COHERENT_T(x)), \
							    &init.options, COHERENT_HERE); \
			if (!init.err)					\
				init.err = coherent_base_init_end(init.mem, &init.box, \
					(fn)((void *)init.box.va, init.box.count, \
					     init.options.arg), &init.options); \
			init.err;					\
		});							\
	COHERENT_END_RESULT

#endif
