// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check what the faults and the reports of a device say, and how often they come.
 */
#include <coherent/pool.h>
#include <unistd.h>

#include "../src/device/device.h"
#include "../src/device/lookup.h"
#include "test.h"

static void full_fault_queue_drops_the_oldest_fault(void **state)
{
	struct coherent_device *dev;
	struct coherent_fault fault;
	uint8_t byte = 0;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	for (uint64_t i = 0; i < 100; i++)
		assert_err(coherent_sim_try_addr(dev, (coherent_addr_t){ PAGE + i }, &byte, 1,
						 COHERENT_ACCESS_WRITE),
			   -EIO);
	for (uint64_t i = 36; i < 100; i++) {
		assert_ok(coherent_device_next_fault(dev, &fault));
		assert_int_equal(fault.address, PAGE + i);
		assert_int_equal(fault.lost, i == 36 ? 36 : 0);
		assert_int_equal(fault.access, COHERENT_ACCESS_WRITE);
		assert_int_equal(fault.bytes, 1);
		assert_int_equal(fault.state, COHERENT_STATE_NONE);
		assert_null(fault.where);
		assert_string_equal(strstr(fault.text, "refused"), "refused: no object");
	}
	memset(&fault, 0xff, sizeof(fault));
	assert_err(coherent_device_next_fault(dev, &fault), -EAGAIN);
	assert_int_equal(fault.address, 0);
	coherent_device_close(dev);
}

/* Lets the device write to @count addresses without an object. */
static void make_faults(struct coherent_device *dev, unsigned int count)
{
	uint8_t byte = 0;

	for (uint64_t i = 0; i < count; i++)
		assert_err(coherent_sim_try_addr(dev, (coherent_addr_t){ PAGE + i }, &byte, 1,
						 COHERENT_ACCESS_WRITE),
			   -EIO);
}

static void close_reports_faults_that_were_not_read(void **state)
{
	static const struct {
		unsigned int made;
		unsigned int read;
		const char *report;
	} cases[] = {
		{ 0, 0, NULL },
		{ 3, 3, NULL },
		{ 100, 64, NULL },
		{ 1, 0,
		  "error: sim:edu: 1 fault was never read: device write of 1 bytes at 0x1000" },
		{ 3, 0,
		  "error: sim:edu: 3 faults were never read; the first: device write of 1 "
		  "bytes at 0x1000 refused" },
		{ 3, 2, "1 fault was never read: device write of 1 bytes at 0x1002" },
		{ 100, 0,
		  "100 faults were never read, and the 36 oldest of them were dropped; the "
		  "next one: device write of 1 bytes at 0x1024" },
		/* The first fault that the driver reads tells it of the 36 that were dropped. */
		{ 100, 1,
		  "63 faults were never read; the first: device write of 1 bytes at 0x1025" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct log log = LOG_EMPTY;
		struct coherent_device *dev;
		struct coherent_fault fault;

		assert_ok(coherent_device_open(&dev, "sim:edu", .report = log_report,
					       .report_arg = &log));
		make_faults(dev, cases[i].made);
		for (unsigned int k = 0; k < cases[i].read; k++)
			assert_ok(coherent_device_next_fault(dev, &fault));
		assert_int_equal(log.count, 0);
		coherent_device_close(dev);
		assert_int_equal(log.count, cases[i].report != NULL);
		if (cases[i].report && !log_has(&log, cases[i].report))
			fail_msg("\"%s\" is not in: %s", cases[i].report, log.text);
	}
}

/* The model reads a wrong address when it closes. */
static void close_with_a_fault(struct coherent_sim *sim, void *arg)
{
	uint8_t byte;

	*(int *)arg = coherent_sim_dma_read(sim, 0x77000, &byte, 1);
}

static void close_reports_a_fault_that_it_causes(void **state)
{
	const struct coherent_sim_model model = {
		.name = "last",
		.mask = UINT32_MAX,
		.close = close_with_a_fault,
	};
	struct log log = LOG_EMPTY;
	struct coherent_device *dev;
	int result = 0;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom", .model = &model, .model_arg = &result,
				       .report = log_report, .report_arg = &log));
	coherent_device_close(dev);
	assert_err(result, -EIO);
	assert_true(log_has(&log, "1 fault was never read: device read of 1 bytes at 0x77000"));
}

static int find_a_fault(struct backend *backend, struct coherent_fault *fault)
{
	(void)backend;
	*fault = (struct coherent_fault){ .text = "the same again" };
	return 0;
}

/* A device that never stops does not keep its close from ending. */
static void close_stops_to_count_endless_faults(void **state)
{
	struct log log = LOG_EMPTY;
	struct coherent_device *dev;
	struct backend_ops endless;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu", .report = log_report, .report_arg = &log));
	endless = *dev->backend->ops;
	endless.next_fault = find_a_fault;
	dev->backend->ops = &endless;
	coherent_device_close(dev);
	assert_int_equal(log.count, 1);
	assert_true(log_has(&log, "at least 8192 faults were never read; the first: the same"));
}

static void assert_fault_text(struct coherent_device *dev, const char *text)
{
	struct coherent_fault fault;

	assert_ok(coherent_device_next_fault(dev, &fault));
	if (!strstr(fault.text, text))
		fail_msg("\"%s\" is not in: %s", text, fault.text);
}

static void fault_names_the_object_and_the_access(void **state)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_fault fault;
	struct coherent_device *dev;
	coherent_addr_t address;
	uint8_t bytes[16] = { 0 };
	char where[64];

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	snprintf(where, sizeof(where), "%s:%d", __FILE__, __LINE__ + 1);
	assert_ok(coherent_box_zeroed(&box, dev, 5000));
	assert_err(coherent_sim_try(dev, &box, 100, bytes, 16, COHERENT_ACCESS_READ), -EIO);
	assert_ok(coherent_device_next_fault(dev, &fault));
	assert_int_equal(fault.state, COHERENT_STATE_BOX);
	assert_int_equal(fault.object_address + 100, fault.address);
	assert_int_equal(fault.object_bytes, 2 * PAGE);
	assert_int_equal(fault.bytes, 16);
	assert_string_equal(fault.where, where);
	assert_non_null(strstr(fault.text, "device read of 16 bytes at 0x"));
	assert_non_null(
		strstr(fault.text, "refused: box, not exposed yet (8192 bytes allocated at"));
	assert_non_null(strstr(fault.text, where));

	assert_ok(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY));
	address = coherent_addr(&mem);
	assert_err(coherent_sim_try(dev, &mem, 0, bytes, 1, COHERENT_ACCESS_WRITE), -EIO);
	assert_fault_text(dev, "device write of 1 bytes");
	/* If an access begins inside of an object, only the part behind its end is refused. */
	assert_err(coherent_sim_try(dev, &mem, 2 * PAGE - 4, bytes, 16, COHERENT_ACCESS_READ),
		   -EIO);
	assert_ok(coherent_device_next_fault(dev, &fault));
	assert_int_equal(fault.address, address.raw + 2 * PAGE);
	assert_int_equal(fault.bytes, 12);
	assert_int_equal(fault.state, COHERENT_STATE_NONE);
	assert_non_null(strstr(fault.text, "no object, byte 1 past the end of one (8192 bytes"));
	assert_err(coherent_sim_try(dev, &mem, 2 * PAGE + 10, bytes, 1, COHERENT_ACCESS_READ),
		   -EIO);
	assert_fault_text(dev, "byte 11 past the end of one");

	assert_ok(coherent_reclaim(&mem, &box));
	usleep(5000);
	assert_err(coherent_sim_try_addr(dev, address, bytes, 1, COHERENT_ACCESS_READ), -EIO);
	assert_ok(coherent_device_next_fault(dev, &fault));
	assert_int_equal(fault.state, COHERENT_STATE_RECLAIMED);
	assert_non_null(strstr(fault.text, "refused: reclaimed "));
	assert_non_null(strstr(fault.text, " ms ago (8192 bytes"));
	assert_null(strstr(fault.text, "reclaimed 0 ms"));
	assert_ok(coherent_expose(&box, &mem));
	address = coherent_addr(&mem);
	coherent_free(&mem);
	assert_err(coherent_sim_try_addr(dev, address, bytes, 1, COHERENT_ACCESS_READ), -EIO);
	assert_fault_text(dev, "refused: freed ");
	/* This access wraps around at the highest address. */
	assert_err(coherent_sim_try_addr(dev, (coherent_addr_t){ UINT64_MAX - 3 }, bytes, 16,
					 COHERENT_ACCESS_READ),
		   -EIO);
	assert_fault_text(dev, "no object");
	coherent_device_close(dev);
}

static void report_goes_to_stderr(void **state)
{
	int saved = dup(STDERR_FILENO), ends[2];
	char text[256] = "";

	(void)state;
	assert_ok(pipe(ends));
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	coherent_report_stderr(NULL, COHERENT_ERROR, "one");
	coherent_report_stderr((void *)(uintptr_t) "me", COHERENT_WARNING, "two");
	coherent_report_stderr(NULL, COHERENT_INFO, "three");
	/* A model may give any number, and a later library may have more severities. */
	coherent_report_stderr(NULL, (enum coherent_severity)77, "four");
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "coherent: error: one\nme: coherent: warning: two\n"
				  "coherent: info: three\ncoherent: error: four\n");
	close(ends[0]);
	close(ends[1]);
	close(saved);
}

static void write_to_a_closed_device_is_reported_once(void **state)
{
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct log log = LOG_EMPTY;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu", .report = log_report, .report_arg = &log));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	coherent_device_close(dev);
	coherent_bar_write32(bar, 4, 1);
	coherent_bar_write32(bar, 4, 1);
	assert_true(log_has(&log, "dropped: the device is closed"));
	assert_int_equal(log.count, 1);
	coherent_bar_close(bar);
}

static void fault_age_begins_at_the_reclaim_or_free(void **state)
{
	static const char *const names[] = { "sim:edu", "sim:edu,lazy" };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		COHERENT(uint8_t) mem = COHERENT_EMPTY;
		COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
		struct coherent_device *dev;
		struct coherent_fault fault;
		coherent_addr_t address;
		uint8_t byte = 0;
		const char *at;

		/* The mem is read-only, so that the device's write is refused also before the fence. */
		assert_ok(coherent_device_open(&dev, names[i % 2]));
		assert_ok(coherent_zeroed(&mem, dev, 1, .permission = COHERENT_READ_ONLY));
		address = coherent_addr(&mem);
		if (i / 2)
			coherent_free(&mem);
		else
			assert_ok(coherent_reclaim(&mem, &box, .idle = true));
		assert_err(coherent_sim_try_addr(dev, address, &byte, 1, COHERENT_ACCESS_WRITE),
			   -EIO);
		assert_ok(coherent_device_next_fault(dev, &fault));
		assert_int_equal(fault.state,
				 i / 2 ? COHERENT_STATE_FREED : COHERENT_STATE_RECLAIMED);
		at = strstr(fault.text, i / 2 ? "freed " : "reclaimed ");
		assert_non_null(at);
		assert_true(strtoul(strchr(at, ' '), NULL, 10) < 10000);
		coherent_box_free(&box);
		coherent_device_close(dev);
	}
}

/* A backend unmaps memory before its object or its device ends, and may see a fault meanwhile. */
static void fault_in_unmapped_memory_is_not_read_only(void **state)
{
	static const struct {
		enum coherent_permission permission;
		enum coherent_access access;
		const char *reason;
	} cases[] = {
		{ COHERENT_READ_WRITE, COHERENT_ACCESS_WRITE,
		  "refused: unmapped for a reclaim, a free, a close or an unplug (" },
		{ COHERENT_READ_ONLY, COHERENT_ACCESS_WRITE, "refused: read-only (" },
		{ COHERENT_READ_ONLY, COHERENT_ACCESS_READ, "refused: unmapped for a reclaim" },
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		const enum coherent_permission permission = cases[i / 2].permission;
		struct coherent_fault fault = { .bytes = 1, .access = cases[i / 2].access };
		COHERENT_POOL(uint64_t) pool = COHERENT_EMPTY;
		COHERENT_BOX_AUTO(uint64_t, box);
		COHERENT_AUTO(uint64_t, mem);
		struct coherent_device *dev;

		assert_ok(coherent_device_open(&dev, "sim:edu"));
		assert_ok(coherent_pool_create(&pool, dev, .permission = permission));
		assert_ok(i % 2 ? coherent_pool_box(&pool, &box) :
				  coherent_box_zeroed(&box, dev, 1));
		assert_ok(coherent_expose(&box, &mem, .permission = permission));
		fault.address = coherent_addr(&mem).raw;
		lookup_fault(dev, &fault);
		assert_non_null(strstr(fault.text, cases[i / 2].reason));
		coherent_free(&mem);
		assert_ok(coherent_pool_destroy(&pool));
		coherent_device_close(dev);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_fault_queue_drops_the_oldest_fault),
		cmocka_unit_test(close_reports_faults_that_were_not_read),
		cmocka_unit_test(close_stops_to_count_endless_faults),
		cmocka_unit_test(close_reports_a_fault_that_it_causes),
		cmocka_unit_test(fault_names_the_object_and_the_access),
		cmocka_unit_test(report_goes_to_stderr),
		cmocka_unit_test(write_to_a_closed_device_is_reported_once),
		cmocka_unit_test(fault_age_begins_at_the_reclaim_or_free),
		cmocka_unit_test(fault_in_unmapped_memory_is_not_read_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
