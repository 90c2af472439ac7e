// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Promise 18 for one call after the other: each allocation and each system call below it fails in
 * turn, alone or with all that follow. The call then makes no object, or all of them, and later it
 * works again. fail_nth.c does the same with a driver that makes many calls.
 */
#include <coherent/pool_many.h>

#include "inject.h"

/* More than a cache of a thread has, and more than the first chunks of a pool have. */
#define COUNT 400

struct command {
	uint64_t words[8];
};
COHERENT_FIELDS(struct command, .words);

COHERENT_BOX_TYPE(command_box, struct command);
COHERENT_TYPE(command_mem, struct command);

static struct coherent_device *dev;
static COHERENT_POOL(struct command) pool;
static union command_box boxes[COUNT];
static union command_mem mems[COUNT];
static struct command values[COUNT];

/* A call that may fail. It makes boxes or mems from the first of the arrays on. */
struct call {
	const char *name;
	int (*make)(void);
	size_t boxes;
	size_t mems;
	/* At least so many calls below it can fail when the pool has grown already. */
	unsigned int half_done;
};

static int take_box(void)
{
	return coherent_pool_box(&pool, &boxes[0]);
}

static int take_value(void)
{
	return coherent_pool_from(&pool, &mems[0], &values[0]);
}

static int take_boxes(void)
{
	return coherent_pool_boxes(&pool, boxes, COUNT);
}

static int take_values(void)
{
	return coherent_pool_from_all(&pool, mems, values, COUNT);
}

static int allocate_in_place(void)
{
	return coherent_box_zeroed(&boxes[0], dev, COUNT, .in_place = true);
}

static int copy_in_place(void)
{
	return coherent_from(&mems[0], dev, values, COUNT, .in_place = true);
}

static int fill(struct command *elements, size_t count, void *arg)
{
	memcpy(elements, arg, count * sizeof(*elements));
	return 0;
}

static int fill_in_place(void)
{
	return coherent_init(&mems[0], dev, COUNT, fill, values, .in_place = true);
}

/* --- Memory of the driver --- */

#define ADOPTED (PAGE / sizeof(struct command))

static _Alignas(PAGE) struct command page[ADOPTED], more[ADOPTED];
static unsigned int released;

static void count_release(void *memory, void *arg)
{
	(void)arg;
	assert_ptr_equal(memory, page);
	released++;
}

/* A failed call does not release the memory, because the driver still has it. */
static int adopt(void)
{
	int err;

	released = 0;
	memset(page, 0, sizeof(page));
	err = coherent_box_adopt(&boxes[0], dev, page, ADOPTED, .copy = true,
				 .release = count_release);
	assert_int_equal(released, 0);
	return err;
}

/* A failed expose consumes the box, so it releases the memory. */
static int adopt_and_expose(void)
{
	int err = adopt();

	if (err)
		return err;
	page[0] = values[0];
	err = coherent_expose(&boxes[0], &mems[0]);
	assert_int_equal(released, err != 0);
	return err;
}

static int adopt_and_reclaim(void)
{
	union command_mem mem = COHERENT_EMPTY;
	int err = adopt();

	if (!err)
		err = coherent_expose(&boxes[0], &mem);
	if (err)
		return err;
	err = coherent_reclaim(&mem, &boxes[0], .idle = true);
	assert_int_equal(released, 0);
	if (err) {
		assert_false(coherent_is_empty(&mem));
		coherent_free(&mem);
		assert_ok(coherent_device_fence(dev));
		assert_int_equal(released, 1);
	}
	return err;
}

/* A handle is not in the arrays, so it ends here. No failed call releases the memory. */
static int adopt_pieces(void)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	const struct iovec pieces[] = { { page, PAGE }, { more, PAGE } };
	int err;

	released = 0;
	err = coherent_handle_adopt(&handle, dev, pieces, ARRAY_SIZE(pieces),
				    .release = count_release);
	assert_int_equal(released, 0);
	assert_int_equal(!coherent_handle_size(&handle), err != 0);
	coherent_handle_free(&handle);
	assert_int_equal(released, !err);
	/* The device gets no copy of pieces. */
	return err == -EOPNOTSUPP ? 0 : err;
}

/* --- Limits of an object --- */

/* A lost address would be in use in the next turn. */
#define AT (UINT64_C(1) << 32)

static int allocate_at(void)
{
	return coherent_box_zeroed(&boxes[0], dev, COUNT, .address = AT);
}

/* Hardened and lazy devices refuse the options. */
static int or_ordinary(int err)
{
	return err == -EOPNOTSUPP ? coherent_box_zeroed(&boxes[0], dev, COUNT) : err;
}

static int allocate_identical(void)
{
	return or_ordinary(coherent_box_zeroed(&boxes[0], dev, COUNT, .address_is_pointer = true));
}

static int allocate_on_a_node(void)
{
	return or_ordinary(
		coherent_box_zeroed(&boxes[0], dev, COUNT, .nodes = 1, .in_place = true));
}

static int copy_below(void)
{
	return coherent_from(&mems[0], dev, values, COUNT, .mask = coherent_mask(30));
}

static const struct call calls[] = {
	{ "coherent_pool_box()", take_box, 1, 0, 0 },
	{ "coherent_pool_from()", take_value, 0, 1, 0 },
	{ "coherent_pool_boxes()", take_boxes, COUNT, 0, 3 },
	{ "coherent_pool_from_all()", take_values, 0, COUNT, 3 },
	{ "coherent_box_zeroed(), in place", allocate_in_place, 1, 0, 0 },
	{ "coherent_from(), in place", copy_in_place, 0, 1, 0 },
	{ "coherent_init(), in place", fill_in_place, 0, 1, 0 },
	{ "coherent_box_zeroed(), at an address", allocate_at, 1, 0, 0 },
	{ "coherent_box_zeroed(), pointer as address", allocate_identical, 1, 0, 0 },
	{ "coherent_box_zeroed(), of a node, in place", allocate_on_a_node, 1, 0, 0 },
	{ "coherent_from(), under a mask", copy_below, 0, 1, 0 },
	{ "coherent_box_adopt()", adopt, 1, 0, 0 },
	{ "coherent_expose() of adopted memory", adopt_and_expose, 0, 1, 0 },
	{ "coherent_reclaim() of adopted memory", adopt_and_reclaim, 1, 0, 0 },
	{ "coherent_handle_adopt()", adopt_pieces, 0, 0, 0 },
};

/* Returns whether there are as many boxes and mems from the first one on, and no others. */
static bool are_made(size_t made_boxes, size_t made_mems)
{
	for (size_t i = 0; i < COUNT; i++)
		if (coherent_is_empty(&boxes[i]) == (i < made_boxes) ||
		    coherent_is_empty(&mems[i]) == (i < made_mems))
			return false;
	return true;
}

/* A box is new. A mem has its value, which the device finds. */
static void check_contents(const struct call *call)
{
	static const struct command nothing;
	struct command seen;

	for (size_t i = 0; i < call->boxes; i++)
		assert_memory_equal(coherent_box_ptr(&boxes[i]), &nothing, sizeof(nothing));
	for (size_t i = 0; i < call->mems; i++) {
		assert_ok(coherent_sim_try(dev, &mems[i], 0, &seen, sizeof(seen),
					   COHERENT_ACCESS_READ));
		assert_memory_equal(&seen, &values[i], sizeof(seen));
	}
}

static void free_all(void)
{
	for (size_t i = 0; i < COUNT; i++) {
		coherent_box_free(&boxes[i]);
		coherent_free(&mems[i]);
	}
}

/* The pool and the device of a sweep, and whether later calls fail, too. */
struct way {
	bool in_place;
	unsigned int delay;
	bool stays;
	bool harden;
	bool lazy;
};

/* Each slot has a page, so that the pool needs much memory. */
static void create_pool(const struct way *way)
{
	assert_ok(coherent_pool_create(&pool, dev, .align = PAGE, .in_place = way->in_place,
				       .delay = way->delay));
}

/* Checks that a failed call left nothing. Returns whether the pool had grown by then. */
static bool check_failure(const struct way *way, int err)
{
	struct coherent_stats stats;

	assert_true(inject.failed);
	assert_err(err, -ENOMEM);
	assert_true(are_made(0, 0));
	assert_ok(coherent_device_stats(dev, &stats));
	/* A slot that the call took and did not give back would keep the pool. */
	assert_ok(coherent_pool_destroy(&pool));
	create_pool(way);
	return stats.objects;
}

/* Makes the call while the nth call below it fails. Returns false if there is no nth call. */
static bool fail_one(const struct call *call, unsigned int nth, const struct way *way,
		     unsigned int *half_done)
{
	const struct inject before = inject;
	int err;

	assert_ok(coherent_device_open(
		&dev, way->lazy ? "sim:edu,mask=48,step,lazy" : "sim:edu,mask=48,step",
		.harden = way->harden));
	create_pool(way);
	inject.failed = false;
	inject.stays = way->stays;
	inject.left = nth;
	err = call->make();
	inject.left = inject.stays = 0;
	if (err) {
		*half_done += check_failure(way, err);
		assert_ok(call->make());
	}
	assert_true(are_made(call->boxes, call->mems));
	check_contents(call);
	free_all();
	assert_ok(coherent_pool_destroy(&pool));
	coherent_device_close(dev);
	assert_int_equal(inject.blocks, before.blocks);
	assert_int_equal(inject.bytes, before.bytes);
	assert_int_equal(inject.fds, before.fds);
	return inject.failed;
}

static void no_call_leaves_a_part(const struct way *way)
{
	for (size_t i = 0; i < COUNT; i++)
		memset(&values[i], (int)i + 1, sizeof(values[i]));
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		unsigned int nth = 1, half_done = 0;

		/* Calls of a hardened device are slow, so many objects get fewer failures. */
		while (fail_one(&calls[i], nth, way, &half_done))
			nth += way->harden && calls[i].half_done ? 25 : 1;
		print_message("# %s: %u calls failed in turn, %u half way\n", calls[i].name,
			      nth - 1, half_done);
		assert_true(nth > 3 || (way->lazy && calls[i].make == adopt_pieces));
		assert_true(half_done >= calls[i].half_done * way->stays);
	}
}

static void no_failed_call_leaves_a_part(void **state)
{
	(void)state;
	for (unsigned int in_place = 0; in_place < 2; in_place++)
		no_call_leaves_a_part(&(struct way){ .in_place = in_place });
	no_call_leaves_a_part(&(struct way){ .delay = 3 });
	no_call_leaves_a_part(&(struct way){ .harden = true });
	no_call_leaves_a_part(&(struct way){ .lazy = true });
}

static void no_call_that_stops_half_way_leaves_a_part(void **state)
{
	(void)state;
	for (unsigned int in_place = 0; in_place < 2; in_place++)
		no_call_leaves_a_part(&(struct way){ .in_place = in_place, .stays = true });
	no_call_leaves_a_part(&(struct way){ .delay = 3, .stays = true });
	no_call_leaves_a_part(&(struct way){ .harden = true, .stays = true });
	no_call_leaves_a_part(&(struct way){ .lazy = true, .stays = true });
}

/* --- Memory that another pool has --- */

struct large {
	uint8_t bytes[2 << 20];
};

COHERENT_POOL_TYPE(larges, struct large);
COHERENT_BOX_TYPE(large_box, struct large);

/* Makes a pool take and free an object, so that it has an unused chunk. */
static void make_unused_chunk(union larges *larges)
{
	union large_box box = COHERENT_EMPTY;

	assert_ok(coherent_pool_create(larges, dev));
	assert_ok(coherent_pool_box(larges, &box));
	coherent_box_free(&box);
}

/*
 * The system gives no more memory, but a pool has a chunk that it does not use. Another pool gets
 * the two parts of its memory. The calls before the one that fails are for the shared segment.
 */
static void unused_chunk_gives_up_its_memory(void **state)
{
	unsigned int nth = 0;

	(void)state;
	do {
		union larges idle = COHERENT_EMPTY, busy = COHERENT_EMPTY;
		union large_box box = COHERENT_EMPTY;
		struct coherent_stats before, after;

		assert_ok(coherent_device_open(&dev, "sim:edu,mask=48,step"));
		make_unused_chunk(&idle);
		assert_ok(coherent_pool_create(&busy, dev));
		assert_ok(coherent_device_stats(dev, &before));
		inject.failed = false;
		inject.left = ++nth;
		assert_ok(coherent_pool_box(&busy, &box));
		inject.left = 0;
		assert_true(inject.failed);
		assert_ok(coherent_device_stats(dev, &after));
		if (!inject.optional) {
			assert_int_equal(after.memory, before.memory);
			assert_int_equal(after.objects, 1);
		}
		coherent_box_free(&box);
		assert_ok(coherent_pool_destroy(&busy));
		assert_ok(coherent_pool_destroy(&idle));
		coherent_device_close(dev);
	} while (inject.optional);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_failed_call_leaves_a_part),
		cmocka_unit_test(no_call_that_stops_half_way_leaves_a_part),
		cmocka_unit_test(unused_chunk_gives_up_its_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
