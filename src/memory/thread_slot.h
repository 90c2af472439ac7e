/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A small number for each thread, by which a thread finds what it has of its own. When a thread
 * ends, the next thread that asks gets its number, and with it all that the number had. So nothing
 * has to be given back.
 */
#ifndef THREAD_SLOT_H
#define THREAD_SLOT_H

#define THREAD_SLOTS 64

extern _Thread_local unsigned int thread_slot_own __attribute__((tls_model("initial-exec")));

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
	return thread_slot_own;
}

#endif
