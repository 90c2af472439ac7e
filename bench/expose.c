// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * expose [N...]: measures the time of a reclaim and an expose of a random object while N objects
 * are exposed, the memory that an object takes besides its pages, and the same time for objects in
 * place.
 */
#include <coherent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/base/size.h"
#include "bench.h"

#define PAIRS 10000
#define NAME "sim:edu,mask=48,step"

struct page {
	uint8_t bytes[4096];
};

COHERENT_TYPE(page_mem, struct page);
COHERENT_BOX_TYPE(page_box, struct page);

struct objects {
	struct coherent_device *dev;
	union page_mem *mems;
	size_t count;
};

static int expose_and_reclaim(void *arg, unsigned int turns)
{
	const struct objects *objects = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++) {
		union page_mem *mem = &objects->mems[bench_random(objects->count)];
		union page_box box = COHERENT_EMPTY;

		err = coherent_reclaim(mem, &box, .idle = true);
		if (!err)
			err = coherent_expose(&box, mem);
	}
	return err;
}

static int set_page(void *arg, unsigned int turns)
{
	static struct page page;

	(void)arg;
	for (unsigned int i = 0; i < turns; i++) {
		memset(&page, 0, sizeof(page));
		bench_use(&page);
	}
	return 0;
}

static double goal_ns(size_t count)
{
	return count == 10000 ? 1000 : count == 1000000 ? 3000 : 0;
}

static int bench_objects(struct objects *objects)
{
	const size_t n = objects->count;
	char name[64];
	long before, after;
	int err = 0;

	/* Touch the array first, so that its pages do not count as memory of the objects. */
	memset(objects->mems, 0, n * sizeof(*objects->mems));
	before = bench_process_memory();
	for (size_t i = 0; !err && i < n; i++)
		err = coherent_zeroed(&objects->mems[i], objects->dev, 1);
	after = bench_process_memory();
	snprintf(name, sizeof(name), "expose + reclaim, %zu exposed", n);
	if (!err)
		err = bench(&(struct bench_case){
			.name = name,
			.peer = "memset of a page",
			.ours = { .run = expose_and_reclaim, .arg = objects },
			.theirs = { .run = set_page, .arg = NULL },
			.turns = PAIRS,
			.goal_ns = goal_ns(n),
		});
	snprintf(name, sizeof(name), "memory beside its pages, %zu exposed", n);
	if (!err && n >= 10000)
		bench_figure(name, "bytes",
			     ((double)(after - before) - (double)n * sizeof(struct page)) /
				     (double)n,
			     n == 100000 ? 256 : 0);
	return err;
}

/* Nothing is mapped, so the time does not depend on how many objects there are. */
static int bench_in_place(const struct objects *objects)
{
	int err = 0;

	for (size_t i = 0; !err && i < objects->count; i++)
		err = coherent_zeroed(&objects->mems[i], objects->dev, 1, .in_place = true);
	return err ? err :
		     bench(&(struct bench_case){
			     .name = "mem 4096, expose + reclaim in place",
			     .peer = "memset of a page",
			     .ours = { .run = expose_and_reclaim, .arg = (void *)objects },
			     .theirs = { .run = set_page, .arg = NULL },
			     .turns = PAIRS,
		     });
}

/* The ledger writes two records for an expose and a reclaim. */
static int bench_ledger(struct objects *plain)
{
	struct objects objects = *plain;
	int err = bench_open_with_ledger(&objects.dev, NAME);

	objects.mems = calloc(objects.count, sizeof(*objects.mems));
	if (!err && !objects.mems)
		err = -ENOMEM;
	for (size_t i = 0; !err && i < objects.count; i++)
		err = coherent_zeroed(&objects.mems[i], objects.dev, 1);
	if (!err)
		err = bench(&(struct bench_case){
			.name = "expose + reclaim with a ledger, 1000 exposed",
			.peer = "the same without one",
			.ours = { .run = expose_and_reclaim, .arg = &objects },
			.theirs = { .run = expose_and_reclaim, .arg = plain },
			.turns = PAIRS,
			.goal_ratio = 1.10,
		});
	for (size_t i = 0; objects.mems && i < objects.count; i++)
		coherent_free(&objects.mems[i]);
	coherent_device_close(objects.dev);
	free(objects.mems);
	return err;
}

static void free_objects(const struct objects *objects)
{
	for (size_t i = 0; i < objects->count; i++)
		coherent_free(&objects->mems[i]);
}

static int bench_new_device(size_t n)
{
	struct objects objects = { .mems = malloc(n * sizeof(*objects.mems)), .count = n };
	int err;

	err = coherent_device_open(&objects.dev, NAME, .report = coherent_report_stderr);
	if (!err && objects.mems)
		err = bench_objects(&objects);
	if (!err && objects.mems && n == 1000)
		err = bench_ledger(&objects);
	if (!err && objects.mems)
		free_objects(&objects);
	if (!err && objects.mems && n == 1000) {
		err = bench_in_place(&objects);
		free_objects(&objects);
	}
	coherent_device_close(objects.dev);
	free(objects.mems);
	return err || !objects.mems;
}

int main(int argc, char **argv)
{
	static const size_t counts[] = { 10, 1000, 10000, 100000, 1000000 };
	int failed = 0;

	for (int i = 1; i < argc; i++) {
		const size_t n = strtoul(argv[i], NULL, 10);

		if (!n) {
			fprintf(stderr, "expose: %s: is not a number of objects\n", argv[i]);
			return 2;
		}
		failed |= bench_new_device(n);
	}
	for (size_t i = 0; argc == 1 && i < ARRAY_SIZE(counts); i++)
		failed |= bench_new_device(counts[i]);
	return failed;
}
