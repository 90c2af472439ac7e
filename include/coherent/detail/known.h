/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef COHERENT_KNOWN_H
#define COHERENT_KNOWN_H
/* gcc does not warn about macros of a system header. The line marker ends that state here. */
#if __INCLUDE_LEVEL__ && !defined(__clang__) && !defined(__CHECKER__)
#pragma GCC system_header
# 8 __FILE__
#endif
/*
 * How a compiler warns of an object that was never initialised. Callers do not use this file.
 *
 * A call reads the object that it gets. The compilers see the read in different ways:
 * - gcc without optimization sees that coherent_known() reads (-Wmaybe-uninitialized).
 * - gcc with optimization sees the asm in it, which needs no instruction (-Wuninitialized).
 * - clang from -O2 on knows that memory that nothing wrote is undefined. In it "undefined | 1"
 *   is all ones. COHERENT_WARN_OF() finds this value, and makes the warning itself.
 * clang without optimization does not warn.
 */
#include <coherent/detail/check.h>
#include <coherent/detail/face.h>

#if !defined(__cplusplus) && !defined(__CHECKER__)
#ifdef __clang__

/* A call of this function stays in the program only if clang knows that the object is undefined. */
static __attribute__((unused, __noinline__,
		      warning("this object was never initialised: write = COHERENT_EMPTY where it is declared")))
void coherent_has_no_value(void)
{
	__asm__ __volatile__("");
}

/* The arithmetic hides the lowest bit, which clang could otherwise leave out. */
#define COHERENT_MIX(word) (((word) | 1) * 0x9e3779b97f4a7c15ull >> 40)

/* The compiler removes this read if it does not know the value. */
__attribute__((pure, no_sanitize("undefined"))) COHERENT_INLINE
unsigned long long coherent_known_mix(const void *object)
{
	return COHERENT_MIX(*(const uintptr_t __attribute__((may_alias)) *)object);
}

#define COHERENT_WARN_OF(x)						\
	(__builtin_constant_p(coherent_known_mix(x)) &&			\
	 coherent_known_mix(x) != COHERENT_MIX(0) ? coherent_has_no_value() : (void)0)

#else

/*
 * gcc reads only a variable that it knows, so that a bad pointer does no harm here. The union
 * takes the const off without a warning.
 */
COHERENT_READS_1ST __attribute__((pure)) COHERENT_INLINE void *coherent_known(const void *object)
{
	if (__builtin_object_size(object, 0) != (size_t)-1)
		__asm__("" : : "X"(*(const char *)object));
	return ((union { const void *from; void *to; }){ .from = object }).to;
}

/* A call of the function that takes an argument: a pointer, an int or something else. */
#define COHERENT_CALL(class, function)					\
	_Generic(class, char (*)[3]: function, char (*)[2]: coherent_needs_pointer, default: coherent_takes)

#endif
#endif

#endif
