// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the bytes of small objects of every size in each phase. The device can read
 * the place of an object all the time: it finds zeros there unless the object is a mem.
 */
#include "pool_test.h"

/* A pool of objects of one size, and one object of it. */
struct sized {
	size_t size;
	struct coherent_pool pool;
	struct coherent_box box;
	struct coherent_mem mem;
};

static void open_pool(struct sized *sized, size_t size, unsigned int delay)
{
	const struct coherent_pool_options options = { COHERENT_SIZED(coherent_pool_options),
						       .dev = dev, .delay = delay };

	*sized = (struct sized){ .size = size };
	assert_ok(coherent_base_pool_create(&sized->pool, size, &options, "here"));
}

static int expose(struct coherent_box *box, struct coherent_mem *mem)
{
	return coherent_base_expose(box,
				    &(struct coherent_expose_options){
					    COHERENT_SIZED(coherent_expose_options), .mem = mem });
}

/* Asserts that the device finds one byte in the whole object at an address. */
static void assert_device_sees(uint64_t address, uint8_t byte, size_t size)
{
	uint8_t seen[PAGE];

	assert_ok(coherent_sim_try_addr(dev, (coherent_addr_t){ address }, seen, size,
					COHERENT_ACCESS_READ));
	assert_true(is_all(seen, byte, size));
}

static void device_writes(uint64_t address, uint8_t byte, size_t size)
{
	uint8_t bytes[PAGE];

	memset(bytes, byte, size);
	assert_ok(coherent_sim_try_addr(dev, (coherent_addr_t){ address }, bytes, size,
					COHERENT_ACCESS_WRITE));
}

static uint64_t address_of(const struct coherent_mem *mem)
{
	return ~mem->inverted_address;
}

static void check_phases(struct sized *sized)
{
	const struct coherent_reclaim_options idle = { COHERENT_SIZED(coherent_reclaim_options),
						       .box = &sized->box, .idle = true };
	uint64_t address;

	assert_ok(coherent_base_pool_box(&sized->pool, &sized->box, "here"));
	assert_true(is_all(sized->box.va, 0, sized->size));
	memset(sized->box.va, DIRT, sized->size);
	assert_ok(expose(&sized->box, &sized->mem));
	address = address_of(&sized->mem);
	assert_device_sees(address, DIRT, sized->size);
	assert_ok(coherent_base_reclaim(&sized->mem, &idle));
	assert_true(is_all(sized->box.va, DIRT, sized->size));
	assert_device_sees(address, 0, sized->size);
	memset(sized->box.va, 0xc3, sized->size);
	assert_ok(expose(&sized->box, &sized->mem));
	assert_device_sees(address, 0xc3, sized->size);
	coherent_base_free(&sized->mem);
	assert_device_sees(address, 0, sized->size);
}

/* Small sizes are copied and cleared by loops, one for 64 bytes and one for the rest. */
static void every_size_is_copied_and_cleared_whole(void **state)
{
	static const size_t sizes[] = { 400, 1000, 2048, PAGE - 1, PAGE };
	struct sized sized;

	(void)state;
	for (size_t i = 1; i < 300 + ARRAY_SIZE(sizes); i++) {
		open_pool(&sized, i < 300 ? i : sizes[i - 300], 0);
		for (unsigned int turn = 0; turn < 3; turn++)
			check_phases(&sized);
		assert_ok(coherent_base_pool_destroy(&sized.pool));
	}
	assert_no_fault(dev);
}

/* Changes the phase of the object in the middle, and checks that its neighbours keep their bytes. */
static void check_beside_mems(struct sized *sized, struct coherent_box boxes[3])
{
	const struct coherent_reclaim_options idle = { COHERENT_SIZED(coherent_reclaim_options),
						       .box = &boxes[1], .idle = true };
	struct coherent_mem mems[3] = { { .va = NULL } };

	for (size_t i = 0; i < 3; i++)
		assert_ok(expose(&boxes[i], &mems[i]));
	assert_ok(coherent_base_reclaim(&mems[1], &idle));
	for (size_t i = 0; i < 3; i += 2)
		device_writes(address_of(&mems[i]), 9, sized->size);
	assert_ok(expose(&boxes[1], &mems[1]));
	coherent_base_free(&mems[1]);
	for (size_t i = 0; i < 3; i += 2) {
		assert_device_sees(address_of(&mems[i]), 9, sized->size);
		coherent_base_free(&mems[i]);
	}
}

static void check_beside_boxes(struct sized *sized, struct coherent_box boxes[3])
{
	const struct coherent_reclaim_options idle = { COHERENT_SIZED(coherent_reclaim_options),
						       .box = &boxes[1], .idle = true };

	assert_ok(expose(&boxes[1], &sized->mem));
	assert_ok(coherent_base_reclaim(&sized->mem, &idle));
	coherent_base_box_free(&boxes[1]);
	assert_ok(coherent_base_pool_box(&sized->pool, &boxes[1], "here"));
	for (size_t i = 0; i < 3; i += 2)
		assert_true(is_all(boxes[i].va, (uint8_t)(i + 1), sized->size));
	memset(boxes[1].va, 2, sized->size);
}

static void copies_end_at_the_end_of_the_object(void **state)
{
	struct coherent_box boxes[3] = { { .va = NULL } };
	struct sized sized;

	(void)state;
	for (size_t size = 16; size <= 256; size += 16) {
		open_pool(&sized, size, 0);
		for (size_t i = 0; i < 3; i++) {
			assert_ok(coherent_base_pool_box(&sized.pool, &boxes[i], "here"));
			memset(boxes[i].va, (int)i + 1, size);
		}
		check_beside_boxes(&sized, boxes);
		check_beside_mems(&sized, boxes);
		assert_ok(coherent_base_pool_destroy(&sized.pool));
	}
}

/*
 * A thread's cache takes some freed objects, and the others go back to the pool. The device finds
 * zeros in the place of each, if the place is still mapped.
 */
static void freed_mems_leave_zeros(void **state)
{
	enum { COUNT = 200 };
	static struct coherent_mem mems[COUNT];
	uint8_t seen[64];
	struct sized sized;

	(void)state;
	for (unsigned int delay = 0; delay <= 8; delay += 8) {
		unsigned int mapped = 0;

		open_pool(&sized, sizeof(seen), delay);
		for (size_t i = 0; i < COUNT; i++) {
			assert_ok(coherent_base_pool_box(&sized.pool, &sized.box, "here"));
			memset(sized.box.va, DIRT, sizeof(seen));
			assert_ok(expose(&sized.box, &mems[i]));
		}
		for (size_t i = 0; i < COUNT; i++) {
			const coherent_addr_t at = { address_of(&mems[i]) };

			coherent_base_free(&mems[i]);
			if (coherent_sim_try_addr(dev, at, seen, sizeof(seen),
						  COHERENT_ACCESS_READ))
				continue;
			assert_true(is_all(seen, 0, sizeof(seen)));
			mapped++;
		}
		/* Most places are still mapped, because the chunk of a place ends last. */
		assert_true(mapped >= COUNT / 2);
		assert_ok(coherent_base_pool_destroy(&sized.pool));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DEVICE(every_size_is_copied_and_cleared_whole),
		ON_DEVICE(copies_end_at_the_end_of_the_object),
		ON_DEVICE(freed_mems_leave_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
