/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The version of the headers, for the preprocessor, and of the library that runs. A program that
 * was built with older headers may run with a newer library, and the reverse.
 */
#ifndef COHERENT_VERSION_H
#define COHERENT_VERSION_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/face.h>

#define COHERENT_VERSION_MAJOR 0
#define COHERENT_VERSION_MINOR 2
#define COHERENT_VERSION_PATCH 0

/**
 * COHERENT_VERSION_OF() - Return the number of a version, to compare it with another one.
 * @major: The first part.
 * @minor: The second part, at most 99.
 * @patch: The third part, at most 99.
 *
 * For instance:
 *
 *	#if COHERENT_VERSION >= COHERENT_VERSION_OF(1, 2, 0)
 */
#define COHERENT_VERSION_OF(major, minor, patch)			\
	((major) * 10000 + (minor) * 100 + (patch))

/**
 * COHERENT_VERSION - The version of these headers, as from COHERENT_VERSION_OF().
 *
 * COHERENT_VERSION_MAJOR, COHERENT_VERSION_MINOR and COHERENT_VERSION_PATCH are its parts.
 */
#define COHERENT_VERSION						\
	COHERENT_VERSION_OF(COHERENT_VERSION_MAJOR, COHERENT_VERSION_MINOR, COHERENT_VERSION_PATCH)

#ifndef __KERNEL__
COHERENT_C_BEGIN

/**
 * coherent_version() - Return the version of the library that runs.
 *
 * In the kernel the library is part of the module, so COHERENT_VERSION is its version.
 *
 * Context: any.
 * Return: a number as from COHERENT_VERSION_OF(). It differs from COHERENT_VERSION if the program
 * was built with the headers of another version.
 */
int coherent_version(void);

COHERENT_C_END
#endif

#endif
