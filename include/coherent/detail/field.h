/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * How an accessor of one field checks its arguments. Callers do not use this file.
 *
 * One mistake makes one short error. So an accessor uses an argument in few places, and each
 * step needs the one before: after a mistake the later steps are silent. The steps are local
 * structs: struct coherent_x has the object, coherent_cell an element, coherent_field the field.
 *
 * clang prints each macro around an error, so the assertions are in the accessor itself. A macro
 * COHERENT_BAD_*() is a mistake and its text. clang from 16 on also prints the macros around the
 * first token of a condition. So this token is a ! in the accessor.
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
#define COHERENT_AGAIN(name) COHERENT_AGAIN_NAMED(name)
#define COHERENT_AGAIN_NAMED(name)					\
	COHERENT_PRAGMA(push_macro(#name)) COHERENT_PRAGMA(pop_macro(#name))
#endif

/* A variable of an accessor. Accessors inside each other get another u. */
#define COHERENT_VAR(u, name) u##name

/* sparse knows neither the class of a type nor this trick with a size. */
#ifdef __CHECKER__
#define COHERENT_WRONG(condition) (0 && (condition))
#else
#define COHERENT_WRONG(condition) COHERENT_TRUE(condition)
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

/*
 * In an accessor the object is between GIVE and GIVEN. clang repeats an error for each use of an
 * argument, so it makes a variable. In gcc the array in the struct has no type after an error.
 */
struct coherent_is_nothing;
#define COHERENT_NOTHING_TYPE(name) union name COHERENT_BODY(mem, nothing, char)
COHERENT_NOTHING_TYPE(coherent_nothing);
#if defined(__clang__) || defined(__CHECKER__)
#define COHERENT_GIVE(u) __auto_type u##at =
#define COHERENT_SWALLOW(argument)
#define COHERENT_GIVEN ; COHERENT_SWALLOW
#define COHERENT_GIVEN_END
#define COHERENT_AT(u, x) u##at
#define COHERENT_IS_GIVEN 1
#define COHERENT_GIVEN_POINTER(u, x) COHERENT_POINTER(u##at)
#else
#define COHERENT_GIVE(u) struct coherent_given { __typeof__(
#define COHERENT_GIVEN ) *at; char is[9 + 0 * sizeof
#define COHERENT_GIVEN_END ]; };
#define COHERENT_AT(u, x) (*((struct coherent_given *)0)->at)
#define COHERENT_GIVEN_POINTER(u, x)					\
	__builtin_choose_expr(COHERENT_IS_POINTER(COHERENT_AT(u, x)), (x), (__typeof__(COHERENT_AT(u, x)) *)0)
#define COHERENT_IS_GIVEN (sizeof(struct coherent_given) != sizeof(void *))
#endif
/* If x is not an object, another type stands for it, so that later steps are silent. */
#define COHERENT_GIVEN_TYPE(x)						\
	__typeof__(__builtin_choose_expr(COHERENT_IS_OBJECT(x), COHERENT_POINTER(x), (union coherent_nothing *)0))
#ifdef __CHECKER__
#define COHERENT_IS_OBJECT(x) 1
#define COHERENT_BASE_OF_GIVEN(u, x, basis) COHERENT_BASE_OF(x, basis)
#else
#define COHERENT_IS_OBJECT(x)						\
	(__builtin_classify_type(x) == 13 ||				\
	 __builtin_classify_type(*__builtin_choose_expr(COHERENT_IS_COMPLETE(x), (x), (int *)0)) == 13)
#define COHERENT_IS_COMPLETE(x)						\
	(COHERENT_IS_POINTER(x) &&					\
	 !COHERENT_SAME_TYPE(x, void *) && !COHERENT_SAME_TYPE(x, const void *))
#define COHERENT_BASE_OF_GIVEN(u, x, basis)				\
	((const struct coherent_##basis *)(const void *)		\
	 &__builtin_choose_expr(COHERENT_IS_OBJECT(COHERENT_AT(u, x)), COHERENT_GIVEN_POINTER(u, x), (union coherent_nothing *)0)->base)
#endif

#define COHERENT_BAD_POINTER(x)						\
	COHERENT_WRONG(COHERENT_IS_GIVEN && COHERENT_IS_OBJECT(x) && !COHERENT_IS_POINTER(x)), \
	"write & before the object, as in &mem"
#define COHERENT_BAD_OBJECT(x)						\
	COHERENT_WRONG(sizeof(coherent_object(COHERENT_IS_GIVEN && !COHERENT_IS_OBJECT(x))) != 1), \
	COHERENT_OBJECT_TEXT
#define COHERENT_OBJECT_TEXT						\
	"this is not an object of this library: write & before the name of a mem, view, slot or ring"
#define COHERENT_BAD_BOX						\
	COHERENT_WRONG(COHERENT_IS_KIND(COHERENT_X, box)),		\
	"a box has no device address and no accessors: coherent_expose() it, or use coherent_box_ptr()"
#define COHERENT_BAD_ONE						\
	COHERENT_WRONG(COHERENT_IS_KIND(COHERENT_X, slot) || COHERENT_IS_KIND(COHERENT_X, ring)), \
	"this needs a mem or a view of it, not a slot or a ring: pass the mem that it was made from"
#define COHERENT_BAD_BAR						\
	COHERENT_WRONG(COHERENT_IS_KIND(COHERENT_X, registers)),		\
	"this needs a mem or a view of it, not a BAR: coherent_bar_get(), coherent_bar_put()"
#define COHERENT_BAD_LOAN						\
	COHERENT_WRONG(COHERENT_IS_KIND(COHERENT_X, loan)), COHERENT_TEXT_LENT
#define COHERENT_BAD_SLOT						\
	COHERENT_WRONG(!COHERENT_IS_KIND(COHERENT_X, slot) && !COHERENT_IS_KIND(COHERENT_X, nothing)),\
	 "this needs a slot: COHERENT_SLOT(T)"
#define COHERENT_BAD_RING						\
	COHERENT_WRONG(!COHERENT_IS_KIND(COHERENT_X, ring) && !COHERENT_IS_KIND(COHERENT_X, nothing)),\
	 "this needs a ring: COHERENT_RING(T)"
#define COHERENT_BAD_CONST						\
	COHERENT_WRONG(!COHERENT_IS_MUTABLE(COHERENT_X)), "this object is const: it can only be read"

/* --- The field --- */

/*
 * In an accessor the field is between the two of a pair of macros: FIND and FOUND, TAKE and TOOK,
 * NAME and NAMED, REACH and REACHED. It does not go through another macro, because clang would
 * print that, and gcc a list of headers. Some of them refuse a mistake after which every later
 * step would be wrong too:
 * - clang: it is a warning that is fatal, so that clang stops, or a struct without which the later
 *   steps are silent. clang does not guess another name in an offset.
 * - gcc: it is an assertion. There an error of syntax in TAKE ends the statement, and the later
 *   steps are in one that begins with the field. After another error in FIND the array in the
 *   struct has no type. The later steps begin with this array, so gcc is silent about them.
 */
#define COHERENT_DOT_TEXT "write the field with its dot, as in .len"
#define COHERENT_NUMBER_TEXT						\
	"a field is an integer, enum or float: for structs and arrays use coherent_copy_in(), coherent_copy_out() or coherent_view_field(); a device holds no CPU pointers"
#define COHERENT_INDEX_TEXT						\
	"an index inside a field is a constant: for a variable use coherent_read_item(), coherent_write_item()"
#define COHERENT_BITS_TEXT						\
	"no access reaches single bits: declare a field of 8, 16, 32 or 64 bits and mask its value"

#define COHERENT_F (((struct coherent_field *)0)->f)

#if defined(__CHECKER__)
#define COHERENT_FATAL
#define COHERENT_FATAL_END
#define coherent_dot(text) __typeof__((void)(text), (char)0)
#define coherent_index(bytes) __typeof__((void)(bytes), (char)0)
#define coherent_number(is) __typeof__((void)(is), (char)0)
#define coherent_object(bad) __typeof__((void)(bad), (char)0)
#elif defined(__clang__)
#define COHERENT_FATAL							\
	_Pragma("clang diagnostic push")				\
	_Pragma("clang diagnostic fatal \"-Wuser-defined-warnings\"")
#define COHERENT_FATAL_END _Pragma("clang diagnostic pop")
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wgcc-compat"
char coherent_dot(const char *text)
	__attribute__((diagnose_if(*text && *text != '.' && *text != '[', "write the field with its dot, as in .len", "warning")));
char coherent_object(int bad)
	__attribute__((diagnose_if(bad, "this is not an object of this library: write & before the name of a mem, view, slot or ring", "warning")));
char coherent_number(int is)
	__attribute__((diagnose_if(!is, "a field is an integer, enum or float: for structs and arrays use coherent_copy_in(), coherent_copy_out() or coherent_view_field(); a device holds no CPU pointers", "warning")));
char coherent_index(unsigned long bytes)
	__attribute__((diagnose_if(bytes == 9, "an index inside a field is a constant: for a variable use coherent_read_item(), coherent_write_item()", "warning")));
#pragma clang diagnostic pop
#else
#define COHERENT_FATAL
#define COHERENT_FATAL_END
#define coherent_dot(text)						\
	char[__builtin_choose_expr(sizeof(text) == 1 ||			\
		__builtin_strncmp(text, ".", 1) == 0 || __builtin_strncmp(text, "[", 1) == 0, 1, 2)]
#define coherent_index(bytes) char[(bytes) == 9 ? 2 : 1]
#define coherent_object(bad) char[COHERENT_TRUE(bad) ? 2 : 1]
#define coherent_number(is) char[COHERENT_TRUE(is) ? 1 : 2]
#endif

/* The first step. An expression that is not constant is not a null pointer. */
/* The address of a cell, if there is such a field. */
#define COHERENT_GOOD_E COHERENT_GOOD->e
#define COHERENT_HAS_OFFSET (sizeof(struct coherent_constant) == 1)
#define COHERENT_WORD(u) union coherent_word u##word;
#if defined(__clang__) || defined(__CHECKER__)
#define COHERENT_FIND							\
	struct coherent_constant { __typeof__(char[__builtin_types_compatible_p(__typeof__(8 ? (void *)((long)(__extension__
#define COHERENT_FOUND ) * 0l) : (int *)8), int *) ? 1 : 9]) is; };
#define COHERENT_GOOD_CELL						\
	__typeof__(*((void)&((struct coherent_constant *)0)->is, (struct coherent_cell *)0))
#define COHERENT_GOOD ((COHERENT_GOOD_CELL *)0)
#define COHERENT_TAKE struct coherent_field { __typeof__(*&
#define COHERENT_TOOK ) f; };
#define COHERENT_NAME struct coherent_name { __typeof__(
#define COHERENT_NAME_E ((COHERENT_GOOD_CELL *)0)->e
#define COHERENT_NAMED ) *at; };
#define COHERENT_IS_BITS 0
#define COHERENT_HAS_FIELD 1
#define COHERENT_REACH _Static_assert(sizeof(__extension__(COHERENT_GOOD_CELL){ .e
#define COHERENT_REACHED = COHERENT_F }) > 0, "");
#define COHERENT_TYPE_OF(field)
#else
#define COHERENT_FIND							\
	struct coherent_constant { char is[__builtin_types_compatible_p(__typeof__(8 ? (void *)((long)(__extension__
#define COHERENT_FOUND ) * 0l) : (int *)8), int *) ? 1 : 9]; };
#define COHERENT_GOOD_CELL __typeof__(*COHERENT_GOOD)
#define COHERENT_GOOD							\
	((struct coherent_cell *)(0 * sizeof(((struct coherent_constant *)0)->is)))
#define COHERENT_TAKE							\
	_Pragma("GCC diagnostic push")					\
	_Pragma("GCC diagnostic ignored \"-Wunused-value\"")		\
	__alignof__
#define COHERENT_TOOK ,
#define COHERENT_NAME							\
	_Pragma("GCC diagnostic pop")					\
	struct coherent_name { char is[9 + 0 * __builtin_classify_type(
#define COHERENT_NAME_E							\
	((struct coherent_cell *)(0 * sizeof(((struct coherent_given *)0)->is)))->e
#define COHERENT_NAMED )]; };
#define COHERENT_HAS_FIELD						\
	(sizeof(struct coherent_constant) == 1 || sizeof(struct coherent_constant) == 9)
#define COHERENT_IS_BITS (!COHERENT_HAS_FIELD && sizeof(struct coherent_name) == 9)
#define COHERENT_REACH							\
	struct coherent_reach { char is[1 + sizeof(__extension__(COHERENT_GOOD_CELL){ .e
#define COHERENT_REACHED = COHERENT_F })]; };
#define COHERENT_TYPE_OF(field) struct coherent_field { __typeof__(COHERENT_GOOD_E field) f; };
#endif

/*
 * An element that is a number itself has no field. Then an argument that begins with a dot is a
 * field, and another argument is missing.
 */
#define COHERENT_NO_INDEX_TEXT						\
	"an argument is missing: write the index of the element before the field"
#define COHERENT_NO_VARIABLE_TEXT					\
	"an argument is missing: write the address of a variable after the field"
#define COHERENT_NO_VALUE_TEXT "an argument is missing: write the value after the field"
#define COHERENT_NO_TIMEOUT_TEXT					\
	"an argument is missing: write .field, &variable, condition, timeout in ns"
#if defined(__CHECKER__)
#define coherent_given(text, what) __typeof__((void)(text), (char)0)
#elif defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wgcc-compat"
char coherent_given(const char *text, int what)
	__attribute__((diagnose_if((!*text || *text == '.') && what == 1, "an argument is missing: write the index of the element before the field", "warning")))
	__attribute__((diagnose_if((!*text || *text == '.') && what == 2, "an argument is missing: write the address of a variable after the field", "warning")))
	__attribute__((diagnose_if((!*text || *text == '.') && what == 3, "an argument is missing: write the value after the field", "warning")))
	__attribute__((diagnose_if((!*text || *text == '.') && what == 4, "an argument is missing: write .field, &variable, condition, timeout in ns", "warning")));
#pragma clang diagnostic pop
#else
#define coherent_given(text, what)					\
	char[__builtin_choose_expr(sizeof(text) == 1 || __builtin_strncmp(text, ".", 1) == 0, 2, 1)]
#endif
#define COHERENT_NO_INDEX(i) COHERENT_WRONG(sizeof(coherent_given(#i, 1)) != 1), COHERENT_NO_INDEX_TEXT
#define COHERENT_NO_VARIABLE(out)					\
	COHERENT_WRONG(sizeof(coherent_given(#out, 2)) != 1), COHERENT_NO_VARIABLE_TEXT
#define COHERENT_NO_VALUE(value)					\
	COHERENT_WRONG(sizeof(coherent_given(#value, 3)) != 1), COHERENT_NO_VALUE_TEXT
#define COHERENT_NO_TIMEOUT(out)					\
	COHERENT_WRONG(sizeof(coherent_given(#out, 4)) != 1), COHERENT_NO_TIMEOUT_TEXT
#define COHERENT_OPEN_WHOLE						\
	struct coherent_constant { char is[1]; };			\
	struct coherent_field { __typeof__(COHERENT_E) f; };		\
	struct coherent_offset { char is[8]; };

/* After an error in gcc the struct has the size of an int. */
#define COHERENT_OFFSET_BYTES						\
	__builtin_choose_expr(COHERENT_HAS_OFFSET, sizeof(struct coherent_offset), 8)
#define COHERENT_F_OFFSET (COHERENT_OFFSET_BYTES / 8 - (COHERENT_OFFSET_BYTES >= 8))

#define COHERENT_OFFSET_OF_FIELD(field)						\
	struct coherent_offset {					\
		char is[__extension__ __builtin_offsetof(COHERENT_GOOD_CELL, e field) * 8 + 8]; \
	};
#define COHERENT_DESCRIBE						\
	struct coherent_value { COHERENT_CPU_TYPE(COHERENT_NUMBER) v; };	\
	struct coherent_swaps { char are[COHERENT_SWAPS(COHERENT_F) + 1]; };

#define COHERENT_F_IS_NUMBER						\
	(COHERENT_HAS_FIELD && (COHERENT_IS_NUMBER(COHERENT_F) || COHERENT_IS_ENDIAN(COHERENT_F)))
#define COHERENT_F_HAS_WIDTH						\
	(sizeof(COHERENT_F) <= sizeof(long) && (0x116 >> sizeof(COHERENT_F) & 1))
/* The field, or a byte if it cannot be accessed. */
#define COHERENT_NUMBER							\
	__builtin_choose_expr(COHERENT_F_IS_NUMBER, COHERENT_F, *(unsigned char *)0)
#define COHERENT_V (((struct coherent_value *)0)->v)

/* One naturally aligned access must reach the field in every element. Only one of these fails. */
#define COHERENT_BAD_DOT(field)						\
	COHERENT_WRONG(sizeof(coherent_dot(#field)) != 1), COHERENT_DOT_TEXT
#define COHERENT_BAD_BITS						\
	COHERENT_WRONG(COHERENT_IS_BITS), COHERENT_BITS_TEXT
#define COHERENT_BAD_NUMBER						\
	COHERENT_WRONG(sizeof(coherent_number(!COHERENT_HAS_FIELD || COHERENT_F_IS_NUMBER)) != 1), \
	COHERENT_NUMBER_TEXT
/* The same for an element that has no field, after the text of its arguments. */
#define COHERENT_BAD_WHOLE(a, b)					\
	COHERENT_WRONG(sizeof(coherent_number(COHERENT_IS_MISSING(#a) || COHERENT_IS_MISSING(#b) || COHERENT_F_IS_NUMBER)) != 1), \
	COHERENT_NUMBER_TEXT
#define COHERENT_BAD_CONSTANT						\
	COHERENT_WRONG(sizeof(coherent_index(sizeof(struct coherent_constant))) != 1), \
	COHERENT_INDEX_TEXT
#define COHERENT_BAD_BOOL						\
	COHERENT_WRONG(COHERENT_SAME_TYPE(COHERENT_F, _Bool)),		\
	"a device may store any byte, but bool holds 0 or 1 only: use uint8_t"
#define COHERENT_BAD_WIDTH						\
	COHERENT_WRONG(COHERENT_F_IS_NUMBER && !COHERENT_F_HAS_WIDTH),	\
	"no single access of this width: a field has 1, 2, 4 or, on a 64-bit CPU, 8 bytes"
#define COHERENT_BAD_ALIGNMENT						\
	COHERENT_WRONG(COHERENT_F_IS_NUMBER && COHERENT_F_HAS_WIDTH &&	\
		      (COHERENT_F_OFFSET % sizeof(COHERENT_F) != 0 ||	\
		       sizeof(COHERENT_E) % sizeof(COHERENT_F) != 0)),	\
	"misaligned field: no single access can reach it in every element"

/* --- The variable or the value --- */

/*
 * The index, the timeout and the address of the variable. They are in parentheses between two of
 * these macros, once for their type and once for their value. clang makes a variable, as for the
 * object.
 */
#if defined(__clang__) || defined(__CHECKER__)
#define COHERENT_INDEX_IS(u) __auto_type u##i = 0 +
#define COHERENT_INDEX_END ;
#define COHERENT_INDEX(u) (size_t)COHERENT_NUMBER_OF(u##i) COHERENT_SWALLOW
#define COHERENT_TIMEOUT_IS(u) __auto_type u##time = 0 +
#define COHERENT_TIMEOUT_END ;
#define COHERENT_TIMEOUT(u) (uint64_t)COHERENT_NUMBER_OF(u##time) COHERENT_SWALLOW
#define COHERENT_NUMBER_END
#define COHERENT_OUT_IS(u) __auto_type u##out =
#define COHERENT_OUT_END ;
#ifdef __CHECKER__
/* sparse does not see that COHERENT_IS_OTHER() fails, but it compares the types of both sides. */
#define COHERENT_ADDRESS(u) (1 ? u##out : (__typeof__(((void)0, COHERENT_V)) *)0) COHERENT_SWALLOW
#else
#define COHERENT_ADDRESS(u)						\
	__builtin_choose_expr(coherent_other == 0, COHERENT_POINTER(u##out), (void *)0) COHERENT_SWALLOW
#endif
#define COHERENT_ADDRESS_END
#define COHERENT_IS_MISSING(text) 0
#define COHERENT_IS_NO_INDEX(u) (!COHERENT_IS_CLASS(u##i, 0x1au))
#define COHERENT_IS_NO_TIMEOUT(u) (!COHERENT_IS_CLASS(u##time, 0x1au))
#define COHERENT_IS_VARIABLE(u) COHERENT_IS_POINTER(u##out)
#define COHERENT_IS_OTHER(u)						\
	(COHERENT_IS_POINTER(u##out) &&				\
	 (!COHERENT_SAME_TYPE(*COHERENT_POINTER(u##out), COHERENT_V) || \
	  COHERENT_IS_CONST(*COHERENT_POINTER(u##out))))
#else
#define COHERENT_INDEX_IS(u) struct coherent_index { char is[1u << __builtin_classify_type
#define COHERENT_TIMEOUT_IS(u) struct coherent_timeout { char is[1u << __builtin_classify_type
#define COHERENT_INDEX_END & 0x1au ? 1 : 2]; };
#define COHERENT_TIMEOUT_END & 0x1au ? 1 : 2]; };
#define COHERENT_INDEX(u) __builtin_choose_expr(sizeof(struct coherent_index) == 1,
#define COHERENT_TIMEOUT(u) __builtin_choose_expr(sizeof(struct coherent_timeout) == 1,
#define COHERENT_NUMBER_END , 0)
#define COHERENT_IS_NO_INDEX(u) (sizeof(struct coherent_index) == 2)
#define COHERENT_IS_NO_TIMEOUT(u) (sizeof(struct coherent_timeout) == 2)
/* The comma takes a const off. */
#define COHERENT_OUT_IS(u) struct coherent_out { char is[_Generic(
#define COHERENT_OUT_END						\
	, __typeof__(((void)0, COHERENT_V)) *: 1,			\
	char: 2, signed char: 2, unsigned char: 2, short: 2, unsigned short: 2, int: 2, \
	unsigned int: 2, long: 2, unsigned long: 2, long long: 2, unsigned long long: 2, \
	float: 2, double: 2, _Bool: 2, default: 3)]; };
#define COHERENT_IS_VARIABLE(u) (sizeof(struct coherent_out) != 2)
#define COHERENT_IS_OTHER(u) (sizeof(struct coherent_out) == 3)
#define COHERENT_ADDRESS(u) __builtin_choose_expr(sizeof(struct coherent_out) == 1,
#define COHERENT_ADDRESS_END , (void *)0)
#define COHERENT_IS_MISSING(text) (sizeof(coherent_given(text, 2)) != 1)
#endif
#define COHERENT_NUMBER_OF(v)						\
	__builtin_choose_expr(COHERENT_IS_CLASS(v, 0x1au), v, 0)
#define COHERENT_BAD_INDEX(u)						\
	COHERENT_WRONG(COHERENT_IS_NO_INDEX(u)), "the index of the element must be an integer"
#define COHERENT_BAD_TIMEOUT(u)						\
	COHERENT_WRONG(COHERENT_IS_NO_TIMEOUT(u)), "the timeout is an integer, in ns"
#define COHERENT_BAD_VARIABLE(u)						\
	COHERENT_WRONG(!COHERENT_IS_VARIABLE(u)),				\
	"write & before the variable, as in &value"
#define COHERENT_COMPARE_TYPES(u) enum { coherent_other = COHERENT_OTHER_TYPE(u) };
/* Whether the variable has another type than the field: if so, a number for the type it needs. */
#define COHERENT_OTHER_TYPE(u)						\
	(!COHERENT_F_IS_NUMBER || !COHERENT_IS_OTHER(u) ? 0 :		\
	 _Generic(COHERENT_V, uint8_t: 1, uint16_t: 2, uint32_t: 3, uint64_t: 4, default: 5))
#define COHERENT_SAME_TEXT(type)					\
	"the last argument must point to a variable of the type of the field" type
#define COHERENT_BAD_U8 COHERENT_WRONG(coherent_other == 1), COHERENT_SAME_TEXT(", uint8_t")
#define COHERENT_BAD_U16 COHERENT_WRONG(coherent_other == 2), COHERENT_SAME_TEXT(", uint16_t")
#define COHERENT_BAD_U32 COHERENT_WRONG(coherent_other == 3), COHERENT_SAME_TEXT(", uint32_t")
#define COHERENT_BAD_U64 COHERENT_WRONG(coherent_other == 4), COHERENT_SAME_TEXT(", uint64_t")
#define COHERENT_BAD_TYPE COHERENT_WRONG(coherent_other == 5), COHERENT_SAME_TEXT("")

/*
 * gcc makes one error of all errors of syntax in a statement. So it finds out about a value in one
 * statement, and takes it in another. The value follows each of these macros, in parentheses.
 */
#if defined(__clang__) || defined(__CHECKER__)
#define COHERENT_CLASS_OF COHERENT_SWALLOW
#define COHERENT_THEN_BYTES_OF COHERENT_SWALLOW
#define COHERENT_THEN_IS_CONSTANT COHERENT_SWALLOW
#define COHERENT_THEN_UPPER_BITS_OF COHERENT_SWALLOW
#define COHERENT_VALUE_KNOWN
#define COHERENT_SET COHERENT_SWALLOW
#define COHERENT_SET_END
#define COHERENT_IS_VALUE(value)					\
	COHERENT_IS_CLASS(value, COHERENT_IS_CLASS(COHERENT_F, 0x100u) ? 0x11au : 0x1au)
#define COHERENT_FIT_VALUE(value) COHERENT_FITS(__typeof__(COHERENT_V), COHERENT_INTEGER(value))
#define COHERENT_NUMBER_SET(value)					\
	__builtin_choose_expr(COHERENT_IS_CLASS(value, 0x11au), (value), 0)
#else
#define COHERENT_CLASS_OF enum { coherent_class = __builtin_classify_type
#define COHERENT_CLASS_IS(classes) ((1u << coherent_class & (classes)) != 0)
#define COHERENT_THEN_BYTES_OF						\
	, coherent_bytes = sizeof(__builtin_choose_expr(COHERENT_CLASS_IS(0x1au),
#define COHERENT_THEN_IS_CONSTANT					\
	, 0) + 0), coherent_fixed = __builtin_types_compatible_p(__typeof__(8 ? (void *)((long)__builtin_choose_expr(COHERENT_CLASS_IS(0x1au),
#define COHERENT_THEN_UPPER_BITS_OF					\
	, 0) * 0l) : (int *)8), int *), coherent_upper = (long long)(__builtin_choose_expr(coherent_fixed && COHERENT_CLASS_IS(0x1au),
#define COHERENT_VALUE_KNOWN						\
	, 0) >> (coherent_bytes > (int)sizeof(COHERENT_V) ? 8 * sizeof(COHERENT_V) - 1 : 0)) };
#define COHERENT_SET							\
	const struct coherent_value coherent_set = { .v = __builtin_choose_expr(COHERENT_CLASS_IS(0x11au),
#define COHERENT_SET_END , 0) };
#define COHERENT_IS_VALUE(value)					\
	COHERENT_CLASS_IS(COHERENT_IS_CLASS(COHERENT_F, 0x100u) ? 0x11au : 0x1au)
#define COHERENT_FIT_VALUE(value)					\
	(coherent_bytes <= (int)sizeof(COHERENT_V) ||			\
	 (coherent_fixed ? coherent_upper >= -1 && coherent_upper <= 1 : coherent_bytes <= (int)sizeof(int)))
#define COHERENT_NUMBER_SET(value) coherent_set.v
#endif
#define COHERENT_VALUE_WORD(value) COHERENT_F_TO_WORD(COHERENT_NUMBER_SET(value))
#define COHERENT_BAD_VALUE(value)					\
	COHERENT_WRONG(COHERENT_F_IS_NUMBER && !COHERENT_IS_VALUE(value)), \
	"the value must be a number, and an integer for an integer field"
#define COHERENT_BAD_FIT(value)						\
	COHERENT_WRONG(COHERENT_F_IS_NUMBER && COHERENT_IS_VALUE(value) && \
		      !COHERENT_FIT_VALUE(value)),			\
	"the value has more bits than the field: cast it, if you mean its low half"
#define COHERENT_BAD_READ_ONLY						\
	COHERENT_WRONG(COHERENT_IS_CONST(COHERENT_F)), "this field is read-only: it is const"

/* --- The call --- */

#define COHERENT_F_PLACE sizeof(COHERENT_E), COHERENT_F_OFFSET
#define COHERENT_F_SHAPE						\
	sizeof(struct coherent_field), sizeof(struct coherent_swaps) == 2

/* Convert the bytes of a field to a value of its CPU type, and back. */
#define COHERENT_F_FROM_WORD(u)						\
	COHERENT_FALLBACK(u)						\
	((union { union coherent_word word; __typeof__(COHERENT_V) value; }){ .word = u##word }).value;
/* After an error clang leaves the last statement out. Then this is the value. */
#ifdef __clang__
#define COHERENT_FALLBACK(u) u##word.u64 += 0;
#else
#define COHERENT_FALLBACK(u)
#endif
#define COHERENT_F_TO_WORD(from)					\
	(((union { struct coherent_value value; union coherent_word word; }) \
	  { .value.v = (from) }).word)

#endif

#endif
