// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Measures the lookup of the object that a random pointer or device address belongs to. Also
 * compares two threads that use one pool with one thread.
 */
#include <coherent.h>
#include <coherent/pool.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "../src/base/size.h"
#include "bench.h"

#define LIVE_MAX 100000
#define TURNS 20000

COHERENT_TYPE(byte_mem, uint8_t);
COHERENT_POOL_TYPE(words_pool, uint64_t[8]);
COHERENT_BOX_TYPE(words_box, uint64_t[8]);
COHERENT_TYPE(words_mem, uint64_t[8]);

struct objects {
	struct coherent_device *dev;
	union byte_mem *mems;
	const char **pointers;
	uint64_t *addresses;
	size_t count;
};

static int find_pointer(void *arg, unsigned int turns)
{
	const struct objects *objects = arg;
	struct coherent_info info;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++) {
		err = coherent_find_ptr(objects->dev,
					objects->pointers[bench_random(objects->count)] + i % 4096,
					&info);
		bench_use(&info);
	}
	return err;
}

static int find_address(void *arg, unsigned int turns)
{
	const struct objects *objects = arg;
	struct coherent_info info;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++) {
		err = coherent_find_addr(
			objects->dev, objects->addresses[bench_random(objects->count)] + i % 4096,
			&info);
		bench_use(&info);
	}
	return err;
}

static int bench_lookups(struct objects *objects, size_t count)
{
	char name[64];
	int err = 0;

	for (; !err && objects->count < count; objects->count++) {
		const size_t i = objects->count;

		err = coherent_zeroed(&objects->mems[i], objects->dev, 4096);
		objects->pointers[i] =
			(const char *)(uintptr_t)coherent_unsafe_ptr(&objects->mems[i]);
		objects->addresses[i] = coherent_addr(&objects->mems[i]).raw;
	}
	snprintf(name, sizeof(name), "pointer to its object, %zu live", count);
	if (!err)
		err = bench(&(struct bench_case){
			.name = name,
			.ours = { .run = find_pointer, .arg = objects },
			.turns = TURNS,
			.goal_ns = count == 10000 ? 15 : 0,
		});
	snprintf(name, sizeof(name), "address to its object, %zu live", count);
	if (!err)
		err = bench(&(struct bench_case){
			.name = name,
			.ours = { .run = find_address, .arg = objects },
			.turns = TURNS,
			.goal_ns = count == 100000 ? 1500 : 0,
		});
	return err;
}

/* --- Threads --- */

struct pool_work {
	union words_pool *pool;
	unsigned int turns;
	int err;
};

static void *use_pool(void *arg)
{
	struct pool_work *work = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < work->turns; i++) {
		union words_box box = COHERENT_EMPTY;
		union words_mem mem = COHERENT_EMPTY;

		err = coherent_pool_box(work->pool, &box);
		if (!err)
			err = coherent_expose(&box, &mem);
		coherent_free(&mem);
	}
	work->err = err;
	return NULL;
}

static int one_thread(void *arg, unsigned int turns)
{
	struct pool_work only = { .pool = arg, .turns = turns };

	use_pool(&only);
	return only.err;
}

/* Each thread does all turns. */
static int two_threads(void *arg, unsigned int turns)
{
	struct pool_work works[2] = { { arg, turns, 0 }, { arg, turns, 0 } };
	pthread_t other;
	int err = pthread_create(&other, NULL, use_pool, &works[1]);

	use_pool(&works[0]);
	if (!err)
		pthread_join(other, NULL);
	return err ? -err : works[0].err ? works[0].err : works[1].err;
}

static int bench_threads(struct coherent_device *dev)
{
	union words_pool pool = COHERENT_EMPTY;
	int err = coherent_pool_create(&pool, dev);

	if (!err)
		err = bench(&(struct bench_case){
			.name = "object of a pool, each of two threads",
			.peer = "one thread",
			.ours = { .run = two_threads, .arg = &pool },
			.theirs = { .run = one_thread, .arg = &pool },
			.turns = 20 * TURNS,
			.waits = true,
		});
	return err ? err : coherent_pool_destroy(&pool);
}

int main(void)
{
	static const size_t counts[] = { 100, 10000, LIVE_MAX };
	struct objects objects = {
		.mems = calloc(LIVE_MAX, sizeof(*objects.mems)),
		.pointers = calloc(LIVE_MAX, sizeof(*objects.pointers)),
		.addresses = calloc(LIVE_MAX, sizeof(*objects.addresses)),
	};
	int err = coherent_device_open(&objects.dev, "sim:edu,mask=48,step",
				       .report = coherent_report_stderr);

	if (!objects.mems || !objects.pointers || !objects.addresses)
		return 1;
	for (size_t i = 0; !err && i < ARRAY_SIZE(counts); i++)
		err = bench_lookups(&objects, counts[i]);
	if (!err)
		err = bench_threads(objects.dev);
	for (size_t i = 0; i < objects.count; i++)
		coherent_free(&objects.mems[i]);
	coherent_device_close(objects.dev);
	free(objects.mems);
	free(objects.pointers);
	free(objects.addresses);
	return !!err;
}
