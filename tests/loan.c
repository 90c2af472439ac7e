// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests lend boxes to simulated devices: a driver that touches lent memory finds out, wrong
 * calls are refused, and each way to end a loan frees its memory.
 */
#include <coherent/loan.h>
#include <coherent/pool.h>
#include <string.h>

#include "test.h"

#define BYTES 100

COHERENT_BOX_TYPE(lent_box, uint8_t);
COHERENT_LOAN_TYPE(lent, uint8_t);

static void open_with_log(struct coherent_device **dev, const char *name, struct log *log)
{
	*log = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(dev, name, .report = log_report, .report_arg = log));
}

/* Lends BYTES bytes of 7. Returns the pointer that the driver must not use any more. */
static uint8_t *lend_sevens(struct coherent_device *dev, union lent *loan,
			    enum coherent_direction direction)
{
	union lent_box box = COHERENT_EMPTY;
	uint8_t *stale;

	assert_ok(coherent_box_zeroed(&box, dev, BYTES));
	stale = coherent_box_ptr(&box);
	memset(stale, 7, BYTES);
	assert_ok(coherent_lend(&box, loan, direction));
	return stale;
}

static int device_reads(struct coherent_device *dev, uint64_t from, void *seen, size_t bytes)
{
	const coherent_addr_t address = { from };

	return coherent_sim_try_addr(dev, address, seen, bytes, COHERENT_ACCESS_READ);
}

static int device_writes(struct coherent_device *dev, uint64_t to, void *data, size_t bytes)
{
	const coherent_addr_t address = { to };

	return coherent_sim_try_addr(dev, address, data, bytes, COHERENT_ACCESS_WRITE);
}

static void close_empty(struct coherent_device *dev)
{
	struct coherent_stats stats;

	assert_ok(coherent_device_fence(dev));
	assert_ok(coherent_device_stats(dev, &stats));
	assert_int_equal(stats.objects, 0);
	coherent_device_close(dev);
}

static void stale_read_finds_no_data(void **state)
{
	struct coherent_device *dev;
	union lent_box box = COHERENT_EMPTY;
	union lent loan = COHERENT_EMPTY;
	const uint8_t *stale;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	stale = lend_sevens(dev, &loan, COHERENT_TO_DEVICE);
	assert_true(is_all(stale, COHERENT_LENT_BYTE, BYTES));
	assert_ok(coherent_take(&loan, &box));
	assert_true(is_all(coherent_box_ptr(&box), 7, BYTES));
	/* A read alone leaves no trace. */
	assert_int_equal((int)log.count, 0);
	coherent_box_free(&box);
	close_empty(dev);
}

static void stale_write_is_lost_and_reported(void **state)
{
	struct coherent_device *dev;
	union lent_box box = COHERENT_EMPTY;
	union lent loan = COHERENT_EMPTY;
	uint8_t *stale, seen;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	stale = lend_sevens(dev, &loan, COHERENT_BOTH_WAYS);
	stale[40] = 9;
	stale[42] = 9;
	assert_ok(device_reads(dev, coherent_loan_addr(&loan).raw + 40, &seen, 1));
	assert_int_equal(seen, 7);
	assert_ok(coherent_take(&loan, &box));
	assert_true(is_all(coherent_box_ptr(&box), 7, BYTES));
	assert_int_equal((int)log.count, 1);
	assert_true(log_has(&log, "wrote 2 bytes"));
	assert_true(log_has(&log, "loan.c:"));
	assert_true(log_has(&log, "from byte 40 on"));
	coherent_box_free(&box);
	close_empty(dev);
}

static void stale_write_is_reported_by_a_free(void **state)
{
	struct coherent_device *dev;
	union lent loan = COHERENT_EMPTY;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	*lend_sevens(dev, &loan, COHERENT_TO_DEVICE) = 9;
	coherent_loan_free(&loan);
	assert_int_equal((int)log.count, 1);
	assert_true(log_has(&log, "wrote 1 bytes"));
	close_empty(dev);
}

static int add_one(uint8_t *bytes, size_t count, void *arg);

/* A visit is as good a moment to find a write as the end of the loan. */
static void stale_write_before_a_visit_is_reported(void **state)
{
	struct coherent_device *dev;
	union lent loan = COHERENT_EMPTY;
	uint8_t *stale;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	stale = lend_sevens(dev, &loan, COHERENT_TO_DEVICE);
	stale[BYTES - 1] = 9;
	assert_ok(coherent_loan_visit(&loan, add_one, NULL));
	assert_int_equal((int)log.count, 1);
	assert_true(log_has(&log, "wrote 1 bytes"));
	coherent_loan_free(&loan);
	assert_int_equal((int)log.count, 1);
	close_empty(dev);
}

/* --- Moves --- */

/* A moved loan is the same loan, and a stale write to its box is found as before. */
static void moved_loan_has_all_of_the_loan(void **state)
{
	struct coherent_device *dev;
	union lent_box box = COHERENT_EMPTY;
	union lent loan = COHERENT_EMPTY, to = COHERENT_EMPTY;
	uint64_t address;
	uint8_t *stale;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	stale = lend_sevens(dev, &loan, COHERENT_BOTH_WAYS);
	address = coherent_loan_addr(&loan).raw;
	coherent_move(&loan, &to);
	assert_true(coherent_is_empty(&loan));
	assert_int_equal(coherent_loan_addr(&loan).raw, ~0ull);
	assert_int_equal(coherent_loan_addr(&to).raw, address);
	assert_int_equal(coherent_loan_count(&to), BYTES);
	coherent_move(&to, &to);
	coherent_move(&loan, &loan);
	assert_false(coherent_is_empty(&to));
	stale[3] = 9;
	assert_err(coherent_take(&loan, &box), -EINVAL);
	assert_ok(coherent_take(&to, &box));
	assert_true(is_all(coherent_box_ptr(&box), 7, BYTES));
	assert_int_equal((int)log.count, 1);
	assert_true(log_has(&log, "wrote 1 bytes"));
	coherent_box_free(&box);
	close_empty(dev);
}

static void move_overwrites_no_loan(void **state)
{
	struct coherent_device *dev;
	union lent loan = COHERENT_EMPTY, to = COHERENT_EMPTY, empty = COHERENT_EMPTY;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	(void)lend_sevens(dev, &loan, COHERENT_TO_DEVICE);
	(void)lend_sevens(dev, &to, COHERENT_TO_DEVICE);
	coherent_move(&loan, &to);
	assert_false(coherent_is_empty(&loan) || coherent_is_empty(&to));
	assert_int_equal((int)log.count, 1);
	assert_true(log_has(&log, "coherent_move(): the loan is in use"));
	coherent_move(&empty, &to);
	assert_false(coherent_is_empty(&to));
	coherent_loan_free(&loan);
	coherent_loan_free(&to);
	close_empty(dev);
}

static void loan_of_a_pool_is_moved(void **state)
{
	COHERENT_POOL(uint8_t) pool = COHERENT_EMPTY;
	struct coherent_device *dev;
	union lent_box box = COHERENT_EMPTY;
	union lent loan = COHERENT_EMPTY, to = COHERENT_EMPTY;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_box(&pool, &box));
	*coherent_box_ptr(&box) = 5;
	assert_ok(coherent_lend(&box, &loan, COHERENT_TO_DEVICE));
	coherent_move(&loan, &to);
	assert_ok(coherent_take(&to, &box, .idle = true));
	assert_int_equal(*coherent_box_ptr(&box), 5);
	coherent_box_free(&box);
	assert_ok(coherent_pool_destroy(&pool));
	assert_int_equal((int)log.count, 0);
	close_empty(dev);
}

/* --- Between two transfers --- */

static int add_one(uint8_t *bytes, size_t count, void *arg)
{
	uint8_t **kept = arg;

	if (kept)
		*kept = bytes;
	for (size_t i = 0; i < count; i++)
		bytes[i]++;
	return 0;
}

static int return_number(uint8_t *bytes, size_t count, void *arg)
{
	(void)bytes;
	(void)count;
	return *(int *)arg;
}

static void visit_goes_in_the_direction_of_the_loan(void **state)
{
	static uint8_t eleven = 11;
	struct coherent_device *dev;
	union lent_box box = COHERENT_EMPTY;
	union lent loan = COHERENT_EMPTY;
	uint8_t *kept = NULL, seen;
	uint64_t address;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	(void)lend_sevens(dev, &loan, COHERENT_BOTH_WAYS);
	address = coherent_loan_addr(&loan).raw;
	assert_ok(device_writes(dev, address, &eleven, 1));
	assert_ok(coherent_loan_visit(&loan, add_one, &kept));
	assert_ok(device_reads(dev, address, &seen, 1));
	assert_int_equal(seen, 12);
	assert_ok(device_reads(dev, address + 1, &seen, 1));
	assert_int_equal(seen, 8);
	/* The pointer of the visit is stale now. */
	assert_true(is_all(kept, COHERENT_LENT_BYTE, BYTES));
	assert_ok(coherent_take(&loan, &box));
	assert_int_equal(coherent_box_ptr(&box)[0], 12);
	assert_int_equal(coherent_box_ptr(&box)[1], 8);

	assert_ok(coherent_lend(&box, &loan, COHERENT_FROM_DEVICE));
	address = coherent_loan_addr(&loan).raw;
	assert_ok(coherent_loan_visit(&loan, add_one, NULL));
	assert_ok(device_reads(dev, address, &seen, 1));
	assert_int_equal(seen, 12);
	coherent_loan_free(&loan);
	assert_int_equal((int)log.count, 0);
	close_empty(dev);
}

static void visit_returns_what_the_function_returned(void **state)
{
	struct coherent_device *dev;
	union lent loan = COHERENT_EMPTY;
	struct log log;
	int result = -EAGAIN;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	assert_err(coherent_loan_visit(&loan, return_number, &result), -EINVAL);
	(void)lend_sevens(dev, &loan, COHERENT_TO_DEVICE);
	assert_err(coherent_loan_visit(&loan, return_number, &result), -EAGAIN);
	assert_int_equal((int)log.count, 0);
	result = 5;
	assert_err(coherent_loan_visit(&loan, return_number, &result), -EINVAL);
	assert_true(log_has(&log, "coherent_loan_visit()"));
	coherent_loan_free(&loan);
	close_empty(dev);
}

static int end_the_loan(uint8_t *bytes, size_t count, void *loan)
{
	(void)bytes;
	(void)count;
	coherent_loan_free((union lent *)loan);
	return 0;
}

/* The contract forbids it. The library survives it, because the loan is empty then. */
static void visit_that_ends_the_loan_is_an_error(void **state)
{
	struct coherent_device *dev;
	union lent loan = COHERENT_EMPTY;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	(void)lend_sevens(dev, &loan, COHERENT_TO_DEVICE);
	assert_err(coherent_loan_visit(&loan, end_the_loan, &loan), -EINVAL);
	assert_true(coherent_is_empty(&loan));
	close_empty(dev);
}

/* --- Wrong calls --- */

static void wrong_calls_are_refused(void **state)
{
	struct coherent_device *dev;
	union lent_box box = COHERENT_EMPTY;
	union lent loan = COHERENT_EMPTY, copy;
	struct log log;
	uint64_t old;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	assert_err(coherent_lend(&box, &loan, COHERENT_TO_DEVICE), -EINVAL);
	assert_err(coherent_take(&loan, &box), -EINVAL);
	for (unsigned int direction = 0; direction < 6; direction += 4) {
		assert_ok(coherent_box_zeroed(&box, dev, BYTES));
		assert_err(coherent_lend(&box, &loan, (enum coherent_direction)direction), -EINVAL);
		assert_true(log_has(&log, "enum coherent_direction"));
		assert_int_equal((int)log.count, 1);
		log_clear(&log);
		assert_true(coherent_is_empty(&box));
		assert_true(coherent_is_empty(&loan));
	}
	(void)lend_sevens(dev, &loan, COHERENT_TO_DEVICE);
	old = coherent_loan_addr(&loan).raw;
	assert_ok(coherent_box_zeroed(&box, dev, BYTES));
	assert_err(coherent_lend(&box, &loan, COHERENT_TO_DEVICE), -EBUSY);
	assert_true(log_has(&log, "the loan is in use and was allocated at"));
	assert_true(coherent_is_empty(&box));
	assert_int_equal(coherent_loan_addr(&loan).raw, old);
	assert_ok(coherent_box_zeroed(&box, dev, BYTES));
	assert_err(coherent_take(&loan, &box), -EBUSY);
	assert_int_equal(coherent_box_count(&box), BYTES);
	coherent_box_free(&box);
	/* A loan is taken once, also if the driver copied the variable. */
	memcpy(&copy, &loan, sizeof(copy));
	assert_ok(coherent_take(&loan, &box));
	coherent_box_free(&box);
	assert_err(coherent_take(&loan, &box), -EINVAL);
	assert_err(coherent_take(&copy, &box), -EINVAL);
	coherent_loan_free(&copy);
	assert_true(coherent_is_empty(&copy));
	close_empty(dev);
}

static void loan_outlives_its_device(void **state)
{
	struct coherent_device *dev;
	union lent_box box = COHERENT_EMPTY;
	union lent loan = COHERENT_EMPTY;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	(void)lend_sevens(dev, &loan, COHERENT_TO_DEVICE);
	coherent_device_close(dev);
	assert_err(coherent_take(&loan, &box), -ENODEV);
	assert_err(coherent_loan_visit(&loan, add_one, NULL), -ENODEV);
	assert_int_equal(coherent_loan_count(&loan), BYTES);
	coherent_loan_free(&loan);
	coherent_loan_free(&loan);
}

static void lazy_device_needs_idle(void **state)
{
	struct coherent_device *dev;
	union lent_box box = COHERENT_EMPTY;
	union lent loan = COHERENT_EMPTY;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu,lazy", &log);
	(void)lend_sevens(dev, &loan, COHERENT_FROM_DEVICE);
	assert_err(coherent_take(&loan, &box), -EBUSY);
	assert_ok(coherent_take(&loan, &box, .idle = true));
	assert_true(is_all(coherent_box_ptr(&box), 7, BYTES));
	coherent_box_free(&box);
	close_empty(dev);
}

static void failed_unmap_ends_the_loan(void **state)
{
	struct coherent_device *dev;
	union lent_box box = COHERENT_EMPTY;
	union lent loan = COHERENT_EMPTY;
	struct coherent_stats stats;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu,fail-unmap=1", &log);
	(void)lend_sevens(dev, &loan, COHERENT_TO_DEVICE);
	assert_err(coherent_take(&loan, &box), -EIO);
	assert_true(coherent_is_empty(&loan));
	assert_true(coherent_is_empty(&box));
	assert_ok(coherent_device_stats(dev, &stats));
	/* Only the memory that the device may still reach is left. */
	assert_int_equal(stats.objects, 1);
	coherent_device_close(dev);
}

static void failed_lend_frees_the_box(void **state)
{
	struct coherent_device *dev;
	union lent_box box = COHERENT_EMPTY;
	union lent loan = COHERENT_EMPTY;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu,fail-map=1", &log);
	assert_ok(coherent_box_zeroed(&box, dev, BYTES));
	assert_err(coherent_lend(&box, &loan, COHERENT_TO_DEVICE), -EIO);
	assert_true(coherent_is_empty(&box));
	assert_true(coherent_is_empty(&loan));
	close_empty(dev);
}

static void loan_keeps_alignment_and_boundary(void **state)
{
	struct coherent_device *dev;
	union lent_box box = COHERENT_EMPTY;
	union lent loan = COHERENT_EMPTY, loans[8] = { COHERENT_EMPTY };
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	assert_ok(coherent_box_zeroed(&box, dev, BYTES, .align = 65536, .boundary = 65536));
	assert_ok(coherent_lend(&box, &loan, COHERENT_BOTH_WAYS));
	assert_int_equal(coherent_loan_addr(&loan).raw % 65536, 0);
	coherent_loan_free(&loan);
	/* Three pages without this boundary would cross it in most places. */
	for (unsigned int i = 0; i < 8; i++) {
		assert_ok(coherent_box_zeroed(&box, dev, 3 * PAGE, .boundary = 4 * PAGE));
		assert_ok(coherent_lend(&box, &loans[i], COHERENT_BOTH_WAYS));
		assert_int_equal(coherent_loan_addr(&loans[i]).raw / (4 * PAGE),
				 (coherent_loan_addr(&loans[i]).raw + 3 * PAGE - 1) / (4 * PAGE));
	}
	for (unsigned int i = 0; i < 8; i++)
		coherent_loan_free(&loans[i]);
	close_empty(dev);
}

/* The same holds for an address that is the pointer. A reclaim makes a box with another address. */
static void loan_has_the_address_of_the_box(void **state)
{
	struct coherent_device *dev;
	union lent_box box = COHERENT_EMPTY;
	union lent loan = COHERENT_EMPTY;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu,mask=64", &log);
	assert_ok(coherent_box_zeroed(&box, dev, BYTES, .address = 0x100000));
	assert_ok(coherent_lend(&box, &loan, COHERENT_BOTH_WAYS));
	assert_int_equal(coherent_loan_addr(&loan).raw, 0x100000);
	assert_ok(coherent_take(&loan, &box));
	assert_ok(coherent_lend(&box, &loan, COHERENT_BOTH_WAYS));
	assert_int_not_equal(coherent_loan_addr(&loan).raw, 0x100000);
	coherent_loan_free(&loan);
	assert_ok(coherent_box_zeroed(&box, dev, BYTES, .address_is_pointer = true));
	const uintptr_t pointer = (uintptr_t)coherent_box_ptr(&box);
	assert_ok(coherent_lend(&box, &loan, COHERENT_BOTH_WAYS));
	assert_int_equal(coherent_loan_addr(&loan).raw, pointer);
	coherent_loan_free(&loan);
	close_empty(dev);
}

static void box_of_a_pool_is_lent(void **state)
{
	COHERENT_POOL(uint32_t) pool = COHERENT_EMPTY;
	COHERENT_BOX(uint32_t) box = COHERENT_EMPTY;
	COHERENT_LOAN_TYPE(words, uint32_t) loan = COHERENT_EMPTY, copy;
	uint32_t seen = 0, written = 6;
	struct coherent_device *dev;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_box(&pool, &box));
	*coherent_box_ptr(&box) = 5;
	assert_ok(coherent_lend(&box, &loan, COHERENT_BOTH_WAYS));
	assert_ok(device_reads(dev, coherent_loan_addr(&loan).raw, &seen, sizeof(seen)));
	assert_int_equal(seen, 5);
	assert_ok(device_writes(dev, coherent_loan_addr(&loan).raw, &written, sizeof(written)));
	assert_err(coherent_take(&loan, &box), -EBUSY);
	assert_ok(coherent_take(&loan, &box, .idle = true));
	assert_int_equal(*coherent_box_ptr(&box), 6);
	assert_ok(coherent_lend(&box, &loan, COHERENT_TO_DEVICE));
	/* The copy of a loan that ended does no harm. */
	memcpy(&copy, &loan, sizeof(loan));
	coherent_loan_free(&loan);
	assert_err(coherent_take(&copy, &box, .idle = true), -EINVAL);
	coherent_loan_free(&copy);
	assert_ok(coherent_pool_destroy(&pool));
	close_empty(dev);
}

static void direction_must_fit_the_pool(void **state)
{
	COHERENT_POOL(uint32_t) pool = COHERENT_EMPTY;
	COHERENT_BOX(uint32_t) box = COHERENT_EMPTY;
	COHERENT_LOAN(uint32_t) loan = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	assert_ok(coherent_pool_create(&pool, dev, .permission = COHERENT_READ_ONLY));
	assert_ok(coherent_pool_box(&pool, &box));
	assert_err(coherent_lend(&box, &loan, COHERENT_FROM_DEVICE), -EINVAL);
	assert_true(log_has(&log, "the pool is read-only"));
	assert_true(coherent_is_empty(&box));
	assert_ok(coherent_pool_box(&pool, &box));
	assert_ok(coherent_lend(&box, &loan, COHERENT_TO_DEVICE));
	coherent_loan_free(&loan);
	assert_ok(coherent_pool_destroy(&pool));
	close_empty(dev);
}

static void loan_ends_with_its_scope(void **state)
{
	struct coherent_device *dev;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	{
		COHERENT_LOAN_AUTO(uint8_t, loan);
		union lent_box box = COHERENT_EMPTY;

		assert_ok(coherent_box_zeroed(&box, dev, BYTES));
		assert_ok(coherent_lend(&box, &loan, COHERENT_TO_DEVICE));
	}
	close_empty(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stale_read_finds_no_data),
		cmocka_unit_test(stale_write_is_lost_and_reported),
		cmocka_unit_test(stale_write_is_reported_by_a_free),
		cmocka_unit_test(stale_write_before_a_visit_is_reported),
		cmocka_unit_test(moved_loan_has_all_of_the_loan),
		cmocka_unit_test(move_overwrites_no_loan),
		cmocka_unit_test(loan_of_a_pool_is_moved),
		cmocka_unit_test(visit_goes_in_the_direction_of_the_loan),
		cmocka_unit_test(visit_returns_what_the_function_returned),
		cmocka_unit_test(visit_that_ends_the_loan_is_an_error),
		cmocka_unit_test(wrong_calls_are_refused),
		cmocka_unit_test(loan_outlives_its_device),
		cmocka_unit_test(lazy_device_needs_idle),
		cmocka_unit_test(failed_unmap_ends_the_loan),
		cmocka_unit_test(failed_lend_frees_the_box),
		cmocka_unit_test(loan_keeps_alignment_and_boundary),
		cmocka_unit_test(loan_has_the_address_of_the_box),
		cmocka_unit_test(box_of_a_pool_is_lent),
		cmocka_unit_test(direction_must_fit_the_pool),
		cmocka_unit_test(loan_ends_with_its_scope),
	};

	return cmocka_run_group_tests_name("loan", tests, NULL, NULL);
}
