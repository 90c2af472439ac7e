/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A small number for each thread, for what it has of its own elsewhere. When a thread ends,
 * the next that asks gets its number, and what was the old one's: nothing has to be given back.
 */
#ifndef THREAD_SLOT_H
#define THREAD_SLOT_H

#define THREAD_SLOTS 64

extern _Thread_local unsigned int thread_slot_own __attribute__((tls_model("initial-exec")));

/**
 * thread_slot_take() - Get a number, if one is left.
 *
 * Return: it, which is this thread's as long as it runs; 0 for none.
 */
unsigned int thread_slot_take(void);

/**
 * thread_slot() - The number of this thread.
 *
 * Return: 1 to THREAD_SLOTS - 1; 0 if it has none yet, or there is none left.
 */
static inline unsigned int thread_slot(void)
{
	return thread_slot_own;
}

#endif
