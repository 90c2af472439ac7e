/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Faults of the program, and the source lines of its code. Only hardened devices use this. The
 * functions follow the rules of sys.h.
 */
#ifndef SYS_FAULT_H
#define SYS_FAULT_H

#include "base/sys.h"

/**
 * struct sys_fault - An access that the CPU refused.
 * @at: The byte.
 * @code: The byte behind the first byte of the instruction, so that the line of the byte before is
 *	that of the instruction, as for a return address.
 * @access: "read" or "write"; "access" if the CPU does not tell.
 */
struct sys_fault {
	const void *at;
	const void *code;
	const char *access;
};

/*
 * Call @fn at a SIGSEGV, in the handler of the signal. Then the handler that the program had gets the
 * signal. Returns -errno. Only one function can be called.
 */
int sys_fault_begin(void (*fn)(const struct sys_fault *fault));

/* Give the signal back to the handler that the program had, unless it set another one meanwhile. */
void sys_fault_end(void);

/*
 * Store the return addresses of the calls that are under way, the innermost first. Returns how many
 * there are, at most @most; 0 without glibc.
 */
size_t sys_callers(const void **callers, size_t most);

/*
 * Store the calls that led to a fault as sys_callers() does, with the refused access as the innermost.
 * Call it in the handler of the signal.
 */
size_t sys_fault_callers(const struct sys_fault *fault, const void **callers, size_t most);

#define SYS_LINE_BYTES 512

/**
 * struct sys_line - A line of the program, and memory to find it.
 * @text: The file and line.
 * @sources: How the names of this library's files begin.
 * @output: The output of addr2line.
 *
 * The stack of a signal handler may be too small for one.
 */
struct sys_line {
	char text[SYS_LINE_BYTES];
	char sources[SYS_LINE_BYTES];
	char output[4096];
};

/*
 * Write the file and line of the first caller that is not of this library, not of its headers, and not
 * of the C library. addr2line(1) finds it. Without that program, or without debug information, the
 * text is the file of the code and the place in it. The caller may be the handler of a signal.
 *
 * If @begins_here, the first callers are of this library. Where it is a part of the program and has no
 * lines, nothing tells them apart, so the text has the places of all callers.
 */
void sys_line_of(struct sys_line *line, const void *const *callers, size_t count, bool begins_here);

/* Write a text to standard error. */
void sys_write_error(const char *text);

#endif
