// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Many mems, and several endpoints. test-fabric-scale PROVIDER COUNT prints the figures in
 * docs/fabric.md. Tests assert the numbers of mappings and of descriptors, of which a process has few.
 */
#include <dirent.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "fabric_test.h"

#define LARGE ((size_t)64 << 10)
#define ENDPOINTS 8
/* The pool of the library, libfabric and libc map memory in large pieces. */
#define PIECES 64

static const char *provider;
static size_t count = 2000;
static struct coherent_device *dev;

static int open_device(struct coherent_device **opened)
{
	char name[64];

	snprintf(name, sizeof(name), "fabric:%s,node=127.0.0.1", provider);
	return coherent_device_open(opened, name);
}

static int set_up(void **state)
{
	(void)state;
	return open_device(&dev);
}

static int tear_down(void **state)
{
	(void)state;
	coherent_device_close(dev);
	return 0;
}

/* --- The process --- */

static size_t entries(const char *path)
{
	DIR *folder = opendir(path);
	size_t found = 0;

	assert_non_null(folder);
	while (readdir(folder))
		found++;
	assert_ok(closedir(folder));
	/* Two are the folder and its parent, and one descriptor reads the folder. */
	return found - 2;
}

/* Returns the bytes of a line of /proc/self/status. */
static size_t bytes_of(const char *key)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	size_t kib = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)))
			kib = strtoul(line + strlen(key), NULL, 10);
	assert_ok(fclose(file));
	return kib << 10;
}

static size_t mappings(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	size_t lines = 0;
	int byte;

	assert_non_null(file);
	while ((byte = getc(file)) != EOF)
		lines += byte == '\n';
	assert_ok(fclose(file));
	return lines;
}

/**
 * struct usage - What the process has.
 * @resident: The bytes of memory.
 * @tables: The bytes of page tables.
 * @heap: The bytes of malloc(), which are those of libfabric and of the backend.
 * @mappings: The mappings.
 */
struct usage {
	size_t resident;
	size_t tables;
	size_t heap;
	size_t mappings;
};

static struct usage usage(void)
{
	const struct mallinfo2 heap = mallinfo2();

	return (struct usage){
		.resident = bytes_of("VmRSS:"),
		.tables = bytes_of("VmPTE:"),
		.heap = heap.uordblks + heap.hblkhd,
		.mappings = mappings(),
	};
}

/* Memory that another test left may serve this one, so a difference may be below zero. */
static long each(size_t after, size_t before, size_t n)
{
	return ((long)after - (long)before) / (long)n;
}

/* Returns how many mappings were added. */
static size_t print(const char *what, size_t n, const struct usage *before)
{
	const struct usage after = usage();
	const size_t added = after.mappings > before->mappings ? after.mappings - before->mappings :
								 0;

	printf("# %zu %s: each %ld bytes of memory, of which the heap has %ld; page tables %ld; all: "
	       "%zu mappings\n",
	       n, what, each(after.resident, before->resident, n),
	       each(after.heap, before->heap, n), each(after.tables, before->tables, n), added);
	return added;
}

/* --- Mems --- */

static union any_mem *expose(size_t n, size_t bytes)
{
	union any_mem *mems = calloc(n, sizeof(*mems));

	assert_non_null(mems);
	for (size_t i = 0; i < n; i++)
		assert_ok(coherent_zeroed(&mems[i], dev, bytes));
	return mems;
}

static void take_back(union any_mem *mems, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;

		assert_ok(coherent_reclaim(&mems[i], &box));
		assert_ok(coherent_expose(&box, &mems[i]));
	}
}

static void end(union any_mem *mems, size_t n)
{
	for (size_t i = 0; i < n; i++)
		coherent_free(&mems[i]);
	free(mems);
}

static void small_mems_share_mappings(void **state)
{
	const struct usage before = usage();
	union any_mem *mems = expose(count, PAGE);

	(void)state;
	assert_true(print("mems of 4 KiB", count, &before) < PIECES);
	take_back(mems, count);
	assert_true(print("mems of 4 KiB after a reclaim of each", count, &before) < PIECES);
	end(mems, count);
}

static void moved_mems_have_a_mapping_each(void **state)
{
	const size_t n = count / 16;
	const struct usage before = usage();
	union any_mem *mems = expose(n, LARGE);

	(void)state;
	assert_true(print("mems of 64 KiB", n, &before) < PIECES);
	take_back(mems, n);
	assert_true(print("mems of 64 KiB after a reclaim of each", n, &before) < n + PIECES);
	end(mems, n);
}

static void closed_endpoints_leave_no_descriptor(void **state)
{
	const size_t before = entries("/proc/self/fd"), threads = entries("/proc/self/task");
	struct coherent_device *devs[ENDPOINTS];
	const struct usage usage_before = usage();

	(void)state;
	for (size_t i = 0; i < ENDPOINTS; i++)
		assert_ok(open_device(&devs[i]));
	print("endpoints", ENDPOINTS, &usage_before);
	printf("# %d endpoints: %zu descriptors and %zu threads\n", ENDPOINTS,
	       entries("/proc/self/fd") - before, entries("/proc/self/task") - threads);
	for (size_t i = 0; i < ENDPOINTS; i++)
		coherent_device_close(devs[i]);
	assert_int_equal(entries("/proc/self/fd"), before);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(small_mems_share_mappings, set_up, tear_down),
		cmocka_unit_test_setup_teardown(moved_mems_have_a_mapping_each, set_up, tear_down),
		cmocka_unit_test_setup_teardown(closed_endpoints_leave_no_descriptor, set_up,
						tear_down),
	};

	if (argc == 3)
		count = strtoul(argv[2], NULL, 0);
	if (count < 16) {
		fprintf(stderr, "usage: test-fabric-scale PROVIDER [COUNT]; COUNT is 16 or more\n");
		return 2;
	}
	provider = provider_of(argc < 2 ? 1 : 2, argv);
	return provider ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
