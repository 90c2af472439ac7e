// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests reach the items of array fields by an index that the compiler does not know, and clear
 * elements.
 */
#include "typed_test.h"

enum { ITEMS = 8 };

struct segment {
	coherent_le64 address;
	coherent_be32 len;
	uint8_t flags[2];
	uint16_t tag;
};

/* The ring is not at the start, and the items have several widths and byte orders. */
struct queue {
	coherent_le16 flags;
	coherent_le16 index;
	coherent_le16 ring[ITEMS];
	coherent_be32 counters[3];
	struct segment segments[4];
	uint8_t bytes[5];
	uint32_t matrix[2][3];
	double reals[2];
	const uint32_t fixed[2];
};

COHERENT_TYPE(queues, struct queue);

static void device_sees(union queues *mem, size_t offset, const void *wanted, size_t bytes)
{
	uint8_t seen[sizeof(struct queue)];

	assert_ok(coherent_sim_try(dev, mem, offset, seen, bytes, COHERENT_ACCESS_READ));
	assert_memory_equal(seen, wanted, bytes);
}

static void item_is_at_its_place_in_its_byte_order(void **state)
{
	union queues mem = COHERENT_EMPTY;
	uint8_t byte;
	uint16_t half = 0;
	uint32_t value;
	uint64_t address;
	double real;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, 2));
	for (uint16_t k = 0; k < ITEMS; k++)
		assert_ok(coherent_write_item(&mem, 1, .ring, k, k + 0x1200));
	for (uint16_t k = 0; k < ITEMS; k++) {
		const uint8_t wanted[] = { (uint8_t)k, 0x12 };

		device_sees(&mem, sizeof(struct queue) + offsetof(struct queue, ring[k]), wanted,
			    2);
		assert_ok(coherent_read_item(&mem, 1, .ring, k, &half));
		assert_int_equal(half, k + 0x1200);
		assert_ok(coherent_read_item(&mem, 0, .ring, k, &half));
		assert_int_equal(half, 0);
	}
	for (size_t k = 0; k < 3; k++)
		assert_ok(coherent_write_item_release(&mem, 0, .counters, k,
						      0x12345670 + (uint32_t)k));
	for (size_t k = 0; k < 3; k++) {
		const uint8_t wanted[] = { 0x12, 0x34, 0x56, (uint8_t)(0x70 + k) };

		device_sees(&mem, offsetof(struct queue, counters[k]), wanted, 4);
		assert_ok(coherent_read_item_acquire(&mem, 0, .counters, k, &value));
		assert_int_equal(value, 0x12345670 + k);
	}
	for (size_t k = 0; k < 4; k++) {
		assert_ok(coherent_write_item(&mem, 0, .segments, k, .address, UINT64_MAX - k));
		assert_ok(coherent_write_item(&mem, 0, .segments, k, .len, (uint32_t)k));
		assert_ok(coherent_write_item_release(&mem, 0, .segments, k, .flags[1], 5));
	}
	for (size_t k = 0; k < 4; k++) {
		assert_ok(coherent_read_item(&mem, 0, .segments, k, .address, &address));
		assert_int_equal(address, UINT64_MAX - k);
		assert_ok(coherent_read_item_acquire(&mem, 0, .segments, k, .len, &value));
		assert_int_equal(value, k);
		assert_ok(coherent_read_item(&mem, 0, .segments, k, .flags[1], &byte));
		assert_int_equal(byte, 5);
		assert_ok(coherent_read_item(&mem, 0, .segments, k, .flags[0], &byte));
		assert_int_equal(byte, 0);
	}
	/* The other index of a matrix is a constant. */
	assert_ok(coherent_write_item(&mem, 0, .matrix[1], half % 3, 7));
	assert_ok(coherent_read(&mem, 0, .matrix[1][0], &value));
	assert_int_equal(value, 7);
	assert_ok(coherent_write_item(&mem, 0, .reals, half + 1, 1.5));
	assert_ok(coherent_read_item(&mem, 0, .reals, 1, &real));
	assert_true(real > 1.4 && real < 1.6);
	coherent_free(&mem);
}

static void item_past_the_end_is_refused(void **state)
{
	static const struct queue zero;
	union queues mem = COHERENT_EMPTY;
	COHERENT_VIEW(struct queue) view;
	uint8_t seen[2 * sizeof(struct queue)];
	uint16_t half = 7;
	int negative = -1;

	(void)state;
	assert_err(coherent_read_item(&mem, 0, .ring, 0, &half), -EINVAL);
	assert_err(coherent_write_item(&mem, 0, .ring, 0, 1), -EINVAL);
	assert_ok(coherent_zeroed(&mem, dev, 2));
	assert_err(coherent_read_item(&mem, 0, .ring, ITEMS, &half), -ERANGE);
	assert_err(coherent_read_item(&mem, 2, .ring, 0, &half), -ERANGE);
	assert_err(coherent_read_item_acquire(&mem, SIZE_MAX, .ring, 0, &half), -ERANGE);
	assert_err(coherent_read_item(&mem, 0, .ring, negative, &half), -ERANGE);
	assert_err(coherent_read_item(&mem, 0, .segments, 4, .tag, &half), -ERANGE);
	assert_int_equal(half, 7);
	assert_err(coherent_write_item(&mem, 1, .ring, ITEMS, 1), -ERANGE);
	assert_err(coherent_write_item(&mem, 2, .ring, 0, 1), -ERANGE);
	assert_err(coherent_write_item_release(&mem, 0, .ring, SIZE_MAX, 1), -ERANGE);
	assert_err(coherent_write_item(&mem, 0, .segments, SIZE_MAX / 16, .tag, 1), -ERANGE);
	assert_err(coherent_write_item(&mem, SIZE_MAX, .segments, 0, .tag, 1), -ERANGE);
	assert_ok(coherent_view(&mem, 1, 1, &view));
	assert_err(coherent_write_item(&view, 1, .ring, 0, 1), -ERANGE);
	assert_ok(coherent_sim_try(dev, &mem, 0, seen, sizeof(seen), COHERENT_ACCESS_READ));
	assert_memory_equal(seen, &zero, sizeof(zero));
	assert_memory_equal(seen + sizeof(zero), &zero, sizeof(zero));
	assert_ok(coherent_write_item(&view, 0, .ring, ITEMS - 1, 1));
	assert_ok(coherent_read(&mem, 1, .ring[7], &half));
	assert_int_equal(half, 1);
	coherent_free(&mem);
}

/* The compiler knows how many elements there are. Each way to one of them leads to the same place. */
static void array_type_has_a_known_count(void **state)
{
	COHERENT_BOX(struct segment[4]) box = COHERENT_EMPTY;
	COHERENT(struct segment[4]) mem = COHERENT_EMPTY;
	COHERENT_SLOT(struct segment[4]) slot;
	COHERENT_VIEW(struct segment) view;
	COHERENT_RING(struct segment) ring;
	uint16_t tag = 0, seen;
	size_t k = 3;

	(void)state;
	assert_ok(coherent_box_zeroed(&box, dev, 1));
	(*coherent_box_ptr(&box))[3].tag = 33;
	assert_ok(coherent_expose(&box, &mem));
	assert_int_equal(coherent_size(&mem), 4 * sizeof(struct segment));
	assert_ok(coherent_read(&mem, 0, [3].tag, &tag));
	assert_int_equal(tag, 33);
	assert_ok(coherent_read_item(&mem, 0, , k, .tag, &tag));
	assert_int_equal(tag, 33);
	assert_err(coherent_read_item(&mem, 0, , k + 1, .tag, &tag), -ERANGE);
	assert_err(coherent_write_item_release(&mem, 0, , k + 1, .tag, 1), -ERANGE);
	assert_ok(coherent_slot(&mem, 0, &slot));
	coherent_slot_put(&slot, [2].tag, 22);
	assert_ok(coherent_view_field(&mem, 0, , &view));
	assert_int_equal(coherent_count(&view), 4);
	assert_ok(coherent_read(&view, 2, .tag, &tag));
	assert_int_equal(tag, 22);
	assert_ok(coherent_ring_field(&mem, 0, , &ring));
	assert_int_equal(coherent_ring_get(&ring, 4 + 2, .tag), 22);
	assert_ok(coherent_sim_try(dev, &mem,
				   offsetof(struct segment, tag) + sizeof(struct segment) * 2,
				   &seen, sizeof(seen), COHERENT_ACCESS_READ));
	assert_int_equal(seen, 22);
	assert_ok(coherent_clear(&mem, 0, 1));
	assert_int_equal(coherent_slot_get(&slot, [3].tag), 0);
	coherent_free(&mem);
}

static size_t calls;

static size_t count_calls(size_t value)
{
	calls++;
	return value;
}

/* Each argument has a side effect. The accessors evaluate each once. */
static void arguments_are_evaluated_once(void **state)
{
	union queues mem = COHERENT_EMPTY;
	union queues *at = &mem;
	size_t i = 0, k = 3;
	uint16_t values[2] = { 0, 0 }, *value = values;
	COHERENT_RING(coherent_le16) rings[2], *ring = rings;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_ok(coherent_write_item(at++, i++, .ring, k++, (uint16_t)count_calls(9)));
	assert_int_equal(at - &mem + i + k + calls, 1 + 1 + 4 + 1);
	at = &mem;
	assert_ok(coherent_read_item(at++, --i, .ring, --k, value++));
	assert_int_equal(values[0], 9);
	assert_int_equal(at - &mem + i + k + (size_t)(value - values), 1 + 0 + 3 + 1);
	at = &mem;
	assert_ok(coherent_ring_field(at++, i++, .ring, ring++));
	assert_int_equal(at - &mem + i + (size_t)(ring - rings), 1 + 1 + 1);
	at = &mem;
	assert_ok(coherent_clear(at++, --i, count_calls(1)));
	assert_int_equal(at - &mem + i + calls, 1 + 0 + 2);
	coherent_free(&mem);
}

static void ring_of_a_field_wraps_inside_the_field(void **state)
{
	union queues mem = COHERENT_EMPTY;
	COHERENT_VIEW(struct queue) view;
	COHERENT_RING(coherent_le16) ring;
	COHERENT_RING(struct segment) segments;
	COHERENT_RING(uint8_t) flags;
	uint16_t half;

	(void)state;
	memset(&ring, 0x5a, sizeof(ring));
	assert_err(coherent_ring_field(&mem, 0, .ring, &ring), -EINVAL);
	assert_true(coherent_is_empty(&ring));
	assert_ok(coherent_zeroed(&mem, dev, 3));
	assert_ok(coherent_ring_field(&mem, 1, .ring, &ring));
	for (uint16_t k = 0; k < ITEMS; k++)
		coherent_ring_put(&ring, k + ITEMS * 1000u, k + 1);
	for (uint16_t k = 0; k < ITEMS; k++) {
		assert_ok(coherent_read_item(&mem, 1, .ring, k, &half));
		assert_int_equal(half, k + 1);
		assert_int_equal(coherent_ring_get(&ring, SIZE_MAX - ITEMS + 1 + k), k + 1);
	}
	/* The fields on both sides of the array are unchanged, and so are the other elements. */
	assert_ok(coherent_read(&mem, 1, .index, &half));
	assert_int_equal(half, 0);
	for (size_t i = 0; i < 3; i += 2)
		for (size_t k = 0; k < ITEMS; k++) {
			assert_ok(coherent_read_item(&mem, i, .ring, k, &half));
			assert_int_equal(half, 0);
		}
	assert_ok(coherent_view(&mem, 1, 2, &view));
	assert_ok(coherent_ring_field(&view, 1, .segments, &segments));
	coherent_ring_put(&segments, 4 + 3, .tag, 77);
	assert_ok(coherent_read(&mem, 2, .segments[3].tag, &half));
	assert_int_equal(half, 77);
	assert_ok(coherent_ring_field(&view, 1, .segments[3].flags, &flags));
	coherent_ring_put_release(&flags, 3, 1);
	assert_int_equal(coherent_ring_get_acquire(&segments, 3, .flags[1]), 1);
	assert_err(coherent_ring_field(&view, 2, .ring, &ring), -ERANGE);
	assert_true(coherent_is_empty(&ring));
	assert_err(coherent_ring_field(&mem, SIZE_MAX, .ring, &ring), -ERANGE);
	coherent_free(&mem);
}

/* An element of three bytes begins and ends at every alignment. */
struct three {
	uint8_t bytes[3];
};

static void clear_clears_the_elements_and_no_other_byte(void **state)
{
	enum { COUNT = 20 };
	COHERENT(struct three) mem = COHERENT_EMPTY;
	COHERENT_VIEW(struct three) view;
	COHERENT_VIEW(uint8_t) bytes;
	uint8_t seen[3 * COUNT], dirt[3 * COUNT];

	(void)state;
	memset(dirt, 0x5a, sizeof(dirt));
	assert_err(coherent_clear(&mem, 0, 0), -EINVAL);
	assert_ok(coherent_zeroed(&mem, dev, COUNT));
	for (size_t first = 0; first <= COUNT; first++)
		for (size_t n = 0; n <= COUNT - first; n++) {
			assert_ok(coherent_sim_try(dev, &mem, 0, dirt, sizeof(dirt),
						   COHERENT_ACCESS_WRITE));
			assert_ok(coherent_clear(&mem, first, n));
			assert_ok(coherent_sim_try(dev, &mem, 0, seen, sizeof(seen),
						   COHERENT_ACCESS_READ));
			assert_true(is_all(seen, 0x5a, 3 * first));
			assert_true(is_all(seen + 3 * first, 0, 3 * n));
			assert_true(is_all(seen + 3 * (first + n), 0x5a,
					   sizeof(seen) - 3 * (first + n)));
		}
	assert_ok(coherent_sim_try(dev, &mem, 0, dirt, sizeof(dirt), COHERENT_ACCESS_WRITE));
	assert_err(coherent_clear(&mem, COUNT, 1), -ERANGE);
	assert_err(coherent_clear(&mem, COUNT + 1, 0), -ERANGE);
	assert_err(coherent_clear(&mem, 1, COUNT), -ERANGE);
	assert_err(coherent_clear(&mem, SIZE_MAX, 2), -ERANGE);
	assert_err(coherent_clear(&mem, 2, SIZE_MAX), -ERANGE);
	assert_ok(coherent_view(&mem, 5, 2, &view));
	assert_err(coherent_clear(&view, 1, 2), -ERANGE);
	assert_ok(coherent_sim_try(dev, &mem, 0, seen, sizeof(seen), COHERENT_ACCESS_READ));
	assert_true(is_all(seen, 0x5a, sizeof(seen)));

	assert_ok(coherent_clear(&view, 1, 1));
	assert_ok(coherent_view_field(&mem, 1, .bytes, &bytes));
	assert_ok(coherent_clear(&bytes, 2, 1));
	assert_ok(coherent_sim_try(dev, &mem, 0, seen, sizeof(seen), COHERENT_ACCESS_READ));
	for (size_t i = 0; i < sizeof(seen); i++)
		assert_int_equal(seen[i], i == 5 || i / 3 == 6 ? 0 : 0x5a);
	coherent_free(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(item_is_at_its_place_in_its_byte_order, open_device,
						close_device),
		cmocka_unit_test_setup_teardown(item_past_the_end_is_refused, open_device,
						close_device),
		cmocka_unit_test_setup_teardown(array_type_has_a_known_count, open_device,
						close_device),
		cmocka_unit_test_setup_teardown(arguments_are_evaluated_once, open_device,
						close_device),
		cmocka_unit_test_setup_teardown(ring_of_a_field_wraps_inside_the_field, open_device,
						close_device),
		cmocka_unit_test_setup_teardown(clear_clears_the_elements_and_no_other_byte,
						open_device, close_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
