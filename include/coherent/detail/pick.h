/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* These macros pick one of their arguments. Callers do not use this file. */
#ifndef COHERENT_PICK_H
#define COHERENT_PICK_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

/*
 * A macro that picks another by the number of its arguments shows up in errors of gcc, with its
 * line and a mark under it. After this marker gcc has no file for these lines, and shows neither.
 */
#if __INCLUDE_LEVEL__ && !defined(__clang__) && !defined(__CHECKER__)
# 17 "<coherent>" 3
#endif
#define COHERENT_ONLY(a) a
#define COHERENT_3RD(a, b, c, ...) c
#define COHERENT_6TH(a, b, c, d, e, f, ...) f
#define COHERENT_9TH(a, b, c, d, e, f, g, h, i, ...) i

#endif
