// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Threads that use mems and their twins, and devices beside each other. This file has no wrappers of
 * inject.c, whose counters ThreadSanitizer would report.
 */
#include <coherent/share.h>

#include "test.h"

#define NAME "sim:edu,step"

static struct coherent_device *open_device(struct coherent_device *beside)
{
	struct coherent_device *dev;

	assert_ok(coherent_device_open(&dev, NAME, .beside = beside));
	return dev;
}

/* --- Twins --- */

COHERENT_TWIN_TYPE(byte_twin, uint8_t);

static void *free_twin(void *arg)
{
	union byte_twin *twin = arg;

	assert_ok(coherent_write(twin, 0, , 1));
	coherent_free(twin);
	return NULL;
}

/* Both devices are the first of one mem and the second of another, and all end at one time. */
static void threads_may_end_a_mem_and_its_twins(void **state)
{
	struct coherent_device *a = open_device(NULL), *b;

	(void)state;
	assert_ok(coherent_device_open(&b, NAME ",lazy"));
	for (unsigned int i = 0; i < 200; i++) {
		COHERENT(uint8_t) of_a = COHERENT_EMPTY, of_b = COHERENT_EMPTY;
		union byte_twin twins[4] = { COHERENT_EMPTY };
		pthread_t threads[4];

		assert_ok(coherent_zeroed(&of_a, a, PAGE));
		assert_ok(coherent_zeroed(&of_b, b, PAGE));
		for (size_t k = 0; k < 4; k++)
			if (k % 2)
				assert_ok(coherent_share(&of_a, b, &twins[k]));
			else
				assert_ok(coherent_share(&of_b, a, &twins[k]));
		for (size_t k = 0; k < 4; k++)
			assert_ok(pthread_create(&threads[k], NULL, free_twin, &twins[k]));
		if (i % 3) {
			coherent_free(&of_a);
			coherent_free(&of_b);
		}
		assert_ok(coherent_device_fence(i % 2 ? a : b));
		for (size_t k = 0; k < 4; k++)
			assert_ok(pthread_join(threads[k], NULL));
		coherent_free(&of_a);
		coherent_free(&of_b);
	}
	coherent_device_close(a);
	coherent_device_close(b);
}

COHERENT_TYPE(byte_mem, uint8_t);

/* A twin may end at any moment of a reclaim. */
static void reclaim_works_once_the_twin_has_ended(void **state)
{
	struct coherent_device *a = open_device(NULL), *b = open_device(NULL);

	(void)state;
	for (unsigned int i = 0; i < 300; i++) {
		COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
		union byte_twin twin = COHERENT_EMPTY;
		union byte_mem mem = COHERENT_EMPTY;
		pthread_t thread;
		int err;

		assert_ok(coherent_zeroed(&mem, a, 1));
		assert_ok(coherent_share(&mem, b, &twin));
		assert_ok(pthread_create(&thread, NULL, free_twin, &twin));
		do
			err = coherent_reclaim(&mem, &box);
		while (err == -EBUSY);
		assert_ok(err);
		assert_ok(pthread_join(thread, NULL));
		coherent_box_free(&box);
	}
	coherent_device_close(a);
	coherent_device_close(b);
}

/* --- Devices beside each other --- */

static int try_byte(struct coherent_device *dev, coherent_addr_t at, enum coherent_access access)
{
	uint8_t byte = 0x5a;

	return coherent_sim_try_addr(dev, at, &byte, 1, access);
}

static void *allocate(void *arg)
{
	struct coherent_device *dev = arg;

	for (unsigned int i = 0; i < 500; i++) {
		COHERENT_AUTO(uint8_t, mem);

		assert_ok(coherent_zeroed(&mem, dev, (i % 7 + 1) * PAGE));
		assert_ok(try_byte(dev, coherent_addr(&mem), COHERENT_ACCESS_WRITE));
	}
	return NULL;
}

static void *open_and_close(void *arg)
{
	for (unsigned int i = 0; i < 50; i++) {
		struct coherent_device *dev = open_device(arg);
		COHERENT(uint8_t) mem = COHERENT_EMPTY;

		assert_ok(coherent_device_set_mask(dev, coherent_mask(26 + i % 4)));
		assert_ok(coherent_zeroed(&mem, dev, PAGE));
		assert_ok(try_byte(arg, coherent_addr(&mem), COHERENT_ACCESS_WRITE));
		coherent_device_close(dev);
		coherent_free(&mem);
	}
	return NULL;
}

static void threads_may_open_beside_one_device(void **state)
{
	struct coherent_device *a = open_device(NULL);
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_ok(pthread_create(&threads[i], NULL, i % 2 ? open_and_close : allocate, a));
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_ok(pthread_join(threads[i], NULL));
	coherent_device_close(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_may_end_a_mem_and_its_twins),
		cmocka_unit_test(reclaim_works_once_the_twin_has_ended),
		cmocka_unit_test(threads_may_open_beside_one_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
