// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The only state that belongs to the process and not to a device.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "memory/thread_slot.h"

_Thread_local size_t thread_slot_offset;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;
/* A bit for each number; no thread has number 0. A lock could stay taken in a forked child. */
static uint64_t taken[THREAD_SLOTS / 64] = { 1 };

static uint64_t bit_of(unsigned int number)
{
	return UINT64_C(1) << number % 64;
}

/* Called when a thread ends, and again if another such function uses a pool. */
static void give_back(void *value)
{
	const unsigned int number = (unsigned int)(uintptr_t)value;

	thread_slot_offset = 0;
	/*
	 * ORDER: pairs with the fetch_or of the next thread, which gets the caches of this one
	 * (thread_slot.litmus).
	 */
	(void)__atomic_fetch_and(&taken[number / 64], ~bit_of(number), __ATOMIC_RELEASE);
}

/* After a fork only the calling thread exists. */
static void forget_others(void)
{
	memset(taken, 0, sizeof(taken));
	taken[0] = bit_of(0);
	taken[thread_slot() / 64] |= bit_of(thread_slot());
}

static void start(void)
{
	has_key = !pthread_key_create(&key, give_back) &&
		  !pthread_atfork(NULL, NULL, forget_others);
}

/* Returns one of the 64 numbers from a multiple of 64 on, or 0. */
static unsigned int take_number_from(unsigned int first)
{
	uint64_t *word = &taken[first / 64];
	uint64_t seen = __atomic_load_n(word, __ATOMIC_RELAXED);

	while (~seen) {
		const unsigned int number = first + (unsigned int)__builtin_ctzll(~seen);

		seen = __atomic_fetch_or(word, bit_of(number), __ATOMIC_ACQUIRE);
		if (!(seen & bit_of(number)))
			return number;
	}
	return 0;
}

static unsigned int take_number(void)
{
	unsigned int number = 0;

	for (unsigned int first = 0; !number && first < THREAD_SLOTS; first += 64)
		number = take_number_from(first);
	return number;
}

unsigned int thread_slot_take(void)
{
	unsigned int number;

	(void)pthread_once(&once, start);
	number = has_key ? take_number() : 0;
	if (number && pthread_setspecific(key, (void *)(uintptr_t)number)) {
		give_back((void *)(uintptr_t)number);
		number = 0;
	}
	thread_slot_offset = (size_t)number * THREAD_SLOT_BYTES;
	return number;
}
