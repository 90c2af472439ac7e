// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A card has pinned the pages of a mem, so a reclaim leaves the contents where they are and relies on
 * the close of the registration. This program reclaims in the middle of transfers of 64 MiB. It does
 * not wait for their end, because on rxe some do not end: it waits until nothing arrives any more.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "fabric_test.h"

#define PAGES (BIG / PAGE)
#define ROUNDS 5
#define TRANSFER_NS (3000 * MS)

static const char *provider;
static struct ends ends;

/**
 * struct transfer - A transfer that a thread of the peer makes.
 * @remote: The mem of the target.
 * @is_write: It is a write.
 * @done: It ended, or its time is over.
 */
static struct transfer {
	struct coherent_remote remote;
	bool is_write;
	bool done;
} transfer;

static void *run(void *arg)
{
	(void)arg;
	if (transfer.is_write)
		(void)!coherent_fabric_write(ends.peer, &transfer.remote, &ends.local, TRANSFER_NS);
	else
		(void)!coherent_fabric_read(ends.peer, &transfer.remote, &ends.local, TRANSFER_NS);
	__atomic_store_n(&transfer.done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* A packet has a multiple of 256 bytes. Counts the pieces of this size that begin with @byte. */
static size_t count(const volatile uint8_t *at, uint8_t byte)
{
	size_t found = 0;

	for (size_t i = 0; i < BIG; i += 256)
		found += at[i] == byte;
	return found;
}

static const volatile uint8_t *local_place(void)
{
	return (const uint8_t *)(uintptr_t)ends.local.base.va;
}

/* Waits until the transfer is over and the count stays the same for a second. */
static size_t settle(const volatile uint8_t *at, uint8_t byte)
{
	size_t before, now = count(at, byte);

	do {
		before = now;
		usleep(1000000);
		now = count(at, byte);
	} while (now != before || !__atomic_load_n(&transfer.done, __ATOMIC_ACQUIRE));
	return now;
}

/* Begins a transfer of a mem, and reclaims it when the first page has arrived at @at. */
static pthread_t begin(union any_mem *mem, bool is_write, const volatile uint8_t *at, uint8_t byte)
{
	pthread_t thread;

	transfer = (struct transfer){ .is_write = is_write };
	assert_ok(coherent_remote(mem, &transfer.remote));
	assert_ok(pthread_create(&thread, NULL, run, NULL));
	while (at[PAGE - 1] != byte)
		sched_yield();
	return thread;
}

static bool read_once(void)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	ANY_MEM_AUTO(mem);
	size_t early, later;
	pthread_t thread;

	ends_open(&ends, provider, BIG);
	assert_ok(coherent_zeroed(&mem, ends.target, BIG));
	memset((void *)(uintptr_t)mem.base.va, 0x11, BIG);
	memset((void *)(uintptr_t)ends.local.base.va, 0x77, BIG);
	thread = begin(&mem, false, local_place(), 0x11);
	assert_ok(coherent_reclaim(&mem, &box));
	memset(coherent_box_ptr(&box), 0xee, BIG);
	early = count(local_place(), 0x11);
	later = settle(local_place(), 0xee);
	printf("# read: %zu of %zu pieces had arrived, %zu from later\n", early, BIG / 256, later);
	assert_ok(pthread_join(thread, NULL));
	coherent_box_free(&box);
	ends_close(&ends);
	assert_int_equal(later, 0);
	return early < BIG / 256;
}

static bool write_once(void)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	ANY_MEM_AUTO(mem);
	size_t then, later;
	pthread_t thread;

	ends_open(&ends, provider, BIG);
	assert_ok(coherent_zeroed(&mem, ends.target, BIG));
	memset((void *)(uintptr_t)ends.local.base.va, 0xaa, BIG);
	thread = begin(&mem, true, (const uint8_t *)(uintptr_t)mem.base.va, 0xaa);
	assert_ok(coherent_reclaim(&mem, &box));
	then = count(coherent_box_ptr(&box), 0xaa);
	later = settle(coherent_box_ptr(&box), 0xaa);
	printf("# write: %zu of %zu pieces had arrived, and then %zu\n", then, BIG / 256, later);
	assert_ok(pthread_join(thread, NULL));
	coherent_box_free(&box);
	ends_close(&ends);
	assert_int_equal(later, then);
	return then < BIG / 256;
}

/* Makes transfers. A reclaim that meets none in flight shows nothing. */
static void repeat(bool (*once)(void))
{
	size_t in_flight = 0;

	for (unsigned int i = 0; i < ROUNDS; i++)
		in_flight += once();
	assert_int_not_equal(in_flight, 0);
}

static void reclaim_ends_reads(void **state)
{
	(void)state;
	repeat(read_once);
}

static void reclaim_ends_writes(void **state)
{
	(void)state;
	repeat(write_once);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reclaim_ends_reads),
		cmocka_unit_test(reclaim_ends_writes),
	};

	provider = provider_of(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
