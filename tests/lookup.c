// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests look up objects by pointer and by device address, expose several objects with one
 * call, and read the counters of a device.
 */
#include <coherent/pool.h>

#include "test.h"

struct small {
	uint64_t word[5];
};

static struct coherent_device *dev;
static struct log reports;

static int open_device(void **state)
{
	(void)state;
	reports = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(&dev, "sim:edu,step,mask=40", .report = log_report,
				       .report_arg = &reports));
	return 0;
}

static int close_device(void **state)
{
	(void)state;
	coherent_device_close(dev);
	return 0;
}

static void assert_info(const struct coherent_info *info, enum coherent_state state,
			uint64_t address, uint64_t bytes, uint64_t offset)
{
	assert_int_equal(info->state, state);
	assert_int_equal(info->address, address);
	assert_int_equal(info->bytes, bytes);
	assert_int_equal(info->offset, offset);
	assert_non_null(strstr(info->where, "tests/lookup.c:"));
}

static void assert_not_found(const void *ptr)
{
	struct coherent_info info;

	memset(&info, 1, sizeof(info));
	assert_err(coherent_find_ptr(dev, ptr, &info), -ERANGE);
	assert_true(is_all(&info, 0, sizeof(info)));
}

static void assert_no_object_at(uint64_t address)
{
	struct coherent_info info;

	memset(&info, 1, sizeof(info));
	assert_err(coherent_find_addr(dev, address, &info), -ERANGE);
	assert_true(is_all(&info, 0, sizeof(info)));
}

/* --- Pointers and addresses --- */

static void pointer_finds_its_object_in_each_phase(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	struct coherent_info info;
	const uint8_t *ptr;
	uint64_t address;

	(void)state;
	assert_ok(coherent_box_zeroed(&box, dev, 3 * PAGE - 10));
	ptr = coherent_box_ptr(&box);
	assert_ok(coherent_find_ptr(dev, ptr + 2 * PAGE + 5, &info));
	assert_int_equal(info.state, COHERENT_STATE_BOX);
	assert_int_equal(info.offset, 2 * PAGE + 5);
	/* The object ends with its last page. */
	assert_ok(coherent_find_ptr(dev, ptr + 3 * PAGE - 1, &info));
	assert_not_found(ptr + 3 * PAGE);
	assert_ok(coherent_expose(&box, &mem));
	address = coherent_addr(&mem).raw;
	assert_ok(coherent_find_ptr(dev, ptr + 1, &info));
	assert_info(&info, COHERENT_STATE_MEM, address, 3 * PAGE, 1);
	assert_ok(coherent_find_addr(dev, address + PAGE, &info));
	assert_info(&info, COHERENT_STATE_MEM, address, 3 * PAGE, PAGE);
	assert_no_object_at(address + 3 * PAGE);
	assert_ok(coherent_reclaim(&mem, &box));
	assert_ok(coherent_find_ptr(dev, ptr, &info));
	assert_int_equal(info.state, COHERENT_STATE_BOX);
	assert_int_not_equal(info.address, address);
	assert_ok(coherent_find_addr(dev, address + 7, &info));
	assert_info(&info, COHERENT_STATE_RECLAIMED, address, 3 * PAGE, 7);
	assert_ok(coherent_expose(&box, &mem));
	address = coherent_addr(&mem).raw;
	coherent_free(&mem);
	assert_not_found(ptr);
	assert_ok(coherent_find_addr(dev, address, &info));
	assert_info(&info, COHERENT_STATE_FREED, address, 3 * PAGE, 0);
}

/* The table of owners has a part for each 16 MiB of memory. */
static void pointer_into_a_large_box_is_found(void **state)
{
	const size_t bytes = (size_t)40 << 20;
	COHERENT_BOX_AUTO(uint8_t, box);
	struct coherent_info info;

	(void)state;
	assert_ok(coherent_box_zeroed(&box, dev, bytes));
	for (size_t offset = 0; offset < bytes; offset += bytes / 40) {
		assert_ok(coherent_find_ptr(dev, coherent_box_ptr(&box) + offset, &info));
		assert_int_equal(info.offset, offset);
		assert_int_equal(info.bytes, bytes);
	}
	assert_ok(coherent_find_ptr(dev, coherent_box_ptr(&box) + bytes - 1, &info));
	assert_int_equal(info.offset, bytes - 1);
}

static void pointer_to_nothing_finds_nothing(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	struct coherent_info info = { .bytes = 0 };
	const void *old;

	(void)state;
	assert_not_found(NULL);
	assert_not_found(&info);
	assert_not_found((void *)UINTPTR_MAX);
	assert_not_found((void *)(UINTPTR_MAX / 2));
	assert_no_object_at(0);
	assert_no_object_at(UINT64_MAX);
	assert_no_object_at(UINT64_C(1) << 39);
	assert_ok(coherent_box_zeroed(&box, dev, PAGE));
	old = coherent_box_ptr(&box);
	assert_ok(coherent_find_ptr(dev, old, &info));
	coherent_box_free(&box);
	/* The memory of the box waits for reuse and belongs to no object. */
	assert_not_found(old);
	assert_no_object_at(info.address);
	assert_err(coherent_find_ptr(NULL, old, &info), -ENODEV);
	assert_err(coherent_find_addr(NULL, 0, &info), -ENODEV);
}

/*
 * Freed memory of any size belongs to no object. The failed allocation takes the old record for
 * a moment, which must not make the old memory known again.
 */
static void freed_memory_finds_nothing(void **state)
{
	static const struct {
		size_t pages;
		size_t align;
	} cases[] = { { 1, 0 }, { 17, 0 }, { 3, 8192 }, { 2, 1 << 20 }, { 600, 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		COHERENT_BOX(uint8_t) box = COHERENT_EMPTY, none = COHERENT_EMPTY;
		const char *old;

		assert_ok(coherent_box_zeroed(&box, dev, cases[i].pages * PAGE,
					      .align = cases[i].align));
		old = (char *)coherent_box_ptr(&box);
		coherent_box_free(&box);
		assert_not_found(old);
		assert_err(coherent_box_zeroed(&none, dev, PAGE, .align = (size_t)1 << 50),
			   -ENOSPC);
		for (size_t page = 0; page < cases[i].pages; page++)
			assert_not_found(old + page * PAGE);
	}
}

static void *allocate_other_sizes(void *arg)
{
	while (!__atomic_load_n((bool *)arg, __ATOMIC_RELAXED)) {
		COHERENT_BOX_AUTO(uint8_t, small);
		COHERENT_AUTO(uint8_t, large);

		assert_ok(coherent_box_zeroed(&small, dev, 17 * PAGE));
		assert_ok(coherent_zeroed(&large, dev, 19 * PAGE));
	}
	return NULL;
}

/*
 * Another thread reuses the records and pages of freed boxes. An old pointer finds either no
 * object or the new one.
 */
static void dangling_pointer_is_safe(void **state)
{
	const char *old[20];
	struct coherent_info info;
	bool over = false;
	pthread_t other;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(old); i++) {
		COHERENT_BOX_AUTO(uint8_t, box);

		assert_ok(coherent_box_zeroed(&box, dev, (17 + i) * PAGE));
		old[i] = (char *)coherent_box_ptr(&box);
	}
	assert_ok(pthread_create(&other, NULL, allocate_other_sizes, &over));
	for (unsigned int turn = 0; turn < 100000; turn++) {
		int err = coherent_find_ptr(dev, old[turn % ARRAY_SIZE(old)] + turn % PAGE, &info);

		assert_true(!err || err == -ERANGE);
		if (err)
			continue;
		assert_true(info.bytes == 17 * PAGE || info.bytes == 19 * PAGE);
		assert_true(info.offset < info.bytes && info.address >= PAGE);
		assert_non_null(strstr(info.where, "tests/lookup.c:"));
	}
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	assert_ok(pthread_join(other, NULL));
}

static void closed_device_finds_nothing(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	struct coherent_info info;

	assert_ok(coherent_zeroed(&mem, dev, 1));
	coherent_device_close(dev);
	assert_err(coherent_find_ptr(dev, (void *)(uintptr_t)coherent_unsafe_ptr(&mem), &info),
		   -ENODEV);
	assert_err(coherent_find_addr(dev, coherent_addr(&mem).raw, &info), -ENODEV);
	open_device(state);
}

static void objects_of_another_device_are_not_found(void **state)
{
	COHERENT_DEVICE_AUTO(other);
	COHERENT_BOX_AUTO(uint8_t, box);
	struct coherent_info info;

	(void)state;
	assert_ok(coherent_device_open(&other, "sim:edu,step"));
	assert_ok(coherent_box_zeroed(&box, other, 1));
	assert_not_found(coherent_box_ptr(&box));
	assert_ok(coherent_find_ptr(other, coherent_box_ptr(&box), &info));
}

static void objects_of_a_pool_are_found(void **state)
{
	COHERENT_POOL(struct small) pool = COHERENT_EMPTY;
	COHERENT_BOX(struct small) boxes[200] = { COHERENT_EMPTY };
	COHERENT(struct small) mem = COHERENT_EMPTY;
	struct coherent_info info;
	uint64_t address;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev, .align = 16, .boundary = 256));
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++)
		assert_ok(coherent_pool_box(&pool, &boxes[i]));
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++) {
		assert_ok(coherent_find_ptr(dev, (char *)coherent_box_ptr(&boxes[i]) + 9, &info));
		assert_int_equal(info.state, COHERENT_STATE_BOX);
		assert_int_equal(info.bytes, 48);
		assert_int_equal(info.offset, 9);
		address = info.address;
		assert_ok(coherent_expose(&boxes[i], &mem));
		assert_int_equal(coherent_addr(&mem).raw, address);
		assert_ok(coherent_find_addr(dev, address + 47, &info));
		assert_info(&info, COHERENT_STATE_MEM, address, 48, 47);
		assert_ok(coherent_find_ptr(dev, (void *)(uintptr_t)coherent_unsafe_ptr(&mem),
					    &info));
		assert_info(&info, COHERENT_STATE_MEM, address, 48, 0);
		/* Each 256 bytes have five slots of 48 bytes, then 16 bytes that belong to no slot. */
		if (address % 256 == 4 * 48)
			assert_no_object_at(address + 48);
		coherent_free(&mem);
		assert_no_object_at(address);
	}
	assert_ok(coherent_pool_destroy(&pool));
	assert_ok(coherent_find_addr(dev, address, &info));
	assert_int_equal(info.state, COHERENT_STATE_FREED);
}

static void *allocate_and_free_mems(void *arg)
{
	while (!__atomic_load_n((bool *)arg, __ATOMIC_RELAXED)) {
		COHERENT_AUTO(uint8_t, mem);

		assert_ok(coherent_zeroed(&mem, dev, 5 * PAGE));
	}
	return NULL;
}

/* Lookups find objects while another thread allocates and frees objects. */
static void any_thread_may_look_up_objects(void **state)
{
	COHERENT(uint64_t) mems[50] = { COHERENT_EMPTY };
	struct coherent_info info;
	bool over = false;
	pthread_t other;

	(void)state;
	assert_ok(pthread_create(&other, NULL, allocate_and_free_mems, &over));
	for (unsigned int turn = 0; turn < 100; turn++) {
		const size_t i = turn % ARRAY_SIZE(mems);

		coherent_free(&mems[i]);
		assert_ok(coherent_zeroed(&mems[i], dev, PAGE));
		for (size_t k = 0; k <= i; k++) {
			assert_ok(coherent_find_ptr(
				dev, (void *)(uintptr_t)coherent_unsafe_ptr(&mems[k]), &info));
			assert_int_equal(info.address, coherent_addr(&mems[k]).raw);
			assert_ok(coherent_find_addr(dev, coherent_addr(&mems[k]).raw, &info));
			assert_int_equal(info.state, COHERENT_STATE_MEM);
		}
	}
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	assert_ok(pthread_join(other, NULL));
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
}

/* --- Several objects with one call --- */

struct queue {
	COHERENT_BOX(uint8_t) boxes[3];
	COHERENT_BOX(struct small) table_box;
	COHERENT(uint8_t) mems[3];
	COHERENT(struct small) table;
};

static void make_boxes(struct queue *queue, struct coherent_device *of)
{
	for (size_t i = 0; i < 3; i++)
		assert_ok(coherent_box_zeroed(&queue->boxes[i], of, PAGE));
	assert_ok(coherent_box_zeroed(&queue->table_box, of, 1));
}

static void assert_nothing_is_left(const struct queue *queue)
{
	for (size_t i = 0; i < 3; i++)
		assert_true(coherent_is_empty(&queue->boxes[i]) &&
			    coherent_is_empty(&queue->mems[i]));
	assert_true(coherent_is_empty(&queue->table_box) && coherent_is_empty(&queue->table));
}

/* A seal function that writes the addresses of the mems exposed before into the table. */
static int fill_table(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	const struct queue *queue = arg;
	struct small *table = elements;

	(void)count;
	(void)address;
	for (size_t i = 0; i < 3; i++)
		table->word[i] = coherent_addr(&queue->mems[i]).raw;
	return table->word[3] ? -ECANCELED : 0;
}

static int expose_queue(struct queue *queue, enum coherent_permission last)
{
	return coherent_expose_all(COHERENT_EXPOSURE(&queue->boxes[0], &queue->mems[0]),
				   COHERENT_EXPOSURE(&queue->boxes[1], &queue->mems[1],
						     .permission = COHERENT_READ_ONLY),
				   COHERENT_EXPOSURE(&queue->boxes[2], &queue->mems[2]),
				   COHERENT_EXPOSURE(&queue->table_box, &queue->table,
						     .permission = last, .seal = fill_table,
						     .seal_arg = queue));
}

static void expose_all_exposes_every_box(void **state)
{
	struct queue queue = { .table = COHERENT_EMPTY };
	struct small seen;

	(void)state;
	make_boxes(&queue, dev);
	assert_ok(expose_queue(&queue, COHERENT_READ_ONLY));
	assert_ok(
		coherent_sim_try(dev, &queue.table, 0, &seen, sizeof(seen), COHERENT_ACCESS_READ));
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(seen.word[i], coherent_addr(&queue.mems[i]).raw);
		coherent_free(&queue.mems[i]);
	}
	coherent_free(&queue.table);
	assert_nothing_is_left(&queue);
	assert_no_fault(dev);
}

static void one_refusal_exposes_no_box(void **state)
{
	struct queue queue = { .table = COHERENT_EMPTY };
	uint8_t byte;

	(void)state;
	/* The last box has a seal that fails, then a bad permission, then it is empty. */
	make_boxes(&queue, dev);
	coherent_box_ptr(&queue.table_box)->word[3] = 1;
	assert_err(expose_queue(&queue, COHERENT_READ_ONLY), -ECANCELED);
	assert_nothing_is_left(&queue);
	for (uint64_t address = PAGE; address < 20 * PAGE; address += PAGE)
		assert_err(coherent_sim_try_addr(dev, (coherent_addr_t){ address }, &byte, 1,
						 COHERENT_ACCESS_READ),
			   -EIO);
	make_boxes(&queue, dev);
	assert_err(expose_queue(&queue, COHERENT_READ_ONLY + 1), -EINVAL);
	assert_nothing_is_left(&queue);
	make_boxes(&queue, dev);
	coherent_box_free(&queue.table_box);
	assert_err(expose_queue(&queue, COHERENT_READ_ONLY), -EINVAL);
	assert_nothing_is_left(&queue);
	/* An output that is already in use keeps its mem. */
	make_boxes(&queue, dev);
	assert_ok(coherent_zeroed(&queue.mems[2], dev, 1));
	assert_err(expose_queue(&queue, COHERENT_READ_ONLY), -EBUSY);
	assert_ok(coherent_write(&queue.mems[2], 0, 1));
	coherent_free(&queue.mems[2]);
	assert_nothing_is_left(&queue);
	/* The same box is given twice, then the same mem. */
	make_boxes(&queue, dev);
	assert_err(coherent_expose_all(COHERENT_EXPOSURE(&queue.boxes[0], &queue.mems[0]),
				       COHERENT_EXPOSURE(&queue.boxes[0], &queue.mems[1])),
		   -EINVAL);
	assert_err(coherent_expose_all(COHERENT_EXPOSURE(&queue.boxes[1], &queue.mems[0]),
				       COHERENT_EXPOSURE(&queue.boxes[2], &queue.mems[0])),
		   -EBUSY);
	coherent_box_free(&queue.table_box);
	assert_nothing_is_left(&queue);
}

/* Each mapping fails in turn. Then no box is mapped and no mem has an address. */
static void one_failed_mapping_exposes_no_box(void **state)
{
	(void)state;
	for (unsigned int nth = 1; nth <= 5; nth++) {
		struct queue queue = { .table = COHERENT_EMPTY };
		struct coherent_device *failing;
		char name[64];
		uint8_t byte;
		int err;

		snprintf(name, sizeof(name), "sim:edu,step,fail-map=%u", nth);
		assert_ok(coherent_device_open(&failing, name));
		make_boxes(&queue, failing);
		err = expose_queue(&queue, COHERENT_READ_WRITE);
		assert_err(err, nth <= 4 ? -EIO : 0);
		if (err)
			assert_nothing_is_left(&queue);
		for (uint64_t address = PAGE; err && address < 20 * PAGE; address += PAGE)
			assert_err(coherent_sim_try_addr(failing, (coherent_addr_t){ address },
							 &byte, 1, COHERENT_ACCESS_READ),
				   -EIO);
		for (size_t i = 0; i < 3; i++)
			coherent_free(&queue.mems[i]);
		coherent_free(&queue.table);
		coherent_device_close(failing);
	}
}

/* --- Counters of a device --- */

static struct coherent_stats stats_of(struct coherent_device *of)
{
	struct coherent_stats stats;

	assert_ok(coherent_device_stats(of, &stats));
	return stats;
}

static void stats_count_objects_and_memory(void **state)
{
	COHERENT_BOX(uint8_t) boxes[4] = { COHERENT_EMPTY };
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_stats stats;

	(void)state;
	stats = stats_of(dev);
	assert_true(is_all(&stats, 0, sizeof(stats)));
	for (size_t i = 0; i < 4; i++)
		assert_ok(coherent_box_zeroed(&boxes[i], dev, 2 * PAGE));
	assert_ok(coherent_expose(&boxes[0], &mem));
	stats = stats_of(dev);
	assert_int_equal(stats.objects, 4);
	assert_int_equal(stats.bytes, 8 * PAGE);
	assert_int_equal(stats.mems, 1);
	assert_int_equal(stats.allocated, 4);
	assert_int_equal(stats.reused, 0);
	assert_true(stats.memory >= 8 * PAGE);
	coherent_free(&mem);
	coherent_box_free(&boxes[1]);
	stats = stats_of(dev);
	assert_int_equal(stats.objects, 2);
	assert_int_equal(stats.bytes, 4 * PAGE);
	assert_int_equal(stats.mems, 0);
	assert_int_equal(stats.objects_max, 4);
	assert_int_equal(stats.bytes_max, 8 * PAGE);
	assert_int_equal(stats.mems_max, 1);
	assert_int_equal(stats.quarantined, 1);
	assert_int_equal(stats.quarantined_bytes, 3 * PAGE);
	/* The library reuses the pages of the freed box, then those of the mem. */
	for (size_t i = 0; i < 2; i++)
		assert_ok(coherent_box_zeroed(&boxes[i], dev, 2 * PAGE));
	stats = stats_of(dev);
	assert_int_equal(stats.reused, 2);
	assert_int_equal(stats.allocated, 6);
	assert_int_equal(stats.objects, 4);
	for (size_t i = 0; i < 4; i++)
		coherent_box_free(&boxes[i]);
	stats = stats_of(dev);
	assert_int_equal(stats.objects, 0);
	assert_int_equal(stats.bytes, 0);
	assert_err(coherent_device_stats(NULL, &stats), -ENODEV);
	assert_true(is_all(&stats, 0, sizeof(stats)));
}

static void stats_count_objects_that_wait_for_a_fence(void **state)
{
	COHERENT_DEVICE_AUTO(lazy);
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT(uint8_t) mems[2] = { COHERENT_EMPTY };

	(void)state;
	assert_ok(coherent_device_open(&lazy, "sim:edu,step,lazy"));
	for (size_t i = 0; i < 2; i++)
		assert_ok(coherent_zeroed(&mems[i], lazy, 1));
	coherent_free(&mems[0]);
	assert_ok(coherent_reclaim(&mems[1], &box, .idle = true));
	assert_int_equal(stats_of(lazy).waiting, 2);
	assert_int_equal(stats_of(lazy).mems, 0);
	assert_int_equal(stats_of(lazy).objects, 3);
	assert_ok(coherent_device_fence(lazy));
	assert_int_equal(stats_of(lazy).waiting, 0);
	assert_int_equal(stats_of(lazy).objects, 1);
}

/* The device still reaches a mem that could not be unmapped. */
static void stats_count_leaked_mems(void **state)
{
	COHERENT_DEVICE_AUTO(failing);
	COHERENT_AUTO(uint8_t, mem);

	(void)state;
	assert_ok(coherent_device_open(&failing, "sim:edu,step,fail-unmap=1"));
	assert_ok(coherent_zeroed(&mem, failing, 1));
	coherent_free(&mem);
	assert_int_equal(stats_of(failing).mems, 1);
	assert_int_equal(stats_of(failing).objects, 1);
}

#define ON_DEVICE(test) cmocka_unit_test_setup_teardown(test, open_device, close_device)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DEVICE(pointer_finds_its_object_in_each_phase),
		ON_DEVICE(pointer_into_a_large_box_is_found),
		ON_DEVICE(pointer_to_nothing_finds_nothing),
		ON_DEVICE(freed_memory_finds_nothing),
		ON_DEVICE(dangling_pointer_is_safe),
		ON_DEVICE(closed_device_finds_nothing),
		ON_DEVICE(objects_of_another_device_are_not_found),
		ON_DEVICE(objects_of_a_pool_are_found),
		ON_DEVICE(any_thread_may_look_up_objects),
		ON_DEVICE(expose_all_exposes_every_box),
		ON_DEVICE(one_refusal_exposes_no_box),
		cmocka_unit_test(one_failed_mapping_exposes_no_box),
		ON_DEVICE(stats_count_objects_and_memory),
		ON_DEVICE(stats_count_objects_that_wait_for_a_fence),
		cmocka_unit_test(stats_count_leaked_mems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
