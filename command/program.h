/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Runs other programs.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stddef.h>

/*
 * Runs a program of PATH and reads what it prints on standard output. Returns 0, or -errno: -ENOENT
 * if the program is not installed, -EIO if it fails. The caller frees @text.
 */
int program_read(char *const *argv, char **text);

#endif
