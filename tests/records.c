// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check what happens to the record of an object in states that a driver cannot bring
 * about by itself: the record changes right now, or an unmapping fails in a certain way.
 */
#include <coherent/pool.h>

#include "../src/device/device.h"
#include "test.h"

static struct coherent_device *dev;
static struct backend_ops ops;
static const struct backend_ops *usual_ops;
static int unmap_result;
static struct coherent_stats stats_in_unmap;

static int unmap(struct backend *backend, const struct backend_mapping *mapping, bool idle)
{
	int err = coherent_device_stats(dev, &stats_in_unmap);

	if (err)
		return err;
	return unmap_result ? unmap_result : usual_ops->unmap(backend, mapping, idle);
}

static int open_device(void **state)
{
	(void)state;
	unmap_result = 0;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	usual_ops = dev->backend->ops;
	ops = *usual_ops;
	ops.unmap = unmap;
	dev->backend->ops = &ops;
	return 0;
}

static int close_device(void **state)
{
	(void)state;
	coherent_device_close(dev);
	return 0;
}

static void record_that_changes_is_not_found(void **state)
{
	COHERENT_BOX(uint32_t) box = COHERENT_EMPTY;
	struct coherent_object *object;
	struct coherent_info info;

	(void)state;
	assert_ok(coherent_box_zeroed(&box, dev, 8));
	object = box.base.object;
	object_seq_write_begin(object);
	assert_err(coherent_find_ptr(dev, coherent_box_ptr(&box), &info), -ERANGE);
	assert_int_equal(info.state, COHERENT_STATE_NONE);
	object_seq_write_end(object);
	assert_ok(coherent_find_ptr(dev, coherent_box_ptr(&box), &info));
	assert_int_equal(info.state, COHERENT_STATE_BOX);
	coherent_box_free(&box);
}

/* The backend says by these errors that the device still reaches the mem, as before. */
static void mem_stays_after_an_unmapping_that_did_nothing(void **state)
{
	static const int errors[] = { -ENODEV, -ENOMEM, -EBUSY };
	COHERENT_BOX(uint32_t) box = COHERENT_EMPTY;
	COHERENT(uint32_t) mem = COHERENT_EMPTY;
	uint32_t value;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, 8));
	assert_ok(coherent_write(&mem, 7, 42));
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		unmap_result = errors[i];
		assert_err(coherent_reclaim(&mem, &box, .idle = true), errors[i]);
		assert_true(coherent_is_empty(&box));
		assert_false(coherent_is_empty(&mem));
		assert_ok(coherent_read(&mem, 7, &value));
		assert_int_equal(value, 42);
	}
	unmap_result = 0;
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_int_equal(coherent_box_ptr(&box)[7], 42);
	coherent_box_free(&box);
}

/* Another thread may read the counters during a reclaim. */
static void reclaim_does_not_count_an_object_twice(void **state)
{
	COHERENT_BOX(uint32_t) box = COHERENT_EMPTY;
	COHERENT(uint32_t) mem = COHERENT_EMPTY;
	struct coherent_stats stats;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, 8));
	assert_ok(coherent_reclaim(&mem, &box));
	assert_int_equal(stats_in_unmap.objects, 1);
	assert_int_equal(stats_in_unmap.objects_max, 1);
	assert_int_equal(stats_in_unmap.bytes, PAGE);
	assert_ok(coherent_device_stats(dev, &stats));
	assert_int_equal(stats.objects, 1);
	assert_int_equal(stats.objects_max, 1);
	coherent_box_free(&box);
}

static void mem_is_leaked_after_another_error(void **state)
{
	static const int errors[] = { -EIO, -EINVAL, -EPERM };
	struct coherent_stats stats;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		COHERENT_BOX(uint32_t) box = COHERENT_EMPTY;
		COHERENT(uint32_t) mem = COHERENT_EMPTY;

		unmap_result = 0;
		assert_ok(coherent_zeroed(&mem, dev, 8));
		unmap_result = errors[i];
		assert_err(coherent_reclaim(&mem, &box, .idle = true), -EIO);
		assert_true(coherent_is_empty(&box) && coherent_is_empty(&mem));
		assert_ok(coherent_device_stats(dev, &stats));
		assert_int_equal(stats.objects, i + 1);
		assert_int_equal(stats.mems, i + 1);
	}
	unmap_result = 0;
}

/* The fault names the slot and its allocation, not the chunk. */
static void fault_of_a_slot_names_the_slot(void **state)
{
	COHERENT_POOL(uint8_t[64]) pool = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t[64]) boxes[3] = { COHERENT_EMPTY };
	COHERENT(uint8_t[64]) mems[3] = { COHERENT_EMPTY };
	struct coherent_fault fault;
	uint8_t byte = 1;

	(void)state;
	/* A device with other functions is not a simulated one for coherent_sim_try(). */
	dev->backend->ops = usual_ops;
	assert_ok(coherent_pool_create(&pool, dev, .permission = COHERENT_READ_ONLY));
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++) {
		assert_ok(coherent_pool_box(&pool, &boxes[i]));
		assert_ok(coherent_expose(&boxes[i], &mems[i], .permission = COHERENT_READ_ONLY));
	}
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++) {
		assert_err(coherent_sim_try(dev, &mems[i], 63, &byte, 1, COHERENT_ACCESS_WRITE),
			   -EIO);
		assert_ok(coherent_device_next_fault(dev, &fault));
		assert_int_equal(fault.state, COHERENT_STATE_MEM);
		assert_int_equal(fault.object_address, coherent_addr(&mems[i]).raw);
		assert_int_equal(fault.object_bytes, 64);
		assert_non_null(strstr(fault.text, "read-only (64 bytes allocated at"));
	}
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	assert_ok(coherent_pool_destroy(&pool));
}

/* The coarse clock of the kernel is enough for "3 ms ago", and a free reads it each time. */
static void time_of_a_free_is_that_of_the_coarse_clock(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_object *object;
	uint64_t address, before, ms;
	struct coherent_fault fault;
	const char *freed;
	uint8_t byte;

	(void)state;
	dev->backend->ops = usual_ops;
	assert_ok(coherent_zeroed(&mem, dev, 1));
	object = mem.base.object;
	address = coherent_addr(&mem).raw;
	before = sys_now_coarse_ns();
	coherent_free(&mem);
	assert_in_range(object->since_ns, before, sys_now_coarse_ns());
	object->since_ns -= 5000 * MS;
	assert_err(coherent_sim_try_addr(dev, (coherent_addr_t){ address }, &byte, 1,
					 COHERENT_ACCESS_READ),
		   -EIO);
	assert_ok(coherent_device_next_fault(dev, &fault));
	freed = strstr(fault.text, "freed ");
	assert_non_null(freed);
	ms = strtoul(freed + strlen("freed "), NULL, 10);
	assert_in_range(ms, 5000, 5000 + LONG / MS);
}

static int fence_fails(struct backend *backend)
{
	(void)backend;
	return -EIO;
}

static uint64_t waiting_on(struct coherent_device *lazy)
{
	struct coherent_stats stats;

	assert_ok(coherent_device_stats(lazy, &stats));
	return stats.waiting;
}

/* All calls of a device wait for this lock, so nobody may walk the list under it. */
static void waiting_objects_are_counted_without_a_walk(void **state)
{
	enum { COUNT = 5 };
	COHERENT(uint8_t) mems[COUNT] = { COHERENT_EMPTY };
	struct iova_range bad = { .hole = false };
	struct iova_range *first;
	COHERENT_DEVICE_AUTO(lazy);

	(void)state;
	assert_ok(coherent_device_open(&lazy, "sim:edu,step,lazy"));
	usual_ops = lazy->backend->ops;
	ops = *usual_ops;
	ops.fence = fence_fails;
	for (size_t i = 0; i < COUNT; i++)
		assert_ok(coherent_zeroed(&mems[i], lazy, 1));
	for (size_t i = 0; i < COUNT; i++) {
		coherent_free(&mems[i]);
		assert_int_equal(waiting_on(lazy), i + 1);
	}
	/* A walk would find this one only. */
	first = STAILQ_FIRST(&lazy->store.waiting);
	STAILQ_FIRST(&lazy->store.waiting) = &bad;
	assert_int_equal(waiting_on(lazy), COUNT);
	STAILQ_FIRST(&lazy->store.waiting) = first;
	/* After a failed fence they wait for the next one. */
	lazy->backend->ops = &ops;
	assert_err(coherent_device_fence(lazy), -EIO);
	assert_int_equal(waiting_on(lazy), COUNT);
	lazy->backend->ops = usual_ops;
	assert_ok(coherent_device_fence(lazy));
	assert_int_equal(waiting_on(lazy), 0);
}

#define ON_DEVICE(test) cmocka_unit_test_setup_teardown(test, open_device, close_device)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DEVICE(record_that_changes_is_not_found),
		ON_DEVICE(mem_stays_after_an_unmapping_that_did_nothing),
		ON_DEVICE(reclaim_does_not_count_an_object_twice),
		ON_DEVICE(mem_is_leaked_after_another_error),
		ON_DEVICE(fault_of_a_slot_names_the_slot),
		ON_DEVICE(time_of_a_free_is_that_of_the_coarse_clock),
		cmocka_unit_test(waiting_objects_are_counted_without_a_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
