// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests read and write registers by name. The model of the device is plain memory, and it
 * remembers the last access.
 */
#include "test.h"

#define BYTES 64

struct registers {
	const uint32_t id;
	uint32_t control;
	uint64_t address;
	coherent_be16 be16;
	coherent_le16 le16;
	coherent_be32 be32;
	coherent_be64 be64;
	uint8_t bytes[3];
	int8_t signed8;
	enum coherent_level level;
	struct {
		coherent_le32 head;
		uint32_t tail;
	} queues[3];
};

COHERENT_BAR_TYPE(register_bar, struct registers);

struct bank {
	uint8_t memory[BYTES];
	uint64_t offset;
	unsigned int width;
	unsigned int writes;
};

static uint64_t bank_read(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			  unsigned int width)
{
	struct bank *bank = arg;
	uint64_t value = 0;

	(void)sim;
	(void)bar;
	bank->offset = offset;
	bank->width = width;
	for (unsigned int i = 0; i < width; i++)
		value |= (uint64_t)bank->memory[offset + i] << 8 * i;
	return value;
}

static void bank_write(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
		       unsigned int width, uint64_t value)
{
	struct bank *bank = arg;

	(void)sim;
	(void)bar;
	bank->offset = offset;
	bank->width = width;
	bank->writes++;
	for (unsigned int i = 0; i < width; i++)
		bank->memory[offset + i] = (uint8_t)(value >> 8 * i);
}

static const struct coherent_sim_model bank_model = {
	.name = "bank",
	.mask = UINT32_MAX,
	.bar_size = { BYTES, 16 },
	.reg_read = bank_read,
	.reg_write = bank_write,
};

static struct coherent_device *open_bank(struct bank *bank, struct log *log)
{
	struct coherent_device *dev;

	assert_ok(coherent_device_open(&dev, "sim:custom,step", .model = &bank_model,
				       .model_arg = bank, .report = log_report, .report_arg = log));
	return dev;
}

/* Asserts that the last access was to this field, and that its bytes are these. */
#define assert_access(bank, field, ...)                                                       \
	do {                                                                                  \
		static const uint8_t wanted[] = { __VA_ARGS__ };                              \
                                                                                              \
		assert_int_equal((bank)->offset, offsetof(struct registers, field));          \
		assert_int_equal((bank)->width, sizeof(((struct registers *)0)->field));      \
		assert_int_equal(sizeof(wanted), (bank)->width);                              \
		assert_memory_equal((bank)->memory + (bank)->offset, wanted, sizeof(wanted)); \
	} while (0)

static void access_has_the_offset_and_width_of_the_field(void **state)
{
	struct bank bank = { .memory = { 0xed, 0, 0, 1 } };
	struct log log = LOG_EMPTY;
	struct coherent_device *dev = open_bank(&bank, &log);
	union register_bar bar;

	(void)state;
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_false(coherent_is_empty(&bar));
	assert_int_equal(coherent_bar_get(&bar, .id), 0x010000ed);
	assert_access(&bank, id, 0xed, 0, 0, 1);
	coherent_bar_put(&bar, .control, 0x12345678);
	assert_access(&bank, control, 0x78, 0x56, 0x34, 0x12);
	coherent_bar_put(&bar, .address, UINT64_C(0x1122334455667788));
	assert_access(&bank, address, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11);
	assert_int_equal(coherent_bar_get(&bar, .address), UINT64_C(0x1122334455667788));
	assert_access(&bank, address, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11);
	coherent_bar_put(&bar, .bytes[2], 0x5a);
	assert_access(&bank, bytes[2], 0x5a);
	assert_int_equal(coherent_bar_get(&bar, .bytes[2]), 0x5a);
	assert_int_equal(coherent_bar_get(&bar, .bytes[1]), 0);
	assert_access(&bank, bytes[1], 0);
	coherent_bar_put(&bar, .signed8, -2);
	assert_access(&bank, signed8, 0xfe);
	assert_int_equal(coherent_bar_get(&bar, .signed8), -2);
	coherent_bar_put(&bar, .level, COHERENT_IOMMU);
	assert_int_equal(coherent_bar_get(&bar, .level), COHERENT_IOMMU);
	assert_access(&bank, level, COHERENT_IOMMU, 0, 0, 0);
	coherent_bar_put(&bar, .queues[2].tail, 7);
	assert_access(&bank, queues[2].tail, 7, 0, 0, 0);
	assert_int_equal(bank.writes, 6);
	assert_int_equal(log.count, 0);
	coherent_bar_close(&bar);
	coherent_device_close(dev);
}

static void registers_are_converted_to_their_byte_order(void **state)
{
	struct bank bank = { .writes = 0 };
	struct log log = LOG_EMPTY;
	struct coherent_device *dev = open_bank(&bank, &log);

	(void)state;
	{
		COHERENT_BAR_AUTO(struct registers, bar);

		assert_ok(coherent_bar_open(&bar, dev, 0));
		coherent_bar_put(&bar, .be16, 0x1234);
		assert_access(&bank, be16, 0x12, 0x34);
		assert_int_equal(coherent_bar_get(&bar, .be16), 0x1234);
		coherent_bar_put(&bar, .le16, 0x1234);
		assert_access(&bank, le16, 0x34, 0x12);
		assert_int_equal(coherent_bar_get(&bar, .le16), 0x1234);
		coherent_bar_put(&bar, .be32, 0x12345678);
		assert_access(&bank, be32, 0x12, 0x34, 0x56, 0x78);
		assert_int_equal(coherent_bar_get(&bar, .be32), 0x12345678);
		coherent_bar_put(&bar, .be64, 0x12345678);
		assert_access(&bank, be64, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78);
		assert_int_equal(coherent_bar_get(&bar, .be64), 0x12345678);
		coherent_bar_put(&bar, .queues[1].head, 0x12345678);
		assert_access(&bank, queues[1].head, 0x78, 0x56, 0x34, 0x12);
		assert_int_equal(coherent_bar_get(&bar, .queues[1].head), 0x12345678);

		assert_ok(coherent_bar_poll(&bar, .be32, 0xff00, 0x5600, MS));
		assert_err(coherent_bar_poll(&bar, .be32, 0xff00, 0x7800, MS), -ETIMEDOUT);
		assert_ok(coherent_bar_poll(&bar, .queues[1].head, 0xff, 0x78, MS));
		assert_err(coherent_bar_poll(&bar, .queues[1].head, 1, 1, MS), -ETIMEDOUT);

		coherent_bar_put(&bar, .bytes[1], 0x80);
		assert_ok(coherent_bar_poll(&bar, .bytes[1], 0xff, 0x80, MS));
		assert_access(&bank, bytes[1], 0x80);
		assert_err(coherent_bar_poll(&bar, .bytes[0], 0xff, 0x80, MS), -ETIMEDOUT);
		coherent_bar_put(&bar, .signed8, -1);
		assert_ok(coherent_bar_poll(&bar, .signed8, -1, -1, MS));
		assert_access(&bank, signed8, 0xff);
		assert_ok(coherent_bar_poll(&bar, .be16, 0xff00, 0x1200, MS));
		assert_access(&bank, be16, 0x12, 0x34);
		assert_err(coherent_bar_poll(&bar, .be16, 0xff00, 0x3400, MS), -ETIMEDOUT);
		assert_ok(coherent_bar_poll(&bar, .le16, 0xffff, 0x1234, MS));
		assert_access(&bank, le16, 0x34, 0x12);
	}
	/* The scope closed the BAR; otherwise the device would still be there. */
	coherent_device_close(dev);
	assert_int_equal(log.count, 0);
}

struct port {
	const uint32_t status;
	coherent_be16 counts[2];
	uint8_t mode;
};

struct ports {
	uint32_t tails[3];
	uint8_t modes[4];
	struct port ports[2];
	uint32_t last;
};

/* Asserts that the last access was to these bytes, and that they have these values. */
#define assert_bytes(bank, at, ...)                                                           \
	do {                                                                                  \
		static const uint8_t wanted[] = { __VA_ARGS__ };                              \
                                                                                              \
		assert_int_equal((bank)->offset, at);                                         \
		assert_int_equal((bank)->width, sizeof(wanted));                              \
		assert_memory_equal((bank)->memory + (bank)->offset, wanted, sizeof(wanted)); \
	} while (0)

static void index_of_an_array_may_be_a_variable(void **state)
{
	struct bank bank = { .writes = 0 };
	struct log log = LOG_EMPTY;
	struct coherent_device *dev = open_bank(&bank, &log);
	COHERENT_BAR_AUTO(struct ports, bar);
	COHERENT_BAR_AUTO(uint16_t[8], numbers);
	unsigned int i = 0;

	(void)state;
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_ok(coherent_bar_open(&numbers, dev, 1));
	coherent_bar_put_item(&bar, .tails, i++, 0x12345678);
	assert_bytes(&bank, 0, 0x78, 0x56, 0x34, 0x12);
	coherent_bar_put_item(&bar, .tails, ++i, 0x1234);
	assert_int_equal(i, 2);
	assert_bytes(&bank, 8, 0x34, 0x12, 0, 0);
	assert_int_equal(coherent_bar_get_item(&bar, .tails, i--), 0x1234);
	assert_int_equal(i, 1);
	assert_int_equal(coherent_bar_get_item(&bar, .tails, i), 0);
	assert_bytes(&bank, 4, 0, 0, 0, 0);
	coherent_bar_put_item(&bar, .modes, i, 7);
	assert_bytes(&bank, 13, 7);
	coherent_bar_put_item(&bar, .ports, i, .counts[1], 0x1234);
	assert_bytes(&bank, 34, 0x12, 0x34);
	assert_int_equal(coherent_bar_get_item(&bar, .ports, i, .counts[1]), 0x1234);
	assert_int_equal(coherent_bar_get_item(&bar, .ports[1].counts, i), 0x1234);
	assert_bytes(&bank, 34, 0x12, 0x34);
	coherent_bar_put_item(&bar, .ports, i - 1, .mode, coherent_bar_get_item(&bar, .modes, i));
	assert_bytes(&bank, 24, 7);
	bank.memory[28] = 9;
	assert_int_equal(coherent_bar_get_item(&bar, .ports, i, .status), 9);
	assert_bytes(&bank, 28, 9, 0, 0, 0);
	coherent_bar_put_item(&numbers, , i + 6, 0x4321);
	assert_bytes(&bank, 14, 0x21, 0x43);
	assert_int_equal(coherent_bar_get_item(&numbers, , i + 6), 0x4321);
	assert_int_equal(log.count, 0);
	coherent_bar_close(&numbers);
	coherent_bar_close(&bar);
	coherent_device_close(dev);
}

/* The BAR has registers past the end of these arrays, and an access reaches none of them. */
static void index_past_the_end_of_an_array_is_past_the_end_of_the_bar(void **state)
{
	static const uint64_t indexes[] = { 4, 12, UINT32_MAX, UINT64_MAX / 12 + 1, UINT64_MAX };
	struct bank bank = { .writes = 0 };
	struct log log = LOG_EMPTY;
	struct coherent_device *dev = open_bank(&bank, &log);
	COHERENT_BAR_TYPE(struct ports) bar = COHERENT_EMPTY;
	int negative = -1;

	(void)state;
	assert_int_equal(coherent_bar_get_item(&bar, .tails, negative + 1), UINT32_MAX);
	coherent_bar_put_item(&bar, .tails, negative + 1, 1);
	assert_ok(coherent_bar_open(&bar, dev, 0));
	memset(bank.memory, 5, BYTES);
	assert_int_equal(coherent_bar_get_item(&bar, .tails, negative), UINT32_MAX);
	assert_true(log_has(&log, "read of 4 bytes at 0xfffffffffffffffc of BAR 0 gives all ones: "
				  "past its end"));
	coherent_bar_put_item(&bar, .ports, 2, .counts[0], 1);
	assert_true(log_has(&log, "write of 2 bytes at 0xfffffffffffffffe of BAR 0 dropped: past "
				  "its end"));
	for (size_t n = 0; n < ARRAY_SIZE(indexes); n++) {
		coherent_bar_put_item(&bar, .tails, indexes[n], 1);
		coherent_bar_put_item(&bar, .modes, indexes[n], 1);
		coherent_bar_put_item(&bar, .ports, indexes[n], .mode, 1);
		assert_int_equal(coherent_bar_get_item(&bar, .modes, indexes[n]), UINT8_MAX);
		assert_int_equal(coherent_bar_get_item(&bar, .ports, indexes[n], .counts[1]),
				 UINT16_MAX);
	}
	assert_int_equal(coherent_bar_get_item(&bar, .modes, 3), 5);
	assert_int_equal(bank.writes, 0);
	assert_int_equal(log.count, 2);
	coherent_bar_close(&bar);
	coherent_device_close(dev);
}

static void struct_that_does_not_fit_the_bar_is_refused(void **state)
{
	struct bank bank = { .writes = 0 };
	struct log log = LOG_EMPTY;
	struct coherent_device *dev = open_bank(&bank, &log);
	COHERENT_BAR_TYPE(uint32_t[4]) fits;
	COHERENT_BAR_TYPE(struct { uint32_t words[5]; }) large;
	union register_bar missing;

	(void)state;
	assert_ok(coherent_bar_open(&fits, dev, 1));
	assert_int_equal(coherent_bar_get(&fits, [3]), 0);
	assert_int_equal(bank.offset, 12);
	assert_err(coherent_bar_open(&large, dev, 1), -ERANGE);
	assert_true(coherent_is_empty(&large));
	assert_true(log_has(&log, "the registers have 20 bytes, but BAR 1 has 16"));
	assert_err(coherent_bar_open(&missing, dev, 2), -ENODEV);
	assert_true(coherent_is_empty(&missing));
	assert_err(coherent_bar_open(&missing, NULL, 0), -ENODEV);
	coherent_bar_close(&large);
	coherent_bar_close(&fits);
	coherent_device_close(dev);
}

/* A register that the compiler does not know is reached by its offset, through the same BAR. */
static void empty_bar_is_harmless(void **state)
{
	struct bank bank = { .writes = 0 };
	struct log log = LOG_EMPTY;
	struct coherent_device *dev = open_bank(&bank, &log);
	union register_bar bar = COHERENT_EMPTY;
	struct coherent_bar *plain;

	(void)state;
	assert_null(coherent_bar_untyped(&bar));
	assert_int_equal(coherent_bar_get(&bar, .id), UINT32_MAX);
	coherent_bar_put(&bar, .control, 1);
	assert_err(coherent_bar_poll(&bar, .control, 1, 1, MS), -EINVAL);
	coherent_bar_close(&bar);
	assert_int_equal(bank.writes, 0);

	assert_ok(coherent_bar_open(&bar, dev, 0));
	coherent_bar_write16(coherent_bar_untyped(&bar), 60, 5);
	assert_int_equal(bank.memory[60], 5);
	coherent_bar_close(&bar);
	assert_true(coherent_is_empty(&bar));
	coherent_bar_close(&bar);

	assert_ok(coherent_bar_open(&plain, dev, 0));
	assert_int_equal(coherent_bar_read8(plain, 60), 5);
	coherent_bar_close(plain);
	coherent_bar_close(NULL);
	coherent_device_close(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(access_has_the_offset_and_width_of_the_field),
		cmocka_unit_test(registers_are_converted_to_their_byte_order),
		cmocka_unit_test(index_of_an_array_may_be_a_variable),
		cmocka_unit_test(index_past_the_end_of_an_array_is_past_the_end_of_the_bar),
		cmocka_unit_test(struct_that_does_not_fit_the_bar_is_refused),
		cmocka_unit_test(empty_bar_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
