// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The only state that is the process's and not a device's.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lock.h"
#include "thread.h"

_Thread_local unsigned int thread_number;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;
static struct lock lock;
/* A bit each; nobody has number 0. */
static uint64_t taken = 1;

/* At the end of a thread, and again if another such function used a pool. */
static void give_back(void *value)
{
	const unsigned int number = (unsigned int)(uintptr_t)value;

	thread_number = 0;
	lock_take(&lock);
	taken &= ~(UINT64_C(1) << number);
	lock_drop(&lock);
}

static void start(void)
{
	lock_init(&lock);
	has_key = !pthread_key_create(&key, give_back);
}

unsigned int thread_take_number(void)
{
	unsigned int number = 0;

	(void)pthread_once(&once, start);
	lock_take(&lock);
	if (has_key && ~taken)
		number = (unsigned int)__builtin_ctzll(~taken);
	if (number && pthread_setspecific(key, (void *)(uintptr_t)number))
		number = 0;
	taken |= UINT64_C(1) << number;
	lock_drop(&lock);
	thread_number = number;
	return number;
}
