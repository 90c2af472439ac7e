// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Reads and writes between two endpoints of one provider, which is the argument: what a peer
 * reaches, and what it does not.
 */
#include <endian.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/fabric/checksum.h"
#include "../../src/fabric/device.h"
#include "fabric_test.h"

static struct ends ends;
static const char *provider;

static int set_up(void **state)
{
	(void)state;
	ends_open(&ends, provider, 4 * PAGE);
	return 0;
}

static int set_up_manual(void **state)
{
	(void)state;
	ends_open_manual(&ends, provider, 4 * PAGE);
	return 0;
}

static int set_up_hardened(void **state)
{
	setenv("COHERENT_HARDEN", "1", 1);
	set_up(state);
	return unsetenv("COHERENT_HARDEN");
}

static int tear_down(void **state)
{
	(void)state;
	ends_close(&ends);
	return 0;
}

static void fill(union any_mem *mem, uint8_t byte)
{
	for (size_t i = 0; i < coherent_count(mem); i++)
		assert_ok(coherent_write(mem, i, byte));
}

static bool has(const union any_mem *mem, size_t at, uint8_t byte, size_t count)
{
	uint8_t bytes[4 * PAGE];

	assert_ok(coherent_copy_out(mem, at, bytes, count));
	return is_all(bytes, byte, count);
}

static void peer_reads_and_writes_a_mem(void **state)
{
	ANY_MEM_AUTO(mem);
	struct coherent_remote remote;

	(void)state;
	assert_ok(coherent_zeroed(&mem, ends.target, 2 * PAGE));
	for (size_t i = 0; i < 2 * PAGE; i++)
		assert_ok(coherent_write(&mem, i, (uint8_t)(i / PAGE + 1)));
	assert_ok(coherent_remote(&mem, &remote));
	assert_int_equal(le64toh(remote.bytes), 2 * PAGE);
	assert_ok(coherent_fabric_read(ends.peer, &remote, &ends.local, LONG, .offset = PAGE - 8,
				       .first = 5, .count = 16));
	assert_true(has(&ends.local, 0, 0, 5));
	assert_true(has(&ends.local, 5, 1, 8));
	assert_true(has(&ends.local, 13, 2, 8));
	assert_true(has(&ends.local, 21, 0, 8));
	fill(&ends.local, 9);
	assert_ok(coherent_fabric_write(ends.peer, &remote, &ends.local, LONG, .offset = 100,
					.count = 50));
	/* A read after a write shows that it has arrived. */
	assert_ok(coherent_fabric_read(ends.peer, &remote, &ends.local, LONG, .count = 300));
	assert_true(has(&ends.local, 99, 1, 1) && has(&ends.local, 100, 9, 50) &&
		    has(&ends.local, 150, 1, 1));
	for (size_t i = 0; i < 200; i++) {
		uint8_t byte;

		assert_ok(coherent_read(&mem, i, &byte));
		assert_int_equal(byte, i >= 100 && i < 150 ? 9 : 1);
	}
}

/* The library watches a hardened device, and a traced one in the same way. */
static void hardened_mem_is_reached(void **state)
{
	peer_reads_and_writes_a_mem(state);
}

static void each_mem_has_a_key_of_its_own(void **state)
{
	enum { MANY = 100 };
	static union any_mem mems[MANY];
	uint64_t keys[MANY];

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		struct coherent_remote remote;

		assert_ok(coherent_zeroed(&mems[i], ends.target, 1));
		assert_ok(coherent_remote(&mems[i], &remote));
		keys[i] = remote.key;
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(keys[k], keys[i]);
	}
	for (size_t i = 0; i < MANY; i++)
		coherent_free(&mems[i]);
}

/* Makes a struct as a peer could that forges one. */
static struct coherent_remote forge(const struct coherent_remote *from, uint64_t key, uint64_t more)
{
	struct coherent_remote remote = *from;

	remote.key ^= htole64(key);
	remote.bytes = htole64(le64toh(remote.bytes) + more);
	remote.permission = 0;
	remote.check = fabric_checksum(&remote);
	return remote;
}

/* A provider refuses by an error or by the end of the connection. Then the next transfer works. */
static void refused(int err)
{
	assert_true(err == -EIO || err == -ENODEV);
	ends_reconnect(&ends);
}

static int read_all(const struct coherent_remote *remote)
{
	return coherent_fabric_read(ends.peer, remote, &ends.local, LONG, .count = PAGE);
}

static void forged_keys_are_refused(void **state)
{
	ANY_MEM_AUTO(mem);
	struct coherent_remote remote, forged;

	(void)state;
	assert_ok(coherent_zeroed(&mem, ends.target, PAGE));
	fill(&mem, 0x11);
	assert_ok(coherent_remote(&mem, &remote));
	forged = forge(&remote, 1, 0);
	refused(read_all(&forged));
	assert_true(has(&ends.local, 0, 0, PAGE));
	assert_ok(read_all(&remote));
	assert_true(has(&ends.local, 0, 0x11, PAGE));
	/* One byte past the end. */
	forged = forge(&remote, 0, PAGE);
	refused(coherent_fabric_read(ends.peer, &forged, &ends.local, LONG, .offset = 1,
				     .count = PAGE));
	assert_ok(read_all(&remote));
}

/* Some providers say that a refused write succeeded, so the memory tells. */
static void read_only_mem_is_not_written(void **state)
{
	ANY_MEM_AUTO(mem);
	struct coherent_remote remote, forged;

	(void)state;
	assert_ok(coherent_zeroed(&mem, ends.target, PAGE, .permission = COHERENT_READ_ONLY));
	assert_ok(coherent_remote(&mem, &remote));
	fill(&ends.local, 0x22);
	assert_err(coherent_fabric_write(ends.peer, &remote, &ends.local, LONG, .count = 1),
		   -EINVAL);
	assert_true(log_has(&ends.log, "COHERENT_READ_ONLY"));
	forged = forge(&remote, 0, 0);
	(void)!coherent_base_fabric_transfer(
		ends.peer, &forged,
		&(struct coherent_fabric_options){ COHERENT_SIZED(coherent_fabric_options),
						   .mem = (void *)&ends.local.base,
						   .timeout_ns = LONG, .count = PAGE },
		1, true);
	ends_reconnect(&ends);
	assert_ok(read_all(&remote));
	assert_true(has(&mem, 0, 0, PAGE));
}

static void ended_mem_is_refused(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	ANY_MEM_AUTO(mem);
	struct coherent_remote remote, second;

	(void)state;
	assert_ok(coherent_zeroed(&mem, ends.target, PAGE));
	fill(&mem, 0x33);
	assert_ok(coherent_remote(&mem, &remote));
	assert_ok(read_all(&remote));
	assert_ok(coherent_reclaim(&mem, &box));
	assert_true(is_all(coherent_box_ptr(&box), 0x33, PAGE));
	refused(read_all(&remote));
	assert_ok(coherent_expose(&box, &mem));
	/* The old key does not open the mem again. */
	refused(read_all(&remote));
	assert_ok(coherent_remote(&mem, &second));
	assert_ok(read_all(&second));
	coherent_free(&mem);
	refused(read_all(&second));
}

static void limits_are_those_of_an_endpoint(void **state)
{
	struct coherent_limits limits;

	(void)state;
	assert_ok(coherent_device_limits(ends.target, &limits));
	assert_int_equal(limits.mappings, SIZE_MAX);
	assert_true(limits.unmap_is_fence);
	assert_int_equal(limits.page_bytes, PAGE);
	assert_int_equal(limits.vectors, 0);
	for (size_t i = 0; i < ARRAY_SIZE(limits.bar_bytes); i++)
		assert_int_equal(limits.bar_bytes[i], 0);
}

static void bad_arguments_are_refused(void **state)
{
	ANY_MEM_AUTO(mem);
	COHERENT_DEVICE_AUTO(sim);
	COHERENT_AUTO(uint8_t, foreign);
	struct coherent_remote remote, changed;
	struct coherent_fabric_name name;
	struct coherent_fabric_peer *peer;

	(void)state;
	assert_err(coherent_remote(&mem, &remote), -EINVAL);
	assert_ok(coherent_zeroed(&mem, ends.target, PAGE));
	assert_ok(coherent_remote(&mem, &remote));
	assert_err(coherent_remote(&mem, NULL), -EINVAL);
	assert_ok(coherent_device_open(&sim, "sim:edu", .report = log_report,
				       .report_arg = &ends.log));
	assert_ok(coherent_zeroed(&foreign, sim, PAGE));
	assert_err(coherent_remote(&foreign, &changed), -EINVAL);
	assert_true(log_has(&ends.log, "not of fabric:"));
	assert_err(coherent_fabric_get_name(sim, &name), -EINVAL);
	assert_err(coherent_fabric_get_name(NULL, &name), -ENODEV);
	assert_err(coherent_fabric_get_name(ends.target, NULL), -EINVAL);
	assert_err(coherent_fabric_read(NULL, &remote, &ends.local, LONG), -EINVAL);
	assert_err(coherent_fabric_read(ends.peer, NULL, &ends.local, LONG), -EINVAL);
	assert_err(coherent_fabric_read(ends.peer, &remote, &foreign, LONG), -EINVAL);
	assert_true(log_has(&ends.log, "another device"));
	assert_err(coherent_fabric_read(ends.peer, &remote, &ends.local, LONG, .offset = 1),
		   -ERANGE);
	assert_err(coherent_fabric_read(ends.peer, &remote, &ends.local, LONG, .first = 4 * PAGE),
		   -ERANGE);
	assert_true(log_has(&ends.log, ".first = 16384 is past the end"));
	assert_err(coherent_fabric_read(ends.peer, &remote, &ends.local, LONG, .first = PAGE,
					.count = SIZE_MAX),
		   -ERANGE);
	for (size_t i = 0; i < sizeof(remote); i++) {
		changed = remote;
		((uint8_t *)&changed)[i] ^= 0x80;
		assert_err(read_all(&changed), -EINVAL);
	}
	memset(&changed, 0, sizeof(changed));
	assert_err(read_all(&changed), -EINVAL);
	assert_ok(coherent_fabric_get_name(ends.target, &name));
	assert_err(coherent_fabric_connect(&peer, ends.initiator, NULL), -EINVAL);
	assert_null(peer);
	name.bytes = htole32(125);
	assert_err(coherent_fabric_connect(&peer, ends.initiator, &name), -EINVAL);
	assert_err(coherent_fabric_connect(&peer, sim, &name), -EINVAL);
	/* None of these calls has harmed the connection. */
	assert_ok(read_all(&remote));
}

/* A caller that polls has the endpoint for itself, but only until its call returns. */
static void end_that_has_polled_serves_its_peers(void **state)
{
	ANY_MEM_AUTO(mem);
	struct coherent_fabric_peer *back;
	struct coherent_fabric_name name;
	struct coherent_remote remote, local;
	int err;

	(void)state;
	assert_ok(coherent_zeroed(&mem, ends.target, PAGE));
	assert_ok(coherent_remote(&mem, &remote));
	assert_ok(coherent_remote(&ends.local, &local));
	assert_ok(coherent_fabric_get_name(ends.initiator, &name));
	assert_ok(coherent_fabric_connect(&back, ends.target, &name));
	fill(&ends.local, 0x55);
	assert_ok(coherent_fabric_read(back, &local, &mem, LONG, .count = PAGE));
	for (unsigned int i = 0; i < 20; i++) {
		/* Some of these calls give up, and their transfers go on. */
		err = coherent_fabric_read(ends.peer, &remote, &ends.local, i % 2 ? LONG : 0,
					   .count = PAGE);
		assert_true(!err || (!(i % 2) && err == -ETIMEDOUT));
		assert_ok(coherent_fabric_read(back, &local, &mem, LONG, .count = PAGE));
		assert_true(has(&mem, 0, 0x55, PAGE));
	}
	coherent_fabric_disconnect(back);
}

/* The name of the endpoint stays over a fence. */
static void fence_keeps_the_name(void **state)
{
	ANY_MEM_AUTO(mem);
	struct coherent_fabric_name before, after;
	struct coherent_remote remote;

	(void)state;
	assert_ok(coherent_zeroed(&mem, ends.target, PAGE));
	fill(&mem, 0x44);
	assert_ok(coherent_remote(&mem, &remote));
	assert_ok(read_all(&remote));
	assert_ok(coherent_fabric_get_name(ends.target, &before));
	assert_ok(coherent_device_fence(ends.target));
	assert_ok(coherent_fabric_get_name(ends.target, &after));
	assert_memory_equal(&before, &after, sizeof(before));
	ends_reconnect(&ends);
	assert_ok(read_all(&remote));
	assert_true(has(&ends.local, 0, 0x44, PAGE));
}

static void *fence_often(void *arg)
{
	int err = 0;

	(void)arg;
	for (unsigned int i = 0; !err && i < 5; i++)
		err = coherent_device_fence(ends.initiator);
	return (void *)(intptr_t)err;
}

/* The library compares the name with that of an endpoint that a fence opens again meanwhile. */
static void peers_are_connected_during_a_fence(void **state)
{
	struct coherent_fabric_name name;
	struct coherent_fabric_peer *peer;
	pthread_t fence;
	void *err;

	(void)state;
	assert_ok(coherent_fabric_get_name(ends.target, &name));
	assert_ok(pthread_create(&fence, NULL, fence_often, NULL));
	for (unsigned int i = 0; i < 200; i++) {
		assert_ok(coherent_fabric_connect(&peer, ends.initiator, &name));
		coherent_fabric_disconnect(peer);
	}
	assert_ok(pthread_join(fence, &err));
	assert_null(err);
}

/**
 * struct reader - A read in a thread of its own.
 * @remote: The mem of the target.
 * @err: The result.
 * @is_done: The thread has set @err.
 * @thread: The thread.
 */
struct reader {
	struct coherent_remote remote;
	int err;
	atomic_bool is_done;
	pthread_t thread;
};

static void *read_it(void *arg)
{
	struct reader *reader = arg;

	reader->err = read_all(&reader->remote);
	atomic_store(&reader->is_done, true);
	return NULL;
}

static void begin_read(struct reader *reader)
{
	atomic_init(&reader->is_done, false);
	assert_ok(pthread_create(&reader->thread, NULL, read_it, reader));
}

/* The target serves peers only here. */
static int end_read(struct reader *reader)
{
	while (!atomic_load(&reader->is_done))
		assert_ok(coherent_fabric_progress(ends.target, MS));
	assert_ok(pthread_join(reader->thread, NULL));
	return reader->err;
}

static bool has_begun(void)
{
	struct fabric *fabric = (struct fabric *)ends.initiator->backend;
	bool has_some;

	lock_take(&fabric->lock);
	has_some = !LIST_EMPTY(&fabric->transfers);
	lock_drop(&fabric->lock);
	return has_some;
}

/* A request that the target has not served is lost, because its connection ends. */
static void fence_ends_the_connections(void **state)
{
	ANY_MEM_AUTO(mem);
	struct reader reader;
	const struct fabric *fabric = (const struct fabric *)ends.target->backend;

	(void)state;
	/* Other providers, and cards, may serve peers at any time, without a call. */
	if (fabric->info->domain_attr->data_progress != FI_PROGRESS_MANUAL ||
	    !fabric->backend.leaves_decoys)
		return;
	assert_ok(coherent_zeroed(&mem, ends.target, PAGE));
	assert_ok(coherent_remote(&mem, &reader.remote));
	begin_read(&reader);
	assert_ok(end_read(&reader));
	begin_read(&reader);
	while (!has_begun())
		sched_yield();
	assert_ok(coherent_device_fence(ends.target));
	assert_err(end_read(&reader), -ENODEV);
}

/* Memory stays valid when the peer is gone. */
static void peer_that_is_gone_is_found_out(void **state)
{
	ANY_MEM_AUTO(mem);
	struct coherent_remote remote;
	uint8_t byte;
	int err;

	(void)state;
	assert_ok(coherent_zeroed(&mem, ends.target, PAGE));
	assert_ok(coherent_remote(&mem, &remote));
	assert_ok(read_all(&remote));
	coherent_device_close(ends.target);
	err = coherent_fabric_read(ends.peer, &remote, &ends.local, 2000 * MS, .count = 1);
	assert_true(err == -ENODEV || err == -ETIMEDOUT);
	assert_ok(coherent_read(&mem, 0, &byte));
	assert_ok(coherent_read(&ends.local, 0, &byte));
	coherent_free(&mem);
	ends.target = NULL;
	assert_true(log_has(&ends.log, "not freed"));
	ends.log = (struct log)LOG_EMPTY;
}

static void *progress_once(void *arg)
{
	int *err = arg;

	*err = coherent_fabric_progress(ends.target, LONG);
	return NULL;
}

/* The call holds the device, so the close does not free it under the thread. */
static void close_ends_a_call_that_serves_peers(void **state)
{
	const unsigned int before = ends.target->ref.count;
	pthread_t thread;
	int err = 0;

	(void)state;
	assert_ok(pthread_create(&thread, NULL, progress_once, &err));
	for (unsigned int i = 0; ends.target->ref.count == before && i < 20000; i++)
		assert_ok(usleep(1000));
	assert_int_equal(ends.target->ref.count, before + 1);
	coherent_device_close(ends.target);
	ends.target = NULL;
	assert_ok(pthread_join(thread, NULL));
	assert_err(err, -ENODEV);
}

/* The device of a peer may be closed first. */
static void peer_outlives_its_device(void **state)
{
	ANY_MEM_AUTO(mem);
	struct coherent_remote remote;

	(void)state;
	assert_ok(coherent_zeroed(&mem, ends.target, PAGE));
	assert_ok(coherent_remote(&mem, &remote));
	assert_ok(read_all(&remote));
	coherent_device_close(ends.initiator);
	assert_err(read_all(&remote), -ENODEV);
	coherent_free(&ends.local);
	coherent_fabric_disconnect(ends.peer);
	ends.initiator = NULL;
	ends.peer = NULL;
	assert_true(log_has(&ends.log, "not freed"));
	ends.log = (struct log)LOG_EMPTY;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(peer_reads_and_writes_a_mem, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hardened_mem_is_reached, set_up_hardened,
						tear_down),
		cmocka_unit_test_setup_teardown(each_mem_has_a_key_of_its_own, set_up, tear_down),
		cmocka_unit_test_setup_teardown(forged_keys_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(read_only_mem_is_not_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ended_mem_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(limits_are_those_of_an_endpoint, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bad_arguments_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(end_that_has_polled_serves_its_peers, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(fence_keeps_the_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(peers_are_connected_during_a_fence, set_up_manual,
						tear_down),
		cmocka_unit_test_setup_teardown(fence_ends_the_connections, set_up_manual,
						tear_down),
		cmocka_unit_test_setup_teardown(peer_that_is_gone_is_found_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(close_ends_a_call_that_serves_peers, set_up_manual,
						tear_down),
		cmocka_unit_test_setup_teardown(peer_outlives_its_device, set_up, tear_down),
	};

	provider = provider_of(argc, argv);
	return provider ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
