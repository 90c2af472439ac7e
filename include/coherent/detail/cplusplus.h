/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * This file replaces the typed macros in C++. Callers do not use it.
 *
 * C++ has devices, registers, interrupts, device models, faults and handles. It has no
 * _Generic, and no fields behind a dot, so it cannot have typed objects. The first typed
 * macro of a file is one error, which says so. The other ones are then silent, so that the
 * compiler says nothing else: they expand to code that compiles.
 */
#ifndef COHERENT_CPLUSPLUS_H
#define COHERENT_CPLUSPLUS_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/mem.h>

#ifdef __cplusplus

/* The value of a silent macro. It is a number, and it can be a device address. */
struct coherent_value_of_c {
	uint64_t raw;

	operator uint64_t(void) const
	{
		return raw;
	}
	operator coherent_addr_t(void) const
	{
		return { raw };
	}
};

inline int coherent_result_of_c(void)
{
	return 0;
}

inline coherent_value_of_c coherent_get_of_c(void)
{
	return { 0 };
}

inline void coherent_do_of_c(void)
{
}

/* --- The silent macros --- */

#undef COHERENT_RESULT
#undef COHERENT_VALUE
#undef COHERENT_NOTHING
#undef COHERENT_BODY
#undef COHERENT_EMPTY
#define COHERENT_RESULT(checks, call) coherent_result_of_c()
#define COHERENT_VALUE(checks, call) coherent_get_of_c()
#define COHERENT_NOTHING(checks, call) coherent_do_of_c()
#define COHERENT_BODY(basis, what, T) { struct coherent_##basis base; __typeof__(T) *elements; }
#define COHERENT_EMPTY {}
#pragma push_macro("COHERENT_RESULT")
#pragma push_macro("COHERENT_VALUE")
#pragma push_macro("COHERENT_NOTHING")
#pragma push_macro("COHERENT_BODY")

/* --- The first macro brings the error, and the silent macros --- */

#undef COHERENT_RESULT
#undef COHERENT_VALUE
#undef COHERENT_NOTHING
#undef COHERENT_BODY
#define COHERENT_BE_SILENT						\
	_Pragma("pop_macro(\"COHERENT_RESULT\")")			\
	_Pragma("pop_macro(\"COHERENT_VALUE\")")			\
	_Pragma("pop_macro(\"COHERENT_NOTHING\")")			\
	_Pragma("pop_macro(\"COHERENT_BODY\")")
#ifdef __clang__

/* clang names each macro on the way to the error, so the error is in few macros. */
#define COHERENT_C_TEXT							\
	"typed boxes and mems are for C only: move this code to a .c file, and call it from C++"
#define COHERENT_RESULT(checks, call)					\
	((void)[] { static_assert(false, COHERENT_C_TEXT); }, coherent_result_of_c()) COHERENT_BE_SILENT
#define COHERENT_VALUE(checks, call)					\
	((void)[] { static_assert(false, COHERENT_C_TEXT); }, coherent_get_of_c()) COHERENT_BE_SILENT
#define COHERENT_NOTHING(checks, call)					\
	((void)[] { static_assert(false, COHERENT_C_TEXT); }) COHERENT_BE_SILENT
#define COHERENT_BODY(basis, what, T)					\
	{								\
		static_assert(false, COHERENT_C_TEXT);			\
		struct coherent_##basis base;				\
		__typeof__(T) *elements;				\
		COHERENT_BE_SILENT					\
	}

#else

/* gcc reports this pragma where the macro is used, and a static assertion where it is defined. */
#define COHERENT_C_ERROR						\
	_Pragma("GCC error \"typed boxes and mems are for C only: move this code to a .c file, and call it from C++\"") \
	COHERENT_BE_SILENT
#define COHERENT_RESULT(checks, call) coherent_result_of_c() COHERENT_C_ERROR
#define COHERENT_VALUE(checks, call) coherent_get_of_c() COHERENT_C_ERROR
#define COHERENT_NOTHING(checks, call) coherent_do_of_c() COHERENT_C_ERROR
#define COHERENT_BODY(basis, what, T)					\
	{								\
		struct coherent_##basis base;				\
		__typeof__(T) *elements;				\
		COHERENT_C_ERROR					\
	}

#endif

/* --- A macro that also works in C++ --- */

inline bool coherent_base_is_empty(const coherent_box *box)
{
	return coherent_box_is_empty(box);
}

inline bool coherent_base_is_empty(const coherent_mem *mem)
{
	return coherent_mem_is_empty(mem);
}

/* The object is a handle, because C++ has no other object. */
#undef coherent_is_empty
template <typename coherent_type> bool coherent_is_empty(const coherent_type *object)
{
	return coherent_base_is_empty(&object->base);
}

#endif

#endif
