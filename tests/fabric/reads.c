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

static int tear_down(void **state)
{
	(void)state;
	ends_close(&ends);
	return 0;
}

/* Starts a read of the mem, which its caller gives up, and returns when its first page has arrived. */
static void begin_read(union any_mem *mem)
{
	const volatile uint8_t *first = (const uint8_t *)(uintptr_t)ends.local.base.va;
	struct coherent_remote remote;
	int err;

	assert_ok(coherent_zeroed(mem, ends.target, BIG));
	memset((void *)(uintptr_t)mem->base.va, 0x11, BIG);
	assert_ok(coherent_remote(mem, &remote));
	/* The connection is made first, so that the next read begins. Its time is over at once. */
	do {
		err = coherent_fabric_read(ends.peer, &remote, &ends.local, 1, .count = 1);
		assert_ok(coherent_fabric_progress(ends.target, 0));
	} while (err == -ETIMEDOUT && first[0] != 0x11);
	assert_err(coherent_fabric_read(ends.peer, &remote, &ends.local, 1), -ETIMEDOUT);
	while (first[PAGE - 1] != 0x11)
		assert_ok(coherent_fabric_progress(ends.target, 0));
}

static void close_while_an_answer_arrives(void **state)
{
	ANY_MEM_AUTO(mem);

	(void)state;
	begin_read(&mem);
	coherent_free(&ends.local);
	coherent_fabric_disconnect(ends.peer);
	coherent_device_close(ends.initiator);
	coherent_free(&mem);
	coherent_device_close(ends.target);
	set_up(NULL);
}

static void fence_while_an_answer_arrives(void **state)
{
	ANY_MEM_AUTO(mem);

	(void)state;
	begin_read(&mem);
	assert_ok(coherent_device_fence(ends.initiator));
}

static bool keeps_endpoint(void)
{
	const struct fabric *fabric = (const struct fabric *)ends.initiator->backend;

	return FI_VERSION_LT(fabric->library.version(), FI_VERSION(1, 18)) &&
	       strcmp(provider, "sockets") != 0;
}

/* Nobody calls coherent_fabric_progress() for the target any more. */
static void peer_that_stops_in_an_answer(void **state)
{
	const bool is_kept = keeps_endpoint();
	ANY_MEM_AUTO(mem);

	(void)state;
	begin_read(&mem);
	assert_err(coherent_device_fence(ends.initiator), is_kept ? -ETIMEDOUT : 0);
	assert_int_equal(log_has(&ends.log, "call the fence again"), is_kept);
	coherent_free(&ends.local);
	coherent_fabric_disconnect(ends.peer);
	coherent_device_close(ends.initiator);
	assert_int_equal(log_has(&ends.log, "so the endpoint and its memory stay in use"), is_kept);
	coherent_free(&mem);
	coherent_device_close(ends.target);
	set_up(NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(close_while_an_answer_arrives, set_up, tear_down),
		cmocka_unit_test_setup_teardown(fence_while_an_answer_arrives, set_up, tear_down),
		cmocka_unit_test_setup_teardown(peer_that_stops_in_an_answer, set_up_manual,
						tear_down),
	};

	provider = provider_of(argc, argv);
	return provider ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
