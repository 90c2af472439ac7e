// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The parts of the library that a program compiles in. A later version must not change them.
 */
#include <coherent.h>

int coherent_version(void)
{
	return COHERENT_VERSION;
}
