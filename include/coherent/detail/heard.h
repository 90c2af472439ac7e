/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* COHERENT_HEARD() makes gcc show warnings about calls. Callers do not use this file. */
#ifndef COHERENT_HEARD_H
#define COHERENT_HEARD_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

/*
 * gcc shows an error in a macro of a system header at the line of the driver, without the macros
 * in between. So all headers of this library say that they are system headers, wherever they are
 * installed. But gcc shows no warning if its token comes from a system header, and a pragma that
 * makes it an error does not help. So COHERENT_HEARD() creates the name of a function anew:
 * "pop_macro" defines a macro again, and gcc takes its tokens for tokens of the driver's line.
 *
 * In an argument of another macro gcc runs these pragmas too late. There the name has the place
 * of an earlier call, or that of the macro here. Such a place must not be in a system header
 * either. The marker below is what a preprocessor prints, and without a flag 3 it ends the system
 * header. clang does not treat macros of system headers in this way.
 */
#if defined(__clang__) || defined(__CHECKER__)
#define COHERENT_HEARD(name) coherent_##name
#define COHERENT_HEARD_NEXT(name) , coherent_##name
#else
#define COHERENT_HEARD(name)						\
	_Pragma("push_macro(\"COHERENT_NEW\")") _Pragma("pop_macro(\"COHERENT_NEW\")") \
	COHERENT_NEW(name)
/* The same behind a comma. gcc says that a result is ignored at the comma. */
#define COHERENT_HEARD_NEXT(name)					\
	_Pragma("push_macro(\"COHERENT_NEW_NEXT\")") _Pragma("pop_macro(\"COHERENT_NEW_NEXT\")") \
	COHERENT_NEW_NEXT(name)
# 33 __FILE__
#define COHERENT_NEW(name) coherent_##name
#define COHERENT_NEW_NEXT(name) , coherent_##name
#endif

#endif
