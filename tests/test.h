/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What all tests share: cmocka, short assertions, a place where the reports of a
 * device end up, and what more than one of them needs.
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

#include <cmocka.h>

#include "../src/base/size.h"

#define assert_ok(call) assert_int_equal(call, 0)
#define assert_err(call, err) assert_int_equal(call, err)

/* The devices and the hosts of the tests have pages of this size. */
#define PAGE 4096

#define MS UINT64_C(1000000)
#define LONG (10000 * MS)

/**
 * struct log - The reports of a device.
 * @count: How many.
 * @text: All of them, one a line.
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

/* Forgets what was reported, and how many reports there were. */
void log_clear(struct log *log);

/* The device has no fault that nobody read. */
void assert_no_fault(struct coherent_device *dev);

/* The next fault, of that state. */
void assert_fault(struct coherent_device *dev, enum coherent_state state);

/* Each of the bytes is @byte. */
bool is_all(const void *memory, uint8_t byte, size_t bytes);

/* A seal function that keeps the address in its @arg: -ECANCELED. */
int seal_fails(void *elements, size_t count, coherent_addr_t address, void *arg);

/* How many a process has, and a few more, always as many. */
unsigned int open_files(pid_t pid);

/* A child of this process whose program has a name that begins so; 0 if there is none. */
pid_t child_process(const char *name);

#endif
