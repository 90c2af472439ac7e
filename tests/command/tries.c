// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The verdicts of coherent selftest. No device of the other tests reaches memory that it must not
 * reach, so the driver here stands for devices that reach all memory, or none.
 */
#include <coherent/lookup.h>
#include <inttypes.h>

#include "../../command/selftest.h"
#include "../test.h"

/* A longer mapping is a range that a sanitizer reserved. */
#define MAPPING_MAX (UINT64_C(1) << 30)

/**
 * struct device - The choices of a test, and what the driver saw.
 * @reaches: The device reaches all memory.
 * @prepared: The test has written what the next load must find.
 * @fast: So many transfers are over before the test looks.
 * @err: The result of each transfer.
 * @wrote: The device has written memory, or tried to.
 * @read: The device has read memory, or tried to.
 */
static struct device {
	bool reaches;
	bool prepared;
	unsigned int fast;
	int err;
	bool wrote;
	bool read;
} device;

/* Writes into each page of this process that belongs to an object of the device. */
static void write_all(struct coherent_device *dev)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	struct coherent_info info;
	uintptr_t first, end;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		int matched = 0;

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " rw%n", &first, &end, &matched) != 2 ||
		    !matched || end - first > MAPPING_MAX)
			continue;
		for (; first < end; first += PAGE)
			if (!coherent_find_ptr(dev, (void *)first, &info))
				memset((void *)first, 0x5a, PAGE);
	}
	fclose(maps);
}

static void prepare(uint8_t *bytes)
{
	*bytes = 1;
	device.prepared = true;
}

static int load(struct tester *tester, uint64_t from, bool *reached)
{
	(void)tester;
	(void)from;
	assert_true(device.prepared);
	device.prepared = false;
	device.read = true;
	*reached = device.reaches;
	return device.err;
}

static int arm(struct tester *tester, uint64_t to)
{
	(void)tester;
	(void)to;
	return 0;
}

static bool is_armed(struct tester *tester)
{
	(void)tester;
	return !device.fast || !device.fast--;
}

static int fire(struct tester *tester)
{
	device.wrote = true;
	if (device.reaches)
		write_all(tester->dev);
	return device.err;
}

static int round_trip(struct tester *tester, uint64_t at, bool *reached)
{
	(void)tester;
	(void)at;
	device.wrote = device.read = true;
	*reached = device.reaches;
	return device.err;
}

static const struct tester_driver driver = {
	.bytes = 8,
	.prepare = prepare,
	.load = load,
	.arm = arm,
	.is_armed = is_armed,
	.fire = fire,
	.round_trip = round_trip,
};

/* Makes all tries, each of which must return @err and say whether the device reached memory. */
static void run_tries(struct device what, int err)
{
	struct tester tester = { .driver = &driver };

	assert_ok(coherent_device_open(&tester.dev, "sim:edu,step"));
	for (const struct selftest_try *try = selftest_tries; try->name; try++) {
		bool reached = false;

		device = what;
		tester.reason[0] = '\0';
		assert_err(try->run(&tester, &reached), err);
		assert_int_equal(reached, what.reaches);
		assert_int_equal(device.wrote, !!strstr(try->name, "write "));
		assert_int_equal(device.read, !!strstr(try->name, "read "));
		assert_string_equal(tester.reason, err == -ENODEV ? "the peer hung up" : "");
	}
	coherent_device_close(tester.dev);
}

static void device_that_reaches_all_memory_is_found(void **state)
{
	(void)state;
	run_tries((struct device){ .reaches = true }, 0);
}

static void device_that_reaches_no_memory_is_found(void **state)
{
	(void)state;
	run_tries((struct device){ .reaches = false }, 0);
}

static void peer_that_hangs_up_is_found(void **state)
{
	(void)state;
	run_tries((struct device){ .err = -ENODEV }, -ENODEV);
}

/* Makes the try in which the device may be faster than the test. */
static int try_fast(struct device what, const char **problem)
{
	struct tester tester = { .driver = &driver };
	const struct selftest_try *try = selftest_tries;
	bool reached = false;
	int err;

	while (!strstr(try->name, "during"))
		try++;
	device = what;
	assert_ok(coherent_device_open(&tester.dev, "sim:edu,step"));
	err = try->run(&tester, &reached);
	coherent_device_close(tester.dev);
	*problem = tester.problem;
	return err;
}

static void fast_device_gets_another_transfer(void **state)
{
	const char *problem;

	(void)state;
	assert_ok(try_fast((struct device){ .fast = 5, .reaches = true }, &problem));
	assert_null(problem);
	assert_int_equal(device.fast, 0);
}

static void device_that_is_always_faster_ends_the_try(void **state)
{
	const struct device fast = { .fast = UINT32_MAX, .reaches = true };
	const char *problem;

	(void)state;
	assert_err(try_fast(fast, &problem), -ETIMEDOUT);
	assert_string_equal(problem, "the device was faster than each reclaim");
}

/* The transfer ended during the reclaim, so the try counts. */
static void fast_device_that_reaches_nothing_is_enough(void **state)
{
	const char *problem;

	(void)state;
	assert_ok(try_fast((struct device){ .fast = 2 }, &problem));
	assert_null(problem);
	assert_int_equal(device.fast, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(device_that_reaches_all_memory_is_found),
		cmocka_unit_test(device_that_reaches_no_memory_is_found),
		cmocka_unit_test(peer_that_hangs_up_is_found),
		cmocka_unit_test(fast_device_gets_another_transfer),
		cmocka_unit_test(device_that_is_always_faster_ends_the_try),
		cmocka_unit_test(fast_device_that_reaches_nothing_is_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
