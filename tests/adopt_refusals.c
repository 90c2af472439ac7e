// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Memory that no device can use is refused, and stays the driver's.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "adopt_test.h"
#include "base/sys.h"

/* --- Pages of objects --- */

static void page_belongs_to_one_object(void **state)
{
	struct coherent_device *dev;
	union page_box first = COHERENT_EMPTY, second = COHERENT_EMPTY;
	union page_mem mem = COHERENT_EMPTY;
	uint8_t *memory = get_pages(4);
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	assert_ok(coherent_box_adopt(&first, dev, memory + PAGE, (size_t)2 * PAGE));
	for (unsigned int i = 0; i < 2; i++) {
		log_clear(&log);
		assert_err(coherent_box_adopt(&second, dev, memory, (size_t)2 * PAGE), -EBUSY);
		/* Both are in this file, at two lines. */
		assert_true(log_has(&log, "adopt_refusals.c:"));
		assert_true(log_has(&log, "the object allocated at "));
		assert_err(coherent_box_adopt(&second, dev, memory + 2 * PAGE, (size_t)2 * PAGE),
			   -EBUSY);
		assert_true(coherent_is_empty(&second));
		if (!i)
			assert_ok(coherent_expose(&first, &mem));
	}
	/* The neighbours are free, and after the end the pages are too. */
	assert_ok(coherent_box_adopt(&second, dev, memory, PAGE));
	coherent_box_free(&second);
	coherent_free(&mem);
	assert_ok(coherent_box_adopt(&second, dev, memory, (size_t)4 * PAGE));
	coherent_box_free(&second);
	coherent_device_close(dev);
	put_pages(memory, 4);
}

/* The library keeps the owners of 16 MiB in one node of its tree. */
static void large_memory_belongs_to_one_object(void **state)
{
	static const size_t pages[] = { 0, 4095, 4096, 10000, 12287 };
	union page_box first = COHERENT_EMPTY, second = COHERENT_EMPTY;
	uint8_t *memory = get_pages(12288);
	struct coherent_device *dev;
	struct coherent_info info;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,mask=48"));
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		assert_ok(coherent_box_adopt(&first, dev, memory + pages[i] * PAGE, PAGE));
		assert_err(coherent_box_adopt(&second, dev, memory, (size_t)12288 * PAGE), -EBUSY);
		coherent_box_free(&first);
	}
	assert_ok(coherent_box_adopt(&second, dev, memory, (size_t)12288 * PAGE));
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		assert_ok(coherent_find_ptr(dev, memory + pages[i] * PAGE, &info));
		assert_int_equal(info.offset, pages[i] * PAGE);
	}
	coherent_box_free(&second);
	coherent_device_close(dev);
	put_pages(memory, 12288);
}

/* The middle pages remember the record of a box that is below them now, or above them. */
static void neighbour_had_the_page_before(void **state)
{
	const size_t bytes = (size_t)2 * PAGE;
	uint8_t *memory = get_pages(6);
	struct coherent_device *dev;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	for (size_t i = 0; i < 6; i += 4) {
		union page_box first = COHERENT_EMPTY, second = COHERENT_EMPTY;

		assert_ok(coherent_box_adopt(&first, dev, memory + bytes, bytes));
		coherent_box_free(&first);
		assert_ok(coherent_box_adopt(&first, dev, memory + i * PAGE, bytes));
		assert_ok(coherent_box_adopt(&second, dev, memory + bytes, bytes));
		coherent_box_free(&second);
		coherent_box_free(&first);
	}
	coherent_device_close(dev);
	put_pages(memory, 6);
}

static void memory_of_the_library_is_refused(void **state)
{
	struct coherent_device *dev;
	union page_box first = COHERENT_EMPTY, second = COHERENT_EMPTY;
	struct log log;
	uint8_t *stale;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	assert_ok(coherent_box_zeroed(&first, dev, PAGE));
	stale = coherent_box_ptr(&first);
	assert_err(coherent_box_adopt(&second, dev, stale, PAGE), -EBUSY);
	assert_true(log_has(&log, "the object allocated at "));
	coherent_box_free(&first);
	assert_err(coherent_box_adopt(&second, dev, stale, PAGE), -EINVAL);
	assert_true(log_has(&log, "belongs to the library"));
	assert_true(coherent_is_empty(&second));
	coherent_device_close(dev);
}

/* --- Memory that no device can use --- */

static void refuse_memory(struct coherent_device *dev, uint8_t *memory, int err, struct log *log,
			  const char *says)
{
	union page_box box = COHERENT_EMPTY;
	struct owner owner = { .memory = memory };

	log_clear(log);
	assert_err(coherent_box_adopt(&box, dev, memory, (size_t)2 * PAGE, .copy = true,
				      .release = released, .release_arg = &owner),
		   err);
	assert_int_equal((int)log->count, 1);
	assert_true(log_has(log, says));
	assert_true(coherent_is_empty(&box));
	assert_int_equal(owner.released, 0);
}

static void refuse_files(struct coherent_device *dev, struct log *log)
{
	char path[] = "adopt-XXXXXX";
	const int fd = mkstemp(path);
	uint8_t *memory;

	assert_true(fd >= 0);
	assert_ok(ftruncate(fd, 2 * PAGE));
	memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	refuse_memory(dev, memory, -EINVAL, log, "a file on a disk, mapped with MAP_SHARED");
	assert_true(log_has(log, path));
	put_pages(memory, 2);
	unlink(path);
	close(fd);
}

static void check_refusals(const char *name)
{
	uint8_t *memory = get_pages(3);
	struct coherent_device *dev;
	struct log log;

	open_with_log(&dev, name, &log);
	refuse_memory(dev, NULL, -EINVAL, &log, "NULL");
	refuse_memory(dev, memory + 1, -EINVAL, &log, "does not begin at a page");
	assert_ok(mprotect(memory + PAGE, PAGE, PROT_READ));
	refuse_memory(dev, memory, -EINVAL, &log, "may not write");
	assert_ok(mprotect(memory + PAGE, PAGE, PROT_NONE));
	refuse_memory(dev, memory, -EINVAL, &log, "may not read");
	/* The kernel maps nothing in the lowest pages. A sanitizer may map a hole that the test makes. */
	refuse_memory(dev, (uint8_t *)(uintptr_t)PAGE, -EINVAL, &log, "nothing is mapped there");
	refuse_files(dev, &log);
	coherent_device_close(dev);
	put_pages(memory, 3);
}

static void memory_that_no_device_can_use_is_refused(void **state)
{
	(void)state;
	check_refusals("sim:edu");
	check_refusals("sim:edu,lazy");
}

/* A file in memory and a private mapping of a file can be used. */
static void files_in_memory_are_adopted(void **state)
{
	const int fd = memfd_create("adopt", MFD_CLOEXEC);
	union page_mem mem = COHERENT_EMPTY;
	union page_box box = COHERENT_EMPTY;
	struct coherent_device *dev;
	uint8_t nine = 9, seen = 0;
	struct log log;
	uint8_t *memory;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	assert_ok(ftruncate(fd, PAGE));
	memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_ok(coherent_box_adopt(&box, dev, memory, PAGE));
	assert_ok(coherent_expose(&box, &mem));
	assert_ok(device_writes(dev, coherent_addr(&mem).raw, &nine, 1));
	coherent_free(&mem);
	assert_int_equal(pread(fd, &seen, 1, 0), 1);
	assert_int_equal(seen, 9);
	coherent_device_close(dev);
	put_pages(memory, 1);
	close(fd);
}

/* A file of a page is mapped as two. An access to the second one is a signal. */
static void end_of_a_file_is_refused(void **state)
{
	static const char *const names[] = { "sim:edu", "sim:edu,lazy" };
	const int fd = memfd_create("adopt", MFD_CLOEXEC);
	uint8_t *memory;
	char page[40];

	(void)state;
	assert_ok(ftruncate(fd, PAGE));
	memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	snprintf(page, sizeof(page), "from %p on", (void *)(memory + PAGE));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct owner owner = { .memory = memory };
		union page_mem mem = COHERENT_EMPTY;
		union page_box box = COHERENT_EMPTY;
		struct coherent_device *dev;
		struct log log;

		open_with_log(&dev, names[i], &log);
		assert_ok(coherent_box_adopt(&box, dev, memory, (size_t)2 * PAGE, .copy = true,
					     .release = released, .release_arg = &owner));
		assert_err(coherent_expose(&box, &mem), -EINVAL);
		assert_true(log_has(&log, "behind the end of its file"));
		assert_true(log_has(&log, page));
		assert_int_equal(owner.released, 1);
		coherent_device_close(dev);
	}
	put_pages(memory, 2);
	close(fd);
}

/* Without a descriptor the library cannot read /proc/self/maps, as in a sandbox that has no /proc. */
static int adopt_blindly(struct coherent_device *dev, uint8_t *memory)
{
	union page_mem mem = COHERENT_EMPTY;
	union page_box box = COHERENT_EMPTY;
	struct rlimit all, none;
	int err;

	assert_ok(getrlimit(RLIMIT_NOFILE, &all));
	none = all;
	none.rlim_cur = 0;
	assert_ok(setrlimit(RLIMIT_NOFILE, &none));
	err = coherent_box_adopt(&box, dev, memory, (size_t)2 * PAGE, .copy = true);
	if (!err)
		err = coherent_expose(&box, &mem);
	assert_ok(setrlimit(RLIMIT_NOFILE, &all));
	coherent_free(&mem);
	return err;
}

/* qemu-user ignores the advice, and a kernel before 5.14 does not know it. */
static bool kernel_tells_read_only(uint8_t *memory)
{
	bool does;

	assert_ok(mprotect(memory, PAGE, PROT_READ));
	does = !madvise(memory, PAGE, MADV_POPULATE_READ) &&
	       madvise(memory, PAGE, MADV_POPULATE_WRITE);
	assert_ok(mprotect(memory, PAGE, PROT_READ | PROT_WRITE));
	return does;
}

static void read_only_memory_is_refused_without_proc(void **state)
{
	static const char *const names[] = { "sim:edu", "sim:edu,lazy" };
	uint8_t *memory = get_pages(2);
	struct coherent_device *dev;
	struct log log;

	(void)state;
	if (!kernel_tells_read_only(memory)) {
		put_pages(memory, 2);
		skip();
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		open_with_log(&dev, names[i], &log);
		assert_ok(mprotect(memory + PAGE, PAGE, PROT_READ));
		assert_err(adopt_blindly(dev, memory), -EINVAL);
		assert_true(log_has(&log, "cannot pin it, or it is read-only"));
		assert_ok(mprotect(memory + PAGE, PAGE, PROT_READ | PROT_WRITE));
		assert_ok(adopt_blindly(dev, memory));
		coherent_device_close(dev);
	}
	put_pages(memory, 2);
}

static void wrong_arguments_are_refused(void **state)
{
	union page_box box = COHERENT_EMPTY, full = COHERENT_EMPTY;
	uint8_t *memory = get_pages(1);
	struct coherent_device *dev;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	assert_err(coherent_box_adopt(&box, NULL, memory, PAGE), -ENODEV);
	assert_err(coherent_box_adopt(&box, dev, memory, 0), -EINVAL);
	assert_err(coherent_box_adopt(&box, dev, (uint8_t *)-(uintptr_t)PAGE, PAGE), -EINVAL);
	assert_true(log_has(&log, "past the end of all memory"));
	assert_err(coherent_box_adopt(&box, dev, memory, SIZE_MAX / PAGE * PAGE), -ENOMEM);
	assert_err(coherent_box_adopt(&box, dev, memory, PAGE, .align = 3), -EINVAL);
	assert_err(coherent_box_adopt(&box, dev, memory, PAGE,
				      .attrs = COHERENT_ATTR_WRITE_COMBINE),
		   -EOPNOTSUPP);
	assert_ok(coherent_box_adopt(&full, dev, memory, PAGE, .align = 65536));
	assert_err(coherent_box_adopt(&full, dev, memory, PAGE), -EBUSY);
	coherent_box_free(&full);
	coherent_device_close(dev);
	open_with_log(&dev, "sim:edu,lazy", &log);
	assert_err(coherent_box_adopt(&box, dev, memory, PAGE), -EOPNOTSUPP);
	assert_true(log_has(&log, ".copy = true"));
	coherent_device_close(dev);
	put_pages(memory, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(page_belongs_to_one_object),
		cmocka_unit_test(large_memory_belongs_to_one_object),
		cmocka_unit_test(neighbour_had_the_page_before),
		cmocka_unit_test(memory_of_the_library_is_refused),
		cmocka_unit_test(memory_that_no_device_can_use_is_refused),
		cmocka_unit_test(files_in_memory_are_adopted),
		cmocka_unit_test(end_of_a_file_is_refused),
		cmocka_unit_test(read_only_memory_is_refused_without_proc),
		cmocka_unit_test(wrong_arguments_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
