// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Copies to and from a BAR. The model of the device is plain memory, and it remembers each access.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define BYTES 64
#define ACCESSES_MAX 32

struct access {
	uint64_t offset;
	unsigned int width;
	bool is_write;
};

/* @driver is the BAR for a model that copies itself, and @err is what its call returned. */
struct bank {
	uint8_t memory[BYTES];
	struct access accesses[ACCESSES_MAX];
	unsigned int count;
	struct coherent_bar *driver;
	int err;
};

static void note(struct bank *bank, uint64_t offset, unsigned int width, bool is_write)
{
	assert_true(bank->count < ACCESSES_MAX);
	assert_int_equal(offset % width, 0);
	bank->accesses[bank->count++] = (struct access){ offset, width, is_write };
}

static uint64_t bank_read(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			  unsigned int width)
{
	struct bank *bank = arg;
	uint64_t value = 0;

	(void)sim;
	(void)bar;
	note(bank, offset, width, false);
	for (unsigned int i = 0; i < width; i++)
		value |= (uint64_t)bank->memory[offset + i] << 8 * i;
	return value;
}

static void bank_write(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
		       unsigned int width, uint64_t value)
{
	struct bank *bank = arg;
	uint8_t byte = 0;

	(void)sim;
	(void)bar;
	if (bank->driver) {
		bank->err = coherent_bar_copy_out(bank->driver, 0, &byte, 1);
		return;
	}
	note(bank, offset, width, true);
	for (unsigned int i = 0; i < width; i++)
		bank->memory[offset + i] = (uint8_t)(value >> 8 * i);
}

static const struct coherent_sim_model bank_model = {
	.name = "bank",
	.mask = UINT32_MAX,
	.bar_size = { BYTES },
	.reg_read = bank_read,
	.reg_write = bank_write,
};

static struct coherent_bar *open_bank(struct coherent_device **dev, const char *name,
				      struct bank *bank, struct log *log)
{
	struct coherent_bar *bar;

	assert_ok(coherent_device_open(dev, name, .model = &bank_model, .model_arg = bank,
				       .report = log_report, .report_arg = log));
	assert_ok(coherent_bar_open(&bar, *dev, 0));
	return bar;
}

static void assert_accesses(struct bank *bank, const struct access *wanted, size_t count)
{
	assert_int_equal(bank->count, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(bank->accesses[i].offset, wanted[i].offset);
		assert_int_equal(bank->accesses[i].width, wanted[i].width);
		assert_int_equal(bank->accesses[i].is_write, wanted[i].is_write);
	}
	bank->count = 0;
}

static void accesses_are_aligned_and_ascending(void **state)
{
	static const struct access in[] = {
		{ 1, 1, true },	 { 2, 2, true },  { 4, 4, true },  { 8, 8, true },
		{ 16, 8, true }, { 24, 4, true }, { 28, 2, true }, { 30, 1, true },
	};
	static const struct access out[] = { { 6, 2, false }, { 8, 1, false } };
	static const struct access words[] = { { 56, 8, false } };
	uint8_t from[BYTES], to[BYTES] = { 0 };
	struct bank bank = { .count = 0 };
	struct log log = LOG_EMPTY;
	COHERENT_DEVICE_AUTO(dev);
	struct coherent_bar *bar;

	(void)state;
	for (unsigned int i = 0; i < BYTES; i++)
		from[i] = (uint8_t)(i + 1);
	bar = open_bank(&dev, "sim:custom,step", &bank, &log);
	assert_ok(coherent_bar_copy_in(bar, 1, from, 30));
	assert_accesses(&bank, in, ARRAY_SIZE(in));
	assert_memory_equal(bank.memory + 1, from, 30);
	assert_true(!bank.memory[0] && !bank.memory[31]);
	assert_ok(coherent_bar_copy_out(bar, 6, to, 3));
	assert_accesses(&bank, out, ARRAY_SIZE(out));
	assert_memory_equal(to, from + 5, 3);
	assert_int_equal(to[3], 0);
	assert_ok(coherent_bar_copy_out(bar, BYTES - 8, to, 8));
	assert_accesses(&bank, words, ARRAY_SIZE(words));
	assert_int_equal(log.count, 0);
	coherent_bar_close(bar);
}

/* Every place, every size, and memory that is aligned in no way. */
static void every_copy_is_the_same_bytes(void **state)
{
	uint8_t from[BYTES + 1], to[BYTES + 1];
	struct bank bank = { .count = 0 };
	struct log log = LOG_EMPTY;
	COHERENT_DEVICE_AUTO(dev);
	struct coherent_bar *bar;

	(void)state;
	for (unsigned int i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)(3 * i + 1);
	bar = open_bank(&dev, "sim:custom,step", &bank, &log);
	for (size_t at = 0; at <= BYTES; at++)
		for (size_t bytes = 0; bytes <= BYTES - at; bytes++) {
			bank.count = 0;
			memset(bank.memory, 0, BYTES);
			memset(to, 0, sizeof(to));
			assert_ok(coherent_bar_copy_in(bar, at, from + 1, bytes));
			assert_true(is_all(bank.memory, 0, at));
			assert_memory_equal(bank.memory + at, from + 1, bytes);
			assert_true(is_all(bank.memory + at + bytes, 0, BYTES - at - bytes));
			bank.count = 0;
			assert_ok(coherent_bar_copy_out(bar, at, to + 1, bytes));
			assert_memory_equal(to + 1, from + 1, bytes);
			assert_true(is_all(to + 1 + bytes, 0, BYTES - bytes));
		}
	coherent_bar_close(bar);
}

static void wrong_copies_touch_nothing(void **state)
{
	static const struct {
		uint64_t offset;
		size_t bytes;
	} cases[] = {
		{ 0, BYTES + 1 },  { BYTES, 1 },    { BYTES - 1, 2 },	      { BYTES + 1, 0 },
		{ UINT64_MAX, 1 }, { 1, SIZE_MAX }, { UINT64_MAX, SIZE_MAX }, { 8, BYTES - 7 },
	};
	uint8_t byte = 7;
	struct bank bank = { .count = 0 };
	struct log log = LOG_EMPTY;
	COHERENT_DEVICE_AUTO(dev);
	struct coherent_bar *bar;

	(void)state;
	bar = open_bank(&dev, "sim:custom,step", &bank, &log);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_err(coherent_bar_copy_in(bar, cases[i].offset, &byte, cases[i].bytes),
			   -ERANGE);
		assert_err(coherent_bar_copy_out(bar, cases[i].offset, &byte, cases[i].bytes),
			   -ERANGE);
	}
	assert_int_equal(log.count, 2 * ARRAY_SIZE(cases));
	assert_true(log_has(&log, "coherent_bar_copy_in(): 65 bytes at 0x0 do not fit into BAR 0"));
	assert_err(coherent_bar_copy_in(bar, 0, NULL, 1), -EINVAL);
	assert_err(coherent_bar_copy_out(bar, 0, NULL, 1), -EINVAL);
	assert_true(log_has(&log,
			    "coherent_bar_copy_out(): the pointer to the memory of the driver "
			    "is NULL"));
	assert_err(coherent_bar_copy_in(NULL, 0, &byte, 1), -EINVAL);
	assert_err(coherent_bar_copy_out(NULL, 0, &byte, 1), -EINVAL);
	assert_ok(coherent_bar_copy_in(bar, BYTES, NULL, 0));
	assert_ok(coherent_bar_copy_out(bar, 0, NULL, 0));
	assert_int_equal(bank.count, 0);
	assert_int_equal(byte, 7);
	coherent_bar_close(bar);
}

static void device_that_is_gone_copies_nothing(void **state)
{
	uint8_t bytes[BYTES] = { 7 };
	struct bank bank = { .count = 0 };
	struct log log = LOG_EMPTY;
	struct coherent_device *dev;
	struct coherent_bar *bar;
	int status;
	pid_t pid;

	(void)state;
	/* The device goes after the third access. */
	bar = open_bank(&dev, "sim:custom,step,unplug=3", &bank, &log);
	pid = fork();
	if (!pid)
		_exit(coherent_bar_copy_in(bar, 0, bytes, 8) != -ENODEV ||
		      coherent_bar_copy_out(bar, 0, bytes, 8) != -ENODEV);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_err(coherent_bar_copy_in(bar, 0, bytes, BYTES), -ENODEV);
	assert_int_equal(bank.count, 3);
	assert_err(coherent_bar_copy_out(bar, 0, bytes, BYTES), -ENODEV);
	assert_int_equal(bank.count, 3);
	coherent_device_close(dev);
	assert_err(coherent_bar_copy_in(bar, 0, bytes, 8), -ENODEV);
	assert_err(coherent_bar_copy_out(bar, 0, bytes, 8), -ENODEV);
	coherent_bar_close(bar);
}

static void callback_of_the_model_cannot_copy(void **state)
{
	struct bank bank = { .count = 0 };
	struct log log = LOG_EMPTY;
	COHERENT_DEVICE_AUTO(dev);

	(void)state;
	bank.driver = open_bank(&dev, "sim:custom,step", &bank, &log);
	coherent_bar_write32(bank.driver, 0, 1);
	assert_int_equal(bank.err, -EBUSY);
	assert_true(log_has(&log, "coherent_bar_copy_out()"));
	coherent_bar_close(bank.driver);
}

/* A BAR with a type is copied as one without. */
static void bar_with_a_type_is_copied(void **state)
{
	struct registers {
		uint64_t words[8];
	};
	uint64_t words[8] = { 1, 2, 3 }, seen[8];
	struct bank bank = { .count = 0 };
	struct log log = LOG_EMPTY;
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_BAR_AUTO(struct registers, bar);

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom,step", .model = &bank_model,
				       .model_arg = &bank, .report = log_report,
				       .report_arg = &log));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_ok(coherent_bar_copy_in(coherent_bar_untyped(&bar), 0, words, sizeof(words)));
	assert_int_equal(coherent_bar_get(&bar, .words[1]), 2);
	assert_ok(coherent_bar_copy_out(coherent_bar_untyped(&bar), 0, seen, sizeof(seen)));
	assert_memory_equal(seen, words, sizeof(words));
}

/* The simulator has no memory that a store reaches, and pieces would not be one write. */
static void line_is_not_written_in_pieces(void **state)
{
	uint8_t line[BYTES] = { 7 };
	struct bank bank = { .count = 0 };
	struct log log = LOG_EMPTY;
	struct coherent_device *dev;
	struct coherent_bar *bar;

	(void)state;
	bar = open_bank(&dev, "sim:custom,step", &bank, &log);
	assert_err(coherent_bar_write512(bar, 0, line), -EOPNOTSUPP);
	assert_true(log_has(&log, "coherent_bar_write512(): the registers of this BAR are not "
				  "memory of this process; coherent_bar_copy_in() writes in "
				  "pieces"));
	assert_err(coherent_bar_write512(bar, 8, line), -EINVAL);
	assert_true(log_has(&log, "0x8 of BAR 0 is not a multiple of 64"));
	assert_err(coherent_bar_write512(bar, BYTES, line), -ERANGE);
	assert_err(coherent_bar_write512(bar, 0, NULL), -EINVAL);
	assert_err(coherent_bar_write512(NULL, 0, line), -EINVAL);
	assert_int_equal(log.count, 4);
	assert_int_equal(bank.count, 0);
	coherent_device_close(dev);
	assert_err(coherent_bar_write512(bar, 0, line), -ENODEV);
	coherent_bar_close(bar);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accesses_are_aligned_and_ascending),
		cmocka_unit_test(every_copy_is_the_same_bytes),
		cmocka_unit_test(wrong_copies_touch_nothing),
		cmocka_unit_test(device_that_is_gone_copies_nothing),
		cmocka_unit_test(callback_of_the_model_cannot_copy),
		cmocka_unit_test(bar_with_a_type_is_copied),
		cmocka_unit_test(line_is_not_written_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
