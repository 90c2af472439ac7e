/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Whether an integer fits where a macro puts it. Otherwise C would drop the upper bits
 * silently, for instance those of a device address. Callers do not use this file.
 *
 * A variable of 64 bits does not fit into 32 bits or fewer. A variable of at most 32
 * bits fits everywhere, as in an assignment: it may be the result of C's arithmetic on
 * smaller ones. A constant fits if its value does, as a signed or unsigned number.
 */
#ifndef COHERENT_VALUE_H
#define COHERENT_VALUE_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/check.h>

/*
 * If x is a constant, x * 0 is a null pointer, and the type is int *. Otherwise it is void *.
 * __builtin_constant_p() would also be true for a variable whose value gcc knows.
 */
#define COHERENT_IS_CONSTANT(x)						\
	COHERENT_SAME_TYPE(8 ? (void *)((long)(x) * 0l) : (int *)8, int *)
#define COHERENT_CONSTANT(x, otherwise)					\
	__builtin_choose_expr(COHERENT_IS_CONSTANT(x), (x), otherwise)

/* An integer, which has at least the width of an int; 0 if x is not an integer. */
#define COHERENT_INTEGER(x)						\
	(__builtin_choose_expr(COHERENT_IS_CLASS(x, 0x1au), (x), 0) + 0)

/* clang warns that sizeof(x++) has no side effect, but it does not warn about typeof. */
#define COHERENT_BYTES_OF(x) sizeof(__typeof__(x))

/* The bits of a constant from the sign bit of T on. They are -1, 0 or 1 if it fits. */
#define COHERENT_UPPER_BITS(T, x)					\
	((long long)(COHERENT_CONSTANT(x, 0) >>				\
		     (COHERENT_BYTES_OF(x) > sizeof(T) ? 8 * sizeof(T) - 1 : 0)))
#define COHERENT_FITS(T, x)						\
	(COHERENT_BYTES_OF(x) <= sizeof(T) ||				\
	 (COHERENT_IS_CONSTANT(x) ?					\
	  COHERENT_UPPER_BITS(T, x) >= -1 && COHERENT_UPPER_BITS(T, x) <= 1 : \
	  COHERENT_BYTES_OF(x) <= sizeof(int)))

#define COHERENT_NEEDS_FIT(T, x, place)					\
	COHERENT_REQUIRE(COHERENT_FITS(T, COHERENT_INTEGER(x)),		\
		"the value has more bits than " place ": cast it, if you mean its low half");
/* This refuses a constant that is too large or negative. It does not check a variable. */
#define COHERENT_NEEDS_AT_MOST(x, most, text)				\
	COHERENT_REQUIRE((unsigned long long)COHERENT_CONSTANT(COHERENT_INTEGER(x), 0) <= (most), text);

#endif
