/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * QEMU's edu device in a QEMU that the library starts, open while a test runs.
 */
#ifndef TEST_QEMU_EDU_H
#define TEST_QEMU_EDU_H

#include "../test.h"

#define PAGE 4096
#define DIRT 0x5a
#define BYTES 64

enum { EDU_ID = 0x00, EDU_LIVENESS = 0x04, EDU_IRQ_STATUS = 0x24, EDU_IRQ_RAISE = 0x60 };
enum { EDU_IRQ_ACK = 0x64, DMA_SRC = 0x80, DMA_DST = 0x88, DMA_COUNT = 0x90, DMA_CMD = 0x98 };
enum { RUN = 1, TO_MEMORY = 2, BUFFER = 0x40000 };

extern struct coherent_device *dev;
extern struct coherent_bar *bar;
extern struct log reports;

/* Of a test. */
int open_edu(void **state);
int close_edu(void **state);

#define ON_EDU(test) cmocka_unit_test_setup_teardown(test, open_edu, close_edu)

/* Whether there is a QEMU; otherwise it says that the tests are skipped. */
bool has_qemu(void);

#define RUN_WITH_QEMU(tests) (has_qemu() ? cmocka_run_group_tests(tests, NULL, NULL) : 0)

/* The device copies between memory and its buffer; it has done so when finish() returns. */
void start(uint64_t from, uint64_t to, uint64_t bytes, uint64_t command);
void finish(void);

/* Its buffer is full of DIRT. */
void device_gets_dirt(void);

/* The device reads memory; @seen is what it got. */
void device_reads(uint64_t from, uint8_t seen[BYTES]);

/* The QEMU that the library has started; 0 if there is none. */
pid_t child_of_ours(void);

#endif
