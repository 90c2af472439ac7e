// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check pools with .in_place: a box is its slot in memory that the device reaches, and
 * only its address is hidden.
 */
#include <coherent/loan.h>
#include <coherent/pool_many.h>
#include <pthread.h>

#include "../src/device/device.h"
#include "../src/memory/pool_slots.h"
#include "pool_test.h"

COHERENT_FIELDS(struct command, .opcode, .rest);
COHERENT_LOAN_TYPE(command_loan, struct command);

static void assert_device_sees(coherent_addr_t address, uint8_t byte, size_t bytes)
{
	uint8_t seen[PAGE];

	assert_ok(coherent_sim_try_addr(dev, address, seen, bytes, COHERENT_ACCESS_READ));
	assert_true(is_all(seen, byte, bytes));
}

static void box_is_its_slot(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	struct command seen, *at;
	coherent_addr_t address;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev, .in_place = true));
	assert_ok(coherent_pool_box(&pool, &box));
	assert_int_equal(coherent_box_level(&box), COHERENT_HIDDEN);
	at = coherent_box_ptr(&box);
	assert_true(is_all(at, 0, sizeof(*at)));
	memset(at, DIRT, sizeof(*at));
	/* Nothing but the secret keeps a device from the box. */
	assert_ok(coherent_sim_try(dev, &box, 0, &seen, sizeof(seen), COHERENT_ACCESS_READ));
	assert_true(is_all(&seen, DIRT, sizeof(seen)));
	assert_ok(coherent_expose(&box, &mem));
	assert_ptr_equal(coherent_unsafe_ptr(&mem), at);
	address = coherent_addr(&mem);
	assert_device_sees(address, DIRT, sizeof(seen));
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_ptr_equal(coherent_box_ptr(&box), at);
	assert_true(is_all(at, DIRT, sizeof(*at)));
	/* The end of a box or a mem leaves zeros, and the next object gets the slot. */
	coherent_box_free(&box);
	assert_device_sees(address, 0, sizeof(seen));
	assert_ok(coherent_pool_box(&pool, &box));
	assert_ptr_equal(coherent_box_ptr(&box), at);
	assert_true(is_all(at, 0, sizeof(*at)));
	memset(at, DIRT, sizeof(*at));
	assert_ok(coherent_expose(&box, &mem));
	coherent_free(&mem);
	assert_device_sees(address, 0, sizeof(seen));
	assert_ok(coherent_pool_destroy(&pool));
	assert_err(coherent_sim_try_addr(dev, address, &seen, 1, COHERENT_ACCESS_READ), -EIO);
}

static void level_and_place_must_fit(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;

	(void)state;
	assert_err(coherent_pool_create(&pool, dev, .in_place = true, .level = COHERENT_IOMMU),
		   -EOPNOTSUPP);
	assert_true(log_has(&reports, "with .in_place the device reaches the boxes"));
	assert_err(coherent_pool_create(&pool, dev, .in_place = true, .level = COHERENT_PEER),
		   -EOPNOTSUPP);
	assert_err(coherent_pool_create(&pool, dev, .level = COHERENT_IOMMU + 1), -EINVAL);
	assert_true(log_has(&reports, ".level is not a value of enum coherent_level"));
	assert_null(pool.base.va);
	assert_ok(coherent_pool_create(&pool, dev, .in_place = true, .level = COHERENT_HIDDEN));
	assert_ok(coherent_pool_destroy(&pool));
	assert_ok(coherent_pool_create(&pool, dev, .level = COHERENT_IOMMU));
	assert_ok(coherent_pool_box(&pool, &box));
	assert_int_equal(coherent_box_level(&box), COHERENT_IOMMU);
	coherent_box_free(&box);
	assert_ok(coherent_pool_destroy(&pool));
}

/* The simulator has an IOMMU, so the test says that it has not. */
static void pool_gives_no_more_than_its_device(void **state)
{
	const enum coherent_level real = dev->backend->level;
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;

	(void)state;
	dev->backend->level = COHERENT_PEER;
	assert_err(coherent_pool_create(&pool, dev, .level = COHERENT_IOMMU), -EOPNOTSUPP);
	assert_true(log_has(&reports, "gives COHERENT_PEER, but .level asks for COHERENT_IOMMU"));
	assert_ok(coherent_pool_create(&pool, dev, .level = COHERENT_PEER));
	assert_ok(coherent_pool_destroy(&pool));
	dev->backend->level = COHERENT_NONE;
	assert_ok(coherent_pool_create(&pool, dev, .in_place = true));
	assert_ok(coherent_pool_box(&pool, &box));
	assert_int_equal(coherent_box_level(&box), COHERENT_NONE);
	coherent_box_free(&box);
	assert_ok(coherent_pool_destroy(&pool));
	dev->backend->level = real;
}

static void lookups_find_boxes_in_place(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY, other = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	struct coherent_info info;
	char *at;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev, .in_place = true));
	assert_ok(coherent_pool_box(&pool, &box));
	assert_ok(coherent_pool_box(&pool, &other));
	at = (char *)coherent_box_ptr(&box);
	assert_ok(coherent_find_ptr(dev, at + 5, &info));
	assert_int_equal(info.state, COHERENT_STATE_BOX);
	assert_int_equal(info.offset, 5);
	assert_non_null(strstr(info.where, "tests/pool_in_place.c:"));
	assert_ok(coherent_expose(&box, &mem));
	assert_ok(coherent_find_ptr(dev, at + 5, &info));
	assert_int_equal(info.state, COHERENT_STATE_MEM);
	assert_ok(coherent_find_addr(dev, coherent_addr(&mem).raw + 64, &info));
	assert_int_equal(info.state, COHERENT_STATE_BOX);
	coherent_free(&mem);
	assert_err(coherent_find_ptr(dev, at, &info), -ERANGE);
	assert_err(coherent_pool_destroy(&pool), -EBUSY);
	assert_true(log_has(&reports, "a box of 64 bytes of the pool created at"));
	coherent_box_free(&other);
	assert_ok(coherent_pool_destroy(&pool));
}

/* Counts the private pages that a pool takes for boxes on four pages. */
static size_t private_pages(bool in_place)
{
	enum { COUNT = 4 * PAGE / sizeof(struct command) };
	static union command_box boxes[COUNT];
	union commands pool = COHERENT_EMPTY;
	const struct chunk *chunk;
	size_t bytes = 0;

	assert_ok(coherent_pool_create(&pool, dev, .in_place = in_place));
	assert_ok(coherent_pool_boxes(&pool, boxes, COUNT));
	TAILQ_FOREACH(chunk, &pool.base.va->chunks, link)
		bytes += chunk->pages.last ? pages_bytes(&chunk->pages) : 0;
	coherent_pool_box_free(&pool, boxes, COUNT);
	assert_ok(coherent_pool_destroy(&pool));
	return bytes / PAGE;
}

static void place_halves_the_memory(void **state)
{
	(void)state;
	assert_int_equal(private_pages(false), 4);
	assert_int_equal(private_pages(true), 0);
}

static void arrays_and_values_work_in_place(void **state)
{
	static union command_box boxes[100];
	static union command_mem mems[100];
	static struct command values[100];
	union commands pool = COHERENT_EMPTY;
	struct command seen;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev, .in_place = true));
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		memset(&values[i], (int)i + 1, sizeof(values[i]));
	for (unsigned int turn = 0; turn < 3; turn++) {
		assert_ok(coherent_pool_boxes(&pool, boxes, ARRAY_SIZE(boxes)));
		for (size_t i = 0; i < ARRAY_SIZE(boxes); i++) {
			assert_true(is_all(coherent_box_ptr(&boxes[i]), 0, sizeof(seen)));
			*coherent_box_ptr(&boxes[i]) = values[i];
		}
		if (turn) {
			coherent_pool_box_free(&pool, boxes, ARRAY_SIZE(boxes));
			assert_ok(coherent_pool_from_all(&pool, mems, values, ARRAY_SIZE(mems)));
		} else {
			assert_ok(coherent_pool_expose(&pool, boxes, mems, ARRAY_SIZE(mems)));
		}
		for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
			assert_device_sees(coherent_addr(&mems[i]), (uint8_t)(i + 1), sizeof(seen));
		coherent_pool_free(&pool, mems, ARRAY_SIZE(mems));
	}
	assert_ok(coherent_pool_from(&pool, &mems[0], &values[1]));
	assert_device_sees(coherent_addr(&mems[0]), 2, sizeof(seen));
	coherent_free(&mems[0]);
	assert_ok(coherent_pool_destroy(&pool));
}

static int seal_it(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	assert_int_equal(count, 1);
	memcpy(elements, &address.raw, sizeof(address.raw));
	return *(int *)arg;
}

static void seals_and_loans_work_in_place(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	union command_loan loan = COHERENT_EMPTY;
	int result = 0;
	uint64_t first;
	void *at;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev, .in_place = true));
	assert_ok(coherent_pool_box(&pool, &box));
	at = coherent_box_ptr(&box);
	assert_ok(coherent_expose(&box, &mem, .seal = seal_it, .seal_arg = &result));
	memcpy(&first, at, sizeof(first));
	assert_int_equal(first, coherent_addr(&mem).raw);
	coherent_free(&mem);
	/* A seal that fails leaves nothing behind. */
	result = -ECANCELED;
	assert_ok(coherent_pool_box(&pool, &box));
	assert_err(coherent_expose(&box, &mem, .seal = seal_it, .seal_arg = &result), -ECANCELED);
	assert_ok(coherent_pool_box(&pool, &box));
	assert_ptr_equal(coherent_box_ptr(&box), at);
	assert_true(is_all(at, 0, sizeof(struct command)));
	assert_ok(coherent_lend(&box, &loan, COHERENT_BOTH_WAYS));
	assert_int_equal(coherent_loan_level(&loan), COHERENT_HIDDEN);
	assert_ok(coherent_sim_try_addr(dev, coherent_loan_addr(&loan), "device", 7,
					COHERENT_ACCESS_WRITE));
	assert_ok(coherent_take(&loan, &box, .idle = true));
	assert_memory_equal(coherent_box_ptr(&box), "device", 7);
	coherent_box_free(&box);
	assert_ok(coherent_pool_destroy(&pool));
}

/* Every size of an object is cleared whole, by any of its ends. */
static void every_size_ends_with_zeros(void **state)
{
	(void)state;
	for (size_t size = 1; size <= PAGE; size += size < 200 ? 7 : 499) {
		const struct coherent_pool_options options = {
			COHERENT_SIZED(coherent_pool_options), .dev = dev, .in_place = true
		};
		struct coherent_pool pool = { .va = NULL };
		struct coherent_box box = { .va = NULL };
		struct coherent_mem mem = { .va = NULL };
		coherent_addr_t address;

		assert_ok(coherent_base_pool_create(&pool, size, &options, "here"));
		for (unsigned int turn = 0; turn < 3; turn++) {
			assert_ok(coherent_base_pool_box(&pool, &box, "here"));
			assert_true(is_all(box.va, 0, size));
			memset(box.va, DIRT, size);
			if (turn == 2) {
				coherent_base_box_free(&box);
				break;
			}
			assert_ok(coherent_base_expose(
				&box,
				&(struct coherent_expose_options){
					COHERENT_SIZED(coherent_expose_options), .mem = &mem }));
			address = (coherent_addr_t){ ~mem.inverted_address };
			assert_device_sees(address, DIRT, size);
			coherent_base_free(&mem);
		}
		assert_device_sees(address, 0, size);
		assert_ok(coherent_base_pool_destroy(&pool));
	}
}

/* Threads take the slots that others freed, and find zeros. */
static void *take_and_free(void *arg)
{
	static const struct command empty;
	union command_box boxes[70] = { COHERENT_EMPTY };

	for (unsigned int turn = 0; turn < 200; turn++) {
		for (size_t i = 0; i < ARRAY_SIZE(boxes); i++) {
			assert_ok(coherent_pool_box((union commands *)arg, &boxes[i]));
			assert_memory_equal(coherent_box_ptr(&boxes[i]), &empty, sizeof(empty));
			memset(coherent_box_ptr(&boxes[i]), (int)i + 1, sizeof(empty));
		}
		coherent_pool_box_free((union commands *)arg, boxes, ARRAY_SIZE(boxes));
	}
	return NULL;
}

static void threads_find_zeros(void **state)
{
	union commands pool = COHERENT_EMPTY;
	pthread_t threads[4];

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev, .in_place = true));
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_ok(pthread_create(&threads[i], NULL, take_and_free, &pool));
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_ok(pthread_join(threads[i], NULL));
	assert_ok(coherent_pool_destroy(&pool));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DEVICE(box_is_its_slot),
		ON_DEVICE(level_and_place_must_fit),
		ON_DEVICE(pool_gives_no_more_than_its_device),
		ON_DEVICE(lookups_find_boxes_in_place),
		ON_DEVICE(place_halves_the_memory),
		ON_DEVICE(arrays_and_values_work_in_place),
		ON_DEVICE(seals_and_loans_work_in_place),
		ON_DEVICE(every_size_ends_with_zeros),
		ON_DEVICE(threads_find_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
