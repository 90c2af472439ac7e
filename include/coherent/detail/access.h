/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The bodies of the accessors of coherent/typed.h. Callers do not use this file.
 *
 * Each makes the assertions of coherent/detail/field.h, and then one call. The bodies repeat the
 * assertions, because clang prints three lines for each macro around an error. A _WHOLE body is for
 * an element that is a number itself and has no field. A _MANY body is for a wrong number of
 * arguments. The names of variables begin with u, which is another name in each call.
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

#define COHERENT_READ(u, x, i, order, field, out)			\
	COHERENT_BEGIN_ACCESS(u)					\
		COHERENT_GIVE(u) x COHERENT_GIVEN (x) COHERENT_GIVEN_END \
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_OBJECT(COHERENT_AT(u, x))); COHERENT_FATAL_END \
		_Static_assert(!COHERENT_BAD_POINTER(COHERENT_AT(u, x))); \
		struct coherent_x { COHERENT_GIVEN_TYPE(COHERENT_AT(u, x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(!COHERENT_BAD_BOX);			\
		_Static_assert(!COHERENT_BAD_ONE);			\
		_Static_assert(!COHERENT_BAD_BAR);			\
		_Static_assert(!COHERENT_BAD_LOAN);			\
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_DOT(field)); COHERENT_FATAL_END \
		COHERENT_FIND __builtin_offsetof(struct coherent_cell, e field) + 0 /* no bit-field: mask 8, 16, 32 or 64 bits */ COHERENT_FOUND \
		COHERENT_TAKE COHERENT_GOOD_E field COHERENT_TOOK __extension__({ \
		COHERENT_NAME COHERENT_NAME_E field COHERENT_NAMED	\
		COHERENT_TYPE_OF(field)					\
		COHERENT_FATAL						\
		_Static_assert(!COHERENT_BAD_BITS);			\
		_Static_assert(!COHERENT_BAD_NUMBER);			\
		_Static_assert(!COHERENT_BAD_CONSTANT);			\
		COHERENT_FATAL_END					\
		COHERENT_REACH field COHERENT_REACHED			\
		COHERENT_OFFSET_OF_FIELD(field)				\
		COHERENT_DESCRIBE					\
		_Static_assert(!COHERENT_BAD_BOOL);			\
		_Static_assert(!COHERENT_BAD_WIDTH);			\
		_Static_assert(!COHERENT_BAD_ALIGNMENT);		\
		COHERENT_INDEX_IS(u) (i) COHERENT_INDEX_END		\
		_Static_assert(!COHERENT_BAD_INDEX(u));			\
		COHERENT_OUT_IS(u) (out) COHERENT_OUT_END		\
		_Static_assert(!COHERENT_BAD_VARIABLE(u));		\
		COHERENT_COMPARE_TYPES(u)				\
		_Static_assert(!COHERENT_BAD_U8);			\
		_Static_assert(!COHERENT_BAD_U16);			\
		_Static_assert(!COHERENT_BAD_U32);			\
		_Static_assert(!COHERENT_BAD_U64);			\
		_Static_assert(!COHERENT_BAD_TYPE);			\
		COHERENT_ERRNO(u) COHERENT_HEARD(mem_read)(COHERENT_BASE_OF_GIVEN(u, x, mem), COHERENT_INDEX(u) (i) COHERENT_NUMBER_END, \
			COHERENT_F_PLACE, COHERENT_F_SHAPE, order, COHERENT_ADDRESS(u) (out) COHERENT_ADDRESS_END); \
		});							\
	COHERENT_END_ACCESS(u)

#define COHERENT_READ_WHOLE(u, x, i, order, out)			\
	COHERENT_BEGIN_ACCESS(u)					\
		COHERENT_GIVE(u) x COHERENT_GIVEN (x) COHERENT_GIVEN_END \
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_OBJECT(COHERENT_AT(u, x))); COHERENT_FATAL_END \
		_Static_assert(!COHERENT_BAD_POINTER(COHERENT_AT(u, x))); \
		struct coherent_x { COHERENT_GIVEN_TYPE(COHERENT_AT(u, x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(!COHERENT_BAD_BOX);			\
		_Static_assert(!COHERENT_BAD_ONE);			\
		_Static_assert(!COHERENT_BAD_BAR);			\
		_Static_assert(!COHERENT_BAD_LOAN);			\
		COHERENT_FATAL						\
		_Static_assert(!COHERENT_NO_INDEX(i));			\
		_Static_assert(!COHERENT_NO_VARIABLE(out));		\
		COHERENT_FATAL_END					\
		__extension__({						\
		COHERENT_OPEN_WHOLE					\
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_WHOLE(i, out)); COHERENT_FATAL_END \
		COHERENT_DESCRIBE					\
		_Static_assert(!COHERENT_BAD_BOOL);			\
		_Static_assert(!COHERENT_BAD_WIDTH);			\
		_Static_assert(!COHERENT_BAD_ALIGNMENT);		\
		COHERENT_INDEX_IS(u) (i) COHERENT_INDEX_END		\
		_Static_assert(!COHERENT_BAD_INDEX(u));			\
		COHERENT_OUT_IS(u) (out) COHERENT_OUT_END		\
		_Static_assert(!COHERENT_BAD_VARIABLE(u));		\
		COHERENT_COMPARE_TYPES(u)				\
		_Static_assert(!COHERENT_BAD_U8);			\
		_Static_assert(!COHERENT_BAD_U16);			\
		_Static_assert(!COHERENT_BAD_U32);			\
		_Static_assert(!COHERENT_BAD_U64);			\
		_Static_assert(!COHERENT_BAD_TYPE);			\
		COHERENT_ERRNO(u) COHERENT_HEARD(mem_read)(COHERENT_BASE_OF_GIVEN(u, x, mem), COHERENT_INDEX(u) (i) COHERENT_NUMBER_END, \
			COHERENT_F_PLACE, COHERENT_F_SHAPE, order, COHERENT_ADDRESS(u) (out) COHERENT_ADDRESS_END); \
		});							\
	COHERENT_END_ACCESS(u)

#define COHERENT_READ_MANY(...)						\
	__extension__({ _Static_assert(!1, "write the arguments as &mem, i, .field, &variable"); 0; })

#define COHERENT_WRITE(u, x, i, order, field, value)			\
	COHERENT_BEGIN_ACCESS(u)					\
		COHERENT_GIVE(u) x COHERENT_GIVEN (x) COHERENT_GIVEN_END \
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_OBJECT(COHERENT_AT(u, x))); COHERENT_FATAL_END \
		_Static_assert(!COHERENT_BAD_POINTER(COHERENT_AT(u, x))); \
		struct coherent_x { COHERENT_GIVEN_TYPE(COHERENT_AT(u, x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(!COHERENT_BAD_BOX);			\
		_Static_assert(!COHERENT_BAD_ONE);			\
		_Static_assert(!COHERENT_BAD_BAR);			\
		_Static_assert(!COHERENT_BAD_LOAN);			\
		_Static_assert(!COHERENT_BAD_CONST);			\
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_DOT(field)); COHERENT_FATAL_END \
		COHERENT_FIND __builtin_offsetof(struct coherent_cell, e field) + 0 /* no bit-field: mask 8, 16, 32 or 64 bits */ COHERENT_FOUND \
		COHERENT_TAKE COHERENT_GOOD_E field COHERENT_TOOK __extension__({ \
		COHERENT_NAME COHERENT_NAME_E field COHERENT_NAMED	\
		COHERENT_TYPE_OF(field)					\
		COHERENT_FATAL						\
		_Static_assert(!COHERENT_BAD_BITS);			\
		_Static_assert(!COHERENT_BAD_NUMBER);			\
		_Static_assert(!COHERENT_BAD_CONSTANT);			\
		COHERENT_FATAL_END					\
		COHERENT_REACH field COHERENT_REACHED			\
		COHERENT_OFFSET_OF_FIELD(field)				\
		COHERENT_DESCRIBE					\
		_Static_assert(!COHERENT_BAD_BOOL);			\
		_Static_assert(!COHERENT_BAD_WIDTH);			\
		_Static_assert(!COHERENT_BAD_ALIGNMENT);		\
		COHERENT_INDEX_IS(u) (i) COHERENT_INDEX_END		\
		_Static_assert(!COHERENT_BAD_INDEX(u));			\
		COHERENT_CLASS_OF (value) COHERENT_THEN_BYTES_OF (value) \
		COHERENT_THEN_IS_CONSTANT (value) COHERENT_THEN_UPPER_BITS_OF (value) COHERENT_VALUE_KNOWN \
		_Static_assert(!COHERENT_BAD_VALUE(value));		\
		_Static_assert(!COHERENT_BAD_FIT(value));		\
		_Static_assert(!COHERENT_BAD_READ_ONLY);		\
		COHERENT_SET (value) COHERENT_SET_END			\
		COHERENT_ERRNO(u) COHERENT_HEARD(mem_write)(COHERENT_BASE_OF_GIVEN(u, x, mem), COHERENT_INDEX(u) (i) COHERENT_NUMBER_END, \
			COHERENT_F_PLACE, COHERENT_F_SHAPE, order, COHERENT_VALUE_WORD(value)); \
		});							\
	COHERENT_END_ACCESS(u)

#define COHERENT_WRITE_WHOLE(u, x, i, order, value)			\
	COHERENT_BEGIN_ACCESS(u)					\
		COHERENT_GIVE(u) x COHERENT_GIVEN (x) COHERENT_GIVEN_END \
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_OBJECT(COHERENT_AT(u, x))); COHERENT_FATAL_END \
		_Static_assert(!COHERENT_BAD_POINTER(COHERENT_AT(u, x))); \
		struct coherent_x { COHERENT_GIVEN_TYPE(COHERENT_AT(u, x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(!COHERENT_BAD_BOX);			\
		_Static_assert(!COHERENT_BAD_ONE);			\
		_Static_assert(!COHERENT_BAD_BAR);			\
		_Static_assert(!COHERENT_BAD_LOAN);			\
		_Static_assert(!COHERENT_BAD_CONST);			\
		COHERENT_FATAL						\
		_Static_assert(!COHERENT_NO_INDEX(i));			\
		_Static_assert(!COHERENT_NO_VALUE(value));		\
		COHERENT_FATAL_END					\
		__extension__({						\
		COHERENT_OPEN_WHOLE					\
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_WHOLE(i, value)); COHERENT_FATAL_END \
		COHERENT_DESCRIBE					\
		_Static_assert(!COHERENT_BAD_BOOL);			\
		_Static_assert(!COHERENT_BAD_WIDTH);			\
		_Static_assert(!COHERENT_BAD_ALIGNMENT);		\
		COHERENT_INDEX_IS(u) (i) COHERENT_INDEX_END		\
		_Static_assert(!COHERENT_BAD_INDEX(u));			\
		COHERENT_CLASS_OF (value) COHERENT_THEN_BYTES_OF (value) \
		COHERENT_THEN_IS_CONSTANT (value) COHERENT_THEN_UPPER_BITS_OF (value) COHERENT_VALUE_KNOWN \
		_Static_assert(!COHERENT_BAD_VALUE(value));		\
		_Static_assert(!COHERENT_BAD_FIT(value));		\
		_Static_assert(!COHERENT_BAD_READ_ONLY);		\
		COHERENT_SET (value) COHERENT_SET_END			\
		COHERENT_ERRNO(u) COHERENT_HEARD(mem_write)(COHERENT_BASE_OF_GIVEN(u, x, mem), COHERENT_INDEX(u) (i) COHERENT_NUMBER_END, \
			COHERENT_F_PLACE, COHERENT_F_SHAPE, order, COHERENT_VALUE_WORD(value)); \
		});							\
	COHERENT_END_ACCESS(u)

#define COHERENT_WRITE_MANY(...)					\
	__extension__({ _Static_assert(!1, "write the arguments as &mem, i, .field, value"); 0; })

#define COHERENT_POLL(u, x, i, field, out, condition, timeout)		\
	COHERENT_BEGIN_ACCESS(u)					\
		COHERENT_GIVE(u) x COHERENT_GIVEN (x) COHERENT_GIVEN_END \
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_OBJECT(COHERENT_AT(u, x))); COHERENT_FATAL_END \
		_Static_assert(!COHERENT_BAD_POINTER(COHERENT_AT(u, x))); \
		struct coherent_x { COHERENT_GIVEN_TYPE(COHERENT_AT(u, x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(!COHERENT_BAD_BOX);			\
		_Static_assert(!COHERENT_BAD_ONE);			\
		_Static_assert(!COHERENT_BAD_BAR);			\
		_Static_assert(!COHERENT_BAD_LOAN);			\
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_DOT(field)); COHERENT_FATAL_END \
		COHERENT_FIND __builtin_offsetof(struct coherent_cell, e field) + 0 /* no bit-field: mask 8, 16, 32 or 64 bits */ COHERENT_FOUND \
		COHERENT_TAKE COHERENT_GOOD_E field COHERENT_TOOK __extension__({ \
		COHERENT_NAME COHERENT_NAME_E field COHERENT_NAMED	\
		COHERENT_TYPE_OF(field)					\
		COHERENT_FATAL						\
		_Static_assert(!COHERENT_BAD_BITS);			\
		_Static_assert(!COHERENT_BAD_NUMBER);			\
		_Static_assert(!COHERENT_BAD_CONSTANT);			\
		COHERENT_FATAL_END					\
		COHERENT_REACH field COHERENT_REACHED			\
		COHERENT_OFFSET_OF_FIELD(field)				\
		COHERENT_DESCRIBE					\
		_Static_assert(!COHERENT_BAD_BOOL);			\
		_Static_assert(!COHERENT_BAD_WIDTH);			\
		_Static_assert(!COHERENT_BAD_ALIGNMENT);		\
		COHERENT_INDEX_IS(u) (i) COHERENT_INDEX_END		\
		_Static_assert(!COHERENT_BAD_INDEX(u));			\
		COHERENT_OUT_IS(u) (out) COHERENT_OUT_END		\
		_Static_assert(!COHERENT_BAD_VARIABLE(u));		\
		COHERENT_COMPARE_TYPES(u)				\
		_Static_assert(!COHERENT_BAD_U8);			\
		_Static_assert(!COHERENT_BAD_U16);			\
		_Static_assert(!COHERENT_BAD_U32);			\
		_Static_assert(!COHERENT_BAD_U64);			\
		_Static_assert(!COHERENT_BAD_TYPE);			\
		COHERENT_TIMEOUT_IS(u) (timeout) COHERENT_TIMEOUT_END	\
		_Static_assert(!COHERENT_BAD_TIMEOUT(u));		\
		struct {						\
			struct coherent_wait wait;			\
			size_t element;					\
			void *value;					\
			const struct coherent_mem *mem;			\
			int err;					\
		} COHERENT_VAR(u, poll) = {				\
			.mem = COHERENT_BASE_OF_GIVEN(u, x, mem),	\
			.element = COHERENT_INDEX(u) (i) COHERENT_NUMBER_END, \
			.value = COHERENT_ADDRESS(u) (out) COHERENT_ADDRESS_END \
		};							\
									\
		COHERENT_NOTE_ORDER();					\
		COHERENT_HEARD(base_wait_begin)(&COHERENT_VAR(u, poll).wait, COHERENT_TIMEOUT(u) (timeout) COHERENT_NUMBER_END); \
		do							\
			COHERENT_VAR(u, poll).err = COHERENT_HEARD(mem_read)(COHERENT_VAR(u, poll).mem, COHERENT_VAR(u, poll).element, COHERENT_F_PLACE, \
				COHERENT_F_SHAPE, __ATOMIC_ACQUIRE, COHERENT_VAR(u, poll).value); \
		while (!COHERENT_VAR(u, poll).err && !(condition) &&	\
		       !(COHERENT_VAR(u, poll).err = COHERENT_HEARD(base_wait_more)(&COHERENT_VAR(u, poll).wait, COHERENT_VAR(u, poll).mem))); \
		COHERENT_ERRNO(u) COHERENT_VAR(u, poll).err;		\
		});							\
	COHERENT_END_ACCESS(u)

#define COHERENT_POLL_WHOLE(u, x, i, out, condition, timeout)		\
	COHERENT_BEGIN_ACCESS(u)					\
		COHERENT_GIVE(u) x COHERENT_GIVEN (x) COHERENT_GIVEN_END \
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_OBJECT(COHERENT_AT(u, x))); COHERENT_FATAL_END \
		_Static_assert(!COHERENT_BAD_POINTER(COHERENT_AT(u, x))); \
		struct coherent_x { COHERENT_GIVEN_TYPE(COHERENT_AT(u, x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(!COHERENT_BAD_BOX);			\
		_Static_assert(!COHERENT_BAD_ONE);			\
		_Static_assert(!COHERENT_BAD_BAR);			\
		_Static_assert(!COHERENT_BAD_LOAN);			\
		COHERENT_FATAL						\
		_Static_assert(!COHERENT_NO_INDEX(i));			\
		_Static_assert(!COHERENT_NO_TIMEOUT(out));		\
		COHERENT_FATAL_END					\
		__extension__({						\
		COHERENT_OPEN_WHOLE					\
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_WHOLE(i, out)); COHERENT_FATAL_END \
		COHERENT_DESCRIBE					\
		_Static_assert(!COHERENT_BAD_BOOL);			\
		_Static_assert(!COHERENT_BAD_WIDTH);			\
		_Static_assert(!COHERENT_BAD_ALIGNMENT);		\
		COHERENT_INDEX_IS(u) (i) COHERENT_INDEX_END		\
		_Static_assert(!COHERENT_BAD_INDEX(u));			\
		COHERENT_OUT_IS(u) (out) COHERENT_OUT_END		\
		_Static_assert(!COHERENT_BAD_VARIABLE(u));		\
		COHERENT_COMPARE_TYPES(u)				\
		_Static_assert(!COHERENT_BAD_U8);			\
		_Static_assert(!COHERENT_BAD_U16);			\
		_Static_assert(!COHERENT_BAD_U32);			\
		_Static_assert(!COHERENT_BAD_U64);			\
		_Static_assert(!COHERENT_BAD_TYPE);			\
		COHERENT_TIMEOUT_IS(u) (timeout) COHERENT_TIMEOUT_END	\
		_Static_assert(!COHERENT_BAD_TIMEOUT(u));		\
		struct {						\
			struct coherent_wait wait;			\
			size_t element;					\
			void *value;					\
			const struct coherent_mem *mem;			\
			int err;					\
		} COHERENT_VAR(u, poll) = {				\
			.mem = COHERENT_BASE_OF_GIVEN(u, x, mem),	\
			.element = COHERENT_INDEX(u) (i) COHERENT_NUMBER_END, \
			.value = COHERENT_ADDRESS(u) (out) COHERENT_ADDRESS_END \
		};							\
									\
		COHERENT_NOTE_ORDER();					\
		COHERENT_HEARD(base_wait_begin)(&COHERENT_VAR(u, poll).wait, COHERENT_TIMEOUT(u) (timeout) COHERENT_NUMBER_END); \
		do							\
			COHERENT_VAR(u, poll).err = COHERENT_HEARD(mem_read)(COHERENT_VAR(u, poll).mem, COHERENT_VAR(u, poll).element, COHERENT_F_PLACE, \
				COHERENT_F_SHAPE, __ATOMIC_ACQUIRE, COHERENT_VAR(u, poll).value); \
		while (!COHERENT_VAR(u, poll).err && !(condition) &&	\
		       !(COHERENT_VAR(u, poll).err = COHERENT_HEARD(base_wait_more)(&COHERENT_VAR(u, poll).wait, COHERENT_VAR(u, poll).mem))); \
		COHERENT_ERRNO(u) COHERENT_VAR(u, poll).err;		\
		});							\
	COHERENT_END_ACCESS(u)

#define COHERENT_POLL_MANY(...)						\
	__extension__({ _Static_assert(!1, "write the arguments as &mem, i, .field, &variable, condition, timeout in ns"); 0; })

#define COHERENT_SLOT_GET(u, order, x, field)				\
	COHERENT_BEGIN_VALUE						\
		COHERENT_GIVE(u) x COHERENT_GIVEN (x) COHERENT_GIVEN_END \
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_OBJECT(COHERENT_AT(u, x))); COHERENT_FATAL_END \
		_Static_assert(!COHERENT_BAD_POINTER(COHERENT_AT(u, x))); \
		struct coherent_x { COHERENT_GIVEN_TYPE(COHERENT_AT(u, x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(!COHERENT_BAD_SLOT);			\
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_DOT(field)); COHERENT_FATAL_END \
		COHERENT_FIND __builtin_offsetof(struct coherent_cell, e field) + 0 /* no bit-field: mask 8, 16, 32 or 64 bits */ COHERENT_FOUND \
		COHERENT_TAKE COHERENT_GOOD_E field COHERENT_TOOK __extension__({ \
		COHERENT_NAME COHERENT_NAME_E field COHERENT_NAMED	\
		COHERENT_TYPE_OF(field)					\
		COHERENT_FATAL						\
		_Static_assert(!COHERENT_BAD_BITS);			\
		_Static_assert(!COHERENT_BAD_NUMBER);			\
		_Static_assert(!COHERENT_BAD_CONSTANT);			\
		COHERENT_FATAL_END					\
		COHERENT_REACH field COHERENT_REACHED			\
		COHERENT_OFFSET_OF_FIELD(field)				\
		COHERENT_DESCRIBE					\
		_Static_assert(!COHERENT_BAD_BOOL);			\
		_Static_assert(!COHERENT_BAD_WIDTH);			\
		_Static_assert(!COHERENT_BAD_ALIGNMENT);		\
		COHERENT_WORD(u)					\
		COHERENT_VAR(u, word) = COHERENT_HEARD(slot_load)(COHERENT_BASE_OF_GIVEN(u, x, slot), \
			COHERENT_F_OFFSET, COHERENT_F_SHAPE, order);	\
		COHERENT_F_FROM_WORD(u)					\
		});							\
	COHERENT_END_VALUE

#define COHERENT_SLOT_GET_WHOLE(u, order, x)				\
	COHERENT_BEGIN_VALUE						\
		COHERENT_GIVE(u) x COHERENT_GIVEN (x) COHERENT_GIVEN_END \
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_OBJECT(COHERENT_AT(u, x))); COHERENT_FATAL_END \
		_Static_assert(!COHERENT_BAD_POINTER(COHERENT_AT(u, x))); \
		struct coherent_x { COHERENT_GIVEN_TYPE(COHERENT_AT(u, x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(!COHERENT_BAD_SLOT);			\
		COHERENT_FATAL						\
		COHERENT_FATAL_END					\
		__extension__({						\
		COHERENT_OPEN_WHOLE					\
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_NUMBER); COHERENT_FATAL_END \
		COHERENT_DESCRIBE					\
		_Static_assert(!COHERENT_BAD_BOOL);			\
		_Static_assert(!COHERENT_BAD_WIDTH);			\
		_Static_assert(!COHERENT_BAD_ALIGNMENT);		\
		COHERENT_WORD(u)					\
		COHERENT_VAR(u, word) = COHERENT_HEARD(slot_load)(COHERENT_BASE_OF_GIVEN(u, x, slot), \
			COHERENT_F_OFFSET, COHERENT_F_SHAPE, order);	\
		COHERENT_F_FROM_WORD(u)					\
		});							\
	COHERENT_END_VALUE

#define COHERENT_SLOT_GET_MANY(...)					\
	__extension__({ _Static_assert(!1, "write the arguments as &slot, .field"); 0; })

#define COHERENT_SLOT_PUT(u, x, order, field, value)			\
	COHERENT_BEGIN_VALUE						\
		COHERENT_GIVE(u) x COHERENT_GIVEN (x) COHERENT_GIVEN_END \
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_OBJECT(COHERENT_AT(u, x))); COHERENT_FATAL_END \
		_Static_assert(!COHERENT_BAD_POINTER(COHERENT_AT(u, x))); \
		struct coherent_x { COHERENT_GIVEN_TYPE(COHERENT_AT(u, x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(!COHERENT_BAD_SLOT);			\
		_Static_assert(!COHERENT_BAD_CONST);			\
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_DOT(field)); COHERENT_FATAL_END \
		COHERENT_FIND __builtin_offsetof(struct coherent_cell, e field) + 0 /* no bit-field: mask 8, 16, 32 or 64 bits */ COHERENT_FOUND \
		COHERENT_TAKE COHERENT_GOOD_E field COHERENT_TOOK __extension__({ \
		COHERENT_NAME COHERENT_NAME_E field COHERENT_NAMED	\
		COHERENT_TYPE_OF(field)					\
		COHERENT_FATAL						\
		_Static_assert(!COHERENT_BAD_BITS);			\
		_Static_assert(!COHERENT_BAD_NUMBER);			\
		_Static_assert(!COHERENT_BAD_CONSTANT);			\
		COHERENT_FATAL_END					\
		COHERENT_REACH field COHERENT_REACHED			\
		COHERENT_OFFSET_OF_FIELD(field)				\
		COHERENT_DESCRIBE					\
		_Static_assert(!COHERENT_BAD_BOOL);			\
		_Static_assert(!COHERENT_BAD_WIDTH);			\
		_Static_assert(!COHERENT_BAD_ALIGNMENT);		\
		COHERENT_CLASS_OF (value) COHERENT_THEN_BYTES_OF (value) \
		COHERENT_THEN_IS_CONSTANT (value) COHERENT_THEN_UPPER_BITS_OF (value) COHERENT_VALUE_KNOWN \
		_Static_assert(!COHERENT_BAD_VALUE(value));		\
		_Static_assert(!COHERENT_BAD_FIT(value));		\
		_Static_assert(!COHERENT_BAD_READ_ONLY);		\
		COHERENT_SET (value) COHERENT_SET_END			\
		COHERENT_HEARD(slot_store)(COHERENT_BASE_OF_GIVEN(u, x, slot), COHERENT_F_OFFSET, \
			COHERENT_F_SHAPE, order, COHERENT_VALUE_WORD(value)); \
		});							\
	COHERENT_END_VALUE

#define COHERENT_SLOT_PUT_WHOLE(u, x, order, value)			\
	COHERENT_BEGIN_VALUE						\
		COHERENT_GIVE(u) x COHERENT_GIVEN (x) COHERENT_GIVEN_END \
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_OBJECT(COHERENT_AT(u, x))); COHERENT_FATAL_END \
		_Static_assert(!COHERENT_BAD_POINTER(COHERENT_AT(u, x))); \
		struct coherent_x { COHERENT_GIVEN_TYPE(COHERENT_AT(u, x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(!COHERENT_BAD_SLOT);			\
		_Static_assert(!COHERENT_BAD_CONST);			\
		COHERENT_FATAL						\
		_Static_assert(!COHERENT_NO_VALUE(value));		\
		COHERENT_FATAL_END					\
		__extension__({						\
		COHERENT_OPEN_WHOLE					\
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_WHOLE(value, value)); COHERENT_FATAL_END \
		COHERENT_DESCRIBE					\
		_Static_assert(!COHERENT_BAD_BOOL);			\
		_Static_assert(!COHERENT_BAD_WIDTH);			\
		_Static_assert(!COHERENT_BAD_ALIGNMENT);		\
		COHERENT_CLASS_OF (value) COHERENT_THEN_BYTES_OF (value) \
		COHERENT_THEN_IS_CONSTANT (value) COHERENT_THEN_UPPER_BITS_OF (value) COHERENT_VALUE_KNOWN \
		_Static_assert(!COHERENT_BAD_VALUE(value));		\
		_Static_assert(!COHERENT_BAD_FIT(value));		\
		_Static_assert(!COHERENT_BAD_READ_ONLY);		\
		COHERENT_SET (value) COHERENT_SET_END			\
		COHERENT_HEARD(slot_store)(COHERENT_BASE_OF_GIVEN(u, x, slot), COHERENT_F_OFFSET, \
			COHERENT_F_SHAPE, order, COHERENT_VALUE_WORD(value)); \
		});							\
	COHERENT_END_VALUE

#define COHERENT_SLOT_PUT_MANY(...)					\
	__extension__({ _Static_assert(!1, "write the arguments as &slot, .field, value"); 0; })

#define COHERENT_RING_GET(u, x, order, i, field)			\
	COHERENT_BEGIN_VALUE						\
		COHERENT_GIVE(u) x COHERENT_GIVEN (x) COHERENT_GIVEN_END \
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_OBJECT(COHERENT_AT(u, x))); COHERENT_FATAL_END \
		_Static_assert(!COHERENT_BAD_POINTER(COHERENT_AT(u, x))); \
		struct coherent_x { COHERENT_GIVEN_TYPE(COHERENT_AT(u, x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(!COHERENT_BAD_RING);			\
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_DOT(field)); COHERENT_FATAL_END \
		COHERENT_FIND __builtin_offsetof(struct coherent_cell, e field) + 0 /* no bit-field: mask 8, 16, 32 or 64 bits */ COHERENT_FOUND \
		COHERENT_TAKE COHERENT_GOOD_E field COHERENT_TOOK __extension__({ \
		COHERENT_NAME COHERENT_NAME_E field COHERENT_NAMED	\
		COHERENT_TYPE_OF(field)					\
		COHERENT_FATAL						\
		_Static_assert(!COHERENT_BAD_BITS);			\
		_Static_assert(!COHERENT_BAD_NUMBER);			\
		_Static_assert(!COHERENT_BAD_CONSTANT);			\
		COHERENT_FATAL_END					\
		COHERENT_REACH field COHERENT_REACHED			\
		COHERENT_OFFSET_OF_FIELD(field)				\
		COHERENT_DESCRIBE					\
		_Static_assert(!COHERENT_BAD_BOOL);			\
		_Static_assert(!COHERENT_BAD_WIDTH);			\
		_Static_assert(!COHERENT_BAD_ALIGNMENT);		\
		COHERENT_INDEX_IS(u) (i) COHERENT_INDEX_END		\
		_Static_assert(!COHERENT_BAD_INDEX(u));			\
		COHERENT_WORD(u)					\
		COHERENT_VAR(u, word) = COHERENT_HEARD(ring_load)(COHERENT_BASE_OF_GIVEN(u, x, ring), COHERENT_INDEX(u) (i) COHERENT_NUMBER_END, \
			COHERENT_F_PLACE, COHERENT_F_SHAPE, order);	\
		COHERENT_F_FROM_WORD(u)					\
		});							\
	COHERENT_END_VALUE

#define COHERENT_RING_GET_WHOLE(u, x, order, i)				\
	COHERENT_BEGIN_VALUE						\
		COHERENT_GIVE(u) x COHERENT_GIVEN (x) COHERENT_GIVEN_END \
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_OBJECT(COHERENT_AT(u, x))); COHERENT_FATAL_END \
		_Static_assert(!COHERENT_BAD_POINTER(COHERENT_AT(u, x))); \
		struct coherent_x { COHERENT_GIVEN_TYPE(COHERENT_AT(u, x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(!COHERENT_BAD_RING);			\
		COHERENT_FATAL						\
		_Static_assert(!COHERENT_NO_INDEX(i));			\
		COHERENT_FATAL_END					\
		__extension__({						\
		COHERENT_OPEN_WHOLE					\
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_WHOLE(i, i)); COHERENT_FATAL_END \
		COHERENT_DESCRIBE					\
		_Static_assert(!COHERENT_BAD_BOOL);			\
		_Static_assert(!COHERENT_BAD_WIDTH);			\
		_Static_assert(!COHERENT_BAD_ALIGNMENT);		\
		COHERENT_INDEX_IS(u) (i) COHERENT_INDEX_END		\
		_Static_assert(!COHERENT_BAD_INDEX(u));			\
		COHERENT_WORD(u)					\
		COHERENT_VAR(u, word) = COHERENT_HEARD(ring_load)(COHERENT_BASE_OF_GIVEN(u, x, ring), COHERENT_INDEX(u) (i) COHERENT_NUMBER_END, \
			COHERENT_F_PLACE, COHERENT_F_SHAPE, order);	\
		COHERENT_F_FROM_WORD(u)					\
		});							\
	COHERENT_END_VALUE

#define COHERENT_RING_GET_MANY(...)					\
	__extension__({ _Static_assert(!1, "write the arguments as &ring, i, .field"); 0; })

#define COHERENT_RING_PUT(u, x, i, order, field, value)			\
	COHERENT_BEGIN_VALUE						\
		COHERENT_GIVE(u) x COHERENT_GIVEN (x) COHERENT_GIVEN_END \
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_OBJECT(COHERENT_AT(u, x))); COHERENT_FATAL_END \
		_Static_assert(!COHERENT_BAD_POINTER(COHERENT_AT(u, x))); \
		struct coherent_x { COHERENT_GIVEN_TYPE(COHERENT_AT(u, x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(!COHERENT_BAD_RING);			\
		_Static_assert(!COHERENT_BAD_CONST);			\
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_DOT(field)); COHERENT_FATAL_END \
		COHERENT_FIND __builtin_offsetof(struct coherent_cell, e field) + 0 /* no bit-field: mask 8, 16, 32 or 64 bits */ COHERENT_FOUND \
		COHERENT_TAKE COHERENT_GOOD_E field COHERENT_TOOK __extension__({ \
		COHERENT_NAME COHERENT_NAME_E field COHERENT_NAMED	\
		COHERENT_TYPE_OF(field)					\
		COHERENT_FATAL						\
		_Static_assert(!COHERENT_BAD_BITS);			\
		_Static_assert(!COHERENT_BAD_NUMBER);			\
		_Static_assert(!COHERENT_BAD_CONSTANT);			\
		COHERENT_FATAL_END					\
		COHERENT_REACH field COHERENT_REACHED			\
		COHERENT_OFFSET_OF_FIELD(field)				\
		COHERENT_DESCRIBE					\
		_Static_assert(!COHERENT_BAD_BOOL);			\
		_Static_assert(!COHERENT_BAD_WIDTH);			\
		_Static_assert(!COHERENT_BAD_ALIGNMENT);		\
		COHERENT_INDEX_IS(u) (i) COHERENT_INDEX_END		\
		_Static_assert(!COHERENT_BAD_INDEX(u));			\
		COHERENT_CLASS_OF (value) COHERENT_THEN_BYTES_OF (value) \
		COHERENT_THEN_IS_CONSTANT (value) COHERENT_THEN_UPPER_BITS_OF (value) COHERENT_VALUE_KNOWN \
		_Static_assert(!COHERENT_BAD_VALUE(value));		\
		_Static_assert(!COHERENT_BAD_FIT(value));		\
		_Static_assert(!COHERENT_BAD_READ_ONLY);		\
		COHERENT_SET (value) COHERENT_SET_END			\
		COHERENT_HEARD(ring_store)(COHERENT_BASE_OF_GIVEN(u, x, ring), COHERENT_INDEX(u) (i) COHERENT_NUMBER_END, COHERENT_F_PLACE, \
			COHERENT_F_SHAPE, order, COHERENT_VALUE_WORD(value)); \
		});							\
	COHERENT_END_VALUE

#define COHERENT_RING_PUT_WHOLE(u, x, i, order, value)			\
	COHERENT_BEGIN_VALUE						\
		COHERENT_GIVE(u) x COHERENT_GIVEN (x) COHERENT_GIVEN_END \
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_OBJECT(COHERENT_AT(u, x))); COHERENT_FATAL_END \
		_Static_assert(!COHERENT_BAD_POINTER(COHERENT_AT(u, x))); \
		struct coherent_x { COHERENT_GIVEN_TYPE(COHERENT_AT(u, x)) at; }; \
		struct coherent_cell { __typeof__(*COHERENT_X->type()) e; }; \
		_Static_assert(!COHERENT_BAD_RING);			\
		_Static_assert(!COHERENT_BAD_CONST);			\
		COHERENT_FATAL						\
		_Static_assert(!COHERENT_NO_INDEX(i));			\
		_Static_assert(!COHERENT_NO_VALUE(value));		\
		COHERENT_FATAL_END					\
		__extension__({						\
		COHERENT_OPEN_WHOLE					\
		COHERENT_FATAL _Static_assert(!COHERENT_BAD_WHOLE(i, value)); COHERENT_FATAL_END \
		COHERENT_DESCRIBE					\
		_Static_assert(!COHERENT_BAD_BOOL);			\
		_Static_assert(!COHERENT_BAD_WIDTH);			\
		_Static_assert(!COHERENT_BAD_ALIGNMENT);		\
		COHERENT_INDEX_IS(u) (i) COHERENT_INDEX_END		\
		_Static_assert(!COHERENT_BAD_INDEX(u));			\
		COHERENT_CLASS_OF (value) COHERENT_THEN_BYTES_OF (value) \
		COHERENT_THEN_IS_CONSTANT (value) COHERENT_THEN_UPPER_BITS_OF (value) COHERENT_VALUE_KNOWN \
		_Static_assert(!COHERENT_BAD_VALUE(value));		\
		_Static_assert(!COHERENT_BAD_FIT(value));		\
		_Static_assert(!COHERENT_BAD_READ_ONLY);		\
		COHERENT_SET (value) COHERENT_SET_END			\
		COHERENT_HEARD(ring_store)(COHERENT_BASE_OF_GIVEN(u, x, ring), COHERENT_INDEX(u) (i) COHERENT_NUMBER_END, COHERENT_F_PLACE, \
			COHERENT_F_SHAPE, order, COHERENT_VALUE_WORD(value)); \
		});							\
	COHERENT_END_VALUE

#define COHERENT_RING_PUT_MANY(...)					\
	__extension__({ _Static_assert(!1, "write the arguments as &ring, i, .field, value"); 0; })

#endif
