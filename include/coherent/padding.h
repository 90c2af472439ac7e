/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Padding: the bytes of a struct that belong to no field. They hold whatever
 * was on the stack, and a device reads them like all others, so whole-element
 * copies into memory for a device leave them zero.
 *
 * A mask has a byte for each byte of T: 0 where it is padding, 0xff elsewhere.
 * gcc knows the padding of a type. clang 14 to 19 do not say, but have
 * overloading in C: COHERENT_FIELDS() declares coherent_mask() for one T, and a
 * copy of a T without it does not compile.
 */
#ifndef COHERENT_PADDING_H
#define COHERENT_PADDING_H

#include <coherent/check.h>
#include <coherent/endian.h>

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
#define COHERENT_COUNT(...)						\
	COHERENT_COUNT_AGAIN(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define COHERENT_COUNT_AGAIN(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, count, ...) count
#define COHERENT_EACH(x, T, ...)					\
	COHERENT_PASTE(COHERENT_EACH_, COHERENT_COUNT(__VA_ARGS__))(x, T, __VA_ARGS__)

/* An element of an array field, two dimensions deep; of any other field a char. */
#define COHERENT_ITEM(x)						\
	(*__builtin_choose_expr(__builtin_classify_type(x) == 5, (x), (char *)0))
#define COHERENT_IS_SOLID(x)						\
	(__builtin_classify_type(x) < 12 || COHERENT_IS_ENDIAN(x))
#define COHERENT_MASK_FIELD(T, field)					\
	_Static_assert(COHERENT_IS_SOLID(((T *)0)[0] field) &&		\
		       COHERENT_IS_SOLID(COHERENT_ITEM(((T *)0)[0] field)) && \
		       COHERENT_IS_SOLID(COHERENT_ITEM(COHERENT_ITEM(((T *)0)[0] field))), \
		       "list the members of a nested struct one by one"); \
	__builtin_memset(mask + __extension__ __builtin_offsetof(struct { T e; }, e field), \
			 0xff, sizeof(((T *)0)[0] field));

#if __has_builtin(__builtin_clear_padding)

/* In a struct of its own, which is not const if T is. */
#define COHERENT_MASK_FILL(T, mask)					\
	(__builtin_memset((mask), 0xff, sizeof(T)),			\
	 __builtin_clear_padding((struct { T e; } *)(void *)(mask)))
#define COHERENT_FIELDS(T, ...) _Static_assert(sizeof(T) > 0, "an element needs a size")

#else

#define COHERENT_OVERLOAD static inline __attribute__((unused, overloadable))
#define COHERENT_MASK_FILL(T, mask) coherent_mask((const T *)0, (mask))

void coherent_mask(const volatile void *element, unsigned char *mask) __attribute__((overloadable,
	unavailable("clang cannot see the padding of this type: "
		    "write COHERENT_FIELDS(T, .a, .b) beside it")));

/**
 * COHERENT_FIELDS() - Tell clang which fields a type has.
 * @T: The element type.
 * @...: All its fields, at most 16, each with its dot: .len, .flags, .in.x; the
 *	 members of a nested struct one by one, an array as a whole.
 *
 * Needed by whole-element copies into device memory, coherent_copy_in(),
 * coherent_box_from() and coherent_from(): they must leave padding zero, and
 * clang does not say where it is. gcc does, and there this is nothing. A field
 * that is not listed is not copied; a test that copies an element of 0xff bytes
 * in and out shows it. Stands at file scope beside T.
 */
#define COHERENT_FIELDS(T, ...)						\
	COHERENT_OVERLOAD void coherent_mask(const T *element, unsigned char *mask) \
	{								\
		(void)element;						\
		__builtin_memset(mask, 0, sizeof(T));			\
		COHERENT_EACH(COHERENT_MASK_FIELD, T, __VA_ARGS__)	\
	}								\
	_Static_assert(sizeof(T) > 0, "an element needs a size")

#define COHERENT_SOLID(T)						\
	COHERENT_OVERLOAD void coherent_mask(const T *element, unsigned char *mask) \
	{								\
		(void)element;						\
		__builtin_memset(mask, 0xff, sizeof(T));		\
	}

COHERENT_SOLID(char)
COHERENT_SOLID(signed char)
COHERENT_SOLID(unsigned char)
COHERENT_SOLID(short)
COHERENT_SOLID(unsigned short)
COHERENT_SOLID(int)
COHERENT_SOLID(unsigned int)
COHERENT_SOLID(long)
COHERENT_SOLID(unsigned long)
COHERENT_SOLID(long long)
COHERENT_SOLID(unsigned long long)
COHERENT_SOLID(float)
COHERENT_SOLID(double)
COHERENT_SOLID(coherent_le16)
COHERENT_SOLID(coherent_le32)
COHERENT_SOLID(coherent_le64)
COHERENT_SOLID(coherent_be16)
COHERENT_SOLID(coherent_be32)
COHERENT_SOLID(coherent_be64)

#endif

/* The mask stands on the stack. */
#define COHERENT_MASK_MAX 65536
#define COHERENT_NEEDS_MASK(T)						\
	COHERENT_REQUIRE(sizeof(T) <= COHERENT_MASK_MAX,		\
		"an element over 64 KiB is not copied whole: fill it with coherent_box_init_at()");

/* A temporary: it lives to the end of the call it is an argument of (C11 6.2.4p8). */
#define COHERENT_MASK(T) COHERENT_MASK_AGAIN(COHERENT_UNIQUE(mask), T)
#define COHERENT_MASK_AGAIN(x, T)					\
	(__extension__({						\
		struct { unsigned char bytes[sizeof(T)]			\
			 __attribute__((aligned(_Alignof(T)))); } x;	\
		COHERENT_MASK_FILL(T, x.bytes);				\
		x;							\
	}).bytes)

#endif
