// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests adopt memory in pieces, which the device finds behind each other.
 */
#include <stdio.h>
#include <string.h>

#include "adopt_test.h"

/* The linker puts this between the library and the function, which reads a line. */
static unsigned int lines;

char *__real_fgets(char *text, int bytes, FILE *file);
char *__wrap_fgets(char *text, int bytes, FILE *file);
char *__wrap_fgets(char *text, int bytes, FILE *file)
{
	lines++;
	return __real_fgets(text, bytes, file);
}

/* Three pieces of 1, 2 and 1 pages, which are not neighbours for the CPU. */
#define PIECES 3
#define PIECES_BYTES ((size_t)4 * PAGE)

static void make_pieces(struct owner *owner, struct iovec pieces[PIECES])
{
	uint8_t *memory = get_pages(8);

	*owner = (struct owner){ .memory = memory + 6 * PAGE };
	pieces[0] = (struct iovec){ owner->memory, PAGE };
	pieces[1] = (struct iovec){ memory, (size_t)2 * PAGE };
	pieces[2] = (struct iovec){ memory + 4 * PAGE, PAGE };
	memset(pieces[0].iov_base, 1, PAGE);
	memset(pieces[1].iov_base, 2, (size_t)2 * PAGE);
	memset(pieces[2].iov_base, 3, PAGE);
}

static void end_pieces(const struct owner *owner)
{
	put_pages(owner->memory - 6 * PAGE, 8);
}

static void pieces_are_one_object_for_the_device(void **state)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct iovec pieces[PIECES];
	uint8_t seen[PIECES_BYTES], nines[32];
	struct coherent_stats stats;
	struct coherent_info info;
	struct owner owner;
	struct log log;
	uint64_t at;

	(void)state;
	make_pieces(&owner, pieces);
	open_with_log(&dev, "sim:edu", &log);
	assert_ok(coherent_handle_adopt(&handle, dev, pieces, PIECES, .release = released,
					.release_arg = &owner));
	assert_int_equal(coherent_handle_size(&handle), PIECES_BYTES);
	at = coherent_handle_addr(&handle).raw;
	assert_ok(device_reads(dev, at, seen, sizeof(seen)));
	assert_true(is_all(seen, 1, PAGE));
	assert_true(is_all(seen + PAGE, 2, (size_t)2 * PAGE));
	assert_true(is_all(seen + 3 * PAGE, 3, PAGE));
	/* The write crosses the end of a piece. */
	memset(nines, 9, sizeof(nines));
	assert_ok(device_writes(dev, at + PAGE - 16, nines, sizeof(nines)));
	assert_true(is_all((uint8_t *)pieces[0].iov_base + PAGE - 16, 9, 16));
	assert_true(is_all(pieces[1].iov_base, 9, 16));
	assert_err(device_reads(dev, at + PIECES_BYTES, seen, 1), -EIO);
	assert_fault(dev, COHERENT_STATE_NONE);
	assert_ok(coherent_find_addr(dev, at + 3 * PAGE, &info));
	assert_int_equal(info.state, COHERENT_STATE_MEM);
	assert_err(coherent_find_ptr(dev, pieces[1].iov_base, &info), -ERANGE);
	assert_ok(coherent_device_stats(dev, &stats));
	assert_int_equal(stats.mappings, PIECES);
	coherent_handle_free(&handle);
	assert_int_equal(owner.released, 1);
	assert_ok(coherent_device_stats(dev, &stats));
	assert_int_equal(stats.mappings, 0);
	assert_int_equal(stats.objects, 0);
	assert_err(device_reads(dev, at + PAGE, seen, 1), -EIO);
	assert_fault(dev, COHERENT_STATE_FREED);
	assert_int_equal((int)log.count, 0);
	coherent_device_close(dev);
	end_pieces(&owner);
}

static void device_only_reads_read_only_pieces(void **state)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct iovec pieces[PIECES];
	struct owner owner;
	struct log log;
	uint8_t seen;

	(void)state;
	make_pieces(&owner, pieces);
	open_with_log(&dev, "sim:edu", &log);
	assert_ok(coherent_handle_adopt(&handle, dev, pieces, PIECES,
					.permission = COHERENT_READ_ONLY, .align = 65536));
	assert_int_equal(coherent_handle_addr(&handle).raw % 65536, 0);
	for (size_t i = 0; i < PIECES_BYTES; i += PAGE) {
		const uint64_t at = coherent_handle_addr(&handle).raw + i;

		assert_ok(device_reads(dev, at, &seen, 1));
		assert_err(device_writes(dev, at, &seen, 1), -EIO);
		assert_fault(dev, COHERENT_STATE_MEM);
	}
	coherent_handle_free(&handle);
	coherent_device_close(dev);
	end_pieces(&owner);
}

static void page_of_a_piece_belongs_to_it(void **state)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	union page_box box = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct iovec pieces[PIECES];
	struct owner owner;
	struct log log;

	(void)state;
	make_pieces(&owner, pieces);
	open_with_log(&dev, "sim:edu", &log);
	assert_ok(coherent_handle_adopt(&handle, dev, pieces, PIECES));
	for (size_t i = 0; i < PIECES; i++)
		assert_err(coherent_box_adopt(&box, dev, (uint8_t *)pieces[i].iov_base, PAGE),
			   -EBUSY);
	assert_true(log_has(&log, "adopt_pieces.c:"));
	coherent_handle_free(&handle);
	assert_ok(coherent_box_adopt(&box, dev, (uint8_t *)pieces[1].iov_base, PAGE));
	assert_err(coherent_handle_adopt(&handle, dev, pieces, PIECES), -EBUSY);
	assert_int_equal(coherent_handle_size(&handle), 0);
	coherent_box_free(&box);
	coherent_device_close(dev);
	end_pieces(&owner);
}

static void refuse_pieces(struct coherent_device *dev, const struct iovec *pieces, size_t count,
			  int err, struct log *log, const char *says)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	struct owner owner = { .memory = NULL };

	log_clear(log);
	assert_err(coherent_handle_adopt(&handle, dev, pieces, count, .release = released,
					 .release_arg = &owner),
		   err);
	assert_int_equal((int)log->count, 1);
	assert_true(log_has(log, says));
	assert_int_equal(coherent_handle_size(&handle), 0);
	assert_int_equal(owner.released, 0);
}

static void wrong_pieces_are_refused(void **state)
{
	struct iovec pieces[PIECES], good[PIECES];
	struct coherent_device *dev;
	struct owner owner;
	struct log log;

	(void)state;
	make_pieces(&owner, good);
	memcpy(pieces, good, sizeof(good));
	open_with_log(&dev, "sim:edu", &log);
	refuse_pieces(dev, pieces, 0, -EINVAL, &log, "no pieces");
	refuse_pieces(dev, NULL, 1, -EINVAL, &log, "no pieces");
	pieces[2].iov_len = 100;
	refuse_pieces(dev, pieces, PIECES, -EINVAL, &log, "each piece must end where a page ends");
	pieces[2].iov_len = 0;
	refuse_pieces(dev, pieces, PIECES, -EINVAL, &log, "not whole pages");
	pieces[2].iov_len = SIZE_MAX - PAGE;
	refuse_pieces(dev, pieces, PIECES, -ENOMEM, &log, "overflows");
	/* So many pieces cannot be in memory, so the library reads none. */
	refuse_pieces(dev, (const struct iovec *)(uintptr_t)PAGE, SIZE_MAX / 4, -ENOMEM, &log,
		      "overflows");
	pieces[2] = pieces[1];
	refuse_pieces(dev, pieces, PIECES, -EINVAL, &log, "a page in common");
	pieces[2] = good[2];
	pieces[1].iov_base = NULL;
	refuse_pieces(dev, pieces, PIECES, -EINVAL, &log, "NULL");
	pieces[1] = good[1];
	assert_ok(mprotect(pieces[1].iov_base, PAGE, PROT_READ));
	refuse_pieces(dev, pieces, PIECES, -EINVAL, &log, "may not write");
	assert_ok(mprotect(pieces[1].iov_base, PAGE, PROT_READ | PROT_WRITE));
	coherent_device_close(dev);
	open_with_log(&dev, "sim:edu,lazy", &log);
	refuse_pieces(dev, pieces, PIECES, -EOPNOTSUPP, &log, "adopt a box with .copy");
	coherent_device_close(dev);
	end_pieces(&owner);
}

/* The second piece finds no mapping, so the first one is unmapped again. */
static void failed_piece_leaves_none_mapped(void **state)
{
	static const char *const names[] = { "sim:edu,fail-map=2", "sim:edu,fail-map=3" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct coherent_handle handle = COHERENT_EMPTY;
		struct coherent_device *dev;
		struct iovec pieces[PIECES];
		struct coherent_stats stats;
		struct owner owner;
		struct log log;
		uint8_t seen;

		make_pieces(&owner, pieces);
		open_with_log(&dev, names[i], &log);
		assert_err(coherent_handle_adopt(&handle, dev, pieces, PIECES, .release = released,
						 .release_arg = &owner),
			   -EIO);
		/* After -EIO the memory is back. */
		assert_int_equal(owner.released, 1);
		owner.released = 0;
		for (uint64_t at = PAGE; at < 16 * PAGE; at += PAGE)
			assert_err(device_reads(dev, at, &seen, 1), -EIO);
		assert_ok(coherent_device_stats(dev, &stats));
		assert_int_equal(stats.objects, 0);
		assert_int_equal(stats.mappings, 0);
		assert_ok(coherent_handle_adopt(&handle, dev, pieces, PIECES, .release = released,
						.release_arg = &owner));
		coherent_handle_free(&handle);
		assert_int_equal(owner.released, 1);
		coherent_device_close(dev);
		end_pieces(&owner);
	}
}

/* If a piece stays mapped, the memory comes back only when the device is closed. */
static void failed_unmap_keeps_the_memory(void **state)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct iovec pieces[PIECES];
	struct owner owner;
	struct log log;

	(void)state;
	make_pieces(&owner, pieces);
	open_with_log(&dev, "sim:edu,fail-unmap=2", &log);
	assert_ok(coherent_handle_adopt(&handle, dev, pieces, PIECES, .release = released,
					.release_arg = &owner));
	coherent_handle_free(&handle);
	assert_true(log_has(&log, "are leaked"));
	assert_int_equal(owner.released, 0);
	coherent_device_close(dev);
	assert_int_equal(owner.released, 1);
	end_pieces(&owner);
}

/* Counts objects that ended while the device still reached them. */
static void count_leaks(void *arg, const struct coherent_event *event)
{
	if (event->kind == COHERENT_EVENT_FREE && event->after == COHERENT_STATE_MEM)
		++*(unsigned int *)arg;
}

/* The third piece is not mapped, and the first one stays mapped. */
static void failed_roll_back_is_a_leak(void **state)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct iovec pieces[PIECES];
	struct coherent_info info;
	unsigned int leaks = 0;
	struct owner owner;
	struct log log;

	(void)state;
	make_pieces(&owner, pieces);
	log = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(&dev, "sim:edu,fail-map=3,fail-unmap=1",
				       .report = log_report, .report_arg = &log,
				       .trace = count_leaks, .trace_arg = &leaks));
	assert_err(coherent_handle_adopt(&handle, dev, pieces, PIECES, .release = released,
					 .release_arg = &owner),
		   -EIO);
	assert_int_equal((int)log.count, 1);
	assert_int_equal(leaks, 1);
	assert_true(log_has(&log, "are leaked"));
	assert_ok(coherent_find_addr(dev, PAGE, &info));
	assert_int_equal(info.state, COHERENT_STATE_MEM);
	assert_err(coherent_handle_adopt(&handle, dev, pieces, PIECES), -EBUSY);
	assert_true(log_has(&log, "close the device first"));
	assert_int_equal(owner.released, 0);
	coherent_device_close(dev);
	assert_int_equal(owner.released, 1);
	end_pieces(&owner);
}

/* The device has two mappings, and three pieces need three. */
static void driver_keeps_pieces_without_a_mapping(void **state)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct iovec pieces[PIECES];
	struct coherent_stats stats;
	struct owner owner;
	struct log log;

	(void)state;
	make_pieces(&owner, pieces);
	open_with_log(&dev, "sim:edu,maps=2", &log);
	assert_err(coherent_handle_adopt(&handle, dev, pieces, PIECES, .release = released,
					 .release_arg = &owner),
		   -ENOSPC);
	assert_int_equal(owner.released, 0);
	assert_ok(coherent_device_stats(dev, &stats));
	assert_int_equal(stats.mappings, 0);
	assert_ok(coherent_handle_adopt(&handle, dev, pieces, 2, .release = released,
					.release_arg = &owner));
	coherent_handle_free(&handle);
	assert_int_equal(owner.released, 1);
	coherent_device_close(dev);
	end_pieces(&owner);
}

/* A list of mappings that is read for each piece takes minutes for thousands of pieces. */
static void mappings_are_read_once_for_all_pieces(void **state)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct iovec pieces[64];
	const size_t count = ARRAY_SIZE(pieces);
	uint8_t *memory = get_pages(2 * count);
	unsigned int mappings = 0;
	FILE *maps;

	(void)state;
	/* Each piece is a mapping, and the list has them in the other order. */
	for (size_t i = 0; i < count; i++) {
		pieces[i] = (struct iovec){ memory + (2 * (count - i) - 1) * PAGE, PAGE };
		assert_ok(mprotect(memory + 2 * i * PAGE, PAGE, PROT_NONE));
	}
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	maps = fopen("/proc/self/maps", "re");
	assert_non_null(maps);
	for (int byte = fgetc(maps); byte != EOF; byte = fgetc(maps))
		mappings += byte == '\n';
	fclose(maps);
	lines = 0;
	assert_ok(coherent_handle_adopt(&handle, dev, pieces, count));
	assert_true(lines <= 2 * mappings);
	coherent_handle_free(&handle);
	coherent_device_close(dev);
	put_pages(memory, 2 * count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_one_object_for_the_device),
		cmocka_unit_test(device_only_reads_read_only_pieces),
		cmocka_unit_test(page_of_a_piece_belongs_to_it),
		cmocka_unit_test(wrong_pieces_are_refused),
		cmocka_unit_test(failed_piece_leaves_none_mapped),
		cmocka_unit_test(failed_unmap_keeps_the_memory),
		cmocka_unit_test(failed_roll_back_is_a_leak),
		cmocka_unit_test(driver_keeps_pieces_without_a_mapping),
		cmocka_unit_test(mappings_are_read_once_for_all_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
