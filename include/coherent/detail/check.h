/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * How the macros make the compiler refuse misuse. Callers do not use this file.
 *
 * A function-like macro of this library makes some checks, then one call. The checks
 * are static assertions on the types of the arguments. The call is to an ordinary or
 * inline function. Only the call evaluates the arguments, each once. Checks and call
 * are in a statement expression, in which a few warnings of gcc and clang are errors. So
 * a refusal does not depend on the flags of the program that includes this file.
 * docs/design.md gives the reason for each trick.
 */
#ifndef COHERENT_CHECK_H
#define COHERENT_CHECK_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/heard.h>
#include <coherent/detail/pick.h>

#define COHERENT_INLINE static inline __attribute__((always_inline, unused))

/*
 * Longer functions, which the compiler need not inline. With COHERENT_HARDEN it must, because the
 * library names the line of the driver that it inlined an access into.
 */
#if defined(COHERENT_HARDEN) && COHERENT_HARDEN
#define COHERENT_MAY_INLINE COHERENT_INLINE
#else
#define COHERENT_MAY_INLINE static inline __attribute__((unused))
#endif
#define COHERENT_MUST_CHECK __attribute__((warn_unused_result))

/*
 * The function reads and writes the object that an argument points to. So gcc warns of a
 * variable that was never initialised (-Wmaybe-uninitialized). coherent/detail/known.h has
 * what does this for the macros.
 */
#if __has_attribute(access)
#define COHERENT_READS_1ST __attribute__((access(read_only, 1)))
#define COHERENT_CHANGES_1ST __attribute__((access(read_write, 1)))
#define COHERENT_CHANGES_2ND __attribute__((access(read_write, 2)))
#else
#define COHERENT_READS_1ST
#define COHERENT_CHANGES_1ST
#define COHERENT_CHANGES_2ND
#endif

/*
 * A statement expression loses the attribute. So the statement expression is the
 * argument of this function, and the result of the function must be checked.
 */
COHERENT_MUST_CHECK COHERENT_INLINE int coherent_result(int err)
{
	return err;
}

#if defined(__clang__)
#define COHERENT_STRICT_CONST						\
	_Pragma("GCC diagnostic error \"-Wincompatible-pointer-types-discards-qualifiers\"")
#else
#define COHERENT_STRICT_CONST _Pragma("GCC diagnostic error \"-Wdiscarded-qualifiers\"")
#endif
#define COHERENT_STRICT							\
	_Pragma("GCC diagnostic push")					\
	COHERENT_STRICT_CONST						\
	_Pragma("GCC diagnostic error \"-Wunused-result\"")		\
	_Pragma("GCC diagnostic error \"-Wint-conversion\"")		\
	_Pragma("GCC diagnostic error \"-Wincompatible-pointer-types\"") \
	_Pragma("GCC diagnostic error \"-Woverride-init\"")
#define COHERENT_STRICT_END _Pragma("GCC diagnostic pop")

/*
 * The parts of a macro before and after its checks and its call: for an int result that the
 * caller must not ignore, for a value, and for nothing. The checks are not an argument of a macro,
 * because COHERENT_HEARD() does not work well there, and clang prints each macro around an error.
 *
 * gcc 16 does not warn if the value of a statement expression is ignored. So the statement
 * expression with the pragmas is the left side of a comma there, and the call is the right side.
 */
#if defined(__clang__)
#define COHERENT_BEGIN_RESULT						\
	__extension__({ COHERENT_STRICT coherent_result(__extension__({
#define COHERENT_END_RESULT })); COHERENT_STRICT_END })
#else
#define COHERENT_BEGIN_HEARD						\
	((void)__extension__({ COHERENT_STRICT 0; })			\
	 COHERENT_HEARD_NEXT(result)(__extension__({
#define COHERENT_BEGIN_RESULT COHERENT_BEGIN_HEARD
#define COHERENT_END_RESULT COHERENT_STRICT_END })))
#endif
/* The same for an int result, but the warnings in the arguments of the caller stay warnings. */
#if defined(__clang__)
#define COHERENT_BEGIN_ERRNO						\
	__extension__({ COHERENT_STRICT coherent_result COHERENT_STRICT_END(__extension__({
#define COHERENT_END_ERRNO })); })
#else
#define COHERENT_BEGIN_ERRNO COHERENT_BEGIN_HEARD COHERENT_STRICT_END
#define COHERENT_END_ERRNO })))
#endif
/* The same, and the call begins with COHERENT_ERRNO. After an error the result is still an int. */
#define COHERENT_BEGIN_ACCESS(u) COHERENT_BEGIN_ERRNO int u##errno = 0; __extension__({
#define COHERENT_ERRNO(u) u##errno =
#define COHERENT_END_ACCESS(u) }); u##errno; COHERENT_END_ERRNO
#define COHERENT_BEGIN_VALUE __extension__({
#define COHERENT_END_VALUE })
#define COHERENT_BEGIN_NOTHING __extension__({ COHERENT_STRICT
#define COHERENT_END_NOTHING COHERENT_STRICT_END })

/* The same in one macro. */
#define COHERENT_RESULT(checks, call) COHERENT_BEGIN_RESULT checks call; COHERENT_END_RESULT
#define COHERENT_VALUE(checks, call) COHERENT_BEGIN_VALUE checks call; COHERENT_END_VALUE
#define COHERENT_NOTHING(checks, call) COHERENT_BEGIN_NOTHING checks call; COHERENT_END_NOTHING

/*
 * The condition is hidden in the size of an array. Otherwise clang prints all of it, with
 * its macros expanded, before the text.
 */
#define COHERENT_TRUE(condition)					\
	_Generic((char (*)[(condition) ? 2 : 1])0, char (*)[2]: 1, default: 0)
#define COHERENT_REQUIRE(condition, text) _Static_assert(COHERENT_TRUE(condition), text)

/* This ignores whether a and b themselves are const. */
#define COHERENT_SAME_TYPE(a, b)					\
	__builtin_types_compatible_p(__typeof__(a), __typeof__(b))
#define COHERENT_IS_CONST(x)						\
	COHERENT_SAME_TYPE(__typeof__(x) *, const __typeof__(x) *)

/* Classes of __builtin_classify_type(): 1 integer, 3 enum, 4 bool, 8 float. */
#define COHERENT_IS_CLASS(x, classes)					\
	((1u << __builtin_classify_type(x) & (classes)) != 0)
#define COHERENT_IS_NUMBER(x) COHERENT_IS_CLASS(x, 0x11au)

#define COHERENT_PASTE_AGAIN(a, b) a##b
#define COHERENT_PASTE(a, b) COHERENT_PASTE_AGAIN(a, b)
/* The name of the one local variable that a macro may need. Nested macros get other names. */
#define COHERENT_UNIQUE(name) COHERENT_PASTE(coherent_##name##_, __COUNTER__)

#define COHERENT_STRING_AGAIN(x) #x
#define COHERENT_STRING(x) COHERENT_STRING_AGAIN(x)
/* The place of an allocation, for faults and leak reports. */
#define COHERENT_HERE __FILE__ ":" COHERENT_STRING(__LINE__)

#define COHERENT_FIRST(...) COHERENT_FIRST_AGAIN(__VA_ARGS__, 0)
#define COHERENT_FIRST_AGAIN(first, ...) first

/*
 * INVARIANT: in every options struct, this union follows the positional argument. No object has
 * the type of its pointer. If a driver misspells the name of its first option, gcc puts the value
 * here: the bool takes any value, so that there is no second error.
 */
struct coherent_options_have_names;
#define COHERENT_NAMES							\
	union {								\
		bool option_without_name;				\
		const struct coherent_options_have_names *options_have_names; \
	};
#define COHERENT_ARG_NAMES						\
	union {								\
		bool arg_option_without_name;				\
		const struct coherent_options_have_names *arg_options_have_names; \
	};

/*
 * Options begin with the size of their struct, because a program may be older or newer than the
 * library that reads them.
 */
#define COHERENT_SIZED(type) .struct_size = sizeof(struct type)
#define COHERENT_OPTIONS(type, ...) &(const struct type){ COHERENT_SIZED(type), __VA_ARGS__ }

#endif
