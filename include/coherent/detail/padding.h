/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Padding is the bytes of a struct that belong to no field. Padding on the stack holds
 * old data, and a device reads it like all other bytes. So copies of whole elements into
 * memory for a device leave the padding zero.
 *
 * A mask has a byte for each byte of T: 0 for padding, 0xff for the rest. gcc can tell the
 * padding of a type. clang 14 cannot, but it supports overloading in C: COHERENT_FIELDS()
 * declares a coherent_padding() for one T. A copy of a T without it does not compile.
 */
#ifndef COHERENT_PADDING_H
#define COHERENT_PADDING_H

#include <coherent/detail/check.h>
#include <coherent/endian.h>
#include <coherent/detail/face.h>

#define COHERENT_EACH_1(x, T, a) x(T, a)
#define COHERENT_EACH_2(x, T, a, ...) x(T, a) COHERENT_EACH_1(x, T, __VA_ARGS__)
#define COHERENT_EACH_3(x, T, a, ...) x(T, a) COHERENT_EACH_2(x, T, __VA_ARGS__)
#define COHERENT_EACH_4(x, T, a, ...) x(T, a) COHERENT_EACH_3(x, T, __VA_ARGS__)
#define COHERENT_EACH_5(x, T, a, ...) x(T, a) COHERENT_EACH_4(x, T, __VA_ARGS__)
#define COHERENT_EACH_6(x, T, a, ...) x(T, a) COHERENT_EACH_5(x, T, __VA_ARGS__)
#define COHERENT_EACH_7(x, T, a, ...) x(T, a) COHERENT_EACH_6(x, T, __VA_ARGS__)
#define COHERENT_EACH_8(x, T, a, ...) x(T, a) COHERENT_EACH_7(x, T, __VA_ARGS__)
#define COHERENT_EACH_9(x, T, a, ...) x(T, a) COHERENT_EACH_8(x, T, __VA_ARGS__)
#define COHERENT_EACH_10(x, T, a, ...) x(T, a) COHERENT_EACH_9(x, T, __VA_ARGS__)
#define COHERENT_EACH_11(x, T, a, ...) x(T, a) COHERENT_EACH_10(x, T, __VA_ARGS__)
#define COHERENT_EACH_12(x, T, a, ...) x(T, a) COHERENT_EACH_11(x, T, __VA_ARGS__)
#define COHERENT_EACH_13(x, T, a, ...) x(T, a) COHERENT_EACH_12(x, T, __VA_ARGS__)
#define COHERENT_EACH_14(x, T, a, ...) x(T, a) COHERENT_EACH_13(x, T, __VA_ARGS__)
#define COHERENT_EACH_15(x, T, a, ...) x(T, a) COHERENT_EACH_14(x, T, __VA_ARGS__)
#define COHERENT_EACH_16(x, T, a, ...) x(T, a) COHERENT_EACH_15(x, T, __VA_ARGS__)
#define COHERENT_EACH_17(x, T, a, ...) x(T, a) COHERENT_EACH_16(x, T, __VA_ARGS__)
#define COHERENT_EACH_18(x, T, a, ...) x(T, a) COHERENT_EACH_17(x, T, __VA_ARGS__)
#define COHERENT_EACH_19(x, T, a, ...) x(T, a) COHERENT_EACH_18(x, T, __VA_ARGS__)
#define COHERENT_EACH_20(x, T, a, ...) x(T, a) COHERENT_EACH_19(x, T, __VA_ARGS__)
#define COHERENT_EACH_21(x, T, a, ...) x(T, a) COHERENT_EACH_20(x, T, __VA_ARGS__)
#define COHERENT_EACH_22(x, T, a, ...) x(T, a) COHERENT_EACH_21(x, T, __VA_ARGS__)
#define COHERENT_EACH_23(x, T, a, ...) x(T, a) COHERENT_EACH_22(x, T, __VA_ARGS__)
#define COHERENT_EACH_24(x, T, a, ...) x(T, a) COHERENT_EACH_23(x, T, __VA_ARGS__)
#define COHERENT_EACH_25(x, T, a, ...) x(T, a) COHERENT_EACH_24(x, T, __VA_ARGS__)
#define COHERENT_EACH_26(x, T, a, ...) x(T, a) COHERENT_EACH_25(x, T, __VA_ARGS__)
#define COHERENT_EACH_27(x, T, a, ...) x(T, a) COHERENT_EACH_26(x, T, __VA_ARGS__)
#define COHERENT_EACH_28(x, T, a, ...) x(T, a) COHERENT_EACH_27(x, T, __VA_ARGS__)
#define COHERENT_EACH_29(x, T, a, ...) x(T, a) COHERENT_EACH_28(x, T, __VA_ARGS__)
#define COHERENT_EACH_30(x, T, a, ...) x(T, a) COHERENT_EACH_29(x, T, __VA_ARGS__)
#define COHERENT_EACH_31(x, T, a, ...) x(T, a) COHERENT_EACH_30(x, T, __VA_ARGS__)
#define COHERENT_EACH_32(x, T, a, ...) x(T, a) COHERENT_EACH_31(x, T, __VA_ARGS__)
#define COHERENT_COUNT(...)						\
	COHERENT_COUNT_AGAIN(__VA_ARGS__, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, \
			     15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define COHERENT_COUNT_AGAIN(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, \
			     a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, \
			     count, ...) count
#define COHERENT_EACH(x, T, ...)					\
	COHERENT_PASTE(COHERENT_EACH_, COHERENT_COUNT(__VA_ARGS__))(x, T, __VA_ARGS__)

/* An element of an array of up to two dimensions. For any other field, a char. */
#define COHERENT_ITEM(x)						\
	(*__builtin_choose_expr(__builtin_classify_type(x) == 5, (x), (char *)0))
#define COHERENT_IS_SOLID(x)						\
	(__builtin_classify_type(x) < 12 || COHERENT_IS_ENDIAN(x))
#define COHERENT_IS_FLAT(x)						\
	(COHERENT_IS_SOLID(x) && COHERENT_IS_SOLID(COHERENT_ITEM(x)) &&	\
	 COHERENT_IS_SOLID(COHERENT_ITEM(COHERENT_ITEM(x))))
#define COHERENT_MASK_FIELD(T, field)					\
	_Static_assert(COHERENT_IS_FLAT(((T *)0)[0] field),		\
		       "list the members of a nested struct one by one"); \
	__builtin_memset(coherent_m + __extension__ __builtin_offsetof(struct { T e; }, e field), \
			 0xff, sizeof(((T *)0)[0] field));

/* The padding after a field is always smaller than the alignment of the struct. */
#define COHERENT_LISTED_BYTES(T, field) + sizeof(((T *)0)[0] field)
#define COHERENT_NEEDS_ALL_FIELDS(T, ...)				\
	_Static_assert(sizeof(T) <= 0 COHERENT_EACH(COHERENT_LISTED_BYTES, T, __VA_ARGS__) + \
				    COHERENT_COUNT(__VA_ARGS__) * (_Alignof(T) - 1), \
		       "fields are missing: what is not listed would not be copied")

#if __has_builtin(__builtin_clear_padding) || defined(__CHECKER__)

/* T is in a struct of its own, which is not const if T is const. */
#define COHERENT_MASK_FILL(T, mask)					\
	(__builtin_memset((mask), 0xff, sizeof(T)),			\
	 __builtin_clear_padding((struct { T e; } *)(void *)(mask)))
#define COHERENT_FIELDS(T, ...) COHERENT_NEEDS_ALL_FIELDS(T, __VA_ARGS__)

#else

#define COHERENT_OVERLOAD static inline __attribute__((unused, overloadable))
#define COHERENT_MASK_FILL(T, mask)					\
	coherent_padding(__builtin_choose_expr(COHERENT_IS_FLAT(*(T *)0), \
				(const volatile char *)0, (const volatile T *)0), \
			 (mask), sizeof(T))

void coherent_padding(const volatile void *coherent_e, unsigned char *coherent_m,
		      __SIZE_TYPE__ coherent_size) __attribute__((overloadable,
	unavailable("clang cannot see the padding of this type: "
		    "write COHERENT_FIELDS(T, .a, .b) beside it")));

/**
 * COHERENT_FIELDS() - Tell clang which fields a type has.
 * @T: The element type.
 * @...: All its fields, at most 32, each with its dot: .len, .flags, .in.x. List the members
 *	 of a nested struct one by one, and an array as a whole.
 *
 * coherent_copy_in(), coherent_box_from() and coherent_from() copy whole elements and leave
 * padding zero. clang cannot tell where the padding is, so it needs this macro. gcc can, and
 * there the macro only checks the list. Put it at file scope, beside T.
 *
 * A field that is not listed is not copied. To find one, a test can copy an element of 0xff
 * bytes in and out.
 */
#define COHERENT_FIELDS(T, ...)						\
	COHERENT_OVERLOAD void coherent_padding(const volatile T *coherent_e, \
			unsigned char *coherent_m, __SIZE_TYPE__ coherent_size) \
	{								\
		(void)coherent_e;					\
		__builtin_memset(coherent_m, 0, coherent_size);		\
		COHERENT_EACH(COHERENT_MASK_FIELD, T, __VA_ARGS__)	\
	}								\
	COHERENT_NEEDS_ALL_FIELDS(T, __VA_ARGS__)

/* Types without padding: numbers, and arrays of numbers. */
COHERENT_OVERLOAD void coherent_padding(const volatile char *coherent_e, unsigned char *coherent_m,
					__SIZE_TYPE__ coherent_size)
{
	(void)coherent_e;
	__builtin_memset(coherent_m, 0xff, coherent_size);
}

#endif

/* The mask is on the stack, so its size is limited. */
#define COHERENT_MASK_MAX 65536
#define COHERENT_NEEDS_MASK(T)						\
	COHERENT_REQUIRE(sizeof(T) <= COHERENT_MASK_MAX,		\
		"an element over 64 KiB is not copied whole: fill it with coherent_box_init_at()");

/* The mask is a temporary that lives until the call with this argument ends (C11 6.2.4p8). */
#define COHERENT_MASK(T) COHERENT_MASK_AGAIN(COHERENT_UNIQUE(mask), T)
#define COHERENT_MASK_AGAIN(x, T)					\
	(__extension__({						\
		struct { unsigned char bytes[sizeof(T)]			\
			 __attribute__((aligned(_Alignof(T)))); } x;	\
		COHERENT_MASK_FILL(T, x.bytes);				\
		x;							\
	}).bytes)

#endif
