// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check which freed boxes the library keeps for reuse, and which requests get them.
 */
#include "../src/device/device.h"
#include "test.h"

#define MIB ((size_t)1 << 20)

static struct coherent_stats stats_of(struct coherent_device *dev)
{
	struct coherent_stats stats;

	assert_ok(coherent_device_stats(dev, &stats));
	return stats;
}

/* Freed boxes have small addresses that no boundary was asked for. */
static void request_with_a_boundary_gets_no_kept_box(void **state)
{
	COHERENT_BOX(uint8_t) boxes[8] = { COHERENT_EMPTY };
	COHERENT_DEVICE_AUTO(dev);

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++)
		assert_ok(coherent_box_zeroed(&boxes[i], dev, 2 * PAGE));
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++)
		coherent_box_free(&boxes[i]);
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++) {
		COHERENT_AUTO(uint8_t, mem);

		assert_ok(coherent_zeroed(&mem, dev, 2 * PAGE, .boundary = 2 * PAGE));
		assert_int_equal(coherent_addr(&mem).raw % (2 * PAGE), 0);
	}
}

static void request_with_an_alignment_gets_no_kept_box(void **state)
{
	COHERENT_BOX(uint8_t) boxes[8] = { COHERENT_EMPTY };
	COHERENT_DEVICE_AUTO(dev);

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++)
		assert_ok(coherent_box_zeroed(&boxes[i], dev, PAGE));
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++)
		coherent_box_free(&boxes[i]);
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++) {
		COHERENT_AUTO(uint8_t, mem);

		assert_ok(coherent_zeroed(&mem, dev, PAGE, .align = 16 * PAGE));
		assert_int_equal(coherent_addr(&mem).raw % (16 * PAGE), 0);
	}
}

/* A box that was asked to be special is not kept, because no plain request needs it. */
static void special_boxes_are_not_kept(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_DEVICE_AUTO(dev);

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	assert_ok(coherent_box_zeroed(&box, dev, PAGE, .align = 2 * PAGE));
	coherent_box_free(&box);
	assert_int_equal(dev->store.recycler.bytes, 0);
	assert_ok(coherent_box_zeroed(&box, dev, PAGE, .boundary = 2 * PAGE));
	coherent_box_free(&box);
	assert_int_equal(dev->store.recycler.bytes, 0);
	assert_ok(coherent_box_zeroed(&box, dev, PAGE));
	coherent_box_free(&box);
	assert_int_equal(dev->store.recycler.bytes, PAGE);
}

static void at_most_eight_mib_are_kept(void **state)
{
	COHERENT_BOX(uint8_t) boxes[20] = { COHERENT_EMPTY };
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_BOX_AUTO(uint8_t, one);

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++)
		assert_ok(coherent_box_zeroed(&boxes[i], dev, MIB));
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++) {
		coherent_box_free(&boxes[i]);
		assert_int_equal(dev->store.recycler.bytes, (i < 8 ? i + 1 : 8) * MIB);
	}
	/* A box of another size finds no room, until a request takes a kept box. */
	assert_ok(coherent_box_zeroed(&one, dev, 1));
	coherent_box_free(&one);
	assert_int_equal(dev->store.recycler.bytes, 8 * MIB);
	assert_ok(coherent_box_zeroed(&boxes[0], dev, MIB));
	assert_int_equal(dev->store.recycler.bytes, 7 * MIB);
	assert_ok(coherent_box_zeroed(&one, dev, 1));
	coherent_box_free(&one);
	assert_int_equal(dev->store.recycler.bytes, 7 * MIB + PAGE);
	coherent_box_free(&boxes[0]);
	assert_int_equal(dev->store.recycler.bytes, 7 * MIB + PAGE);
	assert_int_equal(stats_of(dev).objects, 0);
	assert_int_equal(stats_of(dev).bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_with_a_boundary_gets_no_kept_box),
		cmocka_unit_test(request_with_an_alignment_gets_no_kept_box),
		cmocka_unit_test(special_boxes_are_not_kept),
		cmocka_unit_test(at_most_eight_mib_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
