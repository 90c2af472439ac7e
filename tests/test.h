/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * All tests include this file. It has cmocka, short assertions, a log of the reports of a
 * device, and helpers that more than one test needs.
 */
#ifndef TEST_H
#define TEST_H

#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/sim.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* cmocka 2 wants another name for assert_in_range(), which cmocka 1 does not have. */
#define CMOCKA_DISABLE_DEPRECATION_WARNINGS
#include <cmocka.h>
/* cmocka 2 makes a macro of stop(), which would replace the calls of .stop of a world. */
#undef stop

#include "../src/base/size.h"
#include "scratch.h"

/*
 * A test that fails keeps what it has on its stack. So after a failure a sanitizer need not list what
 * is left: the leaks are not the reason, and hide it.
 */
#undef cmocka_run_group_tests
#undef cmocka_run_group_tests_name
#define cmocka_run_group_tests(tests, setup, teardown) \
	cmocka_run_group_tests_name(#tests, tests, setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown) \
	end_of_tests(_cmocka_run_group_tests(name, tests, ARRAY_SIZE(tests), setup, teardown))

/* Remembers whether tests failed. Returns how many did. */
int end_of_tests(int failed);

#define assert_ok(call) assert_int_equal(call, 0)
#define assert_err(call, err) assert_int_equal(call, err)

/* The devices and the hosts of the tests have pages of this size. */
#define PAGE 4096

#define MS UINT64_C(1000000)
/* A test waits so long only if it fails. */
#define LONG (600000 * MS)

/**
 * struct log - The reports of a device.
 * @mutex: Guards the other members.
 * @count: The number of reports.
 * @text: All reports, one a line.
 */
struct log {
	pthread_mutex_t mutex;
	unsigned int count;
	char text[8192];
};

#define LOG_EMPTY                                  \
	{                                          \
		.mutex = PTHREAD_MUTEX_INITIALIZER \
	}

/* A report function for a struct log. */
void log_report(void *arg, enum coherent_severity severity, const char *line);

bool log_has(struct log *log, const char *text);

/* Forgets the reports, and how many there were. */
void log_clear(struct log *log);

/*
 * Asserts that an open of a device by this name returns @err and no device, and that its only report
 * is an error which contains @says.
 */
void assert_open_fails(const char *name, int err, const char *says);

/* Asserts that the fault queue of a device is empty. */
void assert_no_fault(struct coherent_device *dev);

/* Takes the next fault and asserts that it has this state. */
void assert_fault(struct coherent_device *dev, enum coherent_state state);

/* Returns whether each of the bytes is @byte. */
bool is_all(const void *memory, uint8_t byte, size_t bytes);

/* A seal function that stores the address in @arg and fails with -ECANCELED. */
int seal_fails(void *elements, size_t count, coherent_addr_t address, void *arg);

/*
 * Returns the number of descriptors that a process has open, plus a constant: "." and "..", and
 * the descriptor that reads the folder if it is this process.
 */
unsigned int open_files(pid_t pid);

/* Returns a child of this process whose program's name begins with @name; 0 if there is none. */
pid_t child_process(const char *name);

#endif
