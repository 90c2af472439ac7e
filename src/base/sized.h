/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Structs that a program shares with the library. The program says how large its struct is, because
 * it may be older or newer than the library. New members come at the end. So a smaller struct lacks
 * members, and they count as zero. A larger one has members that this library does not know.
 */
#ifndef SIZED_H
#define SIZED_H

#include <stdbool.h>
#include <stddef.h>

/* The bytes of a struct up to the end of a member. */
#define SIZED_TO(type, member) (offsetof(type, member) + sizeof(((type *)NULL)->member))

/* A reason has at most so many bytes. */
#define SIZED_REASON_BYTES 320

/**
 * sized_has() - Whether a struct of the program has a member that the first version had.
 * @given: The size that the program says. 0 means that it forgot to say it.
 * @to: The bytes up to the end of the member.
 *
 * Use this before the size is checked, to find the receiver of a report about it.
 */
static inline bool sized_has(size_t given, size_t to)
{
	return !given || given >= to;
}

/**
 * sized_read() - Copy a struct from the program.
 * @to: The struct of the library. Members that the program does not have become zero.
 * @known: Its size.
 * @from: The struct of the program.
 * @given: The size that the program says.
 * @least: The smallest size that any program may have.
 *
 * Return: 0; -EINVAL (@given is not the size of such a struct), -EOPNOTSUPP (a byte that the
 * library does not know is not zero).
 */
int sized_read(void *to, size_t known, const void *from, size_t given, size_t least);

/**
 * sized_write() - Copy a struct to the program.
 * @to: The struct of the program. Members that the library does not know become zero.
 * @given: The size that the program says.
 * @from: The struct of the library; NULL for zeros.
 * @known: Its size.
 *
 * Return: 0; -EINVAL (@given is not the size of such a struct, and nothing was written).
 */
int sized_write(void *to, size_t given, const void *from, size_t known);

/**
 * sized_explain() - Say why a size was refused.
 * @reason: Receives the text.
 * @err: The error of sized_read() or sized_write().
 * @name: The name of the struct.
 * @given: The size that the program says.
 * @known: The size that the library knows.
 *
 * Return: @reason.
 */
const char *sized_explain(char reason[SIZED_REASON_BYTES], int err, const char *name, size_t given,
			  size_t known);

#endif
