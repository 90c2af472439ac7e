/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the tests of pools share: a device, and a pool of commands.
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

/* The device of the test that runs, and its reports. */
extern struct coherent_device *dev;
extern struct log reports;

/* A test with a device that is opened before it and closed after it. */
#define ON_DEVICE(test) cmocka_unit_test_setup_teardown(test, open_device, close_device)
int open_device(void **state);
int close_device(void **state);

/* Makes a mem out of a box whose every byte is @byte. */
void make(union commands *pool, union command_mem *mem, uint8_t byte);

#endif
