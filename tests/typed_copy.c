// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests copy elements and bytes, and make views of fields.
 */
#include "typed_test.h"

static void copies_move_elements_and_bytes(void **state)
{
	static const struct desc zero;
	struct desc in[3], out[3];
	union descs mem = COHERENT_EMPTY;
	unsigned char bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	uint16_t flag;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, 4));
	memset(in, 0, sizeof(in));
	for (size_t i = 0; i < 3; i++) {
		in[i].src = i + 1;
		in[i].medium = (int16_t) - (int)i;
		in[i].flags[3] = 7;
	}
	assert_ok(coherent_copy_in(&mem, 1, in, 3));
	assert_ok(coherent_copy_out(&mem, 1, out, 3));
	assert_memory_equal(in, out, sizeof(in));
	assert_ok(coherent_copy_out(&mem, 0, out, 1));
	assert_memory_equal(out, &zero, sizeof(zero));
	assert_ok(coherent_copy_in(&mem, 4, in, 0));

	assert_ok(coherent_copy_in_field(&mem, 0, .flags, 1, bytes, 7));
	assert_ok(coherent_read(&mem, 0, .flags[0], &flag));
	assert_int_equal(flag, COHERENT_LE_SWAPS ? 1 : 0x0100);
	memset(bytes, 0, sizeof(bytes));
	assert_ok(coherent_copy_out_field(&mem, 0, .flags, 2, bytes, 6));
	assert_int_equal(bytes[0], 2);
	assert_int_equal(bytes[5], 7);
	assert_err(coherent_copy_in_field(&mem, 0, .flags, 1, bytes, 8), -ERANGE);
	assert_err(coherent_copy_in_field(&mem, 0, .flags, 9, bytes, 0), -ERANGE);
	assert_err(coherent_copy_in_field(&mem, 4, .flags, 0, bytes, 1), -ERANGE);
	assert_err(coherent_copy_out_field(&mem, 0, .flags, 8, bytes, 1), -ERANGE);
	assert_err(coherent_copy_out_field(&mem, 0, .flags, SIZE_MAX, bytes, 2), -ERANGE);
	assert_err(coherent_copy_out_field(&mem, 0, .flags, 2, bytes, SIZE_MAX), -ERANGE);
	assert_ok(coherent_read(&mem, 0, .flags[0], &flag));
	assert_int_equal(flag, COHERENT_LE_SWAPS ? 1 : 0x0100);
	coherent_free(&mem);
}

enum color { RED = 1, BLUE = 2 };
typedef uint8_t mac[6];
typedef coherent_be32 matrix[2][3];

/* The test copies more of these than fit into one chunk of a copy. */
struct many {
	uint8_t a;
	uint32_t b;
	uint16_t c;
};
COHERENT_FIELDS(struct many, .a, .b, .c);

static void copies_leave_padding_zero_in_every_element(void **state)
{
	enum { COUNT = 50 };
	COHERENT(struct many) mem = COHERENT_EMPTY;
	COHERENT(volatile struct many) still = COHERENT_EMPTY;
	struct many in[COUNT];
	uint8_t bytes[sizeof(in)];

	(void)state;
	memset(in, 0xff, sizeof(in));
	assert_ok(coherent_zeroed(&mem, dev, COUNT));
	for (size_t first = 0; first < 7; first++) {
		assert_ok(coherent_copy_in(&mem, first, in, COUNT - first));
		assert_ok(
			coherent_sim_try(dev, &mem, 0, bytes, sizeof(bytes), COHERENT_ACCESS_READ));
		for (size_t i = 0; i < sizeof(bytes); i++) {
			const size_t k = i % sizeof(*in);

			assert_int_equal(bytes[i], k == 0 || (k >= 4 && k < 10) ? 0xff : 0);
		}
	}
	coherent_free(&mem);
	assert_ok(coherent_from(&still, dev, in, 1));
	coherent_free(&still);
}

/* The copy of one element goes on behind the first 64 bytes of its mask. */
struct large {
	uint8_t a[70];
	uint32_t b;
	uint64_t c;
};
COHERENT_FIELDS(struct large, .a, .b, .c);

static void copies_leave_padding_of_large_elements_zero(void **state)
{
	COHERENT(struct large) mem = COHERENT_EMPTY;
	uint8_t bytes[2 * sizeof(struct large)];
	struct large in[2];

	(void)state;
	memset(in, 0xff, sizeof(in));
	assert_ok(coherent_zeroed(&mem, dev, 2));
	assert_ok(coherent_copy_in(&mem, 0, in, 2));
	assert_ok(coherent_sim_try(dev, &mem, 0, bytes, sizeof(bytes), COHERENT_ACCESS_READ));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		const size_t k = i % sizeof(*in);
		const bool is_padding = (k >= 70 && k < 72) || (k >= 76 && k < 80);

		assert_int_equal(bytes[i], is_padding ? 0 : 0xff);
	}
	coherent_free(&mem);
}

/* Elements without padding are copied as they are, so no byte of padding may be missed. */
static void padding_is_found_at_each_place_of_an_element(void **state)
{
	unsigned char mask[40];

	(void)state;
	memset(mask, 0xff, sizeof(mask));
	for (size_t size = 1; size <= sizeof(mask); size++) {
		assert_false(coherent_has_padding(mask, size));
		for (size_t at = 0; at < sizeof(mask); at++) {
			mask[at] = 0;
			assert_int_equal(coherent_has_padding(mask, size), at < size);
			mask[at] = 0xff;
		}
	}
}

static void numbers_and_arrays_are_copied_without_a_list(void **state)
{
	static const enum color colors[] = { RED, BLUE };
	static const mac macs[] = { { 1, 2, 3, 4, 5, 6 }, { 7, 8, 9, 10, 11, 12 } };
	static const matrix matrices[1];
	COHERENT(enum color) color = COHERENT_EMPTY;
	COHERENT(mac) address = COHERENT_EMPTY;
	COHERENT(matrix) grid = COHERENT_EMPTY;
	enum color out = RED;
	mac there;

	(void)state;
	assert_ok(coherent_from(&color, dev, colors, 2));
	assert_ok(coherent_read(&color, 1, &out));
	assert_int_equal(out, BLUE);
	assert_ok(coherent_from(&address, dev, macs, 2));
	assert_ok(coherent_copy_out(&address, 1, &there, 1));
	assert_memory_equal(there, macs[1], sizeof(there));
	assert_ok(coherent_from(&grid, dev, matrices, 1));
	coherent_free(&color);
	coherent_free(&address);
	coherent_free(&grid);
}

/* Both sides have every alignment, and the length has every value around a word. */
static void copies_work_at_any_alignment(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	uint8_t in[64], out[64];

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, 64));
	for (uint8_t i = 0; i < 64; i++)
		in[i] = (uint8_t)(i + 1);
	for (size_t first = 0; first < 9; first++)
		for (size_t skew = 0; skew < 9; skew++)
			for (size_t n = 0; n < 25; n++) {
				memset(out, 0, sizeof(out));
				for (size_t i = 0; i < 64; i++)
					assert_ok(coherent_write(&mem, i, 0));
				assert_ok(coherent_copy_in(&mem, first, in + skew, n));
				assert_ok(coherent_copy_out(&mem, 0, out, 64));
				for (size_t i = 0; i < 64; i++)
					assert_int_equal(out[i],
							 i - first < n ? in[i - first + skew] : 0);
				memset(out, 0, sizeof(out));
				assert_ok(coherent_copy_out(&mem, first, out + skew, n));
				for (size_t i = 0; i < 64; i++)
					assert_int_equal(out[i], i - skew < n ? in[i] : 0);
			}
	coherent_free(&mem);
}

static void views_give_access_to_one_field(void **state)
{
	COHERENT_VIEW(uint16_t) flags;
	COHERENT_VIEW(struct prp) prp;
	COHERENT_VIEW(uint64_t) list;
	union desc_view view;
	union descs mem = COHERENT_EMPTY;
	uint16_t flag;
	uint64_t entry;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, 4));
	assert_ok(coherent_view_field(&mem, 2, .flags, &flags));
	assert_int_equal(coherent_count(&flags), 4);
	assert_int_equal(coherent_size(&flags), 8);
	assert_int_equal(coherent_addr(&flags).raw, coherent_addr(&mem).raw +
							    2 * sizeof(struct desc) +
							    offsetof(struct desc, flags));
	for (uint16_t i = 0; i < 4; i++)
		assert_ok(coherent_write(&flags, i, i));
	assert_ok(coherent_read(&mem, 2, .flags[3], &flag));
	assert_int_equal(flag, 3);
	assert_err(coherent_write(&flags, 4, 1), -ERANGE);
	assert_ok(coherent_view_field(&mem, 2, .prp, &prp));
	assert_int_equal(coherent_count(&prp), 1);
	assert_ok(coherent_view_field(&prp, 0, .list, &list));
	assert_ok(coherent_write(&list, 1, 77));
	assert_ok(coherent_read(&mem, 2, .prp.list[1], &entry));
	assert_int_equal(entry, 77);
	/* A wait on a view ends like a wait on its mem. */
	assert_ok(coherent_poll(&list, 1, &entry, entry == 77, 0));
	assert_err(coherent_poll(&list, 1, &entry, entry == 78, 2 * MS), -ETIMEDOUT);
	assert_err(coherent_view_field(&mem, 4, .flags, &flags), -ERANGE);
	assert_true(coherent_is_empty(&flags));
	/* A view may be its own source. */
	assert_ok(coherent_view(&mem, 1, 3, &view));
	assert_ok(coherent_view(&view, 1, 2, &view));
	assert_int_equal(coherent_addr(&view).raw,
			 coherent_addr(&mem).raw + 2 * sizeof(struct desc));
	coherent_free(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_move_elements_and_bytes),
		cmocka_unit_test(copies_leave_padding_zero_in_every_element),
		cmocka_unit_test(copies_leave_padding_of_large_elements_zero),
		cmocka_unit_test(padding_is_found_at_each_place_of_an_element),
		cmocka_unit_test(numbers_and_arrays_are_copied_without_a_list),
		cmocka_unit_test(copies_work_at_any_alignment),
		cmocka_unit_test(views_give_access_to_one_field),
	};

	return cmocka_run_group_tests(tests, open_device, close_device);
}
