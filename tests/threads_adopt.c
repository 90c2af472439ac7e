// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Threads that adopt memory of the driver. ThreadSanitizer runs these tests too.
 */
#include <coherent/loan.h>

#include "adopt_test.h"

#define TURNS 10
/* So many that threads meet during a reclaim. */
#define FIGHTS 1000
#define THREADS 4

static struct coherent_device *dev;
static uint8_t *memory;

/* A thread returns this, because only the main thread may fail a test. */
static char box_failed;
static bool is_done;

/*
 * Memory that the library gets while another thread adopts some must not stop both. The boxes are
 * large, so that the kernel takes long for each.
 */
static void *allocate(void *arg)
{
	(void)arg;
	for (size_t i = 1; i <= TURNS; i++) {
		union page_box box = COHERENT_EMPTY;

		if (coherent_box_zeroed(&box, dev, (i + 16) << 20)) {
			__atomic_store_n(&is_done, true, __ATOMIC_RELAXED);
			return &box_failed;
		}
		coherent_box_free(&box);
	}
	__atomic_store_n(&is_done, true, __ATOMIC_RELAXED);
	return NULL;
}

static void one_adopts_while_another_allocates(void **state)
{
	pthread_t thread;
	void *failed;

	(void)state;
	memory = get_pages(1);
	assert_ok(coherent_device_open(&dev, "sim:edu,mask=48"));
	assert_ok(pthread_create(&thread, NULL, allocate, NULL));
	while (!__atomic_load_n(&is_done, __ATOMIC_RELAXED)) {
		union page_box box = COHERENT_EMPTY;

		assert_ok(coherent_box_adopt(&box, dev, memory, PAGE));
		coherent_box_free(&box);
	}
	assert_ok(pthread_join(thread, &failed));
	assert_null(failed);
	coherent_device_close(dev);
	put_pages(memory, 1);
}

/* How many objects have the page. */
static unsigned int owners;

/**
 * struct fight - What threads do that want the same page.
 * @won: How often one got it.
 * @shared: How often two had it.
 * @failed: How often another call failed.
 */
struct fight {
	unsigned int won;
	unsigned int shared;
	unsigned int failed;
};

static void count(unsigned int *counter, bool condition)
{
	if (condition)
		__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* The thread that has the page has it until the free, also during a reclaim. */
static void use_page(union page_box *box, struct fight *fight)
{
	union page_mem mem = COHERENT_EMPTY;

	count(&fight->shared, __atomic_fetch_add(&owners, 1, __ATOMIC_RELAXED));
	count(&fight->failed, coherent_expose(box, &mem));
	count(&fight->failed, coherent_reclaim(&mem, box, .idle = true));
	__atomic_fetch_sub(&owners, 1, __ATOMIC_RELAXED);
	coherent_box_free(box);
}

static void *want_page(void *arg)
{
	struct fight *fight = arg;

	for (size_t i = 0; i < FIGHTS; i++) {
		union page_box box = COHERENT_EMPTY;
		int err = coherent_box_adopt(&box, dev, memory, PAGE, .copy = true);

		count(&fight->won, !err);
		count(&fight->failed, err && err != -EBUSY);
		if (!err)
			use_page(&box, fight);
	}
	return NULL;
}

static void one_thread_has_a_page(void **state)
{
	static const char *const names[] = { "sim:edu", "sim:edu,lazy" };

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(names); n++) {
		pthread_t threads[THREADS];
		struct fight fight = { .won = 0 };

		memory = get_pages(1);
		assert_ok(coherent_device_open(&dev, names[n]));
		for (size_t i = 0; i < THREADS; i++)
			assert_ok(pthread_create(&threads[i], NULL, want_page, &fight));
		for (size_t i = 0; i < THREADS; i++)
			assert_ok(pthread_join(threads[i], NULL));
		assert_true(fight.won > 0);
		assert_int_equal(fight.shared, 0);
		assert_int_equal(fight.failed, 0);
		assert_int_equal(owners, 0);
		coherent_device_close(dev);
		put_pages(memory, 1);
	}
}

/* The device writes numbers to a loan until it is refused. The test has the last one that it wrote. */
static uint64_t target, last;
static bool is_running;

static void write_numbers(struct coherent_sim *sim, void *arg)
{
	uint64_t number = __atomic_load_n(&last, __ATOMIC_RELAXED);

	(void)arg;
	for (unsigned int i = 0; __atomic_load_n(&is_running, __ATOMIC_ACQUIRE) && i < 1000; i++) {
		number++;
		if (coherent_sim_dma_write(sim, target, &number, sizeof(number)))
			__atomic_store_n(&is_running, false, __ATOMIC_RELEASE);
		else
			__atomic_store_n(&last, number, __ATOMIC_RELEASE);
	}
}

static void wait_until_written(void)
{
	while (__atomic_load_n(&last, __ATOMIC_ACQUIRE) < 100)
		;
}

static void wait_until_refused(void)
{
	while (__atomic_load_n(&is_running, __ATOMIC_ACQUIRE))
		;
}

/* The copy of so many pages takes a while, and the device can write meanwhile. */
static void free_of_a_loan_returns_the_last_write(void **state)
{
	static const struct coherent_sim_model model = {
		.name = "writer",
		.mask = UINT64_MAX,
		.tick = write_numbers,
	};
	uint64_t *const numbers = (uint64_t *)get_pages(256);

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom", .model = &model));
	for (unsigned int turn = 0; turn < TURNS; turn++) {
		COHERENT_BOX(uint64_t) box = COHERENT_EMPTY;
		COHERENT_LOAN(uint64_t) loan = COHERENT_EMPTY;

		assert_ok(coherent_box_adopt(&box, dev, numbers, 256 * PAGE / sizeof(*numbers)));
		assert_ok(coherent_lend(&box, &loan, COHERENT_FROM_DEVICE));
		target = coherent_loan_addr(&loan).raw;
		__atomic_store_n(&last, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&is_running, true, __ATOMIC_RELEASE);
		wait_until_written();
		coherent_loan_free(&loan);
		wait_until_refused();
		assert_int_equal(numbers[0], last);
	}
	coherent_device_close(dev);
	put_pages((uint8_t *)numbers, 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_adopts_while_another_allocates),
		cmocka_unit_test(one_thread_has_a_page),
		cmocka_unit_test(free_of_a_loan_returns_the_last_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
