// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A device uses memory of a DPDK heap in place. DPDK has no device of its own here, and ordinary
 * pages. The device is an edu, in a VM QEMU's. Its name is the argument.
 */
#include <inttypes.h>
#include <rte_eal.h>
#include <rte_malloc.h>
#include <rte_memzone.h>
#include <unistd.h>

#include "../../examples/edu.h"
#include "../test.h"

#define PAGES 4
#define BYTES 2048

COHERENT_BOX_TYPE(byte_box, uint8_t);
COHERENT_TYPE(byte_mem, uint8_t);

static const char *device_name;

struct driver {
	struct edu edu;
	struct log log;
};

static void begin(struct driver *driver)
{
	*driver = (struct driver){ .log = LOG_EMPTY };
	assert_ok(coherent_device_open(&driver->edu.dev, device_name, .report = log_report,
				       .report_arg = &driver->log));
	assert_ok(coherent_bar_open(&driver->edu.bar, driver->edu.dev, 0));
	assert_ok(edu_probe(&driver->edu));
}

static void end(struct driver *driver)
{
	coherent_bar_close(&driver->edu.bar);
	coherent_device_close(driver->edu.dev);
}

static coherent_addr_t page_address(const union byte_mem *mem, size_t page)
{
	coherent_addr_t address;

	assert_ok(coherent_addr_at(mem, page * PAGE, &address));
	return address;
}

/* --- The heap --- */

static unsigned int heap_objects(void)
{
	struct rte_malloc_socket_stats stats;

	assert_ok(rte_malloc_get_socket_stats((int)rte_socket_id(), &stats));
	return stats.alloc_count;
}

static void release(void *memory, void *released)
{
	rte_free(memory);
	++*(int *)released;
}

static uint8_t *adopt_heap(struct driver *driver, union byte_box *box, int *released)
{
	uint8_t *memory = rte_malloc("packets", (size_t)PAGES * PAGE, PAGE);

	assert_non_null(memory);
	memset(memory, 0, (size_t)PAGES * PAGE);
	assert_ok(coherent_box_adopt(box, driver->edu.dev, memory, (size_t)PAGES * PAGE,
				     .release = release, .release_arg = released));
	return memory;
}

static void device_copies_within_the_heap(void **state)
{
	const unsigned int objects = heap_objects();
	union byte_box box = COHERENT_EMPTY;
	union byte_mem mem = COHERENT_EMPTY;
	struct driver driver;
	uint8_t *memory;
	int released = 0;

	(void)state;
	begin(&driver);
	memory = adopt_heap(&driver, &box, &released);
	for (int i = 0; i < BYTES; i++)
		memory[i] = (uint8_t)(i * 7);
	assert_ok(coherent_expose(&box, &mem));
	assert_ptr_equal((uintptr_t)coherent_unsafe_ptr(&mem), memory);
	assert_ok(edu_read(&driver.edu, page_address(&mem, 0), BYTES));
	assert_ok(edu_write(&driver.edu, page_address(&mem, PAGES - 1), BYTES));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_ptr_equal(coherent_box_ptr(&box), memory);
	assert_memory_equal(memory, memory + (size_t)(PAGES - 1) * PAGE, BYTES);
	for (size_t i = PAGE; i < (size_t)(PAGES - 1) * PAGE; i++)
		assert_int_equal(memory[i], 0);
	assert_int_equal(released, 0);
	assert_int_equal(heap_objects(), objects + 1);
	coherent_box_free(&box);
	assert_int_equal(released, 1);
	assert_int_equal(heap_objects(), objects);
	end(&driver);
	assert_int_equal(released, 1);
}

/* The heap gives the memory of an object that was freed to the next one. */
static void heap_gets_memory_that_no_device_reaches(void **state)
{
	union byte_box box = COHERENT_EMPTY;
	union byte_mem mem = COHERENT_EMPTY;
	struct driver driver;
	coherent_addr_t old;
	uint8_t *memory, *again;
	int released = 0;

	(void)state;
	begin(&driver);
	memory = adopt_heap(&driver, &box, &released);
	memset(memory, 7, BYTES);
	assert_ok(coherent_expose(&box, &mem));
	old = coherent_addr(&mem);
	assert_ok(edu_read(&driver.edu, old, BYTES));
	coherent_free(&mem);
	assert_ok(coherent_device_fence(driver.edu.dev));
	assert_int_equal(released, 1);
	again = rte_zmalloc("next", (size_t)PAGES * PAGE, PAGE);
	assert_ptr_equal(again, memory);
	printf("# blocked: 0x%" PRIx64 "\n", old.raw);
	assert_ok(edu_write(&driver.edu, old, BYTES));
	for (size_t i = 0; i < (size_t)PAGES * PAGE; i++)
		assert_int_equal(again[i], 0);
	rte_free(again);
	end(&driver);
}

static void memory_that_shares_a_page_is_refused(void **state)
{
	uint8_t *memory = rte_malloc("small", PAGE, 64);
	union byte_box box = COHERENT_EMPTY;
	struct driver driver;

	(void)state;
	assert_non_null(memory);
	assert_int_not_equal((uintptr_t)memory % PAGE, 0);
	begin(&driver);
	assert_err(coherent_box_adopt(&box, driver.edu.dev, memory, PAGE), -EINVAL);
	assert_true(log_has(&driver.log, "does not begin at a page"));
	end(&driver);
	rte_free(memory);
}

/* --- A zone --- */

static void release_zone(void *memory, void *zone)
{
	(void)memory;
	assert_ok(rte_memzone_free(zone));
}

static void device_reads_a_part_of_a_zone(void **state)
{
	const struct rte_memzone *zone;
	union byte_box box = COHERENT_EMPTY;
	union byte_mem mem = COHERENT_EMPTY;
	struct driver driver;
	uint8_t *memory;

	(void)state;
	begin(&driver);
	zone = rte_memzone_reserve_aligned("rings", (size_t)PAGES * PAGE, SOCKET_ID_ANY, 0, PAGE);
	assert_non_null(zone);
	memory = (uint8_t *)zone->addr + PAGE;
	memset(zone->addr, 0, zone->len);
	memset(memory, 5, BYTES);
	assert_ok(coherent_box_adopt(&box, driver.edu.dev, memory, PAGE, .release = release_zone,
				     .release_arg = (void *)(uintptr_t)zone));
	assert_ok(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY));
	/* The buffer of the device does not have fives yet. */
	printf("# blocked: 0x%" PRIx64 "\n", coherent_addr(&mem).raw);
	assert_ok(edu_write(&driver.edu, coherent_addr(&mem), BYTES));
	assert_ok(edu_read(&driver.edu, coherent_addr(&mem), BYTES));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	for (size_t i = 0; i < PAGE; i++)
		assert_int_equal(memory[i], i < BYTES ? 5 : 0);
	coherent_box_free(&box);
	assert_null(rte_memzone_lookup("rings"));
	end(&driver);
}

static int open_dpdk(char *program)
{
	char *args[] = { program,	"--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
			 "--log-level", "1",	     "-m",	    "64",	"-l",
			 "0",		NULL };

	return rte_eal_init(ARRAY_SIZE(args) - 1, args);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(device_copies_within_the_heap),
		cmocka_unit_test(heap_gets_memory_that_no_device_reaches),
		cmocka_unit_test(memory_that_shares_a_page_is_refused),
		cmocka_unit_test(device_reads_a_part_of_a_zone),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: test-dpdk DEVICE\n");
		return 2;
	}
	device_name = argv[1];
	/* Nothing in the VM sets this variable. */
	setenv("CMOCKA_MESSAGE_OUTPUT", "TAP", 1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (open_dpdk(argv[0]) < 0) {
		fprintf(stderr, "test-dpdk: DPDK does not start\n");
		return 1;
	}
	return cmocka_run_group_tests_name("dpdk", tests, NULL, NULL);
}
