// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests use every accessor of the typed layer on every kind of field, and check that
 * arguments are evaluated once. compile_fail/ shows that misuse does not compile.
 */
#include "typed_test.h"

struct __attribute__((packed)) packed_but_aligned {
	uint32_t a;
	uint16_t b;
	uint16_t c;
	uint64_t d;
};

/* Objects may be in structs, in arrays and at file scope. */
struct driver {
	COHERENT_BOX(struct desc) box;
	union descs mem;
	COHERENT(const uint32_t) status;
	struct coherent_handle handle;
};

static COHERENT(struct desc) at_file_scope = COHERENT_EMPTY;
static struct driver driver_at_file_scope = { .mem = COHERENT_EMPTY };

static const unsigned char *bytes_of(const volatile void *at)
{
	return (const unsigned char *)(uintptr_t)at;
}

static void fields_convert_to_their_byte_order(void **state)
{
	static const unsigned char le32[] = { 0x44, 0x33, 0x22, 0x11 };
	static const unsigned char be32[] = { 0x11, 0x22, 0x33, 0x44 };
	static const unsigned char le64[] = { 8, 7, 6, 5, 4, 3, 2, 1 };
	static const unsigned char be64[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	union descs mem = COHERENT_EMPTY;
	union desc_slot slot = COHERENT_EMPTY;
	union desc_ring ring = COHERENT_EMPTY;
	volatile struct desc *raw;
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, 4));
	assert_ok(coherent_slot(&mem, 2, &slot));
	assert_ok(coherent_ring(&mem, &ring));
	raw = coherent_unsafe_ptr(&mem);

	assert_ok(coherent_write(&mem, 1, .le32, 0x11223344));
	assert_ok(coherent_write_release(&mem, 1, .be32, 0x11223344));
	assert_ok(coherent_write(&mem, 1, .le16, 0x1122));
	assert_ok(coherent_write(&mem, 1, .be16, 0x1122));
	assert_ok(coherent_write(&mem, 1, .le64, UINT64_C(0x0102030405060708)));
	assert_ok(coherent_write(&mem, 1, .be64, UINT64_C(0x0102030405060708)));
	assert_memory_equal(bytes_of(&raw[1].le32), le32, 4);
	assert_memory_equal(bytes_of(&raw[1].be32), be32, 4);
	assert_memory_equal(bytes_of(&raw[1].le64), le64, 8);
	assert_memory_equal(bytes_of(&raw[1].be64), be64, 8);
	assert_ok(coherent_read(&mem, 1, .le16, &v16));
	assert_int_equal(v16, 0x1122);
	assert_ok(coherent_read_acquire(&mem, 1, .be16, &v16));
	assert_int_equal(v16, 0x1122);
	assert_ok(coherent_read(&mem, 1, .be32, &v32));
	assert_int_equal(v32, 0x11223344);
	assert_ok(coherent_read(&mem, 1, .be64, &v64));
	assert_int_equal(v64, UINT64_C(0x0102030405060708));
	assert_ok(coherent_poll(&mem, 1, .le64, &v64, v64 == UINT64_C(0x0102030405060708), 0));

	coherent_slot_put(&slot, .be32, 0x11223344);
	coherent_slot_put_release(&slot, .le64, UINT64_C(0x0102030405060708));
	assert_memory_equal(bytes_of(&raw[2].be32), be32, 4);
	assert_memory_equal(bytes_of(&raw[2].le64), le64, 8);
	assert_int_equal(coherent_slot_get(&slot, .be32), 0x11223344);
	assert_int_equal(coherent_slot_get_acquire(&slot, .le64), UINT64_C(0x0102030405060708));

	coherent_ring_put(&ring, 7, .be64, UINT64_C(0x0102030405060708));
	coherent_ring_put_release(&ring, 7, .le32, 0x11223344);
	assert_memory_equal(bytes_of(&raw[3].be64), be64, 8);
	assert_memory_equal(bytes_of(&raw[3].le32), le32, 4);
	assert_int_equal(coherent_ring_get_acquire(&ring, 3, .be64), UINT64_C(0x0102030405060708));
	assert_int_equal(coherent_ring_get(&ring, 3, .le32), 0x11223344);
	coherent_free(&mem);

	assert_int_equal(coherent_le16_to_cpu(coherent_cpu_to_le16(0x1234)), 0x1234);
	assert_int_equal(coherent_be16_to_cpu(coherent_cpu_to_be16(0x1234)), 0x1234);
	assert_int_equal(coherent_le32_to_cpu(coherent_cpu_to_le32(0x12345678)), 0x12345678);
	assert_int_equal(coherent_be32_to_cpu(coherent_cpu_to_be32(0x12345678)), 0x12345678);
	assert_int_equal(coherent_le64_to_cpu(coherent_cpu_to_le64(1)), 1);
	assert_int_equal(coherent_be64_to_cpu(coherent_cpu_to_be64(1)), 1);
	assert_int_equal(bytes_of(&(coherent_be16){ coherent_cpu_to_be16(0x1234).raw })[0], 0x12);
	assert_int_equal(bytes_of(&(coherent_le16){ coherent_cpu_to_le16(0x1234).raw })[0], 0x34);
}

static void fields_may_have_every_number_type(void **state)
{
	COHERENT(struct packed_but_aligned) packed = COHERENT_EMPTY;
	union descs mem = COHERENT_EMPTY;
	union desc_slot slot;
	int16_t medium;
	int8_t small;
	double exact;
	uint64_t d;
	float ratio;
	uint16_t flag;
	enum op op;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_ok(coherent_slot(&mem, 0, &slot));
	assert_ok(coherent_write(&mem, 0, .op, OP_WRITE));
	assert_ok(coherent_read(&mem, 0, .op, &op));
	assert_int_equal(op, OP_WRITE);
	assert_ok(coherent_write(&mem, 0, .ratio, 0.5f));
	assert_ok(coherent_read(&mem, 0, .ratio, &ratio));
	assert_true(ratio > 0.4f && ratio < 0.6f);
	assert_ok(coherent_write(&mem, 0, .exact, 3));
	assert_ok(coherent_read(&mem, 0, .exact, &exact));
	assert_true(exact > 2.9 && exact < 3.1);
	coherent_slot_put(&slot, .small, -5);
	assert_int_equal(coherent_slot_get(&slot, .small), -5);
	assert_ok(coherent_read(&mem, 0, .small, &small));
	assert_int_equal(small, -5);
	assert_ok(coherent_write(&mem, 0, .medium, -300));
	assert_ok(coherent_read(&mem, 0, .medium, &medium));
	assert_int_equal(medium, -300);
	coherent_slot_put(&slot, .large, -70000);
	assert_int_equal(coherent_slot_get(&slot, .large), -70000);
	assert_ok(coherent_write(&mem, 0, .flags[3], 0xffff));
	assert_ok(coherent_read(&mem, 0, .flags[3], &flag));
	assert_int_equal(flag, 0xffff);
	assert_ok(coherent_write(&mem, 0, .u.half.high, 5));
	assert_ok(coherent_write(&mem, 0, .prp.list[1], 6));
	assert_int_equal(coherent_slot_get(&slot, .u.raw) >> (COHERENT_LE_SWAPS ? 0 : 16), 5);
	assert_int_equal(coherent_slot_get(&slot, .prp.list[1]), 6);
	/* The writes did not change the fields beside them. */
	assert_int_equal(coherent_slot_get(&slot, .flags[2]), 0);
	assert_int_equal(coherent_slot_get(&slot, .tag), 0);
	assert_int_equal(coherent_slot_get(&slot, .prp.list[0]), 0);
	coherent_free(&mem);

	assert_ok(coherent_zeroed(&packed, dev, 2));
	assert_ok(coherent_write(&packed, 1, .d, 9));
	assert_ok(coherent_read(&packed, 1, .d, &d));
	assert_int_equal(d, 9);
	coherent_free(&packed);
}

static void mems_of_numbers_need_no_field(void **state)
{
	COHERENT(uint32_t) mem = COHERENT_EMPTY;
	COHERENT(coherent_be32) big = COHERENT_EMPTY;
	COHERENT(uint8_t[8]) arrays = COHERENT_EMPTY;
	COHERENT_SLOT(uint32_t) slot;
	COHERENT_RING(uint32_t) ring;
	uint32_t value = 0;
	uint8_t byte;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, 4));
	assert_ok(coherent_slot(&mem, 1, &slot));
	assert_ok(coherent_ring(&mem, &ring));
	assert_ok(coherent_write(&mem, 1, 7));
	assert_ok(coherent_read(&mem, 1, &value));
	assert_int_equal(value, 7);
	assert_ok(coherent_write_release(&mem, 1, 8));
	assert_ok(coherent_read_acquire(&mem, 1, &value));
	assert_int_equal(value, 8);
	assert_int_equal(coherent_slot_get(&slot), 8);
	coherent_slot_put(&slot, 9);
	assert_int_equal(coherent_slot_get_acquire(&slot), 9);
	coherent_slot_put_release(&slot, 10);
	assert_int_equal(coherent_ring_get(&ring, 5), 10);
	coherent_ring_put(&ring, 5, 11);
	assert_int_equal(coherent_ring_get_acquire(&ring, 1), 11);
	coherent_ring_put_release(&ring, 1, 12);
	assert_ok(coherent_poll(&mem, 1, &value, value == 12, 0));
	assert_ok(coherent_zeroed(&big, dev, 1));
	assert_ok(coherent_write(&big, 0, 0x01020304));
	assert_int_equal(bytes_of(coherent_unsafe_ptr(&big))[0], 1);
	assert_ok(coherent_read(&big, 0, &value));
	assert_int_equal(value, 0x01020304);
	assert_ok(coherent_zeroed(&arrays, dev, 2));
	assert_ok(coherent_write(&arrays, 1, [7], 3));
	assert_ok(coherent_read(&arrays, 1, [7], &byte));
	assert_int_equal(byte, 3);
	coherent_free(&arrays);
	coherent_free(&big);
	coherent_free(&mem);
}

static unsigned int calls;

static size_t counted(size_t value)
{
	calls++;
	return value;
}

static union descs *counted_mem(union descs *mem)
{
	calls++;
	return mem;
}

#define ASSERT_CALLS(n)                     \
	do {                                \
		assert_int_equal(calls, n); \
		calls = 0;                  \
	} while (0)

static void arguments_are_evaluated_once(void **state)
{
	union descs mems[2] = { COHERENT_EMPTY, COHERENT_EMPTY };
	union desc_view view = COHERENT_EMPTY;
	union desc_ring ring = COHERENT_EMPTY;
	union descs *at = mems;
	coherent_addr_t addr;
	struct desc desc;
	uint64_t value;
	size_t i = 0;

	(void)state;
	assert_ok(coherent_zeroed(counted_mem(&mems[0]), dev, counted(4)));
	ASSERT_CALLS(2);
	assert_ok(coherent_read(counted_mem(&mems[0]), counted(1), .src, &value));
	ASSERT_CALLS(2);
	assert_ok(coherent_write(counted_mem(&mems[0]), counted(1), .src, counted(5)));
	ASSERT_CALLS(3);
	assert_ok(coherent_poll(counted_mem(&mems[0]), counted(1), .src, &value, counted(0) == 1,
				counted(0)) == -ETIMEDOUT ?
			  0 :
			  1);
	/*
		 * The mem, the index and the timeout count once. The condition counts twice, because poll
		 * looks once more after the deadline.
		 */
	ASSERT_CALLS(5);
	assert_ok(coherent_addr_at(counted_mem(&mems[0]), counted(1), &addr));
	ASSERT_CALLS(2);
	assert_ok(coherent_view(counted_mem(&mems[0]), counted(1), counted(2), &view));
	ASSERT_CALLS(3);
	assert_ok(coherent_copy_out(counted_mem(&mems[0]), counted(1), &desc, counted(1)));
	ASSERT_CALLS(3);
	assert_ok(coherent_copy_in(counted_mem(&mems[0]), counted(1), &desc, counted(1)));
	ASSERT_CALLS(3);
	assert_ok(coherent_copy_out_field(counted_mem(&mems[0]), counted(1), .flags, counted(0),
					  &desc, counted(2)));
	ASSERT_CALLS(4);
	assert_ok(coherent_ring(counted_mem(&mems[0]), &ring));
	ASSERT_CALLS(1);
	coherent_ring_put(&ring, counted(9), .src, counted(6));
	ASSERT_CALLS(2);
	assert_int_equal(coherent_ring_get(&ring, counted(9), .src), 6);
	assert_true(coherent_count(counted_mem(&mems[0])) == 4);
	assert_true(coherent_addr(counted_mem(&mems[0])).raw != 0);
	ASSERT_CALLS(3);
	assert_ok(coherent_write(at++, i++, .src, 1));
	assert_true(at == &mems[1] && i == 1);

	/* Calls can be arguments of calls. Their variables do not shadow each other. */
	assert_ok(coherent_write(
		&mems[0], coherent_count(&view) - 1, .src,
		(uint64_t)coherent_read(&mems[0], (size_t)coherent_read(&mems[0], 0, .src, &value),
					.src, &value)));
	coherent_ring_put(&ring, coherent_ring_get(&ring, 3, .src), .src,
			  coherent_ring_get(&ring, coherent_ring_get(&ring, 2, .src), .src) + 1);
	coherent_free(&mems[0]);
}

static void macros_do_not_capture_names_of_the_caller(void **state)
{
	/* A macro might use these names itself. */
	COHERENT(struct desc) mem = COHERENT_EMPTY;
	uint64_t value = 3, word = 1, err = 2, range = 0, poll = 0;
	size_t i = 1, element = 0;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, 4));
	assert_ok(coherent_write(&mem, i, .src, value + word + err));
	assert_ok(coherent_read(&mem, i, .src, &range));
	assert_int_equal(range, 6);
	assert_ok(coherent_poll(&mem, i, .src, &poll, poll == value + word + err + element, 0));
	coherent_free(&mem);
}

static int read_through_const(const union descs *mem, size_t i, uint64_t *value)
{
	assert_int_equal(coherent_count(mem), 1);
	assert_false(coherent_is_empty(mem));
	return coherent_read(mem, i, .src, value);
}

static void objects_may_be_in_structs_and_at_file_scope(void **state)
{
	static const uint32_t four[] = { 1, 2, 3, 4 };
	struct driver *driver = calloc(1, sizeof(*driver));
	union desc_box box = COHERENT_EMPTY;
	const union desc_box *const_box = &box;
	union descs other = COHERENT_EMPTY;
	uint64_t value;
	uint32_t status;

	(void)state;
	/* An object that calloc() has zeroed is empty. */
	assert_true(coherent_is_empty(&driver->box) && coherent_is_empty(&driver->mem));
	assert_ok(coherent_box_zeroed(&driver->box, dev, 1));
	coherent_box_ptr(&driver->box)[0].src = 4;
	assert_ok(coherent_expose(&driver->box, &driver->mem));
	assert_ok(read_through_const(&driver->mem, 0, &value));
	assert_int_equal(value, 4);
	coherent_move(&driver->mem, &driver->mem);
	assert_false(coherent_is_empty(&driver->mem));
	coherent_move(&driver->mem, &other);
	assert_true(coherent_is_empty(&driver->mem) && !coherent_is_empty(&other));
	/* A move does not overwrite an object in use. */
	assert_ok(coherent_zeroed(&driver->mem, dev, 1));
	coherent_move(&other, &driver->mem);
	assert_false(coherent_is_empty(&other) || coherent_is_empty(&driver->mem));
	coherent_free(&driver->mem);
	coherent_free(&other);
	coherent_free(&other);

	assert_ok(coherent_box_zeroed(&box, dev, 2));
	coherent_box_ptr(&box)[1].tag = 9;
	assert_int_equal(coherent_box_ptr(const_box)[1].tag, 9);
	assert_int_equal(coherent_box_count(const_box), 2);
	coherent_move(&box, &box);
	assert_int_equal(coherent_box_count(&box), 2);
	coherent_move(&box, &driver->box);
	assert_true(coherent_is_empty(&box));
	assert_int_equal(coherent_box_ptr(&driver->box)[1].tag, 9);
	assert_ok(coherent_box_zeroed(&box, dev, 1));
	coherent_move(&box, &driver->box);
	assert_int_equal(coherent_box_count(&box), 1);
	assert_int_equal(coherent_box_count(&driver->box), 2);
	coherent_box_free(&box);
	coherent_box_free(&driver->box);

	/* Elements may be const. The driver can read them and make them from a source. */
	assert_ok(coherent_from(&driver->status, dev, four, 4));
	assert_ok(coherent_read(&driver->status, 2, &status));
	assert_int_equal(status, 3);
	coherent_free(&driver->status);
	coherent_free(&at_file_scope);
	coherent_box_free(&driver_at_file_scope.box);
	coherent_handle_free(&driver_at_file_scope.handle);
	free(driver);
}

static void calls_on_empty_objects_change_nothing(void **state)
{
	COHERENT_BOX(struct desc) box = COHERENT_EMPTY;
	union descs mem = COHERENT_EMPTY;
	union desc_view view = COHERENT_EMPTY;
	union desc_slot slot = COHERENT_EMPTY;
	union desc_ring ring = COHERENT_EMPTY;
	struct coherent_handle handle = COHERENT_EMPTY;
	COHERENT_VIEW(uint16_t) flags = COHERENT_EMPTY;
	coherent_addr_t addr = { 0 };
	struct desc desc;
	uint64_t value = 5;

	(void)state;
	assert_null(coherent_box_ptr(&box));
	assert_int_equal(coherent_box_count(&box), 0);
	assert_int_equal(coherent_box_level(&box), 0);
	assert_null((const void *)(uintptr_t)coherent_unsafe_ptr(&mem));
	assert_int_equal(coherent_count(&mem), 0);
	assert_int_equal(coherent_size(&mem), 0);
	assert_int_equal(coherent_addr(&mem).raw, UINT64_MAX);
	assert_int_equal(coherent_addr(&view).raw, UINT64_MAX);
	assert_int_equal(coherent_handle_addr(&handle).raw, UINT64_MAX);
	assert_int_equal(coherent_handle_size(&handle), 0);
	assert_true(coherent_is_empty(&slot) && coherent_is_empty(&ring));
	assert_err(coherent_read(&mem, 0, .src, &value), -EINVAL);
	assert_err(coherent_read(&view, 0, .src, &value), -EINVAL);
	assert_err(coherent_write(&mem, 0, .src, 1), -EINVAL);
	assert_err(coherent_poll(&mem, 0, .src, &value, true, 0), -EINVAL);
	assert_err(coherent_copy_in(&mem, 0, &desc, 0), -EINVAL);
	assert_err(coherent_copy_out(&mem, 0, &desc, 1), -EINVAL);
	assert_err(coherent_copy_out_field(&mem, 0, .flags, 0, &desc, 1), -EINVAL);
	assert_err(coherent_copy_in_field(&mem, 0, .flags, 0, &desc, 1), -EINVAL);
	assert_err(coherent_addr_at(&mem, 0, &addr), -EINVAL);
	assert_int_equal(addr.raw, UINT64_MAX);
	assert_err(coherent_view(&mem, 0, 1, &view), -EINVAL);
	assert_err(coherent_view_field(&mem, 0, .flags, &flags), -EINVAL);
	assert_err(coherent_slot(&mem, 0, &slot), -EINVAL);
	assert_err(coherent_ring(&mem, &ring), -EINVAL);
	assert_err(coherent_reclaim(&mem, &box), -EINVAL);
	assert_err(coherent_expose(&box, &mem), -EINVAL);
	assert_err(coherent_sim_try(dev, &mem, 0, &value, 1, COHERENT_ACCESS_READ), -EINVAL);
	assert_int_equal(value, 5);
	coherent_free(&mem);
	coherent_box_free(&box);
	coherent_handle_free(&handle);
	coherent_move(&mem, &mem);
	assert_true(coherent_is_empty(&mem));
}

static void objects_are_freed_at_the_end_of_their_scope(void **state)
{
	coherent_addr_t first = { 0 };

	(void)state;
	for (unsigned int turn = 0; turn < 2; turn++) {
		COHERENT_BOX_AUTO(struct desc, box);
		COHERENT_AUTO(struct desc, mem);
		COHERENT_HANDLE_AUTO(handle);
		COHERENT_DEVICE_AUTO(scoped);
		COHERENT_BAR_AUTO(bar);
		COHERENT_IRQ_AUTO(irq);

		assert_ok(coherent_device_open(&scoped, "sim:edu"));
		assert_ok(coherent_bar_open(&bar, scoped, 0));
		assert_ok(coherent_irq_open(&irq, scoped, 0));
		assert_ok(coherent_zeroed(&mem, scoped, 1));
		assert_ok(coherent_box_zeroed(&box, scoped, 1));
		assert_ok(coherent_handle_zeroed(&handle, scoped, 1));
		if (turn)
			assert_int_equal(coherent_addr(&mem).raw, first.raw);
		first = coherent_addr(&mem);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_convert_to_their_byte_order),
		cmocka_unit_test(fields_may_have_every_number_type),
		cmocka_unit_test(mems_of_numbers_need_no_field),
		cmocka_unit_test(arguments_are_evaluated_once),
		cmocka_unit_test(macros_do_not_capture_names_of_the_caller),
		cmocka_unit_test(objects_may_be_in_structs_and_at_file_scope),
		cmocka_unit_test(calls_on_empty_objects_change_nothing),
		cmocka_unit_test(objects_are_freed_at_the_end_of_their_scope),
	};

	return cmocka_run_group_tests(tests, open_device, close_device);
}
