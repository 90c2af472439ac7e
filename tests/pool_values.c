// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check coherent_pool_from(): the device finds a value that the driver had on its
 * stack, and nothing else from there.
 */
#include "pool_test.h"

/* Types of elements: one that fills its slot, smaller ones, one with padding, and const ones. */
struct small {
	uint8_t bytes[3];
};

struct middle {
	uint64_t words[5];
};

struct padded {
	uint8_t kind;
	uint64_t address;
	uint16_t tag;
};

struct page {
	uint32_t words[PAGE / 4];
};

/* clang needs a list of the fields of each element. */
struct pair {
	struct padded first;
	struct padded second;
};

COHERENT_FIELDS(struct command, .opcode, .rest);
COHERENT_FIELDS(struct small, .bytes);
COHERENT_FIELDS(struct middle, .words);
COHERENT_FIELDS(struct padded, .kind, .address, .tag);
COHERENT_FIELDS(struct page, .words);
COHERENT_FIELDS(struct pair, .first.kind, .first.address, .first.tag, .second.kind, .second.address,
		.second.tag);

static void device_reads(coherent_addr_t address, void *to, size_t bytes)
{
	assert_ok(coherent_sim_try_addr(dev, address, to, bytes, COHERENT_ACCESS_READ));
}

static void device_writes(coherent_addr_t address, uint8_t byte, size_t bytes)
{
	uint8_t from[PAGE];

	memset(from, byte, bytes);
	assert_ok(coherent_sim_try_addr(dev, address, from, bytes, COHERENT_ACCESS_WRITE));
}

/*
 * The slot has @slot bytes. In the second round the device has written to the slot before it got
 * the value.
 */
#define CHECK_VALUE(T, slot)                                                                \
	do {                                                                                \
		COHERENT_POOL(T) pool = COHERENT_EMPTY;                                     \
		COHERENT(T) mem = COHERENT_EMPTY;                                           \
		uint8_t seen[slot];                                                         \
		coherent_addr_t address = { 0 };                                            \
		__typeof__(T) value;                                                        \
                                                                                            \
		assert_ok(coherent_pool_create(&pool, dev));                                \
		for (unsigned int turn = 0; turn < 2; turn++) {                             \
			memset(&value, (int)turn + 1, sizeof(value));                       \
			if (turn)                                                           \
				device_writes(address, 0xff, sizeof(value));                \
			assert_ok(coherent_pool_from(&pool, &mem, &value));                 \
			assert_int_equal(coherent_count(&mem), 1);                          \
			address = coherent_addr(&mem);                                      \
			device_reads(address, seen, slot);                                  \
			assert_memory_equal(seen, &value, sizeof(value));                   \
			assert_true(is_all(seen + sizeof(value), 0, slot - sizeof(value))); \
			coherent_free(&mem);                                                \
			device_reads(address, seen, slot);                                  \
			assert_true(is_all(seen, 0, slot));                                 \
		}                                                                           \
		assert_ok(coherent_pool_destroy(&pool));                                    \
	} while (0)

static void device_finds_the_whole_value(void **state)
{
	(void)state;
	CHECK_VALUE(struct command, 64);
	CHECK_VALUE(struct small, 16);
	CHECK_VALUE(struct middle, 64);
	CHECK_VALUE(struct page, PAGE);
	CHECK_VALUE(uint8_t, 16);
	CHECK_VALUE(uint16_t[100], 256);
	CHECK_VALUE(coherent_le32, 16);
	assert_no_fault(dev);
}

/* Leaves a value with the same fields on the stack, in whose padding there is something. */
static __attribute__((noinline)) void make_padded(struct padded *value, uint8_t secret)
{
	memset(value, secret, sizeof(*value));
	value->kind = 1;
	value->address = 2;
	value->tag = 3;
}

static void padding_stays_with_the_driver(void **state)
{
	const struct padded wanted = { 1, 2, 3 };
	COHERENT_POOL(struct padded) pool = COHERENT_EMPTY;
	COHERENT_POOL(const struct padded) other = COHERENT_EMPTY;
	COHERENT(struct padded) mem = COHERENT_EMPTY;
	COHERENT(const struct padded) fixed = COHERENT_EMPTY;
	uint8_t seen[sizeof(wanted)], clean[sizeof(wanted)] = { 0 };
	struct padded value;

	(void)state;
	clean[offsetof(struct padded, kind)] = 1;
	memcpy(clean + offsetof(struct padded, address), &wanted.address, sizeof(wanted.address));
	memcpy(clean + offsetof(struct padded, tag), &wanted.tag, sizeof(wanted.tag));
	make_padded(&value, DIRT);
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_create(&other, dev));
	assert_ok(coherent_pool_from(&pool, &mem, &value));
	device_reads(coherent_addr(&mem), seen, sizeof(seen));
	assert_memory_equal(seen, clean, sizeof(seen));
	/* The variable of the driver stays as it is. */
	assert_int_equal(((uint8_t *)&value)[offsetof(struct padded, kind) + 1], DIRT);
	assert_ok(coherent_pool_from(&other, &fixed, (const struct padded *)&value));
	device_reads(coherent_addr(&fixed), seen, sizeof(seen));
	assert_memory_equal(seen, clean, sizeof(seen));
	coherent_free(&mem);
	coherent_free(&fixed);
	assert_ok(coherent_pool_destroy(&pool));
	assert_ok(coherent_pool_destroy(&other));
}

/* An element may be an array, or have structs in it. */
static void padding_inside_an_element_is_cleared_too(void **state)
{
	COHERENT_POOL(struct pair) pool = COHERENT_EMPTY;
	COHERENT(struct pair) mem = COHERENT_EMPTY;
	struct pair value, seen;

	(void)state;
	make_padded(&value.first, DIRT);
	make_padded(&value.second, 0xc3);
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_from(&pool, &mem, &value));
	device_reads(coherent_addr(&mem), &seen, sizeof(seen));
	assert_memory_equal(&seen.first, &seen.second, sizeof(seen.first));
	assert_true(is_all(&seen.second.kind + 1, 0, offsetof(struct padded, address) - 1));
	assert_int_equal(seen.second.tag, 3);
	coherent_free(&mem);
	assert_ok(coherent_pool_destroy(&pool));
}

/* A mem from a value is like one from a box: it is reclaimed, and a report names its place. */
static void mem_from_a_value_is_like_any_other(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	struct command value = { .opcode = 7 };
	struct coherent_info info;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev, .permission = COHERENT_READ_ONLY));
	for (unsigned int turn = 0; turn < 2; turn++) {
		assert_ok(coherent_pool_from(&pool, &mem, &value));
		assert_ok(coherent_find_addr(dev, coherent_addr(&mem).raw, &info));
		assert_int_equal(info.state, COHERENT_STATE_MEM);
		assert_non_null(strstr(info.where, "tests/pool_values.c:"));
		assert_err(coherent_sim_try_addr(dev, coherent_addr(&mem), &value, 4,
						 COHERENT_ACCESS_WRITE),
			   -EIO);
		assert_err(coherent_pool_destroy(&pool), -EBUSY);
		assert_true(log_has(&reports, "a mem of 64 bytes of the pool created at"));
		assert_ok(coherent_reclaim(&mem, &box, .idle = true));
		assert_int_equal(coherent_box_ptr(&box)->opcode, 7);
		assert_true(is_all(coherent_box_ptr(&box)->rest, 0, sizeof(value.rest)));
		coherent_box_free(&box);
	}
	assert_ok(coherent_pool_destroy(&pool));
}

static void bad_input_leaves_an_empty_mem(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	struct command value = { .opcode = 1 }, *volatile none = NULL;

	assert_err(coherent_pool_from(&pool, &mem, &value), -EINVAL);
	assert_ok(coherent_pool_create(&pool, dev));
	assert_err(coherent_pool_from(&pool, &mem, none), -EINVAL);
	assert_true(log_has(&reports, "coherent_pool_from(): the value to copy from is NULL"));
	assert_err(coherent_base_pool_mem(&pool.base, &mem.base, sizeof(value) - 1, "here"),
		   -EINVAL);
	assert_true(log_has(&reports, "the value has 63 bytes, but an object of the pool"));
	assert_true(coherent_is_empty(&mem));
	assert_ok(coherent_pool_from(&pool, &mem, &value));
	assert_err(coherent_pool_from(&pool, &mem, &value), -EBUSY);
	assert_int_equal(coherent_count(&mem), 1);
	coherent_free(&mem);
	coherent_device_close(dev);
	assert_err(coherent_pool_from(&pool, &mem, &value), -ENODEV);
	assert_true(coherent_is_empty(&mem));
	assert_ok(coherent_pool_destroy(&pool));
	open_device(state);
}

/* The mask leaves addresses for a few pages only. */
static void pool_that_cannot_grow_makes_no_mem(void **state)
{
	static union command_mem mems[16 * PAGE / sizeof(struct command) + 1];
	const struct command value = { .opcode = 1 };
	union commands pool = COHERENT_EMPTY;
	size_t count = 0;
	int err = 0;

	(void)state;
	assert_ok(coherent_device_set_mask(dev, coherent_mask(16)));
	assert_ok(coherent_pool_create(&pool, dev));
	while (count < ARRAY_SIZE(mems)) {
		err = coherent_pool_from(&pool, &mems[count], &value);
		if (err)
			break;
		count++;
	}
	assert_err(err, -ENOSPC);
	assert_true(coherent_is_empty(&mems[count]));
	while (count--)
		coherent_free(&mems[count]);
	assert_ok(coherent_pool_destroy(&pool));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DEVICE(device_finds_the_whole_value),
		ON_DEVICE(padding_stays_with_the_driver),
		ON_DEVICE(padding_inside_an_element_is_cleared_too),
		ON_DEVICE(mem_from_a_value_is_like_any_other),
		ON_DEVICE(bad_input_leaves_an_empty_mem),
		ON_DEVICE(pool_that_cannot_grow_makes_no_mem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
