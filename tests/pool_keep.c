// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check which unused chunks a pool keeps, and when it gives them up. They set the time of
 * its last look at them, so they do not depend on the clock.
 */
#include <coherent/lookup.h>
#include <coherent/share.h>
#include <pthread.h>

#include "../src/device/device.h"
#include "../src/memory/pool_slots.h"
#include "pool_test.h"

#define MANY ((size_t)100 * 1000)

static union command_box boxes[MANY];

static struct coherent_stats stats_now(void)
{
	struct coherent_stats stats;

	assert_ok(coherent_device_stats(dev, &stats));
	return stats;
}

static void create(union commands *pool)
{
	assert_ok(coherent_pool_create(pool, dev));
	/* The pool does not look at its chunks before that time. */
	pool->base.va->looked_ns = UINT64_MAX;
}

static void take_and_free(union commands *pool, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_ok(coherent_pool_box(pool, &boxes[i]));
	for (size_t i = 0; i < count; i++)
		coherent_box_free(&boxes[i]);
}

/* The next slot that goes back to its chunk makes the pool look. */
static void look(union commands *pool)
{
	pool->base.va->looked_ns = 0;
	take_and_free(pool, SLOTS_CACHED_MAX + 1);
	assert_true(pool->base.va->looked_ns > 0);
	pool->base.va->looked_ns = UINT64_MAX;
}

static void share_of_the_peak_stays(void **state)
{
	(void)state;
	for (size_t count = MANY / 64; count <= MANY; count *= 4) {
		union commands pool = COHERENT_EMPTY;
		size_t peak, kept;

		create(&pool);
		take_and_free(&pool, count);
		peak = pool.base.va->used_max;
		kept = stats_now().bytes;
		print_message("# %zu KiB of %zu KiB are kept\n", kept >> 10, peak >> 10);
		assert_true(peak >= count * sizeof(struct command));
		/* One chunk has the slots in the cache, and another one stays in any case. */
		assert_in_range(kept, peak / 16, peak / 8 + 2 * (peak / 4 + (64 << 10)));
		assert_ok(coherent_pool_destroy(&pool));
		assert_int_equal(stats_now().bytes, 0);
	}
}

/* The chunks of this pool are small beside the pool. */
static void eighth_of_a_large_pool_stays(void **state)
{
	static COHERENT_BOX(uint8_t[64 << 10]) large[1024];
	COHERENT_POOL(uint8_t[64 << 10]) pool = COHERENT_EMPTY;
	const size_t mib = 1 << 20;
	size_t kept;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev, .in_place = true));
	pool.base.va->looked_ns = UINT64_MAX;
	for (size_t i = 0; i < ARRAY_SIZE(large); i++)
		assert_ok(coherent_pool_box(&pool, &large[i]));
	for (size_t i = 0; i < ARRAY_SIZE(large); i++)
		coherent_box_free(&large[i]);
	kept = stats_now().bytes;
	print_message("# %zu MiB of 64 are kept\n", kept / mib);
	assert_in_range(kept, 6 * mib, 12 * mib);
	assert_ok(coherent_pool_destroy(&pool));
}

static void bursts_do_not_map_each_time(void **state)
{
	static const size_t bursts[] = { 300, 4000, 20000, MANY };

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(bursts); k++) {
		union commands pool = COHERENT_EMPTY;
		uint64_t first, learnt, last;

		first = stats_now().allocated;
		create(&pool);
		for (unsigned int turn = 0; turn < 4; turn++)
			take_and_free(&pool, bursts[k]);
		learnt = stats_now().allocated;
		for (unsigned int turn = 0; turn < 20; turn++)
			take_and_free(&pool, bursts[k]);
		last = stats_now().allocated;
		print_message("# bursts of %zu: %u chunks for the first four, %u for twenty\n",
			      bursts[k], (unsigned int)(learnt - first),
			      (unsigned int)(last - learnt));
		assert_int_equal(last, learnt);
		assert_ok(coherent_pool_destroy(&pool));
	}
}

/* A driver that never bursts again gets its memory back. */
static void kept_chunks_end_after_a_while(void **state)
{
	union commands pool = COHERENT_EMPTY;
	uint64_t kept;

	(void)state;
	create(&pool);
	for (unsigned int turn = 0; turn < 4; turn++)
		take_and_free(&pool, 20000);
	kept = stats_now().bytes;
	assert_true(kept >= 20000 * sizeof(struct command));
	/* The pool has needed the chunks since it was created. */
	look(&pool);
	assert_int_equal(stats_now().bytes, kept);
	/* Since this look it needed one chunk, which has the slots in the cache. */
	look(&pool);
	assert_int_equal(pool.base.va->unused_bytes, 0);
	assert_true(stats_now().bytes <= kept / 4);
	/* The pool has also forgotten that the driver allocates in bursts. */
	take_and_free(&pool, 20000);
	assert_true(stats_now().bytes <= kept / 4 * 3);
	assert_ok(coherent_pool_destroy(&pool));
}

/* A look in the middle of bursts ends nothing that the next burst needs. */
static void bursts_go_on_over_a_look(void **state)
{
	union commands pool = COHERENT_EMPTY;
	uint64_t before;

	(void)state;
	create(&pool);
	for (unsigned int turn = 0; turn < 4; turn++)
		take_and_free(&pool, 4000);
	before = stats_now().allocated;
	for (unsigned int turn = 0; turn < 10; turn++) {
		pool.base.va->looked_ns = 0;
		take_and_free(&pool, 4000);
		assert_true(pool.base.va->looked_ns > 0);
		pool.base.va->looked_ns = UINT64_MAX;
		take_and_free(&pool, 4000);
		look(&pool);
	}
	assert_int_equal(stats_now().allocated, before);
	assert_ok(coherent_pool_destroy(&pool));
}

/* Where an unmap is not a fence, all chunks stay, and a look does not change that. */
static void lazy_device_keeps_all_chunks(void **state)
{
	union commands pool = COHERENT_EMPTY;
	struct coherent_stats kept, stats;

	(void)state;
	dev->backend->limits.unmap_is_fence = false;
	create(&pool);
	take_and_free(&pool, 4000);
	kept = stats_now();
	assert_true(kept.bytes >= 4000 * sizeof(struct command));
	for (unsigned int turn = 0; turn < 3; turn++) {
		pool.base.va->looked_ns = 0;
		take_and_free(&pool, 100);
	}
	stats = stats_now();
	assert_int_equal(stats.bytes, kept.bytes);
	assert_int_equal(stats.mems, kept.mems);
	assert_int_equal(stats.waiting, 0);
	assert_ok(coherent_pool_destroy(&pool));
	dev->backend->limits.unmap_is_fence = true;
}

/* --- What gives way --- */

/* Leaves a pool that keeps what it needed for some bursts. */
static void create_on(struct coherent_device *on, union commands *pool)
{
	assert_ok(coherent_pool_create(pool, on));
	pool->base.va->looked_ns = UINT64_MAX;
	for (unsigned int turn = 0; turn < 4; turn++)
		take_and_free(pool, 4000);
	assert_true(pool->base.va->unused_bytes >= 3000 * sizeof(struct command));
}

/* The device has 40 mappings. The pool keeps some of them until another object needs them. */
static void unused_chunks_give_up_mappings(void **state)
{
	COHERENT(uint8_t) mems[40] = { COHERENT_EMPTY };
	COHERENT_DEVICE_AUTO(few);
	struct log log = LOG_EMPTY;
	union commands pool = COHERENT_EMPTY;
	struct coherent_stats stats;
	size_t count = 0;

	(void)state;
	assert_ok(coherent_device_open(&few, "sim:edu,step,mask=40,maps=40", .report = log_report,
				       .report_arg = &log));
	create_on(few, &pool);
	assert_ok(coherent_device_stats(few, &stats));
	assert_true(stats.mappings > 3);
	/* One chunk has the slots in the cache. */
	while (count < 39)
		assert_ok(coherent_zeroed(&mems[count++], few, 1));
	assert_int_equal(log.count, 0);
	assert_err(coherent_zeroed(&mems[count], few, 1), -ENOSPC);
	assert_int_equal(pool.base.va->unused_bytes, 0);
	while (count)
		coherent_free(&mems[--count]);
	/* The pool works as before. */
	take_and_free(&pool, 4000);
	assert_ok(coherent_pool_destroy(&pool));
}

/*
 * The device has 256 pages of addresses. The driver leaves 80 of them to the pool, and 20 are in
 * quarantine. Those of the pool give way first.
 */
static void unused_chunks_give_up_addresses(void **state)
{
	static COHERENT_BOX(uint8_t) fill[128];
	COHERENT(uint8_t) mems[10] = { COHERENT_EMPTY };
	COHERENT_DEVICE_AUTO(tight);
	union commands pool = COHERENT_EMPTY;
	struct coherent_stats stats;
	size_t count = 0;

	(void)state;
	assert_ok(coherent_device_open(&tight, "sim:edu,step,mask=20"));
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		assert_ok(coherent_zeroed(&mems[i], tight, 1));
	/* The library keeps no address with this alignment. */
	while (!coherent_box_zeroed(&fill[count], tight, 1, .align = 2 * PAGE))
		count++;
	for (size_t i = 0; i < 40; i++)
		coherent_box_free(&fill[--count]);
	create_on(tight, &pool);
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	/* A few fit beside the pool, and the next ones do not. */
	for (size_t i = 0; i < 8; i++)
		assert_ok(coherent_box_zeroed(&fill[count++], tight, 1, .align = 2 * PAGE));
	assert_int_equal(pool.base.va->unused_bytes, 0);
	assert_ok(coherent_device_stats(tight, &stats));
	assert_true(stats.quarantined >= ARRAY_SIZE(mems));
	while (count)
		coherent_box_free(&fill[--count]);
	assert_ok(coherent_pool_destroy(&pool));
}

COHERENT_POOL_TYPE(large_ones, uint8_t[32 * PAGE]);

/* Leaves a pool that has no object and keeps a chunk of 32 pages. Returns the address of the chunk. */
static uint64_t keep_large(struct coherent_device *on, union large_ones *pool)
{
	COHERENT_BOX(uint8_t[32 * PAGE]) box = COHERENT_EMPTY;
	struct coherent_info info;

	assert_ok(coherent_pool_create(pool, on));
	assert_ok(coherent_pool_box(pool, &box));
	assert_ok(coherent_find_ptr(on, coherent_box_ptr(&box), &info));
	coherent_box_free(&box);
	assert_int_equal(pool->base.va->unused_bytes, 32 * PAGE);
	return info.address;
}

/* The device has 127 pages of addresses. No two pages beside each other are left for the box. */
static void unused_chunks_give_up_addresses_for_a_reclaim(void **state)
{
	COHERENT_BOX(uint8_t) fill[36] = { COHERENT_EMPTY };
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_DEVICE_AUTO(tight);
	union large_ones pool = COHERENT_EMPTY;

	(void)state;
	assert_ok(coherent_device_open(&tight, "sim:edu,step,mask=19"));
	assert_ok(coherent_zeroed(&mem, tight, 20 * PAGE));
	(void)keep_large(tight, &pool);
	for (size_t i = 0; i < ARRAY_SIZE(fill); i++)
		assert_ok(coherent_box_zeroed(&fill[i], tight, 1));
	assert_true(pool.base.va->unused_bytes > 0);
	assert_ok(coherent_reclaim(&mem, &box));
	assert_int_equal(pool.base.va->unused_bytes, 0);
	for (size_t i = 0; i < ARRAY_SIZE(fill); i++)
		coherent_box_free(&fill[i]);
	coherent_box_free(&box);
	assert_ok(coherent_pool_destroy(&pool));
}

/* As with a peer that has files, an unmap is a fence only if nothing is in flight. */
static void unused_chunks_need_no_address_to_end(void **state)
{
	COHERENT_BOX(uint8_t) fill[47] = { COHERENT_EMPTY };
	COHERENT_BOX(uint8_t) last = COHERENT_EMPTY;
	COHERENT_DEVICE_AUTO(tight);
	union large_ones pool = COHERENT_EMPTY;
	struct coherent_stats stats;

	(void)state;
	assert_ok(coherent_device_open(&tight, "sim:edu,step,mask=19"));
	tight->backend->limits.unmap_is_fence = false;
	tight->backend->idle_is_fence = true;
	(void)keep_large(tight, &pool);
	for (size_t i = 0; i < ARRAY_SIZE(fill); i++)
		assert_ok(coherent_box_zeroed(&fill[i], tight, 1));
	assert_true(pool.base.va->unused_bytes > 0);
	/* This needs one of the addresses that the chunk has. */
	assert_ok(coherent_box_zeroed(&last, tight, 1));
	coherent_box_free(&last);
	assert_int_equal(pool.base.va->unused_bytes, 0);
	assert_ok(coherent_device_stats(tight, &stats));
	assert_int_equal(stats.waiting, 0);
	for (size_t i = 0; i < ARRAY_SIZE(fill); i++)
		coherent_box_free(&fill[i]);
	assert_ok(coherent_pool_destroy(&pool));
}

/* A command in flight may still name an object that the chunk had. */
static void unused_chunks_go_to_quarantine_for_an_address(void **state)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	union large_ones pool = COHERENT_EMPTY;
	uint64_t address;

	(void)state;
	address = keep_large(dev, &pool);
	assert_err(coherent_box_zeroed(&box, dev, 1, .address = address), -EBUSY);
	assert_int_equal(pool.base.va->unused_bytes, 0);
	assert_int_equal(reports.count, 1);
	assert_true(log_has(&reports, "waits in quarantine after its end"));
	assert_ok(coherent_pool_destroy(&pool));
}

/* The other device has the address free. */
static void unused_chunks_give_way_to_a_twin(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	COHERENT_DEVICE_AUTO(other);
	union large_ones pool = COHERENT_EMPTY;
	uint64_t address;

	(void)state;
	address = keep_large(dev, &pool);
	assert_ok(coherent_device_open(&other, "sim:edu,step"));
	assert_ok(coherent_zeroed(&mem, other, 1, .address = address));
	assert_err(coherent_share(&mem, dev, &twin, .same_address = true), -EBUSY);
	assert_int_equal(pool.base.va->unused_bytes, 0);
	coherent_free(&mem);
	assert_ok(coherent_pool_destroy(&pool));
}

/* A pool that grows gets what another one keeps. */
static void pools_give_way_to_each_other(void **state)
{
	COHERENT_DEVICE_AUTO(few);
	struct log log = LOG_EMPTY;
	union commands first = COHERENT_EMPTY, second = COHERENT_EMPTY;

	(void)state;
	assert_ok(coherent_device_open(&few, "sim:edu,step,mask=40,maps=12", .report = log_report,
				       .report_arg = &log));
	for (unsigned int turn = 0; turn < 3; turn++) {
		create_on(few, &first);
		create_on(few, &second);
		take_and_free(&first, 4000);
		take_and_free(&second, 4000);
		assert_ok(coherent_pool_destroy(&first));
		assert_ok(coherent_pool_destroy(&second));
	}
	assert_int_equal(log.count, 0);
}

/* Only the main thread may use assertions. */
static void *burst_in_a_pool(void *arg)
{
	static _Thread_local union command_box some[500];

	for (unsigned int turn = 0; turn < 30; turn++) {
		union commands pool = COHERENT_EMPTY;
		bool has_failed = coherent_pool_create(&pool, arg);

		for (unsigned int burst = 0; burst < 6; burst++) {
			size_t count = 0;

			while (count < ARRAY_SIZE(some) && !coherent_pool_box(&pool, &some[count]))
				count++;
			while (count)
				coherent_box_free(&some[--count]);
		}
		if (has_failed || coherent_pool_destroy(&pool))
			return arg;
	}
	return NULL;
}

/* Pools end while their unused chunks give way. */
static void pools_end_while_they_give_way(void **state)
{
	COHERENT(uint8_t) mems[20] = { COHERENT_EMPTY };
	COHERENT_DEVICE_AUTO(few);
	pthread_t threads[2];
	struct coherent_stats stats;
	void *failed;

	(void)state;
	assert_ok(coherent_device_open(&few, "sim:edu,step,mask=40,maps=20"));
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_ok(pthread_create(&threads[i], NULL, burst_in_a_pool, few));
	for (unsigned int turn = 0; turn < 200; turn++) {
		size_t count = 0;

		while (count < ARRAY_SIZE(mems) && !coherent_zeroed(&mems[count], few, 1))
			count++;
		while (count)
			coherent_free(&mems[--count]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		assert_ok(pthread_join(threads[i], &failed));
		assert_null(failed);
	}
	assert_ok(coherent_device_stats(few, &stats));
	assert_int_equal(stats.objects, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DEVICE(share_of_the_peak_stays),
		ON_DEVICE(eighth_of_a_large_pool_stays),
		ON_DEVICE(bursts_do_not_map_each_time),
		ON_DEVICE(kept_chunks_end_after_a_while),
		ON_DEVICE(bursts_go_on_over_a_look),
		ON_DEVICE(lazy_device_keeps_all_chunks),
		cmocka_unit_test(unused_chunks_give_up_mappings),
		cmocka_unit_test(unused_chunks_give_up_addresses),
		cmocka_unit_test(unused_chunks_give_up_addresses_for_a_reclaim),
		cmocka_unit_test(unused_chunks_need_no_address_to_end),
		ON_DEVICE(unused_chunks_go_to_quarantine_for_an_address),
		ON_DEVICE(unused_chunks_give_way_to_a_twin),
		cmocka_unit_test(pools_give_way_to_each_other),
		cmocka_unit_test(pools_end_while_they_give_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
