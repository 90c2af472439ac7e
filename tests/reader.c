// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Another process reads the records of a device with the reader of the command.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <coherent/pool.h>
#include <coherent/share.h>
#include <coherent/sim.h>

#include "../command/records.h"
#include "../src/device/device.h"
#include "test.h"

#define OBJECTS_MAX 16

/* The objects that the reader has to find. */
struct driver {
	uint64_t mem, freed, slot;
	char site_of_mem[64], site_of_box[64], site_of_slot[64];
};

/* The objects that the reader found. */
struct found {
	struct records_object objects[OBJECTS_MAX];
	size_t count;
};

static void place(char *text, int line)
{
	snprintf(text, 64, "tests/reader.c:%d", line);
}

/* --- A driver in another process --- */

/* Keeps objects in each state, and tells the reader about them. Ends when the reader closes @wait. */
static void drive(int tell, int wait)
{
	COHERENT_POOL(uint8_t[64]) pool = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t[64]) slots[3] = { COHERENT_EMPTY };
	COHERENT(uint8_t[64]) slot = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY, in_place = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY, freed = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct driver driver;
	char byte;

	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	place(driver.site_of_box, __LINE__ + 1);
	assert_ok(coherent_box_zeroed(&box, dev, 5000));
	assert_ok(coherent_box_zeroed(&in_place, dev, 12000, .in_place = true));
	assert_ok(coherent_zeroed(&freed, dev, 1));
	driver.freed = coherent_addr(&freed).raw;
	place(driver.site_of_mem, __LINE__ + 1);
	assert_ok(coherent_zeroed(&mem, dev, 4096));
	driver.mem = coherent_addr(&mem).raw;
	coherent_free(&freed);
	assert_ok(coherent_pool_create(&pool, dev));
	place(driver.site_of_slot, __LINE__ + 2);
	for (size_t i = 0; i < ARRAY_SIZE(slots); i++)
		assert_ok(coherent_pool_box(&pool, &slots[i]));
	assert_ok(coherent_expose(&slots[0], &slot));
	driver.slot = coherent_addr(&slot).raw;
	assert_int_not_equal(coherent_sim_try(dev, &mem, 5000, &byte, 1, COHERENT_ACCESS_READ), 0);
	assert_int_equal(write(tell, &driver, sizeof(driver)), sizeof(driver));
	(void)!read(wait, &byte, 1);
	_exit(0);
}

static pid_t start_driver(struct driver *driver, int *stop)
{
	int tell[2], wait[2];
	pid_t pid;

	assert_ok(pipe2(tell, O_CLOEXEC) | pipe2(wait, O_CLOEXEC));
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(wait[1]);
		drive(tell[1], wait[0]);
	}
	close(tell[1]);
	close(wait[0]);
	assert_int_equal(read(tell[0], driver, sizeof(*driver)), sizeof(*driver));
	close(tell[0]);
	*stop = wait[1];
	return pid;
}

static void end_driver(pid_t pid, int stop)
{
	int status;

	close(stop);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
}

/* --- The reader --- */

static void remember(const struct records_object *object, void *arg)
{
	struct found *found = arg;

	assert_true(found->count < OBJECTS_MAX);
	found->objects[found->count++] = *object;
}

static const struct records_object *find(const struct found *found, enum records_kind kind,
					 bool is_pooled)
{
	const struct records_object *object = NULL;

	for (size_t i = 0; i < found->count; i++)
		if (found->objects[i].kind == kind && found->objects[i].is_pooled == is_pooled)
			object = &found->objects[i];
	assert_non_null(object);
	return object;
}

static size_t count(const struct found *found, enum records_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < found->count; i++)
		n += found->objects[i].kind == kind;
	return n;
}

static uint64_t reachable(const struct found *found)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < found->count; i++)
		bytes += found->objects[i].reachable;
	return bytes;
}

static void assert_site(struct records *records, const struct records_object *object,
			const char *site)
{
	const char *text = records_site(records, object->site_address)->text;

	if (!strstr(text, site))
		fail_msg("\"%s\" is not \"%s\"", text, site);
}

static void check_objects(struct records *records, const struct driver *driver)
{
	struct found found = { .count = 0 };
	const struct records_object *object;

	assert_int_equal(records_each(records, remember, &found), 0);
	object = find(&found, RECORDS_BOX, false);
	assert_int_equal(object->bytes, 8192);
	assert_site(records, object, driver->site_of_box);
	object = find(&found, RECORDS_IN_PLACE, false);
	assert_int_equal(object->bytes, 12288);
	assert_int_equal(reachable(&found), 4096 + 12288 + 4096);
	object = find(&found, RECORDS_MEM, false);
	assert_int_equal(object->address, driver->mem);
	assert_int_equal(object->bytes, 4096);
	assert_site(records, object, driver->site_of_mem);
	assert_int_equal(records_faults(records, object->site_address), 1);
	object = find(&found, RECORDS_ENDED, false);
	assert_int_equal(object->address, driver->freed);
	object = find(&found, RECORDS_MEM, true);
	assert_int_equal(object->address, driver->slot);
	assert_int_equal(object->bytes, 64);
	assert_site(records, object, driver->site_of_slot);
	assert_int_equal(count(&found, RECORDS_BOX), 3);
	assert_int_equal(count(&found, RECORDS_MEM), 2);
}

static void check_header(const struct records *records)
{
	assert_string_equal(records->header.name, "sim:edu,step");
	assert_int_equal(records->header.level, COHERENT_IOMMU);
	assert_int_equal(records->header.faults, 1);
	assert_int_equal(records->header.missing, 0);
	assert_false(records->header.is_closed);
	assert_true(records->header.range_count);
}

static void another_process_reads_the_records(void **state)
{
	struct records *all;
	struct driver driver;
	char why[256];
	size_t n;
	int stop;
	const pid_t pid = start_driver(&driver, &stop);

	(void)state;
	assert_int_not_equal(records_signature(pid), 0);
	assert_ok(records_open(pid, &all, &n, why, sizeof(why)));
	assert_int_equal(n, 1);
	assert_int_equal(all->pid, pid);
	check_header(all);
	check_objects(all, &driver);
	end_driver(pid, stop);
	/* The last state stays readable. */
	records_refresh(all);
	check_header(all);
	check_objects(all, &driver);
	records_close_all(all, n);
}

static void devices_of_one_process_are_found(void **state)
{
	COHERENT_DEVICE_AUTO(one);
	COHERENT_DEVICE_AUTO(two);
	struct records *all;
	char why[256];
	size_t n;

	(void)state;
	assert_ok(coherent_device_open(&one, "sim:edu,step"));
	assert_ok(coherent_device_open(&two, "sim:edu,mask=40"));
	assert_ok(records_open(getpid(), &all, &n, why, sizeof(why)));
	assert_int_equal(n, 2);
	records_close_all(all, n);
}

/* "coherent top" opens the records again if the number changed. */
static void signature_changes_with_the_devices(void **state)
{
	struct coherent_device *dev;
	COHERENT_DEVICE_AUTO(other);
	uint64_t one, two;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	one = records_signature(getpid());
	assert_int_equal(records_signature(getpid()), one);
	assert_ok(coherent_device_open(&other, "sim:edu,step"));
	two = records_signature(getpid());
	assert_int_not_equal(two, one);
	coherent_device_close(dev);
	assert_int_not_equal(records_signature(getpid()), one);
	/* A device with the same file descriptor is another one. */
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	assert_int_not_equal(records_signature(getpid()), two);
	coherent_device_close(dev);
}

static void closed_device_with_a_mem_is_found(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct found found = { .count = 0 };
	struct coherent_device *dev;
	struct log log = LOG_EMPTY;
	struct records *all;
	char why[256];
	size_t n;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step", .report = log_report,
				       .report_arg = &log));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	coherent_device_close(dev);
	assert_ok(records_open(getpid(), &all, &n, why, sizeof(why)));
	assert_true(all->header.is_closed);
	(void)records_each(all, remember, &found);
	assert_int_equal(count(&found, RECORDS_MEM), 1);
	records_close_all(all, n);
	coherent_free(&mem);
	assert_err(records_open(getpid(), &all, &n, why, sizeof(why)), -ENOENT);
}

/* The IOMMU is lazy, so that the device reaches a freed mem until the fence. */
static void freed_mem_is_reachable_until_the_fence(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct found found = { .count = 0 };
	COHERENT_DEVICE_AUTO(dev);
	struct records *all;
	char why[256];
	size_t n;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,lazy,step"));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	coherent_free(&mem);
	assert_ok(records_open(getpid(), &all, &n, why, sizeof(why)));
	(void)records_each(all, remember, &found);
	assert_int_equal(count(&found, RECORDS_LINGERING), 1);
	assert_int_equal(reachable(&found), 4096);
	assert_ok(coherent_device_fence(dev));
	found.count = 0;
	(void)records_each(all, remember, &found);
	assert_int_equal(reachable(&found), 0);
	records_close_all(all, n);
}

/* The device still reaches a mem that could not be unmapped. */
static void leaked_mem_is_reachable(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct found found = { .count = 0 };
	struct log log = LOG_EMPTY;
	COHERENT_DEVICE_AUTO(dev);
	struct records *all;
	char why[256];
	size_t n;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step,fail-unmap=1", .report = log_report,
				       .report_arg = &log));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	coherent_free(&mem);
	assert_ok(records_open(getpid(), &all, &n, why, sizeof(why)));
	(void)records_each(all, remember, &found);
	assert_int_equal(count(&found, RECORDS_LINGERING), 1);
	assert_int_equal(reachable(&found), 4096);
	records_close_all(all, n);
}

/* --- Whose records are read --- */

static void forked_child_is_not_the_owner(void **state)
{
	COHERENT_DEVICE_AUTO(dev);
	struct records *all;
	char why[256];
	int status;
	size_t n;
	pid_t pid;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(records_open(getpid(), &all, &n, why, sizeof(why)) == -ENOENT ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
}

/* --- Bad input of the reader --- */

static void processes_without_records_are_refused(void **state)
{
	struct records *all;
	char why[256];
	pid_t pid;
	size_t n;

	(void)state;
	assert_err(records_open(getpid(), &all, &n, why, sizeof(why)), -ENOENT);
	assert_int_equal(records_signature(getpid()), 0);
	assert_err(records_open(-1, &all, &n, why, sizeof(why)), -ESRCH);
	assert_err(records_open(0, &all, &n, why, sizeof(why)), -ESRCH);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_err(records_open(pid, &all, &n, why, sizeof(why)), -ESRCH);
}

static void process_of_another_user_is_refused(void **state)
{
	struct driver driver;
	int stop, status;
	pid_t pid, reader;

	(void)state;
	if (geteuid()) {
		print_message("# SKIP: only root can become another user\n");
		skip();
	}
	pid = start_driver(&driver, &stop);
	reader = fork();
	assert_true(reader >= 0);
	if (!reader) {
		struct records *all;
		char why[256];
		size_t n;

		if (setuid(65534))
			_exit(2);
		_exit(records_open(pid, &all, &n, why, sizeof(why)) == -EACCES &&
				      strstr(why, "another user") ?
			      0 :
			      1);
	}
	assert_int_equal(waitpid(reader, &status, 0), reader);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	end_driver(pid, stop);
}

static int open_own(size_t *n)
{
	struct records *all;
	char why[256];
	int err = records_open(getpid(), &all, n, why, sizeof(why));

	records_close_all(all, *n);
	return err;
}

static void another_version_is_refused(void **state)
{
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_DEVICE_AUTO(other);
	struct segment_header *header;
	struct records *all;
	char why[256];
	size_t n;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	header = dev->store.segment.header;
	header->version++;
	assert_err(records_open(getpid(), &all, &n, why, sizeof(why)), -EPROTO);
	assert_non_null(strstr(why, "version 2"));
	/* It does not hide the others. */
	assert_ok(coherent_device_open(&other, "sim:edu,step"));
	assert_ok(open_own(&n));
	assert_int_equal(n, 1);
	coherent_device_close(other);
	other = NULL;
	header->version--;
	header->field_count = SEGMENT_FIELDS_ALWAYS - 1;
	assert_err(records_open(getpid(), &all, &n, why, sizeof(why)), -EPROTO);
	assert_non_null(strstr(why, "is older"));
	header->field_count = SEGMENT_FIELDS;
	assert_ok(open_own(&n));
	assert_int_equal(n, 1);
}

/* Counts the objects of a kind in the devices of this process. */
static size_t count_own(enum records_kind kind)
{
	struct found found = { .count = 0 };
	struct records *all;
	char why[256];
	size_t n;

	assert_ok(records_open(getpid(), &all, &n, why, sizeof(why)));
	for (size_t i = 0; i < n; i++)
		assert_int_equal(records_each(&all[i], remember, &found), 0);
	records_close_all(all, n);
	return count(&found, kind);
}

static void segment_of_an_older_library_has_mems_instead_of_twins(void **state)
{
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_DEVICE_AUTO(other);
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	struct segment_header *header;
	size_t n;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	assert_ok(coherent_device_open(&other, "sim:edu,step"));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_ok(coherent_share(&mem, other, &twin));
	assert_int_equal(count_own(RECORDS_MEM), 1);
	assert_int_equal(count_own(RECORDS_TWIN), 1);
	header = other->store.segment.header;
	header->field_count = SEGMENT_RECORD_TWIN;
	/* Something else is in its place. */
	header->fields[SEGMENT_RECORD_TWIN] = 1 << 20;
	assert_int_equal(count_own(RECORDS_MEM), 2);
	assert_int_equal(count_own(RECORDS_TWIN), 0);
	/* A damaged segment is left out. */
	header->field_count = SEGMENT_FIELDS;
	assert_ok(open_own(&n));
	assert_int_equal(n, 1);
	header->fields[SEGMENT_RECORD_TWIN] = offsetof(struct coherent_object, is_twin);
	coherent_free(&twin);
	assert_int_equal(count_own(RECORDS_ENDED), 1);
}

static void damaged_headers_are_refused(void **state)
{
	COHERENT_DEVICE_AUTO(dev);
	struct segment_header *header, old;
	size_t n;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	header = dev->store.segment.header;
	old = *header;
	header->fields[SEGMENT_RECORD_SITE] = 1 << 20;
	assert_err(open_own(&n), -EPROTO);
	*header = old;
	header->page_bytes = 0;
	assert_err(open_own(&n), -EPROTO);
	*header = old;
	header->range_count = SEGMENT_RANGES_MAX + 1;
	assert_err(open_own(&n), -EPROTO);
	*header = old;
	header->fields_at = UINT32_MAX;
	assert_err(open_own(&n), -ENOENT);
	*header = old;
	header->bytes = 4096;
	assert_err(open_own(&n), -ENOENT);
	/* The device is being opened. */
	*header = old;
	header->range_count = 0;
	assert_err(open_own(&n), -ENOENT);
	*header = old;
	assert_ok(open_own(&n));
}

/* A file of that name that can shrink would end the reader by SIGBUS. */
static void file_that_can_shrink_is_not_read(void **state)
{
	struct segment_header header = { .version = SEGMENT_VERSION };
	const int fd = memfd_create(SEGMENT_FILE, MFD_CLOEXEC);
	void *map;
	size_t n;

	(void)state;
	memcpy(header.magic, SEGMENT_MAGIC, sizeof(header.magic));
	assert_ok(ftruncate(fd, 8192));
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(map != MAP_FAILED);
	header.base = (uintptr_t)map;
	header.bytes = 8192;
	header.range_count = 1;
	memcpy(map, &header, sizeof(header));
	assert_err(open_own(&n), -ENOENT);
	assert_ok(munmap(map, 8192));
	close(fd);
}

/* Each word of the segment is overwritten in turn. The reader must end and read nothing else. */
static void damaged_records_do_no_harm(void **state)
{
	static const uint64_t values[] = { 0, 1, UINT32_MAX, UINT64_MAX };
	COHERENT_POOL(uint8_t[64]) pool = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t[64]) slot = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_DEVICE_AUTO(dev);
	struct records *all;
	uint64_t *words;
	char why[256];
	size_t n, bytes;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_box(&pool, &slot));
	words = (uint64_t *)dev->store.segment.header;
	bytes = dev->store.segment.used;
	for (size_t i = 0; i < bytes / 8; i++) {
		const uint64_t word = words[i];
		struct found found = { .count = 0 };

		if (!word && i % 16)
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(values); k++) {
			words[i] = values[k];
			found.count = 0;
			if (!records_open(getpid(), &all, &n, why, sizeof(why))) {
				(void)records_each(all, remember, &found);
				for (size_t o = 0; o < found.count; o++)
					(void)records_site(all, found.objects[o].site_address);
				records_close_all(all, n);
			}
			words[i] = word;
		}
	}
	coherent_box_free(&slot);
	coherent_free(&mem);
	assert_ok(coherent_pool_destroy(&pool));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_process_reads_the_records),
		cmocka_unit_test(devices_of_one_process_are_found),
		cmocka_unit_test(signature_changes_with_the_devices),
		cmocka_unit_test(closed_device_with_a_mem_is_found),
		cmocka_unit_test(freed_mem_is_reachable_until_the_fence),
		cmocka_unit_test(leaked_mem_is_reachable),
		cmocka_unit_test(forked_child_is_not_the_owner),
		cmocka_unit_test(processes_without_records_are_refused),
		cmocka_unit_test(process_of_another_user_is_refused),
		cmocka_unit_test(another_version_is_refused),
		cmocka_unit_test(segment_of_an_older_library_has_mems_instead_of_twins),
		cmocka_unit_test(damaged_headers_are_refused),
		cmocka_unit_test(file_that_can_shrink_is_not_read),
		cmocka_unit_test(damaged_records_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
