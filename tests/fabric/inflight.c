// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A mem is reclaimed, or freed, while a transfer of 64 MiB is in flight. The provider is the argument.
 *
 * The first two tests call libfabric without the library. They show that a provider goes on after
 * fi_close() of the registration, so they also show that the other tests notice that.
 *
 * The lines with "answer" are what a test asserts. table.py compares docs/fabric.md with them.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "../../src/fabric/device.h"
#include "../../src/fabric/memory.h"
#include "fabric_test.h"

#define PAGES (BIG / PAGE)

static struct ends ends;
static const char *provider;

static int set_up(void **state)
{
	(void)state;
	ends_open(&ends, provider, BIG);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ends_close(&ends);
	return 0;
}

/* --- The transfer, in a thread --- */

/**
 * struct transfer - A transfer that a thread of the peer makes.
 * @remote: The mem of the target.
 * @is_write: It is a write.
 * @err: The result.
 * @thread: The thread.
 */
struct transfer {
	struct coherent_remote remote;
	bool is_write;
	int err;
	pthread_t thread;
};

static void *run(void *arg)
{
	struct transfer *transfer = arg;

	transfer->err =
		transfer->is_write ?
			coherent_fabric_write(ends.peer, &transfer->remote, &ends.local, LONG) :
			coherent_fabric_read(ends.peer, &transfer->remote, &ends.local, LONG);
	return NULL;
}

/* Counts the pages whose last byte is @byte. */
static size_t pages_of(const volatile uint8_t *at, uint8_t byte)
{
	size_t count = 0;

	for (size_t i = 0; i < PAGES; i++)
		count += at[i * PAGE + PAGE - 1] == byte;
	return count;
}

/* Begins a transfer of a mem, and returns when its first page has arrived at @at. */
static void begin(struct transfer *transfer, const union any_mem *mem, bool is_write,
		  const volatile uint8_t *at, uint8_t byte)
{
	*transfer = (struct transfer){ .is_write = is_write };
	assert_ok(coherent_remote(mem, &transfer->remote));
	assert_ok(pthread_create(&transfer->thread, NULL, run, transfer));
	while (at[PAGE - 1] != byte)
		sched_yield();
}

static void end(struct transfer *transfer)
{
	assert_ok(pthread_join(transfer->thread, NULL));
	ends_reconnect(&ends);
}

static uint8_t *place_of(const union any_mem *mem)
{
	return (uint8_t *)(uintptr_t)mem->base.va;
}

/* On a loaded machine a transfer may be over too early. A test tries again at most so often. */
#define TURNS_MAX 50

/* Repeats a try until it returns that the transfer was still in flight. */
static void until_in_flight(bool (*try)(void))
{
	for (unsigned int turn = 0; turn < TURNS_MAX; turn++)
		if (try())
			return;
	fail_msg("each of %d transfers was over too early", TURNS_MAX);
}

static void answer(const char *what, const char *text)
{
	printf("# answer: %s: %s\n", what, text);
}

/* --- Without the library --- */

/* Ends the registration behind the back of the library, as a program of libfabric does. */
static void close_registration(const union any_mem *mem)
{
	struct fabric *fabric = (struct fabric *)ends.target->backend;
	struct fabric_registration *registration;

	lock_take(&fabric->lock);
	registration = fabric_find_locked(fabric, coherent_addr(mem).raw);
	assert_ok(fi_close(&registration->mr->fid));
	/* The library closes this one later. */
	assert_ok(fi_mr_reg(fabric->domain, mem->base.va, BIG, FI_REMOTE_READ, 0, 1, 0,
			    &registration->mr, NULL));
	lock_drop(&fabric->lock);
}

static bool write_after_close(void)
{
	ANY_MEM_AUTO(mem);
	struct transfer transfer;
	size_t then;

	assert_ok(coherent_zeroed(&mem, ends.target, BIG));
	memset(place_of(&ends.local), 0xaa, BIG);
	begin(&transfer, &mem, true, place_of(&mem), 0xaa);
	close_registration(&mem);
	then = pages_of(place_of(&mem), 0xaa);
	/* The write goes on until its end. */
	while (pages_of(place_of(&mem), 0xaa) < PAGES)
		sched_yield();
	end(&transfer);
	printf("# fi_close() alone: %zu of %zu pages had arrived, and then all\n", then, PAGES);
	return then < PAGES;
}

static void closed_registration_does_not_stop_a_write(void **state)
{
	(void)state;
	until_in_flight(write_after_close);
	answer("write after fi_close()", "all pages arrive");
}

static bool read_after_close(void)
{
	ANY_MEM_AUTO(mem);
	struct transfer transfer;
	size_t leaked;

	assert_ok(coherent_zeroed(&mem, ends.target, BIG));
	memset(place_of(&mem), 0x11, BIG);
	memset(place_of(&ends.local), 0x77, BIG);
	begin(&transfer, &mem, false, place_of(&ends.local), 0x11);
	close_registration(&mem);
	memset(place_of(&mem), 0xee, BIG);
	end(&transfer);
	leaked = pages_of(place_of(&ends.local), 0xee);
	printf("# fi_close() alone: the peer got %zu of %zu pages from later\n", leaked, PAGES);
	return leaked > 0;
}

static void closed_registration_does_not_stop_a_read(void **state)
{
	(void)state;
	until_in_flight(read_after_close);
	answer("read after fi_close()", "gets later contents");
}

/* --- With the library --- */

static bool write_during_reclaim(void)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	ANY_MEM_AUTO(mem);
	struct transfer transfer;
	size_t then;

	assert_ok(coherent_zeroed(&mem, ends.target, BIG));
	memset(place_of(&ends.local), 0xaa, BIG);
	begin(&transfer, &mem, true, place_of(&mem), 0xaa);
	assert_ok(coherent_reclaim(&mem, &box));
	then = pages_of(coherent_box_ptr(&box), 0xaa);
	end(&transfer);
	printf("# reclaim: %zu of %zu pages had arrived, and then %zu\n", then, PAGES,
	       pages_of(coherent_box_ptr(&box), 0xaa));
	assert_int_equal(pages_of(coherent_box_ptr(&box), 0xaa), then);
	return then < PAGES;
}

static void write_does_not_reach_the_box(void **state)
{
	(void)state;
	until_in_flight(write_during_reclaim);
	answer("write after reclaim", "no more pages arrive");
}

/* The peer gets contents from before the reclaim, then zeros or an error, and nothing else. */
static void read_does_not_get_later_contents(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	ANY_MEM_AUTO(mem);
	struct transfer transfer;
	size_t leaked = 0;

	(void)state;
	assert_ok(coherent_zeroed(&mem, ends.target, BIG));
	memset(place_of(&mem), 0x11, BIG);
	memset(place_of(&ends.local), 0x77, BIG);
	begin(&transfer, &mem, false, place_of(&ends.local), 0x11);
	assert_ok(coherent_reclaim(&mem, &box));
	memset(coherent_box_ptr(&box), 0xee, BIG);
	end(&transfer);
	for (size_t i = 0; i < BIG; i++) {
		const uint8_t byte = place_of(&ends.local)[i];

		leaked += byte != 0x11 && byte != 0 && byte != 0x77;
	}
	printf("# reclaim: the peer got %zu bytes from later\n", leaked);
	assert_int_equal(leaked, 0);
	answer("read after reclaim", "gets no later contents");
}

/* The next mem gets other pages than the freed one. */
static void freed_mem_is_not_written_by_a_transfer(void **state)
{
	ANY_MEM_AUTO(next);
	union any_mem mem = COHERENT_EMPTY;
	struct transfer transfer;

	(void)state;
	assert_ok(coherent_zeroed(&mem, ends.target, BIG));
	memset(place_of(&ends.local), 0xaa, BIG);
	begin(&transfer, &mem, true, place_of(&mem), 0xaa);
	coherent_free(&mem);
	assert_ok(coherent_zeroed(&next, ends.target, BIG));
	end(&transfer);
	assert_int_equal(pages_of(place_of(&next), 0), PAGES);
	answer("write after free", "does not reach the next mem");
}

static void fence_ends_what_is_in_flight(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	ANY_MEM_AUTO(mem);
	ANY_MEM_AUTO(next);
	struct transfer transfer;
	struct coherent_stats stats;

	(void)state;
	assert_ok(coherent_zeroed(&mem, ends.target, BIG));
	memset(place_of(&ends.local), 0xaa, BIG);
	begin(&transfer, &mem, true, place_of(&mem), 0xaa);
	assert_ok(coherent_reclaim(&mem, &box));
	assert_ok(coherent_device_fence(ends.target));
	assert_ok(coherent_device_stats(ends.target, &stats));
	assert_int_equal(stats.waiting, 0);
	/* It may have the old pages of the mem. */
	assert_ok(coherent_zeroed(&next, ends.target, BIG));
	end(&transfer);
	assert_int_equal(pages_of(place_of(&next), 0), PAGES);
}

/* An error says that the connection broke. It does not say that the peer refused. */
static void broken_connection_is_not_a_refusal(void **state)
{
	ANY_MEM_AUTO(mem);
	struct transfer transfer;

	(void)state;
	assert_ok(coherent_zeroed(&mem, ends.target, BIG));
	memset(place_of(&mem), 0x11, BIG);
	begin(&transfer, &mem, false, place_of(&ends.local), 0x11);
	assert_ok(coherent_device_fence(ends.target));
	end(&transfer);
	if (transfer.err)
		assert_int_equal(transfer.err, -ENODEV);
}

/* The caller gives up, and the mem that gets the data is reclaimed. */
static void abandoned_read_does_not_reach_the_box(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	ANY_MEM_AUTO(mem);
	struct coherent_remote remote;

	(void)state;
	assert_ok(coherent_zeroed(&mem, ends.target, BIG));
	memset(place_of(&mem), 0x11, BIG);
	assert_ok(coherent_remote(&mem, &remote));
	/* The connection is made first, so that the next read begins. Its time is over at once. */
	assert_ok(coherent_fabric_read(ends.peer, &remote, &ends.local, LONG, .count = 1));
	assert_err(coherent_fabric_read(ends.peer, &remote, &ends.local, 1), -ETIMEDOUT);
	assert_ok(coherent_reclaim(&ends.local, &box));
	memset(coherent_box_ptr(&box), 0x22, BIG);
	usleep(300000);
	assert_true(is_all(coherent_box_ptr(&box), 0x22, BIG));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(closed_registration_does_not_stop_a_write, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(closed_registration_does_not_stop_a_read, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(write_does_not_reach_the_box, set_up, tear_down),
		cmocka_unit_test_setup_teardown(read_does_not_get_later_contents, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(freed_mem_is_not_written_by_a_transfer, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(fence_ends_what_is_in_flight, set_up, tear_down),
		cmocka_unit_test_setup_teardown(broken_connection_is_not_a_refusal, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(abandoned_read_does_not_reach_the_box, set_up,
						tear_down),
	};

	provider = provider_of(argc, argv);
	return provider ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
