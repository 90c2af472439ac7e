// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The end of a mem that two devices use, and of its twins: when another object gets the memory.
 */
#include <coherent/adopt.h>
#include <stdalign.h>

#include "share_test.h"

/* --- The mem ends --- */

static void reclaim_names_each_twin(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_TWIN(uint8_t) twins[2] = { COHERENT_EMPTY };
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_device *c;
	struct log log;
	struct pair pair;

	(void)state;
	open_pair(&pair, NAME, NAME);
	open_one(&c, "sim:ring,step", &log);
	assert_ok(coherent_zeroed(&mem, pair.a, 1));
	assert_ok(coherent_share(&mem, pair.b, &twins[0]));
	assert_ok(coherent_share(&mem, c, &twins[1]));
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	assert_int_equal(pair.log_a.count, 2);
	assert_true(log_has(&pair.log_a, "sim:edu,step has a twin at 0x"));
	assert_true(log_has(&pair.log_a, "sim:ring,step has a twin at 0x"));
	assert_true(log_has(&pair.log_a, "share_ends.c:"));
	assert_ok(try_byte(pair.a, coherent_addr(&mem).raw, COHERENT_ACCESS_WRITE));
	coherent_free(&twins[0]);
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	coherent_free(&twins[1]);
	assert_ok(coherent_reclaim(&mem, &box));
	assert_int_equal(*coherent_box_ptr(&box), 0x5a);
	/* The box is one like any other. */
	assert_ok(coherent_expose(&box, &mem));
	assert_ok(coherent_share(&mem, c, &twins[1]));
	coherent_free(&twins[1]);
	coherent_free(&mem);
	coherent_device_close(c);
	close_pair(&pair);
}

static void twin_keeps_the_memory_of_a_freed_mem(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	struct coherent_stats stats;
	struct pair pair;
	const void *pages;
	uint64_t at;

	(void)state;
	open_pair(&pair, NAME, NAME);
	assert_ok(coherent_zeroed(&mem, pair.a, 5 * PAGE));
	assert_ok(coherent_write(&mem, 0, , 0x11));
	pages = (const void *)coherent_unsafe_ptr(&mem);
	at = coherent_addr(&mem).raw;
	assert_ok(coherent_share(&mem, pair.b, &twin));
	assert_ok(coherent_device_stats(pair.b, &stats));
	assert_int_equal(stats.mems, 1);
	assert_int_equal(stats.bytes, 5 * PAGE);
	coherent_free(&mem);
	assert_err(try_byte(pair.a, at, COHERENT_ACCESS_READ), -EIO);
	assert_fault(pair.a, COHERENT_STATE_FREED);
	assert_int_equal(byte_at(pair.b, coherent_addr(&twin).raw), 0x11);
	assert_ok(coherent_write(&twin, 1, , 0x22));
	assert_false(is_reused(pair.a, pages));
	assert_int_equal(byte_at(pair.b, coherent_addr(&twin).raw + 1), 0x22);
	coherent_free(&twin);
	assert_true(is_reused(pair.a, pages));
	close_pair(&pair);
}

/* --- Fences --- */

static void freed_twin_waits_for_the_fence_of_its_device(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct pair pair;
	uint64_t at;

	(void)state;
	open_pair(&pair, NAME, LAZY);
	assert_ok(coherent_zeroed(&mem, pair.a, 5 * PAGE));
	assert_ok(coherent_share(&mem, pair.b, &twin));
	at = coherent_addr(&twin).raw;
	coherent_free(&twin);
	/* The device can still write to the memory, so it must not become a box. */
	assert_ok(try_byte(pair.b, at, COHERENT_ACCESS_WRITE));
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	assert_true(log_has(&pair.log_a, "is freed, but it waits for coherent_device_fence()"));
	assert_ok(coherent_device_fence(pair.a));
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	assert_ok(coherent_device_fence(pair.b));
	assert_ok(coherent_reclaim(&mem, &box));
	assert_err(try_byte(pair.b, at, COHERENT_ACCESS_WRITE), -EIO);
	coherent_box_free(&box);
	close_pair(&pair);
}

/* The mem and the twin end in either order, and each of the devices may need a fence. */
static void memory_waits_for_all_fences(void **state)
{
	static const char *const names[] = { NAME, LAZY };

	(void)state;
	for (unsigned int i = 0; i < 16; i++) {
		const bool lazy_a = i & 1, lazy_b = i & 2, twin_first = i & 4, b_first = i & 8;
		COHERENT(uint8_t) mem = COHERENT_EMPTY;
		COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
		const void *pages;
		struct pair pair;

		open_pair(&pair, names[lazy_a], names[lazy_b]);
		assert_ok(coherent_zeroed(&mem, pair.a, 5 * PAGE));
		pages = (const void *)coherent_unsafe_ptr(&mem);
		assert_ok(coherent_share(&mem, pair.b, &twin));
		if (twin_first)
			coherent_free(&twin);
		coherent_free(&mem);
		assert_ok(coherent_device_fence(pair.a));
		assert_true(is_reused(pair.a, pages) == (twin_first && !lazy_b));
		coherent_free(&twin);
		assert_true(is_reused(pair.a, pages) == !lazy_b);
		if (b_first)
			coherent_device_close(pair.b);
		else
			assert_ok(coherent_device_fence(pair.b));
		assert_true(is_reused(pair.a, pages));
		if (!b_first)
			coherent_device_close(pair.b);
		coherent_device_close(pair.a);
	}
}

/* --- Closed devices --- */

static void close_of_its_device_cuts_a_twin_off(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY, late = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct pair pair;
	uint8_t byte;

	(void)state;
	open_pair(&pair, NAME, NAME);
	assert_ok(coherent_zeroed(&mem, pair.a, 1));
	assert_ok(coherent_share(&mem, pair.b, &twin));
	coherent_device_close(pair.b);
	assert_true(log_has(&pair.log_b, "a twin of 4096 bytes shared at "));
	assert_ok(coherent_write(&twin, 0, , 0x44));
	assert_int_equal(byte_at(pair.a, coherent_addr(&mem).raw), 0x44);
	assert_err(coherent_share(&mem, pair.b, &late), -ENODEV);
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	coherent_free(&mem);
	assert_ok(coherent_read(&twin, 0, , &byte));
	assert_int_equal(byte, 0x44);
	coherent_free(&twin);
	coherent_device_close(pair.a);
}

static void twin_outlives_the_device_of_the_mem(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY, late = COHERENT_EMPTY;
	struct pair pair;
	uint8_t byte;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		open_pair(&pair, i ? LAZY : NAME, NAME);
		assert_ok(coherent_zeroed(&mem, pair.a, 1));
		assert_ok(coherent_share(&mem, pair.b, &twin));
		coherent_device_close(pair.a);
		assert_err(coherent_share(&mem, pair.b, &late), -ENODEV);
		assert_ok(try_byte(pair.b, coherent_addr(&twin).raw, COHERENT_ACCESS_WRITE));
		coherent_free(&mem);
		assert_ok(try_byte(pair.b, coherent_addr(&twin).raw, COHERENT_ACCESS_WRITE));
		assert_ok(coherent_read(&twin, 0, , &byte));
		assert_int_equal(byte, 0x5a);
		coherent_free(&twin);
		coherent_device_close(pair.b);
	}
}

/* --- Several twins on one device --- */

static void check_find(struct coherent_device *dev, const void *ptr, uint64_t address)
{
	struct coherent_info info;

	assert_ok(coherent_find_ptr(dev, ptr, &info));
	assert_int_equal(info.state, COHERENT_STATE_MEM);
	assert_int_equal(info.address, address);
}

/* The twins end in this order. Each one that is left is the object that has the pages. */
static void end_twins(const char *name, const unsigned int order[3])
{
	static alignas(PAGE) uint8_t memory[PAGE];
	COHERENT_TWIN(uint8_t) twins[3] = { COHERENT_EMPTY };
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_info info;
	struct pair pair;

	open_pair(&pair, NAME, name);
	assert_ok(coherent_box_adopt(&box, pair.a, memory, PAGE));
	assert_ok(coherent_expose(&box, &mem));
	for (unsigned int i = 0; i < 3; i++) {
		assert_ok(coherent_share(&mem, pair.b, &twins[i]));
		check_find(pair.b, memory, coherent_addr(&twins[i]).raw);
	}
	for (unsigned int i = 0; i < 3; i++) {
		const unsigned int last = order[2];

		coherent_free(&twins[order[i]]);
		if (i == 1)
			check_find(pair.b, memory, coherent_addr(&twins[last]).raw);
		if (i < 2) {
			assert_ok(coherent_find_ptr(pair.b, memory, &info));
			assert_err(coherent_box_adopt(&box, pair.b, memory, PAGE, .copy = true),
				   -EBUSY);
		}
		if (i)
			assert_ok(coherent_device_fence(pair.b));
	}
	assert_err(coherent_find_ptr(pair.b, memory, &info), -ERANGE);
	assert_ok(coherent_box_adopt(&box, pair.b, memory, PAGE, .copy = true));
	coherent_box_free(&box);
	coherent_free(&mem);
	close_pair(&pair);
}

static void pages_pass_to_another_twin_of_the_device(void **state)
{
	static const unsigned int orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 2, 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		end_twins(NAME, orders[i]);
		end_twins(LAZY, orders[i]);
	}
}

static void failed_share_leaves_the_pages_to_the_twin(void **state)
{
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY, other = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct pair pair;

	(void)state;
	open_pair(&pair, NAME, NAME ",maps=0x1");
	assert_ok(coherent_zeroed(&mem, pair.a, PAGE));
	assert_ok(coherent_share(&mem, pair.b, &twin));
	assert_err(coherent_share(&mem, pair.b, &other), -ENOSPC);
	check_find(pair.b, (const void *)coherent_unsafe_ptr(&mem), coherent_addr(&twin).raw);
	coherent_free(&twin);
	coherent_free(&mem);
	close_pair(&pair);
}

/* --- Memory of the driver --- */

static void memory_that_the_other_device_adopted_is_refused(void **state)
{
	static alignas(PAGE) uint8_t memory[3 * PAGE];
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY, other = COHERENT_EMPTY;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_info info;
	struct pair pair;

	(void)state;
	open_pair(&pair, NAME, NAME);
	assert_ok(coherent_box_adopt(&other, pair.b, memory + PAGE, PAGE));
	assert_ok(coherent_box_adopt(&box, pair.a, memory, 3 * PAGE));
	assert_ok(coherent_expose(&box, &mem));
	assert_err(coherent_share(&mem, pair.b, &twin), -EBUSY);
	assert_true(log_has(&pair.log_a, "has a page of the mem allocated at"));
	assert_ok(coherent_find_ptr(pair.b, memory + PAGE, &info));
	assert_err(coherent_find_ptr(pair.b, memory, &info), -ERANGE);
	coherent_box_free(&other);
	assert_ok(coherent_share(&mem, pair.b, &twin));
	coherent_free(&twin);
	coherent_free(&mem);
	close_pair(&pair);
}

static void count_release(void *memory, void *arg)
{
	(void)memory;
	++*(unsigned int *)arg;
}

static void adopted_memory_comes_back_after_the_last_twin(void **state)
{
	static alignas(PAGE) uint8_t memory[2 * PAGE];
	static const char *const names[] = { NAME, LAZY };

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
		COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
		COHERENT(uint8_t) mem = COHERENT_EMPTY;
		unsigned int released = 0;
		struct pair pair;

		open_pair(&pair, NAME, names[i / 2]);
		assert_ok(coherent_box_adopt(&box, pair.a, memory, 2 * PAGE,
					     .release = count_release, .release_arg = &released));
		assert_ok(coherent_expose(&box, &mem));
		assert_ok(coherent_share(&mem, pair.b, &twin));
		assert_ok(try_byte(pair.b, coherent_addr(&twin).raw + PAGE, COHERENT_ACCESS_WRITE));
		assert_int_equal(memory[PAGE], 0x5a);
		if (i % 2)
			coherent_free(&twin);
		coherent_free(&mem);
		assert_int_equal(released, i == 1);
		coherent_free(&twin);
		assert_int_equal(released, i < 2);
		assert_ok(coherent_device_fence(pair.b));
		assert_int_equal(released, 1);
		close_pair(&pair);
		assert_int_equal(released, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reclaim_names_each_twin),
		cmocka_unit_test(twin_keeps_the_memory_of_a_freed_mem),
		cmocka_unit_test(freed_twin_waits_for_the_fence_of_its_device),
		cmocka_unit_test(memory_waits_for_all_fences),
		cmocka_unit_test(close_of_its_device_cuts_a_twin_off),
		cmocka_unit_test(twin_outlives_the_device_of_the_mem),
		cmocka_unit_test(pages_pass_to_another_twin_of_the_device),
		cmocka_unit_test(failed_share_leaves_the_pages_to_the_twin),
		cmocka_unit_test(memory_that_the_other_device_adopted_is_refused),
		cmocka_unit_test(adopted_memory_comes_back_after_the_last_twin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
