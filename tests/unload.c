// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check that the library names the place of an allocation also after the code that
 * allocated was unloaded, and never reads memory of that code.
 */
#include <dlfcn.h>

#include "../src/memory/site.h"
#include "test.h"
#include "unload.h"

static struct unload unload;
static struct log reports;

/* --- A plug-in --- */

static char plugin[4096];

static bool is_loaded(void)
{
	void *handle = dlopen(plugin, RTLD_NOW | RTLD_NOLOAD);

	if (handle)
		dlclose(handle);
	return handle;
}

/* The plug-in gets the first slots of its own pool. The program had one of the other pool before. */
static void open_device_and_use_plugin(const char *name)
{
	union unload_box first = COHERENT_EMPTY;
	int (*allocate)(struct unload *);
	void *handle = dlopen(plugin, RTLD_NOW);

	if (!handle)
		fail_msg("%s", dlerror());
	allocate = (int (*)(struct unload *))dlsym(handle, "unload_allocate");
	assert_non_null(allocate);
	unload = (struct unload){ .dev = NULL };
	reports = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(&unload.dev, name, .report = log_report,
				       .report_arg = &reports));
	assert_ok(coherent_pool_create(&unload.pool, unload.dev));
	assert_ok(coherent_pool_box(&unload.pool, &first));
	coherent_box_free(&first);
	assert_ok(allocate(&unload));
	dlclose(handle);
	if (is_loaded()) {
		coherent_device_close(unload.dev);
		print_message("# this system does not unload code\n");
		skip();
	}
}

static void close_device_and_free(void)
{
	coherent_device_close(unload.dev);
	coherent_free(&unload.mem);
	coherent_free(&unload.leaked);
	coherent_box_free(&unload.box);
	coherent_box_free(&unload.other);
	for (size_t i = 0; i < UNLOAD_SLOTS; i++)
		coherent_box_free(&unload.slots[i]);
	assert_ok(coherent_pool_destroy(&unload.own));
	assert_ok(coherent_pool_destroy(&unload.pool));
}

static const char *place(unsigned int line)
{
	static char text[64];

	snprintf(text, sizeof(text), "unload_plugin.c:%u", line);
	return text;
}

/* Asserts that a text is the path of the plug-in's source and a line of it. */
static void assert_place(const char *where, unsigned int line)
{
	const char *at = place(line);

	if (strlen(where) < strlen(at) || strcmp(where + strlen(where) - strlen(at), at))
		fail_msg("%s is not %s", where, at);
}

static void assert_address(uint64_t address, unsigned int line)
{
	struct coherent_info info;

	assert_ok(coherent_find_addr(unload.dev, address, &info));
	assert_place(info.where, line);
}

static void assert_pointer(const void *pointer, unsigned int line)
{
	struct coherent_info info;

	assert_ok(coherent_find_ptr(unload.dev, pointer, &info));
	assert_place(info.where, line);
}

static void lookups_name_unloaded_code(void **state)
{
	struct coherent_info info;

	(void)state;
	open_device_and_use_plugin("sim:edu,step");
	assert_address(unload.freed, unload.freed_line);
	assert_address(unload.reclaimed, unload.reclaimed_line);
	assert_address(coherent_addr(&unload.mem).raw, unload.mem_line);
	assert_pointer((const void *)coherent_unsafe_ptr(&unload.mem), unload.mem_line);
	assert_pointer(coherent_box_ptr(&unload.box), unload.box_line);
	for (size_t i = 0; i < UNLOAD_SLOTS; i++)
		assert_pointer(coherent_box_ptr(&unload.slots[i]), unload.slots_line);
	/* Only the fast path of a pool has seen this place. */
	assert_ok(coherent_find_ptr(unload.dev, coherent_box_ptr(&unload.other), &info));
	assert_string_equal(info.where, "a place in code that was unloaded");
	close_device_and_free();
}

static void assert_fault_names(uint64_t address, enum coherent_access access, unsigned int line)
{
	uint32_t value = 0;
	struct coherent_fault fault;

	assert_err(coherent_sim_try_addr(unload.dev, (coherent_addr_t){ address }, &value,
					 sizeof(value), access),
		   -EIO);
	assert_ok(coherent_device_next_fault(unload.dev, &fault));
	assert_non_null(strstr(fault.text, place(line)));
	if (fault.state != COHERENT_STATE_NONE)
		assert_place(fault.where, line);
}

static void faults_name_unloaded_code(void **state)
{
	union unload_mem slot = COHERENT_EMPTY;
	uint64_t address;

	(void)state;
	open_device_and_use_plugin("sim:edu,step");
	assert_fault_names(unload.freed, COHERENT_ACCESS_READ, unload.freed_line);
	assert_fault_names(unload.reclaimed, COHERENT_ACCESS_READ, unload.reclaimed_line);
	assert_fault_names(coherent_addr(&unload.mem).raw, COHERENT_ACCESS_WRITE, unload.mem_line);
	assert_ok(coherent_expose(&unload.slots[1], &slot, .permission = COHERENT_READ_ONLY));
	address = coherent_addr(&slot).raw;
	assert_fault_names(address, COHERENT_ACCESS_WRITE, unload.slots_line);
	coherent_free(&slot);
	/* A free part of the pool. */
	assert_fault_names(address, COHERENT_ACCESS_WRITE, unload.own_line);
	close_device_and_free();
}

static void reports_name_unloaded_code(void **state)
{
	(void)state;
	open_device_and_use_plugin("sim:edu,step,fail-unmap=3");
	coherent_free(&unload.leaked);
	assert_true(log_has(&reports, place(unload.leaked_line)));
	log_clear(&reports);
	assert_err(coherent_pool_box(&unload.own, &unload.slots[0]), -EBUSY);
	assert_err(coherent_pool_box(&unload.own, &unload.slots[1]), -EBUSY);
	assert_true(log_has(&reports, place(unload.slots_line)));
	assert_err(coherent_box_zeroed(&unload.box, unload.dev, 1), -EBUSY);
	assert_true(log_has(&reports, place(unload.box_line)));
	log_clear(&reports);
	assert_err(coherent_pool_destroy(&unload.own), -EBUSY);
	assert_true(log_has(&reports, place(unload.own_line)));
	assert_true(log_has(&reports, place(unload.slots_line)));
	assert_err(coherent_pool_destroy(&unload.pool), -EBUSY);
	log_clear(&reports);
	coherent_device_close(unload.dev);
	assert_true(log_has(&reports, place(unload.mem_line)));
	assert_true(log_has(&reports, place(unload.box_line)));
	assert_true(log_has(&reports, place(unload.own_line)));
	close_device_and_free();
}

/* --- Sites --- */

static struct sites *new_sites(void)
{
	static struct segment no_segment;
	struct sites *sites = calloc(1, sizeof(*sites));

	assert_non_null(sites);
	sites_open(sites, &no_segment);
	return sites;
}

static void end_sites(struct sites *sites)
{
	sites_close(sites);
	free(sites);
}

/* The same place of memory has the text of the code that was loaded there last. */
static void reloaded_code_has_new_sites(void **state)
{
	struct sites *sites = new_sites();
	char site[] = "plugin.c:10";
	const char *first, *second;

	(void)state;
	first = site_copy_and_remember(sites, site);
	assert_string_equal(first, "plugin.c:10");
	assert_ptr_equal(site_of_pointer(sites, site), first);
	strcpy(site, "plugin.c:12");
	second = site_copy_and_remember(sites, site);
	assert_string_equal(second, "plugin.c:12");
	assert_ptr_equal(site_of_pointer(sites, site), second);
	strcpy(site, "plugin.c:10");
	assert_ptr_equal(site_copy_and_remember(sites, site), first);
	assert_ptr_equal(site_of_pointer(sites, site), first);
	/* A copy stands for itself. */
	assert_ptr_equal(site_of_pointer(sites, second), second);
	assert_ptr_equal(site_copy(sites, second), second);
	end_sites(sites);
}

static void unknown_pointers_are_not_sites(void **state)
{
	static const char loaded[] = "dir/file.c:7", *const others[] = {
		"", ":1", "file.c", "file.c:", "file.c:7x", "file\n.c:7", "7",
	};
	struct sites *sites = new_sites();
	char *heap = strdup(loaded), *longer = calloc(1, 10001);

	(void)state;
	assert_string_equal(site_of_pointer(sites, loaded), loaded);
	assert_ptr_not_equal(site_of_pointer(sites, loaded), loaded);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_string_equal(site_of_pointer(sites, others[i]),
				    "a place in code that was unloaded");
	assert_string_equal(site_of_pointer(sites, heap), "a place in code that was unloaded");
	assert_string_equal(site_of_pointer(sites, NULL), "a place in code that was unloaded");
	assert_string_equal(site_copy(sites, NULL), "an unknown place");
	assert_string_equal(site_copy_and_remember(sites, NULL), "an unknown place");
	/* A copy may have any length, and no contents are too short. */
	memset(longer, 'x', 10000);
	assert_string_equal(site_copy(sites, longer), longer);
	assert_string_equal(site_copy(sites, longer + 7000), longer + 7000);
	assert_ptr_equal(site_copy(sites, longer + 7000), site_copy(sites, longer + 7000));
	assert_string_equal(site_copy(sites, "a"), "a");
	assert_string_equal(site_copy(sites, ""), "");
	free(heap);
	free(longer);
	end_sites(sites);
}

#define COPIES ((size_t)4000)
#define COPIERS 4

/* A thread that copies sites, and the copies that it got. */
struct copier {
	pthread_t thread;
	pthread_barrier_t *barrier;
	struct sites *sites;
	const char *copies[COPIES];
};

static void *copy_sites(void *arg)
{
	struct copier *copier = arg;
	char text[32];

	pthread_barrier_wait(copier->barrier);
	for (size_t i = 0; i < COPIES; i++) {
		snprintf(text, sizeof(text), "file.c:%zu", i);
		copier->copies[i] = site_copy(copier->sites, text);
	}
	return NULL;
}

/* Each site has one copy. Only the main thread may use assertions. */
static void threads_share_sites(void **state)
{
	struct sites *sites = new_sites();
	static struct copier copiers[COPIERS];
	pthread_barrier_t barrier;
	char text[32];

	(void)state;
	assert_ok(pthread_barrier_init(&barrier, NULL, COPIERS));
	for (size_t i = 0; i < COPIERS; i++) {
		copiers[i].sites = sites;
		copiers[i].barrier = &barrier;
		assert_ok(pthread_create(&copiers[i].thread, NULL, copy_sites, &copiers[i]));
	}
	for (size_t i = 0; i < COPIERS; i++)
		assert_ok(pthread_join(copiers[i].thread, NULL));
	for (size_t i = 0; i < COPIES; i++) {
		snprintf(text, sizeof(text), "file.c:%zu", i);
		assert_string_equal(copiers[0].copies[i], text);
		for (size_t k = 1; k < COPIERS; k++)
			assert_ptr_equal(copiers[k].copies[i], copiers[0].copies[i]);
	}
	assert_ok(pthread_barrier_destroy(&barrier));
	end_sites(sites);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lookups_name_unloaded_code),
		cmocka_unit_test(faults_name_unloaded_code),
		cmocka_unit_test(reports_name_unloaded_code),
		cmocka_unit_test(reloaded_code_has_new_sites),
		cmocka_unit_test(unknown_pointers_are_not_sites),
		cmocka_unit_test(threads_share_sites),
	};

	if (argc != 2) {
		fputs("usage: test-unload PLUGIN\n", stderr);
		return 2;
	}
	snprintf(plugin, sizeof(plugin), "%s", argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
