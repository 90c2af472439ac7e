/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * How an accessor of one field checks its arguments. Callers do not use this file.
 *
 * One mistake makes one short error. So an accessor uses an argument in few places, and each
 * step needs the one before: after a mistake the later steps are silent. The steps are local
 * structs: struct coherent_x has the object, coherent_cell an element, coherent_field the field.
 * clang prints each macro around an error, so the assertions are in the accessor itself. A macro
 * COHERENT_OK_*() is the condition and the text of an assertion.
 */
#ifndef COHERENT_FIELD_H
#define COHERENT_FIELD_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/check.h>
#include <coherent/detail/types.h>
#include <coherent/detail/value.h>

#ifndef __cplusplus

/*
 * gcc: "pop_macro" defines the macro again, at the line of the driver. So gcc shows an error in it
 * at this line, and not with a list of headers before it. clang does that by itself.
 */
#if defined(__clang__) || defined(__CHECKER__)
#define COHERENT_AGAIN(name)
#else
#define COHERENT_PRAGMA(text) _Pragma(#text)
#define COHERENT_AGAIN(name)						\
	COHERENT_PRAGMA(push_macro(#name)) COHERENT_PRAGMA(pop_macro(#name))
#endif

/*
 * These refuse a mistake after which every later step would be wrong too. In clang it is a warning
 * that is fatal, so that clang stops. In gcc it is an assertion. There an error of syntax ends the
 * statement, and the later steps are in one that begins with the field. The field itself is in the
 * accessor, so that clang prints few macros, and gcc no headers.
 */
#if defined(__CHECKER__)
#define COHERENT_TAKE struct coherent_field { __typeof__(COHERENT_E
#define COHERENT_TOOK ) f; };
#define COHERENT_TYPE_OF(field)
#define coherent_dot(text) __typeof__((void)(text), (char)0)
#define coherent_index(bytes) __typeof__((void)(bytes), (char)0)
#define coherent_number(is) __typeof__((void)(is), (char)0)
#define COHERENT_FATAL
#define COHERENT_FATAL_END
#elif defined(__clang__)
#define COHERENT_TAKE struct coherent_field { __typeof__(*&COHERENT_E
#define COHERENT_TOOK ) f; };
#define COHERENT_TYPE_OF(field)
#define COHERENT_FATAL							\
	_Pragma("clang diagnostic push")				\
	_Pragma("clang diagnostic fatal \"-Wuser-defined-warnings\"")
#define COHERENT_FATAL_END _Pragma("clang diagnostic pop")
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wgcc-compat"
char coherent_dot(const char *text)
	__attribute__((diagnose_if(*text && *text != '.' && *text != '[', "write the field with its dot, as in .len", "warning")));
char coherent_number(int is)
	__attribute__((diagnose_if(!is, "a field is an integer, enum or float: for structs and arrays use coherent_copy_in(), coherent_copy_out() or coherent_view_field(); a device holds no CPU pointers", "warning")));
char coherent_index(unsigned long bytes)
	__attribute__((diagnose_if(bytes == 9, "an index inside a field is a constant: for a variable use coherent_read_item(), coherent_write_item()", "warning")));
#pragma clang diagnostic pop
#else
#define COHERENT_TAKE							\
	_Pragma("GCC diagnostic push")					\
	_Pragma("GCC diagnostic ignored \"-Wunused-value\"")		\
	__alignof__ COHERENT_E
#define COHERENT_TOOK ,
#define COHERENT_TYPE_OF(field)						\
	_Pragma("GCC diagnostic pop")					\
	struct coherent_field { __typeof__(*&COHERENT_E field) f; };
#define COHERENT_FATAL
#define COHERENT_FATAL_END
#define coherent_dot(text)						\
	char[__builtin_choose_expr(sizeof(text) == 1 ||			\
		__builtin_strncmp(text, ".", 1) == 0 || __builtin_strncmp(text, "[", 1) == 0, 1, 2)]
#define coherent_index(bytes) char[(bytes) == 9 ? 2 : 1]
#define coherent_number(is) char[COHERENT_TRUE(is) ? 1 : 2]
#endif

/* --- The object --- */

#ifdef __CHECKER__
#define COHERENT_IS_POINTER(x) (__builtin_classify_type(x) == 1)
#define COHERENT_POINTER(x) (x)
#else
#define COHERENT_IS_POINTER(x) (__builtin_classify_type(x) == 5)
#define COHERENT_POINTER(x)						\
	__builtin_choose_expr(COHERENT_IS_POINTER(x), (x), (__typeof__(x) *)0)
#endif

#define COHERENT_X (((struct coherent_x *)0)->at)
#define COHERENT_E ((struct coherent_cell *)0)->e
/* The base of the object, whose kind was checked before. */
#define COHERENT_BASE_OF(x, basis)					\
	((const struct coherent_##basis *)(const void *)&COHERENT_POINTER(x)->base)

#define COHERENT_OK_POINTER(x)						\
	COHERENT_IS_POINTER(x), "write & before the object, as in &mem"
#define COHERENT_OK_NOT_BOX						\
	COHERENT_TRUE(!COHERENT_IS_KIND(COHERENT_X, box)),		\
	"a box has no device address and no accessors: coherent_expose() it, or use coherent_box_ptr()"
#define COHERENT_OK_NOT_ONE						\
	COHERENT_TRUE(!COHERENT_IS_KIND(COHERENT_X, slot) && !COHERENT_IS_KIND(COHERENT_X, ring)), \
	"this needs a mem or a view of it, not a slot or a ring"
#define COHERENT_OK_NOT_BAR						\
	COHERENT_TRUE(!COHERENT_IS_KIND(COHERENT_X, registers)),	\
	"this needs a mem or a view of it, not a BAR: coherent_bar_get(), coherent_bar_put()"
#define COHERENT_OK_SLOT						\
	COHERENT_TRUE(COHERENT_IS_KIND(COHERENT_X, slot)), "this needs a slot: COHERENT_SLOT(T)"
#define COHERENT_OK_RING						\
	COHERENT_TRUE(COHERENT_IS_KIND(COHERENT_X, ring)), "this needs a ring: COHERENT_RING(T)"
#define COHERENT_OK_MUTABLE						\
	COHERENT_TRUE(COHERENT_IS_MUTABLE(COHERENT_X)), "this object is const: it can only be read"

/* --- The field --- */

#define COHERENT_F (((struct coherent_field *)0)->f)
/* After an error in gcc the struct has the size of an int. */
#define COHERENT_F_OFFSET (sizeof(struct coherent_offset) / 8 - (sizeof(struct coherent_offset) >= 8))
/* A cell, but only if there is such a field. The address also refuses a bit-field. */
#define COHERENT_GOOD_CELL __typeof__(*((void)&COHERENT_F, (struct coherent_cell *)0))

#define COHERENT_OPEN(field)						\
	COHERENT_TYPE_OF(field)						\
	struct coherent_constant {					\
		char is[COHERENT_IS_CONSTANT(__builtin_offsetof(COHERENT_GOOD_CELL, e field)) ? 1 : 9]; \
	};								\
	COHERENT_FATAL
#define COHERENT_OPENED(field)						\
	COHERENT_FATAL_END						\
	_Static_assert(sizeof(__extension__(COHERENT_GOOD_CELL){ .e field = COHERENT_F }) > 0, ""); \
	struct coherent_offset {					\
		char is[__extension__ __builtin_offsetof(COHERENT_GOOD_CELL, e field) * 8 + 8]; \
	};								\
	struct coherent_value { COHERENT_CPU_TYPE(COHERENT_NUMBER) v; };	\
	struct coherent_swaps { char are[COHERENT_SWAPS(COHERENT_F) + 1]; };

#define COHERENT_F_IS_NUMBER						\
	(COHERENT_IS_NUMBER(COHERENT_F) || COHERENT_IS_ENDIAN(COHERENT_F))
#define COHERENT_F_HAS_WIDTH						\
	(sizeof(COHERENT_F) <= sizeof(long) && (0x116 >> sizeof(COHERENT_F) & 1))
/* The field, or a byte if it cannot be accessed. */
#define COHERENT_NUMBER							\
	__builtin_choose_expr(COHERENT_F_IS_NUMBER, COHERENT_F, *(unsigned char *)0)
#define COHERENT_V (((struct coherent_value *)0)->v)

/* One naturally aligned access must reach the field in every element. Only one of these fails. */
#define COHERENT_OK_NUMBER						\
	sizeof(coherent_number(COHERENT_F_IS_NUMBER)) == 1,		\
	"a field is an integer, enum or float: for structs and arrays use coherent_copy_in(), coherent_copy_out() or coherent_view_field(); a device holds no CPU pointers"
#define COHERENT_OK_NOT_BOOL						\
	COHERENT_TRUE(!COHERENT_SAME_TYPE(COHERENT_F, _Bool)),		\
	"a device may store any byte, but bool holds 0 or 1 only: use uint8_t"
#define COHERENT_OK_WIDTH						\
	COHERENT_TRUE(!COHERENT_F_IS_NUMBER || COHERENT_F_HAS_WIDTH),	\
	"no single access of this width: a field has 1, 2, 4 or, on a 64-bit CPU, 8 bytes"
#define COHERENT_OK_ALIGNED						\
	COHERENT_TRUE(!COHERENT_F_IS_NUMBER || !COHERENT_F_HAS_WIDTH ||	\
		      (COHERENT_F_OFFSET % sizeof(COHERENT_F) == 0 &&	\
		       sizeof(COHERENT_E) % sizeof(COHERENT_F) == 0)),	\
	"misaligned field: no single access can reach it in every element"

/* --- The variable or the value --- */

#define COHERENT_OK_VARIABLE(out)					\
	COHERENT_IS_POINTER(out), "write & before the variable, as in &value"
#define COHERENT_OK_SAME(out)						\
	COHERENT_TRUE(!COHERENT_F_IS_NUMBER || !COHERENT_IS_POINTER(out) || \
		      COHERENT_SAME_TYPE(*COHERENT_POINTER(out), COHERENT_V)), \
	"the last argument must point to a variable of the type of the field"

#define COHERENT_IS_VALUE(value)					\
	COHERENT_IS_CLASS(value, COHERENT_IS_CLASS(COHERENT_F, 0x100u) ? 0x11au : 0x1au)
#define COHERENT_OK_VALUE(value)					\
	COHERENT_TRUE(!COHERENT_F_IS_NUMBER || COHERENT_IS_VALUE(value)), \
	"the value must be a number, and an integer for an integer field"
#define COHERENT_OK_FIT(value)						\
	COHERENT_TRUE(!COHERENT_IS_VALUE(value) ||			\
		      COHERENT_FITS(__typeof__(COHERENT_V), COHERENT_INTEGER(value))), \
	"the value has more bits than the field: cast it, if you mean its low half"
#define COHERENT_OK_ASSIGNED						\
	COHERENT_TRUE(!COHERENT_IS_CONST(COHERENT_F)), "this field is read-only: it is const"

/* --- The call --- */

#define COHERENT_F_PLACE sizeof(COHERENT_E), COHERENT_F_OFFSET
#define COHERENT_F_SHAPE						\
	sizeof(struct coherent_field), sizeof(struct coherent_swaps) == 2

/* Convert the bytes of a field to a value of its CPU type, and back. */
#define COHERENT_F_FROM_WORD(from)					\
	(((union { union coherent_word word; __typeof__(COHERENT_V) value; }) \
	  { .word = (from) }).value)
#define COHERENT_F_TO_WORD(from)					\
	(((union { struct coherent_value value; union coherent_word word; }) \
	  { .value.v = __builtin_choose_expr(COHERENT_IS_CLASS(from, 0x11au), (from), 0) }).word)

#endif

#endif
