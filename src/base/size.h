/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Arithmetic on sizes.
 */
#ifndef SIZE_H
#define SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many elements an array has. */
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Zero is not a power of two. */
static inline bool is_power_of_two(uint64_t x)
{
	return x && !(x & (x - 1));
}

/* The smallest multiple of @align, a power of two, that is not below @x. */
static inline uint64_t align_up(uint64_t x, uint64_t align)
{
	return (x + align - 1) & -align;
}

#endif
