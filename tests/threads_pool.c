// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the numbers of threads, by which a thread finds its cache of a pool. A thread
 * that ends gives its number back.
 *
 * Only the main thread may use assertions. Other threads report a failure by their result.
 */
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../src/memory/pool_slots.h"
#include "../src/memory/thread_slot.h"
#include "pool_test.h"

/* Enough threads for more than two words of numbers. */
#define THREADS 150

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
		assert_in_range(number_of_a_thread(), 1, THREAD_SLOTS - 1);
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

/* Starts threads that hold a number each, as the main thread does. */
static void hold_numbers(pthread_t threads[THREADS], pthread_barrier_t *barrier)
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
	bool seen[THREAD_SLOTS] = { true };

	seen[thread_slot()] = true;
	pthread_barrier_wait(barrier);
	for (unsigned int i = 0; i < THREADS - 1; i++) {
		void *number;

		assert_ok(pthread_join(threads[i], &number));
		assert_false(seen[(uintptr_t)number]);
		seen[(uintptr_t)number] = true;
	}
	assert_ok(pthread_barrier_destroy(barrier));
}

static void numbers_are_not_shared(void **state)
{
	pthread_barrier_t barrier;
	pthread_t threads[THREADS];

	(void)state;
	hold_numbers(threads, &barrier);
	end_holders(threads, &barrier);
}

/* A thread that has a number can take another one, so one thread can take all. */
static bool take_all_numbers(void)
{
	bool seen[THREAD_SLOTS] = { true };
	unsigned int number;

	seen[thread_slot()] = true;
	while ((number = thread_slot_take())) {
		if (number >= THREAD_SLOTS || seen[number])
			return false;
		seen[number] = true;
	}
	return !memchr(seen, false, sizeof(seen));
}

/* The other threads do not exist in a forked child, so that their numbers are free there. */
static void forked_child_has_all_numbers(void **state)
{
	pthread_barrier_t barrier;
	pthread_t threads[THREADS];
	int status;
	pid_t child;

	(void)state;
	hold_numbers(threads, &barrier);
	child = fork();
	/* ThreadSanitizer allows no new threads here, so this one takes them all. */
	if (!child)
		_exit(!take_all_numbers());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	end_holders(threads, &barrier);
}

/* Returns whether this thread can use a pool as any other one. */
static bool pool_works(union commands *pool)
{
	enum { COUNT = 3 * SLOTS_CACHED_MAX };
	union command_box boxes[COUNT] = { COHERENT_EMPTY };
	union command_mem mems[COUNT] = { COHERENT_EMPTY };
	int err = 0;

	for (unsigned int turn = 0; turn < 3; turn++) {
		for (unsigned int i = 0; !err && i < COUNT; i++)
			err = coherent_pool_box(pool, &boxes[i]);
		for (unsigned int i = 0; !err && i < COUNT; i++)
			err = coherent_expose(&boxes[i], &mems[i]);
		for (unsigned int i = 0; i < COUNT; i++) {
			coherent_box_free(&boxes[i]);
			coherent_free(&mems[i]);
		}
	}
	return !err;
}

static void *use_pool_a_lot(void *arg)
{
	return pool_works(arg) && slots_cache(((union commands *)arg)->base.va)->count ? NULL : arg;
}

/* The 64th thread and those after it have a cache each, too. */
static void later_threads_have_caches_of_their_own(void **state)
{
	union commands pool = COHERENT_EMPTY, slow = COHERENT_EMPTY;
	pthread_barrier_t barrier;
	pthread_t threads[THREADS], late;
	void *failed;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_create(&slow, dev, .delay = 5));
	hold_numbers(threads, &barrier);
	assert_ok(pthread_create(&late, NULL, use_pool_a_lot, &pool));
	assert_ok(pthread_join(late, &failed));
	assert_null(failed);
	assert_int_equal(pool.base.va->shared.count, 0);
	assert_ok(pthread_create(&late, NULL, use_pool_a_lot, &slow));
	assert_ok(pthread_join(late, &failed));
	assert_null(failed);
	assert_int_equal(slow.base.va->shared.count, 0);
	end_holders(threads, &barrier);
	assert_ok(coherent_pool_destroy(&slow));
	assert_ok(coherent_pool_destroy(&pool));
}

static void *use_pool_without_number(void *arg)
{
	return pool_works(arg) && !thread_slot() ? NULL : arg;
}

/* Runs in a child, because the numbers stay taken. */
static int share_a_cache(void)
{
	union commands pool = COHERENT_EMPTY;
	struct coherent_device *own;
	pthread_t threads[2];
	void *failed[2] = { NULL };
	int err = coherent_device_open(&own, "sim:edu,step");

	if (!err)
		err = coherent_pool_create(&pool, own);
	if (!err && !take_all_numbers())
		err = -EINVAL;
	for (unsigned int i = 0; !err && i < 2; i++)
		err = pthread_create(&threads[i], NULL, use_pool_without_number, &pool);
	for (unsigned int i = 0; !err && i < 2; i++)
		err = pthread_join(threads[i], &failed[i]);
	if (err || failed[0] || failed[1] || !pool.base.va->shared.count)
		return 1;
	err = coherent_pool_destroy(&pool);
	coherent_device_close(own);
	return err;
}

static void threads_without_a_number_share_a_cache(void **state)
{
	int status;
	pid_t child;

	(void)state;
	child = fork();
	if (!child)
		_exit(share_a_cache());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ended_threads_give_their_numbers_back),
		ON_DEVICE(each_new_thread_gets_a_cache),
		cmocka_unit_test(numbers_are_not_shared),
		cmocka_unit_test(forked_child_has_all_numbers),
		ON_DEVICE(later_threads_have_caches_of_their_own),
		cmocka_unit_test(threads_without_a_number_share_a_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
