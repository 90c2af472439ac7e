/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * How a call takes an object, a device or another pointer. Callers do not use this file.
 *
 * One mistake makes one short error. So a call makes a variable x##n of its nth argument. After a
 * mistake the variable has a type that the later checks and the call accept. COHERENT_NEEDS_A() and
 * its like say what to write.
 *
 * clang repeats an error for each use of the argument, so it has one use there. gcc needs one for
 * the type and one for the value. An error of syntax ends a statement in gcc, so all types and the
 * rest of the call are one statement. gcc shows an error at the line of the driver only if the
 * argument is directly in the macro that COHERENT_AGAIN() defines. So the macros here are beside
 * the argument, which they do not take. clang prints each macro around an error, and newer ones
 * each line of it. So the condition of an assertion begins in the macro of the assertion.
 */
#ifndef COHERENT_ARGUMENT_H
#define COHERENT_ARGUMENT_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/check.h>
#include <coherent/detail/field.h>
#include <coherent/detail/known.h>
#include <coherent/detail/types.h>

#ifndef __cplusplus

struct coherent_bar;
struct coherent_device;
struct coherent_irq;

/*
 * These structs are never defined. Pointers to them stand for arguments that are not pointers.
 * gcc makes an int of an argument that does not compile. So an int gets no assertion there, but
 * cannot be converted to the last one, which is an error only if there was none before.
 */
struct coherent_by_value;
struct coherent_no_pointer;
struct coherent_this_must_be_a_pointer;

/*
 * --- Taking arguments ---
 *
 * COHERENT_LET(x, 1) argument COHERENT_LET_END(x, 1) ... COHERENT_ARGUMENTS
 * COHERENT_VALUE_OF(x, 1) (argument) COHERENT_VALUE_END(x, 1) ... the rest COHERENT_ARGUMENTS_END
 *
 * The argument is syntactically right also if the driver forgot it.
 */

/* The variable of an argument. */
#define COHERENT_ARG(x, n) x##n

/* A pointer that may stand for the argument, whose type is that of given. */
#define COHERENT_POINTER_FOR(given)					\
	__typeof__(__builtin_choose_expr(COHERENT_IS_POINTER(given), (given), \
		   __builtin_choose_expr(COHERENT_IS_CLASS(given, 0x3000u), (struct coherent_by_value *)0, \
					 COHERENT_NO_POINTER(given))))

#define COHERENT_ARG_SWALLOW(argument)

#if defined(__CHECKER__)

#define COHERENT_LET(x, n) __auto_type x##n =
#define COHERENT_LET_END(x, n) ;
/* Sparse makes no pointer of an array or a function here. */
#define COHERENT_LET_DECAYED(x, n) __auto_type x##n = &*
#define COHERENT_LET_NUMBER(x, n) COHERENT_LET(x, n)
#define COHERENT_LET_NUMBER_END(x, n) + 0;
#define COHERENT_LET_TYPE(x, n) __typeof__(
#define COHERENT_LET_TYPE_END(x, n) ) x##n;
#define COHERENT_ARG_NO_VALUE(x, n)
#define COHERENT_ARGUMENTS
#define COHERENT_ARGUMENTS_END
#define COHERENT_VALUE_OF(x, n) COHERENT_ARG_SWALLOW
#define COHERENT_VALUE_END(x, n)
#define COHERENT_OBJECT_OF(x, n) COHERENT_ARG_SWALLOW
#define COHERENT_OBJECT_END(x, n)
#define COHERENT_FUNCTION_OF(x, n) COHERENT_ARG_SWALLOW
#define COHERENT_FUNCTION_END(x, n)
#define COHERENT_ARG_NUMBER_OF(x, n) COHERENT_ARG_SWALLOW
#define COHERENT_ARG_NUMBER_END(x, n)
#define COHERENT_ARG_GIVEN(x, n) x##n

#elif defined(__clang__)

#define COHERENT_LET(x, n) __auto_type x##n##_given =
#define COHERENT_LET_END(x, n) ;
/* The type of an argument that has no value here. */
#define COHERENT_LET_TYPE(x, n) __attribute__((unused)) __typeof__(__extension__({
#define COHERENT_LET_TYPE_END(x, n) ; })) x##n##_given;
#define COHERENT_ARG_NO_VALUE(x, n) __attribute__((unused)) COHERENT_POINTER_FOR(x##n##_given) x##n;
#define COHERENT_ARGUMENTS
#define COHERENT_ARGUMENTS_END
#define COHERENT_NO_POINTER(given) (struct coherent_no_pointer *)0
#define COHERENT_POINTER_OR_NULL(given)					\
	__builtin_choose_expr(COHERENT_IS_POINTER(given), given, NULL)
#define COHERENT_VALUE_OF(x, n)						\
	COHERENT_POINTER_FOR(x##n##_given) x##n = COHERENT_POINTER_OR_NULL(x##n##_given); COHERENT_ARG_SWALLOW
#define COHERENT_VALUE_END(x, n)
/* An object that was never initialised gets a warning. See coherent/detail/known.h. */
#define COHERENT_OBJECT_OF(x, n)					\
	COHERENT_POINTER_FOR(x##n##_given) x##n =			\
		(COHERENT_WARN_OF(COHERENT_POINTER_OR_NULL(x##n##_given)), \
		 COHERENT_POINTER_OR_NULL(x##n##_given)); COHERENT_ARG_SWALLOW
#define COHERENT_OBJECT_END(x, n)
#define COHERENT_FUNCTION_OF(x, n) COHERENT_VALUE_OF(x, n)
#define COHERENT_FUNCTION_END(x, n)
#define COHERENT_LET_DECAYED(x, n) COHERENT_LET(x, n)
/* A forgotten number is 0, and another check refuses it. Adding 0 does not change a value. */
#define COHERENT_LET_NUMBER(x, n)					\
	_Pragma("clang diagnostic push")				\
	_Pragma("clang diagnostic ignored \"-Wparentheses\"")		\
	COHERENT_LET(x, n)
#define COHERENT_LET_NUMBER_END(x, n) + 0; _Pragma("clang diagnostic pop")
#define COHERENT_ARG_NUMBER_OF(x, n)					\
	const size_t x##n = (size_t)__builtin_choose_expr(COHERENT_IS_NUMBER(x##n##_given), x##n##_given, 0); \
	COHERENT_ARG_SWALLOW
#define COHERENT_ARG_NUMBER_END(x, n)
#define COHERENT_ARG_GIVEN(x, n) x##n##_given

#else

#define COHERENT_LET(x, n) (void)sizeof(struct x##n##_is { __typeof__(__extension__({
#define COHERENT_LET_END(x, n) ; })) *given; }),
#define COHERENT_LET_TYPE(x, n) COHERENT_LET(x, n)
#define COHERENT_LET_TYPE_END(x, n) COHERENT_LET_END(x, n)
#define COHERENT_ARG_NO_VALUE(x, n) __attribute__((unused)) COHERENT_POINTER_FOR(COHERENT_ARG_GIVEN(x, n)) x##n;
#define COHERENT_ARGUMENTS __extension__({
#define COHERENT_ARGUMENTS_END });
/* The argument, for its type only. A forgotten one has a type that no call takes. */
#define COHERENT_ARG_GIVEN(x, n)						\
	(*_Generic(((struct x##n##_is *)0)->given, void *: (float _Complex *)0, default: ((struct x##n##_is *)0)->given))
#define COHERENT_NO_POINTER(given)					\
	_Generic((given), int: (struct coherent_this_must_be_a_pointer *)0, \
		 default: (struct coherent_no_pointer *)0)
/* coherent/detail/known.h has the call, so that gcc warns of what it reads. */
#define COHERENT_CLASS(given)						\
	(char (*)[COHERENT_IS_POINTER(given) ? 3 : _Generic((given), int: 2, default: 1)])0
#define COHERENT_VALUE_OF(x, n)						\
	COHERENT_POINTER_FOR(COHERENT_ARG_GIVEN(x, n)) x##n = (COHERENT_CALL(COHERENT_CLASS(COHERENT_ARG_GIVEN(x, n)), coherent_same)
#define COHERENT_VALUE_END(x, n) );
#define COHERENT_OBJECT_OF(x, n)					\
	COHERENT_POINTER_FOR(COHERENT_ARG_GIVEN(x, n)) x##n = (COHERENT_CALL(COHERENT_CLASS(COHERENT_ARG_GIVEN(x, n)), coherent_known)
#define COHERENT_OBJECT_END(x, n) );
/* A function is not converted to void *, which -Wpedantic would report. */
#define COHERENT_FUNCTION_OF(x, n)					\
	COHERENT_STRICT COHERENT_POINTER_FOR(COHERENT_ARG_GIVEN(x, n)) x##n = _Generic( \
		(char (*)[COHERENT_IS_POINTER(COHERENT_ARG_GIVEN(x, n)) || \
			  _Generic(COHERENT_ARG_GIVEN(x, n), int: 1, default: 0) ? 2 : 1])0, char (*)[2]:
#define COHERENT_FUNCTION_END(x, n) , default: NULL); COHERENT_STRICT_END

#define COHERENT_LET_DECAYED(x, n) COHERENT_LET(x, n)
#define COHERENT_LET_NUMBER(x, n) COHERENT_LET(x, n)
#define COHERENT_LET_NUMBER_END(x, n) COHERENT_LET_END(x, n)
#define COHERENT_ARG_NUMBER_OF(x, n)					\
	const size_t x##n = (size_t)_Generic((char (*)[COHERENT_IS_NUMBER(COHERENT_ARG_GIVEN(x, n)) ? 2 : 1])0, \
					     char (*)[2]: coherent_same_number, default: coherent_takes)
#define COHERENT_ARG_NUMBER_END(x, n) ;

COHERENT_INLINE size_t coherent_same_number(size_t x)
{
	return x;
}

struct coherent_number {
	int number;
};

/* No pointer can be made of this result. */
COHERENT_INLINE struct coherent_number coherent_needs_pointer(int number)
{
	return (struct coherent_number){ number };
}

/* This takes any argument, also none. Nothing calls it, because there is an error then. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
__typeof__(void *()) coherent_takes;
#pragma GCC diagnostic pop

/*
 * The variable that an argument points to may be one that the call sets, so this does not read
 * it. The union takes the const off without a warning.
 */
#if __has_attribute(access)
__attribute__((access(none, 1)))
#endif
COHERENT_INLINE void *coherent_same(const void *x)
{
	return ((union { const void *from; void *to; }){ .from = x }).to;
}

#endif

/* --- What was given --- */

/* A pointer to something that has a size. */
#define COHERENT_COMPLETE(v)						\
	_Generic((v), void *: (int *)0, const void *: (int *)0, \
		 struct coherent_by_value *: (int *)0, struct coherent_no_pointer *: (int *)0, \
		 struct coherent_this_must_be_a_pointer *: (int *)0, \
		 struct coherent_device *: (int *)0, struct coherent_bar *: (int *)0, \
		 struct coherent_irq *: (int *)0, default: (v))
#ifdef __CHECKER__
#define COHERENT_ARG_IS_OBJECT(v) 1
#define COHERENT_OBJECT_FOR(v) (v)
#else
#define COHERENT_ARG_IS_OBJECT(v)						\
	(__builtin_classify_type(*COHERENT_COMPLETE(v)) == 13)
#define COHERENT_OBJECT_FOR(v)						\
	__builtin_choose_expr(COHERENT_ARG_IS_OBJECT(v), (v), (union coherent_nothing *)0)
#endif

#define COHERENT_IS_A(v, what) COHERENT_IS_KIND(COHERENT_OBJECT_FOR(v), what)
#define COHERENT_OBJECT_T(v) COHERENT_T(COHERENT_OBJECT_FOR(v))
#define COHERENT_SIZE_OF(x, n) sizeof(COHERENT_OBJECT_T(x##n))

/* The base of an object for a call that reads it and changes it. */
#define COHERENT_BASE_FOR(x, n, what)					\
	((struct coherent_##what *)(void *)&COHERENT_OBJECT_FOR(x##n)->base)
/* The same as the last expression of a statement expression. */
#define COHERENT_BASE_IS(x, n, what)					\
	struct coherent_##what *const x##n##_base = COHERENT_BASE_FOR(x, n, what); x##n##_base;
/* The base of an object for a call that only looks at it. */
#define COHERENT_CONST_BASE_FOR(x, n, what)				\
	((const struct coherent_##what *)(const void *)&COHERENT_OBJECT_FOR(x##n)->base)

/* --- Assertions --- */

/*
 * A COHERENT_FIT_*() is the condition and the text of an assertion. The assertion itself is in the
 * macro that COHERENT_AGAIN() defines. right says whether the argument is of the right kind, and
 * before whether those before it are. After a mistake that another assertion reports, a condition
 * is true.
 */
#define COHERENT_FIT_ADDRESS(x, n, before)				\
	_Generic((char (*)[COHERENT_IS(x##n, struct coherent_by_value *) && (before) ? 1 : 2])0, char (*)[2]: 1, default: 0), \
	"write & before the object, as in &mem"
#define COHERENT_FIT_ONCE(x, n, before)					\
	_Generic((char (*)[COHERENT_IS_TWICE(x##n) && (before) ? 1 : 2])0, char (*)[2]: 1, default: 0), \
	"this is a pointer to a pointer or to an array: leave out the &, or take one element"
#define COHERENT_FIT_KIND(x, n, right, before, text)			\
	_Generic((char (*)[COHERENT_ARG_IS_OTHER(x##n) || !(before) || (right) ? 2 : 1])0, char (*)[2]: 1, default: 0), text
#define COHERENT_FIT_MUTABLE(x, n, right, before)			\
	_Generic((char (*)[COHERENT_IS_MUTABLE(COHERENT_OBJECT_FOR(x##n)) || !(before) || !(right) ? 2 : 1])0, char (*)[2]: 1, default: 0), \
	"this object is const: it can only be read"
#define COHERENT_IS(v, type) _Generic((v), type: 1, default: 0)
#define COHERENT_IS_TWICE(v) (__builtin_classify_type(*COHERENT_COMPLETE(v)) == 5)
#define COHERENT_ARG_IS_OTHER(v)						\
	(COHERENT_IS_TWICE(v) || COHERENT_IS(v, struct coherent_by_value *) || \
	 COHERENT_IS(v, struct coherent_this_must_be_a_pointer *))
/* Whether an argument is an object of the kind. */
#define COHERENT_IS_ARG(x, n, what) COHERENT_IS_A(x##n, what)
#define COHERENT_T_OF(x, n) COHERENT_OBJECT_T(x##n)
/* The same, but also that of an object whose & was forgotten. */
#define COHERENT_T_GIVEN(x, n)						\
	COHERENT_T(__builtin_choose_expr(__builtin_classify_type(COHERENT_ARG_GIVEN(x, n)) == 13, \
					 (__typeof__(COHERENT_ARG_GIVEN(x, n)) *)0, COHERENT_OBJECT_FOR(x##n)))

/* A mem or the twin of one, and also a view. */
#define COHERENT_IS_MEM_OR_TWIN(x, n) (COHERENT_IS_ARG(x, n, mem) || COHERENT_IS_ARG(x, n, twin))
#define COHERENT_IS_SHARED(x, n) (COHERENT_IS_MEM_OR_TWIN(x, n) || COHERENT_IS_ARG(x, n, view))
#define COHERENT_TEXT_NO_BOX						\
	"a box has no device address and no accessors: coherent_expose() it, or use coherent_box_ptr()"
#define COHERENT_TEXT_SHARED "this needs a mem or a view of it, not a slot or a ring"
#define COHERENT_TEXT_BOX "this needs a box: COHERENT_BOX(T), before coherent_expose()"
#define COHERENT_TEXT_INIT_AT "the initialiser must be int fn(T *element, void *arg)"
#define COHERENT_TEXT_INIT "the initialiser must be int fn(T *elements, size_t count, void *arg)"
#define COHERENT_INIT_AT_OF(x) int(COHERENT_OBJECT_T(x##1) *, void *)
#define COHERENT_INIT_OF(x) int(COHERENT_OBJECT_T(x##1) *, size_t, void *)
#define COHERENT_TEXT_MEM "this needs a mem: COHERENT(T), filled by coherent_expose()"

#define COHERENT_TEXT_HANDLE "this needs a handle: struct coherent_handle"
#define COHERENT_IS_HANDLE(x, n) COHERENT_IS(x##n, struct coherent_handle *)
#define COHERENT_HANDLE(x, n)						\
	_Generic((x##n), struct coherent_handle *: x##n, default: (struct coherent_handle *)NULL)
/* The same for a handle that may be const. */
#define COHERENT_IS_ANY_HANDLE(x, n)					\
	(COHERENT_IS_HANDLE(x, n) || COHERENT_IS(x##n, const struct coherent_handle *))
#define COHERENT_ANY_HANDLE(x, n)					\
	_Generic((x##n), const struct coherent_handle *: x##n, default: COHERENT_HANDLE(x, n))

#define COHERENT_FIT(right)						\
	_Generic((char (*)[(right) ? 2 : 1])0, char (*)[2]: 1, default: 0)

#define COHERENT_SAME_T(x)						\
	COHERENT_SAME_TYPE(COHERENT_OBJECT_T(x##1), COHERENT_OBJECT_T(x##2))
#define COHERENT_FIT_DEVICE(x, n, before)				\
	_Generic((char (*)[!(before) || COHERENT_IS_DEVICE(x##n) ? 2 : 1])0, char (*)[2]: 1, default: 0), \
	"this must be the device: a struct coherent_device *, or in the kernel a struct device *"
#define COHERENT_IS_DEVICE(v)						\
	_Generic((v), struct coherent_device *: 1, void *: 1,		\
		 struct coherent_this_must_be_a_pointer *: 1, default: 0)
#define COHERENT_IS_RIGHT_DEVICE(x, n)					\
	_Generic((x##n), struct coherent_device *: 1, void *: 1, default: 0)
#define COHERENT_DEVICE(x, n)						\
	((struct coherent_device *)__builtin_choose_expr(COHERENT_IS_DEVICE(x##n), x##n, NULL))
/* The nth argument points to elements of the first one. */
#define COHERENT_FIT_SOURCE(x, n, before)				\
	_Generic((char (*)[!(before) || COHERENT_IS(x##n, struct coherent_this_must_be_a_pointer *) || COHERENT_SAME_TYPE(*COHERENT_COMPLETE(x##n), COHERENT_OBJECT_T(x##1)) ? 2 : 1])0, char (*)[2]: 1, default: 0), \
	"the source has another element type: it must be a pointer to the first element to copy"
#define COHERENT_FIT_COPY(x, n, before)					\
	_Generic((char (*)[sizeof(COHERENT_OBJECT_T(x##1)) <= COHERENT_MASK_MAX ? 2 : 1])0, char (*)[2]: 1, default: 0), \
	"an element over 64 KiB is not copied whole: fill it with coherent_box_init_at()"
/* The type of an element of the source, or one without padding after a mistake. */
#define COHERENT_COPIED(x)						\
	__typeof__(*__builtin_choose_expr(COHERENT_SAME_TYPE(*COHERENT_COMPLETE(x##3), COHERENT_OBJECT_T(x##1)) && \
		COHERENT_IS_RIGHT_DEVICE(x, 2), (COHERENT_OBJECT_T(x##1) *)0, (char *)0))
/* The nth argument is a function of the type. */
#define COHERENT_FIT_FUNCTION(x, n, type, before, text)			\
	_Generic((char (*)[!(before) || COHERENT_IS(x##n, struct coherent_this_must_be_a_pointer *) || COHERENT_IS_FUNCTION(x##n, type) ? 2 : 1])0, char (*)[2]: 1, default: 0), \
	text
#define COHERENT_IS_FUNCTION(v, type)					\
	__builtin_types_compatible_p(__typeof__(*COHERENT_COMPLETE(v)), type)
#define COHERENT_FUNCTION(x, n, type)					\
	__builtin_choose_expr(COHERENT_IS_FUNCTION(x##n, type), x##n, (__typeof__(type) *)NULL)

/* argument is the text of the nth argument, which is empty if the driver forgot it. */
#define COHERENT_FIT_COUNT(x, n, argument, before)			\
	_Generic((char (*)[sizeof(argument) > 1 || !(before) ? 2 : 1])0, char (*)[2]: 1, default: 0), \
	"write the number of elements, or of bytes for a handle, before the options"
#define COHERENT_FIT_NUMBER(x, n, argument, before)			\
	_Generic((char (*)[sizeof(argument) == 1 || COHERENT_IS_NUMBER(COHERENT_ARG_GIVEN(x, n)) || !(before) ? 2 : 1])0, char (*)[2]: 1, default: 0), \
	"this must be a number of elements, of bytes for a handle, or an index"
#ifdef __CHECKER__
#define COHERENT_IS_NAMED(text) 1
#else
#define COHERENT_IS_NAMED(text) (sizeof(text) == 1 || __builtin_strncmp(text, ".", 1) == 0)
#endif

/* The address of the variable for a device, and the name of a device. */
#define COHERENT_FIT_DEVICE_AT(x, n)					\
	_Generic((x##n), struct coherent_device **: 1, struct coherent_this_must_be_a_pointer *: 1, default: 0), \
	"this must be the address of a struct coherent_device *, as in &dev"
#define COHERENT_DEVICE_AT(x, n)					\
	_Generic((x##n), struct coherent_device **: x##n, default: (struct coherent_device **)NULL)
#define COHERENT_FIT_NAME(x, n, before)					\
	_Generic((char (*)[!(before) || COHERENT_IS_TEXT(x##n) ? 2 : 1])0, char (*)[2]: 1, default: 0), \
	"this must be the name of a device, as in \"sim:edu\""
#define COHERENT_IS_TEXT(v)						\
	_Generic((v), char *: 1, const char *: 1, void *: 1,		\
		 struct coherent_this_must_be_a_pointer *: 1, default: 0)
#define COHERENT_ARG_NAME(x, n)						\
	_Generic((x##n), char *: x##n, const char *: x##n, void *: x##n, default: (const char *)NULL)

/* --- The call --- */

/* A variable for a box, and one for the elements of a loan. */
#define COHERENT_LET_BOX(x) struct coherent_box x##box;
#define COHERENT_LET_ELEMENTS(x) void *x##elements;

/* The result of a call is an int also after an error, and only it must not be ignored. */
#ifdef __clang__
#define COHERENT_BEGIN_CALL __extension__({
#define COHERENT_ERR(x, call)						\
	int x##err = call; COHERENT_STRICT coherent_result(x##err); COHERENT_STRICT_END
#define COHERENT_END_CALL })
#else
#define COHERENT_BEGIN_CALL COHERENT_BEGIN_HEARD COHERENT_STRICT_END
#define COHERENT_ERR(x, call) int x##err = call; x##err;
#define COHERENT_END_CALL })))
#endif
#define COHERENT_BEGIN_VOID __extension__({
#define COHERENT_END_VOID })

/*
 * An option without a name, of a wrong type or given twice does not compile. The macros are around
 * the options, which they do not take, so that gcc shows the line of the driver. text is that of
 * the options. An assertion refuses text that does not begin with a dot, because NULL, 0 and false
 * fit in most types. Then the options initialise the struct below, in which each value fits behind
 * the positional argument, so that the assertion gives the only error. In other structs each value
 * fits there too, so that a misspelt name gives no second error in gcc.
 */
struct coherent_unnamed_options {
	uint32_t struct_size;
	size_t model_size;
	union {
		void *box, *mem, *arg, *twin;
		const void *name;
		struct coherent_device *dev;
		size_t count, bytes;
	};
	bool value_1, value_2, value_3;
};
#define COHERENT_OPTIONS_TYPE(type, text)				\
	__typeof__(*__builtin_choose_expr(COHERENT_IS_NAMED(text), (const struct type *)0, \
					  (const struct coherent_unnamed_options *)0))
#define COHERENT_FIT_OPTIONS(text)					\
	__builtin_choose_expr(COHERENT_IS_NAMED(text), 1, 0),		\
	"write an option with its name, as in .align = 64"
#define COHERENT_OPTIONS_ARE(x, type, text)				\
	COHERENT_STRICT COHERENT_OPTIONS_TYPE(type, text) x##options = { COHERENT_SIZED(type),
#define COHERENT_OPTIONS_OF(x) ((const void *)&x##options)
#define COHERENT_OPTIONS_END }; COHERENT_STRICT_END
#define COHERENT_LAST_IS(x) COHERENT_STRICT const struct { void *at; } x##last = {
#define COHERENT_LAST_END }; COHERENT_STRICT_END
#define COHERENT_LAST(x) x##last.at

#endif

#endif
