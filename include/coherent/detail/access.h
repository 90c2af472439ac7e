/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The bodies of the accessors of coherent/typed.h. Callers do not use this file.
 *
 * Each makes the assertions of coherent/detail/field.h, and then one call. The bodies repeat the
 * assertions, because clang prints three lines for each macro around an error. A _WHOLE body is for
 * an element that is a number itself and has no field.
 */
#ifndef COHERENT_ACCESS_H
#define COHERENT_ACCESS_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/base.h>
#include <coherent/detail/check.h>
#include <coherent/detail/field.h>
#include <coherent/detail/mem.h>
#include <coherent/detail/types.h>

#define COHERENT_READ_WHOLE(x, i, order, out) COHERENT_READ(x, i, order, , out)
#define COHERENT_READ(x, i, order, field, out)				\
	COHERENT_BEGIN_RESULT						\
		_Static_assert(COHERENT_OK_POINTER(x));			\
		struct coherent_x { __typeof__(COHERENT_POINTER(x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(COHERENT_OK_NOT_BOX);			\
		_Static_assert(COHERENT_OK_NOT_ONE);			\
		_Static_assert(COHERENT_OK_NOT_BAR);			\
		COHERENT_FATAL _Static_assert(sizeof(coherent_dot(#field)) == 1, "write the field with its dot, as in .len"); COHERENT_FATAL_END \
		COHERENT_TAKE field COHERENT_TOOK __extension__({ COHERENT_OPEN(field) _Static_assert(COHERENT_OK_NUMBER); \
		_Static_assert(sizeof(coherent_index(sizeof(struct coherent_constant))) == 1, "an index inside a field is a constant: for a variable use coherent_read_item(), coherent_write_item()"); \
		COHERENT_OPENED(field)					\
		_Static_assert(COHERENT_OK_NOT_BOOL);			\
		_Static_assert(COHERENT_OK_WIDTH); _Static_assert(COHERENT_OK_ALIGNED); \
		_Static_assert(COHERENT_OK_VARIABLE(out));		\
		_Static_assert(COHERENT_OK_SAME(out));			\
		COHERENT_HEARD(mem_read)(COHERENT_BASE_OF(x, mem), (i), COHERENT_F_PLACE, \
			COHERENT_F_SHAPE, order, COHERENT_POINTER(out)); \
		});							\
	COHERENT_END_RESULT

#define COHERENT_WRITE_WHOLE(x, i, order, value) COHERENT_WRITE(x, i, order, , value)
#define COHERENT_WRITE(x, i, order, field, value)			\
	COHERENT_BEGIN_RESULT						\
		_Static_assert(COHERENT_OK_POINTER(x));			\
		struct coherent_x { __typeof__(COHERENT_POINTER(x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(COHERENT_OK_NOT_BOX);			\
		_Static_assert(COHERENT_OK_NOT_ONE);			\
		_Static_assert(COHERENT_OK_NOT_BAR);			\
		_Static_assert(COHERENT_OK_MUTABLE);			\
		COHERENT_FATAL _Static_assert(sizeof(coherent_dot(#field)) == 1, "write the field with its dot, as in .len"); COHERENT_FATAL_END \
		COHERENT_TAKE field COHERENT_TOOK __extension__({ COHERENT_OPEN(field) _Static_assert(COHERENT_OK_NUMBER); \
		_Static_assert(sizeof(coherent_index(sizeof(struct coherent_constant))) == 1, "an index inside a field is a constant: for a variable use coherent_read_item(), coherent_write_item()"); \
		COHERENT_OPENED(field)					\
		_Static_assert(COHERENT_OK_NOT_BOOL);			\
		_Static_assert(COHERENT_OK_WIDTH); _Static_assert(COHERENT_OK_ALIGNED); \
		_Static_assert(COHERENT_OK_VALUE(value));		\
		_Static_assert(COHERENT_OK_FIT(value));			\
		_Static_assert(COHERENT_OK_ASSIGNED);			\
		COHERENT_HEARD(mem_write)(COHERENT_BASE_OF(x, mem), (i), COHERENT_F_PLACE, \
			COHERENT_F_SHAPE, order, COHERENT_F_TO_WORD(value)); \
		});							\
	COHERENT_END_RESULT

#define COHERENT_POLL_WHOLE(poll, x, i, out, condition, timeout)	\
	COHERENT_POLL(poll, x, i, , out, condition, timeout)
#define COHERENT_POLL(poll, x, i, field, out, condition, timeout)	\
	COHERENT_BEGIN_RESULT						\
		_Static_assert(COHERENT_OK_POINTER(x));			\
		struct coherent_x { __typeof__(COHERENT_POINTER(x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(COHERENT_OK_NOT_BOX);			\
		_Static_assert(COHERENT_OK_NOT_ONE);			\
		_Static_assert(COHERENT_OK_NOT_BAR);			\
		COHERENT_FATAL _Static_assert(sizeof(coherent_dot(#field)) == 1, "write the field with its dot, as in .len"); COHERENT_FATAL_END \
		COHERENT_TAKE field COHERENT_TOOK __extension__({ COHERENT_OPEN(field) _Static_assert(COHERENT_OK_NUMBER); \
		_Static_assert(sizeof(coherent_index(sizeof(struct coherent_constant))) == 1, "an index inside a field is a constant: for a variable use coherent_read_item(), coherent_write_item()"); \
		COHERENT_OPENED(field)					\
		_Static_assert(COHERENT_OK_NOT_BOOL);			\
		_Static_assert(COHERENT_OK_WIDTH); _Static_assert(COHERENT_OK_ALIGNED); \
		_Static_assert(COHERENT_OK_VARIABLE(out));		\
		_Static_assert(COHERENT_OK_SAME(out));			\
		struct {						\
			struct coherent_wait wait;			\
			const struct coherent_mem *mem;			\
			size_t element;					\
			__typeof__(&*COHERENT_POINTER(out)) value;	\
			int err;					\
		} poll = { .mem = COHERENT_BASE_OF(x, mem), .element = (i), .value = COHERENT_POINTER(out) }; \
									\
		COHERENT_HEARD(base_wait_begin)(&poll.wait, (timeout));	\
		do							\
			poll.err = COHERENT_HEARD(mem_read)(poll.mem, poll.element, \
				COHERENT_F_PLACE, COHERENT_F_SHAPE, __ATOMIC_ACQUIRE, poll.value); \
		while (!poll.err && !(condition) &&			\
		       !(poll.err = COHERENT_HEARD(base_wait_more)(&poll.wait, poll.mem))); \
		poll.err;						\
		});							\
	COHERENT_END_RESULT

#define COHERENT_SLOT_GET_WHOLE(order, x) COHERENT_SLOT_GET(order, x, )
#define COHERENT_SLOT_GET(order, x, field)				\
	COHERENT_BEGIN_VALUE						\
		_Static_assert(COHERENT_OK_POINTER(x));			\
		struct coherent_x { __typeof__(COHERENT_POINTER(x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(COHERENT_OK_SLOT);			\
		COHERENT_FATAL _Static_assert(sizeof(coherent_dot(#field)) == 1, "write the field with its dot, as in .len"); COHERENT_FATAL_END \
		COHERENT_TAKE field COHERENT_TOOK __extension__({ COHERENT_OPEN(field) _Static_assert(COHERENT_OK_NUMBER); \
		_Static_assert(sizeof(coherent_index(sizeof(struct coherent_constant))) == 1, "an index inside a field is a constant: for a variable use coherent_read_item(), coherent_write_item()"); \
		COHERENT_OPENED(field)					\
		_Static_assert(COHERENT_OK_NOT_BOOL);			\
		_Static_assert(COHERENT_OK_WIDTH); _Static_assert(COHERENT_OK_ALIGNED); \
		COHERENT_F_FROM_WORD(COHERENT_HEARD(slot_load)(COHERENT_BASE_OF(x, slot), \
			COHERENT_F_OFFSET, COHERENT_F_SHAPE, order));	\
		});							\
	COHERENT_END_VALUE

#define COHERENT_SLOT_PUT_WHOLE(x, order, value) COHERENT_SLOT_PUT(x, order, , value)
#define COHERENT_SLOT_PUT(x, order, field, value)			\
	COHERENT_BEGIN_VALUE						\
		_Static_assert(COHERENT_OK_POINTER(x));			\
		struct coherent_x { __typeof__(COHERENT_POINTER(x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(COHERENT_OK_SLOT);			\
		_Static_assert(COHERENT_OK_MUTABLE);			\
		COHERENT_FATAL _Static_assert(sizeof(coherent_dot(#field)) == 1, "write the field with its dot, as in .len"); COHERENT_FATAL_END \
		COHERENT_TAKE field COHERENT_TOOK __extension__({ COHERENT_OPEN(field) _Static_assert(COHERENT_OK_NUMBER); \
		_Static_assert(sizeof(coherent_index(sizeof(struct coherent_constant))) == 1, "an index inside a field is a constant: for a variable use coherent_read_item(), coherent_write_item()"); \
		COHERENT_OPENED(field)					\
		_Static_assert(COHERENT_OK_NOT_BOOL);			\
		_Static_assert(COHERENT_OK_WIDTH); _Static_assert(COHERENT_OK_ALIGNED); \
		_Static_assert(COHERENT_OK_VALUE(value));		\
		_Static_assert(COHERENT_OK_FIT(value));			\
		_Static_assert(COHERENT_OK_ASSIGNED);			\
		COHERENT_HEARD(slot_store)(COHERENT_BASE_OF(x, slot), COHERENT_F_OFFSET, \
			COHERENT_F_SHAPE, order, COHERENT_F_TO_WORD(value)); \
		});							\
	COHERENT_END_VALUE

#define COHERENT_RING_GET_WHOLE(x, order, i) COHERENT_RING_GET(x, order, i, )
#define COHERENT_RING_GET(x, order, i, field)				\
	COHERENT_BEGIN_VALUE						\
		_Static_assert(COHERENT_OK_POINTER(x));			\
		struct coherent_x { __typeof__(COHERENT_POINTER(x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(COHERENT_OK_RING);			\
		COHERENT_FATAL _Static_assert(sizeof(coherent_dot(#field)) == 1, "write the field with its dot, as in .len"); COHERENT_FATAL_END \
		COHERENT_TAKE field COHERENT_TOOK __extension__({ COHERENT_OPEN(field) _Static_assert(COHERENT_OK_NUMBER); \
		_Static_assert(sizeof(coherent_index(sizeof(struct coherent_constant))) == 1, "an index inside a field is a constant: for a variable use coherent_read_item(), coherent_write_item()"); \
		COHERENT_OPENED(field)					\
		_Static_assert(COHERENT_OK_NOT_BOOL);			\
		_Static_assert(COHERENT_OK_WIDTH); _Static_assert(COHERENT_OK_ALIGNED); \
		COHERENT_F_FROM_WORD(COHERENT_HEARD(ring_load)(COHERENT_BASE_OF(x, ring), (i), \
			COHERENT_F_PLACE, COHERENT_F_SHAPE, order));	\
		});							\
	COHERENT_END_VALUE

#define COHERENT_RING_PUT_WHOLE(x, i, order, value) COHERENT_RING_PUT(x, i, order, , value)
#define COHERENT_RING_PUT(x, i, order, field, value)			\
	COHERENT_BEGIN_VALUE						\
		_Static_assert(COHERENT_OK_POINTER(x));			\
		struct coherent_x { __typeof__(COHERENT_POINTER(x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(COHERENT_OK_RING);			\
		_Static_assert(COHERENT_OK_MUTABLE);			\
		COHERENT_FATAL _Static_assert(sizeof(coherent_dot(#field)) == 1, "write the field with its dot, as in .len"); COHERENT_FATAL_END \
		COHERENT_TAKE field COHERENT_TOOK __extension__({ COHERENT_OPEN(field) _Static_assert(COHERENT_OK_NUMBER); \
		_Static_assert(sizeof(coherent_index(sizeof(struct coherent_constant))) == 1, "an index inside a field is a constant: for a variable use coherent_read_item(), coherent_write_item()"); \
		COHERENT_OPENED(field)					\
		_Static_assert(COHERENT_OK_NOT_BOOL);			\
		_Static_assert(COHERENT_OK_WIDTH); _Static_assert(COHERENT_OK_ALIGNED); \
		_Static_assert(COHERENT_OK_VALUE(value));		\
		_Static_assert(COHERENT_OK_FIT(value));			\
		_Static_assert(COHERENT_OK_ASSIGNED);			\
		COHERENT_HEARD(ring_store)(COHERENT_BASE_OF(x, ring), (i), COHERENT_F_PLACE, \
			COHERENT_F_SHAPE, order, COHERENT_F_TO_WORD(value)); \
		});							\
	COHERENT_END_VALUE

#endif
