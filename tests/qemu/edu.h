/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The tests that include this header share an edu device in a QEMU that the library starts. The
 * device is open while a test runs.
 */
#ifndef TEST_QEMU_EDU_H
#define TEST_QEMU_EDU_H

#include "../test.h"

/* The device writes this byte. */
#define DIRT 0x5a
#define BYTES 64

enum { EDU_ID = 0x00, EDU_LIVENESS = 0x04, EDU_IRQ_STATUS = 0x24, EDU_IRQ_RAISE = 0x60 };
enum { EDU_IRQ_ACK = 0x64, DMA_SRC = 0x80, DMA_DST = 0x88, DMA_COUNT = 0x90, DMA_CMD = 0x98 };
enum { RUN = 1, TO_MEMORY = 2, BUFFER = 0x40000 };

extern struct coherent_device *dev;
extern struct coherent_bar *bar;
extern struct log reports;

/* cmocka opens the device before a test and closes it after, unless the test has closed it. */
int open_edu(void **state);
int close_edu(void **state);

#define ON_EDU(test) cmocka_unit_test_setup_teardown(test, open_edu, close_edu)

/* Returns whether QEMU is installed. If it is not, prints that the tests are skipped. */
bool has_qemu(void);

#define RUN_WITH_QEMU(tests) (has_qemu() ? cmocka_run_group_tests(tests, NULL, NULL) : 0)

/* Commands the device to copy between memory and its buffer. finish_transfer() waits for the end. */
void start_transfer(uint64_t from, uint64_t to, uint64_t bytes, uint64_t command);
void finish_transfer(void);

/* Fills the device's buffer with DIRT. */
void device_gets_dirt(void);

/* The device reads memory. @seen gets the bytes that the device has read. */
void device_reads(uint64_t from, uint8_t seen[BYTES]);

/* Returns the process of the QEMU that the library has started; 0 if there is none. */
pid_t qemu_process(void);

#endif
