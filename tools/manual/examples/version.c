/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The program needs a call that version 0.1 has. */
#include <coherent.h>
#include <stdio.h>

#if COHERENT_VERSION < COHERENT_VERSION_OF(0, 1, 0)
#error "this program needs libcoherent 0.1"
#endif

int main(void)
{
	if (coherent_version() < COHERENT_VERSION_OF(0, 1, 0)) {
		puts("the installed libcoherent is too old");
		return 1;
	}
	return 0;
}
