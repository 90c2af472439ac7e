// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A driver closes a device whose peer has its memory as files. The live objects stay, and they are out
 * of the peer's reach.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vfio_user_test.h"

#define BYTES ((size_t)4096)
#define PAGES_WRITTEN 16384u

static void start(void **state)
{
	(void)state;
	peer = peer_new();
	peer->no_dma = true;
	peer_start(peer);
	assert_ok(try_peer_with(",files,timeout=5000"));
	assert_ok(coherent_bar_open(&bar, dev, 0));
}

static void close_device(void)
{
	coherent_bar_close(bar);
	bar = NULL;
	coherent_device_close(dev);
	dev = NULL;
}

static void closed_device_leaves_private_memory(void **state)
{
	COHERENT_AUTO(uint8_t, fixed);
	COHERENT_AUTO(uint8_t, mem);
	uint8_t byte;
	char *kept;

	start(state);
	assert_ok(coherent_zeroed(&mem, dev, BYTES));
	assert_ok(coherent_write(&mem, 0, 6));
	kept = peer_maps_keep(&peer->maps);
	assert_ok(coherent_zeroed(&fixed, dev, BYTES, .permission = COHERENT_READ_ONLY));
	close_device();
	memset(kept, 0x5a, BYTES);
	assert_ok(coherent_read(&mem, 0, &byte));
	assert_int_equal(byte, 6);
	munmap(kept, BYTES);
	assert_ok(coherent_write(&fixed, 0, 7));
	assert_ok(coherent_read(&fixed, 0, &byte));
	assert_int_equal(byte, 7);
}

/* @counts is how often the thread has written to all pages. */
struct writer {
	union byte_mem mem;
	unsigned int counts;
	bool ends;
	bool has_lost;
};

/* The only writer reads what it wrote before. */
static bool count_in_each_page(union byte_mem *mem, uint8_t count)
{
	uint8_t byte;

	for (size_t at = 0; at < PAGES_WRITTEN * BYTES; at += BYTES)
		if (coherent_read(mem, at, &byte) || byte != count ||
		    coherent_write(mem, at, (uint8_t)(byte + 1)))
			return false;
	return true;
}

static void *count_until_the_end(void *arg)
{
	struct writer *writer = arg;
	unsigned int counts = 0;

	while (!__atomic_load_n(&writer->ends, __ATOMIC_ACQUIRE) && !writer->has_lost) {
		writer->has_lost = !count_in_each_page(&writer->mem, (uint8_t)counts);
		__atomic_store_n(&writer->counts, ++counts, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Returns after the writer has written to all pages once more. */
static void wait_for_count(const struct writer *writer)
{
	const unsigned int seen = __atomic_load_n(&writer->counts, __ATOMIC_ACQUIRE);

	while (__atomic_load_n(&writer->counts, __ATOMIC_ACQUIRE) == seen)
		usleep(1000);
}

static void close_loses_no_write(void **state)
{
	struct writer writer = { .mem = COHERENT_EMPTY };
	pthread_t thread;

	start(state);
	assert_ok(coherent_zeroed(&writer.mem, dev, PAGES_WRITTEN * BYTES));
	assert_ok(pthread_create(&thread, NULL, count_until_the_end, &writer));
	wait_for_count(&writer);
	close_device();
	__atomic_store_n(&writer.ends, true, __ATOMIC_RELEASE);
	assert_ok(pthread_join(thread, NULL));
	if (!writer.has_lost)
		assert_true(count_in_each_page(&writer.mem, (uint8_t)writer.counts));
	coherent_free(&writer.mem);
	assert_false(writer.has_lost);
}

/* The child has copies of the descriptors, and it does not have the memory. */
static void forked_child_does_not_keep_the_connection(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	int hold[2], status;
	pid_t child;
	char byte;

	start(state);
	assert_ok(coherent_zeroed(&mem, dev, BYTES));
	assert_ok(pipe(hold));
	child = fork();
	if (!child) {
		close(hold[1]);
		coherent_free(&mem);
		_exit(read(hold[0], &byte, 1) != 0);
	}
	close(hold[0]);
	assert_ok(transfer(PEER_READ, coherent_addr(&mem).raw, BYTES));
	close_device();
	while (peer->maps.count)
		usleep(1000);
	close(hold[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(closed_device_leaves_private_memory, stop_peer),
		cmocka_unit_test_teardown(close_loses_no_write, stop_peer),
		cmocka_unit_test_teardown(forked_child_does_not_keep_the_connection, stop_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
