/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A small number for each thread, for what it has of its own elsewhere. When a thread ends,
 * the next that asks gets its number, and what was the old one's: nothing has to be given back.
 */
#ifndef THREAD_H
#define THREAD_H

#define THREADS_MAX 64

extern _Thread_local unsigned int thread_number __attribute__((tls_model("initial-exec")));

/**
 * thread_take_number() - Get a number, if one is left.
 *
 * Return: it, which is this thread's as long as it runs; 0 for none.
 */
unsigned int thread_take_number(void);

/**
 * thread_index() - The number of this thread.
 *
 * Return: 1 to THREADS_MAX - 1; 0 if it has none yet, or there is none left.
 */
static inline unsigned int thread_index(void)
{
	return thread_number;
}

#endif
