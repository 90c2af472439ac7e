/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The tests of adopted memory share these: memory of a driver, and a release that counts.
 */
#ifndef ADOPT_TEST_H
#define ADOPT_TEST_H

#include <sys/mman.h>

#include "test.h"

COHERENT_BOX_TYPE(page_box, uint8_t);
COHERENT_TYPE(page_mem, uint8_t);

/* --- Memory of the driver --- */

/**
 * struct owner - A driver that has memory.
 * @memory: The memory.
 * @released: How often it came back.
 * @dev: If set, the release adopts the memory again.
 * @again: The box of that.
 */
struct owner {
	uint8_t *memory;
	unsigned int released;
	struct coherent_device *dev;
	union page_box again;
};

uint8_t *get_pages(size_t count);

void put_pages(uint8_t *memory, size_t count);

/* A release function for a struct owner. */
void released(void *memory, void *arg);

void open_with_log(struct coherent_device **dev, const char *name, struct log *log);

/* The device tries to read, or to write. The result is that of coherent_sim_try_addr(). */
int device_reads(struct coherent_device *dev, uint64_t from, void *seen, size_t bytes);
int device_writes(struct coherent_device *dev, uint64_t to, void *data, size_t bytes);

#endif
