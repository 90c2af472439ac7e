/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Copies to and from memory that a device can reach. Callers do not use this file. In
 * userspace they are inline. In the kernel, kernel/coherent.c alone includes this file.
 *
 * Copies of any length. They do not use a particular access width: while a copy runs,
 * a device may see any mixture of old and new bytes. order is the order of each access.
 */
#ifndef COHERENT_COPY_H
#define COHERENT_COPY_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/order.h>
#include <coherent/detail/face.h>

/* C++ has no typed accessors, which call these. */
#ifndef __cplusplus

/* Copies line by line take half the time. Modules of the kernel stay small without them. */
#ifdef __KERNEL__
#define COHERENT_COPY __weak
#define COHERENT_BY_LINES 0
#else
#define COHERENT_COPY COHERENT_MAY_INLINE
#define COHERENT_BY_LINES 1
#endif

COHERENT_INLINE void coherent_8_bytes_out(const char COHERENT_SHARED *from, char *to, int order)
{
	union coherent_word word = coherent_load(from, 0, 8, 0, order);

	__builtin_memcpy(to, &word.u64, 8);
}

COHERENT_INLINE void coherent_8_bytes_in(char COHERENT_SHARED *to, const char *from, int order)
{
	union coherent_word word;

	__builtin_memcpy(&word.u64, from, 8);
	coherent_store(to, 0, word, 8, 0, order);
}

COHERENT_INLINE void coherent_line_out(const char COHERENT_SHARED *from, char *to, int order)
{
#pragma GCC unroll 8
	for (int i = 0; i < 64; i += 8)
		coherent_8_bytes_out(from + i, to + i, order);
}

COHERENT_INLINE void coherent_line_in(char COHERENT_SHARED *to, const char *from, int order)
{
#pragma GCC unroll 8
	for (int i = 0; i < 64; i += 8)
		coherent_8_bytes_in(to + i, from + i, order);
}

COHERENT_INLINE void coherent_line_clear(char COHERENT_SHARED *to, int order)
{
#pragma GCC unroll 8
	for (int i = 0; i < 64; i += 8)
		coherent_store(to + i, 0, (union coherent_word){ .u64 = 0 }, 8, 0, order);
}

COHERENT_COPY void coherent_bytes_out(const char COHERENT_SHARED *from, void *to, size_t bytes,
				      int order)
{
	char *end = (char *)to + bytes;
	char *at = to;

	for (; at < end && (uintptr_t)from % 8; at++, from++)
		*at = (char)coherent_load(from, 0, 1, 0, order).u8;
	for (; COHERENT_BY_LINES && end - at >= 64; at += 64, from += 64)
		coherent_line_out(from, at, order);
	for (; end - at >= 8; at += 8, from += 8)
		coherent_8_bytes_out(from, at, order);
	for (; at < end; at++, from++)
		*at = (char)coherent_load(from, 0, 1, 0, order).u8;
}

COHERENT_COPY void coherent_bytes_in(char COHERENT_SHARED *to, const void *from, size_t bytes,
				     int order)
{
	const char *end = (const char *)from + bytes;
	const char *at = from;

	for (; at < end && (uintptr_t)to % 8; at++, to++)
		coherent_store(to, 0, (union coherent_word){ .u8 = (uint8_t)*at }, 1, 0, order);
	for (; COHERENT_BY_LINES && end - at >= 64; at += 64, to += 64)
		coherent_line_in(to, at, order);
	for (; end - at >= 8; at += 8, to += 8)
		coherent_8_bytes_in(to, at, order);
	for (; at < end; at++, to++)
		coherent_store(to, 0, (union coherent_word){ .u8 = (uint8_t)*at }, 1, 0, order);
}

COHERENT_COPY void coherent_bytes_clear(char COHERENT_SHARED *to, size_t bytes, int order)
{
	const union coherent_word zero = { .u64 = 0 };

	for (; bytes && (uintptr_t)to % 8; bytes--, to++)
		coherent_store(to, 0, zero, 1, 0, order);
	for (; COHERENT_BY_LINES && bytes >= 64; bytes -= 64, to += 64)
		coherent_line_clear(to, order);
	for (; bytes >= 8; bytes -= 8, to += 8)
		coherent_store(to, 0, zero, 8, 0, order);
	for (; bytes; bytes--, to++)
		coherent_store(to, 0, zero, 1, 0, order);
}

#endif

#endif
