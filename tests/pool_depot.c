// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check how free slots of a pool go from thread to thread: in batches, through the depot.
 * They look for every slot at all places where it can be.
 *
 * Only the main thread may use assertions.
 */
#include <pthread.h>

#include "../src/memory/pool_slots.h"
#include "pool_test.h"

#define MANY ((size_t)20 * 1000)
/* Chunks have more slots than a test needs. */
#define SLOTS_MOST (2 * MANY)

static union command_mem mems[MANY];

/* --- Where slots are --- */

/**
 * struct places - How many free slots a pool has, by place.
 * @cached: In caches, and delayed.
 * @depot: In the depot.
 * @chunks: In the free lists of chunks.
 */
struct places {
	size_t cached;
	size_t depot;
	size_t chunks;
};

static const struct slot *found[SLOTS_MOST];
static size_t found_count;

static void note(const struct slot *slot)
{
	assert_true(found_count < SLOTS_MOST);
	assert_int_equal(slot->state, COHERENT_STATE_NONE);
	found[found_count++] = slot;
}

static size_t note_cache(const struct cache *cache)
{
	for (unsigned int i = 0; i < cache->count; i++)
		note(cache->slots[i]);
	for (unsigned int i = 0; i < cache->delayed_count; i++)
		note(cache->delayed->slots[i]);
	return cache->count + cache->delayed_count;
}

static size_t note_chunks(const struct chunk_list *chunks, size_t *all)
{
	const struct chunk *chunk;
	size_t count = 0;

	TAILQ_FOREACH(chunk, chunks, link) {
		for (uint32_t i = 0; i < chunk->free_count; i++)
			note(&chunk->slots[chunk->free[i]]);
		count += chunk->free_count;
		*all += chunk->count;
	}
	return count;
}

static int compare(const void *a, const void *b)
{
	const uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return x < y ? -1 : x > y;
}

/* Finds all free slots of a pool that has so many objects. Each is at one place. */
static struct places places_of(const union commands *pool, size_t live)
{
	const struct coherent_slots *slots = pool->base.va;
	struct places places = { .cached = note_cache(&slots->shared) };
	size_t all = 0;

	for (size_t i = 0; i < THREAD_SLOTS; i++)
		places.cached += note_cache((const struct cache *)((const char *)slots->caches +
								   i * THREAD_SLOT_BYTES));
	for (unsigned int i = 0; i < slots->depot_count; i++)
		for (unsigned int k = 0; k < slots->batch; k++)
			note(slots->depot[i][k]);
	places.depot = slots->depot_count * slots->batch;
	places.chunks = note_chunks(&slots->chunks, &all) + note_chunks(&slots->unused, &all);
	assert_int_equal(found_count + live, all);
	assert_int_equal(places.cached + places.depot + places.chunks, found_count);
	qsort(found, found_count, sizeof(*found), compare);
	for (size_t i = 1; i < found_count; i++)
		assert_true(found[i - 1] != found[i]);
	found_count = 0;
	return places;
}

/* --- Threads --- */

/* Threads that end leave their cache to the next one, which has the same number. */
static void *free_mems(void *count)
{
	for (size_t i = 0; i < (size_t)count; i++)
		coherent_free(&mems[i]);
	return NULL;
}

static void free_elsewhere(size_t count)
{
	pthread_t thread;

	assert_ok(pthread_create(&thread, NULL, free_mems, (void *)count));
	assert_ok(pthread_join(thread, NULL));
}

static void make_mems(union commands *pool, size_t count)
{
	for (size_t i = 0; i < count; i++)
		make_mem(pool, &mems[i], (uint8_t)i);
}

/* One thread takes the batches that another thread frees, and no slot goes to a chunk and back. */
static void batches_go_from_thread_to_thread(void **state)
{
	const size_t count = 8 * SLOTS_BATCH;
	union commands pool = COHERENT_EMPTY;
	struct places before, after;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	make_mems(&pool, count);
	free_elsewhere(count);
	for (unsigned int turn = 0; turn < 20; turn++) {
		make_mems(&pool, count);
		before = places_of(&pool, count);
		free_elsewhere(count);
		after = places_of(&pool, 0);
		assert_int_equal(after.chunks, before.chunks);
		assert_true(after.depot >= 6 * SLOTS_BATCH);
	}
	assert_ok(coherent_pool_destroy(&pool));
}

/* A pool that shrinks has no slots in its depot, so that its unused chunks end. */
static void depot_of_a_shrinking_pool_is_empty(void **state)
{
	union commands pool = COHERENT_EMPTY;
	struct places places;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	for (unsigned int turn = 0; turn < 2; turn++) {
		make_mems(&pool, MANY);
		for (size_t i = 0; i < MANY; i++)
			coherent_free(&mems[i * 7919 % MANY]);
		places = places_of(&pool, 0);
		assert_int_equal(places.depot, 0);
		assert_true(places.cached < SLOTS_CACHED_MAX);
		assert_true(pool.base.va->is_shrinking);
	}
	/* The next thread that needs slots ends that. */
	make_mems(&pool, SLOTS_CACHED_MAX);
	assert_false(pool.base.va->is_shrinking);
	free_elsewhere(SLOTS_CACHED_MAX);
	assert_int_equal(places_of(&pool, 0).depot, SLOTS_BATCH);
	assert_ok(coherent_pool_destroy(&pool));
}

/* Slots do not stay in a depot for ever. */
static void look_empties_the_depot(void **state)
{
	const size_t count = 8 * SLOTS_BATCH;
	union commands pool = COHERENT_EMPTY;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	pool.base.va->looked_ns = UINT64_MAX;
	make_mems(&pool, count);
	free_elsewhere(count);
	assert_true(places_of(&pool, 0).depot >= 6 * SLOTS_BATCH);
	make_mems(&pool, SLOTS_BATCH);
	pool.base.va->looked_ns = 0;
	/* These fill the cache of the other thread once. */
	free_elsewhere(SLOTS_BATCH);
	assert_int_equal(places_of(&pool, 0).depot, 0);
	assert_ok(coherent_pool_destroy(&pool));
}

/* Memory in a depot cannot end, so the depot of larger objects is smaller. */
static void depot_has_little_memory(void **state)
{
	static const struct {
		size_t size;
		unsigned int batches;
	} cases[] = { { 64, 16 },      { 128, 16 },	{ 1024, 2 },	       { 4096, 2 },
		      { 32 << 10, 2 }, { 64 << 10, 1 }, { (64 << 10) + 1, 0 }, { 2 << 20, 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct coherent_pool_options options = {
			COHERENT_SIZED(coherent_pool_options), .dev = dev
		};
		struct coherent_pool pool = { .va = NULL };

		assert_ok(coherent_base_pool_create(&pool, cases[i].size, &options, "here"));
		assert_int_equal(pool.va->depot_max, cases[i].batches);
		assert_ok(coherent_base_pool_destroy(&pool));
	}
}

/* Random numbers of objects go through two threads and a delay, and no slot is lost. */
static void each_slot_is_at_one_place(void **state)
{
	size_t count = 1;

	(void)state;
	for (unsigned int delay = 0; delay < 100; delay += 33) {
		union commands pool = COHERENT_EMPTY;

		assert_ok(coherent_pool_create(&pool, dev, .delay = delay));
		for (unsigned int turn = 0; turn < 100; turn++) {
			count = (count * 1103515245 + 12345) % 1500 + 1;
			make_mems(&pool, count);
			(void)places_of(&pool, count);
			if (turn % 3)
				free_elsewhere(count);
			else
				free_mems((void *)count);
			(void)places_of(&pool, 0);
		}
		assert_ok(coherent_pool_destroy(&pool));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DEVICE(batches_go_from_thread_to_thread),
		ON_DEVICE(depot_of_a_shrinking_pool_is_empty),
		ON_DEVICE(look_empties_the_depot),
		ON_DEVICE(depot_has_little_memory),
		ON_DEVICE(each_slot_is_at_one_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
