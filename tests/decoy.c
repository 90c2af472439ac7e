// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Some devices go on with what is in flight after an unmap, at addresses of this process. These tests
 * make the simulator say that it is such a device. Then they are the device: they access the old
 * place of a mem after it was reclaimed or freed.
 */
#include <coherent/adopt.h>
#include <coherent/lookup.h>
#include <string.h>
#include <sys/mman.h>

#include "../src/device/device.h"
#include "../src/memory/object_store.h"
#include "test.h"

COHERENT_TYPE(bytes_mem, uint8_t);

/* One is copied, and the kernel moves the other one. */
static const size_t sizes[] = { PAGE, 60 << 10, 64 << 10, 1 << 20 };

static struct coherent_device *dev;
static struct log reports;
static bool maps_nothing;

void *__real_mmap64(void *at, size_t bytes, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t bytes, int prot, int flags, int fd, off_t offset);

/* The linker calls this function for mmap(). */
void *__wrap_mmap64(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	if (!maps_nothing)
		return __real_mmap64(at, bytes, prot, flags, fd, offset);
	errno = ENOMEM;
	return MAP_FAILED;
}

static int set_up(void **state)
{
	(void)state;
	reports = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(&dev, "sim:edu", .report = log_report,
				       .report_arg = &reports));
	dev->backend->leaves_decoys = true;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	coherent_device_close(dev);
	return 0;
}

static uint64_t waiting(void)
{
	struct coherent_stats stats;

	assert_ok(coherent_device_stats(dev, &stats));
	return stats.waiting;
}

/* Whether the kernel has memory for the first page of a place. */
static bool has_memory(void *at)
{
	unsigned char resident;

	assert_ok(mincore(at, PAGE, &resident));
	return resident & 1;
}

/* Allocates a mem that is full of a byte. Returns where it is. */
static uint8_t *fill(union bytes_mem *mem, size_t bytes, uint8_t value)
{
	assert_ok(coherent_zeroed(mem, dev, bytes));
	memset(mem->base.va, value, bytes);
	return (uint8_t *)mem->base.va;
}

static void reclaimed_contents_move_away(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		COHERENT_BOX_AUTO(uint8_t, box);
		union bytes_mem mem = COHERENT_EMPTY;
		uint8_t *const old = fill(&mem, sizes[i], 0x11);
		uint8_t *bytes;

		assert_ok(coherent_reclaim(&mem, &box));
		bytes = coherent_box_ptr(&box);
		assert_ptr_not_equal(bytes, old);
		assert_true(is_all(bytes, 0x11, sizes[i]));
		/* The device writes to the old place and reads from it. */
		assert_true(is_all(old, 0, sizes[i]));
		memset(old, 0x22, sizes[i]);
		assert_true(is_all(bytes, 0x11, sizes[i]));
		memset(bytes, 0x33, sizes[i]);
		assert_true(is_all(old, 0x22, sizes[i]));
		assert_int_equal(waiting(), i + 1);
	}
}

/* The kernel maps no place any more, but the pool has pages that were freed. */
static void pages_of_the_pool_serve_at_the_limit(void **state)
{
	const size_t bytes = 1 << 20;
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_BOX_AUTO(uint8_t, freed);
	union bytes_mem mem = COHERENT_EMPTY;
	uint8_t *old;
	int err;

	(void)state;
	assert_ok(coherent_box_zeroed(&freed, dev, bytes));
	old = fill(&mem, bytes, 0x11);
	coherent_box_free(&freed);
	maps_nothing = true;
	err = coherent_reclaim(&mem, &box);
	maps_nothing = false;
	assert_ok(err);
	assert_true(log_has(&reports, "raise vm.max_map_count"));
	assert_true(is_all(coherent_box_ptr(&box), 0x11, bytes));
	assert_true(is_all(old, 0, bytes));
}

static void box_is_found_at_its_new_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		COHERENT_BOX_AUTO(uint8_t, box);
		union bytes_mem mem = COHERENT_EMPTY;
		struct coherent_info info;

		fill(&mem, sizes[i], 0x11);
		assert_ok(coherent_reclaim(&mem, &box));
		assert_ok(coherent_find_ptr(dev, coherent_box_ptr(&box) + sizes[i] - 1, &info));
		assert_int_equal(info.state, COHERENT_STATE_BOX);
		assert_int_equal(info.offset, sizes[i] - 1);
	}
}

/* A fence gives the old places of large mems back to the system. */
static void large_places_do_not_pile_up(void **state)
{
	struct coherent_stats before, after;

	(void)state;
	for (unsigned int turn = 0; turn < 20; turn++) {
		COHERENT_BOX_AUTO(uint8_t, box);
		union bytes_mem mem = COHERENT_EMPTY;

		fill(&mem, 8 << 20, 0x11);
		assert_ok(coherent_reclaim(&mem, &box));
		coherent_box_free(&box);
		assert_ok(coherent_device_fence(dev));
		assert_ok(coherent_device_stats(dev, turn ? &after : &before));
	}
	assert_true(after.bytes <= before.bytes + (8 << 20));
}

static void freed_contents_are_gone(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		union bytes_mem mem = COHERENT_EMPTY;
		uint8_t *const old = fill(&mem, sizes[i], 0x11);

		coherent_free(&mem);
		assert_false(has_memory(old));
		assert_true(is_all(old, 0, sizes[i]));
		assert_int_equal(waiting(), i + 1);
	}
}

/* Until a fence no object gets the old place. Then it has memory again. */
static void old_place_waits_for_a_fence(void **state)
{
	enum { ROUNDS = 40 };
	static union bytes_mem mems[ROUNDS];
	uint8_t *old[ROUNDS];

	(void)state;
	for (size_t i = 0; i < ROUNDS; i++) {
		union bytes_mem mem = COHERENT_EMPTY;

		old[i] = fill(&mem, PAGE, 0x11);
		for (size_t k = 0; k < i; k++)
			assert_ptr_not_equal(old[k], old[i]);
		coherent_free(&mem);
	}
	assert_ok(coherent_device_fence(dev));
	assert_int_equal(waiting(), 0);
	for (size_t i = 0; i < ROUNDS; i++)
		assert_true(has_memory(old[i]));
	for (size_t i = 0; i < ROUNDS; i++)
		assert_true(is_all(fill(&mems[i], PAGE, 0x44), 0x44, PAGE));
	for (size_t i = 0; i < ROUNDS; i++)
		coherent_free(&mems[i]);
}

/* A device that ends does not need memory for what it left behind. */
static void close_does_not_fill_old_places(void **state)
{
	union bytes_mem mem = COHERENT_EMPTY, last = COHERENT_EMPTY;
	uint8_t *old;

	(void)state;
	fill(&last, PAGE, 0x55);
	old = fill(&mem, PAGE, 0x11);
	coherent_free(&mem);
	coherent_device_close(dev);
	dev = NULL;
	/* The last object keeps the memory of the device mapped. */
	assert_false(has_memory(old));
	assert_true(is_all(last.base.va, 0x55, PAGE));
	coherent_free(&last);
}

/* Makes a mem whose pages were left behind: by a reclaim, by a free, or by the close that follows. */
static uint8_t *leave(unsigned int way, size_t bytes, union bytes_mem *last)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	union bytes_mem mem = COHERENT_EMPTY;
	uint8_t *old;

	if (way == 2)
		return fill(last, bytes, 0x11);
	old = fill(&mem, bytes, 0x11);
	if (way)
		coherent_free(&mem);
	else
		assert_ok(coherent_reclaim(&mem, &box));
	return old;
}

/* Nothing else in the process gets an address that a device may still access. */
static void places_can_outlive_the_device(void **state)
{
	(void)state;
	for (unsigned int way = 0; way < 3; way++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			union bytes_mem last = COHERENT_EMPTY;
			uint8_t *old;

			assert_ok(coherent_device_open(&dev, "sim:edu", .harden = i % 2));
			dev->backend->leaves_decoys = true;
			old = leave(way, sizes[i], &last);
			object_store_stay_mapped(&dev->store);
			coherent_device_close(dev);
			coherent_free(&last);
			assert_false(has_memory(old));
			assert_true(is_all(old, 0, sizes[i]));
			memset(old, 0x22, sizes[i]);
		}
	dev = NULL;
}

static void box_goes_on_after_reclaims(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);

	(void)state;
	assert_ok(coherent_box_zeroed(&box, dev, PAGE));
	for (unsigned int turn = 0; turn < 1000; turn++) {
		uint8_t *bytes = coherent_box_ptr(&box);

		assert_true(is_all(bytes, (uint8_t)turn, PAGE));
		memset(bytes, (int)turn + 1, PAGE);
		assert_ok(coherent_expose(&box, &mem));
		assert_ok(coherent_reclaim(&mem, &box, .idle = turn & 1));
		if (turn % 100 == 99)
			assert_ok(coherent_device_fence(dev));
	}
}

/* The driver's pointer would be the place that the device still reaches. */
static void adoption_needs_a_copy(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	uint8_t *memory = aligned_alloc(PAGE, PAGE), *device;

	(void)state;
	assert_non_null(memory);
	memset(memory, 0x11, PAGE);
	assert_err(coherent_box_adopt(&box, dev, memory, PAGE), -EOPNOTSUPP);
	assert_ok(coherent_box_adopt(&box, dev, memory, PAGE, .copy = true));
	assert_ok(coherent_expose(&box, &mem));
	device = (uint8_t *)mem.base.va;
	assert_ptr_not_equal(device, memory);
	device[0] = 0x77;
	assert_ok(coherent_reclaim(&mem, &box));
	assert_ptr_equal(coherent_box_ptr(&box), memory);
	assert_int_equal(memory[0], 0x77);
	device[0] = 0x22;
	assert_int_equal(memory[0], 0x77);
	coherent_box_free(&box);
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reclaimed_contents_move_away, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pages_of_the_pool_serve_at_the_limit, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(box_is_found_at_its_new_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(large_places_do_not_pile_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(freed_contents_are_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(old_place_waits_for_a_fence, set_up, tear_down),
		cmocka_unit_test_setup_teardown(close_does_not_fill_old_places, set_up, tear_down),
		cmocka_unit_test(places_can_outlive_the_device),
		cmocka_unit_test_setup_teardown(box_goes_on_after_reclaims, set_up, tear_down),
		cmocka_unit_test_setup_teardown(adoption_needs_a_copy, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
