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

static void put_head(uint32_t block_bytes)
{
	struct ledger_record head = { .kind = LEDGER_HEAD,
				      .version = LEDGER_VERSION,
				      .record_bytes = sizeof(head),
				      .block_bytes = block_bytes };

	memcpy(head.magic, LEDGER_MAGIC, sizeof(head.magic));
	put(0, head);
}

/* The size of blocks is not known here, so any number of records may be at the end. */
static void make_ledger(char *path)
{
	file = mkstemp(scratch(path, "ledger-XXXXXX"));
	assert_true(file >= 0);
	put_head(0);
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
	char path[SCRATCH_MAX];
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
	char path[SCRATCH_MAX];
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
	char path[SCRATCH_MAX];
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

/* The beginning of a copy, as a writer leaves it that is killed or finds the disk full. */
static void copy_that_is_not_finished_lacks_nothing(void **state)
{
	char path[SCRATCH_MAX];
	struct ledger_file ledger;

	(void)state;
	make_ledger(path);
	put_head((BLOCK + 1) * sizeof(struct ledger_record));
	put_some(BLOCK + 1, 1, 2);
	device_writes = write_nothing;
	assert_int_equal(read_and_remove(path, &ledger), STATUS_GOOD);
	assert_int_equal(ledger.record_count, BLOCK);
	ledger_file_free(&ledger);
}

static void copy_of_the_first_block_lacks_the_head(void **state)
{
	char path[SCRATCH_MAX];
	struct ledger_file ledger;

	(void)state;
	make_ledger(path);
	put_head((BLOCK + 1) * sizeof(struct ledger_record));
	copy_block(1);
	put_some(1, 1 + BLOCK, BLOCK);
	device_writes = write_nothing;
	assert_int_equal(read_and_remove(path, &ledger), STATUS_GOOD);
	assert_int_equal(ledger.record_count, 2 * BLOCK);
	ledger_file_free(&ledger);
}

static void end_that_no_writer_leaves_was_cut_off(void **state)
{
	char path[SCRATCH_MAX];
	struct ledger_file ledger;

	(void)state;
	make_ledger(path);
	put_head((BLOCK + 1) * sizeof(struct ledger_record));
	put_some(BLOCK + 1, 1 + BLOCK, 2);
	device_writes = write_nothing;
	assert_int_equal(read_and_remove(path, &ledger), STATUS_BAD);
	assert_true(ledger.is_cut);
	assert_int_equal(ledger.missing, 0);
	assert_int_equal(ledger.record_count, BLOCK + 2);
	assert_int_equal(complaints, 1);
	ledger_file_free(&ledger);
}

/* The device is in the copy of a block that the reader has not seen. */
static size_t be_in_a_copy(unsigned int read)
{
	if (read == 1)
		put_some(BLOCK + 1, 1 + BLOCK, 2);
	return SIZE_MAX / sizeof(struct ledger_record);
}

static void copy_that_goes_on_is_not_cut_off(void **state)
{
	char path[SCRATCH_MAX];
	struct ledger_file ledger;

	(void)state;
	make_ledger(path);
	put_head((BLOCK + 1) * sizeof(struct ledger_record));
	device_writes = be_in_a_copy;
	assert_int_equal(read_and_remove(path, &ledger), STATUS_GOOD);
	assert_int_equal(ledger.record_count, BLOCK + 2);
	ledger_file_free(&ledger);
}

/* Writes the next record of the first device. Its time is its number. */
static void put_next(struct ledger_record record)
{
	struct stat about;

	assert_ok(fstat(file, &about));
	record.number = (uint64_t)about.st_size / sizeof(record);
	record.realtime_ns = record.number;
	record.writer = 1;
	put(record.number, record);
}

static void put_expose(uint64_t address)
{
	put_next((struct ledger_record){ .kind = LEDGER_EXPOSE, .address = address, .bytes = 1 });
}

static void put_end_until_fence(uint64_t address)
{
	put_next((struct ledger_record){ .kind = LEDGER_END,
					 .reason = LEDGER_FREED,
					 .flags = LEDGER_UNTIL_FENCE,
					 .address = address,
					 .bytes = 1 });
}

static void put_note(enum ledger_kind kind)
{
	put_next((struct ledger_record){ .kind = (uint8_t)kind });
}

static void fence_ends_only_exposures_that_waited_when_it_began(void **state)
{
	char path[SCRATCH_MAX];
	struct ledger_file ledger;

	(void)state;
	make_ledger(path);
	device_writes = write_nothing;
	for (uint64_t address = 0; address < 4; address++)
		put_expose(address);
	put_end_until_fence(0);
	put_note(LEDGER_FENCE_BEGIN);
	put_end_until_fence(1);
	put_note(LEDGER_FENCE); /* 12 */
	/* A fence that fails ends nothing. */
	put_note(LEDGER_FENCE_BEGIN);
	put_note(LEDGER_FENCE_FAILED);
	/* If two fences overlap, the exposure ends when both have ended. */
	put_note(LEDGER_FENCE_BEGIN);
	put_end_until_fence(2);
	put_note(LEDGER_FENCE_BEGIN);
	put_note(LEDGER_FENCE);
	put_note(LEDGER_FENCE); /* 19 */
	put_end_until_fence(3);
	assert_int_equal(read_and_remove(path, &ledger), STATUS_GOOD);
	assert_int_equal(ledger.count, 4);
	assert_int_equal(ledger.exposures[0].end_ns, 12);
	assert_int_equal(ledger.exposures[1].end_ns, 19);
	assert_int_equal(ledger.exposures[2].end_ns, 19);
	assert_int_equal(ledger.exposures[3].end_ns, 0);
	assert_true(ledger.exposures[3].until_fence);
	ledger_file_free(&ledger);
}

static void end_of_a_device_ends_its_own_exposures_once(void **state)
{
	char path[SCRATCH_MAX];
	struct ledger_file ledger;

	(void)state;
	make_ledger(path);
	device_writes = write_nothing;
	put_expose(0);
	put_expose(1);
	put_note(LEDGER_CLOSE); /* 7 */
	put_next((struct ledger_record){
		.kind = LEDGER_END, .reason = LEDGER_FREED, .address = 1, .bytes = 1 });
	/* The first record of this device is lost. */
	put(20, (struct ledger_record){ .kind = LEDGER_EXPOSE, .writer = 2, .number = 2 });
	put(21, (struct ledger_record){
			.kind = LEDGER_CLOSE, .writer = 3, .number = 2, .realtime_ns = 9 });
	assert_int_equal(read_and_remove(path, &ledger), STATUS_BAD);
	assert_int_equal(ledger.missing, 2);
	assert_int_equal(ledger.count, 3);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(ledger.exposures[i].end_ns, 7);
		assert_int_equal(ledger.exposures[i].reason, EXPOSURE_CLOSED);
	}
	assert_int_equal(ledger.exposures[2].end_ns, 0);
	assert_string_equal(ledger.exposures[2].device, "an unknown device");
	ledger_file_free(&ledger);
}

static void devices_without_protection_are_counted(void **state)
{
	char path[SCRATCH_MAX];
	struct ledger_file ledger;

	(void)state;
	make_ledger(path);
	device_writes = write_nothing;
	for (enum coherent_level level = COHERENT_NONE; level <= COHERENT_IOMMU; level++)
		put_next((struct ledger_record){ .kind = LEDGER_LEVEL, .bytes = level });
	assert_int_equal(read_and_remove(path, &ledger), STATUS_GOOD);
	/* Those with COHERENT_NONE and COHERENT_HIDDEN. */
	assert_int_equal(ledger.open_count, 2);
	ledger_file_free(&ledger);
}

static void first_loss_of_all_devices_is_found(void **state)
{
	static const uint64_t times[] = { 8, 7, 9 };
	char path[SCRATCH_MAX];
	struct ledger_file ledger;

	(void)state;
	make_ledger(path);
	device_writes = write_nothing;
	for (size_t i = 0; i < 3; i++)
		put(BLOCK + 1 + i, (struct ledger_record){ .kind = LEDGER_LOST,
							   .writer = 2 + i,
							   .number = 1,
							   .realtime_ns = times[i] });
	assert_int_equal(read_and_remove(path, &ledger), STATUS_GOOD);
	assert_int_equal(ledger.lost_count, 3);
	assert_int_equal(ledger.lost_ns, 7);
	ledger_file_free(&ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(block_that_is_copied_after_the_size_is_known_is_read),
		cmocka_unit_test(device_that_overtakes_the_reader_leaves_no_gap),
		cmocka_unit_test(record_that_is_missing_is_told_and_the_others_are_followed),
		cmocka_unit_test(copy_that_is_not_finished_lacks_nothing),
		cmocka_unit_test(copy_of_the_first_block_lacks_the_head),
		cmocka_unit_test(end_that_no_writer_leaves_was_cut_off),
		cmocka_unit_test(copy_that_goes_on_is_not_cut_off),
		cmocka_unit_test(fence_ends_only_exposures_that_waited_when_it_began),
		cmocka_unit_test(end_of_a_device_ends_its_own_exposures_once),
		cmocka_unit_test(devices_without_protection_are_counted),
		cmocka_unit_test(first_loss_of_all_devices_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
