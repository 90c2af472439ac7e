// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check which sizes and places of a queue a driver can choose, and that a queue starts
 * whatever the peer lacks.
 */
#include "vhost_test.h"

#define NUMBER_MAX 1024

static bool is_accepted(struct fixture *fixture, uint32_t number)
{
	/* A reset forgets the queue. */
	coherent_bar_write32(fixture->bar, STATUS, 0);
	coherent_bar_write32(fixture->bar, QUEUE, 0);
	coherent_bar_write32(fixture->bar, NUMBER, number);
	coherent_bar_write32(fixture->bar, READY, 1);
	return coherent_bar_read32(fixture->bar, READY);
}

static void size_of_a_queue_is_a_power_of_two(void **state)
{
	struct fixture *fixture = open_fixture("");

	(void)state;
	assert_int_equal(coherent_bar_read32(fixture->bar, NUM_MAX), NUMBER_MAX);
	for (uint32_t number = 0; number <= 2 * NUMBER_MAX; number++)
		assert_int_equal(is_accepted(fixture, number),
				 number && number <= NUMBER_MAX && !(number & (number - 1)));
	assert_false(is_accepted(fixture, 1U << 31));
	close_fixture(fixture);
}

static void assert_wrong_place(struct fixture *fixture, uint64_t at)
{
	log_clear(&fixture->log);
	assert_err(start_virtio_at(fixture, at), -EIO);
	/* The device sets NEEDS_RESET. */
	assert_int_equal(coherent_bar_read32(fixture->bar, STATUS), 15 | 0x40);
	assert_true(log_has(&fixture->log, "is not in memory that is exposed"));
}

/* Memory is taken back in both ways. */
static void queue_in_lost_memory_does_not_start(void **state)
{
	struct fixture *fixture = open_fixture("");
	uint64_t at = coherent_addr(&fixture->rings).raw;

	(void)state;
	assert_ok(start_virtio(fixture));
	coherent_bar_write32(fixture->bar, STATUS, 0);
	assert_ok(coherent_reclaim(&fixture->rings, &fixture->box, .idle = true));
	assert_wrong_place(fixture, at);
	coherent_bar_write32(fixture->bar, STATUS, 0);
	assert_ok(coherent_expose(&fixture->box, &fixture->rings));
	at = coherent_addr(&fixture->rings).raw;
	coherent_free(&fixture->rings);
	assert_ok(coherent_device_fence(fixture->dev));
	assert_wrong_place(fixture, at);
	close_fixture(fixture);
}

static void queue_starts_without_any_optional_feature(void **state)
{
	(void)state;
	for (uint64_t lacks = 0; lacks <= PEER_PROTOCOL; lacks++) {
		struct fixture *fixture;

		if (lacks & ~PEER_PROTOCOL)
			continue;
		peer.script->protocol = PEER_PROTOCOL & ~lacks;
		fixture = open_fixture("");
		assert_ok(start_virtio(fixture));
		close_fixture(fixture);
	}
}

/* The peer learns of the features when the driver has chosen them, and not before or again. */
static void features_are_sent_once(void **state)
{
	struct fixture *fixture = open_fixture("");
	const unsigned int *seen = &peer.script->seen[VHOST_USER_SET_FEATURES];
	const unsigned int before = *seen;

	(void)state;
	coherent_bar_write32(fixture->bar, STATUS, 1);
	coherent_bar_write32(fixture->bar, STATUS, 3);
	coherent_bar_read32(fixture->bar, CONFIG);
	assert_int_equal(*seen, before);
	assert_ok(start_virtio(fixture));
	coherent_bar_read32(fixture->bar, CONFIG);
	assert_int_equal(*seen, before + 1);
	close_fixture(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PEER(size_of_a_queue_is_a_power_of_two),
		WITH_PEER(queue_in_lost_memory_does_not_start),
		WITH_PEER(queue_starts_without_any_optional_feature),
		WITH_PEER(features_are_sent_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
