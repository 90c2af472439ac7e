// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Threads that adopt memory of the driver. ThreadSanitizer runs these tests too.
 */
#include "adopt_test.h"

#define TURNS 300
#define THREADS 3

static struct coherent_device *dev;
static uint8_t *memory;

/* Memory that the library gets while another thread adopts some must not stop both. */
static void *allocate(void *arg)
{
	(void)arg;
	for (size_t i = 1; i <= TURNS; i++) {
		union page_box box = COHERENT_EMPTY;

		assert_ok(coherent_box_zeroed(&box, dev, i * 16 * PAGE));
		coherent_box_free(&box);
	}
	return NULL;
}

static void *adopt_and_free(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < 10 * TURNS; i++) {
		union page_box box = COHERENT_EMPTY;

		assert_ok(coherent_box_adopt(&box, dev, memory, PAGE));
		coherent_box_free(&box);
	}
	return NULL;
}

static void one_adopts_while_another_allocates(void **state)
{
	pthread_t thread;

	(void)state;
	memory = get_pages(1);
	assert_ok(coherent_device_open(&dev, "sim:edu,mask=48"));
	assert_ok(pthread_create(&thread, NULL, allocate, NULL));
	(void)adopt_and_free(NULL);
	assert_ok(pthread_join(thread, NULL));
	coherent_device_close(dev);
	put_pages(memory, 1);
}

/* How many objects have the page. */
static unsigned int owners;

/* All threads want the same page. One of them has it at a time, also during its reclaim. */
static void *fight(void *won)
{
	for (size_t i = 0; i < TURNS; i++) {
		union page_mem mem = COHERENT_EMPTY;
		union page_box box = COHERENT_EMPTY;
		int err = coherent_box_adopt(&box, dev, memory, PAGE, .copy = true);

		if (err) {
			assert_err(err, -EBUSY);
			continue;
		}
		__atomic_fetch_add((unsigned int *)won, 1, __ATOMIC_RELAXED);
		assert_int_equal(__atomic_fetch_add(&owners, 1, __ATOMIC_RELAXED), 0);
		assert_ok(coherent_expose(&box, &mem));
		assert_ok(coherent_reclaim(&mem, &box, .idle = true));
		coherent_box_ptr(&box)[0]++;
		/* From the free on, another thread may have the page. */
		__atomic_fetch_sub(&owners, 1, __ATOMIC_RELAXED);
		coherent_box_free(&box);
	}
	return NULL;
}

static void one_thread_has_a_page(void **state)
{
	static const char *const names[] = { "sim:edu", "sim:edu,lazy" };

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(names); n++) {
		pthread_t threads[THREADS];
		unsigned int won = 0;

		memory = get_pages(1);
		assert_ok(coherent_device_open(&dev, names[n]));
		for (size_t i = 0; i < THREADS; i++)
			assert_ok(pthread_create(&threads[i], NULL, fight, &won));
		for (size_t i = 0; i < THREADS; i++)
			assert_ok(pthread_join(threads[i], NULL));
		assert_true(won > 0);
		assert_int_equal(owners, 0);
		coherent_device_close(dev);
		put_pages(memory, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_adopts_while_another_allocates),
		cmocka_unit_test(one_thread_has_a_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
