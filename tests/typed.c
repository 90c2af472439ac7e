// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The typed layer: every accessor on every kind of field, and that arguments
 * are evaluated once. That misuse does not compile is in compile_fail/.
 */
#include "test.h"

enum op { OP_READ = 1, OP_WRITE = 2 };

struct prp {
	uint64_t list[2];
};
COHERENT_FIELDS(struct prp, .list);

struct desc {
	uint64_t src;
	coherent_le64 le64;
	coherent_le32 le32;
	coherent_le16 le16;
	coherent_be16 be16;
	coherent_be32 be32;
	float ratio;
	coherent_be64 be64;
	double exact;
	struct prp prp;
	union {
		uint32_t raw;
		struct {
			uint16_t low;
			uint16_t high;
		} half;
	} u;
	enum op op;
	uint16_t flags[4];
	uint8_t tag;
	int8_t small;
	int16_t medium;
	int32_t large;
};
COHERENT_FIELDS(struct desc, .src, .le64, .le32, .le16, .be16, .be32, .ratio, .be64, .exact,
		.prp.list, .u.raw, .op, .flags, .tag, .small, .medium);

struct __attribute__((packed)) packed_but_aligned {
	uint32_t a;
	uint16_t b;
	uint16_t c;
	uint64_t d;
};

COHERENT_TYPE(descs, struct desc);
COHERENT_BOX_TYPE(desc_box, struct desc);
COHERENT_VIEW_TYPE(desc_view, struct desc);
COHERENT_SLOT_TYPE(desc_slot, struct desc);
COHERENT_RING_TYPE(desc_ring, struct desc);

/* Objects stand in structs, in arrays, at file scope. */
struct driver {
	COHERENT_BOX(struct desc) box;
	union descs mem;
	COHERENT(const uint32_t) status;
	struct coherent_handle handle;
};

static COHERENT(struct desc) at_file_scope = COHERENT_EMPTY;
static struct driver driver_at_file_scope = { .mem = COHERENT_EMPTY };

static struct coherent_device *dev;

static int open_device(void **state)
{
	(void)state;
	return coherent_device_open(&dev, "sim:edu,mask=48,step");
}

static int close_device(void **state)
{
	(void)state;
	coherent_device_close(dev);
	return 0;
}

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

static void fields_of_every_number_type(void **state)
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
	/* Neighbours are untouched. */
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

static void whole_numbers_need_no_field(void **state)
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
	/* mem, index, timeout, and the condition twice: once more after the deadline. */
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

	/* One inside of another: no shadowing, no mixing up. */
	assert_ok(coherent_write(
		&mems[0], coherent_count(&view) - 1, .src,
		(uint64_t)coherent_read(&mems[0], (size_t)coherent_read(&mems[0], 0, .src, &value),
					.src, &value)));
	coherent_ring_put(&ring, coherent_ring_get(&ring, 3, .src), .src,
			  coherent_ring_get(&ring, coherent_ring_get(&ring, 2, .src), .src) + 1);
	coherent_free(&mems[0]);
}

static void a_call_leaves_user_names_alone(void **state)
{
	/* Names that a macro might have taken. */
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

/* More than fit into the chunks that a copy is made of. */
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

/* Every alignment of both sides, every length around a word. */
static void copies_of_any_alignment(void **state)
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

static void views_of_fields(void **state)
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
	/* A wait on a view ends like one on its mem. */
	assert_ok(coherent_poll(&list, 1, &entry, entry == 77, 0));
	assert_err(coherent_poll(&list, 1, &entry, entry == 78, 2 * MS), -ETIMEDOUT);
	assert_err(coherent_view_field(&mem, 4, .flags, &flags), -ERANGE);
	assert_true(coherent_is_empty(&flags));
	/* A view may be made from itself. */
	assert_ok(coherent_view(&mem, 1, 3, &view));
	assert_ok(coherent_view(&view, 1, 2, &view));
	assert_int_equal(coherent_addr(&view).raw,
			 coherent_addr(&mem).raw + 2 * sizeof(struct desc));
	coherent_free(&mem);
}

static int read_through_const(const union descs *mem, size_t i, uint64_t *value)
{
	assert_int_equal(coherent_count(mem), 1);
	assert_false(coherent_is_empty(mem));
	return coherent_read(mem, i, .src, value);
}

static void objects_stand_anywhere(void **state)
{
	static const uint32_t four[] = { 1, 2, 3, 4 };
	struct driver *driver = calloc(1, sizeof(*driver));
	union desc_box box = COHERENT_EMPTY;
	const union desc_box *const_box = &box;
	union descs other = COHERENT_EMPTY;
	uint64_t value;
	uint32_t status;

	(void)state;
	/* calloc() makes empty objects. */
	assert_true(coherent_is_empty(&driver->box) && coherent_is_empty(&driver->mem));
	assert_ok(coherent_box_zeroed(&driver->box, dev, 1));
	coherent_box_ptr(&driver->box)[0].src = 4;
	assert_ok(coherent_expose(&driver->box, &driver->mem));
	assert_ok(read_through_const(&driver->mem, 0, &value));
	assert_int_equal(value, 4);
	coherent_move(&driver->mem, &other);
	assert_true(coherent_is_empty(&driver->mem) && !coherent_is_empty(&other));
	/* Not over another one. */
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
	coherent_move(&box, &driver->box);
	assert_true(coherent_is_empty(&box));
	assert_int_equal(coherent_box_ptr(&driver->box)[1].tag, 9);
	assert_ok(coherent_box_zeroed(&box, dev, 1));
	coherent_move(&box, &driver->box);
	assert_int_equal(coherent_box_count(&box), 1);
	assert_int_equal(coherent_box_count(&driver->box), 2);
	coherent_box_free(&box);
	coherent_box_free(&driver->box);

	/* A const element can be read, and made from a source. */
	assert_ok(coherent_from(&driver->status, dev, four, 4));
	assert_ok(coherent_read(&driver->status, 2, &status));
	assert_int_equal(status, 3);
	coherent_free(&driver->status);
	coherent_free(&at_file_scope);
	coherent_box_free(&driver_at_file_scope.box);
	coherent_handle_free(&driver_at_file_scope.handle);
	free(driver);
}

static void empty_objects_answer(void **state)
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

static void scopes_free(void **state)
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
		cmocka_unit_test(fields_of_every_number_type),
		cmocka_unit_test(whole_numbers_need_no_field),
		cmocka_unit_test(arguments_are_evaluated_once),
		cmocka_unit_test(a_call_leaves_user_names_alone),
		cmocka_unit_test(copies_move_elements_and_bytes),
		cmocka_unit_test(copies_leave_padding_zero_in_every_element),
		cmocka_unit_test(numbers_and_arrays_are_copied_without_a_list),
		cmocka_unit_test(copies_of_any_alignment),
		cmocka_unit_test(views_of_fields),
		cmocka_unit_test(objects_stand_anywhere),
		cmocka_unit_test(empty_objects_answer),
		cmocka_unit_test(scopes_free),
	};

	return cmocka_run_group_tests(tests, open_device, close_device);
}
