// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* This test checks which sizes of a queue a driver can choose. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PEER(size_of_a_queue_is_a_power_of_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
