/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A small number for each thread, by which a thread finds what it has of its own. When a thread
 * ends, the next thread that asks gets its number, and with it all that the number had. So nothing
 * has to be given back.
 *
 * A thread finds its place in a table by the offset of the place, because a multiplication would
 * cost each object of a pool an instruction.
 */
#ifndef THREAD_SLOT_H
#define THREAD_SLOT_H

#include <stddef.h>

/* The number of numbers, a multiple of 64. */
#define THREAD_SLOTS 1024
/* The size of a place in a table, a multiple of 64, so that no threads share a cache line. */
#define THREAD_SLOT_BYTES 576

/* The number of this thread, in bytes of a table. */
extern _Thread_local size_t thread_slot_offset __attribute__((tls_model("initial-exec")));

/**
 * thread_slot_take() - Give this thread a number.
 *
 * Return: the number, which the thread has until it ends; 0 if no number is left.
 */
unsigned int thread_slot_take(void);

/**
 * thread_slot() - The number of this thread.
 *
 * Return: 1 to THREAD_SLOTS - 1; 0 if the thread has no number yet, or got none.
 */
static inline unsigned int thread_slot(void)
{
	return (unsigned int)(thread_slot_offset / THREAD_SLOT_BYTES);
}

#endif
