// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The reader of ledgers has all records, also if a device writes to the file while it is read. The linker
 * puts __wrap_read() between the reader and the file, so that the device writes at a chosen moment.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../command/arguments.h"
#include "../../command/ledger_file.h"
#include "../../src/memory/ledger_layout.h"
#include "../test.h"

/* Here the block of a device has so many records, after the head of the file. */
#define BLOCK 4

ssize_t __wrap_read(int fd, void *to, size_t bytes);
ssize_t __real_read(int fd, void *to, size_t bytes);

static int file;
static unsigned int reads, complaints;
/* Writes to the file before a read. Returns how many records the read may return at most. */
static size_t (*device_writes)(unsigned int read);

ssize_t __wrap_read(int fd, void *to, size_t bytes)
{
	const size_t most = device_writes(++reads) * sizeof(struct ledger_record);

	return __real_read(fd, to, bytes < most ? bytes : most);
}

/* In the place of the command's, which prints a line. cmocka has a macro of this name. */
#undef fail
int fail(const char *format, ...)
{
	(void)format;
	complaints++;
	return STATUS_BAD;
}

/* --- The file --- */

static void put(size_t place, struct ledger_record record)
{
	record.checksum = ledger_checksum(&record);
	assert_int_equal(pwrite(file, &record, sizeof(record), (off_t)(place * sizeof(record))),
			 sizeof(record));
}

/* Writes records with numbers that go on from @number. */
static void put_some(size_t place, uint64_t number, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const enum ledger_kind kind = number + i == 1 ? LEDGER_DEVICE : LEDGER_FENCE;

		put(place + i, (struct ledger_record){
				       .kind = (uint8_t)kind,
				       .writer = 1,
				       .number = number + i,
			       });
	}
}

/* Copies a full block to the end of the file. Then the device begins its block anew. */
static void copy_block(uint64_t number)
{
	struct stat about;

	assert_ok(fstat(file, &about));
	put_some((size_t)about.st_size / sizeof(struct ledger_record), number, BLOCK);
}

static void make_ledger(char *path)
{
	struct ledger_record head = { .kind = LEDGER_HEAD,
				      .version = LEDGER_VERSION,
				      .record_bytes = sizeof(head) };

	file = mkstemp(path);
	assert_true(file >= 0);
	memcpy(head.magic, LEDGER_MAGIC, sizeof(head.magic));
	put(0, head);
	put_some(1, 1, BLOCK);
	reads = 0;
	complaints = 0;
}

static int read_and_remove(const char *path, struct ledger_file *ledger)
{
	const int status = ledger_file_read(path, ledger);

	close(file);
	unlink(path);
	return status;
}

/* --- Tests --- */

static size_t copy_after_size(unsigned int read)
{
	if (read == 1) {
		copy_block(1);
		put_some(1, 5, 2);
	}
	return SIZE_MAX / sizeof(struct ledger_record);
}

static void block_that_is_copied_after_the_size_is_known_is_read(void **state)
{
	char path[] = "/tmp/ledger-XXXXXX";
	struct ledger_file ledger;

	(void)state;
	make_ledger(path);
	device_writes = copy_after_size;
	assert_int_equal(read_and_remove(path, &ledger), STATUS_GOOD);
	assert_int_equal(ledger.record_count, 6);
	assert_int_equal(ledger.device_count, 1);
	ledger_file_free(&ledger);
}

/* The reader has the head and two records of the block when the device overtakes it. */
static size_t overtake(unsigned int read)
{
	if (read == 2) {
		copy_block(1);
		put_some(1, 5, 3);
	} else if (read == 5) {
		/* It does so again in the second reading. */
		put_some(4, 8, 1);
		copy_block(5);
		put_some(1, 9, 3);
	}
	return read == 1 || read == 4 ? 3 : SIZE_MAX / sizeof(struct ledger_record);
}

static void device_that_overtakes_the_reader_leaves_no_gap(void **state)
{
	char path[] = "/tmp/ledger-XXXXXX";
	struct ledger_file ledger;

	(void)state;
	make_ledger(path);
	device_writes = overtake;
	assert_int_equal(read_and_remove(path, &ledger), STATUS_GOOD);
	assert_int_equal(ledger.missing, 0);
	/* The first reading found 1, 2, 7 and 4, and the copies of 1 to 4. */
	assert_int_equal(ledger.record_count, 7);
	assert_int_equal(complaints, 0);
	/* Both readings were cut in two parts, and read the end that came afterwards. */
	assert_int_equal(reads, 6);
	ledger_file_free(&ledger);
}

static size_t write_nothing(unsigned int read)
{
	(void)read;
	return SIZE_MAX / sizeof(struct ledger_record);
}

static void record_that_is_missing_is_told_and_the_others_are_followed(void **state)
{
	char path[] = "/tmp/ledger-XXXXXX";
	struct ledger_file ledger;

	(void)state;
	make_ledger(path);
	put_some(3, 7, 1);
	device_writes = write_nothing;
	assert_int_equal(read_and_remove(path, &ledger), STATUS_BAD);
	assert_int_equal(complaints, 1);
	assert_true(ledger.is_read);
	assert_int_equal(ledger.record_count, 4);
	assert_int_equal(ledger.missing, 3);
	assert_int_equal(ledger.device_count, 1);
	ledger_file_free(&ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(block_that_is_copied_after_the_size_is_known_is_read),
		cmocka_unit_test(device_that_overtakes_the_reader_leaves_no_gap),
		cmocka_unit_test(record_that_is_missing_is_told_and_the_others_are_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
