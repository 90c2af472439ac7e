// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A device is closed, or fenced, while it receives what it reads from a peer. The provider is the
 * argument.
 *
 * libfabric before 1.18 frees such a read twice if the endpoint is closed then. So the library waits
 * for the rest, and it keeps the endpoint if the rest does not come.
 */
#include <errno.h>
#include <string.h>

#include "../../src/fabric/device.h"
#include "fabric_test.h"

static struct ends ends;
static union any_mem mem = COHERENT_EMPTY;
static const char *provider;

static int set_up(void **state)
{
	(void)state;
	ends_open(&ends, provider, BIG);
	return 0;
}

static int set_up_manual(void **state)
{
	(void)state;
	ends_open_manual(&ends, provider, BIG);
	return 0;
}

static void close_all(void)
{
	coherent_free(&mem);
	ends_close(&ends);
}

static struct fabric *fabric_of_initiator(void)
{
	return (struct fabric *)ends.initiator->backend;
}

/* A read that the provider has no room for, or that finds no connection yet, does not begin. */
static bool has_begun(void)
{
	struct fabric *fabric = fabric_of_initiator();
	bool has_begun;

	lock_take(&fabric->lock);
	has_begun = !LIST_EMPTY(&fabric->transfers);
	lock_drop(&fabric->lock);
	return has_begun;
}

/* Starts a read of the mem, which its caller gives up, and returns when its first page has arrived. */
static void begin_read(void)
{
	const volatile uint8_t *first = (const uint8_t *)(uintptr_t)ends.local.base.va;
	struct coherent_remote remote;

	assert_ok(coherent_zeroed(&mem, ends.target, BIG));
	memset((void *)(uintptr_t)mem.base.va, 0x11, BIG);
	assert_ok(coherent_remote(&mem, &remote));
	do {
		/* The time of the read is over at once. */
		assert_err(coherent_fabric_read(ends.peer, &remote, &ends.local, 1), -ETIMEDOUT);
		assert_ok(coherent_fabric_progress(ends.target, 0));
	} while (!has_begun());
	while (first[PAGE - 1] != 0x11)
		assert_ok(coherent_fabric_progress(ends.target, 0));
}

static void close_while_an_answer_arrives(void **state)
{
	(void)state;
	begin_read();
	close_all();
}

static void fence_while_an_answer_arrives(void **state)
{
	int err;

	(void)state;
	begin_read();
	/* On a loaded machine the rest of the answer may take longer than the fence waits. */
	while ((err = coherent_device_fence(ends.initiator)) == -ETIMEDOUT)
		;
	assert_ok(err);
	close_all();
}

static bool frees_reads_twice(void)
{
	return FI_VERSION_LT(fabric_of_initiator()->library.version(), FI_VERSION(1, 18)) &&
	       strcmp(provider, "sockets") != 0;
}

/* The target serves peers only in coherent_fabric_progress(), which nobody calls after the start. */
static void peer_that_stops_in_an_answer(void **state)
{
	const bool is_kept = frees_reads_twice();

	(void)state;
	begin_read();
	assert_err(coherent_device_fence(ends.initiator), is_kept ? -ETIMEDOUT : 0);
	assert_int_equal(log_has(&ends.log, "the fence fails"), is_kept);
	close_all();
	assert_int_equal(log_has(&ends.log, "the endpoint and its memory stay in use"), is_kept);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(close_while_an_answer_arrives, set_up),
		cmocka_unit_test_setup(fence_while_an_answer_arrives, set_up),
		cmocka_unit_test_setup(peer_that_stops_in_an_answer, set_up_manual),
	};

	provider = provider_of(argc, argv);
	return provider ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
