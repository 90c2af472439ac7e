/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The tests of pools share a device and a type of pool, which is a pool of commands.
 */
#ifndef POOL_TEST_H
#define POOL_TEST_H

#include <coherent/pool.h>

#include "test.h"

#define DIRT 0x5a

struct command {
	uint32_t opcode;
	uint8_t rest[60];
};

COHERENT_POOL_TYPE(commands, struct command);
COHERENT_BOX_TYPE(command_box, struct command);
COHERENT_TYPE(command_mem, struct command);

/* The device of the running test, and its reports. */
extern struct coherent_device *dev;
extern struct log reports;

/* An entry in a table of tests. cmocka opens the device before the test and closes it after. */
#define ON_DEVICE(test) cmocka_unit_test_setup_teardown(test, open_device, close_device)
int open_device(void **state);
int close_device(void **state);

/* Allocates a box, fills it with @byte and exposes it as @mem. */
void make_mem(union commands *pool, union command_mem *mem, uint8_t byte);

#endif
