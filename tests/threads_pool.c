// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the numbers of threads, by which a thread finds its cache of a pool. There are
 * 63 numbers, and a thread that ends gives its number back.
 *
 * Only the main thread may use assertions. Other threads report a failure by their result.
 */
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../src/memory/thread_slot.h"
#include "pool_test.h"

#define THREADS (THREAD_SLOTS - 1)

static atomic_uint holders;

/* Takes a number. With a barrier the thread keeps the number until the main thread comes there. */
static void *take_number(void *arg)
{
	pthread_barrier_t *barrier = arg;
	const unsigned int number = thread_slot_take();

	if (barrier) {
		holders++;
		pthread_barrier_wait(barrier);
	}
	return (void *)(uintptr_t)number;
}

static unsigned int number_of_a_thread(void)
{
	pthread_t thread;
	void *number;

	if (pthread_create(&thread, NULL, take_number, NULL) || pthread_join(thread, &number))
		return 0;
	return (unsigned int)(uintptr_t)number;
}

static void ended_threads_give_their_numbers_back(void **state)
{
	(void)state;
	for (unsigned int turn = 0; turn < 4 * THREAD_SLOTS; turn++)
		assert_in_range(number_of_a_thread(), 1, THREADS);
}

static void *use_pool(void *arg)
{
	union commands *pool = arg;
	union command_box box = COHERENT_EMPTY;

	if (coherent_pool_box(pool, &box))
		return NULL;
	coherent_box_free(&box);
	return (void *)(uintptr_t)thread_slot();
}

/* A thread with a number has a cache of its own, so that it takes no lock on the fast path. */
static void each_new_thread_gets_a_cache(void **state)
{
	union commands pool = COHERENT_EMPTY;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	for (unsigned int turn = 0; turn < 4 * THREAD_SLOTS; turn++) {
		pthread_t thread;
		void *number;

		assert_ok(pthread_create(&thread, NULL, use_pool, &pool));
		assert_ok(pthread_join(thread, &number));
		assert_non_null(number);
	}
	assert_ok(coherent_pool_destroy(&pool));
}

/* Starts threads that hold all numbers, with that of the main thread. */
static void hold_all_numbers(pthread_t threads[THREADS], pthread_barrier_t *barrier)
{
	assert_true(thread_slot() || thread_slot_take());
	assert_ok(pthread_barrier_init(barrier, NULL, THREADS));
	for (unsigned int i = 0; i < THREADS - 1; i++)
		assert_ok(pthread_create(&threads[i], NULL, take_number, barrier));
	while (holders < THREADS - 1)
		usleep(100);
	holders = 0;
}

/* Ends these threads. Each had another number. */
static void end_holders(pthread_t threads[THREADS], pthread_barrier_t *barrier)
{
	uint64_t seen = 1 | UINT64_C(1) << thread_slot();

	pthread_barrier_wait(barrier);
	for (unsigned int i = 0; i < THREADS - 1; i++) {
		void *number;

		assert_ok(pthread_join(threads[i], &number));
		assert_false(seen >> (uintptr_t)number & 1);
		seen |= UINT64_C(1) << (uintptr_t)number;
	}
	assert_ok(pthread_barrier_destroy(barrier));
}

static void numbers_are_not_shared(void **state)
{
	pthread_barrier_t barrier;
	pthread_t threads[THREADS];

	(void)state;
	hold_all_numbers(threads, &barrier);
	end_holders(threads, &barrier);
}

/* The other threads do not exist in a forked child, so that their numbers are free there. */
static void forked_child_has_all_numbers(void **state)
{
	pthread_barrier_t barrier;
	pthread_t threads[THREADS];
	int status;
	pid_t child;

	(void)state;
	hold_all_numbers(threads, &barrier);
	/* A thread without a number gets none now, which shows that all are taken. */
	assert_int_equal(number_of_a_thread(), 0);
	child = fork();
	/* The thread asks for another number, because ThreadSanitizer allows no new threads here. */
	if (!child)
		_exit(!thread_slot_take());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	end_holders(threads, &barrier);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ended_threads_give_their_numbers_back),
		ON_DEVICE(each_new_thread_gets_a_cache),
		cmocka_unit_test(numbers_are_not_shared),
		cmocka_unit_test(forked_child_has_all_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
