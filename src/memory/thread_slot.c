// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The only state that belongs to the process and not to a device.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "memory/thread_slot.h"

_Thread_local unsigned int thread_slot_own;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;
/* A bit for each number; no thread has number 0. A lock could stay taken in a forked child. */
static uint64_t taken = 1;

/* Called when a thread ends, and again if another such function uses a pool. */
static void give_back(void *value)
{
	const unsigned int number = (unsigned int)(uintptr_t)value;

	thread_slot_own = 0;
	/*
	 * ORDER: pairs with the fetch_or of the next thread, which gets the caches of this one
	 * (thread_slot.litmus).
	 */
	(void)__atomic_fetch_and(&taken, ~(UINT64_C(1) << number), __ATOMIC_RELEASE);
}

/* After a fork only the calling thread exists. */
static void forget_others(void)
{
	taken = 1 | UINT64_C(1) << thread_slot_own;
}

static void start(void)
{
	has_key = !pthread_key_create(&key, give_back) &&
		  !pthread_atfork(NULL, NULL, forget_others);
}

static unsigned int take_bit(void)
{
	uint64_t seen = __atomic_load_n(&taken, __ATOMIC_RELAXED);

	while (~seen) {
		const unsigned int number = (unsigned int)__builtin_ctzll(~seen);

		seen = __atomic_fetch_or(&taken, UINT64_C(1) << number, __ATOMIC_ACQUIRE);
		if (!(seen & UINT64_C(1) << number))
			return number;
	}
	return 0;
}

unsigned int thread_slot_take(void)
{
	unsigned int number;

	(void)pthread_once(&once, start);
	number = has_key ? take_bit() : 0;
	if (number && pthread_setspecific(key, (void *)(uintptr_t)number)) {
		give_back((void *)(uintptr_t)number);
		number = 0;
	}
	thread_slot_own = number;
	return number;
}
