// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the key "exact": the simulator refuses what an IOMMU permits because it knows
 * only pages.
 */
#include <coherent/handle.h>
#include <coherent/pool.h>

#include "test.h"

/* How many objects come and go while a device reads. */
#define ROUNDS 3000

/* Checks what the device may do at an offset of a box or mem. A refusal begins at @refused. */
#define assert_reads(dev, target, offset, n)                                    \
	assert_ok(coherent_sim_try(dev, target, offset, (uint8_t[256]){ 0 }, n, \
				   COHERENT_ACCESS_READ))
#define assert_refused(dev, target, offset, n)                                   \
	assert_err(coherent_sim_try(dev, target, offset, (uint8_t[256]){ 0 }, n, \
				    COHERENT_ACCESS_READ),                       \
		   -EIO)

/* Takes the next fault and checks it. */
static void check_fault(struct coherent_device *dev, uint64_t address, size_t bytes,
			enum coherent_state state, const char *text)
{
	struct coherent_fault fault;

	assert_ok(coherent_device_next_fault(dev, &fault));
	assert_int_equal(fault.address, address);
	assert_int_equal(fault.bytes, bytes);
	assert_int_equal(fault.state, state);
	assert_int_equal(fault.where != NULL, state != COHERENT_STATE_NONE);
	if (!strstr(fault.text, text))
		fail_msg("\"%s\" is not in: %s", text, fault.text);
	assert_no_fault(dev);
}

static void access_past_the_last_element_is_refused(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_device *dev;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step,exact"));
	for (size_t n = PAGE + 100; n < 2 * PAGE; n += 99) {
		uint64_t end;

		assert_ok(coherent_zeroed(&mem, dev, n));
		/* A mem that was taken back and exposed again ends at the same place. */
		if (n % 2) {
			assert_ok(coherent_reclaim(&mem, &box));
			assert_ok(coherent_expose(&box, &mem));
		}
		end = coherent_addr(&mem).raw + n;
		assert_reads(dev, &mem, 0, 1);
		assert_reads(dev, &mem, n - 100, 100);
		assert_refused(dev, &mem, n - 4, 5);
		check_fault(dev, end, 1, COHERENT_STATE_NONE,
			    "refused: no object, byte 1 past the last element of one (");
		assert_refused(dev, &mem, n, 1);
		check_fault(dev, end, 1, COHERENT_STATE_NONE, "byte 1 past the last element");
		/* An access that ends in the guard page is refused from the last element on. */
		assert_refused(dev, &mem, 2 * PAGE - 1, 2);
		check_fault(dev, coherent_addr(&mem).raw + 2 * PAGE - 1, 2, COHERENT_STATE_NONE,
			    "past the last element of one (");
		coherent_free(&mem);
	}
	coherent_device_close(dev);
}

/* A box that is kept and used again may have another number of elements. */
static void reused_box_has_its_own_end(void **state)
{
	static const size_t sizes[] = { 100, 50, 4096, 1, 4000 };
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_handle handle = COHERENT_EMPTY;
	struct coherent_device *dev;
	uint8_t byte;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step,exact"));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_ok(coherent_box_zeroed(&box, dev, sizes[i]));
		coherent_box_free(&box);
		assert_ok(coherent_box_zeroed(&box, dev, sizes[ARRAY_SIZE(sizes) - 1 - i]));
		assert_ok(coherent_expose(&box, &mem));
		assert_reads(dev, &mem, sizes[ARRAY_SIZE(sizes) - 1 - i] - 1, 1);
		/* Behind 4096 bytes comes the guard page, which the IOMMU itself refuses. */
		assert_refused(dev, &mem, sizes[ARRAY_SIZE(sizes) - 1 - i], 1);
		assert_fault(dev, COHERENT_STATE_NONE);
		coherent_free(&mem);
	}
	assert_ok(coherent_handle_zeroed(&handle, dev, 10));
	assert_ok(coherent_sim_try_addr(dev,
					(coherent_addr_t){ coherent_handle_addr(&handle).raw + 9 },
					&byte, 1, COHERENT_ACCESS_WRITE));
	assert_err(coherent_sim_try_addr(
			   dev, (coherent_addr_t){ coherent_handle_addr(&handle).raw + 10 }, &byte,
			   1, COHERENT_ACCESS_WRITE),
		   -EIO);
	coherent_handle_free(&handle);
	coherent_device_close(dev);
}

/* An access that the IOMMU refuses itself is named as without the key. */
static void other_faults_stay_the_same(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_device *dev;
	uint8_t byte = 0;
	uint64_t address;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step,exact"));
	assert_ok(coherent_box_zeroed(&box, dev, 100));
	assert_refused(dev, &box, 0, 1);
	assert_fault(dev, COHERENT_STATE_BOX);
	assert_refused(dev, &box, 200, 1);
	assert_fault(dev, COHERENT_STATE_BOX);
	assert_ok(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY));
	address = coherent_addr(&mem).raw;
	assert_err(coherent_sim_try(dev, &mem, 0, &byte, 1, COHERENT_ACCESS_WRITE), -EIO);
	check_fault(dev, address, 1, COHERENT_STATE_MEM, "read-only");
	coherent_free(&mem);
	assert_err(coherent_sim_try_addr(dev, (coherent_addr_t){ address }, &byte, 1,
					 COHERENT_ACCESS_READ),
		   -EIO);
	assert_fault(dev, COHERENT_STATE_FREED);
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	address = coherent_addr(&mem).raw;
	assert_refused(dev, &mem, PAGE - 4, 8);
	check_fault(dev, address + PAGE, 4, COHERENT_STATE_NONE, "byte 1 past the end of one (");
	assert_ok(coherent_sim_try(dev, &mem, 3 * PAGE, &byte, 0, COHERENT_ACCESS_READ));
	coherent_free(&mem);
	coherent_device_close(dev);
}

static void lazy_iommu_ends_at_the_last_element_too(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;
	coherent_addr_t address;
	uint8_t bytes[8];

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step,lazy,exact"));
	assert_ok(coherent_zeroed(&mem, dev, 100));
	address = coherent_addr(&mem);
	coherent_free(&mem);
	assert_ok(coherent_sim_try_addr(dev, address, bytes, 8, COHERENT_ACCESS_READ));
	address.raw += 96;
	assert_err(coherent_sim_try_addr(dev, address, bytes, 8, COHERENT_ACCESS_READ), -EIO);
	check_fault(dev, address.raw + 4, 4, COHERENT_STATE_NONE, "past the last element");
	coherent_device_close(dev);
}

/* --- Pools --- */

struct small {
	uint8_t bytes[48];
};

struct full {
	uint8_t bytes[64];
};

static void access_past_an_object_of_a_pool_is_refused(void **state)
{
	COHERENT_POOL(struct small) pool = COHERENT_EMPTY;
	COHERENT_BOX(struct small) box = COHERENT_EMPTY;
	COHERENT(struct small) mem = COHERENT_EMPTY;
	struct coherent_device *dev;
	uint64_t address;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step,exact"));
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_box(&pool, &box));
	assert_ok(coherent_expose(&box, &mem));
	address = coherent_addr(&mem).raw;
	assert_reads(dev, &mem, 0, 48);
	assert_refused(dev, &mem, 40, 9);
	check_fault(
		dev, address + 48, 1, COHERENT_STATE_NONE,
		"refused: no object, byte 1 past the end of one of a pool (48 bytes allocated at");
	assert_refused(dev, &mem, 50, 2);
	check_fault(dev, address + 50, 2, COHERENT_STATE_NONE, "byte 3 past the end");
	coherent_free(&mem);
	assert_err(coherent_sim_try_addr(dev, (coherent_addr_t){ address }, &address, 1,
					 COHERENT_ACCESS_READ),
		   -EIO);
	check_fault(dev, address, 1, COHERENT_STATE_NONE,
		    "refused: a free part of the pool created at");
	assert_ok(coherent_pool_destroy(&pool));
	coherent_device_close(dev);
}

COHERENT_TYPE(full_mem, struct full);

/* Returns the index of the mem at an address; the slots of a pool come in any order. */
static size_t find_mem(const union full_mem *mems, size_t count, uint64_t address)
{
	for (size_t i = 0; i < count; i++)
		if (coherent_addr(&mems[i]).raw == address)
			return i;
	fail_msg("no mem is at 0x%llx", (unsigned long long)address);
	return 0;
}

/* Here an object fills its slot, so that the next one begins right behind it. */
static void access_to_the_next_object_of_a_pool_is_refused(void **state)
{
	COHERENT_POOL(struct full) pool = COHERENT_EMPTY;
	COHERENT_BOX(struct full) box = COHERENT_EMPTY;
	union full_mem mems[8];
	struct coherent_device *dev;
	uint64_t low = UINT64_MAX;
	size_t first, second;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step,exact"));
	assert_ok(coherent_pool_create(&pool, dev));
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++) {
		mems[i] = (union full_mem)COHERENT_EMPTY;
		assert_ok(coherent_pool_box(&pool, &box));
		assert_ok(coherent_expose(&box, &mems[i]));
		if (coherent_addr(&mems[i]).raw < low)
			low = coherent_addr(&mems[i]).raw;
	}
	first = find_mem(mems, ARRAY_SIZE(mems), low);
	second = find_mem(mems, ARRAY_SIZE(mems), low + 64);
	assert_reads(dev, &mems[first], 0, 64);
	assert_reads(dev, &mems[second], 0, 64);
	assert_refused(dev, &mems[first], 60, 8);
	check_fault(dev, low + 64, 4, COHERENT_STATE_MEM,
		    "refused: the next object of the pool (64");
	/* The neighbour is a box. */
	assert_ok(coherent_reclaim(&mems[second], &box, .idle = true));
	assert_refused(dev, &mems[first], 60, 8);
	check_fault(dev, low + 64, 4, COHERENT_STATE_BOX,
		    "refused: box of a pool, not exposed yet (64");
	assert_refused(dev, &mems[first], 64, 1);
	check_fault(dev, low + 64, 1, COHERENT_STATE_BOX, "box of a pool");
	/* The neighbour is free. */
	coherent_box_free(&box);
	assert_refused(dev, &mems[first], 60, 8);
	check_fault(dev, low + 64, 4, COHERENT_STATE_NONE, "a free part of the pool created at");
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	assert_ok(coherent_pool_destroy(&pool));
	coherent_device_close(dev);
}

static void without_the_key_only_pages_count(void **state)
{
	COHERENT_POOL(struct small) pool = COHERENT_EMPTY;
	COHERENT_BOX(struct small) box = COHERENT_EMPTY;
	COHERENT(struct small) slot = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	assert_ok(coherent_zeroed(&mem, dev, 100));
	assert_reads(dev, &mem, 100, 100);
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_box(&pool, &box));
	assert_ok(coherent_expose(&box, &slot));
	assert_reads(dev, &slot, 0, 256);
	coherent_free(&slot);
	coherent_free(&mem);
	assert_ok(coherent_pool_destroy(&pool));
	coherent_device_close(dev);
}

/* The device reads all over, also what the driver allocates at the moment, and never rests. */
static void wild_tick(struct coherent_sim *sim, void *arg)
{
	uint8_t bytes[8];

	(void)arg;
	for (uint64_t address = 0; address < 32 * PAGE; address += PAGE)
		(void)!coherent_sim_dma_read(sim, address + 50, bytes, sizeof(bytes));
	coherent_sim_irq(sim, 0);
}

/* ThreadSanitizer checks this one: the thread of the device looks for the end of each object. */
static void device_reads_while_objects_come_and_go(void **state)
{
	static const struct coherent_sim_model wild = {
		.name = "wild",
		.mask = UINT32_MAX,
		.vectors = 1,
		.tick = wild_tick,
	};
	static const char *const names[] = { "sim:custom,exact", "sim:custom,exact,lazy" };
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;

	(void)state;
	for (size_t i = 0; i < 2 * ROUNDS; i++) {
		if (i % ROUNDS == 0)
			assert_ok(coherent_device_open(&dev, names[i / ROUNDS], .model = &wild));
		assert_ok(coherent_box_zeroed(&box, dev, 10 + i % 50));
		/* A reclaim makes an object too. If an unmap is not a fence, a fence ends the old one. */
		if (i % 4 == 0) {
			assert_ok(coherent_expose(&box, &mem));
			assert_ok(coherent_reclaim(&mem, &box, .idle = true));
			assert_ok(coherent_device_fence(dev));
		}
		coherent_box_free(&box);
		if (i % ROUNDS == ROUNDS - 1)
			coherent_device_close(dev);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(access_past_the_last_element_is_refused),
		cmocka_unit_test(reused_box_has_its_own_end),
		cmocka_unit_test(other_faults_stay_the_same),
		cmocka_unit_test(lazy_iommu_ends_at_the_last_element_too),
		cmocka_unit_test(access_past_an_object_of_a_pool_is_refused),
		cmocka_unit_test(access_to_the_next_object_of_a_pool_is_refused),
		cmocka_unit_test(without_the_key_only_pages_count),
		cmocka_unit_test(device_reads_while_objects_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
